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
