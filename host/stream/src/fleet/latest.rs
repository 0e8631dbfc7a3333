//! The latest values of a series, as the item that brought them.

use collectd_net::{Item, Protection, Value, ValueList, Values};

use super::view::SeriesView;
use crate::OwnedItem;

impl SeriesView<'_> {
    /// The item that brought the latest values, but for its user and its sender, who are not remembered of each. Its protection is
    /// that of the latest item of the host.
    #[must_use]
    pub fn latest(&self) -> OwnedItem {
        let (kinds, octets): (Vec<u8>, Vec<[u8; 8]>) =
            self.values().map(|value| (value.kind().raw(), wire(value))).unzip();
        let values = Values::new(&kinds, &octets).expect("as many kinds as numbers, and all of them known");
        let list = ValueList {
            identifier: self.identifier(),
            time: self.time(),
            interval: self.interval(),
            values,
            protection: self.host().map_or(Protection::None, |host| host.protection()),
            user: None,
        };
        OwnedItem::new(&Item::ValueList(list), None)
    }
}

/// A value as it was sent.
const fn wire(value: Value) -> [u8; 8] {
    match value {
        Value::Gauge(_) => value.bits().to_le_bytes(),
        Value::Counter(_) | Value::Derive(_) | Value::Absolute(_) => value.bits().to_be_bytes(),
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use collectd_net::{Arrival, Decoder, Time};

    use super::super::{Cursor, Limits, Moment, Store};
    use super::*;

    #[test]
    fn the_item_that_came_is_the_item_that_is_there() {
        let packet = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal.bin");
        let mut store = Store::new(Limits::default());
        let moment = Moment { clock: Duration::from_secs(1), time: Time::default() };
        let mut visit = store.arrive(&Arrival { len: packet.len(), from: None }, moment);
        let items: Vec<Item<'_>> = Decoder::new(packet).collect::<Result<_, _>>().expect("a good packet");
        items.iter().for_each(|item| store.item(&mut visit, item));
        let mut latest: Vec<String> =
            store.changed_since(0, &mut Cursor::default()).map(|series| series.latest().to_string()).collect();
        let lists = items.iter().filter(|item| matches!(item, Item::ValueList(_)));
        let mut came: Vec<String> = lists.map(|item| OwnedItem::new(item, None).to_string()).collect();
        latest.sort();
        came.sort();
        assert!(!came.is_empty());
        assert_eq!(latest, came);
    }
}
