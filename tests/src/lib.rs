//! What the tests that cross crates share: networks of their own, a real collectd, and the program under test.
//!
//! ```text
//! net        namespaces joined by veth pairs; sockets and programs inside them
//! collectd   a real collectd in a namespace, driven through its unixsock plugin
//! rate       what the programs that measure rates share
//! tap        collectd-tap in a namespace: what it prints, how it ends
//! terminal   a terminal for it, with keys pressed
//! heard      a packet for it, and the line that it prints
//! relayed    what relays are sent, and what they say in the end
//! recording  record and replay, and what is in the files
//! auth       files of users and passwords for it
//! json       what `-o json` prints, read back without losing a bit
//! files      recorded packets, and collectd-tap run on them
//! hostile    names that no honest sender would send
//! doctor     what collectd-tap doctor has found, and packets for it
//! board      an emulated board, its lines and its log
//! datagrams  the datagrams of files and folders
//! frame      Ethernet frames around them
//! second     another decoder, to compare core's with
//! ```
//!
//! Everything here waits for facts, never for a time: [`until`] polls and gives up loudly after [`PATIENCE`].

use std::{
    thread,
    time::{Duration, Instant},
};

pub mod auth;
pub mod board;
pub mod collectd;
pub mod datagrams;
pub mod doctor;
mod files;
pub mod frame;
pub mod heard;
pub mod hostile;
pub mod json;
pub mod net;
pub mod rate;
pub mod recording;
pub mod relayed;
pub mod second;
pub mod tap;
pub mod terminal;

pub use files::{capture, data, decode, decode_bad_packets, exact, hex, run, subcommands};

/// How long a test waits for something that must happen; it goes on as soon as it has happened.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// Polls until `done` is true.
///
/// # Panics
///
/// When `what` has not happened within [`PATIENCE`].
pub fn until(what: &str, done: impl FnMut() -> bool) {
    assert!(in_time(done), "still waiting after {PATIENCE:?}: {what}");
}

/// Polls until `done` is true, and tells whether that was within [`PATIENCE`].
pub fn in_time(done: impl FnMut() -> bool) -> bool {
    by(Instant::now() + PATIENCE, done)
}

/// Polls until `done` is true, and tells whether that was before the deadline.
pub fn by(deadline: Instant, mut done: impl FnMut() -> bool) -> bool {
    while !done() {
        if Instant::now() > deadline {
            return false;
        }
        thread::sleep(Duration::from_millis(20));
    }
    true
}
