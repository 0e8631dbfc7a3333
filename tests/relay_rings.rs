//! Relays that hear each other, or the same: nothing multiplies.

use std::{
    collections::BTreeMap,
    net::{SocketAddr, UdpSocket},
};

use collectd_net_tests::{
    auth::AuthFile,
    collectd::{Block, Collectd},
    heard::{VALUE, value},
    net::{GROUPS, Namespace, Net, PORT, TO_RECEIVER, TO_SENDER, TO_THIRD, drain},
    relayed::{THIRD, address, last_words, number, take},
    tap::Tap,
    until,
};
use nix::sys::signal::Signal;

/// A notification, sent by collectd 5.12: FAILURE, `min`, nothing else.
const NOTIFICATION: [u8; 32] = [
    0x00, 0x08, 0x00, 0x0c, 0x19, 0x54, 0xfc, 0x42, 0xc0, 0x00, 0x00, 0x00, // time
    0x01, 0x01, 0x00, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0x01, // severity
    0x01, 0x00, 0x00, 0x08, b'm', b'i', b'n', 0, // message
];

/// Two groups on the loopback of a namespace.
struct Ring {
    namespace: Namespace,
    groups: [SocketAddr; 2],
    witnesses: [UdpSocket; 2],
}

impl Ring {
    fn new() -> Self {
        let namespace = Namespace::new("ring");
        namespace.ip("link set lo multicast on");
        let groups = [address("239.1.2.3", PORT), address("239.1.2.4", PORT)];
        let witnesses = groups.map(|group| namespace.witness("lo", group));
        Self { namespace, groups, witnesses }
    }

    /// A relay from one group to the other, with more words.
    fn relay(&self, from: usize, to: usize, more: &[&str]) -> Tap {
        let (listen, server) = (format!("{}%lo", self.groups[from]), format!("{}%lo", self.groups[to]));
        Tap::start(&self.namespace, &[&["relay", "-L", &listen, "-S", &server], more].concat())
    }

    fn send(&self, group: usize, datagram: &[u8]) {
        self.namespace.enter(|| {
            let socket = socket2::Socket::new(socket2::Domain::IPV4, socket2::Type::DGRAM, None).expect("a socket");
            let loopback = std::net::Ipv4Addr::LOCALHOST;
            socket.set_multicast_if_v4(&loopback).expect("it has this address");
            let sent = socket.send_to(datagram, &self.groups[group].into());
            assert_eq!(sent.ok(), Some(datagram.len()));
        });
    }

    /// Sends packets and notifications into both groups, and returns how many of them either has had when all is quiet.
    ///
    /// It is quiet when what was sent last has come to the other group: relays keep the order of what they hear.
    fn count(&self, packets: u16) -> [BTreeMap<Vec<u8>, usize>; 2] {
        let mut heard = [Vec::new(), Vec::new()];
        // The witnesses hold no more than some hundred packets.
        let mut look = || {
            self.witnesses.iter().zip(&mut heard).for_each(|(witness, heard)| take(witness, heard));
            heard.clone()
        };
        let mut notification = NOTIFICATION;
        for number in 0..packets {
            self.send(usize::from(number % 2), &value(number));
            notification[28..31].copy_from_slice(&[b'a' + (number / 26) as u8, b'a' + (number % 26) as u8, b'n']);
            self.send(usize::from(number % 2), &notification);
            look();
        }
        let last: [Vec<u8>; 2] = [value(60_000), value(60_001)];
        // A round of markers each way, and once more: what came back by then is back.
        for packet in &last {
            for group in [0, 1] {
                let mut packet = packet.clone();
                packet[4] = b'x' + group as u8;
                self.send(group, &packet);
                until("the last packet on both groups", || {
                    let heard = look();
                    heard.iter().all(|heard| heard.contains(&packet))
                });
            }
        }
        look().map(|heard| {
            let mut counts = BTreeMap::new();
            heard.into_iter().for_each(|datagram| *counts.entry(datagram).or_default() += 1);
            counts
        })
    }
}

