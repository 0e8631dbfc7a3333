//! `collectd-tap doctor` on its machine: each thing there that keeps packets away is broken, in a namespace, and the finding read.

use std::{
    fs::{self, Permissions},
    net::{SocketAddr, UdpSocket},
    os::unix::fs::PermissionsExt,
    process::{self, Output},
};

use collectd_net_tests::{
    collectd::{Block, Collectd},
    doctor::{Report, change, heard, listening, machine, packet, report, set},
    net::{GROUPS, Namespace, Net, PORT, SENDER, TO_RECEIVER, TO_SENDER},
    tap::{Tap, tap},
    until,
};

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
fn rules_of_the_old_iptables_are_found_and_what_is_advised_helps() {
    let net = Net::new();
    let group = ["-L", "239.192.74.66"];
    machine(&net.receiver, &group).find("okay", "firewall", "no rule");
    change(&net.receiver, "iptables-legacy|-A|INPUT|-p|udp|--dport|25826|-j|DROP");
    let found = machine(&net.receiver, &group);
    let finding = found.find("failure", "firewall", "-A INPUT -p udp -m udp --dport 25826 -j DROP");
    assert_eq!(found.code, Some(1));
    let (_, remedy) = finding["advice"].as_str().and_then(|advice| advice.split_once(": ")).expect("a command");
    assert_eq!(remedy, "iptables-legacy -t filter -I INPUT -p udp --dport 25826 -j ACCEPT");
    change(&net.receiver, &remedy.replace(' ', "|"));
    machine(&net.receiver, &group).find("okay", "firewall", "no rule");
    change(&net.receiver, "ip6tables-legacy|-P|INPUT|DROP");
    let found = machine(&net.receiver, &[]);
    found.find("failure", "firewall", "ip6tables-legacy -t filter -I INPUT");
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
    found.has_no("mld-version");
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
fn an_old_version_of_mld_is_told_to_who_wants_one_sender() {
    let net = Net::new();
    machine(&net.receiver, &[]).has_no("mld-version");
    set(&net.receiver, &format!("ipv6/conf/{TO_SENDER}/force_mld_version"), "1");
    machine(&net.receiver, &[]).find("note", "mld-version", "force_mld_version=0");
    let found = machine(&net.receiver, &["-L", "[ff38::1:2],source=fd99::1"]);
    found.find("warning", "mld-version", TO_SENDER).as_object().expect("a finding");
    machine(&net.receiver, &["-L", "239.192.74.66"]).has_no("mld-version");
}

#[test]
fn addresses_and_routes_that_are_missing_are_told() {
    let net = Net::new();
    machine(&net.receiver, &["-L", "[fe80::1]"]).find("failure", "no-interface", "-L [fe80::1]:25826%INTERFACE");
    let group = ["-L", "239.192.74.66"];
    machine(&net.receiver, &group).find("note", "no-route", "no route to the group");
    net.receiver.ip("route add default via 10.99.0.1");
    machine(&net.receiver, &group).has_no("no-route");
    net.receiver.ip(&format!("addr flush dev {TO_SENDER}"));
    let found = machine(&net.receiver, &group);
    found.find("note", "no-address", &format!("ip address add ADDRESS/BITS dev {TO_SENDER}"));
}

#[test]
fn a_rule_that_keeps_packets_from_leaving_is_a_note() {
    let net = Net::new();
    let rules = "add table inet t; add chain inet t out { type filter hook output priority 0; }; \
                 add rule inet t out udp dport 25826 drop";
    change(&net.receiver, &format!("nft|{rules}"));
    let found = machine(&net.receiver, &["-L", "239.192.74.66", "-i", TO_SENDER]);
    found.find("note", "echo-not-sent", "a packet filter forbids it");
    assert_eq!(found.code, Some(3), "{:#?}", found.findings);
}

#[test]
fn another_program_whose_buffer_is_full_is_told() {
    let net = Net::new();
    let _slow = net.receiver.witness("lo", SocketAddr::new(GROUPS[0], PORT));
    let witness = net.receiver.witness(TO_SENDER, SocketAddr::new(GROUPS[0], PORT));
    net.sender.flood(TO_RECEIVER, SocketAddr::new(GROUPS[0], PORT), &[&packet()], 5000);
    let found = machine(&net.receiver, &["-L", "239.192.74.66"]);
    let dropped = found.find("warning", "other-drops", "rmem_default")["numbers"]["dropped"].as_u64();
    assert!(dropped > Some(0), "{:#?}", found.findings);
    drop(witness);
}

#[test]
fn the_time_that_was_waited_is_the_time_that_was_asked_for() {
    let net = Net::new();
    for (duration, said) in [("1s", " in 1 s"), ("200ms", " in 0.2 s")] {
        let tap = Tap::spawn(&net.receiver, &["doctor", "--json", "--duration", duration]).wait();
        let found = Report::new(tap.code, &tap.lines);
        let finding = found.find("failure", "nothing-heard", "no packet for");
        let message = finding["message"].as_str().expect("text");
        let seconds: f64 = message.rsplit(' ').nth(1).and_then(|number| number.parse().ok()).expect("a number");
        let asked: f64 = said.split(' ').nth(2).and_then(|number| number.parse().ok()).expect("a number");
        // A machine that is busy may take longer.
        assert!(message.ends_with(said) || seconds > asked && seconds < 20.0, "{message}");
    }
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
    set(&net.receiver, "ipv4/ip_unprivileged_port_start", "1024");
    let output = as_nobody(&net.receiver, &["--json", "--duration", "0s", "-L", "127.0.0.1:80"]);
    let lines: Vec<_> = String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect();
    let found = Report::new(output.status.code(), &lines);
    found.find("failure", "no-permission", "CAP_NET_BIND_SERVICE");
    assert_eq!(found.code, Some(1), "{:#?}", found.findings);
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
