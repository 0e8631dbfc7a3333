//! Identifiers that outlive their packet.

use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use super::text::OwnedText;
use crate::{Full, Identifier, IncompleteIdentifier};

/// An [`Identifier`] that owns its names, each of at most `NAME` octets. The daemon takes 127.
///
/// It compares and hashes like the identifier it is a copy of, is printed in collectd's form and read back from it:
///
/// ```
/// use collectd_net::OwnedIdentifier;
///
/// let identifier: OwnedIdentifier = "web01/df-root/df_complex-free".parse()?;
/// assert_eq!(identifier.as_identifier().type_instance, "free");
/// assert_eq!(identifier.to_string(), "web01/df-root/df_complex-free");
/// # Ok::<(), collectd_net::BadIdentifier>(())
/// ```
#[derive(Clone)]
pub struct OwnedIdentifier<const NAME: usize = 128> {
    host: OwnedText<NAME>,
    plugin: OwnedText<NAME>,
    plugin_instance: OwnedText<NAME>,
    type_: OwnedText<NAME>,
    type_instance: OwnedText<NAME>,
}

impl<const NAME: usize> OwnedIdentifier<NAME> {
    pub(super) const EMPTY: Self = Self {
        host: OwnedText::EMPTY,
        plugin: OwnedText::EMPTY,
        plugin_instance: OwnedText::EMPTY,
        type_: OwnedText::EMPTY,
        type_instance: OwnedText::EMPTY,
    };

    /// Takes the names of `identifier` in place of its own; after [`Full`] some of them.
    #[inline(always)]
    pub(super) fn set(&mut self, identifier: &Identifier<'_>) -> Result<(), Full> {
        self.host.set(identifier.host, "host")?;
        self.plugin.set(identifier.plugin, "plugin")?;
        self.plugin_instance.set(identifier.plugin_instance, "plugin instance")?;
        self.type_.set(identifier.type_, "type")?;
        self.type_instance.set(identifier.type_instance, "type instance")
    }

    /// The identifier itself, borrowed from here: its fields, and what takes an identifier.
    #[must_use]
    pub fn as_identifier(&self) -> Identifier<'_> {
        Identifier {
            host: self.host.as_text(),
            plugin: self.plugin.as_text(),
            plugin_instance: self.plugin_instance.as_text(),
            type_: self.type_.as_text(),
            type_instance: self.type_instance.as_text(),
        }
    }
}

impl<const NAME: usize> TryFrom<&Identifier<'_>> for OwnedIdentifier<NAME> {
    type Error = Full;

    /// Full is the field with more than `NAME` octets.
    fn try_from(identifier: &Identifier<'_>) -> Result<Self, Full> {
        let mut owned = Self::EMPTY;
        owned.set(identifier)?;
        Ok(owned)
    }
}

impl<const NAME: usize> FromStr for OwnedIdentifier<NAME> {
    type Err = BadIdentifier;

    /// As [`Identifier::parse`].
    fn from_str(text: &str) -> Result<Self, BadIdentifier> {
        Ok(Self::try_from(&Identifier::parse(text)?)?)
    }
}

/// All names empty.
impl<const NAME: usize> Default for OwnedIdentifier<NAME> {
    fn default() -> Self {
        Self::EMPTY
    }
}

impl<const NAME: usize> PartialEq for OwnedIdentifier<NAME> {
    fn eq(&self, other: &Self) -> bool {
        self.as_identifier() == other.as_identifier()
    }
}

impl<const NAME: usize> Eq for OwnedIdentifier<NAME> {}

impl<const NAME: usize> PartialEq<Identifier<'_>> for OwnedIdentifier<NAME> {
    fn eq(&self, other: &Identifier<'_>) -> bool {
        self.as_identifier() == *other
    }
}

/// By the five fields in their order, each by its octets.
impl<const NAME: usize> Ord for OwnedIdentifier<NAME> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_identifier().cmp(&other.as_identifier())
    }
}

impl<const NAME: usize> PartialOrd for OwnedIdentifier<NAME> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl<const NAME: usize> Hash for OwnedIdentifier<NAME> {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_identifier().hash(state);
    }
}

impl<const NAME: usize> fmt::Debug for OwnedIdentifier<NAME> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_identifier().fmt(f)
    }
}

impl<const NAME: usize> fmt::Display for OwnedIdentifier<NAME> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_identifier().fmt(f)
    }
}

/// Why a text did not become an [`OwnedIdentifier`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BadIdentifier {
    /// It is not the text of an identifier.
    Incomplete(IncompleteIdentifier),
    /// One of its fields is too long.
    Full(Full),
}

impl From<IncompleteIdentifier> for BadIdentifier {
    fn from(error: IncompleteIdentifier) -> Self {
        Self::Incomplete(error)
    }
}

impl From<Full> for BadIdentifier {
    fn from(full: Full) -> Self {
        Self::Full(full)
    }
}

impl fmt::Display for BadIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Incomplete(error) => error.fmt(f),
            Self::Full(full) => full.fmt(f),
        }
    }
}

impl core::error::Error for BadIdentifier {}

#[cfg(test)]
mod tests {
    use core::hash::BuildHasher;
    use std::hash::RandomState;

    use super::*;
    use crate::{Missing, Text};

    const NAMES: [&str; 5] = ["host", "plugin", "plugin instance", "type", "type instance"];

