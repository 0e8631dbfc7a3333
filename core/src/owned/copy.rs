//! A whole packet into memory of the caller, in one call.

use core::ops::ControlFlow;

use heapless::VecView;

use super::{OwnedItem, OwnedNotification, OwnedValueList};
use crate::decode::Source;
use crate::{Decoder, Error, Full, Item, Items, Notification, Packet, Passwords, Replays, ValueList, Values};

/// There is no place left.
const NO_PLACE: Full = Full { what: "items" };

/// Copies all items to `to`, in their order, in place of what is there.
///
/// An item that is refused, or that does not fit, costs itself alone and is counted: all others are in `to`. Reading always
/// goes on to the end of `items`, so that whoever counts there has counted everything.
///
/// [`Items`], [`Packet`] and [`Decoder`] have this as a method. The function is for items that something stands between:
///
/// ```
/// use collectd_net::{OwnedItem, SecurityLevel, copy_items, open};
/// use heapless::Vec;
///
/// # let mut packet = *include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
/// let ours = open(&mut packet, (), SecurityLevel::None)
///     .filter(|item| item.is_ok_and(|item| item.identifier().host == "h"));
/// let mut kept: Vec<OwnedItem, 32> = Vec::new();
/// assert!(copy_items(ours, &mut kept).is_whole());
/// assert_eq!(kept[0].as_item().identifier().to_string(), "h/p/gauge");
/// ```
///
/// A packet with more items than there are places is read in several portions with `items.by_ref().take(places)`.
///
/// The places that `to` has in use are written over, and only places beyond them are new. A `to` that is not cleared between
/// packets is faster: of a place in use only the octets that matter are written.
pub fn copy_items<'a, const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
    items: impl IntoIterator<Item = Result<Item<'a>, Error>>,
    to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
) -> Copied {
    let mut copied = Copied::default();
    for item in items {
        match item {
            Ok(Item::ValueList(list)) => copied.put_list(&list, list.values, to),
            Ok(Item::Notification(notification)) => copied.put_notification(&notification, to),
            Err(error) => copied.refuse(error),
        }
    }
    to.truncate(copied.items);
    copied
}

/// As [`copy_items`], but value lists are copied from where they are put together.
fn copy_from<'a, const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
    mut source: impl Source<'a>,
    to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
) -> Copied {
    let mut copied = Copied::default();
    loop {
        if let Some(values) = source.advance() {
            copied.put_list(source.list(), values, to);
            continue;
        }
        match source.attend() {
            ControlFlow::Continue(()) => {}
            ControlFlow::Break(Some(Ok(message))) => copied.put_notification(&message.completes(source.list()), to),
            ControlFlow::Break(Some(Err(error))) => copied.refuse(error),
            ControlFlow::Break(None) => break,
        }
    }
    to.truncate(copied.items);
    copied
}

/// What became of the items of a packet; see [`copy_items`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[must_use = "tells of items that are not there"]
pub struct Copied {
    /// How many items were copied.
    pub items: usize,
    /// How often something was refused.
    pub refused: usize,
    /// The first refusal.
    pub error: Option<Error>,
    /// How many items were left out because something was full.
    pub left_out: usize,
    /// What was full for the first of them: one of its fields, or `items` if there was no place left.
    pub full: Option<Full>,
}

impl Copied {
    /// Whether everything was copied: nothing was refused and nothing left out.
    #[must_use]
    pub const fn is_whole(&self) -> bool {
        self.refused == 0 && self.left_out == 0
    }

