//! Times and intervals, counted in 2⁻³⁰ s (`WIRE §7`).

use core::time::Duration;

/// Units of 2⁻³⁰ s in a second.
const UNITS: u64 = 1 << 30;
/// The greatest number of whole seconds that a time holds: 34 bits.
const MAX_SECS: u64 = u64::MAX / UNITS;

macro_rules! count_of_units {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// From a count of 2⁻³⁰ s, as the wire has it.
            #[must_use]
            pub const fn from_raw(units: u64) -> Self {
                Self(units)
            }

            /// The count of 2⁻³⁰ s, as the wire has it.
            #[must_use]
            pub const fn raw(self) -> u64 {
                self.0
            }

            /// From whole seconds; `None` beyond 34 bits of them.
            #[must_use]
            pub const fn from_secs(secs: u64) -> Option<Self> {
                if secs > MAX_SECS { None } else { Some(Self(secs << 30)) }
            }

            /// Whole seconds, rounded towards zero.
            #[must_use]
            pub const fn secs(self) -> u64 {
                self.0 >> 30
            }

            /// The part behind the whole seconds, in 2⁻³⁰ s.
            #[must_use]
            pub const fn fraction(self) -> u64 {
                self.0 & (UNITS - 1)
            }
        }

        impl From<$name> for Duration {
            /// Rounded to the nearest nanosecond.
            fn from(count: $name) -> Self {
                // At most (2³⁰ - 1) × 10⁹ + 2²⁹ < 2⁶⁰, and the quotient may round up to a whole second.
                let nanos = count.fraction().wrapping_mul(1_000_000_000).wrapping_add(UNITS / 2) >> 30;
                Self::from_secs(count.secs()).saturating_add(Self::from_nanos(nanos))
            }
        }

        impl TryFrom<Duration> for $name {
            type Error = OutOfRange;

            /// Rounded to the nearest 2⁻³⁰ s.
            fn try_from(duration: Duration) -> Result<Self, OutOfRange> {
                let whole = Self::from_secs(duration.as_secs()).ok_or(OutOfRange)?;
                let nanos = u64::from(duration.subsec_nanos());
                // Below 10⁹ × 2³⁰ + 5 × 10⁸ < 2⁶⁰.
                let fraction = (nanos << 30).wrapping_add(500_000_000) / 1_000_000_000;
                whole.0.checked_add(fraction).map(Self).ok_or(OutOfRange)
            }
        }
    };
}

count_of_units! {
    /// A point in time: 2⁻³⁰ s since the start of 1970 in UTC. Zero stands for "none" on the wire.
    Time
}

count_of_units! {
    /// A span of time in 2⁻³⁰ s: how often a value list is sent.
    Interval
}

/// A duration that does not fit 34 bits of seconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OutOfRange;

impl core::fmt::Display for OutOfRange {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        write!(f, "more than {MAX_SECS} seconds")
    }
}

impl core::error::Error for OutOfRange {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seconds_beyond_34_bits_do_not_wrap() {
        assert_eq!(Time::from_secs(MAX_SECS).unwrap().secs(), MAX_SECS);
        assert_eq!(Time::from_secs(1 << 34), None);
        assert_eq!(Interval::from_secs(u64::MAX), None);
    }

    #[test]
    fn durations_round_to_the_nearest_unit_both_ways() {
        let time = Time::from_raw(1_825_365_395_899_856_640);
        assert_eq!(Duration::from(time), Duration::new(1_700_004_000, 123_456_717));
        for raw in [0, 1, UNITS - 1, UNITS, 0x1ac0_aa1a_9459_fa80, u64::MAX - UNITS] {
            let back = Time::try_from(Duration::from(Time::from_raw(raw))).unwrap();
            assert!(back.raw().abs_diff(raw) <= 1, "{raw}");
        }
        assert_eq!(Interval::try_from(Duration::from_millis(2500)).unwrap().raw(), 0xa000_0000);
        assert_eq!(Time::try_from(Duration::from_secs(u64::MAX)), Err(OutOfRange));
        assert_eq!(Time::try_from(Duration::new(MAX_SECS, 999_999_999 + 1 - 1)).map(Time::secs), Ok(MAX_SECS));
    }

    #[test]
    fn what_is_out_of_range_is_said() {
        assert_eq!(OutOfRange.to_string(), "more than 17179869183 seconds");
    }
}
