//! All values that the filter lets through, in order, and the tree that they are in.

use std::collections::HashSet;
use std::rc::Rc;

use collectd_net::{Item, Kind, Protection, Text, Value, ValueList, Values};

use super::number::Unit;
use crate::Selection;
use crate::fleet::{Cursor, Fleet, SeriesId, SeriesView};
use crate::sink::unit::as_float;
use crate::sources::{Dictionary, Sources};

/// A value of a series, by its place in it.
pub(super) type ValueId = (SeriesId, usize);

/// In which order values are listed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sort {
    /// As a tree of names.
    Names,
    /// The largest first.
    Values,
    /// The fastest first.
    Rates,
    /// What has come last first.
    Changes,
}

impl Sort {
    /// The next of them.
    pub(super) const fn next(self) -> Self {
        match self {
            Self::Names => Self::Values,
            Self::Values => Self::Rates,
            Self::Rates => Self::Changes,
            Self::Changes => Self::Names,
        }
    }

    /// What it is called.
    pub(super) const fn name(self) -> &'static str {
        match self {
            Self::Names => "name",
            Self::Values => "value",
            Self::Rates => "rate",
            Self::Changes => "last change",
        }
    }
}

/// A value.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) id: ValueId,
    /// Harmless texts: the host, the plugin with its instance, and what stands behind them with the name of the data source.
    pub(super) host: Rc<str>,
    pub(super) plugin: Rc<str>,
    pub(super) name: Rc<str>,
    pub(super) unit: Unit,
    /// What it is sorted by, if not by names.
    weight: f64,
}

impl Entry {
    /// All of its names.
    pub(super) fn title(&self) -> String {
        format!("{}/{}/{}", self.host, self.plugin, self.name)
    }
}

/// A line of the tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Row {
    /// A host, with the first of its values and how many there are.
    Host { first: usize, count: usize, is_open: bool },
    /// A plugin of a host, likewise.
    Plugin { first: usize, count: usize, is_open: bool },
    /// A value.
    Value { place: usize, is_flat: bool },
}

/// What a row is, wherever it is: it stays the same when others come and go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Key {
    Host(Rc<str>),
    Plugin(Rc<str>, Rc<str>),
    Value(ValueId),
}

/// All values, and the rows that show them.
#[derive(Debug, Default)]
pub(super) struct Catalog {
    pub(super) entries: Vec<Entry>,
    pub(super) rows: Vec<Row>,
}

impl Catalog {
    /// Reads all of it. The fleet is locked for a part of it at a time.
    pub(super) fn read(fleet: &Fleet, dictionary: &Dictionary, filter: Option<&Selection>, sort: Sort) -> Self {
        let (mut entries, mut cursor) = (Vec::new(), Cursor::default());
        let mut item = Parts::default();
        while !cursor.is_done() {
            for series in fleet.lock().changed_since(0, &mut cursor) {
                if filter.is_none_or(|filter| item.matches(&series, filter)) {
                    push(&mut entries, &series, dictionary, sort);
                }
            }
        }
        let by_name = |a: &Entry, b: &Entry| (&a.host, &a.plugin, &a.name).cmp(&(&b.host, &b.plugin, &b.name));
        entries.sort_by(|a, b| b.weight.total_cmp(&a.weight).then_with(|| by_name(a, b)));
        Self { entries, rows: Vec::new() }
    }

    /// Makes the rows, of what is open.
    pub(super) fn unfold(&mut self, sort: Sort, is_open: impl Fn(&Key) -> bool) {
        self.rows.clear();
        if sort != Sort::Names {
            self.rows.extend((0..self.entries.len()).map(|place| Row::Value { place, is_flat: true }));
            return;
        }
        let mut first = 0;
        for host in self.entries.chunk_by(|a, b| a.host == b.host) {
            let is_host_open = is_open(&Key::Host(Rc::clone(&host[0].host)));
            self.rows.push(Row::Host { first, count: host.len(), is_open: is_host_open });
            let mut place = first;
            first += host.len();
            if !is_host_open {
                continue;
            }
            for plugin in host.chunk_by(|a, b| a.plugin == b.plugin) {
                let key = Key::Plugin(Rc::clone(&plugin[0].host), Rc::clone(&plugin[0].plugin));
                let is_plugin_open = is_open(&key);
                self.rows.push(Row::Plugin { first: place, count: plugin.len(), is_open: is_plugin_open });
                if is_plugin_open {
                    let places = place..place + plugin.len();
                    self.rows.extend(places.map(|place| Row::Value { place, is_flat: false }));
                }
                place += plugin.len();
            }
        }
    }

