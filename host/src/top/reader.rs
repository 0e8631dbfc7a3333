//! Takes out of the fleet what is to be shown, no more often and no more of it than that.

use std::collections::{HashSet, VecDeque};
use std::rc::Rc;
use std::time::{Duration, Instant};

use collectd_net::Time;
use jiff::tz::TimeZone;

use super::Notes;
use super::catalog::{Catalog, Entry, Sort, ValueId};
use super::layout::Areas;
use super::model::{Model, View};
use super::snapshot::{self, SenderRow, Snapshot};
use crate::fleet::{SeriesId, Sizes, Store};
use crate::watching::Watching;

/// How often names are read again for what changes without a sign of it, and if only values decide.
const READ_EVERY: (Duration, Duration) = (Duration::from_secs(5), Duration::from_secs(1));
/// How often a list of senders is made.
const LIST_EVERY: Duration = Duration::from_secs(1);
/// Over which time rates are.
const RATES_OVER: Duration = Duration::from_secs(5);
/// How often the busiest are looked for, and how many there are.
const BUSIEST_EVERY: Duration = Duration::from_secs(3);
const BUSIEST: usize = 9;
/// Points of a value that tell whether it changes.
const POINTS: usize = 12;
/// Values that are looked at while the fleet is locked.
const PAGE: usize = 256;
/// Notifications in a list.
const NEWS: usize = 500;
/// How long a note is shown.
const NOTE: Duration = Duration::from_secs(10);

/// Reads a fleet for a screen.
pub(super) struct Reader<'a> {
    watching: &'a Watching,
    notes: &'a Notes,
    zone: TimeZone,
    /// What tells that there are other series now.
    signs: Option<Sizes>,
    read: Option<Instant>,
    looked: Option<Instant>,
    listed: Option<Instant>,
    list: Vec<SenderRow>,
    /// Packets and values at some moments.
    counts: VecDeque<(Duration, u64, u64)>,
    kept: HashSet<SeriesId>,
}

impl<'a> Reader<'a> {
    pub(super) fn new(watching: &'a Watching, notes: &'a Notes, zone: TimeZone) -> Self {
        Self {
            watching,
            notes,
            zone,
            signs: None,
            read: None,
            looked: None,
            listed: None,
            list: Vec::new(),
            counts: VecDeque::new(),
            kept: HashSet::new(),
        }
    }

    /// What time it is for the fleet.
    pub(super) fn now(&self) -> Time {
        self.watching.now().time
    }

    /// The names, which the model needs to know, if they are others than before or are to be read in any case.
    pub(super) fn refresh(&mut self, model: &mut Model, is_forced: bool) {
        // What came when something else went shows after a while.
        let signs = self.watching.fleet().lock().sizes();
        let depends_on_values =
            model.sort != Sort::Names || model.filter().is_some_and(crate::Selection::looks_at_values);
        let is_old = |after: Duration| self.read.is_none_or(|read| read.elapsed() >= after);
        let (seldom, often) = READ_EVERY;
        let is_due = Some(signs) != self.signs && is_old(often.min(Duration::from_millis(500)))
            || is_old(if depends_on_values { often } else { seldom });
        if is_forced || is_due {
            let (fleet, dictionary) = (self.watching.fleet(), self.watching.dictionary());
            let catalog = Catalog::read(fleet, dictionary, model.filter(), model.sort);
            model.replace(catalog);
            (self.signs, self.read) = (Some(signs), Some(Instant::now()));
        }
        let is_none = model.busiest.is_empty() && (is_forced || is_due);
        if model.pins.is_empty() && (is_none || self.looked.is_none_or(|looked| looked.elapsed() >= BUSIEST_EVERY)) {
            self.find_busiest(model);
            self.looked = Some(Instant::now());
        }
    }

    /// What is to be seen.
    pub(super) fn snapshot(&mut self, model: &Model, areas: &Areas) -> Snapshot {
        let watching = self.watching;
        let (now, totals, state) = (watching.now(), watching.totals(), watching.state());
        let rates = self.rates(now.clock, totals.counts.packets, totals.counts.values);
        if model.view == View::Senders && self.listed.is_none_or(|listed| listed.elapsed() >= LIST_EVERY) {
            self.list = snapshot::senders(watching.fleet(), now);
            self.listed = Some(Instant::now());
        }
        let charted = match model.overlay {
            Some(id) => vec![id],
            None => model.charted(),
        };
        let mut store = watching.fleet().lock();
        self.keep(&mut store, &charted);
        let charts = charted.iter().take(areas.cells.len());
        let charts = charts
            .filter_map(|id| snapshot::chart(&store, (model, watching.dictionary()), *id, now, model.overlay.is_some()))
            .collect();
        let count = if model.view == View::News { NEWS } else { usize::from(areas.news.height) };
        Snapshot {
            source: watching.source().to_owned(),
            state,
            totals,
            sizes: store.sizes(),
            missing: store.hosts().filter(|host| host.is_missing()).count(),
            rates,
            rows: snapshot::rows(&store, model, now),
            charts,
            senders: if model.view == View::Senders { self.list.clone() } else { Vec::new() },
            news: snapshot::news(&store, &self.zone, count),
            note: self.notes.latest(NOTE),
        }
    }

