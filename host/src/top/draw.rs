//! A screen: what was chosen and what there is, drawn. It changes neither.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Style, Stylize as _};
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Clear, Paragraph, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::action::KEYS;
use super::catalog::{Entry, Row};
use super::layout::Areas;
use super::look::{Look, sparkline};
use super::model::{Model, View};
use super::snapshot::{RowState, Snapshot, Standing};
use super::{chart, head, lists};

/// Columns of a number in the tree, and of the small graph behind it.
const NUMBER: usize = 9;
const SPARK: usize = 6;

/// Draws all of it. Where the cursor of the terminal goes, if it is to be seen.
pub(super) fn draw(buffer: &mut Buffer, model: &Model, snapshot: &Snapshot, areas: &Areas) -> Option<(u16, u16)> {
    head::header(buffer, areas.header, model, snapshot);
    if areas.list.height > 0 {
        match model.view {
            View::News => lists::news(buffer, areas.list, model, snapshot, true),
            _ => lists::senders(buffer, areas.list, model, snapshot),
        }
    }
    if areas.rows.height > 0 {
        tree(buffer, areas, model, snapshot);
    }
    if areas.cells.is_empty() && areas.tree != areas.rows {
        let right = Rect { x: areas.tree.right(), width: areas.header.right() - areas.tree.right(), ..areas.tree };
        empty(buffer, right, model, snapshot);
    }
    for (place, chart) in snapshot.charts.iter().enumerate() {
        if let (Some(cell), Some(plot)) = (areas.cells.get(place), areas.plots.get(place)) {
            chart::draw(buffer, (*cell, *plot), model, chart);
        }
    }
    if areas.news.height > 0 {
        lists::news(buffer, areas.news, model, snapshot, false);
    }
    let cursor = footer(buffer, areas.footer, model, snapshot);
    if model.shows_help {
        help(buffer, buffer.area, model.look);
    }
    cursor.filter(|_| !model.shows_help)
}

/// What stands where charts would be.
fn empty(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot) {
    if area.width < 10 || area.height < 3 {
        return;
    }
    let text = match () {
        () if snapshot.totals.counts.packets == 0 => {
            "nothing has come yet\n\n'collectd-tap doctor' tells why, if nothing does;\n'collectd-tap demo' shows what it would look like"
        }
        () if model.catalog.entries.is_empty() => "nothing fits the filter",
        () => "charts are drawn as soon as values change\n\npress Enter on a value to pin it",
    };
    let y = area.y + area.height / 3;
    let area = Rect { x: area.x + 2, y, width: area.width - 2, height: area.bottom() - y };
    Paragraph::new(text).style(model.look.quiet()).render(area, buffer);
}

fn tree(buffer: &mut Buffer, areas: &Areas, model: &Model, snapshot: &Snapshot) {
    let look = model.look;
    if areas.tree != areas.rows {
        let filter =
            if model.prompt.selection().is_some() { format!(" /{}", model.prompt.text.trim()) } else { String::new() };
        let title = fit(&format!(" Series {}{filter} ", model.catalog.entries.len()), areas.rows.width.into(), look);
        Block::bordered().border_set(look.border()).border_style(look.quiet()).render(areas.tree, buffer);
        buffer.set_string(areas.tree.x + 1, areas.tree.y, title, look.title());
    }
    let selected = model.row();
    for (place, (row, entry)) in model.visible().enumerate() {
        let Some(y) = u16::try_from(place).ok().filter(|y| *y < areas.rows.height) else { break };
        let area = Rect { y: areas.rows.y + y, height: 1, ..areas.rows };
        let state = snapshot.rows.get(place).cloned().unwrap_or_default();
        let is_selected = model.top + place == selected && model.selected.is_some();
        line(buffer, area, model, (row, entry, &state), is_selected);
    }
}

