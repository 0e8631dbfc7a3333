//! New names for hosts: by rules, the first that fits, and with a prefix for all.
//!
//! A rule is `FROM=TO`. FROM is the whole host as it was sent, or a pattern as those of filters: `*` is any octets, `?` one,
//! `[a-z]` one of these, `[!a-z]` one of the others. In TO each `*` is what a `*` of FROM stands for, the first for the first; of
//! several, the earlier stand for as little as possible. A backslash takes its meaning from `*`, `?`, `[`, `=` and itself.

use std::fmt;
use std::str::FromStr;

/// What hosts are called on the way.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Hosts {
    /// What stands before every host, renamed or not.
    pub prefix: String,
    /// The rules, the first that fits counts.
    pub renames: Vec<Rename>,
}

impl Hosts {
    /// Whether all hosts stay as they are.
    #[must_use]
    pub const fn is_same(&self) -> bool {
        self.prefix.is_empty() && self.renames.is_empty()
    }

    /// Writes what a host is called into `name`; `false` if it is called as before. Nobody, as the host of a notification that
    /// names none, stays nobody.
    pub fn write(&self, host: &[u8], name: &mut Vec<u8>) -> bool {
        if host.is_empty() {
            return false;
        }
        name.clear();
        name.extend_from_slice(self.prefix.as_bytes());
        if !self.renames.iter().any(|rename| rename.write(host, name)) {
            name.extend_from_slice(host);
        }
        name != host
    }
}

/// One rule, `FROM=TO`.
///
/// ```
/// use collectd_tap::relay::{Hosts, Rename};
///
/// let rename: Rename = "*.example.net=*".parse()?;
/// let hosts = Hosts { prefix: "paris.".into(), renames: vec![rename] };
/// let mut name = Vec::new();
/// assert!(hosts.write(b"web01.example.net", &mut name));
/// assert_eq!(name, b"paris.web01");
/// # Ok::<(), collectd_tap::relay::RenameError>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rename {
    from: Box<[Unit]>,
    to: Box<[Piece]>,
}

/// Octets from one to another, both included.
type Ranges = Box<[(u8, u8)]>;

/// What stands for octets of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Unit {
    This(u8),
    Any,
    Class { inverted: bool, ranges: Ranges },
    Star,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Piece {
    Octets(Box<[u8]>),
    /// What this star of FROM stands for, from 0.
    Star(usize),
}

/// Text that is no rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RenameError(&'static str);

impl fmt::Display for RenameError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for RenameError {}

impl FromStr for Rename {
    type Err = RenameError;

    fn from_str(text: &str) -> Result<Self, RenameError> {
        let (from, to) = split(text.as_bytes()).ok_or(RenameError("a rule is written as FROM=TO"))?;
        if from.is_empty() || to.is_empty() {
            return Err(RenameError("neither FROM nor TO is empty"));
        }
        let from = units(from)?;
        let to = pieces(to)?;
        let has = from.iter().filter(|unit| **unit == Unit::Star).count();
        let takes = to.iter().filter(|piece| matches!(piece, Piece::Star(_))).count();
        if takes > has {
            return Err(RenameError("TO has more stars than FROM"));
        }
        Ok(Self { from, to })
    }
}

impl Rename {
    /// Adds the new name of a host that the rule fits; whether it does.
    fn write(&self, host: &[u8], name: &mut Vec<u8>) -> bool {
        let mut stars = Vec::new();
        if !self.fits(host, &mut stars) {
            return false;
        }
        for piece in &self.to {
            match piece {
                Piece::Octets(octets) => name.extend_from_slice(octets),
                Piece::Star(number) => {
                    let (start, end) = stars.get(*number).copied().unwrap_or_default();
                    name.extend_from_slice(host.get(start..end).unwrap_or_default());
                }
            }
        }
        true
    }

