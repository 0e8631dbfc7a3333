//! Names of data sources without types.db.
//!
//! They are not on the wire. The types that collectd ships need only a short table: nearly all of them have one data source
//! called `value`, and the others are here.

use crate::Text;

/// One data source of most types.
const VALUE: &[&str] = &["value"];

/// The other types, by their data sources, with blanks between them: each would need as much room again for its address and length.
static OTHERS: &[(&[&str], &str)] = &[
    (
        &["rx", "tx"],
        "if_dropped if_errors if_octets if_packets ib_octets ib_packets io_octets io_packets memcached_octets mysql_octets \
         node_octets serial_octets",
    ),
    (
        &["read", "write"],
        "disk_latency disk_merged disk_octets disk_ops disk_time io_ops ps_disk_octets ps_disk_ops arc_l2_bytes",
    ),
    (&["shortterm", "midterm", "longterm"], "load"),
    (&["used", "free"], "df"),
    (&["uncompressed", "compressed"], "compression"),
    (&["io_time", "weighted_io_time"], "disk_io_time"),
    (&["queries", "responses"], "dns_octets"),
    (&["state", "reason"], "domain_state"),
    (&["scaled", "raw", "enabled", "running"], "pmu_counter"),
    (&["processes", "threads"], "ps_count"),
    (&["user", "syst"], "ps_cputime"),
    (&["minflt", "majflt"], "ps_pagefaults vmpage_faults"),
    (&["current", "worst", "threshold", "pretty"], "smart_attribute"),
    (&["vf_rx", "vf_tx"], "vf_bytes vf_dropped vf_packets"),
    (&["in", "out"], "vmpage_io"),
    (&["value", "threshold"], "voltage_threshold"),
    (&["demand_data", "demand_metadata", "prefetch_data", "prefetch_metadata"], "arc_counts"),
    (&["current", "target", "minlimit", "maxlimit"], "arc_size"),
    (&["hits", "inserts", "not_cached", "lowmem_prunes", "queries_in_cache"], "mysql_qcache"),
    (&["running", "connected", "cached", "created"], "mysql_threads"),
    (&["seconds"], "duration"),
    (&["vf_value"], "vf_broadcast vf_link_info vf_multicast"),
];

/// The data source names of a type with `count` values.
///
/// `None` if collectd ships no such type with that many data sources; number the values then. Types unknown to collectd that
/// have one value are taken to call it `value`, as nearly all do.
///
/// ```
/// use collectd_net::names::of;
///
/// assert_eq!(of("if_octets".into(), 2), Some(&["rx", "tx"][..]));
/// assert_eq!(of("temperature".into(), 1), Some(&["value"][..]));
/// assert_eq!(of("if_octets".into(), 3), None);
/// ```
#[must_use]
pub fn of(type_: Text<'_>, count: usize) -> Option<&'static [&'static str]> {
    let other = OTHERS
        .iter()
        .find(|(_, types)| types.as_bytes().split(|octet| *octet == b' ').any(|other| type_.as_octets() == other));
    let names = other.map_or(VALUE, |(names, _)| names);
    (names.len() == count).then_some(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The types of collectd's types.db that do not have one data source called `value`, as they stand there.
    const TYPES: &str = "
        arc_counts demand_data demand_metadata prefetch_data prefetch_metadata
        arc_l2_bytes read write
        arc_size current target minlimit maxlimit
        compression uncompressed compressed
        df used free
        disk_io_time io_time weighted_io_time
        disk_latency read write
        disk_merged read write
        disk_octets read write
        disk_ops read write
        disk_time read write
        dns_octets queries responses
        domain_state state reason
        duration seconds
        ib_octets rx tx
        ib_packets rx tx
        if_dropped rx tx
        if_errors rx tx
        if_octets rx tx
        if_packets rx tx
        io_octets rx tx
        io_ops read write
        io_packets rx tx
        load shortterm midterm longterm
        memcached_octets rx tx
        mysql_octets rx tx
        mysql_qcache hits inserts not_cached lowmem_prunes queries_in_cache
        mysql_threads running connected cached created
        node_octets rx tx
        pmu_counter scaled raw enabled running
        ps_count processes threads
        ps_cputime user syst
        ps_disk_octets read write
        ps_disk_ops read write
        ps_pagefaults minflt majflt
        serial_octets rx tx
        smart_attribute current worst threshold pretty
        vf_broadcast vf_value
        vf_bytes vf_rx vf_tx
        vf_dropped vf_rx vf_tx
        vf_link_info vf_value
        vf_multicast vf_value
        vf_packets vf_rx vf_tx
        vmpage_faults minflt majflt
        vmpage_io in out
        voltage_threshold value threshold
    ";

    #[test]
    fn data_sources_are_called_as_in_types_db() {
        for line in TYPES.lines() {
            let words: Vec<&str> = line.split_ascii_whitespace().collect();
            if let [type_, sources @ ..] = &*words {
                assert_eq!(of((*type_).into(), sources.len()), Some(sources), "{type_}");
                assert_eq!(of((*type_).into(), sources.len() + 1), None, "{type_}");
            }
        }
    }

    #[test]
    fn one_data_source_of_a_type_that_is_not_known_is_the_value() {
        assert_eq!(of("temperature".into(), 1), Some(&["value"][..]));
        assert_eq!(of("temperature".into(), 2), None);
        assert_eq!(of("temperature".into(), 0), None);
    }
}
