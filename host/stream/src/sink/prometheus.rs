//! Prometheus' text format: the latest value of each series, written at the end, or whenever it is asked for. Names are collectd_exporter's.
//!
//! ```text
//! # HELP collectd_interface_if_octets_rx_total plugin 'interface', type 'if_octets', data source 'rx'
//! # TYPE collectd_interface_if_octets_rx_total counter
//! collectd_interface_if_octets_rx_total{interface="eth0",instance="web01"} 48082944
//! ```
//!
//! What Prometheus does not allow in names becomes `_`, as there; and where collectd_exporter would write what Prometheus
//! refuses, this does not: label names are made valid, a label that is taken gets `plugin_` before it, and of several values
//! that come to the same series the newest stays, and the others are counted. An absolute value is a gauge. Notifications are
//! left out, and counted. Samples have no time, so that they can be scraped from a file.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::hash::{BuildHasher, RandomState};

use collectd_net::{Error, Identifier, Item, Kind, Text, Time, Value, ValueList};

use super::number::Number;
use super::putval::comment;
use super::text::{plain, push};
use super::{Entry, LeftOut, Origin, Sink};
use crate::sources::Sources;

/// Octets of an identifier that is kept at the most. The daemon's have 640.
const MAX_NAMES: usize = 1024;

/// Collects values, and writes the latest ones.
#[derive(Debug)]
pub struct Prometheus {
    rejects: bool,
    most: usize,
    families: HashMap<String, Family>,
    series: usize,
    left_out: LeftOut,
    hasher: RandomState,
    /// The name and the labels that are looked for.
    name: String,
    labels: String,
}

/// Series of one name.
#[derive(Debug)]
struct Family {
    is_counter: bool,
    help: String,
    series: HashMap<String, Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    value: Value,
    time: Time,
    /// Of whose identifier.
    identifier: u64,
}

impl Prometheus {
    pub(super) fn new(rejects: bool, most: usize) -> Self {
        Self {
            rejects,
            most,
            families: HashMap::new(),
            series: 0,
            left_out: LeftOut::default(),
            hasher: RandomState::new(),
            name: String::new(),
            labels: String::new(),
        }
    }

    fn values(&mut self, list: &ValueList<'_>, sources: Sources<'_>) {
        let fields = list.identifier.fields();
        if fields.iter().map(|field| field.len()).sum::<usize>() > MAX_NAMES {
            self.left_out.series += list.values.len() as u64;
            return;
        }
        let identifier = self.hasher.hash_one(fields);
        self.labels.clear();
        push_labels(&list.identifier, &mut self.labels);
        for (place, value) in list.values.iter().enumerate() {
            let is_counter = matches!(value.kind(), Kind::Counter | Kind::Derive);
            self.name.clear();
            push_name(list, sources, place, is_counter, &mut self.name);
            self.sample(is_counter, Sample { value, time: list.time, identifier }, || {
                help(list, &sources.get(place).to_string())
            });
        }
    }

    fn sample(&mut self, is_counter: bool, sample: Sample, help: impl FnOnce() -> String) {
        let is_new = match self.families.get_mut(&*self.name) {
            // A family is of one type.
            Some(family) if family.is_counter != is_counter => {
                self.left_out.collisions += 1;
                return;
            }
            Some(family) => match family.series.get_mut(&*self.labels) {
                Some(before) => {
                    if before.identifier != sample.identifier {
                        self.left_out.collisions += 1;
                    }
                    if before.time <= sample.time {
                        *before = sample;
                    }
                    return;
                }
                None => false,
            },
            None => true,
        };
        if self.series >= self.most {
            self.left_out.series += 1;
            return;
        }
        self.series += 1;
        if is_new {
            let family = Family { is_counter, help: help(), series: HashMap::new() };
            self.families.insert(self.name.clone(), family);
        }
        if let Some(family) = self.families.get_mut(&*self.name) {
            family.series.insert(self.labels.clone(), sample);
        }
    }
}

impl Sink for Prometheus {
    fn item(&mut self, entry: &Entry<'_>, _: &mut String) -> bool {
        let Item::ValueList(list) = entry.item else {
            self.left_out.notifications += 1;
            return false;
        };
        self.values(list, entry.sources);
        true
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            comment(error, origin, out);
        }
    }

    fn end(&mut self, out: &mut String) {
        let families: BTreeMap<_, _> = self.families.iter().collect();
        for (name, family) in families {
            let type_ = if family.is_counter { "counter" } else { "gauge" };
            // A `String` takes everything.
            _ = write!(out, "# HELP {name} {}\n# TYPE {name} {type_}\n", family.help);
            let series: BTreeMap<_, _> = family.series.iter().collect();
            for (labels, sample) in series {
                out.push_str(name);
                out.push_str(labels);
                out.push(' ');
                number(sample.value, out);
                out.push('\n');
            }
        }
    }

    fn left_out(&self) -> LeftOut {
        self.left_out
    }
}

fn number(value: Value, out: &mut String) {
    match value {
        Value::Gauge(number) if number.is_nan() => out.push_str("NaN"),
        Value::Gauge(f64::INFINITY) => out.push_str("+Inf"),
        Value::Gauge(f64::NEG_INFINITY) => out.push_str("-Inf"),
        _ => Number(value).push(out),
    }
}

