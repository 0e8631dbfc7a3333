//! What the program says while it works: a line on standard error for each event of `tracing`.
//!
//! The same message is said a few times within some seconds, and then only counted, so that what happens with every packet does
//! not bury the rest. Errors, and what is listed once, are always said.

use std::collections::HashMap;
use std::fmt;
use std::io::{self, Write as _};
use std::panic::Location;
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::subscriber::Interest;
use tracing::{Event, Level, Metadata, Subscriber};
use tracing_subscriber::layer::{Context, Layer, SubscriberExt as _};

/// The levels by name.
pub(super) const LEVELS: [&str; 6] = ["off", "error", "warn", "info", "debug", "trace"];

/// How often the same is said within the window.
const SAME: u32 = 3;

/// How often something is said from the same place of the program within the window.
const FROM_ONE_PLACE: u32 = 50;

/// How long the window is.
const WINDOW: Duration = Duration::from_secs(10);

static TALK: OnceLock<Mutex<Talk>> = OnceLock::new();

/// Begins to say what happens, at the level info.
pub(super) fn start() {
    let talk = Talk { level: LevelFilter::INFO, limit: Limit::default() };
    if TALK.set(Mutex::new(talk)).is_ok() {
        // Fails only if somebody who uses this library listens already.
        let _ = tracing::subscriber::set_global_default(tracing_subscriber::registry().with(Stderr));
    }
}

/// Says more or less from now on.
pub(super) fn set_level(name: &str, more: u8, less: u8) {
    let base = LEVELS.iter().position(|level| *level == name).unwrap_or(3);
    let number = (base + usize::from(more)).saturating_sub(usize::from(less)).min(LEVELS.len() - 1);
    with(|talk| talk.level = LEVELS[number].parse().unwrap_or(LevelFilter::INFO));
}

/// Tells what was only counted, before the last word or at the end.
pub(super) fn catch_up() {
    with(|talk| talk.limit.take_counted(None).iter().for_each(|line| write(&Level::INFO, line)));
}

fn with(change: impl FnOnce(&mut Talk)) {
    if let Some(talk) = TALK.get() {
        change(&mut talk.lock().unwrap_or_else(PoisonError::into_inner));
    }
}

/// Says something that may happen again and again.
#[track_caller]
pub(super) fn say(message: fmt::Arguments<'_>) {
    let place = Location::caller();
    tracing::info!(place = %place, "{message}");
}

/// Says something that is listed once, such as what there was in all.
pub(super) fn tell(message: fmt::Arguments<'_>) {
    tracing::info!("{message}");
}

/// Warns of something that may happen again and again.
#[track_caller]
pub(super) fn warn(message: fmt::Arguments<'_>) {
    let place = Location::caller();
    tracing::warn!(place = %place, "{message}");
}

/// Warns of something that is listed once.
pub(super) fn note(message: fmt::Arguments<'_>) {
    tracing::warn!("{message}");
}

/// Says what went wrong.
pub(super) fn complain(message: fmt::Arguments<'_>) {
    tracing::error!("{message}");
}

struct Talk {
    level: LevelFilter,
    limit: Limit,
}

/// Writes events to standard error.
struct Stderr;

impl<S: Subscriber> Layer<S> for Stderr {
    fn register_callsite(&self, _: &'static Metadata<'static>) -> Interest {
        // The level may change.
        Interest::sometimes()
    }

    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        // Other crates have nothing to say to whoever runs this program.
        let mut wanted = metadata.target().starts_with("collectd_tap");
        with(|talk| wanted &= *metadata.level() <= talk.level);
        wanted
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut words = Words::default();
        event.record(&mut words);
        let level = event.metadata().level();
        with(|talk| match words.place {
            None => write(level, &words.message),
            Some(place) => {
                let now = Instant::now();
                talk.limit.take_counted(Some(now)).iter().for_each(|line| write(&Level::INFO, line));
                if talk.limit.lets_through(&place, &words.message, now) {
                    write(level, &words.message);
                }
            }
        });
    }
}

