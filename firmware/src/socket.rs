//! A UDP socket of the network stack, as core's transport.

use core::convert::Infallible;
use core::net::SocketAddr;

use collectd_net::{Arrival, Receive, Transmit};
use smoltcp::socket::udp;
use smoltcp::wire::IpEndpoint;

/// A UDP socket, while it is borrowed, and where it sends to.
#[derive(Debug)]
pub struct Port<'s, 'a> {
    socket: &'s mut udp::Socket<'a>,
    to: SocketAddr,
}

impl<'s, 'a> Port<'s, 'a> {
    /// Receives from `socket`, and sends to `to`.
    pub const fn to(socket: &'s mut udp::Socket<'a>, to: SocketAddr) -> Self {
        Self { socket, to }
    }
}

impl Receive for Port<'_, '_> {
    type Error = Infallible;

    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Infallible> {
        let (packet, metadata) = self.socket.recv().map_err(|_| nb::Error::WouldBlock)?;
        let len = packet.len().min(buffer.len());
        if let (Some(place), Some(octets)) = (buffer.get_mut(..len), packet.get(..len)) {
            place.copy_from_slice(octets);
        }
        let from = SocketAddr::new(metadata.endpoint.addr.into(), metadata.endpoint.port);
        Ok(Arrival { len: packet.len(), from: Some(from) })
    }
}

/// Why a packet cannot be sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TransmitError {
    /// It is longer than the socket's buffer.
    TooLong,
    /// Nothing can be sent there.
    Unaddressable,
}

impl Transmit for Port<'_, '_> {
    type Error = TransmitError;

    fn transmit(&mut self, packet: &[u8]) -> nb::Result<(), TransmitError> {
        let to = IpEndpoint::new(self.to.ip().into(), self.to.port());
        if packet.len() > self.socket.payload_send_capacity() {
            return Err(nb::Error::Other(TransmitError::TooLong));
        }
        // A packet to a group stays on its network, as the daemon's do.
        self.socket.set_hop_limit(to.addr.is_multicast().then_some(1));
        self.socket.send_slice(packet, to).map_err(|error| match error {
            udp::SendError::BufferFull => nb::Error::WouldBlock,
            udp::SendError::Unaddressable => nb::Error::Other(TransmitError::Unaddressable),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TO: SocketAddr = SocketAddr::V4(core::net::SocketAddrV4::new(core::net::Ipv4Addr::LOCALHOST, 7));

    fn socket() -> udp::Socket<'static> {
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 1].leak(), vec![0; 8].leak());
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(7).unwrap();
        socket
    }

    #[test]
    fn nothing_has_arrived_is_would_block() {
        assert_eq!(Port::to(&mut socket(), TO).receive(&mut [0; 8]), Err(nb::Error::WouldBlock));
    }

    #[test]
    fn what_cannot_be_sent_is_said() {
        let mut socket = socket();
        let other = |error| Err(nb::Error::Other(error));
        assert_eq!(Port::to(&mut socket, TO).transmit(&[0; 9]), other(TransmitError::TooLong));
        assert_eq!(Port::to(&mut socket, TO).transmit(b"a"), Ok(()));
        // There is room for one, until it is sent.
        assert_eq!(Port::to(&mut socket, TO).transmit(b"a"), Err(nb::Error::WouldBlock));
        let nowhere = SocketAddr::new(core::net::Ipv4Addr::UNSPECIFIED.into(), 7);
        let mut socket = self::socket();
        assert_eq!(Port::to(&mut socket, nowhere).transmit(b"a"), other(TransmitError::Unaddressable));
    }
}
