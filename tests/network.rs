//! What `collectd-tap` hears, what it must not hear, and how it ends.
//!
//! The packets were recorded from collectd and are sent from plain sockets; no collectd is needed.

use std::{
    io::{BufRead, BufReader},
    net::{IpAddr, SocketAddr},
    process::{Child, Stdio},
};

use collectd_net_tests::{
    heard::{LINE, VALUE},
    net::{GROUPS, Net, PORT, RECEIVER, TO_RECEIVER, TO_SENDER, TO_THIRD, drain},
    tap::{Tap, tap},
    until,
};
use nix::sys::signal::Signal;

/// A notification, sent by collectd 5.12: FAILURE, `min`, nothing else.
const NOTIFICATION: [u8; 32] = [
    0x00, 0x08, 0x00, 0x0c, 0x19, 0x54, 0xfc, 0x42, 0xc0, 0x00, 0x00, 0x00, // time
    0x01, 0x01, 0x00, 0x0c, 0, 0, 0, 0, 0, 0, 0, 0x01, // severity
    0x01, 0x00, 0x00, 0x08, b'm', b'i', b'n', 0, // message
];

#[test]
fn a_group_joined_by_another_program_is_not_heard() {
    let others: [IpAddr; 2] = ["239.192.74.67", "ff18::efc0:4a43"].map(|ip| ip.parse().expect("an address"));
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);
    let witnesses = others.map(|ip| net.receiver.witness(TO_SENDER, SocketAddr::new(ip, PORT)));
    let beside = Tap::start(&net.receiver, &["listen", "-L", "239.192.74.67", "-L", "[ff18::efc0:4a43]:25826"]);

    others.iter().for_each(|&ip| net.sender.send(TO_RECEIVER, SocketAddr::new(ip, PORT), &VALUE));
    let heard = beside.wait_for(2, || {});
    net.sender.send_to_groups(TO_RECEIVER, &NOTIFICATION);
    let printed = tap.wait_for(2, || {});

    assert_eq!(heard, [LINE; 2]);
    assert_eq!(witnesses.each_ref().map(drain), [1; 2]);
    assert!(printed.iter().all(|line| line.ends_with("[FAILURE] min")), "{printed:#?}");
    assert_eq!(tap.interrupt().lines, printed);
    assert_eq!(beside.interrupt().lines, heard);
}

#[test]
fn unicast_to_the_port_is_not_heard_on_a_group() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);

    for ip in RECEIVER {
        net.sender.send(TO_RECEIVER, SocketAddr::new(ip, PORT), &VALUE);
    }
    net.sender.send_to_groups(TO_RECEIVER, &NOTIFICATION);
    tap.wait_for(2, || {});
    let ended = tap.interrupt();

    assert!(ended.lines.iter().all(|line| line.ends_with("[FAILURE] min")), "{:#?}", ended.lines);
    assert_eq!(ended.lines.len(), 2);
}

#[test]
fn every_interface_and_loopback_are_joined() {
    let net = Net::new();
    let third = net.third();
    // Linux has no route of its own for IPv6 multicast over the loopback.
    net.receiver.ip("-6 route add local ff18::efc0:4a42 dev lo table local");
    let tap = Tap::start(&net.receiver, &[]);

    net.sender.send_to_groups(TO_RECEIVER, &VALUE);
    tap.wait_for(2, || {});
    third.send_to_groups(TO_RECEIVER, &VALUE);
    tap.wait_for(4, || {});
    net.receiver.send_to_groups("lo", &VALUE);
    tap.wait_for(6, || {});
    // Of what this machine itself sends to the network, the kernel loops one copy back.
    net.receiver.send_to_groups(TO_SENDER, &VALUE);
    tap.wait_for(8, || {});

    assert_eq!(tap.interrupt().lines, [LINE; 8]);
}

#[test]
fn only_the_named_interface_is_heard() {
    let net = Net::new();
    let third = net.third();
    let tap = Tap::start(&net.receiver, &["listen", "-i", TO_THIRD]);
    let scoped = Tap::start(
        &net.receiver,
        &["listen", "-L", "239.192.74.66%to-third", "-L", "[ff18::efc0:4a42]:25826%to-third"],
    );
    // Another program's membership brings the packets to the machine, but they are not for us.
    let witnesses = GROUPS.map(|ip| net.receiver.witness(TO_SENDER, SocketAddr::new(ip, PORT)));

    net.sender.send_to_groups(TO_RECEIVER, &VALUE);
    until("the other interface's packets", || witnesses.iter().all(|witness| drain(witness) == 1));
    third.send_to_groups(TO_RECEIVER, &NOTIFICATION);

    for tap in [tap, scoped] {
        tap.wait_for(2, || {});
        let ended = tap.interrupt();
        assert!(ended.lines.iter().all(|line| line.ends_with("[FAILURE] min")), "{:#?}", ended.lines);
        assert_eq!(ended.lines.len(), 2);
    }
}

