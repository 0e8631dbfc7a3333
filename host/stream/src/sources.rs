//! What the data sources of a value list are called: by types.db, else by a table of the types that collectd ships, else by
//! their numbers.

use std::collections::HashSet;
use std::fmt;

use collectd_net::{Text, ValueList, names};

use crate::types_db::{DataSet, TypesDb};

/// How many types are told of at the most. Strangers name them.
const MAX_TOLD: usize = 100;

/// Finds names, and notes which types have none.
#[derive(Debug, Default)]
pub struct Dictionary {
    types: TypesDb,
    warnings: Warnings,
}

impl Dictionary {
    /// With the types of these files; with none of them, only the table is there.
    #[must_use]
    pub fn new(types: TypesDb) -> Self {
        Self { types, warnings: Warnings::default() }
    }

    /// What types.db says about a list, if it knows the type with as many data sources.
    #[must_use]
    pub fn data_set(&self, list: &ValueList<'_>) -> Option<&DataSet> {
        self.types.get(list.identifier.type_).filter(|set| set.sources.len() == list.values.len())
    }

    /// The names for so many values of a type, without a word about those that have none.
    #[must_use]
    pub fn look_up(&self, type_: Text<'_>, count: usize) -> Sources<'_> {
        match self.types.get(type_).filter(|set| set.sources.len() == count) {
            Some(set) => Sources::TypesDb(set),
            None => names::of(type_, count).map_or(Sources::Numbered(count), Sources::Table),
        }
    }

    /// The names for the values of a list.
    pub fn names(&mut self, list: &ValueList<'_>) -> Sources<'_> {
        let Self { types, warnings } = self;
        let (type_, count) = (list.identifier.type_, list.values.len());
        match types.get(type_) {
            Some(set) if set.sources.len() == count => Sources::TypesDb(set),
            Some(set) => {
                warnings.tell(type_, count, Problem::Count(set.sources.len()));
                Sources::Numbered(count)
            }
            None => match names::of(type_, count) {
                // One that collectd ships, or with one value, which nearly all types call so.
                Some(names) => {
                    if !types.is_empty() {
                        warnings.tell(type_, count, Problem::NotInTypesDb);
                    }
                    Sources::Table(names)
                }
                None => {
                    warnings.tell(type_, count, Problem::Unknown);
                    Sources::Numbered(count)
                }
            },
        }
    }

    /// Whether anything is to be told since the last time.
    #[must_use]
    pub fn has_warnings(&self) -> bool {
        !self.warnings.waiting.is_empty()
    }

    /// What is to be told since the last time: a sentence for each type that came without names.
    pub fn take_warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.warnings.waiting)
    }
}

/// Which types are told, and what is to be told of them.
#[derive(Debug, Default)]
struct Warnings {
    told: HashSet<Box<[u8]>>,
    waiting: Vec<String>,
}

impl Warnings {
    #[cold]
    fn tell(&mut self, type_: Text<'_>, count: usize, problem: Problem) {
        if self.told.len() > MAX_TOLD || self.told.contains(type_.as_octets()) {
            return;
        }
        self.told.insert(type_.as_octets().into());
        if self.told.len() > MAX_TOLD {
            self.waiting.push(format!("more than {MAX_TOLD} types without names; no more of them are told"));
            return;
        }
        let values = if count == 1 { "1 value" } else { &format!("{count} values") };
        self.waiting.push(match problem {
            Problem::Count(known) => {
                format!("type '{type_}' has {values} here and {known} in types.db; the values get numbers")
            }
            Problem::Unknown => format!(
                "type '{type_}' with {values} is not known; the values get numbers (--types-db FILE names them)"
            ),
            Problem::NotInTypesDb => format!("type '{type_}' is not in types.db; its value is called 'value'"),
        });
    }
}

#[derive(Clone, Copy)]
enum Problem {
    /// types.db has another number of data sources.
    Count(usize),
    /// Neither types.db nor the table has it.
    Unknown,
    /// Only the table has it, or the rule for types with one value.
    NotInTypesDb,
}

/// The names of data sources, one for each value.
#[derive(Clone, Copy, Debug)]
pub enum Sources<'a> {
    /// As types.db has them.
    TypesDb(&'a DataSet),
    /// As collectd ships them.
    Table(&'static [&'static str]),
    /// Nobody knows: they are called 0, 1, and so on.
    Numbered(usize),
}

impl<'a> Sources<'a> {
    /// The names, in order.
    pub fn iter(self) -> impl Iterator<Item = Name<'a>> {
        (0..self.len()).map(move |place| self.get(place))
    }

    /// How many there are.
    #[must_use]
    pub const fn len(self) -> usize {
        match self {
            Self::TypesDb(set) => set.sources.len(),
            Self::Table(names) => names.len(),
            Self::Numbered(count) => count,
        }
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(self) -> bool {
        self.len() == 0
    }

    /// The name of a value by its place, from 0.
    #[must_use]
    #[inline]
    pub fn get(self, place: usize) -> Name<'a> {
        let name = match self {
            Self::TypesDb(set) => set.sources.get(place).map(|source| &*source.name),
            Self::Table(names) => names.get(place).copied(),
            Self::Numbered(_) => None,
        };
        name.map_or(Name::Number(place), Name::Word)
    }
}

