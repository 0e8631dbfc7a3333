//! Commands to begin with, for the help and the manual. The tests run them.

/// What a command does, and the command.
pub(super) type Example = (&'static str, &'static str);

/// Commands for a subcommand, or for the program as a whole.
pub(super) fn of(subcommand: Option<&str>) -> &'static [Example] {
    match subcommand {
        None => &[
            ("Hear what collectd sends on this network", "collectd-tap"),
            ("See what that would look like", "collectd-tap demo --count 20"),
            ("The same for a capture", "collectd-tap decode capture.pcap"),
            ("Do as this collectd does", "collectd-tap config --import collectd.conf > config.toml"),
        ],
        Some("listen") => &[
            (
                "Hear another group on one interface, and what is sent to this machine",
                "collectd-tap listen -L 239.1.2.3:25827%lo -L '[::1]'",
            ),
            ("Take only what known users sign or encrypt", "collectd-tap listen -a auth -s sign"),
            ("Print the load of the web servers", r#"collectd-tap listen -f '"web" in host and plugin == "load"'"#),
            ("Print five seconds as JSON, and what was refused, too", "collectd-tap listen -o json --rejects --for 5s"),
            (
                "Print who comes, goes and has a wrong clock, and nothing else",
                r#"collectd-tap listen --presence -f 'plugin == "collectd-tap"'"#,
            ),
        ],
        Some("decode") => &[
            ("Print a capture and a file that is one packet", "collectd-tap decode capture.pcap packet.bin"),
            ("Read a pipe, and fail if anything was refused", "cat capture.pcap | collectd-tap decode --strict -"),
            (
                "Decrypt, and print commands for collectd's unixsock plugin",
                "collectd-tap decode -a auth -o putval encrypted.pcap",
            ),
        ],
        Some("top") => &[
            (
                "See what arrives, the load of the web servers alone",
                r#"collectd-tap top -f '"web" in host and plugin == "load"'"#,
            ),
            ("Go through a capture ten times as fast", "collectd-tap top --speed 10x capture.pcap"),
            (
                "See all of it at once, on a terminal without braille",
                "collectd-tap top --speed max --ascii capture.pcap",
            ),
        ],
        Some("demo") => &[
            ("Print twenty items", "collectd-tap demo --count 20"),
            (
                "Send to the default group on the loopback, for another program to hear",
                "collectd-tap demo --send-to 239.192.74.66%lo",
            ),
        ],
        Some("doctor") => &[
            ("Tell why nothing is received", "collectd-tap doctor"),
            ("The same for what only known users sign or encrypt", "collectd-tap doctor -a auth -s sign"),
            (
                "Look at this machine alone, and print an object for each finding",
                "collectd-tap doctor --duration 0s --json",
            ),
        ],
        Some("send") => &[
            (
                "Send a value list to the default group on the loopback",
                "collectd-tap send -S 239.192.74.66%lo --plugin users --type users --value 3",
            ),
            (
                "See what commands would send",
                "echo 'PUTVAL web01/swap/swap-used interval=10 N:48082944' | collectd-tap send --dry-run",
            ),
        ],
        Some("relay") => &[
            ("Carry what is heard on one interface over to another", "collectd-tap relay -i lo -S 239.1.2.3%lo"),
            (
                "Collect a site's items for a server far away, and say where they are from",
                "collectd-tap relay -S 127.0.0.1:25827 --prefix-host paris. --rename '*.example.net=*'",
            ),
            ("Pass on what known users signed, as they sent it", "collectd-tap relay -a auth -s sign -S '[::1]:25827'"),
            (
                "Pack notifications anew for tunnels, where packets are small",
                "collectd-tap relay --only notifications --packet-size 1200 -S 127.0.0.1:25827",
            ),
        ],
        Some("record") => &[
            ("Record in files of 100 MiB, and keep ten", "collectd-tap record --rotate-size 100M --keep 10 tap.pcap"),
            ("Look on with tshark", "collectd-tap record - | tshark -r -"),
        ],
        Some("replay") => &[
            (
                "Send a capture to the group on the loopback, ten times as fast",
                "collectd-tap replay --speed 10x -S 239.192.74.66%lo capture.pcap",
            ),
            (
                "Send it at a given rate, with the times of today",
                "collectd-tap replay --packet-rate 1000/s --shift-time -S 239.192.74.66%lo capture.pcap",
            ),
        ],
        Some("generate") => &[
            (
                "Load the group on the loopback with a hundred thousand value lists a second",
                "collectd-tap generate --list-rate 100000/s --for 1s -S 239.192.74.66%lo",
            ),
            (
                "Test what a receiver makes of a thousand items, some of them in damaged packets",
                "collectd-tap generate --count 1000 --list-rate max --damaged 10% -S 239.192.74.66%lo",
            ),
        ],
        Some("types") => &[
            ("Look up what the values of a type are called", "collectd-tap types load"),
            ("Test a file of types", "collectd-tap types --lint types.db"),
        ],
        Some("check") => &[
            ("Test what would be read, and show it", "collectd-tap check"),
            ("Test a new file before it is used", "collectd-tap check --deny-warnings config.toml"),
        ],
        Some("config") => &[
            ("Begin a file of settings", "collectd-tap config > config.toml"),
            ("Take over those of a collectd", "collectd-tap config --import collectd.conf > config.toml"),
        ],
        Some("completions") => &[
            ("Complete in this bash", "source <(collectd-tap completions bash)"),
            ("Complete in every fish", "collectd-tap completions fish > collectd-tap.fish"),
        ],
        Some("man") => &[
            ("Write the manual page of the program", "collectd-tap man > collectd-tap.1"),
            ("Write those of all subcommands into a folder", "collectd-tap man --out ."),
        ],
        Some(_) => &[],
    }
}

/// The command with its examples below its long help.
pub(super) fn add(command: clap::Command) -> clap::Command {
    let names: Vec<_> = command.get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
    let command = names.iter().fold(command, |command, name| {
        command.mut_subcommand(name, |sub| match of(Some(name)) {
            [] => sub,
            examples => sub.after_long_help(text(examples)),
        })
    });
    command.after_long_help(text(of(None)))
}

fn text(examples: &[Example]) -> String {
    let lines: Vec<_> = examples.iter().map(|(does, command)| format!("  {does}:\n    $ {command}")).collect();
    format!("Examples:\n{}", lines.join("\n"))
}
