//! What `collectd-tap -o json` prints, read back without losing a bit.

use std::{
    collections::BTreeMap,
    net::{IpAddr, SocketAddr},
};

use serde_json::value::RawValue;

/// One line of `-o json`. Numbers stay text, because a double does not hold them all.
#[derive(Debug)]
pub struct Object(BTreeMap<String, Box<RawValue>>);

impl Object {
    /// Reads a line.
    ///
    /// # Panics
    ///
    /// When it is not a JSON object.
    pub fn read(line: &str) -> Self {
        Self(serde_json::from_str(line).unwrap_or_else(|error| panic!("{error} in {line}")))
    }

    /// A string without its quotes; a number, a list or null as it stands.
    pub fn text(&self, key: &str) -> String {
        let raw = self.0.get(key).unwrap_or_else(|| panic!("no {key} in {:?}", self.0)).get();
        serde_json::from_str(raw).unwrap_or_else(|_| raw.to_owned())
    }

    /// The address of the sender.
    pub fn from(&self) -> IpAddr {
        let from = self.text("from");
        from.parse::<SocketAddr>().unwrap_or_else(|error| panic!("{from}: {error}")).ip()
    }

    /// The elements of a list, joined by commas.
    fn list(&self, key: &str) -> String {
        let raw = self.text(key);
        let elements: Vec<Box<RawValue>> =
            serde_json::from_str(&raw).unwrap_or_else(|error| panic!("{error} in {raw}"));
        let texts = elements.iter().map(|element| element.get().trim_matches('"'));
        texts.collect::<Vec<_>>().join(",")
    }

    /// Everything about the item itself, and nothing about how it came: kind, identifier, time and interval in 2⁻³⁰ s, and
    /// kinds, names and values, or severity and message.
    pub fn exact(&self) -> String {
        let identifier =
            ["host", "plugin", "plugin_instance", "type", "type_instance"].map(|key| self.text(key)).join("|");
        let time = units(&self.text("time"));
        if self.text("kind") == "notification" {
            return format!("notification {identifier} {time} {} {}", self.text("severity"), self.text("message"));
        }
        let interval = units(&self.text("interval"));
        let [dstypes, dsnames, values] = ["dstypes", "dsnames", "values"].map(|key| self.list(key));
        format!("{} {identifier} {time} {interval} {dstypes} {dsnames} {values}", self.text("kind"))
    }
}

/// Decimal seconds to units of 2⁻³⁰ s, to the nearest.
fn units(seconds: &str) -> u64 {
    let (whole, fraction) = seconds.split_once('.').unwrap_or((seconds, ""));
    let number = |digits: &str| digits.parse::<u128>().unwrap_or_else(|error| panic!("{seconds}: {error}"));
    let scale = 10_u128.pow(u32::try_from(fraction.len()).expect("a few digits"));
    let scaled = number(&format!("{whole}{fraction}")) << 30;
    u64::try_from((2 * scaled + scale) / (2 * scale)).expect("collectd's times fit 64 bits")
}
