//! Who sends, by address: what is refused has no host.

use std::collections::HashMap;
use std::hash::Hash;
use std::net::{IpAddr, SocketAddr};

use collectd_net::{Arrival, Error, Protection};

use super::meter::Meter;
use super::moment::SECOND;
use super::slab::Slab;

/// Who has been silent for so long is forgotten.
const FORGET: u64 = 3600 * SECOND;

/// Items by how they were protected.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Protections {
    /// Not at all.
    pub none: u64,
    /// Signed or encrypted, and nobody here has the password.
    pub unverified: u64,
    /// Signed.
    pub signed: u64,
    /// Encrypted.
    pub encrypted: u64,
}

impl Protections {
    #[inline]
    pub(super) fn count(&mut self, protection: Protection) {
        let count = match protection {
            Protection::None => &mut self.none,
            Protection::Unverified => &mut self.unverified,
            Protection::Signed => &mut self.signed,
            Protection::Encrypted => &mut self.encrypted,
        };
        *count += 1;
    }

    /// All of them.
    #[must_use]
    pub const fn total(&self) -> u64 {
        self.none + self.unverified + self.signed + self.encrypted
    }
}

/// An address that packets come from, whatever the port.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct Source(IpAddr, u32);

impl Source {
    pub(super) fn of(from: SocketAddr) -> Self {
        match from {
            // Each link has such addresses of its own.
            SocketAddr::V6(from) => Self(IpAddr::V6(*from.ip()), from.scope_id()),
            SocketAddr::V4(from) => Self(IpAddr::V4(*from.ip()), 0),
        }
    }
}

/// What came from an address.
#[derive(Debug)]
pub(super) struct Sender {
    pub(super) from: Option<SocketAddr>,
    pub(super) heard: u64,
    pub(super) packets: u64,
    pub(super) octets: u64,
    pub(super) values: u64,
    pub(super) protections: Protections,
    /// By cause.
    pub(super) refused: Vec<(&'static str, u64)>,
    pub(super) packet_meter: Meter,
    pub(super) value_meter: Meter,
}

impl Sender {
    const fn new(from: Option<SocketAddr>, now: u64) -> Self {
        Self {
            from,
            heard: now,
            packets: 0,
            octets: 0,
            values: 0,
            protections: Protections { none: 0, unverified: 0, signed: 0, encrypted: 0 },
            refused: Vec::new(),
            packet_meter: Meter::new(now),
            value_meter: Meter::new(now),
        }
    }

    pub(super) fn arrive(&mut self, arrival: &Arrival, now: u64) {
        (self.from, self.heard) = (arrival.from.or(self.from), now);
        self.packets += 1;
        self.octets += arrival.len as u64;
        self.packet_meter.add(1, now);
    }

    #[inline]
    pub(super) fn item(&mut self, protection: Protection, values: usize, now: u64) {
        self.protections.count(protection);
        self.values += values as u64;
        self.value_meter.add(u32::try_from(values).unwrap_or(u32::MAX), now);
    }

    pub(super) fn refuse(&mut self, error: &Error) {
        let word = error.cause.word();
        match self.refused.iter_mut().find(|(known, _)| *known == word) {
            Some((_, count)) => *count += 1,
            // There are only so many causes.
            None => self.refused.push((word, 1)),
        }
    }
}

/// All senders, as far as there are not too many.
#[derive(Debug)]
pub(super) struct Senders {
    numbers: HashMap<Option<Source>, u32>,
    senders: Slab<Sender>,
    most: usize,
    /// What came from all the others together.
    pub(super) others: Sender,
}

impl Senders {
    pub(super) fn new(most: usize) -> Self {
        Self { numbers: HashMap::new(), senders: Slab::new(), most, others: Sender::new(None, 0) }
    }

    /// The number of a sender, who may be new; `None` for those who share a place.
    pub(super) fn find(&mut self, from: Option<SocketAddr>, now: u64) -> Option<u32> {
        let source = from.map(Source::of);
        if let Some(number) = self.numbers.get(&source) {
            return Some(*number);
        }
        if self.senders.len() >= self.most {
            return None;
        }
        let number = self.senders.insert(Sender::new(from, now))?;
        self.numbers.insert(source, number);
        Some(number)
    }

    #[inline]
    pub(super) fn get_mut(&mut self, number: Option<u32>) -> &mut Sender {
        match number.and_then(|number| self.senders.get_mut(number)) {
            Some(sender) => sender,
            None => &mut self.others,
        }
    }

    /// The sender with this address, if it has a place of its own.
    pub(super) fn of(&self, from: SocketAddr) -> Option<&Sender> {
        self.senders.get(*self.numbers.get(&Some(Source::of(from)))?)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = &Sender> {
        self.senders.iter().map(|(_, sender)| sender)
    }

    pub(super) fn places(&self) -> usize {
        self.senders.places()
    }

    pub(super) fn range(&self, places: std::ops::Range<usize>) -> impl Iterator<Item = &Sender> {
        self.senders.range(places).map(|(_, sender)| sender)
    }

    /// Forgets who has been silent for long.
    pub(super) fn expire(&mut self, now: u64) {
        let senders = &mut self.senders;
        self.numbers.retain(|_, number| {
            let is_old = senders.get(*number).is_none_or(|sender| now.saturating_sub(sender.heard) > FORGET);
            if is_old {
                senders.remove(*number);
            }
            !is_old
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(last: u8, port: u16) -> Option<SocketAddr> {
        Some(([10, 0, 0, last], port).into())
    }

    #[test]
    fn ports_are_of_one_sender_and_links_are_not() {
        let mut senders = Senders::new(10);
        assert_eq!(senders.find(address(1, 1), 0), senders.find(address(1, 2), 0));
        let on_link = |scope| Some(std::net::SocketAddrV6::new("fe80::1".parse().expect("IPv6"), 1, 0, scope).into());
        assert_ne!(senders.find(on_link(1), 0), senders.find(on_link(2), 0));
        assert_eq!(senders.find(None, 0), senders.find(None, 0));
        assert_eq!(senders.iter().count(), 4);
    }

    #[test]
    fn who_is_too_many_shares_a_place_until_others_are_gone() {
        let mut senders = Senders::new(2);
        let arrival = Arrival { len: 5, from: None };
        for (last, now) in [(1, 0), (2, 10 * SECOND), (3, 10 * SECOND), (4, 10 * SECOND)] {
            let number = senders.find(address(last, 1), now);
            senders.get_mut(number).arrive(&arrival, now);
        }
        assert_eq!((senders.iter().count(), senders.others.packets, senders.others.octets), (2, 2, 10));
        senders.expire(3601 * SECOND);
        assert_eq!(senders.iter().count(), 1);
        assert!(senders.of(([10, 0, 0, 1], 1).into()).is_none() && senders.find(address(3, 1), 0).is_some());
    }
}
