//! `collectd-tap generate`: what it says that a receiver has to get is what receivers get, to the packet.

use std::net::SocketAddr;

use collectd_net_tests::{
    auth::AuthFile,
    collectd::{Block, Collectd},
    json::Object,
    net::{Namespace, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER},
    tap::{Ended, Tap},
    until,
};
use serde_json::Value;

/// Generates and waits for the end: the lines of the report, and the object behind them.
fn generate(namespace: &Namespace, words: &[&str]) -> (Vec<String>, Value) {
    let ended = Tap::spawn(namespace, &[&["generate"], words].concat()).wait();
    assert_eq!(ended.code, Some(0), "{}", ended.talk);
    let mut lines = ended.lines;
    let last = lines.pop().expect("it says what there was");
    (lines, serde_json::from_str(&last).expect("it is an object"))
}

fn number(object: &Value, path: &[&str]) -> u64 {
    let value = path.iter().fold(object, |object, key| &object[key]);
    value.as_u64().unwrap_or_else(|| panic!("no number {path:?} in {object}"))
}

/// The count of a word in the summary of a listener; none if it is not there.
fn said(ended: &Ended, word: &str) -> u64 {
    let summary = ended.talk.lines().last().unwrap_or_default();
    let words: Vec<_> =
        summary.split(|c: char| !c.is_alphanumeric() && c != '-').filter(|word| !word.is_empty()).collect();
    let pair = words.windows(2).find(|pair| pair[1] == word || pair[1].strip_suffix('s') == Some(word));
    pair.map_or(0, |pair| pair[0].parse().expect("a number stands before it"))
}

/// Sends with these words to a listener, with the seal of this level, and returns what either says.
fn heard(level: &str, words: &[&str], wanted: &str) -> (Vec<String>, Value, Ended) {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    let to = SocketAddr::new(RECEIVER[0], PORT).to_string();
    let mut server = format!("--server={to}");
    if level != "none" {
        server += &format!(",security-level={level},username=user,auth-file={}", auth.path());
    }
    let least = if level == "encrypt-and-sign" { "encrypt" } else { level };
    let tap =
        Tap::start(&net.receiver, &["listen", "-o", "json", "--rejects", "-L", &to, "-a", auth.path(), "-s", least]);
    let (report, object) = generate(&net.sender, &[&[&server, "--report", "json"], words].concat());
    let all = number(&object, &["value_lists"]) + number(&object, &["notifications"]);
    let all = usize::try_from(all).expect("not so many");
    tap.wait_for(all, || {});
    // A mark behind everything: one packet keeps behind the other.
    net.sender.send(TO_RECEIVER, to.parse().expect("an address"), &[0xff; 3]);
    until("the last packet to be refused", || tap.lines().iter().any(|line| line.contains(wanted)));
    (report, object, tap.interrupt())
}

/// The exact items of `-o json` lines, sorted.
fn exact<'a>(lines: impl IntoIterator<Item = &'a String>) -> Vec<String> {
    let mut items: Vec<_> = lines.into_iter().map(|line| Object::read(line).exact()).collect();
    items.sort();
    items
}

#[test]
fn a_receiver_gets_what_is_counted_to_the_packet_whatever_is_damaged() {
    for level in ["none", "sign", "encrypt", "encrypt-and-sign"] {
        let words = ["--count=3000", "--list-rate=3000/s", "--notifications=5%", "--damaged=20%", "--seed=7"];
        let (report, object, ended) = heard(level, &words, "stray");
        let of = |path: &[&str]| number(&object, path);
        let damaged = |kind| of(&["damaged", kind]);
        let items = of(&["value_lists"]) + of(&["notifications"]);
        // One packet more: the mark at the end.
        assert_eq!(said(&ended, "packet"), of(&["packets"]) + 1, "{level} {object} {}", ended.talk);
        assert_eq!(said(&ended, "item"), items, "{level} {object} {}", ended.talk);
        assert_eq!(said(&ended, "truncated"), damaged("cut") + damaged("length-bit"), "{level} {}", ended.talk);
        assert_eq!(said(&ended, "part-length"), damaged("part-length"), "{level} {}", ended.talk);
        let broken = if level == "encrypt" { "bad-checksum" } else { "bad-signature" };
        assert_eq!(said(&ended, broken), damaged("seal"), "{level} {}", ended.talk);
        assert_eq!(damaged("seal") > 0, level != "none", "{object}");
        assert_eq!(said(&ended, "empty"), damaged("empty"), "{level} {}", ended.talk);
        assert!(damaged("cut") > 0 && damaged("unknown-part") > 0 && damaged("empty") > 0, "{object}");
        assert_eq!(number(&object["servers"][0], &["packets"]), of(&["packets"]));
        let delivered = ended.lines.iter().filter(|line| !line.starts_with(r#"{"kind":"reject""#));
        assert_eq!(exact(delivered), exact(&report), "{level}");
    }
}

#[test]
fn the_same_seed_and_start_send_the_same_octets() {
    let net = Net::new();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let run = |seed: &str| {
        let witness = net.receiver.witness(TO_SENDER, to);
        let server = format!("--server={to}");
        let words = [
            &server,
            "--count=200",
            "--list-rate=2000/s",
            "--damaged=10%",
            "--notifications=10%",
            "--start=1700000000",
        ];
        let (_, object) = generate(&net.sender, &[&words[..], &["--seed", seed]].concat());
        let (mut packets, mut buffer) = (Vec::new(), [0; 65_535]);
        until("every packet to arrive", || {
            while let Ok(length) = witness.recv(&mut buffer) {
                packets.push(buffer[..length].to_vec());
            }
            packets.len() as u64 >= number(&object, &["packets"])
        });
        packets
    };
    let first = run("1");
    assert_eq!(run("1"), first);
    assert_ne!(run("2"), first);
}

#[test]
fn a_real_collectd_gets_every_series_that_is_not_lost_in_a_damaged_packet() {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    for (place, level) in (0_u16..).zip(["none", "sign", "encrypt", "encrypt-and-sign"]) {
        let least = if level == "encrypt-and-sign" { "encrypt" } else { level };
        let port = 25_901 + place;
        let collectd = Collectd::start(&net.receiver, &[Block::listen(RECEIVER[0], port).accept(least, auth.path())]);
        let mut server = format!("--server={}", SocketAddr::new(RECEIVER[0], port));
        if level != "none" {
            server += &format!(",security-level={level},username=user,auth-file={}", auth.path());
        }
        let words =
            [&server, "--hosts=5", "--plugins=40", "--count=200", "--list-rate=2000/s", "--max-age=0", "--seed=3"];
        let (report, object) = generate(&net.sender, &[&words[..], &["--damaged=30%", "--report=json"]].concat());
        let lost = number(&object, &["lost", "value_lists"]);
        assert_eq!((report.len() as u64 + lost, lost > 0), (200, true), "{object}");
        for line in &report {
            let item = Object::read(line);
            let [host, plugin, instance, type_] =
                ["host", "plugin", "plugin_instance", "type"].map(|key| item.text(key));
            let identifier = format!("{host}/{plugin}-{instance}/{type_}");
            until(&identifier, || collectd.knows(&identifier));
        }
    }
}
