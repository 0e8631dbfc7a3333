//! `collectd-tap top` in a real terminal: keys pressed, screens read, and the terminal given back.

use std::{
    net::{TcpListener, UdpSocket},
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use collectd_net::{Encoder, Identifier, Interval, Time, Value};
use collectd_net_tests::{capture, in_time, tap::tap, terminal::Terminal, until};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};

const USUAL: (u16, u16) = (80, 24);

/// The program with these arguments, once it shows something.
fn top(size: (u16, u16), arguments: &str) -> Terminal {
    let command = format!("'{}' top --utc {arguments}", tap().canonicalize().expect("it was built").display());
    let terminal = Terminal::start(size, &[], &command);
    terminal.wait_for("a header", |screen| screen.contains("pkt/s"));
    terminal
}

fn a_capture() -> String {
    let path = capture("fleet-50.pcap").canonicalize().expect("it is there");
    format!("--speed max '{}'", path.display())
}

/// On a capture, as it is at its end.
fn on_a_capture(size: (u16, u16)) -> Terminal {
    let terminal = top(size, &a_capture());
    terminal.wait_for("the end", |screen| screen.contains("ended 5m") && screen.contains("50 hosts"));
    terminal
}

/// That the program has ended well and left the terminal as it was.
fn has_ended(terminal: &Terminal) {
    let screen = terminal.wait_for("the end", |screen| screen.contains("ended with"));
    assert!(screen.contains("ended with 0"), "{screen}");
    let screen = terminal.wait_for("the modes", |screen| screen.contains("iexten"));
    let words: Vec<_> = screen.split([' ', ';', '\n']).collect();
    for mode in ["icanon", "echo", "isig", "opost", "icrnl"] {
        assert!(words.contains(&mode), "no {mode}: {screen}");
    }
    assert!(terminal.is_free(), "{screen}");
}

#[test]
fn keys_filter_pin_freeze_and_quit() {
    let terminal = on_a_capture(USUAL);
    assert!(terminal.is_taken());
    terminal.press(&["?"]);
    terminal.wait_for("the help", |screen| screen.contains("filter, in the language of -f"));
    terminal.press(&["Escape"]);
    terminal.wait_for("no help", |screen| !screen.contains("in the language of -f"));
    terminal.press(&["/", "type == 'load' and"]);
    let screen = terminal.wait_for("an error", |screen| screen.contains(" column 19: expected"));
    let caret = screen.lines().find(|line| line.trim() == "^").expect("a caret");
    assert_eq!(caret.len(), " /type == 'load' and".len() + 1, "{screen}");
    for _ in 0..4 {
        terminal.press(&["BSpace"]);
    }
    terminal.wait_for("a filter", |screen| screen.contains(" fit ") && screen.contains("/type == 'load'"));
    terminal.press(&["Enter"]);
    let screen = terminal.wait_for("only loads", |screen| screen.contains("Series 150 ") && screen.contains("▾ load"));
    assert!(screen.contains("shortterm") && !screen.contains("memory"), "{screen}");
    terminal.press(&["Down", "Down", "Down", "Enter"]);
    terminal.wait_for("a pin", |screen| screen.contains("● ") && screen.contains("/load/load longterm 2.99"));
    terminal.press(&["Space", "Left", "Left"]);
    terminal.wait_for("a cursor", |screen| screen.contains("frozen 5m") && screen.contains(" -6s "));
    terminal.press(&["Space", "-"]);
    terminal.wait_for("more time", |screen| screen.contains("ended 10m") && screen.contains("-10m"));
    terminal.press(&["t"]);
    terminal.wait_for("senders", |screen| screen.contains("Senders 50, 0 missing") && screen.contains("protected"));
    terminal.press(&["q"]);
    has_ended(&terminal);
    let screen = terminal.screen();
    assert!(screen.contains("packets, ") && screen.contains(" values, "), "{screen}");
}

#[test]
fn what_is_visible_is_written_to_a_file_of_its_own() {
    let terminal = on_a_capture((120, 40));
    terminal.wait_for("charts", |screen| screen.contains("─now─"));
    terminal.press(&["w"]);
    terminal.wait_for("a name", |screen| screen.contains("what is visible was written to collectd-tap-"));
    let files: Vec<_> =
        terminal.directory().read_dir().expect("a folder").flatten().map(|entry| entry.path()).collect();
    assert_eq!(files.len(), 1, "{files:?}");
    let text = std::fs::read_to_string(&files[0]).expect("it is there");
    assert!(text.starts_with("time,host,series,unit,value\n") && text.lines().count() > 4, "{text}");
}

#[test]
fn a_signal_ends_it_and_gives_the_terminal_back() {
    for signal in [Signal::SIGTERM, Signal::SIGINT] {
        let terminal = on_a_capture(USUAL);
        kill(Pid::from_raw(terminal.process("collectd-tap")), signal).expect("it runs");
        has_ended(&terminal);
    }
}

