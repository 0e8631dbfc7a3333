//! Recorded packets, and the program run on them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use collectd_net::text::Hex;
use serde_json::Value;

use crate::tap::tap;

/// A file of `data/`.
#[must_use]
pub fn data(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("data").join(name)
}

/// A file of `data/captures/`.
#[must_use]
pub fn capture(name: &str) -> PathBuf {
    data("captures").join(name)
}

/// Octets in hexadecimal.
#[must_use]
pub fn hex(octets: &[u8]) -> String {
    Hex(octets).to_string()
}

/// Runs the program to its end.
///
/// # Panics
///
/// When it cannot be run.
#[must_use]
pub fn run(arguments: &[&str]) -> Output {
    Command::new(tap()).args(arguments).output().expect("the program runs")
}

/// The subcommands that the help names, but for `help` itself.
///
/// # Panics
///
/// When there is no help.
#[must_use]
pub fn subcommands() -> Vec<String> {
    let help = String::from_utf8(run(&["-h"]).stdout).expect("UTF-8");
    let (_, list) = help.split_once("Commands:\n").expect("a list of subcommands");
    let names = list.lines().take_while(|line| !line.is_empty()).filter_map(|line| line.strip_prefix("  "));
    let names = names.filter_map(|line| line.split(' ').next().filter(|name| !name.is_empty() && *name != "help"));
    names.map(str::to_owned).collect()
}

/// What `collectd-tap decode` prints, if it ends well.
///
/// # Panics
///
/// When it does not.
#[must_use]
pub fn decode(arguments: &[&str]) -> String {
    let output = run(&[&["decode"], arguments].concat());
    assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("UTF-8")
}

/// The packets of a file as `collectd-tap decode --format exact` prints them.
///
/// # Panics
///
/// When it does not end well, or does not print JSON.
#[must_use]
pub fn exact(file: &Path, arguments: &[&str]) -> Vec<Value> {
    let file = file.to_str().expect("a path in UTF-8");
    let output = decode(&[arguments, &["--format", "exact", file]].concat());
    output.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
}

/// What is printed of all packets of `data/bad-packets/`, each with the passwords and the level that its row asks for.
///
/// # Panics
///
/// When the program does not end well.
#[must_use]
pub fn decode_bad_packets(arguments: &[&str]) -> String {
    let set = data("bad-packets");
    let manifest = fs::read_to_string(set.join("manifest.tsv")).expect("the manifest");
    let names = |path: PathBuf| path.to_str().expect("a path in UTF-8").to_owned();
    let users = names(set.join("authfile"));
    let mut decoded = String::new();
    for (config, level) in [
        ("none", &[][..]),
        ("auth-none", &["-a", &users]),
        ("auth-sign", &["-a", &users, "-s", "sign"]),
        ("auth-encrypt", &["-a", &users, "-s", "encrypt"]),
    ] {
        let rows = manifest.lines().skip(1).map(|line| line.split('\t').collect::<Vec<_>>());
        let files: Vec<String> =
            rows.filter(|row| row[4] == config).map(|row| names(set.join("packets").join(row[0]))).collect();
        if !files.is_empty() {
            let files: Vec<&str> = files.iter().map(String::as_str).collect();
            decoded += &decode(&[arguments, level, &files].concat());
        }
    }
    decoded
}
