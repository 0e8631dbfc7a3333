//! The lines of the blog post that this began with (`WIRE §13`): a Python list of kinds and numbers.
//!
//! ```text
//! [1237749608] localhost.localdomain/swap/swap/used [(1, 48082944.0)]
//! [1237749611] web01/df/root/percent_bytes/used [WARNING] percent_bytes is 91.2, above 90
//! ```

use std::fmt;

use collectd_net::{Error, Item};

use super::number::Number;
use super::{Origin, Sink};

/// Writes the blog's lines.
#[derive(Debug)]
pub struct Blog {
    /// Whether refusals get a line.
    pub rejects: bool,
}

impl Sink for Blog {
    fn item(&mut self, item: &Item<'_>, _: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        writeln!(out, "{}", Line(item))
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        if !self.rejects {
            return Ok(());
        }
        match origin.from {
            Some(from) => writeln!(out, "[refused] {from} [{}] {error}", error.cause.word()),
            None => writeln!(out, "[refused] [{}] {error}", error.cause.word()),
        }
    }
}

/// An item as the blog's line.
#[derive(Debug)]
pub struct Line<'a>(pub &'a Item<'a>);

impl fmt::Display for Line<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "[{}] ", self.0.time().secs())?;
        let fields = self.0.identifier().fields();
        let mut written = fields.iter().filter(|field| !field.is_empty());
        if let Some(field) = written.next() {
            write!(f, "{field}")?;
        }
        for field in written {
            write!(f, "/{field}")?;
        }
        match self.0 {
            Item::ValueList(list) => {
                let mut before = " [";
                for value in list.values {
                    write!(f, "{before}({}, {})", value.kind().raw(), Number(value))?;
                    before = ", ";
                }
                f.write_str("]")
            }
            Item::Notification(notification) => {
                let severity = match notification.severity {
                    collectd_net::Severity::Failure => "FAILURE",
                    collectd_net::Severity::Warning => "WARNING",
                    collectd_net::Severity::Okay => "OKAY",
                };
                write!(f, " [{severity}] {}", notification.message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Decoder, Encoder, Identifier, Severity, Time, Value};

    use super::*;

    fn lines(encode: impl FnOnce(&mut Encoder<'_>)) -> Vec<String> {
        let mut buffer = [0; 1024];
        let mut encoder = Encoder::new(&mut buffer);
        encode(&mut encoder);
        Decoder::new(encoder.packet()).map(|item| Line(&item.expect("an item")).to_string()).collect()
    }

    #[test]
    fn the_line_of_the_blog_post() {
        let identifier = Identifier {
            host: "localhost.localdomain".into(),
            plugin: "swap".into(),
            type_: "swap".into(),
            type_instance: "used".into(),
            ..Identifier::default()
        };
        let time = Time::from_secs(1_237_749_608).expect("in range");
        assert_eq!(
            lines(|packet| packet.value_list(&identifier, time, None, [Value::Gauge(48_082_944.0)]).expect("room")),
            ["[1237749608] localhost.localdomain/swap/swap/used [(1, 48082944.0)]"]
        );
        assert_eq!(
            lines(|packet| {
                let values = [Value::Counter(u64::MAX), Value::Derive(i64::MIN), Value::Absolute(0)];
                packet.value_list(&identifier, time, None, values).expect("room");
            }),
            ["[1237749608] localhost.localdomain/swap/swap/used \
              [(0, 18446744073709551615), (2, -9223372036854775808), (3, 0)]"]
        );
    }

    #[test]
    fn a_notification_has_its_severity_and_message() {
        let identifier = Identifier { host: "web01".into(), plugin: "df".into(), ..Identifier::default() };
        let time = Time::from_raw((5 << 30) + 1);
        assert_eq!(
            lines(|packet| packet.notification(&identifier, time, Severity::Warning, "full\n".into()).expect("room")),
            [r"[5] web01/df [WARNING] full\x0a"]
        );
        assert_eq!(
            lines(|packet| {
                packet.notification(&Identifier::default(), time, Severity::Okay, "well".into()).expect("room");
            }),
            ["[5]  [OKAY] well"]
        );
    }
}
