//! What expressions consist of.

/// A piece of the expression.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) start: usize,
    pub(super) end: usize,
}

/// Cuts an expression as core does, as far as it matters here. `None` if a string has no end.
pub(super) fn tokens(expression: &str) -> Option<Vec<Token>> {
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

/// Whether this is an operator of regular expressions, and whether a negated one.
pub(super) fn is_match(operator: &str) -> Option<bool> {
    match operator {
        "=~" => Some(false),
        "!~" => Some(true),
        _ => None,
    }
}
