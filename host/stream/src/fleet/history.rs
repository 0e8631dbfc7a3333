//! How values were before: rings of fixed size, one for each value.
//!
//! The latest points are there as they came; of the last six hours there is besides a point for each minute, with the least, the
//! most and the mean. Gauges are themselves, counts are rates. Numbers have the 24 bits of a short float, times 1/64 s.
//!
//! | part | points | octets of each | octets |
//! |---|---|---|---|
//! | latest | 512, or as the [limits](super::Limits::points) say | 8 | 4096 |
//! | minutes | 360 | 20 | 7200 |
//!
//! Rings grow as points come, so a series of which little is heard takes little.

use collectd_net::Time;

/// Minutes that are kept.
const MINUTES: usize = 360;
const MINUTE: u64 = 60 << 30;
/// Between 2⁻³⁰ s and 1/64 s.
const SHIFT: u32 = 24;

/// A point of a chart.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Point {
    /// When, by the clock of the sender.
    pub time: Time,
    /// How long it stands for: nothing for a value as it came, else a minute.
    pub minutes: u32,
    /// The least value; NaN if there was none, which is a gap.
    pub min: f32,
    /// The mean of all.
    pub mean: f32,
    /// The most.
    pub max: f32,
}

/// How one value was before.
#[derive(Clone, Debug)]
pub struct History {
    /// What all times count from.
    base: u64,
    latest: Ring<Latest>,
    minutes: Ring<Minute>,
}

#[derive(Clone, Copy, Debug)]
struct Latest {
    after: u32,
    value: f32,
}

#[derive(Clone, Copy, Debug)]
struct Minute {
    after: u32,
    count: u32,
    min: f32,
    mean: f32,
    max: f32,
}

impl History {
    pub(super) const fn new(points: usize) -> Self {
        Self { base: 0, latest: Ring::new(points), minutes: Ring::new(MINUTES) }
    }

    /// Takes a value in; NaN is a gap. Times never go back: where they seem to, it begins anew.
    pub(super) fn record(&mut self, time: Time, value: f64) {
        let raw = time.raw();
        let after = |base: u64| u32::try_from(raw.checked_sub(base)? >> SHIFT).ok();
        let is_newer = |after: &u32| self.latest.last().is_none_or(|last| last.after <= *after);
        let after = match after(self.base).filter(is_newer) {
            Some(after) if !self.latest.is_empty() => after,
            _ => {
                *self = Self { base: raw, ..Self::new(self.latest.most) };
                0
            }
        };
        #[expect(clippy::cast_possible_truncation, reason = "charts need no more")]
        let value = value as f32;
        self.latest.push(Latest { after, value });
        if !value.is_nan() {
            self.count(raw, value);
        }
    }

    fn count(&mut self, raw: u64, value: f32) {
        // Minutes of the day, whatever the base is.
        let number = raw / MINUTE - self.base / MINUTE;
        let Ok(after) = u32::try_from(number) else { return };
        match self.minutes.last_mut() {
            Some(minute) if minute.after == after => {
                minute.count = minute.count.saturating_add(1);
                #[expect(clippy::cast_precision_loss, reason = "charts need no more")]
                let share = 1.0 / minute.count as f32;
                minute.mean += (value - minute.mean) * share;
                minute.min = minute.min.min(value);
                minute.max = minute.max.max(value);
            }
            _ => self.minutes.push(Minute { after, count: 1, min: value, mean: value, max: value }),
        }
    }

    /// The points behind `since`, in order: minutes as long as the latest do not reach back, and then those.
    pub fn since(&self, since: Time) -> impl Iterator<Item = Point> {
        let latest = self.latest.iter().map(|latest| {
            let (time, value) = (Time::from_raw(self.base + (u64::from(latest.after) << SHIFT)), latest.value);
            Point { time, minutes: 0, min: value, mean: value, max: value }
        });
        let first = latest.clone().next().map_or(Time::default(), |point| point.time);
        let minutes = self.minutes.iter().map(|minute| {
            let time = Time::from_raw((self.base / MINUTE + u64::from(minute.after)) * MINUTE);
            Point { time, minutes: 1, min: minute.min, mean: minute.mean, max: minute.max }
        });
        // The latest are all that came, until their ring is full.
        let is_full = self.latest.items.len() == self.latest.most;
        let before = minutes.filter(move |minute| is_full && minute.time < first);
        before.chain(latest).filter(move |point| point.time > since)
    }

    /// The latest values as they came, so many at the most, in order; NaN is a gap.
    pub fn latest(&self, count: usize) -> impl Iterator<Item = f32> {
        let skip = self.latest.items.len().saturating_sub(count);
        self.latest.iter().skip(skip).map(|latest| latest.value)
    }

