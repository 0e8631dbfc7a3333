//! Random expressions: none panics, and what compiles says what a walk over the tree says.

use super::{notification, value_list};
use crate::{Filter, Item, Value};

/// A linear congruential generator: the same numbers in every run.
struct Random(u64);

impl Random {
    fn below(&mut self, limit: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % limit
    }

    fn one_of<T: Copy>(&mut self, choice: &[T]) -> T {
        choice[self.below(choice.len())]
    }
}

enum Tree {
    /// A comparison, and what it says about each of the items.
    Leaf(&'static str, [bool; 3]),
    Not(Box<Tree>),
    And(Box<Tree>, Box<Tree>),
    Or(Box<Tree>, Box<Tree>),
}

/// What these say about the items of [`items`] was written down by hand.
const LEAVES: [(&str, [bool; 3]); 14] = [
    ("host == 'db'", [false, false, true]),
    ("plugin == type", [true, true, true]),
    ("'foo' in host", [true, true, false]),
    ("'foo' not in host", [false, false, true]),
    ("host ~ 'web*'", [true, true, false]),
    ("value > 3", [false, true, false]),
    ("value != 5", [true, false, true]),
    ("value in (0.5, 7)", [true, false, false]),
    ("value not in (1, 2, 5)", [true, false, true]),
    ("severity == \"warning\"", [false, false, true]),
    ("kind in ('values',)", [true, true, false]),
    ("user in ('jim', 'joe', 'jack')", [true, true, false]),
    ("item.time < 1700005001", [true, true, false]),
    ("10 <= interval", [true, true, false]),
];

fn items() -> [Item<'static>; 3] {
    [value_list(&[Value::Gauge(0.5)]), value_list(&[Value::Counter(5), Value::Gauge(f64::NAN)]), notification()]
}

impl Tree {
    fn random(random: &mut Random, depth: usize) -> Self {
        let next = |random: &mut Random| Box::new(Self::random(random, depth - 1));
        match random.below(if depth == 0 { 1 } else { 6 }) {
            0 => {
                let (text, says) = random.one_of(&LEAVES);
                Self::Leaf(text, says)
            }
            1 => Self::Not(next(random)),
            2 | 3 => Self::And(next(random), next(random)),
            _ => Self::Or(next(random), next(random)),
        }
    }

    fn says(&self, item: usize) -> bool {
        match self {
            Self::Leaf(_, says) => says[item],
            Self::Not(tree) => !tree.says(item),
            Self::And(left, right) => left.says(item) && right.says(item),
            Self::Or(left, right) => left.says(item) || right.says(item),
        }
    }

    /// With the parentheses that are needed where something that binds as tightly as `level` is expected, and some that
    /// are not.
    fn write(&self, level: usize, random: &mut Random) -> String {
        let (own, text) = match self {
            Self::Leaf(text, _) => (3, (*text).to_owned()),
            Self::Not(tree) => (2, format!("not {}", tree.write(2, random))),
            Self::And(left, right) => (1, format!("{} and {}", left.write(1, random), right.write(1, random))),
            Self::Or(left, right) => (0, format!("{} or {}", left.write(0, random), right.write(0, random))),
        };
        if own < level || random.below(10) == 0 { format!("({text})") } else { text }
    }
}

#[test]
fn random_expressions_say_what_their_trees_say() {
    let items = items();
    let mut random = Random(4);
    let mut accepted = 0;
    for _ in 0..20_000 {
        let tree = Tree::random(&mut random, 5);
        let expression = tree.write(0, &mut random);
        let filter = Filter::<128, 1024>::new(&expression).unwrap_or_else(|error| panic!("{expression}: {error}"));
        for (index, item) in items.iter().enumerate() {
            let says = tree.says(index);
            assert_eq!(filter.matches(item), says, "{expression}, item {index}");
            accepted += usize::from(says);
        }
    }
    assert!((15_000..45_000).contains(&accepted), "{accepted}");
}

#[test]
fn no_soup_of_tokens_panics() {
    const TOKENS: [&str; 40] = [
        "host",
        "item.plugin",
        "value",
        "time",
        "interval",
        "severity",
        "kind",
        "user",
        "message",
        "nothing",
        "and",
        "or",
        "not",
        "not in",
        "in",
        "==",
        "!=",
        "<",
        "<=",
        ">",
        ">=",
        "~",
        "(",
        ")",
        ",",
        "'a'",
        "\"swap\"",
        "'[a-z]*'",
        "'okay'",
        "'values'",
        "1",
        "-1.5e3",
        "1e",
        "'\\x4",
        "'\\x41'",
        "\"",
        "\\",
        "é",
        "'[",
        "\u{0}",
    ];
    let items = items();
    let mut random = Random(5);
    let mut compiled = 0;
    for _ in 0..300_000 {
        let count = random.below(12);
        let blank = random.one_of(&[" ", " ", ""]);
        let soup: Vec<_> = (0..count).map(|_| random.one_of(&TOKENS)).collect();
        let soup = soup.join(blank);
        match Filter::<4, 8>::new(&soup) {
            Ok(filter) => {
                compiled += 1;
                items.iter().for_each(|item| _ = filter.matches(item));
            }
            Err(error) => {
                assert!((1..=soup.chars().count() + 1).contains(&error.column), "{soup}");
                assert!(!error.to_string().contains(|character: char| character.is_control()));
            }
        }
    }
    assert!(compiled > 100, "{compiled}");
}

#[test]
fn no_random_characters_panic() {
    let mut random = Random(6);
    for _ in 0..100_000 {
        let octets: Vec<u8> = (0..random.below(24)).map(|_| (random.below(256) >> random.below(2)) as u8).collect();
        let text = String::from_utf8_lossy(&octets);
        let _ = Filter::<4, 8>::new(&text).map_err(|error| error.to_string());
        let _ = Filter::<4, 8>::new(&format!("host ~ '{text}'")).map(|filter| filter.matches(&notification()));
    }
}
