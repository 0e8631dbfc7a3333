//! A packet that has arrived, and who goes over its items.
//!
//! Taking packets apart is generic in the core. Here it is settled for all of the program, so that it is there once, and fast.

use std::ops::ControlFlow;

use collectd_net::{Batched, Counters, Error, Item, Packet, SecurityLevel};

use crate::intake::{Opening, ReplayFilter};
use crate::users::Users;

/// A packet that is opened and counted while its items are looked at.
#[derive(Debug)]
pub struct Opened<'a>(Packet<'a, Option<&'a Users>, Opening<'a>>);

impl<'a> Opened<'a> {
    /// Opens a packet with the passwords of `users`, but no seal that was opened before, if `replays` knows that.
    #[must_use]
    #[inline(never)]
    pub fn new(
        packet: Batched<'a>,
        users: Option<&'a Users>,
        level: SecurityLevel,
        replays: Option<&'a ReplayFilter>,
        counters: &'a mut Counters,
    ) -> Self {
        Self(Packet::of_batch(packet, users, level, Opening::new(replays), counters))
    }

    /// Gives each item, and whatever was refused, to `look`, until that has enough.
    #[inline(never)]
    pub fn each(self, look: &mut dyn FnMut(&Result<Item<'a>, Error>) -> ControlFlow<()>) {
        for item in self.0 {
            if look(&item).is_break() {
                break;
            }
        }
    }

    /// How many items there are. Nothing looks at them, so they are not even put together.
    #[inline(never)]
    pub fn count(self) -> u64 {
        let mut items = 0;
        self.0.hand_out(&mut items, |items, _, _| *items += 1, |items, other| *items += u64::from(other.is_ok()));
        items
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::Arrival;

    use super::*;

    const PACKET: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");

    /// What `read` makes of two items and of what is no part, and what was counted.
    fn read<T>(read: impl FnOnce(Opened<'_>) -> T) -> (T, Counters) {
        let mut octets = [PACKET, PACKET, &[0xff]].concat();
        let arrival = Arrival { len: octets.len(), from: None };
        let mut counters = Counters::new();
        let packet = Batched::new(arrival, &mut octets);
        let outcome = read(Opened::new(packet, None, SecurityLevel::None, None, &mut counters));
        (outcome, counters)
    }

    #[test]
    fn items_are_counted_as_they_are_looked_at() {
        let (items, counters) = read(|packet| packet.count());
        let (looked_at, looked_at_counters) = read(|packet| {
            let (mut items, mut refused) = (0, 0);
            packet.each(&mut |item| {
                *(if item.is_ok() { &mut items } else { &mut refused }) += 1;
                ControlFlow::Continue(())
            });
            (items, refused)
        });
        assert_eq!((items, looked_at), (2, (2, 1)));
        assert_eq!(counters, looked_at_counters);
        assert_eq!((counters.value_lists, counters.refused()), (2, 1));
    }

    #[test]
    fn who_has_enough_is_given_no_more() {
        let (given, counters) = read(|packet| {
            let mut given = 0;
            packet.each(&mut |_| {
                given += 1;
                ControlFlow::Break(())
            });
            given
        });
        assert_eq!((given, counters.items()), (1, 1));
    }
}
