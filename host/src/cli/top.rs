//! `collectd-tap top`: live graphs of what arrives.

use std::env;
use std::io::{self, IsTerminal as _};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::look::Color;
use super::output::Count;
use super::watching::{From, to_stderr};
use super::{Exit, Failure, say, stop, talk};
use crate::top::{self, Look, Notes};
use crate::watching::{Tell, Watching};

/// How long it may take to end when the terminal is gone.
const PATIENCE: Duration = Duration::from_secs(2);

#[derive(Debug, clap::Args)]
pub(super) struct Top {
    #[command(flatten)]
    from: From,
    #[command(flatten)]
    pub(super) view: View,
}

/// How it looks.
#[derive(Debug, clap::Args)]
pub(super) struct View {
    /// Draw with characters of ASCII alone, for fonts without braille
    #[arg(long)]
    ascii: bool,
    /// Whether there are colours; auto: unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", value_enum, default_value_t = Color::Auto, hide_default_value = true)]
    color: Color,
    /// Show times in UTC, not in the zone of this machine
    #[arg(long)]
    utc: bool,
}

#[cfg(feature = "config")]
impl Top {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.from.check()
    }
}

pub(super) fn run(arguments: &Top) -> Result<Exit, Failure> {
    arguments.view.show(|tell| arguments.from.watch(tell))
}

impl View {
    /// Shows what is watched until somebody has seen enough, and then says what there was.
    pub(super) fn show(&self, watch: impl FnOnce(Tell) -> Result<Watching, Failure>) -> Result<Exit, Failure> {
        if !io::stdout().is_terminal() {
            return Err(Failure::Usage(
                "top needs a terminal, and standard output is none: 'collectd-tap listen' prints what arrives, with --format json \
                 for programs"
                    .into(),
            ));
        }
        let stopped = stop::flag()?;
        let failed = |error: io::Error| Failure::Runtime(format!("cannot catch signals: {error}"));
        end_on_hangup(Arc::clone(&stopped)).map_err(failed)?;
        let notes = Notes::default();
        let outcome = watch(notes.tell()).and_then(|watching| {
            let look = Look { color: self.color.is_wanted(), ascii: self.ascii || !locale_is_utf8() };
            let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
            let shown = top::run(&watching, &notes, look, zone, &stopped);
            watching.stop();
            shown.map(|()| watching).map_err(|error| Failure::Runtime(format!("the terminal: {error}")))
        });
        let tell = to_stderr();
        notes.take().iter().for_each(|(tone, message)| tell(*tone, message));
        let watching = outcome?;
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
        talk::catch_up();
        say(format_args!("{summary}"));
        Ok(if top::has_failed(&watching) { Exit::Failed } else { Exit::Done })
    }
}

/// When the terminal is gone, there is nobody to show anything to: it ends, and if it waits for keys that never come, at once.
fn end_on_hangup(stopped: Arc<AtomicBool>) -> io::Result<()> {
    let mut signals = Signals::new([SIGHUP])?;
    thread::Builder::new().name("hangup".into()).spawn(move || {
        if let Some(signal) = signals.forever().next() {
            stopped.store(true, Ordering::Relaxed);
            thread::sleep(PATIENCE);
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}

/// Whether the terminal takes more than ASCII, as far as somebody has said.
fn locale_is_utf8() -> bool {
    let said = ["LC_ALL", "LC_CTYPE", "LANG"].iter().filter_map(env::var_os).find(|locale| !locale.is_empty());
    said.is_none_or(|locale| {
        let locale = locale.to_string_lossy().to_lowercase();
        locale.contains("utf-8") || locale.contains("utf8")
    })
}
