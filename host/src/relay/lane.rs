//! The queue to one destination. Whoever puts in never waits: what does not fit is dropped by policy, and counted with its items.

use std::collections::VecDeque;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::listen::DropPolicy;
use crate::send::Packed;

/// How many packets are taken out at once, so that few are in nobody's count.
const AT_ONCE: usize = 64;

/// A packet on its way out.
#[derive(Debug)]
pub(super) enum Parcel {
    /// Sent as it is.
    Raw(Box<[u8]>),
    /// Sealed on the way out.
    Packed(Packed),
}

impl Parcel {
    /// Octets of memory it takes.
    fn weight(&self) -> usize {
        size_of::<Self>()
            + match self {
                Self::Raw(octets) => octets.len(),
                Self::Packed(packed) => packed.weight(),
            }
    }

    /// How many items are in it; none if nobody has looked.
    fn items(&self) -> u64 {
        match self {
            Self::Raw(_) => 0,
            Self::Packed(packed) => packed.ready().items,
        }
    }
}

/// A number of packets, and of the items in them.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Amount {
    /// Packets.
    pub packets: u64,
    /// Items in them. Packets that are passed on as they came are not looked into, and count none.
    pub items: u64,
}

impl Amount {
    pub(super) const fn add(&mut self, items: u64) {
        self.packets += 1;
        self.items += items;
    }
}

#[derive(Debug)]
pub(super) struct Lane {
    state: Mutex<State>,
    changed: Condvar,
    limit: usize,
    policy: DropPolicy,
}

#[derive(Debug, Default)]
struct State {
    waiting: VecDeque<Parcel>,
    weight: usize,
    dropped: Amount,
    closed: bool,
    /// Whether somebody waits, so that nobody is woken who does not sleep.
    sleeping: bool,
    /// Whether nobody takes anything out any more.
    ended: bool,
}

impl Lane {
    /// A queue that takes so many octets of memory at the most.
    pub(super) fn new(limit: usize, policy: DropPolicy) -> Self {
        Self { state: Mutex::default(), changed: Condvar::new(), limit, policy }
    }

    /// Puts packets in, or drops and counts some; none are left in `parcels`.
    pub(super) fn push(&self, parcels: &mut Vec<Parcel>) {
        if parcels.is_empty() {
            return;
        }
        let mut state = self.lock();
        for parcel in parcels.drain(..) {
            let weight = parcel.weight();
            if self.policy == DropPolicy::Oldest {
                while state.weight + weight > self.limit && state.drop_oldest() {}
            }
            // One that is larger than the limit still fits into an empty queue.
            if state.ended || state.weight + weight > self.limit && !state.waiting.is_empty() {
                state.dropped.add(parcel.items());
                continue;
            }
            state.weight += weight;
            state.waiting.push_back(parcel);
        }
        if state.sleeping && !state.waiting.is_empty() {
            self.changed.notify_all();
        }
    }

    /// Waits for packets, and takes some out; none when it is closed and empty, or when the time is up.
    pub(super) fn pop(&self, parcels: &mut Vec<Parcel>, deadline: Option<Instant>) -> Popped {
        parcels.clear();
        let mut state = self.lock();
        loop {
            if !state.waiting.is_empty() {
                let count = state.waiting.len().min(AT_ONCE);
                parcels.extend(state.waiting.drain(..count));
                state.weight -= parcels.iter().map(Parcel::weight).sum::<usize>();
                return Popped::Some;
            }
            if state.closed {
                return Popped::Closed;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Popped::Timeout;
            }
            state.sleeping = true;
            state = match left {
                Some(left) => self.changed.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.changed.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.sleeping = false;
        }
    }

    /// Says that nothing more will come.
    pub(super) fn close(&self) {
        self.lock().closed = true;
        self.changed.notify_all();
    }

    /// Says that nobody takes anything out any more: what waits is dropped, and whatever comes.
    pub(super) fn end(&self) {
        let mut state = self.lock();
        while state.drop_oldest() {}
        state.ended = true;
        self.changed.notify_all();
    }

    /// Waits until nobody takes anything out any more, for no longer than this; whether that is so.
    pub(super) fn wait_for_end(&self, patience: Duration) -> bool {
        let wait = self.changed.wait_timeout_while(self.lock(), patience, |state| !state.ended);
        wait.unwrap_or_else(PoisonError::into_inner).0.ended
    }

    /// What was dropped.
    pub(super) fn dropped(&self) -> Amount {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    /// Drops what has waited longest; `false` if nothing waits.
    fn drop_oldest(&mut self) -> bool {
        let Some(oldest) = self.waiting.pop_front() else { return false };
        self.weight -= oldest.weight();
        self.dropped.add(oldest.items());
        true
    }
}

/// What came of a wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Popped {
    Some,
    Timeout,
    /// Nothing more will come.
    Closed,
}

#[cfg(test)]
mod tests {
    use collectd_net::Decoder;

