//! One JSON object for each packet, exact to the bit: names in hexadecimal octets, times as counts of 2⁻³⁰ s, values as 64 bits.
//!
//! For conformance checks. Content whose signature nobody verified counts as unprotected here.

use std::fmt::{self, Write as _};

use collectd_net::text::Hex;
use collectd_net::{Error, Item, Protection, Text};

use super::json::string;
use super::text::push_hex;
use super::{Entry, Origin, Sink};

/// Writes a line for each packet; collects what is in it until it ends.
#[derive(Debug, Default)]
pub struct Exact {
    items: String,
    errors: String,
}

impl Sink for Exact {
    fn item(&mut self, entry: &Entry<'_>, _: &mut String) -> bool {
        let out = &mut self.items;
        if !out.is_empty() {
            out.push(',');
        }
        // A `String` takes everything.
        _ = write_item(entry.item, out);
        true
    }

    fn refusal(&mut self, error: &Error, _: &Origin<'_>, _: &mut String) {
        _ = write!(self.errors, r#"{{"offset":{},"cause":"{}"}},"#, error.offset, error.cause.word());
    }

    fn packet_end(&mut self, origin: &Origin<'_>, out: &mut String) {
        let name = match origin.number {
            Some(number) => format!("{}#{number}", origin.source),
            None => origin.source.to_owned(),
        };
        out.push_str(r#"{"file":"#);
        string(name.as_str().into(), out);
        let errors = self.errors.trim_end_matches(',');
        _ = write!(out, r#","error":{},"errors":[{errors}],"items":["#, !errors.is_empty());
        _ = writeln!(out, "{}]}}", self.items);
        self.items.clear();
        self.errors.clear();
    }
}

fn write_item(item: &Item<'_>, out: &mut String) -> fmt::Result {
    let kind = match item {
        Item::ValueList(_) => "values",
        Item::Notification(_) => "notification",
    };
    write!(out, r#"{{"kind":"{kind}""#)?;
    let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
    for (key, field) in keys.into_iter().zip(item.identifier().fields()) {
        write!(out, r#","{key}":""#)?;
        push_hex(field.as_octets(), out);
        out.push('"');
    }
    write!(out, r#","time":{}"#, item.time().raw())?;
    match item {
        Item::ValueList(list) => {
            match list.interval {
                Some(interval) => write!(out, r#","interval":{}"#, interval.raw())?,
                None => out.push_str(r#","interval":null"#),
            }
            let mut before = r#","values":["#;
            for value in list.values {
                write!(out, r#"{before}[{},"{:016x}"]"#, value.kind().raw(), value.bits())?;
                before = ",";
            }
            out.push(']');
        }
        Item::Notification(notification) => {
            write!(out, r#","severity":{},"message":"{}""#, notification.severity.raw(), hex(notification.message))?;
        }
    }
    let security = match item.protection() {
        Protection::None | Protection::Unverified => "none",
        Protection::Signed => "signed",
        Protection::Encrypted => "encrypted",
    };
    write!(out, r#","security":"{security}","user":"#)?;
    match item.user() {
        Some(user) => write!(out, r#""{}"}}"#, hex(user)),
        None => out.write_str("null}"),
    }
}

fn hex(text: Text<'_>) -> Hex<'_> {
    Hex(text.as_octets())
}
