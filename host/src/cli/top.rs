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
use crate::watching::{State, Tell, Watching};

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
    let shows = Shows {
        #[cfg(feature = "tui")]
        view: Some(&arguments.view),
        #[cfg(feature = "web")]
        web: &arguments.web,
    };
    shows.run(|tell| arguments.from.watch(tell))
}

/// Where something is shown.
pub(super) struct Shows<'a> {
    /// In the terminal, if there is one, and somebody wants that.
    #[cfg(feature = "tui")]
    pub(super) view: Option<&'a super::view::View>,
    /// For browsers, if somebody wants that.
    #[cfg(feature = "web")]
    pub(super) web: &'a super::web::Web,
}

impl Shows<'_> {
    /// Shows what is watched until somebody has seen enough, and then says what there was.
    pub(super) fn run(&self, watch: impl FnOnce(Tell) -> Result<Watching, Failure>) -> Result<Exit, Failure> {
        #[cfg(feature = "tui")]
        if let Some(view) = self.view.filter(|_| io::stdout().is_terminal()) {
            #[cfg(feature = "web")]
            return view.show(watch, |watching, tell| self.web.start(watching, tell));
            #[cfg(not(feature = "web"))]
            return view.show(watch, |_, _| Ok(()));
        }
        #[cfg(feature = "web")]
        if self.web.is_wanted() {
            return serve(self.web, watch);
        }
        let reason =
            if cfg!(feature = "tui") { "standard output is none" } else { "this was built without (the feature tui)" };
        Err(Failure::Usage(format!(
            "top needs a terminal, and {reason}: 'collectd-tap top --web' serves a page for browsers, and 'collectd-tap listen' \
             prints what arrives, with --format json for programs"
        )))
    }
}

/// Serves the page, and shows nothing, until a signal: what captures hold stays there to be looked at.
#[cfg(feature = "web")]
fn serve(web: &super::web::Web, watch: impl FnOnce(Tell) -> Result<Watching, Failure>) -> Result<Exit, Failure> {
    let tell = super::watching::to_stderr();
    let stopped = super::stop::flag()?;
    let watching = Arc::new(watch(Arc::clone(&tell))?);
    say(format_args!("watching {}", watching.source()));
    let server = web.start(&watching, &tell)?;
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
    for (count, what, why) in totals.losses().filter(|(count, ..)| *count > 0) {
        summary += &format!(", {}{why}", Count(count, what));
    }
    say(format_args!("{summary}"));
    if matches!(watching.state(), State::Failed(_)) { Exit::Failed } else { Exit::Done }
}
