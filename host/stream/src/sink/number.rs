//! Numbers as text.

use std::fmt;

use collectd_net::Value;

/// A value as Python's `repr` writes it: the shortest digits that read back as the same number.
#[derive(Clone, Copy, Debug)]
pub struct Number(pub Value);

impl Number {
    /// Writes it to the end of `out`, which is quicker than [`Display`](fmt::Display).
    pub fn push(self, out: &mut String) {
        match self.0 {
            Value::Counter(number) | Value::Absolute(number) => push_integer(number, out),
            Value::Derive(number) => push_integer(number, out),
            // A `String` takes everything.
            Value::Gauge(number) => _ = float(number, out),
        }
    }
}

/// Writes an integer to the end of `out`.
#[inline]
pub(super) fn push_integer(number: impl itoa::Integer, out: &mut String) {
    out.push_str(itoa::Buffer::new().format(number));
}

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Counter(number) | Value::Absolute(number) => number.fmt(f),
            Value::Derive(number) => number.fmt(f),
            Value::Gauge(number) => float(number, f),
        }
    }
}

fn float(number: f64, f: &mut impl fmt::Write) -> fmt::Result {
    if number.is_nan() {
        return f.write_str("nan");
    }
    if number.is_infinite() {
        return f.write_str(if number > 0.0 { "inf" } else { "-inf" });
    }
    // Ryu's digits are Python's, ties included (`{}` rounds some of them the other way); the notation is not always.
    let mut buffer = ryu::Buffer::new();
    let text = buffer.format_finite(number);
    if let Some((digits, exponent)) = text.split_once('e') {
        // Python gives the exponent a sign and at least two digits: 1e+16, 1.5e-06.
        return match exponent.strip_prefix('-') {
            Some(exponent) => write!(f, "{digits}e-{exponent:0>2}"),
            None => write!(f, "{digits}e+{exponent:0>2}"),
        };
    }
    // Python changes the notation one power of ten earlier: 0.000015 is 1.5e-05.
    let (sign, unsigned) = text.split_at(usize::from(number.is_sign_negative()));
    match unsigned.strip_prefix("0.0000").map(|digits| digits.split_at(1)) {
        Some((first, "")) => write!(f, "{sign}{first}e-05"),
        Some((first, more)) => write!(f, "{sign}{first}.{more}e-05"),
        None => f.write_str(text),
    }
}

/// A count of 2⁻³⁰ s as decimal seconds, with just as many digits as it takes to get the count back.
#[derive(Clone, Copy, Debug)]
pub struct Seconds(pub u64);

impl Seconds {
    /// Writes it to the end of `out`, which is quicker than [`Display`](fmt::Display).
    pub fn push(self, out: &mut String) {
        push_integer(self.0 >> 30, out);
        if self.0 << 34 != 0 {
            // A `String` takes everything.
            _ = self.write_fraction(out);
        }
    }

    /// The point, and the digits behind it.
    fn write_fraction(self, f: &mut impl fmt::Write) -> fmt::Result {
        const UNITS: u64 = 1 << 30;
        let fraction = self.0 % UNITS;
        if fraction == 0 {
            return Ok(());
        }
        f.write_char('.')?;
        // Ten digits are always enough: 10⁻¹⁰ is less than half of 2⁻³⁰.
        let mut scale = 1;
        for digits in 1..=10 {
            scale *= 10;
            let decimal = (fraction * scale + UNITS / 2) / UNITS;
            if decimal < scale && (decimal * UNITS + scale / 2) / scale == fraction {
                return write!(f, "{decimal:0digits$}");
            }
        }
        unreachable!("ten digits tell every count apart")
    }
}

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (self.0 >> 30).fmt(f)?;
        self.write_fraction(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn gauge(number: f64) -> String {
        let value = Number(Value::Gauge(number));
        let mut pushed = String::new();
        value.push(&mut pushed);
        assert_eq!(pushed, value.to_string());
        pushed
    }

    #[test]
    fn floats_read_as_in_python() {
        // python3 -c 'print(repr(...))' for each.
        for (number, text) in [
            (0.0, "0.0"),
            (-0.0, "-0.0"),
            (48_082_944.0, "48082944.0"),
            (0.1 + 0.2, "0.30000000000000004"),
            (1e16, "1e+16"),
            (9_999_999_999_999_998.0, "9999999999999998.0"),
            (1.5e-5, "1.5e-05"),
            (-1e-5, "-1e-05"),
            (1.5e-6, "1.5e-06"),
            (f64::from_bits(0xc310_565a_94b4_e5f5), "-1149636667324797.2"),
            (1e-4, "0.0001"),
            (9.999e-5, "9.999e-05"),
            (1e-300, "1e-300"),
            (5e-324, "5e-324"),
            (-1.797_693_134_862_315_7e308, "-1.7976931348623157e+308"),
            (f64::NAN, "nan"),
            (-f64::NAN, "nan"),
            (f64::INFINITY, "inf"),
            (f64::NEG_INFINITY, "-inf"),
        ] {
            assert_eq!(gauge(number), text);
        }
    }

    #[test]
    fn seconds_have_just_enough_digits() {
        for (raw, text) in [
            (0, "0"),
            (10 << 30, "10"),
            ((5 << 30) / 2, "2.5"),
            (1, "0.000000001"),
            (107_374_182, "0.1"),
            ((1 << 30) - 1, "0.999999999"),
            (u64::MAX, "17179869183.999999999"),
        ] {
            assert_eq!(Seconds(raw).to_string(), text);
            let mut pushed = String::new();
            Seconds(raw).push(&mut pushed);
            assert_eq!(pushed, text);
        }
    }

    #[test]
    fn integers_have_all_their_digits() {
        for value in [Value::Counter(u64::MAX), Value::Derive(i64::MIN), Value::Absolute(0)] {
            let mut pushed = String::new();
            Number(value).push(&mut pushed);
            assert_eq!(pushed, Number(value).to_string());
        }
    }

    #[test]
    fn seconds_give_the_count_back() {
        let mut fraction = 1;
        while fraction < 1 << 30 {
            let text = Seconds(fraction).to_string();
            let digits = text.strip_prefix("0.").expect("less than a second");
            let scale = 10_u64.pow(u32::try_from(digits.len()).expect("few digits"));
            let decimal: u64 = digits.parse().expect("digits");
            assert_eq!(((decimal << 30) + scale / 2) / scale, fraction);
            fraction += 9_973;
        }
    }
}
