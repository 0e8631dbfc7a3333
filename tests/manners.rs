//! How the program gets along with shells, manuals and other programs: its help, its manual and its completions, tried out.

use std::fs;
use std::path::Path;
use std::process::{Command, Output, Stdio};

use collectd_net_tests::net::Namespace;
use collectd_net_tests::tap::tap;
use collectd_net_tests::{capture, data, subcommands};

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("UTF-8")
}

/// A command that does not see any settings of this machine, and for which it is always the same day.
fn bare(program: impl AsRef<std::ffi::OsStr>) -> Command {
    let mut command = Command::new(program);
    command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME").env("SOURCE_DATE_EPOCH", "1700000000");
    command
}

/// What the program prints, if it ends well.
fn printed(arguments: &[&str]) -> String {
    let output = bare(tap()).args(arguments).output().expect("the program runs");
    assert!(output.status.success(), "{arguments:?}: {}", text(&output.stderr));
    text(&output.stdout)
}

/// Runs a command of bash's in a folder, with the program in its path.
fn bash(mut command: Command, script: &str, directory: &Path) -> Output {
    let folder = tap().canonicalize().expect("it was built").parent().expect("a folder").to_owned();
    let path = format!("{}:{}", folder.display(), std::env::var("PATH").expect("a path"));
    command.args(["-c", script]).current_dir(directory).env("PATH", path).stdin(Stdio::null());
    command.output().expect("bash runs")
}

#[test]
fn examples_of_the_help_and_of_the_front_page_work() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let files = data("cli/files");
    for (from, to) in [
        (capture("plain-ipv4.pcap"), "capture.pcap"),
        (capture("encrypted.pcap"), "encrypted.pcap"),
        (capture("users.auth"), "auth"),
        (data("bad-packets/packets/good.0.bin"), "packet.bin"),
        (files.join("collectd/collectd.conf"), "collectd.conf"),
    ] {
        fs::copy(from, directory.path().join(to)).expect("the directory is ours");
    }
    fs::write(directory.path().join("types.db"), "mine\tvalue:GAUGE:0:U\n").expect("the directory is ours");
    let mut examples = Vec::new();
    let subcommands = subcommands();
    for arguments in [vec!["--help"]].into_iter().chain(subcommands.iter().map(|name| vec![name, "--help"])) {
        let help = printed(&arguments);
        let found: Vec<_> = help.lines().filter_map(|line| line.strip_prefix("    $ ")).map(str::to_owned).collect();
        assert!(found.len() > 1, "no examples in {arguments:?}: {help}");
        examples.extend(found);
    }
    let page = include_str!("../host/README.md");
    let shown = page.lines().filter_map(|line| line.strip_prefix("$ "));
    let listed = page.lines().filter_map(|line| line.strip_prefix("| `collectd-tap")?.split_once('`'));
    examples.extend(shown.map(str::to_owned));
    examples.extend(listed.map(|(arguments, _)| format!("collectd-tap{arguments}")));
    // A security level wants passwords.
    for (heading, more) in
        [("| `collectd-tap listen` with | does |", ""), ("| typed | variable | in the file |", "-a auth")]
    {
        let rows: Vec<_> = table(page, heading);
        assert!(rows.len() > 2, "{heading}");
        let typed = rows.iter().flat_map(|row| row[0].split('`').skip(1).step_by(2));
        examples.extend(typed.map(|arguments| format!("collectd-tap listen {arguments} {more}")));
    }
    assert!(examples.len() > 50, "{examples:#?}");

    // What listens on all interfaces does so where there is nothing to disturb.
    let namespace = Namespace::new("examples");
    namespace.ip("link set lo up");
    namespace.ip("link add eth0 type veth peer other0");
    namespace.ip("link set other0 up");
    namespace.ip("link set eth0 up");
    for example in examples {
        if example.ends_with("--config config.toml") {
            // The sample has an interface and a file of passwords that are not here.
            fs::write(directory.path().join("config.toml"), "count = 5\n").expect("the directory is ours");
        }
        let mut command = namespace.command("bash");
        command.env("HOME", "/nonexistent").env_remove("XDG_CONFIG_HOME").env("COLLECTD_TAP_FOR", "200ms");
        command.env("COLLECTD_TAP_DURATION", "200ms");
        // What serves a page does so until it is told to stop.
        let script = if example.ends_with("--web") {
            let page = "curl --silent --fail --output page.html http://127.0.0.1:8258/";
            format!("{example} & for n in {{1..300}}; do {page} && break; sleep 0.1; done; kill $!; wait $!")
        } else {
            example.clone()
        };
        let output = bash(command, &script, directory.path());
        let talk = text(&output.stderr);
        // Nothing is heard in the time given where nobody sends.
        let heard_nothing = output.status.code() == Some(3)
            && (talk.contains("0 packets") || text(&output.stdout).contains("nothing-heard"));
        let settings_are_elsewhere = example.contains("check") && talk.contains("cannot read /etc/collectd/passwd");
        let needs_a_terminal = example.starts_with("collectd-tap top") && talk.contains("top needs a terminal");
        let is_fine = heard_nothing || settings_are_elsewhere || needs_a_terminal;
        assert!(output.status.success() || is_fine, "{example}\n{talk}");
        assert!(!talk.contains("error:"), "{example}\n{talk}");
    }
    assert!(directory.path().join("page.html").exists(), "no page was served");
}

