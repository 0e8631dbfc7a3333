//! An expression cut into tokens.

use super::error::FilterError;

/// A word, a number, a string with its quotes, or a sign, as it stands in the expression. Empty at the end.
///
/// The text alone tells which it is: no two kinds begin with the same character.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Token<'e> {
    pub(super) text: &'e str,
    /// Of its first character, from 1.
    pub(super) column: usize,
}

impl<'e> Token<'e> {
    /// What stands between the quotes, if this is a string.
    pub(super) fn string(self) -> Option<&'e str> {
        let quote = self.text.chars().next().filter(|first| matches!(first, '"' | '\''))?;
        self.text.strip_prefix(quote)?.strip_suffix(quote)
    }

    pub(super) fn is_number(self) -> bool {
        matches!(self.text.as_bytes(), [b'0'..=b'9' | b'+' | b'-', ..])
    }

    pub(super) fn is_word(self) -> bool {
        matches!(self.text.as_bytes(), [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..])
    }
}

/// What is left of an expression, and what is wrong with it.
#[derive(Debug)]
pub(super) struct Tokens<'e> {
    rest: &'e str,
    column: usize,
    outcome: Result<(), FilterError>,
}

/// The expression is no filter; why is kept with the tokens, so that what fails returns nothing large.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failed(());

impl<'e> Tokens<'e> {
    pub(super) const fn new(expression: &'e str) -> Self {
        Self { rest: expression, column: 1, outcome: Ok(()) }
    }

    /// What is wrong with the expression, if anything was found to be.
    pub(super) const fn outcome(&self) -> Result<(), FilterError> {
        self.outcome
    }

    /// Keeps that this is wrong.
    pub(super) const fn fail(&mut self, error: FilterError) -> Failed {
        self.outcome = Err(error);
        Failed(())
    }

    /// Keeps that `token` stands where `what` should.
    #[inline(never)]
    pub(super) fn expected(&mut self, what: &'static str, token: Token<'_>) -> Failed {
        self.fail(FilterError::expected(what, token))
    }

    /// Keeps that there is no room for `what` that `token` needs.
    #[inline(never)]
    pub(super) const fn full(&mut self, what: &'static str, token: Token<'_>) -> Failed {
        self.fail(FilterError::full(what, token))
    }

    /// The next token; at the end there are as many empty ones as are asked for.
    pub(super) fn next(&mut self) -> Result<Token<'e>, Failed> {
        let blanks = self.rest.bytes().take_while(|octet| matches!(octet, b' ' | b'\t' | b'\n' | b'\r')).count();
        self.take(blanks);
        let length = match self.rest.as_bytes() {
            [quote @ (b'"' | b'\''), inside @ ..] => match string(inside, *quote) {
                Some(length) => length,
                None => {
                    self.take(self.rest.len());
                    return Err(self.expected("a closing quote", Token { text: "", column: self.column }));
                }
            },
            [b'0'..=b'9' | b'+' | b'-', after @ ..] => number(after),
            [b'a'..=b'z' | b'A'..=b'Z' | b'_', ..] => run(self.rest.as_bytes()),
            [b'=' | b'!' | b'<' | b'>', b'=', ..] => 2,
            _ => self.rest.chars().next().map_or(0, char::len_utf8),
        };
        Ok(self.take(length))
    }

    /// Takes `length` octets off the rest.
    fn take(&mut self, length: usize) -> Token<'e> {
        let (text, rest) = self.rest.split_at_checked(length).unwrap_or((self.rest, ""));
        let token = Token { text, column: self.column };
        self.rest = rest;
        self.column = self.column.wrapping_add(characters(text));
        token
    }
}

/// How many characters `text` has.
pub(super) fn characters(text: &str) -> usize {
    text.bytes().filter(|octet| octet & 0xc0 != 0x80).count()
}

/// Octets of a string, both quotes included, that goes on with `inside` after its first quote.
fn string(inside: &[u8], quote: u8) -> Option<usize> {
    let mut escaped = false;
    let end = inside.iter().position(|octet| {
        let ends = *octet == quote && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    })?;
    end.checked_add(2)
}

/// Octets of what could be a number and goes on with `after` its first digit or sign. Behind an `e` another sign may
/// stand.
fn number(after: &[u8]) -> usize {
    let mut before = 0;
    let more = after.iter().take_while(|octet| {
        let belongs = is_inside_word(octet) || matches!((before, octet), (b'e' | b'E', b'+' | b'-'));
        before = **octet;
        belongs
    });
    more.count().saturating_add(1)
}

fn run(octets: &[u8]) -> usize {
    octets.iter().take_while(|octet| is_inside_word(octet)).count()
}

const fn is_inside_word(octet: &u8) -> bool {
    octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(expression: &str) -> Vec<(usize, &str)> {
        let mut tokens = Tokens::new(expression);
        let next = || tokens.next().unwrap();
        core::iter::repeat_with(next)
            .map(|token| (token.column, token.text))
            .take_while(|(_, text)| !text.is_empty())
            .collect()
    }

    #[test]
    fn tokens_need_no_blanks_between_them() {
        assert_eq!(
            tokens("(item.host==\"a b\"and\n value>=-1.5e-3)"),
            [
                (1, "("),
                (2, "item.host"),
                (11, "=="),
                (13, "\"a b\""),
                (18, "and"),
                (23, "value"),
                (28, ">="),
                (30, "-1.5e-3"),
                (37, ")")
            ]
        );
        assert_eq!(tokens("<=>!== ~,"), [(1, "<="), (3, ">"), (4, "!="), (6, "="), (8, "~"), (9, ",")]);
        assert_eq!(tokens("1-2"), [(1, "1"), (2, "-2")]);
        assert_eq!(tokens(" \t\r\n"), []);
    }

    #[test]
    fn columns_count_characters() {
        assert_eq!(tokens("'äöü' € 'x'"), [(1, "'äöü'"), (7, "€"), (9, "'x'")]);
    }

    #[test]
    fn quotes_of_the_other_kind_and_escaped_ones_are_inside() {
        assert_eq!(
            tokens(r#"'a"b' "c'd" "e\"f" "g\\""#),
            [(1, r#"'a"b'"#), (7, r#""c'd""#), (13, r#""e\"f""#), (20, r#""g\\""#)]
        );
        assert_eq!(Token { text: "'a\"'", column: 1 }.string(), Some("a\""));
        assert_eq!(Token { text: "a", column: 1 }.string(), None);
    }

    #[test]
    fn a_string_without_its_end_is_missed_at_the_end() {
        for expression in ["'ab\"", "\"ab'", "'ab\\'", "  'ü"] {
            let mut tokens = Tokens::new(expression);
            tokens.next().unwrap_err();
            let error = tokens.outcome().unwrap_err();
            let column = expression.chars().count() + 1;
            assert_eq!(error.to_string(), format!("column {column}: expected a closing quote, found the end"));
        }
    }
}
