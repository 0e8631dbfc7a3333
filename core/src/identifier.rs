//! Identifiers from text (`WIRE §13`).
//!
//! ```text
//! host / plugin [- plugin instance] / type [- type instance]
//!      ^        ^                   ^      ^
//!      first /  first - behind it   second / and first - behind it
//! ```

use core::fmt;

use crate::{Identifier, Missing, Text};

impl<'a> Identifier<'a> {
    /// Reads collectd's form, as [`Display`](fmt::Display) gives it: `host/plugin-instance/type-instance`.
    ///
    /// The first `/` ends the host and the second ends the plugin with its instance. In plugin and type the first `-` splits name
    /// from instance. So instances may hold `-` and the type and its instance may hold `/`, but these do not come back as they
    /// were: a plugin or type with `-`, a host or plugin with `/`, and whatever [`Text`] escaped. Fields may be empty, as those
    /// of a notification may.
    ///
    /// ```
    /// use collectd_net::{Identifier, Missing};
    ///
    /// let identifier = Identifier::parse("web01/df-root/df_complex-free")?;
    /// assert_eq!(identifier.plugin_instance, "root");
    /// assert_eq!(Identifier::parse("web01/load").unwrap_err().missing, Missing::Type);
    /// # Ok::<(), collectd_net::IncompleteIdentifier>(())
    /// ```
    ///
    /// # Errors
    /// [`IncompleteIdentifier`] for text with less than two `/`.
    pub fn parse<T: AsRef<[u8]> + ?Sized>(text: &'a T) -> Result<Self, IncompleteIdentifier> {
        let text = text.as_ref();
        let incomplete = |missing| IncompleteIdentifier { missing };
        if text.is_empty() {
            return Err(incomplete(Missing::Host));
        }
        let (host, rest) = split(text, b'/').ok_or(incomplete(Missing::Plugin))?;
        let (plugin, type_) = split(rest, b'/').ok_or(incomplete(Missing::Type))?;
        let (plugin, plugin_instance) = split(plugin, b'-').unwrap_or((plugin, &[]));
        let (type_, type_instance) = split(type_, b'-').unwrap_or((type_, &[]));
        Ok(Self {
            host: Text::new(host),
            plugin: Text::new(plugin),
            plugin_instance: Text::new(plugin_instance),
            type_: Text::new(type_),
            type_instance: Text::new(type_instance),
        })
    }
}

/// What is before the first `separator`, and what is behind it.
fn split(text: &[u8], separator: u8) -> Option<(&[u8], &[u8])> {
    let (before, rest) = text.split_at_checked(text.iter().position(|octet| *octet == separator)?)?;
    let (_, behind) = rest.split_first()?;
    Some((before, behind))
}

/// Text that is not an identifier, because something is missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IncompleteIdentifier {
    /// What is missing: everything if it is the host.
    pub missing: Missing,
}

impl fmt::Display for IncompleteIdentifier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "identifier without {}, host/plugin/type is the least", self.missing.name())
    }
}

impl core::error::Error for IncompleteIdentifier {}

#[cfg(test)]
mod tests {
    use super::*;

    fn fields(text: &str) -> [String; 5] {
        Identifier::parse(text).unwrap().fields().map(|field| field.to_string())
    }

    #[test]
    fn first_slashes_and_first_hyphens_split() {
        assert_eq!(fields("h/p/t"), ["h", "p", "", "t", ""]);
        assert_eq!(fields("h/p-pi/t-ti"), ["h", "p", "pi", "t", "ti"]);
        assert_eq!(fields("a-b.c/p-x-y/t-1-2"), ["a-b.c", "p", "x-y", "t", "1-2"]);
        assert_eq!(fields("h/p/t/u-v/w-x"), ["h", "p", "", "t/u", "v/w-x"]);
    }

    #[test]
    fn fields_may_be_empty() {
        assert_eq!(fields("//"), ["", "", "", "", ""]);
        assert_eq!(fields("/-/-"), ["", "", "", "", ""]);
        assert_eq!(fields("h/-i/"), ["h", "", "i", "", ""]);
    }

    #[test]
    fn octets_that_are_not_utf8_are_kept() {
        let identifier = Identifier::parse(b"h\xff/p-\x80/t").unwrap();
        assert_eq!(identifier.host.as_octets(), b"h\xff");
        assert_eq!(identifier.plugin_instance.as_octets(), b"\x80");
    }

    #[test]
    fn what_is_missing_is_said() {
        for (text, missing) in [
            ("", Missing::Host),
            ("web01", Missing::Plugin),
            ("web01-", Missing::Plugin),
            ("/", Missing::Type),
            ("web01/load", Missing::Type),
        ] {
            assert_eq!(Identifier::parse(text), Err(IncompleteIdentifier { missing }), "{text}");
        }
        let error = Identifier::parse("web01").unwrap_err();
        assert_eq!(error.to_string(), "identifier without plugin, host/plugin/type is the least");
    }

    #[test]
    fn printed_identifiers_come_back() {
        for text in ["h/p/t", "web01/df-root/df_complex-free", "a-b/p-x-y/t-1-2", "h/p/t/u-v", "Grüße/p/t", "h//"] {
            assert_eq!(Identifier::parse(text).unwrap().to_string(), text);
        }
    }

    #[test]
    fn hyphens_in_names_and_slashes_before_the_type_do_not_come_back() {
        for (host, plugin, type_) in
            [("h", "my-plugin", "t"), ("h", "p", "my-type"), ("a/b", "p", "t"), ("h", "a/b", "t")]
        {
            let identifier =
                Identifier { host: host.into(), plugin: plugin.into(), type_: type_.into(), ..Identifier::default() };
            let back = identifier.to_string();
            let back = Identifier::parse(&back).unwrap();
            assert_ne!(back, identifier);
            assert_eq!(back.to_string(), identifier.to_string());
        }
    }

    #[test]
    fn escaped_octets_do_not_come_back() {
        let identifier = Identifier { host: Text::new(b"h\x1b"), ..Identifier::default() };
        let text = identifier.to_string();
        assert_eq!(Identifier::parse(&text).unwrap().host, "h\\x1b");
    }
}
