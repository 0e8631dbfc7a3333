//! Expressions with regular expressions: a tree, the leaves of which are these or filters of core's with a single comparison.

use collectd_net::{Item, Text};
use regex_automata::meta::{BuildError, Regex};
use regex_automata::nfa::thompson::WhichCaptures;
use regex_automata::util::syntax;

use super::token::{Token, is_match};
use super::{Comparisons, SelectionError, comparisons};

/// How many parentheses may be open at a time, as in core.
const DEPTH: usize = 16;
/// How many comparisons there may be beside regular expressions.
const MAX_LEAVES: usize = 256;
/// Octets that a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// An expression with regular expressions.
#[derive(Clone, Debug)]
pub(super) enum Tree {
    Comparisons(Box<Comparisons>),
    Regex { field: Field, regex: Regex },
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Tree {
    /// Whether `item` is wanted.
    pub(super) fn matches(&self, item: &Item<'_>) -> bool {
        match self {
            Self::Comparisons(filter) => filter.matches(item),
            Self::Regex { field, regex } => field.of(item).is_some_and(|text| regex.is_match(text.as_octets())),
            Self::Not(node) => !node.matches(item),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(item)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(item)),
        }
    }
}

/// Compiles `expression`, cut into `tokens`.
pub(super) fn compile(expression: &str, tokens: &[Token]) -> Result<Tree, SelectionError> {
    Parser { expression, tokens, next: 0, leaves: 0 }.whole()
}

/// A field that regular expressions look at.
#[derive(Clone, Copy, Debug)]
pub(super) enum Field {
    Identifier(usize),
    Message,
    User,
}

const FIELDS: &str = "a field of text (host, plugin, plugin_instance, type, type_instance, message or user)";

impl Field {
    fn from_name(name: &str) -> Option<Self> {
        let name = name.strip_prefix("item.").unwrap_or(name);
        let names = ["host", "plugin", "plugin_instance", "type", "type_instance"];
        match names.iter().position(|field| *field == name) {
            Some(place) => Some(Self::Identifier(place)),
            None if name == "message" => Some(Self::Message),
            None if name == "user" => Some(Self::User),
            None => None,
        }
    }

    fn of<'a>(self, item: &Item<'a>) -> Option<Text<'a>> {
        match (self, item) {
            (Self::Identifier(place), _) => Some(item.identifier().fields()[place]),
            (Self::Message, Item::Notification(notification)) => Some(notification.message),
            (Self::Message, Item::ValueList(_)) => None,
            (Self::User, _) => item.user(),
        }
    }
}

struct Parser<'e> {
    expression: &'e str,
    tokens: &'e [Token],
    next: usize,
    leaves: usize,
}

