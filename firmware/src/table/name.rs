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
        let mut start = 0_usize;
        for (end, field) in name.ends.iter_mut().zip(fields) {
            let field = field.as_octets();
            let stop = start.checked_add(field.len())?;
            name.octets.get_mut(start..stop)?.copy_from_slice(field);
            *end = u8::try_from(stop).ok()?;
            start = stop;
        }
        Some(name)
    }

    /// Whether it is a copy of these.
    #[inline]
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
    let ((left_words, left_rest), (right_words, right_rest)) = (left.as_chunks::<4>(), right.as_chunks::<4>());
    left.len() == right.len()
        && left_words.iter().zip(right_words).all(|(left, right)| left == right)
        && left_rest.iter().zip(right_rest).all(|(left, right)| left == right)
}

/// A number that differs for most texts.
#[inline]
pub(super) fn hash(fields: &[Text<'_>]) -> u32 {
    const fn mix(hash: u32, word: u32) -> u32 {
        (hash.rotate_left(5) ^ word).wrapping_mul(0x9e37_79b1)
    }
    let mut hash = 0x9e37_79b9_u32;
    for field in fields {
        let (words, rest) = field.as_octets().as_chunks::<4>();
        for word in words {
            hash = mix(hash, u32::from_le_bytes(*word));
        }
        // A text ends where no octet of the packet could.
        let mut last = [0xff; 4];
        for (place, octet) in last.iter_mut().zip(rest) {
            *place = *octet;
        }
        hash = mix(hash, u32::from_le_bytes(last));
    }
    hash ^ hash >> 15
}
