//! Units of the types that collectd ships.

use std::fmt::Write as _;

use collectd_net::{Kind, Text, Value};

/// Types, their units, and whether they are gauges; the others are counts, which have their unit per second once they are rates.
/// In the order of the types.
static UNITS: [(&str, &str, bool); 75] = [
    ("arc_l2_size", "B", false),
    ("arc_size", "B", true),
    ("bytes", "B", true),
    ("cache_size", "B", true),
    ("capacity", "B", true),
    ("charge_percent", "%", true),
    ("clock_skew", "Hz", true),
    ("cpufreq", "Hz", true),
    ("current", "A", true),
    ("delay", "s", true),
    ("df", "B", true),
    ("df_complex", "B", true),
    ("disk_io_time", "ms", false),
    ("disk_octets", "B", false),
    ("disk_ops", "operations", false),
    ("disk_time", "ms", false),
    ("dns_octets", "B", false),
    ("duration", "s", true),
    ("energy", "J", false),
    ("energy_wh", "Wh", true),
    ("fanspeed", "rpm", true),
    ("file_size", "B", true),
    ("frequency", "Hz", true),
    ("humidity", "%", true),
    ("ib_octets", "B", false),
    ("ib_packets", "packets", false),
    ("if_octets", "B", false),
    ("if_packets", "packets", false),
    ("if_rx_octets", "B", false),
    ("if_tx_octets", "B", false),
    ("io_octets", "B", false),
    ("io_ops", "operations", false),
    ("io_packets", "packets", false),
    ("ipt_bytes", "B", false),
    ("ipt_packets", "packets", false),
    ("latency", "s", true),
    ("memcached_octets", "B", false),
    ("memory", "B", true),
    ("memory_lua", "B", true),
    ("mysql_bpool_bytes", "B", true),
    ("mysql_octets", "B", false),
    ("node_octets", "B", false),
    ("percent", "%", true),
    ("percent_bytes", "%", true),
    ("percent_inodes", "%", true),
    ("ping", "ms", true),
    ("power", "W", true),
    ("pressure", "Pa", true),
    ("ps_code", "B", true),
    ("ps_data", "B", true),
    ("ps_disk_octets", "B", false),
    ("ps_disk_ops", "operations", false),
    ("ps_rss", "B", true),
    ("ps_stacksize", "B", true),
    ("ps_vm", "B", true),
    ("response_time", "s", true),
    ("serial_octets", "B", false),
    ("signal_noise", "dB", true),
    ("signal_power", "dBm", true),
    ("snr", "dB", true),
    ("swap", "B", true),
    ("temperature", "°C", true),
    ("time_dispersion", "s", true),
    ("time_offset", "s", true),
    ("total_bytes", "B", false),
    ("total_operations", "operations", false),
    ("total_time_in_ms", "ms", false),
    ("uptime", "s", true),
    ("users", "users", true),
    ("vf_bytes", "B", false),
    ("vf_packets", "packets", false),
    ("virt_cpu_total_bytes", "B", false),
    ("voltage", "V", true),
    ("voltage_threshold", "V", true),
    ("vs_memory", "B", true),
];

/// Below this, the digits of a number are read as easily as any shorter form.
const READABLE: f64 = 10_000.0;

/// The unit of a type, and whether its values are gauges.
pub fn of(type_: Text<'_>) -> Option<(&'static str, bool)> {
    let place = UNITS.binary_search_by_key(&type_.as_octets(), |(known, ..)| known.as_bytes()).ok()?;
    UNITS.get(place).map(|(_, unit, is_gauge)| (*unit, *is_gauge))
}

/// Appends the unit of a value, and a short form of a large one: ` B (1.4 MiB)`.
pub(super) fn push(type_: Text<'_>, value: Value, out: &mut String) {
    let Some((unit, is_gauge)) = of(type_) else { return };
    let per_second = if value.kind() == Kind::Gauge && !is_gauge { "/s" } else { "" };
    out.push(' ');
    out.push_str(unit);
    out.push_str(per_second);
    let number = as_float(value);
    if !number.is_finite() || number.abs() < READABLE {
        return;
    }
    let (base, prefixes) = match unit {
        "B" => (1024.0, ["Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
        "%" | "ms" | "s" | "°C" | "dB" | "dBm" | "rpm" => return,
        _ => (1000.0, ["k", "M", "G", "T", "P", "E"]),
    };
    let mut scaled = number / base;
    let mut prefixes = prefixes.into_iter();
    let mut prefix = prefixes.next().unwrap_or_default();
    for next in prefixes {
        if scaled.abs() < base {
            break;
        }
        scaled /= base;
        prefix = next;
    }
    let space = if unit.len() == 1 || unit == "Hz" { "" } else { " " };
    // A `String` takes everything.
    _ = write!(out, " ({scaled:.1} {prefix}{space}{unit}{per_second})");
}

/// A value for people and pictures.
#[expect(
    clippy::cast_precision_loss,
    reason = "for graphs, to sort by, and for a form with one digit behind the point"
)]
pub const fn as_float(value: Value) -> f64 {
    match value {
        Value::Counter(number) | Value::Absolute(number) => number as f64,
        Value::Derive(number) => number as f64,
        Value::Gauge(number) => number,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pushed(type_: &str, value: Value) -> String {
        let mut out = String::new();
        push(type_.into(), value, &mut out);
        out
    }

    #[test]
    fn units_are_of_the_type() {
        assert_eq!(pushed("memory", Value::Gauge(1_500_000.0)), " B (1.4 MiB)");
        assert_eq!(pushed("if_octets", Value::Derive(512)), " B");
        assert_eq!(pushed("if_octets", Value::Gauge(20_480.0)), " B/s (20.0 KiB/s)");
        assert_eq!(pushed("if_packets", Value::Derive(12_000_000)), " packets (12.0 M packets)");
        assert_eq!(pushed("temperature", Value::Gauge(21.5)), " °C");
        assert_eq!(pushed("percent", Value::Gauge(f64::NAN)), " %");
        assert_eq!(pushed("cpufreq", Value::Gauge(2_400_000_000.0)), " Hz (2.4 GHz)");
        assert_eq!(pushed("total_bytes", Value::Derive(i64::MIN)), " B (-8.0 EiB)");
        assert_eq!(pushed("uptime", Value::Gauge(1e9)), " s");
        assert_eq!(pushed("load", Value::Gauge(1e9)), "");
    }

    #[test]
    fn types_are_in_order() {
        assert!(UNITS.windows(2).all(|pair| pair[0].0 < pair[1].0));
    }
}
