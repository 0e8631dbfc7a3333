//! What a frame is to the node, seen before the network stack. Datagrams to the node's port never come there, and nothing that is
//! dropped of them is lost uncounted.

use core::net::SocketAddr;
use core::time::Duration;

use smoltcp::phy::{Device, DeviceCapabilities, RxToken, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet};

use crate::board::ethernet;

/// Octets of a UDP header.
const UDP_HEADER: usize = 8;
/// The ICMPv6 type of a query for listeners.
const MLD_QUERY: u8 = 130;
/// The IGMP type of a query for members.
const IGMP_QUERY: u8 = 0x11;
/// The longest that a query waits for its answer, however long it would wait.
const ANSWER: Duration = Duration::from_millis(500);

/// What a frame is to the node.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Frame {
    /// The network stack's.
    #[default]
    Other,
    /// A datagram to the node's port, if this is its address.
    Datagram { to: IpAddress, shape: Shape },
    /// A query for members of groups, to be answered within this time.
    Query { within: Duration },
}

/// How a datagram came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It is whole, and was copied: so many octets from there.
    Whole { from: SocketAddr, len: usize },
    /// It is a piece of one.
    Fragment,
    /// Its header says another length than the frame has.
    Length,
    /// It is longer than the node's buffer.
    TooLong,
    /// A check sum is wrong, or nobody can have sent it.
    Damaged,
}

/// What `frame` is to a node that listens on `port`. The payload of a datagram to it is copied to `place`.
pub(crate) fn take(frame: &[u8], known: Known, port: u16, place: &mut [u8]) -> Frame {
    let Ok(frame) = EthernetFrame::new_checked(frame) else { return Frame::Other };
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let Ok(packet) = Ipv4Packet::new_checked(frame.payload()) else { return Frame::Other };
            match packet.next_header() {
                IpProtocol::Udp => {}
                IpProtocol::Igmp => return igmp_query(packet.payload()),
                _ => return Frame::Other,
            }
            if packet.frag_offset() > 0 {
                // Whose it is stands in the first piece, which was counted.
                return Frame::Other;
            }
            let header = frame.payload().get(..packet.header_len().into()).unwrap_or_default();
            let header_sum = fold(sum(header));
            let sound = packet.version() == 4 && header.len() >= 20 && header_sum == SOUND;
            let addresses = header.get(12..20).unwrap_or_default();
            let between = (IpAddress::Ipv4(packet.src_addr()), IpAddress::Ipv4(packet.dst_addr()));
            let known = known.behind(|| header_sum, frame.payload().len() == usize::from(packet.total_len()));
            datagram(packet.payload(), known, between, addresses, (sound, packet.more_frags()), port, place)
        }
        EthernetProtocol::Ipv6 => {
            let Ok(packet) = Ipv6Packet::new_checked(frame.payload()) else { return Frame::Other };
            let between = (IpAddress::Ipv6(packet.src_addr()), IpAddress::Ipv6(packet.dst_addr()));
            let addresses = frame.payload().get(8..40).unwrap_or_default();
            let (header, _) = frame.payload().split_at_checked(packet.header_len()).unwrap_or_default();
            let known = known.behind(|| fold(sum(header)), frame.payload().len() == packet.total_len());
            let (udp, more) = match packet.next_header() {
                IpProtocol::Udp => (packet.payload(), false),
                IpProtocol::HopByHop => return mld_query(packet.payload()),
                IpProtocol::Ipv6Frag => match first_fragment(packet.payload()) {
                    Some(udp) => (udp, true),
                    None => return Frame::Other,
                },
                _ => return Frame::Other,
            };
            datagram(udp, known, between, addresses, (packet.version() == 6, more), port, place)
        }
        _ => Frame::Other,
    }
}