    /// Packets and values in a second, over the last seconds.
    fn rates(&mut self, now: Duration, packets: u64, values: u64) -> (f64, f64) {
        if self.counts.back().is_none_or(|(last, ..)| *last < now) {
            self.counts.push_back((now, packets, values));
        }
        while self.counts.len() > 2 && self.counts.get(1).is_some_and(|(second, ..)| now - *second >= RATES_OVER) {
            self.counts.pop_front();
        }
        let Some((first, packets_then, values_then)) = self.counts.front() else { return (0.0, 0.0) };
        let span = now.saturating_sub(*first).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "to be read by people")]
        let rate = |now: u64, then: u64| if span > 0.0 { now.saturating_sub(then) as f64 / span } else { 0.0 };
        (rate(packets, *packets_then), rate(values, *values_then))
    }

    /// What is charted is to have a history, for as long as it is.
    fn keep(&mut self, store: &mut Store, charted: &[ValueId]) {
        let wanted: HashSet<_> = charted.iter().map(|(series, _)| *series).collect();
        for gone in self.kept.difference(&wanted) {
            store.release_history(*gone);
        }
        for series in &wanted {
            store.keep_history(*series);
        }
        self.kept = wanted;
    }

    /// The values that change most, of different kinds as far as there are such. Those that are shown stay.
    fn find_busiest(&self, model: &mut Model) {
        let mut busiest = std::mem::take(&mut model.busiest);
        busiest.retain(|id| model.catalog.entry(*id).is_some());
        if busiest.len() < BUSIEST {
            let mut scored: Vec<(f64, &Entry)> = Vec::new();
            for entries in model.catalog.entries.chunks(PAGE) {
                let store = self.watching.fleet().lock();
                let scores = entries.iter().map(|entry| (score(&store, entry.id), entry));
                scored.extend(scores.filter(|(score, _)| *score > 0.0));
            }
            scored.sort_by(|(a, one), (b, other)| b.total_cmp(a).then_with(|| one.title().cmp(&other.title())));
            let shown = busiest.iter().filter_map(|id| model.catalog.entry(*id));
            let mut kinds: HashSet<Rc<str>> = shown.map(|entry| Rc::clone(&entry.name)).collect();
            let (first, others): (Vec<_>, Vec<_>) =
                scored.iter().partition(|(_, entry)| kinds.insert(Rc::clone(&entry.name)));
            for (_, entry) in first.into_iter().chain(others) {
                if busiest.len() < BUSIEST && !busiest.contains(&entry.id) {
                    busiest.push(entry.id);
                }
            }
        }
        model.busiest = busiest;
    }
}

/// How much a value changes: how often it does, and by how much of what it is.
fn score(store: &Store, (series, place): ValueId) -> f64 {
    let Some(history) = store.series_of(series).and_then(|series| series.histories().get(place)) else { return 0.0 };
    let values: Vec<f32> = history.latest(POINTS).filter(|value| value.is_finite()).collect();
    if values.len() < 3 {
        return 0.0;
    }
    let (low, high) =
        values.iter().fold((f32::MAX, f32::MIN), |(low, high), value| (low.min(*value), high.max(*value)));
    let changes = values.windows(2).filter(|pair| pair[0] != pair[1]).count();
    // What only goes on, as an uptime does, is no news.
    let steps = values.windows(2).map(|pair| pair[1] - pair[0]);
    let (least, most) = steps.fold((f32::MAX, f32::MIN), |(least, most), step| (least.min(step), most.max(step)));
    if least > 0.0 && most - least <= most * 0.05 {
        return 1e-9;
    }
    let share = f64::from(high - low) / f64::from(high.abs().max(low.abs())).max(1e-9);
    changes as f64 / (values.len() - 1) as f64 * share.min(1.0)
}
