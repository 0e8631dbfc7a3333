//! The series of the store: found by their names, updated, charted, and forgotten.

use std::hash::BuildHasher as _;

use collectd_net::ValueList;

use super::series::{self, NONE, Series};
use super::{Charts, History, MAX_NAMES, Store, Visit, names};

impl Store {
    /// Takes the values of a list in. What they tell of the host, if they are newer than those of before.
    pub(super) fn update(&mut self, host: u32, visit: &mut Visit, list: &ValueList<'_>) -> Option<series::Signs> {
        let now = visit.arrived.now;
        let known = self.follower(host, visit.series, list).or_else(|| self.look_up(host, visit.series, list));
        visit.series = known.unwrap_or(NONE);
        let set = if self.types.is_empty() { None } else { self.types.get(list.identifier.type_) };
        let set = set.filter(|set| set.sources.len() == list.values.len());
        let Some(number) = known else {
            self.insert(host, list, now);
            return None;
        };
        let series = self.series.get_mut(number)?;
        if !series.has_kinds(list) {
            names::join(&list.identifier, &mut self.key);
            self.remove(number);
            self.insert(host, list, now);
            return None;
        }
        let Some(signs) = series.update(list, now, set) else {
            self.counts.old += 1;
            return None;
        };
        self.updates += 1;
        series.changed = self.updates;
        if let Some(charts) = self.histories.get_mut(series.history) {
            for (history, number) in charts.histories.iter_mut().zip(series.numbers()) {
                history.record(series.time, number.rate);
            }
        }
        Some(signs)
    }

    /// The series of a list, if it is the one that came behind that series before.
    fn follower(&self, host: u32, series: u32, list: &ValueList<'_>) -> Option<u32> {
        let number = self.series.get(series)?.follower;
        let follower = self.series.get(number)?;
        (follower.host == host && names::is(self.names.text(follower.name), &list.identifier)).then_some(number)
    }

    /// The series of a list, wherever it is, and which is from now on known to come behind that series. Its name becomes the key.
    fn look_up(&mut self, host: u32, series: u32, list: &ValueList<'_>) -> Option<u32> {
        names::join(&list.identifier, &mut self.key);
        let number = self.find(host, self.names.find(&self.key)?)?;
        if let Some(series) = self.series.get_mut(series) {
            series.follower = number;
        }
        Some(number)
    }

    pub(super) fn find(&self, host: u32, name: u32) -> Option<u32> {
        let is =
            |number: &u32| self.series.get(*number).is_some_and(|series| (series.host, series.name) == (host, name));
        self.series_numbers.find(self.hasher.hash_one((host, name)), is).copied()
    }

    /// Takes a new series in, whose name is the key; refuses it if there are enough.
    #[cold]
    fn insert(&mut self, host: u32, list: &ValueList<'_>, now: u64) {
        let values = list.values.len();
        if values > self.limits.max_series.saturating_sub(self.values) {
            self.counts.refused_series += 1;
            return;
        }
        let name = if self.key.len() > MAX_NAMES { None } else { self.names.take(&self.key) };
        let Some(name) = name else {
            self.counts.refused_names += 1;
            return;
        };
        let set = self.types.get(list.identifier.type_).filter(|set| set.sources.len() == values);
        self.updates += 1;
        let behind = self.hosts.get(host).map_or(NONE, |host| host.series);
        let mut new = Series::new(host, name, list, now, set);
        (new.changed, new.behind) = (self.updates, behind);
        let Some(number) = self.series.insert(new) else { return self.names.release(name) };
        if let Some(behind) = self.series.get_mut(behind) {
            behind.before = number;
        }
        if let Some(host) = self.hosts.get_mut(host) {
            host.series = number;
            host.value_count += values;
        }
        self.values += values;
        let Self { series, series_numbers, hasher, .. } = self;
        let rehash = |number: &u32| {
            hasher.hash_one(series.get(*number).map_or((NONE, NONE), |series| (series.host, series.name)))
        };
        series_numbers.insert_unique(hasher.hash_one((host, name)), number, rehash);
        self.chart(number, false);
    }

    /// Begins the history of a series, if there is room; whether it has one.
    pub(super) fn chart(&mut self, number: u32, is_kept: bool) -> bool {
        let Some(series) = self.series.get_mut(number) else { return false };
        let count = series.numbers().len();
        if count == 0 || count > self.limits.charted.saturating_sub(self.charted) {
            return false;
        }
        let histories = vec![History::new(self.limits.points); count].into_boxed_slice();
        let Some(place) = self.histories.insert(Charts { series: number, is_kept, histories }) else { return false };
        self.charted += count;
        series.history = place;
        if let Some(charts) = self.histories.get_mut(place) {
            for (history, number) in charts.histories.iter_mut().zip(series.numbers()) {
                history.record(series.time, number.rate);
            }
        }
        true
    }

    pub(super) fn remove_chart(&mut self, place: u32) {
        let Some(charts) = self.histories.remove(place) else { return };
        self.charted -= charts.histories.len();
        if let Some(series) = self.series.get_mut(charts.series) {
            series.history = NONE;
        }
    }

    /// Forgets a series.
    pub(super) fn remove(&mut self, number: u32) {
        let Some(history) = self.series.get(number).map(|series| series.history) else { return };
        self.remove_chart(history);
        let Some(series) = self.series.remove(number) else { return };
        let hash = self.hasher.hash_one((series.host, series.name));
        if let Ok(entry) = self.series_numbers.find_entry(hash, |known| *known == number) {
            entry.remove();
        }
        self.names.release(series.name);
        let values = series.numbers().len();
        self.values -= values;
        if let Some(before) = self.series.get_mut(series.before) {
            before.behind = series.behind;
        }
        if let Some(behind) = self.series.get_mut(series.behind) {
            behind.before = series.before;
        }
        if let Some(host) = self.hosts.get_mut(series.host) {
            host.value_count -= values;
            if host.series == number {
                host.series = series.behind;
            }
        }
    }
}
