//! One JSON object for each packet, exact to the bit: names in hexadecimal octets, times as counts of 2⁻³⁰ s, values as 64 bits.
//!
//! For conformance checks. Content whose signature nobody verified counts as unprotected here.

use std::fmt;

use collectd_net::text::Hex;
use collectd_net::{Error, Item, Protection, Text};

use super::json::string;
use super::{Origin, Sink};

/// Writes a line for each packet; collects what is in it until it ends.
#[derive(Debug, Default)]
pub struct Exact {
    items: String,
    errors: String,
}

impl Sink for Exact {
    fn item(&mut self, item: &Item<'_>, _: &Origin<'_>, _: &mut dyn fmt::Write) -> fmt::Result {
        let out = &mut self.items;
        if !out.is_empty() {
            out.push(',');
        }
        write_item(item, out)
    }

    fn refusal(&mut self, error: &Error, _: &Origin<'_>, _: &mut dyn fmt::Write) -> fmt::Result {
        let out: &mut dyn fmt::Write = &mut self.errors;
        write!(out, r#"{{"offset":{},"cause":"{}"}},"#, error.offset, error.cause.word())
    }

    fn packet_end(&mut self, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let name = match origin.number {
            Some(number) => format!("{}#{number}", origin.source),
            None => origin.source.to_owned(),
        };
        out.write_str(r#"{"file":"#)?;
        string(name.as_str().into(), out)?;
        let errors = self.errors.trim_end_matches(',');
        write!(out, r#","error":{},"errors":[{errors}],"items":["#, !errors.is_empty())?;
        writeln!(out, "{}]}}", self.items)?;
        self.items.clear();
        self.errors.clear();
        Ok(())
    }
}

fn write_item(item: &Item<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
    let kind = match item {
        Item::ValueList(_) => "values",
        Item::Notification(_) => "notification",
    };
    write!(out, r#"{{"kind":"{kind}""#)?;
    let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
    for (key, field) in keys.into_iter().zip(item.identifier().fields()) {
        write!(out, r#","{key}":"{}""#, hex(field))?;
    }
    write!(out, r#","time":{}"#, item.time().raw())?;
    match item {
        Item::ValueList(list) => {
            match list.interval {
                Some(interval) => write!(out, r#","interval":{}"#, interval.raw())?,
                None => out.write_str(r#","interval":null"#)?,
            }
            let mut before = r#","values":["#;
            for value in list.values {
                write!(out, r#"{before}[{},"{:016x}"]"#, value.kind().raw(), value.bits())?;
                before = ",";
            }
            out.write_char(']')?;
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
