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

    /// Whether there is room for these, which are all of one packet and so no longer than that.
    pub(super) fn fits(fields: &[Text<'_>; FIELDS]) -> bool {
        fields.iter().fold(0, |sum: usize, field| sum.wrapping_add(field.len())) <= SIZE
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
    match (left.last_chunk::<4>(), right.last_chunk::<4>()) {
        // The last four overlap those before.
        (Some(left_end), Some(right_end)) => {
            let (left, right) = (left.as_chunks::<4>().0, right.as_chunks::<4>().0);
            left_end == right_end && left.iter().zip(right).all(|(left, right)| left == right)
        }
        _ => short(left) == short(right),
    }
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

/// The hash of what `hash` stands for, and this text behind it.
#[inline(never)]
pub(super) fn add(hash: u32, text: Text<'_>) -> u32 {
    let octets = text.as_octets();
    let Some(end) = octets.last_chunk::<4>() else {
        return mix(hash, short(octets));
    };
    let words = octets.as_chunks::<4>().0;
    let hash = words.iter().fold(hash, |hash, word| mix(hash, u32::from_le_bytes(*word)));
    // Longer texts differ in their length, too: where one ends makes a difference.
    mix(hash, u32::from_le_bytes(*end) ^ u32::try_from(octets.len()).unwrap_or_default() << 24)
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
