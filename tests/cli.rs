//! What the program says, word for word: each file in `data/cli` holds commands and their output.
//!
//! `TRYCMD=overwrite cargo test -p collectd-net-tests --test cli` writes down what it says now; read the difference before it is
//! committed.

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Read as _};
use std::net::UdpSocket;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Child, ChildStderr, ChildStdout, Command, Stdio};

use collectd_net_tests::datagrams::datagrams;
use collectd_net_tests::tap::tap;
use collectd_net_tests::{capture, data, subcommands};

/// Commands run in a folder of their own with the files that they name.
#[test]
fn the_program_says_what_is_written_down() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    copy(&data("cli").join("files"), directory.path());
    for (name, here) in [("plain-ipv4.pcap", "capture.pcap"), ("malformed.pcap", "malformed.pcap")] {
        fs::copy(capture(name), directory.path().join(here)).expect("the directory is ours");
    }
    std::env::set_current_dir(directory.path()).expect("it is a directory");
    trycmd::TestCases::new()
        .register_bin("collectd-tap", tap().canonicalize().expect("it was built"))
        .env("HOME", "/nonexistent")
        .env("XDG_CONFIG_HOME", "/nonexistent")
        .case(data("cli").join("*.trycmd"))
        .run();
}

/// Runs the program without any settings of this machine, but for these variables.
fn run_with(variables: &[(&str, &str)], arguments: &[&str]) -> (Option<i32>, String, String) {
    let mut command = Command::new(tap());
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME").envs(variables.iter().copied());
    let output = command.args(arguments).output().expect("the program runs");
    let text = |octets| String::from_utf8(octets).expect("UTF-8");
    (output.status.code(), text(output.stdout), text(output.stderr))
}

/// The settings of the commented file: names and values.
fn settings_of_the_commented_file() -> Vec<(String, String)> {
    let (_, text, _) = run_with(&[], &["config"]);
    let settings = text.split("\n# What is to be so").next().expect("text").lines().filter_map(|line| {
        let (name, value) = line.strip_prefix('#')?.split_once(" = ")?;
        (!name.starts_with(' ')).then(|| (name.to_owned(), value.to_owned()))
    });
    settings.collect()
}

#[test]
fn every_flag_has_a_key_and_a_variable() {
    let settings = settings_of_the_commented_file();
    let mut flags = Vec::new();
    let about = ["check", "completions", "config", "man"];
    for subcommand in subcommands().iter().filter(|name| !about.contains(&name.as_str())) {
        let (_, help, _) = run_with(&[], &[subcommand, "--help"]);
        let words = help.lines().filter(|line| line.trim_start().starts_with('-')).flat_map(str::split_whitespace);
        let names = words.filter_map(|word| word.strip_prefix("--"));
        flags.extend(
            names.map(|name| name.trim_end_matches([',', '.']).split(['=', '[']).next().expect("a name").to_owned()),
        );
    }
    flags.retain(|flag| !["config", "no-config", "help", "lint", "version"].contains(&flag.as_str()));
    // One item to send is nothing to set.
    let item = ["at", "host", "message", "plugin", "plugin-instance", "severity", "type", "type-instance", "value"];
    // Nor is what is for one time alone.
    let once = ["dry-run", "loop", "overwrite", "shift-time"];
    flags.retain(|flag| !item.contains(&flag.as_str()) && !once.contains(&flag.as_str()));
    assert!(flags.len() > 20, "{flags:?}");
    for flag in flags {
        assert!(settings.iter().any(|(name, _)| *name == flag), "no key for --{flag}");
        let variable = format!("COLLECTD_TAP_{}", flag.to_uppercase().replace('-', "_"));
        let (_, _, talk) = run_with(&[(&variable, "\u{1}")], &["check"]);
        assert!(!talk.contains("no setting has this variable"), "{talk}");
    }
}

