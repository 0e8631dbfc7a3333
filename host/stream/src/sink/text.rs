//! Foreign text, appended quickly where it is harmless, which it nearly always is.

use std::fmt::Write as _;
use std::net::SocketAddr;

use collectd_net::{Identifier, Text};

/// Appends an identifier in collectd's form, without what a notification leaves out.
pub(super) fn push_identifier(identifier: &Identifier<'_>, out: &mut String) {
    let Identifier { host, plugin, plugin_instance, type_, type_instance } = *identifier;
    push(host, out);
    for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
        if name.is_empty() && instance.is_empty() {
            continue;
        }
        out.push('/');
        push(name, out);
        if !instance.is_empty() {
            out.push('-');
            push(instance, out);
        }
    }
}

/// Appends text as its [`Display`](std::fmt::Display) shows it.
pub(super) fn push(text: Text<'_>, out: &mut String) {
    match plain(text, |_| false) {
        Some(plain) => out.push_str(plain),
        // A `String` takes everything.
        None => _ = write!(out, "{text}"),
    }
}

/// Appends text as [`push`] does, and a backslash before each of the characters that `special` names, which are ASCII.
pub(super) fn push_escaped(text: Text<'_>, special: impl Fn(u8) -> bool, out: &mut String) {
    if let Some(plain) = plain(text, &special) {
        return out.push_str(plain);
    }
    for character in text.to_string().chars() {
        if u8::try_from(character).is_ok_and(|octet| octet.is_ascii() && special(octet)) {
            out.push('\\');
        }
        out.push(character);
    }
}

/// Appends octets as two lower-case hexadecimal digits each.
pub(super) fn push_hex(octets: &[u8], out: &mut String) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * octets.len());
    for octet in octets {
        out.push(char::from(DIGITS[usize::from(octet >> 4)]));
        out.push(char::from(DIGITS[usize::from(octet & 0xf)]));
    }
}

/// A sender's address, which is the same for all items of a packet.
#[derive(Debug, Default)]
pub(super) struct Sender {
    from: Option<SocketAddr>,
    text: String,
}

impl Sender {
    /// The address as text; empty if there is none.
    #[inline]
    pub(super) fn text(&mut self, from: Option<SocketAddr>) -> &str {
        if self.from != from {
            self.text.clear();
            if let Some(from) = from {
                // A `String` takes everything.
                _ = write!(self.text, "{from}");
            }
            self.from = from;
        }
        &self.text
    }
}

/// The text as it is, if it is printable ASCII without special characters.
pub(super) fn plain(text: Text<'_>, special: impl Fn(u8) -> bool) -> Option<&str> {
    let harmless = |octet: &u8| matches!(octet, b' '..=b'~') && !special(*octet);
    if text.as_octets().iter().all(harmless) { text.to_str().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_is_appended_as_it_is_shown() {
        for octets in [&b"plain ~"[..], b"", b"a\x1b[31m\xff\n", "gr\u{fc}n\u{202e}".as_bytes(), b"\x7f"] {
            let mut out = String::new();
            push(Text::new(octets), &mut out);
            assert_eq!(out, Text::new(octets).to_string());
        }
    }

    #[test]
    fn an_identifier_has_no_more_than_it_says() {
        let mut identifier = Identifier {
            host: "web01".into(),
            plugin: "df".into(),
            plugin_instance: "root".into(),
            type_: "df_complex".into(),
            type_instance: "free".into(),
        };
        let pushed = |identifier: &Identifier<'_>| {
            let mut out = String::new();
            push_identifier(identifier, &mut out);
            out
        };
        assert_eq!(pushed(&identifier), identifier.to_string());
        identifier.type_ = "".into();
        assert_eq!(pushed(&identifier), "web01/df-root/-free");
        identifier.type_instance = "".into();
        assert_eq!(pushed(&identifier), "web01/df-root");
        assert_eq!(pushed(&Identifier::default()), "");
    }

    #[test]
    fn a_sender_is_written_anew_when_it_changes() {
        let mut sender = Sender::default();
        let [one, other] = ["10.0.0.1:1", "[::1]:2"].map(|text| text.parse().expect("an address"));
        for from in [None, Some(one), Some(one), Some(other), None, Some(one)] {
            assert_eq!(sender.text(from), from.map_or_else(String::new, |from: SocketAddr| from.to_string()));
        }
    }

    #[test]
    fn hexadecimal_has_two_digits_an_octet() {
        let mut out = String::from("x");
        push_hex(&[0, 0x7f, 0xa5], &mut out);
        assert_eq!(out, "x007fa5");
    }

    #[test]
    fn special_characters_get_a_backslash() {
        for (octets, expected) in
            [(&b"a"[..], "a"), (b"a\"b\\", r#"a\"b\\"#), (b"\n\"", r#"\\x0a\""#), ("ü\\".as_bytes(), r"ü\\")]
        {
            let mut out = String::new();
            push_escaped(Text::new(octets), |octet| matches!(octet, b'"' | b'\\'), &mut out);
            assert_eq!(out, expected);
        }
    }
}
