//! What happens when, by a clock that is made up as well.

use std::collections::{BTreeMap, BTreeSet};

use collectd_net::{Arrival, Cause, Decoder, Item, Protection, SecurityLevel, Severity, ValueList, open};

use super::*;
use crate::fleet::{Limits, Moment, Store};

const WALL: u64 = 1_700_000_000;

/// A packet of the story, opened.
#[derive(Debug)]
struct Heard {
    at: Duration,
    name: String,
    octets: Vec<u8>,
    plain: Option<Vec<u8>>,
    socket: u64,
    from: Ipv4Addr,
}

fn wall(at: Duration) -> Time {
    Time::try_from(Duration::from_secs(WALL) + at).expect("in range")
}

/// What is sent until so many seconds are over.
fn heard(seed: u64, seconds: u64) -> Vec<Heard> {
    let (mut story, mut heard) = (Story::new(seed), Vec::new());
    while let Some(at) = story.due().filter(|at| at.as_secs() < seconds) {
        story.step(wall(at), |packet| {
            heard.push(Heard {
                at,
                name: packet.name.to_owned(),
                octets: packet.octets.to_vec(),
                plain: packet.plain.map(<[u8]>::to_vec),
                socket: packet.socket,
                from: packet.from,
            });
        });
    }
    heard
}

impl Heard {
    fn is_of(&self, name: &str) -> bool {
        self.name == name
    }

    fn seconds(&self) -> f64 {
        self.at.as_secs_f64()
    }

    /// What is refused of it, and how the rest was protected.
    fn outcome(&self) -> (Vec<Cause>, BTreeSet<String>) {
        let mut octets = self.octets.clone();
        let (mut causes, mut protections) = (Vec::new(), BTreeSet::new());
        for item in open(&mut octets, users(), SecurityLevel::None) {
            match item {
                Ok(item) => _ = protections.insert(format!("{:?}", item.protection())),
                Err(error) => causes.push(error.cause),
            }
        }
        (causes, protections)
    }

