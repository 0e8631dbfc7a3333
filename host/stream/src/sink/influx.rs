//! InfluxDB's line protocol, with the names that InfluxDB's own listener and Telegraf give by default: a measurement
//! `plugin_source` with a field `value` for each value.
//!
//! ```text
//! interface_rx,host=web01,instance=eth0,type=if_octets value=48082944i 1237749608000000000
//! notification,host=web01,plugin=df,severity=warning message="it is full" 1237749608000000000
//! ```
//!
//! Counts are integers: `i`, or `u` where they need the 64th bit. Text is escaped as everywhere (`\x1b`), then as the protocol
//! asks; a backslash at the end of a name, which would escape what follows, becomes `\x5c`, and so does a `#` at the start of
//! a line become `\x23`. NaN, infinities and times that nanoseconds cannot hold are left out, and counted.

use std::fmt::Write as _;

use collectd_net::{Error, Item, Text, Time, Value};

use super::number::{Number, push_integer};
use super::putval::comment;
use super::text::{plain, push, push_escaped};
use super::{Entry, LeftOut, Origin, Sink};
use crate::sources::Name;

/// Writes lines for InfluxDB.
#[derive(Debug)]
pub struct Influx {
    /// Whether refusals get a line, a comment.
    rejects: bool,
    left_out: LeftOut,
    tags: String,
}

impl Influx {
    pub(super) const fn new(rejects: bool) -> Self {
        Self {
            rejects,
            left_out: LeftOut { values: 0, notifications: 0, series: 0, collisions: 0 },
            tags: String::new(),
        }
    }
}

impl Sink for Influx {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let Some(nanoseconds) = nanoseconds(entry.item.time()) else {
            match entry.item {
                Item::ValueList(list) => self.left_out.values += list.values.len() as u64,
                Item::Notification(_) => self.left_out.notifications += 1,
            }
            return false;
        };
        let before = out.len();
        let tags = &mut self.tags;
        tags.clear();
        let identifier = entry.item.identifier();
        match entry.item {
            Item::ValueList(list) => {
                tag("host", identifier.host, tags);
                tag("instance", identifier.plugin_instance, tags);
                tag("type", identifier.type_, tags);
                tag("type_instance", identifier.type_instance, tags);
                for (place, value) in list.values.iter().enumerate() {
                    if matches!(value, Value::Gauge(number) if !number.is_finite()) {
                        self.left_out.values += 1;
                        continue;
                    }
                    measurement(identifier.plugin, out);
                    out.push('_');
                    match entry.sources.get(place) {
                        Name::Word(name) => name_part(name.into(), false, out),
                        Name::Number(place) => push_integer(place, out),
                    }
                    out.push_str(tags);
                    out.push_str(" value=");
                    Number(value).push(out);
                    out.push_str(match value {
                        Value::Gauge(_) => "",
                        Value::Counter(number) | Value::Absolute(number) if i64::try_from(number).is_err() => "u",
                        _ => "i",
                    });
                    out.push(' ');
                    push_integer(nanoseconds, out);
                    out.push('\n');
                }
            }
            Item::Notification(notification) => {
                let keys = ["host", "plugin", "instance", "type", "type_instance"];
                for (key, field) in keys.into_iter().zip(identifier.fields()) {
                    tag(key, field, tags);
                }
                tag("severity", notification.severity.name().into(), tags);
                out.push_str("notification");
                out.push_str(tags);
                out.push_str(" message=\"");
                push_escaped(notification.message, |octet| matches!(octet, b'"' | b'\\'), out);
                // A `String` takes everything.
                _ = writeln!(out, "\" {nanoseconds}");
            }
        }
        out.len() > before
    }

    fn observed(&mut self, entry: &Entry<'_>, _: &'static str, out: &mut String) -> bool {
        let start = out.len();
        let is_written = self.item(entry, out);
        if is_written {
            // No plugin has such a measurement: those have the name of a data source behind theirs.
            out.replace_range(start..start + "notification".len(), "presence");
        }
        is_written
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            comment(error, origin, out);
        }
    }

    fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

/// Nanoseconds since 1970, to the nearest; `None` if 64 bits do not hold them with a sign, as after the year 2262.
fn nanoseconds(time: Time) -> Option<i64> {
    let fraction = (time.fraction() * 1_000_000_000 + (1 << 29)) >> 30;
    let nanoseconds = time.secs().checked_mul(1_000_000_000)?.checked_add(fraction)?;
    i64::try_from(nanoseconds).ok()
}

/// A tag with the comma before it; nothing if it were empty, which the protocol does not allow.
fn tag(key: &str, text: Text<'_>, out: &mut String) {
    if text.is_empty() {
        return;
    }
    out.push(',');
    out.push_str(key);
    out.push('=');
    name_part(text, true, out);
}

/// The plugin, at the start of a line.
fn measurement(plugin: Text<'_>, out: &mut String) {
    match plugin.as_octets() {
        [b'#', rest @ ..] => {
            out.push_str(r"\x23");
            name_part(Text::new(rest), false, out);
        }
        _ => name_part(plugin, false, out),
    }
}

/// Text in a measurement, or in a tag, where equal signs are escaped too.
fn name_part(text: Text<'_>, is_tag: bool, out: &mut String) {
    let special = |octet| matches!(octet, b',' | b' ') || is_tag && octet == b'=';
    if let Some(plain) = plain(text, |octet| special(octet) || octet == b'\\') {
        return out.push_str(plain);
    }
    let Some((before, b"\\")) = text.as_octets().split_last_chunk::<1>().map(|(before, last)| (before, &last[..]))
    else {
        return push_escaped(text, special, out);
    };
    push_escaped(Text::new(before), special, out);
    push(r"\x5c".into(), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn part(octets: &[u8], is_tag: bool) -> String {
        let mut out = String::new();
        name_part(Text::new(octets), is_tag, &mut out);
        out
    }

    #[test]
    fn names_are_escaped_as_the_protocol_asks() {
        assert_eq!(part(b"a b,c=d", true), r"a\ b\,c\=d");
        assert_eq!(part(b"a b,c=d", false), r"a\ b\,c=d");
        assert_eq!(part(b"a\nb\xff", true), r"a\x0ab\xff");
        assert_eq!(part(br"a\b\", true), r"a\b\x5c");
        assert_eq!(part(br"\", true), r"\x5c");
        let mut out = String::new();
        measurement("#a".into(), &mut out);
        assert_eq!(out, r"\x23a");
    }

    #[test]
    fn an_empty_tag_is_none() {
        let mut out = String::new();
        tag("instance", Text::default(), &mut out);
        assert_eq!(out, "");
    }

    #[test]
    fn nanoseconds_are_the_nearest_and_end_in_2262() {
        assert_eq!(nanoseconds(Time::from_raw((5 << 30) + 1)), Some(5_000_000_001));
        assert_eq!(nanoseconds(Time::from_raw((6 << 30) - 1)), Some(5_999_999_999));
        assert_eq!(nanoseconds(Time::from_secs(9_223_372_036).expect("34 bits")), Some(9_223_372_036_000_000_000));
        assert_eq!(nanoseconds(Time::from_secs(9_223_372_037).expect("34 bits")), None);
        assert_eq!(nanoseconds(Time::from_raw(u64::MAX)), None);
    }
}
