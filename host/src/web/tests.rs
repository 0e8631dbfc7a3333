use std::io::{Read as _, Write as _};
use std::net::{Shutdown, TcpStream as Stream, UdpSocket};
use std::time::Instant;

use collectd_net::{Encoder, Identifier, Interval, SecurityLevel, Severity, Text, Time, Value};

use super::*;
use crate::fleet::Limits;
use crate::listen::{Address, Listener, Settings as Listening};
use crate::types_db::TypesDb;

/// What is watched, who serves it, and who sends.
struct Scene {
    watching: Arc<Watching>,
    server: Server,
    socket: UdpSocket,
    second: u64,
}

fn scene(settings: Settings) -> Scene {
    let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
    let listening = Listening { endpoints: vec![address.into()], ..Listening::default() };
    let listener = Listener::open(&listening).expect("a socket");
    let to = listener.addresses().next().expect("its address");
    let watched = crate::watching::Settings {
        limits: Limits { charted: 1000, ..Limits::default() },
        types: TypesDb::default(),
        filter: None,
    };
    let quiet = Arc::new(|_, _: &str| {});
    let watching = Watching::listen(listener, vec![(None, SecurityLevel::None)], watched, quiet).expect("a thread");
    let watching = Arc::new(watching);
    let settings = Settings { addresses: default_addresses(0).into(), tick: Duration::from_millis(20), ..settings };
    let server = Server::start(&watching, &settings).expect("free ports");
    let socket = UdpSocket::bind(("127.0.0.1", 0)).expect("a socket");
    socket.connect(to).expect("an address");
    Scene { watching, server, socket, second: 0 }
}

impl Scene {
    /// Sends a value of a series, a second after the one before, and waits until it is there.
    fn send(&mut self, host: &str, type_: &str, value: Value) {
        self.second += 1;
        let identifier =
            Identifier { host: host.into(), plugin: "p".into(), type_: type_.into(), ..Identifier::default() };
        let time = Time::from_secs(1_700_000_000 + self.second).expect("in range");
        self.packet(|encoder| encoder.value_list(&identifier, time, Interval::from_secs(10), [value]).expect("room"));
    }

