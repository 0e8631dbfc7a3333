//! Floats as decimal numbers, in a quarter of the flash that the shortest form takes.

use core::fmt::{self, Display as _, Write as _};

use crate::plain::Digits;

/// Decimal digits that are written.
const DIGITS: usize = 15;
/// The first integer that has one more.
const TOO_MANY: u64 = 1_000_000_000_000_000;
/// Zeros in front of a mantissa, so that ten times as much still fits.
const ZEROS: u32 = 4;

/// A float in 15 decimal digits, without the zeros behind: what was once written in so many or fewer prints as it was written.
/// As in `0.1`, `-42`, `1.5e-7`, `NaN` and `inf`.
pub(crate) struct Decimal(pub(crate) f64);

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_nan() {
            return f.write_str("NaN");
        }
        if self.0.is_sign_negative() {
            f.write_char('-')?;
        }
        let bits = self.0.to_bits();
        let fraction = bits & ((1 << 52) - 1);
        match i32::try_from(bits >> 52 & 0x7ff).unwrap_or_default() {
            0x7ff => f.write_str("inf"),
            0 if fraction == 0 => f.write_char('0'),
            0 => write(f, fraction, -1074),
            exponent => write(f, fraction | 1 << 52, exponent.wrapping_sub(1075)),
        }
    }
}

/// Writes `mantissa` × 2^`exponent`, which is not 0.
fn write(f: &mut fmt::Formatter<'_>, mantissa: u64, exponent: i32) -> fmt::Result {
    let (mut integer, mut last) = scale(mantissa, exponent);
    // From behind, without zeros.
    let mut digits = [b'0'; DIGITS];
    let mut count = 0;
    for (place, digit) in digits.iter_mut().enumerate().rev() {
        *digit = b'0'.wrapping_add(u8::try_from(integer % 10).unwrap_or_default());
        integer /= 10;
        if count == 0 && *digit != b'0' {
            count = i32::try_from(place).unwrap_or_default().wrapping_add(1);
        }
    }
    // The exponent of the first digit.
    last = last.wrapping_add(14);
    let is_plain = (-5..=14).contains(&last);
    // Which digit stands before the point; those before the first and behind the last are zeros.
    let point = if is_plain { last } else { 0 };
    for place in point.min(0)..count.max(point.wrapping_add(1)) {
        if place == point.wrapping_add(1) {
            f.write_char('.')?;
        }
        let digit = usize::try_from(place).ok().and_then(|place| digits.get(place));
        f.write_char(char::from(*digit.unwrap_or(&b'0')))?;
    }
    if !is_plain {
        f.write_str(if last < 0 { "e-" } else { "e" })?;
        Digits::decimal(last.unsigned_abs()).fmt(f)?;
    }
    Ok(())
}

/// The integer of 15 digits that is nearest to `mantissa` × 2^`exponent` but for a power of ten, and this one's exponent.
///
/// A step is off by 2⁻⁶⁰ of the number at most and 339 are the most: far less than half a unit of the last digit, together with
/// what a float itself is off.
fn scale(mantissa: u64, exponent: i32) -> (u64, i32) {
    let (mut mantissa, mut exponent) = normalized(mantissa, exponent);
    let mut tens = 0_i32;
    loop {
        let is_large = match exponent.wrapping_neg() {
            // Below 2^45 and from 2^51: no integers of 15 digits.
            15.. => false,
            ..9 => true,
            below => {
                let integer = shifted(mantissa, below.unsigned_abs());
                if (TOO_MANY / 10..TOO_MANY).contains(&integer) {
                    return (integer, tens);
                }
                integer >= TOO_MANY
            }
        };
        (mantissa, exponent) = if is_large {
            tens = tens.wrapping_add(1);
            normalized((mantissa << 4).wrapping_add(5) / 10, exponent.wrapping_sub(4))
        } else {
            tens = tens.wrapping_sub(1);
            normalized(mantissa.wrapping_mul(10), exponent)
        };
    }
}

/// The same with the topmost bit where it belongs.
fn normalized(mantissa: u64, exponent: i32) -> (u64, i32) {
    match mantissa.leading_zeros() {
        zeros @ ..ZEROS => {
            let down = ZEROS.wrapping_sub(zeros);
            normalized(shifted(mantissa, down), exponent.wrapping_add_unsigned(down))
        }
        zeros => {
            let up = zeros.wrapping_sub(ZEROS);
            (mantissa.wrapping_shl(up), exponent.wrapping_sub_unsigned(up))
        }
    }
}

/// `number` × 2^-`down`, rounded; `down` is not 0.
const fn shifted(number: u64, down: u32) -> u64 {
    (number.wrapping_shr(down.wrapping_sub(1)).wrapping_add(1)) >> 1
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    fn written(number: f64) -> String {
        Decimal(number).to_string()
    }

    #[test]
    fn numbers_are_written_as_people_write_them() {
        for text in [
            "0",
            "-0",
            "1",
            "-42",
            "6",
            "0.1",
            "200.5",
            "123456789012345",
            "999999999999999",
            "-0.25",
            "0.001",
            "1.5",
            "100000",
            "0.00001",
            "1e-6",
            "1e15",
            "1.5e15",
            "-1.5e-7",
            "1e300",
            "2.5e-300",
            "1.79769313486231e308",
            "4.94065645841247e-324",
            "NaN",
            "inf",
            "-inf",
        ] {
            assert_eq!(written(text.parse().unwrap()), text);
        }
        assert_eq!(written(0.1 + 0.2), "0.3");
        assert_eq!(written(9_999_999_999_999_999.0), "1e16");
        assert_eq!(written(1.0 / 3.0), "0.333333333333333");
    }

    /// Against the standard library, which is exact.
    #[test]
    fn fifteen_digits_come_back_at_every_magnitude() {
        let mut state = 1_u64;
        for round in 0..400_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let digits = state % TOO_MANY / 10_u64.pow(round % 15);
            let exponent = i32::try_from((state >> 20) % 600).unwrap() - 310;
            let number: f64 = std::format!("{digits}e{exponent}").parse().unwrap();
            if !number.is_normal() {
                continue;
            }
            let exact = std::format!("{number:.14e}");
            assert_eq!(written(number).parse::<f64>().unwrap(), exact.parse::<f64>().unwrap(), "{exact}");
        }
    }

    #[test]
    fn floats_of_any_bits_are_off_by_a_unit_at_most() {
        let mut state = 7_u64;
        for _ in 0..400_000 {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            let number = f64::from_bits(state);
            if !number.is_normal() {
                continue;
            }
            let (read, off) = (written(number).parse::<f64>().unwrap(), 0.51e-14);
            assert!(((read - number) / number).abs() < off || read.is_infinite(), "{number:e} {read:e}");
        }
    }
}
