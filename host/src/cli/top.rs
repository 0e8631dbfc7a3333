//! `collectd-tap top`: live graphs of what arrives, in the terminal, for browsers, or both.

#[cfg(feature = "tui")]
use std::io::{self, IsTerminal as _};
#[cfg(feature = "web")]
use std::sync::{Arc, atomic::Ordering};
#[cfg(feature = "web")]
use std::{thread, time::Duration};

use super::output::Count;
use super::watching::From;
use super::{Exit, Failure, say};
use crate::watching::{State, Watching};

#[derive(Debug, clap::Args)]
pub(super) struct Top {
    #[command(flatten)]
    from: From,
    #[cfg(feature = "tui")]
    #[command(flatten)]
    view: super::view::View,
    #[cfg(feature = "web")]
    #[command(flatten)]
    web: super::web::Web,
}

#[cfg(feature = "config")]
impl Top {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.from.check()
    }
}

pub(super) fn run(arguments: &Top) -> Result<Exit, Failure> {
    #[cfg(feature = "tui")]
    if io::stdout().is_terminal() {
        let watch = |tell| arguments.from.watch(tell);
        #[cfg(feature = "web")]
        return arguments.view.show(watch, |watching, tell| arguments.web.start(watching, tell));
        #[cfg(not(feature = "web"))]
        return arguments.view.show(watch, |_, _| Ok(()));
    }
    #[cfg(feature = "web")]
    if arguments.web.is_wanted() {
        return serve(arguments);
    }
    let reason =
        if cfg!(feature = "tui") { "standard output is none" } else { "this was built without (the feature tui)" };
    Err(Failure::Usage(format!(
        "top needs a terminal, and {reason}: 'collectd-tap top --web' serves a page for browsers, and 'collectd-tap listen' \
         prints what arrives, with --format json for programs"
    )))
}

/// Serves the page, and shows nothing, until a signal: what captures hold stays there to be looked at.
#[cfg(feature = "web")]
fn serve(arguments: &Top) -> Result<Exit, Failure> {
    let tell = super::watching::to_stderr();
    let stopped = super::stop::flag()?;
    let watching = Arc::new(arguments.from.watch(Arc::clone(&tell))?);
    say(format_args!("watching {}", watching.source()));
    let server = arguments.web.start(&watching, &tell)?;
    while !stopped.load(Ordering::Relaxed) && !matches!(watching.state(), State::Failed(_)) {
        thread::sleep(Duration::from_millis(100));
    }
    watching.stop();
    drop(server);
    Ok(end(&watching))
}

/// Says what came, and what did not.
pub(super) fn end(watching: &Watching) -> Exit {
    let totals = watching.totals();
    let mut summary = format!(
        "{}, {}, {}",
        Count(totals.counts.packets, "packet"),
        Count(totals.counts.values, "value"),
        Count(totals.counts.notifications, "notification")
    );
    for (count, what) in totals.losses().filter(|(count, _)| *count > 0) {
        summary += &format!(", {count} {what}");
    }
    say(format_args!("{summary}"));
    if matches!(watching.state(), State::Failed(_)) { Exit::Failed } else { Exit::Done }
}
