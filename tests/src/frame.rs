//! Ethernet frames around a datagram, as a host on the LAN would send them to collectd's groups.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use crate::net::GROUPS;

/// Octets of an IP packet that a frame has room for.
pub const MTU: usize = 1500;
/// The longest datagram that travels in one frame over IPv6, which we do not fragment.
pub const LONGEST_V6: usize = MTU - 40 - 8;

/// Who sends.
pub const SENDER_V4: Ipv4Addr = Ipv4Addr::new(10, 0, 0, 1);
/// Who sends.
pub const SENDER_V6: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const SENDER_MAC: [u8; 6] = [2, 0, 0, 0, 0, 1];
const SENDER_PORT: u16 = 40_000;
const UDP: u8 = 17;

/// The IP version that a datagram travels over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// To the IPv4 group.
    V4,
    /// To the IPv6 group.
    V6,
}

/// The frames that carry `payload` to a port of collectd's group; several if it has to be fragmented.
///
/// `number` tells fragmented datagrams apart.
///
/// # Panics
///
/// When it is longer than UDP can carry, or, over IPv6, than one frame can.
#[must_use]
pub fn frames(family: Family, port: u16, number: u16, payload: &[u8]) -> Vec<Vec<u8>> {
    let [IpAddr::V4(group4), IpAddr::V6(group6)] = GROUPS else { panic!("one group of each family") };
    let mut udp = [SENDER_PORT, port, length(payload.len() + 8), 0].map(u16::to_be_bytes).concat();
    udp.extend(payload);
    match family {
        Family::V4 => {
            let addresses = [SENDER_V4, group4].map(|address| address.octets()).concat();
            set_checksum(&mut udp, 6, &[&addresses[..], &[0, UDP], &length(payload.len() + 8).to_be_bytes()].concat());
            let [_, b, c, d] = group4.octets();
            let ethernet = [&[1, 0, 0x5e, b & 0x7f, c, d][..], &SENDER_MAC, &[8, 0]].concat();
            let room = (MTU - 20) / 8 * 8;
            let last = udp.len().div_ceil(room).max(1) - 1;
            let pieces = udp.chunks(room).enumerate();
            let packets = pieces.map(|(place, piece)| {
                let more = if place == last { 0 } else { 0x2000 };
                let place = more | length(place * room / 8);
                let words = [0x4500, length(20 + piece.len()), number, place, 16 << 8 | u16::from(UDP), 0];
                let mut header = [&words.map(u16::to_be_bytes).concat()[..], &addresses].concat();
                set_checksum(&mut header, 10, &[]);
                [&ethernet[..], &header, piece].concat()
            });
            packets.collect()
        }
        Family::V6 => {
            assert!(payload.len() <= LONGEST_V6, "{} octets do not fit a frame", payload.len());
            let addresses = [SENDER_V6, group6].map(|address| address.octets()).concat();
            let total = length(udp.len()).to_be_bytes();
            set_checksum(&mut udp, 6, &[&addresses[..], &[0, 0], &total, &[0, 0, 0, UDP]].concat());
            let [.., a, b, c, d] = group6.octets();
            let ethernet = [&[0x33, 0x33, a, b, c, d][..], &SENDER_MAC, &[0x86, 0xdd]].concat();
            let header = [&[0x60, 0, 0, 0][..], &total, &[UDP, 16], &addresses].concat();
            vec![[ethernet, header, udp].concat()]
        }
    }
}

fn length(octets: usize) -> u16 {
    u16::try_from(octets).expect("no longer than UDP can carry")
}

/// Sets the 16 bits at `place`, which are 0, to the Internet checksum of `octets` and `before`. None is 0, which means there is
/// no checksum.
fn set_checksum(octets: &mut [u8], place: usize, before: &[u8]) {
    let sum: u32 = [before, octets]
        .iter()
        .flat_map(|part| part.chunks(2))
        .map(|pair| u32::from(pair[0]) << 8 | pair.get(1).map_or(0, |&low| u32::from(low)))
        .sum();
    let sum = (sum & 0xffff) + (sum >> 16);
    let sum = (sum & 0xffff) + (sum >> 16);
    let checksum = match !(sum as u16) {
        0 => 0xffff,
        checksum => checksum,
    };
    octets[place..place + 2].copy_from_slice(&checksum.to_be_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `printf hi | socat - UDP6:…` as tcpdump saw it would do as well: sums over header and payload are 0xffff.
    fn sum(octets: &[u8]) -> u32 {
        let mut sum: u32 =
            octets.chunks(2).map(|pair| u32::from(pair[0]) << 8 | u32::from(*pair.get(1).unwrap_or(&0))).sum();
        while sum > 0xffff {
            sum = (sum & 0xffff) + (sum >> 16);
        }
        sum
    }

    #[test]
    fn checksums_of_both_families_are_right() {
        let v4 = &frames(Family::V4, 25_826, 0, b"odd")[0];
        assert_eq!(sum(&v4[14..34]), 0xffff);
        assert_eq!(sum(&[&v4[26..34], &[0, 17, 0, 11], &v4[34..]].concat()), 0xffff);
        let v6 = &frames(Family::V6, 25_826, 0, b"odd")[0];
        assert_eq!(sum(&[&v6[22..54], &[0, 0, 0, 11, 0, 0, 0, 17], &v6[54..]].concat()), 0xffff);
    }

    #[test]
    fn long_datagrams_are_fragmented_without_loss() {
        let payload: Vec<u8> = (0..4000).map(|n| n as u8).collect();
        let frames = frames(Family::V4, 25_826, 7, &payload);
        assert_eq!(frames.iter().map(Vec::len).collect::<Vec<_>>(), [1514, 1514, 4008 - 2 * 1480 + 34]);
        assert_eq!(
            frames.iter().map(|frame| [frame[20], frame[21]]).collect::<Vec<_>>(),
            [[0x20, 0], [0x20, 185], [1, 114]]
        );
        let pieces: Vec<u8> = frames.iter().flat_map(|frame| &frame[34..]).copied().collect();
        assert_eq!(pieces[8..], payload);
    }
}
