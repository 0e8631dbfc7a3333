//! What concerns a filter as a whole.

mod agreement;
mod errors;
mod meaning;

use crate::{Identifier, Interval, Item, Notification, Protection, Severity, Text, Time, Value, ValueList, Values};

fn identifier(plugin: &'static str) -> Identifier<'static> {
    Identifier {
        host: "web01.foobar.example".into(),
        plugin: plugin.into(),
        plugin_instance: "".into(),
        type_: "swap".into(),
        type_instance: Text::new(b"us\xffed"),
    }
}

pub(super) fn value_list(values: &[Value]) -> Item<'static> {
    let kinds: Vec<u8> = values.iter().map(|value| value.kind().raw()).collect();
    let octets: Vec<[u8; 8]> = values.iter().map(|value| value.encode().1).collect();
    Item::ValueList(ValueList {
        identifier: identifier("swap"),
        time: Time::from_raw((1_700_005_000 << 30) + (1 << 29)),
        interval: Some(Interval::from_raw(10 << 30)),
        values: Values::new(kinds.leak(), octets.leak()).unwrap(),
        protection: Protection::Signed,
        user: Some("joe".into()),
    })
}

pub(super) fn notification() -> Item<'static> {
    Item::Notification(Notification {
        identifier: Identifier { host: "db".into(), ..Identifier::default() },
        time: Time::from_secs(1_700_005_001).unwrap(),
        severity: Severity::Warning,
        message: "disk is \"full\"".into(),
        protection: Protection::None,
        user: None,
    })
}
