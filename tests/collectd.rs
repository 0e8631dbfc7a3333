//! A real collectd sends over a veth pair; `collectd-tap` prints what was put in, each item once per destination.

use std::net::{IpAddr, SocketAddr};

use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    json::Object,
    net::{GROUPS, Net, PORT, RECEIVER, SENDER, TO_RECEIVER, TO_SENDER},
    tap::Tap,
    until,
};

/// What is put into collectd, and the line `collectd-tap` prints for it.
///
/// The first four change both instances from something to nothing and back, which a sender says with an empty part.
const ITEMS: [(&str, &str); 29] = [
    ("PUTVAL alpha.example.net/p-pi/gauge-ti 1700000000:1", "[1700000000] alpha.example.net/p/pi/gauge/ti [(1, 1.0)]"),
    ("PUTVAL alpha.example.net/p/gauge 1700000000:2", "[1700000000] alpha.example.net/p/gauge [(1, 2.0)]"),
    ("PUTVAL alpha.example.net/p-pi/gauge 1700000000:3", "[1700000000] alpha.example.net/p/pi/gauge [(1, 3.0)]"),
    ("PUTVAL alpha.example.net/p/gauge-ti 1700000000:4", "[1700000000] alpha.example.net/p/gauge/ti [(1, 4.0)]"),
    (
        "PUTVAL localhost.localdomain/swap/swap-used interval=10 1237749608:48082944",
        "[1237749608] localhost.localdomain/swap/swap/used [(1, 48082944.0)]",
    ),
    ("PUTVAL alpha.example.net/g/gauge-nan 1700000001:U", "[1700000001] alpha.example.net/g/gauge/nan [(1, nan)]"),
    ("PUTVAL alpha.example.net/g/gauge-inf 1700000001:-inf", "[1700000001] alpha.example.net/g/gauge/inf [(1, -inf)]"),
    (
        "PUTVAL alpha.example.net/g/gauge-zero 1700000001:-0.0",
        "[1700000001] alpha.example.net/g/gauge/zero [(1, -0.0)]",
    ),
    (
        "PUTVAL alpha.example.net/g/gauge-tiny 1700000001:1e-300",
        "[1700000001] alpha.example.net/g/gauge/tiny [(1, 1e-300)]",
    ),
    (
        "PUTVAL alpha.example.net/g/gauge-least 1700000001:5e-324",
        "[1700000001] alpha.example.net/g/gauge/least [(1, 5e-324)]",
    ),
    (
        "PUTVAL alpha.example.net/g/gauge-small 1700000001:0.00001",
        "[1700000001] alpha.example.net/g/gauge/small [(1, 1e-05)]",
    ),
    (
        "PUTVAL alpha.example.net/g/gauge-tenth 1700000001:0.1",
        "[1700000001] alpha.example.net/g/gauge/tenth [(1, 0.1)]",
    ),
    (
        "PUTVAL alpha.example.net/g/gauge-long 1700000001:123456789.123456789",
        "[1700000001] alpha.example.net/g/gauge/long [(1, 123456789.12345679)]",
    ),
    ("PUTVAL alpha.example.net/g/gauge-big 1700000001:1e16", "[1700000001] alpha.example.net/g/gauge/big [(1, 1e+16)]"),
    (
        "PUTVAL alpha.example.net/g/gauge-greatest 1700000001:1.7976931348623157e308",
        "[1700000001] alpha.example.net/g/gauge/greatest [(1, 1.7976931348623157e+308)]",
    ),
    (
        "PUTVAL alpha.example.net/d/derive-least 1700000002:-9223372036854775808",
        "[1700000002] alpha.example.net/d/derive/least [(2, -9223372036854775808)]",
    ),
    ("PUTVAL alpha.example.net/d/derive-less 1700000002:-1", "[1700000002] alpha.example.net/d/derive/less [(2, -1)]"),
    (
        "PUTVAL alpha.example.net/c/counter 1700000002:18446744073709551615",
        "[1700000002] alpha.example.net/c/counter [(0, 18446744073709551615)]",
    ),
    (
        "PUTVAL alpha.example.net/a/absolute 1700000002:18446744073709551615",
        "[1700000002] alpha.example.net/a/absolute [(3, 18446744073709551615)]",
    ),
    (
        "PUTVAL alpha.example.net/load/load 1700000003:0.25:U:3",
        "[1700000003] alpha.example.net/load/load [(1, 0.25), (1, nan), (1, 3.0)]",
    ),
    (
        "PUTVAL alpha.example.net/interface-eth0/if_octets 1700000003:1:9223372036854775807",
        "[1700000003] alpha.example.net/interface/eth0/if_octets [(2, 1), (2, 9223372036854775807)]",
    ),
    (
        "PUTVAL alpha.example.net/t/gauge-half interval=2.5 1700000004.5:1",
        "[1700000004] alpha.example.net/t/gauge/half [(1, 1.0)]",
    ),
    (
        "PUTVAL alpha.example.net/t/gauge-last interval=86400 1700000004.999999:1",
        "[1700000004] alpha.example.net/t/gauge/last [(1, 1.0)]",
    ),
    (
        "PUTVAL \"βeta host.example.net/wärme pumpe-keller west/temperature-außen links\" 1700000005:21.5",
        "[1700000005] βeta host.example.net/wärme pumpe/keller west/temperature/außen links [(1, 21.5)]",
    ),
    (
        "PUTVAL gamma.example.net/p-a-b/gauge-c-d 1700000005:1",
        "[1700000005] gamma.example.net/p/a-b/gauge/c-d [(1, 1.0)]",
    ),
    (
        "PUTNOTIF severity=failure time=1700000010 message=\"the roof is on fire\"",
        "[1700000010]  [FAILURE] the roof is on fire",
    ),
    (
        "PUTNOTIF severity=warning time=1700000010.25 host=alpha.example.net plugin=load plugin_instance=pi type=load \
         type_instance=ti message=\"90 °C: über \\\"warm\\\"\"",
        "[1700000010] alpha.example.net/load/pi/load/ti [WARNING] 90 °C: über \"warm\"",
    ),
    (
        "PUTNOTIF severity=okay time=1700000011 host=alpha.example.net message=calm",
        "[1700000011] alpha.example.net [OKAY] calm",
    ),
    (
        "PUTNOTIF severity=okay time=1700000012 host=alpha.example.net plugin=p type_instance=ti message=calm",
        "[1700000012] alpha.example.net/p/ti [OKAY] calm",
    ),
];

