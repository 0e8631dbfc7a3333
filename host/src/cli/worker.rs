//! From packets that have arrived to output: what one thread does, alone or as one of several.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use collectd_net::{Batched, Counters, Item, SecurityLevel, decrypt_together};
use collectd_tap_stream::Opened;

use super::output::Output;
use super::presence::Watch;
use super::seconds::Seconds;
use super::{Failure, Printing, passwords};
use crate::listen::{Duplicates, Inbox, Profile, ReplayFilter, Share};
use crate::sink::{Format, Origin};
use crate::users::Users;

/// What is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Report {
    /// Items, in the format that was asked for.
    Items,
    /// A line for each sender and second.
    Seconds,
    /// Nothing: items are counted.
    Nothing,
}

/// What all workers have in common.
pub(super) struct Work<'a> {
    printing: &'a Printing,
    report: Report,
    profiles: Vec<(Option<Users>, SecurityLevel)>,
    replays: Option<Arc<ReplayFilter>>,
    duplicates: Option<Arc<Duplicates>>,
    /// What watches hosts, if that is wanted.
    pub(super) watch: Option<Watch>,
    /// How many packets were opened so far.
    packets: AtomicU64,
}

impl<'a> Work<'a> {
    /// Reads the passwords of every profile; where none are named, these users are known.
    pub(super) fn new(
        printing: &'a Printing,
        report: Report,
        profiles: &[Profile],
        known: Option<&Users>,
    ) -> Result<Self, Failure> {
        let profiles = printing.opening.open_all(known, profiles)?;
        Ok(Self {
            printing,
            report,
            profiles,
            replays: None,
            duplicates: None,
            watch: None,
            packets: AtomicU64::new(0),
        })
    }

    /// Takes over what the inbox remembers of earlier packets.
    pub(super) fn remember(&mut self, inbox: &Inbox) {
        self.replays = inbox.replays();
        self.duplicates = inbox.duplicates();
    }

    /// How many packets were opened so far.
    pub(super) fn packets(&self) -> u64 {
        self.packets.load(Ordering::Relaxed)
    }
}

/// One of those who decode.
pub(super) struct Worker<'a> {
    work: &'a Work<'a>,
    /// Of each profile.
    users: Vec<Option<Users>>,
    output: Output<'a>,
    seconds: Seconds,
    pub(super) counters: Counters,
    /// Items that were to be printed, whether they were or only counted.
    pub(super) wanted: u64,
    /// Whether this is the one that tells of changes in password files and of hosts.
    talks: bool,
}

impl<'a> Worker<'a> {
    pub(super) fn new(work: &'a Work<'a>, talks: bool) -> Result<Self, Failure> {
        let mut output = Output::new(work.printing)?;
        if work.report == Report::Items {
            output.start();
        }
        Ok(Self {
            work,
            users: work.profiles.iter().map(|(users, _)| users.clone()).collect(),
            output,
            seconds: Seconds::new(matches!(work.printing.format, Format::Json)),
            counters: Counters::new(),
            wanted: 0,
            talks,
        })
    }

    /// Whether everything that was asked for is printed.
    pub(super) fn is_done(&self) -> bool {
        self.output.is_done()
    }

    /// Whether packets are printed as they were sent.
    fn shows_octets(&self) -> bool {
        self.work.report == Report::Items && self.output.wants_octets()
    }

    /// Opens the packets that were waited for.
    pub(super) fn open(&mut self, share: &mut Share) -> Result<(), Failure> {
        self.turn()?;
        let profile = share.profile();
        let Some((_, level)) = self.work.profiles.get(profile) else { return Ok(()) };
        // Lent out while packets are open that borrow from it.
        let mut users = self.users.get_mut(profile).and_then(Option::take);
        if self.talks {
            passwords::refresh(&mut users);
        } else if let Some(users) = &mut users {
            users.refresh();
        }
        let mut outcome = Ok(());
        if users.is_some() {
            let mut batch = share.pop_all();
            if !self.shows_octets() {
                decrypt_together(&mut batch, users.as_ref());
            }
            let mut packets = batch.into_iter();
            while outcome.is_ok()
                && !self.is_done()
                && let Some(packet) = packets.next()
            {
                outcome = self.packet(packet, users.as_ref(), *level);
            }
        } else {
            while outcome.is_ok()
                && !self.is_done()
                && let Some(packet) = share.pop()
            {
                outcome = self.packet(packet, None, *level);
            }
        }
        if let Some(place) = self.users.get_mut(profile) {
            *place = users;
        }
        outcome?;
        self.look().map(|_| ())
    }

