//! Recorded packets, and the program run on them.

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
