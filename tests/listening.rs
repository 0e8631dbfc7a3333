//! Senders that are kept out, copies that are left out, and packets that are counted.
//!
//! The packets were recorded from collectd and are sent from plain sockets, except where relays are concerned.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::SocketAddr,
    thread,
};

use collectd_net_tests::{
    auth::AuthFile,
    collectd::{Block, Collectd},
    heard::{LINE, VALUE, groups, hear, of_host, value},
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, TO_THIRD},
    tap::{Tap, tap},
    until,
};

#[test]
fn options_of_one_address_do_not_hold_for_another() {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    let sealed = format!("10.99.0.2:25827,security-level=sign,auth-file={}", auth.path());
    let tap = Tap::start(&net.receiver, &["listen", "-L", &sealed, "-L", "10.99.0.2:25826", "--rejects", "-o", "json"]);

    net.sender.send(TO_RECEIVER, SocketAddr::new(RECEIVER[0], 25_827), &VALUE);
    tap.wait_for(1, || {});
    net.sender.send(TO_RECEIVER, SocketAddr::new(RECEIVER[0], 25_826), &VALUE);
    let lines = tap.wait_for(2, || {});
    assert!(lines[0].contains("\"kind\":\"reject\"") && lines[1].contains("\"kind\":\"values\""), "{lines:#?}");
    assert_eq!(tap.interrupt().count("refused"), 1);
}

#[test]
fn senders_that_are_not_allowed_are_counted_and_not_decoded() {
    let net = Net::new();
    let third = net.third();
    let tap = Tap::start(&net.receiver, &["listen", "--allowed-sources", "10.99.1.0/24,fd99:1::/64", "--rejects"]);

    // Link-local addresses are what groups are sent from in IPv6, so the IPv6 group stays unheard altogether.
    (0..3).for_each(|_| net.sender.send(TO_RECEIVER, SocketAddr::new(GROUPS[0], PORT), &[1]));
    hear("the allowed sender", &tap, &third, &groups()[..1]);
    let ended = tap.interrupt();

    assert_eq!(ended.count("refused"), 0, "{}", ended.talk);
    assert!(ended.talk.contains(", 3 from sources that are not allowed"), "{}", ended.talk);
}

/// From a collectd that signs, and from one that encrypts.
const SEALED: [&[u8]; 2] = [
    include_bytes!("../core/tests/data/collectd-5.12.0-minimal-signed.bin"),
    include_bytes!("../core/tests/data/collectd-5.12.0-minimal-encrypted.bin"),
];

#[test]
fn a_sealed_packet_sent_again_is_not_delivered() {
    let net = Net::new();
    let auth = AuthFile::new([""; 0]);
    auth.write("testuser: s3cr3t-pa55\n");
    let listen = ["listen", "-L", "10.99.0.2", "-a", auth.path(), "-s", "sign", "--replay-window", "10m"];
    for workers in ["1", "4"] {
        let tap = Tap::start(&net.receiver, &[&listen[..], &["--workers", workers]].concat());
        let to = SocketAddr::new(RECEIVER[0], PORT);
        // Each from a port of its own, so they are spread over the workers.
        (0..50).for_each(|_| SEALED.iter().for_each(|packet| net.sender.send(TO_RECEIVER, to, packet)));
        tap.wait_for(2, || {});
        let ended = tap.interrupt();
        assert_eq!(ended.lines.len(), 2, "{:#?}", ended.lines);
        assert_eq!((ended.count("packet"), ended.count("refused")), (100, 98), "{}", ended.talk);
        assert!(ended.talk.contains("98 replayed"), "{}", ended.talk);
    }
}

#[test]
fn copies_of_a_signed_packet_for_both_groups_are_replays_unless_they_are_left_out_before() {
    let net = Net::new();
    let auth = AuthFile::new([""; 0]);
    auth.write("testuser: s3cr3t-pa55\n");
    let listen = ["listen", "-a", auth.path(), "-s", "sign", "--replay-window", "10m"];
    for (more, refused, left_out) in [(&[][..], 1, None), (&["--dedup"], 0, Some(", 1 left out as duplicates"))] {
        let tap = Tap::start(&net.receiver, &[&listen[..], more].concat());
        let witnesses = groups().map(|group| net.receiver.witness(TO_SENDER, group));
        // What it signs is the same for both.
        net.sender.send_to_groups(TO_RECEIVER, SEALED[0]);
        until("both copies", || witnesses.iter().all(|witness| witness.peek(&mut [0]).is_ok()));
        tap.wait_for(1, || {});
        let ended = tap.interrupt();
        assert_eq!((ended.lines.len(), ended.count("refused")), (1, refused), "{}", ended.talk);
        assert!(left_out.is_none_or(|words| ended.talk.contains(words)), "{}", ended.talk);
    }
}

