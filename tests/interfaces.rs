//! Interfaces that come and go, links that flap, addresses that change, many groups, and groups of one sender.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    net::{IpAddr, SocketAddr},
    time::Instant,
};

use collectd_net_tests::{
    by,
    collectd::{Block, Collectd},
    heard::{LINE, RECOVERY, VALUE, groups, hear, hear_by, of_host, value},
    net::{GROUPS, Net, PORT, RECEIVER, SENDER, TO_RECEIVER, TO_SENDER, TO_THIRD},
    tap::Tap,
    until,
};
use nix::sys::signal::Signal;

#[test]
fn an_interface_made_again_is_joined_again() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);
    let named = Tap::start(&net.receiver, &["listen", "-i", TO_SENDER]);
    let third = net.third();
    [&tap, &named].into_iter().for_each(|tap| hear("at first", tap, &net.sender, &groups()));

    for _ in 0..3 {
        net.receiver.ip(&format!("link del {TO_SENDER}"));
        net.link_again("");
        let deadline = Instant::now() + RECOVERY;
        for tap in [&tap, &named] {
            hear_by(deadline, "on the new interface", tap, &net.sender, &groups());
        }
    }
    hear("on the other interface", &tap, &third, &groups());

    for tap in [tap, named] {
        let ended = tap.interrupt();
        let said = |words: &str| ended.talk.lines().filter(|line| line.contains(words)).count();
        assert_eq!(said("to-sender is gone"), 6, "{}", ended.talk);
        assert_eq!(said("joined 239.192.74.66:25826 on to-sender"), 3, "{}", ended.talk);
        assert_eq!(ended.code, Some(0));
    }
}

#[test]
fn an_interface_of_the_same_name_and_index_is_joined_again() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "239.192.74.66"]);
    hear("at first", &tap, &net.sender, &groups()[..1]);

    let index = || net.receiver.ip(&format!("-o link show {TO_SENDER}")).split(':').next().map(str::to_owned);
    let before = index();
    // While the program stands still, one is gone and the other is there.
    tap.signal(Signal::SIGSTOP);
    net.receiver.ip(&format!("link del {TO_SENDER}"));
    net.link_again(&format!(" index {}", before.as_ref().expect("the interface has an index")));
    assert_eq!(index(), before);
    tap.signal(Signal::SIGCONT);

    hear_by(Instant::now() + RECOVERY, "again", &tap, &net.sender, &groups()[..1]);
    assert_eq!(tap.interrupt().code, Some(0));
}

#[test]
fn an_interface_that_appears_late_is_joined() {
    let net = Net::new();
    let everywhere = Tap::start(&net.receiver, &[]);
    let awaited = Tap::start(&net.receiver, &["listen", "-i", TO_THIRD, "--wait"]);
    let unicast = Tap::start(&net.receiver, &["listen", "-L", "10.99.1.2", "-L", "[fd99:1::2]:25826"]);
    assert!(awaited.talk().contains("no interface is called 'to-third'"), "{}", awaited.talk());
    assert!(unicast.talk().contains("cannot listen on 10.99.1.2:25826"), "{}", unicast.talk());

    let third = net.third();
    let deadline = Instant::now() + RECOVERY;
    for tap in [&everywhere, &awaited] {
        hear_by(deadline, "on the late interface", tap, &third, &groups());
    }
    let addresses = ["10.99.1.2", "fd99:1::2"].map(|ip| SocketAddr::new(ip.parse().expect("an address"), PORT));
    hear_by(deadline, "at the late address", &unicast, &third, &addresses);
    for tap in [everywhere, awaited, unicast] {
        assert_eq!(tap.interrupt().code, Some(0));
    }
}

