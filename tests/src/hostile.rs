//! Names and messages that no honest sender would send.

use std::fs;
use std::path::Path;

use collectd_net::{Encoder, Identifier, Severity, Text, Time, Value};

/// Names and messages with every octet, every control character and every invisible one, at the start, inside and at the end.
#[must_use]
pub fn texts() -> Vec<Vec<u8>> {
    let octets = (1..=0xff_u8).map(|octet| vec![octet]);
    let characters = (0x80..0x3000)
        .chain(0xd700..=0xd7ff)
        .chain(0xe000..0xe010)
        .chain(0xf8f0..=0xffff)
        .chain(0x110b0..0x110d0)
        .chain(0x13420..0x13460)
        .chain(0x1bc90..0x1bcb0)
        .chain(0x1d160..0x1d180)
        .chain(0xe0000..0xe0200)
        .chain(0xf0000..0xf0010)
        .chain(0x10fff0..=0x10_ffff)
        .filter_map(char::from_u32)
        .map(|character| character.to_string().into_bytes());
    let sequences = [
        &b"\x1b]0;title\x07"[..],
        b"\x1b[2J",
        b"a\r\nb",
        b"\xc0\x80",
        b"\xed\xa0\x80",
        b"\xf4\x90\x80\x80",
        b"\xe2\x80",
        b"\xf0\x9f\x98",
        b"../../etc/passwd",
        b"\"};{\"kind\":\"values\"",
        b"a,b=c d\\",
        b"\"\"\"",
        b"\",\"",
        b"{host}",
        b"# HELP x",
        b" leading and trailing ",
        b"__name__",
        b"type",
        b"instance",
    ];
    octets.chain(characters).chain(sequences.map(<[u8]>::to_vec)).collect()
}

/// Writes files of packets, each text in a value list and in a notification, alone and with a letter on either side.
///
/// Returns the files, and how many items are in them.
///
/// # Panics
///
/// When the directory cannot be written to.
#[must_use]
pub fn packets(directory: &Path) -> (Vec<String>, usize) {
    let time = Time::from_secs(1_700_000_000).expect("in range");
    let mut files = Vec::new();
    let mut items = 0;
    let mut buffer = vec![0; 65_507];
    let mut encoder = Encoder::new(&mut buffer);
    let mut write = |encoder: &mut Encoder<'_>| {
        let path = directory.join(format!("{}.bin", files.len()));
        fs::write(&path, encoder.packet()).expect("it is ours");
        files.push(path.to_str().expect("a path in UTF-8").to_owned());
        encoder.clear();
    };
    for hostile in texts() {
        let around = [b"a", &hostile[..], b"z"].concat();
        let (text, around) = (Text::new(&hostile), Text::new(&around));
        let identifier =
            Identifier { host: text, plugin: around, plugin_instance: text, type_: around, type_instance: text };
        loop {
            let added = encoder
                .value_list(&identifier, time, None, [Value::Gauge(1.0)])
                .and_then(|()| encoder.notification(&identifier, time, Severity::Okay, around));
            if added.is_ok() {
                items += 2;
                break;
            }
            write(&mut encoder);
        }
    }
    write(&mut encoder);
    (files, items)
}
