//! Commands of collectd's unixsock and exec plugins: `PUTVAL` and `PUTNOTIF` lines, as they take them back.
//!
//! ```text
//! PUTVAL web01/load/load interval=10 1700000000:0.42:0.3:0.25
//! PUTNOTIF severity=warning time=1700000000 host=web01 plugin=df message="it is full"
//! ```
//!
//! What would end a line or harm a terminal is escaped as everywhere, so a name with such octets comes back as another one.

use std::fmt::Write as _;

use collectd_net::{Error, Item, Text, Value};

use super::number::{Number, Seconds};
use super::text::{plain, push, push_escaped};
use super::{Entry, Origin, Sink};

/// Writes the commands.
#[derive(Debug)]
pub struct Putval {
    /// Whether refusals get a line, a comment.
    pub rejects: bool,
}

impl Sink for Putval {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let time = Seconds(entry.item.time().raw());
        match entry.item {
            Item::ValueList(list) => {
                out.push_str("PUTVAL ");
                path(list.identifier.fields(), out);
                if let Some(interval) = list.interval {
                    out.push_str(" interval=");
                    Seconds(interval.raw()).push(out);
                }
                out.push(' ');
                time.push(out);
                for value in list.values {
                    out.push(':');
                    match value {
                        Value::Gauge(number) if number.is_nan() => out.push('U'),
                        _ => Number(value).push(out),
                    }
                }
            }
            Item::Notification(notification) => {
                out.push_str("PUTNOTIF severity=");
                out.push_str(notification.severity.name());
                out.push_str(" time=");
                time.push(out);
                let keys = [" host=", " plugin=", " plugin_instance=", " type=", " type_instance="];
                for (key, field) in keys.into_iter().zip(notification.identifier.fields()) {
                    if !field.is_empty() {
                        out.push_str(key);
                        quoted(field, out);
                    }
                }
                out.push_str(" message=");
                quoted(notification.message, out);
            }
        }
        out.push('\n');
        true
    }

    fn observed(&mut self, entry: &Entry<'_>, word: &'static str, out: &mut String) -> bool {
        self.item(entry, out);
        out.pop();
        // Meta data, which the network protocol cannot carry.
        _ = writeln!(out, " s:presence={word}");
        true
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            comment(error, origin, out);
        }
    }
}

/// What was refused, as a line that begins with `#`.
pub(super) fn comment(error: &Error, origin: &Origin<'_>, out: &mut String) {
    // A `String` takes everything.
    _ = match origin.from {
        Some(from) => writeln!(out, "# refused from {from}: [{}] {error}", error.cause.word()),
        None => writeln!(out, "# refused: [{}] {error}", error.cause.word()),
    };
}

/// What the daemon takes for more than itself.
const fn is_special(octet: u8) -> bool {
    matches!(octet, b' ' | b'\t' | b'"' | b'\\')
}

/// An identifier in collectd's form, in quotes if it has to be; its type is there even where it is empty.
fn path([host, plugin, plugin_instance, type_, type_instance]: [Text<'_>; 5], out: &mut String) {
    let fields = [host, plugin, plugin_instance, type_, type_instance];
    let bare = fields.into_iter().all(|field| plain(field, is_special).is_some());
    let push = if bare { push } else { escaped };
    let quote = if bare { "" } else { "\"" };
    out.push_str(quote);
    push(host, out);
    for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
        out.push('/');
        push(name, out);
        if !instance.is_empty() {
            out.push('-');
            push(instance, out);
        }
    }
    out.push_str(quote);
}

/// Text in quotes, if it has to be.
fn quoted(text: Text<'_>, out: &mut String) {
    if plain(text, is_special).is_some_and(|plain| !plain.is_empty()) {
        return push(text, out);
    }
    out.push('"');
    escaped(text, out);
    out.push('"');
}

fn escaped(text: Text<'_>, out: &mut String) {
    push_escaped(text, |octet| matches!(octet, b'"' | b'\\'), out);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(text: &str) -> String {
        let mut out = String::new();
        quoted(text.into(), &mut out);
        out
    }

    #[test]
    fn text_is_quoted_where_the_daemon_asks_for_it() {
        assert_eq!(written("a"), "a");
        assert_eq!([written(""), written("a b"), written("ä/b-c")], [r#""""#, r#""a b""#, r#""ä/b-c""#]);
        assert_eq!(written(r#"say "a\b""#), r#""say \"a\\b\"""#);
        assert_eq!(written("a\nb"), r#""a\\x0ab""#);
    }

    #[test]
    fn an_identifier_is_quoted_as_a_whole() {
        let mut out = String::new();
        path(["h".into(), "p".into(), "a b".into(), "t".into(), Text::default()], &mut out);
        assert_eq!(out, r#""h/p-a b/t""#);
    }
}
