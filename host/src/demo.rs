//! A small made-up fleet, which sends as collectd daemons do.

use std::thread;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use collectd_net::{Encoder, Full, Identifier, Interval, Severity, Time, Value};

use crate::send::Destination;

/// How often each host sends.
const PERIOD: Duration = Duration::from_secs(2);
/// Octets of parts that the daemon puts into a packet at the most (`WIRE §12`).
const PACKET: usize = 1346;
const HOSTS: [&str; 4] = ["web01", "web02", "db01", "cache01"];

/// The hosts and what they have counted so far.
#[derive(Debug)]
pub(crate) struct Fleet {
    round: u64,
    octets: [i64; HOSTS.len()],
    /// State of the noise in the readings.
    noise: u64,
}

impl Fleet {
    pub(crate) fn new() -> Self {
        Self { round: 0, octets: [0; HOSTS.len()], noise: 0x9e37_79b9_7f4a_7c15 }
    }

    /// Sends a packet of each host to each destination every two seconds.
    pub(crate) fn send_for_ever(mut self, mut to: Vec<Destination>) {
        loop {
            for (host, name) in HOSTS.into_iter().enumerate() {
                if let Err(error) = self.send(host, &mut to) {
                    // The packets have room for all that there is.
                    unreachable!("a packet of {name}: {error}");
                }
            }
            self.round += 1;
            thread::sleep(PERIOD);
        }
    }

    fn send(&mut self, host: usize, to: &mut [Destination]) -> Result<(), Full> {
        let mut buffer = [0; PACKET];
        let mut encoder = Encoder::new(&mut buffer);
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        let time = Time::try_from(now).unwrap_or_default();
        self.values(host, time, &mut encoder)?;
        for destination in &mut *to {
            destination.push_octets(encoder.packet(), 8);
        }
        if let Some((severity, message)) = self.news(host) {
            encoder.clear();
            let identifier = Identifier { type_: "df_complex".into(), ..identifier(host, "df", "root") };
            encoder.notification(&identifier, time, severity, message.into())?;
            for destination in &mut *to {
                destination.push_octets(encoder.packet(), 1);
            }
        }
        to.iter_mut().for_each(Destination::flush);
        Ok(())
    }

    fn values(&mut self, host: usize, time: Time, encoder: &mut Encoder<'_>) -> Result<(), Full> {
        let interval = Interval::try_from(PERIOD).ok();
        let mut add = |plugin, instance, type_: &str, type_instance: &str, values: &[Value]| {
            let identifier = Identifier {
                type_: type_.into(),
                type_instance: type_instance.into(),
                ..identifier(host, plugin, instance)
            };
            encoder.value_list(&identifier, time, interval, values.iter().copied())
        };
        let busy = self.wave(host, 50.0, 40.0).round();
        let system = (busy / 5.0).round();
        for (state, share) in [("user", busy), ("system", system), ("idle", 100.0 - busy - system)] {
            add("cpu", "", "percent", state, &[Value::Gauge(share)])?;
        }
        let load = [busy, busy * 0.8, busy * 0.6].map(|share| Value::Gauge((share * 4.0).round() / 100.0));
        add("load", "", "load", "", &load)?;
        let used = 2e9 + self.wave(host, 5e8, 4e8);
        add("memory", "", "memory", "used", &[Value::Gauge(used.round())])?;
        add("memory", "", "memory", "free", &[Value::Gauge((8e9 - used).round())])?;
        add("swap", "", "swap", "used", &[Value::Gauge(48_082_944.0)])?;
        self.octets[host] += i64::try_from(self.round * 1500).unwrap_or(i64::MAX / 2) + 64_000;
        let octets = self.octets[host];
        add("interface", "eth0", "if_octets", "", &[Value::Derive(octets), Value::Derive(octets / 7)])?;
        add("df", "root", "df_complex", "free", &[Value::Gauge((4e10 - used).round())])?;
        add("uptime", "", "uptime", "", &[Value::Gauge((self.round * PERIOD.as_secs()) as f64)])
    }

    /// The database's disk fills and is emptied again.
    fn news(&self, host: usize) -> Option<(Severity, &'static str)> {
        if HOSTS[host] != "db01" {
            return None;
        }
        match self.round % 15 {
            3 => Some((Severity::Warning, "free space is below 10 %")),
            8 => Some((Severity::Failure, "free space is below 1 %")),
            12 => Some((Severity::Okay, "free space is above 10 % again")),
            _ => None,
        }
    }

    /// A slow wave with some noise, of its own phase for each host.
    fn wave(&mut self, host: usize, middle: f64, height: f64) -> f64 {
        // xorshift: looks random enough.
        self.noise ^= self.noise << 13;
        self.noise ^= self.noise >> 7;
        self.noise ^= self.noise << 17;
        let noise = (self.noise >> 40) as f64 / (1 << 24) as f64 - 0.5;
        let phase = self.round as f64 / 10.0 + host as f64;
        middle + height * (0.9 * phase.sin() + 0.2 * noise)
    }
}

fn identifier<'a>(host: usize, plugin: &'a str, plugin_instance: &'a str) -> Identifier<'a> {
    Identifier {
        host: HOSTS[host].into(),
        plugin: plugin.into(),
        plugin_instance: plugin_instance.into(),
        ..Identifier::default()
    }
}
