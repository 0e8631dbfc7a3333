//! One JSON object a line. Keys, their order and their meaning are stable.

use std::fmt;

use collectd_net::text::is_unsafe;
use collectd_net::{Error, Identifier, Item, Text, Value, ValueList, names};

use super::number::{Number, Seconds};
use super::{Origin, Sink};

/// Writes JSON lines.
#[derive(Debug)]
pub struct Json {
    /// Whether refusals get a line.
    pub rejects: bool,
}

impl Sink for Json {
    fn item(&mut self, item: &Item<'_>, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        match item {
            Item::ValueList(list) => {
                out.write_str(r#"{"kind":"values","#)?;
                identifier(&list.identifier, out)?;
                write!(out, r#","time":{},"interval":"#, Seconds(list.time.raw()))?;
                match list.interval {
                    Some(interval) => write!(out, "{}", Seconds(interval.raw()))?,
                    None => out.write_str("null")?,
                }
                values(list, out)?;
            }
            Item::Notification(notification) => {
                out.write_str(r#"{"kind":"notification","#)?;
                identifier(&notification.identifier, out)?;
                let (time, severity) = (Seconds(notification.time.raw()), notification.severity.name());
                write!(out, r#","time":{time},"severity":"{severity}","message":"#)?;
                string(notification.message, out)?;
            }
        }
        write!(out, r#","security":"{}","user":"#, item.protection().name())?;
        match item.user() {
            Some(user) => string(user, out)?,
            None => out.write_str("null")?,
        }
        from(origin, out)
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        if !self.rejects {
            return Ok(());
        }
        write!(out, r#"{{"kind":"reject","offset":{},"cause":"{}","detail":"#, error.offset, error.cause.word())?;
        string(error.cause.to_string().as_str().into(), out)?;
        from(origin, out)
    }
}

fn identifier(identifier: &Identifier<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
    for (place, (key, field)) in keys.into_iter().zip(identifier.fields()).enumerate() {
        write!(out, r#"{}"{key}":"#, if place == 0 { "" } else { "," })?;
        string(field, out)?;
    }
    Ok(())
}

/// Kinds, names and numbers of the values, in three arrays.
fn values(list: &ValueList<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    out.write_str(r#","dstypes":"#)?;
    array(list.values.iter(), out, |value, out| write!(out, r#""{}""#, value.kind().name()))?;
    out.write_str(r#","dsnames":"#)?;
    match names::of(list.identifier.type_, list.values.len()) {
        Some(names) => array(names.iter(), out, |name, out| write!(out, r#""{name}""#))?,
        None => array(0..list.values.len(), out, |index, out| write!(out, r#""{index}""#))?,
    }
    out.write_str(r#","values":"#)?;
    array(list.values.iter(), out, |value, out| match value {
        Value::Gauge(number) if !number.is_finite() => out.write_str("null"),
        _ => write!(out, "{}", Number(value)),
    })
}

fn array<T>(
    elements: impl Iterator<Item = T>,
    out: &mut dyn fmt::Write,
    mut write: impl FnMut(T, &mut dyn fmt::Write) -> fmt::Result,
) -> fmt::Result {
    let mut before = '[';
    for element in elements {
        out.write_char(before)?;
        write(element, out)?;
        before = ',';
    }
    out.write_char(']')
}

/// The sender, and the end of the object and of its line.
fn from(origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    match origin.from {
        Some(from) => writeln!(out, r#","from":"{from}"}}"#),
        None => writeln!(out, r#","from":null}}"#),
    }
}

/// Writes text as a JSON string.
///
/// Characters that could harm a terminal are escaped, and read back as themselves. Octets that are not UTF-8, which JSON cannot
/// hold, become the four characters `\x80`.
pub(super) fn string(text: Text<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    out.write_char('"')?;
    for chunk in text.as_octets().utf8_chunks() {
        let mut rest = chunk.valid();
        while let Some(at) = rest.find(|character| matches!(character, '"' | '\\') || is_unsafe(character)) {
            let (plain, escaped) = rest.split_at(at);
            out.write_str(plain)?;
            let mut characters = escaped.chars();
            match characters.next() {
                Some(character @ ('"' | '\\')) => write!(out, "\\{character}")?,
                Some(character) => {
                    for unit in character.encode_utf16(&mut [0; 2]) {
                        write!(out, "\\u{unit:04x}")?;
                    }
                }
                None => {}
            }
            rest = characters.as_str();
        }
        out.write_str(rest)?;
        for octet in chunk.invalid() {
            write!(out, "\\\\x{octet:02x}")?;
        }
    }
    out.write_char('"')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json(octets: &[u8]) -> String {
        let mut out = String::new();
        string(Text::new(octets), &mut out).expect("a string takes everything");
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