/// The cells of the rows below a heading of the front page.
fn table<'a>(page: &'a str, heading: &str) -> Vec<Vec<&'a str>> {
    let (_, below) = page.split_once(heading).expect("the table is there");
    let rows = below.lines().skip(2).take_while(|line| line.starts_with('|'));
    rows.map(|row| row.trim_matches(['|', ' ']).split(" | ").collect()).collect()
}

#[test]
fn settings_of_the_front_page_are_taken() {
    let page = include_str!("../host/README.md");
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.toml");
    let check = |variable: Option<(&str, &str)>, text: &str| {
        fs::write(&file, text).expect("the directory is ours");
        let output = bare(tap()).envs(variable).arg("check").arg(&file).output().expect("the program runs");
        (self::text(&output.stdout), self::text(&output.stderr))
    };
    let code = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
    for row in table(page, "| typed | variable | in the file |") {
        let (variables, entries) = (code(row[1]), code(row[2]));
        let (name, value) = variables[0].split_once('=').expect("an assignment");
        let value = value.trim_matches('"');
        let said = [check(Some((name, value)), ""), check(None, &entries[0])];
        for (printed, complaints) in &said {
            // The interface of the example is not here, and the level wants a file of passwords.
            let elsewhere =
                complaints.contains("no interface is called 'eth0'") || complaints.contains("needs passwords");
            assert!(printed.contains("ok: ") || elsewhere, "{row:?}: {printed}{complaints}");
        }
        assert!(said[1].1.contains("config.toml") || said[1].0.contains("config.toml:1"), "{said:?}");
    }
    let (_, sample) = page.split_once("```toml\n").expect("a sample");
    let (sample, _) = sample.split_once("```").expect("its end");
    let auth = collectd_net_tests::auth::AuthFile::new(["user"]);
    let (printed, complaints) = check(None, &sample.replace("/etc/collectd/passwd", auth.path()));
    // The interface is not here; there is nothing else to complain of.
    let complaints: Vec<_> = complaints.lines().filter(|line| line.starts_with("collectd-tap: ")).collect();
    assert!(complaints.iter().all(|complaint| complaint.contains("'eth0'")), "{complaints:#?}");
    assert!(complaints.len() == 1 || printed.contains("ok: "), "{printed}");
}