    /// What a row is.
    pub(super) fn key(&self, row: &Row) -> Option<Key> {
        let entry = |place: usize| self.entries.get(place);
        Some(match *row {
            Row::Host { first, .. } => Key::Host(Rc::clone(&entry(first)?.host)),
            Row::Plugin { first, .. } => Key::Plugin(Rc::clone(&entry(first)?.host), Rc::clone(&entry(first)?.plugin)),
            Row::Value { place, .. } => Key::Value(entry(place)?.id),
        })
    }

    /// The value with this name.
    pub(super) fn entry(&self, id: ValueId) -> Option<&Entry> {
        self.entries.iter().find(|entry| entry.id == id)
    }

    /// All hosts.
    pub(super) fn hosts(&self) -> HashSet<&Rc<str>> {
        self.entries.iter().map(|entry| &entry.host).collect()
    }
}

fn push(entries: &mut Vec<Entry>, series: &SeriesView<'_>, dictionary: &Dictionary, sort: Sort) {
    let names = Names::of(series, dictionary);
    // Of one host come many, one after the other.
    let host = series.identifier().host.to_string();
    let last = entries.last().map(|entry| &entry.host).filter(|last| ***last == *host);
    let host = last.map_or_else(|| host.into(), Rc::clone);
    let plugin: Rc<str> = names.plugin.as_str().into();
    for (place, (value, rate)) in series.values().zip(series.rates()).enumerate() {
        let (name, unit) = names.value(series, place);
        let weight = match sort {
            Sort::Names => 0.0,
            Sort::Values => as_float(value),
            Sort::Rates if value.kind() == Kind::Gauge => -1.0,
            Sort::Rates => rate,
            #[expect(clippy::cast_precision_loss, reason = "nobody counts so far")]
            Sort::Changes => series.changed() as f64,
        };
        entries.push(Entry {
            id: (series.id(), place),
            host: Rc::clone(&host),
            plugin: Rc::clone(&plugin),
            name: name.into(),
            unit,
            weight: if weight.is_nan() { f64::NEG_INFINITY } else { weight },
        });
    }
}

/// What a series and its values are called. All of it is harmless.
pub(super) struct Names<'a> {
    /// The plugin with its instance.
    pub(super) plugin: String,
    type_: String,
    sources: Sources<'a>,
}

impl<'a> Names<'a> {
    pub(super) fn of(series: &SeriesView<'_>, dictionary: &'a Dictionary) -> Self {
        let identifier = series.identifier();
        let with = |name: Text<'_>, instance: Text<'_>| match instance.is_empty() {
            true => name.to_string(),
            false => format!("{name}-{instance}"),
        };
        Self {
            plugin: with(identifier.plugin, identifier.plugin_instance),
            type_: with(identifier.type_, identifier.type_instance),
            sources: dictionary.look_up(identifier.type_, series.values().len()),
        }
    }

    /// The name of a value behind those of the host and of the plugin, and its unit.
    pub(super) fn value(&self, series: &SeriesView<'_>, place: usize) -> (String, Unit) {
        let source = self.sources.get(place);
        let is_only = series.values().len() == 1 && source.is_value();
        let name = if is_only { self.type_.clone() } else { format!("{} {source}", self.type_) };
        let kind = series.values().nth(place).map_or(Kind::Gauge, |value| value.kind());
        (name, Unit::of(series.identifier().type_, kind))
    }
}

/// A series as the item that it came as, for a filter.
#[derive(Default)]
struct Parts {
    kinds: Vec<u8>,
    octets: Vec<[u8; 8]>,
}

impl Parts {
    fn matches(&mut self, series: &SeriesView<'_>, filter: &Selection) -> bool {
        let Self { kinds, octets } = self;
        kinds.clear();
        octets.clear();
        for value in series.values() {
            kinds.push(value.kind().raw());
            octets.push(match value {
                Value::Gauge(_) => value.bits().to_le_bytes(),
                _ => value.bits().to_be_bytes(),
            });
        }
        let Ok(values) = Values::new(kinds, octets) else { return false };
        let protection = series.host().map_or(Protection::None, |host| host.protection());
        filter.matches(&Item::ValueList(ValueList {
            identifier: series.identifier(),
            time: series.time(),
            interval: series.interval(),
            values,
            protection,
            user: None,
        }))
    }
}