fn line(
    buffer: &mut Buffer,
    area: Rect,
    model: &Model,
    (row, entry, state): (&Row, &Entry, &RowState),
    is_selected: bool,
) {
    let look = model.look;
    let [open, closed] = look.folds();
    let fold = |is_open: bool| if is_open { open } else { closed };
    let (before, name, style) = match row {
        Row::Host { is_open, .. } => (fold(*is_open).to_owned(), entry.host.to_string(), look.title()),
        Row::Plugin { is_open, .. } => (format!("  {}", fold(*is_open)), entry.plugin.to_string(), Style::new()),
        Row::Value { is_flat, .. } => {
            let pin = if model.pins.contains(&entry.id) { look.pin() } else { "  " };
            let name = if *is_flat { entry.title() } else { entry.name.to_string() };
            (format!("{pin}{}", if *is_flat { "" } else { "  " }), name, Style::new())
        }
    };
    let standing = match state.standing {
        Standing::Good => Style::new(),
        Standing::Doubtful => look.warning(),
        Standing::Missing => look.bad(),
    };
    let width = usize::from(area.width);
    let spark = if matches!(row, Row::Value { .. }) && width >= 28 { SPARK + width.saturating_sub(32) / 4 } else { 0 };
    let number = match row {
        Row::Value { .. } => NUMBER.max(state.text.width()),
        _ => state.text.width() + 1,
    };
    let rest = width.saturating_sub(number + spark + usize::from(spark > 0));
    let style = if is_selected { style.patch(look.selected()) } else { style };
    if is_selected {
        buffer.set_style(area, look.selected());
    }
    let (name, room) = (look.text(&name), rest.saturating_sub(before.width()));
    // The end of a name tells values apart.
    let name = match row {
        Row::Value { is_flat: true, .. } => fit_both(&name, room, look),
        Row::Value { .. } => fit_end(&name, room, look),
        _ => fit(&name, room, look),
    };
    buffer.set_stringn(area.x, area.y, before + &name, rest, style);
    let number = format!("{:>number$}", look.text(&state.text));
    let (x, _) = buffer.set_stringn(area.x + cells(rest), area.y, number, width - rest, standing);
    if spark > 0 {
        let style = Style::new().fg(look.line(0));
        buffer.set_string(x + 1, area.y, sparkline(look, &state.spark, spark), style);
    }
}

/// As much of a text as there is room for, with a sign if that is not all.
pub(super) fn fit(text: &str, width: usize, look: Look) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let cut = look.cut();
    let mut fitted = String::new();
    for character in text.chars() {
        let mut next = fitted.clone();
        next.push(character);
        if next.width() + cut.width() > width {
            break;
        }
        fitted = next;
    }
    if width > 0 { fitted + cut } else { fitted }
}

/// As much of the start and of the end of a text as there is room for: hosts differ at the start, values at the end.
pub(super) fn fit_both(text: &str, width: usize, look: Look) -> String {
    if text.width() <= width {
        return text.to_owned();
    }
    let start = fit(text, width / 3, look);
    let room = width.saturating_sub(start.width()) + look.cut().width();
    let end = fit_end(text, room, look);
    start + end.strip_prefix(look.cut()).unwrap_or(&end)
}

/// As much of the end of a text as there is room for.
fn fit_end(text: &str, width: usize, look: Look) -> String {
    let mut left = text;
    while left.width() + look.cut().width() > width && text.width() > width {
        let mut characters = left.chars();
        if characters.next().is_none() {
            return String::new();
        }
        left = characters.as_str();
    }
    if left.len() == text.len() { text.to_owned() } else { format!("{}{left}", look.cut()) }
}

/// A width as the terminal counts.
pub(super) fn cells(width: usize) -> u16 {
    u16::try_from(width).unwrap_or(u16::MAX)
}

