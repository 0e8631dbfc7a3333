//! Text of a stranger: kept as the octets that were sent, harmless when printed (`WIRE §4`).

use core::fmt::{self, Write as _};
use core::str::{self, Utf8Error};

use crate::octets::WIDE;

/// A name or a message, as the octets that were sent.
///
/// Nothing says that they are UTF-8, or that they are safe to print. [`Display`](fmt::Display) shows them safely: control
/// characters, invalid UTF-8 and characters that change how other text looks come out as `\x1b` or `\u{202e}`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Text<'a>(&'a [u8]);

impl<'a> Text<'a> {
    /// The text of these octets, whatever they are.
    #[must_use]
    pub const fn new(octets: &'a [u8]) -> Self {
        Self(octets)
    }

    /// From the body of a string part without its final NUL: ends at the first NUL, as it does for the daemon (`WIRE §4`).
    #[inline]
    pub(crate) fn until_nul(octets: &'a [u8]) -> Self {
        if may_have_nul(octets) { Self::cut_at_nul(octets) } else { Self(octets) }
    }

    /// As [`until_nul`](Self::until_nul), for octets that are likely to have one.
    #[cold]
    pub(crate) fn cut_at_nul(octets: &'a [u8]) -> Self {
        Self(position(octets, 0).and_then(|end| octets.get(..end)).unwrap_or(octets))
    }

    /// The octets as they were sent.
    #[must_use]
    pub const fn as_octets(self) -> &'a [u8] {
        self.0
    }

    /// The text as a string.
    ///
    /// # Errors
    /// When the octets are not UTF-8, which the protocol does not ask of them.
    pub const fn to_str(self) -> Result<&'a str, Utf8Error> {
        str::from_utf8(self.0)
    }

    /// Whether there is no octet at all; for an instance this means "none".
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.0.is_empty()
    }

    /// Whether `needle` stands somewhere in the text.
    #[must_use]
    pub fn contains(self, needle: &str) -> bool {
        self.contains_octets(needle.as_bytes())
    }

    /// Whether these octets stand somewhere in the text: looks for the first, then compares the others.
    #[inline(never)]
    pub(crate) fn contains_octets(self, needle: &[u8]) -> bool {
        let Some((first, others)) = needle.split_first() else {
            return true;
        };
        let mut left = self.0;
        while let Some(starts) = left.len().checked_sub(others.len()).and_then(|count| left.get(..count)) {
            let Some((_, octets)) = position(starts, *first).and_then(|at| left.get(at..)?.split_first()) else {
                return false;
            };
            if octets.starts_with(others) {
                return true;
            }
            left = octets;
        }
        false
    }

    /// How many octets there are.
    #[must_use]
    pub const fn len(self) -> usize {
        self.0.len()
    }
}

impl<'a> From<&'a str> for Text<'a> {
    fn from(text: &'a str) -> Self {
        Self(text.as_bytes())
    }
}

impl PartialEq<str> for Text<'_> {
    fn eq(&self, other: &str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl PartialEq<&str> for Text<'_> {
    fn eq(&self, other: &&str) -> bool {
        self.0 == other.as_bytes()
    }
}

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for chunk in self.0.utf8_chunks() {
            for piece in chunk.valid().split_inclusive(is_unsafe) {
                let (safe, last) = match piece.char_indices().next_back() {
                    Some((at, last)) if is_unsafe(last) => (piece.get(..at).unwrap_or_default(), Some(last)),
                    _ => (piece, None),
                };
                f.write_str(safe)?;
                match last.map(|last| (last, u32::from(last))) {
                    None => {}
                    Some((_, code @ 0..=0x7f)) => escape(f, u8::try_from(code).unwrap_or_default())?,
                    Some((last, _)) => fmt::Display::fmt(&last.escape_unicode(), f)?,
                }
            }
            for octet in chunk.invalid() {
                escape(f, *octet)?;
            }
        }
        Ok(())
    }
}

/// As `\x1b`.
fn escape(f: &mut fmt::Formatter<'_>, octet: u8) -> fmt::Result {
    f.write_str("\\x")?;
    for digit in [octet >> 4, octet & 0xf] {
        f.write_char(char::from_digit(digit.into(), 16).unwrap_or_default())?;
    }
    Ok(())
}

/// Text that is safe to print as it is; anything else as octets.
#[cfg(feature = "defmt")]
impl defmt::Format for Text<'_> {
    fn format(&self, f: defmt::Formatter<'_>) {
        match self.to_str() {
            Ok(text) if !text.contains(is_unsafe) => defmt::write!(f, "{=str}", text),
            _ => defmt::write!(f, "{=[u8]:a}", self.0),
        }
    }
}

/// Whether there is a NUL.
#[inline(always)]
pub(crate) fn has_nul(octets: &[u8]) -> bool {
    may_have_nul(octets) && is_nul_there(octets)
}

#[cold]
fn is_nul_there(octets: &[u8]) -> bool {
    position(octets, 0).is_some()
}

