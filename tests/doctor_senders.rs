//! `collectd-tap doctor` and what senders do wrong: packets that are refused, late, cut, or sent elsewhere, and the findings of them.

use std::{
    fs,
    net::{IpAddr, SocketAddr},
    time::Duration,
};

use collectd_net::Encoder;
use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    data,
    datagrams::datagrams,
    doctor::{group, heard, listening, now, packet, packet_of, put, report, set, signed},
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, TO_THIRD, drain},
    until,
};
use nix::sys::signal::Signal;

#[test]
fn a_sender_without_a_way_back_is_dropped_by_rp_filter() {
    let net = Net::new();
    net.sender.ip(&format!("addr add 10.88.0.1/32 dev {TO_RECEIVER}"));
    for interface in ["all", TO_SENDER] {
        set(&net.receiver, &format!("ipv4/conf/{interface}/rp_filter"), "1");
    }
    let tap = listening(&net.receiver, &[]);
    let stranger: IpAddr = "10.88.0.1".parse().expect("an address");
    net.sender.send_from(stranger, TO_RECEIVER, group(), &packet());
    let dropped = || {
        let table =
            net.receiver.enter(|| fs::read_to_string("/proc/thread-self/net/netstat").expect("the kernel counts"));
        let rows: Vec<Vec<_>> = table.lines().take(2).map(|line| line.split_whitespace().collect()).collect();
        let column = rows[0].iter().position(|name| *name == "IPReversePathFilter").expect("a column");
        rows[1][column] != "0"
    };
    until("the kernel to drop it", dropped);
    let found = report(tap);
    found.find("note", "rp-filter-strict", TO_SENDER);
    let finding = found.find("failure", "rp-filter", "10.88.0.1");
    assert!(finding["message"].as_str().expect("text").contains("there is no way back"), "{finding}");
    found.find("failure", "nothing-heard", "see above");
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn what_is_refused_is_told_in_words() {
    let auth = AuthFile::new(["alice", "bob"]);
    auth.write(&format!("alice: {PASSWORD}\nbob: another\n"));
    let arguments = ["-a", auth.path(), "-s", "sign"];
    for (packet, severity, word, says) in [
        (signed("web\u{1b}", PASSWORD), "failure", "unknown-user", "user 'web\\x1b' is not in the auth file"),
        (signed("bob", PASSWORD), "failure", "wrong-password", "wrong password for user 'bob'"),
        (packet(), "failure", "below-level", "unsigned although the level is sign"),
        (signed("alice", PASSWORD), "okay", "sender", "1 signed) by user alice"),
    ] {
        let net = Net::new();
        let found = heard(&net, &arguments, &[packet]);
        found.find(severity, word, says);
        let code = if severity == "okay" { 0 } else { 4 };
        assert_eq!(found.code, Some(code), "{word}: {:#?}", found.findings);
    }
}

#[test]
fn a_real_collectd_with_a_wrong_password_or_unknown_user_is_told() {
    let net = Net::new();
    let auth = AuthFile::new(["alice"]);
    let tap = listening(&net.receiver, &["-a", auth.path(), "-s", "encrypt"]);
    let witness = net.receiver.witness(TO_SENDER, group());
    let server = || Block::server(GROUPS[0], PORT).interface(TO_RECEIVER);
    let ways =
        [server().encrypt("alice", "wrong"), server().encrypt("web", PASSWORD), server().sign("alice", PASSWORD)];
    for way in ways {
        let collectd = Collectd::start(&net.sender, &[way]);
        until("collectd to send", || {
            collectd.put("PUTVAL alpha.example.net/p/gauge N:42");
            collectd.flush();
            drain(&witness) > 0
        });
    }
    let found = report(tap);
    found.find("failure", "wrong-password", "wrong password for user 'alice'");
    found.find("failure", "unknown-user", "user 'web' is not in the auth file");
    found.find("failure", "below-level", "not encrypted although the level is encrypt");
    assert_eq!(found.code, Some(4));
}

#[test]
fn packets_that_were_cut_are_told_with_their_length() {
    let net = Net::new();
    let mut buffer = [0; 3000];
    let mut encoder = Encoder::new(&mut buffer);
    let time = now();
    (0..60).for_each(|number| put(&mut encoder, &format!("web{number}"), "gauge", time, Duration::from_secs(10)));
    let long = encoder.packet().to_vec();
    assert!(long.len() > 1452);
    let found = heard(&net, &["--max-packet-size", "1452"], std::slice::from_ref(&long));
    found.find("warning", "cut", "cut at 1452 octets: raise MaxPacketSize");
    assert_eq!(found.code, Some(0));
    // What a relay has cut is as long as its buffer.
    let found = heard(&net, &["--strict"], &[long[..1024].to_vec()]);
    found.find("warning", "cut", "cut at 1024 octets before they came here");
    assert_eq!(found.code, Some(4));
    // Long packets come in fragments, and are put together where they are looked at, too.
    let found = heard(&net, &[], &[long]);
    assert_eq!((found.troubles(), found.code), (vec![], Some(0)), "{:#?}", found.findings);
}

#[test]
fn clocks_that_are_ahead_or_behind_are_told() {
    let net = Net::new();
    let at = |host: &str, time| packet_of(host, "gauge", time, Duration::from_secs(10));
    let soon = Duration::from_secs(93);
    let found = heard(&net, &[], &[at("early", now() + soon), at("late", now() - soon), at("right", now())]);
    let seconds = |word: &str, says: &str| {
        let finding = found.find("warning", word, says);
        finding["numbers"]["seconds"].as_u64().expect("a number")
    };
    // It may take a while until they are sent and received.
    assert!((80..=93).contains(&seconds("clock-ahead", "early: clock ")));
    assert!((93..=110).contains(&seconds("clock-behind", "late: clock ")));
    assert_eq!(found.troubles().len(), 2, "{:#?}", found.findings);
    assert_eq!(found.code, Some(0));
    let found = heard(&net, &[], &[at("one", now() + soon), at("two", now() + soon)]);
    found.find("warning", "clock-here", "all 2 hosts");
}

#[test]
fn types_that_types_db_does_not_know_are_told() {
    let net = Net::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("types.db");
    fs::write(&file, "gauge value:GAUGE:U:U\n").expect("it is ours");
    let arguments = ["--types-db", file.to_str().expect("UTF-8")];
    let typed = |type_: &str| packet_of("web01", type_, now(), Duration::from_secs(10));
    let found = heard(&net, &arguments, &[typed("gauge"), typed("x\n")]);
    found.find("warning", "unknown-type", "type 'x\\x0a' unknown");
    assert_eq!(found.troubles(), ["unknown-type"]);
    fs::write(&file, "gauge a:GAUGE:U:U b:GAUGE:U:U\n").expect("it is ours");
    let found = heard(&net, &arguments, &[typed("gauge")]);
    found.find("warning", "type-mismatch", "type 'gauge' has 2 data sources in types.db, but 1 values came");
    assert_eq!(found.troubles(), ["type-mismatch"]);
}

#[test]
fn packets_that_nobody_here_can_open_are_told() {
    let net = Net::new();
    let encrypted = datagrams(&data("captures/encrypted.pcap")).expect("a capture");
    let packets: Vec<_> = encrypted.into_iter().take(10).map(|datagram| datagram.payload).collect();
    let found = heard(&net, &[], &packets);
    found.find("failure", "no-passwords", "--auth-file");
    assert_eq!(found.code, Some(4), "{:#?}", found.findings);
}

#[test]
fn senders_that_are_not_wanted_are_told() {
    let net = Net::new();
    let found = heard(&net, &["--allowed-sources", "192.0.2.0/24"], &[packet()]);
    found.find("warning", "source-not-allowed", "not among --allowed-sources");
    let one = "232.1.2.3:25826".parse().expect("an address");
    let tap = listening(&net.receiver, &["-L", "232.1.2.3,source=10.99.0.9"]);
    let witness = net.receiver.witness(TO_SENDER, one);
    net.sender.send(TO_RECEIVER, one, &packet());
    until("it to arrive", || drain(&witness) > 0);
    let found = report(tap);
    found.find("failure", "other-source", "-L 232.1.2.3:25826,source=10.99.0.1");
}

#[test]
fn senders_that_are_too_many_are_told_together() {
    let net = Net::new();
    // All of these are addresses of the sender.
    net.sender.ip("route add local 10.88.0.0/16 dev lo");
    net.receiver.ip(&format!("route add 10.88.0.0/16 dev {TO_SENDER}"));
    let tap = listening(&net.receiver, &[]);
    let witness = net.receiver.witness(TO_SENDER, group());
    let (packet, mut arrived) = (packet(), 0);
    for number in 0..1_010_u16 {
        let [third, fourth] = number.to_be_bytes();
        net.sender.send_from([10, 88, third, fourth].into(), TO_RECEIVER, group(), &packet);
        until("the packet to arrive", || {
            arrived += drain(&witness);
            arrived == usize::from(number) + 1
        });
    }
    let found = report(tap);
    found.find("note", "many-senders", "10 packets from");
    assert_eq!(found.all("sender").len(), 1000);
}

#[test]
fn wrong_check_sums_are_told() {
    use socket2::{Domain, Protocol, Socket, Type};

    let net = Net::new();
    let tap = listening(&net.receiver, &[]);
    let payload = packet();
    let length = u16::try_from(payload.len() + 8).expect("short").to_be_bytes();
    // From port 9, with a check sum that it has not got.
    let header = [&[0, 9][..], &PORT.to_be_bytes(), &length, &[0x12, 0x34]].concat();
    net.sender.enter(|| {
        let socket = Socket::new(Domain::IPV4, Type::RAW, Some(Protocol::UDP)).expect("root may");
        socket.bind_device(Some(TO_RECEIVER.as_bytes())).expect("it is there");
        let datagram = [&header[..], &payload].concat();
        assert!(socket.send_to(&datagram, &group().into()).is_ok());
    });
    let counted = || {
        let table = net.receiver.enter(|| fs::read_to_string("/proc/thread-self/net/snmp").expect("it is there"));
        let rows: Vec<Vec<_>> = table
            .lines()
            .filter(|line| line.starts_with("Udp:"))
            .map(|line| line.split_whitespace().collect())
            .collect();
        let column = rows[0].iter().position(|name| *name == "InCsumErrors").expect("a column");
        rows[1][column] != "0"
    };
    until("the kernel to drop it", counted);
    report(tap).find("warning", "bad-checksum", "wrong check sum");
}

#[test]
fn what_the_kernel_drops_is_told_in_percent() {
    let net = Net::new();
    let tap = listening(&net.receiver, &["--receive-buffer", "4K"]);
    tap.signal(Signal::SIGSTOP);
    let packet = packet();
    net.sender.flood(TO_RECEIVER, group(), &[&packet], 1000);
    tap.signal(Signal::SIGCONT);
    let found = report(tap);
    let lost = found.find("warning", "kernel-loss", "% lost in the kernel")["numbers"]["lost"].as_u64();
    let heard = found.find("okay", "sender", "10.99.0.1")["numbers"]["packets"].as_u64();
    assert_eq!(lost.zip(heard).map(|(lost, heard)| lost + heard), Some(1000), "{:#?}", found.findings);
    // The interface had them all, and that is no other finding.
    found.has_no("some-dropped");
}

#[test]
fn a_host_that_falls_silent_is_told() {
    let net = Net::new();
    let found = heard(&net, &[], &[packet_of("web01", "gauge", now(), Duration::from_micros(10))]);
    found.find("warning", "silent", "web01 was heard for 0 s, and then nothing for");
}

#[test]
fn other_groups_ports_addresses_and_interfaces_in_use_are_found() {
    let net = Net::new();
    let third = net.third();
    let tap = listening(&net.receiver, &["-i", TO_SENDER, "-L", "239.192.74.66"]);
    let to = |ip: &str, port| SocketAddr::new(ip.parse().expect("an address"), port);
    let places = [
        ("other-port", to("239.192.74.66", 25_827)),
        ("other-group", to("239.1.2.3", PORT)),
        ("other-group", to("ff18::1:2", PORT)),
        ("other-address", SocketAddr::new(RECEIVER[0], PORT)),
        ("other-address", SocketAddr::new(RECEIVER[1], PORT)),
    ];
    let witnesses = places.map(|(_, place)| net.receiver.witness(TO_SENDER, place));
    for (_, place) in places {
        net.sender.send(TO_RECEIVER, place, &packet());
    }
    let late = net.receiver.witness(TO_THIRD, group());
    third.send(TO_RECEIVER, group(), &packet());
    until("all of it to arrive", || {
        witnesses.iter().chain([&late]).all(|witness| witness.peek(&mut [0; 2000]).is_ok())
    });
    let found = report(tap);
    for (word, place) in places {
        found.find("warning", word, &format!("-L {place}"));
    }
    found.find("failure", "other-interface", &format!("-i {TO_THIRD}"));
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn whatever_strangers_send_is_told_without_harm() {
    let net = Net::new();
    let auth = AuthFile::new(["alice"]);
    let tap = listening(&net.receiver, &["-a", auth.path()]);
    let all = datagrams(&data("bad-packets/packets")).expect("packets");
    assert!(all.len() > 100, "{}", all.len());
    let packets: Vec<_> = all.into_iter().map(|datagram| datagram.payload).collect();
    net.sender.send_all(TO_RECEIVER, group(), &packets);
    for place in ["239.1.2.3:25826", "10.99.0.2:9"] {
        net.sender.send_all(TO_RECEIVER, place.parse().expect("an address"), &packets);
    }
    let found = report(tap);
    found.find("warning", "damaged", "damaged packets: ");
    found.find("warning", "unknown-user", "is not in the auth file");
    found.find("note", "other-group", "239.1.2.3:25826");
    let told = found.find("okay", "sender", "10.99.0.1")["numbers"]["packets"].as_u64();
    assert_eq!(told.map(|told| told as usize), Some(packets.len()));
}
