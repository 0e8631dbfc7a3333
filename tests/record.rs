//! `collectd-tap record` and `replay`: what is recorded is what was sent, for collectd, tshark and gzip too; what a file does not
//! hold is counted.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::{Command, Output},
    time::{SystemTime, UNIX_EPOCH},
};

use collectd_net::Time;
use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    capture,
    collectd::{Block, Collectd},
    data,
    datagrams::datagrams,
    decode,
    heard::value,
    hex,
    json::Object,
    net::{GROUPS, Net, PORT, RECEIVER, SENDER, TO_RECEIVER, TO_SENDER},
    run,
    tap::{Ended, Tap, tap},
    until,
};
use nix::sys::signal::Signal;
use tempfile::TempDir;

/// Octets before the first record, and before the frame of each.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Octets of the headers of IPv4 and UDP.
const HEADERS: usize = 28;

/// Value lists of all kinds, and a notification: what is put into a collectd.
const COMMANDS: [&str; 6] = [
    "PUTVAL alpha.example.net/p-pi/counter-ti 1700000000:18446744073709551615",
    "PUTVAL alpha.example.net/p/derive interval=2.5 1700000000.123456789:-9223372036854775808",
    "PUTVAL alpha.example.net/p/absolute interval=0.001 1700000000.5:9007199254740993",
    "PUTVAL alpha.example.net/load/load interval=60 1700000001:0.1:U:1e-300",
    "PUTVAL \"βeta host.example.net/wärme pumpe-keller west/temperature-\\\"links\\\"\" 1700000002:-0.0",
    "PUTNOTIF severity=failure time=1700000003 message=\"the roof is on fire\"",
];

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary directory is to be had")
}

fn name(path: &Path) -> &str {
    path.to_str().expect("a path in UTF-8")
}

/// An address with the interface that a group needs.
fn on(to: SocketAddr, interface: &str) -> String {
    if to.ip().is_multicast() { format!("{to}%{interface}") } else { to.to_string() }
}

