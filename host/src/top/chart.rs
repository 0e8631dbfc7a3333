//! A chart: lines over time, with numbers beside them.

use ratatui::buffer::Buffer;
use ratatui::layout::Rect;
use ratatui::style::{Color, Style};
use ratatui::text::{Line as Text, Span};
use ratatui::widgets::canvas::{Canvas, Line, Points};
use ratatui::widgets::{Block, Widget as _};
use unicode_width::UnicodeWidthStr as _;

use super::draw::{cells, fit, fit_both};
use super::look::Look;
use super::model::Model;
use super::snapshot::{Chart, Standing};

/// The share of a range that is left free above and below.
const FREE: f64 = 0.05;
/// The least width of a chart that names its lines.
const NAMED: u16 = 44;

pub(super) fn draw(buffer: &mut Buffer, (cell, plot): (Rect, Rect), model: &Model, chart: &Chart) {
    let look = model.look;
    Block::bordered().border_set(look.border()).border_style(look.quiet()).render(cell, buffer);
    title(buffer, cell, model, chart);
    let window = f64::from(model.window());
    let range = range(chart, window);
    labels(buffer, cell, plot, look, range, chart);
    axis(buffer, cell, model);
    if plot.width == 0 || plot.height == 0 {
        return;
    }
    let bounds = (-window, range.0, range.1);
    if chart.lines.iter().any(|line| !line.band.is_empty()) {
        canvas(plot, look, bounds, |context| {
            for (x, low, high) in chart.lines.iter().flat_map(|line| &line.band) {
                context.draw(&Line::new(*x, *low, *x, *high, if look.color { Color::DarkGray } else { Color::Reset }));
            }
        })
        .render(plot, buffer);
    }
    canvas(plot, look, bounds, |context| {
        if let Some(frozen) = model.frozen {
            context.draw(&Line::new(-frozen.before, range.0, -frozen.before, range.1, Color::Reset));
            context.layer();
        }
        for (place, line) in chart.lines.iter().enumerate().rev() {
            let color = look.line(place);
            for pair in line.points.windows(2) {
                let [(x1, y1), (x2, y2)] = [pair[0], pair[1]];
                if y1.is_finite() && y2.is_finite() {
                    context.draw(&Line::new(x1, y1, x2, y2, color));
                }
            }
            // What has no neighbour is a dot.
            let dots: Vec<_> = line.points.iter().copied().filter(|(_, y)| y.is_finite()).collect();
            context.draw(&Points::new(&dots, color));
            context.layer();
        }
    })
    .render(plot, buffer);
    if chart.lines.len() > 1 {
        legend(buffer, plot, look, chart);
    }
}

fn canvas<'a, F: Fn(&mut ratatui::widgets::canvas::Context<'_>)>(
    _: Rect,
    look: Look,
    (left, low, high): (f64, f64, f64),
    paint: F,
) -> Canvas<'a, F> {
    Canvas::default().marker(look.marker()).x_bounds([left, 0.0]).y_bounds([low, high]).paint(paint)
}

/// What there is to be seen within the window, with some room.
fn range(chart: &Chart, window: f64) -> (f64, f64) {
    let visible = |x: &f64| *x >= -window;
    let points = chart.lines.iter().flat_map(|line| &line.points);
    let points = points.filter(|(x, y)| visible(x) && y.is_finite()).map(|(_, y)| (*y, *y));
    let bands = chart.lines.iter().flat_map(|line| &line.band);
    let bands = bands.filter(|(x, low, high)| visible(x) && low.is_finite() && high.is_finite());
    let all = points.chain(bands.map(|(_, low, high)| (*low, *high)));
    let (low, high) = all.fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), (a, b)| (low.min(a), high.max(b)));
    if low > high {
        return (0.0, 1.0);
    }
    // From nothing on, unless all of it is far from that.
    let low = if low >= 0.0 && low < high * 0.6 { 0.0 } else { low };
    let span = high - low;
    if !(span.is_finite() && span > 0.0 && span > high.abs() * 1e-9) {
        let half = (high.abs() * 0.1).clamp(0.5, f64::MAX / 4.0);
        return (if high >= 0.0 && high < half { 0.0 } else { high - half }, high + half);
    }
    (if low == 0.0 { 0.0 } else { low - span * FREE }, high + span * FREE)
}

fn title(buffer: &mut Buffer, cell: Rect, model: &Model, chart: &Chart) {
    let look = model.look;
    let width = usize::from(cell.width.saturating_sub(2));
    let value = match (&chart.raw, chart.lines.as_slice()) {
        (Some(raw), _) => raw.clone(),
        (None, [line]) => chart.unit.show(line.value),
        (None, lines) => format!("{} hosts", lines.len() + chart.others),
    };
    let value = look.text(&value);
    let name = fit_both(&look.text(&chart.title), width.saturating_sub(value.width() + 3), look);
    let style = if chart.standing == Standing::Missing { look.bad() } else { look.title() };
    let color = Style::new().fg(look.line(0));
    let line = Text::from(vec![
        Span::raw(" "),
        Span::styled(name, style),
        Span::raw(" "),
        Span::styled(value, if chart.lines.len() == 1 { color } else { look.quiet() }),
        Span::raw(" "),
    ]);
    buffer.set_line(cell.x + 1, cell.y, &line, cells(width));
}