    /// How many points there are in all.
    #[must_use]
    pub fn len(&self) -> usize {
        self.latest.items.len() + self.minutes.items.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// The latest so many of what was pushed.
#[derive(Clone, Debug)]
struct Ring<T> {
    items: Vec<T>,
    /// The oldest, once it is full.
    oldest: usize,
    most: usize,
}

impl<T> Ring<T> {
    const fn new(most: usize) -> Self {
        Self { items: Vec::new(), oldest: 0, most }
    }

    const fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    fn push(&mut self, item: T) {
        let len = self.items.len();
        if len < self.most {
            if len == self.items.capacity() {
                self.items.reserve_exact(len.max(4).min(self.most - len));
            }
            self.items.push(item);
        } else if let Some(oldest) = self.items.get_mut(self.oldest) {
            *oldest = item;
            self.oldest = (self.oldest + 1) % len;
        }
    }

    fn newest(&self) -> Option<usize> {
        let len = self.items.len();
        if self.oldest > 0 { Some(self.oldest - 1) } else { len.checked_sub(1) }
    }

    fn last(&self) -> Option<&T> {
        self.items.get(self.newest()?)
    }

    fn last_mut(&mut self) -> Option<&mut T> {
        let newest = self.newest()?;
        self.items.get_mut(newest)
    }

    fn iter(&self) -> impl Iterator<Item = &T> + Clone {
        let (behind, before) = self.items.split_at(self.oldest);
        before.iter().chain(behind)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: u64 = 1_700_000_000;

    fn at(seconds: u64) -> Time {
        Time::from_secs(START + seconds).expect("in range")
    }

    fn filled(seconds: u64, every: usize, points: usize) -> History {
        let mut history = History::new(points);
        (0..seconds).step_by(every).for_each(|second| history.record(at(second), second as f64));
        history
    }

    #[test]
    fn the_latest_points_are_as_they_came() {
        let history = filled(100, 10, 4);
        let points: Vec<_> = history.since(at(59)).map(|point| (point.time, point.mean)).collect();
        assert_eq!(points, [60, 70, 80, 90].map(|second| (at(second), second as f32)));
        assert_eq!(history.since(at(80)).count(), 1);
        assert_eq!(history.latest(3).collect::<Vec<_>>(), [70.0, 80.0, 90.0]);
        assert_eq!(history.latest(9).count(), 4);
    }

    #[test]
    fn before_them_there_is_a_point_for_each_minute_of_six_hours() {
        let history = filled(7 * 3600, 10, 60);
        let points: Vec<_> = history.since(Time::default()).collect();
        assert!(points.windows(2).all(|pair| pair[0].time < pair[1].time));
        let minutes: Vec<_> = points.iter().filter(|point| point.minutes == 1).collect();
        // Ten minutes are there in full.
        assert_eq!((minutes.len(), points.len()), (350, 350 + 60));
        let first = minutes[0];
        assert_eq!(first.max - first.min, 50.0);
        assert_eq!(first.mean, first.min + 25.0);
        assert_eq!(first.time.secs() % 60, 0);
        let oldest = START + 7 * 3600 - first.time.secs();
        assert!((6 * 3600 - 60..=6 * 3600).contains(&oldest), "{oldest} s");
    }

    #[test]
    fn gaps_are_kept_and_count_in_no_minute() {
        let mut history = History::new(10);
        [(0, 1.0), (1, f64::NAN), (2, 3.0)].into_iter().for_each(|(second, value)| history.record(at(second), value));
        let values: Vec<_> = history.since(Time::default()).map(|point| point.mean).collect();
        assert!(values.len() == 3 && values[1].is_nan());
        assert_eq!(history.minutes.last().map(|minute| (minute.count, minute.mean)), Some((2, 2.0)));
    }

    #[test]
    fn a_clock_that_is_set_back_begins_anew() {
        let mut history = filled(100, 10, 10);
        history.record(at(50), 5.0);
        assert_eq!(history.since(Time::default()).map(|point| point.time).collect::<Vec<_>>(), [at(50)]);
        history.record(Time::from_raw(u64::MAX), 5.0);
        assert_eq!(history.len(), 2);
    }

    #[test]
    fn little_takes_little() {
        let history = filled(5, 1, 512);
        assert!(history.latest.items.capacity() <= 8 && history.minutes.items.capacity() <= 4);
        let history = filled(100_000, 1, 500);
        assert_eq!((history.latest.items.capacity(), history.minutes.items.capacity()), (500, MINUTES));
        assert_eq!((size_of::<Latest>(), size_of::<Minute>()), (8, 20));
    }
}
