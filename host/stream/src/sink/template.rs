//! Lines as somebody wants them: `{host} {plugin} {value}`.
//!
//! | field | is |
//! |---|---|
//! | `host` `plugin` `plugin_instance` `type` `type_instance` | the identifier's; empty if there is none |
//! | `identifier` | `host/plugin-instance/type-instance` |
//! | `time` `interval` | seconds, `time` in another form with `--time`; an interval that was not sent is empty |
//! | `value` `ds` `dstype` | a value, what it is called, and its kind: a line for each value |
//! | `message` `severity` | a notification's |
//! | `security` `user` `from` | how the item was protected, by whom, and who sent it |
//!
//! Braces are written `{{` and `}}`, a tabulator `\t`, a new line `\n`, a backslash `\\`. A template with fields of values has
//! lines for value lists only, one with fields of notifications for notifications only, and one with neither or with both has
//! lines for all items.

use std::fmt;

use collectd_net::{Error, Item, Text, Value};

use super::number::{Number, Seconds, push_integer};
use super::text::{Sender, push, push_identifier};
use super::time::Times;
use super::{Entry, Origin, Sink, blog};
use crate::sources::Name;
use crate::suggest::did_you_mean;

/// A template, read.
#[derive(Clone, Debug)]
pub struct Template {
    pieces: Vec<Piece>,
    of_values: bool,
    of_notifications: bool,
}

#[derive(Clone, Debug)]
enum Piece {
    Text(String),
    Field(Field),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Field {
    /// By its place in the identifier.
    Identifier(usize),
    Whole,
    Time,
    Interval,
    Value,
    Source,
    Kind,
    Message,
    Severity,
    Security,
    User,
    From,
}

/// The fields by name.
const FIELDS: [(&str, Field); 16] = [
    ("host", Field::Identifier(0)),
    ("plugin", Field::Identifier(1)),
    ("plugin_instance", Field::Identifier(2)),
    ("type", Field::Identifier(3)),
    ("type_instance", Field::Identifier(4)),
    ("identifier", Field::Whole),
    ("time", Field::Time),
    ("interval", Field::Interval),
    ("value", Field::Value),
    ("ds", Field::Source),
    ("dstype", Field::Kind),
    ("message", Field::Message),
    ("severity", Field::Severity),
    ("security", Field::Security),
    ("user", Field::User),
    ("from", Field::From),
];

impl Template {
    /// Reads a template.
    ///
    /// # Errors
    /// [`TemplateError`] says in which column what is wrong.
    pub fn new(text: &str) -> Result<Self, TemplateError> {
        let mut pieces = vec![];
        let mut literal = String::new();
        let mut characters = (1..).zip(text.chars()).peekable();
        while let Some((column, character)) = characters.next() {
            let error = |message: String| Err(TemplateError { column, message });
            match character {
                '{' | '}' if characters.next_if(|(_, next)| *next == character).is_some() => literal.push(character),
                '{' => {
                    let mut name = String::new();
                    loop {
                        match characters.next() {
                            Some((_, '}')) => break,
                            Some((_, character)) => name.push(character),
                            None => return error("this brace is not closed; a brace itself is written {{".into()),
                        }
                    }
                    let Some((_, field)) = FIELDS.iter().find(|(known, _)| *known == name) else {
                        let names = FIELDS.map(|(known, _)| known);
                        let meant = did_you_mean(&name, names);
                        let (name, names) = (Text::from(&*name), names.join(", "));
                        return error(format!("unknown field '{name}'{meant} (fields are {names})"));
                    };
                    if !literal.is_empty() {
                        pieces.push(Piece::Text(std::mem::take(&mut literal)));
                    }
                    pieces.push(Piece::Field(*field));
                }
                '}' => return error("no brace is open; a brace itself is written }}".into()),
                '\\' => match characters.next() {
                    Some((_, 't')) => literal.push('\t'),
                    Some((_, 'n')) => literal.push('\n'),
                    Some((_, '\\')) => literal.push('\\'),
                    _ => return error(r"a backslash stands before t, n or another one".into()),
                },
                _ => literal.push(character),
            }
        }
        if !literal.is_empty() {
            pieces.push(Piece::Text(literal));
        }
        let has = |fields: &[Field]| {
            pieces.iter().any(|piece| matches!(piece, Piece::Field(field) if fields.contains(field)))
        };
        let of_values = has(&[Field::Value, Field::Source, Field::Kind]);
        let of_notifications = has(&[Field::Message, Field::Severity]);
        Ok(Self { pieces, of_values, of_notifications })
    }

    /// Whether it tells what values are called.
    #[must_use]
    pub fn tells_names(&self) -> bool {
        self.pieces.iter().any(|piece| matches!(piece, Piece::Field(Field::Source)))
    }
}

/// What is wrong with a template, and where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TemplateError {
    /// In characters; the first has column 1.
    pub column: usize,
    message: String,
}

