//! What a frame is to the node, seen before the network stack takes it: so that nothing which the stack drops is lost uncounted.

use core::time::Duration;

use smoltcp::phy::{Device, DeviceCapabilities, RxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetFrame, EthernetProtocol, IpAddress, IpProtocol, Ipv4Packet, Ipv6Packet};

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
    /// Nothing special.
    #[default]
    Other,
    /// A datagram to the node's port, if this is its address.
    Datagram { to: IpAddress, shape: Shape },
    /// A query for members of groups, to be answered within this time.
    Query { within: Duration },
}

/// What can be seen of a datagram without its check sum.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Shape {
    /// It is whole.
    Whole,
    /// It is a piece of one.
    Fragment,
    /// Its header says another length than the frame has.
    Length,
    /// It is longer than the node's buffers.
    TooLong,
}

/// What `frame` is to a node that listens on `port` and has buffers of `room` octets.
pub(crate) fn classify(frame: &[u8], port: u16, room: usize) -> Frame {
    let Ok(frame) = EthernetFrame::new_checked(frame) else { return Frame::Other };
    match frame.ethertype() {
        EthernetProtocol::Ipv4 => {
            let Ok(packet) = Ipv4Packet::new_checked(frame.payload()) else { return Frame::Other };
            match packet.next_header() {
                IpProtocol::Udp => {}
                IpProtocol::Igmp => return igmp_query(packet.payload()),
                _ => return Frame::Other,
            }
            let to = IpAddress::Ipv4(packet.dst_addr());
            if packet.frag_offset() > 0 {
                // Whose it is stands in the first piece, which was counted.
                return Frame::Other;
            }
            datagram(packet.payload(), to, packet.more_frags(), port, room)
        }
        EthernetProtocol::Ipv6 => {
            let Ok(packet) = Ipv6Packet::new_checked(frame.payload()) else { return Frame::Other };
            let to = IpAddress::Ipv6(packet.dst_addr());
            match packet.next_header() {
                IpProtocol::Udp => datagram(packet.payload(), to, false, port, room),
                IpProtocol::HopByHop => mld_query(packet.payload()),
                IpProtocol::Ipv6Frag => first_fragment(packet.payload(), to, port),
                _ => Frame::Other,
            }
        }
        _ => Frame::Other,
    }
}

fn datagram(udp: &[u8], to: IpAddress, more: bool, port: u16, room: usize) -> Frame {
    let Some([_, _, high, low, length @ ..]) = udp.first_chunk::<6>() else { return Frame::Other };
    if u16::from_be_bytes([*high, *low]) != port {
        return Frame::Other;
    }
    let length = usize::from(u16::from_be_bytes(*length));
    let shape = if more {
        Shape::Fragment
    } else if length < UDP_HEADER || length > udp.len() {
        Shape::Length
    } else if length.saturating_sub(UDP_HEADER) > room {
        Shape::TooLong
    } else {
        Shape::Whole
    };
    Frame::Datagram { to, shape }
}

/// The first piece of an IPv6 datagram: a fragment header, then the datagram's own.
fn first_fragment(payload: &[u8], to: IpAddress, port: u16) -> Frame {
    match payload.split_first_chunk::<8>() {
        Some(([protocol, _, high, low, ..], udp))
            if *protocol == u8::from(IpProtocol::Udp) && u16::from_be_bytes([*high, *low]) & 0xfff8 == 0 =>
        {
            datagram(udp, to, true, port, usize::MAX)
        }
        _ => Frame::Other,
    }
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

/// A device whose frames are looked at as the stack takes them.
pub(crate) struct Watched<'d, D> {
    pub(crate) device: &'d mut D,
    pub(crate) port: u16,
    pub(crate) room: usize,
    /// What the last frame was.
    pub(crate) frame: Frame,
}

/// A frame that is looked at when it is taken.
pub(crate) struct WatchedRx<'t, T> {
    token: T,
    port: u16,
    room: usize,
    frame: &'t mut Frame,
}

impl<T: RxToken> RxToken for WatchedRx<'_, T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        let Self { token, port, room, frame } = self;
        token.consume(|octets| {
            *frame = classify(octets, port, room);
            f(octets)
        })
    }
}

impl<D: Device> Device for Watched<'_, D> {
    type RxToken<'t>
        = WatchedRx<'t, D::RxToken<'t>>
    where
        Self: 't;
    type TxToken<'t>
        = D::TxToken<'t>
    where
        Self: 't;

    fn receive(&mut self, timestamp: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (token, answer) = self.device.receive(timestamp)?;
        Some((WatchedRx { token, port: self.port, room: self.room, frame: &mut self.frame }, answer))
    }

    fn transmit(&mut self, timestamp: Instant) -> Option<Self::TxToken<'_>> {
        self.device.transmit(timestamp)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        self.device.capabilities()
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

    fn within(frame: &[u8]) -> Option<u128> {
        match classify(frame, 25_826, 1472) {
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

    #[test]
    fn no_frame_is_too_short_to_be_looked_at() {
        let frame = ipv4(17, &[0, 1, 0x64, 0xe2, 0, 9, 0, 0, 7]);
        let to = IpAddress::v4(0, 0, 0, 0);
        assert_eq!(classify(&frame, 25_826, 1), Frame::Datagram { to, shape: Shape::Whole });
        assert_eq!(classify(&frame, 25_826, 0), Frame::Datagram { to, shape: Shape::TooLong });
        for end in 0..frame.len() {
            _ = classify(&frame[..end], 25_826, 1472);
            _ = classify(&icmp(&[130; 30])[..end], 25_826, 1472);
        }
    }
}
