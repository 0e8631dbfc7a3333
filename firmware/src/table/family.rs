//! Families: series of one host that have all names in common but the type instance, as the lists of a packet often do.
//!
//! They only make the table faster. Without the feature `fast` nothing is known of them, and nothing is kept.

/// How much is kept for each series: one of each, or nothing.
const KEPT: usize = if cfg!(feature = "fast") { 1 } else { 0 };

/// A family. Series of the same one differ in their last names only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Family(u32);

impl Family {
    /// That of a free place.
    const NOBODY: Self = Self(0);
    /// That of names that were not found yet.
    pub(super) const UNKNOWN: Self = Self(u32::MAX);
}

/// The family of a series, and where its members are counted.
#[derive(Clone, Copy, Debug)]
struct Member {
    family: Family,
    count: u16,
}

/// The families of all series.
#[derive(Debug)]
pub(super) struct Families<const SERIES: usize> {
    /// By the series' places.
    members: [[Member; KEPT]; SERIES],
    /// How many members there are of families with the same hash.
    counts: [[[u16; 2]; KEPT]; SERIES],
    /// The last one that began.
    last: Family,
}

impl<const SERIES: usize> Families<SERIES> {
    /// None.
    pub(super) const fn new() -> Self {
        let nobody = Member { family: Family::NOBODY, count: 0 };
        Self { members: [[nobody; KEPT]; SERIES], counts: [[[0; 2]; KEPT]; SERIES], last: Family::NOBODY }
    }

    /// The family of the series in this place, if it is kept.
    #[inline]
    pub(super) fn of(&self, index: u16) -> Family {
        let member = self.members.as_flattened().get(usize::from(index));
        member.map_or(Family::NOBODY, |member| member.family)
    }

    /// Whether the series in this place is of this family.
    #[inline]
    pub(super) fn is(&self, index: u16, family: Family) -> bool {
        self.members.as_flattened().get(usize::from(index)).is_some_and(|member| member.family == family)
    }

    /// Whether it is certain that there is no series of a family with this hash.
    #[inline]
    pub(super) fn has_none(&self, hash: u32) -> bool {
        self.counts.as_flattened().as_flattened().get(Self::count(hash)) == Some(&0)
    }

    /// A series has taken a place; its family begins with it, unless it is known.
    #[inline]
    pub(super) fn enter(&mut self, index: u16, family: &mut Family, hash: u32) {
        let Some(member) = self.members.as_flattened_mut().get_mut(usize::from(index)) else {
            return;
        };
        if *family == Family::UNKNOWN {
            // No number is given twice; when there is none left, families stay unknown.
            let Family(last) = self.last;
            self.last = Family(last.saturating_add(1));
            *family = self.last;
        }
        let known = if *family == Family::UNKNOWN { Family::NOBODY } else { *family };
        let count = Self::count(hash);
        *member = Member { family: known, count: u16::try_from(count).unwrap_or_default() };
        if let Some(count) = self.counts.as_flattened_mut().as_flattened_mut().get_mut(count) {
            *count = count.wrapping_add(1);
        }
    }

    /// A series has left its place.
    #[inline]
    pub(super) fn leave(&mut self, index: u16) {
        let Some(member) = self.members.as_flattened_mut().get_mut(usize::from(index)) else {
            return;
        };
        let count = usize::from(member.count);
        *member = Member { family: Family::NOBODY, count: 0 };
        if let Some(count) = self.counts.as_flattened_mut().as_flattened_mut().get_mut(count) {
            *count = count.wrapping_sub(1);
        }
    }

    /// Where families with this hash are counted.
    fn count(hash: u32) -> usize {
        let scaled = u64::from(hash).wrapping_mul(u64::try_from(SERIES.wrapping_mul(2)).unwrap_or_default()) >> 32;
        usize::try_from(scaled).unwrap_or_default()
    }
}

#[cfg(all(test, feature = "fast"))]
mod tests {
    use super::*;

    #[test]
    fn no_family_has_the_number_of_another() {
        let mut families = Families::<4>::new();
        families.last = Family(u32::MAX - 2);
        let mut numbers = [Family::UNKNOWN; 4];
        for (index, number) in (0..).zip(&mut numbers) {
            families.enter(index, number, 0);
            // Neither do members that nobody knows seem to be of the same.
            assert_eq!(families.is(index, *number), *number != Family::UNKNOWN);
        }
        assert_eq!(numbers.map(|Family(number)| u32::MAX - number), [1, 0, 0, 0]);
        assert!(!families.has_none(0) && families.has_none(u32::MAX));
        for index in 0..4 {
            families.leave(index);
        }
        assert!(families.has_none(0) && !families.is(0, numbers[0]));
    }
}
