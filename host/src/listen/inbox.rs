//! Where packets wait for whoever decodes them.

use std::io;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use collectd_net::Batched;
use collectd_tap_stream::intake::{Duplicates, Next, Queue, ReplayFilter, Share, Shared, Wake};

use super::seats::Change;
use super::watch::{Watch, Watching};

/// Packets that have arrived: all of them, or the first share of those who decode.
#[derive(Debug)]
pub struct Inbox {
    share: Share,
    others: Vec<Share>,
    watching: Watching,
    shared: Arc<Shared>,
    replays: Option<Arc<ReplayFilter>>,
}

/// What did not come through, and why.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Losses {
    /// Datagrams that the kernel dropped because a socket's buffer was full.
    pub kernel: u64,
    /// Datagrams dropped because a queue was full.
    pub queue: u64,
    /// Receive calls that failed.
    pub errors: u64,
    /// Datagrams of senders that are not allowed.
    pub sources: u64,
    /// Datagrams of our own; see [`Own`](super::Own).
    pub own: u64,
    /// Datagrams that were heard before.
    pub duplicate_packets: u64,
    /// Items that were heard before, in other datagrams.
    pub duplicate_items: u64,
    /// Packets and items that were forgotten within the time they are remembered for, because there were too many.
    pub forgotten_duplicates: u64,
    /// Seals that the replay filter forgot before their time, because there were too many.
    pub forgotten_seals: u64,
}

/// Stops the wait for packets from another thread.
#[derive(Clone, Debug)]
pub struct Stopper(Arc<Shared>);

impl Stopper {
    /// What has arrived until now is still read.
    pub fn stop(&self) {
        self.0.queues.first().into_iter().for_each(Queue::knock);
    }
}

impl Inbox {
    pub(super) fn start(
        watch: Watch,
        shared: Arc<Shared>,
        replays: Option<Arc<ReplayFilter>>,
        tell: Box<dyn FnMut(Change) + Send>,
    ) -> io::Result<Self> {
        let share = |number| Share::new(Arc::clone(&shared), number);
        let others = (1..shared.queues.len()).map(share).collect();
        let (share, watching) = (share(0), Watching::start(watch, Arc::clone(&shared), tell)?);
        Ok(Self { share, others, watching, shared, replays })
    }

    /// The shares of the other workers, if there is to be more than one.
    pub fn take_shares(&mut self) -> Vec<Share> {
        std::mem::take(&mut self.others)
    }

    /// The next packet of those that were waited for; `None` when all are read.
    pub fn pop(&mut self) -> Option<Batched<'_>> {
        self.share.pop()
    }

    /// Waits until packets arrive, somebody stops it, or the time is up; without a time, for ever.
    ///
    /// After a stop, what had arrived until then still comes, and then [`Wake::Stopped`] for good.
    pub fn wait(&mut self, timeout: Option<Duration>) -> Wake {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        loop {
            match self.share.next(deadline) {
                Next::Batch => return Wake::Arrived,
                Next::Timeout => return Wake::Timeout,
                Next::Closed => return Wake::Stopped,
                Next::Knock => self.watching.stop(),
            }
        }
    }

    /// The packets that were waited for.
    pub const fn share(&mut self) -> &mut Share {
        &mut self.share
    }

    /// Lets another thread end the wait.
    #[must_use]
    pub fn stopper(&self) -> Stopper {
        Stopper(Arc::clone(&self.shared))
    }

    /// What knows which sealed packets were opened before, if the settings ask for that.
    #[must_use]
    pub fn replays(&self) -> Option<Arc<ReplayFilter>> {
        self.replays.clone()
    }

    /// What knows which items were heard before, if the settings ask for that.
    #[must_use]
    pub fn duplicates(&self) -> Option<Arc<Duplicates>> {
        self.shared.duplicates.clone()
    }

    /// What was lost, or kept out, so far.
    #[must_use]
    pub fn losses(&self) -> Losses {
        let shared = &self.shared;
        let (duplicate_packets, duplicate_items) =
            shared.duplicates.as_ref().map(|duplicates| duplicates.found()).unwrap_or_default();
        Losses {
            kernel: self.watching.kernel_drops(),
            queue: shared.queues.iter().map(Queue::dropped).sum(),
            errors: shared.receive_errors.load(Ordering::Relaxed),
            sources: shared.sources.refused(),
            own: shared.own.as_ref().map_or(0, |own| own.heard()),
            duplicate_packets,
            duplicate_items,
            forgotten_duplicates: shared.duplicates.as_ref().map_or(0, |duplicates| duplicates.forgotten()),
            forgotten_seals: self.replays.as_ref().map_or(0, |replays| replays.forgotten()),
        }
    }

    /// Takes in what the kernel has, and nothing more.
    pub fn stop(&mut self) {
        self.watching.stop();
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.stop();
    }
}
