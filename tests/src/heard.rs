//! A packet to send, and what is printed when it is heard.

use std::{
    net::SocketAddr,
    sync::atomic::{AtomicU8, Ordering},
    time::{Duration, Instant},
};

use crate::{
    PATIENCE, by,
    net::{GROUPS, Namespace, PORT, TO_RECEIVER},
    tap::Tap,
};

/// How long it may take until what is sent is heard again, after whatever has happened to the network.
pub const RECOVERY: Duration = Duration::from_secs(5);

/// A value list, sent by collectd 5.12: h, p, gauge, 42 at 1700005000.
pub const VALUE: [u8; 61] = [
    0x00, 0x00, 0x00, 0x06, b'h', 0, // host
    0x00, 0x08, 0x00, 0x0c, 0x19, 0x55, 0x01, 0x22, 0x00, 0x00, 0x00, 0x00, // time
    0x00, 0x09, 0x00, 0x0c, 0x00, 0x00, 0x00, 0x02, 0x80, 0x00, 0x00, 0x00, // interval
    0x00, 0x02, 0x00, 0x06, b'p', 0, // plugin
    0x00, 0x04, 0x00, 0x0a, b'g', b'a', b'u', b'g', b'e', 0, // type
    0x00, 0x06, 0x00, 0x0f, 0x00, 0x01, 0x01, 0, 0, 0, 0, 0, 0, 0x45, 0x40, // values
];

/// What is printed for [`VALUE`].
pub const LINE: &str = "[1700005000] h/p/gauge [(1, 42.0)]";

/// [`VALUE`] with another value, so that no two are the same.
#[must_use]
pub fn value(number: u16) -> Vec<u8> {
    let [high, low] = number.to_be_bytes();
    let mut packet = VALUE.to_vec();
    packet[53..55].copy_from_slice(&[low, high]);
    packet
}

/// [`VALUE`] of another host, and the line for it.
#[must_use]
pub fn of_host(host: u8) -> (Vec<u8>, String) {
    let mut packet = VALUE.to_vec();
    packet[4] = host;
    (packet, LINE.replace(" h/", &format!(" {}/", char::from(host))))
}

/// Sends to each of these addresses until that is printed, for what is sent before an interface is joined is lost.
pub fn hear(what: &str, tap: &Tap, sender: &Namespace, addresses: &[SocketAddr]) {
    hear_by(Instant::now() + PATIENCE, what, tap, sender, addresses);
}

/// [`hear`], not later than that.
pub fn hear_by(deadline: Instant, what: &str, tap: &Tap, sender: &Namespace, addresses: &[SocketAddr]) {
    static NEXT: AtomicU8 = AtomicU8::new(0);

    for address in addresses {
        // What is on its way from an earlier address must not be taken for this one's.
        let (packet, line) = of_host(b'a' + NEXT.fetch_add(1, Ordering::Relaxed) % 26);
        let count = || tap.lines().iter().filter(|printed| **printed == line).count();
        let before = count();
        let heard = by(deadline, || {
            sender.try_send(TO_RECEIVER, *address, &packet);
            count() > before
        });
        assert!(heard, "not heard in time, {what}: {address}\n{}", tap.talk());
    }
}

/// collectd's default groups and port.
#[must_use]
pub fn groups() -> [SocketAddr; 2] {
    GROUPS.map(|group| SocketAddr::new(group, PORT))
}