/// Writes a line. One write, so that lines of several programs do not mix; and if nobody listens, so be it.
fn write(level: &Level, message: &str) {
    let kind = match *level {
        Level::ERROR | Level::INFO => "",
        Level::WARN => "warning: ",
        Level::DEBUG => "debug: ",
        Level::TRACE => "trace: ",
    };
    super::progress::aside(|| {
        let _ = io::stderr().write_all(format!("collectd-tap: {kind}{message}\n").as_bytes());
    });
}

/// What an event says, and the place that limits it.
#[derive(Default)]
struct Words {
    message: String,
    place: Option<String>,
}

impl Visit for Words {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            "place" => self.place = Some(format!("{value:?}")),
            _ => {}
        }
    }
}

/// Counts what is said too often.
#[derive(Default)]
struct Limit {
    windows: HashMap<(String, String), Window>,
}

struct Window {
    start: Instant,
    said: u32,
    counted: u64,
    last: String,
}

impl Limit {
    /// Whether to say this.
    fn lets_through(&mut self, place: &str, message: &str, now: Instant) -> bool {
        // Numbers are what differs where the same happens again.
        let shape: String = message.chars().filter(|c| !c.is_ascii_digit()).collect();
        let mut count = |shape: String, most: u32| {
            let window = self.windows.entry((place.to_owned(), shape)).or_insert_with(|| Window {
                start: now,
                said: 0,
                counted: 0,
                last: String::new(),
            });
            let is_new = window.said < most;
            if is_new {
                window.said += 1;
            } else {
                window.counted += 1;
                message.clone_into(&mut window.last);
            }
            is_new
        };
        count(String::new(), FROM_ONE_PLACE) && count(shape, SAME)
    }

    /// Lines for what was counted in windows that are over now, or in all.
    fn take_counted(&mut self, now: Option<Instant>) -> Vec<String> {
        let mut lines = Vec::new();
        self.windows.retain(|_, window| {
            let is_over = now.is_none_or(|now| now.saturating_duration_since(window.start) >= WINDOW);
            if is_over && window.counted > 0 {
                lines.push(match window.counted - 1 {
                    0 => std::mem::take(&mut window.last),
                    others => format!("{}, and {others} more like it", window.last),
                });
            }
            !is_over
        });
        lines.sort();
        lines
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_is_said_a_few_times_and_then_counted() {
        let (mut limit, start) = (Limit::default(), Instant::now());
        let said = (0..10).filter(|n| limit.lets_through("a", &format!("cannot send to 10.0.0.{n}"), start)).count();
        assert_eq!(said, 3);
        assert!(limit.lets_through("a", "something else", start));
        assert!(limit.lets_through("b", "cannot send to 10.0.0.1", start));
        assert_eq!(limit.take_counted(Some(start + WINDOW / 2)), [""; 0]);
        assert_eq!(limit.take_counted(Some(start + WINDOW)), ["cannot send to 10.0.0.9, and 6 more like it"]);
        assert!(limit.lets_through("a", "cannot send to 10.0.0.1", start + WINDOW));
        assert_eq!(limit.take_counted(None), [""; 0]);
        assert!(limit.windows.is_empty());
        // One that was kept back is no number.
        let said = (0..4).filter(|n| limit.lets_through("a", &format!("joined on eth{n}"), start)).count();
        assert_eq!(said, 3);
        assert_eq!(limit.take_counted(None), ["joined on eth3"]);
    }

    #[test]
    fn what_always_differs_is_counted_too_and_takes_no_memory() {
        let (mut limit, start) = (Limit::default(), Instant::now());
        let said = (0..10_000_u32).filter(|n| {
            let name: String = n.to_string().bytes().map(|digit| char::from(digit + b'a' - b'0')).collect();
            limit.lets_through("a", &name, start)
        });
        assert_eq!(said.count(), 50);
        assert_eq!(limit.windows.len(), 51);
        assert_eq!(limit.take_counted(None), ["jjjj, and 9949 more like it"]);
    }
}
