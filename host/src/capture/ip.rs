//! From a packet of IPv4 or IPv6 to the UDP datagram in it, or to a fragment of one.
//!
//! ```text
//! IPv4        version and length(1) service(1) total length(2) identification(2) flags and offset(2)
//!             hops(1) protocol(1) checksum(2) source(4) destination(4) options
//! IPv6        version, class and flow(4) payload length(2) protocol(1) hops(1) source(16) destination(16)
//! fragment    protocol(1) reserved(1) offset and flags(2) identification(4)
//! extension   protocol(1) length(1) ...
//! UDP         source(2) destination(2) length(2) checksum(2)
//! ```
//!
//! No checksum is verified: on the sending host, a capture sees packets before the network card has
//! filled them in.

use std::net::{IpAddr, SocketAddr};

use super::Datagram;
use super::link::{IPV4, IPV6};
use super::octets::{Octets, Skip};

const HOP_BY_HOP: u8 = 0;
const UDP: u8 = 17;
const ROUTING: u8 = 43;
const FRAGMENT: u8 = 44;
const AUTHENTICATION: u8 = 51;
const DESTINATION_OPTIONS: u8 = 60;

const MORE_FRAGMENTS_IPV4: u16 = 0x2000;
const MORE_FRAGMENTS_IPV6: u16 = 0x0001;

const UDP_HEADER_LENGTH: usize = 8;

/// What of an IP packet matters here.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Packet<'a> {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) body: Body<'a>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Body<'a> {
    /// A datagram, from its UDP header on.
    Udp(Octets<'a>),
    Fragment(Fragment<'a>),
}

/// A part of a packet that was too long to be sent whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fragment<'a> {
    pub(super) identification: u32,
    /// What the whole packet starts with.
    pub(super) protocol: u8,
    /// Where in the whole packet it belongs, in octets.
    pub(super) offset: usize,
    /// Whether others follow.
    pub(super) more: bool,
    pub(super) octets: Octets<'a>,
}

impl<'a> Packet<'a> {
    /// Takes the header off a packet whose protocol is named by an Ethernet type.
    pub(super) fn open(type_: u16, octets: Octets<'a>) -> Result<Self, Skip> {
        match type_ {
            IPV4 => Self::open_ipv4(octets),
            IPV6 => Self::open_ipv6(octets),
            _ => Err(Skip::NotUdp),
        }
    }

    fn open_ipv4(octets: Octets<'a>) -> Result<Self, Skip> {
        let (header, _) = octets.split_header::<20>()?;
        let &[version, _, t0, t1, i0, i1, f0, f1, _, protocol, _, _, ref addresses @ ..] = header;
        let header_length = usize::from(version & 0x0f) * 4;
        if version >> 4 != 4 || header_length < header.len() {
            return Err(Skip::Malformed);
        }
        let packet = match u16::from_be_bytes([t0, t1]) {
            // Where the network card does the segmentation, the length is not yet known.
            0 => octets,
            length => octets.first(usize::from(length)),
        };
        let octets = packet.skip(header_length)?;
        let [s0, s1, s2, s3, d0, d1, d2, d3] = *addresses;
        let flags = u16::from_be_bytes([f0, f1]);
        let fragment = Fragment {
            identification: u32::from(u16::from_be_bytes([i0, i1])),
            protocol,
            offset: usize::from(flags & 0x1fff) * 8,
            more: flags & MORE_FRAGMENTS_IPV4 != 0,
            octets,
        };
        let source = IpAddr::from([s0, s1, s2, s3]);
        let body =
            if fragment.is_whole() { Body::open(source, protocol, octets)? } else { Body::fragment(source, fragment)? };
        Ok(Self { source, destination: IpAddr::from([d0, d1, d2, d3]), body })
    }

    fn open_ipv6(octets: Octets<'a>) -> Result<Self, Skip> {
        let (header, rest) = octets.split_header::<40>()?;
        let &[version, _, _, _, l0, l1, protocol, _, ref addresses @ ..] = header;
        if version >> 4 != 6 {
            return Err(Skip::Malformed);
        }
        let octets = match u16::from_be_bytes([l0, l1]) {
            0 => rest,
            length => rest.first(usize::from(length)),
        };
        let ([source, destination], []) = addresses.as_chunks::<16>() else {
            return Err(Skip::Malformed);
        };
        let source = IpAddr::from(*source);
        Ok(Self { source, destination: IpAddr::from(*destination), body: Body::open(source, protocol, octets)? })
    }
}

