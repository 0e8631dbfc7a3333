//! From packets that have arrived to packets that wait to be sent: what one thread does, alone or as one of several.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Instant;

use collectd_net::{
    Arrival, Batched, Cause, Counters, Identifier, Item, Notification, SecurityLevel, Text, ValueList, decrypt_together,
};
use collectd_tap_stream::Opened;

use super::common::Common;
use super::lane::Parcel;
use super::outlet::Outlet;
use super::{Mode, Repacking};
use crate::listen::Share;
use crate::send::Packer;
use crate::users::Users;

/// Octets of the longest name that a collectd takes; a longer one costs it what is behind, too (`WIRE §4`).
const MAX_NAME: usize = 127;

/// What became of packets and items before they were to be sent anywhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Tally {
    /// Packets, and what was in them as far as they were opened.
    pub counters: Counters,
    /// Packets that were passed on as they were.
    pub passed: u64,
    /// Packets that were to be opened before they are passed on as they were, and of which not all opened.
    pub unopened: u64,
    /// Items that the filter left out.
    pub unwanted: u64,
    /// Items with a name, of the host or another, that no collectd takes: longer than 127 octets, or gone.
    pub bad_names: u64,
    /// Items that were to be sent on.
    pub items: u64,
}

impl Tally {
    /// Adds what another worker has done.
    pub(super) fn add(&mut self, other: &Self) {
        let Self { counters, passed, unopened, unwanted, bad_names, items } = self;
        counters.add(&other.counters);
        *passed += other.passed;
        *unopened += other.unopened;
        *unwanted += other.unwanted;
        *bad_names += other.bad_names;
        *items += other.items;
    }
}

/// What became of packets and items at one destination before they were handed to it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Offered {
    /// Packets or items that were there already.
    pub(super) present: u64,
    /// Items that no packet has room for.
    pub(super) too_long: u64,
    /// Items that wait in a packet that is not full.
    pub(super) waiting: u64,
}

/// One of those who decide.
pub(super) struct Worker {
    common: Arc<Common>,
    number: usize,
    /// Of each profile.
    users: Vec<Option<Users>>,
    tally: Tally,
    ways: Vec<Way>,
    /// The new name of a host.
    host: Vec<u8>,
    /// A packet, to be opened while another stays as it is.
    copy: Vec<u8>,
}

/// The way to one destination.
struct Way {
    packer: Packer,
    outgoing: Vec<Parcel>,
    offered: Offered,
}

impl Worker {
    pub(super) fn new(common: Arc<Common>, number: usize) -> Self {
        let users = common.profiles.iter().map(|(users, _)| users.clone()).collect();
        let way = |outlet: &Arc<Outlet>| Way {
            packer: match &common.mode {
                Mode::Raw => Packer::default(),
                Mode::Repacked(Repacking { packet_size, max_age, .. }) => {
                    Packer::new(*packet_size, *max_age, outlet.seal_room)
                }
            },
            outgoing: Vec::new(),
            offered: Offered::default(),
        };
        let ways = common.outlets.iter().map(way).collect();
        Self { common, number, users, tally: Tally::default(), ways, host: Vec::new(), copy: Vec::new() }
    }

    /// When something has to be sent at the latest, full or not.
    pub(super) fn due(&self) -> Option<Instant> {
        self.ways.iter().filter_map(|way| way.packer.due()).min()
    }

    /// Sends what is old enough.
    pub(super) fn flush_due(&mut self, now: Instant) {
        for Way { packer, outgoing, .. } in &mut self.ways {
            packer.flush_due(now, |ready| outgoing.push(Parcel::Packed(ready.to_packed())));
        }
        self.hand_on();
    }

    /// Sends everything.
    pub(super) fn flush(&mut self) {
        for Way { packer, outgoing, .. } in &mut self.ways {
            packer.flush(|ready| outgoing.push(Parcel::Packed(ready.to_packed())));
        }
        self.hand_on();
    }

    /// Takes the packets that were waited for.
    pub(super) fn take(&mut self, share: &mut Share) {
        // What is there already came before what is there because of it.
        self.common.guards().for_each(|guard| guard.look());
        let profile = share.profile();
        if let Some(users) = self.users.get_mut(profile) {
            // Lent out while packets are open that borrow from it.
            let mut users = users.take();
            if let Some(users) = &mut users {
                self.common.refresh(users, self.number);
            }
            let common = Arc::clone(&self.common);
            match &common.mode {
                Mode::Raw => self.pass(share, users.as_ref()),
                Mode::Repacked(repacking) => self.repack(share, users.as_ref(), repacking),
            }
            if let Some(place) = self.users.get_mut(profile) {
                *place = users;
            }
        }
        self.flush_due(Instant::now());
    }

    /// Passes packets on as they are.
    fn pass(&mut self, share: &mut Share, users: Option<&Users>) {
        let profile = share.profile();
        let now = Instant::now();
        while let Some(packet) = share.pop() {
            let (arrival, octets) = (packet.arrival, packet.octets());
            if !self.may_pass(arrival, octets, profile, users) {
                continue;
            }
            self.tally.passed += 1;
            let key = self.common.duplicates.packet_key(octets);
            for (outlet, way) in self.common.outlets.iter().zip(&mut self.ways) {
                if outlet.guard.as_ref().is_some_and(|guard| guard.knows(key, now)) {
                    way.offered.present += 1;
                } else {
                    way.outgoing.push(Parcel::Raw(octets.into()));
                }
            }
        }
    }