    /// Looks at the value list with this end of its identifier, if there is one.
    fn list<T>(&self, end: &str, look: impl Fn(&ValueList<'_>) -> T) -> Option<T> {
        Decoder::new(self.plain.as_deref()?).flatten().find_map(|item| match item {
            Item::ValueList(list) if list.identifier.to_string().ends_with(end) => Some(look(&list)),
            _ => None,
        })
    }

    fn bits(&self, end: &str) -> Option<Vec<u64>> {
        self.list(end, |list| list.values.iter().map(Value::bits).collect())
    }
}

/// What a store tells of the hosts, and the store.
fn watched(packets: &[Heard], seconds: u64) -> (Vec<(u64, String, &'static str)>, Store) {
    let mut store = Store::new(Limits { notifications: 10_000, charted: 1000, ..Limits::default() });
    let (users, mut waiting) = (users(), packets.iter().peekable());
    for tenth in 0..seconds * 10 {
        let now = Duration::from_millis(tenth * 100);
        while let Some(packet) = waiting.next_if(|packet| packet.at <= now) {
            let mut octets = packet.octets.clone();
            let port = 40_000 + u16::try_from(packet.socket).expect("not so many");
            let arrival = Arrival { len: octets.len(), from: Some((packet.from, port).into()) };
            let mut visit = store.arrive(&arrival, Moment { clock: packet.at, time: wall(packet.at) });
            for item in open(&mut octets, &users, SecurityLevel::None) {
                match item {
                    Ok(item) => store.item(&mut visit, &item),
                    Err(error) => store.refuse(&visit, &error),
                }
            }
        }
        store.look(Moment { clock: now, time: wall(now) });
    }
    let told = |event: &crate::fleet::Event| (event.time.secs() - WALL, event.host().to_string(), event.change.word());
    let changes = store.news(0).filter_map(|(_, news)| news.observed().map(told)).collect();
    (changes, store)
}

#[test]
fn the_same_seed_makes_the_same_packets() {
    let octets = |seed| heard(seed, 60).into_iter().map(|packet| (packet.at, packet.octets)).collect::<Vec<_>>();
    let first = octets(0);
    assert_eq!(first, octets(0));
    assert_ne!(first, octets(1));
}

#[test]
fn everybody_is_heard_soon_and_from_an_address_of_its_own() {
    let first = heard(0, 2);
    let senders: BTreeMap<_, _> = first.iter().map(|packet| (packet.name.clone(), packet.from)).collect();
    assert_eq!(senders.len(), HOSTS);
    assert_eq!(senders.values().collect::<BTreeSet<_>>().len(), HOSTS);
    assert!(senders.values().all(|from| from.is_loopback() && *from != Ipv4Addr::LOCALHOST));
    // Who looks at the first items only sees values of a web server.
    assert!(first[0].is_of("web01") && first[0].octets.starts_with(b"\0\0\0\x0aweb01\0"));
}

#[test]
fn a_board_has_room_for_all_series() {
    let mut names = BTreeSet::new();
    for packet in heard(0, 60) {
        let items = Decoder::new(packet.plain.as_deref().unwrap_or_default()).flatten();
        names.extend(items.filter(|item| matches!(item, Item::ValueList(_))).map(|item| item.identifier().to_string()));
    }
    assert!((80..=128).contains(&names.len()), "{}", names.len());
}

#[test]
fn others_get_what_is_taken_here_without_seals() {
    for packet in heard(0, 60) {
        let (causes, protections) = packet.outcome();
        assert_eq!(packet.plain.is_some(), causes.is_empty(), "{packet:?}");
        assert_eq!(packet.plain.is_some(), !protections.is_empty(), "{packet:?}");
        let Some(plain) = packet.plain else { continue };
        let mut octets = packet.octets;
        let sealed: Vec<_> = open(&mut octets, users(), SecurityLevel::None)
            .map(|item| item.map(|item| format!("{} {}", item.identifier(), item.time().raw())))
            .collect();
        let plain: Vec<_> = Decoder::new(&plain)
            .map(|item| item.map(|item| format!("{} {}", item.identifier(), item.time().raw())))
            .collect();
        assert_eq!(sealed, plain);
    }
}

#[test]
fn packets_are_protected_and_refused_by_who_sends_them() {
    let packets = heard(0, 60);
    let of = |name: &'static str| packets.iter().filter(move |packet| packet.is_of(name)).map(Heard::outcome);
    let only = |protection: Protection| BTreeSet::from([format!("{protection:?}")]);
    assert!(of("nas01").all(|outcome| outcome == (Vec::new(), only(Protection::Signed))));
    assert!(of("gate01").all(|outcome| outcome == (Vec::new(), only(Protection::Encrypted))));
    assert!(of("web01").all(|outcome| outcome == (Vec::new(), only(Protection::None))));
    assert!(of("old01").all(|(causes, items)| items.is_empty() && causes == [Cause::BadSignature]));
    assert!(of("old01").count() >= 12);
    let damaged: Vec<_> = of("pi01").filter(|(causes, _)| !causes.is_empty()).collect();
    assert!((3..=6).contains(&damaged.len()), "{}", damaged.len());
    assert!(damaged.iter().all(|(causes, items)| items.is_empty() && causes.len() == 1));
}

#[test]
fn who_has_no_passwords_cannot_read_what_is_encrypted() {
    let packets = heard(0, 10);
    let refused = packets.iter().filter(|packet| {
        let mut octets = packet.octets.clone();
        open(&mut octets, (), SecurityLevel::None).any(|item| item.is_err())
    });
    assert_eq!(refused.map(|packet| packet.name.as_str()).collect::<BTreeSet<_>>(), BTreeSet::from(["gate01"]));
}

#[test]
fn the_missing_host_is_silent_for_eighteen_seconds() {
    let times: Vec<_> = heard(0, 72).iter().filter(|packet| packet.is_of("db02")).map(Heard::seconds).collect();
    let longest = times
        .windows(2)
        .map(|pair| (pair[1] - pair[0], pair[0]))
        .fold((0.0, 0.0), |most: (f64, f64), gap| if gap.0 > most.0 { gap } else { most });
    assert!(longest.0 >= 18.0 && (8.0..10.0).contains(&longest.1), "{longest:?}");
}

#[test]
fn counters_pass_the_end_of_32_and_of_64_bits() {
    let packets = heard(0, 60);
    let counts = |end: &str, place: usize| -> Vec<(f64, u64)> {
        packets.iter().filter_map(|packet| Some((packet.seconds(), packet.bits(end)?[place]))).collect()
    };
    for (end, place, most, second) in [
        ("if_octets-port1", 0, u64::from(u32::MAX), 25.0),
        ("if_octets-port2", 1, u64::from(u32::MAX), 45.0),
        ("if_octets-uplink", 0, u64::MAX, 30.0),
    ] {
        let counts = counts(end, place);
        let falls: Vec<_> = counts.windows(2).filter(|pair| pair[1].1 < pair[0].1).collect();
        let [[before, after]] = falls[..] else { panic!("{end}: {falls:?}") };
        assert!(before.0 <= second && after.0 > second, "{end}: {falls:?}");
        // The way over the end is the shorter one.
        assert!(before.1 > most / 8 * 7 && after.1 < most / 8, "{end}: {falls:?}");
    }
    assert!(counts("if_octets-port1", 1).is_sorted());
}

#[test]
fn counts_begin_anew_with_the_daemon_and_only_then() {
    for name in ["cache01", "web01", "db01", "gate01"] {
        let packets = heard(0, 140);
        let counts: Vec<_> = packets
            .iter()
            .filter(|packet| packet.is_of(name))
            .filter_map(|packet| Some((packet.seconds(), packet.bits("if_octets")?[0])))
            .collect();
        let falls: Vec<_> = counts.windows(2).filter(|pair| pair[1].1 < pair[0].1).map(|pair| pair[1].0).collect();
        let restarts = if name == "cache01" { &[40, 112][..] } else { &[] };
        assert_eq!(falls.iter().map(|second| second.floor() as u64).collect::<Vec<_>>(), restarts, "{name}");
    }
}

#[test]
fn each_start_has_a_socket_of_its_own() {
    let sockets = |name: &str| {
        let packets = heard(0, 300);
        packets.iter().filter(|packet| packet.is_of(name)).map(|packet| packet.socket).collect::<BTreeSet<_>>().len()
    };
    assert_eq!((sockets("web01"), sockets("cache01"), sockets("pi01")), (1, 5, 3));
}

#[test]
fn intervals_change_once_a_day() {
    let packets = heard(0, 240);
    let mut intervals: Vec<_> = packets
        .iter()
        .filter(|packet| packet.is_of("ci01"))
        .filter_map(|packet| packet.list("load/load", |list| list.interval.map(|interval| interval.raw() >> 30)))
        .collect();
    intervals.dedup();
    assert_eq!(intervals, [2, 5, 1, 2, 5].map(Some));
}

#[test]
fn notifications_come_one_by_one_and_then_in_a_storm() {
    let packets = heard(0, 72);
    let told: Vec<_> = packets
        .iter()
        .filter_map(|packet| match Decoder::new(packet.plain.as_deref()?).next() {
            Some(Ok(Item::Notification(told))) => Some((packet.name.clone(), packet.at.as_secs(), told.severity)),
            _ => None,
        })
        .collect();
    let (disk, line): (Vec<_>, Vec<_>) = told.into_iter().partition(|(name, ..)| name == "db01");
    let expected = [(33, Severity::Warning), (46, Severity::Failure), (50, Severity::Okay)];
    assert_eq!(disk, expected.map(|(second, severity)| ("db01".to_owned(), second, severity)));
    assert_eq!(line.len(), 30);
    assert!(line.iter().all(|(name, second, _)| name == "gate01" && (40..46).contains(second)));
    // It ends well, and until then nobody answers.
    assert_eq!(line.last().map(|(.., severity)| *severity), Some(Severity::Okay));
    for packet in packets.iter().filter(|packet| packet.is_of("gate01")) {
        let Some(answer) = packet.list("ping-example.net", |list| list.values.iter().next()).flatten() else {
            continue;
        };
        let is_down = matches!(answer, Value::Gauge(time) if time.is_nan());
        assert_eq!(is_down, (40..46).contains(&packet.at.as_secs()), "{:?}", packet.at);
    }
}

#[test]
fn the_disk_is_as_full_as_it_is_told() {
    for packet in heard(0, 72).iter().filter(|packet| packet.is_of("db01")) {
        let Some(octets) = packet.bits("df_complex-free") else { continue };
        let share = f64::from_bits(octets[0]) / 4e10;
        match packet.at.as_secs() {
            0..=31 | 50.. => assert!(share > 0.1, "{share} at {:?}", packet.at),
            33..=45 => assert!((0.01..0.1).contains(&share), "{share} at {:?}", packet.at),
            46..=49 => assert!(share < 0.01, "{share} at {:?}", packet.at),
            _ => {}
        }
    }
}

#[test]
fn whoever_watches_sees_all_of_it_within_a_minute() {
    let packets = heard(0, 60);
    let (changes, store) = watched(&packets, 60);
    let mut seen: Vec<_> = changes.iter().filter(|(.., word)| *word != "new").collect();
    seen.sort();
    let seen: Vec<_> = seen.iter().map(|(second, host, word)| (*second, host.as_str(), *word)).collect();
    let [
        (clock, "pi01", "clock-wrong"),
        (missing, "db02", "missing"),
        (interval, "ci01", "interval-changed"),
        (back, "db02", "back"),
        (restart, "cache01", "restarted"),
    ] = seen[..]
    else {
        panic!("{seen:?}")
    };
    assert!(clock < 12 && (14..18).contains(&missing) && (22..25).contains(&interval), "{seen:?}");
    assert!((28..31).contains(&back) && (40..43).contains(&restart), "{seen:?}");
    let new: BTreeSet<_> = changes.iter().filter(|(.., word)| *word == "new").map(|(_, host, _)| host).collect();
    // All but the one of which nothing is taken.
    assert_eq!(new.len(), HOSTS - 1);

    let counts = store.counts();
    assert_eq!((counts.old, counts.refused_hosts, counts.refused_series), (0, 0, 0));
    let refused: BTreeSet<_> = counts.refused.iter().map(|(cause, _)| *cause).collect();
    assert!(refused.contains("bad-signature") && refused.len() >= 2, "{refused:?}");
    assert_eq!(store.senders().count(), HOSTS);
    let protections: Vec<_> = store.senders().map(|sender| sender.protections()).collect();
    assert!(protections.iter().any(|count| count.signed > 0) && protections.iter().any(|count| count.encrypted > 0));
    // Nobody's rate is beyond what is possible, whatever wraps and starts anew.
    for series in store.hosts().flat_map(|host| host.series().collect::<Vec<_>>()) {
        let gauges = ["memory", "swap", "df"].map(collectd_net::Text::from);
        let is_rate = !gauges.contains(&series.identifier().plugin) && series.identifier().type_ != "uptime";
        for rate in series.rates().filter(|rate| is_rate && !rate.is_nan()) {
            assert!((0.0..3e8).contains(&rate), "{}: {rate}", series.identifier());
        }
    }
}

#[test]
fn the_second_day_is_like_the_first_and_the_clock_is_set_in_between() {
    let (changes, _) = watched(&heard(0, 160), 160);
    let words = |host: &str| -> Vec<_> {
        changes.iter().filter(|(_, name, _)| name == host).map(|(_, _, word)| *word).collect()
    };
    assert_eq!(words("db02"), ["new", "missing", "back", "missing", "back", "missing"]);
    assert_eq!(words("cache01"), ["new", "restarted", "restarted"]);
    assert_eq!(words("ci01"), ["new", "interval-changed", "interval-changed"]);
    assert_eq!(words("pi01"), ["new", "clock-wrong", "clock-right", "restarted", "clock-wrong"]);
    assert_eq!(words("web01"), ["new"]);
}
