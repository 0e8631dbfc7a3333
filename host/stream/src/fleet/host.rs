//! A host: whether it is there, and what it is like.
//!
//! It is missing when nothing was heard of it for some of its intervals. A daemon sends a packet when it is full, so one with few
//! values is heard less often than it measures; how much less shows in the times within a packet, whatever the clocks say.
//!
//! ```text
//! patience = missing after × interval + 1.5 × span of the times in a packet
//! ```

use std::net::SocketAddr;

use collectd_net::{Interval, Protection, ValueList};

use super::change::{Change, Sign};
use super::meter::Meter;
use super::moment::{SECOND, span};
use super::sender::Protections;
use super::series::{NONE, Signs, USUAL_INTERVAL};
use super::skew::Skew;

/// No host waits for longer than this, whatever it says.
pub(super) const MAX_INTERVAL: u64 = 3600 * SECOND;
/// No host is missing sooner.
const MIN_PATIENCE: u64 = SECOND;
/// A host that is missing is forgotten after the time that it was there, within these bounds.
const FORGET: (u64, u64) = (3600 * SECOND, 24 * 3600 * SECOND);
/// The same of a host is told again after this at the soonest.
const AGAIN: u64 = 60 * SECOND;
/// The same change of an interval, which comes with each series.
const SAME_INTERVAL_AGAIN: u64 = 600 * SECOND;
/// Sockets of one host that are told apart.
const ENDPOINTS: usize = 4;
/// A socket that sent fewer packets was never meant to stay.
const LASTING: u32 = 3;
/// So many counts that began anew are no accident.
const MIN_FELL: u32 = 3;

/// What holds for all hosts.
#[derive(Clone, Copy, Debug)]
pub(super) struct Rules {
    pub(super) missing_after: u32,
    /// How far clocks may differ.
    pub(super) max_skew: u64,
}

/// When and how a value list came.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arrived {
    /// The number of its packet.
    pub(super) packet: u64,
    pub(super) from: Option<SocketAddr>,
    /// By our clock that nobody sets.
    pub(super) now: u64,
    /// By our time of day.
    pub(super) wall: u64,
}

/// A host.
#[derive(Debug)]
pub(super) struct Host {
    pub(super) name: Box<[u8]>,
    pub(super) first_heard: u64,
    pub(super) heard: u64,
    pub(super) is_missing: bool,
    /// What happened last, and when.
    pub(super) last_change: Option<(Change, u64)>,
    pub(super) packets: u64,
    pub(super) values: u64,
    pub(super) protections: Protections,
    pub(super) protection: Protection,
    pub(super) packet_meter: Meter,
    pub(super) value_meter: Meter,
    pub(super) skew: Skew,
    pub(super) interval: Option<Interval>,
    pub(super) endpoints: Vec<Endpoint>,
    /// The first of its series, and how many values they have.
    pub(super) series: u32,
    pub(super) value_count: usize,
    /// Changes that were not told, because there were too many.
    pub(super) untold: u64,
    /// When the shortest interval was heard last.
    interval_heard: u64,
    packet: u64,
    /// The times within the packet that is under way, and how far apart they are in packets.
    times: (u64, u64),
    reach: u64,
    counts: Counts,
    told: Told,
}

/// A socket that a host sends from, or a relay does for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Endpoint {
    pub(super) address: SocketAddr,
    packets: u32,
    first: u64,
    last: u64,
}

/// Counts that began anew or went on within a round.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    since: Option<u64>,
    fell: u32,
    grew: u32,
}

/// When something was told last.
#[derive(Clone, Copy, Debug, Default)]
struct Told {
    restart: Option<u64>,
    clock: Option<u64>,
    interval: Option<(u64, [u64; 2])>,
}

impl Host {
    pub(super) fn new(name: &[u8], now: u64) -> Self {
        Self {
            name: name.into(),
            first_heard: now,
            heard: now,
            is_missing: false,
            last_change: None,
            packets: 0,
            values: 0,
            protections: Protections::default(),
            protection: Protection::None,
            packet_meter: Meter::new(now),
            value_meter: Meter::new(now),
            skew: Skew::new(),
            interval: None,
            endpoints: Vec::new(),
            series: NONE,
            value_count: 0,
            untold: 0,
            interval_heard: now,
            packet: 0,
            times: (0, 0),
            reach: 0,
            counts: Counts::default(),
            told: Told::default(),
        }
    }

