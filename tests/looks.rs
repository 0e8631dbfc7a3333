//! What is printed, and how: formats, rates, times, colours, filters, and the names of data sources.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use collectd_net_tests::tap::tap;
use collectd_net_tests::{capture, data, decode, decode_bad_packets, run};
use serde_json::Value;
use tempfile::TempDir;

fn path(name: &str) -> String {
    capture(name).to_str().expect("a path in UTF-8").to_owned()
}

fn talk(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Two packets of a real collectd as files: three value lists with all kinds, and a notification.
fn packets(directory: &Path) -> [String; 2] {
    let vectors = fs::read_to_string(data("vectors/vectors.tsv")).expect("vectors");
    ["G03", "G05"].map(|name| {
        let line = vectors.lines().find_map(|line| line.strip_prefix(&format!("{name}\t"))).expect("a vector");
        let octets: Vec<u8> = (0..line.len() / 2)
            .map(|at| u8::from_str_radix(&line[2 * at..2 * at + 2], 16).expect("two digits"))
            .collect();
        write(directory, &format!("{name}.bin"), &octets)
    })
}

fn write(directory: &Path, name: &str, octets: &[u8]) -> String {
    let file = directory.join(name);
    fs::write(&file, octets).expect("it is ours");
    file.to_str().expect("a path in UTF-8").to_owned()
}

fn directory() -> TempDir {
    tempfile::tempdir().expect("a temporary directory")
}

/// Formats, and what their files in `data/formats/` are called.
const FORMATS: [(&str, &str); 12] = [
    ("blog", "blog"),
    ("long", "long"),
    ("json", "json"),
    ("exact", "exact"),
    ("putval", "putval"),
    ("influx", "influx"),
    ("graphite", "graphite"),
    ("csv", "csv"),
    ("prometheus", "prometheus"),
    ("raw", "raw"),
    ("{time} {identifier} {ds} {dstype} {value}", "values-template"),
    ("{severity}: {message}", "notifications-template"),
];

/// Set `WRITE_FORMATS` to write the files anew, and look at every difference.
fn compare(file: PathBuf, printed: &str) {
    if std::env::var_os("WRITE_FORMATS").is_some() {
        fs::write(file, printed).expect("it can be written");
        return;
    }
    let expected = fs::read_to_string(&file).expect("the format's file");
    assert_eq!(printed.lines().collect::<Vec<_>>(), expected.lines().collect::<Vec<_>>(), "{}", file.display());
    assert_eq!(printed, expected);
}

#[test]
fn formats_look_as_they_did() {
    let directory = directory();
    let [values, notification] = packets(directory.path());
    for (format, name) in FORMATS {
        compare(data("formats").join(format!("{name}.txt")), &decode(&["-o", format, "--utc", &values, &notification]));
    }
}

#[test]
fn bad_packets_look_as_they_did() {
    for (format, name) in FORMATS.into_iter().filter(|(format, _)| !matches!(*format, "raw" | "exact")) {
        compare(data("formats").join(format!("{name}.bad.txt")), &decode_bad_packets(&["-o", format, "--utc"]));
    }
}

#[test]
fn a_wrong_format_gets_a_suggestion() {
    for (format, expected) in [
        ("jsn", "did you mean 'json'?"),
        ("Graphit", "did you mean 'graphite'?"),
        ("{host} {valeu}", "column 8: unknown field 'valeu', did you mean 'value'?"),
        ("{host", "column 1: this brace is not closed"),
        ("xml", "a format is one of blog, long, json"),
    ] {
        let output = run(&["decode", "-o", format, &path("plain-ipv4.pcap")]);
        assert_eq!(output.status.code(), Some(2), "{format}");
        assert!(talk(&output).contains(expected), "{}", talk(&output));
    }
    let output = run(&["decode", "-o", "{host} {valeu}", &path("plain-ipv4.pcap")]);
    assert!(talk(&output).contains("\n  {host} {valeu}\n         ^\n"), "{}", talk(&output));
}

#[test]
fn what_a_format_has_no_place_for_is_told() {
    let output = run(&["decode", "-o", "graphite", &path("notifications.pcap")]);
    assert!(
        talk(&output).contains("63 notifications left out, for which this format has no place"),
        "{}",
        talk(&output)
    );
    let output = run(&["decode", "-o", "influx", &path("all-data-types.pcap")]);
    assert!(talk(&output).contains(" values left out, which this format cannot hold"), "{}", talk(&output));
    // They do not count.
    let count = ["-o", "graphite", "-c", "3"];
    let values = decode(&[&count[..], &["--only", "values", &path("notifications.pcap")]].concat());
    assert!(values.lines().count() >= 3);
    assert_eq!(decode(&[&count[..], &[&path("notifications.pcap")]].concat()), values);
}

#[test]
fn an_exposition_comes_at_the_end_of_listening_too() {
    let output = run(&["demo", "--count", "50", "-o", "prometheus"]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    assert!(lines.starts_with("# HELP collectd_") && lines.contains("instance=\"web01\""), "{lines}");
    let other = run(&["demo", "--count", "1", "-o", "json", "--every", "1s"]);
    assert_eq!(other.status.code(), Some(2), "{}", talk(&other));
    assert!(talk(&other).contains("--every is for the format prometheus"), "{}", talk(&other));
    let limited = run(&["decode", "-o", "prometheus", "--max-series", "10", &path("fleet-50.pcap")]);
    let samples = String::from_utf8(limited.stdout.clone()).expect("UTF-8");
    assert_eq!(samples.lines().filter(|line| !line.starts_with('#')).count(), 10);
    assert!(talk(&limited).contains(" values left out: too many series"), "{}", talk(&limited));
}

#[test]
fn raw_packets_are_those_with_something_wanted() {
    let file = path("notifications.pcap");
    let all = decode(&["-o", "raw", &file]);
    let some = decode(&["-o", "raw", "--only", "notifications", &file]);
    assert_eq!(all.lines().count(), 64);
    assert!(some.lines().count() < 64 && some.lines().all(|line| all.contains(line) && line.contains("0101000c")));
    assert_eq!(decode(&["-o", "raw", "-c", "2", "--only", "notifications", &file]), decode_lines(&some, 2));
}

#[test]
fn raw_packets_from_the_network_are_whole() {
    let output = run(&["demo", "--count", "3", "-o", "raw"]);
    let lines = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(lines.lines().count(), 3);
    // The host "web01", or another of the fleet.
    assert!(lines.lines().all(|line| line.starts_with("000000") && line.len() > 600), "{lines}");
}

fn decode_lines(text: &str, count: usize) -> String {
    text.split_inclusive('\n').take(count).collect()
}

#[test]
fn a_plain_word_filters_identifiers() {
    let file = path("plain-ipv4.pcap");
    let all = decode(&["-o", "{identifier}", &file]);
    for (pattern, wanted) in [
        ("alpha*/cpu-0/*idle", Box::new(|line: &str| line.ends_with("/cpu-0/cpu-idle")) as Box<dyn Fn(&str) -> bool>),
        ("*/memory", Box::new(|line: &str| line.contains("/memory/"))),
        ("alpha.example.net", Box::new(|_: &str| true)),
        ("alpha", Box::new(|_: &str| false)),
    ] {
        let expected: Vec<_> = all.lines().filter(|line| wanted(line)).collect();
        let found = decode(&["-o", "{identifier}", "-f", pattern, &file]);
        assert_eq!(found.lines().collect::<Vec<_>>(), expected, "{pattern}");
        assert!(pattern == "alpha" || !expected.is_empty(), "{pattern}");
    }
}

#[test]
fn a_regular_expression_filters_fields() {
    let file = path("fleet-50.pcap");
    let filter = r#"host =~ "^node0[1-3]\." and not type in ("cpu", "load")"#;
    let found = decode(&["-o", "{host} {type}", "-f", filter, &file]);
    let all = decode(&["-o", "{host} {type}", &file]);
    let wanted = |line: &&str| {
        ["node01.", "node02.", "node03."].iter().any(|host| line.starts_with(host))
            && !line.ends_with(" cpu")
            && !line.ends_with(" load")
    };
    let expected: Vec<_> = all.lines().filter(wanted).collect();
    assert!(!expected.is_empty());
    assert_eq!(found.lines().collect::<Vec<_>>(), expected);
    let output = run(&["decode", "-f", r#"host =~ "a(b""#, &file]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("column 11: unclosed group\n  host =~ \"a(b\"\n            ^"), "{}", talk(&output));
}

/// Values of a list as JSON has them, with what tells its series from others.
fn series(object: &Value) -> String {
    ["host", "plugin", "plugin_instance", "type", "type_instance"].map(|key| object[key].to_string()).join("/")
}

#[test]
fn rates_are_the_growth_by_the_time_between() {
    let file = path("plain-ipv4.pcap");
    let read = |line: &str| serde_json::from_str::<Value>(line).expect("JSON");
    let mut last: HashMap<String, (f64, Vec<i64>)> = HashMap::new();
    let mut expected = Vec::new();
    for object in decode(&["-o", "json", &file]).lines().map(read) {
        if !object["dstypes"].as_array().expect("kinds").iter().all(|kind| kind == "derive") {
            continue;
        }
        let time = object["time"].as_f64().expect("a time");
        let values: Vec<i64> =
            object["values"].as_array().expect("values").iter().map(|value| value.as_i64().expect("64 bits")).collect();
        if let Some((before, old)) = last.insert(series(&object), (time, values.clone())) {
            let rates: Vec<f64> =
                values.iter().zip(old).map(|(new, old)| (new - old) as f64 / (time - before)).collect();
            expected.push((series(&object), rates));
        }
    }
    let derives: std::collections::HashSet<&String> = last.keys().collect();
    let mut found = Vec::new();
    for object in decode(&["-r", "-o", "json", &file]).lines().map(read) {
        if derives.contains(&series(&object)) {
            assert!(object["dstypes"].as_array().expect("kinds").iter().all(|kind| kind == "gauge"));
            let rates: Vec<f64> = object["values"]
                .as_array()
                .expect("values")
                .iter()
                .map(|value| value.as_f64().expect("a rate"))
                .collect();
            found.push((series(&object), rates));
        }
    }
    assert_eq!(found.len(), expected.len());
    assert!(found.len() > 1000);
    for ((name, rates), (other, others)) in found.iter().zip(&expected) {
        assert_eq!(name, other);
        for (rate, other) in rates.iter().zip(others) {
            // JSON's time as a float has lost a few bits.
            assert!((rate - other).abs() <= other.abs() * 1e-6, "{name}: {rate} {other}");
        }
    }
}

#[test]
fn series_beyond_the_most_have_no_rate_and_are_told() {
    let output = run(&["decode", "-r", "--max-series", "5", &path("plain-ipv4.pcap")]);
    assert!(
        talk(&output).contains("value lists without a rate: too many series, or names too long"),
        "{}",
        talk(&output)
    );
    let output = run(&["decode", "-r", &path("plain-ipv4.pcap")]);
    assert!(talk(&output).contains("409 value lists without a rate: the first of a series"), "{}", talk(&output));
    assert!(!talk(&output).contains("too many"), "{}", talk(&output));
}

#[test]
fn a_filter_of_values_looks_at_rates() {
    let file = path("plain-ipv4.pcap");
    let lines = decode(&["-r", "-f", "type == 'ps_pagefaults' and value > 20", "-o", "{identifier} {value}", &file]);
    let all = decode(&["-r", "-f", "type == 'ps_pagefaults'", "-o", "{identifier} {value}", &file]);
    assert!(!lines.is_empty() && lines.lines().count() < all.lines().count());
    assert!(lines.lines().all(|line| all.contains(line)));
    // A list is printed whole if one of its values fits.
    let greatest = |pair: &[&str]| {
        pair.iter()
            .map(|line| line.rsplit_once(' ').expect("a value").1.parse::<f64>().expect("a number"))
            .fold(0.0, f64::max)
    };
    assert!(lines.lines().collect::<Vec<_>>().chunks(2).all(|pair| greatest(pair) > 20.0));
}

#[test]
fn times_have_the_form_that_was_asked_for() {
    let directory = directory();
    let [values, notification] = packets(directory.path());
    let starts = |arguments: &[&str], zone: &str| -> Vec<String> {
        let mut command = Command::new(tap());
        command.arg("decode").args(arguments).args([&values, &notification]).env("TZ", zone);
        let output = command.output().expect("the program runs");
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(|line| line.split(" host.example").next().expect("a start").to_owned()).collect()
    };
    assert_eq!(starts(&[], "UTC0"), ["[1700000000]", "[1700000001]", "[1700000002]", "[1700000010]"]);
    assert_eq!(starts(&["--time", "epoch"], "UTC0")[0], "[1700000000]");
    assert_eq!(starts(&["--time", "rfc3339"], "CET-1")[0], "[2023-11-14T23:13:20.500+01:00]");
    assert_eq!(starts(&["--time", "rfc3339", "--utc"], "CET-1")[0], "[2023-11-14T22:13:20.500Z]");
    assert_eq!(starts(&["--time", "relative"], "UTC0"), ["[+0.000]", "[+0.500]", "[+1.500]", "[+9.750]"]);
    assert!(starts(&["--time", "none"], "UTC0")[0].starts_with("host.example/load"));
    for (arguments, expected) in [
        (&["--time", "epoch", "-o", "json"][..], "--time is for the formats blog, long and csv"),
        (&["-r", "-o", "putval"], "--rate does not go with them"),
        (&["--rejects", "-o", "graphite"], "--rejects does not go with them"),
        (&["--rejects", "-o", "raw"], "--rejects does not go with them"),
        (&["--time", "rfc"], "rfc3339"),
    ] {
        let output = run(&[&["decode"], arguments, &[&values]].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
        assert!(talk(&output).contains(expected), "{}", talk(&output));
    }
}

#[test]
fn colours_are_for_terminals_or_those_who_ask() {
    let directory = directory();
    let [values, notification] = packets(directory.path());
    let strip = |text: &str| {
        let mut pieces = text.split('\u{1b}');
        let first = pieces.next().unwrap_or_default().to_owned();
        pieces.fold(first, |text, piece| text + piece.split_once('m').expect("a colour ends").1)
    };
    for format in ["blog", "long"] {
        let plain = decode(&["-o", format, "--utc", &values, &notification]);
        let painted = decode(&["-o", format, "--utc", "--color", "always", &values, &notification]);
        assert!(!plain.contains('\u{1b}') && painted.contains('\u{1b}'));
        assert_eq!(strip(&painted), plain);
        assert_eq!(decode(&["-o", format, "--utc", "--color", "never", &values, &notification]), plain);
    }
    assert!(!decode(&["-o", "json", "--color", "always", &values]).contains('\u{1b}'));
}

#[test]
fn types_db_names_the_values() {
    let directory = directory();
    let [values, _] = packets(directory.path());
    let names = |arguments: &[&str]| {
        let output = run(&[&["decode", "-o", "{type} {ds}", "-f", "type != 'gauge'"], arguments, &[&values]].concat());
        assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
        let text = String::from_utf8(output.stdout.clone()).expect("UTF-8");
        (text.lines().map(str::to_owned).collect::<Vec<_>>(), talk(&output))
    };
    let numbered = ["load shortterm", "load midterm", "load longterm", "all4 0", "all4 1", "all4 2", "all4 3"];
    let (found, said) = names(&[]);
    assert_eq!(found, numbered);
    assert!(said.contains("warning: type 'all4' with 4 values is not known; the values get numbers"), "{said}");

    let own = write(directory.path(), "own.db", b"all4 c:COUNTER:U:U, g:GAUGE:U:U, d:DERIVE:U:U, a:ABSOLUTE:U:U\n");
    let (found, said) = names(&["--types-db", &own]);
    assert_eq!(found[3..], ["all4 c", "all4 g", "all4 d", "all4 a"]);
    assert!(!said.contains("warning"), "{said}");
    let json = decode(&["-o", "json", "--types-db", &own, &values]);
    assert!(json.contains(r#""dsnames":["c","g","d","a"]"#), "{json}");

    let other = write(directory.path(), "other.db", b"load a:GAUGE:0:U\nbroken line\nall4 x:GAUGE:0:U\n");
    let (found, said) = names(&["--types-db", &own, "--types-db", &other]);
    assert_eq!(found, ["load 0", "load 1", "load 2", "all4 0", "all4 1", "all4 2", "all4 3"]);
    assert!(said.contains("type 'load' has 3 values here and 1 in types.db"), "{said}");
    assert!(said.contains("other.db:2:8: expected name:KIND:least:greatest, found 'line'"), "{said}");

    let output = run(&["decode", "--types-db", "/nonexistent/types.db", &values]);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk(&output).contains("cannot read /nonexistent/types.db"), "{}", talk(&output));
}

#[test]
fn types_are_looked_up_and_checked() {
    let directory = directory();
    let good =
        write(directory.path(), "good.db", b"# mine\nfirst\tv:GAUGE:0:U\nsecond\tr:DERIVE:0:U, w:DERIVE:0:100\n");
    let output = run(&["types", "--types-db", &good, "second"]);
    assert_eq!(output.status.code(), Some(0), "{}", talk(&output));
    assert_eq!(String::from_utf8_lossy(&output.stdout), "second\tr:DERIVE:0:U, w:DERIVE:0:100\n");
    let output = run(&["types", "--types-db", &good, "secnd"]);
    assert_eq!((output.status.code(), &*output.stdout), (Some(1), &b""[..]));
    assert!(talk(&output).contains("no type 'secnd' in types.db, did you mean 'second'?"), "{}", talk(&output));
    let all = run(&["types", "--types-db", &good]);
    assert!(String::from_utf8_lossy(&all.stdout).contains("first\tv:GAUGE:0:U\n"));

    assert_eq!(run(&["types", "--lint", &good]).status.code(), Some(0));
    let bad = write(directory.path(), "bad.db", b"a v:GAUGE:0:U\nb v:GAUG:0:U\na v:GAUGE:0:U\nc v:GAUGE:9:1\n");
    let output = run(&["types", "--lint", &bad]);
    assert_eq!(output.status.code(), Some(2));
    let said = String::from_utf8_lossy(&output.stdout);
    let lines: Vec<_> = said.lines().map(|line| line.strip_prefix(&*bad).expect("the file")).collect();
    assert_eq!(
        lines,
        [
            ":2:5: expected GAUGE, COUNTER, DERIVE or ABSOLUTE, found 'GAUG', did you mean GAUGE?",
            ":3:1: warning: a is in line 1 already; this one counts",
            ":4:13: the greatest value, 1, is below the least, 9",
        ]
    );
    assert!(talk(&output).contains("1 types, 2 errors, 1 warnings"), "{}", talk(&output));
    assert_eq!(run(&["types", "--lint", "/nonexistent"]).status.code(), Some(2));
}
