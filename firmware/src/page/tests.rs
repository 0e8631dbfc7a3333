use std::collections::VecDeque;
use std::vec::Vec;

use collectd_net::{Counters, Identifier, Notification, Protection, Severity, Text, Time, Value};
use serde_json::Value as Json;
use smoltcp::iface::{Config, Interface, SocketStorage};
use smoltcp::phy::{Checksum, ChecksumCapabilities, Device, DeviceCapabilities, Medium};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr};

use super::*;
use crate::Readings;
use crate::alarm::{Alarms, Threshold};
use crate::clock::Clock;
use crate::table::Table;
use crate::table::tests::{heard, keep, with_list};

const DROPS: &[(&str, u64)] = &[("ring_full", 3), ("too_long", u64::MAX)];
const READINGS: Readings = Readings { link: true, millidegrees: Some(-1500), lost_frames: 0 };

/// What a view looks at.
struct Things {
    table: std::boxed::Box<Table>,
    alarms: Alarms,
    thresholds: Vec<Threshold<'static>>,
    clock: Clock,
    counters: Counters,
    reset: Option<&'static str>,
    addresses: Vec<IpCidr>,
}

impl Things {
    fn new() -> Self {
        Self {
            table: std::boxed::Box::new(Table::new()),
            alarms: Alarms::new(),
            thresholds: vec![Threshold::parse("failure: value > 1e6 and \"\\\"\" not in host").unwrap()],
            clock: Clock::new(1),
            counters: Counters::new(),
            reset: Some("panic: \"index\"\r\n"),
            addresses: vec![IpCidr::new(IpAddress::v4(10, 0, 0, 2), 24)],
        }
    }

    fn view(&self) -> View<'_> {
        View {
            board: "lm3s6965evb",
            name: "lab",
            reset: self.reset,
            addresses: &self.addresses,
            readings: &READINGS,
            clock: &self.clock,
            table: &self.table,
            alarms: &self.alarms,
            thresholds: &self.thresholds,
            counters: &self.counters,
            drops: DROPS,
        }
    }

    fn list(&mut self, identifier: &str, values: &[Value]) {
        with_list(identifier, 10, values, |list| {
            keep(&mut self.table, list, at(1));
            self.alarms.value_list(list, &self.thresholds, at(1));
        });
    }

    /// Everything that there can be, with the worst of names.
    fn full() -> Self {
        let mut things = Self::new();
        for number in 0..40_u64 {
            let host = format!("{}{number:03}", "\x1b".repeat(61));
            for series in 0..10 {
                let worst = [Value::Gauge(-1.234_567_890_123_456_7e-300), Value::Derive(i64::MIN)];
                things.list(&format!("{host}/{}{series:02}/\x7f-\"\\", "\x01".repeat(40)), &[worst, worst].concat());
            }
            things.alarms.notification(
                &Notification {
                    identifier: Identifier {
                        host: Text::from(host.as_str()),
                        plugin: "\0".into(),
                        ..Identifier::default()
                    },
                    time: Time::from_secs(1).unwrap(),
                    severity: Severity::Failure,
                    message: Text::new(&[b'\x02'; 300]),
                    protection: Protection::None,
                    user: None,
                },
                at(1),
            );
        }
        things.alarms.poll(&mut things.table, 3, at(100));
        things
    }
}

fn at(secs: u64) -> Duration {
    Duration::from_secs(secs)
}

/// The whole answer, written into rooms of this size.
fn answer(things: &Things, request: &[u8], room: usize) -> Vec<u8> {
    let mut answer = Answer::new();
    answer.begin(Reader::new().read(request).unwrap());
    let (mut all, mut buffer) = (Vec::new(), vec![0xa5; room]);
    loop {
        let written = answer.write(&things.view(), at(100), &mut buffer);
        all.extend_from_slice(&buffer[..written]);
        if answer.ended() {
            return all;
        }
        assert_eq!(written, room);
    }
}

fn body(answer: &[u8]) -> std::string::String {
    let answer = std::string::String::from_utf8(answer.to_vec()).unwrap();
    answer.split_once("\r\n\r\n").unwrap().1.to_owned()
}

fn json(things: &Things) -> Json {
    serde_json::from_str(&body(&answer(things, b"GET /status.json HTTP/1.1\r\n\r\n", 1000))).unwrap()
}

