//! `collectd-tap top`: live graphs of what arrives.

use std::io::{self, IsTerminal as _};
use std::sync::atomic::Ordering;
use std::thread;
use std::time::Duration;

use super::output::Count;
use super::progress::Progress;
use super::watching::{From, to_stderr};
use super::{Exit, Failure, say, stop};
use crate::watching::State;

#[derive(Debug, clap::Args)]
pub(super) struct Top {
    #[command(flatten)]
    from: From,
}

#[cfg(feature = "config")]
impl Top {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.from.check()
    }
}

pub(super) fn run(arguments: &Top) -> Result<Exit, Failure> {
    if !io::stdout().is_terminal() {
        return Err(Failure::Usage(
            "top needs a terminal, and standard output is none: 'collectd-tap listen' prints what arrives, with --format json for \
             programs"
                .into(),
        ));
    }
    let stopped = stop::flag()?;
    let watching = arguments.from.watch(to_stderr())?;
    let progress = Progress::spinner();
    while !stopped.load(Ordering::Relaxed) && watching.state() == State::Running {
        let (sizes, totals) = (watching.fleet().lock().sizes(), watching.totals());
        let lost = totals.lost();
        progress.say(|| format!("{}, {} values, {lost} lost", Count(sizes.hosts as u64, "host"), sizes.values));
        thread::sleep(Duration::from_millis(250));
    }
    progress.clear();
    watching.stop();
    let totals = watching.totals();
    say(format_args!("{}: {}", watching.source(), Count(totals.counts.packets, "packet")));
    for (count, what) in totals.losses().filter(|(count, _)| *count > 0) {
        say(format_args!("{count} {what}"));
    }
    Ok(if matches!(watching.state(), State::Failed(_)) { Exit::Failed } else { Exit::Done })
}
