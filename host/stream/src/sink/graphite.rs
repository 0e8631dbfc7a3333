//! Graphite's plaintext protocol, with the names that collectd's plugin write_graphite gives by default.
//!
//! ```text
//! web01.interface-eth0.if_octets.rx 48082944 1237749608
//! ```
//!
//! Characters that mean something to Graphite become `_`, and everything that could harm a reader; so two names may become one.
//! NaN, infinities and notifications are left out, and counted. Refusals have no line: the protocol has no comments, and a
//! receiver counts what is no metric as an error.

use collectd_net::text::is_unsafe;
use collectd_net::{Error, Item, Text, Value};

use super::number::{Number, push_integer};
use super::{Entry, LeftOut, Origin, Sink};
use crate::sources::Name;

/// Writes lines for Graphite.
#[derive(Debug, Default)]
pub struct Graphite {
    left_out: LeftOut,
    path: String,
}

impl Sink for Graphite {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let Item::ValueList(list) = entry.item else {
            self.left_out.notifications += 1;
            return false;
        };
        let before = out.len();
        let path = &mut self.path;
        path.clear();
        let [host, plugin, plugin_instance, type_, type_instance] = list.identifier.fields();
        component(host, path);
        for (name, instance) in [(plugin, plugin_instance), (type_, type_instance)] {
            path.push('.');
            component(name, path);
            if !instance.is_empty() {
                path.push('-');
                component(instance, path);
            }
        }
        // Rounded to the nearest second, as the daemon does.
        let seconds = list.time.secs() + (list.time.fraction() >> 29);
        for (place, value) in list.values.iter().enumerate() {
            if matches!(value, Value::Gauge(number) if !number.is_finite()) {
                self.left_out.values += 1;
                continue;
            }
            out.push_str(path);
            if list.values.len() > 1 {
                out.push('.');
                match entry.sources.get(place) {
                    Name::Word(name) => component(name.into(), out),
                    Name::Number(place) => push_integer(place, out),
                }
            }
            out.push(' ');
            Number(value).push(out);
            out.push(' ');
            push_integer(seconds, out);
            out.push('\n');
        }
        out.len() > before
    }

    fn refusal(&mut self, _: &Error, _: &Origin<'_>, _: &mut String) {}

    fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

/// What stands for each character of ASCII. Besides the daemon's characters `;` is replaced, since tags would begin behind it.
static ASCII: [u8; 128] = {
    let mut table = [b'_'; 128];
    let mut octet = b'!';
    while octet < 0x7f {
        if !matches!(octet, b'.' | b'"' | b'\\' | b':' | b'!' | b',' | b'/' | b'(' | b')' | b';') {
            table[octet as usize] = octet;
        }
        octet += 1;
    }
    table
};

/// A part of a path.
fn component(text: Text<'_>, out: &mut String) {
    let octets = text.as_octets();
    if octets.is_ascii() {
        return out
            .extend(octets.iter().filter_map(|octet| ASCII.get(usize::from(*octet))).map(|octet| char::from(*octet)));
    }
    for chunk in octets.utf8_chunks() {
        out.extend(chunk.valid().chars().map(|character| match ASCII.get(character as usize) {
            Some(octet) => char::from(*octet),
            None if character.is_whitespace() || is_unsafe(character) => '_',
            None => character,
        }));
        out.extend(chunk.invalid().iter().map(|_| '_'));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_graphite_would_read_otherwise_is_replaced() {
        for (octets, expected) in [
            (&b"web01.example.net"[..], "web01_example_net"),
            (b"a b\tc\n", "a_b_c_"),
            (b"\"\\:!,/();", "_________"),
            (b"a-b_c~[*]{}=", "a-b_c~[*]{}="),
            ("grün\u{3000}\u{a0}\u{202e}".as_bytes(), "grün___"),
            (b"\xffa\xe2\x82", "_a__"),
        ] {
            let mut out = String::new();
            component(Text::new(octets), &mut out);
            assert_eq!(out, expected);
        }
    }
}
