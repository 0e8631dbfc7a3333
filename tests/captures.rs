//! Recorded traffic of real senders, decoded by the program and compared with what a real collectd made of it;
//! `data/captures/README.md`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs::{self, File};

use collectd_net_tests::{capture, data, decode, exact, hex};
use collectd_tap::capture::Capture;
use serde_json::Value;

/// One item, in the form of the truth: fields without what tells nothing about the item.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Record {
    Values { names: [String; 5], time: u64, interval: u64, user: String, values: Vec<(u64, String)> },
    Notification { names: [String; 5], time: u64, severity: u64, message: String },
}

/// The truth of a capture. Names are hexadecimal octets.
fn truth(name: &str) -> Vec<Record> {
    let text = fs::read(capture(&format!("{name}.truth.tsv"))).expect("a truth");
    let lines = text.split(|octet| *octet == b'\n').filter(|line| !line.is_empty());
    lines.map(|line| truth_record(&line.split(|octet| *octet == b'\t').collect::<Vec<_>>())).collect()
}

fn truth_record(columns: &[&[u8]]) -> Record {
    let number = |column: usize| {
        u64::from_str_radix(std::str::from_utf8(columns[column]).expect("digits"), 16).expect("hexadecimal")
    };
    let names = std::array::from_fn(|place| hex(&unescaped(columns[place + 1])));
    match columns[0] {
        b"V" => {
            let values = columns[11..].iter().map(|value| {
                let (kind, bits) = std::str::from_utf8(value).expect("ASCII").split_once(':').expect("kind and bits");
                ("cgda".find(kind).expect("a kind") as u64, bits.to_owned())
            });
            let values: Vec<_> = values.collect();
            assert_eq!(columns[10], values.len().to_string().as_bytes());
            Record::Values { names, time: number(6), interval: number(7), user: hex(columns[8]), values }
        }
        b"N" => {
            Record::Notification { names, time: number(6), severity: number(7), message: hex(&unescaped(columns[8])) }
        }
        other => panic!("a line of type {other:?}"),
    }
}

/// The truth writes octets that would disturb its columns as `\xNN`.
fn unescaped(text: &[u8]) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text;
    while let Some((&octet, behind)) = rest.split_first() {
        if octet == b'\\' {
            let digits = std::str::from_utf8(&behind[1..3]).expect("two digits");
            octets.push(u8::from_str_radix(digits, 16).expect("hexadecimal"));
            rest = &behind[3..];
        } else {
            octets.push(octet);
            rest = behind;
        }
    }
    octets
}

/// An item of the format `exact`.
fn record(item: &Value) -> Record {
    let text = |key: &str| item[key].as_str().expect("a string").to_owned();
    let names = ["host", "plugin", "plugin_instance", "type", "type_instance"].map(text);
    let time = item["time"].as_u64().expect("a time");
    if item["kind"] == "notification" {
        let severity = item["severity"].as_u64().expect("a severity");
        return Record::Notification { names, time, severity, message: text("message") };
    }
    let values = item["values"].as_array().expect("values").iter();
    let values = values.map(|value| (value[0].as_u64().expect("a kind"), value[1].as_str().expect("bits").to_owned()));
    let user = item["user"].as_str().unwrap_or_default().to_owned();
    Record::Values { names, time, interval: item["interval"].as_u64().unwrap_or(0), user, values: values.collect() }
}

fn decoded(name: &str, arguments: &[&str]) -> Vec<Record> {
    exact(&capture(&format!("{name}.pcap")), arguments)
        .iter()
        .flat_map(|packet| packet["items"].as_array().expect("items").iter().map(record).collect::<Vec<_>>())
        .collect()
}

/// Decodes to exactly its truth, in the order of the packets.
#[track_caller]
fn decodes_to_its_truth(name: &str, truth_name: &str, arguments: &[&str]) {
    let (decoded, truth) = (decoded(name, arguments), truth(truth_name));
    for (place, (ours, theirs)) in decoded.iter().zip(&truth).enumerate() {
        assert_eq!(ours, theirs, "item {place} of {name}");
    }
    assert_eq!(decoded.len(), truth.len(), "items of {name}");
    assert!(!truth.is_empty());
}

