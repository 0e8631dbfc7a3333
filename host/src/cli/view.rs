//! The terminal, for subcommands that show something live: flags, and what is said when it has ended.

use std::env;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use jiff::tz::TimeZone;
use signal_hook::consts::SIGHUP;
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::look::Color;
use super::top::end;
use super::watching::to_stderr;
use super::{Exit, Failure, stop, talk};
use crate::top::{self, Look, Notes};
use crate::watching::{Tell, Watching};

/// How long it may take to end when the terminal is gone.
const PATIENCE: Duration = Duration::from_secs(2);

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

impl View {
    pub(super) const fn new(ascii: bool, color: Color, utc: bool) -> Self {
        Self { ascii, color, utc }
    }

    /// Shows what is watched until somebody has seen enough, and then says what there was. What is begun beside it lasts as long.
    pub(super) fn show<B>(
        &self,
        watch: impl FnOnce(Tell) -> Result<Watching, Failure>,
        beside: impl FnOnce(&Arc<Watching>, &Tell) -> Result<B, Failure>,
    ) -> Result<Exit, Failure> {
        let stopped = stop::flag()?;
        let failed = |error: io::Error| Failure::Runtime(format!("cannot catch signals: {error}"));
        end_on_hangup(Arc::clone(&stopped)).map_err(failed)?;
        let notes = Notes::default();
        let outcome = watch(notes.tell()).and_then(|watching| {
            let watching = Arc::new(watching);
            let _beside = beside(&watching, &notes.tell())?;
            let look = Look { color: self.color.is_wanted(), ascii: self.ascii || !locale_is_utf8() };
            let zone = if self.utc { TimeZone::UTC } else { TimeZone::system() };
            let shown = top::run(&watching, &notes, look, zone, &stopped);
            watching.stop();
            shown.map(|()| watching).map_err(|error| Failure::Runtime(format!("the terminal: {error}")))
        });
        let tell = to_stderr();
        notes.take().iter().for_each(|(tone, message)| tell(*tone, message));
        let watching = outcome?;
        talk::catch_up();
        Ok(end(&watching))
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