fn push_name(list: &ValueList<'_>, sources: Sources<'_>, place: usize, is_counter: bool, out: &mut String) {
    let Identifier { plugin, type_, .. } = list.identifier;
    out.push_str("collectd_");
    if plugin != type_ {
        word(plugin, true, out);
        out.push('_');
    }
    word(type_, true, out);
    let source = sources.get(place);
    if !source.is_value() {
        out.push('_');
        match source {
            crate::sources::Name::Word(name) => word(name.into(), true, out),
            crate::sources::Name::Number(place) => super::number::push_integer(place, out),
        }
    }
    if is_counter {
        out.push_str("_total");
    }
}

fn push_labels(identifier: &Identifier<'_>, out: &mut String) {
    let Identifier { host, plugin, plugin_instance, type_instance, .. } = *identifier;
    let (of_plugin, of_type) = match (plugin_instance.is_empty(), type_instance.is_empty()) {
        (true, false) => (type_instance, Text::default()),
        _ => (plugin_instance, type_instance),
    };
    out.push('{');
    if !of_plugin.is_empty() {
        label_name(plugin, out);
        label_value(of_plugin, out);
        out.push(',');
    }
    if !of_type.is_empty() {
        out.push_str("type");
        label_value(of_type, out);
        out.push(',');
    }
    out.push_str("instance");
    label_value(host, out);
    out.push('}');
}

/// A name of a label, valid and not taken.
fn label_name(plugin: Text<'_>, out: &mut String) {
    let start = out.len();
    word(plugin, false, out);
    let name = &out[start..];
    if matches!(name, "type" | "instance") || name.starts_with("__") || name.starts_with(|c: char| c.is_ascii_digit()) {
        out.insert_str(start, "plugin_");
    }
}

/// `="text"`.
fn label_value(text: Text<'_>, out: &mut String) {
    out.push_str("=\"");
    let special = |octet: u8| matches!(octet, b'"' | b'\\');
    match plain(text, special) {
        Some(plain) => out.push_str(plain),
        None => super::text::push_escaped(text, special, out),
    }
    out.push('"');
}

/// Text with `_` for each character that a name cannot have.
fn word(text: Text<'_>, colon: bool, out: &mut String) {
    let good = |octet: u8| octet.is_ascii_alphanumeric() || octet == b'_' || colon && octet == b':';
    if let Some(plain) = plain(text, |octet| !good(octet)) {
        return out.push_str(plain);
    }
    for chunk in text.as_octets().utf8_chunks() {
        out.extend(chunk.valid().chars().map(|character| match u8::try_from(character) {
            Ok(octet) if good(octet) => character,
            _ => '_',
        }));
        out.extend(chunk.invalid().iter().map(|_| '_'));
    }
}

/// In a help text a backslash has one before it, and no line ends.
fn help(list: &ValueList<'_>, source: &str) -> String {
    let mut help = String::new();
    let Identifier { plugin, type_, .. } = list.identifier;
    let what = [("plugin '", plugin), ("', type '", type_), ("', data source '", source.into())];
    for (before, text) in what {
        help.push_str(before);
        push(text, &mut help);
    }
    help.push('\'');
    help.replace('\\', r"\\")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(fields: [&'static [u8]; 5]) -> String {
        let [host, plugin, plugin_instance, type_, type_instance] = fields.map(Text::new);
        let mut out = String::new();
        push_labels(&Identifier { host, plugin, plugin_instance, type_, type_instance }, &mut out);
        out
    }

    #[test]
    fn labels_are_those_of_collectd_exporter() {
        assert_eq!(labels([b"h", b"load", b"", b"load", b""]), r#"{instance="h"}"#);
        assert_eq!(labels([b"h", b"cpu", b"0", b"cpu", b"idle"]), r#"{cpu="0",type="idle",instance="h"}"#);
        assert_eq!(labels([b"h", b"memory", b"", b"memory", b"free"]), r#"{memory="free",instance="h"}"#);
    }

    #[test]
    fn labels_are_always_valid() {
        assert_eq!(labels([b"h", b"a-b.c", b"x", b"t", b""]), r#"{a_b_c="x",instance="h"}"#);
        assert_eq!(labels([b"h", b"type", b"x", b"t", b"y"]), r#"{plugin_type="x",type="y",instance="h"}"#);
        assert_eq!(labels([b"h", b"9p", b"x", b"t", b""]), r#"{plugin_9p="x",instance="h"}"#);
        assert_eq!(labels([b"h", b"\xff\xff", b"x", b"t", b""]), r#"{plugin___="x",instance="h"}"#);
        assert_eq!(labels([b"a\"\\\n\xff", b"p", b"", b"t", b""]), r#"{instance="a\"\\\\x0a\\xff"}"#);
    }

    #[test]
    fn numbers_are_as_prometheus_reads_them() {
        let all = [
            (Value::Gauge(f64::NAN), "NaN"),
            (Value::Gauge(f64::INFINITY), "+Inf"),
            (Value::Gauge(f64::NEG_INFINITY), "-Inf"),
            (Value::Gauge(0.5), "0.5"),
            (Value::Counter(u64::MAX), "18446744073709551615"),
        ];
        for (value, expected) in all {
            let mut out = String::new();
            number(value, &mut out);
            assert_eq!(out, expected);
        }
    }
}
