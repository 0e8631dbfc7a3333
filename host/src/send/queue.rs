//! Packets on their way to one server.

/// Packets that wait to be sent, in one piece of memory.
#[derive(Debug, Default)]
pub(super) struct Queue {
    /// The octets of all packets, one behind the other.
    octets: Vec<u8>,
    packets: Vec<Waiting>,
    /// How many packets are done with, and where the next one begins.
    done: usize,
    start: usize,
}

/// A packet among others.
#[derive(Clone, Copy, Debug)]
pub(super) struct Waiting {
    /// How many octets it has.
    pub(super) len: usize,
    /// How many items it carries.
    pub(super) items: u64,
}

impl Queue {
    /// Adds the packet that `write` appends to the octets; if it fails, nothing is added.
    pub(super) fn push<E>(&mut self, items: u64, write: impl FnOnce(&mut Vec<u8>) -> Result<(), E>) -> Result<(), E> {
        let before = self.octets.len();
        let outcome = write(&mut self.octets);
        match outcome {
            Ok(()) => self.packets.push(Waiting { len: self.octets.len() - before, items }),
            Err(_) => self.octets.truncate(before),
        }
        outcome
    }

    /// The first packets that wait, as many as there are up to `most`.
    pub(super) fn first(&self, most: usize) -> impl ExactSizeIterator<Item = &[u8]> {
        let waiting = self.packets.get(self.done..).unwrap_or_default();
        let mut octets = self.octets.get(self.start..).unwrap_or_default();
        waiting.get(..most.min(waiting.len())).unwrap_or_default().iter().map(move |packet| {
            let (of_packet, rest) = octets.split_at(packet.len);
            octets = rest;
            of_packet
        })
    }

    /// Takes the first packet out; the memory is used again when all are out.
    pub(super) fn pop(&mut self) -> Option<Waiting> {
        let packet = *self.packets.get(self.done)?;
        self.done += 1;
        self.start += packet.len;
        if self.is_empty() {
            self.octets.clear();
            self.packets.clear();
            (self.done, self.start) = (0, 0);
        }
        Some(packet)
    }

    /// How many packets wait.
    pub(super) fn len(&self) -> usize {
        self.packets.len() - self.done
    }

    pub(super) fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Octets of all packets that wait.
    pub(super) fn octets(&self) -> usize {
        self.octets.len() - self.start
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn packets_come_out_as_they_went_in() {
        let mut queue = Queue::default();
        for _ in 0..2 {
            for (items, octets) in [(1, &b"one"[..]), (2, b""), (3, b"three")] {
                let write = |out: &mut Vec<u8>| {
                    out.extend_from_slice(octets);
                    Ok::<_, ()>(())
                };
                assert_eq!(queue.push(items, write), Ok(()));
            }
            let broken = |out: &mut Vec<u8>| {
                out.push(7);
                Err(())
            };
            assert_eq!(queue.push(4, broken), Err(()));
            assert_eq!((queue.len(), queue.octets()), (3, 8));
            assert!(queue.first(2).eq([&b"one"[..], b""]));
            assert_eq!(queue.pop().map(|packet| (packet.len, packet.items)), Some((3, 1)));
            assert!(queue.first(9).eq([&b""[..], b"three"]));
            assert_eq!(std::iter::from_fn(|| queue.pop()).map(|packet| packet.items).sum::<u64>(), 5);
            assert!(queue.is_empty() && queue.first(9).len() == 0 && queue.octets() == 0);
        }
    }
}
