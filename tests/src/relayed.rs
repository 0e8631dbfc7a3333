//! What relays are sent in tests, and what they say in the end.

use std::net::{SocketAddr, UdpSocket};

use crate::tap::Ended;

/// The address of the third namespace.
pub const THIRD: [&str; 2] = ["10.99.1.1", "fd99:1::1"];

/// Items of all kinds: what is put into the first collectd.
pub const COMMANDS: [&str; 8] = [
    "PUTVAL alpha.example.net/p-pi/counter-ti 1700000000:18446744073709551615",
    "PUTVAL alpha.example.net/p/derive interval=2.5 1700000000.123456789:-9223372036854775808",
    "PUTVAL alpha.example.net/p/absolute interval=0.001 1700000000.5:9007199254740993",
    "PUTVAL alpha.example.net/load/load interval=60 1700000001:0.1:U:1e-300",
    "PUTVAL \"βeta host.example.net/wärme pumpe-keller west/temperature-\\\"links\\\"\" 1700000002:-0.0",
    "PUTVAL alpha.example.net/interface-eth0/if_octets 1700000001:1:9223372036854775807",
    "PUTNOTIF severity=failure time=1700000003 message=\"the roof is on fire\"",
    "PUTNOTIF severity=warning time=1700000003.25 host=alpha.example.net plugin=load type=load message=\"90 °C\"",
];

/// The number in front of `what` in a line of the last words.
pub fn number(line: &str, what: &str) -> u64 {
    let Some(place) = line.find(what) else { return 0 };
    let before = line[..place].trim_end().rsplit([' ', ',']).next();
    before.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number of {what} in {line:?}"))
}

/// What a relay said last about what arrived, and about the destination of this address.
pub fn last_words<'a>(ended: &'a Ended, server: &str) -> [&'a str; 2] {
    let find = |start: &str| ended.talk.lines().rev().find(|line| line.contains(start));
    let arrived = find(" packets arrived").unwrap_or_else(|| panic!("no last words: {}", ended.talk));
    let sent = find(&format!("to {server}: ")).unwrap_or_else(|| panic!("nothing of {server}: {}", ended.talk));
    [arrived, sent]
}

/// Takes what has come to a socket by now.
pub fn take(socket: &UdpSocket, datagrams: &mut Vec<Vec<u8>>) {
    let mut buffer = [0; 65_535];
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
}

/// An address and a port.
///
/// # Panics
///
/// When it is no address.
pub fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}
