//! Value lists that outlive their packet.

use core::fmt;

use super::OwnedIdentifier;
use super::text::OwnedText;
use crate::octets::fill;
use crate::{Full, Identifier, Interval, Protection, Time, ValueList, Values};

/// A [`ValueList`] that owns its names, each of at most `NAME` octets, and its values, at most `VALUES`.
///
/// ```
/// use collectd_net::{Decoder, Item, OwnedValueList};
///
/// let packet = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin").to_vec();
/// let mut kept: Option<OwnedValueList<16, 1>> = None;
/// if let Some(Ok(Item::ValueList(list))) = Decoder::new(&packet).next() {
///     kept = Some(OwnedValueList::try_from(&list)?);
/// }
/// drop(packet);
/// assert_eq!(kept.unwrap().as_value_list().identifier.to_string(), "h/p/gauge");
/// # Ok::<(), collectd_net::Full>(())
/// ```
#[derive(Clone)]
pub struct OwnedValueList<const NAME: usize = 128, const VALUES: usize = 16> {
    identifier: OwnedIdentifier<NAME>,
    time: Time,
    interval: Option<Interval>,
    count: usize,
    /// As in a packet: kinds, and the eight octets of each value. What is behind `count` means nothing.
    kinds: [u8; VALUES],
    octets: [[u8; 8]; VALUES],
    protection: Protection,
    user: Option<OwnedText<NAME>>,
}

impl<const NAME: usize, const VALUES: usize> OwnedValueList<NAME, VALUES> {
    /// What [`set`](Self::set) begins with.
    pub(super) const EMPTY: Self = Self {
        identifier: OwnedIdentifier::EMPTY,
        time: Time::from_raw(0),
        interval: None,
        count: 0,
        kinds: [0; VALUES],
        octets: [[0; 8]; VALUES],
        protection: Protection::None,
        user: None,
    };

    /// Becomes a copy of `list` with these values; after [`Full`] something of both.
    #[inline(always)]
    pub(super) fn set(&mut self, list: &ValueList<'_>, values: Values<'_>) -> Result<(), Full> {
        self.time = list.time;
        self.interval = list.interval;
        self.protection = list.protection;
        self.set_values(values).ok_or(Full { what: "values" })?;
        OwnedText::set_user(&mut self.user, list.user)?;
        self.identifier.set(&list.identifier)
    }

    #[inline(always)]
    fn set_values(&mut self, values: Values<'_>) -> Option<()> {
        match values.len() {
            1 => self.copy_values::<1>(values)?,
            2 => self.copy_values::<2>(values)?,
            _ => self.copy_many_values(values)?,
        }
        self.count = values.len();
        Some(())
    }

    /// Copies as many values as nearly all lists have, without calls.
    #[inline(always)]
    fn copy_values<const COUNT: usize>(&mut self, values: Values<'_>) -> Option<()> {
        *self.kinds.first_chunk_mut::<COUNT>()? = *values.kinds().first_chunk()?;
        *self.octets.first_chunk_mut::<COUNT>()? = *values.octets().first_chunk()?;
        Some(())
    }

    #[inline(never)]
    fn copy_many_values(&mut self, values: Values<'_>) -> Option<()> {
        fill(self.kinds.get_mut(..values.kinds().len())?, values.kinds());
        fill(self.octets.get_mut(..values.octets().len())?, values.octets());
        Some(())
    }

    /// The value list itself, borrowed from here: its fields, and what takes a value list.
    #[must_use]
    pub fn as_value_list(&self) -> ValueList<'_> {
        ValueList {
            identifier: self.as_identifier(),
            time: self.time,
            interval: self.interval,
            values: self.as_values(),
            protection: self.protection,
            user: self.user.as_ref().map(OwnedText::as_text),
        }
    }

    fn as_values(&self) -> Values<'_> {
        let kinds = self.kinds.get(..self.count).unwrap_or_default();
        let octets = self.octets.get(..self.count).unwrap_or_default();
        Values::copied(kinds, octets)
    }

    /// What was measured; a copy of it outlives even this.
    #[must_use]
    pub const fn identifier(&self) -> &OwnedIdentifier<NAME> {
        &self.identifier
    }

    fn as_identifier(&self) -> Identifier<'_> {
        self.identifier.as_identifier()
    }
}

impl<const NAME: usize, const VALUES: usize> TryFrom<&ValueList<'_>> for OwnedValueList<NAME, VALUES> {
    type Error = Full;

    /// Full is the field with more than `NAME` octets, the user likewise, or the values.
    fn try_from(list: &ValueList<'_>) -> Result<Self, Full> {
        let mut owned = Self::EMPTY;
        owned.set(list, list.values)?;
        Ok(owned)
    }
}

impl<const NAME: usize, const VALUES: usize> PartialEq for OwnedValueList<NAME, VALUES> {
    fn eq(&self, other: &Self) -> bool {
        self.as_value_list() == other.as_value_list()
    }
}

impl<const NAME: usize, const VALUES: usize> Eq for OwnedValueList<NAME, VALUES> {}