    /// A value list of this host has come.
    #[inline]
    pub(super) fn hear(&mut self, list: &ValueList<'_>, arrived: &Arrived, rules: &Rules, tell: &mut Vec<Change>) {
        let (now, time) = (arrived.now, list.time.raw());
        if arrived.packet != self.packet {
            self.begin(arrived, time, rules, tell);
        }
        let (oldest, newest) = &mut self.times;
        (*oldest, *newest) = ((*oldest).min(time), (*newest).max(time));
        self.skew.value(time, arrived.wall);
        let count = list.values.len();
        self.values += count as u64;
        self.value_meter.add(u32::try_from(count).unwrap_or(u32::MAX), now);
        self.protections.count(list.protection);
        self.protection = list.protection;
        if let Some(interval) = list.interval.filter(|interval| interval.raw() > 0) {
            // The shortest counts, until it is not heard any more.
            let is_shortest = self.interval.is_none_or(|shortest| interval <= shortest);
            if is_shortest || now.saturating_sub(self.interval_heard) > self.patience(rules) {
                (self.interval, self.interval_heard) = (Some(interval), now);
            }
        }
    }

    /// A packet has come; this is the first that it has of this host.
    fn begin(&mut self, arrived: &Arrived, time: u64, rules: &Rules, tell: &mut Vec<Change>) {
        let now = arrived.now;
        if self.packets == 0 {
            tell.push(Change::New { from: arrived.from });
        } else {
            let (oldest, newest) = self.times;
            self.reach = (self.reach - self.reach / 8).max((newest - oldest).min(MAX_INTERVAL));
        }
        self.packet = arrived.packet;
        self.packets += 1;
        self.packet_meter.add(1, now);
        self.times = (time, time);
        self.judge_clock(now, rules, tell);
        self.skew.packet();
        let port = arrived.from.and_then(|from| self.endpoint(from, now));
        if self.is_missing {
            self.is_missing = false;
            tell.push(Change::Back { silent: span(now.saturating_sub(self.heard)) });
            if let Some(sign) = port {
                self.restarted(sign, now, tell);
            }
        }
        self.heard = now;
    }

    /// Notes where a packet came from. If another port of the same address fell silent for good before, that is what it tells.
    fn endpoint(&mut self, address: SocketAddr, now: u64) -> Option<Sign> {
        if let Some(known) = self.endpoints.iter_mut().find(|known| known.address == address) {
            (known.last, known.packets) = (now, known.packets.saturating_add(1));
            return None;
        }
        let mut sign = None;
        if self.is_missing {
            // All that were there before are gone.
            self.endpoints.retain(|old| {
                let is_same = old.address.ip() == address.ip();
                if is_same && old.packets >= LASTING {
                    sign = Some(Sign::Port { before: old.address.port(), now: address.port() });
                }
                !is_same
            });
        }
        if self.endpoints.len() == ENDPOINTS
            && let Some((oldest, _)) = self.endpoints.iter().enumerate().min_by_key(|(_, known)| known.last)
        {
            self.endpoints.swap_remove(oldest);
        }
        self.endpoints.reserve_exact(1);
        self.endpoints.push(Endpoint { address, packets: 1, first: now, last: now });
        sign
    }

    /// What an update of one of its series tells.
    pub(super) fn judge(&mut self, signs: Signs, interval: Option<Interval>, now: u64, tell: &mut Vec<Change>) {
        if let (Some(before), Some(interval)) = (signs.interval_before, interval) {
            if self.interval == Some(before) {
                (self.interval, self.interval_heard) = (Some(interval), now);
            }
            self.interval_changed(before, interval, now, tell);
        }
        if let Some((before, uptime)) = signs.uptime {
            self.restarted(Sign::Uptime { before, now: uptime }, now, tell);
        }
        if signs.fell > 0 || self.counts.since.is_some() {
            self.counts.since.get_or_insert(now);
            self.counts.fell = self.counts.fell.saturating_add(signs.fell);
            self.counts.grew = self.counts.grew.saturating_add(signs.grew);
        }
    }

    fn interval_changed(&mut self, before: Interval, interval: Interval, now: u64, tell: &mut Vec<Change>) {
        let pair = [before.raw(), interval.raw()];
        let is_told = self.told.interval.is_some_and(|(told, same)| {
            let again = if same == pair { SAME_INTERVAL_AGAIN } else { AGAIN };
            now.saturating_sub(told) < again
        });
        if is_told {
            self.untold += 1;
        } else {
            self.told.interval = Some((now, pair));
            let [before, now] = pair.map(span);
            tell.push(Change::IntervalChanged { before, now });
        }
    }

