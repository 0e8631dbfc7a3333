//! Values: what a value list measures (`WIRE §6`).
//!
//! ```text
//!  0       2              2 + n                 2 + 9n
//!  +-------+----- - ------+-------- - ----------+
//!  | n     | n kinds      | n values of 8 octets |   body of a values part
//!  +-------+----- - ------+-------- - ----------+
//! ```

use core::iter::{FusedIterator, Zip};
use core::slice;

use crate::Cause;

/// What kind of number a value is, as its sender said.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A count that only grows, and wraps.
    Counter,
    /// A reading that goes up and down.
    Gauge,
    /// A count whose change is of interest; it may shrink.
    Derive,
    /// A count since the last time it was sent.
    Absolute,
}

impl Kind {
    /// From the number on the wire; `None` for a kind that the protocol does not have.
    #[must_use]
    pub const fn from_raw(raw: u8) -> Option<Self> {
        match raw {
            0 => Some(Self::Counter),
            1 => Some(Self::Gauge),
            2 => Some(Self::Derive),
            3 => Some(Self::Absolute),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn raw(self) -> u8 {
        match self {
            Self::Counter => 0,
            Self::Gauge => 1,
            Self::Derive => 2,
            Self::Absolute => 3,
        }
    }

    /// collectd's word for the kind, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Counter => "counter",
            Self::Gauge => "gauge",
            Self::Derive => "derive",
            Self::Absolute => "absolute",
        }
    }
}

/// One value, exactly as sent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value {
    /// A [`Kind::Counter`].
    Counter(u64),
    /// A [`Kind::Gauge`]; NaN and the infinities are possible, NaN payloads are kept.
    Gauge(f64),
    /// A [`Kind::Derive`].
    Derive(i64),
    /// A [`Kind::Absolute`].
    Absolute(u64),
}

/// The number alone.
#[cfg(feature = "defmt")]
impl defmt::Format for Value {
    fn format(&self, f: defmt::Formatter<'_>) {
        match *self {
            Self::Counter(number) | Self::Absolute(number) => defmt::write!(f, "{=u64}", number),
            Self::Derive(number) => defmt::write!(f, "{=i64}", number),
            Self::Gauge(number) => defmt::write!(f, "{=f64}", number),
        }
    }
}

impl Value {
    /// What kind of number this is.
    #[must_use]
    pub const fn kind(self) -> Kind {
        match self {
            Self::Counter(_) => Kind::Counter,
            Self::Gauge(_) => Kind::Gauge,
            Self::Derive(_) => Kind::Derive,
            Self::Absolute(_) => Kind::Absolute,
        }
    }

    /// The 64 bits of the number: two's complement of a derive, IEEE 754 bits of a gauge.
    #[must_use]
    pub const fn bits(self) -> u64 {
        match self {
            Self::Counter(number) | Self::Absolute(number) => number,
            Self::Gauge(number) => number.to_bits(),
            Self::Derive(number) => number.cast_unsigned(),
        }
    }

    /// From the wire: gauges are little endian, everything else is big endian (`WIRE §6.2`).
    #[inline]
    const fn decode(kind: KnownKind, octets: [u8; 8]) -> Self {
        let bits = match kind {
            KnownKind(1) => u64::from_le_bytes(octets),
            KnownKind(_) => u64::from_be_bytes(octets),
        };
        match kind {
            KnownKind(0) => Self::Counter(bits),
            KnownKind(1) => Self::Gauge(f64::from_bits(bits)),
            KnownKind(2) => Self::Derive(bits.cast_signed()),
            KnownKind(_) => Self::Absolute(bits),
        }
    }

    /// To the wire, kind and octets: gauges are little endian, everything else is big endian (`WIRE §6.2`).
    #[inline(always)]
    pub(crate) const fn encode(self) -> (u8, [u8; 8]) {
        match self {
            Self::Counter(number) => (0, number.to_be_bytes()),
            Self::Gauge(number) => (1, number.to_bits().to_le_bytes()),
            Self::Derive(number) => (2, number.to_be_bytes()),
            Self::Absolute(number) => (3, number.to_be_bytes()),
        }
    }
}

/// Octets of the number of values.
const COUNT: usize = 2;

/// A kind on the wire that was checked: 0 to 3.
#[derive(Clone, Copy)]
struct KnownKind(u8);

/// The values of a value list, still in the packet: at least one, all of known kinds.
#[derive(Clone, Copy, Debug)]
pub struct Values<'a> {
    kinds: &'a [u8],
    octets: &'a [[u8; 8]],
}

impl<'a> Values<'a> {
    /// From the wire's two arrays: kinds, and the eight octets of each value.
    ///
    /// # Errors
    /// [`Cause::NoValues`], [`Cause::ValuesLength`] if the arrays differ in length, [`Cause::UnknownKind`].
    pub fn new(kinds: &'a [u8], octets: &'a [[u8; 8]]) -> Result<Self, Cause> {
        if kinds.len() != octets.len() {
            return Err(Cause::ValuesLength { count: kinds.len(), length: octets.as_flattened().len() });
        }
        match Self::kinds_fault(kinds) {
            Some(cause) => Err(cause),
            None => Ok(Self { kinds, octets }),
        }
    }

