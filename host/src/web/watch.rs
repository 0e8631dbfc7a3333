//! What one client watches: which series, hosts and senders it has been told of, and what is new to it.
//!
//! It looks at the store page by page. While that is locked, points of series that are shown are written, and series that are new
//! are copied; whether those are wanted is found out afterwards.

use std::collections::{HashMap, HashSet};
use std::net::IpAddr;

use super::json::Json;
use super::objects;
use super::query::Query;
use crate::OwnedItem;
use crate::Selection;
use crate::fleet::{Cursor, HostId, SenderView, SeriesId};
use crate::watching::Watching;

/// Looks until series that were too many are looked at again, and hosts that are gone are no longer wanted.
const AGAIN: u32 = 30;

/// What a client has been told, and wants to know.
#[derive(Debug)]
pub(super) struct Watch {
    query: Query,
    /// The latest update that was looked at.
    update: u64,
    /// What is known of the series at each place.
    marks: Vec<Mark>,
    shown: Vec<SeriesId>,
    /// Series that would be, too, but there are enough.
    more: usize,
    /// Hosts of those that are shown, if only those are wanted.
    wanted: Option<HashSet<HostId>>,
    hosts: Told<HostId>,
    senders: Told<Option<(IpAddr, u32)>>,
    /// The latest notification that was looked at.
    news: u64,
    looks: u32,
}

/// What is new, each as the elements of an array.
#[derive(Debug, Default)]
pub(super) struct News {
    pub(super) hosts: Json,
    pub(super) gone_hosts: Json,
    pub(super) series: Json,
    pub(super) points: Json,
    pub(super) gone: Json,
    pub(super) more: usize,
    pub(super) news: Json,
    pub(super) missed_news: u64,
    pub(super) senders: Json,
    pub(super) gone_senders: Json,
}

impl News {
    /// Writes all of it as members of an object.
    pub(super) fn write(self, json: &mut Json) {
        let arrays = [
            ("hosts", self.hosts),
            ("gone_hosts", self.gone_hosts),
            ("series", self.series),
            ("points", self.points),
            ("gone_series", self.gone),
            ("notifications", self.news),
            ("senders", self.senders),
            ("gone_senders", self.gone_senders),
        ];
        for (key, elements) in arrays {
            json.key(key).elements(elements);
        }
        json.key("more_series").count(self.more as u64);
        json.key("missed_notifications").count(self.missed_news);
    }
}

/// What is known of a series.
#[derive(Clone, Copy, Debug, Default)]
struct Mark {
    generation: u32,
    state: State,
}

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum State {
    #[default]
    New,
    Unwanted,
    TooMany,
    Shown,
}

impl Watch {
    /// One that has been told of nothing.
    pub(super) fn new(query: Query) -> Self {
        let is_narrow = query.filter.is_some();
        let (news, limit) = (query.behind, query.limit);
        Self {
            query,
            update: 0,
            marks: Vec::new(),
            shown: Vec::new(),
            more: 0,
            wanted: is_narrow.then(HashSet::new),
            hosts: Told::new(limit),
            senders: Told::new(limit),
            news,
            looks: 0,
        }
    }

    /// What is new.
    pub(super) fn look(&mut self, watching: &Watching) -> News {
        let mut news = News::default();
        self.looks += 1;
        self.look_at_series(watching, &mut news);
        self.look_at_hosts(watching, &mut news);
        self.look_at_senders(watching, &mut news);
        self.look_at_news(watching, &mut news);
        news.more = self.more;
        news
    }

    fn look_at_series(&mut self, watching: &Watching, news: &mut News) {
        let fleet = watching.fleet();
        self.forget_series(watching, news);
        let (mut cursor, latest) = (Cursor::default(), fleet.lock().updates());
        while !cursor.is_done() {
            let mut new: Vec<(SeriesId, Option<HostId>, OwnedItem)> = Vec::new();
            for series in fleet.lock().changed_since(self.update, &mut cursor) {
                match self.state(series.id()) {
                    State::Shown => objects::point(&mut news.points, &series),
                    State::New => new.push((series.id(), series.host().map(|host| host.id()), series.latest())),
                    State::Unwanted | State::TooMany => {}
                }
            }
            let wanted: Vec<SeriesId> =
                new.iter().filter_map(|(id, host, item)| self.take_in(*id, *host, item, watching, news)).collect();
            let store = fleet.lock();
            wanted
                .iter()
                .filter_map(|id| store.series_of(*id))
                .for_each(|series| objects::point(&mut news.points, &series));
            drop(store);
            fleet.give_way();
        }
        self.update = latest;
    }

    /// Notices which series that were shown are not known any more.
    fn forget_series(&mut self, watching: &Watching, news: &mut News) {
        let before = self.shown.len();
        for page in self.shown.chunks(1024) {
            let store = watching.fleet().lock();
            page.iter().filter(|id| store.series_of(**id).is_none()).for_each(|id| news.gone.word(*id));
        }
        if news.gone.len() > 0 {
            let store = watching.fleet().lock();
            self.shown.retain(|id| store.series_of(*id).is_some());
        }
        // There may be room for others, or fewer of them.
        if self.more > 0 && (self.shown.len() < before || self.looks.is_multiple_of(AGAIN)) {
            self.more = 0;
            self.marks.iter_mut().filter(|mark| mark.state == State::TooMany).for_each(|mark| mark.state = State::New);
        }
    }

