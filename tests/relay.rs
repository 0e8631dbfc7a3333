//! `collectd-tap relay` between real collectds and plain sockets: what is sent on, what is not, and that nothing multiplies.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr, UdpSocket},
};

use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    heard::{VALUE, value},
    json::Object,
    net::{GROUPS, Namespace, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, TO_THIRD, drain},
    tap::{Ended, Tap},
    until,
};
use nix::sys::signal::Signal;

/// The address of the third namespace.
const THIRD: [&str; 2] = ["10.99.1.1", "fd99:1::1"];

/// A notification, sent by collectd 5.12: FAILURE, `min`, nothing else.
const NOTIFICATION: [u8; 32] = [
    0x00, 0x08, 0x00, 0x0c, 0x19, 0x54, 0xfc, 0x42, 0xc0, 0x00, 0x00, 0x00, // time
    0x01, 0x01, 0x00, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0x01, // severity
    0x01, 0x00, 0x00, 0x08, b'm', b'i', b'n', 0, // message
];

/// Items of all kinds: what is put into the first collectd.
const COMMANDS: [&str; 8] = [
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
fn number(line: &str, what: &str) -> u64 {
    let Some(place) = line.find(what) else { return 0 };
    let before = line[..place].trim_end().rsplit([' ', ',']).next();
    before.and_then(|number| number.parse().ok()).unwrap_or_else(|| panic!("no number of {what} in {line:?}"))
}

/// What a relay said last about what arrived, and about the destination of this address.
fn last_words<'a>(ended: &'a Ended, server: &str) -> [&'a str; 2] {
    let find = |start: &str| ended.talk.lines().rev().find(|line| line.contains(start));
    let arrived = find(" packets arrived").unwrap_or_else(|| panic!("no last words: {}", ended.talk));
    let sent = find(&format!("to {server}: ")).unwrap_or_else(|| panic!("nothing of {server}: {}", ended.talk));
    [arrived, sent]
}

/// Takes what has come to a socket by now.
fn take(socket: &UdpSocket, datagrams: &mut Vec<Vec<u8>>) {
    let mut buffer = [0; 65_535];
    while let Ok(length) = socket.recv(&mut buffer) {
        datagrams.push(buffer[..length].to_vec());
    }
}

fn address(ip: &str, port: u16) -> SocketAddr {
    SocketAddr::new(ip.parse().expect("an address"), port)
}

#[test]
fn packets_are_passed_on_octet_by_octet_whatever_seals_them() {
    let net = Net::new();
    let third = net.third();
    let seals: [fn(Block) -> Block; 3] =
        [|block| block, |block| block.sign("user", PASSWORD), |block| block.encrypt("user", PASSWORD)];
    for family in [0, 1] {
        let port = |seal: usize| 25_901 + u16::try_from(seal).expect("three");
        let group = |seal| SocketAddr::new(GROUPS[family], port(seal));
        let to = address(THIRD[family], PORT);
        let listen: Vec<_> = (0..3).map(|seal| format!("--listen={}%{TO_SENDER}", group(seal))).collect();
        let server = format!("--server={to}");
        let words: Vec<_> = ["relay", &server].into_iter().chain(listen.iter().map(String::as_str)).collect();
        let relay = Tap::start(&net.receiver, &words);
        let origins = [0, 1, 2].map(|seal| net.receiver.witness(TO_SENDER, group(seal)));
        let end = third.witness(TO_RECEIVER, to);
        let servers =
            [0, 1, 2].map(|seal| seals[seal](Block::server(GROUPS[family], port(seal)).interface(TO_RECEIVER)));
        let collectd = Collectd::start(&net.sender, &servers);
        COMMANDS.iter().for_each(|command| collectd.put(command));

        let (mut sent, mut relayed) = (Vec::new(), Vec::new());
        // Two notifications and one packet of values at the least, for each of the three.
        until("every packet to be passed on", || {
            collectd.flush();
            origins.iter().for_each(|origin| take(origin, &mut sent));
            take(&end, &mut relayed);
            sent.len() >= 9 && relayed.len() == sent.len()
        });
        sent.sort();
        relayed.sort();
        assert_eq!(relayed, sent);
        let ended = relay.interrupt();
        let [arrived, sent_on] = last_words(&ended, &to.to_string());
        assert_eq!(number(arrived, "passed on"), sent.len() as u64, "{}", ended.talk);
        assert_eq!(number(sent_on, "packets"), sent.len() as u64, "{}", ended.talk);
        assert_eq!(ended.code, Some(0));
    }
}

