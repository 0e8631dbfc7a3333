//! Patterns: `*` is any octets, `?` one, `[a-z]` one of these, `[!a-z]` one of the others, `\*` a star.
//!
//! Of several stars only the last that was met ever tries again, one octet further on: what an earlier star could still
//! do, the later one can do too. So the work is at most pattern times text, and the memory is two positions.

use crate::text::position;

/// Whether the whole of `text` is as `pattern` says.
#[inline(never)]
pub(super) fn matches(mut pattern: &[u8], mut text: &[u8]) -> bool {
    // Where to go on after a mismatch: the pattern behind the last star, and the text it stands for at the least.
    let mut star: Option<(&[u8], &[u8])> = None;
    loop {
        if let [b'*', behind @ ..] = pattern {
            if behind.is_empty() {
                return true;
            }
            star = Some((behind, text));
            pattern = behind;
            continue;
        }
        let (unit, octet) = (Unit::split(pattern), text.split_first());
        match (unit, octet) {
            (Some((unit, units)), Some((octet, octets))) if unit.matches(*octet) => {
                (pattern, text) = (units, octets);
                continue;
            }
            (_, None) => return pattern.is_empty(),
            _ => {}
        }
        let Some((behind, [_, octets @ ..])) = star else {
            return false;
        };
        // Where an ordinary octet is behind the star, only its next place is of interest.
        let place = match behind {
            [b'?' | b'[' | b'\\', ..] | [] => Some(0),
            [octet, ..] => position(octets, *octet),
        };
        let Some(octets) = place.and_then(|place| octets.get(place..)) else {
            return false;
        };
        star = Some((behind, octets));
        (pattern, text) = (behind, octets);
    }
}

/// Whether every `[` is closed and every backslash has something to escape.
pub(super) fn is_valid(mut pattern: &[u8]) -> bool {
    // A star comes as an ordinary octet, which is as good here.
    while let Some((_, behind)) = Unit::split(pattern) {
        pattern = behind;
    }
    pattern.is_empty()
}

/// What stands for one octet.
enum Unit<'p> {
    Any,
    This(u8),
    Class { inverted: bool, members: &'p [u8] },
}

impl<'p> Unit<'p> {
    /// The first unit of a pattern, which is not a star, and the pattern behind it.
    fn split(pattern: &'p [u8]) -> Option<(Self, &'p [u8])> {
        Some(match pattern {
            [b'?', behind @ ..] => (Self::Any, behind),
            [b'[', b'!', class @ ..] => Self::class(true, class)?,
            [b'[', class @ ..] => Self::class(false, class)?,
            _ => {
                let (octet, behind) = octet(pattern)?;
                (Self::This(octet), behind)
            }
        })
    }

    /// A class up to its `]`; as the first member this is an ordinary one.
    fn class(inverted: bool, class: &'p [u8]) -> Option<(Self, &'p [u8])> {
        let (_, mut left) = octet(class)?;
        loop {
            if let [b']', behind @ ..] = left {
                let members = class.get(..class.len().checked_sub(left.len())?)?;
                return Some((Self::Class { inverted, members }, behind));
            }
            (_, left) = octet(left)?;
        }
    }

    fn matches(&self, octet: u8) -> bool {
        match self {
            Self::Any => true,
            Self::This(this) => *this == octet,
            Self::Class { inverted, members } => is_member(octet, members) != *inverted,
        }
    }
}

/// The first octet of a pattern, without its backslash.
const fn octet(pattern: &[u8]) -> Option<(u8, &[u8])> {
    match pattern {
        [b'\\', octet, behind @ ..] => Some((*octet, behind)),
        [] | [b'\\'] => None,
        [octet, behind @ ..] => Some((*octet, behind)),
    }
}

