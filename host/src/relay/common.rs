//! What all threads of a relay have in common.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use collectd_net::SecurityLevel;

use super::guard::Guard;
use super::outlet::Outlet;
use super::worker::{Offered, Tally};
use super::{Mode, News, Report};
use crate::listen::{Duplicates, Losses, ReplayFilter};
use crate::users::{Refresh, Users};

pub(super) type Tell = Arc<dyn Fn(News) + Send + Sync>;

/// What all threads have in common.
pub(super) struct Common {
    pub(super) mode: Mode,
    /// By the profiles of the listener.
    pub(super) profiles: Vec<(Option<Users>, SecurityLevel)>,
    pub(super) replays: Option<Arc<ReplayFilter>>,
    pub(super) duplicates: Arc<Duplicates>,
    pub(super) outlets: Vec<Arc<Outlet>>,
    /// Of each worker.
    pub(super) published: Vec<Mutex<(Tally, Vec<Offered>)>>,
    pub(super) losses: Mutex<Losses>,
    pub(super) tell: Tell,
}

impl Common {
    pub(super) fn guards(&self) -> impl Iterator<Item = &Guard> {
        self.outlets.iter().filter_map(|outlet| outlet.guard.as_ref())
    }

    /// Reads a password file again if it has changed; the first worker tells.
    pub(super) fn refresh(&self, users: &mut Users, worker: usize) {
        let outcome = match users.refresh() {
            Refresh::Same => return,
            Refresh::Read(count) => Ok(count),
            Refresh::Failed(error) => Err(error),
        };
        if worker == 0 {
            (self.tell)(News::Users(users.path().to_owned(), outcome));
        }
    }

    pub(super) fn publish(&self, worker: usize, tally: &Tally, offered: impl Iterator<Item = Offered>) {
        if let Some(place) = self.published.get(worker) {
            let mut place = place.lock().unwrap_or_else(PoisonError::into_inner);
            place.0.clone_from(tally);
            place.1.clear();
            place.1.extend(offered);
        }
    }

    pub(super) fn publish_losses(&self, losses: Losses) {
        *self.losses.lock().unwrap_or_else(PoisonError::into_inner) = losses;
    }

    pub(super) fn report(&self) -> Report {
        let losses = *self.losses.lock().unwrap_or_else(PoisonError::into_inner);
        let published: Vec<_> =
            self.published.iter().map(|place| place.lock().unwrap_or_else(PoisonError::into_inner).clone()).collect();
        Report::new(&self.outlets, &published, losses)
    }
}

impl fmt::Debug for Common {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Common").field("mode", &self.mode).field("outlets", &self.outlets).finish_non_exhaustive()
    }
}
