//! How far something is, in the last line of a terminal.

use std::sync::Mutex;
#[cfg(feature = "progress")]
use std::sync::PoisonError;

#[cfg(feature = "progress")]
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// The line that is shown now, so that what is said does not mix with it.
#[cfg(feature = "progress")]
static SHOWN: Mutex<Option<ProgressBar>> = Mutex::new(None);
#[cfg(not(feature = "progress"))]
static SHOWN: Mutex<()> = Mutex::new(());

/// A line about progress on standard error; nothing, where that is no terminal.
#[derive(Debug)]
pub(super) struct Progress(#[cfg(feature = "progress")] ProgressBar);

impl Progress {
    /// For what has no known end.
    pub(super) fn spinner() -> Self {
        Self::new(
            #[cfg(feature = "progress")]
            ProgressBar::no_length().with_style(style("{elapsed} {msg}")),
        )
    }

    /// For what ends at this number of octets, or whatever counts its steps.
    pub(super) fn bar(end: u64) -> Self {
        #[cfg(not(feature = "progress"))]
        let _ = end;
        Self::new(
            #[cfg(feature = "progress")]
            ProgressBar::new(end).with_style(style("{elapsed} [{bar:30}] {percent}% {msg}").progress_chars("=> ")),
        )
    }

    #[cfg(feature = "progress")]
    fn new(bar: ProgressBar) -> Self {
        bar.set_draw_target(ProgressDrawTarget::stderr_with_hz(5));
        *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = Some(bar.clone());
        Self(bar)
    }

    #[cfg(not(feature = "progress"))]
    fn new() -> Self {
        Self()
    }

    /// Shows this.
    pub(super) fn say(&self, text: impl FnOnce() -> String) {
        #[cfg(feature = "progress")]
        if !self.0.is_hidden() {
            self.0.set_message(text());
            self.0.tick();
        }
        #[cfg(not(feature = "progress"))]
        let _ = text;
    }

    /// Shows this, and how far it is.
    pub(super) fn at(&self, position: u64, text: impl FnOnce() -> String) {
        #[cfg(feature = "progress")]
        self.0.set_position(position);
        #[cfg(not(feature = "progress"))]
        let _ = position;
        self.say(text);
    }

    /// Shows nothing more.
    pub(super) fn clear(&self) {
        #[cfg(feature = "progress")]
        {
            self.0.finish_and_clear();
            *SHOWN.lock().unwrap_or_else(PoisonError::into_inner) = None;
        }
    }
}

#[cfg(feature = "progress")]
fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// Writes to the terminal while the line is out of the way.
pub(super) fn aside(write: impl FnOnce()) {
    let shown = SHOWN.lock();
    #[cfg(feature = "progress")]
    if let Some(bar) = shown.unwrap_or_else(PoisonError::into_inner).as_ref() {
        return bar.suspend(write);
    }
    #[cfg(not(feature = "progress"))]
    drop(shown);
    write();
}
