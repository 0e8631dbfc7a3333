//! Each format, read back by a program that is not ours: Python's module csv, a parser of Influx' lines, carbon's receiver,
//! Prometheus' parser and promtool. What they read is compared with the items as JSON has them (`tests/readers/`).

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use collectd_net_tests::tap::tap;
use collectd_net_tests::{capture, data, decode, decode_bad_packets, hex, hostile};

/// A Python that has the modules of the readers; `tests/run` makes it.
fn python() -> PathBuf {
    env::var_os("READERS_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/readers/bin/python3"), PathBuf::from)
}

/// Captures with all kinds of items, and what it takes to open them.
fn captures() -> Vec<Vec<String>> {
    let path = |name: &str| capture(name).to_str().expect("a path in UTF-8").to_owned();
    let plain = ["all-data-types", "notifications", "plain-ipv4", "fleet-50", "other-senders", "malformed"];
    let mut inputs: Vec<Vec<String>> = plain.map(|name| vec![path(&format!("{name}.pcap"))]).into();
    for sealed in ["encrypted.pcap", "old-4.10.pcap", "auth-mixed.pcap"] {
        inputs.push(vec!["-a".into(), path("users.auth"), path(sealed)]);
    }
    inputs
}

/// Has a reader compare what a format prints with what JSON does, for captures, bad packets and hostile names.
fn read_back(reader: &str, format: &[&str]) {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (files, _) = hostile::packets(directory.path());
    let json = ["-o", "json", "--rejects"];
    // Graphite has no line for what was refused.
    let rejects = if format.contains(&"graphite") { &[][..] } else { &["--rejects"] };
    let format = [format, rejects].concat();
    let both = |printed: [String; 2], what: &str| compare(directory.path(), reader, &printed, what);
    for arguments in captures().iter().chain([&files]) {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        both([&format[..], &json].map(|format| decode(&[format, &arguments].concat())), &arguments.join(" "));
    }
    // These are opened in several runs, each of which would begin and end the output anew.
    if !matches!(reader, "csv_reader.py" | "prometheus_reader.py") {
        both([&format[..], &json].map(decode_bad_packets), "bad packets");
    }
}

fn compare(directory: &Path, reader: &str, printed: &[String; 2], what: &str) {
    let files = [directory.join("printed"), directory.join("json")];
    for (file, text) in files.iter().zip(printed) {
        fs::write(file, text).expect("it is ours");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("readers").join(reader);
    let output =
        Command::new(python()).arg("-B").arg(script).args(&files).output().expect("tests/run makes this Python");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(
        output.status.success() && said.contains(" passed, 0 failed"),
        "{reader} of {what}: {said}{}",
        String::from_utf8_lossy(&output.stderr)
    );
}

#[test]
fn a_table_is_read_by_python() {
    read_back("csv_reader.py", &["-o", "csv"]);
}

#[test]
fn influx_lines_are_read_by_another_parser() {
    read_back("influx_reader.py", &["-o", "influx"]);
}

#[test]
fn graphite_lines_are_read_by_carbon() {
    let format = ["-o", "graphite"];
    let directory = tempfile::tempdir().expect("a temporary directory");
    read_back("graphite_reader.py", &format);
    // Rates are numbers as any others.
    let path = capture("plain-ipv4.pcap");
    let arguments = ["-r", path.to_str().expect("a path")];
    let printed = [&format[..], &["-o", "json"]].map(|format| decode(&[format, &arguments].concat()));
    compare(directory.path(), "graphite_reader.py", &printed, "rates");
}

#[test]
fn an_exposition_is_read_by_prometheus() {
    read_back("prometheus_reader.py", &["-o", "prometheus"]);
}

#[test]
fn promtool_finds_nothing_wrong_with_an_exposition() {
    for arguments in captures() {
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        if arguments.iter().any(|argument| argument.contains("malformed")) {
            continue;
        }
        let exposition = decode(&[&["-o", "prometheus"], &arguments[..]].concat());
        let mut child = Command::new("promtool")
            .args(["check", "metrics"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("promtool is installed");
        std::io::Write::write_all(&mut child.stdin.take().expect("a pipe"), exposition.as_bytes()).expect("it reads");
        let output = child.wait_with_output().expect("it ends");
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        // Names are as collectd_exporter gives them, some of which promtool would spell otherwise.
        let wrong = said.lines().filter(|line| {
            ![
                "non-counter metrics should not have",
                "should not include",
                "should use base unit",
                "contain abbreviated",
                "should not contain",
            ]
            .iter()
            .any(|taste| line.contains(taste))
        });
        assert_eq!(wrong.collect::<Vec<_>>(), [""; 0], "{arguments:?}");
        assert!(output.status.code() != Some(1), "{arguments:?}: {said}");
    }
}

#[test]
fn lines_for_people_say_what_json_says() {
    read_back("long_reader.py", &["-o", "long", "--utc"]);
}

#[test]
fn a_template_of_all_fields_says_what_json_says() {
    let template = "{host}\\t{plugin}\\t{plugin_instance}\\t{type}\\t{type_instance}\\t{identifier}\\t{time}\\t{interval}\\t\
                    {value}\\t{ds}\\t{dstype}\\t{security}\\t{user}\\t{from}";
    read_back("template_reader.py", &["-o", template]);
}

#[test]
fn raw_packets_are_as_they_were_sent() {
    let set = data("bad-packets/packets");
    let mut files: Vec<PathBuf> =
        fs::read_dir(set).expect("packets").map(|entry| entry.expect("a file").path()).collect();
    files.sort();
    let users = data("bad-packets/authfile");
    let names = files.iter().map(|file| file.to_str().expect("a path in UTF-8"));
    // With passwords, too, since packets are decrypted in place.
    let arguments: Vec<&str> = ["-o", "raw", "-a", users.to_str().expect("a path")].into_iter().chain(names).collect();
    let expected: Vec<String> = files.iter().map(|file| hex(&fs::read(file).expect("a packet"))).collect();
    assert_eq!(decode(&arguments).lines().collect::<Vec<_>>(), expected);
}

#[test]
fn a_terminal_gets_colours_unless_no_color_is_set() {
    let packet = Path::new(env!("CARGO_MANIFEST_DIR")).join("../core/tests/data/collectd-5.12.0-minimal.bin");
    let on_terminal = |variable: Option<&str>| {
        let mut command = Command::new("script");
        // What else decides must not come from whoever runs this.
        command.env_remove("CLICOLOR").env_remove("CLICOLOR_FORCE").env_remove("NO_COLOR").env("TERM", "xterm");
        if let Some(variable) = variable {
            command.env(variable, "1");
        }
        let run = format!("{} decode {}", tap().display(), packet.display());
        let output = command.args(["-qec", &run, "/dev/null"]).stdin(Stdio::null()).output().expect("script runs");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    assert!(on_terminal(None).contains("\u{1b}[1mh/p/gauge\u{1b}[0m"), "{:?}", on_terminal(None));
    assert!(!on_terminal(Some("NO_COLOR")).contains('\u{1b}'), "{:?}", on_terminal(Some("NO_COLOR")));
}