    fn restarted(&mut self, sign: Sign, now: u64, tell: &mut Vec<Change>) {
        self.once(|told| &mut told.restart, Change::Restarted(sign), now, tell);
        self.counts = Counts::default();
    }

    fn judge_clock(&mut self, now: u64, rules: &Rules, tell: &mut Vec<Change>) {
        let Some(is_wrong) = self.skew.judge(rules.max_skew) else { return };
        let ahead = self.skew.ahead().unwrap_or_default();
        let wrong = Change::ClockWrong { by: span(ahead.unsigned_abs()), is_ahead: ahead > 0 };
        self.once(|told| &mut told.clock, if is_wrong { wrong } else { Change::ClockRight }, now, tell);
    }

    /// Tells something that may happen again and again.
    fn once(&mut self, when: fn(&mut Told) -> &mut Option<u64>, change: Change, now: u64, tell: &mut Vec<Change>) {
        let told = when(&mut self.told);
        if told.is_some_and(|told| now.saturating_sub(told) < AGAIN) {
            self.untold += 1;
        } else {
            *told = Some(now);
            tell.push(change);
        }
    }

    /// Looks whether it is missing, and for what takes time to see. When that may be so next.
    pub(super) fn look(&mut self, now: u64, rules: &Rules, tell: &mut Vec<Change>) -> u64 {
        let patience = self.patience(rules);
        if let Some(since) = self.counts.since
            && now.saturating_sub(since) > self.interval().saturating_add(self.reach).saturating_add(SECOND)
        {
            let Counts { fell, grew, .. } = std::mem::take(&mut self.counts);
            if fell >= MIN_FELL && fell > grew {
                self.restarted(Sign::Counts { fell, of: fell.saturating_add(grew) }, now, tell);
            }
        }
        if let Some(sign) = self.succeeded(now, patience) {
            self.restarted(sign, now, tell);
        }
        let due = self.heard.saturating_add(patience);
        if self.is_missing {
            return u64::MAX;
        }
        if now > due {
            self.is_missing = true;
            let (silent, interval) = (span(now.saturating_sub(self.heard)), span(self.interval()));
            tell.push(Change::Missing { silent, interval });
            return u64::MAX;
        }
        due
    }

    /// The port that took the place of another one, which has been silent since.
    fn succeeded(&mut self, now: u64, patience: u64) -> Option<Sign> {
        let is_old = |old: &Endpoint| now.saturating_sub(old.last) > patience;
        let place = self.endpoints.iter().position(|old| {
            let follows = |new: &Endpoint| {
                new.address.ip() == old.address.ip()
                    && new.first >= old.last
                    && new.address != old.address
                    && !is_old(new)
            };
            is_old(old) && self.endpoints.iter().any(follows)
        })?;
        let old = self.endpoints.swap_remove(place);
        let new =
            self.endpoints.iter().filter(|new| new.address.ip() == old.address.ip()).max_by_key(|new| new.last)?;
        let is_lasting = old.packets >= LASTING && new.packets >= LASTING;
        is_lasting.then_some(Sign::Port { before: old.address.port(), now: new.address.port() })
    }

    /// Whether it has been missing for so long that nobody asks for it any more.
    pub(super) fn is_forgotten(&self, now: u64, rules: &Rules) -> bool {
        let (least, most) = FORGET;
        let life = self.heard.saturating_sub(self.first_heard).clamp(least, most);
        self.is_missing && now.saturating_sub(self.heard) > life.max(self.patience(rules))
    }

    /// How long nothing may be heard.
    pub(super) fn patience(&self, rules: &Rules) -> u64 {
        let (oldest, newest) = self.times;
        let reach = self.reach.max((newest - oldest).min(MAX_INTERVAL));
        let intervals = self.interval().saturating_mul(rules.missing_after.max(1).into());
        intervals.saturating_add(reach + reach / 2).max(MIN_PATIENCE)
    }

    /// The interval, capped, or what is usual if it does not say.
    fn interval(&self) -> u64 {
        self.interval.map_or(USUAL_INTERVAL, Interval::raw).min(MAX_INTERVAL)
    }
}

#[cfg(test)]
#[path = "host_tests.rs"]
mod tests;