    /// Prints what has happened to hosts; how long until there may be more.
    fn look(&mut self) -> Result<Option<Duration>, Failure> {
        let Some(watch) = self.work.watch.as_ref().filter(|_| self.talks) else { return Ok(None) };
        let (events, left) = watch.look();
        for event in &events {
            if !self.is_done() {
                self.output.print_observed(event)?;
            }
        }
        Ok(left)
    }

    fn packet(&mut self, packet: Batched<'_>, users: Option<&Users>, level: SecurityLevel) -> Result<(), Failure> {
        if self.shows_octets() {
            self.output.packet_start(packet.octets());
        }
        let Self { work, output, seconds, counters, wanted, .. } = self;
        let arrival = packet.arrival;
        let packet = Opened::new(packet, users, level, work.replays.as_deref(), counters);
        let number = work.packets.fetch_add(1, Ordering::Relaxed) + 1;
        let now = work.duplicates.as_ref().map(|_| Instant::now());
        let is_new = |item: &Item<'_>| match (&work.duplicates, now) {
            (Some(duplicates), Some(now)) => duplicates.item_is_new(item, now),
            _ => true,
        };
        match work.report {
            Report::Items => {
                let origin = Origin { source: "listen", number: Some(number), from: arrival.from };
                let mut watch = work.watch.as_ref().map(|watch| (watch, watch.arrive(&arrival)));
                output.print(packet, &origin, &mut |item| {
                    if !item.as_ref().map_or(true, is_new) {
                        return false;
                    }
                    if let Some((watch, visit)) = &mut watch {
                        watch.see(visit, item);
                    }
                    true
                })?;
            }
            // Without looking at them, items need not even be put together.
            Report::Nothing if now.is_none() && !work.printing.selects() && work.printing.count.is_none() => {
                *wanted += packet.count();
            }
            Report::Nothing => packet.each(&mut |item| {
                if let Ok(item) = item
                    && is_new(item)
                    && work.printing.wants(item)
                {
                    *wanted += 1;
                    if output.one_less() {
                        return ControlFlow::Break(());
                    }
                }
                ControlFlow::Continue(())
            }),
            Report::Seconds => {
                let tally = seconds.of(arrival.from);
                tally.packet(&arrival);
                packet.each(&mut |item| {
                    match item {
                        Ok(item) if !is_new(item) || !work.printing.wants(item) => {}
                        Ok(item) => {
                            tally.item(item);
                            if output.one_less() {
                                return ControlFlow::Break(());
                            }
                        }
                        Err(error) => tally.refusal(error),
                    }
                    ControlFlow::Continue(())
                });
            }
        }
        Ok(())
    }

    /// Prints the state of things at this interval, if that is what is printed.
    pub(super) fn repeat(&mut self, interval: Option<Duration>) {
        self.output.repeat(interval.filter(|_| self.work.report == Report::Items));
    }

    /// Writes the second down that is over.
    fn turn(&mut self) -> Result<(), Failure> {
        self.output.turn()?;
        if self.work.report == Report::Seconds {
            self.output.write(|text| self.seconds.turn(text))?;
        }
        Ok(())
    }

    /// Prints what is kept back, and the second that is over; how long until there is more of that.
    pub(super) fn flush(&mut self) -> Result<Option<Duration>, Failure> {
        self.turn()?;
        let left = self.look()?;
        self.output.flush()?;
        Ok([left, self.seconds.left(), self.output.turn()?].into_iter().flatten().min())
    }

    /// Prints everything.
    pub(super) fn end(&mut self) -> Result<(), Failure> {
        self.output.write(|text| self.seconds.end(text))?;
        self.look()?;
        if let Some(watch) = self.work.watch.as_ref().filter(|_| self.talks) {
            watch.finish();
        }
        match self.work.report {
            Report::Items => self.output.finish(),
            Report::Seconds | Report::Nothing => self.output.flush(),
        }
    }
}
