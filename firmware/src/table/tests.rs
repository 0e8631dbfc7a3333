use collectd_net::{Interval, Protection};

use super::*;
use collectd_net::{Severity, Time, Value};

/// Calls `then` with a value list of these.
pub(crate) fn with_list(identifier: &str, interval: u64, values: &[Value], then: impl FnOnce(&ValueList<'_>)) {
    let kinds: Vec<u8> = values.iter().map(|value| value.kind().raw()).collect();
    let octets: Vec<[u8; 8]> = values
        .iter()
        .map(|value| match value {
            Value::Gauge(_) => value.bits().to_le_bytes(),
            _ => value.bits().to_be_bytes(),
        })
        .collect();
    then(&ValueList {
        identifier: Identifier::parse(identifier).unwrap(),
        time: Time::from_secs(1_700_005_000).unwrap(),
        interval: Some(Interval::from_secs(interval).unwrap()),
        values: Values::new(&kinds, &octets).unwrap(),
        protection: Protection::Signed,
        user: None,
    });
}

/// Keeps a list that is all of its packet.
pub(crate) fn keep<'p, const HOSTS: usize, const SERIES: usize>(
    table: &mut Table<HOSTS, SERIES>,
    list: &ValueList<'p>,
    now: Duration,
) {
    let mut run = Run::new(now);
    table.value_list(list, &mut run, true);
    table.packet_end(&mut run);
}

pub(crate) fn heard<const HOSTS: usize, const SERIES: usize>(
    table: &mut Table<HOSTS, SERIES>,
    identifier: &str,
    value: u64,
    now: u64,
) {
    with_list(identifier, 10, &[Value::Counter(value)], |list| keep(table, list, Duration::from_secs(now)));
}

fn value<const HOSTS: usize, const SERIES: usize>(
    table: &Table<HOSTS, SERIES>,
    identifier: &str,
) -> Option<Vec<Value>> {
    let mut number = 0;
    while let Some((at, series)) = table.series_from(number, Duration::from_secs(0)) {
        if series.identifier.to_string() == identifier {
            return Some(series.values.iter().collect());
        }
        number = at + 1;
    }
    None
}

#[test]
fn the_latest_values_are_kept_exactly() {
    let mut table = Table::<4, 8>::new();
    let all = [Value::Counter(u64::MAX), Value::Gauge(0.1), Value::Derive(i64::MIN), Value::Absolute(7)];
    let now = Duration::from_secs(5);
    with_list("h/p-i/t-j", 10, &all, |list| keep(&mut table, list, now));
    assert_eq!(value(&table, "h/p-i/t-j").unwrap(), all);
    with_list("h/p-i/t-j", 10, &all[2..], |list| keep(&mut table, list, now));
    assert_eq!(value(&table, "h/p-i/t-j").unwrap(), all[2..]);
    assert_eq!((table.series_len(), table.hosts().count()), (1, 1));
    let (_, series) = table.series_from(0, Duration::from_secs(65)).unwrap();
    assert_eq!((series.age, series.silent), (60, false));
    let host = table.hosts().next().unwrap();
    assert_eq!((host.value_lists(), host.protection()), (2, Protection::Signed));
}

#[test]
fn names_whose_octets_are_divided_differently_are_different() {
    let mut table = Table::<4, 8>::new();
    for (place, name) in
        ["h/a-bc/t-d", "h/a-b/ct-d", "h/ab-c/t-d", "h/abc/t-d", "h/a-bc/td", "g/abc/td"].iter().enumerate()
    {
        heard(&mut table, name, place.try_into().unwrap(), 0);
    }
    assert_eq!(table.series_len(), 6);
    assert_eq!(value(&table, "h/abc/t-d"), Some(vec![Value::Counter(3)]));
}

#[test]
fn a_million_spoofed_series_leave_the_old_ones_alone() {
    let mut table = Table::<8, 32>::new();
    for number in 0..16 {
        heard(&mut table, &format!("h{}/p/t-{number}", number % 4), number, 0);
    }
    for number in 0..1_000_000_u64 {
        let spoofed = match number % 3 {
            0 => format!("h1/p/t-spoofed{number}"),
            1 => format!("spoofed{number}/p/t"),
            _ => format!("h0/spoofed-{number}/t"),
        };
        heard(&mut table, &spoofed, 1, number / 2000);
    }
    for number in 0..16 {
        heard(&mut table, &format!("h{}/p/t-{number}", number % 4), number + 1, 500);
    }
    for number in 0..16 {
        let name = format!("h{}/p/t-{number}", number % 4);
        assert_eq!(value(&table, &name), Some(vec![Value::Counter(number + 1)]));
    }
    assert_eq!((table.series_len(), table.hosts().count()), (32, 8));
    let left_out = table.left_out();
    // Four hosts were free, and what of 16 series was left.
    assert_eq!(left_out.hosts + left_out.series, 1_000_000 - 16);
}

