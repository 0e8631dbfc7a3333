//! Every truncation and every flipped bit of the recorded packets: whatever comes out, it comes to an end without a panic, and
//! what it says about the packet is true.

use std::fs::File;

use collectd_net::{Arrival, Cause, Counters, Decoder, Error, Item, Packet, SecurityLevel, User, open};
use collectd_net_tests::capture;
use collectd_tap::capture::Capture;

/// UDP over IPv4 carries no more.
const MAX_DATAGRAM: usize = 65_507;

fn users() -> [User<'static>; 2] {
    [User::new("alice", "correct horse battery staple"), User::new("bob", "s3cr3t")]
}

/// Opens a packet to its end, and checks what must hold for any octets.
fn exercise(packet: &mut [u8], users: &[User<'_>; 2], level: SecurityLevel) {
    let len = packet.len();
    let mut results = 0;
    for result in open(packet, users, level) {
        results += 1;
        match result {
            Ok(item) => check(&item, level),
            Err(Error { offset, cause }) => {
                assert!(offset <= len, "{cause} at {offset} of {len}");
            }
        }
    }
    assert!(results <= len / 4 + 1, "no more results than parts");
}

fn check(item: &Item<'_>, level: SecurityLevel) {
    assert!(item.protection().meets(level));
    assert_ne!(item.time().raw(), 0);
    let identifier = item.identifier();
    assert!(identifier.fields().iter().all(|field| !field.as_octets().contains(&0)));
    match item {
        Item::ValueList(list) => {
            assert!(!(identifier.host.is_empty() || identifier.plugin.is_empty() || identifier.type_.is_empty()));
            assert_eq!(list.values.iter().count(), list.values.len());
            assert!(list.values.len() > 0);
        }
        Item::Notification(notification) => assert!(!notification.message.is_empty()),
    }
}

fn payloads(name: &str) -> Vec<Vec<u8>> {
    let file = File::open(capture(&format!("{name}.pcap"))).expect("a capture");
    Capture::new(file).expect("a capture").map(|datagram| datagram.expect("a datagram").payload).collect()
}

fn mutate(name: &str, level: SecurityLevel) {
    let users = users();
    let mut room = vec![0; MAX_DATAGRAM];
    for payload in payloads(name) {
        for len in 0..payload.len() {
            room[..len].copy_from_slice(&payload[..len]);
            exercise(&mut room[..len], &users, level);
        }
        let room = &mut room[..payload.len()];
        for bit in 0..payload.len() * 8 {
            // Opening changes the octets, so each time begins anew.
            room.copy_from_slice(&payload);
            room[bit / 8] ^= 1 << (bit % 8);
            exercise(room, &users, level);
        }
    }
}

#[test]
fn plain_packets() {
    for name in ["plain-ipv4", "small-packets", "traffic-generator", "all-data-types"] {
        mutate(name, SecurityLevel::None);
    }
}

#[test]
fn more_plain_packets() {
    for name in ["plain-ipv6", "unicast", "fleet-50", "notifications"] {
        mutate(name, SecurityLevel::None);
    }
}

#[test]
fn signed_packets() {
    mutate("signed", SecurityLevel::Sign);
}

#[test]
fn encrypted_packets() {
    mutate("encrypted", SecurityLevel::Encrypt);
}

#[test]
fn packets_of_other_senders() {
    for name in ["old-4.10", "other-senders", "auth-mixed", "malformed"] {
        mutate(name, SecurityLevel::None);
    }
}

#[test]
fn long_packets() {
    mutate("fragmented", SecurityLevel::None);
}

/// Not one item gets through a signature that was changed anywhere behind its header.
#[test]
fn a_changed_bit_voids_the_signature() {
    let users = users();
    for payload in payloads("signed").into_iter().take(5) {
        for bit in 32..payload.len() * 8 {
            let mut packet = payload.clone();
            packet[bit / 8] ^= 1 << (bit % 8);
            let results: Vec<_> =
                open(&mut packet, &users, SecurityLevel::Sign).map(|result| result.map(|_| ())).collect();
            assert!(matches!(results[..], [Err(_)]), "bit {bit}: {results:?}");
        }
    }
}

#[test]
fn an_empty_packet_is_no_more_than_counted() {
    let mut counters = Counters::new();
    let arrival = Arrival { len: 0, from: None };
    assert_eq!(Packet::new(arrival, &mut [], (), SecurityLevel::None, &mut counters).count(), 0);
    assert_eq!((counters.packets, counters.empty, counters.refused()), (1, 1, 0));
}

/// The longest datagram, of one thing over and over.
#[test]
fn the_longest_packets_come_to_an_end() {
    let users = users();
    let signature = |len: u8, user: &[u8]| {
        let mut part = vec![0x02, 0x00, 0, len];
        part.resize(36, 0);
        part.extend(user);
        part.truncate(usize::from(len));
        part
    };
    let units: [Vec<u8>; 10] = [
        vec![0],
        vec![0xff],
        vec![0, 0, 0, 4],
        vec![0x12, 0x34, 0, 4],
        vec![0, 5, 0, 5, 0],
        vec![0, 6, 0, 6, 0, 0],
        vec![0, 6, 0, 15, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0],
        signature(5, &[]),
        signature(37, b"x"),
        signature(41, b"alice"),
    ];
    for unit in units {
        for level in [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt] {
            let mut packet: Vec<u8> = unit.iter().copied().cycle().take(MAX_DATAGRAM).collect();
            exercise(&mut packet, &users, level);
            packet = unit.iter().copied().cycle().take(MAX_DATAGRAM).collect();
            assert!(open(&mut packet, (), level).count() <= MAX_DATAGRAM);
        }
        let packet: Vec<u8> = unit.iter().copied().cycle().take(MAX_DATAGRAM).collect();
        assert!(Decoder::new(&packet).count() <= MAX_DATAGRAM);
    }
}

/// A good value list, then the same values over and over, up to the longest datagram: each is an item.
#[test]
fn the_longest_good_packet_is_read_to_its_end() {
    let first = payloads("plain-ipv4").swap_remove(0);
    let end = first.windows(4).position(|part| part == [0, 6, 0, 15]).expect("a list of one value") + 15;
    let mut packet = first[..end].to_vec();
    let list = first[end - 15..end].to_vec();
    let lists_before = Decoder::new(&packet).count();
    let more = (MAX_DATAGRAM - packet.len()) / list.len();
    packet.extend(list.iter().copied().cycle().take(more * list.len()));
    let left = MAX_DATAGRAM - packet.len();
    packet.resize(MAX_DATAGRAM, 0);
    let results: Vec<_> = open(&mut packet, (), SecurityLevel::None).collect();
    assert_eq!(results.iter().filter(|result| result.is_ok()).count(), lists_before + more);
    let cause = if left < 4 { Cause::Stray { left } } else { Cause::Padding { left } };
    if left > 0 {
        assert_eq!(results.last().expect("a result"), &Err(Error { offset: MAX_DATAGRAM - left, cause }));
    }
}