    /// What is wrong with these kinds, if anything is.
    fn kinds_fault(kinds: &[u8]) -> Option<Cause> {
        let unknown = kinds.iter().copied().find(|kind| Kind::from_raw(*kind).is_none());
        match unknown {
            Some(kind) => Some(Cause::UnknownKind { kind }),
            None => kinds.is_empty().then_some(Cause::NoValues),
        }
    }

    /// How many values there are in the body of a values part (`WIRE §6.1`); `None` if it is not as it must be.
    #[inline(always)]
    pub(crate) fn count(body: &[u8]) -> Option<usize> {
        // A kind and eight octets for each value.
        const VALUE: usize = 9;
        if body.len() < COUNT + VALUE {
            return None;
        }
        let (count, arrays) = body.split_first_chunk::<COUNT>()?;
        let count = usize::from(u16::from_be_bytes(*count));
        if arrays.len() != count.wrapping_mul(VALUE) {
            return None;
        }
        // The known kinds are the numbers of two bits. Nearly all lists have one value.
        let bits = match arrays.get(..count)? {
            [kind] => *kind,
            kinds => kinds.iter().fold(0, |all, kind| all | kind),
        };
        (bits <= 3).then_some(count)
    }

    /// The values in a body that has this [`count`](Self::count).
    #[inline(always)]
    pub(crate) fn of_body(body: &'a [u8], count: usize) -> Self {
        let arrays = body.get(COUNT..).and_then(|arrays| arrays.get(..count.wrapping_mul(9)));
        let (kinds, octets) = arrays.and_then(|arrays| arrays.split_at_checked(count)).unwrap_or_default();
        Self { kinds, octets: octets.as_chunks().0 }
    }

    /// Why the body of a values part has no [`count`](Self::count); `None` if it has.
    pub(crate) fn fault(body: &[u8]) -> Option<Cause> {
        let length = body.len();
        let Some((count, arrays)) = body.split_first_chunk::<COUNT>() else {
            return Some(Cause::ValuesLength { count: 0, length });
        };
        let count = usize::from(u16::from_be_bytes(*count));
        let (octets, odd) = arrays.get(count..).unwrap_or_default().as_chunks::<8>();
        match arrays.get(..count) {
            Some(kinds) if octets.len() == count && odd.is_empty() => Self::kinds_fault(kinds),
            _ => Some(Cause::ValuesLength { count, length }),
        }
    }

    /// From a copy of both arrays of others.
    pub(crate) const fn copied(kinds: &'a [u8], octets: &'a [[u8; 8]]) -> Self {
        Self { kinds, octets }
    }

    /// How many values there are: one or more.
    #[must_use]
    #[expect(clippy::len_without_is_empty, reason = "it is never empty")]
    pub const fn len(&self) -> usize {
        self.kinds.len()
    }

    /// The values, in order.
    #[must_use]
    pub fn iter(&self) -> ValuesIter<'a> {
        ValuesIter(self.kinds.iter().zip(self.octets))
    }

    /// The kinds as numbers of the wire, one for each value.
    #[must_use]
    pub const fn kinds(&self) -> &'a [u8] {
        self.kinds
    }

    /// The values as octets of the wire.
    #[must_use]
    pub const fn octets(&self) -> &'a [[u8; 8]] {
        self.octets
    }
}

/// Equal when the wire says the same: NaN equals a NaN of the same bits, and 0.0 differs from -0.0.
impl PartialEq for Values<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.kinds == other.kinds && self.octets == other.octets
    }
}

impl Eq for Values<'_> {}

#[cfg(feature = "defmt")]
impl defmt::Format for Values<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        for (place, value) in self.iter().enumerate() {
            defmt::write!(f, "{=str}{}", if place == 0 { "" } else { ", " }, value);
        }
    }
}

impl<'a> IntoIterator for Values<'a> {
    type Item = Value;
    type IntoIter = ValuesIter<'a>;

    fn into_iter(self) -> ValuesIter<'a> {
        self.iter()
    }
}

impl<'a> IntoIterator for &Values<'a> {
    type Item = Value;
    type IntoIter = ValuesIter<'a>;

    fn into_iter(self) -> ValuesIter<'a> {
        self.iter()
    }
}

/// Iterator over [`Values`].
#[derive(Clone, Debug)]
pub struct ValuesIter<'a>(Zip<slice::Iter<'a, u8>, slice::Iter<'a, [u8; 8]>>);

impl Iterator for ValuesIter<'_> {
    type Item = Value;

    #[inline]
    fn next(&mut self) -> Option<Value> {
        self.0.next().map(|(kind, octets)| Value::decode(KnownKind(*kind), *octets))
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.0.size_hint()
    }
}

