//! The firmware on emulated boards: what arrives as Ethernet frames means there what it means on a PC.

use std::{
    io,
    path::{Path, PathBuf},
    sync::{Mutex, OnceLock},
    time::{Duration, Instant},
};

use collectd_net_tests::{
    board::{self, Board, Model, QUIET, log::Log},
    capture, data,
    datagrams::datagrams,
    decode,
    frame::{Family, frames},
    net::PORT,
    until,
};

/// The firmware that tells tests everything, and does what they ask for; built once for each board.
fn firmware(model: Model) -> &'static Path {
    static BUILT: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    BUILT[model as usize].get_or_init(|| build(model, &["exact", "measure", "inject"]))
}

/// One at a time: the next one's files have the same places.
fn build(model: Model, features: &[&str]) -> PathBuf {
    static ONE: Mutex<()> = Mutex::new(());
    let _one = ONE.lock();
    model.firmware(features).expect("it builds")
}

fn start(model: Model, settings: &str) -> Board {
    Board::start(model, firmware(model), &format!("{QUIET}{settings}")).expect("the board runs")
}

/// The lines of a log.
fn log(firmware: &Path, board: &Board) -> Vec<String> {
    let mut lines = Vec::new();
    let serial = board.serial().expect("QEMU writes it");
    let log = Log::of(firmware).expect("cargo built it");
    log.lines(&serial[..], |line| {
        lines.push(line.to_string());
        Ok(())
    })
    .expect("nothing fails that reads memory");
    lines
}

/// Octets of stack that were used, and that there are.
fn stack(lines: &[String]) -> (u32, u32) {
    let line = lines.iter().rfind(|line| line.contains("stack: ")).expect("it is looked at from time to time");
    let (used, size) = line.split_once("stack: ").and_then(|(_, rest)| rest.split_once(" of ")).expect("two numbers");
    let size = size.split(' ').next().expect("a number");
    (used.parse().expect("a number"), size.parse().expect("a number"))
}

/// A packet that every decoder understands, and what the program makes of it as a file of this name.
fn good() -> (Vec<u8>, String) {
    let file = data("bad-packets/packets/good.1.bin");
    let line = decode(&["--format", "exact", file.to_str().expect("a path")]);
    (std::fs::read(&file).expect("it is there"), line.trim_end().to_owned())
}

/// Every datagram of a file or folder means on the board what it means to `collectd-tap`, and the next good one is understood.
fn agrees(model: Model, board: &mut Board, path: &Path, arguments: &[&str]) {
    let (good, good_line) = good();
    // A good packet of nobody's is refused where packets have to be signed; what the program makes of it holds.
    let good_file = data("bad-packets/packets/good.1.bin");
    let good_file = good_file.to_str().expect("a path");
    let good_line = match arguments {
        [] => good_line,
        _ => decode(&[arguments, &["--format", "exact", good_file]].concat()).trim_end().to_owned(),
    };
    let mut expected = Vec::new();
    let files = match path.is_dir() {
        true => {
            let mut files: Vec<_> =
                std::fs::read_dir(path).expect("a folder").map(|entry| entry.expect("a file").path()).collect();
            files.sort();
            files
        }
        false => vec![path.to_owned()],
    };
    let files: Vec<&str> = files.iter().map(|file| file.to_str().expect("a path")).collect();
    expected.extend(decode(&[arguments, &["--format", "exact"], &files].concat()).lines().map(str::to_owned));

    let datagrams = datagrams(path).expect("they can be read");
    assert_eq!(datagrams.len(), expected.len());
    for (datagram, expected) in datagrams.iter().zip(expected) {
        let name = &datagram.name;
        let family = match board::family(datagram) {
            Ok(family) => family,
            Err(reason) => {
                println!("{}: {name}: left out: {reason}", model.name());
                continue;
            }
        };
        let line = board.exact(family, &datagram.payload, name).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(line, expected, "{name} on {}", model.name());
        let line = board.exact(Family::V4, &good, "good.1.bin").unwrap_or_else(|error| panic!("after {name}: {error}"));
        assert_eq!(line, good_line, "after {name} on {}", model.name());
    }
}