/// The exact items of `-o json` lines, sorted.
fn exact(lines: &[String]) -> Vec<String> {
    let mut items: Vec<_> = lines.iter().map(|line| Object::read(line).exact()).collect();
    items.sort();
    items
}

#[test]
fn items_packed_and_sealed_anew_come_out_of_another_collectd_as_they_went_in() {
    let net = Net::new();
    let third = net.third();
    let auth = AuthFile::new(["origin", "relay"]);
    let seals: [fn(Block) -> Block; 3] =
        [|block| block, |block| block.sign("origin", PASSWORD), |block| block.encrypt("origin", PASSWORD)];
    let levels = [("none", "none"), ("sign", "sign"), ("encrypt", "encrypt"), ("encrypt-and-sign", "encrypt")];
    // Each way in beside each way out: ports 25901 to 25903 for the first, 25911 to 25914 for the second.
    let to = |level: usize| address(THIRD[level % 2], 25_911 + u16::try_from(level).expect("four"));
    let mut words: Vec<String> =
        ["relay", "--repack", "--packet-size=1100", "-a", auth.path()].map(Into::into).to_vec();
    let mut listeners = Vec::new();
    for (number, (level, least)) in levels.into_iter().enumerate() {
        let mut server = format!("--server={}", to(number));
        if number > 0 {
            server += &format!(",security-level={level},username=relay,auth-file={}", auth.path());
        }
        words.push(server);
        let block = Block::listen(to(number).ip(), to(number).port());
        listeners.push(block.accept(least, auth.path()));
    }
    // What the last collectd has, it sends to one who prints it, each of the four; a tap beside it hears what it heard.
    let printed = address("127.0.0.1", 25_999);
    let ends: Vec<_> = (0..4)
        .map(|number| {
            let to = address("127.0.0.1", 25_991 + number);
            let forward = [listeners[usize::from(number)].clone(), Block::server(to.ip(), to.port())];
            let tap = Tap::start(&third, &["listen", "-o", "json", "-L", &to.to_string()]);
            (Collectd::forward(&third, &forward), tap)
        })
        .collect();
    let beside = Tap::start(&net.receiver, &["listen", "-o", "json", "-L", &printed.to_string()]);
    words.push(format!("--server={printed}"));
    for seal in 0..3 {
        words.push(format!("--listen={}", SocketAddr::new(RECEIVER[0], 25_901 + seal)));
    }
    let relay = Tap::start(&net.receiver, &words.iter().map(String::as_str).collect::<Vec<_>>());
    // One way in for each of three collectds, with hosts of their own, so that nothing is a duplicate.
    let mut put = Vec::new();
    for (number, seal) in (0_u16..).zip(seals) {
        let collectd = Collectd::start(&net.sender, &[seal(Block::server(RECEIVER[0], 25_901 + number))]);
        for command in COMMANDS {
            let command =
                command.replace("alpha.", &format!("alpha{number}.")).replace("βeta", &format!("βeta{number}"));
            let command = command.replace("the roof", &format!("the roof {number}"));
            collectd.put(&command);
            put.push(command);
        }
        let enough = put.len();
        beside.wait_for(enough, || collectd.flush());
    }
    let relayed = beside.wait_for(put.len(), || {});
    assert_eq!(relayed.len(), put.len());
    let expected = exact(&relayed);
    let values: Vec<_> = expected.iter().filter(|item| item.starts_with("values")).cloned().collect();
    assert_eq!(values.len(), 18);
    assert!(
        values.iter().any(|item| item.contains("18446744073709551615")) && values[0].contains("alpha0"),
        "{values:#?}"
    );
    for (collectd, tap) in &ends {
        // It does not send notifications on.
        let lines = tap.wait_for(values.len(), || collectd.flush());
        assert_eq!(exact(&lines), values);
        assert!(collectd.knows("alpha1.example.net/p/absolute"));
    }
    let ended = relay.interrupt();
    let [arrived, _] = last_words(&ended, &printed.to_string());
    assert_eq!(number(arrived, "items packed anew"), put.len() as u64, "{}", ended.talk);
    assert_eq!(ended.talk.matches("with 24 items sent").count(), 5, "{}", ended.talk);
}

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

