//! From a frame to the packet in it: what stands before the network layer.
//!
//! ```text
//! Ethernet      destination(6) source(6) type(2)
//! loopback      family(4)
//! cooked        direction(2) hardware(2) address length(2) address(8) type(2)
//! cooked v2     type(2) reserved(2) interface(4) hardware(2) direction(1) address length(1) address(8)
//! VLAN tag      priority and VLAN(2) type(2)
//! ```
//!
//! VLAN tags follow the type that announces them, in Ethernet and in both cooked forms.

use super::octets::{Octets, Skip};

pub(super) const IPV4: u16 = 0x0800;
pub(super) const IPV6: u16 = 0x86dd;

/// 802.1Q, 802.1ad, and what was used for outer tags before that.
const TAGS: [u16; 3] = [0x8100, 0x88a8, 0x9100];

/// The address families of IPv4 everywhere; of IPv6 on Linux, Windows, OpenBSD, FreeBSD and macOS.
const FAMILY_IPV4: u32 = 2;
const FAMILIES_IPV6: [u32; 5] = [10, 23, 24, 28, 30];

/// What a frame starts with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    Ethernet,
    /// BSD's loopback interfaces.
    Loopback,
    /// An IP packet without anything before it.
    Raw,
    /// Linux's pseudo-interface "any".
    Cooked,
    Cooked2,
}

impl Link {
    pub(super) fn from_number(number: u16) -> Option<Self> {
        match number {
            1 => Some(Self::Ethernet),
            0 | 108 => Some(Self::Loopback),
            12 | 14 | 101 | 228 | 229 => Some(Self::Raw),
            113 => Some(Self::Cooked),
            276 => Some(Self::Cooked2),
            _ => None,
        }
    }

    /// Takes link header and VLAN tags off a frame.
    pub(super) fn open(self, frame: Octets<'_>) -> Result<Network<'_>, Skip> {
        let (type_, octets) = match self {
            Self::Ethernet => {
                let ([.., high, low], octets) = frame.split_header::<14>()?;
                (u16::from_be_bytes([*high, *low]), octets)
            }
            Self::Loopback => {
                let (family, octets) = frame.split_header()?;
                (loopback_type(*family)?, octets)
            }
            Self::Raw => (raw_type(frame)?, frame),
            Self::Cooked => {
                let ([.., high, low], octets) = frame.split_header::<16>()?;
                (u16::from_be_bytes([*high, *low]), octets)
            }
            Self::Cooked2 => {
                let ([high, low, ..], octets) = frame.split_header::<20>()?;
                (u16::from_be_bytes([*high, *low]), octets)
            }
        };
        untag(type_, octets)
    }
}

/// A packet of the network layer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Network<'a> {
    pub(super) vlans: Vlans,
    /// The Ethernet type that names the protocol.
    pub(super) type_: u16,
    pub(super) octets: Octets<'a>,
}

/// The VLANs a frame is in, outermost first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Vlans([Option<u16>; 4]);

