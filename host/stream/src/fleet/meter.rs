//! How much comes in a second, smoothed.

use super::moment::SECOND;

/// What is older counts less and less; after this time, a third.
const MEMORY: f64 = 20.0;

/// Counts what comes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Meter {
    /// What came, each by how much it still counts.
    sum: f64,
    /// What came since then.
    new: u32,
    since: u64,
    start: u64,
}

impl Meter {
    /// From now on.
    pub(super) const fn new(now: u64) -> Self {
        Self { sum: 0.0, new: 0, since: now, start: now }
    }

    #[inline]
    pub(super) fn add(&mut self, count: u32, now: u64) {
        self.new = self.new.saturating_add(count);
        if now.saturating_sub(self.since) >= SECOND {
            self.fold(now);
        }
    }

    fn fold(&mut self, now: u64) {
        self.sum = self.faded(now);
        self.new = 0;
        self.since = now;
    }

    fn faded(&self, now: u64) -> f64 {
        self.sum * fading(now.saturating_sub(self.since)) + f64::from(self.new)
    }

    /// How much comes in a second.
    pub(super) fn per_second(&self, now: u64) -> f64 {
        // Less than a memory ago there was nothing yet, not even silence; and no rate is of less than a second.
        let age = now.saturating_sub(self.start).max(SECOND);
        self.faded(now) / (MEMORY * (1.0 - fading(age)))
    }
}

/// What is left of a count after a time.
fn fading(ticks: u64) -> f64 {
    (-crate::rate::seconds(ticks) / MEMORY).exp()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate_after(seconds: u64, every: u64, count: u32) -> f64 {
        let mut meter = Meter::new(0);
        for second in (0..seconds).step_by(usize::try_from(every).expect("small")) {
            meter.add(count, second * SECOND);
        }
        meter.per_second(seconds * SECOND)
    }

    #[test]
    fn a_steady_stream_has_its_rate_soon_and_late() {
        for seconds in [10, 30, 300] {
            let rate = rate_after(seconds, 1, 7);
            assert!((6.0..8.0).contains(&rate), "{rate} after {seconds} s");
        }
        let rate = rate_after(600, 10, 50);
        assert!((3.5..6.5).contains(&rate), "{rate}");
    }

    #[test]
    fn silence_fades() {
        let mut meter = Meter::new(0);
        (0..100).for_each(|second| meter.add(5, second * SECOND));
        assert!(meter.per_second(400 * SECOND) < 0.01);
        assert!(Meter::new(0).per_second(0) == 0.0);
    }
}