#[test]
fn the_longest_silent_give_their_places_to_new_ones() {
    let mut table = Table::<4, 4>::new();
    for (number, name) in ["a/p/t", "a/p/t-1", "a/p/t-2", "b/p/t"].iter().enumerate() {
        heard(&mut table, name, 1, number as u64);
    }
    heard(&mut table, "a/p/t", 1, 550);
    heard(&mut table, "c/p/t", 1, 599);
    assert_eq!((value(&table, "c/p/t"), table.left_out().series), (None, 1));
    heard(&mut table, "c/p/t", 1, 601);
    assert!(value(&table, "c/p/t").is_some() && value(&table, "a/p/t-1").is_none());
    heard(&mut table, "c/p/t-1", 1, 602);
    assert!(value(&table, "c/p/t-1").is_some() && value(&table, "a/p/t-2").is_none());
    heard(&mut table, "c/p/t-2", 1, 602);
    assert!(value(&table, "c/p/t-2").is_none() && value(&table, "a/p/t").is_some());
    // And a host takes its series with it.
    heard(&mut table, "d/p/t", 1, 602);
    heard(&mut table, "e/p/t", 1, 700);
    assert_eq!(value(&table, "b/p/t"), None);
    assert_eq!(table.hosts().map(|host| host.name().to_string()).collect::<Vec<_>>(), ["a", "e", "c", "d"]);
}

#[test]
fn an_interval_of_centuries_expires_within_a_day() {
    let mut table = Table::<1, 1>::new();
    with_list("h/p/t", 17_179_869_183, &[Value::Counter(1)], |list| keep(&mut table, list, Duration::ZERO));
    heard(&mut table, "i/p/t", 1, 24 * 3600 - 1);
    assert_eq!((table.left_out().hosts, value(&table, "i/p/t")), (1, None));
    heard(&mut table, "i/p/t", 1, 24 * 3600);
    assert!(value(&table, "i/p/t").is_some());
}

#[test]
fn what_is_too_large_is_counted_and_not_cut() {
    let mut table = Table::<4, 8>::new();
    heard(&mut table, &format!("{}/p/t", "h".repeat(65)), 1, 0);
    heard(&mut table, &format!("h/p-{}/t", "i".repeat(47)), 1, 0);
    with_list("h/p/t", 10, &[Value::Counter(1); 5], |list| keep(&mut table, list, Duration::ZERO));
    let left_out = table.left_out();
    assert_eq!((left_out.names, left_out.values, table.series_len()), (2, 1, 0));
    heard(&mut table, &format!("{}/p-{}/t", "h".repeat(64), "i".repeat(46)), 1, 0);
    assert_eq!(table.series_len(), 1);
    // A known series with more values than before keeps the last ones that fitted.
    heard(&mut table, "h/p/t", 1, 0);
    with_list("h/p/t", 10, &[Value::Counter(2); 5], |list| keep(&mut table, list, Duration::ZERO));
    assert_eq!(value(&table, "h/p/t"), Some(vec![Value::Counter(1)]));
}

fn told<const HOSTS: usize, const SERIES: usize>(table: &mut Table<HOSTS, SERIES>, now: u64) -> Vec<String> {
    let mut told = Vec::new();
    table.watch(3, Duration::from_secs(now), |host, silent| told.push(format!("{} {silent}", host.name())));
    told
}

#[test]
fn a_host_is_missing_after_some_of_its_shortest_intervals() {
    let mut table = Table::<4, 8>::new();
    with_list("h/df/t", 3600, &[Value::Counter(1)], |list| keep(&mut table, list, Duration::ZERO));
    assert_eq!(told(&mut table, 3000), [""; 0]);
    heard(&mut table, "h/cpu/t", 1, 3600);
    assert_eq!(told(&mut table, 3630), [""; 0]);
    assert_eq!(told(&mut table, 3631), ["h true"]);
    assert_eq!(told(&mut table, 3632), [""; 0]);
    heard(&mut table, "h/cpu/t", 1, 3633);
    assert_eq!(told(&mut table, 3634), ["h false"]);
}

#[test]
fn an_interval_that_grows_is_believed_after_a_while() {
    let mut table = Table::<4, 8>::new();
    heard(&mut table, "h/p/t", 1, 0);
    for now in [60, 120, 180, 240] {
        with_list("h/p/t", 60, &[Value::Counter(1)], |list| keep(&mut table, list, Duration::from_secs(now)));
    }
    assert_eq!(table.hosts().next().unwrap().interval(), Duration::from_secs(60));
    assert_eq!(told(&mut table, 419), [""; 0]);
}

