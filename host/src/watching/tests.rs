use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use collectd_net::{Encoder, Identifier, Interval, Time, Value};

use super::*;
use crate::fleet::News;
use crate::listen::{Address, Settings as Listening};

/// When the captures begin, in seconds.
pub(crate) const START: u64 = 1_700_000_000;

fn settings(filter: Option<&str>) -> Settings {
    let filter = filter.map(|filter| Arc::new(Selection::new(filter).expect("a filter")));
    Settings { limits: Limits { charted: 1000, ..Limits::default() }, types: TypesDb::default(), filter }
}

fn quiet() -> Tell {
    Arc::new(|_, _| {})
}

/// What a test waits for happens within some seconds.
fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "in time");
        thread::sleep(Duration::from_millis(5));
    }
}

fn capture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/data/captures").join(name)
}

fn play(paths: &[PathBuf], speed: Speed, filter: Option<&str>) -> Watching {
    let playing = Playing::open(paths, speed, Some(25_826), (None, SecurityLevel::None)).expect("captures");
    Watching::play(playing, settings(filter), quiet()).expect("a thread")
}

/// A packet of a host at a second since 2023.
fn packet(host: &str, second: u64) -> Vec<u8> {
    let identifier =
        Identifier { host: host.into(), plugin: "p".into(), type_: "gauge".into(), ..Identifier::default() };
    let time = Time::from_secs(START + second).expect("in range");
    let mut buffer = [0; 1452];
    let mut encoder = Encoder::new(&mut buffer);
    encoder.value_list(&identifier, time, Interval::from_secs(10), [Value::Gauge(second as f64)]).expect("room");
    encoder.packet().to_vec()
}

/// A capture of these packets, each with its second and the last octet of its sender's address.
pub(crate) fn written(directory: &Path, packets: &[(u64, u8, Vec<u8>)]) -> PathBuf {
    use crate::record::{Arrived, Recorder, Settings};
    let path = directory.join("fleet.pcap");
    let settings = Settings {
        path: Some(path.clone()),
        rotate_size: None,
        rotate_time: None,
        keep: None,
        gzip: false,
        overwrite: false,
    };
    let mut recorder = Recorder::open(settings, Instant::now()).expect("a file");
    for (second, sender, octets) in packets {
        let time = Duration::from_secs(START + second);
        let (from, to) = (([10, 0, 0, *sender], 4711).into(), ([239, 192, 74, 66], 25_826).into());
        let arrived = Arrived { time, from, to, hop_limit: None, octets, len: octets.len() };
        recorder.push(&arrived, Instant::now()).expect("room");
    }
    recorder.finish(Instant::now()).expect("a file");
    path
}

#[test]
fn all_of_a_capture_is_there_at_once() {
    let watching = play(&[capture("fleet-50.pcap")], Speed::AtOnce, None);
    until(|| watching.state() != State::Running);
    let (totals, sizes) = (watching.totals(), watching.fleet().lock().sizes());
    assert_eq!((watching.state(), sizes.hosts), (State::Ended, 50));
    assert!(
        totals.counts.packets > 50 && totals.counts.value_lists > 50 && totals.losses().all(|(count, ..)| count == 0)
    );
    // It stays as it was at the end.
    let (first, second) = (watching.now(), watching.now());
    assert_eq!(first, second);
    let newest = watching.fleet().lock().hosts().map(|host| host.silent(first)).min().expect("hosts");
    assert!(newest < Duration::from_secs(1), "{newest:?}");
}

#[test]
fn what_the_filter_leaves_out_is_counted() {
    let all = play(&[capture("fleet-50.pcap")], Speed::AtOnce, None);
    let some = play(&[capture("fleet-50.pcap")], Speed::AtOnce, Some("type == 'load'"));
    until(|| all.state() != State::Running && some.state() != State::Running);
    let (all, some) = (all.totals(), some.totals());
    assert!(some.counts.value_lists > 0 && some.filtered > 0);
    assert_eq!(
        some.counts.value_lists + some.counts.notifications + some.filtered,
        all.counts.value_lists + all.counts.notifications
    );
}

#[test]
fn a_host_was_missing_when_the_capture_says_so_whatever_the_speed() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let hosts = |second: u64| ["a", "b"].map(|host| (second, 1, packet(host, second)));
    let mut packets: Vec<_> = (0..5).flat_map(|round| hosts(round * 10)).collect();
    packets.extend((5..20).map(|round| (round * 10, 1, packet("b", round * 10))));
    packets.push((200, 1, packet("a", 200)));
    let path = written(directory.path(), &packets);
    for speed in [Speed::AtOnce, Speed::Times(400.0)] {
        let watching = play(std::slice::from_ref(&path), speed, None);
        until(|| watching.state() != State::Running);
        let store = watching.fleet().lock();
        let told: Vec<_> = store.news(0).filter_map(|(_, news)| News::observed(news)).collect();
        let words: Vec<_> = told.iter().map(|event| event.change.word()).collect();
        assert_eq!(words, ["new", "new", "missing", "back"], "{speed:?}");
        let missing = told[2].time.secs() - START;
        assert!((70..76).contains(&missing), "{speed:?}: after {missing} s");
        let series = store.hosts().find(|host| host.name() == "b").and_then(|host| host.series().next()).expect("b");
        assert_eq!(series.histories()[0].since(Time::default()).count(), 20);
    }
}

