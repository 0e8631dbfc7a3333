//! Transports: where packets come from.

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
}