/// Bad packets with users and without, at each level; and what that took of the stack.
fn bad_packets(model: Model) {
    let set = data("bad-packets/packets");
    let authfile = data("bad-packets/authfile");
    let users = board::users(&authfile).expect("settings know such users");
    let authfile = authfile.to_str().expect("a path");
    let mut most = (0, 1);
    for level in ["", "none", "sign", "encrypt"] {
        let (settings, arguments) = match level {
            "" => (String::new(), vec![]),
            _ => {
                (format!("{users}security-level = {level}\n"), vec!["--auth-file", authfile, "--security-level", level])
            }
        };
        let mut board = start(model, &settings);
        agrees(model, &mut board, &set, &arguments);
        // The stack is looked at every quarter of a second.
        let looked = Instant::now();
        until("another look at the stack", || looked.elapsed() > Duration::from_millis(600));
        most = most.max(stack(&log(firmware(model), &board)));
    }
    let (used, size) = most;
    println!("{}: {used} of {size} octets of stack", model.name());
    assert!(used * 3 <= size * 2, "{used} of {size} octets of stack");
}

#[test]
fn bad_packets_on_lm3s6965evb() {
    bad_packets(Model::Lm3s6965evb);
}

#[test]
fn bad_packets_on_mps2_an386() {
    bad_packets(Model::Mps2An386);
}

/// Captures of real senders.
fn captures(model: Model) {
    let mut plain = start(model, "");
    for name in ["small-packets", "all-data-types", "notifications", "malformed", "old-4.10", "plain-ipv6"] {
        agrees(model, &mut plain, &capture(&format!("{name}.pcap")), &[]);
    }
    drop(plain);
    let authfile = capture("users.auth");
    let users = board::users(&authfile).expect("settings know such users");
    let authfile = authfile.to_str().expect("a path");
    for (level, names) in
        [("none", &["auth-mixed", "signed"][..]), ("sign", &["auth-mixed"]), ("encrypt", &["auth-mixed", "encrypted"])]
    {
        let mut board = start(model, &format!("{users}security-level = {level}\n"));
        for name in names {
            let arguments = ["--auth-file", authfile, "--security-level", level];
            agrees(model, &mut board, &capture(&format!("{name}.pcap")), &arguments);
        }
    }
}

#[test]
fn captures_on_lm3s6965evb() {
    captures(Model::Lm3s6965evb);
}

#[test]
fn captures_on_mps2_an386() {
    captures(Model::Mps2An386);
}

/// A notification of plugin "inject" that asks for a fault.
fn fault(message: &str) -> Vec<u8> {
    let mut packet = Vec::new();
    for (kind, body) in [
        (0_u16, &b"tests\0"[..]),
        (2, b"inject\0"),
        (8, &(1_u64 << 30).to_be_bytes()),
        (0x0101, &1_u64.to_be_bytes()),
        (0x0100, format!("{message}\0").as_bytes()),
    ] {
        packet.extend(kind.to_be_bytes());
        packet.extend(u16::try_from(4 + body.len()).expect("it is short").to_be_bytes());
        packet.extend(body);
    }
    packet
}

/// A board that has the fault starts again in time, says why on its first line, and hears its groups again.
fn starts_again(model: Model, message: &str, reason: &str) -> io::Result<()> {
    let mut board = start(model, "");
    let lines = log(firmware(model), &board);
    assert!(lines[0].ends_with(": started"), "the first line is {:?}", lines[0]);
    let asked = Instant::now();
    board.send(Family::V4, &fault(message))?;
    let started = format!("{}: started", model.name());
    let again = |board: &Board| log(firmware(model), board).into_iter().skip(1).find(|line| line.contains(&started));
    until("the board to start again", || again(&board).is_some());
    let took = asked.elapsed();
    let line = again(&board).expect("it was there");
    println!("{message}: {line} after {} ms", took.as_millis());
    assert!(took < Duration::from_secs(2), "{took:?}");
    assert!(line.contains(&format!("{}: started again: {reason}", model.name())), "{line:?}");
    board.listens()
}

#[test]
fn hang_ends_in_a_reset_and_is_told() -> io::Result<()> {
    Model::ALL.into_iter().try_for_each(|model| starts_again(model, "hang", "watchdog"))
}

/// With interrupts off nobody can write the reason down, unless the chip does, which QEMU's does not.
#[test]
fn deaf_hang_ends_in_a_reset() -> io::Result<()> {
    starts_again(Model::Lm3s6965evb, "deaf", "reset")?;
    // Its watchdog's interrupt cannot be turned off.
    starts_again(Model::Mps2An386, "deaf", "watchdog")
}

#[test]
fn reason_of_a_panic_is_told() -> io::Result<()> {
    Model::ALL.into_iter().try_for_each(|model| {
        starts_again(model, "panic", "panic at firmware/boards/qemu/src/inject.rs:14: as requested")
    })
}