#[test]
fn filters_renames_and_names_that_are_too_long_cost_what_they_concern() {
    let net = Net::new();
    let to = address("127.0.0.1", 25_901);
    let listen = SocketAddr::new(RECEIVER[0], PORT);
    let printing = Tap::start(&net.receiver, &["listen", "-L", &to.to_string()]);
    let prefix = "x".repeat(110) + ".";
    let relay = Tap::start(
        &net.receiver,
        &[
            "relay",
            "-L",
            &listen.to_string(),
            "-S",
            &to.to_string(),
            "--max-age",
            "100ms",
            "--prefix-host",
            &prefix,
            "--rename",
            "gamma.example.net=c",
            "--rename",
            "*.example.net=*",
            "-f",
            "not type_instance == \"no\"",
            "--only",
            "values",
        ],
    );
    let collectd = Collectd::start(&net.sender, &[Block::server(RECEIVER[0], PORT)]);
    for command in [
        "PUTVAL alpha.example.net/p/gauge 1700000000:1",
        "PUTVAL alpha.example.net/p/gauge-no 1700000000:2",
        "PUTVAL gamma.example.net/p/gauge 1700000000:3",
        "PUTVAL a-host-with-a-longer-name/p/gauge 1700000000:4",
        "PUTVAL beta/p/gauge 1700000000:5",
        "PUTNOTIF severity=okay time=1700000003 host=a message=no",
    ] {
        collectd.put(command);
    }
    let mut lines = printing.wait_for(3, || collectd.flush());
    lines.sort();
    let expected = ["alpha/p/gauge [(1, 1.0)]", "beta/p/gauge [(1, 5.0)]", "c/p/gauge [(1, 3.0)]"];
    assert_eq!(lines, expected.map(|rest| format!("[1700000000] {prefix}{rest}")));
    let mut ended = None;
    until("everything to have come", || {
        relay.signal(Signal::SIGUSR1);
        ended = relay.talk().lines().rev().find(|line| line.contains("packets arrived")).map(str::to_owned);
        collectd.flush();
        ended.as_ref().is_some_and(|line| number(line, "items not wanted") == 2)
    });
    let ended = relay.interrupt();
    let [arrived, sent] = last_words(&ended, &to.to_string());
    assert_eq!(number(arrived, "items packed anew"), 3, "{}", ended.talk);
    assert_eq!(number(arrived, "items with a name that no collectd takes"), 1, "{}", ended.talk);
    assert_eq!(number(sent, "items sent"), 3, "{}", ended.talk);
    assert_eq!(printing.interrupt().lines.len(), 3);
}

