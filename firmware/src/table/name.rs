//! Names that outlive their packet.

use collectd_net::Text;

/// Texts in fixed room, one behind the other.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<const FIELDS: usize, const SIZE: usize> {
    /// Where each text ends.
    ends: [u8; FIELDS],
    octets: [u8; SIZE],
}

impl<const FIELDS: usize, const SIZE: usize> Name<FIELDS, SIZE> {
    /// Nothing but empty texts.
    pub(super) const EMPTY: Self = Self { ends: [0; FIELDS], octets: [0; SIZE] };

    /// A copy; `None` if the room is too small.
    pub(crate) fn new(fields: &[Text<'_>; FIELDS]) -> Option<Self> {
        let mut name = Self::EMPTY;
        name.set(fields).map(|()| name)
    }

    /// Becomes a copy; `None` if the room is too small, and then it is no name.
    pub(super) fn set(&mut self, fields: &[Text<'_>; FIELDS]) -> Option<()> {
        let mut start = 0_usize;
        for (end, field) in self.ends.iter_mut().zip(fields) {
            let field = field.as_octets();
            let stop = start.checked_add(field.len())?;
            self.octets.get_mut(start..stop)?.copy_from_slice(field);
            *end = u8::try_from(stop).ok()?;
            start = stop;
        }
        Some(())
    }

    /// Whether it is a copy of these.
    #[inline(never)]
    pub(crate) fn is(&self, fields: &[Text<'_>; FIELDS]) -> bool {
        let mut start = 0;
        for (end, field) in self.ends.iter().zip(fields) {
            let end = usize::from(*end);
            if !self.octets.get(start..end).is_some_and(|octets| same(octets, field.as_octets())) {
                return false;
            }
            start = end;
        }
        true
    }

    /// Whether its last text is this.
    #[inline]
    pub(super) fn last_is(&self, text: Text<'_>) -> bool {
        let mut ends = self.ends.iter().rev().map(|end| usize::from(*end));
        let (end, start) = (ends.next().unwrap_or_default(), ends.next().unwrap_or_default());
        self.octets.get(start..end).is_some_and(|octets| same(octets, text.as_octets()))
    }

    /// The texts.
    pub(crate) fn fields(&self) -> [Text<'_>; FIELDS] {
        let mut start = 0;
        self.ends.map(|end| {
            let end = usize::from(end);
            let octets = self.octets.get(start..end).unwrap_or_default();
            start = end;
            Text::new(octets)
        })
    }
}

/// Whether both are the same, four octets at a time.
#[inline]
fn same(left: &[u8], right: &[u8]) -> bool {
    if left.len() != right.len() {
        return false;
    }
    // The last four overlap those before.
    let (Some(left_end), Some(right_end)) = (left.last_chunk::<4>(), right.last_chunk::<4>()) else {
        return short(left) == short(right);
    };
    let (mut left, mut right) = (left, right);
    while left.len() > 4
        && let (Some((left_word, left_rest)), Some((right_word, right_rest))) =
            (left.split_first_chunk::<4>(), right.split_first_chunk::<4>())
    {
        if left_word != right_word {
            return false;
        }
        (left, right) = (left_rest, right_rest);
    }
    left_end == right_end
}

/// Up to three octets and how many they are, in one number.
#[inline]
fn short(octets: &[u8]) -> u32 {
    match *octets {
        [a] => u32::from_le_bytes([a, 0, 0, 1]),
        [a, b] => u32::from_le_bytes([a, b, 0, 2]),
        [a, b, c, ..] => u32::from_le_bytes([a, b, c, 3]),
        [] => 0,
    }
}

/// What a hash begins with.
pub(super) const SEED: u32 = 0x9e37_79b9;

/// The hash of what `hash` stands for, and this text behind it: of its length, and all of it up to twelve octets. Of longer ones
/// not all counts, since most differ at an end.
#[inline]
pub(super) fn add(hash: u32, text: Text<'_>) -> u32 {
    let octets = text.as_octets();
    let Some(last) = octets.len().checked_sub(4) else {
        return mix(hash, short(octets));
    };
    let word =
        |at: usize| octets.get(at..).and_then(|octets| octets.first_chunk()).copied().map_or(0, u32::from_le_bytes);
    // Where one text ends makes a difference.
    let hash = hash ^ u32::try_from(last).unwrap_or_default();
    [0, last >> 1, last].into_iter().fold(hash, |hash, at| mix(hash, word(at)))
}

#[inline]
pub(super) const fn mix(hash: u32, word: u32) -> u32 {
    (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1)
}

/// A hash whose high bits depend on all of it.
#[inline]
pub(super) const fn finish(hash: u32) -> u32 {
    hash ^ hash >> 15
}
