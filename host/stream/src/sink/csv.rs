//! A table (RFC 4180): a header, and a row for each value and each notification. Lines end in CR LF.
//!
//! ```text
//! kind,time,interval,host,plugin,plugin_instance,type,type_instance,ds,dstype,value,severity,message,security,user,from
//! values,1237749608,10,web01,swap,,swap,used,value,gauge,48082944.0,,,none,,10.0.0.1:25826
//! ```
//!
//! What a table has no place for stays empty. Text is escaped as everywhere (`\x1b`), then put in quotes if it has to be.

use collectd_net::{Error, Item, Text};

use super::number::{Number, Seconds, push_integer};
use super::text::{Sender, plain, push};
use super::time::Times;
use super::{Entry, Origin, Sink};
use crate::sources::Name;

/// The columns.
const HEADER: &str = "kind,time,interval,host,plugin,plugin_instance,type,type_instance,ds,dstype,value,severity,message,\
                      security,user,from\r\n";

/// Writes the table.
#[derive(Debug)]
pub struct Csv {
    rejects: bool,
    times: Times,
    sender: Sender,
    /// What the rows of an item have in common before and behind the value.
    before: String,
    behind: String,
}

impl Csv {
    pub(super) fn new(rejects: bool, times: Times) -> Self {
        Self { rejects, times, sender: Sender::default(), before: String::new(), behind: String::new() }
    }
}

impl Sink for Csv {
    fn start(&mut self, out: &mut String) {
        out.push_str(HEADER);
    }

    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let (before, behind) = (&mut self.before, &mut self.behind);
        before.clear();
        before.push_str(match entry.item {
            Item::ValueList(_) => "values,",
            Item::Notification(_) => "notification,",
        });
        self.times.push(entry.item.time(), before);
        before.push(',');
        if let Item::ValueList(list) = entry.item
            && let Some(interval) = list.interval
        {
            Seconds(interval.raw()).push(before);
        }
        for text in entry.item.identifier().fields() {
            before.push(',');
            field(text, before);
        }
        before.push(',');

        behind.clear();
        behind.push(',');
        behind.push_str(entry.item.protection().name());
        behind.push(',');
        if let Some(user) = entry.item.user() {
            field(user, behind);
        }
        end(self.sender.text(entry.origin.from), behind);

        match entry.item {
            Item::ValueList(list) => {
                for (place, value) in list.values.iter().enumerate() {
                    out.push_str(before);
                    match entry.sources.get(place) {
                        Name::Word(name) => field(name.into(), out),
                        Name::Number(place) => push_integer(place, out),
                    }
                    out.push(',');
                    out.push_str(value.kind().name());
                    out.push(',');
                    Number(value).push(out);
                    out.push_str(",,");
                    out.push_str(behind);
                }
            }
            Item::Notification(notification) => {
                out.push_str(before);
                out.push_str(",,,");
                out.push_str(notification.severity.name());
                out.push(',');
                field(notification.message, out);
                out.push_str(behind);
            }
        }
        true
    }

    fn observed(&mut self, entry: &Entry<'_>, _: &'static str, out: &mut String) -> bool {
        let start = out.len();
        self.item(entry, out);
        out.replace_range(start..start + "notification".len(), "presence");
        true
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            out.push_str("reject,,,,,,,,,,,,");
            let what = format!("[{}] {error}", error.cause.word());
            field(what.as_str().into(), out);
            out.push_str(",,");
            end(self.sender.text(origin.from), out);
        }
    }
}

/// The last column, with the comma before it, and the end of the line.
fn end(sender: &str, out: &mut String) {
    out.push(',');
    out.push_str(sender);
    out.push_str("\r\n");
}

/// Text in quotes, if it has to be.
fn field(text: Text<'_>, out: &mut String) {
    if let Some(plain) = plain(text, |octet| matches!(octet, b'"' | b',')) {
        return out.push_str(plain);
    }
    let start = out.len() + 1;
    out.push('"');
    push(text, out);
    if out[start..].contains('"') {
        let doubled = out[start..].replace('"', "\"\"");
        out.truncate(start);
        out.push_str(&doubled);
    }
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_is_quoted_if_it_has_to_be() {
        for (octets, expected) in [
            (&b"web01"[..], "web01"),
            (b"", ""),
            (b"a b", "a b"),
            (b"a,b", r#""a,b""#),
            (b"a\"b", r#""a""b""#),
            (b"a\r\nb", r#""a\x0d\x0ab""#),
            ("grün".as_bytes(), r#""grün""#),
        ] {
            let mut out = String::from("x");
            field(Text::new(octets), &mut out);
            assert_eq!(out, format!("x{expected}"));
        }
    }
}