/// A datagram, between these hosts; their addresses once more as octets. What is before it is sound or not, and more may follow.
#[cfg_attr(feature = "fast", inline(always))]
#[cfg_attr(not(feature = "fast"), inline(never))]
fn datagram(
    udp: &[u8],
    known: Option<u64>,
    (from, to): (IpAddress, IpAddress),
    addresses: &[u8],
    (sound, more): (bool, bool),
    port: u16,
    place: &mut [u8],
) -> Frame {
    let Some([from_high, from_low, high, low, length_high, length_low, sum_high, sum_low]) =
        udp.first_chunk::<UDP_HEADER>()
    else {
        return short_datagram(udp, to, more, port);
    };
    if u16::from_be_bytes([*high, *low]) != port {
        return Frame::Other;
    }
    let length = usize::from(u16::from_be_bytes([*length_high, *length_low]));
    let shape = if more {
        Shape::Fragment
    } else if let Some((header, payload)) = udp.get(..length).and_then(|udp| udp.split_at_checked(UDP_HEADER)) {
        if let Some(place) = place.get_mut(..payload.len()) {
            // The sum covers the addresses, the protocol, the length, and all of the datagram.
            let before = sum(addresses).wrapping_add(sum(&[0, IpProtocol::Udp.into(), *length_high, *length_low]));
            let all = match known {
                Some(known) if length == udp.len() => {
                    place.copy_from_slice(payload);
                    known
                }
                _ => sum(header).wrapping_add(copy(payload, place)),
            };
            let right = fold(before.wrapping_add(all)) == SOUND;
            // Zero stands for no sum, which IPv6 does not know.
            let unsummed = [*sum_high, *sum_low] == [0, 0];
            let right = if unsummed { matches!(to, IpAddress::Ipv4(_)) } else { right };
            if right && sound && !from.is_multicast() && !from.is_broadcast() {
                let from = SocketAddr::new(from.into(), u16::from_be_bytes([*from_high, *from_low]));
                Shape::Whole { from, len: payload.len() }
            } else {
                Shape::Damaged
            }
        } else {
            Shape::TooLong
        }
    } else {
        Shape::Length
    };
    Frame::Datagram { to, shape }
}

/// A datagram that ends in its own header.
fn short_datagram(udp: &[u8], to: IpAddress, more: bool, port: u16) -> Frame {
    match udp {
        [_, _, high, low, ..] if u16::from_be_bytes([*high, *low]) == port => {
            Frame::Datagram { to, shape: if more { Shape::Fragment } else { Shape::Length } }
        }
        _ => Frame::Other,
    }
}

/// What all that is behind a frame's Ethernet header adds up to, if the device says it: who reads the octets out of a chip can
/// add them up at the same time. Otherwise there is nothing here, and nothing to be done.
#[derive(Clone, Copy)]
pub(crate) struct Known(#[cfg(any(feature = "sums", test))] u32);

impl Known {
    /// Of a frame that has arrived.
    #[inline]
    pub(crate) fn of(token: &impl RxToken) -> Self {
        #[cfg(feature = "sums")]
        return Self(token.meta().id);
        #[cfg(not(feature = "sums"))]
        {
            _ = token;
            Self(
                #[cfg(test)]
                0,
            )
        }
    }

    /// The same of what is behind a header of this sum, if the packet is all that there is.
    #[inline]
    fn behind(self, header_sum: impl FnOnce() -> u16, is_all: bool) -> Option<u64> {
        #[cfg(any(feature = "sums", test))]
        if self.0 != 0 && is_all {
            return Some(u64::from(self.0).wrapping_add(u64::from(!header_sum())));
        }
        _ = (header_sum, is_all);
        None
    }
}

/// What sound octets add up to, their check sum among them.
const SOUND: u16 = 0xffff;

/// The words of `octets`, added up; the last one filled with zeros. It is that of 16-bit words after [`fold`], whatever the
/// order of octets in a word (RFC 1071).
fn sum(octets: &[u8]) -> u64 {
    let (words, rest) = octets.as_chunks::<4>();
    let sum = words.iter().fold(0_u64, |sum, word| sum.wrapping_add(u32::from_ne_bytes(*word).into()));
    sum.wrapping_add(last(rest))
}

/// Copies `from` to `place`, which is as long, and gives its [`sum`].
fn copy(from: &[u8], place: &mut [u8]) -> u64 {
    if let Some(place) = place.get_mut(..from.len()) {
        place.copy_from_slice(from);
    }
    // Sixteen octets at a time, whose carry is added like any other word.
    let (chunks, rest) = from.as_chunks::<16>();
    let (mut total, mut carries) = (0_u128, 0_u64);
    for chunk in chunks {
        let (more, carry) = total.overflowing_add(u128::from_ne_bytes(*chunk));
        (total, carries) = (more, carries.wrapping_add(carry.into()));
    }
    sum(&total.to_ne_bytes()).wrapping_add(carries).wrapping_add(sum(rest))
}

/// Up to three octets as a word.
fn last(rest: &[u8]) -> u64 {
    let mut word = [0; 4];
    for (place, octet) in word.iter_mut().zip(rest) {
        *place = *octet;
    }
    u32::from_ne_bytes(word).into()
}

/// A sum in 16 bits, carries added.
fn fold(sum: u64) -> u16 {
    let mut sum = sum;
    while let carry @ 1.. = sum >> 16 {
        sum = (sum & 0xffff).wrapping_add(carry);
    }
    u16::try_from(sum).unwrap_or_default()
}

/// The first piece of an IPv6 datagram: a fragment header, then the datagram's own.
fn first_fragment(payload: &[u8]) -> Option<&[u8]> {
    let ([protocol, _, high, low, ..], udp) = payload.split_first_chunk::<8>()?;
    let first = *protocol == u8::from(IpProtocol::Udp) && u16::from_be_bytes([*high, *low]) & 0xfff8 == 0;
    first.then_some(udp)
}

/// A query of any version: tenths of a second to answer in, which version 1 leaves zero.
fn igmp_query(igmp: &[u8]) -> Frame {
    match igmp {
        [IGMP_QUERY, tenths, ..] => query(u64::from(*tenths).saturating_mul(100)),
        _ => Frame::Other,
    }
}

/// A query of any version behind a hop-by-hop header, which it always has.
fn mld_query(payload: &[u8]) -> Frame {
    let Some([protocol, length]) = payload.first_chunk::<2>() else { return Frame::Other };
    let header = usize::from(*length).saturating_add(1).saturating_mul(8);
    match payload.get(header..) {
        Some([MLD_QUERY, _, _, _, high, low, ..]) if *protocol == u8::from(IpProtocol::Icmpv6) => {
            query(u16::from_be_bytes([*high, *low]).into())
        }
        _ => Frame::Other,
    }
}

/// Is answered in half the time that there is, so that a report that takes a while is still in time.
fn query(millis: u64) -> Frame {
    Frame::Query { within: Duration::from_millis(millis >> 1).min(ANSWER) }
}

/// A frame on its way to the network stack: a device that has it, and room for the answer.
pub(crate) struct Passed<'f, T> {
    pub(crate) frame: Option<(&'f [u8], T)>,
}

/// The octets of a frame.
pub(crate) struct Octets<'f>(&'f [u8]);