fn record(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Tap {
    Tap::start(&net.receiver, &[&["record", "-L", &on(to, TO_SENDER), name(file)], more].concat())
}

/// Replays as fast as it goes, unless `more` says something else.
fn replay(net: &Net, to: SocketAddr, file: &Path, more: &[&str]) -> Output {
    let pace = if more.iter().any(|word| ["--speed", "--packet-rate"].contains(word)) { &[][..] } else { &MAX };
    let server = on(to, TO_RECEIVER);
    net.sender.run(tap(), &[&["replay", "-S", &server, name(file)], pace, more].concat())
}

const MAX: [&str; 2] = ["--packet-rate", "max"];

/// Replays a file into a recorder of as many packets as it has.
fn again(net: &Net, to: SocketAddr, from: &Path, into: &Path, replaying: &[&str], recording: &[&str]) -> Ended {
    let count = payloads(from).len().to_string();
    let recorder = record(net, to, into, &[&["--count", &count], recording].concat());
    let replayed = replay(net, to, from, replaying);
    assert!(replayed.status.success(), "{from:?}: {}", String::from_utf8_lossy(&replayed.stderr));
    let ended = recorder.wait();
    assert_eq!((ended.code, ended.count("packet")), (Some(0), count.parse().expect("a number")), "{}", ended.talk);
    ended
}

/// The payloads of a capture, as far as they are whole.
fn payloads(file: &Path) -> Vec<Vec<u8>> {
    let datagrams = datagrams(file).unwrap_or_else(|error| panic!("{file:?}: {error}"));
    datagrams.into_iter().filter(|datagram| !datagram.truncated).map(|datagram| datagram.payload).collect()
}

/// Compares without printing everything.
fn assert_same(left: &[Vec<u8>], right: &[Vec<u8>], what: &str) {
    let place = left.iter().zip(right).position(|(left, right)| left != right);
    assert_eq!((left.len(), place), (right.len(), None), "{what}");
}

/// The captures of senders, all but the one without packets for collectd.
fn captures() -> Vec<PathBuf> {
    let entries =
        fs::read_dir(data("captures")).expect("the folder of captures").map(|entry| entry.expect("one").path());
    let mut files: Vec<_> = entries.filter(|path| path.extension().is_some_and(|kind| kind == "pcap")).collect();
    files.retain(|path| !path.ends_with("join.pcap"));
    files.sort();
    assert!(files.len() >= 14);
    files
}

#[test]
fn what_is_recorded_replayed_and_recorded_again_is_the_same_in_the_same_order() {
    let net = Net::new();
    let folder = folder();
    let file = |name: &str| folder.path().join(name);
    for capture in captures() {
        for family in [0, 1] {
            let [group, host] = [GROUPS, RECEIVER].map(|addresses| SocketAddr::new(addresses[family], PORT));
            again(&net, group, &capture, &file("first.pcap"), &[], &["--overwrite"]);
            again(&net, host, &file("first.pcap"), &file("second.pcap"), &[], &["--overwrite"]);
            let sent = payloads(&capture);
            assert!(sent.len() >= 10, "{capture:?}");
            assert_same(&payloads(&file("first.pcap")), &sent, &format!("{capture:?} to {group}"));
            assert_same(&payloads(&file("second.pcap")), &sent, &format!("{capture:?} to {host}"));
        }
    }
}

#[test]
fn tshark_reads_a_recording_as_decode_does() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("recorded.pcap");
    for family in [0, 1] {
        let to = SocketAddr::new(RECEIVER[family], PORT);
        again(&net, to, &capture("plain-ipv4.pcap"), &file, &[], &["--overwrite"]);
        let addresses = [["ip.src", "ip.dst"], ["ipv6.src", "ipv6.dst"]][family];
        let checks = ["ip.check_checksum:TRUE", "udp.check_checksum:TRUE"].map(|check| ["-o", check]).concat();
        let fields = [&["udp.payload", "udp.dstport", "udp.checksum.status", "ip.checksum.status"][..], &addresses];
        let fields: Vec<_> = fields.concat().into_iter().flat_map(|field| ["-e", field]).collect();
        let arguments = [&["-r", name(&file), "-T", "fields"][..], &checks, &fields].concat();
        let lines = tshark(&arguments);
        let good = ["1", ""][family];
        let expected: Vec<_> = payloads(&file)
            .iter()
            .map(|payload| format!("{}\t{PORT}\t1\t{good}\t{}\t{}", hex(payload), SENDER[family], to.ip()))
            .collect();
        assert_eq!(lines, expected);
        // Values one by one, as another decoder finds them.
        let values = ["collectd.val.gauge", "collectd.val.derive", "collectd.val.counter", "collectd.val.absolute"];
        let values: Vec<_> = values.into_iter().flat_map(|field| ["-e", field]).collect();
        let lines = tshark(&[&["-r", name(&file), "-T", "fields"][..], &values].concat());
        let tshark = lines.iter().flat_map(|line| line.split(['\t', ','])).filter(|value| !value.is_empty()).count();
        let decoded = decode(&["-o", "{value}", name(&file)]).lines().count();
        assert_eq!((tshark, decoded), (2858, 2858));
        // The time of arrival is that of the recorder's clock.
        let times: Vec<f64> = tshark_times(&file);
        assert!(times.is_sorted() && times.len() == 100, "{times:?}");
    }
}

fn tshark(arguments: &[&str]) -> Vec<String> {
    let output = Command::new("tshark").args(arguments).output().expect("tshark is installed");
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8").lines().map(str::to_owned).collect()
}

fn tshark_times(file: &Path) -> Vec<f64> {
    let lines = tshark(&["-r", name(file), "-T", "fields", "-e", "frame.time_epoch"]);
    lines.iter().map(|time| time.parse().expect("seconds")).collect()
}

/// The exact items of `-o json` lines, sorted.
fn exact<'a>(lines: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut items: Vec<_> = lines.into_iter().map(|line| Object::read(line).exact()).collect();
    items.sort();
    items
}

