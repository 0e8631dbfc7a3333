//! What an expression of a filter says, read a second time: from the documentation of `Filter`, with recursion, sets of items
//! and decimal fractions instead of a program. In no hurry.

use collectd_net::{Item, Value};

use crate::decimal::Decimal;
use crate::pattern;

/// An expression that is one.
pub struct Meaning {
    /// Which of the items it lets pass, a bit for each.
    pub wanted: u32,
    /// How many operations it takes.
    pub ops: usize,
    /// How many octets its strings have.
    pub text: usize,
    /// How many parentheses are inside each other.
    pub depth: usize,
}

impl Meaning {
    /// `None` if `expression` is none.
    #[must_use]
    pub fn of(expression: &str, items: &[Item<'_>]) -> Option<Self> {
        let reader = Reader { rest: expression, items, depth: 0, deepest: 0, ops: 0, text: 0 };
        reader.whole()
    }
}

struct Reader<'e, 'i> {
    rest: &'e str,
    items: &'i [Item<'i>],
    depth: usize,
    deepest: usize,
    ops: usize,
    text: usize,
}

/// One side of a comparison.
#[derive(Clone, Copy)]
enum Side<'e> {
    /// A string, as it stands between its quotes.
    String(&'e str),
    Number(&'e str),
    Field(&'e str),
}

/// What kind of things a side can be compared with.
#[derive(Clone, Copy, PartialEq)]
enum Sort {
    Text,
    Number,
    Word,
}

impl Side<'_> {
    fn sort(self) -> Option<Sort> {
        Some(match self {
            Self::String(_) => Sort::Text,
            Self::Number(_) => Sort::Number,
            Self::Field(name) => match name {
                "host" | "plugin" | "plugin_instance" | "type" | "type_instance" | "message" | "user" => Sort::Text,
                "value" | "time" | "interval" => Sort::Number,
                "severity" | "kind" => Sort::Word,
                _ => return None,
            },
        })
    }
}

impl<'e> Reader<'e, '_> {
    fn whole(mut self) -> Option<Meaning> {
        let wanted = self.any()?;
        let Self { ops, text, deepest: depth, .. } = self;
        (self.token()?.is_empty()).then_some(Meaning { wanted, ops, text, depth })
    }

    /// The next token without taking it; empty at the end. `None` for a string that has none.
    fn peek(&mut self) -> Option<&'e str> {
        self.rest = self.rest.trim_start_matches([' ', '\t', '\n', '\r']);
        let inside = |character: char| character.is_ascii_alphanumeric() || "_.".contains(character);
        let Some(first) = self.rest.chars().next() else { return Some("") };
        let mut end = first.len_utf8();
        match first {
            '"' | '\'' => loop {
                let next = self.rest[end..].chars().next()?;
                end += next.len_utf8();
                if next == '\\' {
                    end += self.rest[end..].chars().next()?.len_utf8();
                } else if next == first {
                    break;
                }
            },
            '0'..='9' | '+' | '-' => {
                while let Some(next) = self.rest[end..].chars().next() {
                    let signs = self.rest[..end].ends_with(['e', 'E']) && "+-".contains(next);
                    if !inside(next) && !signs {
                        break;
                    }
                    end += 1;
                }
            }
            'a'..='z' | 'A'..='Z' | '_' => end = self.rest.find(|next| !inside(next)).unwrap_or(self.rest.len()),
            '=' | '!' | '<' | '>' if self.rest[1..].starts_with('=') => end = 2,
            _ => {}
        }
        Some(&self.rest[..end])
    }

    fn token(&mut self) -> Option<&'e str> {
        let token = self.peek()?;
        self.rest = &self.rest[token.len()..];
        Some(token)
    }

    /// Takes the next token if it is this one.
    fn takes(&mut self, wanted: &str) -> Option<bool> {
        let found = self.peek()? == wanted;
        if found {
            self.token()?;
        }
        Some(found)
    }

    fn any(&mut self) -> Option<u32> {
        let mut wanted = self.all()?;
        while self.takes("or")? {
            wanted |= self.all()?;
        }
        Some(wanted)
    }

    fn all(&mut self) -> Option<u32> {
        let mut wanted = self.one()?;
        while self.takes("and")? {
            wanted &= self.one()?;
        }
        Some(wanted)
    }

    fn one(&mut self) -> Option<u32> {
        if self.takes("not")? {
            return Some(self.one()? ^ self.every());
        }
        if !self.takes("(")? {
            return self.comparison();
        }
        self.depth += 1;
        self.deepest = self.deepest.max(self.depth);
        let wanted = self.any()?;
        self.depth -= 1;
        self.takes(")")?.then_some(wanted)
    }

    /// Every item.
    fn every(&self) -> u32 {
        (1 << self.items.len()) - 1
    }

    fn side(&mut self) -> Option<Side<'e>> {
        let token = self.token()?;
        match token.chars().next()? {
            '"' | '\'' => Some(Side::String(&token[1..token.len() - 1])),
            '0'..='9' | '+' | '-' => Some(Side::Number(token)),
            'a'..='z' | 'A'..='Z' | '_' => Some(Side::Field(token.strip_prefix("item.").unwrap_or(token))),
            _ => None,
        }
    }

    fn comparison(&mut self) -> Option<u32> {
        let left = self.side()?;
        let mut operator = self.token()?;
        let negated = operator == "not" || operator == "!=";
        match operator {
            "not" => operator = self.token().filter(|token| *token == "in")?,
            "!=" => operator = "==",
            "==" | "<" | "<=" | ">" | ">=" | "in" | "~" => {}
            _ => return None,
        }
        let wanted = if operator == "in" && self.takes("(")? {
            if matches!(left, Side::Number(_)) {
                return None;
            }
            let mut wanted = 0;
            loop {
                let member = self.side()?;
                wanted |= self.compare(left, "==", member)?;
                match (self.takes(",")?, self.takes(")")?) {
                    (_, true) => break wanted,
                    (true, false) => {}
                    (false, false) => return None,
                }
            }
        } else {
            let right = self.side()?;
            self.compare(left, operator, right)?
        };
        Some(if negated { wanted ^ self.every() } else { wanted })
    }

    fn compare(&mut self, left: Side<'e>, operator: &str, right: Side<'e>) -> Option<u32> {
        self.ops += 1;
        let ordered = |order: std::cmp::Ordering| match operator {
            "==" => order.is_eq(),
            "<" => order.is_lt(),
            "<=" => order.is_le(),
            ">" => order.is_gt(),
            _ => order.is_ge(),
        };
        let relation = !matches!(operator, "in" | "~");
        match (left.sort()?, right.sort()?) {
            (Sort::Text, Sort::Text) => {
                if operator == "~" && matches!(right, Side::Field(_)) {
                    return None;
                }
                let (left, right) = (self.text(left, false)?, self.text(right, operator == "~")?);
                let pattern = match (operator, &right) {
                    ("~", Text::Literal(pattern)) => pattern::parse(pattern)?,
                    _ => Vec::new(),
                };
                Some(self.which(|item| {
                    let (Some(left), Some(right)) = (left.of(item), right.of(item)) else { return false };
                    match operator {
                        "in" => left.is_empty() || right.windows(left.len()).any(|octets| octets == left),
                        "~" => pattern::fits(&pattern, left),
                        _ => ordered(left.cmp(right)),
                    }
                }))
            }
            (Sort::Number, Sort::Number) if relation => {
                let fields = |side| matches!(side, Side::Field(_));
                let values = |side| matches!(side, Side::Field("value"));
                if !fields(left) && !fields(right) || values(left) && values(right) {
                    return None;
                }
                let (left, right) = (number(left)?, number(right)?);
                Some(self.which(|item| {
                    let pairs = pairs(&left, &right, item);
                    pairs.iter().any(|(left, right)| ordered(left.cmp(right)))
                }))
            }
            (Sort::Word, Sort::Text) if operator == "==" => self.word(left, right),
            (Sort::Text, Sort::Word) if operator == "==" => self.word(right, left),
            _ => None,
        }
    }

    fn which(&self, wanted: impl Fn(&Item<'_>) -> bool) -> u32 {
        (0..).zip(self.items).map(|(place, item)| u32::from(wanted(item)) << place).sum()
    }

    fn word(&mut self, field: Side<'_>, word: Side<'_>) -> Option<u32> {
        let (Side::Field(field), Side::String(word)) = (field, word) else { return None };
        let known = match field {
            "kind" => ["values", "notification"].contains(&word),
            _ => ["failure", "warning", "okay"].contains(&&*word.to_ascii_lowercase()),
        };
        known.then(|| {
            self.which(|item| match (field, item) {
                ("kind", Item::ValueList(_)) => word == "values",
                ("kind", Item::Notification(_)) => word == "notification",
                (_, Item::ValueList(_)) => false,
                (_, Item::Notification(note)) => word.to_ascii_lowercase() == note.severity.name(),
            })
        })
    }

    /// Text as a side has it, with escapes resolved.
    fn text(&mut self, side: Side<'e>, pattern: bool) -> Option<Text<'e>> {
        let mut left = match side {
            Side::String(inside) => inside.as_bytes(),
            Side::Field(name) => return Some(Text::Field(name)),
            Side::Number(_) => return None,
        };
        let mut octets = Vec::new();
        while let [first, behind @ ..] = left {
            left = behind;
            if *first != b'\\' {
                octets.push(*first);
                continue;
            }
            let (octet, behind) = match behind {
                [octet @ (b'\\' | b'"' | b'\''), behind @ ..] => (*octet, behind),
                [b'n', behind @ ..] => (b'\n', behind),
                [b't', behind @ ..] => (b'\t', behind),
                [b'x', high, low, behind @ ..] => {
                    let digit = |digit: &u8| char::from(*digit).to_digit(16);
                    (u8::try_from(digit(high)? * 16 + digit(low)?).ok()?, behind)
                }
                [b'*' | b'?' | b'[' | b']' | b'-' | b'!', ..] if pattern => (b'\\', behind),
                _ => return None,
            };
            octets.push(octet);
            left = behind;
        }
        self.text += octets.len();
        Some(Text::Literal(octets))
    }
}

enum Text<'e> {
    Literal(Vec<u8>),
    Field(&'e str),
}

impl Text<'_> {
    fn of<'a>(&'a self, item: &Item<'a>) -> Option<&'a [u8]> {
        let name = match self {
            Self::Literal(octets) => return Some(octets),
            Self::Field(name) => *name,
        };
        let [host, plugin, plugin_instance, type_, type_instance] = item.identifier().fields();
        let text = match (name, item) {
            ("host", _) => host,
            ("plugin", _) => plugin,
            ("plugin_instance", _) => plugin_instance,
            ("type", _) => type_,
            ("type_instance", _) => type_instance,
            ("user", _) => item.user()?,
            (_, Item::ValueList(_)) => return None,
            (_, Item::Notification(note)) => note.message,
        };
        Some(text.as_octets())
    }
}