    fn packet(&self, fill: impl FnOnce(&mut Encoder<'_>)) {
        let mut buffer = [0; 1452];
        let mut encoder = Encoder::new(&mut buffer);
        fill(&mut encoder);
        let count = || self.watching.totals().counts.packets;
        let before = count();
        self.socket.send(encoder.packet()).expect("sent");
        until(|| count() > before);
    }

    fn connect(&self) -> Stream {
        let stream = Stream::connect(self.server.addresses()[0]).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("any time");
        stream
    }

    /// Asks for a path, and reads the answer to its end.
    fn get(&self, path: &str) -> String {
        self.ask(&format!("GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"))
    }

    fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn body(&self, path: &str) -> String {
        let answer = self.get(path);
        assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
        answer.split_once("\r\n\r\n").expect("a body").1.to_owned()
    }

    /// A stream that was opened, of which something was read.
    fn stream(&self, query: &str) -> Events {
        let mut stream = self.connect();
        write!(stream, "GET /api/live?{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        Events { stream, text: String::new() }
    }
}

struct Events {
    stream: Stream,
    text: String,
}

impl Events {
    /// Reads until this has come, and returns all that came.
    fn until(&mut self, expected: &str) -> &str {
        let mut octets = [0; 4096];
        while !self.text.contains(expected) {
            let count = self.stream.read(&mut octets).expect("in time");
            assert!(count > 0, "the end before {expected}: {}", self.text);
            self.text.push_str(&String::from_utf8_lossy(&octets[..count]));
        }
        &self.text
    }
}

/// What a test waits for happens within some seconds.
fn until(mut is_so: impl FnMut() -> bool) {
    let start = Instant::now();
    while !is_so() {
        assert!(start.elapsed() < Duration::from_secs(20), "in time");
        thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn the_page_is_served_on_both_families_and_says_what_it_may_load() {
    let scene = scene(Settings::default());
    assert_eq!(scene.server.addresses().iter().filter(|address| address.is_ipv4()).count(), 1);
    let answer = scene.get("/");
    assert!(answer.starts_with("HTTP/1.1 200 OK\r\n"), "{answer}");
    for header in [
        "content-type: text/html; charset=utf-8",
        "content-security-policy: default-src 'self'",
        "x-content-type-options: nosniff",
        "referrer-policy: no-referrer",
        "cache-control: no-cache",
    ] {
        assert!(answer.contains(header), "{header} in {answer}");
    }
    assert!(!answer.to_lowercase().contains("access-control"), "{answer}");
    let tag = answer.split_once("etag: ").expect("a tag").1.split("\r\n").next().expect("its line");
    let again =
        scene.ask(&format!("GET / HTTP/1.1\r\nHost: localhost\r\nIf-None-Match: {tag}\r\nConnection: close\r\n\r\n"));
    assert!(again.starts_with("HTTP/1.1 304 ") && again.ends_with("\r\n\r\n"), "{again}");
    let head = scene.ask("HEAD / HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
    assert!(head.starts_with("HTTP/1.1 200 ") && head.ends_with("\r\n\r\n"), "{head}");
    assert!(scene.get("/nothing").starts_with("HTTP/1.1 404 "));
}

#[test]
fn the_page_is_compressed_for_whoever_takes_that_and_is_the_same() {
    let scene = scene(Settings::default());
    let ask = |lines: &str| {
        let mut stream = scene.connect();
        write!(stream, "GET /app.js HTTP/1.1\r\nHost: localhost\r\n{lines}Connection: close\r\n\r\n").expect("sent");
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).expect("an answer");
        let end = answer.windows(4).position(|window| window == b"\r\n\r\n").expect("an end of the head") + 4;
        let body = answer.split_off(end);
        (String::from_utf8(answer).expect("text"), body)
    };
    let tag =
        |head: &str| head.split_once("etag: ").expect("a tag").1.split("\r\n").next().expect("its line").to_owned();
    let (plain_head, plain) = ask("");
    let (head, compressed) = ask("Accept-Encoding: gzip, br\r\n");
    assert_eq!(plain, include_bytes!("page/app.js"));
    assert!(!plain_head.contains("content-encoding") && head.contains("content-encoding: gzip\r\n"), "{head}");
    for head in [&plain_head, &head] {
        assert!(head.contains("vary: accept-encoding\r\n"), "{head}");
    }
    let mut unpacked = Vec::new();
    flate2::read::GzDecoder::new(compressed.as_slice()).read_to_end(&mut unpacked).expect("gzip");
    assert!(unpacked == plain && compressed.len() < plain.len());
    // Each form is known by its own tag.
    assert_ne!(tag(&plain_head), tag(&head));
    let of_compressed = format!("If-None-Match: {}\r\n", tag(&head));
    let (again, body) = ask(&format!("Accept-Encoding: gzip\r\n{of_compressed}"));
    assert!(again.starts_with("HTTP/1.1 304 ") && again.contains("vary: accept-encoding\r\n") && body.is_empty());
    assert_eq!(ask(&of_compressed).1, plain);
}

#[test]
fn foreign_hosts_are_misdirected_and_nothing_can_be_changed() {
    let scene = scene(Settings { names: vec!["tap.example".into()], ..Settings::default() });
    let with_host = |host: &str| scene.ask(&format!("GET / HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"));
    for host in ["localhost:8258", "127.0.0.1", "tap.example"] {
        assert!(with_host(host).starts_with("HTTP/1.1 200 "), "{host}");
    }
    for host in ["evil.example", "127.0.0.2", "[::1]", ""] {
        let answer = with_host(host);
        assert!(answer.starts_with("HTTP/1.1 421 ") && answer.contains("--web-host"), "{host}: {answer}");
    }
    for method in ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"] {
        for path in ["/", "/api/live", "/nothing"] {
            let answer = scene.ask(&format!(
                "{method} {path} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"
            ));
            assert!(answer.starts_with("HTTP/1.1 405 ") && answer.contains("allow: GET, HEAD\r\n"), "{answer}");
        }
    }
    assert_eq!(scene.server.counts().refused_requests, 4 + 15);
}

#[test]
fn a_stream_begins_with_all_and_goes_on_with_what_is_new() {
    let mut scene = scene(Settings::default());
    scene.send("web01", "gauge", Value::Gauge(1.5));
    scene.send("db01", "counter", Value::Counter(u64::MAX));
    let mut events = scene.stream("filter=web*");
    let first = events.until("\n\n").to_owned();
    assert!(
        first.contains("content-type: text/event-stream") && first.contains("retry: 2000\ndata: {\"kind\":\"state\"")
    );
    let first = events.until("\"counts\":");
    assert!(first.contains(r#""name":"web01/p/gauge","path":"p/gauge","host":"web01""#), "{first}");
    assert!(first.contains(r#",1700000001,[1.5],null]"#) && !first.contains("db01/p"), "{first}");
    assert!(first.contains(r#""presence":"new""#) || first.contains(r#""notifications":[]"#), "{first}");
    scene.send("db01", "counter", Value::Counter(1));
    scene.send("web01", "gauge", Value::Gauge(f64::NAN));
    let news = events.until(",1700000004,[null],null]");
    assert_eq!(news.matches(r#""name":"web01/p/gauge""#).count(), 1, "{news}");
    assert!(!news.contains("db01/p"), "{news}");
    // What is pinned is shown besides, whatever the filter says.
    let mut events = scene.stream("filter=web*&pin=db01%2Fp%2Fcounter");
    assert!(events.until(r#""counts":"#).contains(r#""name":"db01/p/counter""#));
    let mut events = scene.stream("filter=web*&overlay=p%2Fcounter");
    assert!(events.until(r#""counts":"#).contains(r#""name":"db01/p/counter""#));
}

#[test]
fn what_is_too_much_for_a_client_is_counted() {
    let mut scene = scene(Settings::default());
    for host in ["a", "b", "c"] {
        scene.send(host, "gauge", Value::Gauge(0.0));
    }
    let body = scene.body("/api/series?limit=2");
    assert_eq!((body.matches("\"name\"").count(), body.contains("\"more_series\":1}")), (2, true), "{body}");
}

#[test]
fn integers_are_exact_and_foreign_text_is_escaped() {
    let mut scene = scene(Settings::default());
    scene.send("evil\u{1b}[2J<script>\u{202e}\"", "counter", Value::Counter(u64::MAX));
    let body = scene.body("/api/series");
    assert!(body.contains(r#"["18446744073709551615"],[null]]"#), "{body}");
    assert!(body.contains(r#""host":"evil\u001b[2J<script>\u202e\"""#), "{body}");
    assert!(body.contains(r#""name":"evil\\x1b[2J<script>\\u{202e}\"/p/counter""#), "{body}");
    scene.packet(|encoder| {
        let identifier = Identifier { host: Text::new(b"h\xff"), plugin: "p".into(), ..Identifier::default() };
        let time = Time::from_secs(1_700_000_000).expect("in range");
        encoder.notification(&identifier, time, Severity::Failure, "a\r\n\r\nb".into()).expect("room");
    });
    let body = scene.body("/api/notifications?filter=kind+%3D%3D+%22notification%22+and+severity+%3D%3D+%22failure%22");
    assert!(
        body.contains(r#""host":"h\\xff""#) && body.contains(r#""message":"a\u000d\u000a\u000d\u000ab""#),
        "{body}"
    );
}

#[test]
fn how_a_series_was_is_told_since_a_time_and_kept_for_a_stream() {
    let mut scene = scene(Settings::default());
    for value in [1.0, 2.5, 4.0] {
        scene.send("h", "gauge", Value::Gauge(value));
    }
    let body = scene.body("/api/series");
    let id = body.split_once(r#""id":""#).expect("an id").1.split('"').next().expect("its end");
    let body = scene.body(&format!("/api/series?id={id}&since=1700000001"));
    let expected = format!(
        r#"{{"histories":[{{"id":"{id}","values":[{{"times":[1700000002,1700000003],"means":[2.5,4.0],"least":[],"most":[]}}]}}]}}"#
    );
    assert_eq!(body, expected);
    assert_eq!(scene.body("/api/series?id=9999.1&since=0"), r#"{"histories":[]}"#);
    let mut events = scene.stream("");
    let text = events.until("\"counts\":");
    let number = text.split_once("\"stream\":").expect("a number").1.split(',').next().expect("its end").to_owned();
    assert!(scene.body(&format!("/api/series?id={id}&since=0&stream={number}")).contains("\"means\":[1.0,2.5,4.0]"));
}

#[test]
fn a_wrong_question_is_told_with_its_column() {
    let scene = scene(Settings::default());
    for path in ["/api/live", "/api/series", "/api/hosts", "/api/senders", "/api/notifications"] {
        let answer = scene.get(&format!("{path}?filter=host+%3D%3D+5"));
        assert!(answer.starts_with("HTTP/1.1 400 "), "{answer}");
        assert!(answer.contains(r#"{"error":"column 9: "#) && answer.ends_with(r#","column":9}"#), "{answer}");
    }
    assert!(scene.get("/api/series?limit=x").ends_with(r#"{"error":"limit=x: expected a number","column":null}"#));
    assert_eq!(scene.body("/api/filter?filter=web*"), r#"{"error":null,"column":null}"#);
    assert!(scene.body("/api/filter?filter=host+%3D%3D+5").ends_with(r#","column":9}"#));
}

#[test]
fn hosts_senders_and_counts_can_be_asked_for() {
    let mut scene = scene(Settings::default());
    scene.send("web01", "gauge", Value::Gauge(1.0));
    scene.socket.send(&[0, 0, 0, 2]).expect("sent");
    until(|| !scene.watching.totals().counts.refused.is_empty());
    let hosts = scene.body("/api/hosts");
    assert!(hosts.contains(r#""host":"web01","name":"web01","missing":false"#), "{hosts}");
    let senders = scene.body("/api/senders");
    assert!(
        senders.contains(r#""address":"127.0.0.1""#) && senders.contains(r#""refused":{"part-length":1}"#),
        "{senders}"
    );
    let counts = scene.body("/api/counts");
    assert!(
        counts.contains(r#""refused":{"part-length":1},"lost":{"kernel":0,"queue":0,"receive_errors":0}"#),
        "{counts}"
    );
}

#[test]
fn streams_are_bounded_and_free_again_when_they_end() {
    let scene = scene(Settings { max_streams: 2, ..Settings::default() });
    let mut streams = [scene.stream(""), scene.stream("")];
    streams.iter_mut().for_each(|events| _ = events.until("data:"));
    let refused = scene.get("/api/live");
    assert!(refused.starts_with("HTTP/1.1 503 ") && refused.contains("retry-after: 10"), "{refused}");
    assert_eq!((scene.server.counts().streams, scene.server.counts().refused_streams), (2, 1));
    streams[0].stream.shutdown(Shutdown::Both).expect("a connection");
    until(|| scene.server.counts().streams == 1);
    scene.stream("").until("data:");
}

#[test]
fn who_asks_for_nothing_makes_room() {
    let scene = scene(Settings { max_connections: 4, ..Settings::default() });
    let mut events = scene.stream("");
    events.until("data:");
    let mut idle: Vec<Stream> = (0..10).map(|_| scene.connect()).collect();
    for stream in &mut idle {
        // Those that were displaced already cannot.
        let _ = stream.write_all(b"GET / HTTP/1.1\r\nHost: local");
    }
    assert!(scene.get("/").starts_with("HTTP/1.1 200 "));
    until(|| scene.server.counts().displaced >= 7);
    assert!(scene.server.counts().connections <= 4);
    events.text.clear();
    events.until("data:");
}

#[test]
fn who_does_not_finish_a_request_is_not_waited_for() {
    let scene = scene(Settings { patience: Duration::from_millis(200), ..Settings::default() });
    for begun in ["", "GET / HTTP/1.1\r\n", "GET / HTTP/1.1\r\nHost: localhost\r\n"] {
        let mut stream = scene.connect();
        stream.write_all(begun.as_bytes()).expect("sent");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        assert!(!answer.starts_with(b"HTTP/1.1 200"));
    }
    until(|| scene.server.counts().connections == 0);
    let long = format!("GET / HTTP/1.1\r\nHost: localhost\r\nX: {}\r\n\r\n", "x".repeat(MAX_REQUEST));
    assert!(scene.ask(&long).starts_with("HTTP/1.1 431 "));
}

#[test]
fn who_does_not_take_what_was_sent_is_dropped_and_counted() {
    let scene = scene(Settings { patience: Duration::from_millis(200), ..Settings::default() });
    let slow = scene.connect();
    let request = "GET /uplot.js HTTP/1.1\r\nHost: localhost\r\n\r\n";
    // More than both kernels' buffers hold; the answers come one by one.
    let mut writing = slow.try_clone().expect("a descriptor");
    let writer = thread::spawn(move || (0..2000).all(|_| writing.write_all(request.as_bytes()).is_ok()));
    until(|| scene.server.counts().slow == 1);
    until(|| scene.server.counts().connections == 0);
    drop(slow);
    writer.join().expect("ended");
    assert!(scene.get("/").starts_with("HTTP/1.1 200 "));
}

#[test]
fn an_address_that_is_taken_is_told_with_what_to_do() {
    let scene = scene(Settings::default());
    let settings = Settings { addresses: scene.server.addresses().into(), ..Settings::default() };
    let error = Server::start(&scene.watching, &settings).expect_err("taken").to_string();
    assert!(error.starts_with("cannot serve the page on 127.0.0.1:") && error.contains("--web=:0"), "{error}");
}
