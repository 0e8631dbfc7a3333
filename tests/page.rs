//! The page of `top --web`: in a real browser (`tests/page/check.py`), and beside clients that ask for nothing.

use std::{
    env, fs,
    io::{Read as _, Write as _},
    net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream},
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError},
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use collectd_net::{Encoder, Identifier, Interval, Time, Value};
use collectd_net_tests::{
    heard, hostile,
    net::{Namespace, PORT},
    tap::Tap,
    until,
};

const LOOPBACK: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), PORT);
const PAGE: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::LOCALHOST), 8258);

/// A Python that can talk to a browser; `tests/run` makes it.
fn python() -> PathBuf {
    env::var_os("PAGE_PYTHON")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/page/bin/python3"), PathBuf::from)
}

/// The file of axe-core, which comes with a package of that Python.
fn axe() -> PathBuf {
    let script = "import axe_playwright_python as axe, os; print(os.path.dirname(axe.__file__))";
    let output = Command::new(python()).args(["-c", script]).output().expect("tests/run makes this Python");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    Path::new(String::from_utf8_lossy(&output.stdout).trim()).join("axe.min.js")
}

/// A program that shows what is sent to its loopback.
fn start(namespace: &Namespace, arguments: &[&str]) -> Tap {
    let tap = Tap::spawn(namespace, &[&["top", "--web", "-L", "127.0.0.1"], arguments].concat());
    until("the page to be served", || {
        tap.talk().contains("live graphs at http://127.0.0.1:8258/ and http://[::1]:8258/")
    });
    tap
}

/// A packet of a host, measured now, twice a second.
fn packet(host: &str, round: u32) -> Vec<u8> {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
    let (time, interval) =
        (Time::try_from(now).expect("in range"), Interval::try_from(Duration::from_millis(500)).ok());
    let mut buffer = [0; 1452];
    let mut encoder = Encoder::new(&mut buffer);
    let mut add = |plugin: &str, instance: &str, type_: &str, values: &[Value]| {
        let identifier = Identifier {
            host: host.into(),
            plugin: plugin.into(),
            plugin_instance: instance.into(),
            type_: type_.into(),
            ..Identifier::default()
        };
        encoder.value_list(&identifier, time, interval, values.iter().copied()).expect("room");
    };
    let load = 1.0 + f64::from(round % 17) / 10.0;
    add("load", "", "load", &[load, load * 0.8, load * 0.6].map(Value::Gauge));
    let octets = i64::from(round) * 8192;
    add("interface", "eth0", "if_octets", &[Value::Derive(octets), Value::Derive(octets / 7)]);
    add("memory", "", "memory", &[Value::Gauge(2e9 + 1e7 * f64::from(round % 5))]);
    encoder.packet().to_vec()
}

/// Sends until the other end of the channel is gone: two hosts that go on, and one that soon says nothing any more.
fn send(namespace: &Namespace, stopped: &Receiver<()>) {
    for round in 1.. {
        let hosts: &[&str] = if round < 8 { &["web01", "web02", "quiet01"] } else { &["web01", "web02"] };
        hosts.iter().for_each(|host| namespace.send("lo", LOOPBACK, &packet(host, round)));
        if round % 8 == 1 {
            namespace.send("lo", LOOPBACK, &[0, 0, 0, 2]);
        }
        if stopped.recv_timeout(Duration::from_millis(500)) == Err(RecvTimeoutError::Disconnected) {
            break;
        }
    }
}