/// Whether there may be a NUL, many octets at a time: names are short, and this is asked for every one of them.
///
/// `false` is certain. `true` may also be due to octets that are not ASCII.
#[inline]
fn may_have_nul(octets: &[u8]) -> bool {
    if !WIDE {
        return may_have_nul_in_words(octets);
    }
    // What first and last chunk leave out is between them; where they overlap they agree.
    match (octets.first_chunk(), octets.last_chunk()) {
        (Some(first), Some(last)) if octets.len() <= 16 => (suspects(*first) | suspects(*last)) != 0,
        (Some(_), Some(last)) => {
            octets.as_chunks().0.iter().fold(suspects(*last), |found, chunk| found | suspects(*chunk)) != 0
        }
        _ => match (octets.first_chunk(), octets.last_chunk()) {
            (Some(&[a, b, c, d]), Some(&[e, f, g, h])) => suspects([a, b, c, d, e, f, g, h]) != 0,
            // Three octets at the most: the one in the middle is the first, the second or the last.
            _ => match (octets.first(), octets.get(octets.len() / 2), octets.last()) {
                (Some(first), Some(middle), Some(last)) => *first == 0 || *middle == 0 || *last == 0,
                _ => false,
            },
        },
    }
}

/// As [`may_have_nul`], four octets at a time; the last four overlap those before.
#[inline]
fn may_have_nul_in_words(octets: &[u8]) -> bool {
    match octets.last_chunk() {
        Some(last) => {
            let words = octets.as_chunks().0.iter();
            words.fold(borrows(*last), |found, word| found | borrows(*word)) & HIGH_BITS != 0
        }
        None => octets.contains(&0),
    }
}

/// The highest bit of each octet of a word.
const HIGH_BITS: u32 = 0x8080_8080;

/// The highest bit of an octet is set if that octet is zero; or, for fewer instructions, for the same reasons as in [`suspects`].
#[inline]
const fn borrows(octets: [u8; 4]) -> u32 {
    let word = u32::from_ne_bytes(octets);
    let borrows = word.wrapping_sub(HIGH_BITS >> 7);
    if cfg!(feature = "fast") { borrows } else { borrows & !word }
}

/// Not zero if one of the octets is zero, since only that borrows from its highest bit, or above 128.
#[inline]
const fn suspects(octets: [u8; 8]) -> u64 {
    const LOW: u64 = u64::from_ne_bytes([1; 8]);
    const HIGH: u64 = LOW << 7;
    u64::from_ne_bytes(octets).wrapping_sub(LOW) & HIGH
}

/// Where `wanted` stands first.
pub(crate) fn position(octets: &[u8], wanted: u8) -> Option<usize> {
    let (chunks, _) = octets.as_chunks::<8>();
    // Without an early exit, looking through a chunk becomes one instruction where there are such.
    let before =
        chunks.iter().take_while(|chunk| !chunk.iter().fold(false, |any, octet| any | (*octet == wanted))).count();
    let before = before.wrapping_mul(8);
    let behind = octets.get(before..)?.iter().position(|octet| *octet == wanted)?;
    behind.checked_add(before)
}

/// Whether `character` could harm a terminal, a log or a reader of lines: control characters, line and paragraph separators,
/// and everything invisible that changes the order or the look of other text.
///
/// [`Text`] escapes these characters; other writers of foreign text (JSON, for example) ask here.
#[must_use]
pub const fn is_unsafe(character: char) -> bool {
    // Unicode's categories Cc, Cf, Zl, Zp and Co, and what else nobody can see.
    matches!(
        character,
        '\0'..='\x1f'
            | '\x7f'..='\u{9f}'
            | '\u{ad}'
            | '\u{600}'..='\u{605}'
            | '\u{61c}'
            | '\u{6dd}'
            | '\u{70f}'
            | '\u{890}'..='\u{891}'
            | '\u{8e2}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{e000}'..='\u{f8ff}'
            | '\u{feff}'
            | '\u{fff0}'..='\u{fffb}'
            | '\u{fffe}'..='\u{ffff}'
            | '\u{110bd}'
            | '\u{110cd}'
            | '\u{13430}'..='\u{1345f}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{10ffff}'
    )
}

/// Writes `octets` as two lower-case hexadecimal digits each.
pub struct Hex<'a>(pub &'a [u8]);

