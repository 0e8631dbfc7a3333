//! What an expression may ask of an item, and the item's answers.

use super::number::Number;
use crate::{Item, Severity};

/// The names of all fields, for errors.
pub(super) const NAMES: &str = "a field (host, plugin, plugin_instance, type, type_instance, value, time, interval, \
     severity, message, kind or user)";

const FIELDS: [(&str, Field); 12] = [
    ("host", Field::Text(TextField::Host)),
    ("plugin", Field::Text(TextField::Plugin)),
    ("plugin_instance", Field::Text(TextField::PluginInstance)),
    ("type", Field::Text(TextField::Type)),
    ("type_instance", Field::Text(TextField::TypeInstance)),
    ("message", Field::Text(TextField::Message)),
    ("user", Field::Text(TextField::User)),
    ("value", Field::Number(NumberField::Value)),
    ("time", Field::Number(NumberField::Time)),
    ("interval", Field::Number(NumberField::Interval)),
    ("severity", Field::Word(WordField::Severity)),
    ("kind", Field::Word(WordField::Kind)),
];

/// Something that an item may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Field {
    Text(TextField),
    Number(NumberField),
    Word(WordField),
}

impl Field {
    /// By its name, with or without `item.` before it.
    pub(super) fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("item.").unwrap_or(name);
        FIELDS.iter().find(|(known, _)| *known == name).map(|(_, field)| *field)
    }
}

/// A field that holds any text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum TextField {
    Host,
    Plugin,
    PluginInstance,
    Type,
    TypeInstance,
    Message,
    User,
}

impl TextField {
    /// What it holds; `None` if the item has no such field.
    #[inline(never)]
    pub(super) fn of<'a>(self, item: &Item<'a>) -> Option<&'a [u8]> {
        let identifier = item.identifier();
        let text = match self {
            Self::Host => identifier.host,
            Self::Plugin => identifier.plugin,
            Self::PluginInstance => identifier.plugin_instance,
            Self::Type => identifier.type_,
            Self::TypeInstance => identifier.type_instance,
            Self::Message => match item {
                Item::ValueList(_) => return None,
                Item::Notification(notification) => notification.message,
            },
            Self::User => item.user()?,
        };
        Some(text.as_octets())
    }
}

/// A field that holds numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum NumberField {
    /// The only field that may hold several.
    Value,
    Time,
    Interval,
}

impl NumberField {
    /// The number in it; `None` if the item has no such field, and for values.
    pub(super) fn of(self, item: &Item<'_>) -> Option<Number> {
        let units = match (self, item) {
            (Self::Time, _) => item.time().raw(),
            (Self::Interval, Item::ValueList(list)) => list.interval?.raw(),
            (Self::Interval, Item::Notification(_)) | (Self::Value, _) => return None,
        };
        Some(Number::from_units(units))
    }
}

/// A field that holds one of a few words.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum WordField {
    Severity,
    Kind,
}

impl WordField {
    /// Its words, for errors.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Severity => "\"failure\", \"warning\" or \"okay\"",
            Self::Kind => "\"values\" or \"notification\"",
        }
    }

    /// One of its words. Those of the severity are known in any case.
    pub(super) fn word(self, word: &str) -> Option<Word> {
        match self {
            Self::Severity => [Severity::Failure, Severity::Warning, Severity::Okay]
                .into_iter()
                .find(|severity| word.eq_ignore_ascii_case(severity.name()))
                .map(Word::Severity),
            Self::Kind => match word {
                "values" => Some(Word::ValueList),
                "notification" => Some(Word::Notification),
                _ => None,
            },
        }
    }
}

/// What a field of words can be equal to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Word {
    Severity(Severity),
    ValueList,
    Notification,
}

impl Word {
    pub(super) fn fits(self, item: &Item<'_>) -> bool {
        match (self, item) {
            (Self::Severity(severity), Item::Notification(notification)) => notification.severity == severity,
            (Self::ValueList, Item::ValueList(_)) | (Self::Notification, Item::Notification(_)) => true,
            _ => false,
        }
    }
}
