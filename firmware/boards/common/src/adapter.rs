//! embassy's network drivers as smoltcp devices.

use core::task::{Context, Waker};

use collectd_node::smoltcp::phy::{self, Checksum, Device, DeviceCapabilities, Medium};
use collectd_node::smoltcp::time::Instant;
use embassy_net_driver as driver;
use embassy_net_driver::{Driver, LinkState};

/// A driver of embassy's as a device for the node.
pub struct Adapter<D> {
    driver: D,
    waker: Waker,
}

impl<D: Driver> Adapter<D> {
    /// Nobody is woken until [`wake`](Self::wake) says whom: a board that looks by itself needs no more.
    pub fn new(driver: D) -> Self {
        let waker = Waker::noop().clone();
        Self { driver, waker }
    }

    /// Whom the driver wakes from now on.
    pub fn wake(&mut self, waker: &Waker) {
        self.waker.clone_from(waker);
    }

    /// Whether the cable carries a link.
    pub fn link(&mut self) -> bool {
        self.driver.link_state(&mut Context::from_waker(&self.waker)) == LinkState::Up
    }

    /// Whether a frame waits. If not, one that arrives will wake.
    pub fn pending(&mut self) -> bool {
        self.driver.receive(&mut Context::from_waker(&self.waker)).is_some()
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
        let (received, transmitted) = self.driver.receive(&mut Context::from_waker(&self.waker))?;
        Some((Received(received), Transmitted(transmitted)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Self::TxToken<'_>> {
        self.driver.transmit(&mut Context::from_waker(&self.waker)).map(Transmitted)
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let theirs = self.driver.capabilities();
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