/// One side of a comparison of numbers.
enum Number<'e> {
    Field(&'e str),
    /// What is written; what it stands for where a gauge is compared, and where a time is.
    Literal([Decimal; 3]),
}

fn number(side: Side<'_>) -> Option<Number<'_>> {
    match side {
        Side::Field(name) => Some(Number::Field(name)),
        Side::Number(text) => Decimal::literal(text).map(Number::Literal),
        Side::String(_) => None,
    }
}

/// What is compared with what: nothing if the item lacks one of them, several times if it has several values.
fn pairs(left: &Number<'_>, right: &Number<'_>, item: &Item<'_>) -> Vec<(Decimal, Decimal)> {
    let time = |name: &str| match (name, item) {
        ("time", _) => Some(Decimal::units(item.time().raw().into())),
        ("interval", Item::ValueList(list)) => list.interval.map(|interval| Decimal::units(interval.raw().into())),
        _ => None,
    };
    let values = |other: &Number<'_>| match item {
        Item::Notification(_) => Vec::new(),
        Item::ValueList(list) => {
            let pair = |value: Value| {
                let own = Decimal::of(value)?;
                let other = match (other, value) {
                    (Number::Literal([_, float, _]), Value::Gauge(_)) => float.clone(),
                    (Number::Literal([exact, ..]), _) => exact.clone(),
                    (Number::Field(name), _) => time(name)?,
                };
                Some((own, other))
            };
            list.values.iter().filter_map(pair).collect()
        }
    };
    let single = |number: &Number<'_>| match number {
        Number::Field(name) => time(name),
        Number::Literal([.., unit]) => Some(unit.clone()),
    };
    match (left, right) {
        (Number::Field("value"), other) => values(other),
        (other, Number::Field("value")) => values(other).into_iter().map(|(own, other)| (other, own)).collect(),
        _ => single(left).zip(single(right)).into_iter().collect(),
    }
}