#[test]
fn what_a_collectd_seals_stays_sealed_and_opens_to_the_same_items() {
    let net = Net::new();
    let folder = folder();
    let auth = AuthFile::new(["user"]);
    let seals: [fn(Block) -> Block; 2] =
        [|block| block.sign("user", PASSWORD), |block| block.encrypt("user", PASSWORD)];
    for (family, seal) in [(0, 0), (1, 1), (0, 1), (1, 0)] {
        let file = folder.path().join(format!("{family}{seal}.pcap"));
        let group = SocketAddr::new(GROUPS[family], PORT);
        let recorder = record(&net, group, &file, &[]);
        let live = Tap::start(
            &net.receiver,
            &["listen", "-L", &on(group, TO_SENDER), "-o", "json", "-a", auth.path(), "-s", "sign"],
        );
        let block = Block::server(group.ip(), group.port()).interface(TO_RECEIVER);
        let collectd = Collectd::start(&net.sender, &[seals[seal](block)]);
        COMMANDS.iter().for_each(|command| collectd.put(command));
        let lines = live.wait_for(COMMANDS.len(), || collectd.flush());
        let decoded = || {
            let output = run(&["decode", "-o", "json", "-a", auth.path(), "-s", "sign", name(&file)]);
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        until("everything to be in the file", || decoded().lines().count() >= COMMANDS.len());
        let ended = recorder.interrupt();
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
        assert_eq!(exact(decoded().lines()), exact(lines.iter().map(String::as_str)));
        // The first part is a signature, or what is encrypted.
        let first = [[0x02, 0x00], [0x02, 0x10]][seal];
        let payloads = payloads(&file);
        assert!(!payloads.is_empty() && payloads.iter().all(|payload| payload.starts_with(&first)));
        let octets = fs::read(&file).expect("it is ours");
        assert_eq!(octets.windows(7).any(|seven| seven == b"example"), seal == 0);
        if seal == 1 {
            let output = run(&["decode", name(&file)]);
            assert!(output.stdout.is_empty(), "{output:?}");
        }
    }
}

#[test]
fn another_collectd_stores_what_is_replayed() {
    let net = Net::new();
    let folder = folder();
    let users = data("captures/users.auth");
    for (family, set, level) in [(0, "plain-ipv4", "none"), (1, "signed", "sign"), (0, "encrypted", "encrypt")] {
        let file = folder.path().join(format!("{set}.pcap"));
        let to = SocketAddr::new(RECEIVER[family], PORT);
        again(&net, to, &capture(&format!("{set}.pcap")), &file, &[], &[]);
        let truth = fs::read_to_string(capture(&format!("{set}.truth.tsv"))).expect("the truth");
        let expected: BTreeSet<_> = truth.lines().filter(|line| line.starts_with("V\t")).map(identifier).collect();
        assert!(expected.len() > 50);
        let collectd = Collectd::start(&net.receiver, &[Block::listen(to.ip(), PORT).accept(level, name(&users))]);
        // Its receive buffer is small: what did not fit is sent once more.
        let mut rounds = 0;
        until("collectd to know everything", || {
            if rounds % 50 == 0 {
                let output = replay(&net, to, &file, &[]);
                assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
            }
            rounds += 1;
            collectd.names().len() >= expected.len()
        });
        assert_eq!(collectd.names(), expected);
    }
}

/// The identifier of a line of the truth, as collectd writes it.
fn identifier(line: &str) -> String {
    let columns: Vec<_> = line.split('\t').collect();
    let pair = |one: &str, other: &str| if other.is_empty() { one.to_owned() } else { format!("{one}-{other}") };
    format!("{}/{}/{}", columns[1], pair(columns[2], columns[3]), pair(columns[4], columns[5]))
}

/// The files of a folder, by name.
fn files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).expect("it is ours");
    let mut files: Vec<_> = entries.map(|entry| entry.expect("one").path()).collect();
    files.sort();
    files
}

