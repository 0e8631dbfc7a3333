//! `collectd-tap send`: what it sends, a real collectd takes in and sends on without changing a bit.

use std::{
    io::Write as _,
    net::{IpAddr, UdpSocket},
    process::{Child, Command, Output, Stdio},
    time::Duration,
};

use collectd_net_tests::{
    PATIENCE,
    auth::{AuthFile, PASSWORD},
    capture,
    collectd::{Block, Collectd},
    decode,
    json::Object,
    net::{GROUPS, Namespace, Net, PORT, RECEIVER, SENDER, TO_SENDER},
    tap::{Tap, tap},
    until,
};
use collectd_tap::{Writer, collectd_net::Value as Number};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;

/// Values at the ends of their kinds, times down to the last bit, names that need quotes, and notifications.
const LINES: &str = r#"PUTVAL h/p/gauge interval=10 1700000000.123456789:5e-324
PUTVAL h/p/gauge-a interval=0.000000001 1700000000:-0.0 1700000001:1.7976931348623157e308 1700000002:-inf 1700000003:U 1700000004:inf 1700000005:nan 1700000006:-nan
PUTVAL "h/with space-\"quoted\"/gauge-back\\slash" interval=10 1700000000:0.1
PUTVAL h/load/load interval=10 1700000000.000000001:0.1:0.2:0.30000000000000004
PUTVAL h/p-i-j/derive-t-u interval=10 1700000000:-9223372036854775808 1700000001:9223372036854775807
PUTVAL h/p/counter interval=10 1700000000:18446744073709551615
PUTVAL h/p/absolute interval=10 1700000000:18446744073709551614
PUTNOTIF severity=warning time=1700000000.5 host=h plugin=p plugin_instance=i type=load type_instance=t message="a \"b\" c"
PUTNOTIF severity=okay time=1700000001 host=h message=calm
"#;

/// `collectd-tap send` with these arguments in a namespace, or where the test runs.
fn start(namespace: Option<&Namespace>, arguments: &[&str]) -> Child {
    let mut command = namespace.map_or_else(|| Command::new(tap()), |namespace| namespace.command(tap()));
    command.arg("send").arg("--no-config").args(arguments);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it was built")
}

/// The same with these lines, until it has ended.
fn send(namespace: Option<&Namespace>, arguments: &[&str], lines: &[u8]) -> Output {
    let mut child = start(namespace, arguments);
    let mut stdin = child.stdin.take().expect("it is a pipe");
    let write = std::thread::spawn({
        let lines = lines.to_vec();
        move || stdin.write_all(&lines)
    });
    let output = child.wait_with_output().expect("the child is ours");
    write.join().expect("no panic").expect("it reads to the end");
    output
}

fn text(octets: &[u8]) -> &str {
    std::str::from_utf8(octets).expect("it writes UTF-8")
}

/// What lines of `-o json` say about the items, in an order that does not depend on packets.
fn exact<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let mut items: Vec<_> = lines.into_iter().map(|line| Object::read(line).exact()).collect();
    items.sort();
    items
}

/// What is to arrive.
fn items() -> Vec<String> {
    let printed = send(None, &["--dry-run", "-o", "json"], LINES.as_bytes());
    assert_eq!(printed.status.code(), Some(0), "{}", text(&printed.stderr));
    let items = exact(text(&printed.stdout).lines());
    assert_eq!(items.len(), 16, "{items:#?}");
    items
}

/// The items of `-o exact` lines, down to the bits of their values and whatever packets they came in.
fn bits<'l>(lines: impl IntoIterator<Item = &'l str>) -> Vec<String> {
    let packets = lines.into_iter().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
    let mut items: Vec<_> = packets
        .flat_map(|packet| packet["items"].as_array().expect("a list of items").clone())
        .map(|mut item| {
            // How it was protected ends at the collectd between.
            [item["security"].take(), item["user"].take()].into_iter().for_each(drop);
            item.to_string()
        })
        .collect();
    items.sort();
    items
}

