//! Items that outlive their packet.

use std::fmt;
use std::net::SocketAddr;

use collectd_net::{Identifier, Interval, Item, Notification, Protection, Severity, Text, Time, ValueList, Values};

use crate::sink::blog::Line;

/// An [`Item`] with memory of its own, and its sender. [`Display`](fmt::Display) gives the blog's line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnedItem {
    /// Host, plugin, plugin instance, type, type instance.
    names: [Box<[u8]>; 5],
    time: Time,
    body: Body,
    protection: Protection,
    user: Option<Box<[u8]>>,
    from: Option<SocketAddr>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Body {
    ValueList { interval: Option<Interval>, kinds: Box<[u8]>, octets: Box<[[u8; 8]]> },
    Notification { severity: Severity, message: Box<[u8]> },
}

impl OwnedItem {
    /// Copies an item and notes who sent it.
    #[must_use]
    pub fn new(item: &Item<'_>, from: Option<SocketAddr>) -> Self {
        let body = match item {
            Item::ValueList(list) => Body::ValueList {
                interval: list.interval,
                kinds: list.values.kinds().into(),
                octets: list.values.octets().into(),
            },
            Item::Notification(notification) => {
                Body::Notification { severity: notification.severity, message: notification.message.as_octets().into() }
            }
        };
        Self {
            names: item.identifier().fields().map(|name| name.as_octets().into()),
            time: item.time(),
            body,
            protection: item.protection(),
            user: item.user().map(|user| user.as_octets().into()),
            from,
        }
    }

    /// The item, borrowed.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        let (identifier, time, protection, user) = (self.identifier(), self.time, self.protection, self.user());
        match &self.body {
            Body::ValueList { interval, kinds, octets } => {
                let values = Values::new(kinds, octets).expect("they were copied from values");
                Item::ValueList(ValueList { identifier, time, interval: *interval, values, protection, user })
            }
            Body::Notification { severity, message } => {
                let (severity, message) = (*severity, Text::new(message));
                Item::Notification(Notification { identifier, time, severity, message, protection, user })
            }
        }
    }

    /// Whose value or notification it is.
    #[must_use]
    pub fn identifier(&self) -> Identifier<'_> {
        let [host, plugin, plugin_instance, type_, type_instance] = self.names.each_ref().map(|name| Text::new(name));
        Identifier { host, plugin, plugin_instance, type_, type_instance }
    }

    /// The host that it is about.
    #[must_use]
    pub fn host(&self) -> Text<'_> {
        self.identifier().host
    }

    /// The plugin that made it.
    #[must_use]
    pub fn plugin(&self) -> Text<'_> {
        self.identifier().plugin
    }

    /// When it was measured or told.
    #[must_use]
    pub const fn time(&self) -> Time {
        self.time
    }

    /// Whose password protected it.
    #[must_use]
    pub fn user(&self) -> Option<Text<'_>> {
        self.user.as_deref().map(Text::new)
    }

    /// Who sent it.
    #[must_use]
    pub const fn from(&self) -> Option<SocketAddr> {
        self.from
    }
}

impl fmt::Display for OwnedItem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        Line(&self.item()).fmt(f)
    }
}
