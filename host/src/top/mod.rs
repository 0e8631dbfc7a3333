//! Live graphs in the terminal.
//!
//! ```text
//! keys, mouse → Action → Model ─┐
//!                               ├→ draw → terminal
//! Fleet → Reader → Snapshot ────┘
//! ```
//!
//! What was chosen ([`model`]) knows neither the terminal nor the fleet; what is to be seen ([`snapshot`]) is taken while the fleet
//! is locked for a moment; a screen ([`draw`]) is made of both and changes nothing.

mod action;
mod catalog;
mod chart;
mod draw;
mod export;
mod head;
mod layout;
mod lists;
mod look;
mod model;
mod number;
mod prompt;
mod reader;
mod snapshot;
mod terminal;

use std::collections::VecDeque;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use jiff::tz::TimeZone;
use ratatui::crossterm::event;
use ratatui::layout::Rect;

use crate::watching::{Tell, Tone, Watching};
use layout::Areas;
pub(crate) use look::Look;
use model::{Effect, Model};
use reader::Reader;
use snapshot::Snapshot;
use terminal::{Keys, Screen};

/// How often there is another picture.
const TICK: Duration = Duration::from_millis(250);
/// Notes that are kept.
const NOTES: usize = 100;

/// What is told beside what comes. It is shown, and said once the terminal is free again.
#[derive(Clone, Debug, Default)]
pub(crate) struct Notes(Arc<Mutex<VecDeque<(Instant, Tone, String)>>>);

impl Notes {
    /// Takes notes of what is told.
    pub(crate) fn tell(&self) -> Tell {
        let notes = self.clone();
        Arc::new(move |tone, message| {
            let mut notes = notes.0.lock().unwrap_or_else(PoisonError::into_inner);
            notes.push_back((Instant::now(), tone, message.to_owned()));
            if notes.len() > NOTES {
                notes.pop_front();
            }
        })
    }

    /// All of them, in order.
    pub(crate) fn take(&self) -> Vec<(Tone, String)> {
        let mut notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        notes.drain(..).map(|(_, tone, message)| (tone, message)).collect()
    }

    /// The last one, if it is not older than that.
    fn latest(&self, age: Duration) -> Option<(Tone, String)> {
        let notes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (when, tone, message) = notes.back()?;
        (when.elapsed() < age).then(|| (*tone, message.clone()))
    }
}

/// Shows what is watched until somebody has seen enough, or `is_stopped`.
///
/// # Errors
/// When the terminal does not do what it should.
pub(crate) fn run(
    watching: &Watching,
    notes: &Notes,
    look: Look,
    zone: TimeZone,
    is_stopped: &AtomicBool,
) -> io::Result<()> {
    let keys = Keys::open()?;
    let mut screen = Screen::take()?;
    let mut model = Model::new(look);
    let mut reader = Reader::new(watching, notes, zone.clone());
    let mut must_read = true;
    loop {
        reader.refresh(&mut model, must_read);
        must_read = false;
        let (areas, snapshot) = draw(&mut screen, &mut model, &mut reader)?;
        let deadline = Instant::now() + TICK;
        let mut is_idle = true;
        while is_idle {
            if is_stopped.load(Ordering::Relaxed) {
                return Ok(());
            }
            if terminal::has_panicked() {
                return Err(io::Error::other("a thread has panicked"));
            }
            let left = deadline.saturating_duration_since(Instant::now());
            is_idle = !left.is_zero() && keys.wait(left)?;
            // All that was typed is one picture.
            while event::poll(Duration::ZERO)? {
                is_idle = false;
                let action = action::of(&event::read()?, &model, &areas);
                match model.apply(action, reader.now()) {
                    Effect::None => {}
                    Effect::Read => must_read = true,
                    Effect::Write => {
                        model.message = Some(match export::write(&model, &snapshot, &zone) {
                            Ok(name) => format!("what is visible was written to {name}"),
                            Err(error) => format!("cannot write a file here: {error}"),
                        });
                    }
                    Effect::Suspend => screen.suspend()?,
                    Effect::Quit => return Ok(()),
                }
            }
        }
    }
}

/// Draws a picture; what was where, and what it shows.
fn draw(screen: &mut Screen, model: &mut Model, reader: &mut Reader<'_>) -> io::Result<(Areas, Snapshot)> {
    screen.terminal.autoresize()?;
    let size = screen.terminal.size()?;
    let (areas, snapshot) = picture(Rect::from((ratatui::layout::Position::ORIGIN, size)), model, reader);
    screen.terminal.draw(|frame| {
        if let Some(cursor) = draw::draw(frame.buffer_mut(), model, &snapshot, &areas) {
            frame.set_cursor_position(cursor);
        }
    })?;
    Ok((areas, snapshot))
}

/// What is to be seen on a screen of this size.
fn picture(area: Rect, model: &mut Model, reader: &mut Reader<'_>) -> (Areas, Snapshot) {
    let charts = if model.overlay.is_some() { 1 } else { model.charted().len() };
    let areas = Areas::new(area, model, charts);
    if areas.rows.height > 0 {
        model.fit(areas.page());
    }
    let last = areas.lines();
    let snapshot = reader.snapshot(model, &areas);
    let most = snapshot.senders.len().max(snapshot.news.len()).saturating_sub(last);
    model.list_top = model.list_top.min(most);
    (areas, snapshot)
}

#[cfg(test)]
mod tests;