/// Sends to a real collectd that listens here and takes only what is protected at least so; its network plugin sends on to
/// collectd-tap in a third namespace.
fn through_collectd(server: &str, listen: IpAddr, protection: &str) {
    let net = Net::new();
    let third = net.third();
    let auth = AuthFile::new(["web"]);
    let password = AuthFile::new([""; 0]);
    password.write(PASSWORD);
    let block = Block::listen(listen, PORT);
    let block = if listen.is_multicast() { block.interface(TO_SENDER) } else { block };
    let block = match protection {
        "none" => block,
        "sign" => block.accept("Sign", auth.path()),
        _ => block.accept("Encrypt", auth.path()),
    };
    let to_third: IpAddr = "10.99.1.1".parse().expect("an address");
    let heard = Tap::start(&third, &["listen", "-L", "10.99.1.1", "-o", "exact"]);
    let collectd = Collectd::forward(&net.receiver, &[block, Block::server(to_third, PORT)]);
    let server = match protection {
        "none" => server.to_owned(),
        _ => format!("{server},security-level={protection},username=web,password-file={}", password.path()),
    };

    let sent = send(Some(&net.sender), &["-S", &server], LINES.as_bytes());
    let talk = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(0), "{server}: {talk}");
    assert!(talk.contains("14 value lists and 2 notifications, 0 lines refused"), "{talk}");
    let mut arrived = Vec::new();
    until("all value lists on the other side", || {
        collectd.flush();
        arrived = bits(heard.lines().iter().map(String::as_str));
        arrived.len() >= 14
    });
    let printed = send(None, &["--dry-run", "-o", "exact"], LINES.as_bytes());
    let mut expected = bits(text(&printed.stdout).lines());
    expected.retain(|item| item.contains(r#""kind":"values""#));
    // Numbers that are none, each with its bits.
    for number in ["7ff8000000000000", "fff8000000000000", "7ff0000000000000", "fff0000000000000"] {
        assert!(expected.iter().any(|item| item.contains(number)), "{number}");
    }
    assert_eq!(arrived, expected, "{server}");
    // collectd sends on no notification that came over the network.
    for notification in [
        "severity = WARNING, host = h, plugin = p, plugin_instance = i, type = load, type_instance = t, message = a \"b\" c",
        "severity = OKAY, host = h, message = calm",
    ] {
        until(notification, || collectd.log().contains(notification));
    }
}

#[test]
fn a_real_collectd_sends_on_the_same_bits_under_every_protection() {
    for protection in ["none", "sign", "encrypt", "encrypt-and-sign"] {
        through_collectd("10.99.0.2", RECEIVER[0], protection);
        through_collectd("[fd99::2]", RECEIVER[1], protection);
    }
}

#[test]
fn a_real_collectd_hears_the_groups() {
    for (group, protection) in GROUPS.into_iter().zip(["none", "encrypt"]) {
        let server = if group.is_ipv6() { format!("[{group}]%to-receiver") } else { format!("{group}%to-receiver") };
        through_collectd(&server, group, protection);
    }
}

#[test]
fn without_a_server_both_default_groups_get_everything() {
    let net = Net::new();
    net.sender.ip("route add 239.0.0.0/8 dev to-receiver");
    net.sender.ip("-6 route add table local ff18::/16 dev to-receiver metric 1");
    let heard = Tap::start(&net.receiver, &["listen", "-o", "json"]);
    let sent = send(Some(&net.sender), &[], LINES.as_bytes());
    assert_eq!(sent.status.code(), Some(0), "{}", text(&sent.stderr));
    heard.wait_for(32, || {});
    let ended = heard.interrupt();
    for family in SENDER.map(|ip| ip.is_ipv4()) {
        let of_family = ended.lines.iter().filter(|line| Object::read(line).from().is_ipv4() == family);
        assert_eq!(exact(of_family.map(String::as_str)), items());
    }
}

#[test]
fn answers_are_those_of_a_real_collectd_and_say_the_column() {
    let lines = [
        "PUTVAL h/p/gauge interval=10 1700000000:1",
        "PUTVAL h/load/load 1700000000:1:2:3 1700000001:1:2:3",
        r#"PUTVAL "h/p q/gauge" 1700000000:1"#,
        "PUTNOTIF severity=okay time=1700000000 message=calm",
        "PUTVAL",
        "PUTVAL h/p/gauge",
        "PUTVAL hp 1700000000:1",
        "PUTVAL h/p/nosuchtype 1700000000:1",
        "PUTVAL h/load/load 1700000000:1:x:3",
        "PUTVAL h/p/gauge 1700000000",
        r#"PUTVAL "h/p/gauge 1700000000:1"#,
        "PUTNOTIF time=1700000000 message=calm",
        "PUTNOTIF severity=okay message=calm",
        "PUTNOTIF severity=okay time=1700000000",
        "NOSUCH command",
    ];
    let net = Net::new();
    let collectd = Collectd::start(&net.receiver, &[Block::server(SENDER[0], PORT)]);
    let sent = send(Some(&net.sender), &["-S", "10.99.0.1", "--max-age", "1h"], lines.join("\n").as_bytes());
    let answers: Vec<_> = text(&sent.stdout).lines().collect();
    assert_eq!(answers.len(), lines.len(), "{answers:#?}");
    for (line, answer) in lines.iter().zip(answers) {
        let theirs = collectd.ask(line).swap_remove(0);
        match theirs.starts_with("-1") {
            true => assert!(answer.starts_with("-1 ") && answer.contains(" Column "), "{line}: {answer} / {theirs}"),
            false => assert_eq!(answer, theirs, "{line}"),
        }
    }
    // What collectd takes, and sends as something else.
    for line in ["PUTVAL h/load/load 1700000002:1", "PUTVAL h/p/counter 1700000000:1.5"] {
        let ours = send(None, &["--dry-run"], line.as_bytes());
        assert_eq!((ours.status.code(), text(&ours.stdout)), (Some(4), ""), "{line}");
        assert!(collectd.ask(line)[0].starts_with("0 Success"), "{line}");
    }
    // Nobody listens on the port, and lines were bad: what did not arrive weighs more.
    assert_eq!(sent.status.code(), Some(1), "{}", text(&sent.stderr));
}

#[test]
fn hostile_lines_cost_themselves_alone() {
    let net = Net::new();
    let heard = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2"]);
    let mut lines = b"PUTVAL h/p/gauge 5:1\n".to_vec();
    lines.extend([b'x'; 200_000]);
    lines.extend(
        b"\n\n# a comment\nPUTVAL h/\xff\xfe/gauge 5:\x1b[31m\nPUTVAL h/p\0/gauge 5:1\nPUTVAL h/p/counter 6:-1\n",
    );
    lines.extend(format!("PUTVAL h/{}/gauge 5:1\nPUTVAL h/q/gauge 6:2", "n".repeat(5000)).bytes());
    let sent = send(Some(&net.sender), &["-S", "10.99.0.2"], &lines);
    let talk = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(4), "{talk}");
    assert!(!talk.contains('\u{1b}') && !text(&sent.stdout).contains('\u{1b}'), "{talk:?}");
    for said in [
        "line 2 is left out: it has more than 65536 octets",
        "line 5, column 21: ",
        "line 6, column 11: ",
        "line 7, column 22: ",
        "line 8, column 8: ",
        "2 value lists and 0 notifications, 5 lines refused; 10.99.0.2:25826: 1 packet of ",
    ] {
        assert!(talk.contains(said), "{said}: {talk}");
    }
    let answers = text(&sent.stdout).lines().map(|line| line.starts_with("0 Success: 1 value has been dispatched."));
    assert_eq!(answers.collect::<Vec<_>>(), [true, false, false, false, false, false, true]);
    heard.wait_for(2, || {});
    assert_eq!(heard.interrupt().lines, ["[5] h/p/gauge [(1, 1.0)]", "[6] h/q/gauge [(1, 2.0)]"]);
}

