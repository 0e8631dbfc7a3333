//! Which groups the kernel has joined: `/proc/net/igmp` and `/proc/net/igmp6`.
//!
//! ```text
//! igmp   Idx  Device    : Count Querier  Group    Users Timer       Reporter
//!        4    eth0      :     2      V3
//!                                        424AC0EF     1 0:00000000  0           octets in the order of the machine
//! igmp6  4    eth0            ff18000000000000000000efc04a42        1 00000004 0
//! ```

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// A group that is joined on an interface, by whomever.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Membership {
    pub(super) interface: String,
    pub(super) group: IpAddr,
}

/// The memberships of IPv4, and for each interface the version of IGMP that it speaks.
pub(super) fn parse_igmp(text: &str) -> (Vec<Membership>, Vec<(String, u8)>) {
    let (mut memberships, mut versions) = (Vec::new(), Vec::new());
    let mut interface = None;
    for line in text.lines().skip(1) {
        let words: Vec<_> = line.split_whitespace().collect();
        if line.starts_with(|c: char| c.is_ascii_digit()) {
            // A long name touches the colon.
            interface = words.get(1).map(|name| name.trim_end_matches(':').to_owned());
            let version = words.last().and_then(|word| word.strip_prefix('V')).and_then(|version| version.parse().ok());
            versions.extend(interface.clone().zip(version));
        } else if let (Some(interface), Some(group)) = (&interface, words.first())
            && let Ok(group) = u32::from_str_radix(group, 16)
        {
            let group = IpAddr::V4(Ipv4Addr::from(group.to_ne_bytes()));
            memberships.push(Membership { interface: interface.clone(), group });
        }
    }
    (memberships, versions)
}

/// The memberships of IPv6.
pub(super) fn parse_igmp6(text: &str) -> Vec<Membership> {
    let membership = |line: &str| {
        let mut words = line.split_whitespace().skip(1);
        let (interface, group) = (words.next()?, words.next()?);
        let group = u128::from_str_radix(group, 16).ok().filter(|_| group.len() == 32)?;
        Some(Membership { interface: interface.to_owned(), group: IpAddr::V6(Ipv6Addr::from(group)) })
    };
    text.lines().filter_map(membership).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const IGMP: &str = "Idx\tDevice    : Count Querier\tGroup    Users Timer\tReporter\n\
        1\tlo        :     2      V3\n\
        \t\t\t\t424AC0EF     1 0:00000000\t\t0\n\
        \t\t\t\t010000E0     1 0:00000000\t\t0\n\
        4\tenp0s31f6abc:     1      V2\n\
        \t\t\t\t010000E0     1 0:00000000\t\t0\n";
    const IGMP6: &str = "1    lo              ff180000000000000000efc000004a42     1 00000004 0\n\
        4    eth0            ff020000000000000000000000000001     1 0000000C 0\n\
        4    eth0            ff0180\n";

    fn joined(interface: &str, group: &str) -> Membership {
        Membership { interface: interface.into(), group: group.parse().expect("an address") }
    }

    #[test]
    #[cfg(target_endian = "little")]
    fn groups_of_ipv4_stand_below_their_interfaces() {
        let (memberships, versions) = parse_igmp(IGMP);
        let expected = [("lo", "239.192.74.66"), ("lo", "224.0.0.1"), ("enp0s31f6abc", "224.0.0.1")];
        assert_eq!(memberships, expected.map(|(interface, group)| joined(interface, group)));
        assert_eq!(versions, [("lo".to_owned(), 3), ("enp0s31f6abc".to_owned(), 2)]);
    }

    #[test]
    fn groups_of_ipv6_have_a_line_each() {
        assert_eq!(parse_igmp6(IGMP6), [joined("lo", "ff18::efc0:0:4a42"), joined("eth0", "ff02::1")]);
    }

    #[test]
    fn whatever_stands_there_is_no_trouble() {
        for end in 0..IGMP.len() {
            _ = parse_igmp(&IGMP[..end]);
        }
        for end in 0..IGMP6.len() {
            _ = parse_igmp6(&IGMP6[..end]);
        }
        assert_eq!(parse_igmp("\n:::\n\u{1b}[\n1\n V\n"), (vec![], vec![]));
    }
}
