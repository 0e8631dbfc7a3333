//! `collectd-tap record` and `replay` where something fails: what a file does not hold, and what is not sent, is counted.

use std::{
    fs::{self, File},
    net::SocketAddr,
    path::Path,
    process::Command,
};

use collectd_net_tests::{
    capture, decode,
    heard::value,
    net::{Net, PORT, RECEIVER, TO_RECEIVER},
    recording::{assert_same, folder, name, payloads, record, replay},
    run,
    tap::Tap,
    until,
};
use nix::sys::signal::Signal;

/// Octets before the first record, and before the frame of each.
const FILE_HEADER: usize = 24;
const RECORD_HEADER: usize = 16;
/// Octets of the headers of IPv4 and UDP.
const HEADERS: usize = 28;

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
