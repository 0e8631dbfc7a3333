//! The loop of a device: packets from a transport that never blocks, memory that is all there from the start.
//!
//! The transport here is a toy with two packets in it; on a board it would be the socket of a network stack.

use core::convert::Infallible;
use core::time::Duration;

use collectd_net::{Arrival, Item, Receive, Receiver, Replay, SecurityLevel, User, nb};

/// Where packets come from: nothing at first, then one, and later the same one again.
struct Toy {
    polls: usize,
}

impl Receive for Toy {
    type Error = Infallible;

    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Infallible> {
        const PACKET: &[u8] = include_bytes!("../tests/data/collectd-5.12.0-minimal-signed.bin");
        self.polls += 1;
        if !self.polls.is_multiple_of(3) {
            return Err(nb::Error::WouldBlock);
        }
        for (to, from) in buffer.iter_mut().zip(PACKET) {
            *to = *from;
        }
        Ok(Arrival { len: PACKET.len(), from: None })
    }
}

fn main() {
    let users = [User::new("testuser", "s3cr3t-pa55")];
    let replay = Replay::<32>::new(Duration::from_secs(60));
    let mut receiver = Receiver::with_replays(Toy { polls: 0 }, users, SecurityLevel::Sign, replay);
    let mut buffer = [0; 1452];

    for tick in 0..6 {
        receiver.replays().set_time(Duration::from_secs(tick));
        let packet = match receiver.receive(&mut buffer) {
            Ok(packet) => packet,
            // Nothing has arrived. A device would sleep now, until an interrupt wakes it.
            Err(nb::Error::WouldBlock) => continue,
            Err(nb::Error::Other(error)) => match error {},
        };
        for item in packet {
            match item {
                Ok(Item::ValueList(list)) => println!("{}: {} value(s)", list.identifier, list.values.len()),
                Ok(Item::Notification(note)) => println!("{}: {}", note.identifier, note.message),
                Err(error) => println!("refused: {error}"),
            }
        }
    }
    let counters = receiver.counters();
    println!("{} packets, {} items, {} refused", counters.packets, counters.items(), counters.refused());
}
