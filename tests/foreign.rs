//! What others say: Python of the hostile packets, of the text that reaches terminals and of the digits of numbers; collectd's
//! types.db of the names of data sources.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use collectd_net::{Encoder, Identifier, Severity, Text, Time, Value};
use collectd_net_tests::{data, decode, run};
use collectd_tap::sink::number::Number;

fn python(arguments: &[&Path]) {
    let output = Command::new("python3").args(arguments).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" passed, 0 failed"), "{said}");
}

fn names(path: &Path) -> String {
    path.to_str().expect("a path in UTF-8").to_owned()
}

/// All packets of the set, each with the passwords and the level that its row asks for.
fn decode_bad_packets(format: &[&str]) -> String {
    let set = data("bad-packets");
    let manifest = fs::read_to_string(set.join("manifest.tsv")).expect("the manifest");
    let users = names(&set.join("authfile"));
    let mut decoded = String::new();
    for (config, arguments) in [
        ("none", &[][..]),
        ("auth-none", &["-a", &users]),
        ("auth-sign", &["-a", &users, "-s", "sign"]),
        ("auth-encrypt", &["-a", &users, "-s", "encrypt"]),
    ] {
        let rows = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        let files: Vec<String> =
            rows.filter(|row| row[4] == config).map(|row| names(&set.join("packets").join(row[0]))).collect();
        if !files.is_empty() {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            decoded += &decode(&[format, arguments, &files].concat());
        }
    }
    decoded
}

#[test]
fn bad_packets_are_treated_as_expected() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let results = directory.path().join("results.jsonl");
    let decoded = decode_bad_packets(&["-o", "exact"]);
    assert_eq!(decoded.lines().count(), 106);
    fs::write(&results, decoded).expect("it is ours");
    let set = data("bad-packets");
    python(&[&set.join("check.py"), &set.join("expect.jsonl"), &results]);
}

/// Names and messages with every octet, every control character and every invisible one, at the start, inside and at the end.
fn hostile_texts() -> Vec<Vec<u8>> {
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
    ];
    octets.chain(characters).chain(sequences.map(<[u8]>::to_vec)).collect()
}

#[test]
fn foreign_text_is_harmless_in_every_format() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let time = Time::from_secs(1_700_000_000).expect("in range");
    let mut files = Vec::new();
    let mut items = 0;
    let mut buffer = vec![0; 65_507];
    let mut encoder = Encoder::new(&mut buffer);
    let mut write = |encoder: &mut Encoder<'_>| {
        let path = directory.path().join(format!("{}.bin", files.len()));
        fs::write(&path, encoder.packet()).expect("it is ours");
        files.push(names(&path));
        encoder.clear();
    };
    for hostile in hostile_texts() {
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
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let check = data("bad-packets/check_text.py");
    for format in ["blog", "json", "exact"] {
        let printed = decode(&[&["--rejects", "-o", format][..], &files].concat());
        let lines = if format == "exact" { files.len() } else { printed.lines().count() };
        assert!(format == "exact" || lines >= items, "{lines} lines of {items} items");
        let output = directory.path().join(format);
        fs::write(&output, printed).expect("it is ours");
        python(&[&check, &output, Path::new(&lines.to_string())]);
    }
    // JSON is read back by others.
    let readback = "import json,sys\nfor line in open(sys.argv[1], encoding='utf-8'): json.loads(line)\nprint('1 passed, 0 failed')";
    for format in ["json", "exact"] {
        python(&[Path::new("-c"), Path::new(readback), &directory.path().join(format)]);
    }
}

#[test]
fn bad_packets_are_harmless_in_every_format_and_message() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let check = data("bad-packets/check_text.py");
    let output = directory.path().join("printed");
    for format in ["blog", "json", "exact"] {
        fs::write(&output, decode_bad_packets(&["--rejects", "-o", format])).expect("it is ours");
        python(&[&check, &output]);
    }
    let talk = run(&["decode", "/nonexistent/\u{1b}[2J\u{202e}\n.pcap", "-a", "/nonexistent/\u{9b}"]).stderr;
    fs::write(&output, talk).expect("it is ours");
    python(&[&check, &output]);
}

#[test]
fn numbers_read_as_in_python() {
    // Bit patterns of all exponents, and the neighbours of powers of ten, where the notation changes.
    let mut state = 0x2545_f491_4f6c_dd1d_u64;
    let mut numbers: Vec<f64> = (0..100_000)
        .map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            f64::from_bits(state)
        })
        .collect();
    for exponent in -330..=308 {
        let power: f64 = format!("1e{exponent}").parse().expect("a number");
        numbers.extend([power, power.next_up(), power.next_down(), -power, power * 1.5, power * 123_456_789.0]);
    }
    numbers.extend([0.0, -0.0, f64::NAN, f64::INFINITY, f64::NEG_INFINITY, f64::MIN_POSITIVE, f64::MAX]);
    let script =
        "import struct,sys\nfor line in sys.stdin: print(repr(struct.unpack('>d', bytes.fromhex(line.strip()))[0]))";
    let mut child = Command::new("python3")
        .args(["-c", script])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("python3 runs");
    let mut stdin = child.stdin.take().expect("a pipe");
    let bits: String = numbers.iter().map(|number| format!("{:016x}\n", number.to_bits())).collect();
    let writer = std::thread::spawn(move || stdin.write_all(bits.as_bytes()));
    let output = child.wait_with_output().expect("it ends");
    writer.join().expect("no panic").expect("it reads");
    let expected = String::from_utf8(output.stdout).expect("UTF-8");
    assert_eq!(expected.lines().count(), numbers.len());
    for (number, expected) in numbers.iter().zip(expected.lines()) {
        assert_eq!(Number(Value::Gauge(*number)).to_string(), expected, "{:016x}", number.to_bits());
    }
    for (value, expected) in [
        (Value::Counter(u64::MAX), "18446744073709551615"),
        (Value::Derive(i64::MIN), "-9223372036854775808"),
        (Value::Absolute(0), "0"),
    ] {
        assert_eq!(Number(value).to_string(), expected);
    }
}

#[test]
fn data_sources_are_called_as_in_types_db() {
    let types = fs::read_to_string("/usr/share/collectd/types.db").expect("collectd's types.db");
    let mut known = 0;
    for line in types.lines().filter(|line| !line.starts_with('#') && !line.trim().is_empty()) {
        let mut words = line.split_ascii_whitespace();
        let type_ = words.next().expect("a type");
        let sources: Vec<&str> = words.map(|source| source.split(':').next().expect("a name")).collect();
        assert_eq!(collectd_net::names::of(type_.into(), sources.len()), Some(&sources[..]), "{type_}");
        known += 1;
    }
    assert!(known > 200, "{known}");
}