#[test]
fn two_relays_in_a_ring_do_not_multiply_a_packet() {
    let ring = Ring::new();
    let relays = [ring.relay(0, 1, &[]), ring.relay(1, 0, &[])];
    let counts = ring.count(200);
    for counts in counts {
        assert_eq!(counts.len(), 404);
        assert!(counts.values().all(|count| *count == 1), "{:?}", counts.values().max());
    }
    for (relay, to) in relays.into_iter().zip([1, 0]) {
        let ended = relay.interrupt();
        let [arrived, sent] = last_words(&ended, &format!("{}%lo", ring.groups[to]));
        // Half of everything it passes on, and the other half came from there.
        assert_eq!((number(arrived, "passed on"), number(sent, "packets sent")), (404, 202), "{}", ended.talk);
        assert_eq!(number(sent, "left out because they were there already"), 202, "{}", ended.talk);
    }
}

#[test]
fn unguarded_relays_in_a_ring_send_a_packet_back_once() {
    let ring = Ring::new();
    let relays = [ring.relay(0, 1, &["--unguarded"]), ring.relay(1, 0, &["--unguarded"])];
    let counts = ring.count(100);
    let all: usize = counts.iter().flat_map(BTreeMap::values).sum();
    assert!(counts.iter().flat_map(BTreeMap::values).all(|count| *count <= 2));
    let sent: u64 = relays
        .into_iter()
        .zip([1, 0])
        .map(|(relay, to)| {
            let ended = relay.interrupt();
            number(last_words(&ended, &format!("{}%lo", ring.groups[to]))[1], "packets sent")
        })
        .sum();
    // Each of 204 packets was sent once, carried over once, and carried back once; the last of them may still come back.
    assert_eq!(sent, 2 * 204);
    assert!((3 * 204 - 2..=3 * 204).contains(&all), "{all}");
}

#[test]
fn relays_that_pack_anew_and_rename_in_a_ring_do_not_multiply_an_item() {
    let ring = Ring::new();
    let there = ring.relay(0, 1, &["--prefix-host", "there.", "--max-age", "10ms"]);
    let back = ring.relay(1, 0, &["--repack", "--max-age", "10ms"]);
    let printing = ring.groups.map(|group| {
        let group = format!("{group}%lo");
        Tap::start(&ring.namespace, &["listen", "-L", &group])
    });
    for number in 0..200 {
        ring.send(usize::from(number % 2), &value(number));
    }
    ring.send(0, &NOTIFICATION);
    // Those of the first group have a new name on the second, and come back under it; those of the second come to the first as they
    // are, and go back under a new name, which is the end of it.
    let lines = printing.each_ref().map(|tap| tap.wait_for(301, || {}));
    let ended = [there, back].map(|relay| relay.interrupt());
    for (tap, _) in printing.into_iter().zip(lines) {
        let mut lines = tap.interrupt().lines;
        let all = lines.len();
        lines.sort();
        lines.dedup();
        let of = |start: &str| lines.iter().filter(|line| line.contains(start)).count();
        assert_eq!(
            (of("] h/p/"), of("] there.h/p/"), of("there.there"), of("[FAILURE] min")),
            (all - of("] there.h/p/") - 1, all - of("] h/p/") - 1, 0, 1)
        );
        assert!((301..=401).contains(&all) && lines.len() == all, "{all} {}", lines.len());
    }
    for ended in ended {
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
    }
}

#[test]
fn what_is_there_without_protection_keeps_no_protected_item_out() {
    let ring = Ring::new();
    let auth = AuthFile::new(["user"]);
    let seal = format!(",security-level=sign,username=user,auth-file={}", auth.path());
    for (seal, present) in [("", 1), (&seal, 0)] {
        let server = format!("{}%lo", ring.groups[0]);
        let sealed = server.clone() + seal;
        let words = ["relay", "--repack", "-L", "127.0.0.1:25901", "-S", &sealed, "--max-age", "0"];
        let relay = Tap::start(&ring.namespace, &words);
        ring.send(0, &VALUE);
        ring.namespace.send("lo", address("127.0.0.1", 25_901), &VALUE);
        let mut heard = Vec::new();
        until("the packet to have come", || {
            relay.signal(Signal::SIGUSR1);
            relay.talk().contains("1 packets arrived")
        });
        let ended = relay.interrupt();
        take(&ring.witnesses[0], &mut heard);
        let [_, sent] = last_words(&ended, &server);
        assert_eq!(number(sent, "left out because they were there already"), present, "{}", ended.talk);
        assert_eq!((number(sent, "items sent"), heard.len() as u64), (1 - present, 2 - present), "{}", ended.talk);
    }
}

