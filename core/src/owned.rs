//! Items of fixed capacity, for what has to outlive the packet.
//!
//! Copies, with the capacities as constants of the type; what does not fit is [`Full`], by name. `as_item` and its like give
//! the borrowed form back without copying, and that is where the fields are.

mod copy;
mod identifier;
mod notification;
mod text;
mod value_list;

use core::fmt;

use crate::{Full, Item};

pub use copy::{Copied, copy_items};
pub use identifier::{BadIdentifier, OwnedIdentifier};
pub use notification::OwnedNotification;
pub use value_list::OwnedValueList;

/// An [`Item`] that owns everything in it.
///
/// Names and users have at most `NAME` octets each, value lists at most `VALUES` values, messages at most `MESSAGE` octets.
/// With the defaults, which take all that a daemon sends in lists of up to 16 values, an item is 1104 octets on a machine of
/// 64 bits. `OwnedItem<24, 1, 64>` is 288.
#[derive(Clone)]
pub enum OwnedItem<const NAME: usize = 128, const VALUES: usize = 16, const MESSAGE: usize = 256> {
    /// What somebody measured.
    ValueList(OwnedValueList<NAME, VALUES>),
    /// What somebody has to tell.
    Notification(OwnedNotification<NAME, MESSAGE>),
}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> OwnedItem<NAME, VALUES, MESSAGE> {
    /// The item itself, borrowed from here: its fields, and what takes an item.
    #[must_use]
    pub fn as_item(&self) -> Item<'_> {
        match self {
            Self::ValueList(list) => Item::ValueList(list.as_value_list()),
            Self::Notification(notification) => Item::Notification(notification.as_notification()),
        }
    }

    /// Whose value or notification it is; a copy of it outlives even this.
    #[must_use]
    pub const fn identifier(&self) -> &OwnedIdentifier<NAME> {
        match self {
            Self::ValueList(list) => list.identifier(),
            Self::Notification(notification) => notification.identifier(),
        }
    }
}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> TryFrom<&Item<'_>>
    for OwnedItem<NAME, VALUES, MESSAGE>
{
    type Error = Full;

    /// Full is the field with more than `NAME` octets, the user likewise, the values or the message.
    fn try_from(item: &Item<'_>) -> Result<Self, Full> {
        match item {
            Item::ValueList(list) => list.try_into().map(Self::ValueList),
            Item::Notification(notification) => notification.try_into().map(Self::Notification),
        }
    }
}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> PartialEq for OwnedItem<NAME, VALUES, MESSAGE> {
    fn eq(&self, other: &Self) -> bool {
        self.as_item() == other.as_item()
    }
}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> Eq for OwnedItem<NAME, VALUES, MESSAGE> {}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> PartialEq<Item<'_>>
    for OwnedItem<NAME, VALUES, MESSAGE>
{
    fn eq(&self, other: &Item<'_>) -> bool {
        self.as_item() == *other
    }
}

impl<const NAME: usize, const VALUES: usize, const MESSAGE: usize> fmt::Debug for OwnedItem<NAME, VALUES, MESSAGE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_item().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Decoder;
    #[cfg(feature = "security")]
    use crate::{SecurityLevel, User, open};

    #[test]
    fn items_of_recorded_packets_come_back() {
        let packets: [&[u8]; 3] = [
            include_bytes!("../tests/data/collectd-5.12.0-minimal.bin"),
            include_bytes!("../tests/data/collectd-5.12.0-minimal-signed.bin"),
            include_bytes!("../tests/data/collectd-5.12.0-minimal-encrypted.bin"),
        ];
        let check = |items: &mut dyn Iterator<Item = Result<Item<'_>, crate::Error>>| {
            items
                .map(Result::unwrap)
                .inspect(|item| assert_eq!(OwnedItem::<8, 1, 0>::try_from(item).unwrap(), *item))
                .count()
        };
        assert_eq!(check(&mut Decoder::new(packets[0])), 1);
        #[cfg(feature = "security")]
        for packet in packets {
            let users = [User::new("testuser", "s3cr3t-pa55")];
            assert_eq!(check(&mut open(&mut packet.to_vec(), &users, SecurityLevel::None)), 1);
        }
    }

    #[test]
    fn an_item_is_as_large_as_documented() {
        #[cfg(target_pointer_width = "64")]
        assert_eq!((size_of::<OwnedItem>(), size_of::<OwnedItem<24, 1, 64>>()), (1104, 288));
    }

    #[test]
    fn kinds_of_items_are_not_equal() {
        let packet = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
        let list = Decoder::new(packet).next().unwrap().unwrap();
        let mut other = [0; 100];
        let mut encoder = crate::Encoder::new(&mut other);
        encoder.notification(list.identifier(), list.time(), crate::Severity::Okay, "well".into()).unwrap();
        let notification = Decoder::new(encoder.packet()).next().unwrap().unwrap();
        let owned = [list, notification].map(|item| OwnedItem::<8, 1, 8>::try_from(&item).unwrap());
        assert_eq!(owned, [list, notification]);
        assert_ne!(owned[0], owned[1]);
        assert_eq!(owned, owned.clone());
        assert!(owned[0] != notification && owned[1] != list);
        assert_eq!(format!("{owned:?}"), format!("{:?}", [list, notification]));
        assert_eq!(owned[0].identifier(), owned[1].identifier());
    }
}
