//! Replays of sealed packets, for all who decode at once.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use collectd_net::{Replays, SealTag};

use super::recent::Recent;

/// How many seals are remembered: those of ten minutes at 1,700 sealed packets a second, in 50 MB at the most.
const SEALS: usize = 1 << 20;

/// The seals that were opened within a window of time, so that none is opened twice.
///
/// Only what was opened with a password is remembered, so strangers cannot fill it.
#[derive(Debug)]
pub struct ReplayFilter {
    state: Mutex<State>,
    settled: Condvar,
}

#[derive(Debug)]
struct State {
    opened: Recent<SealTag>,
    /// Those that somebody is about to open.
    pending: Vec<SealTag>,
}

impl ReplayFilter {
    /// Reaches back over this time.
    #[must_use]
    pub fn new(window: Duration) -> Self {
        let state = State { opened: Recent::new(window, SEALS), pending: Vec::new() };
        Self { state: Mutex::new(state), settled: Condvar::new() }
    }

    /// How many seals were forgotten within the window because there were too many.
    #[must_use]
    pub fn forgotten(&self) -> u64 {
        self.lock().opened.forgotten()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // Nothing is half done where a thread could panic.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A packet that is being opened, with a filter or without. Whoever meets its seal meanwhile waits until it is known whether it opens.
///
/// Nobody waits who keeps others waiting, so nobody waits for ever.
#[derive(Debug)]
pub struct Opening<'a> {
    filter: Option<&'a ReplayFilter>,
    pending: Option<SealTag>,
}

impl<'a> Opening<'a> {
    /// What to open one packet with.
    #[must_use]
    pub const fn new(filter: Option<&'a ReplayFilter>) -> Self {
        Self { filter, pending: None }
    }

    fn settle(&mut self, filter: &ReplayFilter, state: &mut State) {
        if let Some(pending) = self.pending.take() {
            state.pending.retain(|seal| *seal != pending);
            filter.settled.notify_all();
        }
    }
}

impl Replays for Opening<'_> {
    fn knows(&mut self, seal: SealTag) -> bool {
        let Some(filter) = self.filter else { return false };
        let mut state = filter.lock();
        // The last one did not open, or this would not be asked.
        self.settle(filter, &mut state);
        while state.pending.contains(&seal) {
            state = filter.settled.wait(state).unwrap_or_else(PoisonError::into_inner);
        }
        if state.opened.knows(&seal, Instant::now()) {
            return true;
        }
        state.pending.push(seal);
        self.pending = Some(seal);
        false
    }

    fn note(&mut self, seal: SealTag) {
        let Some(filter) = self.filter else { return };
        let mut state = filter.lock();
        state.opened.note(seal, Instant::now());
        self.settle(filter, &mut state);
    }
}

impl Drop for Opening<'_> {
    fn drop(&mut self) {
        if self.pending.is_some()
            && let Some(filter) = self.filter
        {
            self.settle(filter, &mut filter.lock());
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::sync::mpsc;
    use std::thread;

    use collectd_net::{SecurityLevel, User, open_once};

    use super::*;

    const SIGNED: &[u8] = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal-signed.bin");
    const ENCRYPTED: &[u8] = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal-encrypted.bin");

    #[test]
    fn of_many_who_open_the_same_packet_at_once_one_does() {
        let users = [User::new("testuser", "s3cr3t-pa55")];
        for recorded in [SIGNED, ENCRYPTED] {
            let filter = ReplayFilter::new(Duration::from_secs(60));
            let (good, damaged) = (AtomicUsize::new(0), AtomicUsize::new(0));
            thread::scope(|scope| {
                for thread in 0..8 {
                    let (users, filter, good, damaged) = (&users, &filter, &good, &damaged);
                    scope.spawn(move || {
                        for round in 0..50 {
                            let mut packet = recorded.to_vec();
                            // A damaged copy must not keep the good one out.
                            let whole = (thread + round) % 2 == 0;
                            if !whole && let Some(last) = packet.last_mut() {
                                *last ^= 1;
                            }
                            let items = open_once(&mut packet, users, SecurityLevel::Sign, Opening::new(Some(filter)));
                            let count = items.filter(Result::is_ok).count();
                            (if whole { good } else { damaged }).fetch_add(count, Ordering::Relaxed);
                        }
                    });
                }
            });
            assert_eq!((good.into_inner(), damaged.into_inner()), (1, 0));
        }
    }

    /// The seal of a recorded packet.
    fn seal() -> SealTag {
        struct Last(Option<SealTag>);
        impl Replays for Last {
            fn knows(&mut self, seal: SealTag) -> bool {
                self.0 = Some(seal);
                false
            }
            fn note(&mut self, _: SealTag) {}
        }
        let (users, mut last) = ([User::new("testuser", "s3cr3t-pa55")], Last(None));
        open_once(&mut SIGNED.to_vec(), &users, SecurityLevel::Sign, &mut last).for_each(drop);
        last.0.expect("the packet is signed")
    }

    #[test]
    fn who_meets_a_seal_that_is_being_opened_waits_for_what_comes_of_it() {
        for opens in [true, false] {
            let (filter, seal) = (ReplayFilter::new(Duration::from_secs(60)), seal());
            let mut first = Opening::new(Some(&filter));
            assert!(!first.knows(seal));
            thread::scope(|scope| {
                let (sender, receiver) = mpsc::channel();
                let filter = &filter;
                scope.spawn(move || sender.send(Opening::new(Some(filter)).knows(seal)));
                // However long that is, nothing comes.
                assert!(receiver.recv_timeout(Duration::from_millis(50)).is_err());
                if opens {
                    first.note(seal);
                }
                drop(first);
                assert_eq!(receiver.recv(), Ok(opens));
            });
        }
    }

    #[test]
    fn after_the_window_it_is_new_again() {
        let users = [User::new("testuser", "s3cr3t-pa55")];
        let filter = ReplayFilter::new(Duration::ZERO);
        for _ in 0..2 {
            let mut packet = SIGNED.to_vec();
            thread::sleep(Duration::from_millis(1));
            assert!(
                open_once(&mut packet, &users, SecurityLevel::Sign, Opening::new(Some(&filter)))
                    .all(|item| item.is_ok())
            );
        }
    }
}
