//! The two sides of a comparison, what may stand between them, and which go together.

use super::field::{Field, NAMES, NumberField, TextField, WordField};
use super::number::Number;
use super::program::{NumberOperand, Operator, Relation, Test};
use super::token::{Failed, Token, Tokens};

/// One side of a comparison.
#[derive(Clone, Copy)]
pub(super) enum Operand<'e> {
    Text(Source<'e>),
    Number(NumberOperand),
    Word(WordField),
}

/// Where text comes from.
#[derive(Clone, Copy)]
pub(super) enum Source<'e> {
    Field(TextField),
    Literal(Token<'e>),
}

impl<'e> Operand<'e> {
    /// What `token` is as one side.
    #[inline(never)]
    pub(super) fn new(token: Token<'e>, tokens: &mut Tokens<'e>) -> Result<Self, Failed> {
        let mut what = "a field, a string or a number";
        if token.string().is_some() {
            return Ok(Self::Text(Source::Literal(token)));
        }
        if token.is_number() {
            if let Some(number) = Number::parse(token.text) {
                let rounds = token.text.bytes().any(|octet| matches!(octet, b'.' | b'e' | b'E'));
                return Ok(Self::Number(NumberOperand::Literal { number, rounds }));
            }
            what = "a decimal number of at most 19 digits";
        }
        if token.is_word() {
            if let Some(field) = Field::from_name(token.text) {
                return Ok(match field {
                    Field::Text(field) => Self::Text(Source::Field(field)),
                    Field::Number(field) => Self::Number(NumberOperand::Field(field)),
                    Field::Word(field) => Self::Word(field),
                });
            }
            what = NAMES;
        }
        Err(tokens.expected(what, token))
    }
}

/// The next operator, which must be possible behind `left`, and whether what it says is to be negated.
pub(super) fn operator(left: &Operand<'_>, tokens: &mut Tokens<'_>) -> Result<(Operator, bool), Failed> {
    let token = tokens.next()?;
    let operator = match token.text {
        "==" | "!=" => Operator::Relation(Relation::Equal),
        "<" => Operator::Relation(Relation::Less),
        "<=" => Operator::Relation(Relation::AtMost),
        ">" => Operator::Relation(Relation::Greater),
        ">=" => Operator::Relation(Relation::AtLeast),
        "in" => Operator::In,
        "not" => match tokens.next()? {
            Token { text: "in", .. } => Operator::In,
            token => return Err(tokens.expected("'in'", token)),
        },
        "~" => Operator::Glob,
        _ => return Err(tokens.expected("an operator (== != < <= > >= in not in ~)", token)),
    };
    let possible = match (left, operator) {
        (Operand::Text(_), _)
        | (Operand::Number(_), Operator::Relation(_))
        | (Operand::Number(NumberOperand::Field(_)), Operator::In)
        | (Operand::Word(_), Operator::Relation(Relation::Equal) | Operator::In) => {
            return Ok((operator, matches!(token.text, "!=" | "not")));
        }
        (Operand::Number(NumberOperand::Field(_)), _) => "== != < <= > >= in or not in",
        (Operand::Number(NumberOperand::Literal { .. }), _) => "== != < <= > or >=",
        (Operand::Word(_), _) => "== != in or not in",
    };
    Err(tokens.expected(possible, token))
}

/// Whether `field` is the word that `token` says.
pub(super) fn word(field: WordField, token: Token<'_>, tokens: &mut Tokens<'_>) -> Result<Test, Failed> {
    match token.string().and_then(|word| field.word(word)) {
        Some(word) => Ok(Test::Word(word)),
        None => Err(tokens.expected(field.words(), token)),
    }
}

/// A comparison of numbers, with the field that may hold several of them on the left.
///
/// `None` for values compared with values: that would be as many comparisons as a packet has values, squared.
pub(super) fn number(relation: Relation, left: NumberField, right: NumberOperand) -> Option<Test> {
    Some(match (left, right) {
        (NumberField::Value, NumberOperand::Field(NumberField::Value)) => return None,
        (_, NumberOperand::Field(NumberField::Value)) => {
            Test::Number { relation: relation.reversed(), left: NumberField::Value, right: NumberOperand::Field(left) }
        }
        (NumberField::Time | NumberField::Interval, NumberOperand::Literal { number, .. }) => Test::Number {
            relation,
            left,
            right: NumberOperand::Literal { number: number.nearest_unit(), rounds: false },
        },
        _ => Test::Number { relation, left, right },
    })
}