    /// Whether this is the whole host, and where in it each star begins and ends.
    ///
    /// Only the last star that was met ever grows: what an earlier one could still do, the later one can do too.
    fn fits(&self, host: &[u8], stars: &mut Vec<(usize, usize)>) -> bool {
        let (mut unit, mut at) = (0, 0);
        // Behind the last star.
        let mut behind = 0;
        loop {
            match (self.from.get(unit), host.get(at)) {
                (Some(Unit::Star), _) => {
                    stars.push((at, at));
                    unit += 1;
                    behind = unit;
                    continue;
                }
                (Some(one), Some(octet)) if one.fits(*octet) => {
                    (unit, at) = (unit + 1, at + 1);
                    continue;
                }
                (None, None) => return true,
                // What is left of the pattern does not get less.
                (Some(_), None) => return false,
                _ => {}
            }
            let Some((_, end)) = stars.last_mut() else { return false };
            *end += 1;
            (unit, at) = (behind, *end);
        }
    }
}

impl Unit {
    fn fits(&self, octet: u8) -> bool {
        match self {
            Self::This(this) => *this == octet,
            Self::Any => true,
            Self::Class { inverted, ranges } => {
                ranges.iter().any(|(first, last)| (*first..=*last).contains(&octet)) != *inverted
            }
            Self::Star => false,
        }
    }
}

/// What is before the first `=` that is not escaped, and what is behind it.
fn split(text: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut escaped = false;
    let end = text.iter().position(|octet| {
        let ends = *octet == b'=' && !escaped;
        escaped = *octet == b'\\' && !escaped;
        ends
    })?;
    Some((text.get(..end)?, text.get(end + 1..)?))
}

const NOTHING_ESCAPED: RenameError = RenameError("there is nothing behind the last backslash");

/// An octet without its backslash, whether it had one, and what is behind it.
type Octet<'a> = (u8, bool, &'a [u8]);

/// The first octet.
fn octet(text: &[u8]) -> Result<Option<Octet<'_>>, RenameError> {
    match text {
        [] => Ok(None),
        [b'\\'] => Err(NOTHING_ESCAPED),
        [b'\\', octet, behind @ ..] => Ok(Some((*octet, true, behind))),
        [octet, behind @ ..] => Ok(Some((*octet, false, behind))),
    }
}

fn units(mut pattern: &[u8]) -> Result<Box<[Unit]>, RenameError> {
    let mut units = Vec::new();
    while let Some((first, escaped, behind)) = octet(pattern)? {
        pattern = behind;
        units.push(match first {
            b'*' if !escaped => Unit::Star,
            b'?' if !escaped => Unit::Any,
            b'[' if !escaped => {
                let (inverted, members) = pattern.strip_prefix(b"!").map_or((false, pattern), |rest| (true, rest));
                let (ranges, behind) = class(members)?;
                pattern = behind;
                Unit::Class { inverted, ranges }
            }
            octet => Unit::This(octet),
        });
    }
    Ok(units.into())
}

/// The members of a class up to its `]`, which as the first member is an ordinary one, and what is behind it.
fn class(mut members: &[u8]) -> Result<(Ranges, &[u8]), RenameError> {
    let open = RenameError("a [ is not closed");
    let mut ranges = Vec::new();
    loop {
        let (first, escaped, behind) = octet(members)?.ok_or(open)?;
        if first == b']' && !escaped && !ranges.is_empty() {
            return Ok((ranges.into(), behind));
        }
        members = behind;
        let last = match behind.strip_prefix(b"-").map(octet).transpose()?.flatten() {
            Some((b']', false, _)) | None => first,
            Some((last, _, behind)) => {
                members = behind;
                last
            }
        };
        ranges.push((first, last));
    }
}