impl<'a> Body<'a> {
    /// Takes the extension headers off what follows an IP header; the source tells the version.
    pub(super) fn open(source: IpAddr, mut protocol: u8, mut octets: Octets<'a>) -> Result<Self, Skip> {
        while is_extension(source, protocol) {
            if protocol == FRAGMENT {
                let fragment = Fragment::open_ipv6(octets)?;
                if !fragment.is_whole() {
                    return Self::fragment(source, fragment);
                }
                (protocol, octets) = (fragment.protocol, fragment.octets);
                continue;
            }
            let (&[next, length], _) = octets.split_header()?;
            let length = match protocol {
                AUTHENTICATION => (usize::from(length) + 2) * 4,
                _ => (usize::from(length) + 1) * 8,
            };
            (protocol, octets) = (next, octets.skip(length)?);
        }
        match protocol {
            UDP => Ok(Self::Udp(octets)),
            _ => Err(Skip::NotUdp),
        }
    }

    fn fragment(source: IpAddr, fragment: Fragment<'a>) -> Result<Self, Skip> {
        if fragment.protocol != UDP && !is_extension(source, fragment.protocol) {
            return Err(Skip::NotUdp);
        }
        Ok(Self::Fragment(fragment))
    }
}

impl<'a> Fragment<'a> {
    fn open_ipv6(octets: Octets<'a>) -> Result<Self, Skip> {
        let (&[protocol, _, f0, f1, identification @ ..], octets) = octets.split_header::<8>()?;
        let flags = u16::from_be_bytes([f0, f1]);
        Ok(Self {
            identification: u32::from_be_bytes(identification),
            protocol,
            offset: usize::from(flags & !0x7),
            more: flags & MORE_FRAGMENTS_IPV6 != 0,
            octets,
        })
    }

    /// Whether it is all of the packet, and thus no fragment; RFC 6946 calls it atomic.
    fn is_whole(&self) -> bool {
        self.offset == 0 && !self.more
    }
}

fn is_extension(source: IpAddr, protocol: u8) -> bool {
    match protocol {
        AUTHENTICATION => true,
        HOP_BY_HOP | ROUTING | FRAGMENT | DESTINATION_OPTIONS => source.is_ipv6(),
        _ => false,
    }
}

