//! Colours, for terminals.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use collectd_net::Severity;

/// Of times.
pub const TIME: Style = Style::new().dimmed();
/// Of names.
pub const NAME: Style = Style::new().bold();
/// Of values.
pub const VALUE: Style = AnsiColor::Cyan.on_default();
/// Of what is said besides.
pub const ASIDE: Style = Style::new().dimmed();
/// Of what was refused.
pub const REFUSED: Style = AnsiColor::Red.on_default();

/// Of a notification.
#[must_use]
pub const fn severity(severity: Severity) -> Style {
    match severity {
        Severity::Failure => AnsiColor::Red.on_default().bold(),
        Severity::Warning => AnsiColor::Yellow.on_default().bold(),
        Severity::Okay => AnsiColor::Green.on_default().bold(),
    }
}

/// Whether there are colours.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Paint(pub bool);

impl Paint {
    /// What `write` appends, in this style.
    pub fn with(self, style: Style, out: &mut String, write: impl FnOnce(&mut String)) {
        if !self.0 {
            return write(out);
        }
        // A `String` takes everything.
        _ = write!(out, "{style}");
        write(out);
        _ = write!(out, "{style:#}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn there_are_colours_only_where_they_are_wanted() {
        let painted = |on| {
            let mut out = String::new();
            Paint(on).with(severity(Severity::Failure), &mut out, |out| out.push_str("FAILURE"));
            out
        };
        assert_eq!(painted(false), "FAILURE");
        assert_eq!(painted(true), "\u{1b}[1m\u{1b}[31mFAILURE\u{1b}[0m");
    }
}