    /// Whether a packet is whole, and opens if it has to.
    fn may_pass(&mut self, arrival: Arrival, octets: &[u8], profile: usize, users: Option<&Users>) -> bool {
        let Self { common, tally, copy, .. } = self;
        let level = common.profiles.get(profile).map(|(_, level)| *level).unwrap_or_default();
        let is_whole = arrival.len == octets.len() && !octets.is_empty();
        if users.is_none() && level == SecurityLevel::None && common.replays.is_none() {
            let counters = &mut tally.counters;
            counters.packets += 1;
            counters.octets += u64::try_from(arrival.len).unwrap_or(u64::MAX);
            counters.empty += u64::from(arrival.len == 0);
            counters.truncated += u64::from(arrival.len > octets.len());
            return is_whole;
        }
        copy.clear();
        copy.extend_from_slice(octets);
        let replays = common.replays.as_deref();
        let packet = Opened::new(Batched::new(arrival, copy), users, level, replays, &mut tally.counters);
        let (mut items, mut all) = (0_u64, true);
        packet.each(&mut |item| {
            match item {
                Ok(_) => items += 1,
                // Some senders fill their packets up.
                Err(error) => all &= matches!(error.cause, Cause::Padding { .. } | Cause::Stray { .. }),
            }
            ControlFlow::Continue(())
        });
        let passes = is_whole && all && items > 0;
        tally.unopened += u64::from(is_whole && !passes);
        passes
    }

    /// Packs the items of packets anew.
    fn repack(&mut self, share: &mut Share, users: Option<&Users>, repacking: &Repacking) {
        let profile = share.profile();
        let level = self.common.profiles.get(profile).map(|(_, level)| *level).unwrap_or_default();
        let mut batch = share.pop_all();
        if users.is_some() {
            decrypt_together(&mut batch, users);
        }
        let now = Instant::now();
        let Self { common, tally, ways, host, .. } = self;
        // Counted apart, because items are looked at while their packet counts them.
        let mut counters = std::mem::take(&mut tally.counters);
        for packet in batch {
            let packet = Opened::new(packet, users, level, common.replays.as_deref(), &mut counters);
            packet.each(&mut |item| {
                let Ok(mut item) = *item else { return ControlFlow::Continue(()) };
                if !repacking.wants(&item) {
                    tally.unwanted += 1;
                    return ControlFlow::Continue(());
                }
                let mut key = common.duplicates.item_key(&item);
                if !common.duplicates.key_is_new(key, now) {
                    return ControlFlow::Continue(());
                }
                let host_is_new = repacking.hosts.write(item.identifier().host.as_octets(), host);
                if host_is_new {
                    item = with_host(item, Text::new(host));
                    key = common.duplicates.item_key(&item);
                    // Under its new name it comes back, should somebody send it back.
                    if !common.duplicates.key_is_new(key, now) {
                        return ControlFlow::Continue(());
                    }
                }
                if !has_good_names(&item) {
                    tally.bad_names += 1;
                    return ControlFlow::Continue(());
                }
                tally.items += 1;
                for (outlet, way) in common.outlets.iter().zip(&mut *ways) {
                    way.push(&item, key, outlet, now);
                }
                ControlFlow::Continue(())
            });
        }
        tally.counters = counters;
    }

    /// Hands on what is ready, and tells what became of everything.
    fn hand_on(&mut self) {
        for (outlet, way) in self.common.outlets.iter().zip(&mut self.ways) {
            outlet.lane.push(&mut way.outgoing);
            way.offered.waiting = way.packer.waiting();
        }
        self.common.publish(self.number, &self.tally, self.ways.iter().map(|way| way.offered));
    }
}

impl Way {
    fn push(&mut self, item: &Item<'_>, key: u64, outlet: &Outlet, now: Instant) {
        if outlet.guard.as_ref().is_some_and(|guard| guard.knows(key, now)) {
            self.offered.present += 1;
            return;
        }
        let Self { packer, outgoing, offered } = self;
        if packer.push(item, now, |ready| outgoing.push(Parcel::Packed(ready.to_packed()))).is_err() {
            offered.too_long += 1;
        }
    }
}

/// An item of another host.
fn with_host<'a>(item: Item<'a>, host: Text<'a>) -> Item<'a> {
    let of = |identifier| Identifier { host, ..identifier };
    match item {
        Item::ValueList(list) => Item::ValueList(ValueList { identifier: of(list.identifier), ..list }),
        Item::Notification(notification) => {
            Item::Notification(Notification { identifier: of(notification.identifier), ..notification })
        }
    }
}

/// Whether a collectd takes the names of an item.
fn has_good_names(item: &Item<'_>) -> bool {
    let identifier = item.identifier();
    let is_complete = matches!(item, Item::Notification(_)) || !identifier.host.is_empty();
    is_complete && identifier.fields().iter().all(|name| name.len() <= MAX_NAME)
}