#[test]
fn manual_pages_have_no_fault_that_groff_or_mandoc_knows() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    printed(&["man", "--out", directory.path().to_str().expect("a path in UTF-8")]);
    let pages: Vec<_> =
        fs::read_dir(directory.path()).expect("pages").map(|page| page.expect("a page").path()).collect();
    assert_eq!(pages.len(), 1 + subcommands().len());
    for page in &pages {
        for (program, arguments) in
            [("groff", &["-man", "-ww", "-Tutf8", "-z"][..]), ("mandoc", &["-T", "lint", "-W", "warning"])]
        {
            let output = Command::new(program).args(arguments).arg(page).output().expect("it is installed");
            let complaints = text(&output.stdout) + &text(&output.stderr);
            assert!(output.status.success() && complaints.is_empty(), "{}: {complaints}", page.display());
        }
    }
    let page = fs::read_to_string(directory.path().join("collectd-tap.1")).expect("a page");
    assert_eq!(page, printed(&["man"]));
    // The examples of the help, which are tried out above.
    for command in printed(&["--help"]).lines().filter_map(|line| line.strip_prefix("    $ ")) {
        assert!(page.replace("\\-", "-").contains(command), "{command}");
    }
    assert!(page.contains(" 2023-11-14 "), "{page}");
    for heading in ["NAME", "SYNOPSIS", "OPTIONS", "SUBCOMMANDS", "EXIT STATUS", "ENVIRONMENT", "FILES", "EXAMPLES"] {
        assert!(page.contains(heading), "{heading}");
    }
    let output = bare(tap()).args(["man", "lisen"]).output().expect("the program runs");
    assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0));
}

#[test]
fn shells_take_the_completions_and_complete() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let scripts = ["bash", "zsh", "fish", "elvish", "powershell"].map(|shell| {
        let file = directory.path().join(shell);
        fs::write(&file, printed(&["completions", shell])).expect("the directory is ours");
        assert!(fs::metadata(&file).expect("a file").len() > 1000, "{shell}");
        file
    });
    for (shell, flag, script) in
        [("bash", "-n", &scripts[0]), ("zsh", "-n", &scripts[1]), ("fish", "--no-execute", &scripts[2])]
    {
        let output = bare(shell).arg(flag).arg(script).output().expect("it is installed");
        assert!(output.status.success() && output.stderr.is_empty(), "{shell}: {}", text(&output.stderr));
    }
    let complete = "source ./bash; COMP_WORDS=(collectd-tap $1 $2); COMP_CWORD=$(($# > 1 ? 2 : 1)); \
                    _collectd__tap collectd-tap \"${@: -1}\" x; echo ${COMPREPLY[@]}";
    for (typed, completed) in [
        ("de", "decode demo"),
        ("listen --sec", "--security-level"),
        ("decode --no-", "--no-config"),
        ("completions f", "fish"),
    ] {
        let output = bash(bare("bash"), &format!("set -- {typed}; {complete}"), directory.path());
        assert_eq!(text(&output.stdout).trim(), completed, "{typed}: {}", text(&output.stderr));
        let script = format!("source ./fish; complete -C 'collectd-tap {typed}'");
        let output =
            bare("fish").args(["--no-config", "-c", &script]).current_dir(directory.path()).output().expect("fish");
        let words: Vec<_> =
            text(&output.stdout).lines().filter_map(|line| line.split('\t').next().map(str::to_owned)).collect();
        for word in completed.split(' ') {
            assert!(words.iter().any(|found| found == word), "{typed}: {words:?} {}", text(&output.stderr));
        }
    }
    // Elvish has its editor at a terminal only; this stands for as much of it as a script needs. PowerShell is not Debian's.
    let editor =
        "var edit: = (ns [&completion:=(ns [&arg-completer=[&]]) &complex-candidate~={|text &display=''| put $text}])";
    let script = fs::read_to_string(&scripts[3]).expect("a file");
    for (typed, completed) in [("''", "decode"), ("decode ''", "--strict")] {
        let complete = format!("$edit:completion:arg-completer[collectd-tap] collectd-tap {typed} | each $echo~");
        let code = format!("{editor}\n{script}\n{complete}\n");
        let output = bare("elvish").args(["-norc", "-c", &code]).output().expect("it is installed");
        assert!(text(&output.stdout).lines().any(|word| word == completed), "{typed}: {}", text(&output.stderr));
    }
    let script = "autoload -Uz compinit; compinit -D -u; source ./zsh; print ${_comps[collectd-tap]}";
    let output = bare("zsh").args(["-f", "-c", script]).current_dir(directory.path()).output().expect("zsh");
    assert_eq!(text(&output.stdout).trim(), "_collectd-tap", "{}", text(&output.stderr));
}