impl fmt::Display for Hex<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const DIGITS: &[u8; 16] = b"0123456789abcdef";
        for octet in self.0 {
            for nibble in [octet >> 4, octet & 0xf] {
                f.write_char(DIGITS.get(usize::from(nibble)).copied().map_or('?', char::from))?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(octets: &[u8]) -> String {
        Text::new(octets).to_string()
    }

    #[test]
    fn harmless_text_is_shown_as_it_is() {
        for text in ["", "localhost.localdomain", "Grüße aus 東京", "C:\\", "a b\"c'"] {
            assert_eq!(shown(text.as_bytes()), text);
        }
    }

    #[test]
    fn control_characters_are_escaped() {
        assert_eq!(shown(b"a\x1b[31mb\n"), r"a\x1b[31mb\x0a");
        assert_eq!(shown("\u{7f}\u{85}\u{9b}".as_bytes()), r"\x7f\u{85}\u{9b}");
    }

    #[test]
    fn invisible_and_reordering_characters_are_escaped() {
        assert_eq!(
            shown("a\u{202e}b\u{200b}\u{2028}c\u{feff}\u{e0041}".as_bytes()),
            r"a\u{202e}b\u{200b}\u{2028}c\u{feff}\u{e0041}"
        );
        assert_eq!(shown("\u{e000}\u{f0000}\u{10fffd}".as_bytes()), r"\u{e000}\u{f0000}\u{10fffd}");
    }

    #[test]
    fn octets_that_are_not_utf8_are_escaped_one_by_one() {
        assert_eq!(shown(b"a\xffb\xe2\x82"), r"a\xffb\xe2\x82");
        assert_eq!(shown(b"\xed\xa0\x80"), r"\xed\xa0\x80");
        assert_eq!(shown(b"\x80"), r"\x80");
    }

    #[test]
    fn text_ends_at_the_first_nul() {
        assert_eq!(Text::until_nul(b"b-emb\0junk"), "b-emb");
        assert_eq!(Text::until_nul(b"\0"), "");
        assert_eq!(Text::until_nul(b""), "");
        assert_eq!(Text::until_nul(b"whole"), "whole");
        for len in 0..40 {
            for octets in [1..=len, 0x60..=0x5f + len, 0x80 - len / 2..=0x7f + len - len / 2] {
                let whole: Vec<u8> = octets.collect();
                assert_eq!(Text::until_nul(&whole).as_octets(), whole);
                for at in 0..whole.len() {
                    let mut cut = whole.clone();
                    cut[at] = 0;
                    assert_eq!(Text::until_nul(&cut).as_octets(), &whole[..at]);
                }
            }
        }
    }

    #[test]
    fn a_needle_is_found_wherever_it_stands() {
        let text = Text::new(b"aab\xffab");
        for needle in ["", "a", "aab", "ab", "b"] {
            assert!(text.contains(needle), "{needle}");
        }
        for needle in ["aaab", "ba", "abc", "aab\u{ff}ab!"] {
            assert!(!text.contains(needle), "{needle}");
        }
        let long = "-".repeat(50);
        for length in 0..50 {
            let hidden = format!("{}needle{}", &long[length..], &long[..length]);
            assert!(Text::from(&*hidden).contains("needle") && !Text::from(&*hidden).contains("needles"));
            assert!(!Text::from(&hidden[..hidden.len() - length - 1]).contains("needle"));
        }
        assert!(text.contains_octets(b"b\xffab") && !text.contains_octets(b"aab\xffab!"));
        assert!(Text::default().contains("") && !Text::default().contains("a"));
    }

    #[test]
    fn hex_has_two_digits_an_octet() {
        assert_eq!(Hex(&[0, 0x7f, 0xa5]).to_string(), "007fa5");
    }

    #[test]
    fn only_utf8_is_a_string() {
        assert_eq!(Text::new("Grüße".as_bytes()).to_str(), Ok("Grüße"));
        assert!(Text::new(b"a\xff").to_str().is_err());
    }

    #[test]
    fn text_equals_a_string_of_the_same_octets() {
        let text = Text::from("swap");
        assert!(text == "swap" && text == *"swap");
        assert!(text != "swab" && text != *"swaps");
        assert_eq!((text.len(), text.is_empty()), (4, false));
        assert_eq!((Text::default().len(), Text::default().is_empty()), (0, true));
    }

    #[test]
    fn a_nul_is_found_in_words_of_four() {
        for length in 0..=19 {
            for octet in [1, 2, 0x7f, 0x80, 0x81, 0xff] {
                let mut octets = vec![octet; length];
                assert!(octet > 0x80 || !may_have_nul_in_words(&octets), "{length} times {octet}");
                for at in 0..length {
                    octets[at] = 0;
                    assert!(may_have_nul_in_words(&octets), "at {at} of {length}, {octet} elsewhere");
                    octets[at] = octet;
                }
            }
        }
    }

    #[test]
    fn ascii_without_a_nul_needs_no_second_look() {
        for octet in [0x01, b'a', 0x7f] {
            for length in 0..40 {
                assert!(!may_have_nul(&vec![octet; length]), "{length} times {octet}");
            }
        }
    }

    #[test]
    fn the_first_of_several_is_found() {
        for bits in 0..1 << 12 {
            let octets: [u8; 12] = core::array::from_fn(|place| u8::from(bits >> place & 1 == 1));
            assert_eq!(position(&octets, 1), octets.iter().position(|octet| *octet == 1), "{octets:?}");
        }
    }
}
