//! What arrived, exact to the bit: a line of JSON for each packet, for conformance checks.

use core::fmt::{self, Write};
use core::net::SocketAddr;

use collectd_net::text::Hex;
use collectd_net::{Arrival, Error, Item, Protection};
use heapless::Vec;

use crate::Watch;

/// Errors of one packet that are told.
const ERRORS: usize = 32;

/// Writes a line for each packet in the form of `collectd-tap decode --format exact`, without `file`.
///
/// The items come before the errors, and a packet's line ends when the packet does; so nothing of it is kept but the errors.
/// Those beyond the 32nd are told as `more`.
#[derive(Debug)]
pub struct ExactLines<W> {
    out: W,
    items: usize,
    errors: Vec<Error, ERRORS>,
    more: usize,
}

impl<W: Write> ExactLines<W> {
    /// Writes to `out`. What it fails to take is lost.
    pub const fn new(out: W) -> Self {
        Self { out, items: 0, errors: Vec::new(), more: 0 }
    }

    /// Where the lines go.
    pub const fn out(&mut self) -> &mut W {
        &mut self.out
    }

    fn write_item(&mut self, item: &Item<'_>) -> fmt::Result {
        let out = &mut self.out;
        out.write_str(if self.items == 0 { r#"{"items":["# } else { "," })?;
        let kind = match item {
            Item::ValueList(_) => "values",
            Item::Notification(_) => "notification",
        };
        write!(out, r#"{{"kind":"{kind}""#)?;
        let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
        for (key, field) in keys.into_iter().zip(item.identifier().fields()) {
            write!(out, r#","{key}":"{}""#, Hex(field.as_octets()))?;
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
                let message = Hex(notification.message.as_octets());
                write!(out, r#","severity":{},"message":"{message}""#, notification.severity.raw())?;
            }
        }
        let security = match item.protection() {
            Protection::None | Protection::Unverified => "none",
            Protection::Signed => "signed",
            Protection::Encrypted => "encrypted",
        };
        write!(out, r#","security":"{security}","user":"#)?;
        match item.user() {
            Some(user) => write!(out, r#""{}"}}"#, Hex(user.as_octets())),
            None => out.write_str("null}"),
        }
    }

    fn write_end(&mut self) -> fmt::Result {
        let out = &mut self.out;
        if self.items == 0 {
            out.write_str(r#"{"items":["#)?;
        }
        write!(out, r#"],"error":{},"errors":["#, !self.errors.is_empty())?;
        let mut before = "";
        for error in &self.errors {
            write!(out, r#"{before}{{"offset":{},"cause":"{}"}}"#, error.offset, error.cause.word())?;
            before = ",";
        }
        out.write_char(']')?;
        if self.more > 0 {
            write!(out, r#","more":{}"#, self.more)?;
        }
        out.write_str("}\n")
    }
}

impl<W: Write> Watch for ExactLines<W> {
    fn item(&mut self, item: &Item<'_>, _: Option<SocketAddr>) {
        _ = self.write_item(item);
        self.items = self.items.saturating_add(1);
    }

    fn refusal(&mut self, error: &Error, _: Option<SocketAddr>) {
        if self.errors.push(*error).is_err() {
            self.more = self.more.saturating_add(1);
        }
    }

    fn packet_end(&mut self, _: &Arrival) {
        _ = self.write_end();
        self.items = 0;
        self.errors.clear();
        self.more = 0;
    }
}
