//! Which items are wanted: core's [`Filter`], and what only a PC has room for.
//!
//! - `web01/cpu*` alone is a pattern of the whole identifier, `host/plugin-instance/type-instance`. `*` stands for slashes, too,
//!   and what is left off at the end may be anything: `web01` is everything of that host.
//! - `host =~ "^web[0-9]+$"` is a comparison as any other; it holds if the regular expression on the right fits somewhere in the
//!   text field on the left. `!~` is its opposite. What stands between the quotes goes to the crate `regex` as it is.
//!
//! Everything else is core's language. An expression with regular expressions is a tree here, the leaves of which are these or
//! filters of core's with a single comparison; `and`, `or`, `not` and parentheses are as core has them.

use std::fmt;

use collectd_net::{Filter, Item, Notification, Protection, Severity, Text, Time};
use regex::bytes::{Regex, RegexBuilder};

/// A filter with room for what people write on a command line.
type Comparisons = Filter<256, 4096>;

/// How many parentheses may be open at a time, as in core.
const DEPTH: usize = 16;
/// How many comparisons there may be beside regular expressions.
const MAX_LEAVES: usize = 256;
/// Octets that a compiled regular expression may take.
const REGEX_SIZE: usize = 1 << 20;

/// An expression that items match or do not.
#[derive(Clone, Debug)]
pub struct Selection {
    root: Node,
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
    /// use collectd_tap::Selection;
    ///
    /// assert!(Selection::new(r#"host =~ "^web\d+$" and not value < 5"#).is_ok());
    /// assert!(Selection::new("web*/cpu-*").is_ok());
    /// let error = Selection::new(r#"host =~ "web[""#).unwrap_err();
    /// assert_eq!(error.to_string(), "column 13: unclosed character class");
    /// ```
    pub fn new(expression: &str) -> Result<Self, SelectionError> {
        if is_pattern(expression) {
            return Ok(Self { root: Node::Pattern(pattern(expression)?), looks_at_values: false });
        }
        let tokens = tokens(expression).ok_or_else(|| SelectionError {
            column: expression.chars().count() + 1,
            message: "expected a closing quote, found the end".into(),
        })?;
        let word = |token: &Token| &expression[token.start..token.end];
        let looks_at_values = tokens.iter().any(|token| matches!(word(token), "value" | "item.value"));
        let root = if tokens.iter().any(|token| is_match(word(token)).is_some()) {
            Parser { expression, tokens: &tokens, next: 0, leaves: 0 }.whole()?
        } else {
            Node::Comparisons(comparisons(expression)?)
        };
        Ok(Self { root, looks_at_values })
    }

    /// Whether `item` is wanted.
    #[must_use]
    pub fn matches(&self, item: &Item<'_>) -> bool {
        self.root.matches(item)
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
enum Node {
    /// Asks for a host that is the whole identifier.
    Pattern(Box<Comparisons>),
    Comparisons(Box<Comparisons>),
    Regex {
        field: Field,
        regex: Regex,
    },
    Not(Box<Self>),
    All(Vec<Self>),
    Any(Vec<Self>),
}

impl Node {
    fn matches(&self, item: &Item<'_>) -> bool {
        match self {
            Self::Pattern(filter) => filter.matches(&as_host(item, &mut Vec::with_capacity(128))),
            Self::Comparisons(filter) => filter.matches(item),
            Self::Regex { field, regex } => field.of(item).is_some_and(|text| regex.is_match(text.as_octets())),
            Self::Not(node) => !node.matches(item),
            Self::All(nodes) => nodes.iter().all(|node| node.matches(item)),
            Self::Any(nodes) => nodes.iter().any(|node| node.matches(item)),
        }
    }
}

/// A field that regular expressions look at.
#[derive(Clone, Copy, Debug)]
enum Field {
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

/// Whether this is a pattern of identifiers: every expression has a blank, a quote, a parenthesis or an operator.
fn is_pattern(expression: &str) -> bool {
    !expression.is_empty() && !expression.contains([' ', '\t', '\n', '\r', '"', '\'', '(', ')', '=', '<', '>', '~'])
}

fn pattern(pattern: &str) -> Result<Box<Comparisons>, SelectionError> {
    let literal = pattern.replace('\\', r"\\");
    Filter::new(&format!(r#"host ~ "{literal}" or host ~ "{literal}/*""#)).map(Box::new).map_err(|_| SelectionError {
        column: 1,
        message: format!(
            "expected a pattern of identifiers with every [ closed and nothing missing behind \\, found '{}'",
            Text::from(pattern)
        ),
    })
}

/// An item with the whole identifier in the place of its host.
fn as_host<'a>(item: &Item<'_>, octets: &'a mut Vec<u8>) -> Item<'a> {
    let [host, plugin, plugin_instance, type_, type_instance] = item.identifier().fields().map(Text::as_octets);
    octets.extend_from_slice(host);
    for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
        octets.push(b'/');
        octets.extend_from_slice(name);
        if !instance.is_empty() {
            octets.push(b'-');
            octets.extend_from_slice(instance);
        }
    }
    let identifier = collectd_net::Identifier { host: Text::new(octets), ..Default::default() };
    Item::Notification(Notification {
        identifier,
        time: Time::from_raw(1),
        severity: Severity::Okay,
        message: "".into(),
        protection: Protection::None,
        user: None,
    })
}

fn comparisons(expression: &str) -> Result<Box<Comparisons>, SelectionError> {
    Filter::new(expression)
        .map(Box::new)
        .map_err(|error| SelectionError { column: error.column, message: error.cause.to_string() })
}

/// Whether this is an operator of regular expressions, and whether a negated one.
fn is_match(operator: &str) -> Option<bool> {
    match operator {
        "=~" => Some(false),
        "!~" => Some(true),
        _ => None,
    }
}

/// A piece of the expression.
#[derive(Clone, Copy, Debug)]
struct Token {
    start: usize,
    end: usize,
}

/// Cuts an expression as core does, as far as it matters here. `None` if a string has no end.
fn tokens(expression: &str) -> Option<Vec<Token>> {
    let octets = expression.as_bytes();
    let inside_word = |octet: &u8| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'.');
    let mut tokens = Vec::new();
    let mut start = 0;
    while let Some(first) = octets.get(start) {
        let length = match first {
            b' ' | b'\t' | b'\n' | b'\r' => {
                start += 1;
                continue;
            }
            b'"' | b'\'' => {
                let mut escaped = false;
                let end = octets[start + 1..].iter().position(|octet| {
                    let ends = octet == first && !escaped;
                    escaped = *octet == b'\\' && !escaped;
                    ends
                });
                end? + 2
            }
            b'=' | b'!' if octets.get(start + 1) == Some(&b'~') => 2,
            octet if inside_word(octet) => octets[start..].iter().take_while(|octet| inside_word(octet)).count(),
            _ => expression[start..].chars().next().map_or(1, char::len_utf8),
        };
        tokens.push(Token { start, end: start + length });
        start += length;
    }
    Some(tokens)
}

struct Parser<'e> {
    expression: &'e str,
    tokens: &'e [Token],
    next: usize,
    leaves: usize,
}

