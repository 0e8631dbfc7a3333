//! Numbers as decimal fractions: everything that an item can hold has a finite one.

use std::cmp::Ordering;

use collectd_net::Value;

/// A number, or an infinity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decimal {
    negative: bool,
    infinite: bool,
    /// Without zeros at the start.
    whole: String,
    /// Without zeros at the end.
    fraction: String,
}

impl Decimal {
    fn new(negative: bool, whole: &str, fraction: &str) -> Self {
        let (whole, fraction) = (whole.trim_start_matches('0').to_owned(), fraction.trim_end_matches('0').to_owned());
        // There is one zero only.
        Self { negative: negative && !(whole.is_empty() && fraction.is_empty()), infinite: false, whole, fraction }
    }

    /// What is printed without an exponent.
    fn printed(text: &str) -> Self {
        let (negative, text) = text.strip_prefix('-').map_or((false, text), |text| (true, text));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        Self::new(negative, whole, fraction)
    }

    /// The number of a value; `None` for NaN.
    #[must_use]
    pub fn of(value: Value) -> Option<Self> {
        Some(match value {
            Value::Counter(number) | Value::Absolute(number) => Self::printed(&number.to_string()),
            Value::Derive(number) => Self::printed(&number.to_string()),
            Value::Gauge(number) if number.is_nan() => return None,
            Value::Gauge(number) if number.is_infinite() => Self { infinite: true, ..Self::new(number < 0.0, "1", "") },
            // With so many digits the standard library prints all there are.
            Value::Gauge(number) => Self::printed(&format!("{number:.1074}")),
        })
    }

    /// Seconds, from a count of 2⁻³⁰ s.
    #[must_use]
    pub fn units(units: u128) -> Self {
        let below = (units % (1 << 30)) * 5_u128.pow(30);
        Self::new(false, &(units >> 30).to_string(), &format!("{below:030}"))
    }

    /// What a literal says: exactly, as the nearest float, and as the nearest multiple of 2⁻³⁰. `None` if it is none, or has too
    /// many digits.
    #[must_use]
    pub fn literal(text: &str) -> Option<[Self; 3]> {
        let (negative, unsigned) = match text.as_bytes()[0] {
            b'-' => (true, &text[1..]),
            b'+' => (false, &text[1..]),
            _ => (false, text),
        };
        let (digits, exponent) = match unsigned.split_once(['e', 'E']) {
            Some((digits, exponent)) => {
                let unsigned = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
                if unsigned.is_empty() || !unsigned.bytes().all(|octet| octet.is_ascii_digit()) {
                    return None;
                }
                // Of a zero it does not matter.
                (digits, exponent.parse::<i32>().ok()?)
            }
            None => (unsigned, 0),
        };
        let (whole, fraction) = match digits.split_once('.') {
            Some((_, "")) => return None,
            Some(parts) => parts,
            None => (digits, ""),
        };
        if whole.is_empty() || !(whole.bytes().chain(fraction.bytes())).all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        let all = [whole, fraction].concat();
        let significant = all.trim_end_matches('0');
        let zeros = all.len() - significant.len();
        let exponent = exponent.checked_sub_unsigned(fraction.len().try_into().ok()?)?;
        let exponent = exponent.checked_add_unsigned(zeros.try_into().ok()?)?;
        let mantissa: u64 = if significant.is_empty() { 0 } else { significant.parse().ok()? };
        if mantissa == 0 {
            let zero = Self::new(false, "", "");
            return Some([zero.clone(), zero.clone(), zero]);
        }
        if exponent.unsigned_abs() > 380 {
            return None;
        }
        let places = usize::try_from(exponent.unsigned_abs()).ok()?;
        let exact = if exponent >= 0 {
            Self::new(negative, &format!("{mantissa}{}", "0".repeat(places)), "")
        } else {
            let digits = format!("{mantissa:0>width$}", width = places + 1);
            let (whole, fraction) = digits.split_at(digits.len() - places);
            Self::new(negative, whole, fraction)
        };
        if !unsigned.contains(['.', 'e', 'E']) {
            return Some([exact.clone(), exact.clone(), exact]);
        }
        let float: f64 = text.parse().ok()?;
        let float = if float.is_infinite() { exact.clone() } else { Self::of(Value::Gauge(float))? };
        let unit = match 10_u128.checked_pow(places.try_into().ok()?) {
            _ if exponent >= 0 => exact.clone(),
            None => Self::new(false, "", ""),
            Some(divisor) => {
                let numerator = u128::from(mantissa) << 30;
                let (units, left) = (numerator / divisor, numerator % divisor);
                let up = match left.cmp(&(divisor - left)) {
                    Ordering::Less => false,
                    Ordering::Equal => units % 2 == 1,
                    Ordering::Greater => true,
                };
                let unit = Self::units(units + u128::from(up));
                Self::new(negative, &unit.whole, &unit.fraction)
            }
        };
        Some([exact, float, unit])
    }

    fn magnitude(&self, other: &Self) -> Ordering {
        let key = |number: &Self| (number.infinite, number.whole.len());
        key(self)
            .cmp(&key(other))
            .then_with(|| self.whole.cmp(&other.whole))
            .then_with(|| self.fraction.cmp(&other.fraction))
    }
}

impl Ord for Decimal {
    fn cmp(&self, other: &Self) -> Ordering {
        match (self.negative, other.negative) {
            (false, false) => self.magnitude(other),
            (true, true) => other.magnitude(self),
            (mine, others) => others.cmp(&mine),
        }
    }
}

impl PartialOrd for Decimal {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}
