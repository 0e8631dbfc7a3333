//! Rates: how fast counts grow, per second.
//!
//! The rules are those of the daemon's value cache, and two more: a counter that falls has wrapped only if that is the shorter
//! way, else it was reset; and what is out of the range that types.db gives is no rate.

use std::collections::HashMap;

use collectd_net::{Interval, Kind, Time, Value, ValueList, Values};

use crate::types_db::{DataSet, Source};

/// Octets of an identifier that is kept at the most. The daemon's have 640.
const MAX_NAMES: usize = 1024;
const GAUGE: u8 = Kind::Gauge.raw();

/// What the values of all series were last.
#[derive(Debug)]
pub struct Rates {
    table: Table,
    /// The rates of a list, as gauges of the wire.
    kinds: Vec<u8>,
    octets: Vec<[u8; 8]>,
}

/// Value lists without a rate, by the reason.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// The first of their series.
    pub first: u64,
    /// Not newer than the one before.
    pub old: u64,
    /// New series when there were enough, or with names too long to keep.
    pub refused: u64,
}

impl Rates {
    /// For so many values, in however many series.
    #[must_use]
    pub fn new(most: usize) -> Self {
        let table = Table { series: HashMap::new(), most, values: 0, counts: Counts::default(), key: Vec::new() };
        Self { table, kinds: Vec::new(), octets: Vec::new() }
    }

    /// The list with rates in the place of its counts; they are gauges. Gauges stay as they are.
    ///
    /// `None` if it holds counts and none of them has a rate. If some have, NaN stands for the others. The ranges of `set` are of
    /// its rates.
    #[inline(never)]
    pub fn rate<'a>(&'a mut self, list: &ValueList<'a>, set: Option<&DataSet>) -> Option<ValueList<'a>> {
        if list.values.kinds().iter().all(|kind| *kind == GAUGE) {
            return Some(*list);
        }
        self.octets.clear();
        let mut some = false;
        let mut push = |place: usize, before: Option<Value>, now: Value, span: u64| {
            let rate = of(before, now, span, set.and_then(|set| set.sources.get(place)));
            some |= rate.is_some() && now.kind() != Kind::Gauge;
            self.octets.push(rate.unwrap_or(f64::NAN).to_le_bytes());
        };
        let is_first = match self.table.last(list) {
            Before::Refused => {
                self.table.counts.refused += 1;
                return None;
            }
            Before::None => {
                let interval = list.interval.map_or(0, Interval::raw);
                for (place, now) in list.values.iter().enumerate() {
                    push(place, None, now, interval);
                }
                true
            }
            Before::Last(last) => {
                let span = list.time.raw().saturating_sub(last.time.raw());
                if span == 0 {
                    self.table.counts.old += 1;
                    return None;
                }
                let before = Values::new(&last.kinds, &last.octets).expect("they were copied from values");
                for (place, (now, before)) in list.values.iter().zip(before).enumerate() {
                    push(place, Some(before), now, span);
                }
                last.time = list.time;
                last.octets.copy_from_slice(list.values.octets());
                false
            }
        };
        if !some {
            self.table.counts.first += u64::from(is_first);
            return None;
        }
        self.kinds.clear();
        self.kinds.resize(self.octets.len(), GAUGE);
        let values = Values::new(&self.kinds, &self.octets).expect("as many of both");
        Some(ValueList { values, ..*list })
    }

    /// What had no rate.
    #[must_use]
    pub const fn counts(&self) -> Counts {
        self.table.counts
    }
}

/// The rate of a value: `before` was the one `span` (2⁻³⁰ s) earlier; for the first of a series, `span` is its interval.
///
/// `None` if there is none: it began anew or only now, or its rate is not what `source` allows. A gauge is its own rate.
#[must_use]
pub fn of(before: Option<Value>, now: Value, span: u64, source: Option<&Source>) -> Option<f64> {
    match before.map_or_else(|| first(now), |before| growth(before, now)) {
        Growth::Gauge(gauge) => Some(gauge),
        Growth::By(growth) if span > 0 => {
            let rate = growth / seconds(span);
            source.is_none_or(|source| source.allows(rate)).then_some(rate)
        }
        Growth::By(_) | Growth::Unknown => None,
    }
}