impl ExactSizeIterator for ValuesIter<'_> {}
impl FusedIterator for ValuesIter<'_> {}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(body: &[u8]) -> Result<Values<'_>, Cause> {
        match Values::count(body) {
            Some(count) => Ok(Values::of_body(body, count)),
            None => Err(Values::fault(body).unwrap()),
        }
    }

    #[test]
    fn a_gauge_is_little_endian_and_the_rest_big_endian() {
        let body = [
            0, 4, 0, 1, 2, 3, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xfe, 0, 0, 0, 0, 0, 0, 0x45, 0x40, 0xff, 0xff,
            0xff, 0xff, 0xff, 0xff, 0xff, 0xfb, 0, 0, 0, 0, 0, 0, 0x30, 0x39,
        ];
        let values = parse(&body).unwrap();
        assert!(values.iter().eq([
            Value::Counter(u64::MAX - 1),
            Value::Gauge(42.0),
            Value::Derive(-5),
            Value::Absolute(12_345)
        ]));
        for ((value, kind), octets) in values.iter().zip(values.kinds()).zip(values.octets()) {
            assert_eq!(value.encode(), (*kind, *octets));
        }
    }

    #[test]
    fn a_nan_keeps_its_bits() {
        let body = [0, 1, 1, 1, 2, 3, 4, 5, 6, 0xf8, 0xff];
        assert_eq!(parse(&body).unwrap().iter().next().unwrap().bits(), 0xfff8_0605_0403_0201);
    }

    #[test]
    fn count_and_length_must_agree() {
        let length = |count, length| Err(Cause::ValuesLength { count, length });
        assert_eq!(parse(&[]), length(0, 0));
        assert_eq!(parse(&[0]), length(0, 1));
        assert_eq!(parse(&[0, 0]), Err(Cause::NoValues));
        assert_eq!(parse(&[0, 0, 0]), length(0, 3));
        assert_eq!(parse(&[0, 2, 1, 0, 0, 0, 0, 0, 0, 0, 0]), length(2, 11));
        assert_eq!(parse(&[0, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0]), length(1, 12));
        // 9 × 7282 is 2 in 16 bits.
        assert_eq!(parse(&[0x1c, 0x72, 0, 0]), length(7282, 4));
        assert_eq!(Values::new(&[1, 1], &[[0; 8]]), length(2, 8));
    }

    #[test]
    fn an_unknown_kind_is_named() {
        assert_eq!(parse(&[0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0]), Err(Cause::UnknownKind { kind: 4 }));
    }

    #[test]
    fn kinds_have_their_numbers_and_collectds_words() {
        let kinds = [Kind::Counter, Kind::Gauge, Kind::Derive, Kind::Absolute];
        assert_eq!(kinds.map(Kind::raw), [0, 1, 2, 3]);
        assert_eq!(kinds.map(Kind::name), ["counter", "gauge", "derive", "absolute"]);
        assert_eq!([0, 1, 2, 3].map(Kind::from_raw), kinds.map(Some));
        assert_eq!(Kind::from_raw(4), None);
    }

    #[test]
    fn an_unknown_kind_is_seen_beside_others() {
        for (kinds, kind) in [([1, 4], 4), ([4, 1], 4), ([4, 4], 4), ([2, 0x80], 0x80), ([0xff, 0xff], 0xff)] {
            let body = [&[0, 2][..], &kinds, &[0; 16]].concat();
            assert_eq!(parse(&body), Err(Cause::UnknownKind { kind }));
        }
    }

    #[test]
    fn unknown_kinds_do_not_hide_each_other() {
        for kinds in [[4, 4], [4, 0], [0, 4], [8, 4]] {
            let kind = kinds.into_iter().find(|kind| *kind > 3).unwrap();
            assert_eq!(Values::new(&kinds, &[[0; 8]; 2]), Err(Cause::UnknownKind { kind }));
        }
        assert_eq!(Values::new(&[1, 2, 4], &[[0; 8]; 3]), Err(Cause::UnknownKind { kind: 4 }));
        assert!(Values::new(&[3, 3], &[[0; 8]; 2]).is_ok());
    }

    #[test]
    fn values_are_equal_only_in_kinds_and_octets() {
        let values = |kind, octet| parse(Box::leak(Box::new([0, 1, kind, octet, 0, 0, 0, 0, 0, 0, 0]))).unwrap();
        assert_eq!(values(0, 7), values(0, 7));
        assert_ne!(values(0, 7), values(3, 7));
        assert_ne!(values(0, 7), values(0, 8));
    }

    #[test]
    fn how_many_values_are_left_is_known() {
        let values = Values::new(&[0, 2, 3], &[[0; 8], [1; 8], [2; 8]]).unwrap();
        assert_eq!((values.len(), values.kinds(), values.octets()), (3, &[0, 2, 3][..], &[[0; 8], [1; 8], [2; 8]][..]));
        let mut left = values.iter();
        for count in (0..=3).rev() {
            assert_eq!((left.size_hint(), left.len()), ((count, Some(count)), count));
            left.next();
        }
        assert!(values.into_iter().eq((&values).into_iter()));
    }
}