/// The script says which word is wrong, what it may have been, and what there is; it builds nothing before.
#[test]
fn wrong_words_of_the_script_are_named() -> io::Result<()> {
    for (words, said) in [
        (["run", "lm3s"], "no board `lm3s`, did you mean `lm3s6965evb`; there are: lm3s6965evb mps2-an386"),
        (["run", "mps2-an387"], "no board `mps2-an387`, did you mean `mps2-an386`; there are: lm3s6965evb mps2-an386"),
        (["run", "nothing"], "no board `nothing`; there are: lm3s6965evb mps2-an386"),
        (["exat", "mps2-an386"], "no command `exat`, did you mean `exact`; there are: run exact"),
    ] {
        let output =
            std::process::Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("board")).args(words).output()?;
        assert_eq!(String::from_utf8_lossy(&output.stderr), format!("tests/board: {said}\n"));
        assert_eq!(output.status.code(), Some(2));
    }
    Ok(())
}

/// What the real boards copy and fill memory with, in assembler, on processors that know its instructions.
#[test]
fn copies_and_fills_of_real_boards_are_right() -> io::Result<()> {
    for (model, target) in [
        (Model::Lm3s6965evb, "thumbv6m-none-eabi"),
        (Model::Mps2An386, "thumbv6m-none-eabi"),
        (Model::Mps2An386, "thumbv7em-none-eabihf"),
    ] {
        let said = board::memory(model, target)?;
        println!("{target} on {}: {}", model.name(), said.trim_end());
        // Two kinds of copies, moves of one room, three kinds of fills.
        assert_eq!(said.trim_end(), format!("{} copies, moves and fills", 71 * (2 * 8 * 8 + 24 * 24 + 13 * 8)));
    }
    Ok(())
}

/// What a board counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Counts {
    packets: u64,
    /// What they took.
    nanos: u64,
    lost: u64,
}

/// The numbers of the last line that tells them.
fn counts(lines: &[String]) -> Counts {
    let numbers = |line: &String| {
        let (packets, rest) = line.split_once("received: ")?.1.split_once(" packets in ")?;
        let (nanos, lost) = rest.split_once(" ns, lost: ")?;
        let lost = lost.strip_suffix(" frames")?;
        Some(Counts { packets: packets.parse().ok()?, nanos: nanos.parse().ok()?, lost: lost.parse().ok()? })
    };
    lines.iter().rev().find_map(numbers).unwrap_or_default()
}

/// Waits until a board with firmware that says nothing of packets counts them.
fn counts_packets(firmware: &Path, board: &mut Board) {
    until("the board to listen", || {
        _ = board.send(Family::V4, &[]);
        counts(&log(firmware, board)).packets > 0
    });
}

/// 5,000 packets a second of 1,300 octets and more, and from time to time a frame that is too long for the FIFO.
#[test]
fn overload_is_received_or_counted() -> io::Result<()> {
    const RATE: u32 = 5_000;
    const PACKETS: u32 = 3 * RATE;
    const EVERY: u32 = 500;

    let firmware = build(Model::Lm3s6965evb, &["measure"]);
    let mut board = Board::spawn(Model::Lm3s6965evb, &firmware, QUIET)?;
    let recorded = datagrams(&capture("plain-ipv4.pcap"))?;
    let recorded: Vec<_> = recorded.iter().filter(|datagram| datagram.payload.len() > 1_300).collect();
    counts_packets(&firmware, &mut board);
    let before = settled(&firmware, &board);

    let start = Instant::now();
    let mut too_long = 0;
    for number in 0..PACKETS {
        let due = start + Duration::from_secs(1) * number / RATE;
        std::thread::sleep(due.saturating_duration_since(Instant::now()));
        board.send(Family::V4, &recorded[number as usize % recorded.len()].payload)?;
        if number % EVERY == 0 {
            board.send_frame(&[0xff; 2_046])?;
            too_long += 1;
        }
    }
    let took = start.elapsed();
    let after = settled(&firmware, &board);
    let (received, lost) = (after.packets - before.packets, after.lost - before.lost);
    // On a busy PC it is less: QEMU holds frames back that the chip has no room for.
    let rate = f64::from(PACKETS) / took.as_secs_f64();
    println!(
        "{PACKETS} packets at {rate:.0}/s and {too_long} long frames: {received} received, {lost} counted as lost"
    );
    assert_eq!(received + lost, u64::from(PACKETS) + too_long);
    assert_eq!(lost, too_long);
    Ok(())
}