#[test]
fn an_unreachable_server_is_counted_and_keeps_nothing_from_the_others() {
    let net = Net::new();
    let heard = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2", "-o", "json"]);
    let servers = ["-S", "no-such-name.invalid", "-S", "10.1.1.1", "-S", "127.0.0.1:9", "-S", "10.99.0.2"];
    let sent = send(Some(&net.sender), &servers, LINES.as_bytes());
    let talk = text(&sent.stderr);
    assert_eq!(sent.status.code(), Some(1), "{talk}");
    heard.wait_for(16, || {});
    assert_eq!(exact(heard.interrupt().lines.iter().map(String::as_str)), items());
    for said in [
        "cannot resolve no-such-name.invalid:25826: ",
        "no-such-name.invalid:25826: 0 packets of 0 octets sent, 3 packets with 16 items not sent",
        "10.1.1.1:25826: 0 packets of 0 octets sent, 3 packets with 16 items not sent",
        "packets to 127.0.0.1:9 do not arrive: nobody listens there",
    ] {
        assert!(talk.contains(said), "{said}: {talk}");
    }
    // Three packets went out to it, or some not even that: none is counted as arrived.
    let of_refusing = talk.rsplit("127.0.0.1:9: ").next().and_then(|rest| rest.split(';').next()).expect("a summary");
    let numbers: Vec<u64> = of_refusing.split(' ').filter_map(|word| word.parse().ok()).collect();
    assert!(of_refusing.contains("3 reported as not arrived") && numbers[0] == 3, "{of_refusing}");
}