/// With the keys of `users.auth`.
fn with_keys<'a>(level: &'a str, file: &'a str) -> [&'a str; 4] {
    ["--auth-file", file, "--security-level", level]
}

fn users() -> String {
    capture("users.auth").to_str().expect("a path in UTF-8").to_owned()
}

#[test]
fn plain_ipv4() {
    decodes_to_its_truth("plain-ipv4", "plain-ipv4", &[]);
}

#[test]
fn plain_ipv6() {
    decodes_to_its_truth("plain-ipv6", "plain-ipv6", &[]);
}

#[test]
fn unicast() {
    decodes_to_its_truth("unicast", "unicast", &[]);
}

#[test]
fn signed() {
    decodes_to_its_truth("signed", "signed", &with_keys("sign", &users()));
}

#[test]
fn encrypted() {
    decodes_to_its_truth("encrypted", "encrypted", &with_keys("encrypt", &users()));
}

#[test]
fn notifications() {
    decodes_to_its_truth("notifications", "notifications", &[]);
}

#[test]
fn all_data_types() {
    decodes_to_its_truth("all-data-types", "all-data-types", &[]);
}

#[test]
fn fleet_50() {
    decodes_to_its_truth("fleet-50", "fleet-50", &[]);
}

#[test]
fn traffic_generator() {
    decodes_to_its_truth("traffic-generator", "traffic-generator", &[]);
}

#[test]
fn small_packets() {
    decodes_to_its_truth("small-packets", "small-packets", &[]);
}

#[test]
fn fragmented() {
    decodes_to_its_truth("fragmented", "fragmented", &[]);
}

#[test]
fn old_4_10() {
    decodes_to_its_truth("old-4.10", "old-4.10", &with_keys("none", &users()));
}

#[test]
fn other_senders() {
    decodes_to_its_truth("other-senders", "other-senders", &with_keys("none", &users()));
}

#[test]
fn auth_mixed_with_keys_at_each_level() {
    for level in ["none", "sign", "encrypt"] {
        decodes_to_its_truth("auth-mixed", &format!("auth-mixed.{level}"), &with_keys(level, &users()));
    }
}

#[test]
fn auth_mixed_without_keys() {
    decodes_to_its_truth("auth-mixed", "auth-mixed.noauthfile", &[]);
}

/// IGMP and MLD only: no packet of collectd, and nothing to complain about.
#[test]
fn join_has_no_packets() {
    assert!(exact(&capture("join.pcap"), &[]).is_empty());
}

/// Every datagram, reassembled where it came in fragments, has the source and length that other tools saw.
#[test]
fn datagrams_of_captures_are_whole() {
    let mut datagrams = 0;
    for entry in fs::read_dir(capture(".")).expect("the captures") {
        let path = entry.expect("an entry").path();
        if !path.to_str().is_some_and(|path| path.ends_with(".packets.tsv")) {
            continue;
        }
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name in UTF-8");
        let name = name.split(".packets").next().expect("a first piece").split(".no").next().expect("a first piece");
        let read = Capture::new(File::open(capture(&format!("{name}.pcap"))).expect("a capture")).expect("a capture");
        let seen = read.map(|datagram| {
            let datagram = datagram.expect("a datagram");
            (datagram.from.ip().to_string(), datagram.payload.len().to_string())
        });
        let table = fs::read_to_string(&path).expect("a table");
        let expected = table.lines().skip(1).map(|line| {
            let mut columns = line.split('\t').skip(1);
            (columns.next().expect("a source").to_owned(), columns.next().expect("a length").to_owned())
        });
        let expected: Vec<_> = expected.collect();
        datagrams += expected.len();
        assert_eq!(seen.collect::<Vec<_>>(), expected, "{name}");
    }
    assert!(datagrams > 1000);
}

/// The same packets in the wrappings of other links and in other file formats are the same packets.
#[test]
fn link_types_and_file_formats_do_not_matter() {
    let items = |file: &str, packets: usize| -> Vec<Value> {
        let packets: Vec<_> = exact(&data(file), &[]).into_iter().take(packets).collect();
        packets.into_iter().map(|packet| packet["items"].clone()).collect()
    };
    let six = items("captures/small-packets.pcap", 6);
    for (file, families) in [("sll", 2), ("sll2", 2), ("raw", 2), ("vlan", 1), ("vlan-in-vlan", 1)] {
        assert_eq!(
            items(&format!("link-types/{file}.pcap"), usize::MAX),
            vec![six.clone(); families].concat(),
            "{file}"
        );
    }
    let all = items("captures/small-packets.pcap", usize::MAX);
    for file in ["small-packets.pcapng", "small-packets.nsec.pcap"] {
        assert_eq!(items(&format!("link-types/{file}"), usize::MAX), all, "{file}");
    }
}

