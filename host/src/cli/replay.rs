//! `collectd-tap replay`: the packets of captures, sent again.

use std::fs::{self, File};
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use clap::ValueHint;

use super::decode::{Port, tell_skipped};
use super::output::Count;
use super::progress::Progress;
use super::{Exit, Failure, complain, duration, say, servers, shown, stop, talk, warn};
use crate::capture::Capture;
use crate::replay::{Pace, Pacer, Shift, Shifted};
use crate::send::{Destination, Level, Server};

/// How long a name may take to be resolved, at the end.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to sleep at the most before it is asked whether to go on.
const NAP: Duration = Duration::from_millis(100);
/// A longer pause is worth a word.
const LONG: Duration = Duration::from_secs(30);

#[derive(Debug, clap::Args)]
pub(super) struct Replay {
    /// Captures (pcap, pcapng, compressed with gzip or not), or - for one on standard input
    #[arg(required = true, value_name = "FILE", value_hint = ValueHint::FilePath)]
    files: Vec<PathBuf>,
    /// Send there instead of to the default groups; may be repeated. Options: interface=NAME, ttl=N, bind-address=ADDRESS
    #[arg(short = 'S', long, value_name = "HOST[:PORT][%IFACE][,OPTION=VALUE]...")]
    server: Vec<Server>,
    /// Take the datagrams of a capture that go to this UDP port, or to any
    #[arg(short, long, value_name = "PORT", default_value_t = Port::default())]
    port: Port,
    /// Send so many times as fast as it was recorded (10x, 0.5x)
    #[arg(long, value_name = "FACTOR", value_parser = speed, conflicts_with = "packet_rate")]
    speed: Option<f64>,
    /// Send so many packets a second (1000/s), whatever the pauses were, or max
    #[arg(long, value_name = "PACKETS/s", value_parser = rate)]
    packet_rate: Option<Pace>,
    /// Make no pause longer than this
    #[arg(long, value_name = "TIME", value_parser = duration)]
    max_gap: Option<Duration>,
    /// Send everything so many times
    #[arg(long = "loop", value_name = "N", default_value = "1", value_parser = clap::value_parser!(u64).range(1..))]
    rounds: u64,
    /// Move the times in packets so that the first one is now; sealed packets are sent as they are, and counted
    #[arg(long)]
    shift_time: bool,
}

#[cfg(feature = "config")]
impl Replay {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        servers::check(&self.server)
    }
}

impl Replay {
    /// Octets of everything that is to be read; `None` if that is not known before.
    fn length(&self) -> Option<u64> {
        let length = |path: &PathBuf| match fs::metadata(path) {
            Ok(metadata) => metadata.is_file().then_some(metadata.len()),
            // It will be told.
            Err(_) => Some(0),
        };
        let lengths = self.files.iter().map(|path| if path.as_os_str() == "-" { None } else { length(path) });
        Some(lengths.sum::<Option<u64>>()?.saturating_mul(self.rounds))
    }
}

pub(super) fn run(arguments: &Replay) -> Result<Exit, Failure> {
    if arguments.rounds > 1 && arguments.files.iter().any(|file| file.as_os_str() == "-") {
        return Err(Failure::Usage("standard input can be read only once: --loop needs files".into()));
    }
    if let Some(server) = arguments.server.iter().find(|server| server.level != Level::None) {
        return Err(Failure::Usage(format!("packets are sent as they are, so {server} cannot have a security-level")));
    }
    let destinations = servers::open(&arguments.server)?;
    let stopped = stop::flag()?;
    let pace = arguments.packet_rate.unwrap_or(Pace::Speed(arguments.speed.unwrap_or(1.0)));
    let mut run = Run {
        arguments,
        destinations,
        stopped,
        pacer: Pacer::new(pace, arguments.max_gap),
        shift: Shift::default(),
        start: Instant::now(),
        progress: arguments.length().map_or_else(Progress::spinner, Progress::bar),
        position: 0,
        packets: 0,
        sealed: 0,
        cut: 0,
        other_ports: 0,
        failed: false,
    };
    for round in 0..arguments.rounds {
        if round > 0 {
            run.pacer.again();
            run.shift = Shift::default();
        }
        for path in &arguments.files {
            if !run.is_stopped() {
                run.file(path);
            }
        }
    }
    Ok(run.end())
}

struct Run<'a> {
    arguments: &'a Replay,
    destinations: Vec<Destination>,
    stopped: Arc<AtomicBool>,
    pacer: Pacer,
    shift: Shift,
    start: Instant,
    progress: Progress,
    /// Octets of the files that are done with.
    position: u64,
    packets: u64,
    /// Packets whose times could not be moved.
    sealed: u64,
    /// Packets that the capture has only a part of.
    cut: u64,
    other_ports: u64,
    failed: bool,
}

