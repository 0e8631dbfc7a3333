//! Words and numbers as text, without the widths and signs of [`core::fmt`], which take 2 KB of a board's flash.

use core::fmt::{self, Write};
use core::num::NonZero;

/// A word of ours, which holds nothing that needs an escape.
pub(crate) struct Word<'a>(pub(crate) &'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

/// A number in digits.
pub(crate) struct Digits {
    number: u64,
    radix: NonZero<u64>,
    /// With zeros before it where it has fewer.
    at_least: u8,
}

impl Digits {
    /// In decimal digits.
    pub(crate) fn decimal(number: impl Into<u64>) -> Self {
        Self { number: number.into(), radix: const { NonZero::new(10).unwrap() }, at_least: 1 }
    }

    /// In hexadecimal digits, so many of them at least.
    pub(crate) fn hexadecimal(number: impl Into<u64>, at_least: u8) -> Self {
        Self { number: number.into(), radix: const { NonZero::new(16).unwrap() }, at_least }
    }

    /// With so many digits at least.
    pub(crate) const fn at_least(self, at_least: u8) -> Self {
        Self { at_least, ..self }
    }
}

impl fmt::Display for Digits {
    #[inline(never)]
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.number;
        // From behind; 2⁶⁴ has 20.
        let mut digits = [0; 20];
        let mut count = 0_u8;
        for digit in &mut digits {
            if rest == 0 && count >= self.at_least {
                break;
            }
            *digit = u8::try_from(rest % self.radix).unwrap_or_default();
            rest /= self.radix;
            count = count.wrapping_add(1);
        }
        for digit in digits.iter().take(count.into()).rev() {
            f.write_char(char::from(digit.wrapping_add(if *digit < 10 { b'0' } else { b'a' - 10 })))?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::string::ToString;

    use super::*;

    #[test]
    fn numbers_are_those_of_the_standard_library() {
        for number in [0, 1, 9, 10, 15, 16, 99, 255, 65_536, 1_000_000_007, u64::MAX - 1, u64::MAX] {
            assert_eq!(Digits::decimal(number).to_string(), number.to_string());
            assert_eq!(Digits::decimal(number).at_least(3).to_string(), std::format!("{number:03}"));
            assert_eq!(Digits::hexadecimal(number, 4).to_string(), std::format!("{number:04x}"));
        }
    }
}
