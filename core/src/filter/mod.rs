//! Filters: which items are wanted, said in a line of text.

mod compile;
mod decimal;
mod error;
mod field;
mod glob;
mod literal;
mod number;
mod operand;
mod program;
#[cfg(test)]
mod tests;
mod token;

use heapless::Vec;

pub use error::{FilterCause, FilterError, Found};

use crate::Item;
use program::Op;

/// An expression that items match or do not, compiled.
///
/// ```
/// use collectd_net::{Decoder, Filter};
///
/// let filter: Filter = Filter::new(r#"host == "h" and plugin ~ "[a-p]*" and value >= 41.5"#)?;
/// let packet = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
/// let wanted = Decoder::new(packet).flatten().filter(|item| filter.matches(item));
/// assert_eq!(wanted.count(), 1);
/// # Ok::<(), collectd_net::FilterError>(())
/// ```
///
/// # Expressions
///
/// `"foobar" in item.host and item.plugin == "swap"` is one. They read as in Python; `item.` before a field may be left
/// out.
///
/// | field | is |
/// |---|---|
/// | `host` `plugin` `plugin_instance` `type` `type_instance` | text; an instance that is not there is empty |
/// | `value` | numbers, one or more; value lists only |
/// | `time` `interval` | seconds; an interval is in value lists only, if the sender says it |
/// | `message` | text; notifications only |
/// | `severity` | `"failure"`, `"warning"` or `"okay"`, in any case; notifications only |
/// | `kind` | `"values"` or `"notification"` |
/// | `user` | text: whose password protected the item; there only if one did |
///
/// | operator | holds if |
/// |---|---|
/// | `==` `!=` `<` `<=` `>` `>=` | two numbers are, or two texts by their octets; words only `==` and `!=` |
/// | `in`, `not in` a text | the text on the left stands somewhere in the one on the right |
/// | `in`, `not in` `("a", "b")` | the left equals one of the list; one in parentheses is a list too |
/// | `~` | the whole text on the left is as the pattern on the right says |
/// | `not`, `and`, `or`, `( )` | in this order, the first binds tightest |
///
/// Either side may be a field or a literal, except that a number needs a field on the other side, a pattern is a
/// literal, and values are not compared with values.
///
/// - Strings stand in `"` or `'`. Escapes are `\\` `\"` `\'` `\n` `\t` and `\xNN` for any octet.
/// - Numbers are decimal, with fraction and exponent if wanted: `42`, `-1.5`, `1e9`; 19 digits at most, or what fits 64
///   bits.
/// - Patterns know `*` for any octets, `?` for one, `[a-z]` for one of these, `[!a-z]` for one of the others; a
///   backslash makes the next one ordinary (`"\*"` and `"\\*"` are both a star). Octets, not characters: `ü` is two.
///
/// # What an item lacks
///
/// A comparison with something that the item lacks does not hold. `a != b` is exactly `not (a == b)`, and `a not in b`
/// exactly `not (a in b)`; so these hold then. `user != "joe"` lets unprotected items pass, `severity != "okay"` all
/// value lists.
///
/// A comparison with `value` holds if it does for at least one of the values. So `value != 1` holds if none of them is
/// 1, and `not (value < 1)` if none is below. NaN compares with nothing: a single NaN is `!= 1`, and neither
/// `< 1` nor `>= 1`.
///
/// # Exactness
///
/// Integers compare exactly, in all 64 bits, also with fractions: 9007199254740993 is above `9007199254740992.5`. What
/// is printed can be compared again: a literal with a point or an exponent stands for the nearest float where the value
/// is a gauge, so that one of 0.1 is `== 0.1`; and for the nearest 2⁻³⁰ s where it is a time or an interval. A literal
/// without stays the integer that it is.
///
/// # Room
///
/// A comparison takes one of the `OPS` operations, each member of a list too. The octets of all strings share `TEXT`.
/// Each operation runs at most once for an item. Comparing text takes time in proportion to it; `~`, and `in` at its
/// worst, to text times pattern.
#[derive(Clone, Debug)]
pub struct Filter<const OPS: usize = 32, const TEXT: usize = 256> {
    ops: Vec<Op, OPS>,
    texts: Vec<u8, TEXT>,
}

impl<const OPS: usize, const TEXT: usize> Filter<OPS, TEXT> {
    /// Compiles `expression`.
    ///
    /// # Errors
    /// [`FilterError`] says in which column what was expected, or what is too small for the expression.
    ///
    /// ```
    /// use collectd_net::Filter;
    ///
    /// let error = Filter::<32, 256>::new(r#"host == "h" and value > "x""#).unwrap_err();
    /// assert_eq!(error.to_string(), r#"column 25: expected a number or another field of numbers, found '"x"'"#);
    /// ```
    pub fn new(expression: &str) -> Result<Self, FilterError> {
        let mut filter = Self { ops: Vec::new(), texts: Vec::new() };
        compile::compile(expression, &mut filter.ops, &mut filter.texts)?;
        Ok(filter)
    }

    /// Whether `item` is wanted.
    #[must_use]
    pub fn matches(&self, item: &Item<'_>) -> bool {
        program::run(&self.ops, &self.texts, item)
    }
}
