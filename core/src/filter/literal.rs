//! String literals, without their quotes and escapes, in the filter's own text.

use heapless::VecView;

use super::error::{FilterCause, FilterError};
use super::glob;
use super::program::TextOperand;
use super::token::{Token, characters};
use crate::Full;

/// Appends what the string `token` means to `texts`.
///
/// In a pattern a backslash before one of its signs stays, so that `"\*"` says there what `"\\*"` says.
pub(super) fn store(token: Token<'_>, is_pattern: bool, texts: &mut VecView<u8>) -> Result<TextOperand, FilterError> {
    let full = FilterError { column: token.column, cause: FilterCause::Full(Full { what: "text of the filter" }) };
    let from = texts.len();
    let inside = token.string().unwrap_or_default();
    let mut rest = inside;
    while let Some((plain, escape)) = rest.split_once('\\') {
        texts.extend_from_slice(plain.as_bytes()).map_err(|_| full)?;
        let (octet, behind) = match unescape(escape) {
            Some(unescaped) => unescaped,
            None if is_pattern && escape.starts_with(['*', '?', '[', ']', '-', '!']) => (b'\\', escape),
            None => return Err(bad_escape(token, inside, escape)),
        };
        texts.push(octet).map_err(|_| full)?;
        rest = behind;
    }
    texts.extend_from_slice(rest.as_bytes()).map_err(|_| full)?;
    if is_pattern && !texts.get(from..).is_some_and(glob::is_valid) {
        return Err(FilterError::expected("a pattern with every [ closed and nothing missing behind \\", token));
    }
    let (start, end) = (u16::try_from(from).map_err(|_| full)?, u16::try_from(texts.len()).map_err(|_| full)?);
    Ok(TextOperand::Literal { start, end })
}

/// What a backslash before `escape` means, and what comes behind.
fn unescape(escape: &str) -> Option<(u8, &str)> {
    let (sign, behind) = escape.split_at_checked(1)?;
    Some(match sign {
        "\\" | "\"" | "'" => (*sign.as_bytes().first()?, behind),
        "n" => (b'\n', behind),
        "t" => (b'\t', behind),
        "x" => {
            let (digits, behind) = behind.split_at_checked(2)?;
            // Not even a sign may stand before the digits.
            let octet = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
            (octet, behind)
        }
        _ => return None,
    })
}

/// The error for the backslash in `token` that has `escape` behind it.
fn bad_escape(token: Token<'_>, inside: &str, escape: &str) -> FilterError {
    let before = inside.len().saturating_sub(escape.len()).saturating_sub(1);
    let (before, from) = inside.split_at_checked(before).unwrap_or_default();
    let text = from.char_indices().nth(2).and_then(|(end, _)| from.get(..end)).unwrap_or(from);
    let column = token.column.saturating_add(1).saturating_add(characters(before));
    FilterError::expected(r#"one of the escapes \\ \" \' \n \t \xNN"#, Token { text, column })
}

#[cfg(test)]
mod tests {
    use heapless::Vec;

    use super::*;

    fn stored<const CAPACITY: usize>(text: &str, is_pattern: bool) -> Result<Vec<u8, CAPACITY>, String> {
        let mut texts = Vec::<u8, CAPACITY>::new();
        match store(Token { text, column: 10 }, is_pattern, &mut texts) {
            Ok(TextOperand::Literal { start: 0, end }) if usize::from(end) == texts.len() => Ok(texts),
            Ok(other) => panic!("{other:?}"),
            Err(error) => Err(error.to_string()),
        }
    }

    #[test]
    fn escapes_stand_for_octets() {
        for (text, octets) in [
            (r#""""#, &b""[..]),
            (r"'grün'", "grün".as_bytes()),
            (r#""a\\b\"c\'d\n\t\x00\xfF""#, b"a\\b\"c'd\n\t\0\xff"),
            (r"'\\n'", b"\\n"),
        ] {
            assert_eq!(stored::<32>(text, false).unwrap(), octets, "{text}");
        }
    }

    #[test]
    fn a_bad_escape_is_shown_with_its_column() {
        for (text, column, found) in [
            (r"'\q'", 11, r"\q"),
            (r"'äö\x1'", 13, r"\x"),
            (r"'\\\+'", 13, r"\+"),
            (r"'\x+1'", 11, r"\x"),
            (r"'\xä'", 11, r"\x"),
            (r"'ab\ü'", 13, r"\ü"),
            (r"'\*'", 11, r"\*"),
        ] {
            let expected =
                format!(r#"column {column}: expected one of the escapes \\ \" \' \n \t \xNN, found '{found}'"#);
            assert_eq!(stored::<32>(text, false).unwrap_err(), expected, "{text}");
        }
    }

    #[test]
    fn a_pattern_keeps_the_backslashes_before_its_signs() {
        assert_eq!(stored::<32>(r"'a\*\?\[b\\*\\\\'", true).unwrap(), br"a\*\?\[b\*\\");
        assert!(stored::<32>(r"'\q'", true).is_err());
        let error = "column 10: expected a pattern with every [ closed and nothing missing behind \\, found ''a[b''";
        assert_eq!(stored::<32>("'a[b'", true).unwrap_err(), error);
        assert!(stored::<32>(r"'a\\'", true).is_err());
        assert!(stored::<32>("'a[b'", false).is_ok());
    }

    #[test]
    fn text_that_does_not_fit_is_refused() {
        assert!(stored::<3>("'abc'", false).is_ok() && stored::<0>("''", false).is_ok());
        for text in ["'abcd'", r"'abc\n'", r"'ab\ncd'"] {
            assert_eq!(stored::<3>(text, false).unwrap_err(), "column 10: no room left: text of the filter");
        }
    }
}
