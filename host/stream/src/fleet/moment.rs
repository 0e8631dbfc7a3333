//! When something happened, by two clocks: nothing here looks at a clock itself.

use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use collectd_net::{Interval, Time};

/// A point in time. Silence is measured by the first clock, which nobody sets; senders' clocks are compared with the second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Moment {
    /// Time since a start that is the same for all moments of a store.
    pub clock: Duration,
    /// The time of day.
    pub time: Time,
}

impl Moment {
    /// Now, by the clocks of this machine.
    #[must_use]
    pub fn now(start: Instant) -> Self {
        let time = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self { clock: start.elapsed(), time: Time::try_from(time).unwrap_or_default() }
    }

    /// The first clock in 2⁻³⁰ s, as intervals are counted.
    pub(super) fn ticks(self) -> u64 {
        ticks(self.clock)
    }
}

/// A second in 2⁻³⁰ s.
pub(super) const SECOND: u64 = 1 << 30;

/// A span in 2⁻³⁰ s.
pub(super) fn ticks(span: Duration) -> u64 {
    Interval::try_from(span).map_or(u64::MAX, Interval::raw)
}

/// A span of 2⁻³⁰ s.
pub(super) fn span(ticks: u64) -> Duration {
    Interval::from_raw(ticks).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_goes_on_in_the_units_of_intervals() {
        let moment = Moment { clock: Duration::from_millis(1500), time: Time::default() };
        assert_eq!(moment.ticks(), SECOND + SECOND / 2);
        assert_eq!(span(moment.ticks()), moment.clock);
        assert_eq!(ticks(Duration::MAX), u64::MAX);
        let start = Instant::now();
        let (first, second) = (Moment::now(start), Moment::now(start));
        assert!(first.clock <= second.clock && first.time.secs() > 1_700_000_000);
    }
}