/// The last lines: keys, what is to be known for a moment, or the filter that is written. Where the cursor is, if there is one.
fn footer(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot) -> Option<(u16, u16)> {
    let (look, width) = (model.look, usize::from(area.width));
    if area.height == 0 {
        return None;
    }
    if model.prompt.is_open {
        return Some(prompt(buffer, area, model));
    }
    let (text, style) = match (&model.message, &snapshot.note) {
        (Some(message), _) => (message.clone(), look.title()),
        (None, Some((tone, note))) => {
            let style = if *tone == crate::watching::Tone::Plain { Style::new() } else { look.warning() };
            (super::snapshot::harmless(note), style)
        }
        (None, None) => {
            keys(buffer, area, model);
            return None;
        }
    };
    buffer.set_string(area.x, area.y, fit(&format!(" {}", look.text(&text)), width, look), style);
    None
}

/// The keys that are of use here, as many as there is room for.
fn keys(buffer: &mut Buffer, area: Rect, model: &Model) {
    let keys: &[(&str, &str)] = match model.view {
        View::Senders => &[("q", "quit"), ("t", "back"), ("w", "csv"), ("?", "help")],
        View::News => &[("q", "quit"), ("n", "back"), ("w", "csv"), ("?", "help")],
        _ if model.frozen.is_some() => {
            &[("space", "go on"), ("left right", "read"), ("+/-", "zoom"), ("w", "csv"), ("?", "help"), ("q", "quit")]
        }
        _ => &[
            ("?", "help"),
            ("q", "quit"),
            ("/", "filter"),
            ("enter", "pin"),
            ("space", "freeze"),
            ("+/-", "zoom"),
            ("e", "expand"),
            ("g", "grid"),
            ("a", "overlay"),
            ("s", "sort"),
            ("t", "senders"),
            ("n", "news"),
            ("r", "raw"),
            ("w", "csv"),
        ],
    };
    let mut x = area.x + 1;
    for (key, what) in keys {
        let room = area.right().saturating_sub(x);
        if usize::from(room) < key.len() + what.len() + 1 {
            break;
        }
        let line = Line::from(vec![Span::raw(*key).bold(), Span::styled(format!(" {what}  "), model.look.quiet())]);
        (x, _) = buffer.set_line(x, area.y, &line, room);
    }
}

/// The filter, and what is wrong with it, below the place.
fn prompt(buffer: &mut Buffer, area: Rect, model: &Model) -> (u16, u16) {
    let (prompt, look, width) = (&model.prompt, model.look, usize::from(area.width));
    // What is long is shown around the cursor.
    let skip = (prompt.cursor + 4).saturating_sub(width);
    let text: String = prompt.text.chars().skip(skip).collect();
    buffer.set_stringn(area.x, area.y, format!(" /{}", look.text(&text)), width, look.title());
    let column = |place: usize| -> u16 {
        let before: String = prompt.text.chars().skip(skip).take(place.saturating_sub(skip)).collect();
        cells(before.width() + 2).min(area.width.saturating_sub(1))
    };
    if area.height > 2 {
        let (line, style) = match &prompt.error {
            Some(error) => {
                let (at, error) = (usize::from(column(error.column.saturating_sub(1))), look.text(&error.to_string()));
                buffer.set_stringn(area.x, area.y + 1, format!("{:at$}^", ""), width, look.bad());
                (format!(" {error}"), look.bad())
            }
            None => {
                let hint = "web*/cpu-*  or  plugin == \"load\" and value > 1   Enter keeps it";
                (format!(" {} fit   {hint}", model.catalog.entries.len()), look.quiet())
            }
        };
        buffer.set_stringn(area.x, area.y + 2, fit(&line, width, look), width, style);
    }
    (area.x + column(prompt.cursor), area.y)
}

fn help(buffer: &mut Buffer, area: Rect, look: Look) {
    let width = 84.min(area.width);
    let height = cells(KEYS.len() + 2).min(area.height);
    let area = Rect { x: area.x + (area.width - width) / 2, y: area.y + (area.height - height) / 2, width, height };
    Clear.render(area, buffer);
    let lines: Vec<_> = KEYS
        .iter()
        .map(|(key, what)| Line::from(vec![Span::raw(format!(" {key:<16} ")).bold(), Span::raw(*what)]))
        .collect();
    let block = Block::bordered().border_set(look.border()).title(" Keys ");
    Paragraph::new(lines).block(block).render(area, buffer);
}
