//! `collectd-tap doctor`: each thing that keeps packets away is broken, in a namespace, and the finding read.

use std::{
    fs::{self, Permissions},
    net::{IpAddr, SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    process::{self, Output},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use collectd_net::{Encoder, Identifier, Interval, Key, Time, Value as Number};
use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    data,
    datagrams::datagrams,
    net::{GROUPS, Namespace, Net, PORT, RECEIVER, SENDER, TO_RECEIVER, TO_SENDER, TO_THIRD, drain},
    tap::{Ended, Tap, tap},
    until,
};
use nix::sys::signal::Signal;
use serde_json::Value;

/// What the doctor has found, and how it ended.
struct Report {
    code: Option<i32>,
    findings: Vec<Value>,
}

impl Report {
    fn new(code: Option<i32>, lines: &[String]) -> Self {
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
    fn all(&self, word: &str) -> Vec<&Value> {
        self.findings.iter().filter(|finding| finding["word"] == word).collect()
    }

    /// The finding of this word and severity whose message or advice contains this.
    #[track_caller]
    fn find(&self, severity: &str, word: &str, says: &str) -> &Value {
        let fits = |finding: &&&Value| {
            let texts = [&finding["about"], &finding["message"], &finding["advice"]];
            finding["severity"] == severity
                && texts.iter().any(|text| text.as_str().is_some_and(|text| text.contains(says)))
        };
        let all = self.all(word);
        all.iter().find(fits).copied().unwrap_or_else(|| panic!("no {severity} {word} {says:?}: {:#?}", self.findings))
    }

    #[track_caller]
    fn has_no(&self, word: &str) {
        assert!(self.all(word).is_empty(), "{:#?}", self.findings);
    }

    /// Words of what is worse than a note.
    fn troubles(&self) -> Vec<&str> {
        let bad = self
            .findings
            .iter()
            .filter(|finding| ["failure", "warning"].contains(&finding["severity"].as_str().expect("a word")));
        bad.map(|finding| finding["word"].as_str().expect("a word")).collect()
    }
}

/// The doctor, once it listens; it does so until it is interrupted.
fn listening(namespace: &Namespace, arguments: &[&str]) -> Tap {
    Tap::start(namespace, &[&["doctor", "--json", "--duration", "10m"], arguments].concat())
}

fn report(tap: Tap) -> Report {
    let Ended { code, lines, .. } = tap.interrupt();
    Report::new(code, &lines)
}

/// What the doctor says of a machine, without waiting for packets.
fn machine(namespace: &Namespace, arguments: &[&str]) -> Report {
    let tap = Tap::spawn(namespace, &[&["doctor", "--json", "--duration", "0s"], arguments].concat());
    let Ended { code, lines, .. } = tap.wait();
    Report::new(code, &lines)
}

/// What the doctor finds while these datagrams are sent to the group of IPv4.
fn heard(net: &Net, arguments: &[&str], datagrams: &[Vec<u8>]) -> Report {
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

fn group() -> SocketAddr {
    SocketAddr::new(GROUPS[0], PORT)
}

fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("the clock is set")
}

/// Appends a value of this host, type and time.
fn put(encoder: &mut Encoder<'_>, host: &str, type_: &str, time: Duration, interval: Duration) {
    let identifier = Identifier { host: host.into(), plugin: "p".into(), type_: type_.into(), ..Identifier::default() };
    let interval = Interval::try_from(interval).expect("short");
    let time = Time::try_from(time).expect("soon");
    encoder.value_list(&identifier, time, Some(interval), [Number::Gauge(42.0)]).expect("there is room");
}

/// A packet with one value.
fn packet_of(host: &str, type_: &str, time: Duration, interval: Duration) -> Vec<u8> {
    let mut buffer = [0; 1000];
    let mut encoder = Encoder::new(&mut buffer);
    put(&mut encoder, host, type_, time, interval);
    encoder.packet().to_vec()
}

fn packet() -> Vec<u8> {
    packet_of("web01", "gauge", now(), Duration::from_secs(10))
}

/// A packet signed by this user.
fn signed(user: &str, password: &str) -> Vec<u8> {
    let mut buffer = [0; 1000];
    let mut encoder = Encoder::with_room(&mut buffer, collectd_net::SEAL_ROOM);
    put(&mut encoder, "web01", "gauge", now(), Duration::from_secs(10));
    encoder.sign(user, &Key::new(password.as_bytes())).expect("there is room").to_vec()
}

/// Writes a setting of a namespace's kernel.
fn set(namespace: &Namespace, path: &str, value: &str) {
    namespace.enter(|| fs::write(format!("/proc/sys/net/{path}"), value).expect("root may"));
}

/// Runs a command that changes a namespace.
#[track_caller]
fn change(namespace: &Namespace, words: &str) {
    let mut words = words.split('|');
    let mut command = namespace.command(words.next().expect("a program"));
    let output = command.args(words).output().expect("it is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn a_real_collectd_that_is_heard_leaves_nothing_to_say() {
    let net = Net::new();
    let tap = listening(&net.receiver, &[]);
    let witnesses = GROUPS.map(|group| net.receiver.witness(TO_SENDER, SocketAddr::new(group, PORT)));
    let collectd = Collectd::start(&net.sender, &GROUPS.map(|group| Block::server(group, PORT).interface(TO_RECEIVER)));
    until("collectd to send to both groups", || {
        collectd.put("PUTVAL alpha.example.net/p/gauge N:42");
        collectd.flush();
        witnesses.iter().all(|witness| witness.peek(&mut [0; 2000]).is_ok())
    });
    let report = report(tap);
    assert_eq!((report.troubles(), report.code), (vec![], Some(0)), "{:#?}", report.findings);
    report.find("okay", "healthy", "nothing is wrong");
    for (group, sender) in GROUPS.iter().zip(SENDER) {
        report.find("okay", "joined", &group.to_string());
        report.find("okay", "echo", "comes back through");
        let found = report.find("okay", "sender", &sender.to_string());
        assert!(
            found["message"].as_str().expect("text").contains("not protected) of host alpha.example.net"),
            "{found}"
        );
        assert!(found["numbers"]["packets"].as_u64() > Some(0), "{found}");
    }
    report.find("okay", "interface", TO_SENDER);
    report.find("okay", "firewall", "no rule");
}

#[test]
fn an_interface_that_hears_nothing_is_a_failure_and_says_why() {
    for (breaks, at_sender, word, advice) in [
        ("link set to-sender down", false, "interface-down", "ip link set to-sender up"),
        ("link set to-receiver down", true, "no-carrier", "plug it in"),
        ("link set to-sender multicast off", false, "no-multicast", "multicast on"),
        ("link del to-sender", false, "only-loopback", "macvlan"),
    ] {
        let net = Net::new();
        if at_sender {
            net.sender.ip(breaks)
        } else {
            net.receiver.ip(breaks)
        };
        let found = machine(&net.receiver, &[]);
        let (severity, code) = if word == "only-loopback" { ("warning", 3) } else { ("failure", 1) };
        found.find(severity, word, advice);
        assert_eq!(found.code, Some(code), "{word}: {:#?}", found.findings);
    }
    // Another interface that works makes it less bad, unless this one was asked for.
    let net = Net::new();
    let _third = net.third();
    net.receiver.ip("link set to-sender down");
    let found = machine(&net.receiver, &[]);
    found.find("note", "interface-down", TO_SENDER);
    assert_eq!(found.code, Some(3));
    let found = machine(&net.receiver, &["-i", TO_SENDER]);
    found.find("failure", "interface-down", TO_SENDER);
    assert_eq!(found.code, Some(1));
    let found = machine(&net.receiver, &["-i", "nothing\u{1b}"]);
    found.find("failure", "interface-missing", "to-third");
    assert_eq!(found.code, Some(1));
}

#[test]
fn who_else_has_the_port_is_named() {
    let net = Net::new();
    let me = format!("(process {})", process::id());
    let any = format!("0.0.0.0:{PORT}");
    {
        let _shares = net.receiver.witness("lo", any.parse().expect("an address"));
        let found = machine(&net.receiver, &[]);
        let shared = found.find("note", "port-shared", &me);
        assert!(shared["message"].as_str().expect("text").contains("SO_REUSEADDR"), "{shared}");
        assert_eq!(found.code, Some(3), "{:#?}", found.findings);
    }
    let mut alone = None;
    // A program that another test is about to start may still have the socket.
    until("the port to be free", || {
        alone = net.receiver.enter(|| UdpSocket::bind(&any)).ok();
        alone.is_some()
    });
    let found = machine(&net.receiver, &["-L", "239.192.74.66", "-L", "[ff18::efc0:4a42]"]);
    found.find("failure", "port-taken", &me);
    // The other group is listened on all the same.
    found.find("okay", "joined", "[ff18::efc0:4a42]");
    assert_eq!(found.code, Some(1));
    let found = machine(&net.receiver, &["-L", "10.99.0.2"]);
    found.find("failure", "port-taken", &me);
    assert_eq!(found.code, Some(1));
}

#[test]
fn an_address_that_is_not_there_is_missing() {
    let net = Net::new();
    let found = machine(&net.receiver, &["-L", "10.99.7.7", "-L", "collector.invalid"]);
    found.find("failure", "address-missing", "10.99.7.7:25826");
    found.find("failure", "unresolved", "collector.invalid");
    assert_eq!(found.code, Some(1));
}

#[test]
fn a_sender_without_a_way_back_is_dropped_by_rp_filter() {
    let net = Net::new();
    net.sender.ip(&format!("addr add 10.88.0.1/32 dev {TO_RECEIVER}"));
    for interface in ["all", TO_SENDER] {
        set(&net.receiver, &format!("ipv4/conf/{interface}/rp_filter"), "1");
    }
    let tap = listening(&net.receiver, &[]);
    let stranger: IpAddr = "10.88.0.1".parse().expect("an address");
    net.sender.send_from(stranger, TO_RECEIVER, group(), &packet());
    let dropped = || {
        let table =
            net.receiver.enter(|| fs::read_to_string("/proc/thread-self/net/netstat").expect("the kernel counts"));
        let rows: Vec<Vec<_>> = table.lines().take(2).map(|line| line.split_whitespace().collect()).collect();
        let column = rows[0].iter().position(|name| *name == "IPReversePathFilter").expect("a column");
        rows[1][column] != "0"
    };
    until("the kernel to drop it", dropped);
    let found = report(tap);
    found.find("note", "rp-filter-strict", TO_SENDER);
    let finding = found.find("failure", "rp-filter", "10.88.0.1");
    assert!(finding["message"].as_str().expect("text").contains("there is no way back"), "{finding}");
    found.find("failure", "nothing-heard", "see above");
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn a_rule_of_a_packet_filter_is_found_and_shown() {
    let rules = "flush ruleset; add table inet fence; add chain inet fence in { type filter hook input priority 0; }; \
                 add rule inet fence in udp dport { 53, 25826 } counter drop";
    let net = Net::new();
    change(&net.receiver, &format!("nft|{rules}"));
    let tap = listening(&net.receiver, &[]);
    net.sender.send_to_groups(TO_RECEIVER, &packet());
    until("the rule to drop all of it", || {
        let output = net.receiver.command("nft").args(["list", "ruleset"]).output().expect("it is installed");
        // Two echoes besides, and two of the loopback, as far as that has the group of IPv6.
        let counted = String::from_utf8_lossy(&output.stdout).into_owned();
        let packets = counted.split("packets ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
        packets >= Some(5)
    });
    let found = report(tap);
    found.find("failure", "firewall", "udp dport { 53, 25826 } drop");
    found.find("failure", "firewall", "nft insert rule inet fence in udp dport 25826 accept");
    found.find("failure", "no-echo", TO_SENDER);
    for sender in SENDER {
        found.find("failure", "dropped", &sender.to_string());
    }
    assert_eq!(found.code, Some(1));

    // What it advises helps.
    change(&net.receiver, "nft|insert rule inet fence in udp dport 25826 accept");
    let found = heard(&net, &[], &[packet()]);
    assert_eq!((found.troubles(), found.code), (vec![], Some(0)), "{:#?}", found.findings);
}

#[test]
fn policies_and_rules_of_iptables_are_found_too() {
    let net = Net::new();
    change(&net.receiver, "iptables|-A|INPUT|-p|udp|--dport|25826|-j|DROP");
    machine(&net.receiver, &["-L", "239.192.74.66"]).find("failure", "firewall", "table ip filter, chain INPUT");
    change(&net.receiver, "iptables|-F|INPUT");
    machine(&net.receiver, &["-L", "239.192.74.66"]).find("okay", "firewall", "no rule");
    change(&net.receiver, "iptables|-P|INPUT|DROP");
    machine(&net.receiver, &["-L", "239.192.74.66"]).find("failure", "firewall", "its policy");
    change(&net.receiver, "iptables|-A|INPUT|-s|10.0.0.0/8|-j|ACCEPT");
    machine(&net.receiver, &["-L", "239.192.74.66"]).find("warning", "firewall", "may drop");
}

#[test]
fn a_limit_of_memberships_is_told_with_its_setting() {
    let net = Net::new();
    set(&net.receiver, "ipv4/igmp_max_memberships", "0");
    let found = machine(&net.receiver, &["-L", "239.192.74.66"]);
    found.find("failure", "membership-limit", "sysctl -w net.ipv4.igmp_max_memberships=20");
    assert_eq!(found.code, Some(1));
    set(&net.receiver, "ipv4/igmp_max_memberships", "1");
    machine(&net.receiver, &["-L", "239.192.74.66"]).find("note", "many-memberships", "2 memberships");
}

#[test]
fn settings_of_the_kernel_and_of_bridges_are_told() {
    let net = Net::new();
    set(&net.receiver, &format!("ipv6/conf/{TO_SENDER}/disable_ipv6"), "1");
    set(&net.receiver, &format!("ipv4/conf/{TO_SENDER}/force_igmp_version"), "2");
    let found = machine(&net.receiver, &["-L", "[ff18::efc0:4a42]", "-i", TO_SENDER]);
    found.find("failure", "ipv6-disabled", "disable_ipv6=0");
    let found = machine(&net.receiver, &["-L", "232.1.2.3,source=10.99.0.1"]);
    found.find("warning", "igmp-version", "force_igmp_version=0");
    net.receiver.ip("link add bridge0 type bridge mcast_snooping 1 mcast_querier 0");
    net.receiver.ip(&format!("link set {TO_SENDER} master bridge0"));
    net.receiver.ip("link set bridge0 up");
    until("the bridge to have a carrier", || net.receiver.ip("link show bridge0").contains("LOWER_UP"));
    let found = machine(&net.receiver, &["-i", "bridge0", "-L", "239.192.74.66"]);
    found.find("note", "no-querier", "ip link set bridge0 type bridge mcast_querier 1");
    net.receiver.ip("link set bridge0 type bridge mcast_querier 1");
    machine(&net.receiver, &["-i", "bridge0", "-L", "239.192.74.66"]).has_no("no-querier");
}

#[test]
fn what_is_refused_is_told_in_words() {
    let auth = AuthFile::new(["alice", "bob"]);
    auth.write(&format!("alice: {PASSWORD}\nbob: another\n"));
    let arguments = ["-a", auth.path(), "-s", "sign"];
    for (packet, severity, word, says) in [
        (signed("web\u{1b}", PASSWORD), "failure", "unknown-user", "user 'web\\x1b' is not in the auth file"),
        (signed("bob", PASSWORD), "failure", "wrong-password", "wrong password for user 'bob'"),
        (packet(), "failure", "below-level", "unsigned although the level is sign"),
        (signed("alice", PASSWORD), "okay", "sender", "1 signed) by user alice"),
    ] {
        let net = Net::new();
        let found = heard(&net, &arguments, &[packet]);
        found.find(severity, word, says);
        let code = if severity == "okay" { 0 } else { 4 };
        assert_eq!(found.code, Some(code), "{word}: {:#?}", found.findings);
    }
}

#[test]
fn a_real_collectd_with_a_wrong_password_or_unknown_user_is_told() {
    let net = Net::new();
    let auth = AuthFile::new(["alice"]);
    let tap = listening(&net.receiver, &["-a", auth.path(), "-s", "encrypt"]);
    let witness = net.receiver.witness(TO_SENDER, group());
    let server = || Block::server(GROUPS[0], PORT).interface(TO_RECEIVER);
    let ways =
        [server().encrypt("alice", "wrong"), server().encrypt("web", PASSWORD), server().sign("alice", PASSWORD)];
    for way in ways {
        let collectd = Collectd::start(&net.sender, &[way]);
        until("collectd to send", || {
            collectd.put("PUTVAL alpha.example.net/p/gauge N:42");
            collectd.flush();
            drain(&witness) > 0
        });
    }
    let found = report(tap);
    found.find("failure", "wrong-password", "wrong password for user 'alice'");
    found.find("failure", "unknown-user", "user 'web' is not in the auth file");
    found.find("failure", "below-level", "not encrypted although the level is encrypt");
    assert_eq!(found.code, Some(4));
}

#[test]
fn packets_that_were_cut_are_told_with_their_length() {
    let net = Net::new();
    let mut buffer = [0; 3000];
    let mut encoder = Encoder::new(&mut buffer);
    let time = now();
    (0..60).for_each(|number| put(&mut encoder, &format!("web{number}"), "gauge", time, Duration::from_secs(10)));
    let long = encoder.packet().to_vec();
    assert!(long.len() > 1452);
    let found = heard(&net, &["--max-packet-size", "1452"], std::slice::from_ref(&long));
    found.find("warning", "cut", "cut at 1452 octets: raise MaxPacketSize");
    assert_eq!(found.code, Some(0));
    // What a relay has cut is as long as its buffer.
    let found = heard(&net, &["--strict"], &[long[..1024].to_vec()]);
    found.find("warning", "cut", "cut at 1024 octets before they came here");
    assert_eq!(found.code, Some(4));
    // Long packets come in fragments, and are put together where they are looked at, too.
    let found = heard(&net, &[], &[long]);
    assert_eq!((found.troubles(), found.code), (vec![], Some(0)), "{:#?}", found.findings);
}

#[test]
fn clocks_that_are_ahead_or_behind_are_told() {
    let net = Net::new();
    let at = |host: &str, time| packet_of(host, "gauge", time, Duration::from_secs(10));
    let soon = Duration::from_secs(93);
    let found = heard(&net, &[], &[at("early", now() + soon), at("late", now() - soon), at("right", now())]);
    let seconds = |word: &str, says: &str| {
        let finding = found.find("warning", word, says);
        finding["numbers"]["seconds"].as_u64().expect("a number")
    };
    // It may take a while until they are sent and received.
    assert!((80..=93).contains(&seconds("clock-ahead", "early: clock ")));
    assert!((93..=110).contains(&seconds("clock-behind", "late: clock ")));
    assert_eq!(found.troubles().len(), 2, "{:#?}", found.findings);
    assert_eq!(found.code, Some(0));
    let found = heard(&net, &[], &[at("one", now() + soon), at("two", now() + soon)]);
    found.find("warning", "clock-here", "all 2 hosts");
}

#[test]
fn types_that_types_db_does_not_know_are_told() {
    let net = Net::new();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let file = directory.path().join("types.db");
    fs::write(&file, "gauge value:GAUGE:U:U\n").expect("it is ours");
    let arguments = ["--types-db", file.to_str().expect("UTF-8")];
    let typed = |type_: &str| packet_of("web01", type_, now(), Duration::from_secs(10));
    let found = heard(&net, &arguments, &[typed("gauge"), typed("x\n")]);
    found.find("warning", "unknown-type", "type 'x\\x0a' unknown");
    assert_eq!(found.troubles(), ["unknown-type"]);
}

#[test]
fn what_the_kernel_drops_is_told_in_percent() {
    let net = Net::new();
    let tap = listening(&net.receiver, &["--receive-buffer", "4K"]);
    tap.signal(Signal::SIGSTOP);
    let packet = packet();
    net.sender.flood(TO_RECEIVER, group(), &[&packet], 1000);
    tap.signal(Signal::SIGCONT);
    let found = report(tap);
    let lost = found.find("warning", "kernel-loss", "% lost in the kernel")["numbers"]["lost"].as_u64();
    let heard = found.find("okay", "sender", "10.99.0.1")["numbers"]["packets"].as_u64();
    assert_eq!(lost.zip(heard).map(|(lost, heard)| lost + heard), Some(1000), "{:#?}", found.findings);
    // The interface had them all, and that is no other finding.
    found.has_no("some-dropped");
}

#[test]
fn a_host_that_falls_silent_is_told() {
    let net = Net::new();
    let found = heard(&net, &[], &[packet_of("web01", "gauge", now(), Duration::from_micros(10))]);
    found.find("warning", "silent", "web01 was heard for 0 s, and then nothing for");
}

#[test]
fn other_groups_ports_addresses_and_interfaces_in_use_are_found() {
    let net = Net::new();
    let third = net.third();
    let tap = listening(&net.receiver, &["-i", TO_SENDER, "-L", "239.192.74.66"]);
    let to = |ip: &str, port| SocketAddr::new(ip.parse().expect("an address"), port);
    let places = [
        ("other-port", to("239.192.74.66", 25_827)),
        ("other-group", to("239.1.2.3", PORT)),
        ("other-group", to("ff18::1:2", PORT)),
        ("other-address", SocketAddr::new(RECEIVER[0], PORT)),
        ("other-address", SocketAddr::new(RECEIVER[1], PORT)),
    ];
    let witnesses = places.map(|(_, place)| net.receiver.witness(TO_SENDER, place));
    for (_, place) in places {
        net.sender.send(TO_RECEIVER, place, &packet());
    }
    let late = net.receiver.witness(TO_THIRD, group());
    third.send(TO_RECEIVER, group(), &packet());
    until("all of it to arrive", || {
        witnesses.iter().chain([&late]).all(|witness| witness.peek(&mut [0; 2000]).is_ok())
    });
    let found = report(tap);
    for (word, place) in places {
        found.find("warning", word, &format!("-L {place}"));
    }
    found.find("failure", "other-interface", &format!("-i {TO_THIRD}"));
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn an_address_of_this_machine_is_tried_out_too() {
    let net = Net::new();
    let tap = listening(&net.receiver, &["-L", "0.0.0.0", "-L", "[fd99::2]"]);
    let found = report(tap);
    found.has_no("no-echo");
    change(
        &net.receiver,
        "nft|add table inet t; add chain inet t c { type filter hook input priority 0; policy drop; }",
    );
    let tap = listening(&net.receiver, &["-L", "0.0.0.0", "-L", "[fd99::2]"]);
    let found = report(tap);
    assert_eq!(found.all("no-echo").len(), 2, "{:#?}", found.findings);
    found.find("failure", "firewall", "its policy");
}

/// Runs the doctor without any rights, from a folder that everybody may read.
fn as_nobody(namespace: &Namespace, arguments: &[&str]) -> Output {
    let directory = tempfile::tempdir().expect("a temporary directory");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).expect("it is ours");
    let program = directory.path().join("collectd-tap");
    fs::copy(tap(), &program).expect("it was built");
    let mut command = namespace.command("setpriv");
    command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--inh-caps=-all"]).arg(&program);
    command.arg("doctor").args(arguments).env("HOME", "/nonexistent").output().expect("util-linux is installed")
}

#[test]
fn without_rights_there_is_less_to_say() {
    let net = Net::new();
    let _taken = net.receiver.witness("lo", format!("0.0.0.0:{PORT}").parse().expect("an address"));
    let output = as_nobody(&net.receiver, &["--json", "--duration", "0s", "--receive-buffer", "512M"]);
    let lines: Vec<_> = String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    let found = Report::new(output.status.code(), &lines);
    found.find("note", "wire-unseen", "CAP_NET_RAW");
    found.find("note", "firewall-unseen", "run as root");
    found.find("warning", "small-buffer", "sysctl -w net.core.rmem_max=536870912");
    found.find("note", "port-shared", "which only root may see");
    found.find("okay", "echo", TO_SENDER);
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn without_proc_and_sys_it_tells_what_it_can() {
    let net = Net::new();
    let hide = "mount -t tmpfs none /proc && mount -t tmpfs none /sys && exec \"$@\"";
    let mut command = net.receiver.command("unshare");
    command.args(["--mount", "sh", "-c", hide, "sh"]).arg(tap()).args(["doctor", "--json", "--duration", "0s"]);
    let output = command.env("HOME", "/nonexistent").output().expect("util-linux is installed");
    let lines: Vec<_> = String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    let found = Report::new(output.status.code(), &lines);
    found.find("okay", "interface", TO_SENDER);
    found.find("okay", "echo", TO_SENDER);
    assert_eq!((found.troubles(), found.code), (vec!["nothing-heard"], Some(3)), "{:#?}", found.findings);
}

#[test]
fn whatever_strangers_send_is_told_without_harm() {
    let net = Net::new();
    let auth = AuthFile::new(["alice"]);
    let tap = listening(&net.receiver, &["-a", auth.path()]);
    let all = datagrams(&data("bad-packets/packets")).expect("packets");
    assert!(all.len() > 100, "{}", all.len());
    let packets: Vec<_> = all.into_iter().map(|datagram| datagram.payload).collect();
    net.sender.send_all(TO_RECEIVER, group(), &packets);
    for place in ["239.1.2.3:25826", "10.99.0.2:9"] {
        net.sender.send_all(TO_RECEIVER, place.parse().expect("an address"), &packets);
    }
    let found = report(tap);
    found.find("warning", "damaged", "damaged packets: ");
    found.find("warning", "unknown-user", "is not in the auth file");
    found.find("note", "other-group", "239.1.2.3:25826");
    let told = found.find("okay", "sender", "10.99.0.1")["numbers"]["packets"].as_u64();
    assert_eq!(told.map(|told| told as usize), Some(packets.len()));
}

#[test]
fn text_is_for_people_and_colours_for_terminals() {
    let net = Net::new();
    net.receiver.ip("link set to-sender down");
    let run = |arguments: &[&str], no_color: bool| {
        let mut command = net.receiver.command("script");
        let line = format!("{} doctor --duration 0s {}", tap().display(), arguments.join(" "));
        command
            .args(["-qec", &line, "/dev/null"])
            .env("TERM", "xterm")
            .env("HOME", "/nonexistent")
            .env_remove("NO_COLOR");
        if no_color {
            command.env("NO_COLOR", "1");
        }
        String::from_utf8(command.output().expect("it is installed").stdout).expect("UTF-8")
    };
    let (colored, plain) = (run(&[], false), run(&[], true));
    assert!(colored.contains("\u{1b}[1m\u{1b}[31mfailure"), "{colored}");
    assert!(
        plain.contains("failure to-sender: the interface is down; nothing arrives there [interface-down]"),
        "{plain}"
    );
    assert!(plain.contains("        -> ip link set to-sender up") && !plain.contains('\u{1b}'), "{plain}");
    assert!(!run(&["--color", "never"], false).contains('\u{1b}'));
}
