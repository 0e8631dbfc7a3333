//! The program under test: `collectd-tap`, run in a namespace, watched from outside.

use std::{
    env,
    fs::{self, File},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::OnceLock,
};

use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::Value;
use tempfile::TempDir;

use crate::{in_time, net::Namespace, until};

/// The path of `collectd-tap`: built once per test program, unless the environment names one in `COLLECTD_TAP`.
pub fn tap() -> &'static Path {
    static PATH: OnceLock<PathBuf> = OnceLock::new();
    PATH.get_or_init(|| env::var_os("COLLECTD_TAP").map_or_else(build, PathBuf::from))
}

/// Builds `collectd-tap` and returns where cargo says it is.
fn build() -> PathBuf {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-q", "-p", "collectd-tap", "--message-format=json"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "collectd-tap does not build");
    let messages = String::from_utf8(output.stdout).expect("cargo writes UTF-8");
    let executable = messages.lines().find_map(|line| {
        let message: Value = serde_json::from_str(line).expect("cargo writes JSON");
        let bin = message["target"]["kind"][0] == "bin" && message["target"]["name"] == "collectd-tap";
        message["executable"].as_str().filter(|_| bin).map(PathBuf::from)
    });
    executable.expect("the package has a program of its own name")
}

/// A running `collectd-tap`; ended on drop.
#[derive(Debug)]
pub struct Tap {
    child: Child,
    directory: TempDir,
}

impl Tap {
    /// Starts `collectd-tap` and waits until it says that it listens.
    pub fn start(namespace: &Namespace, arguments: &[&str]) -> Self {
        let mut tap = Self::spawn(namespace, arguments);
        tap.wait_for_start();
        tap
    }

    /// Starts `collectd-tap` where this file stands in the place of `/etc/hosts`.
    pub fn start_with_hosts(namespace: &Namespace, hosts: &Path, arguments: &[&str]) -> Self {
        // A program in a network namespace sees a copy of the mounts, so others keep their file.
        let script = "mount --bind \"$1\" /etc/hosts && shift && exec \"$@\"";
        let mut command = namespace.command("sh");
        command.args(["-c", script, "sh"]).arg(hosts).arg(tap());
        let mut tap = Self::run(command, arguments);
        tap.wait_for_start();
        tap
    }

    /// Starts `collectd-tap` where this folder is a disk of so many octets. Once it has ended, what is in it is copied to `kept`.
    pub fn start_on_small_disk(namespace: &Namespace, size: u32, disk: &Path, kept: &Path, arguments: &[&str]) -> Self {
        let script = "mount -t tmpfs -o size=$1 none \"$2\" || exit; disk=$2; kept=$3; shift 3; \"$@\"; code=$?; \
                      cp -a \"$disk\"/. \"$kept\" && exit $code";
        let mut command = namespace.command("sh");
        command.args(["-c", script, "sh", &size.to_string()]).arg(disk).arg(kept).arg(tap());
        let mut tap = Self::run(command, arguments);
        tap.wait_for_start();
        tap
    }

    /// Starts `collectd-tap`, which may end by itself before it listens.
    pub fn spawn(namespace: &Namespace, arguments: &[&str]) -> Self {
        Self::run(namespace.command(tap()), arguments)
    }

    fn run(mut command: Command, arguments: &[&str]) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let file = |name| File::create(directory.path().join(name)).expect("the directory is ours");
        let child = command
            .args(arguments)
            .stdout(file("stdout"))
            .stderr(file("stderr"))
            .spawn()
            .expect("iproute2 is installed");
        Self { child, directory }
    }

    fn wait_for_start(&mut self) {
        until("collectd-tap to listen", || {
            let ended = self.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "collectd-tap has ended ({ended:?}): {}", self.talk());
            self.talk().lines().any(|line| line.starts_with("collectd-tap: listening on"))
        });
    }

    /// The complete lines printed so far.
    pub fn lines(&self) -> Vec<String> {
        let text = self.read("stdout");
        text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n')).map(str::to_owned).collect()
    }

    /// Waits until at least `count` lines are printed, and returns them.
    ///
    /// `poke` runs before every look, for a sender that has to be told to flush.
    pub fn wait_for(&self, count: usize, mut poke: impl FnMut()) -> Vec<String> {
        let mut lines = Vec::new();
        let enough = in_time(|| {
            poke();
            lines = self.lines();
            lines.len() >= count
        });
        assert!(enough, "{} lines instead of {count}: {lines:#?}\n{}", lines.len(), self.talk());
        lines
    }

    /// Presses ctrl-c and waits for the end.
    pub fn interrupt(self) -> Ended {
        self.signal(Signal::SIGINT);
        self.wait()
    }

    /// Sends a signal.
    pub fn signal(&self, signal: Signal) {
        let pid = i32::try_from(self.child.id()).expect("Linux has pids of 22 bits");
        kill(Pid::from_raw(pid), signal).expect("the child is ours and not yet waited for");
    }

    /// Waits for the end.
    pub fn wait(mut self) -> Ended {
        let mut status = None;
        until("the end of collectd-tap", || {
            status = self.child.try_wait().expect("the child is ours");
            status.is_some()
        });
        Ended { code: status.and_then(|status| status.code()), lines: self.lines(), talk: self.talk() }
    }

    /// What has been said on stderr so far.
    pub fn talk(&self) -> String {
        self.read("stderr")
    }

    fn read(&self, name: &str) -> String {
        let octets = fs::read(self.directory.path().join(name)).expect("`spawn` made this file");
        String::from_utf8_lossy(&octets).into_owned()
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What `collectd-tap` leaves behind.
#[derive(Debug)]
pub struct Ended {
    /// The exit code; none if a signal ended it.
    pub code: Option<i32>,
    /// Everything printed on stdout.
    pub lines: Vec<String>,
    /// Everything said on stderr.
    pub talk: String,
}

impl Ended {
    /// The number in front of `word` in the summary, the last line said: 14 for `item` in `10 packets, 14 items`.
    ///
    /// # Panics
    ///
    /// When the summary has no such number.
    pub fn count(&self, word: &str) -> u64 {
        let summary = self.talk.lines().last().unwrap_or_default();
        let words: Vec<_> = summary.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()).collect();
        let pair = words.windows(2).find(|pair| pair[1].starts_with(word));
        let number = pair.and_then(|pair| pair[0].parse().ok());
        number.unwrap_or_else(|| panic!("no number of {word} in the summary {summary:?}"))
    }
}
