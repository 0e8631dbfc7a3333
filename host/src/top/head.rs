//! The first lines: where it comes from, how much, and all that was lost.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::Style;
use ratatui::text::{Line, Span};
use unicode_width::UnicodeWidthStr as _;

use super::draw::fit;
use super::model::Model;
use super::number::{ago, count, short};
use super::snapshot::Snapshot;
use crate::watching::State;

/// Short names of what is lost, left out or refused, in the order of [`Totals::losses`](crate::watching::Totals::losses), and
/// whether it is worse than that nobody wanted it.
const WORDS: [(&str, bool); 16] = [
    ("kernel", true),
    ("errors", true),
    ("sources", false),
    ("own", false),
    ("copies", false),
    ("queue", true),
    ("seals", true),
    ("skipped", false),
    ("refused", true),
    ("item-copies", false),
    ("filtered", false),
    ("old", false),
    ("no-host", true),
    ("no-series", true),
    ("no-name", true),
    ("untold", false),
];

pub(super) fn header(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot) {
    if area.height == 0 {
        return;
    }
    let (look, width) = (model.look, usize::from(area.width));
    let number = |number: usize| count(number as u64);
    let (sizes, totals) = (snapshot.sizes, &snapshot.totals);
    let [goes, stands] = look.states();
    let window = ago(std::time::Duration::from_secs(model.window().into())).replace("60s", "1m");
    let (state, style) = match (&snapshot.state, model.frozen) {
        (_, Some(_)) => (format!("{stands} frozen {window} "), look.warning()),
        (State::Running, None) => (format!("{goes} live {window} "), look.good()),
        (State::Ended, None) => (format!("{stands} ended {window} "), look.title()),
        (State::Failed(_), None) => (format!("{stands} failed {window} "), look.bad()),
    };
    let lost = totals.lost();
    let missing = if snapshot.missing > 0 { format!("  {} missing", snapshot.missing) } else { String::new() };
    let left = [
        (" collectd-tap".to_owned(), look.title()),
        (format!("  {} pkt/s", short(snapshot.rates.0)), Style::new()),
        (format!("  {} val/s", short(snapshot.rates.1)), Style::new()),
        (format!("  {} hosts", number(sizes.hosts)), Style::new()),
        (format!("  {} values", number(sizes.values)), Style::new()),
        (missing, look.bad()),
        (format!("  lost {lost}"), if lost > 0 { look.bad() } else { Style::new() }),
    ];
    let used: usize = left.iter().map(|(text, _)| text.width()).sum();
    let room = width.saturating_sub(used + state.width() + 3);
    let mut spans: Vec<_> = left.into_iter().map(|(text, style)| Span::styled(text, style)).collect();
    if used + state.width() > width {
        // What it is called is known.
        spans[0] = Span::raw("");
    }
    if room >= 12 {
        // What is told of buffers is told at the start.
        let source = snapshot.source.split(", receive buffer").next().unwrap_or_default();
        spans.insert(1, Span::styled(format!("  {}", fit(&look.text(source), room, look)), look.quiet()));
    }
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
    let x = area.right().saturating_sub(super::draw::cells(state.width()));
    buffer.set_stringn(x, area.y, state, width, style);
    if area.height > 1 {
        losses(buffer, Rect { y: area.y + 1, height: 1, ..area }, model, snapshot);
    }
}

/// Everything that did not come through: first what there is of it.
fn losses(buffer: &mut Buffer, area: Rect, model: &Model, snapshot: &Snapshot) {
    let look = model.look;
    let counted = snapshot.totals.losses().map(|(count, ..)| count).zip(WORDS);
    let (some, none): (Vec<_>, Vec<_>) = counted.partition(|(count, _)| *count > 0);
    let mut spans = vec![Span::raw(" ")];
    for (count, (word, is_bad)) in some {
        let style = if is_bad { look.bad() } else { look.warning() };
        spans.push(Span::styled(format!("{word} {count}"), style));
        if word == "refused" {
            let mut causes = snapshot.totals.counts.refused.clone();
            causes.sort_by_key(|(_, count)| std::cmp::Reverse(*count));
            let causes: Vec<_> = causes.iter().map(|(cause, count)| format!("{cause} {count}")).collect();
            spans.push(Span::styled(format!(" ({})", causes.join(", ")), look.quiet()));
        }
        spans.push(Span::raw("  "));
    }
    let names: Vec<_> = none.iter().map(|(_, (word, _))| *word).collect();
    let used: usize = spans.iter().map(Span::width).sum();
    let names = fit(&format!("0 {}", names.join(", ")), usize::from(area.width).saturating_sub(used), look);
    spans.push(Span::styled(names, look.quiet()));
    buffer.set_line(area.x, area.y, &Line::from(spans), area.width);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::watching::Totals;

    #[test]
    fn every_loss_has_its_word() {
        assert_eq!(Totals::default().losses().count(), WORDS.len());
        for ((_, what, _), (word, _)) in Totals::default().losses().zip(WORDS) {
            assert!(!word.is_empty() && !what.is_empty());
        }
        let place = Totals::default().losses().position(|(_, what, _)| what == "refusal");
        assert_eq!(place.map(|place| WORDS[place].0), Some("refused"));
    }
}