#[test]
fn files_are_rotated_by_size_without_losing_a_packet_and_the_oldest_deleted() {
    let net = Net::new();
    let fleet = capture("fleet-50.pcap");
    let sent = payloads(&fleet);
    let to = SocketAddr::new(RECEIVER[0], PORT);
    for keep in [None, Some(3)] {
        let folder = folder();
        let keeping = keep.map(|keep: usize| keep.to_string());
        let keeping: Vec<_> = keeping.iter().flat_map(|keep| ["--keep", keep]).collect();
        let more = [&["--rotate-size", "20K"][..], &keeping].concat();
        let ended = again(&net, to, &fleet, &folder.path().join("fleet.pcap"), &[], &more);
        let files = files(folder.path());
        let all = usize::try_from(ended.count("file")).expect("some");
        assert!(all >= 12, "{}", ended.talk);
        assert_eq!(files.len(), keep.unwrap_or(all));
        let mut found = Vec::new();
        for (number, file) in (all - files.len() + 1..).zip(&files) {
            let name = file.file_name().and_then(|name| name.to_str()).expect("a name");
            assert!(name.starts_with(&format!("fleet_{number:05}_")) && name.ends_with(".pcap"), "{name}");
            assert!(fs::metadata(file).expect("it is there").len() <= 20 << 10);
            found.extend(payloads(file));
        }
        let first = if keep.is_some() { sent.len() - found.len() } else { 0 };
        assert!(!found.is_empty());
        assert_same(&found, &sent[first..], "rotated");
    }
}

#[test]
fn files_are_rotated_by_time_without_losing_a_packet() {
    let net = Net::new();
    let folder = folder();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let recorder = record(&net, to, &folder.path().join("timed.pcap"), &["--rotate-time", "1s"]);
    let mut sent = Vec::new();
    until("a third file", || {
        sent.push(value(sent.len() as u16));
        net.sender.send(TO_RECEIVER, to, &sent[sent.len() - 1]);
        files(folder.path()).len() >= 3
    });
    let ended = recorder.interrupt();
    assert_eq!((ended.code, ended.count("packet")), (Some(0), sent.len() as u64), "{}", ended.talk);
    let files = files(folder.path());
    assert_eq!(files.len() as u64, ended.count("file"), "{}", ended.talk);
    let found: Vec<_> = files.iter().flat_map(|file| payloads(file)).collect();
    assert_same(&found, &sent, "rotated by time");
}

#[test]
fn a_compressed_recording_is_one_that_gzip_and_tshark_read() {
    let net = Net::new();
    let folder = folder();
    let [packed, plain] = ["packed.pcap.gz", "plain.pcap"].map(|name| folder.path().join(name));
    let to = SocketAddr::new(RECEIVER[1], PORT);
    let capture = capture("plain-ipv6.pcap");
    again(&net, to, &capture, &packed, &[], &["--gzip"]);
    let out = File::create(&plain).expect("the folder is ours");
    let status = Command::new("gzip").arg("-dc").arg(&packed).stdout(out).status().expect("gzip is there");
    assert!(status.success());
    assert_same(&payloads(&plain), &payloads(&capture), "unpacked");
    assert_eq!(decode(&["-o", "json", name(&packed)]), decode(&["-o", "json", name(&plain)]));
    let payload = ["-T", "fields", "-e", "udp.payload"];
    let read = |file| tshark(&[&["-r", name(file)][..], &payload].concat());
    assert_eq!(read(&packed), read(&plain));
    assert!(fs::metadata(&packed).expect("it").len() < fs::metadata(&plain).expect("it").len() / 2);
    // And it can be replayed as it is.
    let recorder = record(&net, to, &folder.path().join("last.pcap"), &["--count", "99"]);
    assert!(replay(&net, to, &packed, &[]).status.success());
    assert_eq!(recorder.wait().code, Some(0));
    assert_same(&payloads(&folder.path().join("last.pcap")), &payloads(&capture), "replayed");
}

/// A recording of small packets, all of one length.
fn small_packets(net: &Net, file: &Path) -> Vec<Vec<u8>> {
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let packets: Vec<_> = (0..6).map(value).collect();
    let recorder = record(net, to, file, &["--count", "6"]);
    net.sender.send_all(TO_RECEIVER, to, &packets);
    assert_eq!(recorder.wait().code, Some(0));
    packets
}