    use super::*;
    use crate::send::Packer;

    /// Packets with so many items each.
    fn parcels(items: impl IntoIterator<Item = u64>) -> Vec<Parcel> {
        let octets = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
        let item = Decoder::new(octets).next().expect("an item").expect("a good one");
        let now = Instant::now();
        let packet = |items| {
            let (mut packer, mut parcel) = (Packer::default(), None);
            for _ in 0..items {
                packer.push(&item, now, |_| unreachable!("it is not full")).expect("it fits");
            }
            packer.flush(|ready| parcel = Some(Parcel::Packed(ready.to_packed())));
            parcel.expect("it is not empty")
        };
        items.into_iter().map(packet).collect()
    }

    fn drain(lane: &Lane) -> Vec<u64> {
        let (mut all, mut some) = (Vec::new(), Vec::new());
        while lane.pop(&mut some, Some(Instant::now())) == Popped::Some {
            all.extend(some.iter().map(Parcel::items));
        }
        all
    }

    #[test]
    fn what_does_not_fit_is_dropped_by_policy_and_counted() {
        for (policy, left, dropped) in [(DropPolicy::Newest, [1, 2], 3 + 4), (DropPolicy::Oldest, [3, 4], 1 + 2)] {
            let lane = Lane::new(parcels(left).iter().map(Parcel::weight).sum(), policy);
            lane.push(&mut parcels(1..=3));
            lane.push(&mut parcels([4]));
            assert_eq!(drain(&lane), left, "{policy}");
            assert_eq!(lane.dropped(), Amount { packets: 2, items: dropped });
            assert_eq!(lane.lock().weight, 0);
        }
    }

    #[test]
    fn one_packet_larger_than_the_limit_is_taken() {
        for policy in [DropPolicy::Newest, DropPolicy::Oldest] {
            let lane = Lane::new(1, policy);
            lane.push(&mut parcels([1, 2]));
            assert_eq!((drain(&lane).len(), lane.dropped().packets), (1, 1));
        }
    }

    #[test]
    fn what_waits_when_it_is_closed_still_comes() {
        let lane = Lane::new(1 << 20, DropPolicy::Newest);
        lane.push(&mut parcels([1; 100]));
        lane.close();
        let mut some = Vec::new();
        let mut pop = || (lane.pop(&mut some, None), some.len());
        assert_eq!([pop(), pop(), pop()], [(Popped::Some, 64), (Popped::Some, 36), (Popped::Closed, 0)]);
    }

    #[test]
    fn where_nobody_takes_out_everything_is_dropped() {
        let lane = Lane::new(1 << 20, DropPolicy::Newest);
        lane.push(&mut parcels([1, 1, 1]));
        assert!(!lane.wait_for_end(Duration::ZERO));
        lane.end();
        lane.push(&mut parcels([7]));
        assert_eq!((lane.dropped(), lane.wait_for_end(Duration::ZERO)), (Amount { packets: 4, items: 10 }, true));
    }
}