#[test]
fn a_terminal_that_is_gone_ends_it() {
    let terminal = on_a_capture(USUAL);
    let pid = Pid::from_raw(terminal.process("collectd-tap"));
    drop(terminal);
    until("the end", || kill(pid, None).is_err());
}

#[test]
fn it_is_suspended_and_goes_on() {
    let terminal = top(USUAL, &a_capture());
    let pid = Pid::from_raw(terminal.process("collectd-tap"));
    terminal.press(&["C-z"]);
    let is_stopped = || {
        let status = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
        status.rsplit(") ").next().is_some_and(|rest| rest.starts_with('T'))
    };
    until("it to be stopped", is_stopped);
    assert!(terminal.is_free(), "{}", terminal.screen());
    kill(pid, Signal::SIGCONT).expect("it is stopped");
    terminal.wait_for("it again", |screen| screen.contains("Notifications"));
    assert!(in_time(|| terminal.is_taken()));
    terminal.press(&["q"]);
    has_ended(&terminal);
}

#[test]
fn another_size_is_another_picture() {
    let terminal = on_a_capture((150, 42));
    let screen = terminal.wait_for("charts", |screen| screen.matches("─now─").count() == 4);
    assert_eq!(screen.lines().count(), 42);
    terminal.resize(55, 14);
    terminal.wait_for("a list", |screen| !screen.contains("now") && screen.contains("▸"));
    terminal.resize(80, 24);
    terminal.wait_for("charts again", |screen| screen.contains("─now─"));
}

#[test]
fn what_arrives_is_shown_as_it_comes() {
    let port = UdpSocket::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let terminal = top(USUAL, &format!("-L 127.0.0.1:{port} --ascii"));
    terminal.wait_for("an empty screen", |screen| screen.contains("nothing has come yet"));
    let sender = UdpSocket::bind("127.0.0.1:0").expect("a port");
    let send = |value: f64| {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970");
        let [host, plugin, type_] = ["h\x1b[2J", "p", "gauge"].map(Into::into);
        let identifier = Identifier { host, plugin, type_, ..Identifier::default() };
        let mut buffer = [0; 1452];
        let mut encoder = Encoder::new(&mut buffer);
        let time = Time::try_from(now).expect("in range");
        encoder.value_list(&identifier, time, Interval::from_secs(1), [Value::Gauge(value)]).expect("room");
        sender.send_to(encoder.packet(), ("127.0.0.1", port)).expect("it listens");
        std::thread::sleep(Duration::from_millis(30));
    };
    let mut value = 0.0;
    let mut screen = String::new();
    until("a chart", || {
        value += 1.0;
        send(value);
        screen = terminal.screen();
        screen.contains(r"h\x1b[2J/p/gauge") && screen.contains("-now-") && screen.contains('*')
    });
    assert!(screen.is_ascii() && screen.contains("> live 5m"), "{screen}");
    // It is not heard any more.
    terminal.wait_for("it to be missing", |screen| screen.contains("1 missing") && screen.contains("FAILURE"));
    terminal.press(&["C-c"]);
    has_ended(&terminal);
}

/// The body of a page of the program's.
fn fetch(port: u16, path: &str) -> Option<String> {
    let output = std::process::Command::new("curl")
        .args(["--silent", "--fail", &format!("http://127.0.0.1:{port}{path}")])
        .output()
        .expect("curl is installed");
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_made_up_fleet_shows_what_may_happen_in_both_views() {
    let port = TcpListener::bind("127.0.0.1:0").and_then(|socket| socket.local_addr()).expect("a port").port();
    let command = format!(
        "'{}' demo --top --web=127.0.0.1:{port} --seed 7 --utc",
        tap().canonicalize().expect("it was built").display()
    );
    let terminal = Terminal::start((150, 42), &[], &command);
    terminal.wait_for("a sender with a wrong password", |screen| screen.contains("bad-signature"));
    terminal.wait_for("charts", |screen| screen.contains("─now─"));
    terminal
        .wait_for("a missing host", |screen| screen.contains("1 missing") && screen.contains("missing: nothing heard"));
    let hosts = fetch(port, "/api/hosts").expect("the page's server answers");
    assert!(hosts.contains("\"missing\":true") && hosts.contains("\"host\":\"db02\""), "{hosts}");
    terminal.wait_for("a host that is back", |screen| screen.contains("db02 back"));
    terminal.wait_for("a host that was restarted", |screen| screen.contains("cache01 restarted"));
    let refused = fetch(port, "/api/senders").expect("the page's server answers");
    assert!(refused.contains("bad-signature") && refused.contains("encrypted"), "{refused}");
    terminal.press(&["q"]);
    has_ended(&terminal);
}

#[test]
fn without_a_terminal_it_says_what_to_do_instead() {
    let output = std::process::Command::new(tap()).args(["top"]).env("HOME", "/nonexistent").output().expect("it runs");
    let talk = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(talk.contains("'collectd-tap listen'") && talk.contains("--format json"), "{talk}");
}