/// What the daemon does to a value list behind the parser (`WIRE §6.3`, `§13`): types.db decides about kinds, the interval
/// defaults to its own, and slashes become underscores. It hands lists over to another thread, and notifications not.
fn as_dispatched(records: Vec<Record>) -> Vec<Record> {
    let types = BTreeMap::from([(hex(b"gauge"), 1), (hex(b"load"), 3)]);
    let mut dispatched: Vec<_> = records
        .into_iter()
        .filter_map(|record| match record {
            Record::Values { names, time, interval, user, values } => {
                (types.get(&names[3]) == Some(&values.len())).then_some(())?;
                let interval = if interval == 0 { 10 << 30 } else { interval };
                let names = names.map(|name| name.replace(&hex(b"/"), &hex(b"_")));
                let values = values.into_iter().map(|(_, bits)| (1, bits)).collect();
                Some(Record::Values { names, time, interval, user, values })
            }
            notification @ Record::Notification { .. } => Some(notification),
        })
        .collect();
    dispatched.sort();
    dispatched
}

/// Where we keep something else of a broken packet than the daemon does, the table says so and why; everywhere else we agree,
/// once what the daemon does behind its parser is done to our items too.
#[test]
fn malformed_differs_from_the_daemon_only_where_it_is_explained() {
    let cases = fs::read_to_string(capture("malformed.cases.tsv")).expect("the cases");
    let explained = fs::read_to_string(capture("malformed.differences.tsv")).expect("the differences");
    let explained: BTreeMap<&str, &str> = explained
        .lines()
        .skip(1)
        .map(|line| line.split_once('\t').expect("two columns"))
        .inspect(|(packet, reason)| assert!(!reason.is_empty(), "packet {packet}"))
        .collect();
    let packets = exact(&capture("malformed.pcap"), &[]);
    let mut truth = truth("malformed").into_iter();
    let mut differing = BTreeSet::new();
    let cases: Vec<&str> = cases.lines().skip(1).collect();
    assert_eq!(packets.len(), cases.len());
    for (case, packet) in cases.into_iter().zip(&packets) {
        let mut columns = case.split('\t');
        let number = columns.next().expect("a number");
        let kept = columns.nth(2).expect("what the daemon kept");
        let (lists, notifications) = kept.split_once('/').expect("lists and notifications");
        let kept = lists.parse::<usize>().expect("a number") + notifications.parse::<usize>().expect("a number");
        let mut theirs: Vec<_> = truth.by_ref().take(kept).collect();
        theirs.sort();
        let ours = packet["items"].as_array().expect("items").iter().map(record).collect();
        if as_dispatched(ours) != theirs {
            differing.insert(number);
        }
    }
    assert_eq!(truth.next(), None);
    assert_eq!(differing, explained.keys().copied().collect(), "packets where we differ, and packets explained");
}

/// What is refused of the broken packets is said, by cause; what is merely odd is not refused.
#[test]
fn malformed_is_refused_by_its_damage() {
    let output = decode(&["--rejects", "-o", "json", capture("malformed.pcap").to_str().expect("a path")]);
    let mut causes: BTreeMap<String, usize> = BTreeMap::new();
    for line in output.lines() {
        let line: Value = serde_json::from_str(line).expect("JSON");
        if line["kind"] == "reject" {
            *causes.entry(line["cause"].as_str().expect("a word").to_owned()).or_default() += 1;
        }
    }
    for cause in [
        "part-length",
        "string-empty",
        "string-unterminated",
        "number-length",
        "values-length",
        "no-values",
        "unknown-kind",
        "incomplete",
        "time-range",
        "severity",
        "empty-message",
        "stray",
        "padding",
        "truncated",
        "seal-length",
        "no-keys",
    ] {
        assert!(causes.contains_key(cause), "{cause} in {causes:?}");
    }
}
