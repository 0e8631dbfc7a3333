//! Numbers of every kind, in one form that compares exactly.
//!
//! A number is m × 2^(exponent − 63) with m in 2⁶³ ≤ m < 2⁶⁴, so the exponent is that of its leading bit. Everything an
//! item can hold is such a number: 64-bit integers, floats with 53 bits, counts of 2⁻³⁰ s. A decimal literal need not
//! be; it is cut to 64 bits with a note that there was more, and then orders exactly against all numbers that were not
//! cut. No arithmetic on floats is involved, and none of the standard library's float parsing (about 20 kB on a
//! thumbv6m).

use core::cmp::Ordering;

use super::decimal::{Decimal, Tail};
use crate::Value;

/// A finite number or an infinity.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    negative: bool,
    /// [`i32::MIN`] for zero, [`i32::MAX`] for an infinity.
    exponent: i32,
    /// The topmost bit is set, except in zero and the infinities.
    mantissa: u64,
    /// What was cut off behind the mantissa.
    tail: Tail,
}

impl Number {
    const ZERO: Self = Self { negative: false, exponent: i32::MIN, mantissa: 0, tail: Tail::Nothing };

    /// ± `magnitude` × 2^`scale`.
    const fn new(negative: bool, magnitude: u64, scale: i32) -> Self {
        if magnitude == 0 {
            return Self::ZERO;
        }
        let zeros = magnitude.leading_zeros();
        let exponent = scale.wrapping_add(63).wrapping_sub_unsigned(zeros);
        Self { negative, exponent, mantissa: magnitude.wrapping_shl(zeros), tail: Tail::Nothing }
    }

    /// Seconds, from their count of 2⁻³⁰ s.
    pub(super) const fn from_units(units: u64) -> Self {
        Self::new(false, units, -30)
    }

    /// The number of a value; `None` for NaN.
    pub(super) fn from_value(value: Value) -> Option<Self> {
        match value {
            Value::Counter(number) | Value::Absolute(number) => Some(Self::new(false, number, 0)),
            Value::Derive(number) => Some(Self::new(number.is_negative(), number.unsigned_abs(), 0)),
            Value::Gauge(number) => Self::from_float(number),
        }
    }

    fn from_float(number: f64) -> Option<Self> {
        let bits = number.to_bits();
        let negative = number.is_sign_negative();
        let fraction = bits & ((1 << 52) - 1);
        let [high, low, ..] = bits.to_be_bytes();
        match i32::from(u16::from_be_bytes([high, low]) >> 4 & 0x7ff) {
            0x7ff if fraction != 0 => None,
            0x7ff => Some(Self { negative, exponent: i32::MAX, ..Self::ZERO }),
            0 => Some(Self::new(negative, fraction, -1074)),
            exponent => Some(Self::new(negative, fraction | 1 << 52, exponent.wrapping_sub(1075))),
        }
    }

    /// From a decimal literal of up to 19 digits, or what fits 64 bits, with optional sign, fraction and exponent.
    pub(super) fn parse(literal: &str) -> Option<Self> {
        let decimal = Decimal::parse(literal)?;
        if decimal.mantissa == 0 {
            return Some(Self::ZERO);
        }
        let (exponent, mantissa, tail) = decimal.to_binary()?;
        Some(Self { negative: decimal.negative, exponent, mantissa, tail })
    }

    /// The nearest float to a literal, as everywhere else where one is written. Ties go to the even one.
    ///
    /// Literals beyond all floats stay there.
    pub(super) fn nearest_float(self) -> Self {
        self.nearest(self.exponent.max(-1022).wrapping_sub(52))
    }

    /// The nearest multiple of 2⁻³⁰.
    pub(super) fn nearest_unit(self) -> Self {
        self.nearest(-30)
    }

    /// The nearest multiple of 2^`scale`; the number itself if it has no bits below.
    fn nearest(self, scale: i32) -> Self {
        // How many bits are below.
        let Ok(below) = u32::try_from(scale.wrapping_add(63).saturating_sub(self.exponent)) else {
            return self;
        };
        let (mask, beside_half) = match 64_u32.checked_sub(below) {
            // All bits stay, and what was cut off decides.
            Some(64) => (0, self.tail.cmp(&Tail::Half)),
            Some(bits) => {
                let mask = u64::MAX.wrapping_shr(bits);
                let half = mask ^ mask >> 1;
                (mask, (self.mantissa & mask).cmp(&half).then(self.tail.cmp(&Tail::Nothing)))
            }
            None => return Self::ZERO,
        };
        // Zero if all bits are below.
        let step = mask.wrapping_add(1);
        let kept = self.mantissa & !mask;
        let up = beside_half.is_gt() || beside_half.is_eq() && self.mantissa & step != 0;
        let mantissa = if up { kept.wrapping_add(step) } else { kept };
        match (up, mantissa) {
            (true, 0) => {
                Self { mantissa: 1 << 63, exponent: self.exponent.wrapping_add(1), tail: Tail::Nothing, ..self }
            }
            (false, 0) => Self::ZERO,
            _ => Self { mantissa, tail: Tail::Nothing, ..self },
        }
    }
}

