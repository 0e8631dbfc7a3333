//! The two sides of a comparison, what may stand between them, and which go together.

use super::error::FilterError;
use super::field::{Field, NAMES, NumberField, TextField, WordField};
use super::number::Number;
use super::program::{NumberOperand, Operator, Relation, Test};
use super::token::{Token, Tokens};

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
    pub(super) fn new(token: Token<'e>) -> Result<Self, FilterError> {
        let expected = |what| FilterError::expected(what, token);
        if token.string().is_some() {
            return Ok(Self::Text(Source::Literal(token)));
        }
        if token.is_number() {
            let number = Number::parse(token.text).ok_or_else(|| expected("a decimal number of at most 19 digits"))?;
            let rounds = token.text.bytes().any(|octet| matches!(octet, b'.' | b'e' | b'E'));
            return Ok(Self::Number(NumberOperand::Literal { number, rounds }));
        }
        if token.is_word() {
            return Ok(match Field::from_name(token.text).ok_or_else(|| expected(NAMES))? {
                Field::Text(field) => Self::Text(Source::Field(field)),
                Field::Number(field) => Self::Number(NumberOperand::Field(field)),
                Field::Word(field) => Self::Word(field),
            });
        }
        Err(expected("a field, a string or a number"))
    }
}

/// The next operator, which must be possible behind `left`, and whether what it says is to be negated.
pub(super) fn operator(left: Operand<'_>, tokens: &mut Tokens<'_>) -> Result<(Operator, bool), FilterError> {
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
            token => return Err(FilterError::expected("'in'", token)),
        },
        "~" => Operator::Glob,
        _ => return Err(FilterError::expected("an operator (== != < <= > >= in not in ~)", token)),
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
    Err(FilterError::expected(possible, token))
}

/// Whether `field` is the word that `token` says.
pub(super) fn word(field: WordField, token: Token<'_>) -> Result<Test, FilterError> {
    let word = token.string().and_then(|word| field.word(word));
    word.map(Test::Word).ok_or_else(|| FilterError::expected(field.words(), token))
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