/// Whether `wanted` is one of the members or within one of their ranges. A `-` at the end is an ordinary member.
fn is_member(wanted: u8, mut members: &[u8]) -> bool {
    while let Some((first, behind)) = octet(members) {
        let (last, behind) = match behind {
            [b'-', end @ ..] => octet(end).unwrap_or((first, behind)),
            _ => (first, behind),
        };
        if (first..=last).contains(&wanted) {
            return true;
        }
        members = behind;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    fn glob(pattern: &str, text: &str) -> bool {
        assert!(is_valid(pattern.as_bytes()), "{pattern}");
        matches(pattern.as_bytes(), text.as_bytes())
    }

    #[test]
    fn the_whole_text_must_match() {
        for (pattern, good, bad) in [
            ("", &[""][..], &["a"][..]),
            ("web", &["web"], &["", "we", "webs", "Web"]),
            ("web*", &["web", "web01", "webweb"], &["we", "aweb"]),
            ("*web", &["web", "aweb", "webweb"], &["webs", "we"]),
            ("*", &["", "a", "abc"], &[]),
            ("**", &["", "a", "abc"], &[]),
            ("?", &["a", "*"], &["", "ab"]),
            ("a?c", &["abc", "a*c"], &["ac", "abbc"]),
            ("*a*b*", &["ab", "xaxbx", "aab"], &["ba", "a", "b"]),
            ("*.example.?om", &[".example.com", "a.example.com.example.com"], &["example.com", "a.example.com.org"]),
        ] {
            for text in good {
                assert!(glob(pattern, text), "{pattern} {text}");
            }
            for text in bad {
                assert!(!glob(pattern, text), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn classes_hold_members_and_ranges() {
        for (pattern, good, bad) in [
            ("[abc]", "abc", "dA-[]"),
            ("[a-c]", "abc", "d-"),
            ("[!a-c]", "d-!", "abc"),
            ("[a-cx-z]", "abcxyz", "d-w"),
            ("[a-]", "a-", "b"),
            ("[-a]", "a-", "b"),
            ("[]]", "]", "["),
            ("[!]]", "[a", "]"),
            ("[]a]", "]a", "["),
            ("[[]", "[", "]"),
            (r"[\]]", "]", r"\["),
            (r"[a\-c]", "a-c", "b"),
            (r"[\!a]", "!a", "b"),
            (r"[\a-\c]", "abc", r"\d-"),
            ("[c-a]", "", "abc"),
            ("[*?]", "*?", "a"),
        ] {
            for text in good.chars() {
                assert!(glob(pattern, &text.to_string()), "{pattern} {text}");
            }
            for text in bad.chars() {
                assert!(!glob(pattern, &text.to_string()), "{pattern} {text}");
            }
        }
    }

    #[test]
    fn a_backslash_makes_anything_ordinary() {
        assert!(glob(r"\*\?\[\\a", r"*?[\a"));
        assert!(!glob(r"\*", "a") && !glob(r"\?", "a"));
    }

    #[test]
    fn open_classes_and_lone_backslashes_are_not_valid() {
        for pattern in ["[", "[a", "[!", "[]", "[!]", "a[b-", r"[a\]", r"a\", r"[\", r"*[a*"] {
            assert!(!is_valid(pattern.as_bytes()), "{pattern}");
            assert!(!matches(pattern.as_bytes(), b"a") || pattern.starts_with('*'), "{pattern}");
        }
    }

    #[test]
    fn a_question_mark_is_one_octet() {
        assert!(glob("gr??n", "grün") && !glob("gr?n", "grün"));
        assert!(matches(b"[\x80-\xff]", &[0xe4]) && !matches(b"[\x80-\xff]", b"a"));
    }

    #[test]
    fn many_stars_do_not_take_for_ever() {
        let text = "a".repeat(60_000);
        assert!(!glob("*a*a*a*a*b", &text));
        assert!(!glob(&("*a".repeat(100) + "*b"), &text));
        assert!(glob(&"*a".repeat(100), &text));
        assert!(!glob(&("*".to_owned() + &"a".repeat(120) + "b"), &text));
        assert!(!glob(&("*[a-c]?".repeat(30) + "[!a]"), &text));
    }

    /// Says by definition, with all the recursion it takes.
    fn by_definition(pattern: &[u8], text: &[u8]) -> bool {
        match (pattern, text) {
            ([], _) => text.is_empty(),
            ([b'*', rest @ ..], _) => (0..=text.len()).any(|start| by_definition(rest, &text[start..])),
            ([b'?', rest @ ..], [_, others @ ..]) => by_definition(rest, others),
            ([first, rest @ ..], [octet, others @ ..]) => first == octet && by_definition(rest, others),
            _ => false,
        }
    }

    #[test]
    fn short_patterns_and_texts_match_as_defined() {
        let all = |letters: &'static [u8], longest: u32| {
            (0..=longest).flat_map(move |length| {
                (0..letters.len().pow(length)).map(move |number| {
                    (0..length)
                        .map(|place| letters[number / letters.len().pow(place) % letters.len()])
                        .collect::<Vec<_>>()
                })
            })
        };
        let texts: Vec<_> = all(b"ab", 6).collect();
        for pattern in all(b"ab*?", 5) {
            for text in &texts {
                assert_eq!(matches(&pattern, text), by_definition(&pattern, text), "{pattern:?} {text:?}");
            }
        }
    }
}
