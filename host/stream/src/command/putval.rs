//! `PUTVAL identifier [interval=seconds] time:value[:value…] …`

use std::ops::Range;

use collectd_net::{Identifier, Interval, Item, Kind, Protection, Text, Time, Value, ValueList, Values};

use super::words::{Words, option};
use super::{Refused, number};
use crate::packer::TooLong;
use crate::types_db::TypesDb;

/// Octets of a name, at the most: what the daemon takes (`WIRE §4`).
pub const NAME: usize = 127;

/// What collectd says to values of any fault.
const VALUES: &str = "Parsing the values string failed.";

/// The value lists of a line.
#[derive(Debug, Default)]
pub(super) struct Lists {
    identifier: Vec<u8>,
    /// The five names in the identifier.
    names: [Range<usize>; 5],
    lists: Vec<List>,
    kinds: Vec<u8>,
    octets: Vec<[u8; 8]>,
}

#[derive(Debug)]
struct List {
    time: Time,
    interval: Option<Interval>,
    /// Where its values end.
    end: usize,
}

impl Lists {
    /// Reads the words of a line, the first of which is the command.
    pub(super) fn read(
        &mut self,
        words: &Words,
        types: &TypesDb,
        mut interval: Option<Interval>,
        now: &dyn Fn() -> Time,
    ) -> Result<(), Refused> {
        let Self { identifier, names, lists, kinds, octets } = self;
        lists.clear();
        kinds.clear();
        octets.clear();
        let mut words = words.iter().skip(1).peekable();
        let missing = "Missing identifier and/or value-list.";
        let (name, at) = words.next().ok_or_else(|| Refused::new(missing, 6, "expected an identifier"))?;
        identifier.clear();
        identifier.extend_from_slice(name);
        if words.peek().is_none() {
            return Err(Refused::new(missing, at + name.len(), "expected values behind the identifier"));
        }
        *names = split(name).ok_or_else(|| {
            let answer = format!("Cannot parse identifier `{}'.", Text::new(name));
            Refused::new(answer, at, "an identifier is host/plugin[-instance]/type[-instance]")
        })?;
        if names.iter().any(|name| name.len() > NAME) {
            return Err(Refused::new("Identifier too long.", at, format!("names have {NAME} octets at the most")));
        }
        let type_ = Text::new(name.get(names[3].clone()).unwrap_or_default());
        let set = types.get(type_).ok_or_else(|| {
            let why = format!("no types.db has this type (--data-set '{type_}=gauge' says what it is)");
            Refused::new(format!("Type `{type_}' isn't defined."), at + names[3].start, why)
        })?;
        for (word, at) in words {
            if let Some((key, value, start)) = option(word) {
                if key.eq_ignore_ascii_case(b"interval") {
                    let units = number::seconds(value).filter(|units| *units > 0);
                    let why = "an interval is a number of seconds above 0";
                    interval =
                        Some(units.map(Interval::from_raw).ok_or_else(|| Refused::new(VALUES, at + start, why))?);
                } else if !key.get(..5).is_some_and(|meta| meta.eq_ignore_ascii_case(b"meta:")) {
                    let why = format!("'{}' is no option of PUTVAL", Text::new(key));
                    return Err(Refused::new(VALUES, at, why));
                }
                // Metadata has no place in a packet; the daemon, too, sends it to nobody.
                continue;
            }
            let mut fields = word.split(|octet| *octet == b':');
            let time = fields.next().unwrap_or_default();
            let time = match time {
                b"N" | b"" => now(),
                _ => number::seconds(time)
                    .filter(|units| *units > 0)
                    .map(Time::from_raw)
                    .ok_or_else(|| Refused::new(VALUES, at, "a time is N, or a number of seconds since 1970"))?,
            };
            let count = fields.clone().count();
            if count != set.sources.len() {
                let [wanted, found] = [set.sources.len(), count].map(values_of);
                return Err(Refused::new(VALUES, at, format!("type {type_} has {wanted}, and there is {found}")));
            }
            let mut place = at + word.iter().position(|octet| *octet == b':').unwrap_or(0) + 1;
            for (source, field) in set.sources.iter().zip(fields) {
                let value = number::value(field, source.kind).map_err(|why| Refused::new(VALUES, place, why))?;
                let (kind, value) = encode(value);
                kinds.push(kind);
                octets.push(value);
                place += field.len() + 1;
            }
            lists.push(List { time, interval, end: kinds.len() });
        }
        Ok(())
    }

    /// Hands all value lists on, and returns how many.
    pub(super) fn emit(&self, emit: &mut dyn FnMut(&Item<'_>) -> Result<(), TooLong>) -> Result<u64, TooLong> {
        let name = |place: usize| Text::new(self.identifier.get(self.names[place].clone()).unwrap_or_default());
        let identifier = Identifier {
            host: name(0),
            plugin: name(1),
            plugin_instance: name(2),
            type_: name(3),
            type_instance: name(4),
        };
        let mut start = 0;
        for list in &self.lists {
            let range = start..list.end;
            start = list.end;
            let (Some(kinds), Some(octets)) = (self.kinds.get(range.clone()), self.octets.get(range)) else { continue };
            let Ok(values) = Values::new(kinds, octets) else { continue };
            emit(&Item::ValueList(ValueList {
                identifier,
                time: list.time,
                interval: list.interval,
                values,
                protection: Protection::None,
                user: None,
            }))?;
        }
        Ok(self.lists.len() as u64)
    }
}

/// A value as it stands in a packet: gauges are little endian, everything else is big endian (`WIRE §6.2`).
pub const fn encode(value: Value) -> (u8, [u8; 8]) {
    let bits = value.bits();
    let octets = match value.kind() {
        Kind::Gauge => bits.to_le_bytes(),
        Kind::Counter | Kind::Derive | Kind::Absolute => bits.to_be_bytes(),
    };
    (value.kind().raw(), octets)
}

/// The five names in an identifier, as collectd splits it: at the first two slashes, and at the first hyphen of each of two.
fn split(identifier: &[u8]) -> Option<[Range<usize>; 5]> {
    let find = |octet: u8, from: usize, to: usize| {
        identifier.get(from..to)?.iter().position(|other| *other == octet).map(|at| from + at)
    };
    let end = identifier.len();
    let first = find(b'/', 0, end)?;
    let second = find(b'/', first + 1, end)?;
    let parts = |from: usize, to: usize| match find(b'-', from, to) {
        Some(hyphen) => [from..hyphen, hyphen + 1..to],
        None => [from..to, to..to],
    };
    let [plugin, plugin_instance] = parts(first + 1, second);
    let [type_, type_instance] = parts(second + 1, end);
    // A receiver drops what has no host, plugin or type.
    let is_whole = first > 0 && !plugin.is_empty() && !type_.is_empty();
    is_whole.then_some([0..first, plugin, plugin_instance, type_, type_instance])
}

fn values_of(count: usize) -> String {
    if count == 1 { "1 value".into() } else { format!("{count} values") }
}
