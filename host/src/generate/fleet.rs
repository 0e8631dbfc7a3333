//! Hosts, their series, and what these have measured. Nothing is remembered: seed, series and round say everything.

use std::fmt::Write as _;

use collectd_net::{Identifier, Kind, Value};

use super::random::mix;

/// One value in so many is at an edge.
const EDGES: u64 = 64;

/// Types of collectd's types.db that have values of one kind, and how many.
const fn types(kind: Kind) -> &'static [(&'static str, usize)] {
    match kind {
        Kind::Gauge => &[("gauge", 1), ("load", 3), ("temperature", 1)],
        Kind::Counter => &[("counter", 1)],
        Kind::Derive => &[("derive", 1), ("if_octets", 2), ("disk_ops", 2)],
        Kind::Absolute => &[("absolute", 1)],
    }
}

/// A fleet of hosts that have as many series each.
#[derive(Clone, Debug)]
pub(super) struct Fleet {
    seed: u64,
    hosts: u64,
    plugins: u64,
    kinds: Vec<Kind>,
    host: String,
    plugin: String,
}

impl Fleet {
    pub(super) fn new(seed: u64, hosts: u64, plugins: u64, kinds: &[Kind]) -> Self {
        let kinds = if kinds.is_empty() { vec![Kind::Gauge] } else { kinds.to_vec() };
        Self {
            seed: mix(seed),
            hosts: hosts.max(1),
            plugins: plugins.max(1),
            kinds,
            host: String::new(),
            plugin: String::new(),
        }
    }

    /// How many series there are.
    pub(super) const fn series(&self) -> u64 {
        self.hosts.saturating_mul(self.plugins)
    }

    /// The series of the value list of this number, host after host, round after round, and its values.
    pub(super) fn value_list(&mut self, number: u64, values: &mut Vec<Value>) -> Identifier<'_> {
        let (round, series) = (number / self.series(), number % self.series());
        let (host, plugin) = (series / self.plugins, series % self.plugins);
        let place = usize::try_from(plugin).unwrap_or_default();
        let kind = self.kinds[place % self.kinds.len()];
        let types = types(kind);
        let (type_, count) = types[place / self.kinds.len() % types.len()];
        let origin = mix(self.seed ^ series.wrapping_mul(0xd1b5_4a32_d192_ed03));
        values.clear();
        values.extend((0..).take(count).map(|source: u64| value(kind, mix(origin.wrapping_add(source)), round)));
        Identifier { type_: type_.into(), ..self.names(host, Some(plugin)) }
    }

    /// What the notification of this number is about: a host, or a series of it.
    pub(super) fn subject(&mut self, drawn: u64) -> Identifier<'_> {
        let (host, plugin) = (drawn % self.hosts, (drawn >> 32) % self.plugins);
        self.names(host, (drawn >> 63 == 0).then_some(plugin))
    }

    fn names(&mut self, host: u64, plugin: Option<u64>) -> Identifier<'_> {
        self.host.clear();
        self.plugin.clear();
        // A `String` takes everything.
        _ = write!(self.host, "host{host:04}");
        if let Some(plugin) = plugin {
            _ = write!(self.plugin, "{plugin:04}");
        }
        Identifier {
            host: self.host.as_str().into(),
            plugin: if plugin.is_some() { "generated".into() } else { "".into() },
            plugin_instance: self.plugin.as_str().into(),
            ..Identifier::default()
        }
    }
}

/// What a source has measured in a round. Its origin tells all sources apart.
fn value(kind: Kind, origin: u64, round: u64) -> Value {
    let noise = mix(origin ^ round.wrapping_mul(0xa076_1d64_78bd_642f));
    let is_edge = noise.is_multiple_of(EDGES);
    let edge = noise / EDGES;
    let step = 1 + origin % 10_000;
    // One counter in eight begins as far below its end as it gets in some rounds: of 64 bits, or of 32.
    let start = match origin >> 60 {
        0 => u64::MAX - 3 * step,
        1 => u64::from(u32::MAX) - 3 * step,
        _ => (origin >> 8) & 0xffff_ffff,
    };
    let counted = start.wrapping_add(step.wrapping_mul(round));
    match kind {
        Kind::Gauge if is_edge => {
            let edges =
                [f64::NAN, f64::INFINITY, f64::NEG_INFINITY, -0.0, f64::MAX, f64::MIN, f64::MIN_POSITIVE, 5e-324];
            Value::Gauge(edges[usize::try_from(edge % 8).unwrap_or_default()])
        }
        // A wave of two hundred rounds with some noise, in hundredths, so that it is the same on every machine.
        Kind::Gauge => {
            let wave = round.wrapping_add(origin) % 200;
            let hundredths = wave.min(200 - wave) * 100 + (noise >> 8) % 500;
            Value::Gauge(hundredths as f64 / 100.0)
        }
        Kind::Counter if is_edge => Value::Counter([0, u64::MAX][usize::from(edge.is_multiple_of(2))]),
        Kind::Counter => Value::Counter(counted),
        Kind::Derive if is_edge => Value::Derive([i64::MIN, i64::MAX, -1, 0][usize::try_from(edge % 4).unwrap_or(0)]),
        // Some derives fall.
        Kind::Derive if origin >> 60 == 2 => Value::Derive(counted.cast_signed().wrapping_neg()),
        Kind::Derive => Value::Derive(counted.cast_signed()),
        Kind::Absolute if is_edge => Value::Absolute([0, u64::MAX][usize::from(edge.is_multiple_of(2))]),
        Kind::Absolute => Value::Absolute((noise >> 8) % (step * 10)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn edges_of_all_kinds_come_and_counters_wrap() {
        let mut fleet = Fleet::new(1, 10, 40, &[Kind::Gauge, Kind::Counter, Kind::Derive, Kind::Absolute]);
        let (mut list, mut all) = (Vec::new(), Vec::new());
        for number in 0..400 * 10 {
            fleet.value_list(number, &mut list);
            all.extend_from_slice(&list);
        }
        let has = |is: fn(&Value) -> bool| all.iter().any(is);
        assert!(has(|value| matches!(value, Value::Gauge(number) if number.is_nan())));
        assert!(has(|value| matches!(value, Value::Gauge(number) if *number == f64::INFINITY)));
        assert!(has(|value| matches!(value, Value::Gauge(number) if *number == f64::NEG_INFINITY)));
        assert!(has(|value| *value == Value::Counter(u64::MAX)) && has(|value| *value == Value::Absolute(u64::MAX)));
        assert!(has(|value| *value == Value::Derive(i64::MIN)) && has(|value| *value == Value::Derive(i64::MAX)));
        assert!(has(|value| matches!(value, Value::Counter(number) if *number > u64::MAX - 100_000)));
        let origin = (0..).map(mix).find(|origin| origin >> 60 == 0).expect("one in sixteen");
        let counted: Vec<_> = (0..8).map(|round| value(Kind::Counter, origin, round).bits()).collect();
        assert!(counted[0] > u64::MAX / 2 && counted.iter().skip(4).any(|number| *number < 100_000), "{counted:?}");
    }

    #[test]
    fn every_series_of_a_round_has_its_own_name() {
        let mut fleet = Fleet::new(1, 12, 30, &[Kind::Derive, Kind::Gauge]);
        let mut values = Vec::new();
        let mut names: Vec<_> = (0..360).map(|number| fleet.value_list(number, &mut values).to_string()).collect();
        assert_eq!(fleet.value_list(360, &mut values).to_string(), names[0]);
        names.sort();
        names.dedup();
        assert_eq!(names.len(), 360);
    }
}
