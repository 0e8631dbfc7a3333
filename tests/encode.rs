//! The encoder against packets that other programs sent: the same items give the same octets, sealed or not.

use std::fs::File;

use collectd_net::{Encoder, Full, Item, Key, PACKET_SIZE, SEAL_ROOM, SecurityLevel, User, open};
use collectd_net_tests::capture;
use collectd_tap::capture::Capture;

const VECTORS: &str = include_str!("data/vectors/vectors.tsv");

fn vector(name: &str) -> Vec<u8> {
    let line = VECTORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    let hex = line.unwrap_or_else(|| panic!("no vector {name}"));
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn add(encoder: &mut Encoder<'_>, item: &Item<'_>) -> Result<(), Full> {
    match item {
        Item::ValueList(list) => encoder.value_list(&list.identifier, list.time, list.interval, list.values),
        Item::Notification(note) => encoder.notification(&note.identifier, note.time, note.severity, note.message),
    }
}

/// The items of a packet once more in a buffer of this size.
fn encoded(packet: &[u8], buffer: &mut [u8], room: usize) -> Vec<u8> {
    buffer.fill(0xa5);
    let mut encoder = Encoder::with_room(buffer, room);
    let mut packet = packet.to_vec();
    for item in open(&mut packet, (), SecurityLevel::None) {
        add(&mut encoder, &item.expect("a good packet")).expect("room");
    }
    encoder.packet().to_vec()
}

/// All packets of the daemon, of each size that it was set to: values stay within the size less the room for a seal.
#[test]
fn items_of_recorded_packets_give_the_same_octets() {
    for (name, size) in [
        ("plain-ipv4", PACKET_SIZE),
        ("plain-ipv6", PACKET_SIZE),
        ("unicast", PACKET_SIZE),
        ("fleet-50", PACKET_SIZE),
        ("all-data-types", PACKET_SIZE),
        ("notifications", PACKET_SIZE),
        ("small-packets", 1024),
        ("fragmented", 8192),
    ] {
        let file = File::open(capture(&format!("{name}.pcap"))).expect("a capture");
        let mut packets = 0;
        for datagram in Capture::new(file).expect("a capture") {
            let packet = datagram.expect("a datagram").payload;
            // Notifications take no account of a seal.
            let room = if packet.windows(4).any(|part| part[..2] == [1, 0]) { 0 } else { SEAL_ROOM };
            assert_eq!(encoded(&packet, &mut vec![0; size], room), packet, "{name}, packet {packets}");
            packets += 1;
        }
        assert!(packets > 10);
    }
}

/// The daemon sends a packet when the next list does not fit, or when it is told to. Where it was not told, the next list must
/// not have fitted.
#[test]
fn a_full_packet_is_as_full_as_the_daemons() {
    let file = File::open(capture("plain-ipv4.pcap")).expect("a capture");
    let packets: Vec<_> =
        Capture::new(file).expect("a capture").map(|datagram| datagram.expect("a datagram").payload).collect();
    let mut full = 0;
    for pair in packets.windows(2) {
        let mut buffer = [0; PACKET_SIZE];
        let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
        let (mut packet, mut next) = (pair[0].clone(), pair[1].clone());
        for item in open(&mut packet, (), SecurityLevel::None) {
            add(&mut encoder, &item.expect("a good packet")).expect("room");
        }
        let first = open(&mut next, (), SecurityLevel::None).next().expect("an item").expect("a good packet");
        full += usize::from(add(&mut encoder, &first).is_err());
    }
    assert!(full > packets.len() / 2, "{full} of {}", packets.len());
}

#[test]
fn signing_gives_the_octets_of_the_daemon() {
    let key = Key::new(b"s3cr3t-pa55");
    for (plain, sealed) in [("G01", "G01s"), ("G03", "G03s"), ("G05", "G05s"), ("G06", "G06s")] {
        let mut buffer = [0xa5; PACKET_SIZE];
        let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
        let mut packet = vector(plain);
        for item in open(&mut packet, (), SecurityLevel::None) {
            add(&mut encoder, &item.expect("a good packet")).expect("room");
        }
        assert_eq!(encoder.sign("testuser", &key).expect("room"), vector(sealed), "{sealed}");
        // Once more: signing leaves the packet as it is.
        assert_eq!(encoder.sign("testuser", &key).expect("room"), vector(sealed), "{sealed}");
        assert_eq!(encoder.packet(), vector(plain));
    }
}

#[test]
fn encrypting_gives_the_octets_of_the_daemon() {
    let key = Key::new(b"s3cr3t-pa55");
    for (plain, sealed) in [("G01", "G01e"), ("G01", "G01f"), ("G03", "G03e"), ("G05", "G05e"), ("G06", "G06e")] {
        let sealed = vector(sealed);
        let iv = *sealed[14..].first_chunk().expect("an initialisation vector");
        let mut buffer = [0xa5; PACKET_SIZE];
        let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
        let mut packet = vector(plain);
        for item in open(&mut packet, (), SecurityLevel::None) {
            add(&mut encoder, &item.expect("a good packet")).expect("room");
        }
        assert_eq!(encoder.encrypt("testuser", &key, iv).expect("room"), sealed);
        assert!(encoder.is_empty());
    }
}

#[test]
fn encrypted_inside_signed_opens_at_every_level() {
    let users = [User::new("testuser", "s3cr3t-pa55")];
    let key = Key::new(b"s3cr3t-pa55");
    let mut buffer = [0xa5; PACKET_SIZE];
    let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
    let mut plain = vector("G03");
    let items: Vec<_> = open(&mut plain, (), SecurityLevel::None).map(|item| item.expect("a good packet")).collect();
    for level in [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt] {
        for item in &items {
            add(&mut encoder, item).expect("room");
        }
        let mut packet = encoder.encrypt_and_sign("testuser", &key, [level as u8; 16]).expect("room").to_vec();
        let opened: Vec<_> = open(&mut packet, &users, level).map(|item| item.expect("a good packet")).collect();
        assert_eq!(opened.len(), items.len());
        for (opened, item) in opened.iter().zip(&items) {
            assert_eq!((opened.identifier(), opened.time()), (item.identifier(), item.time()));
            assert_eq!(opened.user().expect("a user"), "testuser");
        }
    }
}