/// Takes the UDP header off a datagram.
pub(super) fn datagram(source: IpAddr, destination: IpAddr, octets: Octets<'_>) -> Result<Datagram, Skip> {
    let (&[s0, s1, d0, d1, l0, l1, _, _], _) = octets.split_header::<UDP_HEADER_LENGTH>()?;
    let length = usize::from(u16::from_be_bytes([l0, l1]));
    if length > octets.promised() {
        return Err(Skip::Malformed);
    }
    let payload = octets.first(length).skip(UDP_HEADER_LENGTH)?;
    Ok(Datagram {
        from: SocketAddr::new(source, u16::from_be_bytes([s0, s1])),
        to: SocketAddr::new(destination, u16::from_be_bytes([d0, d1])),
        payload: payload.captured().to_vec(),
        truncated: payload.is_cut(),
        time: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: [u8; 16] = [0xfd, 0x77, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1];
    /// From port 1 to port 2, payload 7, 8, 9.
    const UDP_789: [u8; 11] = [0, 1, 0, 2, 0, 11, 0, 0, 7, 8, 9];

    /// From 10.77.0.1 to 10.77.0.2.
    fn ipv4(flags: u16, protocol: u8, options: &[u8], body: &[u8]) -> Vec<u8> {
        let header_length = 20 + options.len();
        let [t0, t1] = ((header_length + body.len()) as u16).to_be_bytes();
        let [f0, f1] = flags.to_be_bytes();
        let version = 0x40 | (header_length / 4) as u8;
        let start = [version, 0, t0, t1, 0, 9, f0, f1, 64, protocol, 0, 0];
        [&start, &[10, 77, 0, 1, 10, 77, 0, 2][..], options, body].concat()
    }

    fn ipv6(protocol: u8, body: &[u8]) -> Vec<u8> {
        let [l0, l1] = (body.len() as u16).to_be_bytes();
        let start = [0x60, 0, 0, 0, l0, l1, protocol, 64];
        [&start, &SOURCE[..], &[0xff; 16], body].concat()
    }

    fn receive(type_: u16, captured: &[u8], promised: usize) -> Result<Datagram, Skip> {
        let packet = Packet::open(type_, Octets::new(captured, promised))?;
        match packet.body {
            Body::Udp(octets) => datagram(packet.source, packet.destination, octets),
            Body::Fragment(_) => panic!("a fragment"),
        }
    }

    #[track_caller]
    fn fragment(type_: u16, packet: &[u8]) -> Fragment<'_> {
        match Packet::open(type_, Octets::new(packet, packet.len())).unwrap().body {
            Body::Fragment(fragment) => fragment,
            Body::Udp(_) => panic!("not a fragment"),
        }
    }

    fn ipv4_payload(packet: &[u8]) -> Result<Vec<u8>, Skip> {
        receive(IPV4, packet, packet.len()).map(|datagram| datagram.payload)
    }

    fn ipv6_payload(packet: &[u8]) -> Result<Vec<u8>, Skip> {
        receive(IPV6, packet, packet.len()).map(|datagram| datagram.payload)
    }

    #[test]
    fn addresses_and_ports_are_told() {
        let packet = ipv4(0, UDP, &[], &UDP_789);
        let datagram = receive(IPV4, &packet, packet.len()).unwrap();
        assert_eq!(datagram.from, "10.77.0.1:1".parse().unwrap());
        assert_eq!(datagram.to, "10.77.0.2:2".parse().unwrap());
        let packet = ipv6(UDP, &UDP_789);
        let datagram = receive(IPV6, &packet, packet.len()).unwrap();
        assert_eq!(datagram.from, "[fd77::1]:1".parse().unwrap());
    }

    #[test]
    fn ethernet_padding_is_not_payload() {
        let packet = [ipv4(0, UDP, &[], &UDP_789), vec![0xa5; 15]].concat();
        assert_eq!(ipv4_payload(&packet), Ok(vec![7, 8, 9]));
        let packet = [ipv6(UDP, &UDP_789), vec![0xa5; 15]].concat();
        assert_eq!(ipv6_payload(&packet), Ok(vec![7, 8, 9]));
    }

    #[test]
    fn udp_length_ends_the_payload_inside_the_packet() {
        let body = [&UDP_789[..], &[0xa5; 4]].concat();
        assert_eq!(ipv4_payload(&ipv4(0, UDP, &[], &body)), Ok(vec![7, 8, 9]));
    }

    #[test]
    fn udp_length_beyond_the_packet_is_malformed() {
        let packet = [ipv4(0, UDP, &[], &UDP_789[..10]), vec![0xa5; 15]].concat();
        assert_eq!(ipv4_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn udp_length_below_its_header_is_malformed() {
        for length in 0..8 {
            let mut packet = ipv6(UDP, &UDP_789);
            packet[45] = length;
            assert_eq!(ipv6_payload(&packet), Err(Skip::Malformed));
        }
    }

    #[test]
    fn empty_payload_is_a_datagram() {
        let packet = ipv4(0, UDP, &[], &[0, 1, 0, 2, 0, 8, 0, 0]);
        assert_eq!(ipv4_payload(&packet), Ok(vec![]));
    }

    #[test]
    fn datagram_cut_by_the_snap_length_is_marked() {
        let packet = ipv4(0, UDP, &[], &UDP_789);
        let datagram = receive(IPV4, &packet[..30], packet.len()).unwrap();
        assert_eq!((datagram.payload, datagram.truncated), (vec![7, 8], true));
        let whole = receive(IPV4, &packet, packet.len()).unwrap();
        assert!(!whole.truncated);
    }

    #[test]
    fn headers_cut_by_the_snap_length_are_told_apart_from_malformed_ones() {
        let packet = ipv4(0, UDP, &[], &UDP_789);
        for end in 0..28 {
            assert_eq!(receive(IPV4, &packet[..end], packet.len()), Err(Skip::Cut));
        }
        let packet = ipv4(0, UDP, &[], &UDP_789[..7]);
        assert_eq!(ipv4_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn ipv4_options_are_passed_over() {
        let packet = ipv4(0, UDP, &[1; 40], &UDP_789);
        assert_eq!(ipv4_payload(&packet), Ok(vec![7, 8, 9]));
    }

    #[test]
    fn ipv4_header_below_twenty_octets_is_malformed() {
        let mut packet = ipv4(0, UDP, &[], &UDP_789);
        packet[0] = 0x44;
        assert_eq!(ipv4_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn ipv4_total_length_below_the_header_is_malformed() {
        let mut packet = ipv4(0, UDP, &[], &UDP_789);
        packet[3] = 19;
        assert_eq!(ipv4_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn total_length_of_zero_means_all_of_the_frame() {
        let mut packet = ipv4(0, UDP, &[], &UDP_789);
        packet[3] = 0;
        assert_eq!(ipv4_payload(&packet), Ok(vec![7, 8, 9]));
        let mut packet = ipv6(UDP, &UDP_789);
        packet[5] = 0;
        assert_eq!(ipv6_payload(&packet), Ok(vec![7, 8, 9]));
    }

    #[test]
    fn version_must_be_the_one_announced() {
        assert_eq!(ipv6_payload(&ipv4(0, UDP, &[], &[0; 20])), Err(Skip::Malformed));
        assert_eq!(ipv4_payload(&ipv6(UDP, &UDP_789)), Err(Skip::Malformed));
    }

    #[test]
    fn other_protocols_are_not_udp() {
        assert_eq!(ipv4_payload(&ipv4(0, 6, &[], &UDP_789)), Err(Skip::NotUdp));
        assert_eq!(ipv4_payload(&ipv4(0x2000, 6, &[], &UDP_789)), Err(Skip::NotUdp));
        assert_eq!(ipv6_payload(&ipv6(58, &UDP_789)), Err(Skip::NotUdp));
        assert_eq!(receive(0x0806, &[0; 28], 28), Err(Skip::NotUdp));
        let hop_by_hop = ipv4(0, HOP_BY_HOP, &[], &UDP_789);
        assert_eq!(ipv4_payload(&hop_by_hop), Err(Skip::NotUdp));
    }

    #[test]
    fn extension_headers_are_walked() {
        let options = [ROUTING, 0, 5, 2, 0, 0, 0, 0];
        let routing = [[FRAGMENT, 1].as_slice(), &[0; 14]].concat();
        let atomic = [AUTHENTICATION, 0, 0, 0, 0, 0, 0, 1];
        let authentication = [[DESTINATION_OPTIONS, 1].as_slice(), &[0; 10]].concat();
        let destination = [UDP, 0, 1, 4, 0, 0, 0, 0];
        let parts = [&options[..], &routing, &atomic, &authentication, &destination, &UDP_789];
        assert_eq!(ipv6_payload(&ipv6(HOP_BY_HOP, &parts.concat())), Ok(vec![7, 8, 9]));
        let body = [[UDP, 1].as_slice(), &[0; 10], &UDP_789].concat();
        assert_eq!(ipv4_payload(&ipv4(0, AUTHENTICATION, &[], &body)), Ok(vec![7, 8, 9]));
    }

    #[test]
    fn extension_header_beyond_the_packet_is_malformed() {
        let packet = ipv6(HOP_BY_HOP, &[UDP, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(ipv6_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn endless_extension_headers_end() {
        let mut packet = ipv6(FRAGMENT, &[FRAGMENT, 0, 0, 0, 0, 0, 0, 0].repeat(1_000_000));
        packet[4..6].fill(0);
        assert_eq!(ipv6_payload(&packet), Err(Skip::Malformed));
    }

    #[test]
    fn fragments_tell_their_place() {
        let packet = ipv4(0x2003, UDP, &[], &UDP_789[..8]);
        let first = fragment(IPV4, &packet);
        assert_eq!((first.identification, first.offset, first.more), (9, 24, true));
        let body = [&[UDP, 0, 0, 0x18, 1, 2, 3, 4], &UDP_789[..]].concat();
        let packet = ipv6(FRAGMENT, &body);
        let last = fragment(IPV6, &packet);
        assert_eq!((last.identification, last.offset, last.more), (0x0102_0304, 24, false));
        assert_eq!(last.octets.captured(), UDP_789);
    }

    #[test]
    fn what_a_later_fragment_holds_is_not_walked() {
        let body = [DESTINATION_OPTIONS, 0, 0, 0x18, 1, 2, 3, 4, UDP, 0xff];
        let packet = ipv6(FRAGMENT, &body);
        assert_eq!(fragment(IPV6, &packet).octets.captured(), [UDP, 0xff]);
    }
}
