//! Items: what the parts of a packet add up to (`WIRE §8`).

use core::fmt;

use crate::{Interval, Protection, Text, Time, Values};

/// A value list or a notification.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Item<'a> {
    /// What somebody measured.
    ValueList(ValueList<'a>),
    /// What somebody has to tell.
    Notification(Notification<'a>),
}

impl<'a> Item<'a> {
    /// Whose value or notification it is.
    #[must_use]
    pub const fn identifier(&self) -> &Identifier<'a> {
        match self {
            Self::ValueList(list) => &list.identifier,
            Self::Notification(notification) => &notification.identifier,
        }
    }

    /// When it was measured or told.
    #[must_use]
    pub const fn time(&self) -> Time {
        match self {
            Self::ValueList(list) => list.time,
            Self::Notification(notification) => notification.time,
        }
    }

    /// How it was protected on the way.
    #[must_use]
    pub const fn protection(&self) -> Protection {
        match self {
            Self::ValueList(list) => list.protection,
            Self::Notification(notification) => notification.protection,
        }
    }

    /// Whose password protected it.
    #[must_use]
    pub const fn user(&self) -> Option<Text<'a>> {
        match self {
            Self::ValueList(list) => list.user,
            Self::Notification(notification) => notification.user,
        }
    }
}

/// Values measured together (`WIRE §8.2`). Host, plugin and type are not empty, and the time is not zero.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ValueList<'a> {
    /// What was measured.
    pub identifier: Identifier<'a>,
    /// When.
    pub time: Time,
    /// How often the sender measures; `None` if the packet does not say.
    pub interval: Option<Interval>,
    /// The values, one for each data source of the type.
    pub values: Values<'a>,
    /// How the list was protected on the way.
    pub protection: Protection,
    /// Whose password protected it; `None` if none did.
    pub user: Option<Text<'a>>,
}

/// A message about something (`WIRE §8.3`). The time is not zero, the message is not empty; the identifier may be.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notification<'a> {
    /// What it is about, as far as it says.
    pub identifier: Identifier<'a>,
    /// When.
    pub time: Time,
    /// How bad it is.
    pub severity: Severity,
    /// What happened.
    pub message: Text<'a>,
    /// How the notification was protected on the way.
    pub protection: Protection,
    /// Whose password protected it; `None` if none did.
    pub user: Option<Text<'a>>,
}

/// The name of what a value list or notification is about.
///
/// [`Display`](fmt::Display) gives collectd's form (`WIRE §13`), safe to print:
///
/// ```
/// use collectd_net::Identifier;
///
/// let identifier = Identifier {
///     host: "web01".into(),
///     plugin: "df".into(),
///     plugin_instance: "root".into(),
///     type_: "df_complex".into(),
///     type_instance: "free".into(),
/// };
/// assert_eq!(identifier.to_string(), "web01/df-root/df_complex-free");
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Identifier<'a> {
    /// The machine.
    pub host: Text<'a>,
    /// The plugin that measures.
    pub plugin: Text<'a>,
    /// Which one of several of the plugin's kind; empty if there is only one.
    pub plugin_instance: Text<'a>,
    /// The type: names the data sources, by types.db.
    pub type_: Text<'a>,
    /// Which one of several of the type; empty if there is only one.
    pub type_instance: Text<'a>,
}

impl<'a> Identifier<'a> {
    /// The five fields in collectd's order: host, plugin, plugin instance, type, type instance.
    #[must_use]
    pub const fn fields(&self) -> [Text<'a>; 5] {
        [self.host, self.plugin, self.plugin_instance, self.type_, self.type_instance]
    }
}

impl fmt::Display for Identifier<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.host, self.plugin)?;
        if !self.plugin_instance.is_empty() {
            write!(f, "-{}", self.plugin_instance)?;
        }
        write!(f, "/{}", self.type_)?;
        if !self.type_instance.is_empty() {
            write!(f, "-{}", self.type_instance)?;
        }
        Ok(())
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Identifier<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "{}/{}", self.host, self.plugin);
        if !self.plugin_instance.is_empty() {
            defmt::write!(f, "-{}", self.plugin_instance);
        }
        defmt::write!(f, "/{}", self.type_);
        if !self.type_instance.is_empty() {
            defmt::write!(f, "-{}", self.type_instance);
        }
    }
}

/// How bad what a notification tells is.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// It is broken.
    Failure,
    /// It will break.
    Warning,
    /// It is well again.
    Okay,
}

impl Severity {
    /// From the number on the wire, all 64 bits of it; `None` for any other than the three (`WIRE §8.3`).
    #[must_use]
    pub const fn from_raw(raw: u64) -> Option<Self> {
        match raw {
            1 => Some(Self::Failure),
            2 => Some(Self::Warning),
            4 => Some(Self::Okay),
            _ => None,
        }
    }

    /// The number on the wire.
    #[must_use]
    pub const fn raw(self) -> u64 {
        match self {
            Self::Failure => 1,
            Self::Warning => 2,
            Self::Okay => 4,
        }
    }

    /// collectd's word for it, in lower case.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Failure => "failure",
            Self::Warning => "warning",
            Self::Okay => "okay",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn severity_is_compared_in_all_its_bits() {
        for severity in [Severity::Failure, Severity::Warning, Severity::Okay] {
            assert_eq!(Severity::from_raw(severity.raw()), Some(severity));
        }
        for raw in [0, 3, 5, 8, (1 << 32) + 1, u64::MAX] {
            assert_eq!(Severity::from_raw(raw), None);
        }
    }

    #[test]
    fn instances_that_are_empty_take_their_hyphen_with_them() {
        let identifier =
            Identifier { host: "h".into(), plugin: "load".into(), type_: "load".into(), ..Identifier::default() };
        assert_eq!(identifier.to_string(), "h/load/load");
    }
}
