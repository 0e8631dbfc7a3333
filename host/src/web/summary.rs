//! What is counted, beside what is shown.

use std::sync::atomic::{AtomicU64, Ordering};

use crate::fleet::Sizes;
use crate::watching::{Totals, Watching};

/// What was counted in all.
#[derive(Clone, Debug)]
pub(super) struct Summary {
    pub(super) totals: Totals,
    pub(super) sizes: Sizes,
    pub(super) web: Counts,
}

impl Summary {
    pub(super) fn of(watching: &Watching, web: &Counters) -> Self {
        let totals = watching.totals();
        let sizes = watching.fleet().lock().sizes();
        Self { totals, sizes, web: web.read() }
    }
}

/// What the page's server counted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    /// Connections and streams that there are.
    pub(crate) connections: u64,
    pub(crate) streams: u64,
    /// Clients that were dropped because they did not take what they had asked for.
    pub(crate) slow: u64,
    /// Connections that had asked for nothing, and were closed because others needed the room.
    pub(crate) displaced: u64,
    /// Connections, streams and requests that were refused: there were enough, or they may not be.
    pub(crate) refused_connections: u64,
    pub(crate) refused_streams: u64,
    pub(crate) refused_requests: u64,
}

/// The same while it is counted.
#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) connections: AtomicU64,
    pub(super) streams: AtomicU64,
    pub(super) slow: AtomicU64,
    pub(super) displaced: AtomicU64,
    pub(super) refused_connections: AtomicU64,
    pub(super) refused_streams: AtomicU64,
    pub(super) refused_requests: AtomicU64,
}

impl Counters {
    pub(super) fn read(&self) -> Counts {
        let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Counts {
            connections: read(&self.connections),
            streams: read(&self.streams),
            slow: read(&self.slow),
            displaced: read(&self.displaced),
            refused_connections: read(&self.refused_connections),
            refused_streams: read(&self.refused_streams),
            refused_requests: read(&self.refused_requests),
        }
    }
}

/// One more.
pub(super) fn count(counter: &AtomicU64) {
    counter.fetch_add(1, Ordering::Relaxed);
}

/// One less.
pub(super) fn uncount(counter: &AtomicU64) {
    counter.fetch_sub(1, Ordering::Relaxed);
}
