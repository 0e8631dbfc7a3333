//! Hosts that come and go, as `listen --presence` tells of them.

use std::net::SocketAddr;

use collectd_net::{Encoder, Identifier, Interval, Text, Time, Value};
use collectd_net_tests::{
    collectd::{Block, Collectd, HOST},
    hostile,
    json::Object,
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER},
    tap::Tap,
    until,
};

/// A collectd that measures twice a second.
fn busy(net: &Net) -> Collectd {
    let plugins =
        ["cpu", "load", "memory"].map(|plugin| format!("<LoadPlugin {plugin}>\n  Interval 0.5\n</LoadPlugin>\n"));
    let group = [Block::server(GROUPS[0], PORT).interface(TO_RECEIVER)];
    Collectd::start_with(&net.sender, &group, &plugins.concat())
}

/// The changes of a host so far, in order.
fn changes(tap: &Tap, host: &str) -> Vec<String> {
    let objects = tap.lines().into_iter().filter(|line| line.contains(r#","presence":""#));
    let of_host = objects.map(|line| Object::read(&line)).filter(|object| object.text("host") == host);
    of_host.map(|object| object.text("presence")).collect()
}

/// Waits until a change of collectd's host is told.
fn wait_for(tap: &Tap, word: &str, collectd: Option<&Collectd>) {
    until(&format!("the host to be {word}"), || {
        collectd.iter().for_each(|collectd| collectd.flush());
        changes(tap, HOST).iter().any(|change| change == word)
    });
}

#[test]
fn a_collectd_that_ends_is_missing_and_one_that_starts_again_is_back() {
    for workers in ["1", "4"] {
        let net = Net::new();
        let tap = Tap::start(&net.receiver, &["listen", "--presence", "-o", "json", "--workers", workers]);
        let collectd = busy(&net);
        wait_for(&tap, "new", Some(&collectd));
        // Long enough for its socket to be one that was meant to stay.
        let of_it = |line: &String| line.contains(r#""kind":"values""#);
        until("several packets", || {
            collectd.flush();
            tap.lines().iter().filter(|line| of_it(line)).count() > 100
        });
        drop(collectd);
        wait_for(&tap, "missing", None);
        let collectd = busy(&net);
        wait_for(&tap, "restarted", Some(&collectd));
        drop(collectd);
        let ended = tap.interrupt();
        let lines: Vec<_> = ended.lines.iter().filter(|line| line.contains(r#","presence":""#)).collect();
        let told: Vec<_> = lines.iter().map(|line| Object::read(line).text("presence")).collect();
        assert_eq!(told, ["new", "missing", "back", "restarted"], "{lines:#?}");
        let missing = Object::read(lines[1]);
        for (key, value) in [
            ("kind", "notification"),
            ("plugin", "collectd-tap"),
            ("plugin_instance", "presence"),
            ("type", ""),
            ("severity", "failure"),
            ("security", "none"),
            ("from", "null"),
        ] {
            assert_eq!(missing.text(key), value, "{key} of {}", lines[1]);
        }
        assert!(missing.text("message").starts_with("missing: nothing heard for "), "{}", lines[1]);
        assert!(missing.text("message").ends_with(" s, at an interval of 0.5 s"), "{}", lines[1]);
        assert!(lines[3].contains("restarted: sends from port "), "{}", lines[3]);
        assert_eq!(ended.code, Some(0));
    }
}

/// A value list of a host, measured now by a clock that is so many seconds off.
fn packet(host: Text<'_>, off: i64, interval: u64) -> Vec<u8> {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("after 1970");
    let time = Time::from_secs(now.as_secs().wrapping_add_signed(off)).expect("in range");
    let identifier = Identifier { host, plugin: "p".into(), type_: "gauge".into(), ..Identifier::default() };
    let mut buffer = [0; 1452];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.value_list(&identifier, time, Interval::from_secs(interval), [Value::Gauge(1.0)]).expect("room");
    encoder.packet().to_vec()
}

fn send(net: &Net, datagrams: &[Vec<u8>]) {
    net.sender.send_all(TO_RECEIVER, SocketAddr::new(RECEIVER[0], PORT), datagrams);
}

#[test]
fn every_format_marks_what_nobody_has_sent() {
    for (format, mark) in [
        ("blog", "[presence] ["),
        ("long", "[presence] "),
        ("json", r#","from":null,"presence":"new"}"#),
        ("csv", "presence,"),
        ("influx", "presence,host=h,plugin=collectd-tap,instance=presence,severity=okay message="),
        ("putval", r#"PUTNOTIF severity=okay time="#),
        ("{host} {message} from={from}", "h new: first heard from "),
    ] {
        let net = Net::new();
        let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "--presence", "-o", format]);
        // Somebody says the same.
        let forged = {
            let identifier = Identifier {
                host: "h".into(),
                plugin: "collectd-tap".into(),
                plugin_instance: "presence".into(),
                ..Identifier::default()
            };
            let mut buffer = [0; 1452];
            let mut encoder = Encoder::new(&mut buffer);
            let (time, severity) = (Time::from_secs(1_700_000_000).expect("in range"), collectd_net::Severity::Okay);
            encoder.notification(&identifier, time, severity, "new: first heard from 10.9.9.9:1".into()).expect("room");
            encoder.packet().to_vec()
        };
        send(&net, &[forged, packet("h".into(), 0, 10)]);
        until("the change", || tap.lines().iter().any(|line| line.contains("first heard from 10.99.0.1:")));
        let ended = tap.interrupt();
        let text = ended.lines.join("\n");
        let marked = ended.lines.iter().filter(|line| match format {
            "json" => line.contains(mark),
            "putval" => line.starts_with(mark) && line.ends_with(" s:presence=new"),
            "{host} {message} from={from}" => line.starts_with(mark) && line.ends_with(" from="),
            _ => line.starts_with(mark),
        });
        assert_eq!(marked.count(), 1, "{format}: {text}");
    }
}

#[test]
fn hosts_are_watched_whatever_is_printed_and_filters_are_for_changes_too() {
    let net = Net::new();
    let arguments = ["listen", "-L", "10.99.0.2", "--presence", "-f", r#"host == "b" and plugin == "collectd-tap""#];
    let tap = Tap::start(&net.receiver, &[&arguments[..], &["--max-skew", "1m", "-o", "{host} {message}"]].concat());
    send(&net, &[packet("a".into(), 0, 10), packet("b".into(), 600, 10)]);
    send(&net, &[packet("b".into(), 601, 10)]);
    let lines = tap.wait_for(2, || {});
    assert!(lines[0].starts_with("b new: first heard from 10.99.0.1:"), "{lines:#?}");
    assert!(lines[1].starts_with("b clock is wrong: ") && lines[1].ends_with(" s ahead"), "{lines:#?}");
    assert_eq!(tap.interrupt().lines.len(), 2);
}

#[test]
fn hosts_that_are_too_many_are_counted_and_cost_no_item() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "--presence", "--max-hosts", "2"]);
    let names = ["a", "b", "c", "d"];
    send(&net, &names.map(|name| packet(name.into(), 0, 10)));
    tap.wait_for(6, || {});
    let ended = tap.interrupt();
    assert_eq!(ended.lines.iter().filter(|line| line.starts_with("[presence] ")).count(), 2, "{:#?}", ended.lines);
    let lost = "2 value lists of hosts that are not watched: too many (see --max-hosts)";
    assert!(ended.talk.contains(lost), "{}", ended.talk);
}

#[test]
fn hostile_names_of_hosts_are_harmless() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "--presence", "--only", "notifications"]);
    let texts = hostile::texts();
    let texts: Vec<_> = texts.iter().step_by(9).chain(texts.iter().rev().take(30)).collect();
    for chunk in texts.chunks(100) {
        let datagrams: Vec<_> = chunk.iter().map(|text| packet(Text::new(text), 0, 10)).collect();
        send(&net, &datagrams);
    }
    // Some are taken twice.
    let mut distinct = texts.clone();
    distinct.sort();
    distinct.dedup();
    let lines = tap.wait_for(distinct.len(), || {});
    assert_eq!(lines.len(), distinct.len());
    for line in lines {
        assert!(line.starts_with("[presence] [") && !line.chars().any(collectd_net::text::is_unsafe), "{line:?}");
    }
}
