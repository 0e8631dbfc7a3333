use collectd_net::{Decoder, Encoder, Identifier, Interval, Severity, Time, Value};

use super::*;

const WALL: u64 = 1_700_000_000;

fn at(second: u64) -> Moment {
    Moment { clock: Duration::from_secs(second), time: Time::from_secs(WALL + second).expect("in range") }
}

/// A packet from this address arrives at this second.
fn send(store: &mut Store, second: u64, from: [u8; 4], encode: impl FnOnce(&mut Encoder<'_>)) {
    let mut buffer = vec![0; 65_507];
    let mut encoder = Encoder::new(&mut buffer);
    encode(&mut encoder);
    let packet = encoder.packet();
    let mut visit = store.arrive(&Arrival { len: packet.len(), from: Some((from, 25_826).into()) }, at(second));
    for item in Decoder::new(packet) {
        match item {
            Ok(item) => store.item(&mut visit, &item),
            Err(error) => store.refuse(&visit, &error),
        }
    }
}

fn list(encoder: &mut Encoder<'_>, host: &str, instance: &str, second: u64, values: &[Value]) {
    let identifier = Identifier {
        host: host.into(),
        plugin: "p".into(),
        type_: "t".into(),
        type_instance: instance.into(),
        ..Identifier::default()
    };
    let time = Time::from_secs(WALL + second).expect("in range");
    encoder.value_list(&identifier, time, Interval::from_secs(10), values.iter().copied()).expect("room");
}

fn gauge(store: &mut Store, host: &str, instance: &str, second: u64) {
    send(store, second, [10, 0, 0, 1], |encoder| list(encoder, host, instance, second, &[Value::Gauge(second as f64)]));
}

fn words(store: &Store) -> Vec<&'static str> {
    store.news(0).filter_map(|(_, news)| Some(news.observed()?.change.word())).collect()
}

fn all(store: &Store) -> Vec<String> {
    let mut names: Vec<_> =
        store.hosts().flat_map(|host| host.series()).map(|series| series.identifier().to_string()).collect();
    names.sort();
    names
}

#[test]
fn a_fleet_is_a_tree_of_hosts_and_series() {
    let mut store = Store::new(Limits::default());
    for second in [0, 10] {
        send(&mut store, second, [10, 0, 0, 1], |encoder| {
            list(encoder, "a", "x", second, &[Value::Gauge(1.5)]);
            list(encoder, "a", "y", second, &[Value::Derive(second as i64 * 7), Value::Counter(second)]);
            list(encoder, "b", "x", second, &[Value::Absolute(30)]);
        });
    }
    assert_eq!(all(&store), ["a/p/t-x", "a/p/t-y", "b/p/t-x"]);
    let host = store.hosts().find(|host| host.name() == "a").expect("it is there");
    assert_eq!((host.packets(), host.values(), host.value_count(), host.is_missing()), (2, 6, 3, false));
    assert_eq!((host.interval(), host.silent(at(15)).as_secs()), (Interval::from_secs(10), 5));
    assert_eq!(host.protections().none, 4);
    let series = host.series().find(|series| series.identifier().type_instance == "y").expect("it is there");
    assert_eq!(series.values().collect::<Vec<_>>(), [Value::Derive(70), Value::Counter(10)]);
    assert_eq!(series.rates().collect::<Vec<_>>(), [7.0, 1.0]);
    assert_eq!(store.series_of(series.id()).map(|view| view.identifier()), Some(series.identifier()));
    assert_eq!(store.host_of(host.id()).map(|view| view.name()), Some(host.name()));
    let overlay: Vec<_> =
        store.overlay(host.series().last().expect("x").id()).map(|view| view.identifier().host).collect();
    assert_eq!(overlay.len(), 2);
    assert_eq!(words(&store), ["new", "new"]);
    assert_eq!(store.sizes(), Sizes { hosts: 2, series: 3, values: 4, charted: 0 });
}

