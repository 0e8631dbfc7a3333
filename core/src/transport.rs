//! Transports: where packets come from, and where they go to.

use core::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

/// The UDP port of collectd (`WIRE §1`).
pub const PORT: u16 = 25_826;
/// The IPv4 group that collectd sends to by default (`WIRE §1`).
pub const GROUP_V4: Ipv4Addr = Ipv4Addr::new(239, 192, 74, 66);
/// The IPv6 group that collectd sends to by default (`WIRE §1`).
pub const GROUP_V6: Ipv6Addr = Ipv6Addr::new(0xff18, 0, 0, 0, 0, 0, 0xefc0, 0x4a42);

/// A packet has arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Arrival {
    /// Octets of the packet as it was sent. More than the buffer holds means that the rest of it is lost.
    pub len: usize,
    /// Who sent it, if the transport knows.
    pub from: Option<SocketAddr>,
}

/// Something that packets arrive at: a UDP socket, a capture file, a queue.
pub trait Receive {
    /// What can go wrong with the transport itself.
    type Error;

    /// Puts the next packet into `buffer`, as much of it as fits.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] means exactly that nothing has arrived. Other errors are the transport's own.
    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Self::Error>;
}

impl<T: Receive + ?Sized> Receive for &mut T {
    type Error = T::Error;

    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Self::Error> {
        (**self).receive(buffer)
    }
}

/// Something that packets are handed to: a UDP socket, a queue. Where they go to is the transport's.
pub trait Transmit {
    /// What can go wrong with the transport itself.
    type Error;

    /// Sends `packet`, or takes it for sending.
    ///
    /// # Errors
    /// [`nb::Error::WouldBlock`] if there is no room for it now; nothing of it is sent. Other errors are the transport's own.
    fn transmit(&mut self, packet: &[u8]) -> nb::Result<(), Self::Error>;
}

impl<T: Transmit + ?Sized> Transmit for &mut T {
    type Error = T::Error;

    fn transmit(&mut self, packet: &[u8]) -> nb::Result<(), Self::Error> {
        (**self).transmit(packet)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One packet of so many octets, from nobody.
    struct Once(Option<usize>);

    impl Receive for Once {
        type Error = core::convert::Infallible;

        fn receive(&mut self, _: &mut [u8]) -> nb::Result<Arrival, Self::Error> {
            self.0.take().map(|len| Arrival { len, from: None }).ok_or(nb::Error::WouldBlock)
        }
    }

    #[test]
    fn a_borrowed_transport_is_the_transport() {
        fn from(mut transport: impl Receive<Error = core::convert::Infallible>) -> Option<usize> {
            transport.receive(&mut []).ok().map(|arrival| arrival.len)
        }
        let mut transport = Once(Some(61));
        assert_eq!(from(&mut transport), Some(61));
        assert_eq!(from(&mut transport), None);
    }

    #[test]
    fn a_borrowed_transport_transmits() {
        struct Room(Vec<u8>);
        impl Transmit for Room {
            type Error = core::convert::Infallible;

            fn transmit(&mut self, packet: &[u8]) -> nb::Result<(), Self::Error> {
                if !self.0.is_empty() {
                    return Err(nb::Error::WouldBlock);
                }
                self.0.extend(packet);
                Ok(())
            }
        }
        fn send(mut transport: impl Transmit) -> bool {
            transport.transmit(b"abc").is_ok()
        }
        let mut room = Room(Vec::new());
        assert!(send(&mut room) && !send(&mut room));
        assert_eq!(room.0, b"abc");
    }
}
