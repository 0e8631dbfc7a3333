//! `collectd-tap listen`, and `collectd-tap` alone.

use std::fmt::Write as _;
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::{Duration, Instant};

use collectd_net::Counters;

use super::listening::{self, Listening, Reporting};
use super::look::Typed;
use super::output::{Count, Summary};
use super::presence::{Presence, Watch};
use super::worker::{Report, Work, Worker};
use super::{Exit, Failure, Printing, duration, note, say, stop, talk, warn};
use crate::listen::{Change, Inbox, Listener, Losses, Settings, Share, Stopper, Wake};
use crate::sink::Format;
use crate::users::Users;

/// How long to hear nothing before saying so.
const SILENCE: Duration = Duration::from_secs(10);

#[derive(Debug, clap::Args)]
pub(super) struct Listen {
    #[command(flatten)]
    listening: Listening,
    #[command(flatten)]
    reporting: Reporting,
    #[command(flatten)]
    presence: Presence,
    #[command(flatten)]
    pub(super) printing: Printing,
    #[command(flatten)]
    pub(super) limits: Limits,
}

/// When to end without being told.
#[derive(Debug, clap::Args)]
pub(super) struct Ends {
    /// End after this time (10s, 1m30s); exit with 3 if nothing arrived
    #[arg(long = "for", value_name = "TIME", value_parser = duration)]
    pub(super) total: Option<Duration>,
    /// End when nothing has arrived for this time; exit with 3 if nothing ever did
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub(super) idle_timeout: Option<Duration>,
}

/// What is to happen in time: when to end, and when to print what is not printed item by item.
#[derive(Debug, clap::Args)]
pub(super) struct Limits {
    #[command(flatten)]
    ends: Ends,
    #[command(flatten)]
    typed: Typed,
    /// With the format prometheus, print the latest values each time, ended by a line '# EOF', and not only at the end
    #[arg(long, value_name = "TIME", value_parser = interval)]
    every: Option<Duration>,
}

impl Limits {
    /// How often the state of things is printed.
    fn every(&self, format: &Format) -> Result<Option<Duration>, Failure> {
        if self.typed.has("every") && !format.is_state() {
            return Err(Failure::Usage(
                "--every is for the format prometheus; the others print each item at once".into(),
            ));
        }
        Ok(self.every)
    }
}

/// A span of time that is not nothing.
fn interval(text: &str) -> Result<Duration, String> {
    let interval = duration(text)?;
    if interval.is_zero() { Err("an interval is more than nothing".into()) } else { Ok(interval) }
}

#[cfg(feature = "config")]
impl Listen {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        let mut findings = self.listening.check(&self.printing.opening);
        findings.extend(self.printing.looks.check());
        findings
    }
}

pub(super) fn run(arguments: &Listen) -> Result<Exit, Failure> {
    let settings = arguments.listening.settings(arguments.printing.one_by_one());
    let listener = Listener::open(&settings).map_err(|error| listening::failure(&error))?;
    let Listen { listening: _, reporting, presence, printing, limits } = arguments;
    let watch = if printing.format.counts_packets() { None } else { presence.watch(printing.looks.max_series()) };
    let task = Task { report: reporting.report(), watch, known: None };
    print_arriving(listener, &settings, task, printing, limits)
}

/// What is to be done with what arrives.
pub(super) struct Task {
    pub(super) report: Report,
    /// What watches hosts, if that is wanted.
    pub(super) watch: Option<Watch>,
    /// Users that are known where no password file is named.
    pub(super) known: Option<Users>,
}