#[test]
fn series_are_told_apart_in_whatever_order_they_come() {
    let mut store = Store::new(Limits::default());
    let orders = ["xyz", "xyz", "zxy", "xzy", "yyx", "zzz", "xyz", "axb", "xaz", "xyzab"];
    for (second, order) in (0..).step_by(10).zip(orders) {
        send(&mut store, second, [10, 0, 0, 1], |encoder| {
            for (place, instance) in order.chars().enumerate() {
                // The same names of another host now and then.
                let host = if second % 20 == 0 || place != 1 { "h" } else { "i" };
                let value = f64::from(u32::from(instance)) + if host == "i" { 1000.0 } else { 0.0 };
                list(encoder, host, &instance.to_string(), second, &[Value::Gauge(value)]);
            }
        });
    }
    let series: Vec<_> = store.hosts().flat_map(|host| host.series()).collect();
    assert_eq!((series.len(), store.counts().old), (8, 2));
    for view in series {
        let instance = view.identifier().type_instance.as_octets()[0];
        let offset = if view.identifier().host == "i" { 1000.0 } else { 0.0 };
        assert_eq!(view.values().next(), Some(Value::Gauge(f64::from(instance) + offset)), "{}", view.identifier());
    }
}

#[test]
fn a_second_copy_changes_nothing() {
    let mut store = Store::new(Limits::default());
    (0..3).for_each(|_| gauge(&mut store, "a", "x", 5));
    assert_eq!((store.counts().old, store.updates(), store.sizes().series), (2, 1, 1));
}

#[test]
fn who_is_missing_and_back_is_news() {
    let mut store = Store::new(Limits::default());
    (0..5).for_each(|round| {
        gauge(&mut store, "a", "x", round * 10);
        gauge(&mut store, "b", "x", round * 10);
    });
    assert_eq!(store.look(at(40)), Some(Duration::from_secs(1)));
    (5..8).for_each(|round| gauge(&mut store, "b", "x", round * 10));
    store.look(at(70));
    assert_eq!(words(&store), ["new", "new"]);
    store.look(at(72));
    assert_eq!(words(&store)[2..], ["missing"]);
    assert!(store.hosts().any(|host| host.name() == "a" && host.is_missing()));
    gauge(&mut store, "a", "x", 90);
    let (number, news) = store.news(0).next_back().expect("there is some");
    let Item::Notification(notification) = news.item() else { panic!("a notification") };
    assert_eq!((number, notification.severity, notification.time), (4, Severity::Okay, at(90).time));
    assert_eq!(notification.message, "back: heard again after 50 s");
    assert_eq!(notification.identifier.to_string(), "a/collectd-tap-presence/");
}

#[test]
fn a_look_comes_when_somebody_may_be_missing() {
    let mut store = Store::new(Limits { missing_after: 1, ..Limits::default() });
    assert_eq!(store.look(at(0)), None);
    send(&mut store, 0, [10, 0, 0, 1], |encoder| {
        let identifier =
            Identifier { host: "h".into(), plugin: "p".into(), type_: "t".into(), ..Identifier::default() };
        let interval = Some(Interval::from_raw(SECOND / 10));
        encoder.value_list(&identifier, at(0).time, interval, [Value::Gauge(1.0)]).expect("room");
    });
    store.look(at(0));
    let later = Moment { clock: Duration::from_millis(1050), ..at(0) };
    store.look(later);
    assert_eq!(words(&store), ["new", "missing"]);
}

#[test]
fn what_is_new_is_refused_when_there_is_enough_and_what_is_old_stays() {
    let mut store = Store::new(Limits { max_series: 10, max_hosts: 3, ..Limits::default() });
    for second in 0..20 {
        (0..10).for_each(|number| gauge(&mut store, "a", &number.to_string(), second));
        (0..100).for_each(|number| gauge(&mut store, "a", &format!("spoofed {second} {number}"), second));
        (0..100).for_each(|number| gauge(&mut store, &format!("spoofed {second} {number}"), "x", second));
    }
    let counts = store.counts();
    assert_eq!((store.sizes().series, store.sizes().hosts), (10, 3));
    assert_eq!((counts.refused_hosts, counts.refused_series), (20 * 100 - 2, 20 * 100 + 2));
    assert!(all(&store).iter().all(|name| name.starts_with("a/")));
    assert!(store.hosts().flat_map(|host| host.series()).all(|series| series.time() == at(19).time));
}

