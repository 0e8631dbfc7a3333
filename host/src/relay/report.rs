//! What a relay has done, and everything that it has not.

use std::fmt;
use std::sync::Arc;

use super::lane::Amount;
use super::outlet::Outlet;
use super::worker::{Offered, Tally};
use crate::listen::Losses;
use crate::send::Counts;

/// What has happened. At the end nothing is missing in it: what arrived was lost, left out, or handed to every destination; and
/// what was handed to a destination was there already, was sent, or was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Report {
    /// What became of what was opened.
    pub tally: Tally,
    /// What was lost or left out before.
    pub losses: Losses,
    /// What became of it at each destination.
    pub destinations: Vec<Delivery>,
}

/// What became of packets and items at one destination.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Delivery {
    /// The server, as it was named.
    pub server: String,
    /// What was sent, and what could not be.
    pub counts: Counts,
    /// What had no room in the queue.
    pub dropped: Amount,
    /// Packets, or items that are packed anew, that others had sent to this group before.
    pub present: u64,
    /// Items that no packet has room for.
    pub too_long: u64,
    /// Items that wait in a packet that is not full yet.
    pub waiting: u64,
    /// What others had sent to this group and was forgotten before its time, because there was too much of it.
    pub forgotten: u64,
}

impl Report {
    pub(super) fn new(outlets: &[Arc<Outlet>], published: &[(Tally, Vec<Offered>)], losses: Losses) -> Self {
        let mut tally = Tally::default();
        published.iter().for_each(|(of_worker, _)| tally.add(of_worker));
        let delivery = |(number, outlet): (usize, &Arc<Outlet>)| {
            let mut delivery = Delivery {
                server: outlet.server.clone(),
                counts: outlet.counts(),
                dropped: outlet.dropped(),
                present: 0,
                too_long: 0,
                waiting: 0,
                forgotten: outlet.guard.as_ref().map_or(0, |guard| guard.forgotten()),
            };
            for offered in published.iter().filter_map(|(_, offered)| offered.get(number)) {
                delivery.present += offered.present;
                delivery.too_long += offered.too_long;
                delivery.waiting += offered.waiting;
            }
            delivery
        };
        Self { tally, losses, destinations: outlets.iter().enumerate().map(delivery).collect() }
    }
}

/// A line for what arrived, and one for each destination.
impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tally, losses, destinations } = self;
        let counters = &tally.counters;
        write!(f, "{} packets arrived", counters.packets)?;
        let mut list = List { f, before: ": " };
        list.add(tally.passed, "passed on")?;
        list.add(tally.items, "items packed anew")?;
        list.add(counters.empty, "empty")?;
        list.add(counters.truncated, "truncated")?;
        list.add(tally.unopened, "not opened, so not passed on")?;
        list.add(tally.unwanted, "items not wanted")?;
        list.add(losses.duplicate_items, "of the items left out as duplicates")?;
        list.add(tally.bad_names, "items with a name that no collectd takes")?;
        for (cause, count) in counters.refused_by_cause().filter(|(_, count)| *count > 0) {
            list.add(count, format_args!("refused as {cause}"))?;
        }
        f.write_str("; before that")?;
        let mut list = List { f, before: " " };
        list.always(losses.kernel, "dropped by the kernel (receive buffer full)")?;
        list.always(losses.queue, "dropped in the queue (too slow)")?;
        list.always(losses.duplicate_packets, "left out as duplicates")?;
        list.always(losses.own, "left out as our own")?;
        list.add(losses.sources, "from sources that are not allowed")?;
        list.add(losses.errors, "receive errors")?;
        list.add(losses.forgotten_duplicates, "forgotten before the time for duplicates was over")?;
        list.add(losses.forgotten_seals, "seals forgotten before the replay window was over")?;
        destinations.iter().try_for_each(|delivery| write!(f, "\n{delivery}"))
    }
}

impl fmt::Display for Delivery {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { server, counts, dropped, present, too_long, waiting, forgotten } = self;
        let with_items = |packets: u64, items: u64| match items {
            0 => format!("{packets} packets"),
            _ => format!("{packets} packets with {items} items"),
        };
        write!(f, "to {server}: {} sent", with_items(counts.packets, counts.items))?;
        if dropped.packets > 0 {
            let dropped = with_items(dropped.packets, dropped.items);
            write!(f, ", {dropped} dropped in the queue (destination too slow)")?;
        }
        if counts.failed_packets > 0 {
            write!(f, ", {} that could not be sent", with_items(counts.failed_packets, counts.failed_items))?;
        }
        let mut list = List { f, before: ", " };
        list.add(counts.unreachable, "of the packets reported as not arrived")?;
        list.add(*present, "left out because they were there already")?;
        list.add(*too_long, "items longer than a packet")?;
        list.add(*waiting, "items waiting")?;
        list.add(*forgotten, "forgotten of what was there before the time for duplicates was over")
    }
}

/// Numbers of what happened, with commas between them.
struct List<'a, 'f> {
    f: &'a mut fmt::Formatter<'f>,
    before: &'static str,
}

impl List<'_, '_> {
    /// Adds what happened at all.
    fn add(&mut self, count: u64, what: impl fmt::Display) -> fmt::Result {
        if count > 0 { self.always(count, what) } else { Ok(()) }
    }

    fn always(&mut self, count: u64, what: impl fmt::Display) -> fmt::Result {
        write!(self.f, "{}{count} {what}", self.before)?;
        self.before = ", ";
        Ok(())
    }
}
