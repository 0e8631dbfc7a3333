//! What was sent, and what was not.

/// What was sent to a server, and what was not.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Packets that were sent.
    pub packets: u64,
    /// Octets of these packets.
    pub octets: u64,
    /// Items in these packets.
    pub items: u64,
    /// Packets that could not be sent.
    pub failed_packets: u64,
    /// Octets of these packets.
    pub failed_octets: u64,
    /// Items in these packets.
    pub failed_items: u64,
    /// Packets that were sent, but did not arrive, as far as the network reports it.
    pub unreachable: u64,
}

impl Counts {
    /// Packets that did not get there, as far as it is known.
    #[must_use]
    pub const fn lost(&self) -> u64 {
        self.failed_packets.saturating_add(self.unreachable)
    }
}