/// Prints what arrives until it is enough, or time, or somebody stops it; and what is to be seen of hosts, if they are watched.
pub(super) fn print_arriving(
    listener: Listener,
    settings: &Settings,
    Task { report, watch, known }: Task,
    printing: &Printing,
    limits: &Limits,
) -> Result<Exit, Failure> {
    let every = limits.every(&printing.format)?;
    let mut work = Work::new(printing, report, listener.profiles(), known.as_ref())?;
    work.watch = watch;
    for error in listener.left_out() {
        note(format_args!("{error}; trying again"));
    }
    for lost in listener.without_link() {
        note(format_args!("{lost}"));
    }
    if let Some(advice) = listener.buffer_advice() {
        note(format_args!("{advice}"));
    }
    let listening = listener.to_string();
    let mut inbox =
        listener.start_and_tell(tell).map_err(|error| Failure::Runtime(format!("cannot start to listen: {error}")))?;
    stop::on_signal(inbox.stopper()).map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    say(format_args!("listening on {listening}"));
    work.remember(&inbox);

    let activity = AtomicU64::new(0);
    let mut clock = Clock::start(limits, &work, &activity);
    let mut worker = Worker::new(&work, true)?;
    worker.repeat(every);
    let shares = inbox.take_shares();
    let stopper = inbox.stopper();
    let outcome = thread::scope(|scope| {
        let others: Vec<_> = shares
            .into_iter()
            .map(|share| {
                let (work, activity, stopper) = (&work, &activity, stopper.clone());
                let start = clock.start;
                scope.spawn(move || help(work, share, &stopper, || note_activity(activity, start)))
            })
            .collect();
        let outcome = lead(&mut inbox, &mut worker, &mut clock);
        // Whatever ended it ends the others too, after what has arrived until now.
        inbox.stop();
        let mut failure = None;
        for other in others {
            match other.join() {
                Ok((counters, wanted, ended)) => {
                    worker.counters.add(&counters);
                    worker.wanted += wanted;
                    failure = failure.or(ended.err());
                }
                Err(_) => failure = failure.or_else(|| Some(Failure::Runtime("a worker has panicked".into()))),
            }
        }
        match failure {
            None => outcome,
            Some(failure) => outcome.and(Err(failure)),
        }
    });
    let timed_out = outcome?;

    let mut summary = Summary(&worker.counters).to_string();
    if report != Report::Items && printing.selects() {
        // Writing to a string cannot fail.
        let _ = write!(summary, ", {} selected", Count(worker.wanted, "item"));
    }
    talk::catch_up();
    say(format_args!("{summary}, {}", lost(&inbox.losses(), settings)));
    Ok(match () {
        () if printing.strict && worker.counters.refused() > 0 => Exit::Rejected,
        () if timed_out && worker.counters.packets == 0 => Exit::Nothing,
        () => Exit::Done,
    })
}

/// Says what has changed while listening.
fn tell(change: Change) {
    match change {
        Change::Trouble(_) | Change::SmallBuffer { .. } | Change::Down(_) | Change::NoCarrier(_) => {
            warn(format_args!("{change}"));
        }
        _ => say(format_args!("{change}")),
    }
}

/// What this thread does: the work of a worker, and to know when it is enough. Whether the time was up.
fn lead(inbox: &mut Inbox, worker: &mut Worker<'_>, clock: &mut Clock<'_>) -> Result<bool, Failure> {
    let timed_out = loop {
        if worker.is_done() {
            break false;
        }
        match wait(inbox, worker, clock)? {
            Wake::Arrived => worker.open(inbox.share())?,
            Wake::Timeout => break true,
            Wake::Stopped => break false,
        }
    };
    worker.end()?;
    Ok(timed_out)
}

/// What another worker does until nothing more comes; what it counted.
fn help(
    work: &Work<'_>,
    mut share: Share,
    stopper: &Stopper,
    note_activity: impl Fn(),
) -> (Counters, u64, Result<(), Failure>) {
    let mut worker = match Worker::new(work, false) {
        Ok(worker) => worker,
        Err(failure) => {
            stopper.stop();
            return (Counters::new(), 0, Err(failure));
        }
    };
    let mut work_until_end = || {
        loop {
            let mut wake = share.wait(Some(Duration::ZERO));
            if wake == Wake::Timeout {
                let left = worker.flush()?;
                wake = share.wait(left);
            }
            match wake {
                Wake::Arrived => {
                    note_activity();
                    worker.open(&mut share)?;
                }
                Wake::Timeout => {}
                Wake::Stopped => return worker.end(),
            }
        }
    };
    let outcome = work_until_end();
    // Without this one, nothing would be complete.
    if outcome.is_err() {
        stopper.stop();
    }
    (worker.counters, worker.wanted, outcome)
}

