//! Recording: packets as they arrive, still sealed, as captures.
//!
//! Packets gather for up to a second, in the order of their times, and are then written with one call: whole records, so that a
//! recording that is cut off can be read up to there. What cannot be written is counted and left out, the file is cut back to its
//! last whole record, and the next packets are tried again.

mod files;
mod frame;

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

pub use files::Settings;
pub use frame::Arrived;

use files::Files;

/// How long packets gather.
const GATHER: Duration = Duration::from_secs(1);
/// Octets that gather at the most.
const ENOUGH: usize = 256 << 10;

/// Writes packets to a capture, or to one after the other.
#[derive(Debug)]
pub struct Recorder {
    files: Files,
    /// Records, and for each its time and where it ends.
    pending: Vec<u8>,
    ends: Vec<(Duration, usize)>,
    since: Option<Instant>,
    counts: Counts,
}

/// What was recorded, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that are in a file.
    pub packets: u64,
    /// Octets that were written.
    pub octets: u64,
    /// Packets that could not be written.
    pub lost: u64,
    /// Packets of which a part is missing, because they were longer than what is taken in.
    pub cut: u64,
}

/// Why packets could not be written.
#[derive(Debug)]
pub struct RecordError {
    /// The file; none for standard output.
    pub path: Option<PathBuf>,
    /// Where in the file.
    pub offset: u64,
    /// What the system says.
    pub error: io::Error,
    /// How many packets are not in it.
    pub packets: u64,
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let name = self.path.as_ref().map_or("standard output".into(), |path| path.to_string_lossy());
        let name = collectd_net::Text::from(&*name);
        write!(f, "cannot write to {name} at octet {}: {}", self.offset, self.error)?;
        match self.packets {
            0 => Ok(()),
            1 => write!(f, "; 1 packet is not recorded"),
            packets => write!(f, "; {packets} packets are not recorded"),
        }
    }
}

impl std::error::Error for RecordError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        Some(&self.error)
    }
}

impl Recorder {
    /// Opens the first file.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn open(settings: Settings, now: Instant) -> Result<Self, RecordError> {
        let files = Files::open(settings, now)?;
        Ok(Self { files, pending: Vec::new(), ends: Vec::new(), since: None, counts: Counts::default() })
    }

    /// Adds a packet, which is written with others.
    ///
    /// # Errors
    /// When what has gathered cannot be written; it is counted as lost.
    pub fn push(&mut self, packet: &Arrived<'_>, now: Instant) -> Result<(), RecordError> {
        if !packet.record(&mut self.pending) {
            self.counts.lost += 1;
            return Ok(());
        }
        self.counts.cut += u64::from(packet.octets.len() < packet.len);
        self.ends.push((packet.time, self.pending.len()));
        self.since.get_or_insert(now);
        if self.pending.len() >= ENOUGH { self.flush(now) } else { Ok(()) }
    }

    /// How long until something is to be written; `None` if nothing waits.
    #[must_use]
    pub fn due(&self, now: Instant) -> Option<Duration> {
        Some((self.since? + GATHER).saturating_duration_since(now))
    }

    /// Writes what has gathered.
    ///
    /// # Errors
    /// When that fails; what is not written is counted as lost.
    pub fn flush(&mut self, now: Instant) -> Result<(), RecordError> {
        self.since = None;
        let ends = std::mem::take(&mut self.ends);
        let pending = std::mem::take(&mut self.pending);
        let (mut records, mut start) = (Vec::with_capacity(ends.len()), 0);
        for (time, end) in ends {
            records.push((time, pending.get(start..end).unwrap_or_default()));
            start = end;
        }
        // Those of several sockets come interleaved.
        records.sort_by_key(|(time, _)| *time);
        let records: Vec<_> = records.into_iter().map(|(_, record)| record).collect();
        let (written, outcome) = self.files.write(&records, now);
        let lost = (records.len() - written) as u64;
        self.counts.packets += written as u64;
        self.counts.lost += lost;
        self.counts.octets = self.files.octets();
        outcome.map_err(|error| RecordError { packets: lost, ..error })
    }

    /// Writes everything, and has the system keep it.
    ///
    /// # Errors
    /// When that fails.
    pub fn finish(&mut self, now: Instant) -> Result<(), RecordError> {
        self.flush(now)?;
        self.files.finish()
    }

    /// What was recorded so far.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// How many files were begun.
    #[must_use]
    pub const fn files(&self) -> u64 {
        self.files.count()
    }
}
