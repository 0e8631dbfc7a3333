//! Relays to destinations that are dead, slow or without address, and more packets than they can take: everything is counted.

use std::net::SocketAddr;

use collectd_net_tests::{
    heard::value,
    net::{Net, PORT, RECEIVER, TO_RECEIVER, TO_THIRD, drain},
    relayed::{THIRD, address, last_words, number},
    tap::Tap,
    until,
};
use nix::sys::signal::Signal;

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
