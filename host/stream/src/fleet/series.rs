//! A series as it came last.

use collectd_net::{Interval, Kind, Time, Value, ValueList};

use super::moment::SECOND;
use crate::rate;
use crate::types_db::DataSet;

/// No place.
pub(super) const NONE: u32 = u32::MAX;
/// What the daemon takes for an interval that is not sent.
pub(super) const USUAL_INTERVAL: u64 = 10 * SECOND;
/// A series that has not been updated for so many intervals may go back in time: somebody has set a clock.
const SET_BACK_AFTER: u64 = 3;

/// The latest values of an identifier. Where many are, each octet counts.
#[derive(Debug)]
pub(super) struct Series {
    pub(super) host: u32,
    /// What stands behind the host.
    pub(super) name: u32,
    /// By the sender's clock.
    pub(super) time: Time,
    pub(super) interval: Option<Interval>,
    /// By ours.
    pub(super) heard: u64,
    /// Which of all updates was the last of this series.
    pub(super) changed: u64,
    /// The others of its host.
    pub(super) before: u32,
    pub(super) behind: u32,
    /// Where its history is.
    pub(super) history: u32,
    /// Which came behind it in a packet the last time, which is mostly so again.
    pub(super) follower: u32,
    numbers: Numbers,
}

/// A value and its rate; nearly all lists have one.
#[derive(Debug)]
enum Numbers {
    One(Number),
    Many(Box<[Number]>),
}

/// A value, and how fast it grows.
#[derive(Clone, Copy, Debug)]
pub(super) struct Number {
    bits: u64,
    /// NaN while there is none.
    pub(super) rate: f64,
    kind: Kind,
}

/// What an update tells of the host.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub(super) struct Signs {
    /// The interval that was another one.
    pub(super) interval_before: Option<Interval>,
    /// Counts that began anew, and that went on.
    pub(super) fell: u32,
    pub(super) grew: u32,
    /// The uptime that was more than it is, and what it is.
    pub(super) uptime: Option<(f64, f64)>,
}

impl Series {
    pub(super) fn new(host: u32, name: u32, list: &ValueList<'_>, now: u64, set: Option<&DataSet>) -> Self {
        let interval = list.interval.map_or(0, Interval::raw);
        let number = |place: usize, value: Value| {
            Number::new(value, rate::of(None, value, interval, set.and_then(|set| set.sources.get(place))))
        };
        let mut numbers = list.values.iter().enumerate().map(|(place, value)| number(place, value));
        let numbers = match (numbers.next(), list.values.len()) {
            (Some(number), 1) => Numbers::One(number),
            (first, _) => Numbers::Many(first.into_iter().chain(numbers).collect()),
        };
        let (time, interval) = (list.time, list.interval);
        Self {
            host,
            name,
            time,
            interval,
            heard: now,
            changed: 0,
            before: NONE,
            behind: NONE,
            history: NONE,
            follower: NONE,
            numbers,
        }
    }

    /// Whether values of these kinds are of this series.
    pub(super) fn has_kinds(&self, list: &ValueList<'_>) -> bool {
        let numbers = self.numbers();
        numbers.len() == list.values.len()
            && numbers.iter().zip(list.values.kinds()).all(|(number, kind)| number.kind.raw() == *kind)
    }

    /// Takes values of the same kinds in; `None` if they are not newer.
    pub(super) fn update(&mut self, list: &ValueList<'_>, now: u64, set: Option<&DataSet>) -> Option<Signs> {
        let span = list.time.raw().saturating_sub(self.time.raw());
        if span == 0 && now.saturating_sub(self.heard) < SET_BACK_AFTER.saturating_mul(self.interval_or_usual()) {
            return None;
        }
        let mut signs = Signs::default();
        let is_uptime = list.identifier.type_ == "uptime";
        for (place, (number, value)) in self.numbers_mut().iter_mut().zip(list.values).enumerate() {
            // Only counts have ranges for their rates.
            let source = || set.and_then(|set| set.sources.get(place));
            match (number.value(), value) {
                (Value::Gauge(before), Value::Gauge(gauge)) => {
                    if is_uptime && gauge < before {
                        signs.uptime = Some((before, gauge));
                    }
                    number.rate = gauge;
                }
                // It goes on from here.
                _ if span == 0 => number.rate = f64::NAN,
                (before, value) => {
                    match direction(before, value) {
                        Some(true) => signs.grew += 1,
                        Some(false) => signs.fell += 1,
                        None => {}
                    }
                    number.rate = rate::of(Some(before), value, span, source()).unwrap_or(f64::NAN);
                }
            }
            number.bits = value.bits();
        }
        if self.interval != list.interval {
            signs.interval_before = self.interval.filter(|_| list.interval.is_some());
        }
        (self.time, self.interval, self.heard) = (list.time, list.interval, now);
        Some(signs)
    }

    /// The interval, or what is usual if none was sent.
    pub(super) fn interval_or_usual(&self) -> u64 {
        self.interval.map(Interval::raw).filter(|interval| *interval > 0).unwrap_or(USUAL_INTERVAL)
    }

    pub(super) fn numbers(&self) -> &[Number] {
        match &self.numbers {
            Numbers::One(number) => std::slice::from_ref(number),
            Numbers::Many(numbers) => numbers,
        }
    }

    fn numbers_mut(&mut self) -> &mut [Number] {
        match &mut self.numbers {
            Numbers::One(number) => std::slice::from_mut(number),
            Numbers::Many(numbers) => numbers,
        }
    }
}

impl Number {
    fn new(value: Value, rate: Option<f64>) -> Self {
        Self { bits: value.bits(), rate: rate.unwrap_or(f64::NAN), kind: value.kind() }
    }