#[test]
fn the_page_is_right_in_a_browser() {
    let namespace = Namespace::new("page");
    let tap = start(&namespace, &[]);
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (files, _) = hostile::packets(directory.path());
    let hostile: Vec<_> = files.iter().map(|file| fs::read(file).expect("it was just written")).collect();
    let pictures = Path::new(env!("CARGO_MANIFEST_DIR")).join("../target/page/pictures");
    fs::create_dir_all(&pictures).expect("the folder of the target is ours");
    let (code, said) = thread::scope(|scope| {
        let (_stop, stopped) = mpsc::channel();
        let namespace = &namespace;
        scope.spawn(move || send(namespace, &stopped));
        // Hosts are bounded, and so are those that the page shows.
        let is_known = |answer: &str| ["web01", "web02", "quiet01"].iter().all(|host| answer.contains(host));
        until("the hosts to be known", || is_known(&ask(namespace, "/api/hosts").0));
        namespace.send_all("lo", LOOPBACK, &hostile);
        let output = namespace
            .command(python())
            .arg(Path::new(env!("CARGO_MANIFEST_DIR")).join("page/check.py"))
            .arg(format!("http://{PAGE}/"))
            .arg(axe())
            .arg(&pictures)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .output();
        let output = output.expect("tests/run makes this Python");
        let said = [output.stdout, output.stderr].map(|octets| String::from_utf8_lossy(&octets).into_owned());
        (output.status.code(), said.concat())
    });
    assert_eq!(code, Some(0), "{said}\n{}", tap.talk());
    assert_eq!(tap.interrupt().code, Some(0));
}

/// What the page's server answers within a second.
fn ask(namespace: &Namespace, path: &str) -> (String, Duration) {
    namespace.enter(|| {
        let start = Instant::now();
        let mut stream = TcpStream::connect(PAGE).expect("a connection");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("any time");
        write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").expect("sent");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).expect("an answer");
        (answer, start.elapsed())
    })
}

#[test]
fn two_hundred_half_open_connections_cost_no_packet_and_the_page_answers() {
    const COUNT: u16 = 20_000;
    let namespace = Namespace::new("page");
    let tap = start(&namespace, &[]);
    let mut half: Vec<TcpStream> = namespace.enter(|| {
        (0..200_u32)
            .map(|number| {
                let mut stream = TcpStream::connect(PAGE).expect("a connection");
                // Some say nothing, some begin.
                if number % 2 == 0 {
                    stream.write_all(b"GET / HTTP/1.1\r\nHost: local").expect("sent");
                }
                stream
            })
            .collect()
    });
    let packets: Vec<Vec<u8>> = (0..COUNT).map(heard::value).collect();
    thread::scope(|scope| {
        let sending = scope.spawn(|| namespace.send_all("lo", LOOPBACK, &packets));
        let mut slowest = Duration::ZERO;
        while !sending.is_finished() {
            let (answer, took) = ask(&namespace, "/");
            assert!(answer.starts_with("HTTP/1.1 200 "), "{answer}");
            slowest = slowest.max(took);
        }
        assert!(slowest < Duration::from_secs(1), "{slowest:?}");
    });
    let counts = || ask(&namespace, "/api/counts").0;
    let expected = format!("\"packets\":{COUNT},");
    until("all packets to be counted", || counts().contains(&expected));
    let counts = counts();
    assert!(counts.contains(r#""lost":{"kernel":0,"queue":0,"receive_errors":0}"#), "{counts}");
    // They are still there, and are not waited for any longer than others.
    half.iter_mut().for_each(|stream| _ = stream.write_all(b"host\r\nConnection: close\r\n\r\n"));
    drop(half);
    let ended = tap.interrupt();
    assert_eq!((ended.code, ended.talk.contains(&format!("{COUNT} packets"))), (Some(0), true), "{}", ended.talk);
}

#[test]
fn an_address_that_is_taken_ends_it_and_tells_what_to_do() {
    let namespace = Namespace::new("page");
    let _tap = start(&namespace, &[]);
    let ended = Tap::spawn(&namespace, &["top", "--web", "-L", "127.0.0.1:25827"]).wait();
    assert_eq!(ended.code, Some(1));
    assert!(
        ended.talk.contains("cannot serve the page on 127.0.0.1:8258: ") && ended.talk.contains("--web=:PORT"),
        "{}",
        ended.talk
    );
}
