//! `collectd-tap record` and `replay`: what is recorded is what was sent, for collectd, tshark and gzip too; what a file does not
//! hold is counted.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
};

use collectd_net_tests::{
    data,
    datagrams::datagrams,
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER},
    tap::{Ended, Tap, tap},
};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory is to be had")
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An address with the interface that a group needs.
fn on(to: SocketAddr, interface: &str) -> String {
    if to.ip().is_multicast() { format!("{to}%{interface}") } else { to.to_string() }
}

fn record(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Tap {
    Tap::start(&net.receiver, &[&["record", "-L", &on(to, TO_SENDER), name(file)], more].concat())
}

/// Replays as fast as it goes, unless `more` says something else.
fn replay(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Output {
    let pace = if more.iter().any(|word| ["--speed", "--packet-rate"].contains(word)) { &[][..] } else { &MAX };
    let server = on(to, TO_RECEIVER);
    net.sender.run(tap(), &[&["replay", "-S", &server, name(file)], pace, more].concat())
}

const MAX: [&str; 2] = ["--packet-rate", "max"];

/// Replays a file into a recorder of as many packets as it has.
fn again(net: &Net, to: SocketAddr, from: &Path, into: &Path, replaying: &[&str], recording: &[&str]) -> Ended {
    let count = payloads(from).len().to_string();
    let recorder = record(net, to, into, &[&["--count", &count], recording].concat());
    let replayed = replay(net, to, from, replaying);
    assert!(replayed.status.success(), "{from:?}: {}", String::from_utf8_lossy(&replayed.stderr));
    let ended = recorder.wait();
    assert_eq!((ended.code, ended.count("packet")), (Some(0), count.parse().expect("a number")), "{}", ended.talk);
    ended
}

/// The payloads of a capture, as far as they are whole.
fn payloads(file: &Path) -> Vec<Vec<u8>> {
    let datagrams = datagrams(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    datagrams.into_iter().filter(|datagram| !datagram.truncated).map(|datagram| datagram.payload).collect()
}

/// Compares without printing everything.
fn assert_same(left: &[Vec<u8>], right: &[Vec<u8>], what: &str) {
    let place = left.iter().zip(right).position(|(left, right)| left != right);
    assert_eq!((left.len(), place), (right.len(), None), "{what}");
}

/// The captures of senders, all but the one without packets for collectd.
fn captures() -> Vec<PathBuf> {
    let entries =
        fs::read_dir(data("captures")).expect("the folder of captures").map(|entry| entry.expect("one").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "pcap")).collect();
    files.retain(|path| !path.ends_with("join.pcap"));
    files.sort();
    assert!(files.len() >= 14);
    files
}

#[test]
fn what_is_recorded_replayed_and_recorded_again_is_the_same_in_the_same_order() {
    let net = Net::new();
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    for capture in captures() {
        for family in [0, 1] {
            let [group, host] = [GROUPS, RECEIVER].map(|addresses| SocketAddr::new(addresses[family], PORT));
            again(&net, group, &capture, &file("first.pcap"), &[], &["--overwrite"]);
            again(&net, host, &file("first.pcap"), &file("second.pcap"), &[], &["--overwrite"]);
            let sent = payloads(&capture);
            assert!(sent.len() >= 10, "{capture:?}");
            assert_same(&payloads(&file("first.pcap")), &sent, &format!("{capture:?} to {group}"));
            assert_same(&payloads(&file("second.pcap")), &sent, &format!("{capture:?} to {host}"));
        }
    }
}
