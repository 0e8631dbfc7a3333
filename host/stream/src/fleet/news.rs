//! The latest notifications: those that were received, and those of our own about hosts.

use std::collections::VecDeque;
use std::net::SocketAddr;

use collectd_net::Item;

use super::change::Event;
use crate::OwnedItem;

/// Octets of text that a notification may have on average.
const OCTETS: usize = 1024;

/// A notification.
#[derive(Clone, Debug)]
pub enum News {
    /// Somebody sent it.
    Received(OwnedItem),
    /// It was noticed here.
    Observed(Event),
}

impl News {
    /// The notification.
    #[must_use]
    pub fn item(&self) -> Item<'_> {
        match self {
            Self::Received(item) => item.item(),
            Self::Observed(event) => event.item(),
        }
    }

    /// What was noticed here, if it was.
    #[must_use]
    pub const fn observed(&self) -> Option<&Event> {
        match self {
            Self::Observed(event) => Some(event),
            Self::Received(_) => None,
        }
    }
}

/// The latest so many, numbered from 1.
#[derive(Debug)]
pub(super) struct Bulletin {
    news: VecDeque<(usize, News)>,
    most: usize,
    octets: usize,
    /// The number of the latest.
    latest: u64,
}

impl Bulletin {
    pub(super) const fn new(most: usize) -> Self {
        Self { news: VecDeque::new(), most, octets: 0, latest: 0 }
    }

    /// Takes in what was received.
    pub(super) fn receive(&mut self, item: &Item<'_>, from: Option<SocketAddr>) {
        let message = if let Item::Notification(notification) = item { notification.message.len() } else { 0 };
        let names = item.identifier().fields().iter().map(|field| field.len()).sum::<usize>();
        let octets = message + names + item.user().map_or(0, |user| user.len());
        // Nobody reads so much, and it would drive all others out.
        if octets <= OCTETS * self.most / 8 {
            self.push(octets, News::Received(OwnedItem::new(item, from)));
        }
    }

    pub(super) fn observe(&mut self, event: Event) {
        self.push(event.octets(), News::Observed(event));
    }

    fn push(&mut self, octets: usize, news: News) {
        self.latest += 1;
        self.news.push_back((octets, news));
        self.octets += octets;
        while self.news.len() > self.most || self.octets > OCTETS * self.most {
            let Some((octets, _)) = self.news.pop_front() else { break };
            self.octets -= octets;
        }
    }

    pub(super) const fn latest(&self) -> u64 {
        self.latest
    }

    /// Those behind a number, with their numbers.
    pub(super) fn since(&self, number: u64) -> impl DoubleEndedIterator<Item = (u64, &News)> {
        let first = self.first();
        let skip = usize::try_from((number + 1).saturating_sub(first)).unwrap_or(usize::MAX);
        self.news.iter().enumerate().skip(skip).map(move |(place, (_, news))| (first + place as u64, news))
    }

    /// How many of those behind a number are gone.
    pub(super) fn missed(&self, number: u64) -> u64 {
        self.first().saturating_sub(number + 1)
    }

    fn first(&self) -> u64 {
        self.latest + 1 - self.news.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Identifier, Notification, Protection, Severity, Time};

    use super::super::change::Change;
    use super::*;

    fn observe(bulletin: &mut Bulletin, count: u64) {
        (0..count)
            .for_each(|second| bulletin.observe(Event::new(b"h", Change::ClockRight, Time::from_raw(second << 30))));
    }

    fn receive(bulletin: &mut Bulletin, message: &str) {
        let (identifier, time) = (Identifier::default(), Time::default());
        let (severity, message) = (Severity::Okay, message.into());
        let notification =
            Notification { identifier, time, severity, message, protection: Protection::None, user: None };
        bulletin.receive(&Item::Notification(notification), None);
    }

    #[test]
    fn the_latest_are_kept_and_the_others_counted() {
        let mut bulletin = Bulletin::new(10);
        assert_eq!((bulletin.latest(), bulletin.missed(0), bulletin.since(0).count()), (0, 0, 0));
        observe(&mut bulletin, 4);
        assert_eq!((bulletin.latest(), bulletin.missed(0), bulletin.since(0).count()), (4, 0, 4));
        assert_eq!(bulletin.since(3).map(|(number, _)| number).collect::<Vec<_>>(), [4]);
        observe(&mut bulletin, 10);
        assert_eq!((bulletin.latest(), bulletin.missed(2), bulletin.since(2).count()), (14, 2, 10));
        assert_eq!(bulletin.since(14).count(), 0);
        assert!(bulletin.since(0).all(|(_, news)| news.observed().is_some()));
    }

    #[test]
    fn long_messages_drive_no_more_out_than_they_may() {
        let mut bulletin = Bulletin::new(16);
        observe(&mut bulletin, 16);
        receive(&mut bulletin, &"x".repeat(60_000));
        assert_eq!(bulletin.latest(), 16);
        (0..100).for_each(|_| receive(&mut bulletin, &"x".repeat(2048)));
        assert_eq!((bulletin.latest(), bulletin.since(0).count()), (116, 8));
        assert!(bulletin.octets <= 16 * 1024);
    }
}