    pub(super) const fn value(&self) -> Value {
        match self.kind {
            Kind::Counter => Value::Counter(self.bits),
            Kind::Gauge => Value::Gauge(f64::from_bits(self.bits)),
            Kind::Derive => Value::Derive(self.bits.cast_signed()),
            Kind::Absolute => Value::Absolute(self.bits),
        }
    }
}

/// Whether a count goes on (true) or began anew (false); nothing if it stands still, falls as it may, or is no such count.
fn direction(before: Value, now: Value) -> Option<bool> {
    match (before, now) {
        (Value::Counter(from), Value::Counter(to)) if from != to => {
            Some(to > from || rate::of(Some(before), now, SECOND, None).is_some())
        }
        (Value::Derive(from), Value::Derive(to)) if from != to => match to > from {
            true => Some(true),
            false => (to >= 0 && to < from / 2).then_some(false),
        },
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Identifier, Protection, Values};

    use super::*;

    /// A list of these values at a second, every ten.
    fn with_list<T>(type_: &str, second: u64, values: &[Value], look: impl FnOnce(&ValueList<'_>) -> T) -> T {
        let kinds: Vec<u8> = values.iter().map(|value| value.kind().raw()).collect();
        let octets: Vec<[u8; 8]> = values
            .iter()
            .map(|value| match value {
                Value::Gauge(_) => value.bits().to_le_bytes(),
                _ => value.bits().to_be_bytes(),
            })
            .collect();
        look(&ValueList {
            identifier: Identifier { type_: type_.into(), ..Identifier::default() },
            time: Time::from_secs(1_700_000_000 + second).expect("in range"),
            interval: Interval::from_secs(10),
            values: Values::new(&kinds, &octets).expect("as many of both"),
            protection: Protection::None,
            user: None,
        })
    }

    fn series(values: &[Value]) -> Series {
        with_list("t", 0, values, |list| Series::new(0, 0, list, 0, None))
    }

    fn update(series: &mut Series, type_: &str, second: u64, values: &[Value]) -> Option<Signs> {
        with_list(type_, second, values, |list| series.update(list, second * SECOND, None))
    }

    fn rates(series: &Series) -> Vec<f64> {
        series.numbers().iter().map(|number| number.rate).collect()
    }

    #[test]
    fn values_are_kept_to_the_bit() {
        let values = [Value::Counter(u64::MAX), Value::Gauge(-0.0), Value::Derive(i64::MIN), Value::Absolute(7)];
        let mut kept = series(&values);
        assert_eq!(kept.numbers().iter().map(Number::value).collect::<Vec<_>>(), values);
        assert!(rates(&kept)[0].is_nan() && rates(&kept)[1..2] == [0.0] && rates(&kept)[3] == 0.7);
        assert!(update(&mut kept, "t", 10, &values).is_some());
        assert_eq!(kept.numbers().iter().map(Number::value).collect::<Vec<_>>(), values);
        assert!(with_list("t", 0, &values, |list| kept.has_kinds(list)));
        assert!(!with_list("t", 0, &values[1..], |list| kept.has_kinds(list)));
    }

    #[test]
    fn rates_are_those_of_the_flag() {
        let mut kept = series(&[Value::Counter(4_294_967_290)]);
        assert_eq!(
            update(&mut kept, "t", 10, &[Value::Counter(4)]).map(|signs| (signs.grew, signs.fell)),
            Some((1, 0))
        );
        assert_eq!(rates(&kept), [1.0]);
        assert_eq!(update(&mut kept, "t", 20, &[Value::Counter(2_000)]).map(|signs| signs.grew), Some(1));
        assert_eq!(update(&mut kept, "t", 30, &[Value::Counter(1)]).map(|signs| signs.fell), Some(1));
        assert!(rates(&kept)[0].is_nan());
        let mut kept = series(&[Value::Derive(100)]);
        assert_eq!(update(&mut kept, "t", 10, &[Value::Derive(90)]), Some(Signs::default()));
        assert_eq!(rates(&kept), [-1.0]);
        assert_eq!(update(&mut kept, "t", 20, &[Value::Derive(3)]).map(|signs| signs.fell), Some(1));
    }

    #[test]
    fn what_is_not_newer_changes_nothing_until_a_clock_was_set_back() {
        let mut kept = series(&[Value::Derive(100)]);
        assert!(update(&mut kept, "t", 100, &[Value::Derive(200)]).is_some());
        let mut old =
            |now: u64| with_list("t", 50, &[Value::Derive(150)], |list| kept.update(list, now * SECOND, None));
        assert_eq!((old(100), old(129)), (None, None));
        assert_eq!(old(130), Some(Signs::default()));
        assert!(rates(&kept)[0].is_nan());
        assert!(with_list("t", 60, &[Value::Derive(160)], |list| kept.update(list, 140 * SECOND, None)).is_some());
        assert_eq!(rates(&kept), [1.0]);
    }

    #[test]
    fn signs_tell_of_intervals_and_of_uptime() {
        let mut kept = series(&[Value::Gauge(500.0)]);
        assert_eq!(update(&mut kept, "gauge", 10, &[Value::Gauge(1.0)]), Some(Signs::default()));
        kept.interval = Interval::from_secs(60);
        let signs = update(&mut kept, "uptime", 20, &[Value::Gauge(0.5)]).expect("newer");
        assert_eq!((signs.interval_before, signs.uptime), (Interval::from_secs(60), Some((1.0, 0.5))));
        kept.interval = None;
        assert_eq!(update(&mut kept, "t", 30, &[Value::Gauge(1.0)]), Some(Signs::default()));
    }

    #[test]
    fn a_series_is_small() {
        assert!(size_of::<Series>() <= 96, "{} octets", size_of::<Series>());
    }
}