    /// Copies `list` with these values to the next place, which is there already or yet to be made.
    #[inline(always)]
    fn put_list<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        &mut self,
        list: &ValueList<'_>,
        values: Values<'_>,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) {
        let copied = match to.get_mut(self.items) {
            Some(OwnedItem::ValueList(place)) => place.set(list, values),
            _ => self.put_new_list(list, values, to),
        };
        self.count(copied);
    }

    /// As [`put_list`](Self::put_list), where the place is yet to be made, or is that of a notification.
    #[inline(never)]
    fn put_new_list<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        &self,
        list: &ValueList<'_>,
        values: Values<'_>,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) -> Result<(), Full> {
        match self.new_place(OwnedItem::ValueList(OwnedValueList::EMPTY), to) {
            Some(OwnedItem::ValueList(place)) => place.set(list, values),
            _ => Err(NO_PLACE),
        }
    }

    /// Copies `notification` to the next place.
    #[inline(never)]
    fn put_notification<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        &mut self,
        notification: &Notification<'_>,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) {
        let copied = match to.get_mut(self.items) {
            Some(OwnedItem::Notification(place)) => place.set(notification),
            _ => match self.new_place(OwnedItem::Notification(OwnedNotification::EMPTY), to) {
                Some(OwnedItem::Notification(place)) => place.set(notification),
                _ => Err(NO_PLACE),
            },
        };
        self.count(copied);
    }

    /// Makes the next place, for items of this kind; `None` if there is no room.
    fn new_place<'t, T>(&self, empty: T, to: &'t mut VecView<T>) -> Option<&'t mut T> {
        to.truncate(self.items);
        to.push(empty).ok()?;
        to.last_mut()
    }

    #[inline(always)]
    fn count(&mut self, copied: Result<(), Full>) {
        match copied {
            Ok(()) => self.items = self.items.wrapping_add(1),
            Err(full) => self.leave_out(full),
        }
    }

    #[cold]
    fn leave_out(&mut self, full: Full) {
        self.left_out = self.left_out.wrapping_add(1);
        self.full.get_or_insert(full);
    }

    #[cold]
    fn refuse(&mut self, error: Error) {
        self.refused = self.refused.wrapping_add(1);
        self.error.get_or_insert(error);
    }
}

impl<P: Passwords, R: Replays> Items<'_, P, R> {
    /// Copies the items that are left to `to`, in place of what is there; see [`copy_items`].
    pub fn copy_into<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        self,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) -> Copied {
        copy_from(self, to)
    }
}

impl<P: Passwords, R: Replays> Packet<'_, P, R> {
    /// Copies the items that are left to `to`, in place of what is there; see [`copy_items`]. They are counted as delivered,
    /// those that did not fit too.
    pub fn copy_into<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        self,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) -> Copied {
        copy_from(self, to)
    }
}

impl Decoder<'_> {
    /// Copies the items that are left to `to`, in place of what is there; see [`copy_items`].
    pub fn copy_into<const NAME: usize, const VALUES: usize, const MESSAGE: usize>(
        self,
        to: &mut VecView<OwnedItem<NAME, VALUES, MESSAGE>>,
    ) -> Copied {
        copy_from(self, to)
    }
}

#[cfg(test)]
mod tests {
    use core::array;

    use heapless::Vec;

    use super::*;
    #[cfg(feature = "security")]
    use crate::open;
    use crate::{
        Arrival, Cause, Counters, Encoder, Identifier, Interval, PartType, SecurityLevel, Severity, Text, Time, Value,
    };

    const TIME: Time = Time::from_raw(1 << 30);

    fn identifier<'a>(host: &'a str, type_instance: &'a str) -> Identifier<'a> {
        Identifier {
            host: host.into(),
            plugin: "p".into(),
            type_: "t".into(),
            type_instance: type_instance.into(),
            ..Identifier::default()
        }
    }

