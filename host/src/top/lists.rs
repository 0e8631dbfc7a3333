//! Who sends, and what was notified.

use ratatui::buffer::Buffer;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Block, Borders, Row, Table, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::draw::{cells, fit};
use super::layout::inner;
use super::model::Model;
use super::number::{ago, short};
use super::snapshot::{SenderRow, Snapshot, Standing};

/// All who send, the fastest first.
pub(super) fn senders(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot) {
    let look = model.look;
    let missing = snapshot.senders.iter().filter(|row| row.standing == Standing::Missing).count();
    let title = format!(" Senders {}, {missing} missing ", snapshot.senders.len());
    let block =
        Block::bordered().border_set(look.border()).border_style(look.quiet()).title(Span::styled(title, look.title()));
    // What there is no room for goes from the right, and what is refused stays.
    let is_wide = area.width >= 110;
    let header = ["Host", "From", "pkt/s", "val/s", "last", "every", "skew", "protected", "refused"];
    let widths: &[Constraint] = &[
        Constraint::Fill(3),
        Constraint::Length(if is_wide { 24 } else { 13 }),
        Constraint::Length(6),
        Constraint::Length(6),
        Constraint::Length(5),
        Constraint::Length(if is_wide { 6 } else { 0 }),
        Constraint::Length(7),
        Constraint::Length(10),
        Constraint::Fill(3),
    ];
    let row = |sender: &SenderRow| {
        let refused: Vec<_> = sender.refused.iter().map(|(word, count)| format!("{word} {count}")).collect();
        let name = match (sender.standing, sender.name.is_empty()) {
            (_, true) => Span::styled("nothing taken", look.warning()),
            (Standing::Missing, _) => Span::styled(look.text(&sender.name), look.bad()),
            _ => Span::raw(look.text(&sender.name)),
        };
        let silent = ago(sender.silent);
        let late = if sender.standing == Standing::Missing { look.bad() } else { Style::new() };
        let skew = sender
            .skew
            .map_or_else(|| "-".into(), |skew| if skew.abs() < 0.05 { "0.0s".into() } else { format!("{skew:+.1}s") });
        let wrong = if sender.skew_is_wrong { look.warning() } else { Style::new() };
        Row::new([
            Line::from(name),
            Line::from(look.text(&sender.from)),
            Line::from(short(sender.rates.0)),
            Line::from(short(sender.rates.1)),
            Line::from(Span::styled(silent, late)),
            Line::from(sender.interval.clone()),
            Line::from(Span::styled(skew, wrong)),
            Line::from(sender.protection.clone()),
            Line::from(Span::styled(refused.join(", "), look.bad())),
        ])
    };
    let room = usize::from(inner(area).height.saturating_sub(1));
    let top = model.list_top.min(snapshot.senders.len().saturating_sub(room));
    let rows = snapshot.senders.iter().skip(top).take(room).map(row);
    let table = Table::new(rows, widths).header(Row::new(header).style(look.title())).block(block).column_spacing(1);
    table.render(area, buffer);
}

/// Notifications, the newest first: a few, or all of them.
pub(super) fn news(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot, is_list: bool) {
    let (look, width) = (model.look, usize::from(area.width));
    let title = Span::styled(" Notifications ", look.title());
    let borders = if is_list { Borders::ALL } else { Borders::TOP };
    Block::new()
        .borders(borders)
        .border_set(look.border())
        .border_style(look.quiet())
        .title(title)
        .render(area, buffer);
    let area =
        if is_list { inner(area) } else { Rect { y: area.y + 1, height: area.height.saturating_sub(1), ..area } };
    let lines = usize::from(area.height);
    let top = if is_list { model.list_top.min(snapshot.news.len().saturating_sub(lines)) } else { 0 };
    if snapshot.news.is_empty() && lines > 0 {
        buffer.set_string(area.x + 1, area.y, "none so far", look.quiet());
    }
    for (place, row) in snapshot.news.iter().skip(top).take(lines).enumerate() {
        let severity = format!("{:<8}", row.severity.name().to_uppercase());
        let used = row.time.width() + severity.width() + 3;
        let room = width.saturating_sub(used);
        let identifier = fit(&look.text(&row.identifier), room / 2, look);
        let message = fit(&look.text(&row.message), room.saturating_sub(identifier.width() + 1), look);
        let line = Line::from(vec![
            Span::styled(format!(" {} ", row.time), look.quiet()),
            Span::styled(severity, look.severity(row.severity)),
            Span::styled(format!(" {identifier} "), look.title()),
            Span::raw(message),
        ]);
        buffer.set_line(area.x, area.y + cells(place), &line, area.width);
    }
}
