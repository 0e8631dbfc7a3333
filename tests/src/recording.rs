//! `collectd-tap record` and `replay` in tests, and what is in the files.

use std::{
    fs,
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Output,
};

use tempfile::TempDir;

use crate::{
    datagrams::datagrams,
    net::{Net, TO_RECEIVER, TO_SENDER},
    tap::{Ended, Tap, tap},
};

/// A folder for recordings.
pub fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory is to be had")
}

/// A path as a word of a command line.
pub fn name(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An address with the interface that a group needs.
pub fn on(to: SocketAddr, interface: &str) -> String {
    if to.ip().is_multicast() { format!("{to}%{interface}") } else { to.to_string() }
}

/// Starts to record what is sent to this address.
pub fn record(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Tap {
    Tap::start(&net.receiver, &[&["record", "-L", &on(to, TO_SENDER), name(file)], more].concat())
}

/// Replays as fast as it goes, unless `more` says something else.
pub fn replay(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Output {
    let pace = if more.iter().any(|word| ["--speed", "--packet-rate"].contains(word)) { &[][..] } else { &MAX };
    let server = on(to, TO_RECEIVER);
    net.sender.run(tap(), &[&["replay", "-S", &server, name(file)], pace, more].concat())
}

const MAX: [&str; 2] = ["--packet-rate", "max"];

/// Replays a file into a recorder of as many packets as it has.
pub fn again(net: &Net, to: SocketAddr, from: &Path, into: &Path, replaying: &[&str], recording: &[&str]) -> Ended {
    let count = payloads(from).len().to_string();
    let recorder = record(net, to, into, &[&["--count", &count], recording].concat());
    let replayed = replay(net, to, from, replaying);
    assert!(replayed.status.success(), "{from:?}: {}", String::from_utf8_lossy(&replayed.stderr));
    let ended = recorder.wait();
    assert_eq!((ended.code, ended.count("packet")), (Some(0), count.parse().expect("a number")), "{}", ended.talk);
    ended
}

/// The payloads of a capture, as far as they are whole.
pub fn payloads(file: &Path) -> Vec<Vec<u8>> {
    let datagrams = datagrams(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    datagrams.into_iter().filter(|datagram| !datagram.truncated).map(|datagram| datagram.payload).collect()
}

/// Compares without printing everything.
pub fn assert_same(left: &[Vec<u8>], right: &[Vec<u8>], what: &str) {
    let place = left.iter().zip(right).position(|(left, right)| left != right);
    assert_eq!((left.len(), place), (right.len(), None), "{what}");
}

/// The files of a folder, by name.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is ours");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("one").path()).collect();
    files.sort();
    files
}