fn untag(mut type_: u16, mut octets: Octets<'_>) -> Result<Network<'_>, Skip> {
    let mut vlans = Vlans::default();
    let mut free = vlans.0.iter_mut();
    while TAGS.contains(&type_) {
        let ([tag @ .., high, low], rest) = octets.split_header::<4>()?;
        *free.next().ok_or(Skip::Malformed)? = Some(u16::from_be_bytes(*tag) & 0x0fff);
        type_ = u16::from_be_bytes([*high, *low]);
        octets = rest;
    }
    Ok(Network { vlans, type_, octets })
}

/// The family stands in the byte order of the capturing machine, which may differ from the file's
/// and, for link type 108, always is the network's; no family needs more than two octets.
fn loopback_type(family: [u8; 4]) -> Result<u16, Skip> {
    let family = u32::from_be_bytes(family).min(u32::from_le_bytes(family));
    match family {
        FAMILY_IPV4 => Ok(IPV4),
        _ if FAMILIES_IPV6.contains(&family) => Ok(IPV6),
        _ => Err(Skip::NotUdp),
    }
}

fn raw_type(packet: Octets<'_>) -> Result<u16, Skip> {
    let ([first], _) = packet.split_header()?;
    match first >> 4 {
        4 => Ok(IPV4),
        6 => Ok(IPV6),
        _ => Err(Skip::NotUdp),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn open(link: u16, frame: &[u8]) -> Result<(u16, Vec<u8>, Vlans), Skip> {
        let link = Link::from_number(link).unwrap();
        let network = link.open(Octets::new(frame, frame.len()))?;
        let octets = network.octets.captured().to_vec();
        Ok((network.type_, octets, network.vlans))
    }

    /// An Ethernet frame's addresses before `rest`.
    fn ethernet(rest: &[u8]) -> Vec<u8> {
        [&[0xa5; 12], rest].concat()
    }

    const UNTAGGED: Vlans = Vlans([None; 4]);

    #[test]
    fn ethernet_has_the_type_behind_the_addresses() {
        let opened = open(1, &ethernet(&[0x08, 0x00, 0x45]));
        assert_eq!(opened, Ok((IPV4, vec![0x45], UNTAGGED)));
    }

    #[test]
    fn vlan_tags_are_stacked() {
        let tags = [0x88, 0xa8, 0xe0, 1, 0x91, 0, 0, 2, 0x81, 0, 0, 3, 0x81, 0, 0x0f, 0xff];
        let frame = ethernet(&[&tags[..], &[0x86, 0xdd, 0x60]].concat());
        let vlans = Vlans([Some(1), Some(2), Some(3), Some(0xfff)]);
        assert_eq!(open(1, &frame), Ok((IPV6, vec![0x60], vlans)));
    }

    #[test]
    fn fifth_vlan_tag_is_malformed() {
        let frame = ethernet(&[[0x81, 0, 0, 1].repeat(5), vec![0x08, 0x00]].concat());
        assert_eq!(open(1, &frame), Err(Skip::Malformed));
    }

    #[test]
    fn loopback_family_comes_in_either_order() {
        let ipv4 = Ok((IPV4, vec![0x45], UNTAGGED));
        assert_eq!(open(0, &[2, 0, 0, 0, 0x45]), ipv4);
        assert_eq!(open(0, &[0, 0, 0, 2, 0x45]), ipv4);
        assert_eq!(open(108, &[0, 0, 0, 2, 0x45]), ipv4);
    }

    #[test]
    fn loopback_knows_every_systems_ipv6() {
        for family in FAMILIES_IPV6 {
            let frame = [&family.to_le_bytes()[..], &[0x60]].concat();
            assert_eq!(open(0, &frame), Ok((IPV6, vec![0x60], UNTAGGED)));
        }
        assert_eq!(open(0, &[7, 0, 0, 0, 0x60]), Err(Skip::NotUdp));
    }

    #[test]
    fn raw_packet_tells_its_own_version() {
        for link in [12, 14, 101, 228, 229] {
            assert_eq!(open(link, &[0x45]), Ok((IPV4, vec![0x45], UNTAGGED)));
            assert_eq!(open(link, &[0x60]), Ok((IPV6, vec![0x60], UNTAGGED)));
        }
        assert_eq!(open(101, &[0x00]), Err(Skip::NotUdp));
        assert_eq!(open(101, &[]), Err(Skip::Malformed));
    }

    #[test]
    fn cooked_frames_can_hold_vlan_tags() {
        let tagged = [0x81, 0x00, 0x00, 0x2a, 0x08, 0x00, 0x45];
        let vlans = Vlans([Some(0x2a), None, None, None]);
        let opened = Ok((IPV4, vec![0x45], vlans));
        assert_eq!(open(113, &[&[0; 14], &tagged[..]].concat()), opened);
        let (tag, rest) = tagged.split_at(2);
        assert_eq!(open(276, &[tag, &[0; 18], rest].concat()), opened);
    }

    #[test]
    fn other_link_types_are_unknown() {
        assert_eq!(Link::from_number(105), None);
    }
}