#[test]
fn one_datagram_over_two_interfaces_is_delivered_once() {
    let net = Net::new();
    let third = net.third();
    let tap = Tap::start(&net.receiver, &["listen", "--dedup"]);

    for number in 0..20 {
        net.sender.send_to_groups(TO_RECEIVER, &value(number));
        third.send_to_groups(TO_RECEIVER, &value(number));
    }
    tap.wait_for(20, || {});
    let ended = tap.interrupt();
    assert_eq!(ended.lines.len(), 20, "{}", ended.talk);
    assert!(ended.talk.contains(", 60 left out as duplicates"), "{}", ended.talk);
}

#[test]
fn what_two_relays_forward_is_delivered_once() {
    let net = Net::new();
    let third = net.third();
    // Each relay hears the sender on a port of its own and forwards to the group, packed and sealed as it likes.
    let relay = |port: u16, seal: fn(Block) -> Block| {
        let to = seal(Block::server(GROUPS[0], PORT).interface(TO_THIRD));
        Collectd::forward(&net.receiver, &[Block::listen(RECEIVER[0], port), to])
    };
    let relays = [relay(25_901, |block| block), relay(25_902, |block| block.sign("user", "secret of all"))];
    let tap = Tap::start(&third, &["listen", "--dedup"]);
    let witness = Tap::start(&third, &["listen"]);
    let sender = Collectd::start(&net.sender, &[25_901, 25_902].map(|port| Block::server(RECEIVER[0], port)));

    for number in 0..40 {
        sender.put(&format!("PUTVAL alpha.example.net/p/gauge-{number} 1700000000:{number}"));
    }
    let flush = || {
        sender.flush();
        relays.iter().for_each(Collectd::flush);
    };
    // When both copies have come to the one, they have to the other.
    witness.wait_for(80, flush);
    let ended = tap.interrupt();
    let distinct: BTreeSet<_> = ended.lines.iter().collect();
    assert_eq!((ended.lines.len(), distinct.len()), (40, 40), "{:#?}\n{}", ended.lines, ended.talk);
    assert!(ended.talk.contains(", 40 of the items left out as duplicates"), "{}", ended.talk);
}

#[test]
fn a_lone_datagram_is_not_held_back() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2"]);
    // Also not the last of many, of which the number does not fill a batch.
    for (number, count) in [1, 1, 65, 129, 1].into_iter().enumerate() {
        let before = tap.lines().len();
        (0..count).for_each(|_| net.sender.send(TO_RECEIVER, SocketAddr::new(RECEIVER[0], PORT), &VALUE));
        until(&format!("burst {number} of {count}"), || tap.lines().len() == before + count);
    }
    assert_eq!(tap.interrupt().code, Some(0));
}

#[test]
fn truncated_datagrams_are_seen_and_their_start_is_decoded() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "--max-packet-size", "64"]);
    let whole = Tap::start(&net.receiver, &["listen", "-L", "[fd99::2]:25826"]);
    let long = [&VALUE[..], &VALUE].concat();
    let longest = VALUE.repeat(1074);

    net.sender.send(TO_RECEIVER, SocketAddr::new(RECEIVER[0], PORT), &long);
    net.sender.send(TO_RECEIVER, SocketAddr::new(RECEIVER[1], PORT), &longest);
    tap.wait_for(1, || {});
    whole.wait_for(1074, || {});
    let ended = tap.interrupt();
    assert_eq!(ended.lines, [LINE]);
    assert_eq!(ended.count("truncated"), 1, "{}", ended.talk);
    let ended = whole.interrupt();
    assert_eq!((ended.lines.len(), ended.talk.contains("truncated")), (1074, false), "{}", ended.talk);
}

#[test]
fn a_small_receive_buffer_is_told_with_what_helps() {
    let net = Net::new();
    // Who may not administer the network gets no more than the limit.
    let limit: usize = fs::read_to_string("/proc/sys/net/core/rmem_max")
        .ok()
        .and_then(|limit| limit.trim().parse().ok())
        .unwrap_or(4 << 20);
    let asked = limit + (1 << 20);
    let mut command = net.receiver.command("setpriv");
    command.args(["--bounding-set=-net_admin", "--inh-caps=-net_admin"]).arg(tap());
    let output = command
        .args(["listen", "-L", "127.0.0.1", "--for", "10ms", "--receive-buffer", &asked.to_string()])
        .output()
        .expect("iproute2 is installed");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert!(talk.contains(&format!("sysctl -w net.core.rmem_max={asked}")), "{talk}");
    assert!(talk.contains(&format!("receive buffer {} KiB of {} KiB", 2 * limit / 1024, 2 * asked / 1024)), "{talk}");

    let tap = Tap::start(&net.receiver, &["listen", "-L", "127.0.0.1", "--receive-buffer", "1M"]);
    let talk = tap.interrupt().talk;
    assert!(talk.contains("receive buffer 2048 KiB\n") && !talk.contains("sysctl"), "{talk}");
}

