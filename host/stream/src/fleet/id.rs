//! What names hosts and series, as text: `17.2` is what is second at place 17.

use std::fmt;
use std::str::FromStr;

use super::view::{HostId, SeriesId};

/// A text that names nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoId;

impl fmt::Display for NoId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("expected two numbers with a point between them")
    }
}

impl std::error::Error for NoId {}

impl fmt::Display for HostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl fmt::Display for SeriesId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.0, self.1)
    }
}

impl FromStr for SeriesId {
    type Err = NoId;

    fn from_str(text: &str) -> Result<Self, NoId> {
        let (place, generation) = text.split_once('.').ok_or(NoId)?;
        let number = |digits: &str| digits.parse().map_err(|_| NoId);
        Ok(Self(number(place)?, number(generation)?))
    }
}

impl SeriesId {
    /// The place, which is one of [`places`](super::Store::changed_since) that are reused, and how many have had it.
    #[doc(hidden)]
    pub const fn parts(self) -> (u32, u32) {
        (self.0, self.1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back() {
        for id in [SeriesId(0, 0), SeriesId(u32::MAX, 17)] {
            assert_eq!(id.to_string().parse(), Ok(id));
        }
        for text in ["", ".", "1", "1.", "1.2.3", "-1.2", "4294967296.1"] {
            assert_eq!(text.parse::<SeriesId>(), Err(NoId), "{text}");
        }
    }
}