#[test]
fn a_lone_value_goes_after_its_age_and_what_waits_goes_at_the_end() {
    let net = Net::new();
    let heard = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2"]);
    let mut young = start(Some(&net.sender), &["-S", "10.99.0.2", "--max-age", "100ms"]);
    let mut stdin = young.stdin.take().expect("it is a pipe");
    stdin.write_all(b"PUTVAL h/p/gauge 5:1\n").expect("it reads");
    assert_eq!(heard.wait_for(1, || {}), ["[5] h/p/gauge [(1, 1.0)]"]);
    drop(stdin);
    assert_eq!(young.wait_with_output().expect("it is ours").status.code(), Some(0));

    let mut old = start(Some(&net.sender), &["-S", "10.99.0.2", "--max-age", "1h"]);
    let stdin = old.stdin.as_mut().expect("it is a pipe");
    stdin.write_all(b"PUTVAL h/p/gauge 6:1\n").expect("it reads");
    // Its answer says that the line was taken.
    let mut octet = [0];
    std::io::Read::read_exact(old.stdout.as_mut().expect("it is a pipe"), &mut octet).expect("an answer");
    assert_eq!((octet, heard.lines().len()), ([b'0'], 1));
    kill(Pid::from_raw(i32::try_from(old.id()).expect("a pid")), Signal::SIGTERM).expect("it is ours");
    assert_eq!(heard.wait_for(2, || {})[1], "[6] h/p/gauge [(1, 1.0)]");
    assert_eq!(old.wait_with_output().expect("it is ours").status.code(), Some(0));
}