#[test]
fn what_two_relays_carry_is_delivered_once() {
    let net = Net::new();
    let third = net.third();
    let auth = AuthFile::new(["user"]);
    let group = format!("{}%{TO_SENDER}", SocketAddr::new(GROUPS[0], PORT));
    // One passes packets on, the other packs and seals them anew; both to the same port.
    let to = address(THIRD[0], PORT);
    let sealed = format!("{to},security-level=encrypt,username=user,auth-file={}", auth.path());
    let relays =
        [to.to_string(), sealed].map(|server| Tap::start(&net.receiver, &["relay", "-L", &group, "-S", &server]));
    let last = address("127.0.0.1", 25_901);
    let deliver = Tap::start(
        &third,
        &["relay", "--repack", "-L", &to.to_string(), "-a", auth.path(), "-S", &last.to_string(), "--max-age", "100ms"],
    );
    let receiver = Collectd::start(&third, &[Block::listen(last.ip(), 25_902), Block::server(last.ip(), 25_903)]);
    let printing = Tap::start(&third, &["listen", "-L", &last.to_string()]);
    let collectd = Collectd::start(&net.sender, &[Block::server(GROUPS[0], PORT).interface(TO_RECEIVER)]);
    for number in 0..40 {
        collectd.put(&format!("PUTVAL alpha.example.net/p/gauge-{number} 1700000000:{number}"));
    }
    collectd.put("PUTNOTIF severity=failure time=1700000003 host=a message=once");
    printing.wait_for(41, || collectd.flush());
    let relayed = relays.map(|relay| relay.interrupt());
    // Both have sent everything by now, and the third has heard it before it ends.
    let ended = deliver.interrupt();
    let [arrived, sent] = last_words(&ended, &last.to_string());
    let lines = printing.interrupt().lines;
    assert_eq!(lines.len(), 41, "{lines:#?}\n{}", ended.talk);
    assert_eq!(
        (number(sent, "items sent"), number(arrived, "of the items left out as duplicates")),
        (41, 41),
        "{}",
        ended.talk
    );
    assert!(relayed.iter().all(|ended| ended.code == Some(0)));
    drop(receiver);
}

#[test]
fn own_packets_on_the_same_group_are_left_out() {
    let net = Net::new();
    let third = net.third();
    for words in [&["relay"][..], &["relay", "--repack", "--max-age", "0"]] {
        let server = format!("{}%{TO_THIRD}", SocketAddr::new(GROUPS[0], PORT));
        let relay = Tap::start(&net.receiver, &[words, &["-S", &server]].concat());
        let end = third.witness(TO_RECEIVER, SocketAddr::new(GROUPS[0], PORT));
        let mut count = 0;
        for number in 1..=100_u16 {
            net.sender.send(TO_RECEIVER, SocketAddr::new(GROUPS[0], PORT), &value(number));
            until("every packet on the other side", || {
                count += drain(&end);
                count == usize::from(number)
            });
        }
        let ended = relay.interrupt();
        let [arrived, sent] = last_words(&ended, &server);
        let left_out = number(arrived, "left out as our own") + number(arrived, "left out as duplicates");
        assert_eq!((number(arrived, "packets arrived"), left_out), (100, 100), "{}", ended.talk);
        assert!(number(arrived, "left out as our own") >= 99, "{}", ended.talk);
        assert_eq!(number(sent, "packets"), 100, "{}", ended.talk);
        assert_eq!(drain(&end), 0);
    }
}
