//! What an expression is compiled to: tests, each of which says where to go on.
//!
//! ```text
//! "foobar" in host and plugin == "swap"
//!
//!      test                 yes      no
//! 0    "foobar" in host     1        reject
//! 1    plugin == "swap"     accept   reject
//! ```
//!
//! `and`, `or`, `not` and parentheses are in the targets alone. A target is always further on, so no operation runs
//! twice.

use core::cmp::Ordering;

use super::field::{NumberField, TextField, Word};
use super::glob;
use super::number::Number;
use crate::{Item, Text, Value};

/// The target of those that let an item pass.
pub(super) const ACCEPT: u16 = u16::MAX;
/// The target of those that do not.
pub(super) const REJECT: u16 = ACCEPT - 1;

/// One step of a filter.
#[derive(Clone, Copy, Debug)]
pub(super) struct Op {
    pub(super) test: Test,
    /// Where to go on if the test holds.
    pub(super) yes: u16,
    /// Where to go on if it does not.
    pub(super) no: u16,
}

/// Whether the operations let `item` pass; `texts` is where their literals stand.
pub(super) fn run(ops: &[Op], texts: &[u8], item: &Item<'_>) -> bool {
    let mut next = 0;
    while let Some(op) = ops.get(usize::from(next)) {
        next = if op.test.holds(texts, item) { op.yes } else { op.no };
    }
    next == ACCEPT
}

/// What an operation asks.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    Text {
        operator: Operator,
        left: TextOperand,
        right: TextOperand,
    },
    /// Several values are on the left, if anywhere.
    Number {
        relation: Relation,
        left: NumberField,
        right: NumberOperand,
    },
    Word(Word),
}

impl Test {
    fn holds(&self, texts: &[u8], item: &Item<'_>) -> bool {
        match self {
            Self::Text { operator, left, right } => match (left.of(texts, item), right.of(texts, item)) {
                (Some(left), Some(right)) => operator.holds(left, right),
                _ => false,
            },
            Self::Number { relation, left, right } => number_holds(*relation, *left, right, item).unwrap_or_default(),
            Self::Word(word) => word.fits(item),
        }
    }
}

/// `None` if the item lacks something. Apart, so that tests of text are not slowed by what this has to prepare.
#[inline(never)]
fn number_holds(relation: Relation, left: NumberField, right: &NumberOperand, item: &Item<'_>) -> Option<bool> {
    let (right, rounds) = match right {
        NumberOperand::Field(field) => (field.of(item)?, false),
        NumberOperand::Literal { number, rounds } => (*number, *rounds),
    };
    if left != NumberField::Value {
        return left.of(item).map(|left| relation.holds(left.cmp(&right)));
    }
    let Item::ValueList(list) = item else {
        return None;
    };
    Some(list.values.iter().any(|value| {
        let right = if rounds && matches!(value, Value::Gauge(_)) { right.nearest_float() } else { right };
        Number::from_value(value).is_some_and(|left| relation.holds(left.cmp(&right)))
    }))
}

/// What is asked of two operands. The others, `!=` and `not in`, are these with their targets exchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Operator {
    Relation(Relation),
    In,
    Glob,
}

impl Operator {
    fn holds(self, left: &[u8], right: &[u8]) -> bool {
        match self {
            Self::Relation(Relation::Equal) => left == right,
            Self::Relation(relation) => relation.holds(left.cmp(right)),
            Self::In => Text::new(right).contains_octets(left),
            Self::Glob => glob::matches(right, left),
        }
    }
}

/// How two operands may stand in order.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Equal,
    Less,
    AtMost,
    Greater,
    AtLeast,
}

impl Relation {
    const fn holds(self, order: Ordering) -> bool {
        match self {
            Self::Equal => order.is_eq(),
            Self::Less => order.is_lt(),
            Self::AtMost => order.is_le(),
            Self::Greater => order.is_gt(),
            Self::AtLeast => order.is_ge(),
        }
    }

    /// The same with its operands exchanged.
    pub(super) const fn reversed(self) -> Self {
        match self {
            Self::Equal => Self::Equal,
            Self::Less => Self::Greater,
            Self::AtMost => Self::AtLeast,
            Self::Greater => Self::Less,
            Self::AtLeast => Self::AtMost,
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum TextOperand {
    Field(TextField),
    /// Where it stands among the texts.
    Literal {
        start: u16,
        end: u16,
    },
}

impl TextOperand {
    fn of<'a>(self, texts: &'a [u8], item: &Item<'a>) -> Option<&'a [u8]> {
        match self {
            Self::Field(field) => field.of(item),
            Self::Literal { start, end } => texts.get(usize::from(start)..usize::from(end)),
        }
    }
}

#[derive(Clone, Copy, Debug)]
pub(super) enum NumberOperand {
    Field(NumberField),
    Literal {
        number: Number,
        /// Whether it stands for the nearest float where it is compared with one.
        rounds: bool,
    },
}
