//! `collectd-tap replay`: when packets are sent, with which times, and what a terminal shows of it.

use std::{
    fs,
    net::SocketAddr,
    path::Path,
    process::Stdio,
    time::{SystemTime, UNIX_EPOCH},
};

use collectd_net::Time;
use collectd_net_tests::{
    capture,
    heard::value,
    net::{Net, PORT, RECEIVER, TO_RECEIVER},
    recording::{again, assert_same, folder, payloads, record, replay},
    tap::tap,
    until,
};

#[test]
fn paces_change_when_packets_are_sent_and_not_which_or_in_what_order() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("paced.pcap");
    let plain = capture("plain-ipv4.pcap");
    let to = SocketAddr::new(RECEIVER[0], PORT);
    for pace in [["--packet-rate", "2000/s"], ["--speed", "10000x"]] {
        again(&net, to, &plain, &file, &pace, &["--overwrite"]);
        assert_same(&payloads(&file), &payloads(&plain), pace[0]);
    }
    again(&net, to, &plain, &file, &["--speed", "1x", "--max-gap", "1ms"], &["--overwrite"]);
    assert_same(&payloads(&file), &payloads(&plain), "--max-gap");
}

#[test]
fn a_terminal_shows_a_bar_that_grows_and_nobody_else_sees_one() {
    let net = Net::new();
    let file = capture("small-packets.pcap");
    let packets = payloads(&file).len();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let _end = net.receiver.witness("lo", to);
    // It takes two seconds, in which the bar is drawn some times.
    let rate = format!("{}/s", packets / 2);
    let words = format!("{} replay --no-config -S {to} --packet-rate {rate}", tap().display());
    let on_terminal = |line: &str| {
        let mut command = net.sender.command("script");
        command.args(["-qec", line, "/dev/null"]).env("TERM", "xterm").env("COLUMNS", "100");
        let output = command.output().expect("it is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let percents = |said: &str| -> Vec<u64> {
        let bars = said.split('[').filter_map(|rest| rest.split_once(']')).filter(|(bar, _)| bar.len() == 30);
        let numbers = bars.filter_map(|(_, rest)| rest.split_once('%')?.0.trim().parse().ok());
        numbers.collect()
    };
    let said = on_terminal(&format!("{words} {}", file.display()));
    let grown = percents(&said);
    assert!(grown.is_sorted() && grown.len() >= 2 && grown.first() < grown.last(), "{grown:?}: {said:?}");
    assert!(said.contains("packets sent, 0 failed") && said.contains("[=>"), "{said:?}");
    // Where the end is not known, it counts.
    let said = on_terminal(&format!("cat {} | {words} -", file.display()));
    assert!(percents(&said).is_empty() && said.contains("packets sent, 0 failed"), "{said:?}");
    // Where there is no terminal, the counts are told in the end.
    let output = replay(&net, to, &file, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains('%') && said.contains(&format!("{packets} packets replayed")), "{said}");
}

#[test]
fn a_terminal_shows_how_far_a_recording_is() {
    let net = Net::new();
    let folder = folder();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    // One with a known end, and one that ends when nothing comes any more.
    for (end, shown) in [("--count 3", "%"), ("--idle-timeout 500ms", " lost")] {
        let file = folder.path().join("shown.pcap");
        let line = format!("{} record --no-config -L {to} --overwrite {end} {}", tap().display(), file.display());
        let mut command = net.receiver.command("script");
        command.args(["-qec", &line, "/dev/null"]).env("TERM", "xterm").env("COLUMNS", "100");
        let mut recording = command.stdout(Stdio::piped()).spawn().expect("it is installed");
        let mut sent = 0;
        until("the end of the recording", || {
            // Until as many are certainly there.
            if sent < 3 || fs::metadata(&file).is_err() || end.starts_with("--count") {
                net.sender.send(TO_RECEIVER, to, &value(sent));
                sent += 1;
            }
            recording.try_wait().expect("the child is ours").is_some()
        });
        let output = recording.wait_with_output().expect("the child is ours");
        let said = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(said.contains("0 packets, 0 lost") && said.contains(shown), "{said:?}");
        assert_eq!(said.contains('%'), end.starts_with("--count"), "{said:?}");
    }
}

/// The times of all items, in units of 2⁻³⁰ s, and everything else about them.
fn times(file: &Path) -> (Vec<i128>, Vec<String>) {
    let mut times = Vec::new();
    let mut rest = Vec::new();
    for packet in collectd_net_tests::exact(file, &[]) {
        for mut item in packet["items"].as_array().expect("a list of items").clone() {
            let time = item["time"].take();
            times.push(i128::from(time.as_u64().expect("64 bits")));
            rest.push(item.to_string());
        }
    }
    (times, rest)
}

#[test]
fn shifted_times_begin_now_and_keep_their_distances() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("shifted.pcap");
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let now = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        i128::from(Time::try_from(now).expect("a time of collectd's").raw())
    };
    for set in ["plain-ipv4.pcap", "notifications.pcap", "fleet-50.pcap"] {
        let before = now();
        again(&net, to, &capture(set), &file, &["--shift-time"], &["--overwrite"]);
        let after = now();
        let (recorded, sent) = (times(&file), times(&capture(set)));
        assert!(recorded.0.len() > 50 && recorded.0.len() == sent.0.len());
        assert!((before..=after).contains(&recorded.0[0]), "{set}: {before} {} {after}", recorded.0[0]);
        let by = recorded.0[0] - sent.0[0];
        assert!(recorded.0.iter().zip(&sent.0).all(|(recorded, sent)| recorded - sent == by), "{set}");
        assert_eq!(recorded.1, sent.1, "{set}");
    }
}

#[test]
fn sealed_packets_keep_their_times_and_are_counted() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("sealed.pcap");
    let to = SocketAddr::new(RECEIVER[1], PORT);
    for set in ["signed.pcap", "encrypted.pcap"] {
        let sent = payloads(&capture(set));
        let recorder = record(&net, to, &file, &["--overwrite", "--count", &sent.len().to_string()]);
        let output = replay(&net, to, &capture(set), &["--shift-time"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!(", {} sealed, whose times stay as they are", sent.len())), "{said}");
        assert_eq!(said.matches("warning: signed and encrypted packets keep the times").count(), 1, "{said}");
        assert_eq!(recorder.wait().code, Some(0));
        assert_same(&payloads(&file), &sent, set);
    }
}