#[test]
fn json_tells_integers_exactly_and_gauges_in_15_digits() {
    let mut things = Things::new();
    things.list("web01/if-eth0/if_octets", &[Value::Derive(i64::MIN), Value::Counter(u64::MAX)]);
    things.list("web01/load/gauge-1", &[Value::Gauge(0.1), Value::Gauge(f64::NAN), Value::Gauge(f64::NEG_INFINITY)]);
    things.list(
        "web01/load/gauge-2",
        &[Value::Gauge(5e6), Value::Gauge(1.0 / 3.0), Value::Absolute(9_007_199_254_740_993)],
    );
    things.alarms.poll(&mut things.table, 3, at(100));
    let json = json(&things);
    assert_eq!((&json["board"], &json["name"]), (&"lm3s6965evb".into(), &"lab".into()));
    assert_eq!((&json["reset"], &json["temperature"]), (&"panic: \"index\"\r\n".into(), &(-1.5).into()));
    assert_eq!((&json["uptime"], &json["time"], &json["clock"]), (&100.0.into(), &Json::Null, &Json::Null));
    assert_eq!((&json["worst"], &json["silent"]), (&"failure".into(), &1.into()));
    assert_eq!(json["addresses"], serde_json::json!(["10.0.0.2/24"]));
    assert_eq!(
        json["hosts"],
        serde_json::json!([{"host": "web01", "seen": 99.0, "interval": 10.0, "silent": true, "value_lists": 3,
            "notifications": 0, "security": "signed"}])
    );
    let series = json["series"].as_array().unwrap();
    assert_eq!(series[0]["values"], serde_json::json!([i64::MIN, u64::MAX]));
    assert_eq!(series[0]["dstypes"], serde_json::json!(["derive", "counter"]));
    assert_eq!(series[1]["values"], serde_json::json!([0.1, null, null]));
    assert_eq!(series[2]["values"], serde_json::json!([5_000_000, 0.333_333_333_333_333, 9_007_199_254_740_993_u64]));
    let alarm = &json["alarms"][1];
    assert_eq!((&alarm["type_instance"], &alarm["severity"]), (&"2".into(), &"failure".into()));
    assert_eq!(alarm["threshold"], "value > 1e6 and \"\\\"\" not in host");
    assert_eq!(json["dropped"], serde_json::json!({"ring_full": 3, "too_long": u64::MAX}));
    assert_eq!(json["received"]["packets"], 0);
    assert_eq!(json["left_out"]["series"], 0);
}

#[test]
fn text_is_for_people() {
    let mut things = Things::new();
    for sender in [1, 2] {
        things.clock.heard(Time::from_secs(1_700_005_000).unwrap(), sender, at(0));
    }
    things.list("web01/load/load", &[Value::Gauge(1.5), Value::Gauge(2.0), Value::Gauge(f64::NAN)]);
    things.list("web01/df-root/df_complex-free", &[Value::Gauge(5e6)]);
    let text = body(&answer(&things, b"GET / HTTP/1.1\r\n\r\n", 1000));
    let version = env!("CARGO_PKG_VERSION");
    assert!(text.starts_with(&format!("lab on lm3s6965evb, collectd-node {version}\nup 100 s\n")), "{text}");
    for line in [
        "time 1700005100 s since 1970, from network",
        r#"started again: panic: "index"\x0d\x0a"#,
        "temperature -1.5 °C",
        "failure: 0 hosts missing, 1 other alarms",
        "web01/load/load shortterm 1.5 midterm 2 longterm NaN (99 s ago)",
        "web01/df-root/df_complex-free 5000000 (99 s ago)",
        "web01: heard 99.000 s ago, every 10.000 s, 2 value lists, 0 notifications, protection signed",
        "failure since 99 s: web01/df-root/df_complex-free: 5000000 matches value > 1e6 and \"\\\"\" not in host",
        "packets 0",
        "ring_full 3",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
}

#[test]
fn whatever_the_room_the_octets_are_the_same() {
    let things = Things::full();
    for request in ["GET / HTTP/1.1\r\n\r\n", "GET /status.json HTTP/1.1\r\n\r\n", "GET /x HTTP/1.1\r\n\r\n"] {
        let whole = answer(&things, request.as_bytes(), 1 << 20);
        for room in [1, 2, 3, 7, 64, 511, 1024, 1535, 1536, 1537, 4096] {
            assert!(answer(&things, request.as_bytes(), room) == whole, "{request} {room}");
        }
    }
}

#[test]
fn the_worst_names_fit_and_nothing_is_left_out() {
    let things = Things::full();
    let json = json(&things);
    let count = |name: &str| json[name].as_array().unwrap().len();
    assert_eq!((count("hosts"), count("series"), count("alarms")), (32, 128, 16));
    let text = body(&answer(&things, b"GET / HTTP/1.1\r\n\r\n", 1000));
    assert!(!text.contains(|character: char| character != '\n' && collectd_net::text::is_unsafe(character)));
}

#[test]
fn json_stays_whole_whatever_changes_meanwhile() {
    for step in 1..60 {
        let mut things = Things::new();
        let mut answer = Answer::new();
        answer.begin(Reader::new().read(b"GET /status.json HTTP/1.1\n\n").unwrap());
        let (mut all, mut buffer, mut round) = (Vec::new(), vec![0; 97], 0);
        while !answer.ended() {
            let written = answer.write(&things.view(), at(100 + round), &mut buffer);
            all.extend_from_slice(&buffer[..written]);
            round += 1;
            if round % step == 0 {
                things.list(&format!("h{round}/p/t"), &[Value::Counter(round << 30)]);
                // A day later everybody is forgotten.
                things.table.watch(3, at(round % 7 * 40_000), |_, _| ());
            } else if round % step == step / 2 {
                things.list("h/p/t", &[Value::Counter((round % 2) << 30)]);
                things.addresses.clear();
                things.reset = None;
            }
        }
        let json: Json = serde_json::from_str(&body(&all)).unwrap();
        assert!(json["left_out"].is_object());
    }
}

#[test]
fn heads_say_what_follows() {
    let things = Things::new();
    let lines = |request: &str| std::string::String::from_utf8(answer(&things, request.as_bytes(), 100)).unwrap();
    let head = lines("HEAD /status.json HTTP/1.1\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 OK\r\nConnection: close\r\n") && head.ends_with("\r\n\r\n"));
    assert!(head.contains("\r\nContent-Type: application/json\r\n"));
    let refused = lines("POST / HTTP/1.1\r\n\r\n");
    assert!(refused.contains("\r\nAllow: GET, HEAD\r\n") && refused.contains("\r\nContent-Length: 23\r\n"));
    assert!(refused.ends_with("\r\n\r\n405 Method Not Allowed\n"));
    assert!(lines("HEAD /x HTTP/1.1\r\n\r\n").ends_with("\r\nContent-Length: 14\r\n\r\n"));
    assert!(lines("\x16\x03").starts_with("HTTP/1.1 400 Bad Request\r\n"));
}