#[test]
fn colours_are_for_terminals_that_want_them() {
    let run = |no_color: Option<&str>| {
        let mut command = bare("script");
        command.env("TERM", "xterm").env_remove("NO_COLOR").envs(no_color.map(|value| ("NO_COLOR", value)));
        let program = format!("{} --nosuch", tap().display());
        text(&command.args(["-qec", &program, "/dev/null"]).output().expect("script is installed").stdout)
    };
    assert!(run(None).contains("\u{1b}["), "{:?}", run(None));
    let plain = run(Some("1"));
    assert!(plain.contains("--nosuch") && !plain.contains('\u{1b}'), "{plain:?}");
}

#[test]
fn the_file_of_the_machine_is_read_when_there_is_no_other() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let home = directory.path().join(".config/collectd-tap");
    fs::create_dir_all(&home).expect("the directory is ours");
    let check = || {
        let script = format!(
            "mount -t tmpfs none /etc && echo 'count = 7' >/etc/collectd-tap.toml && exec {} check",
            tap().canonicalize().expect("it was built").display()
        );
        let mut command = bare("unshare");
        let output = command.env("HOME", directory.path()).args(["-m", "sh", "-c", &script]).output().expect("unshare");
        text(&output.stdout)
    };
    assert_eq!(
        check(),
        "/etc/collectd-tap.toml:1:9: count = 7\nok: 1 settings from /etc/collectd-tap.toml, 0 from the environment\n"
    );
    fs::write(home.join("config.toml"), "count = 8\n").expect("the directory is ours");
    assert!(check().contains("count = 8") && !check().contains("/etc"));
}

/// collectd names the plugin of a block when it is not loaded; there a string can be seen as collectd reads it.
#[test]
fn strings_are_read_as_collectd_reads_them() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("collectd.conf");
    let base = directory.path().display();
    // Strings, and what only has to be read or refused alike: several values, and numbers, which are no names.
    let strings = [
        "word",
        "on_ce",
        "3com",
        "10.0.0.1",
        "10.0.0.1:25826",
        "::1",
        "[ff18::1]:25826",
        "ff18::efc0:4a42",
        r#""quoted words""#,
        r#""a # b""#,
        r#""say \"hi\" \\ \n""#,
        "\"one \\\n\t two\"",
        "\\\n  word",
        r#""ä""#,
        "a1_b",
        "25826",
        "on",
        "-1.5e+3",
        "0x1F",
        "\"\"",
    ];
    let others =
        ["1.2.3.4.5", "0x1g", "10.0.0.256", "web-1", "web.1", "\"a\" \"b\"", "+", "a:b", "::g", "<", "word >", "a/b"];
    for (value, is_string) in strings.map(|value| (value, true)).into_iter().chain(others.map(|value| (value, false))) {
        let block = |name: &str| format!("BaseDir \"{base}\"\n{name}\n");
        // A string is the name of the block; whatever else it is, collectd says no name.
        fs::write(&file, block(&format!("<Plugin {value}>\n  a b\n</Plugin>"))).expect("the directory is ours");
        let output = Command::new("collectd").arg("-T").arg("-C").arg(&file).output().expect("collectd is installed");
        let said = text(&output.stdout) + &text(&output.stderr);
        let theirs = said
            .split_once("configuration for the `")
            .and_then(|(_, rest)| Some(rest.split_once("' plugin")?.0.to_owned()));
        let refused = said.contains("Parse error");

        fs::write(
            &file,
            block(&format!("<Plugin network>\n  <Listen {value}>\n    Interface lo\n  </Listen>\n</Plugin>")),
        )
        .expect("ours");
        let output = bare(tap()).args(["config", "--import"]).arg(&file).output().expect("the program runs");
        let ours = text(&output.stdout);
        let host = ours.lines().find_map(|line| line.strip_prefix("host = \"")?.strip_suffix('"'));
        let ours = host.map(|host| host.replace("\\\"", "\"").replace("\\\\", "\\"));
        assert_eq!(output.status.code() == Some(2), refused, "{value}: {said}{}", text(&output.stderr));
        if is_string {
            assert_eq!(ours, theirs, "{value}: {said}{}", text(&output.stderr));
        }
    }
}