impl<'e> Parser<'e> {
    fn whole(mut self) -> Result<Node, SelectionError> {
        let node = self.any(0)?;
        match self.peek() {
            "" => Ok(node),
            _ => Err(self.expected("'and', 'or' or the end")),
        }
    }

    fn any(&mut self, depth: usize) -> Result<Node, SelectionError> {
        let mut nodes = vec![self.all(depth)?];
        while self.peek() == "or" {
            self.next += 1;
            nodes.push(self.all(depth)?);
        }
        Ok(one_of(nodes, Node::Any))
    }

    fn all(&mut self, depth: usize) -> Result<Node, SelectionError> {
        let mut nodes = vec![self.one(depth)?];
        while self.peek() == "and" {
            self.next += 1;
            nodes.push(self.one(depth)?);
        }
        Ok(one_of(nodes, Node::All))
    }

    fn one(&mut self, depth: usize) -> Result<Node, SelectionError> {
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
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
    }

    /// A comparison: up to the next `and`, `or` or closing parenthesis outside of a list.
    fn comparison(&mut self) -> Result<Node, SelectionError> {
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
        comparisons(&padded).map(Node::Comparisons)
    }

    /// The tokens from `first` to the next one as a field, an operator and a string.
    fn regex(&self, first: usize) -> Result<Node, SelectionError> {
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
        let regex = RegexBuilder::new(inside).size_limit(REGEX_SIZE).build();
        let node = match regex {
            Ok(regex) => Node::Regex { field, regex },
            Err(error) => {
                let (offset, message) = flaw(inside, &error);
                let mut wrong = self.error(first + 2, message);
                wrong.column += 1 + inside.get(..offset).unwrap_or_default().chars().count();
                return Err(wrong);
            }
        };
        Ok(if negated { Node::Not(Box::new(node)) } else { node })
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

fn one_of(mut nodes: Vec<Node>, several: fn(Vec<Node>) -> Node) -> Node {
    match nodes.len() {
        1 => nodes.swap_remove(0),
        _ => several(nodes),
    }
}

/// Where a regular expression is wrong, in octets, and why.
fn flaw(pattern: &str, error: &regex::Error) -> (usize, String) {
    use regex_syntax::Error;
    if let regex::Error::CompiledTooBig(limit) = error {
        return (0, format!("the regular expression takes more than {limit} octets"));
    }
    match regex_syntax::ParserBuilder::new().utf8(false).build().parse(pattern) {
        Err(Error::Parse(error)) => (error.span().start.offset, error.kind().to_string()),
        Err(Error::Translate(error)) => (error.span().start.offset, error.kind().to_string()),
        _ => (0, "this regular expression cannot be used".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Identifier, ValueList, Values};

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

    fn web() -> Item<'static> {
        value_list(Identifier {
            host: "web01".into(),
            plugin: "cpu".into(),
            plugin_instance: "0".into(),
            type_: "cpu".into(),
            type_instance: "idle".into(),
        })
    }

    fn load() -> Item<'static> {
        value_list(Identifier {
            host: Text::new(b"db\xff"),
            plugin: "load".into(),
            type_: "load".into(),
            ..Identifier::default()
        })
    }

    fn selects(expression: &str, item: &Item<'_>) -> bool {
        Selection::new(expression).unwrap_or_else(|error| panic!("{expression}: {error}")).matches(item)
    }

    fn error(expression: &str) -> String {
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

    #[test]
    fn it_is_known_whether_values_decide() {
        for (expression, looks) in [
            ("web01/*", false),
            ("host == 'value'", false),
            ("value > 1", true),
            ("host =~ 'a' and item.value > 1", true),
        ] {
            assert_eq!(Selection::new(expression).expect(expression).looks_at_values(), looks, "{expression}");
        }
    }
}