#[test]
fn the_commented_file_is_accepted_with_comments_and_without() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.toml");
    let check = |text: &str| {
        fs::write(&file, text).expect("it is ours");
        run_with(&[], &["check", file.to_str().expect("a path in UTF-8")])
    };
    let (_, text, _) = run_with(&[], &["config"]);
    let (code, _, talk) = check(&text);
    assert_eq!((code, talk.as_str()), (Some(0), ""));
    // Defaults may be written out, each alone: none is the name of a kind of value.
    let settings = settings_of_the_commented_file();
    let defaults = settings.iter().filter(|(_, value)| !value.contains(|c: char| c.is_ascii_uppercase()));
    let defaults: String = defaults.map(|(name, value)| format!("{name} = {value}\n")).collect();
    assert!(defaults.contains("format = \"blog\"\n") && defaults.contains("strict = false\n"), "{defaults}");
    let (code, _, talk) = check(&defaults);
    assert_eq!((code, talk.as_str()), (Some(0), ""));
    // All of it is TOML, and all keys are known.
    let all: String = settings.iter().map(|(name, value)| format!("{name} = {value}\n")).collect();
    let (_, _, talk) = check(&all);
    assert!(talk.contains("invalid value 'N' for 'count'") && !talk.contains("no setting is called"), "{talk}");
}

#[test]
fn what_is_for_one_time_alone_is_typed_and_not_set() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.toml");
    let path = file.to_str().expect("a path in UTF-8");
    for (section, flag) in [("send", "dry-run"), ("record", "overwrite"), ("replay", "loop"), ("replay", "shift-time")]
    {
        let said = format!("'{flag}' is no setting, but for one time alone: type --{flag}");
        for text in [format!("{flag} = true\n"), format!("[{section}]\n{flag} = true\n")] {
            fs::write(&file, text).expect("the directory is ours");
            for words in [&["check", path][..], &[section, "--config", path]] {
                let (code, _, talk) = run_with(&[], words);
                assert!(code == Some(2) && talk.contains(&said), "{words:?}: {talk}");
            }
        }
        let variable = format!("COLLECTD_TAP_{}", flag.to_uppercase().replace('-', "_"));
        let (code, _, talk) = run_with(&[(&variable, "true")], &["check"]);
        assert!(code == Some(2) && talk.contains(&variable) && talk.contains(&said), "{talk}");
    }
}

#[test]
fn the_file_is_looked_for_in_the_usual_places() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let (home, xdg, named) = (path("home"), path("xdg"), path("named.toml"));
    let source = |variables: &[(&str, &str)], arguments: &[&str]| {
        let (code, summary, talk) = run_with(variables, &[&["check"], arguments].concat());
        assert_eq!(code, Some(0), "{talk}");
        summary.lines().last().and_then(|line| Some(line.split_once(" from ")?.1.split(',').next()?.to_owned()))
    };
    let write = |path: &str| {
        fs::create_dir_all(Path::new(path).parent().expect("a folder")).expect("the directory is ours");
        fs::write(path, "strict = true\n").expect("the directory is ours");
        path.to_owned()
    };
    let own = write(&format!("{home}/.config/collectd-tap/config.toml"));
    assert_eq!(source(&[("HOME", &home)], &[]), Some(own.clone()));
    // A path that depends on where one is, is none.
    assert_eq!(source(&[("HOME", &home), ("XDG_CONFIG_HOME", ".")], &[]), Some(own));
    let below_xdg = write(&format!("{xdg}/collectd-tap/config.toml"));
    assert_eq!(source(&[("HOME", &home), ("XDG_CONFIG_HOME", &xdg)], &[]), Some(below_xdg));
    let named = write(&named);
    let all = [("HOME", home.as_str()), ("XDG_CONFIG_HOME", &xdg), ("COLLECTD_TAP_CONFIG", &named)];
    assert_eq!(source(&all, &[]).as_ref(), Some(&named));
    let flagged = write(&path("flagged.toml"));
    assert_eq!(source(&all, &["--config", &flagged]), Some(flagged));
    assert_eq!(source(&all, &["--no-config"]).as_deref(), Some("the environment"));
}