fn pieces(mut text: &[u8]) -> Result<Box<[Piece]>, RenameError> {
    let (mut pieces, mut octets, mut stars) = (Vec::new(), Vec::new(), 0);
    while let Some((first, escaped, behind)) = octet(text)? {
        text = behind;
        if first == b'*' && !escaped {
            pieces.push(Piece::Octets(std::mem::take(&mut octets).into()));
            pieces.push(Piece::Star(stars));
            stars += 1;
        } else {
            octets.push(first);
        }
    }
    pieces.push(Piece::Octets(octets.into()));
    pieces.retain(|piece| !matches!(piece, Piece::Octets(octets) if octets.is_empty()));
    Ok(pieces.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a rule makes of a host; nothing if it does not fit.
    fn renamed(rule: &str, host: &str) -> Option<String> {
        let rename: Rename = rule.parse().unwrap_or_else(|error| panic!("{rule}: {error}"));
        let mut name = Vec::new();
        rename.write(host.as_bytes(), &mut name).then(|| String::from_utf8(name).expect("UTF-8"))
    }

    #[test]
    fn a_rule_is_for_the_whole_host() {
        for (rule, host, name) in [
            ("a=b", "a", Some("b")),
            ("a=b", "aa", None),
            ("a=b", "", None),
            ("web*=w", "web01", Some("w")),
            ("web?=w", "web01", None),
            ("web??=w", "web01", Some("w")),
            ("web[0-3][!0-3]=w", "web04", Some("w")),
            ("web[0-3][!0-3]=w", "web01", None),
            ("[]a-]=w", "]", Some("w")),
            ("[]a-]=w", "-", Some("w")),
            ("*=x", "anything", Some("x")),
            ("*a*b=x", "aab", Some("x")),
            ("*a*b=x", "aabc", None),
            ("a=b=c", "a", Some("b=c")),
            (r"a\=b=c", "a=b", Some("c")),
            (r"\*=c", "*", Some("c")),
            (r"\*=c", "a", None),
        ] {
            assert_eq!(renamed(rule, host).as_deref(), name, "{rule} {host}");
        }
    }

    #[test]
    fn stars_stand_for_what_they_stood_for() {
        for (rule, host, name) in [
            ("*.example.net=*", "web01.example.net", "web01"),
            ("web*=*", "web01", "01"),
            ("*-*=*.*", "a-b-c", "a.b-c"),
            ("*-*-*=<*>*", "a-b-c", "<a>b"),
            ("*.*.net=*", "a.b.c.net", "a"),
            (r"*=\**\\", "a", r"*a\"),
            ("*ab*=*|*", "aabab", "a|ab"),
        ] {
            assert_eq!(renamed(rule, host).as_deref(), Some(name), "{rule} {host}");
        }
    }

    #[test]
    fn what_is_no_rule_is_said() {
        for rule in ["", "a", "=a", "a=", r"a\=b", "a=*", "*=**", "[a=b", "[]=b", r"a=b\", "[!]=a", "[a-=b"] {
            assert!(rule.parse::<Rename>().is_err(), "{rule}");
        }
    }

    #[test]
    fn many_stars_take_no_longer_than_pattern_times_text() {
        let rule = format!("{}b=x", "*a".repeat(40));
        let host = "a".repeat(120);
        assert_eq!(renamed(&rule, &host), None);
    }

    #[test]
    fn the_first_rule_that_fits_counts_and_the_prefix_is_for_all() {
        let renames = ["web01=first", "web*=other"].map(|rule| rule.parse().expect("a rule"));
        let hosts = Hosts { prefix: "x.".into(), renames: renames.to_vec() };
        let mut name = Vec::new();
        for (host, new) in [("web01", "x.first"), ("web02", "x.other"), ("db", "x.db")] {
            assert!(hosts.write(host.as_bytes(), &mut name));
            assert_eq!(name, new.as_bytes());
        }
        assert!(!hosts.write(b"", &mut name));
        let hosts = Hosts { prefix: String::new(), ..hosts };
        assert!(!hosts.write(b"db", &mut name));
        assert!(!hosts.is_same() && Hosts::default().is_same());
    }
}