impl TemplateError {
    /// With the template, and a mark below the place.
    pub(super) fn with_place(&self, template: &str) -> String {
        let mark = format!("{:>1$}", '^', self.column);
        format!("{self}\n  {}\n  {mark}", template.replace(char::is_control, " "))
    }
}

impl fmt::Display for TemplateError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for TemplateError {}

/// Writes what a template says.
#[derive(Debug)]
pub struct Templated {
    template: std::sync::Arc<Template>,
    rejects: bool,
    times: Times,
    sender: Sender,
}

impl Templated {
    pub(super) fn new(template: std::sync::Arc<Template>, rejects: bool, times: Times) -> Self {
        Self { template, rejects, times, sender: Sender::default() }
    }

    fn line(&mut self, entry: &Entry<'_>, value: Option<(Value, Name<'_>)>, out: &mut String) {
        for piece in &self.template.pieces {
            match piece {
                Piece::Text(text) => out.push_str(text),
                Piece::Field(Field::Time) => self.times.push(entry.item.time(), out),
                Piece::Field(Field::From) => out.push_str(self.sender.text(entry.origin.from)),
                Piece::Field(field) => write(*field, entry.item, value, out),
            }
        }
        out.push('\n');
    }
}

impl Sink for Templated {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let Template { of_values, of_notifications, .. } = *self.template;
        match entry.item {
            Item::ValueList(_) if of_notifications && !of_values => return false,
            Item::Notification(_) if of_values && !of_notifications => return false,
            Item::ValueList(list) if of_values => {
                for (place, value) in list.values.iter().enumerate() {
                    self.line(entry, Some((value, entry.sources.get(place))), out);
                }
            }
            _ => self.line(entry, None, out),
        }
        true
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            blog::refused(error, origin, out);
            out.push('\n');
        }
    }
}

/// Any field but those for which something is remembered.
fn write(field: Field, item: &Item<'_>, value: Option<(Value, Name<'_>)>, out: &mut String) {
    match (field, item) {
        (Field::Identifier(place), item) => push(item.identifier().fields()[place], out),
        (Field::Whole, item) => push_identifier(item.identifier(), out),
        (Field::Interval, Item::ValueList(list)) => {
            if let Some(interval) = list.interval {
                Seconds(interval.raw()).push(out);
            }
        }
        (Field::Message, Item::Notification(notification)) => push(notification.message, out),
        (Field::Severity, Item::Notification(notification)) => out.push_str(notification.severity.name()),
        (Field::Security, item) => out.push_str(item.protection().name()),
        (Field::User, item) => push(item.user().unwrap_or_default(), out),
        (Field::Value | Field::Source | Field::Kind, _) => match (field, value) {
            (Field::Value, Some((value, _))) => Number(value).push(out),
            (Field::Source, Some((_, Name::Word(name)))) => push(name.into(), out),
            (Field::Source, Some((_, Name::Number(place)))) => push_integer(place, out),
            (_, Some((value, _))) => out.push_str(value.kind().name()),
            (_, None) => {}
        },
        (Field::Interval, Item::Notification(_)) | (Field::Message | Field::Severity, Item::ValueList(_)) => {}
        (Field::Time | Field::From, _) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(template: &str) -> String {
        Template::new(template).expect_err(template).to_string()
    }

    #[test]
    fn errors_have_a_column_and_a_suggestion() {
        assert!(
            error("{host} {plugn}")
                .starts_with("column 8: unknown field 'plugn', did you mean 'plugin'? (fields are host")
        );
        assert!(error("ä {}").starts_with("column 3: unknown field '' (fields"), "{}", error("ä {}"));
        assert_eq!(error("a {host"), "column 3: this brace is not closed; a brace itself is written {{");
        assert_eq!(error("a } b"), "column 3: no brace is open; a brace itself is written }}");
        assert_eq!(error(r"{host}\q"), "column 7: a backslash stands before t, n or another one");
        assert_eq!(error("{host}\\"), "column 7: a backslash stands before t, n or another one");
        assert_eq!(error("{\u{1b}[2J}").split(" (").next(), Some(r"column 1: unknown field '\x1b[2J'"));
        let error = Template::new("a {hots}").expect_err("no field").with_place("a {hots}");
        assert!(error.ends_with("\n  a {hots}\n    ^"), "{error}");
    }

    #[test]
    fn doubled_braces_and_escapes_are_themselves() {
        let template = Template::new(r"{{{host}}}\t\\{{x}}").expect("a template");
        let pieces: Vec<_> = template.pieces.iter().map(|piece| format!("{piece:?}")).collect();
        assert_eq!(pieces, [r#"Text("{")"#, "Field(Identifier(0))", r#"Text("}\t\\{x}")"#]);
    }
}