/// The counts when they rise no more.
fn settled(firmware: &Path, board: &Board) -> Counts {
    let (mut last, mut since) = (counts(&log(firmware, board)), Instant::now());
    until("the counts to settle", || {
        let now = counts(&log(firmware, board));
        if now != last {
            (last, since) = (now, Instant::now());
        }
        since.elapsed() > Duration::from_secs(1)
    });
    last
}

/// A pulled cable is noticed, and a plugged one. Only one of the boards can tell.
#[test]
fn cable_is_noticed() -> io::Result<()> {
    let mut board = start(Model::Mps2An386, "");
    let says = |board: &Board, what: &str| {
        log(firmware(Model::Mps2An386), board).iter().filter(|line| line.ends_with(what)).count()
    };
    board.plug(false)?;
    until("the board to notice", || says(&board, "link down") == 1);
    let plugged = Instant::now();
    board.plug(true)?;
    until("the board to notice", || says(&board, "link up") == 2);
    board.listens()?;
    assert!(plugged.elapsed() < Duration::from_secs(2));
    Ok(())
}

/// Instructions for a packet from the Ethernet's FIFO to its last item, by QEMU's count: a nanosecond for each.
#[test]
fn instructions_for_a_packet() -> io::Result<()> {
    let users = board::users(&capture("users.auth"))?;
    for model in Model::ALL {
        let firmware = build(model, &["measure"]);
        // Packets with series that have places are few enough for that and come again and again; of the other plain ones, as many as
        // of the others, most have none. What they took, and a twentieth, but for the goal of plain ones.
        for (name, kind, different, limit) in [
            ("plain-ipv4", "plain-ipv4", PACKETS, 10_000),
            ("plain-ipv4", "known series", 4, 13_000),
            ("signed", "signed", PACKETS, 109_000),
            ("encrypted", "encrypted", PACKETS, 643_000),
        ] {
            let settings = if name == "plain-ipv4" { "" } else { &users };
            let settings = format!("{QUIET}{settings}");
            let mut board = Board::spawn_with(model, &firmware, &settings, &["-icount", "shift=0"])?;
            counts_packets(&firmware, &mut board);
            let recorded = datagrams(&capture(&format!("{name}.pcap")))?;
            let recorded: Vec<_> =
                recorded.iter().filter(|datagram| datagram.payload.len() > 1_300).take(different).collect();
            let send = |board: &mut Board, packets: usize| {
                for datagram in recorded.iter().cycle().take(packets) {
                    // One at a time, and no frame of another kind at the same time.
                    std::thread::sleep(Duration::from_millis(10));
                    board.send(Family::V4, &datagram.payload)?;
                }
                io::Result::Ok(())
            };
            if different < PACKETS {
                send(&mut board, different)?;
            }
            let before = settled(&firmware, &board);
            send(&mut board, PACKETS)?;
            let after = settled(&firmware, &board);
            let packets = after.packets - before.packets;
            assert_eq!(packets, PACKETS as u64);
            let octets = recorded.iter().cycle().take(PACKETS).map(|datagram| datagram.payload.len()).sum::<usize>();
            let octets = octets / PACKETS;
            let instructions = (after.nanos - before.nanos) / packets;
            println!("{}: {kind}: {instructions} instructions for a packet of {octets} octets", model.name());
            assert!(instructions <= limit, "{}: {kind}: {instructions} instructions, more than {limit}", model.name());
        }
    }
    Ok(())
}

/// How many packets instructions are counted for.
const PACKETS: usize = 50;

/// Datagrams with a wrong sum are not received, whatever their length is beside that of a FIFO's words, and the next one is.
#[test]
fn damaged_datagrams_are_not_received() -> io::Result<()> {
    let (good, good_line) = good();
    for model in Model::ALL {
        let mut board = start(model, "");
        for family in [Family::V4, Family::V6] {
            for length in 0..=70 {
                for frame in frames(family, PORT, 1, &good[..good.len().min(length)]) {
                    let mut damaged = frame.clone();
                    let last = damaged.len() - 1;
                    damaged[last] ^= 1;
                    board.send_frame(&damaged)?;
                }
                let line = board.exact(family, &good, "good.1.bin")?;
                assert_eq!(line, good_line, "{} after {length} octets", model.name());
            }
        }
    }
    Ok(())
}