#[test]
fn a_long_pause_ends_when_it_is_stopped() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let path = written(directory.path(), &[(0, 1, packet("a", 0)), (100_000, 1, packet("a", 100_000))]);
    let watching = play(&[path], Speed::Times(1.0), None);
    until(|| watching.totals().counts.packets == 1);
    let before = watching.now();
    until(|| watching.now().clock > before.clock && watching.now().time > before.time);
    watching.stop();
    assert_eq!((watching.state(), watching.totals().counts.packets), (State::Ended, 1));
}

#[test]
fn what_is_no_capture_is_said_before_anything_is_played() {
    let open = |path: &str| {
        let paths = [capture("fleet-50.pcap"), Path::new(env!("CARGO_MANIFEST_DIR")).join(path)];
        Playing::open(&paths, Speed::AtOnce, None, (None, SecurityLevel::None)).err().map(|error| error.to_string())
    };
    let error = open("Cargo.toml").expect("an error");
    assert!(
        error.contains("Cargo.toml: ") && error.ends_with("(files that are one packet are called *.bin)"),
        "{error}"
    );
    assert!(open("missing.pcap").expect("an error").contains("missing.pcap: No such file"));
    assert_eq!(open("../core/tests/data/collectd-5.12.0-minimal.bin"), None);
}

#[test]
fn what_goes_wrong_in_a_capture_is_told_and_costs_only_the_rest_of_it() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let mut octets = std::fs::read(capture("fleet-50.pcap")).expect("a capture");
    octets.truncate(octets.len() / 2 + 1);
    let cut = directory.path().join("cut.pcap");
    std::fs::write(&cut, octets).expect("it is ours");
    let told: Arc<Mutex<Vec<String>>> = Arc::default();
    let tell = Arc::clone(&told);
    let paths = [cut, capture("plain-ipv4.pcap")];
    let playing = Playing::open(&paths, Speed::AtOnce, Some(25_826), (None, SecurityLevel::None)).expect("captures");
    let tell: Tell = Arc::new(move |_, message| lock(&tell).push(message.to_owned()));
    let watching = Watching::play(playing, settings(None), tell).expect("a thread");
    until(|| watching.state() != State::Running);
    assert!(matches!(watching.state(), State::Failed(message) if message.contains("cut.pcap: ")));
    assert_eq!(lock(&told).len(), 1);
    assert!(watching.fleet().lock().sizes().hosts > 1);
}

#[test]
fn what_a_listener_hears_is_there_until_it_is_stopped() {
    for workers in [1, 3] {
        let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
        let listening = Listening { endpoints: vec![address.into()], workers, ..Listening::default() };
        let listener = Listener::open(&listening).expect("a port");
        let to = listener.addresses().next().expect("an address");
        let watching = Watching::listen(listener, vec![(None, SecurityLevel::None)], settings(None), quiet());
        let watching = watching.expect("a thread");
        assert!(watching.source().contains("127.0.0.1"), "{}", watching.source());
        let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
        for host in 0..100 {
            sender.send_to(&packet(&format!("host{host}"), 10), to).expect("it listens");
        }
        sender.send_to(&[0, 0, 0], to).expect("it listens");
        until(|| watching.totals().counts.packets == 101);
        watching.stop();
        let totals = watching.totals();
        assert_eq!((watching.state(), watching.fleet().lock().sizes().hosts), (State::Ended, 100));
        let lost: Vec<_> = totals.losses().filter(|(count, ..)| *count > 0).collect();
        assert!(lost.iter().all(|(_, what, _)| *what == "refusal"), "{lost:?}");
        assert_eq!(totals.lost(), 0);
    }
}

/// Somebody who feeds without a pause holds the lock nearly all the time.
#[test]
fn whoever_looks_gets_a_turn_while_others_feed() {
    let fleet = Fleet::new(Limits::default());
    let is_over = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let packet = packet("a", 1);
            let arrival = collectd_net::Arrival { len: packet.len(), from: None };
            while !is_over.load(Ordering::Relaxed) {
                let mut store = fleet.lock();
                let mut visit = store.arrive(&arrival, Moment { clock: Duration::ZERO, time: Time::default() });
                for item in collectd_net::Decoder::new(&packet).flatten() {
                    store.item(&mut visit, &item);
                }
                drop(store);
                fleet.give_way();
            }
        });
        let start = Instant::now();
        (0..200).for_each(|_| drop(fleet.lock().counts()));
        is_over.store(true, Ordering::Relaxed);
        assert!(start.elapsed() < Duration::from_secs(20));
    });
}