    /// Takes a series in that is new to the client, if it wants it.
    fn take_in(
        &mut self,
        id: SeriesId,
        host: Option<HostId>,
        item: &OwnedItem,
        watching: &Watching,
        news: &mut News,
    ) -> Option<SeriesId> {
        let Query { filter, pins, overlays, limit, .. } = &self.query;
        let item = item.item();
        let mut is_wanted = filter.as_ref().is_none_or(|filter| filter.matches(&item));
        let is_named = !pins.is_empty() || !overlays.is_empty();
        if !is_wanted && is_named {
            let name = item.identifier().to_string();
            let path = objects::path(item.identifier());
            is_wanted = pins.contains(&name) || overlays.contains(&path);
        }
        let state = match is_wanted {
            true if self.shown.len() < *limit => State::Shown,
            true => State::TooMany,
            // With other values it may be wanted.
            false if filter.as_ref().is_some_and(Selection::looks_at_values) => State::New,
            false => State::Unwanted,
        };
        self.mark(id, state);
        match state {
            State::TooMany => self.more += 1,
            State::Shown => {
                objects::series(&mut news.series, id, &item, watching.dictionary());
                self.shown.push(id);
                if let (Some(wanted), Some(host)) = (&mut self.wanted, host) {
                    wanted.insert(host);
                }
                return Some(id);
            }
            State::New | State::Unwanted => {}
        }
        None
    }

    fn state(&self, id: SeriesId) -> State {
        let (place, generation) = id.parts();
        let mark = usize::try_from(place).ok().and_then(|place| self.marks.get(place));
        mark.filter(|mark| mark.generation == generation).map_or(State::New, |mark| mark.state)
    }

    fn mark(&mut self, id: SeriesId, state: State) {
        let (place, generation) = id.parts();
        let Ok(place) = usize::try_from(place) else { return };
        if place >= self.marks.len() {
            self.marks.resize(place + 1, Mark::default());
        }
        if let Some(mark) = self.marks.get_mut(place) {
            *mark = Mark { generation, state };
        }
    }

    fn look_at_hosts(&mut self, watching: &Watching, news: &mut News) {
        let (fleet, now) = (watching.fleet(), watching.now());
        let mut cursor = Cursor::default();
        while !cursor.is_done() {
            for host in fleet.lock().some_hosts(&mut cursor) {
                let is_wanted = self.wanted.as_ref().is_none_or(|wanted| wanted.contains(&host.id()));
                let state = host.packets() << 2 | u64::from(host.is_missing()) << 1 | u64::from(host.clock_is_wrong());
                if is_wanted && self.hosts.is_news(host.id(), state, self.looks) {
                    objects::host(&mut news.hosts, &host, now);
                }
            }
            fleet.give_way();
        }
        self.hosts.forget(self.looks).into_iter().for_each(|id| news.gone_hosts.word(id));
        if let Some(wanted) = self.wanted.as_mut().filter(|_| self.looks.is_multiple_of(AGAIN)) {
            let store = fleet.lock();
            wanted.retain(|id| store.host_of(*id).is_some());
        }
    }

    fn look_at_senders(&mut self, watching: &Watching, news: &mut News) {
        let (fleet, now) = (watching.fleet(), watching.now());
        let mut cursor = Cursor::default();
        let state = |sender: &SenderView<'_>| {
            sender.packets() << 20 ^ sender.refused().iter().map(|(_, count)| count).sum::<u64>()
        };
        while !cursor.is_done() {
            for sender in fleet.lock().some_senders(&mut cursor) {
                let address = sender.from().map(|from| (from.ip(), objects::scope(from)));
                if self.senders.is_news(address, state(&sender), self.looks) {
                    objects::sender(&mut news.senders, &sender, now);
                }
            }
            fleet.give_way();
        }
        for address in self.senders.forget(self.looks) {
            match address {
                Some((ip, scope)) => news.gone_senders.word(objects::address(ip, scope)),
                None => news.gone_senders.null(),
            }
        }
    }

    fn look_at_news(&mut self, watching: &Watching, news: &mut News) {
        let store = watching.fleet().lock();
        news.missed_news = store.missed_news(self.news);
        let fresh: Vec<_> = store.news(self.news).map(|(number, one)| (number, one.clone())).collect();
        self.news = store.latest_news();
        drop(store);
        let is_wanted =
            |one: &crate::fleet::News| self.query.filter.as_ref().is_none_or(|filter| filter.matches(&one.item()));
        for (number, one) in fresh.iter().filter(|(_, one)| is_wanted(one)) {
            objects::news(&mut news.news, *number, one);
        }
    }
}

/// What a client was told of: a number for each thing, which is another when there is news, and the look that saw it last.
#[derive(Debug)]
struct Told<K> {
    things: HashMap<K, (u64, u32)>,
    most: usize,
}

impl<K: Copy + Eq + std::hash::Hash> Told<K> {
    fn new(most: usize) -> Self {
        Self { things: HashMap::new(), most }
    }

    /// Whether there is something to tell of this one, which is there.
    fn is_news(&mut self, key: K, state: u64, look: u32) -> bool {
        if let Some(known) = self.things.get_mut(&key) {
            let is_news = known.0 != state;
            *known = (state, look);
            return is_news;
        }
        let has_room = self.things.len() < self.most;
        if has_room {
            self.things.insert(key, (state, look));
        }
        has_room
    }

    /// Those that this look has not seen, which are told of no more.
    fn forget(&mut self, look: u32) -> Vec<K> {
        let gone: Vec<K> = self.things.iter().filter(|(_, (_, seen))| *seen != look).map(|(key, _)| *key).collect();
        gone.iter().for_each(|key| _ = self.things.remove(key));
        gone
    }
}
