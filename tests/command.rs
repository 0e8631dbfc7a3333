//! The command line, without any network but the loopback.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::process::{Command, Stdio};

use collectd_net_tests::tap::tap;
use collectd_net_tests::{capture, data, decode, run};
use serde_json::Value;

fn text(octets: &[u8]) -> String {
    String::from_utf8(octets.to_vec()).expect("UTF-8")
}

fn path(name: &str) -> String {
    capture(name).to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn demo_prints_as_many_lines_as_asked_for() {
    let output = run(&["demo", "--count", "20"]);
    assert_eq!(output.status.code(), Some(0));
    let lines = text(&output.stdout);
    assert_eq!(lines.lines().count(), 20);
    for line in lines.lines() {
        assert!(line.starts_with('[') && line.contains("] ") && line.ends_with(")]"), "{line}");
    }
    let talk = text(&output.stderr);
    assert!(talk.starts_with("collectd-tap: listening on 127.0.0.1:"), "{talk}");
    assert_eq!(talk.lines().count(), 2, "{talk}");
}

#[test]
fn demo_sends_to_others_too() {
    let socket = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(collectd_net_tests::PATIENCE)).expect("a time");
    let to = socket.local_addr().expect("an address").to_string();
    let output = run(&["demo", "--count", "30", "--send-to", &to, "--send-to", "127.0.0.1%lo"]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let mut packet = [0; 1500];
    let length = socket.recv(&mut packet).expect("a packet");
    assert_eq!(packet[..10], [0, 0, 0, 10, b'w', b'e', b'b', b'0', b'1', 0]);
    assert!(length > 300, "{length}");

    let output = run(&["demo", "--count", "1", "--send-to", "127.0.0.1%nothing"]);
    assert_eq!(output.status.code(), Some(1));
    let talk = text(&output.stderr);
    assert!(talk.starts_with("collectd-tap: cannot send to 127.0.0.1:25826%nothing: No such device"), "{talk}");
}

#[test]
fn demo_knows_the_passwords_of_its_senders() {
    let lines = |words: &[&str]| -> Vec<Value> {
        let output = run(&[&["demo", "-o", "json"], words].concat());
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let sealed = lines(&["-s", "sign", "--count", "20"]);
    let (signed, encrypted): (Vec<_>, Vec<_>) = sealed.iter().partition(|line| line["security"] == "signed");
    assert!(signed.len() >= 7 && signed.iter().all(|line| line["host"] == "nas01"));
    let is_encrypted = |line: &&Value| line["security"] == "encrypted" && line["host"] == "gate01";
    assert!(encrypted.len() + signed.len() == 20 && encrypted.iter().all(is_encrypted));
    // Another file is another matter.
    let file = tempfile::NamedTempFile::new().expect("a file");
    fs::write(file.path(), "nas: another").expect("it is ours");
    let known = file.path().to_str().expect("a path");
    let refused = lines(&["-a", known, "--rejects", "-f", "host == \"none\"", "--for", "3s"]);
    let causes: Vec<_> = refused.iter().map(|line| line["cause"].as_str().expect("a cause")).collect();
    assert!(causes.contains(&"unknown-user") && causes.contains(&"bad-signature"), "{causes:?}");
}

#[test]
fn hosts_of_the_demo_have_addresses_of_their_own_and_values_that_a_seed_decides() {
    let first = |words: &[&str]| -> Vec<Value> {
        let output = run(&[&["demo", "-o", "json", "--count", "24"], words].concat());
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    };
    let values = |lines: &[Value]| lines.iter().map(|line| line["values"].clone()).collect::<Vec<_>>();
    let items = first(&[]);
    assert_eq!(values(&items), values(&first(&["--seed", "0"])));
    assert_ne!(values(&items), values(&first(&["--seed", "1"])));
    for (line, (host, address)) in [(&items[0], ("web01", "127.0.0.2:")), (&items[23], ("web02", "127.0.0.3:"))] {
        assert!(line["host"] == host && line["from"].as_str().expect("an address").starts_with(address), "{line}");
    }
}

#[test]
fn a_filter_lets_through_what_fits_it() {
    let file = path("plain-ipv4.pcap");
    let all = decode(&[&file]);
    let wanted: Vec<_> = all.lines().filter(|line| line.contains("/load/load ")).collect();
    assert!(!wanted.is_empty() && wanted.len() < all.lines().count());
    let filtered = decode(&["-f", r#"item.plugin == "load" and "load" in type"#, &file]);
    assert_eq!(filtered.lines().collect::<Vec<_>>(), wanted);
    // The count is of what is printed.
    assert_eq!(decode(&["-f", r#"plugin == "load""#, "-c", "2", &file]).lines().collect::<Vec<_>>(), wanted[..2]);

    let file = path("notifications.pcap");
    let (values, notifications) = (decode(&["--only", "values", &file]), decode(&["--only", "notifications", &file]));
    assert_eq!(values.lines().count() + notifications.lines().count(), decode(&[&file]).lines().count());
    assert!(!values.is_empty() && values.lines().all(|line| line.ends_with(")]")));
    assert!(!notifications.is_empty() && !notifications.contains(" [("));
}

#[test]
fn a_filter_that_is_none_is_shown_with_its_place() {
    let output = run(&["decode", "-f", r#"host == "a" and x"#, &path("plain-ipv4.pcap")]);
    assert_eq!(output.status.code(), Some(2));
    let talk = text(&output.stderr);
    assert!(talk.contains("column 17: expected a field") && talk.contains("\n                  ^\n"), "{talk}");
}

#[test]
fn count_is_of_items_and_of_packets_where_lines_are_packets() {
    assert_eq!(decode(&["-c", "3", &path("plain-ipv4.pcap")]).lines().count(), 3);
    assert_eq!(decode(&["-c", "3", "-o", "exact", &path("plain-ipv4.pcap")]).lines().count(), 3);
    assert_eq!(decode(&["-c", "0", &path("plain-ipv4.pcap")]), "");
}

#[test]
fn json_has_its_keys_in_order() {
    let keys = |line: &str| -> Vec<String> {
        // Keys in the order of the text; names of these captures have no quotes.
        let pieces: Vec<&str> = line.split("\":").collect();
        pieces[..pieces.len() - 1].iter().map(|piece| piece.rsplit('"').next().expect("a key").to_owned()).collect()
    };
    let identifier = ["host", "plugin", "plugin_instance", "type", "type_instance"];
    let lines = decode(&["-o", "json", &path("notifications.pcap")]);
    let of_kind = |kind: &str| lines.lines().find(|line| line.starts_with(&format!(r#"{{"kind":"{kind}""#)));
    let values: Vec<&str> = ["kind"]
        .into_iter()
        .chain(identifier)
        .chain(["time", "interval", "dstypes", "dsnames", "values", "security", "user", "from"])
        .collect();
    assert_eq!(keys(of_kind("values").expect("values")), values);
    let notification: Vec<&str> = ["kind"]
        .into_iter()
        .chain(identifier)
        .chain(["time", "severity", "message", "security", "user", "from"])
        .collect();
    assert_eq!(keys(of_kind("notification").expect("a notification")), notification);
    let rejects = decode(&["-o", "json", "--rejects", &path("malformed.pcap")]);
    let reject = rejects.lines().find(|line| line.starts_with(r#"{"kind":"reject""#)).expect("a reject");
    assert_eq!(keys(reject), ["kind", "offset", "cause", "detail", "from"]);
}

#[test]
fn json_numbers_are_exact() {
    let lines = decode(&["-o", "json", &path("all-data-types.pcap")]);
    for number in ["18446744073709551615", "-9223372036854775808", "9007199254740993", "5e-324", "-0.0"] {
        let alone = |line: &str| {
            let values =
                line.split_once(r#""values":["#).expect("values").1.split(']').next().expect("an end").to_owned();
            values.split(',').any(|value| value == number)
        };
        assert!(lines.lines().any(alone), "{number}");
    }
    let values = |line: &str| serde_json::from_str::<Value>(line).expect("JSON")["values"].clone();
    assert!(lines.lines().any(|line| values(line).as_array().expect("an array").iter().any(Value::is_null)));
}

#[test]
fn a_file_that_is_one_packet_has_no_number() {
    let file = data("bad-packets/packets/good.0.bin");
    let line: Value = serde_json::from_str(&decode(&["-o", "exact", file.to_str().expect("a path")])).expect("JSON");
    assert_eq!(line["file"], "good.0.bin");
    let line = decode(&["-o", "exact", "-c", "1", &path("plain-ipv4.pcap")]);
    assert_eq!(serde_json::from_str::<Value>(&line).expect("JSON")["file"], "plain-ipv4.pcap#1");
}

#[test]
fn a_capture_can_come_on_standard_input() {
    let mut child = Command::new(tap())
        .args(["decode", "-"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("the program runs");
    let capture = fs::read(capture("small-packets.pcap")).expect("a capture");
    child.stdin.take().expect("a pipe").write_all(&capture).expect("it reads");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(text(&output.stdout), decode(&[&path("small-packets.pcap")]));
}

#[test]
fn other_ports_are_left_out_until_asked_for() {
    let output = run(&["decode", "--port", "1", &path("small-packets.pcap")]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), String::new()));
    assert!(text(&output.stderr).contains("24 datagrams to other ports left out"), "{}", text(&output.stderr));
    let any = decode(&["--port", "any", &path("small-packets.pcap")]);
    assert_eq!(any, decode(&[&path("small-packets.pcap")]));
    assert_eq!(run(&["decode", "--port", "x", &path("small-packets.pcap")]).status.code(), Some(2));
}

#[test]
fn wrong_words_are_usage_errors() {
    for arguments in [
        &["--security-level", "sgin"][..],
        &["--format", "xml"],
        &["--count", "-1"],
        &["--for", "soon"],
        &["--listen", "[::1"],
        &["--no-such-flag"],
        &["decode"],
        &["no-such-command"],
    ] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", text(&output.stderr));
        assert!(output.stdout.is_empty());
        assert!(!output.stderr.is_empty());
    }
}

#[test]
fn security_levels_are_read_in_any_case() {
    let users = path("users.auth");
    let expected = decode(&["-a", &users, "-s", "sign", &path("signed.pcap")]);
    for level in ["Sign", "SIGN"] {
        assert_eq!(decode(&["-a", &users, "-s", level, &path("signed.pcap")]), expected);
    }
}

#[test]
fn a_level_without_passwords_is_a_usage_error() {
    let output = run(&["decode", "-s", "encrypt", &path("encrypted.pcap")]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("--auth-file"));
}

#[test]
fn a_missing_password_file_is_named() {
    let output = run(&["--auth-file", "/nonexistent/\u{1b}[31mauth"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains(r"/nonexistent/\x1b[31mauth"), "{}", text(&output.stderr));
}

#[test]
fn a_password_file_that_all_can_read_gets_a_warning() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("auth");
    // The last line without a newline counts, too.
    fs::write(&file, "alice: correct horse battery staple\nbob: s3cr3t").expect("it is ours");
    let arguments = ["decode", "-a", file.to_str().expect("a path"), "-s", "sign", &path("signed.pcap")];
    for (mode, warned) in [(0o644, true), (0o640, false), (0o600, false)] {
        fs::set_permissions(&file, fs::Permissions::from_mode(mode)).expect("it is ours");
        let output = run(&arguments);
        let talk = text(&output.stderr);
        assert_eq!(talk.contains("warning"), warned, "{mode:o}: {talk}");
        assert!(talk.contains("115 packets, 3145 items, 0 refused"), "{talk}");
    }
}

#[test]
fn strict_exits_with_4_if_something_was_refused() {
    assert_eq!(run(&["decode", "--strict", &path("malformed.pcap")]).status.code(), Some(4));
    assert_eq!(run(&["decode", "--strict", &path("plain-ipv4.pcap")]).status.code(), Some(0));
    assert_eq!(run(&["decode", &path("malformed.pcap")]).status.code(), Some(0));
}

#[test]
fn nothing_heard_exits_with_3() {
    for limit in ["--for", "--idle-timeout"] {
        let output = run(&["listen", "-L", "127.0.0.1:25999", limit, "100ms"]);
        assert_eq!(output.status.code(), Some(3), "{limit}");
        assert!(text(&output.stderr).contains("0 packets, 0 items, 0 refused, 0 dropped by the kernel"));
    }
}

/// Waits eleven seconds, for the message comes after ten.
#[test]
fn silence_is_said_and_the_demo_named() {
    let output = run(&["listen", "-L", "127.0.0.1:25998", "--for", "11s"]);
    let talk = text(&output.stderr);
    assert_eq!(talk.lines().count(), 3, "{talk}");
    assert!(talk.lines().nth(1).expect("a second line").contains("collectd-tap demo"), "{talk}");
}

#[test]
fn an_unknown_interface_is_named() {
    let output = run(&["-i", "nosuch0", "--for", "100ms"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(text(&output.stderr).contains("nosuch0"));
}

#[test]
fn a_unicast_address_in_use_is_not_stolen() {
    let other = std::net::UdpSocket::bind("127.0.0.1:0").expect("a port");
    let address = other.local_addr().expect("an address").to_string();
    let output = run(&["listen", "-L", &address, "--for", "100ms"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stderr).contains(&address), "{}", text(&output.stderr));
}

#[test]
fn a_file_that_is_no_capture_is_said_and_the_next_one_follows() {
    let output = run(&["decode", "/dev/null", "/nonexistent", &path("users.auth"), &path("small-packets.pcap")]);
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(text(&output.stdout).lines().count(), 419);
    let talk = text(&output.stderr);
    for name in ["/dev/null", "/nonexistent", "users.auth"] {
        assert!(talk.contains(name), "{talk}");
    }
}

#[test]
fn a_capture_that_was_cut_gives_what_it_has() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("cut.pcap");
    let whole = fs::read(capture("small-packets.pcap")).expect("a capture");
    fs::write(&file, &whole[..whole.len() - 10]).expect("it is ours");
    let output = run(&["decode", file.to_str().expect("a path")]);
    assert_eq!(output.status.code(), Some(1));
    assert!(text(&output.stdout).lines().count() > 380);
    assert!(text(&output.stderr).contains("cut.pcap"));
}

#[test]
fn a_full_disk_is_a_failure_and_a_closed_pipe_is_not() {
    let full = fs::OpenOptions::new().write(true).open("/dev/full").expect("it is always full");
    let mut command = Command::new(tap());
    command.args(["decode", &path("plain-ipv4.pcap")]);
    let output = command.stdout(full).output().expect("the program runs");
    assert_eq!(output.status.code(), Some(1));
    let (reader, writer) = std::io::pipe().expect("a pipe");
    drop(reader);
    let mut command = Command::new(tap());
    command.args(["decode", &path("plain-ipv4.pcap")]);
    let output = command.stdout(writer).stderr(Stdio::piped()).output().expect("the program runs");
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), String::new()));
}

#[test]
fn help_goes_to_standard_output() {
    for arguments in [&["--help"][..], &["-h"], &["decode", "--help"], &["--version"]] {
        let output = run(arguments);
        assert_eq!(output.status.code(), Some(0));
        assert!(text(&output.stdout).contains("collectd-tap"));
        assert!(output.stderr.is_empty());
    }
}