#[test]
fn everything_put_in_is_printed_once_per_default_group() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);
    let collectd = Collectd::start(&net.sender, &GROUPS.map(|group| Block::server(group, PORT).interface(TO_RECEIVER)));

    ITEMS.iter().for_each(|(command, _)| collectd.put(command));
    tap.wait_for(2 * ITEMS.len(), || collectd.flush());
    let ended = tap.interrupt();

    for (command, line) in ITEMS {
        let count = ended.lines.iter().filter(|printed| *printed == line).count();
        assert_eq!(count, 2, "{command}\n{line}\nis not once per group in {:#?}", ended.lines);
    }
    assert_eq!(ended.lines.len(), 2 * ITEMS.len(), "{:#?}", ended.lines);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn printed_commands_put_the_same_into_another_collectd() {
    let net = Net::new();
    let group = || [Block::server(GROUPS[0], PORT).interface(TO_RECEIVER)];
    let tap = Tap::start(&net.receiver, &["listen", "-o", "putval"]);
    let collectd = Collectd::start(&net.sender, &group());
    // A time of which a float keeps every bit.
    let hostile = r#"PUTNOTIF severity=failure time=1700000003 host=a message="say \"a\\b\" twice""#;
    ITEMS.iter().map(|(command, _)| *command).chain([hostile]).for_each(|command| collectd.put(command));
    let commands = tap.wait_for(ITEMS.len() + 1, || collectd.flush());
    drop((tap, collectd));

    let tap = Tap::start(&net.receiver, &[]);
    let collectd = Collectd::start(&net.sender, &group());
    commands.iter().for_each(|command| collectd.put(command));
    let lines = tap.wait_for(ITEMS.len() + 1, || collectd.flush());
    for (command, line) in ITEMS {
        assert!(lines.iter().any(|printed| printed == line), "{command}\n{line}\nis not in {lines:#?}");
    }
    let line = r#"[1700000003] a [FAILURE] say "a\b" twice"#;
    assert!(lines.iter().any(|printed| printed == line), "{line}\nis not in {lines:#?}");
}

/// Series of all kinds, each over several times, 10 s apart.
const SERIES: &[(&str, &[&str])] = &[
    ("alpha.example.net/c-32/counter-wraps", &["4294967000", "4294967290", "14", "1014"]),
    ("alpha.example.net/c-64/counter-wraps", &["18446744073709551000", "18446744073709551610", "390"]),
    ("alpha.example.net/d/derive-falls", &["100", "-50", "1", "9007199254740993"]),
    ("alpha.example.net/a/absolute", &["7", "8", "90"]),
    ("alpha.example.net/g/gauge", &["0.5", "-1.25", "3"]),
    ("alpha.example.net/interface-eth0.10/if_octets", &["0:1000", "123:1001", "4567:9999"]),
    ("a b.example.net/p-x:y (z)/gauge-ä.ö", &["1", "2"]),
];

