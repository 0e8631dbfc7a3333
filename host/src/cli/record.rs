//! `collectd-tap record`: what arrives, as captures.

use std::io;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use super::listening::{self, Hearing, octets};
use super::output::Count;
use super::progress::Progress;
use super::{Exit, Failure, complain, duration, note, say, stop, talk, warn};
use crate::listen::{Change, Listener, Wake};
use crate::record::{Arrived, RecordError, Recorder, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Record {
    /// The capture to write, or - for standard output
    #[arg(required = true, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    file: Option<PathBuf>,
    #[command(flatten)]
    hearing: Hearing,
    /// End after this many packets
    #[arg(short, long, value_name = "N")]
    count: Option<u64>,
    /// End after this time (10s, 1m30s); exit with 3 if nothing arrived
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    total: Option<Duration>,
    /// End when nothing has arrived for this time; exit with 3 if nothing ever did
    #[arg(long, value_name = "TIME", value_parser = duration)]
    idle_timeout: Option<Duration>,
    /// Begin another file when one has so many octets (100M, 1G); names get a number and the time
    #[arg(long, value_name = "SIZE", value_parser = size)]
    rotate_size: Option<u64>,
    /// Begin another file after this time (1h, 1d)
    #[arg(long, value_name = "TIME", value_parser = duration)]
    rotate_time: Option<Duration>,
    /// Keep so many files of this name, and delete the oldest, those of earlier runs too
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    keep: Option<u32>,
    /// Compress with gzip
    #[cfg(feature = "gzip")]
    #[arg(long)]
    gzip: bool,
    /// Replace the file if it is there already
    #[arg(long)]
    overwrite: bool,
}

#[cfg(feature = "config")]
impl Record {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.hearing.check()
    }
}

impl Record {
    fn settings(&self) -> Result<Settings, Failure> {
        let path = self.file.clone().filter(|path| path.as_os_str() != "-");
        let rotates = self.rotate_size.is_some() || self.rotate_time.is_some();
        let usage = |message: &str| Err(Failure::Usage(message.into()));
        if path.is_none() && rotates {
            return usage("standard output cannot be rotated: name a file");
        }
        if self.keep.is_some() && !rotates {
            return usage("--keep is for files that are rotated: add --rotate-size or --rotate-time");
        }
        if self.rotate_time.is_some_and(|time| time.is_zero()) {
            return usage("--rotate-time is longer than nothing");
        }
        #[cfg(feature = "gzip")]
        let gzip = self.gzip;
        #[cfg(not(feature = "gzip"))]
        let gzip = false;
        Ok(Settings {
            path,
            rotate_size: self.rotate_size,
            rotate_time: self.rotate_time,
            keep: self.keep.and_then(|keep| keep.try_into().ok()),
            gzip,
            overwrite: self.overwrite,
        })
    }
}

