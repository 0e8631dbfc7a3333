//! What was met within a window of time, in bounded memory.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasher, BuildHasherDefault, Hash, Hasher, RandomState};
use std::time::{Duration, Instant};

/// Remembers hashes, which are not hashed again.
pub type RecentHashes = Recent<u64, BuildHasherDefault<AsItIs>>;

/// Remembers keys for a window of time, and the latest so many of them at the most.
#[derive(Debug)]
pub struct Recent<K, S = RandomState> {
    /// When each was met.
    keys: HashMap<K, Instant, S>,
    /// In the order they were met.
    order: VecDeque<(Instant, K)>,
    window: Duration,
    capacity: usize,
    forgotten: u64,
}

impl<K: Copy + Eq + Hash, S: BuildHasher + Default> Recent<K, S> {
    /// For this window, and so many keys.
    #[must_use]
    pub fn new(window: Duration, capacity: usize) -> Self {
        Self { keys: HashMap::default(), order: VecDeque::new(), window, capacity, forgotten: 0 }
    }

    /// Whether this was met within the window.
    pub fn knows(&self, key: &K, now: Instant) -> bool {
        self.keys.get(key).is_some_and(|met| now.saturating_duration_since(*met) <= self.window)
    }

    /// Remembers this, unless it is known already; whether it is new.
    pub fn note(&mut self, key: K, now: Instant) -> bool {
        if self.knows(&key, now) {
            return false;
        }
        self.expire(now);
        if self.order.len() >= self.capacity {
            self.forgotten += 1;
            self.forget_oldest();
        }
        self.keys.insert(key, now);
        self.order.push_back((now, key));
        true
    }

    /// How many were forgotten within the window for want of room.
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn expire(&mut self, now: Instant) {
        while self.order.front().is_some_and(|(met, _)| now.saturating_duration_since(*met) > self.window) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, key)) = self.order.pop_front() {
            self.keys.remove(&key);
        }
    }
}

/// Takes a hash for what it is.
#[derive(Debug, Default)]
pub struct AsItIs(u64);

impl Hasher for AsItIs {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, octets: &[u8]) {
        // Nothing but hashes comes here; whatever else did would still count.
        octets.iter().for_each(|octet| self.0 = self.0.rotate_left(8) ^ u64::from(*octet));
    }

    fn write_u64(&mut self, hash: u64) {
        self.0 = hash;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_is_a_time_and_a_number() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut recent: Recent<char> = Recent::new(Duration::from_secs(10), 3);
        assert!(recent.note('a', at(0)) && !recent.note('a', at(10)) && recent.note('a', at(11)));
        assert!(recent.note('b', at(12)) && recent.note('c', at(13)));
        assert_eq!(recent.forgotten(), 0);
        assert!(recent.note('d', at(14)) && recent.forgotten() == 1);
        assert!(!recent.knows(&'a', at(14)) && recent.knows(&'b', at(14)));
        assert!(recent.note('e', at(100)));
        assert_eq!((recent.keys.len(), recent.order.len(), recent.forgotten()), (1, 1, 1));
    }
}