/// How many rates these have. The first counter or derive of a series has none, and a derive of this type may not fall.
const RATES: usize = 3 + 2 + 2 + 3 + 3 + 2 * 2 + 2;

#[test]
fn paths_and_rates_are_those_of_collectds_write_graphite() {
    let net = Net::new();
    let graphite = net.receiver.witness(TO_SENDER, SocketAddr::new(RECEIVER[0], 2003));
    let tap = Tap::start(&net.receiver, &["listen", "-o", "graphite", "-r"]);
    let node = format!(
        "LoadPlugin write_graphite\n<Plugin write_graphite>\n  <Node \"test\">\n    Host \"{}\"\n    Port \"2003\"\n    \
         Protocol \"udp\"\n  </Node>\n</Plugin>\n",
        RECEIVER[0]
    );
    let group = [Block::server(GROUPS[0], PORT).interface(TO_RECEIVER)];
    let collectd = Collectd::start_with(&net.sender, &group, &node);
    for (identifier, values) in SERIES {
        for (place, value) in values.iter().enumerate() {
            collectd.put(&format!("PUTVAL \"{identifier}\" interval=10 {}:{value}", 1_700_000_000 + 10 * place));
        }
    }
    let lines = tap.wait_for(RATES, || collectd.flush());
    let mut written = String::new();
    until("collectd's lines", || {
        collectd.put("FLUSH");
        let mut datagram = [0; 65_535];
        while let Ok(length) = graphite.recv(&mut datagram) {
            written += std::str::from_utf8(&datagram[..length]).expect("UTF-8");
        }
        written.lines().filter(|line| !line.contains("nan")).count() >= RATES
    });
    let parts = |line: &str| -> (String, f64) {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        (format!("{} {}", words[0], words[2]), words[1].parse().expect("a number"))
    };
    let mut expected: Vec<_> = written.lines().filter(|line| !line.contains("nan")).map(parts).collect();
    let mut found: Vec<_> = lines.iter().map(|line| parts(line)).collect();
    for lines in [&mut expected, &mut found] {
        lines.sort_by(|(one, _), (other, _)| one.cmp(other));
    }
    assert_eq!(found.len(), expected.len(), "{lines:#?}\n{written}");
    for ((name, rate), (other, expected)) in found.iter().zip(&expected) {
        assert_eq!(name, other);
        // collectd writes six digits behind the point.
        assert!((rate - expected).abs() <= 1e-6 + expected.abs() * 1e-14, "{name}: {rate} {expected}");
    }
}

#[test]
fn each_of_twelve_destinations_prints_each_item_once() {
    let net = Net::new();
    let auth = AuthFile::new(Destination::all().map(Destination::user));
    let destinations = Destination::all();
    let taps = destinations.map(|destination| {
        let level = ["none", "sign", "encrypt"][destination.seal];
        Tap::start(
            &net.receiver,
            &["listen", "-L", &destination.address().to_string(), "-a", auth.path(), "-s", level, "-o", "json"],
        )
    });
    let collectd = Collectd::start(&net.sender, &destinations.map(Destination::block));

    EXACT.iter().for_each(|exact| collectd.put(exact.command));
    for (destination, tap) in destinations.into_iter().zip(taps) {
        tap.wait_for(EXACT.len(), || collectd.flush());
        let ended = tap.interrupt();
        let lines: Vec<_> = ended.lines.iter().map(String::as_str).collect();
        destination.check(&lines);
        assert_eq!(ended.code, Some(0), "{destination:?}");
    }
}

