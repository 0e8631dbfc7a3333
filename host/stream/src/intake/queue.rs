//! The queue between the sockets and one of those who decode.
//!
//! It is bounded in octets of memory. What comes when it is full is dropped, or what has waited longest, as the policy says, and
//! counted; whoever puts in never waits. Batches are handed over whole and their memory is used again, so a packet on its own
//! costs neither an allocation nor a wake-up while packets are plenty.

use std::collections::VecDeque;
use std::fmt;
use std::mem;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::batch::Batch;

/// How many empty batches are kept for use.
const SPARE: usize = 8;

/// What is dropped when a queue is full.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DropPolicy {
    /// What has just arrived: what waits stays in one piece.
    #[default]
    Newest,
    /// What has waited longest: what is printed stays recent.
    Oldest,
}

impl fmt::Display for DropPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Newest => "newest",
            Self::Oldest => "oldest",
        })
    }
}

impl std::str::FromStr for DropPolicy {
    type Err = &'static str;

    fn from_str(word: &str) -> Result<Self, Self::Err> {
        match word {
            "newest" => Ok(Self::Newest),
            "oldest" => Ok(Self::Oldest),
            _ => Err("what is dropped is newest or oldest"),
        }
    }
}

/// Why a wait is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// There are packets.
    Batch,
    /// The time is up.
    Timeout,
    /// Somebody knocked.
    Knock,
    /// Nothing more will come.
    Closed,
}

/// Batches that wait.
#[derive(Debug)]
pub struct Queue {
    state: Mutex<State>,
    arrived: Condvar,
    limit: usize,
    policy: DropPolicy,
}

#[derive(Debug, Default)]
struct State {
    batches: VecDeque<Batch>,
    spare: Vec<Batch>,
    weight: usize,
    dropped: u64,
    /// Whether somebody waits, so that nobody is woken who does not sleep.
    waiting: bool,
    knocked: bool,
    closed: bool,
}

impl Queue {
    /// A queue that takes so many octets of memory at the most.
    pub fn new(limit: usize, policy: DropPolicy) -> Self {
        Self { state: Mutex::default(), arrived: Condvar::new(), limit, policy }
    }

    /// Puts the packets of `batch` in, or drops and counts some; leaves an empty batch.
    pub(super) fn push(&self, batch: &mut Batch) {
        let mut state = self.lock();
        let mut full = mem::replace(batch, state.spare.pop().unwrap_or_default());
        batch.profile = full.profile;
        if !state.batches.is_empty() {
            // It may wait for long. What it keeps in vain is lost to others.
            full.shrink();
        }
        let weight = full.weight();
        if self.policy == DropPolicy::Oldest {
            while state.weight + weight > self.limit
                && let Some(oldest) = state.batches.pop_front()
            {
                state.weight -= oldest.weight();
                state.dropped += oldest.len();
                state.keep(oldest);
            }
        }
        // A batch that is larger than the limit still fits into an empty queue.
        if state.weight + weight > self.limit && !state.batches.is_empty() {
            state.dropped += full.len();
            state.keep(full);
            return;
        }
        state.weight += weight;
        state.batches.push_back(full);
        if state.waiting {
            self.arrived.notify_one();
        }
    }

    /// Takes the next batch out in exchange for one that is done with; waits for it until the deadline, if there is one.
    pub(super) fn pop(&self, batch: &mut Batch, deadline: Option<Instant>) -> Next {
        let mut state = self.lock();
        loop {
            if let Some(next) = state.batches.pop_front() {
                state.weight -= next.weight();
                state.keep(mem::replace(batch, next));
                return Next::Batch;
            }
            if mem::take(&mut state.knocked) {
                return Next::Knock;
            }
            if state.closed {
                return Next::Closed;
            }
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            if left.is_some_and(|left| left.is_zero()) {
                return Next::Timeout;
            }
            state.waiting = true;
            state = match left {
                Some(left) => self.arrived.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0,
                None => self.arrived.wait(state).unwrap_or_else(PoisonError::into_inner),
            };
            state.waiting = false;
        }
    }

    /// Ends a wait, now or when it begins.
    pub fn knock(&self) {
        self.lock().knocked = true;
        self.arrived.notify_one();
    }

    /// Says that nothing more will come.
    pub fn close(&self) {
        self.lock().closed = true;
        self.arrived.notify_one();
    }

    /// How many packets were dropped.
    pub fn dropped(&self) -> u64 {
        self.lock().dropped
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn keep(&mut self, mut batch: Batch) {
        if self.spare.len() < SPARE {
            batch.clear();
            self.spare.push(batch);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use collectd_net::Arrival;

    use super::*;

    fn batch(packets: usize) -> Batch {
        let mut batch = Batch::default();
        (0..packets).for_each(|_| batch.push(Arrival { len: packets, from: None }, &[0; 1000]));
        batch.shrink();
        batch
    }

    /// The lengths of the batches that wait.
    fn drain(queue: &Queue) -> Vec<u64> {
        let mut batch = Batch::default();
        std::iter::from_fn(|| (queue.pop(&mut batch, Some(Instant::now())) == Next::Batch).then(|| batch.len()))
            .collect()
    }

    #[test]
    fn what_does_not_fit_is_dropped_by_policy_and_counted() {
        for (policy, limit, left, dropped) in
            [(DropPolicy::Newest, 5000, [1, 2], 3 + 4), (DropPolicy::Oldest, 8000, [3, 4], 1 + 2)]
        {
            let queue = Queue::new(limit, policy);
            (1..=4).for_each(|packets| queue.push(&mut batch(packets)));
            assert_eq!((drain(&queue), queue.dropped()), (left.to_vec(), dropped), "{policy}");
            assert_eq!(queue.lock().weight, 0);
        }
    }

    #[test]
    fn one_batch_larger_than_the_limit_is_taken() {
        let queue = Queue::new(1, DropPolicy::Newest);
        queue.push(&mut batch(1));
        queue.push(&mut batch(2));
        assert_eq!((drain(&queue), queue.dropped()), (vec![1], 2));
    }

    #[test]
    fn a_knock_and_a_close_end_a_wait_but_lose_nothing() {
        let queue = Queue::new(100_000, DropPolicy::Newest);
        let mut taken = Batch::default();
        queue.push(&mut batch(1));
        queue.knock();
        queue.close();
        let far = Some(Instant::now() + Duration::from_secs(60));
        let nexts = [(); 4].map(|()| queue.pop(&mut taken, far));
        assert_eq!(nexts, [Next::Batch, Next::Knock, Next::Closed, Next::Closed]);
    }
}