impl<const NAME: usize, const VALUES: usize> PartialEq<ValueList<'_>> for OwnedValueList<NAME, VALUES> {
    fn eq(&self, other: &ValueList<'_>) -> bool {
        self.as_value_list() == *other
    }
}

impl<const NAME: usize, const VALUES: usize> fmt::Debug for OwnedValueList<NAME, VALUES> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_value_list().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Encoder, Text};

    /// A list of `count` values, from octets that last.
    fn list(kinds: &[u8], octets: &[[u8; 8]]) -> ValueList<'static> {
        ValueList {
            identifier: Identifier { host: "h".into(), plugin: "p".into(), type_: "t".into(), ..Default::default() },
            time: Time::from_raw(1),
            interval: Some(Interval::from_raw(2)),
            values: Values::new(kinds.to_vec().leak(), octets.to_vec().leak()).unwrap(),
            protection: Protection::Signed,
            user: Some("alice".into()),
        }
    }

    fn list_of(count: usize) -> ValueList<'static> {
        let kinds: Vec<u8> = (0..4).cycle().take(count).collect();
        let octets: Vec<[u8; 8]> = (0..count).map(|place| [place.to_le_bytes()[0] ^ 0xa5; 8]).collect();
        list(&kinds, &octets)
    }

    #[test]
    fn a_list_of_any_length_comes_back_up_to_the_capacity() {
        fn check<const VALUES: usize>() {
            let mut kept = OwnedValueList::<8, VALUES>::EMPTY;
            for count in (1..=VALUES).chain((1..=VALUES).rev()) {
                let list = list_of(count);
                assert_eq!(OwnedValueList::<8, VALUES>::try_from(&list).unwrap(), list);
                assert_eq!(kept.set(&list, list.values), Ok(()));
                assert_eq!(kept, list);
            }
            let full = OwnedValueList::<8, VALUES>::try_from(&list_of(VALUES + 1));
            assert_eq!(full, Err(Full { what: "values" }));
        }
        check::<1>();
        check::<2>();
        check::<3>();
        check::<16>();
        check::<63>();
    }

    #[test]
    fn without_room_for_values_every_list_is_full() {
        assert_eq!(OwnedValueList::<8, 0>::try_from(&list_of(1)), Err(Full { what: "values" }));
    }

    #[test]
    fn a_user_is_full_above_the_capacity_of_a_name() {
        let with = |user| ValueList { user, ..list_of(1) };
        for user in [None, Some("".into()), Some("1234567".into()), Some("12345678".into())] {
            assert_eq!(OwnedValueList::<8, 1>::try_from(&with(user)).unwrap(), with(user));
        }
        assert_eq!(OwnedValueList::<8, 1>::try_from(&with(Some("123456789".into()))), Err(Full { what: "user" }));
    }

    #[test]
    fn a_name_above_the_capacity_is_named() {
        let identifier = Identifier { type_: "123456789".into(), ..list_of(1).identifier };
        let list = ValueList { identifier, ..list_of(1) };
        assert_eq!(OwnedValueList::<8, 1>::try_from(&list), Err(Full { what: "type" }));
        assert_eq!(OwnedValueList::<9, 1>::try_from(&list).unwrap().identifier(), &list.identifier);
    }

    #[test]
    fn interval_protection_and_user_are_not_left_over() {
        let mut kept = OwnedValueList::<8, 1>::try_from(&list_of(1)).unwrap();
        let plain = ValueList { interval: None, protection: Protection::None, user: None, ..list_of(1) };
        kept.set(&plain, plain.values).unwrap();
        assert_eq!(kept, plain);
        assert_ne!(kept, list_of(1));
        assert_eq!(format!("{kept:?}"), format!("{plain:?}"));
    }

    #[test]
    fn a_nan_keeps_its_bits() {
        let list = list(&[1], &[0x7ff8_0000_dead_beef_u64.to_le_bytes()]);
        let kept = OwnedValueList::<8, 1>::try_from(&list).unwrap();
        assert_eq!(kept.as_value_list().values.iter().next().unwrap().bits(), 0x7ff8_0000_dead_beef);
        assert_eq!(kept, list);
    }

    #[test]
    fn the_encoder_takes_what_was_kept() {
        let octets = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
        let Some(Ok(crate::Item::ValueList(list))) = crate::Decoder::new(octets).next() else { panic!("a value list") };
        let kept = OwnedValueList::<8, 1>::try_from(&list).unwrap();
        let list = kept.as_value_list();
        let mut buffer = [0xa5; 100];
        let mut encoder = Encoder::new(&mut buffer);
        encoder.value_list(&list.identifier, list.time, list.interval, list.values).unwrap();
        assert_eq!(encoder.packet(), octets);
    }

    #[test]
    fn a_user_that_is_not_utf8_is_kept() {
        let list = ValueList { user: Some(Text::new(b"\xff\0")), ..list_of(2) };
        assert_eq!(OwnedValueList::<8, 2>::try_from(&list).unwrap().as_value_list(), list);
    }

    #[test]
    fn copies_are_equal_if_their_lists_are() {
        let copy = |count| OwnedValueList::<8, 4>::try_from(&list_of(count)).unwrap();
        assert_eq!(copy(3), copy(3));
        assert_ne!(copy(3), copy(4));
    }
}