    fn packet(fill: impl FnOnce(&mut Encoder<'_>)) -> std::vec::Vec<u8> {
        let mut buffer = [0; 4096];
        let mut encoder = Encoder::new(&mut buffer);
        fill(&mut encoder);
        encoder.packet().to_vec()
    }

    fn lists(names: &[&str], values: usize) -> std::vec::Vec<u8> {
        packet(|encoder| {
            for name in names {
                let values = vec![Value::Derive(-1); values];
                encoder.value_list(&identifier("h", name), TIME, Interval::from_secs(10), values).unwrap();
            }
        })
    }

    /// The type instances of all items.
    fn instances<const N: usize, const V: usize, const M: usize>(
        items: &[OwnedItem<N, V, M>],
    ) -> std::vec::Vec<String> {
        items.iter().map(|item| item.as_item().identifier().type_instance.to_string()).collect()
    }

    #[test]
    fn an_item_that_does_not_fit_costs_itself_alone() {
        let packet = lists(&["a", "much too long", "b", "also long", "c"], 1);
        let mut items: Vec<OwnedItem<8, 1, 8>, 8> = Vec::new();
        let copied = Decoder::new(&packet).copy_into(&mut items);
        assert_eq!((copied.items, copied.left_out, copied.full), (3, 2, Some(Full { what: "type instance" })));
        assert_eq!((copied.refused, copied.error, copied.is_whole()), (0, None, false));
        assert_eq!(instances(&items), ["a", "b", "c"]);
    }

    #[test]
    fn items_beyond_the_last_place_are_left_out() {
        let packet = lists(&["a", "b", "c", "d"], 1);
        let mut items: Vec<OwnedItem<8, 1, 8>, 3> = Vec::new();
        for _ in 0..2 {
            let copied = Decoder::new(&packet).copy_into(&mut items);
            assert_eq!((copied.items, copied.left_out, copied.full), (3, 1, Some(Full { what: "items" })));
            assert_eq!(instances(&items), ["a", "b", "c"]);
        }
        let mut none: Vec<OwnedItem<8, 1, 8>, 0> = Vec::new();
        assert_eq!(Decoder::new(&packet).copy_into(&mut none).left_out, 4);
        let mut exact: Vec<OwnedItem<8, 1, 8>, 4> = Vec::new();
        assert!(Decoder::new(&packet).copy_into(&mut exact).is_whole());
    }

    #[test]
    fn items_that_come_from_elsewhere_are_copied_alike() {
        let mut packet = packet(|encoder| {
            encoder.value_list(&identifier("h", "a"), TIME, None, [Value::Counter(1)]).unwrap();
            encoder.notification(&identifier("h", "b"), TIME, Severity::Okay, "well".into()).unwrap();
        });
        packet.extend([0, 0, 0]);
        let mut items: Vec<OwnedItem<8, 1, 8>, 8> = Vec::new();
        let mut others = items.clone();
        let copied = Decoder::new(&packet).copy_into(&mut items);
        assert_eq!(copy_items(Decoder::new(&packet), &mut others), copied);
        assert_eq!((copied.items, copied.refused, copied.left_out), (2, 1, 0));
        assert_eq!(items, others);
        assert_eq!(instances(&items), ["a", "b"]);
    }

    #[test]
    fn a_packet_can_be_read_in_portions() {
        let packet = lists(&["a", "b", "c", "d", "e"], 1);
        let mut decoder = Decoder::new(&packet);
        let mut items: Vec<OwnedItem<8, 1, 8>, 2> = Vec::new();
        let portions: [_; 4] = array::from_fn(|_| {
            assert!(copy_items(decoder.by_ref().take(2), &mut items).is_whole());
            instances(&items).concat()
        });
        assert_eq!(portions, ["ab", "cd", "e", ""]);
    }

    #[test]
    fn refusals_are_counted_and_the_first_is_told() {
        let mut octets = lists(&["a", "b"], 1);
        let values = octets.len() - 15;
        // A list of an unknown kind, a whole one, and a stray octet.
        octets[values + 6] = 9;
        octets.extend(lists(&["c"], 1));
        octets.push(0);
        let mut items: Vec<OwnedItem<8, 1, 8>, 8> = Vec::new();
        let copied = Decoder::new(&octets).copy_into(&mut items);
        assert_eq!(instances(&items), ["a", "c"]);
        assert_eq!((copied.items, copied.refused, copied.left_out), (2, 2, 0));
        assert_eq!(copied.error, Some(Error { offset: values, cause: Cause::UnknownKind { kind: 9 } }));
        assert!(!copied.is_whole());
    }

    #[test]
    fn places_are_used_again_packet_after_packet() {
        let mut items: Vec<OwnedItem<40, 63, 40>, 16> = Vec::new();
        for round in 0..200_usize {
            let names: std::vec::Vec<String> =
                (0..round % 17).map(|name| "x".repeat((name * 7 + round) % 41)).collect();
            let octets = packet(|encoder| {
                for (place, name) in names.iter().enumerate() {
                    let identifier = identifier("h", name);
                    if (place + round) % 3 == 0 {
                        encoder.notification(&identifier, TIME, Severity::Okay, "well".into()).unwrap();
                    } else {
                        let values = vec![Value::Gauge(1.5); 1 + (place * round) % 5];
                        encoder.value_list(&identifier, TIME, None, values).unwrap();
                    }
                }
            });
            assert!(Decoder::new(&octets).copy_into(&mut items).is_whole());
            assert!(Decoder::new(&octets).map(Result::unwrap).eq(items.iter().map(OwnedItem::as_item)));
            assert_eq!(items.len(), names.len());
        }
    }

    #[test]
    fn an_item_that_does_not_fit_leaves_nothing_in_the_place_it_was_to_have() {
        let mut items: Vec<OwnedItem<8, 2, 8>, 8> = Vec::new();
        assert!(Decoder::new(&lists(&["a", "b", "c"], 2)).copy_into(&mut items).is_whole());
        let copied = Decoder::new(&lists(&["d", "much too long"], 1)).copy_into(&mut items);
        assert_eq!((copied.items, copied.left_out), (1, 1));
        assert_eq!(instances(&items), ["d"]);
        assert_eq!(Decoder::new(&[]).copy_into(&mut items), Copied::default());
        assert!(items.is_empty());
    }

    #[test]
    fn lists_of_63_values_are_taken_by_63_places() {
        let packet = lists(&["a", "b"], 63);
        let mut items: Vec<OwnedItem<8, 63, 8>, 2> = Vec::new();
        assert!(Decoder::new(&packet).copy_into(&mut items).is_whole());
        assert!(Decoder::new(&packet).map(Result::unwrap).eq(items.iter().map(OwnedItem::as_item)));
        let mut small: Vec<OwnedItem<8, 62, 8>, 2> = Vec::new();
        let copied = Decoder::new(&packet).copy_into(&mut small);
        assert_eq!((copied.left_out, copied.full), (2, Some(Full { what: "values" })));
    }

    #[test]
    fn names_that_are_not_utf8_are_copied() {
        let octets = packet(|encoder| {
            let identifier = Identifier { type_instance: Text::new(b"\xff\x01\xfe"), ..identifier("h", "") };
            encoder.value_list(&identifier, TIME, None, [Value::Counter(1)]).unwrap();
        });
        let mut items: Vec<OwnedItem<8, 1, 8>, 1> = Vec::new();
        assert!(Decoder::new(&octets).copy_into(&mut items).is_whole());
        assert_eq!(items[0].as_item().identifier().type_instance.as_octets(), b"\xff\x01\xfe");
    }

    #[test]
    fn a_packet_counts_what_did_not_fit_too() {
        let mut buffer = lists(&["a", "much too long", "b"], 2);
        let unknown = buffer.len();
        buffer.extend(PartType(0x1234).0.to_be_bytes());
        buffer.extend([0, 4]);
        let mut counters = Counters::new();
        let arrival = Arrival { len: unknown + 4, from: None };
        let mut items: Vec<OwnedItem<8, 2, 8>, 4> = Vec::new();
        let packet = Packet::new(arrival, &mut buffer, (), SecurityLevel::None, &mut counters);
        let copied = packet.copy_into(&mut items);
        assert_eq!((copied.items, copied.left_out), (2, 1));
        assert_eq!((counters.value_lists, counters.values, counters.unknown_parts), (3, 6, 1));
    }

    #[cfg(feature = "security")]
    #[test]
    fn an_opened_packet_is_copied_with_its_protection() {
        let mut packet = *include_bytes!("../../tests/data/collectd-5.12.0-minimal-signed.bin");
        let mut items: Vec<OwnedItem, 1> = Vec::new();
        assert!(open(&mut packet, (), SecurityLevel::None).copy_into(&mut items).is_whole());
        assert_eq!(items[0].as_item().protection(), crate::Protection::Unverified);
        let refused = open(&mut packet, (), SecurityLevel::Sign).copy_into(&mut items);
        assert_eq!((refused.items, refused.error.unwrap().cause), (0, Cause::NoKeys));
        let users = [crate::User::new("testuser", "s3cr3t-pa55")];
        assert!(open(&mut packet, &users, SecurityLevel::Sign).copy_into(&mut items).is_whole());
        assert_eq!(items[0].as_item().user(), Some("testuser".into()));
    }
}