#[test]
fn workers_keep_the_order_of_each_sender() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "-o", "json", "--workers", "4"]);
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let packets: Vec<_> = (0..500).map(value).collect();
    thread::scope(|scope| {
        for _ in 0..8 {
            // A socket each: another port is another sender.
            scope.spawn(|| net.sender.send_all(TO_RECEIVER, to, &packets));
        }
    });
    tap.wait_for(8 * 500, || {});
    let ended = tap.interrupt();
    let mut senders = BTreeMap::<_, Vec<_>>::new();
    for line in &ended.lines {
        let (before, from) = line.rsplit_once("\"from\":").expect("each has a sender");
        let values = before.split_once("\"values\":").expect("each has values").1;
        senders.entry(from.to_owned()).or_default().push(values.to_owned());
    }
    assert_eq!(senders.len(), 8);
    let first = senders.values().next().cloned().expect("there are eight");
    assert!(first.len() == 500 && senders.values().all(|values| *values == first));
    assert_eq!(ended.count("packet"), 4000);
}

#[test]
fn a_summary_has_a_line_for_each_sender_and_second() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "--summary"]);
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let damaged = [&VALUE[..], &[0; 4]].concat();
    net.sender.send_all(TO_RECEIVER, to, &[VALUE.to_vec(), damaged, VALUE.repeat(2)]);
    net.sender.send(TO_RECEIVER, to, &VALUE);

    until("all four packets in lines", || {
        let packets = |line: &String| line.split(": ").nth(1)?.split(' ').next()?.parse::<u32>().ok();
        tap.lines().iter().filter_map(packets).sum::<u32>() == 4
    });
    let ended = tap.interrupt();
    let senders: BTreeSet<_> = ended.lines.iter().filter_map(|line| line.split(' ').nth(1)).collect();
    assert_eq!(senders.len(), 2, "{:#?}", ended.lines);
    assert!(ended.lines.iter().any(|line| line.contains("1 refused (1 padding)")), "{:#?}", ended.lines);
    assert!(ended.lines.iter().all(|line| line.starts_with('[') && line.contains(" plain), ")), "{:#?}", ended.lines);
}

#[test]
fn count_only_prints_nothing_and_counts_what_fits() {
    let net = Net::new();
    let arguments = ["listen", "-L", "10.99.0.2", "--count-only", "-f", "host == \"h\" and value < 42", "-c", "2"];
    let tap = Tap::start(&net.receiver, &arguments);
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let mut less = VALUE.to_vec();
    less[60] = 0x3f;
    net.sender.send_all(TO_RECEIVER, to, &[VALUE.to_vec(), less.clone(), VALUE.to_vec(), less, VALUE.to_vec()]);
    let ended = tap.wait();
    assert_eq!((ended.lines.len(), ended.code), (0, Some(0)));
    assert!(ended.talk.contains("4 packets, 4 items, 0 refused, 2 items selected, "), "{}", ended.talk);
}

#[test]
fn an_exposition_is_whole_at_each_interval_and_at_the_end() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "-o", "prometheus", "--every", "100ms"]);
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let series = |host: u8, number: &str| format!("collectd_p_gauge{{instance=\"{}\"}} {number}", char::from(host));
    let is_whole = |text: &[String], hosts: &[u8]| {
        let samples: Vec<_> = text.iter().filter(|line| !line.starts_with('#')).cloned().collect();
        samples == hosts.iter().map(|host| series(*host, "42.0")).collect::<Vec<_>>()
    };
    let has = |hosts: &[u8]| tap.lines().split(|line| line == "# EOF").rev().skip(1).any(|text| is_whole(text, hosts));

    net.sender.send(TO_RECEIVER, to, &of_host(b'a').0);
    until("the first host", || has(b"a"));
    net.sender.send(TO_RECEIVER, to, &of_host(b'b').0);
    until("both hosts", || has(b"ab"));
    let ended = tap.interrupt();
    let mut texts: Vec<_> = ended.lines.split(|line| line == "# EOF").collect();
    assert_eq!(texts.pop(), Some(&[][..]), "the last one is whole, too");
    assert!(texts.last().is_some_and(|text| is_whole(text, b"ab")), "{:#?}", ended.lines);
}