#[test]
fn room_is_made_by_what_is_silent_for_long_whatever_it_says() {
    let mut store = Store::new(Limits { max_series: 5, ..Limits::default() });
    send(&mut store, 0, [10, 0, 0, 1], |encoder| {
        let identifier =
            Identifier { host: "h".into(), plugin: "p".into(), type_: "t".into(), ..Identifier::default() };
        // For ever, it says, and in the far future.
        let (time, interval) = (Time::from_raw(u64::MAX), Some(Interval::from_raw(u64::MAX)));
        encoder.value_list(&identifier, time, interval, [Value::Gauge(1.0)]).expect("room");
    });
    (0..4).for_each(|number| gauge(&mut store, "a", &number.to_string(), 0));
    store.look(at(601));
    assert_eq!((store.sizes().series, store.counts().forgotten_series), (1, 4));
    store.look(at(4 * 3600 + 2));
    assert_eq!((store.sizes().series, store.sizes().values), (0, 0));
    store.look(at(25 * 3600 + 10));
    assert_eq!((store.sizes().hosts, store.counts().forgotten_hosts), (0, 2));
    gauge(&mut store, "a", "x", 25 * 3600 + 20);
    assert_eq!(all(&store), ["a/p/t-x"]);
}

#[test]
fn an_id_of_what_was_forgotten_names_nothing_else() {
    let mut store = Store::new(Limits::default());
    gauge(&mut store, "a", "x", 0);
    let (host, series) =
        store.hosts().map(|host| (host.id(), host.series().next().expect("one").id())).next().expect("one");
    store.look(at(601));
    assert!(store.series_of(series).is_none() && store.host_of(host).is_some());
    gauge(&mut store, "a", "y", 602);
    assert!(store.series_of(series).is_none() && store.sizes().series == 1);
}

#[test]
fn names_that_are_too_long_are_refused() {
    let mut store = Store::new(Limits::default());
    gauge(&mut store, &"h".repeat(1025), "x", 0);
    gauge(&mut store, "a", &"x".repeat(1025), 0);
    assert_eq!((store.counts().refused_names, store.sizes().series), (2, 0));
    let mut store = Store::new(Limits { max_series: 100, ..Limits::default() });
    (0..100).for_each(|number| gauge(&mut store, "a", &format!("{number:01000}"), 0));
    let counts = store.counts();
    assert!(counts.refused_names > 0 && store.sizes().series < 100, "{counts:?}");
}

#[test]
fn a_series_with_other_kinds_begins_anew() {
    let mut store = Store::new(Limits::default());
    for (second, values) in [(0, &[Value::Gauge(1.0)][..]), (10, &[Value::Derive(1)]), (20, &[Value::Derive(11)])] {
        send(&mut store, second, [10, 0, 0, 1], |encoder| list(encoder, "a", "x", second, values));
    }
    let rates: Vec<f64> = store.hosts().flat_map(|host| host.series()).flat_map(|series| series.rates()).collect();
    assert_eq!((rates, store.sizes().values), (vec![1.0], 1));
}

#[test]
fn changes_are_met_page_by_page_and_no_others() {
    let mut store = Store::new(Limits::default());
    (0..3000).for_each(|number| gauge(&mut store, "a", &number.to_string(), 0));
    let last = store.updates();
    [5, 1500, 2999].iter().for_each(|number| gauge(&mut store, "a", &number.to_string(), 10));
    let changed = |since: u64| {
        let (mut cursor, mut count, mut pages) = (Cursor::default(), 0, 0);
        while !cursor.is_done() {
            count += store.changed_since(since, &mut cursor).count();
            pages += 1;
        }
        (count, pages)
    };
    assert_eq!((changed(last), changed(0), changed(store.updates())), ((3, 3), (3000, 3), (0, 3)));
    let mut cursor = Cursor::default();
    assert_eq!((store.some_hosts(&mut cursor).count(), cursor.is_done()), (1, true));
}

