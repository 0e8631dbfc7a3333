//! Numbers as they fit beside a graph: three digits, a prefix and a unit.

use std::time::Duration;

use collectd_net::{Kind, Text};

use crate::sink::unit;

/// What a number counts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Unit {
    name: &'static str,
    is_rate: bool,
}

impl Unit {
    /// That of a type's values; counts are shown as rates.
    pub(super) fn of(type_: Text<'_>, kind: Kind) -> Self {
        let is_rate = kind != Kind::Gauge;
        Self { name: unit::of(type_).map_or("", |(name, _)| name), is_rate }
    }

    /// The same, not in a second.
    pub(super) const fn whole(self) -> Self {
        Self { is_rate: false, ..self }
    }

    /// What stands in the title of a chart; nothing if there is no word for it.
    pub(super) fn title(self) -> String {
        format!("{}{}", self.name, if self.is_rate { "/s" } else { "" })
    }

    /// A number of it.
    pub(super) fn show(self, number: f64) -> String {
        if !number.is_finite() {
            return if number.is_nan() { "-".into() } else { number.to_string() };
        }
        let rate = if self.is_rate { "/s" } else { "" };
        match self.name {
            "B" => scaled(number, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"]) + rate,
            "%" => digits(number) + "%" + rate,
            "s" | "ms" if !self.is_rate => seconds(if self.name == "s" { number } else { number / 1000.0 }),
            "°C" | "dB" | "dBm" | "rpm" | "ms" | "s" => digits(number) + self.name + rate,
            // Words take more room than they tell.
            "packets" | "operations" | "users" | "" => {
                scaled(number, 1000.0, &["", "k", "M", "G", "T", "P", "E"]) + rate
            }
            name => scaled(number, 1000.0, &["", "k", "M", "G", "T", "P", "E"]) + name + rate,
        }
    }
}

fn scaled(number: f64, base: f64, prefixes: &[&str]) -> String {
    let (mut number, mut prefixes) = (number, prefixes.iter());
    let mut prefix = prefixes.next().copied().unwrap_or_default();
    // What would be rounded to the base is one of the next already.
    while number.abs() >= base - 0.5 {
        let Some(next) = prefixes.next() else { break };
        (number, prefix) = (number / base, next);
    }
    digits(number) + prefix
}

/// Three digits, as far as they tell something.
fn digits(number: f64) -> String {
    let size = number.abs();
    match () {
        () if size == 0.0 => "0".into(),
        () if !(0.001..1e6).contains(&size) => format!("{number:.1e}"),
        () if size < 0.0995 => format!("{number:.3}"),
        () if size < 9.995 => format!("{number:.2}"),
        () if size < 99.95 => format!("{number:.1}"),
        () => format!("{number:.0}"),
    }
}

/// A time, in the unit that it is read in.
fn seconds(number: f64) -> String {
    let size = number.abs();
    let (divisor, unit) = match () {
        () if size >= 2.0 * 86_400.0 => (86_400.0, "d"),
        () if size >= 2.0 * 3600.0 => (3600.0, "h"),
        () if size >= 120.0 => (60.0, "min"),
        () if size >= 1.0 || size == 0.0 => (1.0, "s"),
        () if size >= 0.001 => (0.001, "ms"),
        () => (0.000_001, "us"),
    };
    digits(number / divisor) + unit
}

/// How long ago something was, or for how long: `12s`, `3m`, `5h`, `2d`.
pub(super) fn ago(span: Duration) -> String {
    match span.as_secs() {
        seconds @ 0..120 => format!("{seconds}s"),
        seconds @ 120..7200 => format!("{}m", seconds / 60),
        seconds @ 7200..172_800 => format!("{}h", seconds / 3600),
        seconds => format!("{}d", seconds / 86_400),
    }
}

/// How many.
pub(super) fn count(number: u64) -> String {
    #[expect(clippy::cast_precision_loss, reason = "of three digits")]
    if number < 10_000 { number.to_string() } else { short(number as f64) }
}

/// A rate without a unit.
pub(super) fn short(number: f64) -> String {
    // So little is what is left of what there was long ago.
    if number.abs() < 0.005 { "0".into() } else { Unit::default().show(number) }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(type_: &str, kind: Kind, number: f64) -> String {
        Unit::of(type_.into(), kind).show(number)
    }

    #[test]
    fn units_and_prefixes_are_of_the_type() {
        for (type_, kind, number, expected) in [
            ("memory", Kind::Gauge, 1_500_000.0, "1.43MiB"),
            ("memory", Kind::Gauge, 0.0, "0B"),
            ("if_octets", Kind::Derive, 20_480.0, "20.0KiB/s"),
            ("if_packets", Kind::Derive, 12_345.0, "12.3k/s"),
            ("percent", Kind::Gauge, 51.04, "51.0%"),
            ("load", Kind::Gauge, 0.42, "0.42"),
            ("temperature", Kind::Gauge, 21.5, "21.5°C"),
            ("cpufreq", Kind::Gauge, 2_400_000_000.0, "2.40GHz"),
            ("uptime", Kind::Gauge, 864_000.0, "10.0d"),
            ("ping", Kind::Gauge, 3.5, "3.50ms"),
            ("response_time", Kind::Gauge, 0.000_25, "250us"),
            ("disk_time", Kind::Derive, 250.0, "250ms/s"),
            ("unheard-of", Kind::Gauge, -123_456.0, "-123k"),
            ("unheard-of", Kind::Gauge, f64::NAN, "-"),
            ("unheard-of", Kind::Gauge, f64::NEG_INFINITY, "-inf"),
            ("unheard-of", Kind::Counter, f64::MAX, "1.8e290E/s"),
        ] {
            assert_eq!(shown(type_, kind, number), expected, "{type_} {number}");
        }
    }

    #[test]
    fn numbers_stay_short_wherever_they_are() {
        for exponent in -30..18 {
            for digits in [1.0, 1.5, 9.994, 9.996, 9.9999] {
                let number = digits * 10f64.powi(exponent);
                for (type_, kind) in [("memory", Kind::Gauge), ("load", Kind::Gauge), ("uptime", Kind::Gauge)] {
                    let text = shown(type_, kind, number);
                    assert!(text.len() <= 10, "{number} is {text}");
                }
            }
        }
        assert_eq!(shown("load", Kind::Gauge, 999.7), "1.00k");
    }

    #[test]
    fn spans_have_one_unit() {
        let spans = [0, 119, 120, 7200, 172_800].map(|seconds| ago(Duration::from_secs(seconds)));
        assert_eq!(spans, ["0s", "119s", "2m", "2h", "2d"]);
    }
}