/// A cable whose ends are the same.
#[derive(Default)]
struct Cable {
    frames: VecDeque<Vec<u8>>,
}

struct Rx(Vec<u8>);
struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl smoltcp::phy::RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl smoltcp::phy::TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for Cable {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        self.frames.pop_front().map(|frame| (Rx(frame), Tx(&mut self.frames)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.frames))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = 1514;
        capabilities.checksum = ChecksumCapabilities::default();
        capabilities.checksum.tcp = Checksum::Both;
        capabilities
    }
}

/// A board with two sockets for the page, and clients.
struct Lab {
    cable: Cable,
    interface: Interface,
    sockets: SocketSet<'static>,
    servers: [SocketHandle; 2],
    page: std::boxed::Box<Page>,
    things: Things,
    millis: u64,
    port: u16,
}

impl Lab {
    fn new() -> Self {
        let mut cable = Cable::default();
        let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
        let mut interface = Interface::new(config, &mut cable, Instant::from_millis(0));
        interface.update_ip_addrs(|addresses| addresses.push(IpCidr::new(IpAddress::v4(10, 0, 0, 2), 24)).unwrap());
        let mut sockets =
            SocketSet::new(std::boxed::Box::leak(std::boxed::Box::new([SocketStorage::EMPTY; 512])).as_mut_slice());
        let servers = [0; 2].map(|_| sockets.add(socket(256, 600)));
        let page = std::boxed::Box::new(Page::new());
        Self { cable, interface, sockets, servers, page, things: Things::full(), millis: 0, port: 50_000 }
    }

    fn run(&mut self, millis: u64) {
        for _ in 0..millis.div_ceil(10) {
            self.millis += 10;
            let now = Instant::from_millis(i64::try_from(self.millis).unwrap());
            let since_start = Duration::from_millis(self.millis);
            self.interface.poll(now, &mut self.cable, &mut self.sockets);
            self.page.poll(&mut self.sockets, &self.servers, &self.things.view(), since_start);
            self.interface.poll(now, &mut self.cable, &mut self.sockets);
        }
    }

    fn connect(&mut self) -> SocketHandle {
        let client = self.sockets.add(socket(300, 4000));
        self.port += 1;
        let socket = self.sockets.get_mut::<tcp::Socket<'_>>(client);
        socket.connect(self.interface.context(), (IpAddress::v4(10, 0, 0, 2), 80), self.port).unwrap();
        self.run(50);
        client
    }

    fn client(&mut self, client: SocketHandle) -> &mut tcp::Socket<'static> {
        self.sockets.get_mut::<tcp::Socket<'_>>(client)
    }

    fn send(&mut self, client: SocketHandle, octets: &[u8]) {
        assert_eq!(self.client(client).send_slice(octets), Ok(octets.len()));
    }

    fn fetch(&mut self, client: SocketHandle) -> Vec<u8> {
        let mut all = Vec::new();
        for _ in 0..2000 {
            self.run(10);
            let socket = self.client(client);
            while socket.can_recv() {
                socket.recv(|octets| (octets.len(), all.extend_from_slice(octets))).unwrap();
            }
            if !socket.may_recv() {
                socket.close();
                break;
            }
        }
        all
    }
}

