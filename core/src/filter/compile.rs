//! From an expression to a program, in one pass and without recursion.
//!
//! ```text
//! expression := all ( "or" all )*
//! all        := one ( "and" one )*
//! one        := "not" one | "(" expression ")" | comparison
//! comparison := operand operator operand | operand [ "not" ] "in" "(" operand ( "," operand )* [ "," ] ")"
//! operator   := "==" | "!=" | "<" | "<=" | ">" | ">=" | "in" | "not" "in" | "~"
//! ```
//!
//! What is compiled of any of these is a run of operations whose targets are inside the run or still open, that is,
//! [`ACCEPT`] or [`REJECT`]. So `and` sends the open yeses of the run on its left to what comes next, `or` the noes,
//! and `not` exchanges them. For each operation that is a look at all others, once more for each of the parentheses
//! around it.

use core::mem;

use heapless::{Vec, VecView};

use super::error::{FilterCause, FilterError};
use super::literal;
use super::operand::{self, Operand, Source};
use super::program::{ACCEPT, NumberOperand, Op, Operator, REJECT, Relation, Test, TextOperand};
use super::token::{Failed, Token, Tokens};

/// How many parentheses may be open at a time.
const DEPTH: usize = 16;

/// Compiles `expression` into operations and the texts they need, both empty before.
pub(super) fn compile(expression: &str, ops: &mut VecView<Op>, texts: &mut VecView<u8>) -> Result<(), FilterError> {
    let mut compiler = Compiler { tokens: Tokens::new(expression), ops, texts };
    _ = compiler.expression();
    compiler.tokens.outcome()
}

struct Compiler<'e, 'f> {
    tokens: Tokens<'e>,
    ops: &'f mut VecView<Op>,
    texts: &'f mut VecView<u8>,
}

/// What is between two parentheses, or everything outside.
#[derive(Clone, Copy, Default)]
struct Group {
    /// Its first operation.
    start: u16,
    /// The first operation behind its last `or`.
    all: u16,
    /// Whether a `not` stands before it.
    negated: bool,
}

