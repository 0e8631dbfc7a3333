//! What one of those who decode takes out of its queue.

use std::sync::Arc;
use std::time::{Duration, Instant};

use collectd_net::Batched;

use super::batch::Batch;
use super::queue::Next;
use super::{Shared, Stamp};

/// What has arrived from some of the senders, in order. The senders are shared out by their addresses.
#[derive(Debug)]
pub struct Share {
    number: usize,
    shared: Arc<Shared>,
    batch: Batch,
}

/// Why waiting is over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wake {
    /// Packets have arrived.
    Arrived,
    /// The time is up.
    Timeout,
    /// Somebody asked to stop.
    Stopped,
}

impl Share {
    /// What goes into the queue of this number.
    #[doc(hidden)]
    #[must_use]
    pub fn new(shared: Arc<Shared>, number: usize) -> Self {
        Self { number, shared, batch: Batch::default() }
    }

    /// The next packet of those that were waited for; `None` when all are read.
    pub fn pop(&mut self) -> Option<Batched<'_>> {
        self.batch.pop()
    }

    /// How the next packet came, if the settings ask for that.
    #[must_use]
    pub fn next_stamp(&self) -> Option<Stamp> {
        self.batch.next_stamp()
    }

    /// All packets of those that were waited for which have not been read yet, to be decrypted together.
    pub fn pop_all(&mut self) -> Vec<Batched<'_>> {
        self.batch.pop_all()
    }

    /// Which of the listener's profiles these packets are opened by.
    #[must_use]
    pub const fn profile(&self) -> usize {
        self.batch.profile
    }

    /// Waits until packets arrive, nothing more will come, or the time is up; without a time, for ever.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Wake {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            match self.next(deadline) {
                Next::Batch => return Wake::Arrived,
                Next::Timeout => return Wake::Timeout,
                Next::Closed => return Wake::Stopped,
                Next::Knock => {}
            }
        }
    }

    /// Takes the next batch of packets, and gives the one back that is done with; waits for it until the deadline, if there is one.
    #[doc(hidden)]
    pub fn next(&mut self, deadline: Option<Instant>) -> Next {
        match self.shared.queues.get(self.number) {
            Some(queue) => queue.pop(&mut self.batch, deadline),
            None => Next::Closed,
        }
    }
}
