//! What whoever looks has chosen, and how keys change it. It knows neither the terminal nor the network.

use std::collections::HashSet;
use std::rc::Rc;

use collectd_net::Time;

use super::action::Action;
use super::catalog::{Catalog, Entry, Key, Row, Sort, ValueId};
use super::look::Look;
use super::prompt::Prompt;
use crate::Selection;

/// How much time charts show, in seconds.
const WINDOWS: [u32; 9] = [60, 120, 300, 600, 1800, 3600, 7200, 10_800, 21_600];
/// How many charts there are side by side.
const GRIDS: [usize; 3] = [1, 4, 9];
/// Hosts that are open from the start, as long as there are so few.
const FEW: usize = 3;
/// Values below which everything that a filter found is open.
const FOUND: usize = 500;
/// Charts that can be pinned; more would not be seen.
const PINS: usize = 36;
/// How many steps a cursor takes through a chart.
const STEPS: f64 = 100.0;

/// What fills the screen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum View {
    /// The tree and charts.
    Charts,
    /// One chart.
    Chart,
    /// Who sends.
    Senders,
    /// Notifications.
    News,
}

/// What the loop has to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Effect {
    /// Show it.
    None,
    /// Read the values anew: the filter or the order is another one.
    Read,
    /// Write what is visible to a file.
    Write,
    /// Give the terminal back for a while.
    Suspend,
    /// End.
    Quit,
}

/// Charts that stand still.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Frozen {
    /// The right end of the charts.
    pub(super) at: Time,
    /// How many seconds before that the cursor is.
    pub(super) before: f64,
}

/// All that was chosen.
#[derive(Debug)]
pub(super) struct Model {
    pub(super) look: Look,
    pub(super) catalog: Catalog,
    pub(super) view: View,
    pub(super) selected: Option<Key>,
    /// The first row that is to be seen, of the tree and of the lists.
    pub(super) top: usize,
    pub(super) list_top: usize,
    pub(super) pins: Vec<ValueId>,
    /// What is charted when nothing is pinned.
    pub(super) busiest: Vec<ValueId>,
    pub(super) overlay: Option<ValueId>,
    pub(super) frozen: Option<Frozen>,
    pub(super) is_raw: bool,
    pub(super) shows_news: bool,
    pub(super) shows_help: bool,
    pub(super) sort: Sort,
    pub(super) prompt: Prompt,
    /// What is to be known for a moment: it is there until the next key.
    pub(super) message: Option<String>,
    window: usize,
    grid: usize,
    opened: HashSet<Key>,
    seen: HashSet<Rc<str>>,
    /// How many rows of the tree there is room for.
    pub(super) page: usize,
}

impl Model {
    pub(super) fn new(look: Look) -> Self {
        Self {
            look,
            catalog: Catalog::default(),
            view: View::Charts,
            selected: None,
            top: 0,
            list_top: 0,
            pins: Vec::new(),
            busiest: Vec::new(),
            overlay: None,
            frozen: None,
            is_raw: false,
            shows_news: true,
            shows_help: false,
            sort: Sort::Names,
            prompt: Prompt::default(),
            message: None,
            window: 2,
            grid: 1,
            opened: HashSet::new(),
            seen: HashSet::new(),
            page: 1,
        }
    }

    /// Other values are there now.
    pub(super) fn replace(&mut self, catalog: Catalog) {
        self.catalog = catalog;
        let hosts: Vec<_> = self.catalog.hosts().into_iter().cloned().collect();
        let are_few = hosts.len() <= FEW;
        for host in hosts {
            if self.seen.insert(Rc::clone(&host)) && are_few {
                self.opened.insert(Key::Host(host));
            }
        }
        self.unfold();
    }

