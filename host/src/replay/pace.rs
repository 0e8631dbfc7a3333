//! When packets are due. It has no clock: times are what its caller says, counted from the start of the replay.

use std::time::Duration;

/// How fast packets are sent again.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Pace {
    /// With the pauses of the capture, divided by this.
    Speed(f64),
    /// So many packets a second.
    Rate(f64),
    /// As fast as it goes.
    Unlimited,
}

/// Tells for each packet when it is due.
#[derive(Clone, Debug)]
pub struct Pacer {
    pace: Pace,
    /// No pause of the capture counts as longer than this.
    max_gap: Option<Duration>,
    last: Option<Duration>,
    /// When the last packet was due.
    due: Duration,
    packets: u64,
}

impl Pacer {
    /// At this pace; longer pauses are cut to `max_gap`, if there is one.
    #[must_use]
    pub const fn new(pace: Pace, max_gap: Option<Duration>) -> Self {
        Self { pace, max_gap, last: None, due: Duration::ZERO, packets: 0 }
    }

    /// When the next packet is due, which the capture has at `time`. Where the capture says nothing, or goes back in time, it is
    /// due with the one before.
    pub fn due(&mut self, time: Option<Duration>) -> Duration {
        self.due = match self.pace {
            Pace::Unlimited => Duration::ZERO,
            Pace::Rate(rate) => seconds(self.packets as f64 / rate),
            Pace::Speed(speed) => {
                let gap = time.zip(self.last).map_or(Duration::ZERO, |(time, last)| time.saturating_sub(last));
                let gap = self.max_gap.map_or(gap, |most| gap.min(most));
                let gap = if speed == 1.0 { gap } else { seconds(gap.as_secs_f64() / speed) };
                self.due.saturating_add(gap)
            }
        };
        // A step back in time must not make the way forward count twice.
        self.last = time.into_iter().chain(self.last).max();
        self.packets += 1;
        self.due
    }

    /// Begins the capture anew: its first packet is due with the last one of before.
    pub fn again(&mut self) {
        self.last = None;
    }
}

/// Seconds that may be more than any clock holds.
fn seconds(seconds: f64) -> Duration {
    Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Times of a capture in milliseconds, and when they are due.
    fn due(pace: Pace, max_gap: Option<u64>, times: &[Option<u64>]) -> Vec<u128> {
        let mut pacer = Pacer::new(pace, max_gap.map(Duration::from_millis));
        times.iter().map(|time| pacer.due(time.map(Duration::from_millis)).as_millis()).collect()
    }

    const TIMES: [Option<u64>; 5] = [Some(5000), Some(5010), Some(6010), Some(6010), Some(9010)];

    #[test]
    fn pauses_are_those_of_the_capture_or_a_share_of_them() {
        assert_eq!(due(Pace::Speed(1.0), None, &TIMES), [0, 10, 1010, 1010, 4010]);
        assert_eq!(due(Pace::Speed(10.0), None, &TIMES), [0, 1, 101, 101, 401]);
        assert_eq!(due(Pace::Speed(0.5), None, &TIMES), [0, 20, 2020, 2020, 8020]);
        assert_eq!(due(Pace::Speed(1.0), Some(100), &TIMES), [0, 10, 110, 110, 210]);
    }

    #[test]
    fn a_rate_knows_no_pauses() {
        assert_eq!(due(Pace::Rate(4.0), None, &TIMES), [0, 250, 500, 750, 1000]);
        assert_eq!(due(Pace::Unlimited, None, &TIMES), [0; 5]);
    }

    #[test]
    fn steps_back_and_missing_times_cost_no_time() {
        let times = [Some(100), None, Some(50), Some(110), None, Some(120)];
        assert_eq!(due(Pace::Speed(1.0), None, &times), [0, 0, 0, 10, 10, 20]);
    }

    #[test]
    fn no_drift_at_any_rate_and_no_pause_beyond_time() {
        let mut pacer = Pacer::new(Pace::Rate(1000.0), None);
        let last = (0..1_000_001).map(|_| pacer.due(None)).last();
        assert_eq!(last, Some(Duration::from_secs(1000)));
        let mut pacer = Pacer::new(Pace::Speed(1e-300), None);
        pacer.due(Some(Duration::ZERO));
        assert_eq!(pacer.due(Some(Duration::from_secs(1))), Duration::MAX);
    }

    #[test]
    fn another_round_follows_without_a_pause() {
        let mut pacer = Pacer::new(Pace::Speed(1.0), None);
        let mut round = || [5, 7].map(|second| pacer.due(Some(Duration::from_secs(second))).as_secs());
        assert_eq!(round(), [0, 2]);
        pacer.again();
        let mut round = || [5, 7].map(|second| pacer.due(Some(Duration::from_secs(second))).as_secs());
        assert_eq!(round(), [2, 4]);
    }
}
