//! `collectd-tap relay` between real collectds and plain sockets: what is sent on, and what is not.

use std::net::{IpAddr, SocketAddr};

use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    heard::{VALUE, value},
    json::Object,
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, drain},
    relayed::{COMMANDS, THIRD, address, last_words, number, take},
    tap::Tap,
    until,
};
use nix::sys::signal::Signal;

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