impl RxToken for Octets<'_> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(self.0)
    }
}

impl<'f, T: TxToken> Device for Passed<'f, T> {
    type RxToken<'t>
        = Octets<'f>
    where
        Self: 't;
    type TxToken<'t>
        = T
    where
        Self: 't;

    fn receive(&mut self, _: Instant) -> Option<(Octets<'f>, T)> {
        self.frame.take().map(|(octets, answer)| (Octets(octets), answer))
    }

    fn transmit(&mut self, _: Instant) -> Option<T> {
        None
    }

    fn capabilities(&self) -> DeviceCapabilities {
        ethernet()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An IPv6 frame whose hop-by-hop header is followed by this message.
    fn icmp(message: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, 8 + message.len() as u8, 0, 1]);
        frame.extend([0; 32]);
        frame.extend([58, 0, 5, 2, 0, 0, 1, 0]);
        frame.extend(message);
        frame
    }

    /// An IPv4 frame with this behind its header.
    fn ipv4(protocol: u8, payload: &[u8]) -> Vec<u8> {
        let mut frame = vec![0; 12];
        frame.extend([8, 0, 0x45, 0, 0, 20 + payload.len() as u8, 0, 0, 0, 0, 1, protocol]);
        frame.extend([0; 10]);
        frame.extend(payload);
        frame
    }

    /// What a device knows that does not add up.
    const NOTHING: Known = Known(0);

    fn within(frame: &[u8]) -> Option<u128> {
        match take(frame, NOTHING, 25_826, &mut [0; 1472]) {
            Frame::Query { within } => Some(within.as_millis()),
            _ => None,
        }
    }

    #[test]
    fn queries_of_all_versions_are_seen() {
        let mld1 = [&[130, 0, 0, 0, 0, 200, 0, 0][..], &[0; 16]].concat();
        let mld2 = [&[130, 0, 0, 0, 0x27, 0x10, 0, 0][..], &[0; 20]].concat();
        assert_eq!((within(&icmp(&mld1)), within(&icmp(&mld2))), (Some(100), Some(500)));
        // A report is none, and neither is half a query.
        assert_eq!((within(&icmp(&[131, 0, 0, 0, 0, 200, 0, 0])), within(&icmp(&[130, 0]))), (None, None));
        for (igmp, answer) in
            [(&[0x11, 100, 0, 0, 0, 0, 0, 0][..], Some(500)), (&[0x11, 2], Some(100)), (&[0x16, 2], None)]
        {
            assert_eq!(within(&ipv4(2, igmp)), answer);
        }
    }

    /// A datagram from 10.0.0.1 to 239.192.74.66 with sound sums, and where the frame's IP and UDP headers begin.
    fn sound(payload: &[u8]) -> Vec<u8> {
        let length = 8 + payload.len() as u8;
        let mut frame = ipv4(17, &[&[0x64, 0xe2, 0x64, 0xe2, 0, length, 0, 0], payload].concat());
        frame[26..34].copy_from_slice(&[10, 0, 0, 1, 239, 192, 74, 66]);
        let header = !fold(sum(&frame[14..34]));
        frame[24..26].copy_from_slice(&header.to_ne_bytes());
        let pseudo_header = sum(&frame[26..34]) + sum(&[0, 17, 0, length]);
        let datagram = !fold(pseudo_header + sum(&frame[34..]));
        frame[40..42].copy_from_slice(&datagram.to_ne_bytes());
        frame
    }

    fn shape(frame: &[u8], place: &mut [u8]) -> Option<Shape> {
        shape_of(frame, NOTHING, place)
    }

    fn shape_of(frame: &[u8], known: Known, place: &mut [u8]) -> Option<Shape> {
        match take(frame, known, 25_826, place) {
            Frame::Datagram { shape, .. } => Some(shape),
            _ => None,
        }
    }

    /// What a device says that adds up the frame.
    fn known(frame: &[u8]) -> Known {
        let sum = sum(&frame[14..]);
        Known(u32::try_from(sum & 0xffff_ffff).unwrap() + u32::try_from(sum >> 32).unwrap())
    }

    /// A datagram from fe80::1 to ff18::efc0:4a42 with a sound sum.
    fn sound_ipv6(payload: &[u8]) -> Vec<u8> {
        let length = 8 + payload.len() as u8;
        let mut frame = vec![0; 12];
        frame.extend([0x86, 0xdd, 0x60, 0, 0, 0, 0, length, 17, 1, 0xfe, 0x80]);
        frame.extend([&[0; 13][..], &[1, 0xff, 0x18], &[0; 10], &[0xef, 0xc0, 0x4a, 0x42]].concat());
        frame.extend([0x64, 0xe2, 0x64, 0xe2, 0, length, 0, 0]);
        frame.extend(payload);
        let datagram = !fold(sum(&frame[22..54]) + sum(&[0, 17, 0, length]) + sum(&frame[54..]));
        frame[60..62].copy_from_slice(&datagram.to_ne_bytes());
        frame
    }

    #[test]
    fn what_a_device_adds_up_is_not_added_up_again() {
        for (make, header) in [(sound as fn(&[u8]) -> Vec<u8>, 34), (sound_ipv6, 54)] {
            for len in 0..=9 {
                let frame = make(&b"collectd!"[..len]);
                let mut place = [0xa5; 9];
                let whole = shape(&frame, &mut place);
                assert!(matches!(whole, Some(Shape::Whole { .. })), "{frame:x?}");
                let mut place_too = [0xa5; 9];
                assert_eq!(shape_of(&frame, known(&frame), &mut place_too), whole);
                assert_eq!(place_too, place);
                // Whoever says something else is believed, too, where the sum is of nothing but the datagram.
                let wrong = known(&[&frame[..], &[1]].concat());
                assert_eq!(shape_of(&frame, wrong, &mut place), Some(Shape::Damaged), "{len} behind {header}");
                let padded = [&frame[..], &[7; 5]].concat();
                assert_eq!(shape_of(&padded, wrong, &mut place), whole);
                for octet in (header..header + 2).chain(header + 6..frame.len()) {
                    let mut frame = frame.clone();
                    frame[octet] ^= 0x10;
                    assert_eq!(shape_of(&frame, known(&frame), &mut place), Some(Shape::Damaged), "octet {octet}");
                }
            }
        }
    }

    #[test]
    fn whole_datagrams_are_copied_and_damaged_ones_are_known() {
        for len in 0..=9 {
            let payload = &b"collectd!"[..len];
            let mut frame = sound(payload);
            let mut place = [0xa5; 9];
            let from = "10.0.0.1:25826".parse().unwrap();
            assert_eq!(shape(&frame, &mut place), Some(Shape::Whole { from, len }));
            assert_eq!((&place[..len], &place[len..]), (payload, &[0xa5; 9][len..]));
            // Octets behind it are the wire's.
            assert_eq!(shape(&[&frame[..], &[7; 5]].concat(), &mut place), Some(Shape::Whole { from, len }));
            // Any bit of both headers' addresses and sums, of the length and of the payload counts.
            for octet in (24..34).chain(40..frame.len()) {
                frame[octet] ^= 0x10;
                assert_eq!(shape(&frame, &mut place), Some(Shape::Damaged), "octet {octet} of {len}");
                frame[octet] ^= 0x10;
            }
            // No sum at all is none that is wrong.
            frame[40..42].fill(0);
            assert_eq!(shape(&frame, &mut place), Some(Shape::Whole { from, len }));
        }
    }

    #[test]
    fn sums_are_those_of_rfc_1071() {
        // Its example: ddf2 in 16-bit words.
        let octets = [0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7];
        assert_eq!(fold(sum(&octets)).to_ne_bytes(), [0xdd, 0xf2]);
        assert_eq!(fold(u64::MAX), 0xffff);
    }

    #[test]
    fn no_frame_is_too_short_to_be_looked_at() {
        let frame = sound(&[7]);
        assert_eq!(shape(&frame, &mut []), Some(Shape::TooLong));
        for end in 0..frame.len() {
            _ = shape(&frame[..end], &mut [0; 1472]);
            _ = shape(&icmp(&[130; 30])[..end], &mut [0; 1472]);
        }
    }
}
