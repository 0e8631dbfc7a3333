//! What time it is for a fleet: now, or when what is played was recorded.

use std::time::{Duration, Instant};

use collectd_net::{Interval, Time};

use crate::fleet::Moment;

/// A clock of this machine, or of captures.
#[derive(Clone, Copy, Debug)]
pub(super) enum Clock {
    /// This machine's.
    Own {
        /// When it began.
        start: Instant,
    },
    /// That of what is played.
    Played {
        /// When it began.
        start: Instant,
        /// How many times as fast its time goes by.
        speed: f64,
        /// When something came last.
        last: Moment,
        /// When something comes next; the same, where nobody knows.
        next: Duration,
    },
}

impl Clock {
    pub(super) fn start() -> Self {
        Self::Own { start: Instant::now() }
    }

    /// At the beginning of what is played.
    pub(super) fn played(speed: f64) -> Self {
        let last = Moment { clock: Duration::ZERO, time: Time::default() };
        Self::Played { start: Instant::now(), speed, last, next: Duration::ZERO }
    }

    pub(super) fn now(&self) -> Moment {
        match *self {
            Self::Own { start } => Moment::now(start),
            Self::Played { start, speed, last, next } => {
                let clock = Duration::try_from_secs_f64(start.elapsed().as_secs_f64() * speed).unwrap_or(next);
                later(last, clock.min(next).saturating_sub(last.clock))
            }
        }
    }

    /// Something comes then, and until then nothing.
    pub(super) fn expect(&mut self, then: Duration) {
        if let Self::Played { next, .. } = self {
            *next = then;
        }
    }

    /// It has come.
    pub(super) fn reach(&mut self, moment: Moment) {
        if let Self::Played { last, next, .. } = self {
            (*last, *next) = (moment, moment.clock);
        }
    }
}

/// So much later, by both clocks.
pub(super) fn later(moment: Moment, passed: Duration) -> Moment {
    let ticks = Interval::try_from(passed).map_or(0, Interval::raw);
    let time = Time::from_raw(moment.time.raw().saturating_add(ticks));
    Moment { clock: moment.clock.saturating_add(passed), time }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_goes_by_at_its_speed_and_no_further_than_to_what_comes_next() {
        let last = Moment { clock: Duration::from_secs(7), time: Time::from_raw(1_700_000_000 << 30) };
        let start = Instant::now().checked_sub(Duration::from_secs(2)).expect("the machine is up for longer");
        let now = |speed, then| {
            let mut clock = Clock::Played { start, speed, last: Clock::start().now(), next: Duration::ZERO };
            clock.reach(last);
            clock.expect(Duration::from_secs(then));
            (clock.now().clock.as_secs(), clock.now().time.secs() - 1_700_000_000)
        };
        assert_eq!(now(100.0, 1000), (200, 193));
        assert_eq!(now(100.0, 50), (50, 43));
        assert_eq!(now(f64::MAX, 50), (50, 43));
        // What is late does not go back in time.
        assert_eq!((now(1.0, 50), now(0.0, 7)), ((7, 0), (7, 0)));
    }
}
