//! `collectd-tap doctor` on a system that fails: system calls that strace spoils, and a clock that libfaketime sets.

use std::{
    process::{Command, Output, Stdio},
    thread,
    time::Duration,
};

use collectd_net_tests::{
    doctor::{Report, group, packet},
    net::{Namespace, Net, TO_RECEIVER, TO_SENDER},
    tap::tap,
};

/// The doctor, run by a program.
fn under(namespace: &Namespace, program: &[&str], arguments: &[&str]) -> Command {
    let mut command = namespace.command(program[0]);
    command.args(&program[1..]).arg(tap()).args(["doctor", "--json", "-i", TO_SENDER]).args(arguments);
    command
}

/// The doctor, with these system calls failing.
fn spoilt(namespace: &Namespace, fault: &str, arguments: &[&str]) -> Command {
    let inject = format!("inject={fault}");
    under(namespace, &["strace", "-f", "-qq", "-o", "/dev/null", "-e", &inject], arguments)
}

/// What it has said.
fn report(output: Output) -> Report {
    let lines: Vec<_> = String::from_utf8(output.stdout).expect("text").lines().map(str::to_owned).collect();
    Report::new(output.status.code(), &lines)
}

/// What it says of a machine.
fn machine(mut command: Command) -> Report {
    report(command.args(["--duration", "0s"]).output().expect("the program is installed"))
}

#[test]
fn interfaces_that_cannot_be_listed_are_a_failure() {
    let net = Net::new();
    let report = machine(spoilt(&net.receiver, "socket:error=EACCES", &[]));
    report.find("failure", "interfaces-unseen", "netlink");
    assert_eq!(report.code, Some(1), "{:#?}", report.findings);
}

#[test]
fn a_socket_that_cannot_be_had_is_a_failure() {
    let net = Net::new();
    // The first is that of the list of interfaces.
    let report = machine(spoilt(&net.receiver, "bind:error=EINVAL:when=2+", &[]));
    report.find("failure", "cannot-listen", "Invalid argument");
    assert_eq!(report.code, Some(1), "{:#?}", report.findings);
}

#[test]
fn a_group_that_cannot_be_joined_is_told_with_the_reason() {
    let net = Net::new();
    let report = machine(spoilt(&net.receiver, "setsockopt:error=ENODEV", &[]));
    report.find("failure", "not-joined", "No such device");
    assert_eq!(report.code, Some(1), "{:#?}", report.findings);
}

#[test]
fn receiving_that_fails_is_counted() {
    let net = Net::new();
    let mut command = spoilt(&net.receiver, "recvmmsg:error=EIO:when=1..3", &["--duration", "2s"]);
    let mut doctor = command.stdout(Stdio::piped()).spawn().expect("the program is installed");
    while doctor.try_wait().expect("it is ours").is_none() {
        net.sender.send(TO_RECEIVER, group(), &packet());
        thread::sleep(Duration::from_millis(20));
    }
    let report = report(doctor.wait_with_output().expect("it has ended"));
    let found = report.find("warning", "receive-errors", "journalctl");
    assert_eq!(found["numbers"]["errors"], 3, "{found}");
    report.find("okay", "sender", "web01");
}

#[test]
fn a_clock_that_was_never_set_is_a_warning() {
    let net = Net::new();
    let clock = ["faketime", "-f", "@1970-01-01 00:00:10"];
    let report = machine(under(&net.receiver, &clock, &[]));
    report.find("warning", "clock-unset", "timedatectl");
}
