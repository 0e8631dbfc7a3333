//! Numbers that look random and are the same for the same seed, with every version of this program: SplitMix64.

/// The next numbers of a seed.
#[derive(Clone, Debug)]
pub(crate) struct Random(u64);

impl Random {
    pub(crate) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    pub(crate) const fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0)
    }

    /// A number below this one, which is not 0.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        let end = u64::try_from(end).unwrap_or(u64::MAX).max(1);
        usize::try_from(self.next() % end).unwrap_or_default()
    }

    /// Whether it happens, which does in this share of all cases.
    pub(crate) fn happens(&mut self, share: f64) -> bool {
        // 53 bits are what a number from 0 to 1 can hold.
        let drawn = (self.next() >> 11) as f64 / (1_u64 << 53) as f64;
        drawn < share
    }
}

/// Spreads the bits of a number over all of it.
pub(crate) const fn mix(number: u64) -> u64 {
    let number = (number ^ (number >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let number = (number ^ (number >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    number ^ (number >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_those_of_splitmix64() {
        let mut random = Random::new(1_234_567);
        let numbers = [random.next(), random.next(), random.next()];
        assert_eq!(numbers, [6_457_827_717_110_365_317, 3_203_168_211_198_807_973, 9_817_491_932_198_370_423]);
    }

    #[test]
    fn shares_are_kept() {
        let mut random = Random::new(7);
        let happened = (0..100_000).filter(|_| random.happens(0.25)).count();
        assert!((24_000..26_000).contains(&happened), "{happened}");
        assert!((0..1000).all(|_| !random.happens(0.0)) && (0..1000).all(|_| random.happens(1.0)));
        assert!((0..1000).all(|_| random.below(3) < 3) && random.below(0) == 0);
    }
}