impl<'e> Parser<'e> {
    fn whole(mut self) -> Result<Tree, SelectionError> {
        let node = self.any(0)?;
        match self.peek() {
            "" => Ok(node),
            _ => Err(self.expected("'and', 'or' or the end")),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Tree, SelectionError> {
        let mut nodes = vec![self.all(depth)?];
        while self.peek() == "or" {
            self.next += 1;
            nodes.push(self.all(depth)?);
        }
        Ok(one_of(nodes, Tree::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Tree, SelectionError> {
        let mut nodes = vec![self.one(depth)?];
        while self.peek() == "and" {
            self.next += 1;
            nodes.push(self.one(depth)?);
        }
        Ok(one_of(nodes, Tree::All))
    }

    fn one(&mut self, depth: usize) -> Result<Tree, SelectionError> {
        let mut negated = false;
        while self.peek() == "not" {
            self.next += 1;
            negated = !negated;
        }
        let node = if self.peek() == "(" {
            if depth == DEPTH {
                return Err(self.error(self.next, format!("more than {DEPTH} parentheses inside each other")));
            }
            self.next += 1;
            let node = self.any(depth + 1)?;
            if self.peek() != ")" {
                return Err(self.expected("'and', 'or' or ')'"));
            }
            self.next += 1;
            node
        } else {
            self.comparison()?
        };
        Ok(if negated { Tree::Not(Box::new(node)) } else { node })
    }

    /// A comparison: up to the next `and`, `or` or closing parenthesis outside of a list.
    fn comparison(&mut self) -> Result<Tree, SelectionError> {
        let first = self.next;
        let mut open = 0_usize;
        loop {
            match self.peek() {
                "" => break,
                "and" | "or" | ")" if open == 0 => break,
                "(" => open += 1,
                ")" => open -= 1,
                _ => {}
            }
            self.next += 1;
        }
        self.leaves += 1;
        if self.leaves > MAX_LEAVES {
            return Err(self.error(first, format!("more than {MAX_LEAVES} comparisons beside regular expressions")));
        }
        if (first..self.next).any(|token| is_match(self.text(token)).is_some()) {
            return self.regex(first);
        }
        // Core's own words for what is wrong, with the columns of the whole expression.
        let last = self.tokens.get(if first == self.next { first } else { self.next - 1 });
        let start = self.tokens.get(first).map_or(self.expression.len(), |token| token.start);
        let end = last.map_or(self.expression.len(), |token| token.end);
        let blanks = self.expression[..start].chars().map(|_| ' ');
        let padded: String = blanks.chain(self.expression[start..end].chars()).collect();
        comparisons(&padded).map(Tree::Comparisons)
    }

    /// The tokens from `first` to the next one as a field, an operator and a string.
    fn regex(&self, first: usize) -> Result<Tree, SelectionError> {
        let field = Field::from_name(self.text(first)).ok_or_else(|| self.expected_at(first, FIELDS))?;
        let Some(negated) = is_match(self.text(first + 1)) else {
            return Err(self.expected_at(first + 1, "=~ or !~"));
        };
        let text = if first + 2 < self.next { self.text(first + 2) } else { "" };
        let Some(inside) = text.strip_prefix(['"', '\'']).map(|text| &text[..text.len() - 1]) else {
            return Err(self.expected_at(first + 2, "a regular expression in quotes"));
        };
        if first + 3 < self.next {
            return Err(self.expected_at(first + 3, "'and', 'or' or the end"));
        }
        let node = match build(inside) {
            Ok(regex) => Tree::Regex { field, regex },
            Err(error) => {
                let (offset, message) = flaw(&error);
                let mut wrong = self.error(first + 2, message);
                wrong.column += 1 + inside.get(..offset).unwrap_or_default().chars().count();
                return Err(wrong);
            }
        };
        Ok(if negated { Tree::Not(Box::new(node)) } else { node })
    }

    /// The token by its number; empty at the end.
    fn text(&self, token: usize) -> &'e str {
        self.tokens.get(token).map_or("", |token| &self.expression[token.start..token.end])
    }

    fn peek(&self) -> &'e str {
        self.text(self.next)
    }

    fn expected(&self, what: &str) -> SelectionError {
        self.expected_at(self.next, what)
    }

    fn expected_at(&self, token: usize, what: &str) -> SelectionError {
        let found = match self.text(token) {
            "" => "the end".to_owned(),
            text => format!("'{}'", Text::from(text)),
        };
        self.error(token, format!("expected {what}, found {found}"))
    }

    fn error(&self, token: usize, message: String) -> SelectionError {
        let start = self.tokens.get(token).map_or(self.expression.len(), |token| token.start);
        SelectionError { column: self.expression[..start].chars().count() + 1, message }
    }
}

fn one_of(mut nodes: Vec<Tree>, several: fn(Vec<Tree>) -> Tree) -> Tree {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => several(nodes),
    }
}

/// A regular expression of octets, that may be other than UTF-8, asked only whether it fits.
fn build(pattern: &str) -> Result<Regex, Box<BuildError>> {
    let config = Regex::config().nfa_size_limit(Some(REGEX_SIZE)).utf8_empty(false).which_captures(WhichCaptures::None);
    Regex::builder().configure(config).syntax(syntax::Config::new().utf8(false)).build(pattern).map_err(Box::new)
}

/// Where a regular expression is wrong, in octets, and why.
fn flaw(error: &BuildError) -> (usize, String) {
    use regex_syntax::Error;
    if let Some(limit) = error.size_limit() {
        return (0, format!("the regular expression takes more than {limit} octets"));
    }
    match error.syntax_error() {
        Some(Error::Parse(error)) => (error.span().start.offset, error.kind().to_string()),
        Some(Error::Translate(error)) => (error.span().start.offset, error.kind().to_string()),
        _ => (0, "this regular expression cannot be used".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Selection;
    use super::super::tests::{error, load, selects, web};
    use super::*;

    #[test]
    fn a_regular_expression_fits_anywhere_in_a_field() {
        for expression in [
            r#"host =~ "^web\d+$""#,
            "item.host=~'eb0'",
            r#"plugin !~ "load""#,
            r#"user =~ "(?i)ALICE""#,
            r#"not message =~ "x""#,
            r#"message !~ "x""#,
            r#"type_instance =~ "idle|user" and host =~ "web""#,
            r#"host =~ "db" or plugin == "cpu" and value == 7"#,
            r#"not (host =~ "db" or value != 7)"#,
            r#"(host =~ "web" or host in ("a", "b")) and plugin not in ("load",) and time < 5"#,
        ] {
            assert!(selects(expression, &web()), "{expression}");
        }
        assert!(selects(r#"host =~ "(?-u)\xff""#, &load()) && !selects(r#"host =~ "^..$""#, &load()));
        assert!(!selects(r#"message =~ "x""#, &web()));
    }

    #[test]
    fn letters_are_those_of_all_languages() {
        let identifier = collectd_net::Identifier { host: "grün".into(), ..Default::default() };
        let item = Item::Notification(collectd_net::Notification {
            identifier,
            time: collectd_net::Time::from_raw(1),
            severity: collectd_net::Severity::Okay,
            message: "".into(),
            protection: collectd_net::Protection::None,
            user: None,
        });
        for expression in [
            r#"host =~ "^\w{4}$""#,
            r#"host =~ "^gr.n$""#,
            r#"host =~ "(?i)GRÜN""#,
            r#"host =~ "[äöü]n""#,
            r#"host =~ "^\p{L}+$""#,
            r#"host =~ "^\p{Latin}+$""#,
            r#"host !~ "\p{Greek}|\P{Age=1.1}""#,
        ] {
            assert!(selects(expression, &item), "{expression}");
        }
    }

    #[test]
    fn and_or_and_not_bind_as_in_core() {
        for bits in 0..16_u32 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
            for (form, expected) in [
                ("A or B and C", a || b && c),
                ("A and B or C and D", a && b || c && d),
                ("not A and B", !a && b),
                ("not not A or B", a || b),
                ("not (not (A and B) or not (C or D))", a && b && (c || d)),
                ("((A)) and not ((B or (C)) and D)", a && !((b || c) && d)),
            ] {
                let names = [('A', a), ('B', b), ('C', c), ('D', d)];
                // Every second one is core's.
                let expression = names.iter().enumerate().fold(form.to_owned(), |form, (place, (name, holds))| {
                    let comparison = match (place % 2, holds) {
                        (0, true) => "host =~ 'w.b'",
                        (0, false) => "host =~ 'w.c'",
                        (_, true) => "value == 7",
                        (_, false) => "value == 8",
                    };
                    form.replace(*name, comparison)
                });
                assert_eq!(selects(&expression, &web()), expected, "{expression}");
            }
        }
    }

    #[test]
    fn errors_have_their_column() {
        for (expression, expected) in [
            (r#"host =~ "a(b""#, "column 11: unclosed group"),
            (r#"'ä' == host and host =~ "é[""#, "column 27: unclosed character class"),
            ("host =~ x", "column 9: expected a regular expression in quotes, found 'x'"),
            ("host =~", "column 8: expected a regular expression in quotes, found the end"),
            ("host =~ and value > 1", "column 9: expected a regular expression in quotes, found 'and'"),
            (r#"value =~ "1""#, &format!("column 1: expected {FIELDS}, found 'value'")),
            (r#"host =~ "a" "b""#, "column 13: expected 'and', 'or' or the end, found '\"b\"'"),
            (r#"host =~ "a" and x == 1"#, "column 17: expected a field (host"),
            (r#"(host =~ "a" and )"#, "column 18: expected a field, a string or a number, found ')'"),
            (r#"host =~ "a" or"#, "column 15: expected a field, a string or a number, found the end"),
            (r#"(host =~ "a""#, "column 13: expected 'and', 'or' or ')', found the end"),
            (r#"host =~ "a")"#, "column 12: expected 'and', 'or' or the end, found ')'"),
            ("host =~ \"a", "column 11: expected a closing quote"),
            (r#"host == "a" and x"#, "column 17: expected a field"),
        ] {
            let error = error(expression);
            assert!(error.starts_with(expected), "{expression}\n{error}");
        }
    }

    #[test]
    fn what_would_take_too_much_is_refused() {
        assert!(error(r#"host =~ "(?:a{1000}){1000}""#).contains("takes more than 1048576 octets"));
        let deep = format!("{}host =~ 'a'{}", "(".repeat(17), ")".repeat(17));
        assert_eq!(error(&deep), "column 17: more than 16 parentheses inside each other");
        let many = vec!["host =~ 'a'"; 257].join(" or ");
        assert!(error(&many).ends_with("more than 256 comparisons beside regular expressions"));
        assert!(Selection::new(&format!("{}host =~ 'a'", "not ".repeat(100_000))).is_ok());
    }
}
