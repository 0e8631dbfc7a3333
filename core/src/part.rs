//! Parts: the type–length–body units that a packet is made of (`WIRE §2`, `§3`).
//!
//! ```text
//!  0       2        4                 length
//!  +-------+--------+------- - -------+
//!  | type  | length | body            |   both numbers big endian, length counts the header
//!  +-------+--------+------- - -------+
//! ```

use core::iter::FusedIterator;
use core::mem;

use crate::{Cause, Error};

/// Octets of a part's header.
pub(crate) const HEADER: usize = 4;

/// What a part carries (`WIRE §3`). Types that the protocol does not have are numbers like the others.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PartType(pub u16);

impl PartType {
    /// Host, a string.
    pub const HOST: Self = Self(0x0000);
    /// Time in whole seconds, a number; senders before collectd 5.0.
    pub const TIME: Self = Self(0x0001);
    /// Plugin, a string.
    pub const PLUGIN: Self = Self(0x0002);
    /// Plugin instance, a string that may be empty.
    pub const PLUGIN_INSTANCE: Self = Self(0x0003);
    /// Type, a string.
    pub const TYPE: Self = Self(0x0004);
    /// Type instance, a string that may be empty.
    pub const TYPE_INSTANCE: Self = Self(0x0005);
    /// Values; completes a value list.
    pub const VALUES: Self = Self(0x0006);
    /// Interval in whole seconds, a number; senders before collectd 5.0.
    pub const INTERVAL: Self = Self(0x0007);
    /// Time in 2⁻³⁰ s, a number.
    pub const TIME_HR: Self = Self(0x0008);
    /// Interval in 2⁻³⁰ s, a number.
    pub const INTERVAL_HR: Self = Self(0x0009);
    /// Message, a string; completes a notification.
    pub const MESSAGE: Self = Self(0x0100);
    /// Severity of the next notifications, a number.
    pub const SEVERITY: Self = Self(0x0101);
    /// Signature over everything behind it.
    pub const SIGNATURE: Self = Self(0x0200);
    /// Parts in encrypted form.
    pub const ENCRYPTION: Self = Self(0x0210);

    /// Whether the part wraps other parts in a signature or a cipher.
    #[must_use]
    pub const fn is_seal(self) -> bool {
        matches!(self, Self::SIGNATURE | Self::ENCRYPTION)
    }
}

/// One part of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part<'a> {
    /// Octets from the start of the packet to the part.
    pub offset: usize,
    /// What it carries.
    pub type_: PartType,
    /// Its octets behind the header.
    pub body: &'a [u8],
}

/// The parts of a packet, in order; ends after the first damaged length.
///
/// Sealed parts come as they are: closed.
///
/// ```
/// use collectd_net::{PartType, Parts};
///
/// let packet = b"\0\0\0\x06h\0\0\x08\0\x0c\x19\x55\x01\x22\0\0\0\0";
/// let types: Vec<_> = Parts::new(packet).map(|part| part.unwrap().type_).collect();
/// assert_eq!(types, [PartType::HOST, PartType::TIME_HR]);
/// ```
#[derive(Clone, Debug)]
pub struct Parts<'a>(Cursor<&'a [u8]>);

impl<'a> Parts<'a> {
    /// The parts of `packet`.
    #[must_use]
    pub const fn new(packet: &'a [u8]) -> Self {
        Self(Cursor { left: packet, offset: 0 })
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(match self.0.split()? {
            Ok((offset, type_, octets)) => Ok(Part { offset, type_, body: octets.get(HEADER..).unwrap_or_default() }),
            Err(error) => Err(error),
        })
    }
}

impl FusedIterator for Parts<'_> {}

/// Octets that parts are split from: shared, or exclusive where sealed parts are opened in place.
pub(crate) trait Octets<'a>: Default {
    /// The octets, to look at.
    fn look(&self) -> &[u8];
    /// Splits behind `length` octets; gives everything back if there are fewer.
    fn split(self, length: usize) -> Result<(Self, Self), Self>;
    /// Gives up the right to change them.
    fn share(self) -> &'a [u8];
}

impl<'a> Octets<'a> for &'a [u8] {
    #[inline]
    fn look(&self) -> &[u8] {
        self
    }

    #[inline]
    fn split(self, length: usize) -> Result<(Self, Self), Self> {
        self.split_at_checked(length).ok_or(self)
    }

    #[inline]
    fn share(self) -> &'a [u8] {
        self
    }
}

impl<'a> Octets<'a> for &'a mut [u8] {
    #[inline]
    fn look(&self) -> &[u8] {
        self
    }

    #[inline]
    fn split(self, length: usize) -> Result<(Self, Self), Self> {
        if length > self.len() { Err(self) } else { self.split_at_mut_checked(length).ok_or_else(Default::default) }
    }

    #[inline]
    fn share(self) -> &'a [u8] {
        self
    }
}