#[test]
fn links_that_flap_and_addresses_that_change_cost_no_membership() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);
    let hear = |what: &str| hear_by(Instant::now() + RECOVERY, what, &tap, &net.sender, &groups());
    hear("at first");

    for _ in 0..5 {
        net.receiver.ip(&format!("link set {TO_SENDER} down"));
        net.receiver.ip(&format!("link set {TO_SENDER} up"));
        hear("after the link was down");
    }
    net.receiver.ip(&format!("addr flush dev {TO_SENDER} scope global"));
    hear("without an address");
    net.receiver.ip(&format!("addr add 10.99.7.2/24 dev {TO_SENDER}"));
    hear("with another address");

    let ended = tap.interrupt();
    assert!(!ended.talk.contains("is gone"), "{}", ended.talk);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_link_that_is_lost_and_is_back_is_told_once() {
    let net = Net::new();
    let third = net.third();
    let taps = [&["listen"][..], &["listen", "-i", TO_SENDER], &["listen", "-L", "10.99.0.2"]]
        .map(|arguments| Tap::start(&net.receiver, arguments));
    let told = |words: &str, times: usize| {
        let count = |tap: &Tap| tap.talk().matches(words).count();
        until(words, || taps.iter().all(|tap| count(tap) >= times));
        assert_eq!(taps.each_ref().map(count), [times; 3], "{words}");
    };

    net.receiver.ip(&format!("link set {TO_SENDER} down"));
    told("warning: to-sender is down, and nothing is heard there until it is up\n", 1);
    net.receiver.ip(&format!("link set {TO_SENDER} up"));
    told("to-sender is up\n", 1);
    net.sender.ip(&format!("link set {TO_RECEIVER} down"));
    told("warning: to-sender has no carrier, and nothing is heard there until it has\n", 1);
    // It is lost all the same, so there is nothing new.
    net.receiver.ip(&format!("link set {TO_SENDER} down"));
    net.receiver.ip(&format!("link set {TO_SENDER} up"));
    net.sender.ip(&format!("link set {TO_RECEIVER} up"));
    told("to-sender is up\n", 2);
    hear_by(Instant::now() + RECOVERY, "after that", &taps[0], &net.sender, &groups());

    // Of one that is not listened on nothing is told.
    net.receiver.ip(&format!("link set {TO_THIRD} down"));
    until("the other interface", || taps[0].talk().contains("to-third is down"));
    for (number, tap) in taps.into_iter().enumerate() {
        hear("the end", &tap, &net.sender, &[SocketAddr::new(if number == 2 { RECEIVER[0] } else { GROUPS[0] }, PORT)]);
        let ended = tap.interrupt();
        let lost = ["to-sender is down", "to-sender has no carrier"].map(|words| ended.talk.matches(words).count());
        assert_eq!(lost, [1, 1], "{}", ended.talk);
        assert_eq!(ended.talk.contains(TO_THIRD), number == 0, "{}", ended.talk);
        assert_eq!(ended.code, Some(0));
    }
    drop(third);
}

#[test]
fn a_named_interface_without_a_link_at_the_start_is_told() {
    let net = Net::new();
    net.receiver.ip(&format!("link set {TO_SENDER} down"));
    let tap = Tap::start(&net.receiver, &["listen", "-i", TO_SENDER]);
    assert!(
        tap.talk().contains("warning: to-sender is down, and nothing is heard there until it is up\n"),
        "{}",
        tap.talk()
    );
    net.receiver.ip(&format!("link set {TO_SENDER} up"));
    hear_by(Instant::now() + RECOVERY, "when it is up", &tap, &net.sender, &groups());
    until("that it is up", || tap.talk().contains("to-sender is up\n"));
    assert_eq!(tap.interrupt().code, Some(0));
}

#[test]
fn a_name_that_does_not_resolve_yet_is_tried_until_it_does() {
    let net = Net::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let hosts = directory.path().join("hosts");
    fs::write(&hosts, "127.0.0.1 localhost\n").expect("the directory is ours");
    let arguments = ["listen", "-L", "collector.example.net", "-L", "239.192.74.66"];
    let tap = Tap::start_with_hosts(&net.receiver, &hosts, &arguments);
    assert!(tap.talk().contains("cannot resolve 'collector.example.net'"), "{}", tap.talk());
    hear("beside it", &tap, &net.sender, &groups()[..1]);
    assert!(!tap.talk().contains("10.99.0.2"), "{}", tap.talk());

    // All its addresses are meant: of this machine, and of groups.
    let addresses = ["10.99.0.2", "fd99::2", "239.9.9.9"];
    let lines = addresses.map(|address| format!("{address} collector.example.net\n")).concat();
    fs::write(&hosts, lines).expect("the directory is ours");
    let addresses = addresses.map(|ip| SocketAddr::new(ip.parse().expect("an address"), PORT));
    hear_by(Instant::now() + RECOVERY, "at the addresses of the name", &tap, &net.sender, &addresses);
    assert!(tap.talk().contains("listening on 10.99.0.2:25826\n"), "{}", tap.talk());
    assert!(tap.talk().contains("joined 239.9.9.9:25826 on to-sender\n"), "{}", tap.talk());
    assert_eq!(tap.interrupt().code, Some(0));
}