fn socket(receive: usize, transmit: usize) -> tcp::Socket<'static> {
    let buffer = |size| tcp::SocketBuffer::new(vec![0_u8; size].leak());
    tcp::Socket::new(buffer(receive), buffer(transmit))
}

#[test]
fn clients_get_the_page_one_after_the_other_and_together() {
    let mut lab = Lab::new();
    lab.run(10);
    for _ in 0..5 {
        let (first, second) = (lab.connect(), lab.connect());
        lab.send(first, b"GET /status.json HTTP/1.1\r\nHost: board\r\n\r\n");
        lab.send(second, b"GET / HTTP/1.1\r\nHost: board\r\n\r\n");
        let json: Json = serde_json::from_str(&body(&lab.fetch(first))).unwrap();
        assert_eq!(json["series"].as_array().unwrap().len(), 128);
        assert!(body(&lab.fetch(second)).starts_with("lab on"));
        lab.run(300);
    }
}

#[test]
fn a_slow_client_is_cut_off_and_the_next_one_served() {
    let mut lab = Lab::new();
    lab.run(10);
    let (silent, slow) = (lab.connect(), lab.connect());
    lab.send(slow, b"GET /status.json HTTP/1.1\r\n\r\n");
    lab.run(4500);
    // Both hold a socket, and do not move.
    assert!(lab.client(silent).is_active() && lab.client(slow).is_active());
    lab.run(1500);
    assert!(!lab.client(silent).is_active() && !lab.client(slow).may_send());
    let client = lab.connect();
    lab.send(client, b"GET / HTTP/1.1\r\n\r\n");
    assert!(body(&lab.fetch(client)).starts_with("lab on"));
}

#[test]
fn who_takes_an_octet_a_second_has_half_a_minute() {
    let mut lab = Lab::new();
    lab.run(10);
    let client = lab.connect();
    for octet in b"GET " {
        lab.send(client, &[*octet]);
        lab.run(1000);
    }
    assert!(lab.client(client).is_active());
    lab.run(1500);
    assert!(!lab.client(client).is_active());
    let client = lab.connect();
    lab.send(client, b"GET /status.json HTTP/1.1\r\n\r\n");
    let start = lab.millis;
    while lab.client(client).may_send() && lab.millis < start + 60_000 {
        lab.run(500);
        let _ = lab.client(client).recv(|octets| (octets.len().min(100), ()));
    }
    assert!((25_000..32_000).contains(&(lab.millis - start)), "{}", lab.millis - start);
}

#[test]
fn a_client_that_goes_away_makes_room() {
    let mut lab = Lab::new();
    lab.run(10);
    for request in ["", "GET / HT", "GET /status.json HTTP/1.1\r\n\r\n"] {
        for abort in [false, true] {
            let clients = [lab.connect(), lab.connect()];
            for client in clients {
                lab.send(client, request.as_bytes());
                lab.run(20);
                if abort { lab.client(client).abort() } else { lab.client(client).close() }
            }
            for client in clients {
                lab.fetch(client);
            }
            lab.run(500);
            let client = lab.connect();
            lab.send(client, b"HEAD / HTTP/1.1\r\n\r\n");
            assert!(lab.fetch(client).starts_with(b"HTTP/1.1 200 OK"), "{request} {abort}");
            lab.run(300);
        }
    }
}

#[test]
fn more_requests_and_garbage_behind_the_first_change_nothing() {
    let mut lab = Lab::new();
    lab.run(10);
    let client = lab.connect();
    let mut octets = b"GET /nothing HTTP/1.1\r\n\r\nGET / HTTP/1.1\r\n\r\n".to_vec();
    octets.resize(3000, 0xff);
    lab.send(client, &octets);
    let answer = std::string::String::from_utf8(lab.fetch(client)).unwrap();
    assert!(answer.starts_with("HTTP/1.1 404 Not Found\r\n") && answer.ends_with("\n404 Not Found\n"), "{answer}");
    lab.run(300);
    let mut random = 1_u32;
    for round in 0..200 {
        let client = lab.connect();
        let octets: Vec<u8> = (0..round * 5)
            .map(|_| {
                random = random.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
                (random >> 24).to_le_bytes()[0]
            })
            .collect();
        lab.send(client, &octets);
        lab.run(50);
        lab.client(client).abort();
        lab.run(50);
    }
    lab.run(300);
    let client = lab.connect();
    heard(&mut lab.things.table, "late/p/t", 1, 100);
    lab.send(client, b"GET / HTTP/1.1\r\n\r\n");
    assert!(lab.fetch(client).starts_with(b"HTTP/1.1 200 OK"));
}

#[test]
fn memory_is_small() {
    assert!(size_of::<Page>() <= 4096, "{}", size_of::<Page>());
}
