//! How it looks: colours or none, characters that any font has or those that are prettier.

use collectd_net::Severity;
use ratatui::style::{Color, Modifier, Style};
use ratatui::symbols::{Marker, border};

/// Colours of the lines in a chart, told apart on light and on dark.
const LINES: [Color; 6] = [Color::Cyan, Color::Yellow, Color::Magenta, Color::Green, Color::Blue, Color::Red];

/// What the terminal can show. All colours are of the sixteen that every terminal has, as its user wants them.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Look {
    /// Whether there are colours.
    pub(crate) color: bool,
    /// Whether there is nothing but ASCII.
    pub(crate) ascii: bool,
}

impl Look {
    fn colored(self, color: Color) -> Style {
        if self.color { Style::new().fg(color) } else { Style::new() }
    }

    /// What is least important.
    pub(super) fn quiet(self) -> Style {
        if self.color { Style::new().fg(Color::DarkGray) } else { Style::new() }
    }

    /// A title.
    pub(super) fn title(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Where the keys go.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }

    /// What is as it should be.
    pub(super) fn good(self) -> Style {
        self.colored(Color::Green)
    }

    /// What had better not be so.
    pub(super) fn warning(self) -> Style {
        self.colored(Color::Yellow).add_modifier(Modifier::BOLD)
    }

    /// What is wrong.
    pub(super) fn bad(self) -> Style {
        self.colored(Color::Red).add_modifier(Modifier::BOLD)
    }

    /// A severity.
    pub(super) fn severity(self, severity: Severity) -> Style {
        match severity {
            Severity::Failure => self.bad(),
            Severity::Warning => self.warning(),
            _ => self.good(),
        }
    }

    /// The color of a line of a chart.
    pub(super) fn line(self, place: usize) -> Color {
        if self.color { LINES[place % LINES.len()] } else { Color::Reset }
    }

    /// What lines are drawn with. Without colours, they are told apart by this in ASCII.
    pub(super) const fn marker(self) -> Marker {
        if self.ascii { Marker::Custom('*') } else { Marker::Braille }
    }

    /// The frame around something.
    pub(super) const fn border(self) -> border::Set<'static> {
        if self.ascii {
            border::Set {
                top_left: "+",
                top_right: "+",
                bottom_left: "+",
                bottom_right: "+",
                vertical_left: "|",
                vertical_right: "|",
                horizontal_top: "-",
                horizontal_bottom: "-",
            }
        } else {
            border::PLAIN
        }
    }

    /// Before what is open in the tree, and what is not.
    pub(super) const fn folds(self) -> [&'static str; 2] {
        if self.ascii { ["v ", "> "] } else { ["▾ ", "▸ "] }
    }

    /// Before what is pinned.
    pub(super) const fn pin(self) -> &'static str {
        if self.ascii { "* " } else { "● " }
    }

    /// That it goes on, and that it stands still.
    pub(super) const fn states(self) -> [&'static str; 2] {
        if self.ascii { [">", "||"] } else { ["▶", "❚❚"] }
    }

    /// What was cut off.
    pub(super) const fn cut(self) -> &'static str {
        if self.ascii { "~" } else { "…" }
    }

    /// Heights of a column of a small graph, from low to high.
    pub(super) const fn columns(self) -> &'static [char] {
        if self.ascii {
            &['_', '.', '-', '=', '+', '*', '#']
        } else {
            &['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█']
        }
    }

    /// A text that has nothing but what may be shown.
    pub(super) fn text(self, text: &str) -> String {
        if self.ascii && !text.is_ascii() { text.chars().flat_map(escaped).collect() } else { text.to_owned() }
    }
}

fn escaped(character: char) -> Vec<char> {
    if character.is_ascii() { vec![character] } else { character.escape_unicode().collect() }
}

/// The latest numbers as a small graph.
pub(super) fn sparkline(look: Look, numbers: &[f32], width: usize) -> String {
    let latest = &numbers[numbers.len().saturating_sub(width)..];
    let finite = || latest.iter().copied().filter(|number| number.is_finite());
    let (low, high) = (finite().fold(f32::INFINITY, f32::min), finite().fold(f32::NEG_INFINITY, f32::max));
    let columns = look.columns();
    let column = |number: &f32| {
        if !number.is_finite() {
            return ' ';
        }
        let share = if high > low { (number - low) / (high - low) } else { 0.0 };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of a few columns")]
        let place = (share * (columns.len() - 1) as f32).round() as usize;
        columns.get(place).copied().unwrap_or(' ')
    };
    let text: String = latest.iter().map(column).collect();
    format!("{text:>width$}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_graph_has_the_height_of_its_numbers() {
        let (pretty, plain) = (Look { color: true, ascii: false }, Look { color: false, ascii: true });
        assert_eq!(sparkline(pretty, &[9.0, 0.0, 3.5, 7.0], 3), "▁▅█");
        assert_eq!(sparkline(pretty, &[5.0, 5.0], 4), "  ▁▁");
        assert_eq!(sparkline(plain, &[0.0, f32::NAN, 1.0], 3), "_ #");
        assert_eq!(sparkline(plain, &[], 2), "  ");
    }

    #[test]
    fn plain_text_is_ascii() {
        assert_eq!(Look { color: true, ascii: true }.text("21 °C"), "21 \\u{b0}C");
        assert_eq!(Look { color: true, ascii: false }.text("21 °C"), "21 °C");
    }
}