impl Ord for Number {
    fn cmp(&self, other: &Self) -> Ordering {
        let magnitude = |number: &Self| (number.exponent, number.mantissa, number.tail);
        match (self.negative, other.negative) {
            (false, false) => magnitude(self).cmp(&magnitude(other)),
            (true, true) => magnitude(other).cmp(&magnitude(self)),
            (mine, others) => others.cmp(&mine),
        }
    }
}

impl PartialOrd for Number {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn literal(text: &str) -> Number {
        Number::parse(text).unwrap_or_else(|| panic!("{text}"))
    }

    fn gauge(number: f64) -> Number {
        Number::from_value(Value::Gauge(number)).unwrap()
    }

    fn counter(number: u64) -> Number {
        Number::from_value(Value::Counter(number)).unwrap()
    }

    fn derive(number: i64) -> Number {
        Number::from_value(Value::Derive(number)).unwrap()
    }

    /// A linear congruential generator: the same numbers in every run.
    fn random(state: &mut u64) -> u64 {
        *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        *state ^ *state >> 29
    }

    #[test]
    fn integers_compare_exactly_at_their_borders() {
        for (text, number) in [("0", 0), ("9007199254740993", (1 << 53) + 1), ("18446744073709551615", u64::MAX)] {
            assert_eq!(literal(text), counter(number));
        }
        assert_eq!(literal("-9223372036854775808"), derive(i64::MIN));
        assert_eq!(literal("9223372036854775807"), derive(i64::MAX));
        assert_eq!(counter(1 << 63), literal("9223372036854775808"));
        assert!(derive(i64::MAX) < counter(1 << 63) && derive(i64::MIN) < derive(i64::MIN + 1));
        assert!(counter(u64::MAX) < gauge(18_446_744_073_709_551_616.0) && counter(u64::MAX - 1) < counter(u64::MAX));
        assert!(derive(-1) < derive(0) && derive(0) > derive(-1) && derive(-1) < counter(1) && counter(1) > derive(-1));
        assert!(literal("9007199254740992.5") < counter((1 << 53) + 1));
        assert!(literal("9007199254740992.5") > counter(1 << 53));
        assert!(literal("1844674407370955161.5e1") == counter(u64::MAX));
        assert!(literal("1.8446744073709551614e19") < counter(u64::MAX));
        assert!(literal("1.8446744073709552e19") > counter(u64::MAX));
    }

    #[test]
    fn floats_of_every_kind_have_their_place() {
        let ascending = [
            f64::NEG_INFINITY,
            f64::MIN,
            -1.5,
            -f64::MIN_POSITIVE,
            -5e-324,
            0.0,
            5e-324,
            1e-310,
            f64::MIN_POSITIVE,
            0.1,
            1.0,
            1.5,
            9_007_199_254_740_992.0,
            f64::MAX,
            f64::INFINITY,
        ];
        for (place, a) in ascending.iter().enumerate() {
            for (other, b) in ascending.iter().enumerate() {
                assert_eq!(gauge(*a).cmp(&gauge(*b)), place.cmp(&other), "{a} {b}");
            }
        }
        assert_eq!(gauge(-0.0), gauge(0.0));
        assert_eq!(gauge(0.0), literal("-0"));
        assert!(Number::from_value(Value::Gauge(f64::NAN)).is_none());
        assert!(literal("1e380") < gauge(f64::INFINITY) && literal("-1e380") > gauge(f64::NEG_INFINITY));
        assert!(
            literal("1e380") > gauge(f64::MAX) && literal("1e-380") > gauge(0.0) && literal("1e-380") < gauge(5e-324)
        );
    }

    #[test]
    fn the_same_number_may_be_written_in_many_ways() {
        for (a, b) in [
            ("1.5", "15e-1"),
            ("1e9", "1000000000"),
            ("1E+9", "1000000000.000"),
            ("-2.50", "-25e-1"),
            ("+3", "3"),
            ("0.000", "-0e999"),
            ("100000000000000000000000000000", "1e29"),
            ("0.00000000000000000000000000001", "1e-29"),
            ("007", "7"),
            ("0.1", "0.10000000000000000000000"),
        ] {
            assert_eq!(literal(a), literal(b));
        }
        assert_eq!(literal(&("1".to_owned() + &"0".repeat(380))), literal("1e380"));
        assert_eq!(Number::parse(&("1".to_owned() + &"0".repeat(381))), None);
    }

