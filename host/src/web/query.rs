//! What a client asks for, behind the question mark.

use collectd_net::Time;

use crate::fleet::SeriesId;
use crate::{Selection, SelectionError};

/// Series, hosts and senders that are shown at the most, each: unless the client says, and if it does.
const LIMIT: (usize, usize) = (2000, 10_000);

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// Items that are wanted; all without one.
    pub(super) filter: Option<Selection>,
    /// Names of series that are wanted besides.
    pub(super) pins: Vec<String>,
    /// And what series are called on all hosts.
    pub(super) overlays: Vec<String>,
    /// How much of each is.
    pub(super) limit: usize,
    /// Series, by their ids.
    pub(super) ids: Vec<SeriesId>,
    /// Which stream shows these.
    pub(super) stream: Option<u64>,
    /// Points behind this time are wanted.
    pub(super) since: Option<Time>,
    /// Notifications behind this number are.
    pub(super) behind: u64,
}

/// What is wrong with a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct QueryError {
    pub(super) message: String,
    /// Where in the filter.
    pub(super) column: Option<usize>,
}

impl Query {
    /// Reads what stands behind the question mark.
    pub(super) fn new(text: &str) -> Result<Self, QueryError> {
        let mut query = Self {
            filter: None,
            pins: Vec::new(),
            overlays: Vec::new(),
            limit: LIMIT.0,
            ids: Vec::new(),
            stream: None,
            since: None,
            behind: 0,
        };
        for (key, value) in form_urlencoded::parse(text.as_bytes()) {
            query.set(&key, &value)?;
        }
        Ok(query)
    }

    fn set(&mut self, key: &str, value: &str) -> Result<(), QueryError> {
        match key {
            "filter" if value.trim().is_empty() => self.filter = None,
            "filter" => self.filter = Some(Selection::new(value)?),
            "pin" => self.pins.push(value.into()),
            "overlay" => self.overlays.push(value.into()),
            "limit" => self.limit = number::<usize>(key, value)?.clamp(1, LIMIT.1),
            "id" => self.ids.push(value.parse().map_err(|error| QueryError::of(key, value, error))?),
            "stream" => self.stream = Some(number(key, value)?),
            "since" => self.since = Some(seconds(key, value)?),
            "behind" => self.behind = number(key, value)?,
            _ => {
                let name = collectd_net::Text::from(key);
                return Err(QueryError { message: format!("there is no parameter '{name}'"), column: None });
            }
        }
        Ok(())
    }
}

impl QueryError {
    fn of(key: &str, value: &str, reason: impl std::fmt::Display) -> Self {
        Self { message: format!("{key}={}: {reason}", collectd_net::Text::from(value)), column: None }
    }
}

impl From<SelectionError> for QueryError {
    fn from(error: SelectionError) -> Self {
        Self { message: error.to_string(), column: Some(error.column) }
    }
}

fn number<N: std::str::FromStr>(key: &str, value: &str) -> Result<N, QueryError> {
    value.parse().map_err(|_| QueryError::of(key, value, "expected a number"))
}

/// Seconds since the epoch, with or without a fraction.
fn seconds(key: &str, value: &str) -> Result<Time, QueryError> {
    let seconds: f64 = number(key, value)?;
    let since = std::time::Duration::try_from_secs_f64(seconds).map_err(|error| QueryError::of(key, value, error))?;
    Time::try_from(since).map_err(|error| QueryError::of(key, value, error))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> QueryError {
        Query::new(text).expect_err(text)
    }

    #[test]
    fn what_is_asked_is_understood() {
        let query = Query::new(
            "filter=host+%3D%3D+%22h%22&pin=a%2Fb&pin=c&overlay=d&limit=99999&id=1.2&stream=7&since=1.5&behind=3",
        );
        let query = query.expect("a query");
        assert!(query.filter.is_some());
        assert_eq!(
            (query.pins, query.overlays, query.limit),
            (vec!["a/b".into(), "c".into()], vec!["d".into()], 10_000)
        );
        assert_eq!((query.ids[0].to_string(), query.stream, query.behind), ("1.2".into(), Some(7), 3));
        assert_eq!(query.since.map(Time::raw), Some(3 << 29));
        assert!(Query::new("filter=+").expect("no filter").filter.is_none());
    }

    #[test]
    fn what_is_wrong_is_told_with_its_place() {
        assert_eq!(error("filter=host+%3D%3D").column, Some(8));
        assert_eq!(error("limit=x").message, "limit=x: expected a number");
        assert_eq!(error("limit=-1").message, "limit=-1: expected a number");
        assert_eq!(error("fitler=x").message, "there is no parameter 'fitler'");
        assert_eq!(error("a%1b=x").message, r"there is no parameter 'a\x1b'");
        for text in ["since=-1", "since=nan", "since=1e300", "id=1", "stream=-2", "behind="] {
            assert_eq!(error(text).column, None, "{text}");
        }
    }
}
