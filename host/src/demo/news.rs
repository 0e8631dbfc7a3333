//! What hosts tell of themselves: notifications, at the same times of each day.

use std::time::Duration;

use collectd_net::Severity;

use super::DAY;
use super::part::Fate;
use super::role::Name;

const DISK: Name = Name(["df", "root", "df_complex", "free"]);
const LINE: Name = Name(["connectivity", "wan0", "gauge", "interface_status"]);
/// How often the line goes down or up, and how long that goes on.
const FLAP: (Duration, Duration) = (Duration::from_millis(200), Duration::from_secs(6));
/// When the line begins to flap.
const FLAPS_AT: Duration = Duration::from_secs(40);

/// A notification.
#[derive(Clone, Copy, Debug)]
pub(super) struct Told {
    /// When, from the beginning of the day.
    at: Duration,
    pub(super) about: Name,
    pub(super) severity: Severity,
    pub(super) message: &'static str,
}

/// What a host tells each day, and what of it is next.
#[derive(Debug)]
pub(super) struct News {
    all: Vec<Told>,
    place: usize,
    day: Duration,
}

impl News {
    pub(super) fn of(fate: Fate) -> Self {
        let told =
            |second, about, severity, message| Told { at: Duration::from_secs(second), about, severity, message };
        let all = match fate {
            Fate::FillsUp => vec![
                told(33, DISK, Severity::Warning, "free space is below 10 %"),
                told(46, DISK, Severity::Failure, "free space is below 1 %"),
                told(50, DISK, Severity::Okay, "free space is above 10 % again"),
            ],
            Fate::Flaps => flaps().collect(),
            _ => Vec::new(),
        };
        Self { all, place: 0, day: Duration::ZERO }
    }

    /// When there is something to tell next, if there ever is.
    pub(super) fn due(&self) -> Option<Duration> {
        Some(self.day + self.all.get(self.place)?.at)
    }

    /// What is to be told now.
    pub(super) fn take(&mut self, at: Duration) -> Option<Told> {
        let told = *self.all.get(self.place).filter(|_| self.due() == Some(at))?;
        self.place += 1;
        if self.place == self.all.len() {
            (self.place, self.day) = (0, self.day + DAY);
        }
        Some(told)
    }
}

/// A line goes down and up again.
fn flaps() -> impl Iterator<Item = Told> {
    let (every, lasts) = FLAP;
    let changes = u32::try_from(lasts.as_millis() / every.as_millis()).unwrap_or_default();
    (0..changes).map(move |change| {
        let (severity, message) = match change % 2 {
            0 => (Severity::Failure, "the line is down"),
            _ => (Severity::Okay, "the line is up"),
        };
        Told { at: FLAPS_AT + every * change, about: LINE, severity, message }
    })
}

/// Whether the line flaps at this time of day.
pub(super) fn is_flapping(time: Duration) -> bool {
    (FLAPS_AT..FLAPS_AT + FLAP.1).contains(&time)
}