    /// Does what was asked for, at `now`.
    pub(super) fn apply(&mut self, action: Action, now: Time) -> Effect {
        if !matches!(action, Action::None) {
            self.message = None;
        }
        match action {
            Action::None => {}
            Action::Quit => return Effect::Quit,
            Action::Suspend => return Effect::Suspend,
            Action::Write => return Effect::Write,
            Action::Back => self.back(),
            Action::Help => self.shows_help = !self.shows_help,
            Action::Move(by) => self.move_by(by),
            Action::Page(by) => self.move_by(by * isize::try_from(self.page.max(2) - 1).unwrap_or(1)),
            Action::Edge(is_last) => self.move_by(if is_last { isize::MAX } else { isize::MIN }),
            Action::Select(row) => self.select(row),
            Action::Enter => self.enter(),
            Action::Side(by) => self.side(by),
            Action::Freeze => self.freeze(now),
            Action::Point(share) => self.point(share, now),
            Action::Zoom(by) => {
                self.window = self.window.saturating_add_signed(by).min(WINDOWS.len() - 1);
            }
            Action::Rate => self.is_raw = !self.is_raw,
            Action::Overlay => self.overlay = if self.overlay.is_some() { None } else { self.chosen() },
            Action::Expand => self.toggle(View::Chart),
            Action::Grid => self.grid = (self.grid + 1) % GRIDS.len(),
            Action::Senders => self.toggle(View::Senders),
            Action::News => match (self.view, self.shows_news) {
                (View::News, _) => (self.view, self.shows_news) = (View::Charts, false),
                (_, true) => self.toggle(View::News),
                (_, false) => self.shows_news = true,
            },
            Action::Unpin => self.pins.clear(),
            Action::Sort => {
                self.sort = self.sort.next();
                self.message = Some(format!("sorted by {}", self.sort.name()));
                (self.top, self.selected) = (0, None);
                return Effect::Read;
            }
            Action::Filter => self.prompt.open(),
            Action::Edit(edit) => {
                if self.prompt.edit(edit) {
                    self.top = 0;
                    return Effect::Read;
                }
            }
        }
        Effect::None
    }

    /// The filter that holds.
    pub(super) fn filter(&self) -> Option<&Selection> {
        self.prompt.selection()
    }

    /// How many seconds charts show.
    pub(super) fn window(&self) -> u32 {
        WINDOWS[self.window]
    }

    /// How many charts there is room for.
    pub(super) fn grid(&self) -> usize {
        GRIDS[self.grid]
    }

    /// What is charted: what is pinned, or what is chosen and else the busiest.
    pub(super) fn charted(&self) -> Vec<ValueId> {
        let chosen = self.chosen();
        if self.view == View::Chart {
            return chosen
                .or_else(|| self.pins.first().copied())
                .or_else(|| self.busiest.first().copied())
                .into_iter()
                .collect();
        }
        let mut charted: Vec<_> = self.pins.iter().copied().take(self.grid()).collect();
        let others = chosen.into_iter().chain(if self.pins.is_empty() { self.busiest.clone() } else { Vec::new() });
        for other in others {
            if charted.len() < self.grid() && !charted.contains(&other) {
                charted.push(other);
            }
        }
        charted
    }

    /// The value that is selected in the tree.
    pub(super) fn chosen(&self) -> Option<ValueId> {
        match self.selected {
            Some(Key::Value(id)) => Some(id),
            _ => None,
        }
    }

    /// The row that is selected.
    pub(super) fn row(&self) -> usize {
        let is = |row: &Row| self.catalog.key(row) == self.selected;
        if self.selected.is_none() { 0 } else { self.catalog.rows.iter().position(is).unwrap_or(0) }
    }

    /// The values of the rows that are to be seen.
    pub(super) fn visible(&self) -> impl Iterator<Item = (&Row, &Entry)> {
        self.catalog.rows.iter().skip(self.top).take(self.page).filter_map(|row| {
            let (Row::Host { first: place, .. } | Row::Plugin { first: place, .. } | Row::Value { place, .. }) = *row;
            Some((row, self.catalog.entries.get(place)?))
        })
    }

    /// Room for so many rows: the one that is selected is among them.
    pub(super) fn fit(&mut self, page: usize) {
        self.page = page.max(1);
        let (row, last) = (self.row(), self.catalog.rows.len().saturating_sub(self.page));
        self.top = self.top.min(last).min(row).max((row + 1).saturating_sub(self.page));
    }