/// All series, by their identifiers.
#[derive(Debug)]
struct Table {
    series: HashMap<Box<[u8]>, Last>,
    /// How many values there may be in all series, and are.
    most: usize,
    values: usize,
    counts: Counts,
    /// The identifier that is looked for.
    key: Vec<u8>,
}

impl Table {
    /// How the series of `list` came before, with the same kinds; if it did not, it has now.
    fn last(&mut self, list: &ValueList<'_>) -> Before<'_> {
        self.key.clear();
        for field in list.identifier.fields() {
            self.key.extend_from_slice(field.as_octets());
            self.key.push(0);
        }
        let known = self.series.get(&*self.key).map(|last| (last.kinds.len(), *last.kinds == *list.values.kinds()));
        match known {
            Some((_, true)) => return self.series.get_mut(&*self.key).map_or(Before::None, Before::Last),
            Some((count, false)) => {
                self.values -= count;
                self.series.remove(&*self.key);
            }
            None => {}
        }
        let count = list.values.len();
        if self.key.len() > MAX_NAMES || count > self.most - self.values {
            return Before::Refused;
        }
        self.values += count;
        let last = Last { time: list.time, kinds: list.values.kinds().into(), octets: list.values.octets().into() };
        self.series.insert(self.key.as_slice().into(), last);
        Before::None
    }
}

/// What came before a list.
enum Before<'a> {
    /// This.
    Last(&'a mut Last),
    /// Nothing of its series.
    None,
    /// Nothing that could be kept.
    Refused,
}

/// A series as it came last.
#[derive(Debug)]
struct Last {
    time: Time,
    kinds: Box<[u8]>,
    octets: Box<[[u8; 8]]>,
}

/// What became of a value.
enum Growth {
    Gauge(f64),
    By(f64),
    /// It began anew, or only now.
    Unknown,
}

/// What becomes of the first value of a series. An absolute counts from the one before, and that was an interval ago.
#[expect(clippy::cast_precision_loss, reason = "rates are floats")]
const fn first(now: Value) -> Growth {
    match now {
        Value::Gauge(now) => Growth::Gauge(now),
        Value::Absolute(now) => Growth::By(now as f64),
        Value::Counter(_) | Value::Derive(_) => Growth::Unknown,
    }
}

/// A counter of 32 bits wraps behind this.
const MAX_32: u64 = u32::MAX as u64;

#[expect(clippy::cast_precision_loss, reason = "rates are floats")]
fn growth(before: Value, now: Value) -> Growth {
    match (before, now) {
        (_, Value::Gauge(now)) => Growth::Gauge(now),
        (_, Value::Absolute(now)) => Growth::By(now as f64),
        (Value::Derive(before), Value::Derive(now)) => Growth::By((i128::from(now) - i128::from(before)) as f64),
        (Value::Counter(before), Value::Counter(now)) if now >= before => Growth::By((now - before) as f64),
        (Value::Counter(before), Value::Counter(now)) => {
            let (growth, half) = if before <= MAX_32 {
                (MAX_32 - before + now + 1, 1 << 31)
            } else {
                (now.wrapping_sub(before), 1 << 63)
            };
            if growth < half { Growth::By(growth as f64) } else { Growth::Unknown }
        }
        // Series keep their kinds.
        _ => Growth::Unknown,
    }
}

/// A span of 2⁻³⁰ s in seconds, rounded as the daemon does.
#[expect(clippy::cast_precision_loss, reason = "what is lost is less than 2⁻³⁰ s of a century")]
pub(crate) fn seconds(span: u64) -> f64 {
    (span >> 30) as f64 + (span & 0x3fff_ffff) as f64 / 1_073_741_824.0
}

#[cfg(test)]
mod tests {
    use collectd_net::{Decoder, Encoder, Identifier, Item};

    use super::*;
    use crate::types_db::TypesDb;

