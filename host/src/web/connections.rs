//! The connections that there are: at most so many, and who has asked for nothing makes room for who does.

use std::collections::HashMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use axum::body::{Body, Bytes};
use http_body::{Frame, SizeHint};
use tokio::task::AbortHandle;

use super::summary::{Counters, count, uncount};

/// All connections.
#[derive(Debug)]
pub(super) struct Connections {
    most: usize,
    counters: Arc<Counters>,
    table: Mutex<Table>,
}

#[derive(Debug, Default)]
struct Table {
    /// By number.
    seats: HashMap<u64, Seat>,
    /// What orders all that happens.
    next: u64,
}

#[derive(Debug)]
struct Seat {
    /// When it began to wait for a request, in the order of all that happens; nothing while it is answered.
    idle: Option<u64>,
    task: Option<AbortHandle>,
}

impl Connections {
    pub(super) fn new(most: usize, counters: Arc<Counters>) -> Self {
        Self { most, counters, table: Mutex::default() }
    }

    /// A place for a connection, if need be that of one that has asked for nothing for longest; none if all are busy.
    pub(super) fn take(self: &Arc<Self>) -> Option<Place> {
        let mut table = self.lock();
        if table.seats.len() >= self.most {
            let idle = table.seats.iter().filter_map(|(number, seat)| Some((seat.idle?, *number)));
            let Some((_, number)) = idle.min() else {
                count(&self.counters.refused_connections);
                return None;
            };
            if let Some(task) = table.seats.remove(&number).and_then(|seat| seat.task) {
                task.abort();
            }
            count(&self.counters.displaced);
            uncount(&self.counters.connections);
        }
        count(&self.counters.connections);
        let number = table.tick();
        table.seats.insert(number, Seat { idle: Some(number), task: None });
        Some(Place { number, connections: Arc::clone(self) })
    }

    fn lock(&self) -> MutexGuard<'_, Table> {
        // What a thread that is gone left is as good as any.
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Table {
    const fn tick(&mut self) -> u64 {
        self.next += 1;
        self.next
    }
}

/// The place of a connection, which is free again once this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    number: u64,
    connections: Arc<Connections>,
}

impl Place {
    pub(super) const fn number(&self) -> u64 {
        self.number
    }

    /// Something is asked for; until this is dropped, it is answered.
    pub(super) fn busy(self: &Arc<Self>) -> Busy {
        self.set_idle(false);
        Busy(Arc::clone(self))
    }

    fn set_idle(&self, is_idle: bool) {
        let mut table = self.connections.lock();
        let now = table.tick();
        if let Some(seat) = table.seats.get_mut(&self.number) {
            seat.idle = is_idle.then_some(now);
        }
    }
}

impl Connections {
    /// This is the task of the connection that has this place, if it still has it.
    pub(super) fn seat(&self, number: u64, task: AbortHandle) {
        match self.lock().seats.get_mut(&number) {
            Some(seat) => seat.task = Some(task),
            None => task.abort(),
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.connections.lock().seats.remove(&self.number).is_some() {
            uncount(&self.connections.counters.connections);
        }
    }
}

/// That a connection is answered.
#[derive(Debug)]
pub(super) struct Busy(Arc<Place>);

impl Drop for Busy {
    fn drop(&mut self) {
        self.0.set_idle(true);
    }
}

/// The body of an answer.
#[derive(Debug)]
pub(super) struct Answer {
    body: Body,
    _busy: Busy,
}

impl Answer {
    pub(super) const fn new(body: Body, busy: Busy) -> Self {
        Self { body, _busy: busy }
    }
}

impl http_body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.get_mut().body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::Ordering;

    use super::*;

    #[test]
    fn who_waits_for_longest_makes_room_and_who_is_answered_does_not() {
        let counters = Arc::<Counters>::default();
        let connections = Arc::new(Connections::new(2, Arc::clone(&counters)));
        let there = |place: &Place| connections.lock().seats.contains_key(&place.number());
        let [one, two] = [(); 2].map(|()| Arc::new(connections.take().expect("room")));
        let busy = one.busy();
        let three = Arc::new(connections.take().expect("room of the one that waits"));
        assert_eq!((there(&one), there(&two), there(&three)), (true, false, true));
        let other = three.busy();
        assert!(connections.take().is_none());
        drop(busy);
        assert!(connections.take().is_some());
        assert!(!there(&one));
        drop((one, two, other, three));
        let counts = counters.read();
        assert_eq!((counts.connections, counts.displaced, counts.refused_connections), (0, 2, 1));
        assert_eq!(counters.connections.load(Ordering::Relaxed), 0);
    }
}
