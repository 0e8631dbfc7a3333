//! Words of `collectd.conf`. Of several ways to read a word, the longest counts, as in the daemon's scanner.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use super::Value;

/// A word, or a mark between words.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Token {
    /// The end of a line.
    End,
    /// `<`
    Open,
    /// `/`
    Slash,
    /// `>`
    Close,
    /// An unquoted word, which may be a name too.
    Word(String),
    /// What can only be a value.
    Value(Value),
}

/// A token and the line that it begins in, from 1.
pub(super) type Placed = (usize, Token);

/// What cannot be read: the line, and why.
pub(super) type Wrong = (usize, &'static str);

/// Characters that stand for nothing: their lines.
pub(super) type Stray = (usize, char);

/// Takes a text apart.
pub(super) fn scan(text: &str) -> Result<(Vec<Placed>, Vec<Stray>), Wrong> {
    let (mut tokens, mut strays) = (Vec::new(), Vec::new());
    let (mut rest, mut line) = (text, 1);
    while let Some(first) = rest.chars().next() {
        if let Some(after) = line_end(rest) {
            tokens.push((line, Token::End));
            line += 1;
            rest = after;
            continue;
        }
        if let Some(after) = rest.strip_prefix('\\').and_then(line_end) {
            line += 1;
            rest = after;
            continue;
        }
        let mark = match first {
            '<' => Some(Token::Open),
            '/' => Some(Token::Slash),
            '>' => Some(Token::Close),
            _ => None,
        };
        match first {
            ' ' | '\t' | '\u{8}' => rest = &rest[1..],
            '#' => rest = &rest[rest.find('\n').unwrap_or(rest.len())..],
            '"' => {
                let (string, after) = quoted(&rest[1..]).ok_or((line, "the closing quote is missing"))?;
                tokens.push((line, Token::Value(Value::Text(string))));
                line += rest[..rest.len() - after.len()].matches('\n').count();
                rest = after;
            }
            _ => {
                let (token, length) = mark.map(|mark| (mark, 1)).or_else(|| word(rest)).unzip();
                match token {
                    Some(token) => tokens.push((line, token)),
                    None => strays.push((line, first)),
                }
                rest = &rest[length.unwrap_or(first.len_utf8())..];
            }
        }
    }
    // The daemon insists on a last newline; there is no doubt about what is meant without it.
    tokens.push((line, Token::End));
    Ok((tokens, strays))
}

/// What comes after the end of a line that is here.
fn line_end(text: &str) -> Option<&str> {
    text.strip_prefix("\r\n").or_else(|| text.strip_prefix('\n'))
}

/// A string up to its closing quote, and what comes after. A backslash takes the next character as it is; at the end of a line it
/// takes the line's end away, and the blanks that the next one begins with.
fn quoted(text: &str) -> Option<(String, &str)> {
    let (mut string, mut rest) = (String::new(), text);
    loop {
        let mut characters = rest.chars();
        match characters.next()? {
            '"' => return Some((string, characters.as_str())),
            '\\' => match line_end(characters.as_str()) {
                Some(after) => rest = after.trim_start_matches([' ', '\t', '\u{8}']),
                None => {
                    string.push(characters.next()?);
                    rest = characters.as_str();
                }
            },
            other => {
                string.push(other);
                rest = characters.as_str();
            }
        }
    }
}

/// The word at the beginning of a text, and its length.
fn word(text: &str) -> Option<(Token, usize)> {
    let run = |belongs: fn(char) -> bool| text.find(|c: char| !belongs(c)).unwrap_or(text.len());
    let plain = run(|c| c.is_ascii_alphanumeric() || c == '_');
    let address = address(&text[..run(|c| c.is_ascii_hexdigit() || matches!(c, '.' | ':' | '[' | ']'))]);
    let number = number(text);
    if address > 0 && address >= plain.max(number) {
        return Some((Token::Word(text[..address].into()), address));
    }
    if number > 0 && number >= plain {
        return Some((Token::Value(Value::Number(text[..number].into())), number));
    }
    let token = match &text[..plain] {
        "" => return None,
        "true" | "yes" | "on" => Token::Value(Value::Boolean(true)),
        "false" | "no" | "off" => Token::Value(Value::Boolean(false)),
        word => Token::Word(word.into()),
    };
    Some((token, plain))
}

/// The length of the longest address, with or without a port, that a text begins with.
fn address(text: &str) -> usize {
    let is_address = |text: &str| {
        let inner = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
        inner.map_or_else(|| text.parse::<IpAddr>().is_ok(), |inner| inner.parse::<Ipv6Addr>().is_ok())
            || text.parse::<SocketAddr>().is_ok_and(|address| address.port() != 0)
    };
    // The longest of all: an IPv6 address that ends like an IPv4 address, in brackets, with a port.
    let longest = text.len().min(64);
    (1..=longest).rev().find(|length| is_address(&text[..*length])).unwrap_or(0)
}

/// The length of the longest number that a text begins with.
fn number(text: &str) -> usize {
    let digits = |text: &str| text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let octets = text.as_bytes();
    if let [b'0', b'x' | b'X', rest @ ..] = octets {
        let digits = rest.iter().take_while(|octet| octet.is_ascii_hexdigit()).count();
        if digits > 0 {
            return 2 + digits;
        }
    }
    let sign = usize::from(text.starts_with(['+', '-']));
    let whole = sign + digits(&text[sign..]);
    let fraction = text[whole..].strip_prefix('.').map_or(0, digits);
    if fraction == 0 {
        return if whole > sign { whole } else { 0 };
    }
    let end = whole + 1 + fraction;
    // The daemon wants a sign in an exponent.
    let exponent = match octets.get(end..end + 2) {
        Some([b'e' | b'E', b'+' | b'-']) => digits(&text[end + 2..]),
        _ => 0,
    };
    if exponent == 0 { end } else { end + 2 + exponent }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tokens(text: &str) -> Vec<Token> {
        let (tokens, strays) = scan(text).expect("it can be read");
        assert_eq!(strays, [], "{text}");
        tokens.into_iter().map(|(_, token)| token).filter(|token| *token != Token::End).collect()
    }

    fn word(text: &str) -> Token {
        Token::Word(text.into())
    }

    fn string(text: &str) -> Token {
        Token::Value(Value::Text(text.into()))
    }

    fn number(text: &str) -> Token {
        Token::Value(Value::Number(text.into()))
    }

    #[test]
    fn the_longest_way_to_read_a_word_counts() {
        for (text, token) in [
            ("network", word("network")),
            ("on", Token::Value(Value::Boolean(true))),
            ("once", word("once")),
            ("On", word("On")),
            ("25826", number("25826")),
            ("-1.5e+3", number("-1.5e+3")),
            (".5", number(".5")),
            ("0x1F", number("0x1F")),
            ("3com", word("3com")),
            ("10.0.0.1", word("10.0.0.1")),
            ("10.0.0.1:25826", word("10.0.0.1:25826")),
            ("ff18::efc0:4a42", word("ff18::efc0:4a42")),
            ("[ff18::efc0:4a42]:25826", word("[ff18::efc0:4a42]:25826")),
            ("::", word("::")),
        ] {
            assert_eq!(tokens(text), [token], "{text}");
        }
    }

    #[test]
    fn quotes_take_everything_and_backslashes_the_next_character() {
        assert_eq!(tokens(r#""a b#c""#), [string("a b#c")]);
        assert_eq!(tokens(r#""say \"hi\" \\ \n""#), [string(r#"say "hi" \ n"#)]);
        assert_eq!(tokens("\"two\nlines\""), [string("two\nlines")]);
        assert_eq!(tokens("\"one \\\n\t  line\""), [string("one line")]);
        assert_eq!(tokens("\"one \\\r\n line\""), [string("one line")]);
        assert_eq!(scan("a\n\"b\nc").unwrap_err().0, 2);
        assert!(scan("\"b\\").is_err());
    }

    #[test]
    fn comments_and_continued_lines_are_not_there() {
        assert_eq!(tokens("a \\\n b # c \\\nd"), [word("a"), word("b"), word("d")]);
        let (tokens, _) = scan("a \\\n b\r\nc").expect("it can be read");
        let (a, b, c) = ((1, word("a")), (2, word("b")), (3, word("c")));
        assert_eq!(tokens, [a, b, (2, Token::End), c, (3, Token::End)]);
    }

    #[test]
    fn what_stands_for_nothing_is_told() {
        let (tokens, strays) = scan("host web-ä").expect("it can be read");
        assert_eq!(strays, [(1, '-'), (1, 'ä')]);
        assert_eq!(tokens.len(), 3);
    }
}
