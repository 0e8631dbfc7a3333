//! What is wrong with a setting, and where it stands.

use std::fmt;
#[cfg(feature = "config")]
use std::path::PathBuf;

#[cfg(feature = "config")]
use collectd_net::Text;

/// Where a setting stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) enum Place {
    /// In this environment variable.
    Variable(String),
    /// In a file; nowhere in particular if there is no line.
    #[cfg(feature = "config")]
    File {
        /// The file.
        path: PathBuf,
        /// The line and column, from 1, and what stands there.
        spot: Option<Spot>,
    },
}

/// A stretch of a line.
#[cfg(feature = "config")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::cli) struct Spot {
    line: usize,
    column: usize,
    text: String,
    width: usize,
}

#[cfg(feature = "config")]
impl Spot {
    /// The place of these octets of a text.
    pub(super) fn new(text: &str, octets: &std::ops::Range<usize>) -> Self {
        let floor = |octet: usize| (0..=octet.min(text.len())).rev().find(|octet| text.is_char_boundary(*octet));
        let (start, end) = (floor(octets.start).unwrap_or(0), floor(octets.end).unwrap_or(0));
        let line_start = text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        let line = text[line_start..].lines().next().unwrap_or_default();
        let end = end.clamp(start, line_start + line.len().max(start - line_start));
        Self {
            line: text[..start].matches('\n').count() + 1,
            column: text[line_start..start].chars().count() + 1,
            text: line.to_owned(),
            width: text[start..end].chars().count().max(1),
        }
    }
}

#[cfg(feature = "config")]
impl Place {
    /// The line and column of the file.
    pub(super) fn line(&self) -> Option<(usize, usize)> {
        match self {
            Self::File { spot: Some(spot), .. } => Some((spot.line, spot.column)),
            _ => None,
        }
    }
}

/// `FILE:LINE:COLUMN`, as editors take it, or the name of the variable.
impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Variable(name) => write!(f, "{}", collectd_net::Text::from(name.as_str())),
            #[cfg(feature = "config")]
            Self::File { path, spot } => {
                write!(f, "{}", crate::cli::shown(path.as_os_str()))?;
                match spot {
                    Some(spot) => write!(f, ":{}:{}", spot.line, spot.column),
                    None => Ok(()),
                }
            }
        }
    }
}

/// What is wrong with a setting.
#[derive(Clone, Debug)]
pub(in crate::cli) struct Problem {
    pub(super) place: Place,
    message: String,
    tip: Option<String>,
}

impl Problem {
    pub(in crate::cli) fn new(place: Place, message: impl Into<String>) -> Self {
        Self { place, message: message.into(), tip: None }
    }

    /// Adds what would help.
    pub(super) fn with_tip(mut self, tip: Option<String>) -> Self {
        self.tip = tip;
        self
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.place, self.message)?;
        if let Some(tip) = &self.tip {
            write!(f, "\n  tip: {tip}")?;
        }
        #[cfg(feature = "config")]
        if let Place::File { spot: Some(Spot { line, column, text, width }), .. } = &self.place {
            let (number, text) = (line.to_string(), Text::from(text.as_str()));
            let (left, marks) = (" ".repeat(number.len()), "^".repeat(*width));
            write!(f, "\n  {number} | {text}\n  {left} | {:column$}{marks}", "", column = column - 1)?;
        }
        Ok(())
    }
}

#[cfg(all(test, feature = "config"))]
mod tests {
    use super::*;

    #[test]
    fn a_spot_has_line_column_and_width_in_characters() {
        let text = "a = 1\nä = \"ö\"\n";
        let spot = |range| {
            let Spot { line, column, text, width } = Spot::new(text, &range);
            (line, column, text, width)
        };
        assert_eq!(spot(0..1), (1, 1, "a = 1".into(), 1));
        assert_eq!(spot(11..15), (2, 5, "ä = \"ö\"".into(), 3));
        // Longer than its line, at the very end, and beyond.
        assert_eq!(spot(4..15), (1, 5, "a = 1".into(), 1));
        assert_eq!(spot(16..16), (3, 1, String::new(), 1));
        assert_eq!(spot(99..120), (3, 1, String::new(), 1));
    }
}