/// Where reading stands in a run of parts. It only ever moves forward, by at least a header, or to the end.
#[derive(Clone, Debug, Default)]
pub(crate) struct Cursor<B> {
    /// What has not been read.
    pub(crate) left: B,
    /// Octets from the start of the packet to `left`.
    pub(crate) offset: usize,
}

impl<'a, B: Octets<'a>> Cursor<B> {
    /// Splits the next part off, header included: its offset, its type and its octets.
    ///
    /// After an error nothing is left.
    #[inline]
    pub(crate) fn split(&mut self) -> Option<Result<(usize, PartType, B), Error>> {
        let left = mem::take(&mut self.left);
        let offset = self.offset;
        let Some(&[type_high, type_low, length_high, length_low]) = left.look().first_chunk::<HEADER>() else {
            let left = left.look().len();
            return if left == 0 { None } else { Some(Err(Cause::Stray { left }.at(offset))) };
        };
        let length = usize::from(u16::from_be_bytes([length_high, length_low]));
        if length < HEADER {
            return Some(Err(damaged_length(left.look(), length).at(offset)));
        }
        match left.split(length) {
            Ok((part, rest)) => {
                self.left = rest;
                self.offset = offset.wrapping_add(length);
                Some(Ok((offset, PartType(u16::from_be_bytes([type_high, type_low])), part)))
            }
            Err(left) => Some(Err(Cause::Truncated { needed: length, left: left.look().len() }.at(offset))),
        }
    }

    /// Leaves nothing to read.
    pub(crate) fn end(&mut self) {
        self.left = B::default();
    }
}

/// Tells padding, which some senders add, from a damaged length.
#[cold]
fn damaged_length(left: &[u8], length: usize) -> Cause {
    if left.iter().all(|octet| *octet == 0) {
        Cause::Padding { left: left.len() }
    } else {
        Cause::PartLength { length }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parts(packet: &[u8]) -> Vec<Result<(u16, usize, usize), Error>> {
        Parts::new(packet).map(|part| part.map(|part| (part.type_.0, part.offset, part.body.len()))).collect()
    }

    #[test]
    fn empty_packet_has_no_parts() {
        assert_eq!(parts(&[]), []);
    }

    #[test]
    fn header_only_part_is_a_part() {
        assert_eq!(parts(&[0x12, 0x34, 0, 4, 0, 1, 0, 5, 9]), [Ok((0x1234, 0, 0)), Ok((1, 4, 1))]);
    }

    #[test]
    fn one_to_three_octets_left_are_stray() {
        for left in 1..=3 {
            let packet = [&[0, 1, 0, 4][..], &[7; 3][..left]].concat();
            assert_eq!(parts(&packet), [Ok((1, 0, 0)), Err(Cause::Stray { left }.at(4))]);
        }
    }

    #[test]
    fn length_below_header_ends_the_packet() {
        for length in 0..4_u8 {
            let packet = [0, 1, 0, length, 0, 1, 0, 4];
            assert_eq!(parts(&packet), [Err(Cause::PartLength { length: usize::from(length) }.at(0))]);
        }
    }

    #[test]
    fn zeros_up_to_the_end_are_padding() {
        assert_eq!(parts(&[0, 1, 0, 4, 0, 0, 0, 0, 0]), [Ok((1, 0, 0)), Err(Cause::Padding { left: 5 }.at(4))]);
        assert_eq!(parts(&[0, 0, 0, 0, 0, 1]), [Err(Cause::PartLength { length: 0 }.at(0))]);
    }

    #[test]
    fn length_beyond_the_end_ends_the_packet() {
        assert_eq!(parts(&[0, 1, 0, 9, 0, 0, 0, 0]), [Err(Cause::Truncated { needed: 9, left: 8 }.at(0))]);
        assert_eq!(parts(&[0, 1, 0xff, 0xff]), [Err(Cause::Truncated { needed: 65_535, left: 4 }.at(0))]);
    }

    #[test]
    fn shared_and_exclusive_octets_split_alike() {
        let mut octets = *b"abc";
        assert_eq!(Octets::split(&octets[..], 2), Ok((&b"ab"[..], &b"c"[..])));
        assert_eq!(Octets::split(&octets[..], 4), Err(&b"abc"[..]));
        assert_eq!(Octets::split(&mut octets[..], 3).map(|(head, tail)| (head.len(), tail.len())), Ok((3, 0)));
        assert_eq!(Octets::split(&mut octets[..], 4).map_err(|all| all.len()), Err(3));
    }
}
