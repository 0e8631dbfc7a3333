//! What is to be seen, as it was at one moment. The fleet is locked while it is taken, and not while it is drawn.

use std::collections::HashSet;
use std::time::Duration;

use collectd_net::{Item, Severity, Text, Time};
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::catalog::{Names, Row, ValueId};
use super::model::Model;
use super::number::{Unit, ago};
use crate::fleet::{Cursor, Fleet, Moment, News, SeriesView, Sizes, Store};
use crate::sink::unit::as_float;
use crate::sources::Dictionary;
use crate::watching::{State, Tone, Totals};

/// Numbers of a small graph.
const SPARK: usize = 12;
/// Lines of one chart.
const LINES: usize = 48;
/// A clock that differs by less is right.
const TOLERANCE: f64 = 2.0;
/// What a host without one is taken to have.
const INTERVAL: f64 = 10.0;

/// Everything on a screen.
#[derive(Debug)]
pub(super) struct Snapshot {
    pub(super) source: String,
    pub(super) state: State,
    pub(super) totals: Totals,
    pub(super) sizes: Sizes,
    /// Hosts that are missing.
    pub(super) missing: usize,
    /// Packets and values in a second.
    pub(super) rates: (f64, f64),
    /// One for each row that is visible.
    pub(super) rows: Vec<RowState>,
    pub(super) charts: Vec<Chart>,
    pub(super) senders: Vec<SenderRow>,
    /// The newest first.
    pub(super) news: Vec<NewsRow>,
    /// What was told last beside what came.
    pub(super) note: Option<(Tone, String)>,
}

/// What is behind a name in the tree.
#[derive(Clone, Debug, Default)]
pub(super) struct RowState {
    pub(super) text: String,
    pub(super) spark: Vec<f32>,
    pub(super) standing: Standing,
}

/// How a host or a value is doing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum Standing {
    /// As it should.
    #[default]
    Good,
    /// Its clock is wrong, or some of it is late.
    Doubtful,
    /// It is missing.
    Missing,
}

/// A chart.
#[derive(Debug)]
pub(super) struct Chart {
    pub(super) title: String,
    pub(super) unit: Unit,
    pub(super) lines: Vec<Line>,
    /// Lines that are too many.
    pub(super) others: usize,
    /// When the right end is.
    pub(super) end: Time,
    /// How it came last, if it is not to be a rate.
    pub(super) raw: Option<String>,
    pub(super) standing: Standing,
}

/// A line of a chart.
#[derive(Debug)]
pub(super) struct Line {
    pub(super) host: String,
    /// Seconds before the end, and values; NaN where there is a gap.
    pub(super) points: Vec<(f64, f64)>,
    /// The least and the most of minutes.
    pub(super) band: Vec<(f64, f64, f64)>,
    /// The value at the cursor, or the latest.
    pub(super) value: f64,
}

