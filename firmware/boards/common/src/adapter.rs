//! embassy's network drivers as smoltcp devices.

use core::task::{Context, Waker};

use collectd_node::smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use collectd_node::smoltcp::time::Instant;
use embassy_net_driver as driver;
use embassy_net_driver::{Driver, LinkState};

/// A driver of embassy's as a device for the node, which looks by itself: nobody is woken.
pub struct Adapter<D>(D);

impl<D: Driver> Adapter<D> {
    /// Around this driver.
    pub const fn new(driver: D) -> Self {
        Self(driver)
    }

    /// Whether the cable carries a link.
    pub fn link(&mut self) -> bool {
        self.0.link_state(&mut Context::from_waker(Waker::noop())) == LinkState::Up
    }
}

impl<D: Driver> Device for Adapter<D> {
    type RxToken<'a>
        = Received<D::RxToken<'a>>
    where
        Self: 'a;
    type TxToken<'a>
        = Transmitted<D::TxToken<'a>>
    where
        Self: 'a;

    fn receive(&mut self, _: Instant) -> Option<(Self::RxToken<'_>, Self::TxToken<'_>)> {
        let (received, transmitted) = self.0.receive(&mut Context::from_waker(Waker::noop()))?;
        Some((Received(received), Transmitted(transmitted)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        self.0.transmit(&mut Context::from_waker(Waker::noop())).map(Transmitted)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let theirs = self.0.capabilities();
        let mut ours = DeviceCapabilities::default();
        ours.medium = Medium::Ethernet;
        ours.max_transmission_unit = theirs.max_transmission_unit;
        ours.max_burst_size = theirs.max_burst_size;
        ours.checksum.ipv4 = checksum(theirs.checksum.ipv4);
        ours.checksum.udp = checksum(theirs.checksum.udp);
        ours.checksum.tcp = checksum(theirs.checksum.tcp);
        ours.checksum.icmpv4 = checksum(theirs.checksum.icmpv4);
        ours.checksum.icmpv6 = checksum(theirs.checksum.icmpv6);
        ours
    }
}

/// Both name what is left to software.
fn checksum(theirs: driver::Checksum) -> Checksum {
    match theirs {
        driver::Checksum::Both => Checksum::Both,
        driver::Checksum::Rx => Checksum::Rx,
        driver::Checksum::Tx => Checksum::Tx,
        driver::Checksum::None => Checksum::None,
    }
}

/// A frame that waits in the driver.
pub struct Received<T>(T);

impl<T: driver::RxToken> phy::RxToken for Received<T> {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, read: F) -> R {
        self.0.consume(|frame| read(frame))
    }
}

/// Room for a frame in the driver.
pub struct Transmitted<T>(T);

impl<T: driver::TxToken> phy::TxToken for Transmitted<T> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, octets: usize, write: F) -> R {
        self.0.consume(octets, write)
    }
}