#[test]
fn a_half_written_recording_is_read_up_to_there_and_the_place_told() {
    let net = Net::new();
    let folder = folder();
    let [whole, half, replayed] = ["whole.pcap", "half.pcap", "replayed.pcap"].map(|name| folder.path().join(name));
    let packets = small_packets(&net, &whole);
    let octets = fs::read(&whole).expect("it is there");
    let record_length = RECORD_HEADER + HEADERS + packets[0].len();
    assert_eq!(octets.len(), FILE_HEADER + 6 * record_length);
    let lines = decode(&[name(&whole)]);
    let first_three: String = lines.split_inclusive('\n').take(3).collect();
    let fourth = FILE_HEADER + 3 * record_length;
    for cut in fourth..fourth + record_length {
        fs::write(&half, &octets[..cut]).expect("the folder is ours");
        let output = run(&["decode", name(&half)]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(String::from_utf8_lossy(&output.stdout), first_three, "cut at {cut}: {said}");
        let is_whole = cut == fourth;
        assert_eq!(output.status.code(), Some(if is_whole { 0 } else { 1 }), "cut at {cut}: {said}");
        assert_eq!(said.contains(&format!("octet {fourth} ")), !is_whole, "cut at {cut}: {said}");
        assert!(said.contains("3 packets, 3 items"), "cut at {cut}: {said}");
    }
    // What is there is sent, too.
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let recorder = record(&net, to, &replayed, &["--count", "3"]);
    let output = replay(&net, to, &half, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains(&format!("octet {fourth} ")) && said.contains("3 packets replayed"), "{said}");
    assert_eq!(recorder.wait().code, Some(0));
    assert_same(&payloads(&replayed), &packets[..3], "the first three");
}

#[test]
fn a_full_disk_costs_what_does_not_fit_and_every_packet_is_counted() {
    // Of packets whose names repeat, many more fit when they are compressed.
    for (more, set, rounds, least) in [(&[][..], "plain-ipv4.pcap", 10, 40), (&["--gzip"], "plain-ipv4.pcap", 10, 200)]
    {
        full_disk(more, &capture(set), rounds, least);
    }
}

/// Records all packets of a capture, so many times, on a disk of 64 KiB; at least so many of them fit.
fn full_disk(more: &[&str], capture: &Path, rounds: u64, least: u64) {
    let net = Net::new();
    let (disk, kept) = (folder(), folder());
    let sent = payloads(capture);
    let all = sent.len() as u64 * rounds;
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let file = disk.path().join("full.pcap");
    let (listen, count) = (to.to_string(), all.to_string());
    let words = [&["record", "-L", &listen, "--count", &count, name(&file)], more].concat();
    let recorder = Tap::start_on_small_disk(&net.receiver, 64 << 10, disk.path(), kept.path(), &words);
    assert!(replay(&net, to, capture, &["--loop", &rounds.to_string()]).status.success());
    let ended = recorder.wait();
    assert_eq!(ended.code, Some(1), "{}", ended.talk);
    let is_told = format!("cannot write to {} at octet ", name(&file));
    assert!(ended.talk.contains(&is_told) && ended.talk.contains("No space left on device"), "{}", ended.talk);
    let (recorded, lost) = (ended.count("packet"), ended.count("not"));
    assert_eq!(recorded + lost, all, "{}", ended.talk);
    assert!(recorded >= least, "{}", ended.talk);
    let file = kept.path().join("full.pcap");
    let found = payloads(&file);
    assert_eq!(found.len() as u64, recorded, "{}", ended.talk);
    let length = fs::metadata(&file).expect("it is there").len();
    assert_eq!(length, ended.count("octets"), "{}", ended.talk);
    // As many whole records as there is room for: another one of the longest might not fit.
    assert!(((64 << 10) - 1500..=64 << 10).contains(&length), "{}", ended.talk);
    // No record is damaged, and those that are there are in order.
    assert!(run(&["decode", name(&file)]).status.success());
    if more.contains(&"--gzip") {
        let file = File::open(&file).expect("it is there");
        assert!(Command::new("gzip").arg("-t").stdin(file).status().expect("gzip is there").success());
    }
    let mut all = sent.iter().cycle().take(all as usize);
    assert!(found.iter().all(|packet| all.any(|sent| sent == packet)));
}

#[test]
fn a_killed_recorder_leaves_whole_records_of_all_that_was_flushed() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("killed.pcap");
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let packets: Vec<_> = (0..20).map(value).collect();
    let recorder = record(&net, to, &file, &[]);
    net.sender.send_all(TO_RECEIVER, to, &packets[..10]);
    let length = || fs::metadata(&file).map_or(0, |metadata| metadata.len() as usize);
    let first_ten = FILE_HEADER + 10 * (RECORD_HEADER + HEADERS + packets[0].len());
    until("ten packets to be in the file", || length() >= first_ten);
    net.sender.send_all(TO_RECEIVER, to, &packets[10..]);
    recorder.signal(Signal::SIGKILL);
    assert_eq!(recorder.wait().code, None);
    let found = payloads(&file);
    assert!((10..=20).contains(&found.len()), "{}", found.len());
    assert_same(&found, &packets[..found.len()], "what is left");
}

