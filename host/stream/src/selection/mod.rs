//! Which items are wanted: core's [`Filter`], and what only a PC has room for.
//!
//! - `web01/cpu*` alone is a pattern of the whole identifier, `host/plugin-instance/type-instance`. `*` stands for slashes, too,
//!   and what is left off at the end may be anything: `web01` is everything of that host.
//! - `host =~ "^web[0-9]+$"` is a comparison as any other; it holds if the regular expression on the right fits somewhere in the
//!   text field on the left. `!~` is its opposite. What stands between the quotes is in the language of the crate `regex`, without
//!   such properties as `\p{Emoji}`: `\p{…}` is a general category, a script or an age. Without the feature `regex`, these two
//!   operators are errors that say so.
//!
//! Everything else is core's language.

mod pattern;
#[cfg(feature = "regex")]
mod regex;
mod token;

use std::fmt;

use collectd_net::{Filter, Item};

use token::{Token, is_match, tokens};

/// A filter with room for what people write on a command line.
type Comparisons = Filter<256, 4096>;

/// An expression that items match or do not.
#[derive(Clone, Debug)]
pub struct Selection {
    kind: Kind,
    /// Whether values decide.
    looks_at_values: bool,
}

impl Selection {
    /// Compiles `expression`.
    ///
    /// # Errors
    /// [`SelectionError`] says in which column what was expected.
    ///
    /// ```
    /// # use collectd_tap_stream as collectd_tap;
    /// use collectd_tap::Selection;
    ///
    /// assert!(Selection::new("web*/cpu-*").is_ok());
    /// # #[cfg(feature = "regex")]
    /// # {
    /// assert!(Selection::new(r#"host =~ "^web\d+$" and not value < 5"#).is_ok());
    /// let error = Selection::new(r#"host =~ "web[""#).unwrap_err();
    /// assert_eq!(error.to_string(), "column 13: unclosed character class");
    /// # }
    /// ```
    pub fn new(expression: &str) -> Result<Self, SelectionError> {
        if pattern::is_pattern(expression) {
            return Ok(Self { kind: Kind::Pattern(pattern::compile(expression)?), looks_at_values: false });
        }
        let tokens = tokens(expression).ok_or_else(|| SelectionError {
            column: expression.chars().count() + 1,
            message: "expected a closing quote, found the end".into(),
        })?;
        let word = |token: &Token| &expression[token.start..token.end];
        let looks_at_values = tokens.iter().any(|token| matches!(word(token), "value" | "item.value"));
        let kind = match tokens.iter().find(|token| is_match(word(token)).is_some()) {
            None => Kind::Comparisons(comparisons(expression)?),
            #[cfg(feature = "regex")]
            Some(_) => Kind::Regex(regex::compile(expression, &tokens)?),
            #[cfg(not(feature = "regex"))]
            Some(operator) => return Err(without_regex(expression, operator)),
        };
        Ok(Self { kind, looks_at_values })
    }

    /// Whether `item` is wanted.
    #[must_use]
    pub fn matches(&self, item: &Item<'_>) -> bool {
        match &self.kind {
            Kind::Pattern(filter) => pattern::matches(filter, item),
            Kind::Comparisons(filter) => filter.matches(item),
            #[cfg(feature = "regex")]
            Kind::Regex(tree) => tree.matches(item),
        }
    }

    /// Whether an item with other values could be wanted or not for that reason.
    #[must_use]
    pub const fn looks_at_values(&self) -> bool {
        self.looks_at_values
    }
}

/// An expression that is none: where, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SelectionError {
    /// Where in the expression, in characters; the first has column 1.
    pub column: usize,
    message: String,
}

impl fmt::Display for SelectionError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.message)
    }
}

impl std::error::Error for SelectionError {}

#[derive(Clone, Debug)]
enum Kind {
    /// Asks for a host that is the whole identifier.
    Pattern(Box<Comparisons>),
    Comparisons(Box<Comparisons>),
    #[cfg(feature = "regex")]
    Regex(regex::Tree),
}

fn comparisons(expression: &str) -> Result<Box<Comparisons>, SelectionError> {
    Filter::new(expression)
        .map(Box::new)
        .map_err(|error| SelectionError { column: error.column, message: error.cause.to_string() })
}

/// Says what is missing.
#[cfg(not(feature = "regex"))]
fn without_regex(expression: &str, operator: &Token) -> SelectionError {
    SelectionError {
        column: expression[..operator.start].chars().count() + 1,
        message: "regular expressions were left out when this was built (the feature regex); '~' takes patterns".into(),
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Identifier, Protection, Text, Time, ValueList, Values};

    use super::*;

    fn value_list(identifier: Identifier<'static>) -> Item<'static> {
        Item::ValueList(ValueList {
            identifier,
            time: Time::from_raw(1 << 30),
            interval: None,
            values: Values::new(&[2], &[[0, 0, 0, 0, 0, 0, 0, 7]]).expect("a value"),
            protection: Protection::Signed,
            user: Some("alice".into()),
        })
    }

    pub(super) fn web() -> Item<'static> {
        value_list(Identifier {
            host: "web01".into(),
            plugin: "cpu".into(),
            plugin_instance: "0".into(),
            type_: "cpu".into(),
            type_instance: "idle".into(),
        })
    }

    pub(super) fn load() -> Item<'static> {
        value_list(Identifier {
            host: Text::new(b"db\xff"),
            plugin: "load".into(),
            type_: "load".into(),
            ..Identifier::default()
        })
    }

    pub(super) fn selects(expression: &str, item: &Item<'_>) -> bool {
        Selection::new(expression).unwrap_or_else(|error| panic!("{expression}: {error}")).matches(item)
    }

    pub(super) fn error(expression: &str) -> String {
        Selection::new(expression).expect_err(expression).to_string()
    }

    #[test]
    fn a_plain_word_is_a_pattern_of_identifiers() {
        for pattern in
            ["web01/cpu*", "web01", "web01/cpu-0", "web01/cpu-0/cpu-idle", "*idle", "web??/cpu-[0-3]", "*/cpu-0"]
        {
            assert!(selects(pattern, &web()), "{pattern}");
            assert!(!selects(pattern, &load()), "{pattern}");
        }
        for pattern in ["web", "web0", "cpu*", "web01/cpu", "web01/cpu-0/cpu", "web01/"] {
            assert!(!selects(pattern, &web()), "{pattern}");
        }
        for pattern in ["db*", "*/load/load", "*/load", "*"] {
            assert!(selects(pattern, &load()), "{pattern}");
        }
        assert_eq!(
            error("web[0"),
            r"column 1: expected a pattern of identifiers with every [ closed and nothing missing behind \, found 'web[0'"
        );
    }

    #[test]
    fn it_is_known_whether_values_decide() {
        for (expression, looks) in [
            ("web01/*", false),
            ("host == 'value'", false),
            ("value > 1", true),
            #[cfg(feature = "regex")]
            ("host =~ 'a' and item.value > 1", true),
        ] {
            assert_eq!(Selection::new(expression).expect(expression).looks_at_values(), looks, "{expression}");
        }
    }

    #[cfg(not(feature = "regex"))]
    #[test]
    fn regular_expressions_that_were_left_out_are_errors_at_their_place() {
        let expected = "column 21: regular expressions were left out when this was built (the feature regex)";
        assert!(error("value > 1 and 'é' != user or host !~ '^a'").starts_with(&expected.replace("21", "35")));
        assert!(error("value > 1 and host =~ '^a'").starts_with(&expected.replace("21", "20")));
    }
}