    fn unfold(&mut self) {
        let Self { catalog, opened, prompt, sort, .. } = self;
        let all = prompt.selection().is_some() && catalog.entries.len() <= FOUND;
        catalog.unfold(*sort, |key| all || opened.contains(key));
    }

    fn toggle(&mut self, view: View) {
        self.list_top = 0;
        self.view = if self.view == view { View::Charts } else { view };
    }

    fn back(&mut self) {
        match () {
            () if self.shows_help => self.shows_help = false,
            () if self.view != View::Charts => self.view = View::Charts,
            () if self.frozen.is_some() => self.frozen = None,
            () => self.overlay = None,
        }
    }

    fn move_by(&mut self, by: isize) {
        if matches!(self.view, View::Senders | View::News) {
            self.list_top = self.list_top.saturating_add_signed(by);
            return;
        }
        // The first key only shows where one is.
        let by = if self.selected.is_none() && by.unsigned_abs() < usize::MAX / 2 { 0 } else { by };
        self.select(self.row().saturating_add_signed(by));
    }

    fn select(&mut self, row: usize) {
        let row = row.min(self.catalog.rows.len().saturating_sub(1));
        self.selected = self.catalog.rows.get(row).and_then(|row| self.catalog.key(row));
        self.fit(self.page);
    }

    fn enter(&mut self) {
        match self.selected.clone().or_else(|| self.catalog.key(self.catalog.rows.first()?)) {
            Some(Key::Value(id)) => match self.pins.iter().position(|pin| *pin == id) {
                Some(place) => _ = self.pins.remove(place),
                None if self.pins.len() >= PINS => self.message = Some(format!("no more than {PINS} can be pinned")),
                None => self.pins.push(id),
            },
            Some(key) => {
                let is_open = self.opened.contains(&key);
                self.fold(key, !is_open);
            }
            None => {}
        }
    }

    fn side(&mut self, by: isize) {
        if let Some(frozen) = &mut self.frozen {
            let window = f64::from(WINDOWS[self.window]);
            frozen.before = (frozen.before - by as f64 * window / STEPS).clamp(0.0, window);
            return;
        }
        let key = self.selected.clone().or_else(|| self.catalog.key(self.catalog.rows.first()?));
        match (key, by > 0) {
            (Some(Key::Value(_)), true) | (None, _) => {}
            (Some(key), true) if self.opened.contains(&key) => self.move_by(1),
            (Some(key), true) => self.fold(key, true),
            // What is closed already leads to what it is part of.
            (Some(key), false) => match self.parent(&key) {
                Some(parent) if !self.opened.contains(&key) => self.selected = Some(parent),
                _ => self.fold(key, false),
            },
        }
        self.fit(self.page);
    }

    fn parent(&self, key: &Key) -> Option<Key> {
        match key {
            Key::Host(_) => None,
            Key::Plugin(host, _) => Some(Key::Host(Rc::clone(host))),
            Key::Value(id) => {
                let entry = self.catalog.entry(*id).filter(|_| self.sort == Sort::Names)?;
                Some(Key::Plugin(Rc::clone(&entry.host), Rc::clone(&entry.plugin)))
            }
        }
    }

    fn fold(&mut self, key: Key, is_open: bool) {
        if is_open {
            self.opened.insert(key.clone())
        } else {
            self.opened.remove(&key)
        };
        self.selected = Some(key);
        self.unfold();
        self.fit(self.page);
    }

    fn freeze(&mut self, now: Time) {
        self.frozen = if self.frozen.is_some() { None } else { Some(Frozen { at: now, before: 0.0 }) };
    }

    /// The cursor is to be at this share of the width of charts.
    fn point(&mut self, share: f64, now: Time) {
        let before = (1.0 - share) * f64::from(self.window());
        self.frozen.get_or_insert(Frozen { at: now, before }).before = before;
    }
}

#[cfg(test)]
#[path = "model_tests.rs"]
mod tests;