#[test]
fn twenty_five_groups_on_thirty_interfaces_are_all_heard() {
    let net = Net::new();
    // Beyond 20 memberships a socket takes no more.
    for number in 0..28 {
        net.receiver.ip(&format!("link add more{number} type veth peer other{number}"));
        net.receiver.ip(&format!("link set more{number} up"));
    }
    let groups: Vec<IpAddr> = (1..=25)
        .map(|number| if number % 2 == 0 { format!("239.9.9.{number}") } else { format!("ff18::9:{number}") })
        .map(|group| group.parse().expect("a group"))
        .collect();
    let listen = groups.iter().map(|group| format!("--listen={}", SocketAddr::new(*group, PORT)));
    let arguments: Vec<_> =
        ["listen".to_owned(), "-o".to_owned(), "json".to_owned()].into_iter().chain(listen).collect();
    let tap = Tap::start(&net.receiver, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let third = net.third();

    for (number, group) in (0..).zip(&groups) {
        net.sender.send(TO_RECEIVER, SocketAddr::new(*group, PORT), &value(number));
    }
    let lines = tap.wait_for(25, || {});
    let distinct: BTreeSet<_> = lines.iter().collect();
    assert_eq!((lines.len(), distinct.len()), (25, 25), "{lines:#?}");
    // One that has come last is joined with a second socket.
    let (packet, _) = of_host(b'z');
    until("the last interface", || {
        third.try_send(TO_RECEIVER, SocketAddr::new(groups[1], PORT), &packet);
        tap.lines().iter().any(|line| line.contains("\"host\":\"z\""))
    });
    let ended = tap.interrupt();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
}

#[test]
fn a_group_named_on_one_interface_and_on_all_is_printed_once() {
    for order in [[0, 1], [1, 0]] {
        let net = Net::new();
        let third = net.third();
        let listen = GROUPS.iter().flat_map(|&ip| {
            let address = SocketAddr::new(ip, PORT);
            let both = [format!("--listen={address}%{TO_SENDER}"), format!("--listen={address}")];
            order.map(|place| both[place].clone())
        });
        let arguments: Vec<_> = ["listen".to_owned()].into_iter().chain(listen).collect();
        let tap = Tap::start(&net.receiver, &arguments.iter().map(String::as_str).collect::<Vec<_>>());

        let lines = [b'a', b'b', b'c'].map(|host| of_host(host).1);
        net.sender.send_to_groups(TO_RECEIVER, &of_host(b'a').0);
        third.send_to_groups(TO_RECEIVER, &of_host(b'b').0);
        tap.wait_for(4, || {});
        net.sender.send_to_groups(TO_RECEIVER, &of_host(b'c').0);
        tap.wait_for(6, || {});
        let ended = tap.interrupt();
        let counts = lines.each_ref().map(|line| ended.lines.iter().filter(|printed| *printed == line).count());
        assert_eq!((counts, ended.lines.len()), ([2; 3], 6), "{:#?}", ended.lines);
    }
}

#[test]
fn bound_to_any_address_it_does_not_hear_the_groups_of_others() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-L", "0.0.0.0", "-L", "::"]);
    let witnesses = groups().map(|group| net.receiver.witness(TO_SENDER, SocketAddr::new(group.ip(), 25_900)));

    for (group, ip) in GROUPS.into_iter().zip(RECEIVER) {
        net.sender.send(TO_RECEIVER, SocketAddr::new(group, 25_900), &VALUE);
        net.sender.send(TO_RECEIVER, SocketAddr::new(group, PORT), &VALUE);
        net.sender.send(TO_RECEIVER, SocketAddr::new(ip, PORT), &of_host(b'u').0);
    }
    tap.wait_for(2, || {});
    until("the groups to arrive", || witnesses.iter().all(|witness| witness.peek(&mut [0]).is_ok()));
    assert_eq!(tap.interrupt().lines, [of_host(b'u').1, of_host(b'u').1]);
}

#[test]
fn with_a_source_other_senders_of_the_group_are_not_heard() {
    let net = Net::new();
    net.sender.ip(&format!("addr add 10.99.0.7/24 dev {TO_RECEIVER}"));
    net.sender.ip(&format!("addr add fd99::7/64 dev {TO_RECEIVER} nodad"));
    let [v4, v6] = SENDER;
    let groups = ["232.1.2.3", "ff38::1234"].map(|group| SocketAddr::new(group.parse().expect("a group"), PORT));
    let listen = [format!("{},source={v4}", groups[0]), format!("{},source={v6}", groups[1])];
    let tap = Tap::start(&net.receiver, &["listen", "-L", &listen[0], "-L", &listen[1]]);
    let witnesses = groups.map(|group| net.receiver.witness(TO_SENDER, group));

    let others = ["10.99.0.7", "fd99::7"].map(|ip| ip.parse::<IpAddr>().expect("an address"));
    for (group, other) in groups.into_iter().zip(others) {
        net.sender.send_from(other, TO_RECEIVER, group, &value(7));
    }
    until("what others send", || witnesses.iter().all(|witness| witness.peek(&mut [0]).is_ok()));
    for (group, source) in groups.into_iter().zip(SENDER) {
        net.sender.send_from(source, TO_RECEIVER, group, &VALUE);
    }
    tap.wait_for(2, || {});
    let ended = tap.interrupt();
    assert_eq!(ended.lines, [LINE; 2]);
    assert!(ended.talk.contains(&format!("{} from {v4}", groups[0])), "{}", ended.talk);
}

