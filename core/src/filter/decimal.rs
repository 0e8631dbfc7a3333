//! Decimal literals, and what they are in binary.

/// ± `mantissa` × 10^`exponent`.
#[derive(Debug)]
pub(super) struct Decimal {
    pub(super) negative: bool,
    pub(super) mantissa: u64,
    pub(super) exponent: i32,
}

impl Decimal {
    /// From digits with optional sign, fraction and exponent. `None` also if the digits between the zeros do not fit.
    pub(super) fn parse(literal: &str) -> Option<Self> {
        let (negative, text) = sign(literal.as_bytes());
        let (number, mut rest) = Digits::default().and(text)?;
        let mut number = number;
        let mut places = 0;
        if let [b'.', fraction @ ..] = rest {
            (number, rest) = number.and(fraction)?;
            places = fraction.len().checked_sub(rest.len())?;
        }
        let mut exponent = number.zeros.checked_sub(i32::try_from(places).ok()?)?;
        if let [b'e' | b'E', shift @ ..] = rest {
            let (down, text) = sign(shift);
            let shift;
            (shift, rest) = Digits::default().and(text)?;
            let shift = i32::try_from(shift.whole()?).ok()?;
            exponent = if down { exponent.checked_sub(shift)? } else { exponent.checked_add(shift)? };
        }
        rest.is_empty().then_some(Self { negative, mantissa: number.digits, exponent })
    }

    /// The magnitude in binary: the exponent of its leading bit, the 64 bits from there, and whether more follow them.
    /// `None` for zero and for exponents beyond ±380.
    ///
    /// It multiplies or divides a long fixed-point number by fives; the twos only move the point.
    ///
    /// ```text
    /// limb  0  1  2  …           28 29 30 31     most significant first
    ///       [m    ]. fraction              ]     to divide: 5³⁸⁰ has 883 bits, so of 960 at least 77 remain
    ///       [ integer            [m    ].  ]     to multiply: below 2⁶⁴ × 2⁸⁸³; the last two stay zero
    /// ```
    pub(super) fn to_binary(&self) -> Option<(i32, u64, Tail)> {
        let divides = self.exponent.is_negative();
        let (place, fraction_bits) = if divides { (0, 960) } else { (28, 64) };
        let mut fives = self.exponent.unsigned_abs();
        if fives > 380 {
            return None;
        }
        let (high, low) = halves(self.mantissa);
        let mut limbs = [0; 32];
        for (limb, half) in limbs.iter_mut().skip(place).zip([high, low]) {
            *limb = half;
        }
        let mut more = false;
        while fives > 0 {
            let some = fives.min(13);
            fives = fives.saturating_sub(some);
            let factor = u64::from(5_u32.wrapping_pow(some));
            if !divides {
                multiply(&mut limbs, factor);
            } else if divide(&mut limbs, factor) != 0 {
                more = true;
            }
        }
        let zeros = limbs.iter().take_while(|limb| **limb == 0).count();
        let [first, second, third, below @ ..] = limbs.get(zeros..)? else {
            return None;
        };
        let shift = first.leading_zeros();
        let (third, cut) = halves(u64::from(*third).wrapping_shl(shift));
        let bits = (u64::from(*first) << 32 | u64::from(*second)).wrapping_shl(shift) | u64::from(third);
        more |= cut << 1 != 0 || below.iter().any(|limb| *limb != 0);
        let tail = match (cut >> 31, more) {
            (0, false) => Tail::Nothing,
            (0, true) => Tail::BelowHalf,
            (_, false) => Tail::Half,
            (_, true) => Tail::AboveHalf,
        };
        let first_bit = 1023_i32.wrapping_sub_unsigned(shift).wrapping_sub(i32::try_from(zeros).ok()?.wrapping_mul(32));
        Some((first_bit.wrapping_sub(fraction_bits).wrapping_add(self.exponent), bits, tail))
    }
}

/// What was cut off behind the last bit, beside its half.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Tail {
    Nothing,
    BelowHalf,
    Half,
    AboveHalf,
}

/// `digits` × 10^`zeros`: zeros at the end need no room.
#[derive(Default)]
struct Digits {
    digits: u64,
    zeros: i32,
}