impl Run<'_> {
    fn is_stopped(&self) -> bool {
        self.stopped.load(Ordering::Relaxed)
    }

    fn file(&mut self, path: &Path) {
        if path.as_os_str() == "-" {
            return self.capture(path, io::stdin().lock());
        }
        match File::open(path) {
            Ok(file) => self.capture(path, BufReader::with_capacity(1 << 16, file)),
            Err(error) => self.complain(path, &error),
        }
    }

    fn capture(&mut self, path: &Path, read: impl Read) {
        let mut capture = match Capture::new(read) {
            Ok(capture) => capture,
            Err(error) => return self.complain(path, &error),
        };
        let before = self.position;
        while let Some(datagram) = capture.next() {
            self.position = before.saturating_add(capture.position());
            let mut datagram = match datagram {
                Ok(datagram) => datagram,
                Err(error) => {
                    self.complain(path, &error);
                    continue;
                }
            };
            if !self.arguments.port.takes(datagram.to.port()) {
                self.other_ports += 1;
                continue;
            }
            if datagram.truncated {
                // What is not there cannot be sent, and a part of it would be another packet.
                self.cut += 1;
                continue;
            }
            let due = self.pacer.due(datagram.time);
            if !self.wait(due) {
                return;
            }
            if self.arguments.shift_time {
                let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                if self.shift.apply(&mut datagram.payload, now) == Shifted::Sealed {
                    if self.sealed == 0 {
                        warn(format_args!(
                            "signed and encrypted packets keep the times that they have, because other times would break their \
                             seals; receivers may leave such old values out"
                        ));
                    }
                    self.sealed += 1;
                }
            }
            for destination in &mut self.destinations {
                destination.push_octets(&datagram.payload, 0);
            }
            self.packets += 1;
        }
        tell_skipped(path, &capture.skipped());
    }

    /// Waits until a packet is due; whether to send it.
    fn wait(&mut self, due: Duration) -> bool {
        let mut left = due.saturating_sub(self.start.elapsed());
        if left.is_zero() {
            if self.packets.is_multiple_of(1024) {
                self.show();
            }
            return !self.is_stopped();
        }
        // Nothing waits for a full batch while there is time.
        self.destinations.iter_mut().for_each(Destination::flush);
        if left >= LONG {
            say(format_args!("the next packet comes in {} s (--max-gap makes pauses shorter)", left.as_secs()));
        }
        while !left.is_zero() {
            self.show();
            thread::sleep(left.min(NAP));
            if self.is_stopped() {
                return false;
            }
            left = due.saturating_sub(self.start.elapsed());
        }
        true
    }

    fn show(&self) {
        let failed: u64 = self.destinations.iter().map(|destination| destination.counts().lost()).sum();
        let (position, sent) = (self.position, Count(self.packets, "packet"));
        self.progress.at(position, || format!("{sent} sent, {failed} failed"));
    }

    /// Sends what waits, and tells what there was.
    fn end(mut self) -> Exit {
        let mut lost = 0;
        for destination in &mut self.destinations {
            destination.finish(PATIENCE);
            lost += destination.counts().lost();
        }
        self.progress.clear();
        talk::catch_up();
        for destination in &self.destinations {
            let counts = destination.counts();
            say(format_args!(
                "{}: {} sent, {} octets, {} failed, {} reported as unreachable",
                destination.server(),
                Count(counts.packets, "packet"),
                counts.octets,
                counts.failed_packets,
                counts.unreachable
            ));
        }
        let mut summary =
            format!("{} replayed in {:.1} s", Count(self.packets, "packet"), self.start.elapsed().as_secs_f64());
        for (count, what) in [
            (self.sealed, "sealed, whose times stay as they are"),
            (self.cut, "left out, of which the capture has only a part"),
            (self.other_ports, "to other ports left out"),
        ] {
            if count > 0 {
                summary += &format!(", {count} {what}");
            }
        }
        say(format_args!("{summary}"));
        if self.failed || lost > 0 { Exit::Failed } else { Exit::Done }
    }

    fn complain(&mut self, path: &Path, problem: &dyn std::fmt::Display) {
        self.failed = true;
        complain(format_args!("{}: {problem}", shown(path.as_os_str())));
    }
}

/// `10x`, `0.5x`, `10`.
fn speed(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('x').unwrap_or(text).parse::<f64>();
    let number = number.ok().filter(|number| number.is_finite() && *number > 0.0);
    number.ok_or_else(|| "a speed is written as 10x or 0.5x".into())
}

/// `1000/s`, `1000`, `max`.
pub(super) fn rate(text: &str) -> Result<Pace, String> {
    if text == "max" {
        return Ok(Pace::Unlimited);
    }
    let number = text.strip_suffix("/s").unwrap_or(text).parse::<f64>();
    let number = number.ok().filter(|number| number.is_finite() && *number > 0.0);
    number.map(Pace::Rate).ok_or_else(|| "a rate is written as 1000/s, or max".into())
}
