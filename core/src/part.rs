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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    pub fn new(packet: &'a [u8]) -> Self {
        Self(Cursor::new(packet, 0))
    }
}

impl<'a> Iterator for Parts<'a> {
    type Item = Result<Part<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let offset = self.0.offset();
        match self.0.split() {
            Some((type_, body)) => Some(Ok(Part { offset, type_, body })),
            None => self.0.damage().map(Err),
        }
    }
}

impl FusedIterator for Parts<'_> {}

/// Octets that parts are split from: shared, or exclusive where sealed parts are opened in place.
pub(crate) trait Octets<'a>: Default {
    /// The octets, to look at.
    fn look(&self) -> &[u8];
    /// Passes over `skip` octets and splits `length` off, which must be there; if they are not, nothing is.
    fn split(self, skip: usize, length: usize) -> (Self, Self);
    /// Gives up the right to change them.
    fn share(self) -> &'a [u8];
}

impl<'a> Octets<'a> for &'a [u8] {
    #[inline]
    fn look(&self) -> &[u8] {
        self
    }

    #[inline]
    fn split(self, skip: usize, length: usize) -> (Self, Self) {
        self.get(skip..).and_then(|octets| octets.split_at_checked(length)).unwrap_or_default()
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
    fn split(self, skip: usize, length: usize) -> (Self, Self) {
        self.get_mut(skip..).and_then(|octets| octets.split_at_mut_checked(length)).unwrap_or_default()
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
    /// Octets from the start of the packet to the end of `left`.
    end: usize,
}

impl<'a, B: Octets<'a>> Cursor<B> {
    /// Reads `octets`, which begin at `offset` in the packet.
    #[inline]
    pub(crate) fn new(octets: B, offset: usize) -> Self {
        Self { end: offset.wrapping_add(octets.look().len()), left: octets }
    }

    /// Octets from the start of the packet to what has not been read.
    #[inline]
    pub(crate) fn offset(&self) -> usize {
        self.end.wrapping_sub(self.left.look().len())
    }

    /// Splits the next part off: its type and its body. `None` at the end, and at a damaged length; [`damage`](Self::damage)
    /// tells which.
    #[inline]
    pub(crate) fn split(&mut self) -> Option<(PartType, B)> {
        split_part(&mut self.left)
    }

    /// Why there is no next part; `None` at the end. Nothing is left afterwards.
    #[cold]
    pub(crate) fn damage(&mut self) -> Option<Error> {
        let offset = self.offset();
        let octets = mem::take(&mut self.left);
        let octets = octets.look();
        let left = octets.len();
        let cause = match octets.first_chunk::<HEADER>() {
            None if left == 0 => return None,
            None => Cause::Stray { left },
            Some([_, _, length @ ..]) => match usize::from(u16::from_be_bytes(*length)) {
                needed @ HEADER.. => Cause::Truncated { needed, left },
                // Some senders pad their packets.
                _ if octets.iter().all(|octet| *octet == 0) => Cause::Padding { left },
                length => Cause::PartLength { length },
            },
        };
        Some(cause.at(offset))
    }

    /// Leaves nothing to read.
    pub(crate) fn finish(&mut self) {
        self.left = B::default();
    }
}

/// The first part of `octets`: its type and its body. `None` if there is none, or its length is damaged.
#[inline]
pub(crate) fn first_part(octets: &[u8]) -> Option<(PartType, &[u8])> {
    let (header, rest) = octets.split_first_chunk::<HEADER>()?;
    let header = u32::from_be_bytes(*header);
    // Sixteen bits each, so neither conversion fails.
    let type_ = u16::try_from(header >> 16).unwrap_or_default();
    let length = usize::try_from(header & 0xffff).unwrap_or_default();
    // A length below the header's own wraps, and so is beyond the end like every other damaged one.
    Some((PartType(type_), rest.get(..length.wrapping_sub(HEADER))?))
}

/// Splits the first part off `left`; `None`, and nothing is changed, if there is none or its length is damaged.
#[inline]
pub(crate) fn split_part<'a, B: Octets<'a>>(left: &mut B) -> Option<(PartType, B)> {
    let (type_, body) = first_part(left.look())?;
    let length = body.len();
    let (body, rest) = mem::take(left).split(HEADER, length);
    *left = rest;
    Some((type_, body))
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
        let octets = *b"abc";
        assert_eq!(Octets::split(&octets[..], 1, 1), (&b"b"[..], &b"c"[..]));
        for (skip, length) in [(0, 0), (0, 3), (1, 1), (3, 0), (1, 3), (4, 0), (0, usize::MAX)] {
            let mut copy = octets;
            let (head, tail) = Octets::split(&mut copy[..], skip, length);
            assert_eq!(Octets::split(&octets[..], skip, length), (&*head, &*tail));
        }
    }
}