impl Digits {
    /// With the digits appended, one or more, that `text` begins with; and what is behind them.
    fn and(mut self, text: &[u8]) -> Option<(Self, &[u8])> {
        let mut rest = text;
        while let [digit @ b'0'..=b'9', behind @ ..] = rest {
            self.zeros = self.zeros.checked_add(1)?;
            if *digit != b'0' {
                self = Self { digits: self.whole()?.checked_add(u64::from(digit & 0xf))?, zeros: 0 };
            }
            rest = behind;
        }
        (rest.len() < text.len()).then_some((self, rest))
    }

    fn whole(&self) -> Option<u64> {
        (0..self.zeros).try_fold(self.digits, |number, _| number.checked_mul(10))
    }
}

const fn sign(text: &[u8]) -> (bool, &[u8]) {
    match text {
        [b'-', rest @ ..] => (true, rest),
        [b'+', rest @ ..] | rest => (false, rest),
    }
}

fn multiply(limbs: &mut [u32], factor: u64) {
    let mut carry = 0;
    for limb in limbs.iter_mut().rev() {
        let (high, low) = halves(u64::from(*limb).wrapping_mul(factor).wrapping_add(carry));
        *limb = low;
        carry = u64::from(high);
    }
}

/// Divides; what is left over.
fn divide(limbs: &mut [u32], divisor: u64) -> u64 {
    let mut left = 0;
    for limb in limbs {
        let dividend = left << 32 | u64::from(*limb);
        (_, *limb) = halves(dividend.checked_div(divisor).unwrap_or_default());
        left = dividend.checked_rem(divisor).unwrap_or_default();
    }
    left
}

/// The upper and the lower 32 bits.
const fn halves(number: u64) -> (u32, u32) {
    let [a, b, c, d, e, f, g, h] = number.to_be_bytes();
    (u32::from_be_bytes([a, b, c, d]), u32::from_be_bytes([e, f, g, h]))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(literal: &str) -> Option<(bool, u64, i32)> {
        Decimal::parse(literal).map(|decimal| (decimal.negative, decimal.mantissa, decimal.exponent))
    }

    #[test]
    fn literals_are_read_as_written() {
        for (literal, expected) in [
            ("0", (false, 0, 1)),
            ("-12.50", (true, 125, -1)),
            ("+1E+9", (false, 1, 9)),
            ("1000e-3", (false, 1, 0)),
            ("0.001", (false, 1, -3)),
            ("100.0010", (false, 100_001, -3)),
            ("18446744073709551615", (false, u64::MAX, 0)),
            ("1844674407370955161500", (false, u64::MAX, 2)),
            ("007e007", (false, 7, 7)),
            ("0e999", (false, 0, 1000)),
        ] {
            assert_eq!(parts(literal), Some(expected), "{literal}");
        }
    }

    #[test]
    fn what_is_no_number_or_too_long_is_refused() {
        for literal in [
            "",
            "-",
            "+",
            ".",
            ".5",
            "5.",
            "1e",
            "1e+",
            "1.e5",
            "--1",
            "1_000",
            "0x10",
            "1.2.3",
            "1e5.0",
            "1 ",
            "nan",
            "0.000e",
            "18446744073709551616",
            "12345678901234567890123",
            "1e2147483648",
            "1e99999999999999999999",
        ] {
            assert_eq!(parts(literal), None, "{literal}");
        }
    }

    #[test]
    fn binary_is_exact_or_says_that_more_follows() {
        let binary = |literal| Decimal::parse(literal).unwrap().to_binary();
        assert_eq!(binary("1"), Some((0, 1 << 63, Tail::Nothing)));
        assert_eq!(binary("18446744073709551615"), Some((63, u64::MAX, Tail::Nothing)));
        assert_eq!(binary("0.375"), Some((-2, 3 << 62, Tail::Nothing)));
        assert_eq!(binary("0.1"), Some((-4, 0xcccc_cccc_cccc_cccc, Tail::AboveHalf)));
        assert_eq!(binary("1e27"), Some((89, 0xcecb_8f27_f420_0f3a, Tail::Nothing)));
        assert_eq!(binary("1e28"), Some((93, 0x813f_3978_f894_0984, Tail::BelowHalf)));
        assert_eq!(binary("36893488147419103250"), Some((65, 0x8000_0000_0000_0004, Tail::Half)));
        assert_eq!(binary("1e-380").map(|(exponent, ..)| exponent), Some(-1263));
        assert_eq!(binary("18446744073709551615e380").map(|(exponent, ..)| exponent), Some(1326));
        for literal in ["0", "1e381", "1e-381"] {
            assert_eq!(binary(literal), None);
        }
    }
}
