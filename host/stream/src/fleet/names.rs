//! Names that many have in common, each kept once.
//!
//! A name here is what stands behind the host in an identifier: all hosts of a fleet have much the same ones.
//!
//! ```text
//! plugin NUL plugin instance NUL type NUL type instance
//! ```

use std::hash::{BuildHasher, RandomState};

use collectd_net::{Identifier, Text};
use hashbrown::HashTable;

use super::slab::Slab;

/// Names, by numbers. Whoever has a number counts as a user; a name without any is forgotten.
#[derive(Debug)]
pub(super) struct Names {
    numbers: HashTable<u32>,
    names: Slab<Name>,
    /// Octets of all names, and how many there may be.
    octets: usize,
    most: usize,
    /// Keyed by chance, so that nobody can make names that meet in one place.
    hasher: RandomState,
}

#[derive(Debug)]
struct Name {
    text: Box<[u8]>,
    users: u32,
}

impl Names {
    /// With room for so many octets.
    pub(super) fn new(most: usize) -> Self {
        Self { numbers: HashTable::new(), names: Slab::new(), octets: 0, most, hasher: RandomState::new() }
    }

    /// The number of a name, if it is known.
    pub(super) fn find(&self, text: &[u8]) -> Option<u32> {
        let names = &self.names;
        let is = |number: &u32| names.get(*number).is_some_and(|name| *name.text == *text);
        self.numbers.find(self.hasher.hash_one(text), is).copied()
    }

    /// The number of a name, which has another user now; `None` if there is no room for it.
    pub(super) fn take(&mut self, text: &[u8]) -> Option<u32> {
        if let Some(number) = self.find(text) {
            let name = self.names.get_mut(number)?;
            name.users = name.users.checked_add(1)?;
            return Some(number);
        }
        let octets = self.octets.checked_add(text.len()).filter(|octets| *octets <= self.most)?;
        let number = self.names.insert(Name { text: text.into(), users: 1 })?;
        self.octets = octets;
        let Self { numbers, names, hasher, .. } = self;
        numbers.insert_unique(hasher.hash_one(text), number, |number| hasher.hash_one(octets_of(names, *number)));
        Some(number)
    }

    /// One user less.
    pub(super) fn release(&mut self, number: u32) {
        let Some(name) = self.names.get_mut(number) else { return };
        name.users -= 1;
        if name.users > 0 {
            return;
        }
        let Some(name) = self.names.remove(number) else { return };
        self.octets -= name.text.len();
        if let Ok(entry) = self.numbers.find_entry(self.hasher.hash_one(&*name.text), |known| *known == number) {
            entry.remove();
        }
    }

    /// The octets of a name.
    pub(super) fn text(&self, number: u32) -> &[u8] {
        octets_of(&self.names, number)
    }
}

fn octets_of(names: &Slab<Name>, number: u32) -> &[u8] {
    names.get(number).map_or(&[], |name| &name.text)
}

/// Writes down what stands behind the host.
#[inline]
pub(super) fn join(identifier: &Identifier<'_>, text: &mut Vec<u8>) {
    text.clear();
    let [_, plugin, plugin_instance, type_, type_instance] = identifier.fields();
    text.extend_from_slice(plugin.as_octets());
    for field in [plugin_instance, type_, type_instance] {
        // No name of a packet has a NUL in it.
        text.push(0);
        text.extend_from_slice(field.as_octets());
    }
}

/// Whether that is what was written down.
#[inline]
pub(super) fn is(text: &[u8], identifier: &Identifier<'_>) -> bool {
    let [_, plugin, others @ ..] = identifier.fields();
    let mut left = text.strip_prefix(plugin.as_octets());
    for field in others {
        left = left.and_then(|left| left.strip_prefix(&[0])?.strip_prefix(field.as_octets()));
    }
    left.is_some_and(<[u8]>::is_empty)
}

/// The identifier of a host and of what was written down.
pub(super) fn split<'a>(host: &'a [u8], text: &'a [u8]) -> Identifier<'a> {
    let mut fields = text.split(|octet| *octet == 0).map(Text::new);
    let mut next = || fields.next().unwrap_or_default();
    let (plugin, plugin_instance, type_, type_instance) = (next(), next(), next(), next());
    Identifier { host: Text::new(host), plugin, plugin_instance, type_, type_instance }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_kept_once_and_as_long_as_it_has_users() {
        let mut names = Names::new(8);
        let number = names.take(b"cpu").expect("room");
        assert_eq!(
            (names.take(b"cpu"), names.find(b"cpu"), names.text(number)),
            (Some(number), Some(number), &b"cpu"[..])
        );
        names.release(number);
        assert_eq!(names.find(b"cpu"), Some(number));
        names.release(number);
        assert_eq!((names.find(b"cpu"), names.text(number), names.octets), (None, &b""[..], 0));
        names.release(number);
        assert_eq!(names.numbers.len(), 0);
    }

    #[test]
    fn octets_are_bounded() {
        let mut names = Names::new(8);
        let first = names.take(b"12345").expect("room");
        assert_eq!(names.take(b"6789"), None);
        assert_eq!(names.take(b"12345"), Some(first));
        assert!(names.take(b"678").is_some() && names.take(b"9").is_none());
        names.release(first);
        names.release(first);
        assert!(names.take(b"9").is_some());
    }

    #[test]
    fn thousands_of_names_are_told_apart() {
        let mut names = Names::new(1 << 20);
        let all: Vec<_> = (0..5000).map(|name| names.take(format!("name {name}").as_bytes())).collect();
        for (name, number) in all.iter().enumerate() {
            assert_eq!(names.find(format!("name {name}").as_bytes()), *number);
        }
    }

    #[test]
    fn fields_come_back_as_they_were() {
        for fields in [["cpu", "0", "cpu", "idle"], ["", "", "", ""], ["a", "", "b", ""], ["", "x", "", "y"]] {
            let [plugin, plugin_instance, type_, type_instance] = fields.map(Text::from);
            let identifier = Identifier { host: "h".into(), plugin, plugin_instance, type_, type_instance };
            let mut text = vec![1];
            join(&identifier, &mut text);
            assert_eq!(split(b"h", &text), identifier);
            assert!(
                is(&text, &identifier)
                    && !is(&text[..text.len() - 1], &identifier)
                    && !is(&[&text[..], b"x"].concat(), &identifier)
            );
        }
    }
}
