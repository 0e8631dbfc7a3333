//! What is wrong with an expression, and where.

use core::fmt;

use super::token::Token;
use crate::{Full, Text};

/// An expression that is no filter: where, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// Where in the expression, in characters; the first has column 1.
    pub column: usize,
    /// Why.
    pub cause: FilterCause,
}

impl FilterError {
    /// `token` stands where `what` should.
    pub(super) fn expected(what: &'static str, token: Token<'_>) -> Self {
        Self { column: token.column, cause: FilterCause::Expected { what, found: Found::new(token.text) } }
    }

    /// There is no room for `what` that `token` needs.
    pub(super) const fn full(what: &'static str, token: Token<'_>) -> Self {
        Self { column: token.column, cause: FilterCause::Full(Full { what }) }
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "column {}: {}", self.column, self.cause)
    }
}

impl core::error::Error for FilterError {}

#[cfg(feature = "defmt")]
impl defmt::Format for FilterError {
    fn format(&self, f: defmt::Formatter<'_>) {
        defmt::write!(f, "column {=usize}: {}", self.column, self.cause);
    }
}

/// Why an expression is no filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum FilterCause {
    /// Something else should stand here.
    Expected {
        /// What should.
        what: &'static str,
        /// What does.
        found: Found,
    },
    /// Too many parentheses inside each other.
    TooDeep {
        /// How many may be.
        depth: usize,
    },
    /// The expression needs more operations, or more text, than the filter has room for.
    Full(Full),
}

impl fmt::Display for FilterCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Expected { what, found } => write!(f, "expected {what}, found {found}"),
            Self::TooDeep { depth } => write!(f, "more than {depth} parentheses inside each other"),
            Self::Full(full) => full.fmt(f),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for FilterCause {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self {
            Self::Expected { what, found } => defmt::write!(f, "expected {=str}, found {}", what, found),
            Self::TooDeep { depth } => defmt::write!(f, "more than {=usize} parentheses inside each other", depth),
            Self::Full(full) => defmt::write!(f, "{}", full),
        }
    }
}

/// What stands in an expression where something else should. Prints safely, and no more than its beginning.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Found {
    /// Empty for the end of the expression.
    octets: [u8; Self::CAPACITY],
    len: usize,
    cut: bool,
}

impl Found {
    const CAPACITY: usize = 24;

    fn new(text: &str) -> Self {
        let len = text.floor_char_boundary(Self::CAPACITY);
        let mut octets = [0; Self::CAPACITY];
        for (place, octet) in octets.iter_mut().zip(text.bytes().take(len)) {
            *place = octet;
        }
        Self { octets, len, cut: len < text.len() }
    }

    fn text(&self) -> Text<'_> {
        Text::new(self.octets.get(..self.len).unwrap_or_default())
    }
}

impl fmt::Display for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.text(), self.cut) {
            (text, _) if text.is_empty() => f.write_str("the end"),
            (text, false) => write!(f, "'{text}'"),
            (text, true) => write!(f, "'{text}…'"),
        }
    }
}

#[cfg(feature = "defmt")]
impl defmt::Format for Found {
    fn format(&self, f: defmt::Formatter<'_>) {
        match (self.text(), self.cut) {
            (text, _) if text.is_empty() => defmt::write!(f, "the end"),
            (text, false) => defmt::write!(f, "'{}'", text),
            (text, true) => defmt::write!(f, "'{}…'", text),
        }
    }
}

impl fmt::Debug for Found {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str) -> String {
        FilterError::expected("a field", Token { text, column: 3 }).to_string()
    }

    #[test]
    fn an_error_reads_as_one_clause() {
        assert_eq!(shown("x"), "column 3: expected a field, found 'x'");
        assert_eq!(shown(""), "column 3: expected a field, found the end");
        let full = FilterError { column: 9, cause: FilterCause::Full(Full { what: "text of the filter" }) };
        assert_eq!(full.to_string(), "column 9: no room left: text of the filter");
        let deep = FilterError { column: 9, cause: FilterCause::TooDeep { depth: 16 } };
        assert_eq!(deep.to_string(), "column 9: more than 16 parentheses inside each other");
    }

    #[test]
    fn what_was_found_is_short_and_harmless() {
        assert_eq!(shown("\u{1b}[31m"), r"column 3: expected a field, found '\x1b[31m'");
        assert_eq!(shown(&"ä".repeat(30)), format!("column 3: expected a field, found '{}…'", "ä".repeat(12)));
        assert_eq!(shown(&"東".repeat(9)), format!("column 3: expected a field, found '{}…'", "東".repeat(8)));
        assert_eq!(shown(&"x".repeat(24)), format!("column 3: expected a field, found '{}'", "x".repeat(24)));
    }

    #[test]
    fn what_was_found_is_as_harmless_to_a_programmer() {
        assert_eq!(format!("{:?}", Found::new("\u{1b}[31m")), r"'\x1b[31m'");
    }
}