/// A host and whoever sends for it, or somebody who sends nothing that is taken.
#[derive(Clone, Debug, Default)]
pub(super) struct SenderRow {
    pub(super) name: String,
    pub(super) from: String,
    pub(super) rates: (f64, f64),
    pub(super) silent: Duration,
    pub(super) interval: String,
    pub(super) skew: Option<f64>,
    pub(super) protection: String,
    pub(super) refused: Vec<(&'static str, u64)>,
    pub(super) standing: Standing,
    pub(super) skew_is_wrong: bool,
}

/// A notification.
#[derive(Debug)]
pub(super) struct NewsRow {
    pub(super) time: String,
    pub(super) severity: Severity,
    pub(super) identifier: String,
    pub(super) message: String,
}

/// The state of the rows that are visible.
pub(super) fn rows(store: &Store, model: &Model, now: Moment) -> Vec<RowState> {
    let row = |(row, entry): (&Row, &super::catalog::Entry)| {
        let Some(series) = store.series_of(entry.id.0) else { return RowState::default() };
        match row {
            Row::Host { count, .. } => {
                let Some(host) = series.host() else { return RowState::default() };
                let (text, standing) = match () {
                    () if host.is_missing() => (format!("missing {}", ago(host.silent(now))), Standing::Missing),
                    () if host.clock_is_wrong() => {
                        let skew = host.skew().unwrap_or_default();
                        (format!("clock {skew:+.0}s"), Standing::Doubtful)
                    }
                    () => (format!("{count}"), Standing::Good),
                };
                RowState { text, spark: Vec::new(), standing }
            }
            Row::Plugin { count, is_open, .. } => {
                let text = if *is_open { String::new() } else { count.to_string() };
                RowState { text, ..RowState::default() }
            }
            Row::Value { .. } => {
                let (value, rate) = numbers(&series, entry.id.1);
                let text = if model.is_raw { entry.unit.whole().show(value) } else { entry.unit.show(rate) };
                let latest = series.histories().get(entry.id.1).map(|history| history.latest(SPARK).collect());
                let is_late = series.silent(now).as_secs_f64() > 3.5 * interval(&series);
                let standing = if is_late { Standing::Doubtful } else { Standing::Good };
                RowState { text, spark: latest.unwrap_or_default(), standing }
            }
        }
    };
    model.visible().map(row).collect()
}

fn numbers(series: &SeriesView<'_>, place: usize) -> (f64, f64) {
    let value = series.values().nth(place).map_or(f64::NAN, as_float);
    (value, series.rates().nth(place).unwrap_or(f64::NAN))
}

fn interval(series: &SeriesView<'_>) -> f64 {
    series.interval().map(|interval| Duration::from(interval).as_secs_f64()).filter(|s| *s > 0.0).unwrap_or(INTERVAL)
}

/// A chart of a value, or of the same of all hosts.
pub(super) fn chart(
    store: &Store,
    (model, dictionary): (&Model, &Dictionary),
    id: ValueId,
    now: Moment,
    is_overlay: bool,
) -> Option<Chart> {
    let series = store.series_of(id.0)?;
    let names = Names::of(&series, dictionary);
    let (name, unit) = names.value(&series, id.1);
    let (end, cursor) = match model.frozen {
        Some(frozen) => (frozen.at, Some(frozen.before)),
        None => (now.time, None),
    };
    let window = f64::from(model.window());
    let one = |series: &SeriesView<'_>| line(series, id.1, (end, window), cursor);
    let name = format!("{}/{name}", names.plugin);
    let name = if is_overlay { name } else { format!("{}/{name}", series.identifier().host) };
    let (mut lines, mut others): (Vec<_>, _) = (Vec::new(), 0);
    if is_overlay {
        lines.extend(store.overlay(id.0).filter(|series| series.histories().len() > id.1).map(|series| one(&series)));
        lines.sort_by(|a, b| b.value.total_cmp(&a.value).then_with(|| a.host.cmp(&b.host)));
        others = lines.len().saturating_sub(LINES);
        lines.truncate(LINES);
    } else {
        lines.push(one(&series));
    }
    let raw = model.is_raw.then(|| unit.whole().show(numbers(&series, id.1).0));
    let is_missing = series.host().is_some_and(|host| host.is_missing());
    let standing = if is_missing && !is_overlay { Standing::Missing } else { Standing::Good };
    Some(Chart { title: name, unit, lines, others, end, raw, standing })
}

fn line(series: &SeriesView<'_>, place: usize, (end, window): (Time, f64), cursor: Option<f64>) -> Line {
    let skew =
        series.host().and_then(|host| host.skew()).filter(|skew| skew.abs() >= TOLERANCE).map_or(0.0, f64::round);
    let interval = interval(series);
    let (mut points, mut band) = (Vec::new(), Vec::new());
    // One point before what is visible, for the line that comes from there.
    let since = seconds(end) + skew - window - interval.max(60.0) - 1.0;
    let since = Time::try_from(Duration::try_from_secs_f64(since).unwrap_or_default()).unwrap_or_default();
    let mut last = f64::NEG_INFINITY;
    for point in series.histories().get(place).into_iter().flat_map(|history| history.since(since)) {
        let before = seconds(point.time) - seconds(end) - skew;
        let (x, gap) = match point.minutes {
            0 => (before, 3.5 * interval),
            // A minute is shown in its middle.
            _ => (before + 30.0, 3.5 * interval.max(60.0)),
        };
        if x > 0.0 {
            break;
        }
        if x - last > gap && last.is_finite() {
            points.push((x, f64::NAN));
        }
        last = x;
        points.push((x, f64::from(point.mean)));
        if point.minutes > 0 {
            band.push((x, f64::from(point.min), f64::from(point.max)));
        }
    }
    let at = -cursor.unwrap_or(0.0);
    let known = points.iter().rev().find(|(x, _)| *x <= at);
    // Without a history, there is the latest.
    let latest = || if cursor.is_none() { numbers(series, place).1 } else { f64::NAN };
    let value = known.map_or_else(latest, |(_, value)| *value);
    Line { host: series.identifier().host.to_string(), points, band, value }
}

fn seconds(time: Time) -> f64 {
    Duration::from(time).as_secs_f64()
}

/// The latest notifications, so many.
pub(super) fn news(store: &Store, zone: &TimeZone, count: usize) -> Vec<NewsRow> {
    let row = |(_, news): (u64, &News)| {
        let item = news.item();
        let Item::Notification(notification) = item else { return None };
        Some(NewsRow {
            time: clock(notification.time, zone),
            severity: notification.severity,
            identifier: identifier(&item, news.observed().is_some()),
            message: notification.message.to_string(),
        })
    };
    store.news(0).rev().take(count).filter_map(row).collect()
}

/// Whom it is about. What was noticed here has no plugin worth reading.
fn identifier(item: &Item<'_>, is_observed: bool) -> String {
    let identifier = item.identifier();
    if is_observed { identifier.host.to_string() } else { identifier.to_string().trim_end_matches('/').to_owned() }
}

/// A time of day.
pub(super) fn clock(time: Time, zone: &TimeZone) -> String {
    let second = i64::try_from(time.secs()).ok().and_then(|second| Timestamp::from_second(second).ok());
    second.map_or_else(String::new, |second| second.to_zoned(zone.clone()).strftime("%H:%M:%S").to_string())
}

/// All who send, whoever sends most first; the fleet is locked for a part of them at a time.
pub(super) fn senders(fleet: &Fleet, now: Moment) -> Vec<SenderRow> {
    let (mut rows, mut known, mut cursor) = (Vec::new(), HashSet::new(), Cursor::default());
    loop {
        let store = fleet.lock();
        for host in store.some_hosts(&mut cursor) {
            known.extend(host.addresses().map(|address| address.ip()));
            let standing = if host.is_missing() { Standing::Missing } else { Standing::Good };
            rows.push(SenderRow {
                name: host.name().to_string(),
                from: host.addresses().last().map_or_else(String::new, |address| address.ip().to_string()),
                rates: host.per_second(now),
                silent: host.silent(now),
                interval: host.interval().map_or_else(String::new, |interval| {
                    format!("{}s", (Duration::from(interval).as_secs_f64() * 1000.0).round() / 1000.0)
                }),
                skew: host.skew(),
                protection: host.protection().name().to_owned(),
                refused: host.refused(),
                standing,
                skew_is_wrong: host.clock_is_wrong(),
            });
        }
        drop(store);
        if cursor.is_done() {
            break;
        }
    }
    // Of whom nothing was taken.
    let store = fleet.lock();
    let strangers = store.senders().filter(|sender| sender.from().is_none_or(|from| !known.contains(&from.ip())));
    for sender in strangers.filter(|sender| !sender.refused().is_empty()) {
        rows.push(SenderRow {
            name: String::new(),
            from: sender.from().map_or_else(|| "a file".into(), |from| from.ip().to_string()),
            rates: sender.per_second(now),
            silent: sender.silent(now),
            refused: sender.refused().to_vec(),
            standing: Standing::Doubtful,
            ..SenderRow::default()
        });
    }
    drop(store);
    rows.sort_by(|a, b| b.rates.1.total_cmp(&a.rates.1).then_with(|| a.name.cmp(&b.name)));
    rows
}

/// A text that somebody here wrote, as harmless as one of a stranger.
pub(super) fn harmless(text: &str) -> String {
    Text::from(text).to_string()
}
