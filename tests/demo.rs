//! The fleet that `collectd-tap demo` makes up, as another program than ours reads it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use collectd_net::{Decoder, Item, Time};
use collectd_net_tests::frame::{Family, frames};
use collectd_net_tests::net::PORT;
use collectd_tap::demo::Story;

/// What tshark says of a packet that it cannot read.
const COMPLAINTS: [&str; 5] = [
    "_ws.malformed",
    "collectd.invalid_length",
    "collectd.garbage",
    "collectd.type.unknown",
    "collectd.data.valcnt.mismatch",
];
/// What it finds in the others: values, with the same column for each kind, and two more of notifications.
const VALUES: [&str; 4] =
    ["collectd.val.gauge", "collectd.val.derive", "collectd.val.counter", "collectd.val.absolute"];

/// What goes over the wire, and the same without a seal if it is to be taken.
struct Packet {
    octets: Vec<u8>,
    plain: Option<Vec<u8>>,
}

/// What the fleet sends in a day and a half.
fn packets() -> Vec<Packet> {
    let (mut story, mut packets) = (Story::new(0), Vec::new());
    while let Some(due) = story.due().filter(|due| due.as_secs() < 108) {
        let now = Time::try_from(Duration::from_secs(1_700_000_000) + due).expect("in range");
        story.step(now, |packet| {
            packets.push(Packet { octets: packet.octets.to_vec(), plain: packet.plain.map(<[u8]>::to_vec) });
        });
    }
    packets
}

/// Writes packets as frames of an Ethernet into a file of libpcap's.
fn write<'p>(file: &Path, packets: impl Iterator<Item = &'p [u8]>) {
    let version = [2_u16, 4].map(u16::to_be_bytes).concat();
    let link = [0_u32, 0, 65_535, 1].map(u32::to_be_bytes).concat();
    let mut octets = [&0xa1b2_c3d4_u32.to_be_bytes()[..], &version, &link].concat();
    for (number, packet) in (0..).zip(packets) {
        for frame in frames(Family::V4, PORT, number, packet) {
            let length = u32::try_from(frame.len()).expect("a frame");
            octets.extend([1_700_000_000, 0, length, length].map(u32::to_be_bytes).concat());
            octets.extend(frame);
        }
    }
    fs::write(file, octets).expect("a file");
}

/// The fields that tshark finds, a row for each packet.
fn tshark(file: &Path, fields: &[&str]) -> Vec<Vec<String>> {
    let mut command = Command::new("tshark");
    command.arg("-r").arg(file).args(["-T", "fields"]);
    fields.iter().for_each(|field| _ = command.args(["-e", field]));
    let output = command.output().expect("tshark is installed");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let rows = String::from_utf8(output.stdout).expect("UTF-8");
    rows.lines().map(|row| row.split('\t').map(str::to_owned).collect()).collect()
}

/// What tshark finds of a packet, as we read it: the host, how many values there are of each kind, and the message.
fn read(octets: &[u8]) -> Vec<String> {
    let (mut host, mut message, mut kinds) = (String::new(), String::new(), [0_usize; 4]);
    for item in Decoder::new(octets) {
        let item = item.expect("it is to be taken");
        host = item.identifier().host.to_string();
        match item {
            Item::ValueList(list) => {
                for value in list.values {
                    kinds[["gauge", "derive", "counter", "absolute"]
                        .iter()
                        .position(|kind| *kind == value.kind().name())
                        .expect("one of four")] += 1;
                }
            }
            Item::Notification(notification) => message = notification.message.to_string(),
        }
    }
    let counts = kinds.map(|count| count.to_string());
    [&[host][..], &counts, &[message]].concat()
}

#[test]
fn tshark_reads_everything_that_is_to_be_taken() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("fleet.pcap");
    let packets = packets();
    assert!(packets.len() > 500, "{}", packets.len());
    let fields = [&COMPLAINTS[..], &["collectd.data.host"], &VALUES, &["collectd.data.message"]].concat();
    let complains = |row: &[String]| row[..COMPLAINTS.len()].iter().any(|field| !field.is_empty());

    let plain: Vec<_> = packets.iter().filter_map(|packet| packet.plain.as_deref()).collect();
    write(&file, plain.iter().copied());
    let rows = tshark(&file, &fields);
    assert_eq!(rows.len(), plain.len());
    for (row, octets) in rows.iter().zip(plain) {
        // It takes each notification for malformed, those of the daemon, too, and reads it all the same.
        let is_notification = row.last().is_some_and(|message| !message.is_empty());
        assert_eq!(complains(row), is_notification, "{row:?}");
        let mut found = row[COMPLAINTS.len()..].to_vec();
        // It tells the host of each value list.
        let hosts: BTreeSet<_> = found[0].split(',').collect();
        found[0] = hosts.into_iter().collect::<Vec<_>>().join(",");
        for values in &mut found[1..5] {
            *values = values.split(',').filter(|value| !value.is_empty()).count().to_string();
        }
        assert_eq!(found, read(octets));
    }

    // As they are sent: it knows seals, and what is damaged is so for it, too.
    write(&file, packets.iter().map(|packet| &*packet.octets));
    let sealed = tshark(&file, &[&COMPLAINTS[..], &["collectd.data.username", "collectd.data.encrypted"]].concat());
    assert_eq!(sealed.len(), packets.len());
    let (mut users, mut damaged) = ([0; 2], 0);
    for (row, packet) in sealed.iter().zip(&packets) {
        let [user, encrypted] = &row[COMPLAINTS.len()..] else { panic!("{row:?}") };
        users[0] += usize::from(user == "nas" && encrypted.is_empty());
        users[1] += usize::from(user == "gate" && !encrypted.is_empty());
        damaged += usize::from(complains(row) && packet.plain.is_none());
    }
    // Of those that nobody takes, the ones with a wrong signature have nothing wrong otherwise.
    let refused = packets.iter().filter(|packet| packet.plain.is_none()).count();
    let wrong = sealed.iter().zip(&packets).filter(|(row, packet)| packet.plain.is_none() && row[5] == "nas").count();
    assert!(users[0] > 30 && users[1] > 80 && wrong > 20, "{users:?} {wrong}");
    assert_eq!(damaged, refused - wrong);
}