    fn identifier(fields: [&[u8]; 5]) -> Identifier<'_> {
        let [host, plugin, plugin_instance, type_, type_instance] = fields.map(Text::new);
        Identifier { host, plugin, plugin_instance, type_, type_instance }
    }

    #[test]
    fn every_field_is_full_above_its_capacity() {
        for (place, what) in NAMES.into_iter().enumerate() {
            let mut fields: [&[u8]; 5] = [b"x"; 5];
            for fits in [&b"123456"[..], b"1234567"] {
                fields[place] = fits;
                let owned = OwnedIdentifier::<7>::try_from(&identifier(fields)).unwrap();
                assert_eq!(owned, identifier(fields));
            }
            fields[place] = b"12345678";
            assert_eq!(OwnedIdentifier::<7>::try_from(&identifier(fields)), Err(Full { what }));
        }
    }

    #[test]
    fn the_default_takes_what_the_daemon_takes() {
        let long = [b'x'; 128];
        assert!(OwnedIdentifier::<128>::try_from(&identifier([&long[..127]; 5])).is_ok());
        assert!(OwnedIdentifier::<128>::try_from(&identifier([&long; 5])).is_ok());
    }

    #[test]
    fn names_that_are_not_utf8_are_kept() {
        let fields: [&[u8]; 5] = [b"\xff\xfe", b"\x80", b"", b"\xed\xa0\x80", b"\n\x1b"];
        let owned = OwnedIdentifier::<3>::try_from(&identifier(fields)).unwrap();
        assert_eq!(owned.as_identifier().fields().map(Text::as_octets), fields);
        assert_eq!(owned.to_string(), identifier(fields).to_string());
    }

    /// In their order.
    fn ordered() -> [Identifier<'static>; 8] {
        [
            [&b""[..], b"z", b"z", b"z", b"z"],
            [b"a", b"a", b"b", b"b", b"b"],
            [b"a", b"aa", b"a", b"a", b"a"],
            [b"a", b"b", b"", b"z", b"z"],
            [b"a", b"b", b"a", b"b", b"b"],
            [b"a", b"b", b"a", b"b", b"c"],
            [b"a", b"b", b"a", b"c", b"a"],
            [b"a\xff", b"", b"", b"", b""],
        ]
        .map(identifier)
    }

    #[test]
    fn the_order_is_that_of_the_fields() {
        let owned = ordered().map(|identifier| OwnedIdentifier::<4>::try_from(&identifier).unwrap());
        assert!(owned.is_sorted_by(|a, b| a < b));
        assert!(ordered().is_sorted_by(|a, b| a < b));
        for (place, identifier) in ordered().iter().enumerate() {
            assert_eq!(owned.binary_search_by(|owned| owned.as_identifier().cmp(identifier)), Ok(place));
        }
    }

    #[test]
    fn owned_and_borrowed_are_equal_and_hash_alike() {
        let hasher = RandomState::new();
        for identifier in ordered() {
            let owned = OwnedIdentifier::<4>::try_from(&identifier).unwrap();
            assert_eq!(owned, identifier);
            assert_eq!(owned, owned.clone());
            assert_eq!(hasher.hash_one(&owned), hasher.hash_one(identifier));
            assert_eq!(ordered().iter().filter(|other| owned == **other).count(), 1);
        }
    }

    #[test]
    fn what_was_there_before_plays_no_part() {
        let mut owned = OwnedIdentifier::<4>::try_from(&identifier([b"long"; 5])).unwrap();
        owned.set(&identifier([b"l"; 5])).unwrap();
        let fresh = OwnedIdentifier::try_from(&identifier([b"l"; 5])).unwrap();
        let hasher = RandomState::new();
        assert_eq!(owned, fresh);
        assert_eq!(hasher.hash_one(&owned), hasher.hash_one(&fresh));
    }

    #[test]
    fn text_comes_back() {
        for text in ["h/p/t", "web01/df-root/df_complex-free", "h/p-a-b/t-1-2", "//"] {
            assert_eq!(text.parse::<OwnedIdentifier>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn a_plugin_with_a_hyphen_comes_back_split() {
        let sent = identifier([b"h", b"my-plugin", b"", b"t", b""]);
        let back: OwnedIdentifier = sent.to_string().parse().unwrap();
        assert_eq!(back, identifier([b"h", b"my", b"plugin", b"t", b""]));
    }

    #[test]
    fn text_that_is_no_identifier_is_refused() {
        let incomplete = |missing| BadIdentifier::Incomplete(IncompleteIdentifier { missing });
        assert_eq!("h".parse::<OwnedIdentifier>(), Err(incomplete(Missing::Plugin)));
        assert_eq!("h/p".parse::<OwnedIdentifier>(), Err(incomplete(Missing::Type)));
        let full = "h/p-longer/t".parse::<OwnedIdentifier<5>>().unwrap_err();
        assert_eq!(full, BadIdentifier::Full(Full { what: "plugin instance" }));
        assert_eq!(full.to_string(), "no room left: plugin instance");
    }

    #[test]
    fn what_differs_is_neither_equal_nor_shown_alike() {
        let owned = ordered().map(|identifier| OwnedIdentifier::<4>::try_from(&identifier).unwrap());
        for (place, one) in owned.iter().enumerate() {
            assert_eq!(owned.iter().position(|other| other == one), Some(place));
            assert_eq!(format!("{one:?}"), format!("{:?}", ordered()[place]));
        }
    }
}
