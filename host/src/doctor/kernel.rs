//! What the kernel is set to, below `/proc/sys/net`, and what it counts, below `/proc/net`.

use std::collections::HashMap;
use std::fs;
use std::str::FromStr;

/// A setting such as `ipv4/conf/eth0/rp_filter`; `None` if there is none, or it may not be read.
pub(super) fn setting<T: FromStr>(path: &str) -> Option<T> {
    fs::read_to_string(format!("/proc/sys/net/{path}")).ok()?.trim().parse().ok()
}

/// An attribute such as `carrier` of an interface, or of what it belongs to; `None` if it has none.
pub(super) fn attribute<T: FromStr>(interface: &str, name: &str) -> Option<T> {
    fs::read_to_string(format!("/sys/class/net/{interface}/{name}")).ok()?.trim().parse().ok()
}

/// The setting of an interface, or of all, whichever is greater: the rule for `rp_filter` and a few others.
pub(super) fn greater_of_all_and(interface: &str, name: &str) -> u32 {
    greater_of("ipv4", interface, name)
}

/// The same for IPv6.
pub(super) fn greater_of_all_and_v6(interface: &str, name: &str) -> u32 {
    greater_of("ipv6", interface, name)
}

fn greater_of(family: &str, interface: &str, name: &str) -> u32 {
    let of = |interface: &str| setting::<u32>(&format!("{family}/conf/{interface}/{name}")).unwrap_or_default();
    of("all").max(of(interface))
}

/// What is counted of datagrams that did not reach a socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Counts {
    /// Dropped because the way back is another (`rp_filter`).
    pub(super) reverse_path: u64,
    /// Dropped because their check sum was wrong.
    pub(super) checksum: u64,
    /// Fragments whose datagram never became whole.
    pub(super) fragments: u64,
}

impl Counts {
    /// What has been counted so far.
    pub(super) fn now() -> Self {
        let [snmp, snmp6, netstat] = ["/proc/net/snmp", "/proc/net/snmp6", "/proc/net/netstat"]
            .map(|path| fs::read_to_string(path).unwrap_or_default());
        Self::parse(&snmp, &snmp6, &netstat)
    }

    fn parse(snmp: &str, snmp6: &str, netstat: &str) -> Self {
        let (pairs, netstat) = (in_pairs(snmp), in_pairs(netstat));
        let lines: HashMap<_, _> = snmp6.lines().filter_map(|line| line.split_once(char::is_whitespace)).collect();
        let v4 = |name: &str| pairs.get(name).copied().unwrap_or_default();
        let v6 = |name: &str| lines.get(name).and_then(|count| count.trim().parse().ok()).unwrap_or(0_u64);
        Self {
            reverse_path: netstat.get("TcpExt:IPReversePathFilter").copied().unwrap_or_default(),
            checksum: v4("Udp:InCsumErrors") + v6("Udp6InCsumErrors"),
            fragments: v4("Ip:ReasmFails") + v6("Ip6ReasmFails"),
        }
    }

    /// What has been counted since then.
    pub(super) const fn since(self, before: Self) -> Self {
        Self {
            reverse_path: self.reverse_path.saturating_sub(before.reverse_path),
            checksum: self.checksum.saturating_sub(before.checksum),
            fragments: self.fragments.saturating_sub(before.fragments),
        }
    }
}

/// A table of pairs of lines, names and then numbers, each with the name of the protocol in front.
fn in_pairs(table: &str) -> HashMap<String, u64> {
    let lines: Vec<_> = table.lines().collect();
    let mut numbers = HashMap::new();
    for pair in lines.chunks_exact(2) {
        let (Some((protocol, names)), Some((_, counts))) = (pair[0].split_once(':'), pair[1].split_once(':')) else {
            continue;
        };
        for (name, count) in names.split_whitespace().zip(counts.split_whitespace()) {
            // Some may be negative, none of those that matter.
            numbers.extend(count.parse().ok().map(|count| (format!("{protocol}:{name}"), count)));
        }
    }
    numbers
}

#[cfg(test)]
mod tests {
    use super::*;

    const SNMP: &str = "Ip: Forwarding DefaultTTL ReasmOKs ReasmFails\nIp: 2 64 0 3\n\
        Tcp: RtoAlgorithm MaxConn\nTcp: 1 -1\n\
        Udp: InDatagrams NoPorts InErrors OutDatagrams RcvbufErrors SndbufErrors InCsumErrors\nUdp: 9 8 7 6 5 4 2\n";
    const SNMP6: &str = "Ip6ReasmFails                   \t1\nUdp6InCsumErrors                \t10\n";
    const NETSTAT: &str = "TcpExt: SyncookiesSent IPReversePathFilter\nTcpExt: 0 17\nIpExt: InNoRoutes\nIpExt: 1\n";

    #[test]
    fn counts_are_found_by_their_names() {
        let counts = Counts::parse(SNMP, SNMP6, NETSTAT);
        assert_eq!(counts, Counts { reverse_path: 17, checksum: 12, fragments: 4 });
        let before = Counts { reverse_path: 10, checksum: 13, fragments: 4 };
        assert_eq!(counts.since(before), Counts { reverse_path: 7, checksum: 0, fragments: 0 });
    }

    #[test]
    fn whatever_stands_there_is_no_trouble() {
        (0..SNMP.len()).for_each(|end| _ = Counts::parse(&SNMP[..end], &SNMP6[..end.min(SNMP6.len())], &SNMP[end..]));
        assert_eq!(Counts::parse("", "", ""), Counts::default());
        assert_eq!(setting::<u32>("no/such/setting"), None);
        assert_eq!(attribute::<u32>("no such interface", "carrier"), None);
    }
}
