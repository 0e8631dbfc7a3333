//! Datagrams on their way from a socket to whoever decodes them.

use collectd_net::{Arrival, Batched};

use super::Stamp;

/// No UDP datagram is longer.
pub const MAX_DATAGRAM: usize = 65_535;
/// A batch that is used again keeps no more memory than this.
const KEPT: usize = 256 << 10;

/// Datagrams of one socket in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Batch {
    octets: Vec<u8>,
    packets: Vec<Packet>,
    /// How each of them came, if anybody wants to know.
    stamps: Vec<Stamp>,
    /// Which of the listener's profiles they are opened by.
    pub(super) profile: usize,
    /// How many packets have been read, and where the next one begins.
    read: usize,
    start: usize,
}

#[derive(Clone, Copy, Debug)]
struct Packet {
    arrival: Arrival,
    /// How many octets of it are here.
    len: usize,
}

impl Batch {
    /// For packets that are opened by this profile.
    pub(super) fn new(profile: usize) -> Self {
        Self { profile, ..Self::default() }
    }

    /// Adds a datagram of which these octets have been received.
    pub(super) fn push(&mut self, arrival: Arrival, octets: &[u8]) {
        self.octets.extend_from_slice(octets);
        self.packets.push(Packet { arrival, len: octets.len() });
    }

    /// Notes how the datagram came that was added last.
    pub(super) fn stamp(&mut self, stamp: Stamp) {
        self.stamps.push(stamp);
    }

    /// How the next packet came, as far as that was noted.
    pub(super) fn next_stamp(&self) -> Option<Stamp> {
        self.stamps.get(self.read).copied()
    }

    /// The next packet that has not been read.
    pub(super) fn pop(&mut self) -> Option<Batched<'_>> {
        let packet = self.packets.get(self.read)?;
        self.read += 1;
        let start = self.start;
        self.start += packet.len;
        Some(Batched::new(packet.arrival, self.octets.get_mut(start..self.start)?))
    }

    /// All packets that have not been read.
    pub(super) fn pop_all(&mut self) -> Vec<Batched<'_>> {
        let packets = self.packets.get(self.read..).unwrap_or_default();
        let mut octets = self.octets.get_mut(self.start..).unwrap_or_default();
        self.read = self.packets.len();
        let split = |packet: &Packet| {
            let (of_packet, rest) = std::mem::take(&mut octets).split_at_mut(packet.len);
            octets = rest;
            Batched::new(packet.arrival, of_packet)
        };
        packets.iter().map(split).collect()
    }

    /// Forgets its packets, and keeps the memory unless that is a lot.
    pub(super) fn clear(&mut self) {
        self.octets.clear();
        self.octets.shrink_to(KEPT);
        self.packets.clear();
        self.stamps.clear();
        (self.read, self.start) = (0, 0);
    }

    pub(super) fn is_empty(&self) -> bool {
        self.packets.is_empty()
    }

    /// How many packets it holds.
    pub(super) fn len(&self) -> u64 {
        self.packets.len().try_into().unwrap_or(u64::MAX)
    }

    /// Octets of memory it takes, so that a flood of tiny datagrams is bounded too.
    pub(super) fn weight(&self) -> usize {
        self.octets.capacity()
            + self.packets.capacity() * size_of::<Packet>()
            + self.stamps.capacity() * size_of::<Stamp>()
            + size_of::<Self>()
    }

    /// Gives back memory that it does not need, before it waits for long.
    pub(super) fn shrink(&mut self) {
        self.octets.shrink_to_fit();
        self.packets.shrink_to_fit();
        self.stamps.shrink_to_fit();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in_one_by_one_and_together() {
        let mut batch = Batch::default();
        for _ in 0..2 {
            for octets in [&b"one"[..], b"", b"three"] {
                batch.push(Arrival { len: octets.len() + 1, from: None }, octets);
            }
            assert_eq!(batch.len(), 3);
            assert_eq!(batch.pop().map(|packet| packet.arrival.len), Some(4));
            let others: Vec<_> = batch.pop_all().iter().map(|packet| packet.arrival.len).collect();
            assert_eq!(others, [1, 6]);
            assert!(batch.pop().is_none() && batch.pop_all().is_empty());
            batch.clear();
            assert!(batch.is_empty());
        }
    }
}
