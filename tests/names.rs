//! Servers by name: `/etc/hosts` changes under `collectd-tap send` and `relay`, and packets go where the name leads.

use std::{
    fs,
    io::Write as _,
    net::{SocketAddr, UdpSocket},
    path::Path,
    process::{Child, Stdio},
};

use collectd_net_tests::{
    heard::value,
    net::{Namespace, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, drain},
    tap::{Tap, tap},
    until,
};
use tempfile::NamedTempFile;

/// Another address of the receiver.
const OTHER: &str = "10.99.0.3";

/// A file in the place of `/etc/hosts`, which says what the names stand for.
fn hosts(text: &str) -> NamedTempFile {
    let file = NamedTempFile::new().expect("a temporary file");
    write(file.path(), text);
    file
}

/// In place, because it is the file that is mounted, not its name.
fn write(hosts: &Path, text: &str) {
    fs::write(hosts, format!("127.0.0.1 localhost\n{text}\n")).expect("it is ours");
}

/// `collectd-tap` with these words, where this file stands in the place of `/etc/hosts`.
fn start(namespace: &Namespace, hosts: &Path, words: &[&str]) -> Child {
    // A program in a network namespace sees a copy of the mounts, so others keep their file.
    let script = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
    let mut command = namespace.command("sh");
    command.args(["-c", script, "sh"]).arg(hosts).arg(tap()).args(words);
    command.stdin(Stdio::piped()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().expect("iproute2 is installed")
}

/// Writes a command, which goes on its way at once.
fn put(child: &mut Child) {
    let stdin = child.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(b"PUTVAL h/p/gauge 5:1\nFLUSH\n").expect("it reads");
}

fn end(mut child: Child) -> (Option<i32>, String) {
    drop(child.stdin.take());
    let output = child.wait_with_output().expect("it is ours");
    (output.status.code(), String::from_utf8(output.stderr).expect("UTF-8"))
}

/// What listens at the receiver's two addresses.
fn witnesses(net: &Net) -> [UdpSocket; 2] {
    net.receiver.ip(&format!("addr add {OTHER}/24 dev {TO_SENDER}"));
    let other = OTHER.parse().expect("an address");
    [RECEIVER[0], other].map(|ip| net.receiver.witness("lo", SocketAddr::new(ip, PORT)))
}

#[test]
fn packets_follow_a_name_to_its_new_address() {
    let net = Net::new();
    let [old, new] = witnesses(&net);
    let hosts = hosts("10.99.0.2 collector.test");
    let mut sending =
        start(&net.sender, hosts.path(), &["send", "--no-config", "-S", "collector.test,resolve-interval=1s"]);
    let (mut at_old, mut at_new, mut sent) = (0, 0, 0);
    until("a packet at the old address", || {
        put(&mut sending);
        sent += 1;
        at_old += drain(&old);
        at_old > 0
    });
    write(hosts.path(), &format!("{OTHER} collector.test"));
    until("a packet at the new address", || {
        put(&mut sending);
        sent += 1;
        at_new += drain(&new);
        at_new > 0
    });
    // From then on it is the new one alone.
    at_old += drain(&old);
    for _ in 0..20 {
        put(&mut sending);
        sent += 1;
    }
    let (code, talk) = end(sending);
    at_new += drain(&new);
    assert_eq!((drain(&old), at_old + at_new), (0, sent), "{talk}");
    assert!(talk.contains("collector.test:25826 is 10.99.0.3:25826 now"), "{talk}");
    assert!(talk.contains(&format!("collector.test:25826: {sent} packets")), "{talk}");
    assert_eq!(code, Some(0), "{talk}");
}

#[test]
fn a_name_that_gets_its_address_later_costs_no_packet() {
    let net = Net::new();
    let [_, new] = witnesses(&net);
    let hosts = hosts("");
    let mut sending = start(&net.sender, hosts.path(), &["send", "--no-config", "-S", "collector.test"]);
    (0..50).for_each(|_| put(&mut sending));
    let mut said = String::new();
    until("it to be told", || {
        let mut octet = [0];
        let read = std::io::Read::read(sending.stderr.as_mut().expect("it is a pipe"), &mut octet);
        said.extend(read.ok().filter(|count| *count > 0).map(|_| char::from(octet[0])));
        said.contains("cannot resolve collector.test:25826")
    });
    write(hosts.path(), &format!("{OTHER} collector.test"));
    let mut arrived = 0;
    until("all packets at the address", || {
        arrived += drain(&new);
        arrived == 50
    });
    let (code, talk) = end(sending);
    assert!(talk.contains("50 packets of ") && talk.contains(" sent"), "{talk}");
    assert_eq!(code, Some(0), "{talk}");
}

#[test]
fn a_relay_follows_a_name_too() {
    let net = Net::new();
    let [old, new] = witnesses(&net);
    let third = net.third();
    let hosts = hosts("10.99.0.2 collector.test");
    let words = ["relay", "-L", "0.0.0.0:25901", "-S", "collector.test,resolve-interval=1s"];
    let relay = Tap::start_with_hosts(&net.receiver, hosts.path(), &words);
    let (mut at_old, mut at_new, mut sent) = (0, 0, 0_u16);
    let to = SocketAddr::new("10.99.1.2".parse().expect("an address"), 25_901);
    let mut send = || {
        third.send(TO_RECEIVER, to, &value(sent));
        sent += 1;
        sent
    };
    until("a packet at the old address", || {
        send();
        at_old += drain(&old);
        at_old > 0
    });
    write(hosts.path(), &format!("{OTHER} collector.test"));
    until("a packet at the new address", || {
        send();
        at_new += drain(&new);
        at_new > 0
    });
    at_old += drain(&old);
    let all = (0..20).map(|_| send()).last().map_or(0, usize::from);
    until("every packet", || {
        at_new += drain(&new);
        at_old + at_new == all
    });
    let ended = relay.interrupt();
    assert!(ended.talk.contains("collector.test:25826 is 10.99.0.3:25826 now"), "{}", ended.talk);
    assert!(ended.talk.contains(&format!("to collector.test:25826: {all} packets sent")), "{}", ended.talk);
}
