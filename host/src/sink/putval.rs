//! Commands of collectd's unixsock and exec plugins: `PUTVAL` and `PUTNOTIF` lines, as they take them back.
//!
//! ```text
//! PUTVAL web01/load/load interval=10 1700000000:0.42:0.3:0.25
//! PUTNOTIF severity=warning time=1700000000 host=web01 plugin=df message="it is full"
//! ```
//!
//! What would end a line or harm a terminal is escaped as everywhere, so a name with such octets comes back as another one.

use std::fmt::{self, Write as _};

use collectd_net::{Error, Identifier, Item, Value};

use super::number::{Number, Seconds};
use super::{Origin, Sink};

/// Writes the commands.
#[derive(Debug)]
pub struct Putval {
    /// Whether refusals get a line, a comment.
    pub rejects: bool,
}

impl Sink for Putval {
    fn item(&mut self, item: &Item<'_>, _: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        let seconds = Seconds(item.time().raw());
        match item {
            Item::ValueList(list) => {
                write!(out, "PUTVAL {}", Quoted(Path(&list.identifier)))?;
                if let Some(interval) = list.interval {
                    write!(out, " interval={}", Seconds(interval.raw()))?;
                }
                write!(out, " {seconds}")?;
                for value in list.values {
                    match value {
                        Value::Gauge(number) if number.is_nan() => out.write_str(":U")?,
                        _ => write!(out, ":{}", Number(value))?,
                    }
                }
            }
            Item::Notification(notification) => {
                write!(out, "PUTNOTIF severity={} time={seconds}", notification.severity.name())?;
                let keys = ["host", "plugin", "plugin_instance", "type", "type_instance"];
                for (key, field) in keys.into_iter().zip(notification.identifier.fields()) {
                    if !field.is_empty() {
                        write!(out, " {key}={}", Quoted(field))?;
                    }
                }
                write!(out, " message={}", Quoted(notification.message))?;
            }
        }
        out.write_char('\n')
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut dyn fmt::Write) -> fmt::Result {
        match origin.from {
            _ if !self.rejects => Ok(()),
            Some(from) => writeln!(out, "# refused from {from}: [{}] {error}", error.cause.word()),
            None => writeln!(out, "# refused: [{}] {error}", error.cause.word()),
        }
    }
}

/// An identifier in collectd's form; its type is there even where it is empty.
struct Path<'a>(&'a Identifier<'a>);

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Identifier { host, plugin, plugin_instance, type_, type_instance } = self.0;
        write!(f, "{host}")?;
        for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
            write!(f, "/{name}")?;
            if !instance.is_empty() {
                write!(f, "-{instance}")?;
            }
        }
        Ok(())
    }
}

/// Text in quotes, if it has to be.
struct Quoted<T>(T);

impl<T: fmt::Display> fmt::Display for Quoted<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        if !text.is_empty() && !text.contains([' ', '\t', '"', '\\']) {
            return f.write_str(&text);
        }
        f.write_char('"')?;
        for character in text.chars() {
            if matches!(character, '"' | '\\') {
                f.write_char('\\')?;
            }
            f.write_char(character)?;
        }
        f.write_char('"')
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_quoted_where_the_daemon_asks_for_it() {
        let quoted = |text: &str| Quoted(text).to_string();
        assert_eq!([quoted("a"), quoted("ä/b-c")], ["a", "ä/b-c"]);
        assert_eq!([quoted(""), quoted("a b")], [r#""""#, r#""a b""#]);
        assert_eq!(quoted(r#"say "a\b""#), r#""say \"a\\b\"""#);
    }
}
