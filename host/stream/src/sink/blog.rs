//! The lines of the blog post that this began with (`WIRE §13`): a Python list of kinds and numbers.
//!
//! ```text
//! [1237749608] localhost.localdomain/swap/swap/used [(1, 48082944.0)]
//! [1237749611] web01/df/root/percent_bytes/used [WARNING] percent_bytes is 91.2, above 90
//! ```

use std::fmt::{self, Write as _};

use collectd_net::{Error, Item, Severity};

use super::number::{Number, push_integer};
use super::paint::{self, Paint};
use super::text::push;
use super::time::Times;
use super::{Entry, Origin, Sink};

/// What stands before notifications of our own.
pub(super) const OBSERVED: &str = "[presence] ";

/// Writes the blog's lines.
#[derive(Debug)]
pub struct Blog {
    rejects: bool,
    times: Times,
    paint: Paint,
}

impl Blog {
    pub(super) fn new(rejects: bool, times: Times, color: bool) -> Self {
        Self { rejects, times: times.whole(), paint: Paint(color) }
    }
}

impl Sink for Blog {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let (item, paint) = (entry.item, self.paint);
        if !self.times.is_none() {
            paint.with(paint::TIME, out, |out| {
                out.push('[');
                self.times.push(item.time(), out);
                out.push(']');
            });
            out.push(' ');
        }
        paint.with(paint::NAME, out, |out| {
            let fields = item.identifier().fields();
            let mut before = false;
            for field in fields.into_iter().filter(|field| !field.is_empty()) {
                if before {
                    out.push('/');
                }
                push(field, out);
                before = true;
            }
        });
        match item {
            Item::ValueList(list) => {
                let mut before = " [(";
                for value in list.values {
                    out.push_str(before);
                    push_integer(value.kind().raw(), out);
                    out.push_str(", ");
                    paint.with(paint::VALUE, out, |out| Number(value).push(out));
                    before = "), (";
                }
                out.push_str(")]");
            }
            Item::Notification(notification) => {
                out.push_str(" [");
                paint.with(paint::severity(notification.severity), out, |out| {
                    out.push_str(severity(notification.severity));
                });
                out.push_str("] ");
                push(notification.message, out);
            }
        }
        out.push('\n');
        true
    }

    fn observed(&mut self, entry: &Entry<'_>, _: &'static str, out: &mut String) -> bool {
        out.push_str(OBSERVED);
        self.item(entry, out)
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            self.paint.with(paint::REFUSED, out, |out| refused(error, origin, out));
            out.push('\n');
        }
    }
}

/// What was refused, as a clause for people.
pub(super) fn refused(error: &Error, origin: &Origin<'_>, out: &mut String) {
    // A `String` takes everything.
    _ = match origin.from {
        Some(from) => write!(out, "[refused] {from} [{}] {error}", error.cause.word()),
        None => write!(out, "[refused] [{}] {error}", error.cause.word()),
    };
}

/// The seed's words.
pub(super) const fn severity(severity: Severity) -> &'static str {
    match severity {
        Severity::Failure => "FAILURE",
        Severity::Warning => "WARNING",
        Severity::Okay => "OKAY",
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
                write!(f, " [{}] {}", severity(notification.severity), notification.message)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Decoder, Encoder, Identifier, Time, Value};

    use super::*;
    use crate::sink::TimeStyle;
    use crate::sources::Sources;

    fn lines(encode: impl FnOnce(&mut Encoder<'_>)) -> Vec<String> {
        let mut buffer = [0; 1024];
        let mut encoder = Encoder::new(&mut buffer);
        encode(&mut encoder);
        let mut blog = Blog::new(false, Times::new(TimeStyle::Epoch, true), false);
        let origin = Origin { source: "test", number: None, from: None };
        let both = |item: Item<'_>| {
            let mut written = String::new();
            blog.item(&Entry { item: &item, sources: Sources::Numbered(0), origin: &origin }, &mut written);
            let line = Line(&item).to_string();
            assert_eq!(written, format!("{line}\n"));
            line
        };
        Decoder::new(encoder.packet()).map(|item| item.expect("an item")).map(both).collect()
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
