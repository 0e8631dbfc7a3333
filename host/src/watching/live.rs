//! What a listener hears, by as many threads as decode.

use std::thread;
use std::time::{Duration, Instant};

use collectd_net::{Batched, Counters, decrypt_together};
use collectd_tap_stream::Opened;

use super::{Profiles, Shared, Tell, Tone, feed, lock};
use crate::cli::shown;
use crate::listen::{Change, Duplicates, Inbox, ReplayFilter, Share, Wake};
use crate::users::{Refresh, Users};

/// How often it is written down what was lost, at the most.
const WRITE_DOWN: Duration = Duration::from_millis(100);
/// And at the least.
const NAP: Duration = Duration::from_millis(250);

/// Tells what has changed while listening.
pub(super) fn tell_change(tell: &Tell, change: &Change) {
    let tone = match change {
        Change::Trouble(_) | Change::SmallBuffer { .. } | Change::Down(_) | Change::NoCarrier(_) => Tone::Warning,
        _ => Tone::Plain,
    };
    tell(tone, &change.to_string());
}

/// Takes in what arrives until it is stopped.
pub(super) fn run(shared: &Shared, mut inbox: Inbox, profiles: Profiles) {
    let shares = inbox.take_shares();
    let stopper = inbox.stopper();
    let worker = |talks| Worker {
        shared,
        replays: inbox.replays(),
        duplicates: inbox.duplicates(),
        profiles: profiles.clone(),
        counters: Counters::new(),
        talks,
    };
    let mut workers: Vec<_> = shares.into_iter().map(|share| (worker(false), share)).collect();
    let mut first = worker(true);
    thread::scope(|scope| {
        for (mut worker, mut share) in workers.drain(..) {
            let stopper = stopper.clone();
            scope.spawn(move || {
                while share.wait(None) == Wake::Arrived {
                    worker.open(&mut share);
                }
                // Without this one, nothing would be complete.
                stopper.stop();
            });
        }
        lead(shared, &mut inbox, &mut first);
    });
    *lock(&shared.losses) = inbox.losses();
    shared.end(None);
}

/// What one of the threads does besides: it looks who is missing, and writes down what was lost.
fn lead(shared: &Shared, inbox: &mut Inbox, worker: &mut Worker<'_>) {
    let mut written = Instant::now();
    loop {
        let left = shared.fleet.lock().look(lock(&shared.clock).now());
        let wake = inbox.wait(Some(left.map_or(NAP, |left| left.min(NAP))));
        match wake {
            Wake::Arrived => worker.open(inbox.share()),
            Wake::Timeout => {}
            Wake::Stopped => break,
        }
        if written.elapsed() >= WRITE_DOWN {
            *lock(&shared.losses) = inbox.losses();
            written = Instant::now();
        }
    }
    // Whatever ended it ends the others too, after what has arrived until now.
    inbox.stop();
}

/// One of those who decode.
struct Worker<'a> {
    shared: &'a Shared,
    replays: Option<std::sync::Arc<ReplayFilter>>,
    duplicates: Option<std::sync::Arc<Duplicates>>,
    profiles: Profiles,
    counters: Counters,
    /// Whether this is the one that tells of changes in password files.
    talks: bool,
}

impl Worker<'_> {
    /// Opens the packets that were waited for.
    fn open(&mut self, share: &mut Share) {
        let profile = share.profile();
        // Lent out while packets are open that borrow from it.
        let mut users = self.profiles.get_mut(profile).and_then(|(users, _)| users.take());
        if let Some(known) = &mut users {
            self.refresh(known);
            let mut batch = share.pop_all();
            decrypt_together(&mut batch, Some(&*known));
            for packet in batch {
                self.packet(packet, Some(known), profile);
            }
        } else {
            while let Some(packet) = share.pop() {
                self.packet(packet, None, profile);
            }
        }
        if let Some((place, _)) = self.profiles.get_mut(profile) {
            *place = users;
        }
    }

    fn refresh(&self, users: &mut Users) {
        let (outcome, path) = (users.refresh(), shown(users.path().as_os_str()));
        match outcome {
            Refresh::Read(count) if self.talks => {
                self.shared.tell(Tone::Plain, format_args!("read {count} users again from {path}"));
            }
            Refresh::Failed(error) if self.talks => {
                let message = format_args!("cannot read {path} again: {error}; the users stay as they were");
                self.shared.tell(Tone::Warning, message);
            }
            _ => {}
        }
    }

    fn packet(&mut self, packet: Batched<'_>, users: Option<&Users>, profile: usize) {
        let Some((_, level)) = self.profiles.get(profile) else { return };
        let arrival = packet.arrival;
        let packet = Opened::new(packet, users, *level, self.replays.as_deref(), &mut self.counters);
        let moment = lock(&self.shared.clock).now();
        feed::packet(self.shared, &arrival, moment, packet, self.duplicates.as_deref());
    }
}
