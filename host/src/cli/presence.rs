//! `--presence`: what happens to hosts, between what they send.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use collectd_net::{Arrival, Error, Item};

use super::output::Count;
use super::{duration, talk::tell};
use crate::fleet::{Event, Fleet, Limits, Moment, Visit};

/// How many changes wait to be printed at the most.
const WAITING: usize = 4096;

#[derive(Debug, clap::Args)]
pub(super) struct Presence {
    /// Print, too, which hosts are new, missing, back or restarted, whose interval changes and whose clock is wrong, as
    /// notifications of the plugin collectd-tap
    #[arg(long, conflicts_with_all = ["summary", "count_only"])]
    presence: bool,
    /// With --presence, a host is missing when nothing was heard of it for this many of its intervals
    #[arg(long, value_name = "N", default_value = "3", value_parser = clap::value_parser!(u32).range(1..=1000))]
    missing_after: u32,
    /// With --presence, how far clocks of hosts may be from the one of this machine
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = duration)]
    max_skew: Duration,
    /// With --presence, watch no more than this many hosts, and of them the values that --max-series allows
    #[arg(long, value_name = "N", default_value_t = Limits::default().max_hosts)]
    max_hosts: usize,
}

impl Presence {
    /// What watches hosts, if that is wanted.
    pub(super) fn watch(&self, max_series: usize) -> Option<Watch> {
        let Self { missing_after, max_skew, max_hosts, .. } = *self;
        let limits = Limits {
            max_series,
            max_hosts,
            missing_after,
            max_skew,
            notifications: WAITING,
            keeps_received: false,
            ..Limits::default()
        };
        self.presence.then(|| Watch { fleet: Fleet::new(limits), start: Instant::now(), told: Mutex::new((0, 0)) })
    }
}

/// Watches hosts, by what all workers see.
#[derive(Debug)]
pub(super) struct Watch {
    fleet: Fleet,
    start: Instant,
    /// The latest change that was printed, and how many could not be.
    told: Mutex<(u64, u64)>,
}

impl Watch {
    /// A packet has arrived.
    pub(super) fn arrive(&self, arrival: &Arrival) -> Visit {
        self.fleet.lock().arrive(arrival, Moment::now(self.start))
    }

    /// This is in it.
    pub(super) fn see(&self, visit: &mut Visit, item: &Result<Item<'_>, Error>) {
        match item {
            Ok(item) => self.fleet.lock().item(visit, item),
            Err(error) => self.fleet.lock().refuse(visit, error),
        }
    }

    /// What has happened since the last look, and how long until there may be more.
    pub(super) fn look(&self) -> (Vec<Event>, Option<Duration>) {
        let mut store = self.fleet.lock();
        let left = store.look(Moment::now(self.start));
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        told.1 += store.missed_news(told.0);
        let events = store.news(told.0).filter_map(|(_, news)| news.observed().cloned()).collect();
        told.0 = store.latest_news();
        (events, left)
    }

    /// Says what was not watched.
    pub(super) fn finish(&self) {
        let counts = self.fleet.lock().counts();
        let lost = self.told.lock().unwrap_or_else(PoisonError::into_inner).1;
        for (count, what, why) in [
            (counts.refused_hosts, "value list", "of hosts that are not watched: too many (see --max-hosts)"),
            (counts.refused_names, "value list", "of which the names are too long to be watched"),
            (counts.untold, "change", "of hosts not printed: the same one again and again"),
            (lost, "change", "of hosts not printed: too many at once"),
        ] {
            if count > 0 {
                tell(format_args!("{} {why}", Count(count, what)));
            }
        }
    }
}