    /// What the rates are of lists that come with these times in half seconds; empty for a list that is not printed.
    fn rates(rates: &mut Rates, host: &str, lists: &[(u64, &[Value])], set: Option<&DataSet>) -> Vec<Vec<f64>> {
        let mut buffer = vec![0; 60_000];
        let mut encoder = Encoder::new(&mut buffer);
        let identifier =
            Identifier { host: host.into(), plugin: "p".into(), type_: "t".into(), ..Identifier::default() };
        for (time, values) in lists {
            let time = Time::from_raw((1_700_000_000 << 30) + (time << 29));
            encoder.value_list(&identifier, time, None, values.iter().copied()).expect("room");
        }
        let lists = Decoder::new(encoder.packet()).map(|item| match item {
            Ok(Item::ValueList(list)) => list,
            other => panic!("{other:?}"),
        });
        let number = |value| match value {
            Value::Gauge(number) => number,
            other => panic!("{other:?}"),
        };
        lists
            .map(|list| rates.rate(&list, set).map_or_else(Vec::new, |list| list.values.iter().map(number).collect()))
            .collect()
    }

    fn counters(values: &[u64]) -> Vec<Vec<f64>> {
        let lists: Vec<[Value; 1]> = values.iter().map(|value| [Value::Counter(*value)]).collect();
        let lists: Vec<(u64, &[Value])> = (0..).step_by(4).zip(lists.iter().map(|list| &list[..])).collect();
        rates(&mut Rates::new(10), "h", &lists, None)
    }

    const NONE: Vec<f64> = Vec::new();

    #[test]
    fn the_first_value_of_a_series_has_no_rate() {
        let mut table = Rates::new(10);
        let lists: [(u64, &[Value]); 2] = [(0, &[Value::Derive(5)]), (20, &[Value::Derive(-15)])];
        assert_eq!(rates(&mut table, "h", &lists, None), [NONE, vec![-2.0]]);
        assert_eq!(table.counts(), Counts { first: 1, old: 0, refused: 0 });
        // Another host is another series.
        assert_eq!(rates(&mut table, "i", &lists[..1], None), [NONE]);
    }

    #[test]
    fn a_counter_wraps_at_32_bits_and_at_64() {
        assert_eq!(counters(&[10, 30, 30]), [NONE, vec![10.0], vec![0.0]]);
        assert_eq!(counters(&[4_294_967_290, 4]), [NONE, vec![5.0]]);
        assert_eq!(counters(&[u64::MAX - 1, 2]), [NONE, vec![2.0]]);
        // Above 32 bits only the way through 64 is left.
        assert_eq!(counters(&[4_294_967_296 + 10, 4_294_967_296 + 30]), [NONE, vec![10.0]]);
    }

    #[test]
    fn a_counter_that_was_reset_has_no_rate_once() {
        assert_eq!(counters(&[1_000_000, 5, 25]), [NONE, NONE, vec![10.0]]);
        assert_eq!(counters(&[1 << 40, 5, 25]), [NONE, NONE, vec![10.0]]);
    }

    #[test]
    fn an_absolute_is_divided_by_the_time_since_the_last() {
        let lists: [(u64, &[Value]); 2] = [(0, &[Value::Absolute(7)]), (5, &[Value::Absolute(10)])];
        assert_eq!(rates(&mut Rates::new(10), "h", &lists, None), [NONE, vec![4.0]]);
    }

    #[test]
    fn the_first_absolute_is_divided_by_the_interval() {
        let mut buffer = [0; 200];
        let mut encoder = Encoder::new(&mut buffer);
        let identifier =
            Identifier { host: "h".into(), plugin: "p".into(), type_: "t".into(), ..Identifier::default() };
        let values = [Value::Absolute(7), Value::Derive(7)];
        encoder.value_list(&identifier, Time::from_raw(1 << 30), Interval::from_secs(10), values).expect("room");
        let Some(Ok(Item::ValueList(list))) = Decoder::new(encoder.packet()).next() else { panic!("a value list") };
        let mut table = Rates::new(10);
        let rated: Vec<Value> = table.rate(&list, None).expect("a rate").values.iter().collect();
        assert!(matches!(rated[..], [Value::Gauge(0.7), Value::Gauge(nan)] if nan.is_nan()), "{rated:?}");
        assert_eq!(table.counts(), Counts::default());
    }