#[test]
fn one_tap_hears_twelve_destinations_at_once() {
    let net = Net::new();
    let auth = AuthFile::new(Destination::all().map(Destination::user));
    let destinations = Destination::all();
    let addresses = destinations.map(|destination| destination.address().to_string());
    let listen = addresses.iter().flat_map(|address| ["-L", address]);
    let arguments: Vec<_> = ["listen", "-o", "json", "-a", auth.path()].into_iter().chain(listen).collect();
    let tap = Tap::start(&net.receiver, &arguments);
    let collectd = Collectd::start(&net.sender, &destinations.map(Destination::block));

    EXACT.iter().for_each(|exact| collectd.put(exact.command));
    tap.wait_for(destinations.len() * EXACT.len(), || collectd.flush());
    let ended = tap.interrupt();

    assert_eq!(ended.lines.len(), destinations.len() * EXACT.len());
    for destination in destinations.into_iter().filter(|destination| destination.seal > 0) {
        let user = format!("\"user\":\"{}\"", destination.user());
        let own: Vec<_> = ended.lines.iter().map(String::as_str).filter(|line| line.contains(&user)).collect();
        destination.check(&own);
    }
    // Plain packets name no user, so what tells the group from the unicast address is only that both are there.
    for destination in destinations
        .into_iter()
        .filter(|destination| destination.seal == 0 && destination.address().ip().is_multicast())
    {
        let of_family = |line: &&str| Object::read(line).from().is_ipv6() == destination.address().is_ipv6();
        let plain =
            ended.lines.iter().map(String::as_str).filter(|line| line.contains("\"user\":null")).filter(of_family);
        let mut both: Vec<_> = plain.collect();
        both.sort_unstable_by_key(|line| Object::read(line).exact());
        destination.check(&both.iter().copied().step_by(2).collect::<Vec<_>>());
        destination.check(&both.iter().copied().skip(1).step_by(2).collect::<Vec<_>>());
    }
    assert_eq!(ended.code, Some(0));
}

#[test]
fn collectd_listens_beside_the_tap_on_the_same_groups() {
    let net = Net::new();
    let groups =
        |block: fn(IpAddr, u16) -> Block, interface| GROUPS.map(|group| block(group, PORT).interface(interface));
    let early = Tap::start(&net.receiver, &[]);
    let beside = Collectd::start(&net.receiver, &groups(Block::listen, TO_SENDER));
    let late = Tap::start(&net.receiver, &[]);
    let [v4, v6] = groups(Block::server, TO_RECEIVER).map(|block| Collectd::start(&net.sender, &[block]));

    v4.put("PUTVAL four.example.net/p/gauge N:4");
    v6.put("PUTVAL six.example.net/p/gauge N:6");
    for tap in [&early, &late] {
        tap.wait_for(2, || [&v4, &v6].into_iter().for_each(Collectd::flush));
    }
    until("both values in the collectd beside", || {
        ["four", "six"].iter().all(|name| beside.knows(&format!("{name}.example.net/p/gauge")))
    });

    for tap in [early, late] {
        let ended = tap.interrupt();
        let mut printed: Vec<_> =
            ended.lines.iter().filter_map(|line| line.split_once("] ")).map(|(_, item)| item).collect();
        printed.sort_unstable();
        assert_eq!(printed, ["four.example.net/p/gauge [(1, 4.0)]", "six.example.net/p/gauge [(1, 6.0)]"]);
        assert_eq!(ended.code, Some(0));
    }
}

/// One of the twelve: a group or an address, IPv4 or IPv6, plain, signed or encrypted; each has its own port and user.
#[derive(Clone, Copy, Debug)]
struct Destination {
    ip: IpAddr,
    /// 0 plain, 1 signed, 2 encrypted.
    seal: usize,
    port: u16,
}

impl Destination {
    fn all() -> [Self; 12] {
        let ips = [GROUPS[0], GROUPS[1], RECEIVER[0], RECEIVER[1]];
        let mut port = PORT;
        [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11].map(|index| {
            port += 1;
            Self { ip: ips[index % 4], seal: index / 4, port }
        })
    }

    fn address(self) -> SocketAddr {
        SocketAddr::new(self.ip, self.port)
    }

    fn user(self) -> String {
        format!("user-{}", self.port)
    }

    fn block(self) -> Block {
        let block = Block::server(self.ip, self.port).interface(TO_RECEIVER);
        match self.seal {
            0 => block,
            1 => block.sign(&self.user(), PASSWORD),
            _ => block.encrypt(&self.user(), PASSWORD),
        }
    }

    /// Checks that these lines are [`EXACT`], in any order, and came this way.
    fn check(self, lines: &[&str]) {
        let objects: Vec<_> = lines.iter().map(|line| Object::read(line)).collect();
        let mut seen: Vec<_> = objects.iter().map(Object::exact).collect();
        let mut expected: Vec<_> = EXACT.iter().map(Exact::meaning).collect();
        seen.sort_unstable();
        expected.sort_unstable();
        assert_eq!(seen, expected, "{self:?}");
        for object in &objects {
            assert_eq!(object.text("security"), ["none", "signed", "encrypted"][self.seal], "{self:?}");
            assert_eq!(object.text("user"), if self.seal == 0 { "null".to_owned() } else { self.user() }, "{self:?}");
            assert_eq!(object.from(), SENDER[usize::from(self.ip.is_ipv6())], "{self:?}");
        }
    }
}