/// Numbers on the left: the most, the least, and what is between them.
fn labels(buffer: &mut Buffer, cell: Rect, plot: Rect, look: Look, (low, high): (f64, f64), chart: &Chart) {
    let width = usize::from(plot.x - cell.x - 1);
    if width < 3 || plot.height < 2 {
        return;
    }
    let mut label = |row: u16, number: f64| {
        let text = look.text(&chart.unit.show(number)).replace("/s", "");
        let text = fit(&text, width.saturating_sub(1), look);
        buffer.set_stringn(cell.x + 1, plot.y + row, format!("{text:>width$}", width = width - 1), width, look.quiet());
    };
    label(0, high);
    label(plot.height - 1, low);
    if plot.height >= 5 {
        let middle = plot.height / 2;
        let share = f64::from(middle) / f64::from(plot.height - 1);
        label(middle, high - (high - low) * share);
    }
}

/// Times below.
fn axis(buffer: &mut Buffer, cell: Rect, model: &Model) {
    let look = model.look;
    let (y, window) = (cell.bottom().saturating_sub(1), model.window());
    let span = |seconds: u32| match seconds {
        seconds if seconds % 3600 == 0 => format!("-{}h", seconds / 3600),
        seconds if seconds % 60 == 0 => format!("-{}m", seconds / 60),
        seconds => format!("-{seconds}s"),
    };
    let (start, end) = (span(window), if model.frozen.is_some() { "then" } else { "now" });
    if usize::from(cell.width) < start.len() + end.len() + 6 {
        return;
    }
    buffer.set_string(cell.x + 2, y, &start, look.quiet());
    buffer.set_string(cell.right() - 2 - cells(end.len()), y, end, look.quiet());
    if let Some(frozen) = model.frozen {
        let text = format!(" -{:.0}s ", frozen.before);
        let x = cell.x + (cell.width.saturating_sub(cells(text.len()))) / 2;
        buffer.set_string(x, y, text, look.warning());
    }
}

/// Whose the lines are: those with the highest values, in the order of these.
fn legend(buffer: &mut Buffer, plot: Rect, look: Look, chart: &Chart) {
    if plot.width < NAMED {
        return;
    }
    let width = usize::from(plot.width / 3).min(32);
    let x = plot.right() - cells(width);
    let lines = usize::from(plot.height);
    for (place, line) in chart.lines.iter().take(lines).enumerate() {
        let is_last = place + 1 == lines && chart.lines.len() + chart.others > lines;
        let text = if is_last {
            format!("{} more", chart.lines.len() + chart.others - place)
        } else {
            let value = chart.unit.show(line.value);
            let name = fit(&line.host, width.saturating_sub(value.width() + 1), look);
            format!("{:>width$}", look.text(&format!("{name} {value}")))
        };
        let style = if is_last { look.quiet() } else { Style::new().fg(look.line(place)) };
        buffer.set_stringn(x, plot.y + cells(place), format!("{text:>width$}"), width, style);
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::Time;

    use super::*;
    use crate::top::number::Unit;
    use crate::top::snapshot::Line;

    fn of(points: &[(f64, f64)]) -> Chart {
        let line = Line { host: "h".into(), points: points.to_vec(), band: Vec::new(), value: 0.0 };
        let (title, end) = ("t".into(), Time::default());
        Chart { title, unit: Unit::default(), lines: vec![line], others: 0, end, raw: None, standing: Standing::Good }
    }

    #[test]
    fn a_chart_begins_at_nothing_unless_all_is_far_from_that() {
        let of = |values: [f64; 2]| range(&of(&[(-2.0, values[0]), (-1.0, values[1])]), 60.0);
        assert_eq!(of([0.0, 100.0]), (0.0, 105.0));
        assert_eq!(of([1000.0, 1100.0]), (995.0, 1105.0));
        assert_eq!(of([-10.0, 10.0]), (-11.0, 11.0));
        assert_eq!(of([0.0, 0.0]), (0.0, 0.5));
        assert_eq!(of([5.0, 5.0]), (4.5, 5.5));
        assert_eq!(of([f64::NAN, f64::NAN]), (0.0, 1.0));
    }

    #[test]
    fn ranges_are_finite_whatever_the_values_are() {
        for values in [[f64::MAX, f64::MIN], [f64::MAX, f64::MAX], [1e-300, 2e-300], [f64::INFINITY, 1.0], [-5.0, -5.0]]
        {
            let (low, high) = range(&of(&[(-2.0, values[0]), (-1.0, values[1])]), 60.0);
            assert!(low < high && !low.is_nan() && !high.is_nan(), "{values:?}: {low} to {high}");
        }
    }

    #[test]
    fn what_is_out_of_the_window_does_not_count() {
        assert_eq!(range(&of(&[(-70.0, 1e9), (-1.0, 10.0), (0.0, 0.0)]), 60.0), (0.0, 10.5));
    }
}
