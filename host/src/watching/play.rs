//! What captures hold, at their own speed or another.
//!
//! Time is that of the captures: hosts are missing when they were, whatever the speed. It stands still where they end.

use std::fmt;
use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::{Duration, Instant};

use collectd_net::{Arrival, Batched, Counters, SecurityLevel, Time};
use collectd_tap_stream::Opened;

use super::clock::later;
use super::{Shared, Tone, feed, lock};
use crate::capture::{Capture, CaptureError, Skipped};
use crate::cli::shown;
use crate::fleet::Moment;
use crate::replay::{Pace, Pacer};
use crate::users::Users;

/// Longer than any packet, so that a wrong file is noticed before it fills the memory.
const MAX_PACKET: u64 = 65_536;
/// How long to wait at the most before there is a look who is missing.
const NAP: Duration = Duration::from_millis(100);

/// Sleep is not more exact than this.
const MIN_NAP: Duration = Duration::from_micros(50);
/// How many looks there are in a pause of which nobody saw anything, at the most.
const STEPS: u32 = 256;

/// How fast.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Speed {
    /// So many times as fast as it was recorded.
    Times(f64),
    /// As fast as it goes.
    AtOnce,
}

/// Captures, and how they are played.
pub(crate) struct Playing {
    files: Vec<(PathBuf, Content)>,
    speed: Speed,
    /// Which port is taken; none stands for any.
    port: Option<u16>,
    users: Option<Users>,
    level: SecurityLevel,
}

enum Content {
    Capture(Box<Capture<Box<dyn Read + Send>>>),
    /// A file that is one packet.
    Packet(Vec<u8>),
}

/// A file that cannot be played.
#[derive(Debug)]
pub(crate) struct PlayError {
    path: PathBuf,
    message: String,
}

impl fmt::Display for PlayError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", shown(self.path.as_os_str()), self.message)
    }
}

impl Playing {
    /// Opens captures, and files that are one packet (`*.bin`); `-` is a capture on standard input.
    ///
    /// # Errors
    /// The first that is none.
    pub(crate) fn open(
        paths: &[PathBuf],
        speed: Speed,
        port: Option<u16>,
        (users, level): (Option<Users>, SecurityLevel),
    ) -> Result<Self, PlayError> {
        let open = |path: &PathBuf| {
            let content = content(path).map_err(|message| PlayError { path: path.clone(), message })?;
            Ok((path.clone(), content))
        };
        let files = paths.iter().map(open).collect::<Result<_, _>>()?;
        Ok(Self { files, speed, port, users, level })
    }

    /// How many times as fast time goes by.
    pub(super) const fn speed(&self) -> f64 {
        match self.speed {
            Speed::Times(times) => times,
            // What comes next is there at once.
            Speed::AtOnce => 0.0,
        }
    }

    /// Takes in all of it.
    pub(super) fn run(self, shared: &Shared) {
        let Self { files, speed, port, users, level } = self;
        let player =
            Player { shared, speed, port, users, level, pacer: Pacer::new(Pace::Speed(1.0), None), looked: None };
        shared.end(player.all(files));
    }
}

/// What is played, for people.
impl fmt::Display for Playing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, (path, _)) in self.files.iter().enumerate() {
            let name = path.file_name().unwrap_or(path.as_os_str());
            write!(f, "{}{}", if place > 0 { ", " } else { "" }, shown(name))?;
        }
        match self.speed {
            Speed::Times(times) => write!(f, " at {times}x"),
            Speed::AtOnce => Ok(()),
        }
    }
}

fn content(path: &Path) -> Result<Content, String> {
    let failed = |error: io::Error| error.to_string();
    let read: Box<dyn Read + Send> = match path.to_str() {
        Some("-") => Box::new(io::stdin()),
        _ => Box::new(BufReader::with_capacity(1 << 16, File::open(path).map_err(failed)?)),
    };
    if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("bin")) {
        let mut octets = Vec::new();
        return match read.take(MAX_PACKET).read_to_end(&mut octets).map_err(failed)? {
            length if length as u64 == MAX_PACKET => Err("too long for a packet".into()),
            _ => Ok(Content::Packet(octets)),
        };
    }
    let failed = |error: CaptureError| format!("{error} (files that are one packet are called *.bin)");
    Capture::new(read).map(|capture| Content::Capture(Box::new(capture))).map_err(failed)
}