    #[test]
    fn extremes_do_not_overflow() {
        let lists: [(u64, &[Value]); 2] = [(0, &[Value::Derive(i64::MIN)]), (2, &[Value::Derive(i64::MAX)])];
        assert_eq!(rates(&mut Rates::new(10), "h", &lists, None), [NONE, vec![18_446_744_073_709_551_615.0]]);
        assert_eq!(counters(&[0, u64::MAX]), [NONE, vec![9_223_372_036_854_775_808.0]]);
    }

    #[test]
    fn a_value_that_is_not_newer_changes_nothing() {
        let mut table = Rates::new(10);
        let lists: [(u64, &[Value]); 4] = [
            (10, &[Value::Derive(5)]),
            (10, &[Value::Derive(99)]),
            (0, &[Value::Derive(99)]),
            (12, &[Value::Derive(6)]),
        ];
        assert_eq!(rates(&mut table, "h", &lists, None), [NONE, NONE, NONE, vec![1.0]]);
        assert_eq!(table.counts().old, 2);
    }

    #[test]
    fn gauges_stay_and_take_no_room() {
        let mut table = Rates::new(0);
        let lists: [(u64, &[Value]); 1] = [(0, &[Value::Gauge(1.5), Value::Gauge(2.5)])];
        assert_eq!(rates(&mut table, "h", &lists, None), [vec![1.5, 2.5]]);
        assert_eq!(table.counts(), Counts::default());
    }

    #[test]
    fn where_some_have_a_rate_nan_stands_for_the_others() {
        let lists: [(u64, &[Value]); 2] = [
            (0, &[Value::Gauge(1.0), Value::Counter(1_000), Value::Derive(0)]),
            (2, &[Value::Gauge(2.0), Value::Counter(5), Value::Derive(3)]),
        ];
        let rates = rates(&mut Rates::new(10), "h", &lists, None);
        assert_eq!(rates[0], NONE);
        assert!(rates[1][0] == 2.0 && rates[1][1].is_nan() && rates[1][2] == 3.0, "{rates:?}");
    }

    #[test]
    fn what_types_db_does_not_allow_is_no_rate() {
        let mut types = TypesDb::default();
        types.add(b"t value:DERIVE:0:100\n");
        let lists: [(u64, &[Value]); 4] = [
            (0, &[Value::Derive(50)]),
            (2, &[Value::Derive(40)]),
            (4, &[Value::Derive(500)]),
            (6, &[Value::Derive(510)]),
        ];
        let set = types.get("t".into());
        assert_eq!(rates(&mut Rates::new(10), "h", &lists, set), [NONE, NONE, NONE, vec![10.0]]);
    }

    #[test]
    fn a_series_with_other_kinds_begins_anew() {
        let mut table = Rates::new(1);
        let lists: [(u64, &[Value]); 3] =
            [(0, &[Value::Derive(0)]), (2, &[Value::Counter(9)]), (4, &[Value::Counter(19)])];
        assert_eq!(rates(&mut table, "h", &lists, None), [NONE, NONE, vec![10.0]]);
        assert_eq!((table.counts().first, table.table.values), (2, 1));
    }

    #[test]
    fn what_is_too_much_is_refused_and_counted() {
        let mut table = Rates::new(3);
        let list: [(u64, &[Value]); 2] = [(0, &[Value::Derive(1); 2]), (2, &[Value::Derive(3); 2])];
        assert_eq!(rates(&mut table, "a", &list, None), [NONE, vec![2.0, 2.0]]);
        assert_eq!(rates(&mut table, "b", &list, None), [NONE, NONE]);
        assert_eq!(table.counts(), Counts { first: 1, old: 0, refused: 2 });
        let mut table = Rates::new(100);
        assert_eq!(rates(&mut table, &"x".repeat(1100), &list[..1], None), [NONE]);
        assert_eq!((table.counts().refused, table.table.values), (1, 0));
    }
}