/// The name of a data source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name<'a> {
    /// A word, by types.db or the table.
    Word(&'a str),
    /// Its place.
    Number(usize),
}

impl Name<'_> {
    /// Whether this is how collectd calls the data source of a type that has only one.
    #[must_use]
    pub fn is_value(self) -> bool {
        self == Name::Word("value")
    }
}

impl fmt::Display for Name<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Word(name) => Text::from(*name).fmt(f),
            Self::Number(place) => place.fmt(f),
        }
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Identifier, Protection, Time, Values};

    use super::*;

    fn with_list<T>(type_: &str, count: usize, look: impl FnOnce(&ValueList<'_>) -> T) -> T {
        let (kinds, octets) = (vec![1; count], vec![[0; 8]; count]);
        look(&ValueList {
            identifier: Identifier { type_: type_.into(), ..Identifier::default() },
            time: Time::from_raw(1),
            interval: None,
            values: Values::new(&kinds, &octets).expect("as many of both"),
            protection: Protection::None,
            user: None,
        })
    }

    fn names(dictionary: &mut Dictionary, type_: &str, count: usize) -> Vec<String> {
        with_list(type_, count, |list| dictionary.names(list).iter().map(|name| name.to_string()).collect())
    }

    fn with_types(text: &str) -> Dictionary {
        let mut types = TypesDb::default();
        assert_eq!(types.add(text.as_bytes()), []);
        Dictionary::new(types)
    }

    #[test]
    fn types_db_comes_before_the_table() {
        let mut dictionary = with_types("load a:GAUGE:0:U b:GAUGE:0:U c:GAUGE:0:U\nmine x:GAUGE:0:U\n");
        assert_eq!(names(&mut dictionary, "load", 3), ["a", "b", "c"]);
        assert_eq!(names(&mut dictionary, "mine", 1), ["x"]);
        assert_eq!(dictionary.take_warnings(), [""; 0]);
        assert_eq!(names(&mut Dictionary::default(), "load", 3), ["shortterm", "midterm", "longterm"]);
    }

    #[test]
    fn an_unknown_type_gets_numbers_and_one_warning() {
        let mut dictionary = Dictionary::default();
        for _ in 0..3 {
            assert_eq!(names(&mut dictionary, "mine", 2), ["0", "1"]);
        }
        let warnings = dictionary.take_warnings();
        assert_eq!(warnings.len(), 1);
        assert!(warnings[0].contains("type 'mine' with 2 values is not known"), "{}", warnings[0]);
        assert_eq!(names(&mut dictionary, "mine", 1), ["value"]);
        assert_eq!(dictionary.take_warnings(), [""; 0]);
    }

    #[test]
    fn another_count_than_in_types_db_gets_numbers_and_one_warning() {
        let mut dictionary = with_types("load a:GAUGE:0:U\n");
        assert_eq!(names(&mut dictionary, "load", 3), ["0", "1", "2"]);
        assert_eq!(names(&mut dictionary, "load", 3), ["0", "1", "2"]);
        let expected = "type 'load' has 3 values here and 1 in types.db; the values get numbers";
        assert_eq!(dictionary.take_warnings(), [expected]);
    }

    #[test]
    fn a_type_that_types_db_lacks_is_told_once() {
        let mut dictionary = with_types("load a:GAUGE:0:U\n");
        assert_eq!(names(&mut dictionary, "other", 1), ["value"]);
        assert_eq!(names(&mut dictionary, "if_octets", 2), ["rx", "tx"]);
        assert_eq!(dictionary.take_warnings().len(), 2);
        assert_eq!(names(&mut dictionary, "other", 1), ["value"]);
        assert_eq!(dictionary.take_warnings(), [""; 0]);
    }

    #[test]
    fn no_more_types_are_told_than_anybody_reads() {
        let mut dictionary = Dictionary::default();
        for number in 0..1000 {
            names(&mut dictionary, &format!("type{number}"), 2);
        }
        let warnings = dictionary.take_warnings();
        assert_eq!(warnings.len(), MAX_TOLD + 1);
        assert!(warnings[MAX_TOLD].contains("no more of them"));
    }

    #[test]
    fn names_are_harmless() {
        let mut dictionary = Dictionary::default();
        names(&mut dictionary, "\u{1b}[2J", 2);
        assert!(dictionary.take_warnings()[0].contains(r"'\x1b[2J'"));
    }
}