/// What is put into collectd, and what `-o json` says of it, to the last bit.
struct Exact {
    command: &'static str,
    /// The five fields of the identifier.
    identifier: [&'static str; 5],
    /// Units of 2⁻³⁰ s, as collectd computes them.
    time: u64,
    rest: Rest,
}

/// What values and notifications do not have in common, as JSON text.
enum Rest {
    Values { interval: u64, dstypes: &'static str, dsnames: &'static str, values: &'static str },
    Notification { severity: &'static str, message: &'static str },
}

const EXACT: [Exact; 8] = [
    Exact {
        command: "PUTVAL alpha.example.net/p-pi/counter-ti 1700000000:18446744073709551615",
        identifier: ["alpha.example.net", "p", "pi", "counter", "ti"],
        time: 1_700_000_000 << 30,
        rest: Rest::Values { interval: 10 << 30, dstypes: "counter", dsnames: "value", values: "18446744073709551615" },
    },
    Exact {
        command: "PUTVAL alpha.example.net/p/derive interval=2.5 1700000000.123456789:-9223372036854775808",
        identifier: ["alpha.example.net", "p", "", "derive", ""],
        // The double nearest to 1700000000.123456789 is 1700000000 + 517815 / 2²².
        time: (1_700_000_000 << 30) + (517_815 << 8),
        rest: Rest::Values { interval: 5 << 29, dstypes: "derive", dsnames: "value", values: "-9223372036854775808" },
    },
    Exact {
        command: "PUTVAL alpha.example.net/p/absolute interval=0.001 1700000000.5:9007199254740993",
        identifier: ["alpha.example.net", "p", "", "absolute", ""],
        time: (1_700_000_000 << 30) + (1 << 29),
        rest: Rest::Values { interval: 1_073_741, dstypes: "absolute", dsnames: "value", values: "9007199254740993" },
    },
    Exact {
        command: "PUTVAL alpha.example.net/load/load interval=60 1700000001:0.1:U:1e-300",
        identifier: ["alpha.example.net", "load", "", "load", ""],
        time: 1_700_000_001 << 30,
        rest: Rest::Values {
            interval: 60 << 30,
            dstypes: "gauge,gauge,gauge",
            dsnames: "shortterm,midterm,longterm",
            values: "0.1,null,1e-300",
        },
    },
    Exact {
        command: "PUTVAL alpha.example.net/interface-eth0/if_octets 1700000001:1:9223372036854775807",
        identifier: ["alpha.example.net", "interface", "eth0", "if_octets", ""],
        time: 1_700_000_001 << 30,
        rest: Rest::Values {
            interval: 10 << 30,
            dstypes: "derive,derive",
            dsnames: "rx,tx",
            values: "1,9223372036854775807",
        },
    },
    Exact {
        command: "PUTVAL \"βeta host.example.net/wärme pumpe-keller west/temperature-\\\"links\\\"\" 1700000002:-0.0",
        identifier: ["βeta host.example.net", "wärme pumpe", "keller west", "temperature", "\"links\""],
        time: 1_700_000_002 << 30,
        rest: Rest::Values { interval: 10 << 30, dstypes: "gauge", dsnames: "value", values: "-0.0" },
    },
    Exact {
        command: "PUTNOTIF severity=failure time=1700000003 message=\"the roof is on fire\"",
        identifier: [""; 5],
        time: 1_700_000_003 << 30,
        rest: Rest::Notification { severity: "failure", message: "the roof is on fire" },
    },
    Exact {
        command: "PUTNOTIF severity=warning time=1700000003.25 host=alpha.example.net plugin=load plugin_instance=pi \
                  type=load type_instance=ti message=\"90 °C\"",
        identifier: ["alpha.example.net", "load", "pi", "load", "ti"],
        time: (1_700_000_003 << 30) + (1 << 28),
        rest: Rest::Notification { severity: "warning", message: "90 °C" },
    },
];

impl Exact {
    /// The form that [`Object::exact`] has too.
    fn meaning(&self) -> String {
        let identifier = self.identifier.join("|");
        match self.rest {
            Rest::Values { interval, dstypes, dsnames, values } => {
                let time = self.time;
                format!("values {identifier} {time} {interval} {dstypes} {dsnames} {values}")
            }
            Rest::Notification { severity, message } => {
                format!("notification {identifier} {} {severity} {message}", self.time)
            }
        }
    }
}