#[test]
fn a_notification_about_a_host_is_no_sign_of_life() {
    let mut table = Table::<4, 8>::new();
    heard(&mut table, "h/p/t", 1, 0);
    let notification = Notification {
        identifier: Identifier { host: "h".into(), ..Identifier::default() },
        time: Time::from_secs(1).unwrap(),
        severity: Severity::Failure,
        message: "missing".into(),
        protection: Protection::None,
        user: None,
    };
    table.notification(&notification);
    table.notification(&Notification { identifier: Identifier::default(), ..notification });
    assert_eq!(table.hosts().map(Host::notifications).collect::<Vec<_>>(), [1]);
    assert_eq!(told(&mut table, 31), ["h true"]);
}

#[test]
fn a_host_that_is_silent_for_a_day_is_forgotten() {
    let mut table = Table::<4, 8>::new();
    heard(&mut table, "h/p/t", 1, 0);
    assert_eq!(told(&mut table, 24 * 3600), ["h true"]);
    assert_eq!((told(&mut table, 24 * 3600 + 1).len(), table.hosts().count(), table.series_len()), (0, 0, 0));
}

#[test]
fn chains_hold_whatever_is_added_and_removed() {
    let mut table = Table::<8, 16>::new();
    let mut random = 1_u32;
    for step in 0..20_000_u64 {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        let name = format!("h{}/p/t-{}", random >> 28 & 7, random >> 20 & 31);
        heard(&mut table, &name, step, step * 40);
        if step % 5 == 0 {
            told(&mut table, step * 40);
        }
        let occupied = table.places.iter().filter(|place| place.count != 0).count();
        assert_eq!(occupied, usize::from(table.used));
        let mut linked = 0;
        for bucket in table.buckets.as_flattened() {
            let mut link = *bucket;
            while link != 0 {
                let place = &table.places[usize::from(link - 1)];
                assert!(place.count != 0);
                linked += 1;
                link = place.next;
            }
        }
        assert_eq!(linked, occupied);
    }
}

#[test]
fn memory_is_zero_and_small() {
    let most = if FAST { 19_300 } else { 18_000 };
    assert!(size_of::<Table>() <= most, "{}", size_of::<Table>());
}

/// Packets of many lists, whose series come in an order of their own or in any.
fn packets<const SERIES: usize>() -> Table<4, SERIES> {
    let mut table = Table::<4, SERIES>::new();
    let mut kept = std::collections::BTreeMap::new();
    let (mut left_out, mut random) = (0, 1_u32);
    let mut next = |below: u32| {
        random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (random >> 16) % below
    };
    for packet in 0..2_000 {
        let texts: Vec<String> = (0..6).map(|_| format!("h{}/p-{}/t", next(3), next(4))).collect();
        let instances: Vec<String> = (0..6).map(|instance| "abcdefghij"[..instance * 2 % 11].to_owned()).collect();
        let octets: Vec<_> = (0..8).map(|place| [u64::from(packet * 100 + place).to_be_bytes()]).collect();
        let mut run = Run::new(Duration::from_secs(1));
        for text in &texts {
            for (place, octets) in (0..next(8)).zip(&octets) {
                let instance = if next(4) == 0 { next(6) } else { place % 6 };
                let mut list = ValueList {
                    identifier: Identifier::parse(text).unwrap(),
                    time: Time::from_secs(1_700_005_000).unwrap(),
                    interval: None,
                    values: Values::new(&[0], octets).unwrap(),
                    protection: Protection::None,
                    user: None,
                };
                list.identifier.type_instance = Text::from(&*instances[usize::try_from(instance).unwrap()]);
                table.value_list(&list, &mut run, place == 0);
                let name = list.identifier.to_string();
                if kept.len() < SERIES || kept.contains_key(&name) {
                    kept.insert(name, vec![Value::Counter((packet * 100 + place).into())]);
                } else {
                    left_out += 1;
                }
            }
        }
        table.packet_end(&mut run);
    }
    assert_eq!((usize::from(table.series_len()), table.left_out().series), (kept.len(), left_out));
    for (name, values) in kept {
        assert_eq!(value(&table, &name), Some(values), "{name}");
    }
    table
}

#[test]
fn every_series_of_a_packet_finds_its_own_place() {
    assert_eq!(packets::<100>().series_len(), 72);
    assert_eq!(packets::<20>().series_len(), 20);
}
