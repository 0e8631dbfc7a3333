//! The store that one thread fills and others look at.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::thread;

use super::{Limits, Store};

/// How often whoever waits is given a turn before it is too long.
const TURNS: u32 = 1000;

/// A store that several threads share.
#[derive(Clone, Debug)]
pub struct Fleet(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    store: Mutex<Store>,
    /// How many wait for it.
    waiting: AtomicU32,
}

impl Fleet {
    /// An empty one.
    #[must_use]
    pub fn new(limits: Limits) -> Self {
        Store::new(limits).into()
    }

    /// The store. Others wait for it until the guard is gone.
    pub fn lock(&self) -> MutexGuard<'_, Store> {
        let Shared { store, waiting } = &*self.0;
        match store.try_lock() {
            Ok(guard) => return guard,
            // Counts of a thread that is gone are as good as any.
            Err(TryLockError::Poisoned(gone)) => return gone.into_inner(),
            Err(TryLockError::WouldBlock) => {}
        }
        waiting.fetch_add(1, Ordering::Relaxed);
        let guard = store.lock().unwrap_or_else(PoisonError::into_inner);
        waiting.fetch_sub(1, Ordering::Relaxed);
        guard
    }

    /// Lets those have the store who wait for it. Who locks it again and again would not, for it is never free for long.
    pub fn give_way(&self) {
        for _ in 0..TURNS {
            if self.0.waiting.load(Ordering::Relaxed) == 0 {
                break;
            }
            thread::yield_now();
        }
    }
}

impl From<Store> for Fleet {
    fn from(store: Store) -> Self {
        Self(Arc::new(Shared { store: Mutex::new(store), waiting: AtomicU32::new(0) }))
    }
}
