//! String literals, without their quotes and escapes, in the filter's own text.

use heapless::VecView;

use super::glob;
use super::program::TextOperand;
use super::token::{Failed, Token, Tokens, characters};

/// Appends what the string `token` means to `texts`.
///
/// In a pattern a backslash before one of its signs stays, so that `"\*"` says there what `"\\*"` says.
pub(super) fn store<'e>(
    token: Token<'e>,
    is_pattern: bool,
    texts: &mut VecView<u8>,
    tokens: &mut Tokens<'e>,
) -> Result<TextOperand, Failed> {
    const FULL: &str = "text of the filter";
    let from = texts.len();
    let inside = token.string().unwrap_or_default();
    let mut rest = inside.as_bytes();
    while let Some((first, mut behind)) = rest.split_first() {
        let mut octet = *first;
        if octet == b'\\' {
            match unescape(behind) {
                Some(unescaped) => (octet, behind) = unescaped,
                None if is_pattern && matches!(behind, [b'*' | b'?' | b'[' | b']' | b'-' | b'!', ..]) => {}
                None => return Err(bad_escape(token, inside, behind, tokens)),
            }
        }
        if texts.push(octet).is_err() {
            return Err(tokens.full(FULL, token));
        }
        rest = behind;
    }
    if is_pattern && !texts.get(from..).is_some_and(glob::is_valid) {
        return Err(tokens.expected("a pattern with every [ closed and nothing missing behind \\", token));
    }
    match (u16::try_from(from), u16::try_from(texts.len())) {
        (Ok(start), Ok(end)) => Ok(TextOperand::Literal { start, end }),
        _ => Err(tokens.full(FULL, token)),
    }
}

/// What a backslash before `escape` means, and what comes behind.
fn unescape(escape: &[u8]) -> Option<(u8, &[u8])> {
    let (sign, behind) = escape.split_first()?;
    Some(match sign {
        b'\\' | b'"' | b'\'' => (*sign, behind),
        b'n' => (b'\n', behind),
        b't' => (b'\t', behind),
        b'x' => {
            let ([high, low], behind) = behind.split_first_chunk()?;
            (hexadecimal(*high)? << 4 | hexadecimal(*low)?, behind)
        }
        _ => return None,
    })
}

fn hexadecimal(digit: u8) -> Option<u8> {
    u8::try_from(char::from(digit).to_digit(16)?).ok()
}

/// The error for the backslash in `token` that has `escape` behind it.
#[inline(never)]
fn bad_escape<'e>(token: Token<'e>, inside: &'e str, escape: &[u8], tokens: &mut Tokens<'e>) -> Failed {
    let before = inside.len().saturating_sub(escape.len()).saturating_sub(1);
    let (before, from) = inside.split_at_checked(before).unwrap_or_default();
    let text = from.char_indices().nth(2).and_then(|(end, _)| from.get(..end)).unwrap_or(from);
    let column = token.column.saturating_add(1).saturating_add(characters(before));
    tokens.expected(r#"one of the escapes \\ \" \' \n \t \xNN"#, Token { text, column })
}

#[cfg(test)]
mod tests {
    use heapless::Vec;

    use super::*;

    fn stored<const CAPACITY: usize>(text: &str, is_pattern: bool) -> Result<Vec<u8, CAPACITY>, String> {
        let mut texts = Vec::<u8, CAPACITY>::new();
        let mut tokens = Tokens::new("");
        match store(Token { text, column: 10 }, is_pattern, &mut texts, &mut tokens) {
            Ok(TextOperand::Literal { start: 0, end }) if usize::from(end) == texts.len() => Ok(texts),
            Ok(other) => panic!("{other:?}"),
            Err(Failed { .. }) => Err(tokens.outcome().unwrap_err().to_string()),
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
