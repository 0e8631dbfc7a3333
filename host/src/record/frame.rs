//! Packets as they stand in a capture: IP and UDP headers built again around what arrived.
//!
//! ```text
//! record      seconds(4) nanoseconds(4) captured length(4) original length(4) frame
//! ```

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The pcap magic of files with nanoseconds.
const MAGIC: u32 = 0xa1b2_3c4d;
/// IP packets without anything before them.
const RAW: u32 = 101;
/// Longer than any packet.
const SNAP_LENGTH: u32 = 262_144;
const UDP: u8 = 17;
const UDP_HEADER: usize = 8;
/// What senders mostly set, where it is not known what was left of it.
const HOP_LIMIT: u8 = 64;
/// Do not fragment.
const WHOLE: u16 = 0x4000;

/// The start of a capture.
pub(super) fn file_header() -> Vec<u8> {
    [MAGIC, 2 | 4 << 16, 0, 0, SNAP_LENGTH, RAW].map(u32::to_le_bytes).concat()
}

/// A packet that is to be recorded.
#[derive(Clone, Copy, Debug)]
pub struct Arrived<'a> {
    /// When it came, as the time since the start of 1970 in UTC.
    pub time: Duration,
    /// Who sent it.
    pub from: SocketAddr,
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// What was left of its hop limit.
    pub hop_limit: Option<u8>,
    /// What is here of it.
    pub octets: &'a [u8],
    /// How long it was.
    pub len: usize,
}

impl Arrived<'_> {
    /// Adds the record of this packet; whether there is one: addresses of two families, and lengths that no datagram has, make
    /// none.
    pub(super) fn record(&self, out: &mut Vec<u8>) -> bool {
        let Some(headers) = self.headers() else { return false };
        let captured = headers.len() + self.octets.len();
        let original = headers.len() + self.len;
        let seconds = u32::try_from(self.time.as_secs()).unwrap_or(u32::MAX);
        let words = [seconds, self.time.subsec_nanos(), captured as u32, original as u32];
        out.extend(words.map(u32::to_le_bytes).as_flattened());
        out.extend_from_slice(&headers);
        out.extend_from_slice(self.octets);
        true
    }

    /// The headers of IP and UDP.
    fn headers(&self) -> Option<Vec<u8>> {
        let length = u16::try_from(self.len + UDP_HEADER).ok()?;
        let hops = self.hop_limit.unwrap_or(HOP_LIMIT);
        let (mut headers, addresses) = match (self.from.ip(), self.to.ip()) {
            (IpAddr::V4(from), IpAddr::V4(to)) => {
                let total = length.checked_add(20)?;
                let words = [0x4500, total, 0, WHOLE, u16::from(hops) << 8 | u16::from(UDP), 0];
                let addresses = [from.octets(), to.octets()].concat();
                let mut header = [&words.map(u16::to_be_bytes).concat()[..], &addresses].concat();
                let sum = checksum(&[&header]).to_be_bytes();
                header[10..12].copy_from_slice(&sum);
                (header, addresses)
            }
            (IpAddr::V6(from), IpAddr::V6(to)) => {
                let [high, low] = length.to_be_bytes();
                let addresses = [from.octets(), to.octets()].concat();
                ([&[0x60, 0, 0, 0, high, low, UDP, hops][..], &addresses].concat(), addresses)
            }
            _ => return None,
        };
        let mut udp = [self.from.port(), self.to.port(), length, 0].map(u16::to_be_bytes).concat();
        // Of a packet that is not all here, nobody knows the sum; 0 stands for none.
        if self.octets.len() == self.len {
            let [high, low] = length.to_be_bytes();
            let sum = checksum(&[&addresses, &[0, UDP, high, low], &udp, self.octets]);
            let sum = if sum == 0 { 0xffff } else { sum };
            udp[6..8].copy_from_slice(&sum.to_be_bytes());
        }
        headers.extend_from_slice(&udp);
        Some(headers)
    }
}

/// The Internet checksum of pieces, all but the last of even length.
fn checksum(pieces: &[&[u8]]) -> u16 {
    let mut sum = 0_u64;
    for piece in pieces {
        let (pairs, rest) = piece.as_chunks::<2>();
        sum += pairs.iter().map(|pair| u64::from(u16::from_be_bytes(*pair))).sum::<u64>();
        sum += rest.first().map_or(0, |last| u64::from(*last) << 8);
    }
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::capture::Capture;

    #[test]
    fn what_is_recorded_is_read_back() {
        let long = vec![0xa5; 65_507];
        for (from, to, octets, len) in [
            ("10.0.0.1:1", "239.192.74.66:25826", &b"odd"[..], 3),
            ("[fd00::1]:1", "[ff18::efc0:4a42]:25826", b"even", 4),
            ("10.0.0.1:1", "10.0.0.2:25826", b"", 0),
            ("10.0.0.1:1", "10.0.0.2:25826", b"cut", 9),
            ("10.0.0.1:1", "10.0.0.2:25826", &long, long.len()),
        ] {
            let (from, to) = (from.parse().expect("an address"), to.parse().expect("an address"));
            let time = Duration::new(1_700_000_000, 123_456_789);
            let mut file = file_header();
            assert!(Arrived { time, from, to, hop_limit: Some(3), octets, len }.record(&mut file));
            let datagram = Capture::new(&file[..]).expect("a capture").next().expect("one").expect("whole");
            assert_eq!((datagram.from, datagram.to, datagram.time), (from, to, Some(time)));
            assert_eq!((&*datagram.payload, datagram.truncated), (octets, len > octets.len()));
        }
    }

    #[test]
    fn what_no_datagram_can_be_is_not_recorded() {
        let (v4, v6) = (SocketAddr::from(([10, 0, 0, 1], 1)), SocketAddr::from(([0_u16; 8], 1)));
        let mut arrived = Arrived { time: Duration::ZERO, from: v4, to: v6, hop_limit: None, octets: &[], len: 0 };
        assert!(!arrived.record(&mut Vec::new()));
        (arrived.to, arrived.len) = (v4, 65_508);
        assert!(!arrived.record(&mut Vec::new()));
    }

    #[test]
    fn checksums_are_those_of_rfc_1071() {
        let header = [0x45, 0, 0, 0x73, 0, 0, 0x40, 0, 0x40, 0x11, 0, 0, 0xc0, 0xa8, 0, 1, 0xc0, 0xa8, 0, 0xc7];
        assert_eq!(checksum(&[&header]), 0xb861);
        assert_eq!(checksum(&[&header[..10], &header[10..]]), 0xb861);
    }
}