#[test]
fn packets_that_cannot_be_sent_fail_the_replay_and_harm_no_other_server() {
    let net = Net::new();
    let folder = folder();
    let encrypted = capture("encrypted.pcap");
    let count = payloads(&encrypted).len();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    // Nobody listens at the first, and no way leads to the second.
    for (server, talk) in [("127.0.0.1:9", "nobody listens there"), ("192.0.2.1", "Network is unreachable")] {
        let file = folder.path().join(format!("beside-{server}.pcap"));
        let recorder = record(&net, to, &file, &["--count", &count.to_string()]);
        let output = replay(&net, to, &encrypted, &["-S", server]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(1), "{said}");
        assert!(said.contains(talk), "{said}");
        assert!(said.contains(&format!("{to}: {count} packets sent")), "{said}");
        if server == "192.0.2.1" {
            assert!(said.contains(&format!("{server}:{PORT}: 0 packets sent, 0 octets, {count} failed")), "{said}");
        }
        assert_eq!(recorder.wait().code, Some(0));
        assert_same(&payloads(&file), &payloads(&encrypted), server);
    }
}

#[test]
fn a_capture_that_is_missing_or_none_fails_the_replay_and_the_others_are_sent() {
    let net = Net::new();
    let folder = folder();
    let [file, none] = ["recorded.pcap", "none.pcap"].map(|name| folder.path().join(name));
    fs::write(&none, "no capture at all, whatever its name").expect("the folder is ours");
    let small = capture("small-packets.pcap");
    let to = SocketAddr::new(RECEIVER[1], PORT);
    let recorder = record(&net, to, &file, &["--count", &payloads(&small).len().to_string()]);
    let output = replay(&net, to, &none, &[name(&folder.path().join("missing.pcap")), name(&small)]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("none.pcap: ") && said.contains("missing.pcap: "), "{said}");
    assert_eq!(recorder.wait().code, Some(0));
    assert_same(&payloads(&file), &payloads(&small), "the one that is there");
}

#[test]
fn paces_change_when_packets_are_sent_and_not_which_or_in_what_order() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("paced.pcap");
    let plain = capture("plain-ipv4.pcap");
    let to = SocketAddr::new(RECEIVER[0], PORT);
    for pace in [["--packet-rate", "2000/s"], ["--speed", "10000x"]] {
        again(&net, to, &plain, &file, &pace, &["--overwrite"]);
        assert_same(&payloads(&file), &payloads(&plain), pace[0]);
    }
    again(&net, to, &plain, &file, &["--speed", "1x", "--max-gap", "1ms"], &["--overwrite"]);
    assert_same(&payloads(&file), &payloads(&plain), "--max-gap");
}