#[test]
fn a_dead_destination_and_a_name_without_address_cost_the_others_nothing() {
    let net = Net::new();
    let listen = SocketAddr::new(RECEIVER[0], PORT);
    let good = net.receiver.witness("lo", address("127.0.0.1", 25_901));
    let relay = Tap::start(
        &net.receiver,
        &[
            "relay",
            "-L",
            &listen.to_string(),
            "-S",
            "127.0.0.1:25902",
            "-S",
            "127.0.0.1:25901",
            "-S",
            "nosuch.invalid",
            "-S",
            "10.99.0.77",
        ],
    );
    let mut count = 0;
    for number in 0..100_u16 {
        net.sender.send(TO_RECEIVER, listen, &value(number));
        until("each packet at the good destination", || {
            count += drain(&good);
            count == usize::from(number) + 1
        });
    }
    let ended = relay.interrupt();
    let [_, dead] = last_words(&ended, "127.0.0.1:25902");
    assert!(number(dead, "of the packets reported as not arrived") > 0, "{}", ended.talk);
    let [_, unknown] = last_words(&ended, "nosuch.invalid:25826");
    assert_eq!(number(unknown, "packets that could not be sent"), 100, "{}", ended.talk);
    for told in
        ["cannot resolve nosuch.invalid:25826", "packets to 127.0.0.1:25902 do not arrive: nobody listens there"]
    {
        assert_eq!(ended.talk.matches(told).count(), 1, "{}", ended.talk);
    }
    let [arrived, sent] = last_words(&ended, "127.0.0.1:25901");
    assert_eq!((number(arrived, "passed on"), number(sent, "packets sent")), (100, 100), "{}", ended.talk);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_slow_destination_slows_no_other_and_what_it_loses_is_counted() {
    const SENT: u16 = 2000;
    let net = Net::new();
    let third = net.third();
    // Some eighty packets a second get through.
    let shape = format!("qdisc add dev {TO_THIRD} root tbf rate 64kbit burst 2k limit 10m");
    let shaped = net.receiver.command("tc").args(shape.split(' ')).status();
    assert!(shaped.expect("iproute2 is installed").success());
    let (listen, good) = (SocketAddr::new(RECEIVER[0], PORT), address("127.0.0.1", 25_901));
    let slow = address(THIRD[0], PORT);
    let ends = [third.witness(TO_RECEIVER, slow), net.receiver.witness("lo", good)];
    let (slow, good) = (slow.to_string(), good.to_string());
    let words = ["relay", "-L", &listen.to_string(), "-S", &slow, "-S", &good, "--send-queue", "16K"];
    let relay = Tap::start(&net.receiver, &words);
    let packets: Vec<_> = (0..SENT).map(value).collect();
    let mut arrived = [0, 0];
    for some in packets.chunks(50) {
        net.sender.send_all(TO_RECEIVER, listen, some);
        let before = arrived[1];
        until("these packets at the good destination", || {
            ends.iter().zip(&mut arrived).for_each(|(end, arrived)| *arrived += drain(end));
            arrived[1] == before + some.len()
        });
    }
    // The good one has everything while the slow one still has the most of it before it.
    assert!(arrived[0] < usize::from(SENT) / 2, "{arrived:?}");
    let ended = relay.interrupt();
    let [passed, at_good] = last_words(&ended, &good);
    assert_eq!((number(passed, "passed on"), number(at_good, "packets sent")), (SENT.into(), SENT.into()));
    assert_eq!((number(at_good, "packets dropped"), number(at_good, "that could not")), (0, 0), "{}", ended.talk);
    let [_, at_slow] = last_words(&ended, &slow);
    let sent = number(at_slow, "packets sent");
    let lost = number(at_slow, "packets dropped in the queue") + number(at_slow, "packets that could not be sent");
    assert_eq!((sent + lost, lost > 0), (SENT.into(), true), "{}", ended.talk);
    // What counts as sent gets there.
    until("the packets that were sent", || {
        arrived[0] += drain(&ends[0]);
        arrived[0] as u64 == sent
    });
    assert_eq!(ended.code, Some(0));
}

#[test]
fn what_is_too_much_is_counted_to_the_packet() {
    const SENT: u64 = 40_000;
    let net = Net::new();
    for (policy, words) in [("newest", &["--raw"][..]), ("oldest", &["--repack", "--workers", "3"])] {
        let listen = SocketAddr::new(RECEIVER[0], PORT);
        let good = format!("{}", address("127.0.0.1", 25_901));
        let witness = net.receiver.witness("lo", address("127.0.0.1", 25_901));
        let some = ["relay", "-L", "10.99.0.2", "--receive-buffer", "1M", "--queue", "64K", "--send-queue", "16K"];
        let relay = Tap::start(
            &net.receiver,
            &[&some[..], &["--drop", policy, "-S", "nosuch.invalid", "-S", &good], words].concat(),
        );
        // It stands still until more waits than anything holds.
        relay.signal(Signal::SIGSTOP);
        let packets: Vec<_> = (0..40_000).map(value).collect();
        let (first, rest) = packets.split_at(20_000);
        net.receiver.flood("lo", listen, &first.iter().map(Vec::as_slice).collect::<Vec<_>>(), 20_000);
        relay.signal(Signal::SIGCONT);
        net.receiver.flood("lo", listen, &rest.iter().map(Vec::as_slice).collect::<Vec<_>>(), SENT - 20_000);
        drop(witness);
        let ended = relay.interrupt();
        for server in ["nosuch.invalid:25826", &good] {
            let [arrived, sent] = last_words(&ended, server);
            let before = number(arrived, "dropped by the kernel") + number(arrived, "dropped in the queue");
            assert_eq!(number(arrived, "packets arrived") + before, SENT, "{}", ended.talk);
            assert!(before > 0, "{}", ended.talk);
            let (what, all) = match words {
                ["--raw"] => ("packets", number(arrived, "passed on")),
                _ => ("items", number(arrived, "items packed anew")),
            };
            assert!(all > 0 && all == number(arrived, "packets arrived"), "{}", ended.talk);
            let done = ["sent", "dropped in the queue", "that could not be sent"];
            let done: u64 = done.iter().map(|done| number(sent, &format!("{what} {done}"))).sum();
            assert_eq!(done, all, "{server}: {}", ended.talk);
        }
    }
}

#[test]
fn a_security_level_lets_only_whole_packets_pass() {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    let listen = SocketAddr::new(RECEIVER[0], PORT);
    let to = address("127.0.0.1", 25_901);
    let end = net.receiver.witness("lo", to);
    let relay = Tap::start(
        &net.receiver,
        &["relay", "-L", &listen.to_string(), "-S", &to.to_string(), "-a", auth.path(), "-s", "encrypt", "--raw"],
    );
    let servers: [fn(Block) -> Block; 4] = [
        |block| block,
        |block| block.sign("user", PASSWORD),
        |block| block.encrypt("nobody", PASSWORD),
        |block| block.encrypt("user", PASSWORD),
    ];
    let servers = servers.map(|seal| seal(Block::server(RECEIVER[0], PORT)));
    let collectd = Collectd::start(&net.sender, &servers);
    collectd.put("PUTNOTIF severity=failure time=1700000003 host=a message=once");
    let mut relayed = Vec::new();
    until("the encrypted packet", || {
        take(&end, &mut relayed);
        !relayed.is_empty()
    });
    // What is plain at the end of an encrypted packet is not protected by it.
    let longer = [&relayed[0][..], &VALUE].concat();
    net.sender.send(TO_RECEIVER, listen, &longer);
    until("the other packets", || {
        relay.signal(Signal::SIGUSR1);
        relay.talk().contains("5 packets arrived: 1 passed on, 4 not opened, so not passed on")
    });
    take(&end, &mut relayed);
    assert_eq!(relayed.len(), 1);
    assert_eq!(relayed[0][..2], [0x02, 0x10]);
    let ended = relay.interrupt();
    assert!(ended.talk.contains("unknown-user") || ended.talk.contains("refused as"), "{}", ended.talk);
}

#[test]
fn what_contradicts_itself_is_a_usage_error() {
    let net = Net::new();
    let sealed = "127.0.0.1,security-level=sign,username=u,auth-file=/dev/null";
    for (words, said) in [
        (&["relay"][..], "--server"),
        (&["relay", "-S", "127.0.0.1", "--raw", "--filter", "a"], "--filter"),
        (&["relay", "-S", "127.0.0.1", "--raw", "--rename", "a=b", "--prefix-host", "c"], "--prefix-host, --rename"),
        (&["relay", "-S", "127.0.0.1", "--raw", "--repack"], "--repack"),
        (&["relay", "-S", sealed, "--raw"], "the security-level of a server"),
        (&["relay", "-S", sealed], "/dev/null"),
        (&["relay", "-S", "127.0.0.1", "--rename", "a"], "FROM=TO"),
        (&["relay", "-S", "127.0.0.1", "--rename", "a=*"], "more stars"),
        (&["relay", "-S", "127.0.0.1", "--prefix-host="], "--prefix-host"),
        (&["relay", "-S", "127.0.0.1", "--packet-size", "1023"], "1024"),
        (&["relay", "-S", "127.0.0.1", "--dedup=0"], "remembered for 1 s"),
        (&["relay", "-S", "127.0.0.1", "-s", "sign"], "passwords"),
        (&["relay", "-S", "127.0.0.1%nosuch0"], "nosuch0"),
        (&["relay", "-S", "127.0.0.1", "-L", "239.1.1.1%nosuch0"], "nosuch0"),
    ] {
        let ended = Tap::spawn(&net.receiver, words).wait();
        assert_eq!((ended.code, ended.talk.contains(said)), (Some(2), true), "{words:?}: {}", ended.talk);
    }
    let ended = Tap::start(&net.receiver, &["relay", "-S", "127.0.0.1", "--for", "100ms"]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.talk);
    let ended = Tap::start(&net.receiver, &["relay", "-S", "127.0.0.1", "--idle-timeout", "100ms"]).wait();
    assert_eq!(ended.code, Some(3), "{}", ended.talk);
}

#[test]
fn a_file_says_where_to_relay() {
    let net = Net::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("config.toml");
    let path = file.to_str().expect("a path in UTF-8");
    let run = |toml: &str, words: &[&str]| {
        std::fs::write(&file, toml).expect("the directory is ours");
        Tap::spawn(&net.receiver, words).wait()
    };
    let good = "listen = [\"127.0.0.1\"]\n[relay]\nrename = [\"*.example.net=*\"]\nmax-age = \"2s\"\n\
                [[relay.server]]\nhost = \"::1\"\nport = 25901\nttl = 4\n";
    let ended = run(good, &["relay", "--config", path, "--for", "100ms"]);
    assert!(ended.talk.contains("because of --rename, --max-age") && ended.talk.contains("sending to [::1]:25901"));
    assert_eq!((ended.code, run(good, &["check", path]).code), (Some(3), Some(0)), "{}", ended.talk);
    for (wrong, said) in [
        ("ttl = 4", "tll = 4", "did you mean 'ttl'?"),
        ("ttl = 4", "interface = \"nosuch0\"", "no interface is called 'nosuch0'"),
        ("ttl = 4", "security-level = \"sign\"\nusername = \"u\"\npassword-file = \"/nonexistent\"", "/nonexistent"),
        ("net=*", "net=**", "more stars"),
    ]
    .map(|(from, to, said)| (good.replace(from, to), said))
    {
        let ended = run(&wrong, &["check", path]);
        assert!(ended.code == Some(2) && ended.talk.contains(said), "{wrong}: {}", ended.talk);
    }
}

#[test]
fn packets_to_a_group_go_no_further_than_the_link_unless_a_ttl_says_so() {
    use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg, setsockopt, sockopt};
    use std::{io::IoSliceMut, os::fd::AsRawFd};

    let net = Net::new();
    let third = net.third();
    let group = SocketAddr::new(GROUPS[0], PORT);
    let listen = SocketAddr::new(RECEIVER[0], PORT);
    for (option, expected) in [("", 1), (",ttl=7", 7)] {
        let end = third.witness(TO_RECEIVER, group);
        setsockopt(&end, sockopt::Ipv4RecvTtl, &true).expect("IPv4 has it");
        let server = format!("{group}%{TO_THIRD}{option}");
        let relay = Tap::start(&net.receiver, &["relay", "-L", &listen.to_string(), "-S", &server]);
        net.sender.send(TO_RECEIVER, listen, &VALUE);
        let mut ttl = None;
        until("the packet on the other side", || {
            let (mut buffer, mut control) = ([0; 100], nix::cmsg_space!(i32));
            let mut slices = [IoSliceMut::new(&mut buffer)];
            let message = recvmsg::<()>(end.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::empty());
            let controls = message.iter().flat_map(|message| message.cmsgs()).flatten();
            ttl = controls.into_iter().find_map(|control| match control {
                ControlMessageOwned::Ipv4Ttl(ttl) => Some(ttl),
                _ => None,
            });
            ttl.is_some()
        });
        assert_eq!(ttl, Some(expected));
        drop(relay);
    }
}

/// What the documentation promises to whoever uses the library.
#[test]
fn the_library_relays_and_tells_what_it_did() {
    use collectd_tap::relay::{Relay, Settings};

    let net = Net::new();
    let to = address("127.0.0.1", 25_901);
    let end = net.receiver.witness("lo", to);
    let listen: IpAddr = RECEIVER[0];
    let relay = net.receiver.enter(|| {
        let mut settings = Settings { servers: vec![to.to_string().parse().expect("a server")], ..Settings::default() };
        settings.listen.endpoints = vec![listen.to_string().parse().expect("an address")];
        Relay::start(&settings, |_| {}).expect("it starts")
    });
    (0..50).for_each(|number| net.sender.send(TO_RECEIVER, SocketAddr::new(listen, PORT), &value(number % 40)));
    let mut count = 0;
    until("every packet", || {
        count += drain(&end);
        count == 40
    });
    until("the duplicates", || relay.report().losses.duplicate_packets == 10);
    let report = relay.stop();
    assert_eq!((report.tally.passed, report.destinations[0].counts.packets), (40, 40));
}