struct Player<'a> {
    shared: &'a Shared,
    speed: Speed,
    port: Option<u16>,
    users: Option<Users>,
    level: SecurityLevel,
    /// When datagrams are due by the time of the captures.
    pacer: Pacer,
    /// When there was a look who is missing.
    looked: Option<Moment>,
}

impl Player<'_> {
    /// Plays all files. What went wrong first, if something did.
    fn all(mut self, files: Vec<(PathBuf, Content)>) -> Option<String> {
        let mut failure = None;
        for (path, content) in files {
            self.pacer.again();
            let mut complain = |error: &dyn fmt::Display| {
                let message = format!("{}: {error}", shown(path.as_os_str()));
                self.shared.tell(Tone::Error, format_args!("{message}"));
                failure.get_or_insert(message);
            };
            match content {
                Content::Packet(mut octets) => {
                    let now = Moment::now(Instant::now()).time;
                    let due = self.pacer.due(None);
                    let arrival = Arrival { len: octets.len(), from: None };
                    self.packet(&arrival, &mut octets, Moment { clock: due, time: now });
                }
                Content::Capture(mut capture) => {
                    let mut skipped = Skipped::default();
                    while let Some(datagram) = capture.next() {
                        self.count_skipped(&mut skipped, capture.skipped());
                        match datagram {
                            Ok(datagram) if self.port.is_some_and(|port| port != datagram.to.port()) => {
                                self.shared.skipped.fetch_add(1, Ordering::Relaxed);
                            }
                            Ok(mut datagram) => {
                                let due = self.pacer.due(datagram.time);
                                let time = datagram.time.and_then(|time| Time::try_from(time).ok());
                                let time = time.unwrap_or_else(|| lock(&self.shared.clock).now().time);
                                // How much longer than the capture it was is not known, only that it was.
                                let len = datagram.payload.len() + usize::from(datagram.truncated);
                                let arrival = Arrival { len, from: Some(datagram.from) };
                                self.packet(&arrival, &mut datagram.payload, Moment { clock: due, time });
                            }
                            Err(error) => complain(&error),
                        }
                        if self.shared.is_stopped() {
                            return failure;
                        }
                    }
                    self.count_skipped(&mut skipped, capture.skipped());
                }
            }
        }
        failure
    }

    fn count_skipped(&self, before: &mut Skipped, now: Skipped) {
        let count = |skipped: &Skipped| {
            let Skipped { not_udp, malformed, cut, unknown_link, unfinished } = *skipped;
            not_udp + malformed + cut + unknown_link + unfinished
        };
        let new = count(&now).saturating_sub(count(before));
        if new > 0 {
            self.shared.skipped.fetch_add(new, Ordering::Relaxed);
        }
        *before = now;
    }

    /// Takes in a packet when it is due.
    fn packet(&mut self, arrival: &Arrival, octets: &mut [u8], moment: Moment) {
        if !self.wait(moment) {
            return;
        }
        lock(&self.shared.clock).reach(moment);
        self.look(moment);
        let mut counters = Counters::new();
        let packet = Batched::new(*arrival, octets);
        let packet = Opened::new(packet, self.users.as_ref(), self.level, None, &mut counters);
        feed::packet(self.shared, arrival, moment, packet, None);
    }

    /// Waits until it is so late; whether it is.
    fn wait(&mut self, until: Moment) -> bool {
        let Speed::Times(speed) = self.speed else { return !self.shared.is_stopped() };
        lock(&self.shared.clock).expect(until.clock);
        loop {
            let now = lock(&self.shared.clock).now();
            if self.shared.is_stopped() || now.clock >= until.clock {
                return !self.shared.is_stopped();
            }
            self.look(now);
            let left = until.clock.saturating_sub(now.clock).as_secs_f64() / speed;
            let nap = Duration::try_from_secs_f64(left).map_or(NAP, |left| left.min(NAP));
            thread::park_timeout(nap.max(MIN_NAP));
        }
    }

    /// It is so late now. Who is missing is seen in steps, so that it is told when it was and not when somebody looked.
    fn look(&mut self, now: Moment) {
        let last = self.looked.replace(now).unwrap_or(now);
        let mut store = self.shared.fleet.lock();
        let (mut at, step) = (last, now.clock.saturating_sub(last.clock) / STEPS);
        while at.clock < now.clock {
            let Some(left) = store.look(at) else { break };
            at = later(at, left.max(step));
        }
        store.look(now);
    }
}