#[test]
fn a_real_collectd_is_heard_on_an_interface_that_comes_late_goes_comes_back_and_flaps() {
    const SECOND: &str = "second";
    let net = Net::new();
    // A second interface on the same wire: the sender does not notice what happens to it.
    let make = || {
        net.receiver.ip(&format!("link add link {TO_SENDER} name {SECOND} type macvlan mode bridge"));
        net.receiver.ip(&format!("link set {SECOND} up"));
    };
    let tap = Tap::start(&net.receiver, &["listen", "-i", SECOND, "--wait"]);
    let collectd = Collectd::start(&net.sender, &GROUPS.map(|group| Block::server(group, PORT).interface(TO_RECEIVER)));
    let mut number = 0;
    let mut hear = |what: &str| {
        let mut sent = BTreeSet::new();
        // Of one of these values, both copies, over IPv4 and over IPv6.
        let heard = by(Instant::now() + RECOVERY, || {
            number += 1;
            collectd.put(&format!("PUTVAL alpha.example.net/p/gauge-{number} 1700000000:{number}"));
            collectd.flush();
            sent.insert(format!("[1700000000] alpha.example.net/p/gauge/{number} [(1, {number}.0)]"));
            let lines = tap.lines();
            sent.iter().any(|line| lines.iter().filter(|printed| *printed == line).count() == 2)
        });
        assert!(heard, "not heard in time: {what}\n{}", tap.talk());
    };

    make();
    hear("the late interface");
    for _ in 0..3 {
        net.receiver.ip(&format!("link del {SECOND}"));
        make();
        hear("the interface made again");
        net.receiver.ip(&format!("link set {SECOND} down"));
        net.receiver.ip(&format!("link set {SECOND} up"));
        hear("the interface that was down");
        net.receiver.ip(&format!("addr add 10.99.8.1/24 dev {SECOND}"));
        net.receiver.ip(&format!("addr del 10.99.8.1/24 dev {SECOND}"));
        hear("the interface whose address has changed");
    }
    let ended = tap.interrupt();
    // No item more than once for each group.
    let mut counts = BTreeMap::<_, u32>::new();
    ended.lines.iter().for_each(|line| *counts.entry(line).or_default() += 1);
    assert!(counts.values().all(|count| *count <= 2), "{counts:#?}");
    assert_eq!(ended.count("refused"), 0);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_real_collectd_is_heard_in_twenty_five_groups_over_two_interfaces() {
    let net = Net::new();
    let third = net.third();
    let groups: Vec<IpAddr> = (1..=25)
        .map(|number| if number % 2 == 0 { format!("239.9.9.{number}") } else { format!("ff18::9:{number}") })
        .map(|group| group.parse().expect("a group"))
        .collect();
    let listen = groups.iter().map(|group| format!("--listen={}", SocketAddr::new(*group, PORT)));
    let arguments: Vec<_> = ["listen".to_owned()].into_iter().chain(listen).collect();
    let tap = Tap::start(&net.receiver, &arguments.iter().map(String::as_str).collect::<Vec<_>>());
    let servers: Vec<_> = groups.iter().map(|group| Block::server(*group, PORT).interface(TO_RECEIVER)).collect();
    let senders = [&net.sender, &third].map(|namespace| Collectd::start(namespace, &servers));

    for (number, sender) in senders.iter().enumerate() {
        sender.put(&format!("PUTNOTIF severity=okay time=1700000000 message=sender-{number}"));
    }
    tap.wait_for(50, || {});
    let ended = tap.interrupt();
    for number in 0..2 {
        let line = format!("[1700000000]  [OKAY] sender-{number}");
        assert_eq!(ended.lines.iter().filter(|printed| **printed == line).count(), 25, "{:#?}", ended.lines);
    }
    assert_eq!(ended.lines.len(), 50);
}