#[test]
fn answers_that_nobody_reads_keep_nothing_from_being_sent() {
    // Their answers fill every buffer between us many times.
    const LINES: usize = 300_000;
    let net = Net::new();
    let heard = Tap::start(
        &net.receiver,
        &["listen", "-L", "10.99.0.2", "--count-only", "--receive-buffer", "64M", "--queue", "512M"],
    );
    let mut sending = start(Some(&net.sender), &["-S", "10.99.0.2"]);
    let mut stdin = sending.stdin.take().expect("it is a pipe");
    // It reads all of them, though nobody reads what it has to say.
    let lines = "PUTVAL h/p/gauge 5:1\n".repeat(LINES);
    stdin.write_all(lines.as_bytes()).expect("it reads");
    drop(stdin);
    // Then somebody does, and finds in their place how many are missing.
    let output = sending.wait_with_output().expect("it is ours");
    let talk = text(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{talk}");
    assert!(talk.contains(&format!("{LINES} value lists and 0 notifications, 0 lines refused")), "{talk}");
    let (mut given, mut missing) = (0, 0);
    for answer in text(&output.stdout).lines() {
        match answer.strip_prefix("-1 ").and_then(|answer| answer.split_once(" answers left out")) {
            Some((count, _)) => missing += count.parse::<usize>().expect("a number"),
            None => given += usize::from(answer == "0 Success: 1 value has been dispatched."),
        }
    }
    assert!(missing > 0 && given + missing == LINES, "{given} given, {missing} missing");
    assert!(talk.contains(&format!("{missing} answers not given, because nobody read them")), "{talk}");
    let sent = talk.split("10.99.0.2:25826: ").nth(1).and_then(|rest| rest.split(' ').next()?.parse().ok());
    let ended = heard.interrupt();
    let dropped = ended.count("dropped");
    assert_eq!(Some(ended.count("packet") + dropped), sent, "{}", ended.talk);
}

#[test]
fn answers_that_cannot_be_written_are_told_and_everything_is_sent() {
    let net = Net::new();
    let heard = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2"]);
    let full = std::fs::File::options().write(true).open("/dev/full").expect("Linux has it");
    let mut command = net.sender.command(tap());
    command.args(["send", "--no-config", "-S", "10.99.0.2"]).stdin(Stdio::piped()).stdout(full).stderr(Stdio::piped());
    let mut sending = command.spawn().expect("it was built");
    let mut stdin = sending.stdin.take().expect("it is a pipe");
    for _ in 0..100 {
        stdin.write_all("PUTVAL h/p/gauge 5:1\n".repeat(10).as_bytes()).expect("it reads");
    }
    drop(stdin);
    let output = sending.wait_with_output().expect("it is ours");
    let talk = text(&output.stderr);
    heard.wait_for(1000, || {});
    assert_eq!(talk.matches("cannot answer on standard output: No space left on device").count(), 1, "{talk}");
    assert!(talk.contains("1000 answers not given, because they could not be written"), "{talk}");
    assert_eq!(output.status.code(), Some(0), "{talk}");
}

#[test]
fn a_reader_that_never_comes_is_given_up_in_the_end() {
    let net = Net::new();
    let heard = Tap::start(&net.receiver, &["listen", "-L", "10.99.0.2"]);
    let mut sending = start(Some(&net.sender), &["-S", "10.99.0.2"]);
    let mut stdin = sending.stdin.take().expect("it is a pipe");
    // More than a pipe holds.
    stdin.write_all("PUTVAL h/p/gauge 5:1\n".repeat(10_000).as_bytes()).expect("it reads");
    drop(stdin);
    heard.wait_for(10_000, || {});
    let mut said = String::new();
    std::io::Read::read_to_string(sending.stderr.as_mut().expect("it is a pipe"), &mut said).expect("UTF-8");
    let output = sending.wait_with_output().expect("it is ours");
    assert_eq!(output.status.code(), Some(0), "{said}");
    // Those that are in the pipe can still be read, and are not among those.
    let given = text(&output.stdout).lines().count();
    assert!(
        said.contains(&format!("{} answers not given, because nobody read them", 10_000 - given)),
        "{said} {given}"
    );
}

#[test]
fn what_is_printed_as_putval_comes_back_as_it_was() {
    for name in ["plain-ipv4.pcap", "notifications.pcap"] {
        let file = capture(name);
        let file = file.to_str().expect("a path in UTF-8");
        let printed = decode(&["-o", "putval", file]);
        let back = send(None, &["--dry-run", "-o", "json"], printed.as_bytes());
        assert_eq!(back.status.code(), Some(0), "{}", text(&back.stderr));
        assert_eq!(exact(text(&back.stdout).lines()), exact(decode(&["-o", "json", file]).lines()), "{name}");
    }
}

#[test]
fn flags_are_one_item() {
    let value = ["--host", "h", "--plugin", "p", "--type", "load", "--at", "5", "--dry-run"];
    let values = ["--value", "-1.5", "--value", "0x10", "--value", "U"];
    let printed = send(None, &[&value[..], &values].concat(), b"");
    assert_eq!(text(&printed.stdout), "[5] h/p/load [(1, -1.5), (1, 16.0), (1, nan)]\n");
    let message =
        ["--host", "h", "--severity", "failure", "--message", "down", "--at", "5.5", "--dry-run", "-o", "putval"];
    let printed = send(None, &message, b"");
    assert_eq!(text(&printed.stdout), "PUTNOTIF severity=failure time=5.5 host=h message=down\n");
    let wrong = send(None, &[&value[..], &values[..2]].concat(), b"");
    assert_eq!(wrong.status.code(), Some(2), "{}", text(&wrong.stderr));
}

#[test]
fn a_writer_sends_when_its_values_are_old_enough() {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time");
    let server = socket.local_addr().expect("an address").to_string().parse().expect("a server");
    let writer = Writer::builder().server(server).max_age(Duration::from_millis(50)).open().expect("a thread");
    writer.value_list("h/p/gauge", None, &[Number::Gauge(1.5)]).expect("it is well formed");
    // Neither a flush nor the end of the writer sends it.
    let mut packet = [0; 1500];
    let length = socket.recv(&mut packet).expect("a packet");
    assert!(
        packet[..length].ends_with(&[0, 6, 0, 15, 0, 1, 1, 0, 0, 0, 0, 0, 0, 0xf8, 0x3f]),
        "{:02x?}",
        &packet[..length]
    );
    let counts = writer.finish(Duration::ZERO);
    assert_eq!((counts[0].1.packets, counts[0].1.items, counts[0].1.lost()), (1, 1, 0));
}