#[test]
fn a_terminal_shows_a_bar_that_grows_and_nobody_else_sees_one() {
    let net = Net::new();
    let file = capture("small-packets.pcap");
    let packets = payloads(&file).len();
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let _end = net.receiver.witness("lo", to);
    // It takes two seconds, in which the bar is drawn some times.
    let rate = format!("{}/s", packets / 2);
    let words = format!("{} replay --no-config -S {to} --packet-rate {rate}", tap().display());
    let on_terminal = |line: &str| {
        let mut command = net.sender.command("script");
        command.args(["-qec", line, "/dev/null"]).env("TERM", "xterm").env("COLUMNS", "100");
        let output = command.output().expect("it is installed");
        assert!(output.status.success(), "{output:?}");
        String::from_utf8(output.stdout).expect("UTF-8")
    };
    let percents = |said: &str| -> Vec<u64> {
        let bars = said.split('[').filter_map(|rest| rest.split_once(']')).filter(|(bar, _)| bar.len() == 30);
        let numbers = bars.filter_map(|(_, rest)| rest.split_once('%')?.0.trim().parse().ok());
        numbers.collect()
    };
    let said = on_terminal(&format!("{words} {}", file.display()));
    let grown = percents(&said);
    assert!(grown.is_sorted() && grown.len() >= 2 && grown.first() < grown.last(), "{grown:?}: {said:?}");
    assert!(said.contains("packets sent, 0 failed") && said.contains("[=>"), "{said:?}");
    // Where the end is not known, it counts.
    let said = on_terminal(&format!("cat {} | {words} -", file.display()));
    assert!(percents(&said).is_empty() && said.contains("packets sent, 0 failed"), "{said:?}");
    // Where there is no terminal, the counts are told in the end.
    let output = replay(&net, to, &file, &[]);
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(!said.contains('%') && said.contains(&format!("{packets} packets replayed")), "{said}");
}

/// The times of all items, in units of 2⁻³⁰ s, and everything else about them.
fn times(file: &Path) -> (Vec<i128>, Vec<String>) {
    let mut times = Vec::new();
    let mut rest = Vec::new();
    for packet in collectd_net_tests::exact(file, &[]) {
        for mut item in packet["items"].as_array().expect("a list of items").clone() {
            let time = item["time"].take();
            times.push(i128::from(time.as_u64().expect("64 bits")));
            rest.push(item.to_string());
        }
    }
    (times, rest)
}

#[test]
fn shifted_times_begin_now_and_keep_their_distances() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("shifted.pcap");
    let to = SocketAddr::new(RECEIVER[0], PORT);
    let now = || {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        i128::from(Time::try_from(now).expect("a time of collectd's").raw())
    };
    for set in ["plain-ipv4.pcap", "notifications.pcap", "fleet-50.pcap"] {
        let before = now();
        again(&net, to, &capture(set), &file, &["--shift-time"], &["--overwrite"]);
        let after = now();
        let (recorded, sent) = (times(&file), times(&capture(set)));
        assert!(recorded.0.len() > 50 && recorded.0.len() == sent.0.len());
        assert!((before..=after).contains(&recorded.0[0]), "{set}: {before} {} {after}", recorded.0[0]);
        let by = recorded.0[0] - sent.0[0];
        assert!(recorded.0.iter().zip(&sent.0).all(|(recorded, sent)| recorded - sent == by), "{set}");
        assert_eq!(recorded.1, sent.1, "{set}");
    }
}

#[test]
fn sealed_packets_keep_their_times_and_are_counted() {
    let net = Net::new();
    let folder = folder();
    let file = folder.path().join("sealed.pcap");
    let to = SocketAddr::new(RECEIVER[1], PORT);
    for set in ["signed.pcap", "encrypted.pcap"] {
        let sent = payloads(&capture(set));
        let recorder = record(&net, to, &file, &["--overwrite", "--count", &sent.len().to_string()]);
        let output = replay(&net, to, &capture(set), &["--shift-time"]);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{said}");
        assert!(said.contains(&format!(", {} sealed, whose times stay as they are", sent.len())), "{said}");
        assert_eq!(said.matches("warning: signed and encrypted packets keep the times").count(), 1, "{said}");
        assert_eq!(recorder.wait().code, Some(0));
        assert_same(&payloads(&file), &sent, set);
    }
}