impl<'e> Compiler<'e, '_> {
    fn expression(&mut self) -> Result<(), Failed> {
        let mut outer = Vec::<Group, DEPTH>::new();
        let mut group = Group::default();
        loop {
            let (token, negated) = self.nots()?;
            let start = self.next_op();
            if token.text == "(" {
                let around = mem::replace(&mut group, Group { start, all: start, negated });
                if outer.push(around).is_err() {
                    let cause = FilterCause::TooDeep { depth: DEPTH };
                    return Err(self.tokens.fail(FilterError { column: token.column, cause }));
                }
                continue;
            }
            self.comparison(token)?;
            if negated {
                self.negate(start);
            }
            loop {
                let token = self.tokens.next()?;
                match (token.text, outer.last()) {
                    ("and", _) => {
                        self.go_on(group.all, ACCEPT);
                        break;
                    }
                    ("or", _) => {
                        self.go_on(group.start, REJECT);
                        group.all = self.next_op();
                        break;
                    }
                    (")", Some(around)) => {
                        if group.negated {
                            self.negate(group.start);
                        }
                        group = *around;
                        outer.pop();
                    }
                    ("", None) => return Ok(()),
                    (_, None) => return Err(self.tokens.expected("'and', 'or' or the end", token)),
                    (_, Some(_)) => return Err(self.tokens.expected("'and', 'or' or ')'", token)),
                }
            }
        }
    }

    /// The first token behind any number of `not`, and whether this number is odd.
    fn nots(&mut self) -> Result<(Token<'e>, bool), Failed> {
        let mut negated = false;
        loop {
            match self.tokens.next()? {
                Token { text: "not", .. } => negated = !negated,
                token => return Ok((token, negated)),
            }
        }
    }

    /// A comparison that begins with `first`.
    fn comparison(&mut self, first: Token<'e>) -> Result<(), Failed> {
        let start = self.next_op();
        let left = Operand::new(first, &mut self.tokens)?;
        let (operator, negated) = operand::operator(&left, &mut self.tokens)?;
        let right = self.tokens.next()?;
        if operator == Operator::In && right.text == "(" {
            self.list(&left)?;
        } else {
            self.test(&left, operator, right)?;
        }
        if negated {
            self.negate(start);
        }
        Ok(())
    }

    /// The rest of a list: whether `left` equals one of its members.
    fn list(&mut self, left: &Operand<'e>) -> Result<(), Failed> {
        let start = self.next_op();
        let mut member = self.tokens.next()?;
        loop {
            self.go_on(start, REJECT);
            self.test(left, Operator::Relation(Relation::Equal), member)?;
            let token = self.tokens.next()?;
            match token.text {
                "," => member = self.tokens.next()?,
                ")" => return Ok(()),
                _ => return Err(self.tokens.expected("',' or ')'", token)),
            }
            if member.text == ")" {
                return Ok(());
            }
        }
    }

    /// Adds the operation that compares `left` with the operand `token`.
    #[inline(never)]
    fn test(&mut self, left: &Operand<'e>, operator: Operator, token: Token<'e>) -> Result<(), Failed> {
        let test = match (*left, operator) {
            (Operand::Text(left), _) => match (left, Operand::new(token, &mut self.tokens)?) {
                (_, Operand::Text(Source::Field(_))) if operator == Operator::Glob => {
                    return Err(self.tokens.expected("a pattern", token));
                }
                (_, Operand::Text(right)) => Test::Text {
                    operator,
                    left: self.text(left, false)?,
                    right: self.text(right, operator == Operator::Glob)?,
                },
                (Source::Literal(left), Operand::Word(field)) if operator == Operator::Relation(Relation::Equal) => {
                    operand::word(field, left, &mut self.tokens)?
                }
                _ => return Err(self.tokens.expected("a string or a field of text", token)),
            },
            (Operand::Number(left), Operator::Relation(relation)) => {
                let test = match (left, Operand::new(token, &mut self.tokens)?) {
                    (NumberOperand::Field(left), Operand::Number(right)) => operand::number(relation, left, right),
                    (literal, Operand::Number(NumberOperand::Field(field))) => {
                        operand::number(relation.reversed(), field, literal)
                    }
                    (NumberOperand::Literal { .. }, _) => {
                        return Err(self.tokens.expected("value, time or interval", token));
                    }
                    _ => None,
                };
                match test {
                    Some(test) => test,
                    None => return Err(self.tokens.expected("a number or another field of numbers", token)),
                }
            }
            (Operand::Word(field), Operator::Relation(_)) => operand::word(field, token, &mut self.tokens)?,
            _ => return Err(self.tokens.expected("a list in parentheses", token)),
        };
        if self.next_op() >= REJECT || self.ops.push(Op { test, yes: ACCEPT, no: REJECT }).is_err() {
            return Err(self.tokens.full("operations of the filter", token));
        }
        Ok(())
    }

    /// Text for an operation; a literal gets its place.
    fn text(&mut self, source: Source<'e>, is_pattern: bool) -> Result<TextOperand, Failed> {
        Ok(match source {
            Source::Field(field) => TextOperand::Field(field),
            Source::Literal(token) => literal::store(token, is_pattern, self.texts, &mut self.tokens)?,
        })
    }

    /// The index of the operation that comes next.
    fn next_op(&self) -> u16 {
        u16::try_from(self.ops.len()).unwrap_or(REJECT)
    }

    /// Sends the operations from `start` that end with `exit` to the next one instead.
    fn go_on(&mut self, start: u16, exit: u16) {
        let next = self.next_op();
        for op in self.ops.iter_mut().skip(usize::from(start)) {
            for target in [&mut op.yes, &mut op.no] {
                if *target == exit {
                    *target = next;
                }
            }
        }
    }

    /// Lets the operations from `start` end the other way.
    fn negate(&mut self, start: u16) {
        for op in self.ops.iter_mut().skip(usize::from(start)) {
            for target in [&mut op.yes, &mut op.no] {
                *target = match *target {
                    ACCEPT => REJECT,
                    REJECT => ACCEPT,
                    inside => inside,
                };
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::filter::tests::{notification, value_list};
    use crate::{Filter, Value};

    fn error(expression: &str) -> String {
        match Filter::<32, 256>::new(expression) {
            Ok(_) => panic!("{expression}"),
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn not_binds_tighter_than_and_and_this_than_or() {
        let item = value_list(&[Value::Derive(0)]);
        // Every combination of four comparisons that hold or do not.
        for bits in 0..16_u32 {
            let [a, b, c, d] = [0, 1, 2, 3].map(|bit| bits >> bit & 1 == 1);
            for (form, expected) in [
                ("A or B and C", a || b && c),
                ("A and B or C", a && b || c),
                ("A or B and C or D", a || b && c || d),
                ("A and B or C and D", a && b || c && d),
                ("(A or B) and (C or D)", (a || b) && (c || d)),
                ("A and (B or C) and D", a && (b || c) && d),
                ("not A and B", !a && b),
                ("not (A and B)", !(a && b)),
                ("not not A", a),
                ("not not not A or B", !a || b),
                ("not (A or not B) and not C or D", !a && b && !c || d),
                ("not (not (A and B) or not (C or D))", a && b && (c || d)),
                ("((A)) and not ((B or (C)) and D)", a && !((b || c) && d)),
                ("A or not (B and (C or not D))", a || !(b && (c || !d))),
            ] {
                let expression =
                    [('A', a), ('B', b), ('C', c), ('D', d)].iter().fold(form.to_owned(), |form, (name, holds)| {
                        form.replace(*name, if *holds { "value == 0" } else { "value == 1" })
                    });
                let filter: Filter = Filter::new(&expression).unwrap();
                assert_eq!(filter.matches(&item), expected, "{expression}");
            }
        }
    }

    #[test]
    fn targets_are_always_further_on() {
        let expression = "not (host == 'a' or (user in ('b', 'c') and not (value > 1 or time < 2))) \
                          and type != 'd' or kind == 'values'";
        let filter: Filter = Filter::new(expression).unwrap();
        for (index, op) in filter.ops.iter().enumerate() {
            for target in [op.yes, op.no] {
                assert!(usize::from(target) > index);
                assert!(usize::from(target) < filter.ops.len() || target >= super::REJECT);
            }
        }
    }

    #[test]
    fn blanks_are_needed_between_words_only() {
        for expression in ["(value>-1)and'swap'==plugin", "\n value\t>-1\r\nand\n(plugin=='swap')\n"] {
            let filter: Filter = Filter::new(expression).unwrap();
            assert!(filter.matches(&value_list(&[Value::Gauge(0.0)])) && !filter.matches(&notification()));
        }
        assert_eq!(
            error("value>-1and plugin=='swap'"),
            "column 7: expected a decimal number of at most 19 digits, found '-1and'"
        );
    }

    #[test]
    fn operations_run_out_with_the_comparison_that_does_not_fit() {
        assert!(Filter::<2, 0>::new("value > 1 and time > 2").is_ok());
        let error_of_two = Filter::<2, 0>::new("value > 1 and time > 2 or 3<value").unwrap_err();
        assert_eq!(error_of_two.to_string(), "column 29: no room left: operations of the filter");
        assert_eq!(Filter::<2, 9>::new("host in ('a', 'b', 'c')").unwrap_err().column, 20);
        assert!(Filter::<0, 9>::new("value > 1").is_err());
        let many = vec!["value == 1"; 40].join(" or ");
        assert_eq!(error(&many), format!("column {}: no room left: operations of the filter", 32 * 14 + 10));
        let more = vec!["value == 1"; 70_000].join(" or ");
        assert!(Filter::<500, 0>::new(&more).is_err());
    }

    #[test]
    fn text_runs_out_with_the_string_that_does_not_fit() {
        assert!(Filter::<4, 3>::new("host == 'abc' and severity == 'failure'").is_ok());
        let error = Filter::<4, 3>::new("host == 'ab' and plugin == 'cd'").unwrap_err();
        assert_eq!(error.to_string(), "column 28: no room left: text of the filter");
        // What is too long for the offsets is too long, however much room there is.
        let long = format!("host == '{}'", "a".repeat(65_536));
        assert!(Filter::<1, 65_535>::new(&long.replacen('a', "", 1)).is_ok());
        assert!(Filter::<1, 65_536>::new(&long).is_err());
    }

    #[test]
    fn parentheses_are_as_deep_as_they_may_be() {
        let nested = |depth| format!("{}value == 1{}", "(".repeat(depth), ")".repeat(depth));
        assert!(Filter::<1, 0>::new(&nested(16)).is_ok());
        assert_eq!(error(&nested(17)), "column 17: more than 16 parentheses inside each other");
        assert_eq!(error(&"(".repeat(100_000)), "column 17: more than 16 parentheses inside each other");
        assert!(Filter::<1, 0>::new(&("not ".repeat(100_001) + "value == 1")).is_ok());
        assert!(Filter::<2, 0>::new(&format!("{} and {0}", nested(16))).is_ok());
    }
}
