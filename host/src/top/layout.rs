//! What goes where on a screen of a given size.

use ratatui::layout::Rect;

use super::model::{Model, View};

/// Below this, there is a list and nothing else.
const SMALL: (u16, u16) = (60, 16);
/// The least that a chart is worth.
const CELL: (u16, u16) = (22, 5);
/// Room for the numbers beside a chart.
const LABELS: u16 = 8;

/// The parts of a screen. What there is no room for is empty.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Areas {
    pub(super) header: Rect,
    /// The frame around the tree, and its rows.
    pub(super) tree: Rect,
    pub(super) rows: Rect,
    /// The frames of charts, and what is drawn in.
    pub(super) cells: Vec<Rect>,
    pub(super) plots: Vec<Rect>,
    /// A list of senders, or of all notifications.
    pub(super) list: Rect,
    pub(super) news: Rect,
    pub(super) footer: Rect,
}

impl Areas {
    /// For so many charts at the most.
    pub(super) fn new(area: Rect, model: &Model, charts: usize) -> Self {
        let is_small = area.width < SMALL.0 || area.height < SMALL.1;
        let (header, rest) = top(area, if area.height >= 20 { 2 } else { 1 });
        let (rest, footer) = bottom(rest, if model.prompt.is_open { 3 } else { 1 });
        let mut areas = Self { header, footer, ..Self::default() };
        if matches!(model.view, View::Senders | View::News) {
            areas.list = rest;
            return areas;
        }
        if is_small {
            (areas.tree, areas.rows) = (rest, rest);
            return areas;
        }
        let news = if !model.shows_news || area.height < 20 { 0 } else { (area.height / 8).clamp(4, 9) };
        let (rest, news) = bottom(rest, news);
        areas.news = news;
        let mut body = rest;
        if model.view == View::Charts {
            let width = (area.width / 3).clamp(34, 52);
            areas.tree = Rect { width, ..rest };
            areas.rows = inner(areas.tree);
            body = Rect { x: rest.x + width, width: rest.width - width, ..rest };
        }
        areas.cells = cells(body, charts);
        areas.plots = areas.cells.iter().map(|cell| plot(*cell)).collect();
        areas
    }

    /// How many rows of the tree are to be seen.
    pub(super) fn page(&self) -> usize {
        usize::from(self.rows.height)
    }

    /// How many lines of a list.
    pub(super) fn lines(&self) -> usize {
        usize::from(inner(self.list).height.saturating_sub(1))
    }
}

fn top(area: Rect, height: u16) -> (Rect, Rect) {
    let height = height.min(area.height);
    (Rect { height, ..area }, Rect { y: area.y + height, height: area.height - height, ..area })
}

fn bottom(area: Rect, height: u16) -> (Rect, Rect) {
    let (rest, bottom) = top(area, area.height.saturating_sub(height));
    (rest, bottom)
}

/// What is within a frame.
pub(super) fn inner(area: Rect) -> Rect {
    Rect {
        x: area.x + 1.min(area.width),
        y: area.y + 1.min(area.height),
        width: area.width.saturating_sub(2),
        height: area.height.saturating_sub(2),
    }
}

/// A grid of as many cells as have room.
fn cells(area: Rect, count: usize) -> Vec<Rect> {
    let (mut columns, mut rows) = match count {
        0 => return Vec::new(),
        1 => (1, 1),
        2 => (1, 2),
        3..=4 => (2, 2),
        5..=6 => (2, 3),
        _ => (3, 3),
    };
    columns = columns.min(area.width / CELL.0).max(1);
    rows = rows.min(area.height / CELL.1).max(1);
    let share = |whole: u16, parts: u16, part: u16| {
        let edge = |part: u16| u32::from(whole) * u32::from(part) / u32::from(parts);
        let edge = |part: u16| u16::try_from(edge(part)).unwrap_or(whole);
        (edge(part), edge(part + 1) - edge(part))
    };
    let places = (0..rows).flat_map(|row| (0..columns).map(move |column| (row, column)));
    let cell = |(row, column)| {
        let ((x, width), (y, height)) = (share(area.width, columns, column), share(area.height, rows, row));
        Rect { x: area.x + x, y: area.y + y, width, height }
    };
    places.take(count).map(cell).collect()
}

fn plot(cell: Rect) -> Rect {
    let inner = inner(cell);
    let labels = LABELS.min(inner.width / 3);
    Rect { x: inner.x + labels, width: inner.width - labels, ..inner }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::top::look::Look;

    fn areas(width: u16, height: u16, charts: usize) -> Areas {
        Areas::new(Rect::new(0, 0, width, height), &Model::new(Look { color: false, ascii: false }), charts)
    }

    #[test]
    fn everything_has_a_place_of_its_own_on_any_screen() {
        for (width, height) in [(80, 24), (150, 42), (60, 16), (59, 24), (80, 15), (300, 90), (1, 1), (10, 3), (0, 0)] {
            for charts in [0, 1, 2, 4, 9] {
                let areas = areas(width, height, charts);
                let parts: Vec<_> = [areas.header, areas.tree, areas.news, areas.footer]
                    .into_iter()
                    .chain(areas.cells.clone())
                    .collect();
                for (place, part) in parts.iter().enumerate() {
                    assert!(part.right() <= width && part.bottom() <= height, "{width}x{height}: {areas:?}");
                    let others = &parts[place + 1..];
                    assert!(others.iter().all(|other| !part.intersects(*other)), "{width}x{height}: {areas:?}");
                }
                for (plot, cell) in areas.plots.iter().zip(&areas.cells) {
                    assert!(cell.intersection(*plot) == *plot && plot.width > 0, "{areas:?}");
                }
            }
        }
    }

    #[test]
    fn there_are_as_many_charts_as_have_room() {
        assert_eq!([1, 2, 4, 9].map(|charts| areas(150, 42, charts).cells.len()), [1, 2, 4, 9]);
        assert_eq!(areas(80, 24, 4).cells.len(), 4);
        assert!(areas(59, 24, 4).cells.is_empty() && areas(80, 15, 4).cells.is_empty());
    }
}
