//! One JSON object a line. Keys, their order and their meaning are stable.

use std::fmt::Write as _;

use collectd_net::text::is_unsafe;
use collectd_net::{Error, Identifier, Item, Text, Value, ValueList};

use super::number::{Number, Seconds, push_integer};
use super::text::{Sender, plain};
use super::{Entry, Origin, Sink};
use crate::sources::{Name, Sources};

/// The end of an object and of its line.
const END: &str = "}\n";

/// Writes JSON lines.
#[derive(Debug)]
pub struct Json {
    rejects: bool,
    sender: Sender,
}

impl Json {
    /// With lines of what was refused, if they are wanted.
    #[must_use]
    pub fn new(rejects: bool) -> Self {
        Self { rejects, sender: Sender::default() }
    }
}

impl Sink for Json {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        match entry.item {
            Item::ValueList(list) => {
                out.push_str(r#"{"kind":"values""#);
                identifier(&list.identifier, out);
                out.push_str(r#","time":"#);
                Seconds(list.time.raw()).push(out);
                out.push_str(r#","interval":"#);
                match list.interval {
                    Some(interval) => Seconds(interval.raw()).push(out),
                    None => out.push_str("null"),
                }
                values(list, entry.sources, out);
            }
            Item::Notification(notification) => {
                out.push_str(r#"{"kind":"notification""#);
                identifier(&notification.identifier, out);
                out.push_str(r#","time":"#);
                Seconds(notification.time.raw()).push(out);
                out.push_str(r#","severity":""#);
                out.push_str(notification.severity.name());
                out.push_str(r#"","message":"#);
                string(notification.message, out);
            }
        }
        out.push_str(r#","security":""#);
        out.push_str(entry.item.protection().name());
        out.push_str(r#"","user":"#);
        match entry.item.user() {
            Some(user) => string(user, out),
            None => out.push_str("null"),
        }
        from(self.sender.text(entry.origin.from), out);
        true
    }

    fn observed(&mut self, entry: &Entry<'_>, word: &'static str, out: &mut String) -> bool {
        self.item(entry, out);
        out.truncate(out.len() - END.len());
        // A `String` takes everything.
        _ = write!(out, r#","presence":"{word}"{END}"#);
        true
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if !self.rejects {
            return;
        }
        // A `String` takes everything.
        _ = write!(out, r#"{{"kind":"reject","offset":{},"cause":"{}","detail":"#, error.offset, error.cause.word());
        string(error.cause.to_string().as_str().into(), out);
        from(self.sender.text(origin.from), out);
    }
}

fn identifier(identifier: &Identifier<'_>, out: &mut String) {
    let keys = [r#","host":"#, r#","plugin":"#, r#","plugin_instance":"#, r#","type":"#, r#","type_instance":"#];
    for (key, field) in keys.into_iter().zip(identifier.fields()) {
        out.push_str(key);
        string(field, out);
    }
}

/// Kinds, names and numbers of the values, in three arrays.
fn values(list: &ValueList<'_>, sources: Sources<'_>, out: &mut String) {
    out.push_str(r#","dstypes":"#);
    array(list.values.iter(), out, |value, out| {
        out.push('"');
        out.push_str(value.kind().name());
        out.push('"');
    });
    out.push_str(r#","dsnames":"#);
    array(sources.iter(), out, |name, out| match name {
        Name::Word(name) => string(name.into(), out),
        Name::Number(place) => {
            out.push('"');
            push_integer(place, out);
            out.push('"');
        }
    });
    out.push_str(r#","values":"#);
    array(list.values.iter(), out, |value, out| match value {
        Value::Gauge(number) if !number.is_finite() => out.push_str("null"),
        _ => Number(value).push(out),
    });
}

fn array<T>(elements: impl Iterator<Item = T>, out: &mut String, mut write: impl FnMut(T, &mut String)) {
    let mut before = '[';
    for element in elements {
        out.push(before);
        write(element, out);
        before = ',';
    }
    out.push(']');
}

/// The sender, and the end of the object and of its line.
fn from(sender: &str, out: &mut String) {
    if sender.is_empty() {
        out.push_str(r#","from":null"#);
    } else {
        out.push_str(r#","from":""#);
        out.push_str(sender);
        out.push('"');
    }
    out.push_str(END);
}

/// Appends text as a JSON string.
///
/// Characters that could harm a terminal are escaped, and read back as themselves. Octets that are not UTF-8, which JSON cannot
/// hold, become the four characters `\x80`.
#[doc(hidden)]
pub fn string(text: Text<'_>, out: &mut String) {
    out.push('"');
    match plain(text, |octet| matches!(octet, b'"' | b'\\')) {
        Some(plain) => out.push_str(plain),
        None => escaped(text, out),
    }
    out.push('"');
}

fn escaped(text: Text<'_>, out: &mut String) {
    for chunk in text.as_octets().utf8_chunks() {
        for character in chunk.valid().chars() {
            match character {
                '"' | '\\' => out.extend(['\\', character]),
                _ if is_unsafe(character) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        // A `String` takes everything.
                        _ = write!(out, "\\u{unit:04x}");
                    }
                }
                _ => out.push(character),
            }
        }
        for octet in chunk.invalid() {
            _ = write!(out, "\\\\x{octet:02x}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(octets: &[u8]) -> String {
        let mut out = String::new();
        string(Text::new(octets), &mut out);
        out
    }

    #[test]
    fn strings_escape_what_json_asks() {
        assert_eq!(json(b"plain"), r#""plain""#);
        assert_eq!(json(b"a\"b\\c\n\x7f"), r#""a\"b\\c\u000a\u007f""#);
    }

    #[test]
    fn strings_escape_what_harms_a_terminal() {
        assert_eq!(json("\u{85}\u{202e}\u{e0041}ü".as_bytes()), r#""\u0085\u202e\udb40\udc41ü""#);
    }

    #[test]
    fn octets_that_are_not_utf8_stay_visible() {
        assert_eq!(json(b"a\xffb"), r#""a\\xffb""#);
    }
}