#[test]
fn histories_are_bounded_and_follow_whoever_looks() {
    let mut store = Store::new(Limits { charted: 2, ..Limits::default() });
    for second in [0, 10, 20] {
        ["x", "y", "z"].iter().for_each(|name| gauge(&mut store, "a", name, second));
    }
    gauge(&mut store, "a", "x", 30);
    let of = |store: &Store, name: &str| {
        store
            .hosts()
            .flat_map(|host| host.series())
            .find(|view| view.identifier().type_instance == name)
            .expect(name)
            .id()
    };
    let lengths = |store: &Store| {
        ["x", "y", "z"].map(|name| {
            let view = store.series_of(of(store, name)).expect(name);
            view.histories().iter().map(|history| history.since(Time::default()).count()).sum::<usize>()
        })
    };
    assert_eq!(lengths(&store), [4, 3, 0]);
    let z = of(&store, "z");
    assert!(store.keep_history(z));
    gauge(&mut store, "a", "z", 30);
    assert_eq!((lengths(&store), store.sizes().charted), ([4, 0, 2], 2));
    assert!(store.keep_history(of(&store, "x")) && !store.keep_history(of(&store, "y")));
    store.release_history(z);
    assert!(store.keep_history(of(&store, "y")));
    assert_eq!(lengths(&store), [4, 1, 0]);
}

#[test]
fn what_is_refused_is_told_of_its_sender_and_of_the_hosts_behind_it() {
    let mut store = Store::new(Limits::default());
    gauge(&mut store, "a", "x", 0);
    let arrival = Arrival { len: 3, from: Some(([10, 0, 0, 1], 1).into()) };
    for packet in [&[1][..], &[0, 0, 0, 1]] {
        let visit = store.arrive(&arrival, at(1));
        Decoder::new(packet).filter_map(Result::err).for_each(|error| store.refuse(&visit, &error));
    }
    let count = |refused: &[(&'static str, u64)]| refused.iter().map(|(_, count)| count).sum::<u64>();
    let sender = store.senders().next().expect("one");
    assert_eq!((sender.packets(), count(sender.refused()), sender.values()), (3, 2, 1));
    assert_eq!(count(&store.hosts().next().expect("one").refused()), 2);
    assert_eq!(count(&store.counts().refused), 2);
}

#[test]
fn notifications_are_kept_and_are_no_sign_of_a_host() {
    let mut store = Store::new(Limits::default());
    let notify = |encoder: &mut Encoder<'_>| {
        let identifier = Identifier { host: "a".into(), ..Identifier::default() };
        encoder.notification(&identifier, at(0).time, Severity::Failure, "gone".into()).expect("room");
    };
    send(&mut store, 0, [10, 0, 0, 2], notify);
    assert_eq!((store.sizes().hosts, store.latest_news(), store.counts().notifications), (0, 1, 1));
    assert!(store.news(0).all(|(_, news)| news.observed().is_none()));
    let mut store = Store::new(Limits { keeps_received: false, ..Limits::default() });
    send(&mut store, 0, [10, 0, 0, 2], notify);
    assert_eq!(store.latest_news(), 0);
}

#[test]
fn a_store_is_shared_by_threads() {
    let fleet = Fleet::new(Limits::default());
    std::thread::scope(|scope| {
        for host in ["a", "b", "c"] {
            let fleet = fleet.clone();
            scope.spawn(move || (0..50).for_each(|second| gauge(&mut fleet.lock(), host, "x", second)));
        }
    });
    let store = fleet.lock();
    assert_eq!((store.sizes().hosts, store.counts().values), (3, 150));
}
