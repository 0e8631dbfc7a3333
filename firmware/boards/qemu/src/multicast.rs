//! Which multicast addresses the Ethernet shall let through.
//!
//! A chip with a hash filter has 64 bits, one for all addresses with the same top six bits of their Ethernet checksum. The node
//! wants the groups of its settings, and what its addresses need: the queries of routers and switches, and the questions of
//! neighbours.

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// Where IPv4 routers and switches ask who listens.
pub const ALL_SYSTEMS: Ipv4Addr = Ipv4Addr::new(224, 0, 0, 1);
/// Where IPv6 routers advertise themselves and ask who listens.
pub const ALL_NODES: Ipv6Addr = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 1);

/// The Ethernet address of a multicast group.
#[must_use]
pub const fn ethernet(group: IpAddr) -> [u8; 6] {
    match group {
        IpAddr::V4(group) => {
            let [_, b, c, d] = group.octets();
            [0x01, 0x00, 0x5e, b & 0x7f, c, d]
        }
        IpAddr::V6(group) => {
            let [.., a, b, c, d] = group.octets();
            [0x33, 0x33, a, b, c, d]
        }
    }
}

/// The group that neighbours use to ask for an address (RFC 4291, §2.7.1).
#[must_use]
pub const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | high & 0xff, low)
}

/// The same for the addresses that are made of a hardware address.
#[must_use]
pub const fn solicited_node_of_mac([.., a, b, c]: [u8; 6]) -> Ipv6Addr {
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | a as u16, u16::from_be_bytes([b, c]))
}

/// The 64 bits of a hash filter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Hash(u64);

impl Hash {
    /// Lets an Ethernet address through, and all that share its bit.
    pub const fn allow(&mut self, address: [u8; 6]) {
        self.0 |= 1 << (checksum(address) >> 26);
    }

    /// Bits 63 to 32.
    #[must_use]
    pub const fn high(self) -> u32 {
        (self.0 >> 32) as u32
    }

    /// Bits 31 to 0.
    #[must_use]
    pub const fn low(self) -> u32 {
        self.0 as u32
    }
}

/// CRC-32 as Ethernet computes it over the wire's order of bits, most significant bit first, not inverted at the end.
const fn checksum(address: [u8; 6]) -> u32 {
    let mut crc = u32::MAX;
    let mut octet = 0;
    while octet < address.len() {
        let mut bits = address[octet];
        let mut bit = 0;
        while bit < 8 {
            let differs = (crc >> 31) ^ (bits & 1) as u32;
            crc = (crc << 1) ^ (0x04c1_1db7 * differs);
            bits >>= 1;
            bit += 1;
        }
        octet += 1;
    }
    crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_have_the_addresses_that_the_rfcs_give_them() {
        assert_eq!(ethernet(IpAddr::V4(Ipv4Addr::new(239, 192, 74, 66))), [0x01, 0x00, 0x5e, 0x40, 0x4a, 0x42]);
        let group = Ipv6Addr::new(0xff18, 0, 0, 0, 0, 0, 0xefc0, 0x4a42);
        assert_eq!(ethernet(IpAddr::V6(group)), [0x33, 0x33, 0xef, 0xc0, 0x4a, 0x42]);
    }

    #[test]
    fn neighbours_ask_at_the_last_three_octets() {
        let expected = Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff12, 0x3456);
        assert_eq!(solicited_node_of_mac([0x52, 0x54, 0, 0x12, 0x34, 0x56]), expected);
        assert_eq!(solicited_node("fe80::5054:ff:fe12:3456".parse().unwrap()), expected);
    }

    /// The checksums as another program computes them.
    #[test]
    fn bit_is_the_top_of_the_checksum() {
        for (address, sum) in [
            ([0x01, 0x00, 0x5e, 0x00, 0x00, 0x01], 0x7fa3_2d9b),
            ([0x33, 0x33, 0x00, 0x00, 0x00, 0x01], 0xf99b_aaba),
            ([0x01, 0x00, 0x5e, 0x40, 0x4a, 0x42], 0xd9ff_b632),
            ([0x33, 0x33, 0xef, 0xc0, 0x4a, 0x42], 0x2895_a5e5),
        ] {
            assert_eq!(checksum(address), sum);
        }
        let mut hash = Hash::default();
        hash.allow([0x01, 0x00, 0x5e, 0x40, 0x4a, 0x42]);
        hash.allow([0x33, 0x33, 0xef, 0xc0, 0x4a, 0x42]);
        assert_eq!((hash.high(), hash.low()), (1 << (54 - 32), 1 << 10));
    }
}