pub(super) fn run(arguments: &Record) -> Result<Exit, Failure> {
    let to_stdout = arguments.file.as_ref().is_none_or(|path| path.as_os_str() == "-");
    let settings = crate::listen::Settings { stamps: true, ..arguments.hearing.settings() };
    let listener = Listener::open(&settings).map_err(|error| listening::failure(&error))?;
    let failed = |error: RecordError| match error.path {
        None => Failure::Output(error.error),
        Some(_) => Failure::Runtime(error.to_string()),
    };
    let mut recorder = Recorder::open(arguments.settings()?, Instant::now()).map_err(failed)?;
    listener.left_out().iter().for_each(|error| note(format_args!("{error}; trying again")));
    listener.buffer_advice().iter().for_each(|advice| note(format_args!("{advice}")));
    let listening = listener.to_string();
    let mut inbox =
        listener.start_and_tell(tell).map_err(|error| Failure::Runtime(format!("cannot start to listen: {error}")))?;
    stop::on_signal(inbox.stopper()).map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    say(format_args!("listening on {listening}"));

    let progress = arguments.count.map_or_else(Progress::spinner, Progress::bar);
    let start = Instant::now();
    let (mut last, mut left, mut heard) = (start, arguments.count, 0_u64);
    let outcome = |outcome: Result<(), RecordError>| match outcome {
        Ok(()) => Ok(()),
        // Without a reader, there is no use in going on.
        Err(error) if error.path.is_none() => Err(Failure::Output(error.error)),
        Err(error) => {
            warn(format_args!("{error}; trying again"));
            Ok(())
        }
    };
    let ends = |last: Instant| {
        let total = arguments.total.and_then(|total| start.checked_add(total));
        let idle = arguments.idle_timeout.and_then(|idle| last.checked_add(idle));
        [total, idle].into_iter().flatten().min()
    };
    let timed_out = loop {
        if left == Some(0) {
            break false;
        }
        let now = Instant::now();
        if ends(last).is_some_and(|end| end <= now) {
            break true;
        }
        let mut wake = inbox.wait(Some(Duration::ZERO));
        if wake == Wake::Timeout {
            // Whoever reads a pipe wants to see it now.
            if to_stdout || recorder.due(now).is_some_and(|due| due.is_zero()) {
                outcome(recorder.flush(now))?;
            }
            let counts = recorder.counts();
            progress.at(heard, || format!("{}, {} lost", Count(counts.packets, "packet"), counts.lost));
            let end = ends(last).map(|end| end.saturating_duration_since(now));
            wake = inbox.wait([recorder.due(now), end].into_iter().flatten().min());
        }
        match wake {
            Wake::Arrived => {}
            Wake::Timeout => continue,
            Wake::Stopped => break false,
        }
        last = Instant::now();
        let share = inbox.share();
        while left != Some(0) {
            let stamp = share.next_stamp();
            let Some(packet) = share.pop() else { break };
            heard += 1;
            left = left.map(|left| left - 1);
            let (Some(stamp), Some(from)) = (stamp, packet.arrival.from) else { continue };
            let arrived = Arrived {
                time: stamp.time,
                from,
                to: stamp.to,
                hop_limit: stamp.hop_limit,
                octets: packet.octets(),
                len: packet.arrival.len,
            };
            outcome(recorder.push(&arrived, last))?;
        }
        if recorder.due(last).is_some_and(|due| due.is_zero()) {
            outcome(recorder.flush(last))?;
        }
    };
    inbox.stop();
    let finished = recorder.finish(Instant::now());
    progress.clear();
    let counts = recorder.counts();
    let mut failed = counts.lost > 0;
    match finished {
        Err(error) if error.path.is_none() && error.error.kind() == io::ErrorKind::BrokenPipe => {}
        Err(error) => {
            complain(format_args!("{error}"));
            failed = true;
        }
        Ok(()) => {}
    }
    talk::catch_up();
    let losses = inbox.losses();
    let mut summary = format!(
        "{} recorded in {}, {} octets, {} not written, {} dropped by the kernel (receive buffer full), {} dropped in the queue \
         (output too slow, {} first), {}",
        Count(counts.packets, "packet"),
        Count(recorder.files(), "file"),
        counts.octets,
        counts.lost,
        losses.kernel,
        losses.queue,
        settings.drop_policy,
        Count(losses.errors, "receive error"),
    );
    if counts.cut > 0 {
        summary += &format!(", {}", Count(counts.cut, "truncated packet"));
    }
    if !settings.allowed_sources.is_empty() {
        summary += &format!(", {} from sources that are not allowed", losses.sources);
    }
    if settings.dedup.is_some() {
        summary += &format!(", {} left out as duplicates", losses.duplicate_packets);
    }
    say(format_args!("{summary}"));
    Ok(match () {
        () if failed => Exit::Failed,
        () if timed_out && heard == 0 => Exit::Nothing,
        () => Exit::Done,
    })
}

/// Says what has changed while listening.
fn tell(change: Change) {
    match change {
        Change::Trouble(_) | Change::SmallBuffer { .. } => warn(format_args!("{change}")),
        _ => say(format_args!("{change}")),
    }
}

fn size(text: &str) -> Result<u64, String> {
    let octets = octets(text).filter(|octets| *octets > 0);
    octets.ok_or_else(|| "a size is written as 65536, 64K, 100M or 2G, and is more than nothing".into())
}
