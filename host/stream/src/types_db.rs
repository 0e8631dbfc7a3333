//! types.db: what collectd calls the data sources of a type, which do not go over the network.
//!
//! ```text
//! if_octets    rx:DERIVE:0:U, tx:DERIVE:0:U
//! type         source:kind:least:greatest, …
//! ```
//!
//! The rules are the daemon's (types.db(5)), but a line that breaks one costs nothing but itself, and is told with its place.

use std::collections::HashMap;
use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use collectd_net::{Kind, Text};

/// Where collectd's packages put theirs.
const SYSTEM: [&str; 3] =
    ["/usr/share/collectd/types.db", "/usr/local/share/collectd/types.db", "/opt/collectd/share/collectd/types.db"];
/// More than any types.db, so that a wrong file is noticed before it fills the memory.
const MAX_SIZE: u64 = 16 << 20;
/// The daemon's limits: octets of a line, octets of a name, and fields of a line with the type.
const MAX_LINE: usize = 4094;
const MAX_NAME: usize = 127;
const MAX_FIELDS: usize = 64;

/// Types, by their names.
#[derive(Clone, Debug, Default)]
pub struct TypesDb {
    types: HashMap<Box<[u8]>, DataSet>,
}

/// The data sources of a type, in their order.
#[derive(Clone, Debug, PartialEq)]
pub struct DataSet {
    /// One for each value.
    pub sources: Box<[Source]>,
}

/// What a value of a list is.
#[derive(Clone, Debug, PartialEq)]
pub struct Source {
    /// Its name.
    pub name: Box<str>,
    /// What kind of number it should be.
    pub kind: Kind,
    /// The least that a gauge, or the rate of another kind, may be.
    pub min: Option<f64>,
    /// The most.
    pub max: Option<f64>,
}

impl Source {
    /// Whether this gauge or rate may be.
    #[must_use]
    pub fn allows(&self, number: f64) -> bool {
        self.min.is_none_or(|min| number >= min) && self.max.is_none_or(|max| number <= max)
    }
}

impl fmt::Display for Source {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let limit = |limit: Option<f64>| limit.map_or_else(|| "U".to_owned(), |limit| limit.to_string());
        let kind = self.kind.name().to_uppercase();
        write!(f, "{}:{kind}:{}:{}", Text::from(&*self.name), limit(self.min), limit(self.max))
    }
}

/// Something wrong with a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flaw {
    /// From 1.
    pub line: usize,
    /// In characters, from 1.
    pub column: usize,
    /// Whether the line says nothing because of it.
    pub fatal: bool,
    /// What, as a clause.
    pub cause: String,
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}{}", self.line, self.column, if self.fatal { "" } else { "warning: " }, self.cause)
    }
}

impl TypesDb {
    /// The file of this machine's collectd, if there is one.
    #[must_use]
    pub fn system_file() -> Option<PathBuf> {
        SYSTEM.iter().map(PathBuf::from).find(|path| path.is_file())
    }

    /// Adds the types of a file; those that are there already are replaced.
    ///
    /// # Errors
    /// If the file cannot be read. What is wrong in it comes back as flaws.
    pub fn read(&mut self, path: &Path) -> io::Result<Vec<Flaw>> {
        if fs::metadata(path)?.len() > MAX_SIZE {
            return Err(io::Error::new(io::ErrorKind::FileTooLarge, "too long for a types.db"));
        }
        Ok(self.add(&fs::read(path)?))
    }

    /// Adds the types of a text; those that are there already are replaced.
    pub fn add(&mut self, text: &[u8]) -> Vec<Flaw> {
        let mut flaws = Vec::new();
        let mut lines: HashMap<Box<[u8]>, usize> = HashMap::new();
        for (number, line) in (1..).zip(text.split(|octet| *octet == b'\n')) {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            let mut parser = Line { number, octets: line, flaws: &mut flaws };
            let Some((name, set)) = parser.parse() else { continue };
            if let Some(before) = lines.insert(name.into(), number) {
                let cause = format!("{} is in line {before} already; this one counts", Text::new(name));
                parser.tell(0, false, cause);
            }
            self.types.insert(name.into(), set);
        }
        flaws
    }

    /// The data sources of a type.
    #[must_use]
    #[inline]
    pub fn get(&self, type_: Text<'_>) -> Option<&DataSet> {
        self.types.get(type_.as_octets())
    }

    /// How many types there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.types.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.types.is_empty()
    }

    /// The names of all types, in no order.
    pub fn names(&self) -> impl Iterator<Item = Text<'_>> {
        self.types.keys().map(|name| Text::new(name))
    }
}

