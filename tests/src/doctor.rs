//! `collectd-tap doctor` and what it has found; packets for it to find.

use std::{
    fs,
    net::SocketAddr,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use collectd_net::{Encoder, Identifier, Interval, Key, Time, Value as Number};
use serde_json::Value;

use crate::{
    net::{GROUPS, Namespace, Net, PORT, TO_RECEIVER, TO_SENDER, drain},
    tap::{Ended, Tap},
    until,
};

/// What the doctor has found, and how it ended.
pub struct Report {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// The objects that it printed.
    pub findings: Vec<Value>,
}

impl Report {
    /// Of an exit code and the lines of `--json`.
    ///
    /// # Panics
    ///
    /// When a line is no finding, or one that is not okay does not say what to do.
    pub fn new(code: Option<i32>, lines: &[String]) -> Self {
        let findings: Vec<Value> = lines.iter().map(|line| serde_json::from_str(line).expect("JSON")).collect();
        for finding in &findings {
            let is_okay = finding["severity"] == "okay";
            assert_eq!(finding["kind"], "finding");
            assert_eq!(finding["advice"].is_null(), is_okay, "what is not okay says what to do: {finding}");
            let text = finding["message"].as_str().expect("text");
            assert!(!text.is_empty() && text.chars().all(|c| !c.is_control()), "{finding}");
        }
        Self { code, findings }
    }

    /// All findings of this word.
    pub fn all(&self, word: &str) -> Vec<&Value> {
        self.findings.iter().filter(|finding| finding["word"] == word).collect()
    }

    /// The finding of this word and severity whose message or advice contains this.
    #[track_caller]
    pub fn find(&self, severity: &str, word: &str, says: &str) -> &Value {
        let fits = |finding: &&&Value| {
            let texts = [&finding["about"], &finding["message"], &finding["advice"]];
            finding["severity"] == severity
                && texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(says)))
        };
        let all = self.all(word);
        all.iter().find(fits).copied().unwrap_or_else(|| panic!("no {severity} {word} {says:?}: {:#?}", self.findings))
    }

    /// Fails if there is a finding of this word.
    #[track_caller]
    pub fn has_no(&self, word: &str) {
        assert!(self.all(word).is_empty(), "{:#?}", self.findings);
    }

    /// Words of what is worse than a note.
    pub fn troubles(&self) -> Vec<&str> {
        let bad = self
            .findings
            .iter()
            .filter(|finding| ["failure", "warning"].contains(&finding["severity"].as_str().expect("a word")));
        bad.map(|finding| finding["word"].as_str().expect("a word")).collect()
    }
}

/// The doctor, once it listens; it does so until it is interrupted.
pub fn listening(namespace: &Namespace, arguments: &[&str]) -> Tap {
    Tap::start(namespace, &[&["doctor", "--json", "--duration", "10m"], arguments].concat())
}

/// Ends it, and takes what it has found.
pub fn report(tap: Tap) -> Report {
    let Ended { code, lines, .. } = tap.interrupt();
    Report::new(code, &lines)
}

/// What the doctor says of a machine, without waiting for packets.
pub fn machine(namespace: &Namespace, arguments: &[&str]) -> Report {
    let tap = Tap::spawn(namespace, &[&["doctor", "--json", "--duration", "0s"], arguments].concat());
    let Ended { code, lines, .. } = tap.wait();
    Report::new(code, &lines)
}

/// What the doctor finds while these datagrams are sent to the group of IPv4.
pub fn heard(net: &Net, arguments: &[&str], datagrams: &[Vec<u8>]) -> Report {
    let tap = listening(&net.receiver, arguments);
    let witness = net.receiver.witness(TO_SENDER, group());
    net.sender.send_all(TO_RECEIVER, group(), datagrams);
    let mut arrived = 0;
    until("the datagrams to arrive", || {
        arrived += drain(&witness);
        arrived == datagrams.len()
    });
    report(tap)
}

/// The default group of IPv4.
pub fn group() -> SocketAddr {
    SocketAddr::new(GROUPS[0], PORT)
}

/// The time of day.
pub fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set")
}

/// Appends a value of this host, type and time.
pub fn put(encoder: &mut Encoder<'_>, host: &str, type_: &str, time: Duration, interval: Duration) {
    let identifier = Identifier { host: host.into(), plugin: "p".into(), type_: type_.into(), ..Identifier::default() };
    let interval = Interval::try_from(interval).expect("short");
    let time = Time::try_from(time).expect("soon");
    encoder.value_list(&identifier, time, Some(interval), [Number::Gauge(42.0)]).expect("there is room");
}

/// A packet with one value.
pub fn packet_of(host: &str, type_: &str, time: Duration, interval: Duration) -> Vec<u8> {
    let mut buffer = [0; 1000];
    let mut encoder = Encoder::new(&mut buffer);
    put(&mut encoder, host, type_, time, interval);
    encoder.packet().to_vec()
}

/// A packet with which nothing is wrong.
pub fn packet() -> Vec<u8> {
    packet_of("web01", "gauge", now(), Duration::from_secs(10))
}

/// A packet signed by this user.
pub fn signed(user: &str, password: &str) -> Vec<u8> {
    let mut buffer = [0; 1000];
    let mut encoder = Encoder::with_room(&mut buffer, collectd_net::SEAL_ROOM);
    put(&mut encoder, "web01", "gauge", now(), Duration::from_secs(10));
    encoder.sign(user, &Key::new(password.as_bytes())).expect("there is room").to_vec()
}

/// Writes a setting of a namespace's kernel.
pub fn set(namespace: &Namespace, path: &str, value: &str) {
    namespace.enter(|| fs::write(format!("/proc/sys/net/{path}"), value).expect("root may"));
}

/// Runs a command that changes a namespace.
#[track_caller]
pub fn change(namespace: &Namespace, words: &str) {
    let mut words = words.split('|');
    let mut command = namespace.command(words.next().expect("a program"));
    let output = command.args(words).output().expect("it is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