/// Everything that did not come through, with its reason.
fn lost(losses: &Losses, settings: &Settings) -> String {
    let mut text = format!(
        "{} dropped by the kernel (receive buffer full), {} dropped in the queue (output too slow, {} first), {}",
        losses.kernel,
        losses.queue,
        settings.drop_policy,
        Count(losses.errors, "receive error")
    );
    let mut add = |is_asked_for, count: u64, what: &str| {
        if is_asked_for {
            text += &format!(", {count} {what}");
        }
    };
    add(!settings.allowed_sources.is_empty(), losses.sources, "from sources that are not allowed");
    add(settings.dedup.is_some(), losses.duplicate_packets, "left out as duplicates");
    add(settings.dedup.is_some(), losses.duplicate_items, "of the items left out as duplicates");
    add(losses.forgotten_seals > 0, losses.forgotten_seals, "seals forgotten before the replay window was over");
    text
}

/// Waits for packets. Before it really waits, everything that is kept back is printed.
fn wait(inbox: &mut Inbox, worker: &mut Worker<'_>, clock: &mut Clock<'_>) -> Result<Wake, Failure> {
    if clock.is_over() {
        return Ok(Wake::Timeout);
    }
    let wake = inbox.wait(Some(Duration::ZERO));
    if wake != Wake::Timeout {
        clock.note(wake);
        return Ok(wake);
    }
    loop {
        let left = worker.flush()?;
        let wake = inbox.wait([left, clock.remaining()].into_iter().flatten().min());
        clock.note(wake);
        if wake != Wake::Timeout || clock.is_over() {
            return Ok(wake);
        }
        clock.say_if_silent();
    }
}

/// Notes that something has arrived, in milliseconds since the start.
fn note_activity(activity: &AtomicU64, start: Instant) {
    let now = u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX);
    activity.fetch_max(now, Ordering::Relaxed);
}

/// Knows when to end, and when to say that nothing is heard.
struct Clock<'a> {
    start: Instant,
    /// When something arrived last, for any of the workers.
    activity: &'a AtomicU64,
    work: &'a Work<'a>,
    end: Option<Instant>,
    idle_timeout: Option<Duration>,
    silence_said: bool,
}

impl<'a> Clock<'a> {
    fn start(limits: &Limits, work: &'a Work<'a>, activity: &'a AtomicU64) -> Self {
        let start = Instant::now();
        Self {
            start,
            activity,
            work,
            // A time that the clock cannot hold never comes.
            end: limits.ends.total.and_then(|total| start.checked_add(total)),
            idle_timeout: limits.ends.idle_timeout,
            silence_said: false,
        }
    }

    fn note(&self, wake: Wake) {
        if wake == Wake::Arrived {
            note_activity(self.activity, self.start);
        }
    }

    fn ends(&self) -> Option<Instant> {
        let last = self.start + Duration::from_millis(self.activity.load(Ordering::Relaxed));
        let idle = self.idle_timeout.and_then(|timeout| last.checked_add(timeout));
        [self.end, idle].into_iter().flatten().min()
    }

    fn is_over(&self) -> bool {
        self.ends().is_some_and(|end| end <= Instant::now())
    }

    fn is_silent(&self) -> bool {
        !self.silence_said && self.work.packets() == 0
    }

    /// How long to wait for packets before something else is to be done.
    fn remaining(&self) -> Option<Duration> {
        let silence = self.is_silent().then(|| self.start + SILENCE);
        let next = [self.ends(), silence].into_iter().flatten().min()?;
        Some(next.saturating_duration_since(Instant::now()))
    }

    fn say_if_silent(&mut self) {
        if self.is_silent() && self.start.elapsed() >= SILENCE {
            self.silence_said = true;
            say(format_args!(
                "no packet in {} s: does a collectd send here? 'collectd-tap demo' shows what it would look like",
                SILENCE.as_secs()
            ));
        }
    }
}