/// A line that is being read.
struct Line<'l, 'f> {
    number: usize,
    octets: &'l [u8],
    flaws: &'f mut Vec<Flaw>,
}

impl<'l> Line<'l, '_> {
    /// The type of the line and its data sources; `None` for a line that says nothing.
    fn parse(&mut self) -> Option<(&'l [u8], DataSet)> {
        let mut fields = Vec::new();
        let mut at = 0;
        for field in self.octets.split(u8::is_ascii_whitespace) {
            if !field.is_empty() {
                fields.push((at, field));
            }
            at += field.len() + 1;
        }
        let ((start, name), sources) = fields.split_first()?;
        if name.starts_with(b"#") {
            return None;
        }
        if self.octets.len() > MAX_LINE {
            return self.fail(MAX_LINE, format!("the line is longer than {MAX_LINE} octets"));
        }
        if fields.len() > MAX_FIELDS {
            return self.fail(fields[MAX_FIELDS].0, format!("more than {} data sources", MAX_FIELDS - 1));
        }
        if name.len() > MAX_NAME {
            return self.fail(*start, format!("the name of the type is longer than {MAX_NAME} octets"));
        }
        if sources.is_empty() {
            return self.fail(start + name.len(), format!("{} has no data source", Text::new(name)));
        }
        if let Some(at) = name.iter().position(|octet| matches!(octet, b'/' | b'-')) {
            let cause = format!("a '{}' in a type ends its name in identifiers", char::from(name[at]));
            self.tell(start + at, false, cause);
        }
        let mut set: Vec<Source> = Vec::with_capacity(sources.len());
        for (at, field) in sources {
            let source = self.source(*at, field)?;
            if set.iter().any(|other| other.name == source.name) {
                return self.fail(*at, format!("a second data source {}", Text::from(&*source.name)));
            }
            set.push(source);
        }
        Some((name, DataSet { sources: set.into() }))
    }

    /// A data source: `rx:DERIVE:0:U`, perhaps with a comma behind it.
    fn source(&mut self, start: usize, field: &[u8]) -> Option<Source> {
        let field = field.strip_suffix(b",").unwrap_or(field);
        let parts: Vec<&[u8]> = field.split(|octet| *octet == b':').collect();
        let [name, kind, min, max] = *parts else {
            let shown = Text::new(field);
            return self.fail(start, format!("expected name:KIND:least:greatest, found '{shown}'"));
        };
        let Some(name) = str::from_utf8(name).ok().filter(|name| !name.is_empty() && name.len() <= MAX_NAME) else {
            return self.fail(start, format!("a data source has a name of 1 to {MAX_NAME} octets of UTF-8"));
        };
        let mut at = start + name.len() + 1;
        let kinds = [Kind::Gauge, Kind::Counter, Kind::Derive, Kind::Absolute];
        let Some(known) = kinds.into_iter().find(|known| kind.eq_ignore_ascii_case(known.name().as_bytes())) else {
            let names = kinds.map(|kind| kind.name().to_uppercase());
            let known = names.iter().map(String::as_str);
            let meant = crate::suggest::nearest(&String::from_utf8_lossy(kind), known)
                .map_or_else(String::new, |kind| format!(", did you mean {kind}?"));
            let cause = format!("expected GAUGE, COUNTER, DERIVE or ABSOLUTE, found '{}'{meant}", Text::new(kind));
            return self.fail(at, cause);
        };
        at += kind.len() + 1;
        let least = self.limit(at, min)?;
        at += min.len() + 1;
        let greatest = self.limit(at, max)?;
        if let (Some(least), Some(greatest)) = (least, greatest)
            && least > greatest
        {
            return self.fail(at, format!("the greatest value, {greatest}, is below the least, {least}"));
        }
        Some(Source { name: name.into(), kind: known, min: least, max: greatest })
    }

    /// A number, or `U` for none. Outer `None` for something else.
    #[expect(clippy::option_option, reason = "the outer one is a flaw")]
    fn limit(&mut self, at: usize, text: &[u8]) -> Option<Option<f64>> {
        if text.eq_ignore_ascii_case(b"U") {
            return Some(None);
        }
        let number = str::from_utf8(text).ok().and_then(|text| text.parse::<f64>().ok()).filter(|n| !n.is_nan());
        match number {
            Some(number) => Some(Some(number)),
            None => self.fail(at, format!("expected a number or U, found '{}'", Text::new(text))),
        }
    }

    fn fail<T>(&mut self, at: usize, cause: String) -> Option<T> {
        self.tell(at, true, cause);
        None
    }

    fn tell(&mut self, at: usize, fatal: bool, cause: String) {
        let before = &self.octets[..at.min(self.octets.len())];
        let column = String::from_utf8_lossy(before).chars().count() + 1;
        self.flaws.push(Flaw { line: self.number, column, fatal, cause });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn flaws(text: &str) -> Vec<String> {
        TypesDb::default().add(text.as_bytes()).iter().map(Flaw::to_string).collect()
    }

    fn sources(db: &TypesDb, type_: &str) -> Vec<String> {
        db.get(type_.into()).expect("a known type").sources.iter().map(Source::to_string).collect()
    }

    #[test]
    fn a_line_is_a_type_and_its_data_sources() {
        let mut db = TypesDb::default();
        let text = "# comment\n  # another\n\nif_octets\t\trx:DERIVE:0:U, tx:derive:0:4294967295\r\nload s:GAUGE:0:5e3 m:Gauge:-1.5:U\n";
        assert_eq!(db.add(text.as_bytes()), []);
        assert_eq!(sources(&db, "if_octets"), ["rx:DERIVE:0:U", "tx:DERIVE:0:4294967295"]);
        assert_eq!(sources(&db, "load"), ["s:GAUGE:0:5000", "m:GAUGE:-1.5:U"]);
        assert_eq!((db.len(), db.get("none".into())), (2, None));
    }

    #[test]
    fn a_bad_line_costs_only_itself_and_is_told_with_its_place() {
        let mut db = TypesDb::default();
        let flaws = db.add(b"a value:GAUGE:0:U\nb value:GAUG:0:U\nc value:GAUGE:0:U\n");
        assert_eq!(
            flaws.iter().map(Flaw::to_string).collect::<Vec<_>>(),
            ["2:9: expected GAUGE, COUNTER, DERIVE or ABSOLUTE, found 'GAUG', did you mean GAUGE?"]
        );
        assert!(db.get("a".into()).is_some() && db.get("b".into()).is_none() && db.get("c".into()).is_some());
    }

    #[test]
    fn each_flaw_has_its_column_and_cause() {
        for (line, expected) in [
            ("alone", "1:6: alone has no data source"),
            ("a v:GAUGE:0", "1:3: expected name:KIND:least:greatest, found 'v:GAUGE:0'"),
            ("a v:GAUGE:0:U:U,", "1:3: expected name:KIND:least:greatest, found 'v:GAUGE:0:U:U'"),
            ("a :GAUGE:0:U", "1:3: a data source has a name of 1 to 127 octets of UTF-8"),
            ("a v:GAUGE:x:U", "1:11: expected a number or U, found 'x'"),
            ("a v:GAUGE:0:nan", "1:13: expected a number or U, found 'nan'"),
            ("a v:GAUGE:5:1", "1:13: the greatest value, 1, is below the least, 5"),
            ("ä v:GAUGE:0:U v:GAUGE:0:U", "1:15: a second data source v"),
            ("a-b v:GAUGE:0:U", "1:2: warning: a '-' in a type ends its name in identifiers"),
            ("a v:GAUGE:0:U\na v:GAUGE:0:U", "2:1: warning: a is in line 1 already; this one counts"),
            ("a \u{1b}[2J", r"1:3: expected name:KIND:least:greatest, found '\x1b[2J'"),
        ] {
            assert_eq!(flaws(line), [expected], "{line}");
        }
        let many = format!("a{}", (0..64).fold(String::new(), |all, n| all + &format!(" v{n}:GAUGE:0:U")));
        assert_eq!(flaws(&many).len(), 1);
        assert!(flaws(&many)[0].ends_with(": more than 63 data sources"));
        assert_eq!(
            flaws(&format!("a v:GAUGE:0:U{}", " ".repeat(4090)))[0],
            "1:4095: the line is longer than 4094 octets"
        );
        assert!(flaws(&format!("{} v:GAUGE:0:U", "a".repeat(128)))[0].contains("longer than 127 octets"));
    }

    #[test]
    fn the_later_definition_counts() {
        let mut db = TypesDb::default();
        db.add(b"a v:GAUGE:0:U\n");
        db.add(b"a x:GAUGE:0:U y:GAUGE:0:U\n");
        assert_eq!(sources(&db, "a"), ["x:GAUGE:0:U", "y:GAUGE:0:U"]);
    }

    #[test]
    fn limits_are_within_the_range() {
        let source = |min, max| Source { name: "v".into(), kind: Kind::Gauge, min, max };
        assert!(source(Some(0.0), None).allows(0.0) && !source(Some(0.0), None).allows(-1.0));
        assert!(source(None, Some(1.0)).allows(-5.0) && !source(None, Some(1.0)).allows(1.5));
    }
}