/// Two sockets with passwords and levels of their own, as a `collectd.conf` says it: each opens packets in its own way.
#[test]
fn sockets_of_a_collectd_conf_keep_their_levels_and_passwords() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = |name: &str| directory.path().join(name).to_str().expect("a path in UTF-8").to_owned();
    let write = |name: &str, text: &str| {
        fs::write(path(name), text).expect("the directory is ours");
        fs::set_permissions(path(name), fs::Permissions::from_mode(0o600)).expect("the directory is ours");
        path(name)
    };
    let held = [(); 3].map(|()| UdpSocket::bind("127.0.0.1:0").expect("a port"));
    let ports = held.map(|socket| socket.local_addr().expect("an address").port());
    let listen = |port: u16, level: &str, auth: &str| {
        let block = format!("SecurityLevel {level}\n AuthFile \"{auth}\"");
        format!("<Listen \"127.0.0.1\" \"{port}\">\n {block}\n</Listen>\n")
    };
    let (users, strangers) = (capture("users.auth"), write("strangers", "mallory: x\n"));
    let users = write("users", &fs::read_to_string(users).expect("users"));
    let blocks = listen(ports[0], "Sign", &users) + &listen(ports[1], "Encrypt", &users);
    let blocks = blocks + &listen(ports[2], "Sign", &strangers);
    let types = write("types.db", "mine value:GAUGE:0:U\n");
    let text = format!("TypesDB \"{types}\"\n<Plugin network>\n{blocks}</Plugin>\n");
    let conf = write("collectd.conf", &text);
    let (code, toml, talk) = run_with(&[], &["config", "--import", &conf]);
    assert_eq!((code, talk.as_str()), (Some(0), ""), "{toml}");
    assert!(toml.contains("types-db = [") && toml.matches("security-level").count() == 3, "{toml}");
    let config = write("config.toml", &toml);
    let (code, _, talk) = run_with(&[], &["check", &config]);
    assert_eq!((code, talk.as_str()), (Some(0), ""));

    let (mut child, mut lines, _talk) = listening(&["--config", &config, "-o", "exact", "-c", "3"]);
    let signed = datagrams(&capture("signed.pcap")).expect("a capture").swap_remove(0).payload;
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for (port, is_taken) in ports.into_iter().zip([true, false, false]) {
        sender.send_to(&signed, ("127.0.0.1", port)).expect("it listens");
        let line = lines.next().expect("a line").expect("a line");
        assert_eq!(line.contains(r#""items":[]"#), !is_taken, "{line}");
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

/// The program with these arguments, once it listens: what it prints, and what else it says.
fn listening(arguments: &[&str]) -> (Child, Lines<BufReader<ChildStdout>>, BufReader<ChildStderr>) {
    let mut child = Command::new(tap())
        .args(arguments)
        .env("HOME", "/nonexistent")
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program runs");
    let mut talk = BufReader::new(child.stderr.take().expect("a pipe"));
    let mut line = String::new();
    talk.read_line(&mut line).expect("it listens");
    assert!(line.contains("listening on"), "{line}");
    let lines = BufReader::new(child.stdout.take().expect("a pipe")).lines();
    (child, lines, talk)
}

/// Copies what is in a folder.
fn copy(from: &Path, to: &Path) {
    for entry in from.read_dir().expect("a folder") {
        let entry = entry.expect("an entry");
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            fs::create_dir(&to).expect("the directory is ours");
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), &to).expect("the directory is ours");
        }
    }
}

/// The password file changes with every packet, and that is told each time, until it is enough.
#[test]
fn what_happens_again_and_again_is_said_three_times_and_then_counted() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let auth = directory.path().join("auth");
    fs::write(&auth, "").expect("it is ours");
    fs::set_permissions(&auth, fs::Permissions::from_mode(0o600)).expect("it is ours");
    let port = UdpSocket::bind("127.0.0.1:0").expect("a port").local_addr().expect("an address").port();
    let address = format!("127.0.0.1:{port}");
    let auth_file = auth.to_str().expect("a path in UTF-8");
    let (mut child, mut lines, mut talk) =
        listening(&["listen", "-L", &address, "-o", "exact", "-c", "12", "-a", auth_file]);
    let packet = fs::read(data("bad-packets/packets/good.0.bin")).expect("a packet");
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    for users in 1..=12 {
        fs::write(&auth, "user: password\n".repeat(users)).expect("it is ours");
        sender.send_to(&packet, &address).expect("it listens");
        lines.next().expect("a line").expect("a line");
    }
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
    let mut line = String::new();
    talk.read_to_string(&mut line).expect("text");
    let again: Vec<_> = line.lines().filter(|line| line.contains("users again from")).collect();
    assert_eq!(again.len(), 4, "{line}");
    assert!(again[3].ends_with(", and 8 more like it"), "{line}");
}
