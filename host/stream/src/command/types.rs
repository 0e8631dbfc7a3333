//! Which kinds the values of a type are.

use std::str::FromStr;

use collectd_net::{Kind, Text};

use crate::suggest::did_you_mean;
use crate::types_db::TypesDb;

/// The types that are met most, for machines without a collectd, with their kinds in collectd 5.12.
const BUILT_IN: &str = include_str!("types.db");

/// The types that are met most.
pub fn built_in() -> TypesDb {
    let mut types = TypesDb::default();
    types.add(BUILT_IN.as_bytes());
    types
}

/// `NAME=KIND[,KIND…]`: the kinds of a type that no types.db has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataSetHint {
    /// A line of types.db.
    line: String,
}

impl DataSetHint {
    /// Adds the type.
    pub fn add_to(&self, types: &mut TypesDb) {
        types.add(self.line.as_bytes());
    }
}

/// The kind that this word means.
pub fn kind(word: &str) -> Result<Kind, String> {
    let kinds = [Kind::Counter, Kind::Gauge, Kind::Derive, Kind::Absolute];
    kinds.into_iter().find(|kind| kind.name().eq_ignore_ascii_case(word)).ok_or_else(|| {
        let (names, word_shown) = (kinds.map(Kind::name), Text::from(word));
        format!("'{word_shown}' is none of the kinds {}{}", names.join(", "), did_you_mean(word, names))
    })
}

impl FromStr for DataSetHint {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, kinds) =
            text.split_once('=').ok_or("expected TYPE=KIND[,KIND...], such as load=gauge,gauge,gauge")?;
        let is_plain = |c: char| c.is_ascii_graphic() && !matches!(c, '/' | '-' | '#');
        if name.is_empty() || name.len() > super::NAME || !name.chars().all(is_plain) {
            return Err(format!("'{}' is no name of a type", Text::from(name)));
        }
        let kinds = kinds.split(',').map(kind).collect::<Result<Vec<_>, _>>()?;
        if kinds.len() > 63 {
            return Err("a type has 63 values at the most".into());
        }
        let sources = kinds.iter().enumerate();
        let sources: Vec<_> =
            sources.map(|(number, kind)| format!("value{number}:{}:U:U", kind.name().to_uppercase())).collect();
        Ok(Self { line: format!("{name} {}", sources.join(", ")) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_without_a_collectd_are_well_formed() {
        let mut types = TypesDb::default();
        assert_eq!(types.add(BUILT_IN.as_bytes()), []);
        assert_eq!(types.get("load".into()).map(|set| set.sources.len()), Some(3));
        assert_eq!(types.get("if_octets".into()).map(|set| set.sources[1].kind), Some(Kind::Derive));
    }

    #[test]
    fn a_hint_makes_a_type() {
        let mut types = TypesDb::default();
        for hint in ["mine=gauge,COUNTER,absolute", "other=derive"] {
            hint.parse::<DataSetHint>().expect("a hint").add_to(&mut types);
        }
        let kinds =
            |name: &str| types.get(name.into()).map(|set| set.sources.iter().map(|source| source.kind).collect());
        assert_eq!(kinds("mine"), Some(vec![Kind::Gauge, Kind::Counter, Kind::Absolute]));
        assert_eq!(kinds("other"), Some(vec![Kind::Derive]));
        for (text, said) in [
            ("mine", "expected"),
            ("=gauge", "no name"),
            ("a-b=gauge", "no name"),
            ("a\nb=gauge", "no name"),
            ("#a=gauge", "no name"),
            ("a=", "none of the kinds"),
            ("a=guage", "did you mean 'gauge'?"),
        ] {
            let error = text.parse::<DataSetHint>().expect_err(text);
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
