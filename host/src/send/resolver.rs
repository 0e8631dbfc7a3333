//! Names of servers: resolved again and again, on a thread of their own, so that nothing waits for a name server.

use std::io;
use std::net::{IpAddr, SocketAddr, ToSocketAddrs as _};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use crate::listen::Address;

/// How soon a name is tried again that did not resolve; the double each time, up to [`LONGEST_WAIT`].
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(30);

/// What gives the addresses of a name.
type Lookup = Box<dyn FnMut() -> io::Result<Vec<SocketAddr>> + Send>;

/// Resolves one name until it is dropped.
#[derive(Debug)]
pub(super) struct Resolver(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    /// What was found last, until it is taken.
    found: Option<Result<Vec<SocketAddr>, String>>,
    /// Whether somebody wants to know again.
    asked: bool,
    over: bool,
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Resolver {
    /// Begins to resolve the host of `address`, and again at every `interval`, unless that is zero.
    pub(super) fn start(address: &Address, interval: Duration) -> io::Result<Self> {
        let (host, port) = (address.host.clone(), address.port);
        let lookup = move || Ok((host.as_str(), port).to_socket_addrs()?.collect());
        Self::start_with(Box::new(lookup), interval)
    }

    fn start_with(mut lookup: Lookup, interval: Duration) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        let of_thread = Arc::clone(&shared);
        thread::Builder::new().name("resolver".into()).spawn(move || {
            let mut wait = FIRST_WAIT;
            loop {
                let begun = Instant::now();
                let found = lookup().map_err(|error| error.to_string()).and_then(|addresses| {
                    if addresses.is_empty() { Err("it has no address".into()) } else { Ok(addresses) }
                });
                let failed = found.is_err();
                let mut state = of_thread.state();
                state.found = Some(found);
                of_thread.changed.notify_all();
                // Whoever asks gets an answer, but a name server is not asked more often than this.
                let soonest = if failed { wait } else { FIRST_WAIT };
                wait = if failed { (wait * 2).min(LONGEST_WAIT) } else { FIRST_WAIT };
                let latest = match (failed, interval.is_zero()) {
                    (true, _) => Some(soonest),
                    (false, true) => None,
                    (false, false) => Some(interval),
                };
                loop {
                    if state.over {
                        return;
                    }
                    let passed = begun.elapsed();
                    if state.asked && passed >= soonest || latest.is_some_and(|latest| passed >= latest) {
                        break;
                    }
                    let until = if state.asked { Some(soonest) } else { latest };
                    let changed = &of_thread.changed;
                    state = match until {
                        Some(until) => {
                            let timeout = until.saturating_sub(passed);
                            changed.wait_timeout(state, timeout).unwrap_or_else(PoisonError::into_inner).0
                        }
                        None => changed.wait(state).unwrap_or_else(PoisonError::into_inner),
                    };
                }
                state.asked = false;
            }
        })?;
        Ok(Self(shared))
    }

    /// What was found since the last time.
    pub(super) fn take(&self) -> Option<Result<Vec<SocketAddr>, String>> {
        self.0.state().found.take()
    }

    /// As [`take`](Self::take), and waits for it so long.
    pub(super) fn wait(&self, patience: Duration) -> Option<Result<Vec<SocketAddr>, String>> {
        let state = self.0.state();
        let nothing = |state: &mut State| state.found.is_none();
        let waited = self.0.changed.wait_timeout_while(state, patience, nothing);
        waited.unwrap_or_else(PoisonError::into_inner).0.found.take()
    }

    /// Has the name resolved again soon.
    pub(super) fn ask(&self) {
        self.0.state().asked = true;
        self.0.changed.notify_all();
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        // A lookup that goes on is not waited for.
        self.0.state().over = true;
        self.0.changed.notify_all();
    }
}

/// The address that a host is written as, if it is no name.
pub(super) fn literal(address: &Address) -> Option<SocketAddr> {
    let ip = address.host.parse::<IpAddr>().ok()?;
    Some(SocketAddr::new(ip, address.port))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOON: Duration = Duration::from_secs(20);

    #[test]
    fn names_are_resolved_again_when_it_is_time_and_when_asked() {
        let mut number = 0;
        let lookup = move || {
            number += 1;
            match number {
                1 => Err(io::Error::other("no name server")),
                _ => Ok(vec![SocketAddr::new([10, 0, 0, number].into(), 1)]),
            }
        };
        let resolver = Resolver::start_with(Box::new(lookup), Duration::ZERO).expect("a thread");
        assert_eq!(resolver.wait(SOON), Some(Err("no name server".into())));
        // Tried again by itself.
        let first = resolver.wait(SOON).expect("an answer").expect("an address");
        assert_eq!(resolver.take(), None);
        resolver.ask();
        let second = resolver.wait(SOON).expect("an answer").expect("an address");
        assert_ne!(first, second);
    }

    #[test]
    fn an_interval_brings_answers_by_itself() {
        let lookup = || Ok(Vec::new());
        let resolver = Resolver::start_with(Box::new(lookup), Duration::from_millis(1)).expect("a thread");
        for _ in 0..2 {
            assert_eq!(resolver.wait(SOON), Some(Err("it has no address".into())));
        }
    }
}