#[test]
fn a_group_named_on_two_interfaces_is_printed_once() {
    let net = Net::new();
    let third = net.third();
    let listen = GROUPS.iter().flat_map(|&ip| {
        let address = SocketAddr::new(ip, PORT);
        [TO_SENDER, TO_THIRD].map(|interface| format!("--listen={address}%{interface}"))
    });
    let arguments: Vec<_> = ["listen".to_owned()].into_iter().chain(listen).collect();
    let tap = Tap::start(&net.receiver, &arguments.iter().map(String::as_str).collect::<Vec<_>>());

    net.sender.send_to_groups(TO_RECEIVER, &VALUE);
    third.send_to_groups(TO_RECEIVER, &VALUE);
    net.sender.send_to_groups(TO_RECEIVER, &NOTIFICATION);
    let count = |ending| tap.lines().iter().filter(|line| line.ends_with(ending)).count();
    until("every packet, on IPv4 and on IPv6", || count(LINE) >= 4 && count("[FAILURE] min") >= 2);

    let ended = tap.interrupt();
    assert_eq!(ended.lines.iter().filter(|line| *line == LINE).count(), 4, "{:#?}", ended.lines);
    assert_eq!(ended.lines.len(), 6, "{:#?}", ended.lines);
}

#[test]
fn an_unknown_interface_is_a_usage_error_that_names_it() {
    let net = Net::new();

    let ended = Tap::spawn(&net.receiver, &["listen", "-i", "nosuch0"]).wait();

    assert!(ended.talk.contains("nosuch0"), "{}", ended.talk);
    assert_eq!(ended.lines, [""; 0]);
    assert_eq!(ended.code, Some(2));
}

#[test]
fn nothing_within_the_time_given_has_its_own_exit_code() {
    let net = Net::new();

    for limit in ["--for", "--idle-timeout"] {
        let ended = Tap::start(&net.receiver, &["listen", limit, "1s"]).wait();

        assert_eq!(ended.lines, [""; 0]);
        assert_eq!(ended.code, Some(3), "{limit}: {}", ended.talk);
    }
}

#[test]
fn something_within_the_time_given_is_success() {
    let net = Net::new();
    let taps = ["--for", "--idle-timeout"].map(|limit| Tap::start(&net.receiver, &["listen", limit, "3s"]));

    for tap in &taps {
        tap.wait_for(1, || net.sender.send_to_groups(TO_RECEIVER, &VALUE));
    }
    for tap in taps {
        let ended = tap.wait();
        assert!(ended.lines.iter().all(|line| line == LINE), "{:#?}", ended.lines);
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
    }
}

#[test]
fn count_ends_after_that_many_items() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &["listen", "-c", "3"]);

    (0..2).for_each(|_| net.sender.send_to_groups(TO_RECEIVER, &VALUE));
    let ended = tap.wait();

    assert_eq!(ended.lines, [LINE; 3]);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn ctrl_c_ends_with_a_summary_that_counts_packets_and_items() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);

    (0..3).for_each(|_| net.sender.send_to_groups(TO_RECEIVER, &VALUE));
    (0..2).for_each(|_| net.sender.send_to_groups(TO_RECEIVER, &[&VALUE[..], &NOTIFICATION].concat()));
    tap.wait_for(14, || {});
    let ended = tap.interrupt();

    assert_eq!(ended.lines.len(), 14);
    assert_eq!((ended.count("packet"), ended.count("item")), (10, 14), "{}", ended.talk);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn what_has_arrived_before_ctrl_c_is_printed() {
    let net = Net::new();
    let tap = Tap::start(&net.receiver, &[]);
    let witnesses = GROUPS.map(|ip| net.receiver.witness(TO_SENDER, SocketAddr::new(ip, PORT)));

    // While the program stands still, everything waits in the kernel, and so does the signal.
    tap.signal(Signal::SIGSTOP);
    (0..50).for_each(|_| net.sender.send_to_groups(TO_RECEIVER, &VALUE));
    let mut arrived = 0;
    until("every packet", || {
        arrived += witnesses.iter().map(drain).sum::<usize>();
        arrived == 100
    });
    tap.signal(Signal::SIGINT);
    tap.signal(Signal::SIGCONT);
    let ended = tap.wait();

    assert_eq!(ended.lines, [LINE; 100], "{}", ended.talk);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn a_closed_stdout_is_a_quiet_end() {
    let net = Net::new();
    let mut child = Running(
        net.receiver
            .command(tap())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("iproute2 is installed"),
    );
    let mut talk =
        BufReader::new(child.0.stderr.take().expect("stderr is a pipe")).lines().map(|line| line.expect("UTF-8"));
    let mut said = vec![talk.next().expect("it says that it listens")];
    let mut stdout = BufReader::new(child.0.stdout.take().expect("stdout is a pipe"));

    net.sender.send_to_groups(TO_RECEIVER, &VALUE);
    let mut line = String::new();
    stdout.read_line(&mut line).expect("a line comes");
    drop(stdout);
    let mut status = None;
    until("the end after stdout was closed", || {
        net.sender.send_to_groups(TO_RECEIVER, &VALUE);
        status = child.0.try_wait().expect("the child is ours");
        status.is_some()
    });
    said.extend(talk);

    assert_eq!(line.trim_end(), LINE);
    assert_eq!(status.and_then(|status| status.code()), Some(0), "{said:#?}");
    let complaint = |line: &&String| ["panicked", "roken pipe", "os error"].iter().any(|words| line.contains(words));
    assert_eq!(said.iter().find(complaint), None);
}

/// A child that ends with its test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.0.kill();
        _ = self.0.wait();
    }
}