    #[test]
    fn the_nearest_float_is_the_one_that_the_standard_library_finds() {
        let mut state = 1;
        for round in 0..200_000 {
            let digits = random(&mut state) >> (random(&mut state) % 64);
            let exponent = i64::try_from(random(&mut state) % 700).unwrap() - 350;
            let exponent = if round % 2 == 0 { exponent % 25 } else { exponent };
            let text = format!("{digits}e{exponent}");
            let nearest: f64 = text.parse().unwrap();
            if nearest.is_finite() {
                assert_eq!(literal(&text).nearest_float(), gauge(nearest), "{text}");
            }
            let number = f64::from_bits(random(&mut state));
            if number.is_finite() {
                assert_eq!(literal(&format!("{number:e}")).nearest_float(), gauge(number), "{number:e}");
            }
        }
    }

    #[test]
    fn the_nearest_float_is_right_halfway_and_at_the_ends() {
        for text in [
            "9007199254740993",
            "9007199254740995",
            "9007199254740993.1",
            "9007199254740992.9",
            "9007199254740991.5",
            "9007199254740991.9",
            "2.470328229206232720e-324",
            "2.470328229206232721e-324",
            "7.410984687618698162e-324",
            "1e-324",
            "3e-324",
            "4.9e-324",
            "2.2250738585072011e-308",
            "1.7976931348623157e308",
        ] {
            assert_eq!(literal(text).nearest_float(), gauge(text.parse().unwrap()), "{text}");
        }
        assert!(literal("1.7976931348623159e308").nearest_float() > gauge(f64::MAX));
    }

    #[test]
    fn the_nearest_unit_is_found_from_nine_decimals() {
        let mut state = 2;
        for _ in 0..100_000 {
            let units = random(&mut state) >> (random(&mut state) % 60);
            let nanos = (u128::from(units) * 10_000_000_000 + (1 << 29)) >> 30;
            let (whole, fraction) = (nanos / 10_000_000_000, nanos % 10_000_000_000);
            if nanos < u128::from(u64::MAX) {
                let text = format!("{whole}.{fraction:010}");
                assert_eq!(literal(&text).nearest_unit(), Number::from_units(units), "{text}");
            }
        }
        assert_eq!(literal("0.0000000004").nearest_unit(), Number::ZERO);
        assert_eq!(literal("4.65661287307739257e-10").nearest_unit(), Number::ZERO);
        assert_eq!(literal("4.656612873077392579e-10").nearest_unit(), Number::from_units(1));
        assert_eq!(literal("0.0000000005").nearest_unit(), Number::from_units(1));
        // With all bits in use, what is cut off decides.
        assert_eq!(literal("17179869183.9999999990").nearest_unit(), Number::from_units(u64::MAX));
        assert_eq!(literal("17179869183.999999998").nearest_unit(), Number::from_units(u64::MAX - 1));
        assert_eq!(literal("1e300").nearest_unit(), literal("1e300"));
    }

    #[test]
    fn decimals_order_exactly_against_integers() {
        let mut state = 3;
        for _ in 0..100_000 {
            let digits = random(&mut state) >> (random(&mut state) % 64);
            let places = u32::try_from(random(&mut state) % 20).unwrap();
            let unit = 10_u128.pow(places);
            let floor = u64::try_from(u128::from(digits) / unit).unwrap();
            for number in [floor, floor.saturating_add(1), floor.saturating_sub(1)] {
                let exact = (u128::from(number) * unit).cmp(&u128::from(digits));
                let text = format!("{digits}e-{places}");
                assert_eq!(counter(number).cmp(&literal(&text)), exact, "{number} {text}");
                if number <= 1 << 62 {
                    let negative = derive(-i64::try_from(number).unwrap());
                    assert_eq!(negative.cmp(&literal(&format!("-{text}"))), exact.reverse(), "-{number} -{text}");
                }
            }
        }
    }

    #[test]
    fn half_a_unit_goes_to_the_even_one() {
        for (halves, units) in [(1, 0), (3, 2), (5, 2), (7, 4), (u64::MAX, 1 << 63)] {
            assert_eq!(Number::new(false, halves, -31).nearest_unit(), Number::from_units(units), "{halves}");
        }
        assert_eq!(Number::new(false, 1, -32).nearest_unit(), Number::ZERO);
        assert_eq!(Number::new(true, 3, -31).nearest_unit(), Number::new(true, 2, -30));
    }
}
