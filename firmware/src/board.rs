//! What a board and its node have to do with each other, besides frames.

use core::net::SocketAddr;
use core::time::Duration;

use collectd_net::{Arrival, Error, Item};
use smoltcp::phy::{DeviceCapabilities, Medium};

/// What a board is.
#[derive(Clone, Copy, Debug)]
pub struct Board<'a> {
    /// What it is called, such as `lm3s6965evb`.
    pub name: &'a str,
    /// Its hardware address.
    pub mac: [u8; 6],
    /// As random as the board can: for ports and delays.
    pub seed: u64,
    /// Why it started again; `None` if it was switched on.
    pub reset: Option<&'a str>,
}

/// What a board tells at each poll.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Readings {
    /// Whether there is a network at the other end of the cable; a board that cannot tell says so.
    pub link: bool,
    /// Temperature of the chip in 1/1000 °C, if it has a sensor.
    pub millidegrees: Option<i32>,
    /// Frames that the hardware or its driver dropped since the start, as far as the chip tells.
    pub lost_frames: u32,
}

/// What the node wants of the board after a poll.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// Whether the LED is on now.
    pub led: bool,
    /// When to poll again at the latest, by the board's clock; sooner when a frame arrives.
    pub wake: Duration,
}

/// Is told of everything that is received. `()` does not listen.
pub trait Watch {
    /// An item of a packet.
    fn item(&mut self, item: &Item<'_>, from: Option<SocketAddr>) {
        _ = (item, from);
    }

    /// Something of a packet that was refused.
    fn refusal(&mut self, error: &Error, from: Option<SocketAddr>) {
        _ = (error, from);
    }

    /// The packet was all this.
    fn packet_end(&mut self, arrival: &Arrival) {
        _ = arrival;
    }
}

impl Watch for () {}

/// Datagrams to the node that it did not get, by reason; they wrap. What was wrong inside packets is in [`Counters`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Drops {
    /// Frames that the hardware or its driver dropped.
    pub lost_frames: u32,
    /// First pieces of datagrams in pieces, which the node does not put together.
    pub fragments: u32,
    /// Datagrams whose header says another length than they have.
    pub lengths: u32,
    /// Datagrams longer than the node's buffers.
    pub too_long: u32,
    /// Datagrams with a wrong check sum, or from an address that nobody has.
    pub damaged: u32,
    /// Packets of the node itself that found no room.
    pub unsent: u32,
}

impl Drops {
    /// What was dropped behind the hardware, with a word for each reason.
    #[must_use]
    pub fn by_reason(&self) -> [(&'static str, u64); 5] {
        let Self { lost_frames: _, fragments, lengths, too_long, damaged, unsent } = *self;
        [
            ("fragments", fragments),
            ("lengths", lengths),
            ("too-long", too_long),
            ("damaged", damaged),
            ("unsent", unsent),
        ]
        .map(|(reason, count)| (reason, count.into()))
    }
}

/// Octets of the longest frame, without its checksum.
pub const LONGEST_FRAME: usize = 1514;

/// What an Ethernet can that carries such frames and leaves everything else to the network stack.
#[must_use]
pub fn ethernet() -> DeviceCapabilities {
    let mut capabilities = DeviceCapabilities::default();
    capabilities.medium = Medium::Ethernet;
    capabilities.max_transmission_unit = LONGEST_FRAME;
    capabilities
}
