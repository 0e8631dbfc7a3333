//! What others say: Python of the hostile packets, of the text that reaches terminals and of the digits of numbers; collectd's
//! types.db of the names of data sources.

use std::fs;
use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Stdio};

use collectd_net::Value;
use collectd_net_tests::{data, decode, decode_bad_packets, hostile, run};
use collectd_tap::sink::number::Number;

fn python(arguments: &[&Path]) {
    let output = Command::new("python3").args(arguments).output().expect("python3 runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{said}{}", String::from_utf8_lossy(&output.stderr));
    assert!(said.contains(" passed, 0 failed"), "{said}");
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

/// The formats that print names, and a template with all of them.
const HARMLESS: [&str; 10] = [
    "blog",
    "long",
    "json",
    "exact",
    "putval",
    "influx",
    "graphite",
    "csv",
    "prometheus",
    "{host} {plugin} {plugin_instance} {type} {type_instance} {identifier} {ds} {message} {user}",
];

/// The flags for a format, with what was refused where it has a line for that.
fn printing(format: &str) -> Vec<&str> {
    let rejects = (format != "graphite").then_some("--rejects");
    ["-o", format].into_iter().chain(rejects).collect()
}

#[test]
fn foreign_text_is_harmless_in_every_format() {
    let directory = tempfile::tempdir().expect("a temporary directory");
    let (files, items) = hostile::packets(directory.path());
    let files: Vec<&str> = files.iter().map(String::as_str).collect();
    let check = data("bad-packets/check_text.py");
    for format in HARMLESS {
        let printed = decode(&[printing(format), files.clone()].concat());
        let lines = if format == "exact" { files.len() } else { printed.lines().count() };
        // Some formats have no place for notifications, which are half of the items.
        assert!(format == "exact" || lines >= items / 2, "{lines} lines of {items} items");
        // A table's lines end in CR LF.
        let printed = if format == "csv" { printed.replace("\r\n", "\n") } else { printed };
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
    for format in HARMLESS {
        let printed = decode_bad_packets(&printing(format));
        let printed = if format == "csv" { printed.replace("\r\n", "\n") } else { printed };
        fs::write(&output, printed).expect("it is ours");
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
