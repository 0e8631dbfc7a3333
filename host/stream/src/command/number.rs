//! Numbers as people and programs write them.

use collectd_net::{Kind, Time, Value};

/// A number of seconds in 2⁻³⁰ s, rounded to the nearest: exactly, whatever comes behind the point.
pub fn seconds(text: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(text).ok()?;
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let digits = |text: &str| text.bytes().all(|octet| octet.is_ascii_digit());
    if !digits(whole) || !digits(fraction) || whole.is_empty() && fraction.is_empty() {
        // With an exponent, say.
        let seconds = text.parse::<f64>().ok().filter(|seconds| *seconds >= 0.0 && *seconds < 2_f64.powi(34))?;
        return Time::try_from(std::time::Duration::try_from_secs_f64(seconds).ok()?).ok().map(Time::raw);
    }
    let whole = if whole.is_empty() { 0 } else { whole.parse::<u64>().ok()? };
    let whole = Time::from_secs(whole)?.raw();
    // Thirty-six digits are more than enough to tell to which side half a unit rounds, unless all that follows are zeros.
    let known = fraction.get(..fraction.len().min(36))?;
    let scale = 10_u128.pow(u32::try_from(known.len()).ok()?);
    let mut left = known.parse::<u128>().unwrap_or(0);
    // 10³⁶ × 2 is below 2¹²¹, so that each bit is found without overflow.
    let mut units = 0_u64;
    for _ in 0..30 {
        left *= 2;
        units <<= 1;
        if left >= scale {
            left -= scale;
            units |= 1;
        }
    }
    whole.checked_add(units + u64::from(left * 2 >= scale))
}

/// A value of this kind; else what is wrong with it.
pub fn value(text: &[u8], kind: Kind) -> Result<Value, &'static str> {
    let text = std::str::from_utf8(text).map_err(|_| "a value is a number")?.trim_ascii();
    match kind {
        Kind::Gauge => gauge(text).map(Value::Gauge).ok_or("a gauge is a number, or U"),
        Kind::Derive => derive(text).map(Value::Derive).ok_or("a derive is a whole number from -2^63 to 2^63 - 1"),
        Kind::Counter => unsigned(text).map(Value::Counter).ok_or("a counter is a whole number from 0 to 2^64 - 1"),
        Kind::Absolute => unsigned(text).map(Value::Absolute).ok_or("an absolute is a whole number from 0 to 2^64 - 1"),
    }
}

fn gauge(text: &str) -> Option<f64> {
    if text == "U" {
        return Some(f64::NAN);
    }
    let (sign, digits) = signed(text);
    match digits.get(..2) {
        Some("0x" | "0X") => Some(sign * unsigned(digits)? as f64),
        _ => text.parse().ok(),
    }
}

fn signed(text: &str) -> (f64, &str) {
    match text.strip_prefix('-') {
        Some(rest) => (-1.0, rest),
        None => (1.0, text.strip_prefix('+').unwrap_or(text)),
    }
}

fn derive(text: &str) -> Option<i64> {
    match text.strip_prefix('-') {
        Some(rest) => 0_i64.checked_sub_unsigned(unsigned(rest).filter(|_| !rest.starts_with('+'))?),
        None => i64::try_from(unsigned(text)?).ok(),
    }
}

/// As C reads whole numbers: hexadecimal behind 0x, octal behind 0.
fn unsigned(text: &str) -> Option<u64> {
    let text = text.strip_prefix('+').unwrap_or(text);
    let (digits, radix) = match text.as_bytes() {
        [b'0', b'x' | b'X', ..] => (text.get(2..)?, 16),
        [b'0', _, ..] => (text.get(1..)?, 8),
        _ => (text, 10),
    };
    // `from_str_radix` takes a sign of its own.
    let first = digits.as_bytes().first()?;
    first.is_ascii_alphanumeric().then(|| u64::from_str_radix(digits, radix).ok()).flatten()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_are_exact_and_rounded_to_the_nearest() {
        for (text, units) in [
            ("0", Some(0)),
            ("1700000000", Some(1_700_000_000 << 30)),
            ("1.5", Some(3 << 29)),
            (".5", Some(1 << 29)),
            ("1.", Some(1 << 30)),
            ("0.000000000931322574615478515625", Some(1)),
            ("0.0000000004656612873077392578125", Some(1)),
            ("0.0000000004656612873077392578124", Some(0)),
            ("0.9999999999", Some(1 << 30)),
            ("1e3", Some(1000 << 30)),
            ("1700000000.123456717114150524139404296875", Some(1_700_000_000 << 30 | 132560641)),
            ("17179869183.9999999999", None),
            ("17179869184", None),
            ("99999999999999999999", None),
            ("-1", None),
            ("", None),
            (".", None),
            ("nan", None),
            ("1x", None),
            ("N", None),
        ] {
            assert_eq!(seconds(text.as_bytes()), units, "{text}");
        }
    }

    #[test]
    fn values_are_of_their_kinds() {
        let bits = |text: &str, kind| value(text.as_bytes(), kind).ok().map(Value::bits);
        for (text, gauge, derive, counter) in [
            ("1", Some(1.0), Some(1), Some(1)),
            ("+7", Some(7.0), Some(7), Some(7)),
            ("-5", Some(-5.0), Some(-5), None),
            ("0x10", Some(16.0), Some(16), Some(16)),
            ("-0x10", Some(-16.0), Some(-16), None),
            ("010", Some(10.0), Some(8), Some(8)),
            ("08", Some(8.0), None, None),
            ("1.5", Some(1.5), None, None),
            ("1e3", Some(1000.0), None, None),
            ("-inf", Some(f64::NEG_INFINITY), None, None),
            ("U", Some(f64::NAN), None, None),
            ("-9223372036854775808", Some(-9_223_372_036_854_775_808.0), Some(i64::MIN), None),
            ("18446744073709551615", Some(18_446_744_073_709_551_615.0), None, Some(u64::MAX)),
            ("", None, None, None),
            ("u", None, None, None),
            ("--5", None, None, None),
            ("-+5", None, None, None),
            ("0x", None, None, None),
            ("0x-5", None, None, None),
            ("2x", None, None, None),
        ] {
            assert_eq!(bits(text, Kind::Gauge), gauge.map(f64::to_bits), "{text}");
            assert_eq!(bits(text, Kind::Derive), derive.map(i64::cast_unsigned), "{text}");
            assert_eq!(bits(text, Kind::Counter), counter, "{text}");
            assert_eq!(bits(text, Kind::Absolute), counter, "{text}");
        }
        assert!(value(b"\xff", Kind::Gauge).is_err());
    }
}
