//! `collectd-tap record` and `replay`: what is recorded is what was sent, for collectd, tshark and gzip too.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    net::SocketAddr,
    path::{Path, PathBuf},
    process::Command,
};

use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    capture,
    collectd::{Block, Collectd},
    data, decode,
    heard::value,
    hex,
    json::Object,
    net::{GROUPS, Net, PORT, RECEIVER, SENDER, TO_RECEIVER, TO_SENDER},
    recording::{again, assert_same, files, folder, name, on, payloads, record, replay},
    run,
    tap::Tap,
    until,
};

/// Value lists of all kinds, and a notification: what is put into a collectd.
const COMMANDS: [&str; 6] = [
    "PUTVAL alpha.example.net/p-pi/counter-ti 1700000000:18446744073709551615",
    "PUTVAL alpha.example.net/p/derive interval=2.5 1700000000.123456789:-9223372036854775808",
    "PUTVAL alpha.example.net/p/absolute interval=0.001 1700000000.5:9007199254740993",
    "PUTVAL alpha.example.net/load/load interval=60 1700000001:0.1:U:1e-300",
    "PUTVAL \"βeta host.example.net/wärme pumpe-keller west/temperature-\\\"links\\\"\" 1700000002:-0.0",
    "PUTNOTIF severity=failure time=1700000003 message=\"the roof is on fire\"",
];

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
    let seals: [fn(Block) -> Block; 3] =
        [|block| block, |block| block.sign("user", PASSWORD), |block| block.encrypt("user", PASSWORD)];
    for (family, seal) in [(0, 0), (1, 0), (0, 1), (1, 1), (0, 2), (1, 2)] {
        let level = ["none", "sign", "encrypt"][seal];
        let file = folder.path().join(format!("{family}{seal}.pcap"));
        let group = SocketAddr::new(GROUPS[family], PORT);
        let recorder = record(&net, group, &file, &[]);
        let live = Tap::start(
            &net.receiver,
            &["listen", "-L", &on(group, TO_SENDER), "-o", "json", "-a", auth.path(), "-s", level],
        );
        let block = Block::server(group.ip(), group.port()).interface(TO_RECEIVER);
        let collectd = Collectd::start(&net.sender, &[seals[seal](block)]);
        COMMANDS.iter().for_each(|command| collectd.put(command));
        let lines = live.wait_for(COMMANDS.len(), || collectd.flush());
        let decoded = || {
            let output = run(&["decode", "-o", "json", "-a", auth.path(), "-s", level, name(&file)]);
            String::from_utf8(output.stdout).expect("UTF-8")
        };
        until("everything to be in the file", || decoded().lines().count() >= COMMANDS.len());
        let ended = recorder.interrupt();
        assert_eq!(ended.code, Some(0), "{}", ended.talk);
        assert_eq!(exact(decoded().lines()), exact(lines.iter().map(String::as_str)));
        // The first part is plain, a signature, or what is encrypted.
        let first = [&[0x00][..], &[0x02, 0x00], &[0x02, 0x10]][seal];
        let payloads = payloads(&file);
        assert!(!payloads.is_empty() && payloads.iter().all(|payload| payload.starts_with(first)));
        let octets = fs::read(&file).expect("it is ours");
        assert_eq!(octets.windows(7).any(|seven| seven == b"example"), seal < 2);
        if seal == 2 {
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
