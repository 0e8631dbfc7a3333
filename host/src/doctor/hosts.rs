//! Hosts, as senders name them: when they were heard, how often they should be, and what their clocks say.

use std::time::{Duration, Instant};

use collectd_net::{Item, Text};

use super::finding::{Finding, Severity};

/// The interval of a host that does not tell one: collectd's default.
const INTERVAL: Duration = Duration::from_secs(10);
/// A clock that is less wrong than this is right. The network takes some time, too.
const TOLERANCE: f64 = 2.0;
/// After so many intervals without a word, a host is silent.
const SILENT: u32 = 3;

/// A host that was heard.
#[derive(Debug)]
pub(super) struct Host {
    first: Instant,
    last: Instant,
    /// The shortest of its items.
    interval: Option<Duration>,
    /// How old the newest item was when it arrived, at the least, in seconds; below zero if it was from the future.
    age: f64,
}

impl Host {
    pub(super) const fn new(now: Instant) -> Self {
        Self { first: now, last: now, interval: None, age: f64::INFINITY }
    }

    /// Takes note of an item that has arrived now.
    pub(super) fn hear(&mut self, item: &Item<'_>, now: Instant, since_epoch: Duration) {
        self.last = now;
        let seconds = |raw: u64| raw as f64 / f64::from(1 << 30);
        self.age = self.age.min(since_epoch.as_secs_f64() - seconds(item.time().raw()));
        if let Item::ValueList(list) = item
            && let Some(interval) = list.interval
            && let Ok(interval) = Duration::try_from_secs_f64(seconds(interval.raw()))
            && !interval.is_zero()
        {
            self.interval = Some(self.interval.map_or(interval, |known| known.min(interval)));
        }
    }

    /// By how many seconds its clock is ahead, or behind if that is below zero; `None` if it is right.
    ///
    /// What is measured waits for up to an interval before it is sent, so only more than that is behind.
    pub(super) fn skew(&self) -> Option<i64> {
        let oldest = self.interval.unwrap_or(INTERVAL).as_secs_f64() + TOLERANCE;
        // Times are whatever strangers write: the cast stops at the ends.
        (!(-TOLERANCE..=oldest).contains(&self.age)).then_some(-self.age.round() as i64)
    }

    /// What there is to say if it has stopped to send.
    pub(super) fn silence(&self, about: &str, name: &[u8], now: Instant) -> Option<Finding> {
        let interval = self.interval.unwrap_or(INTERVAL);
        let silence = now.saturating_duration_since(self.last);
        let intervals = (silence.as_secs_f64() / interval.as_secs_f64()).floor();
        if intervals < f64::from(SILENT) {
            return None;
        }
        let name = if name.is_empty() { "a host without a name".into() } else { Text::new(name).to_string() };
        let finding = Finding::new(
            Severity::Warning,
            "silent",
            about,
            format!(
                "{name} was heard for {:.0} s, and then nothing for {intervals} intervals of {} s",
                self.last.saturating_duration_since(self.first).as_secs_f64(),
                interval.as_secs_f64()
            ),
            "see on that host whether collectd still runs, and whether the network loses what it sends",
        );
        Some(finding.number("seconds", silence.as_secs()))
    }
}

/// How a clock is wrong, for people.
pub(super) fn skewed(skew: i64) -> String {
    format!("{} s {}", skew.unsigned_abs(), if skew < 0 { "behind" } else { "ahead" })
}

/// What there is to say about a host whose clock is wrong.
pub(super) fn clock(about: &str, name: &[u8], skew: i64) -> Finding {
    let (word, message) = if skew > 0 {
        ("clock-ahead", format!("{}: clock {}", Text::new(name), skewed(skew)))
    } else {
        (
            "clock-behind",
            format!("{}: clock {}, or what it sends waits that long on its way", Text::new(name), skewed(skew)),
        )
    };
    let advice = "set the clock of that host (timedatectl set-ntp true); receivers take its values for the wrong time, or drop them";
    Finding::new(Severity::Warning, word, about, message, advice).number("seconds", skew.unsigned_abs())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn host(interval: Option<u64>, age: f64) -> Host {
        Host { interval: interval.map(Duration::from_secs), age, ..Host::new(Instant::now()) }
    }

    #[test]
    fn only_clocks_beyond_interval_and_network_are_wrong() {
        for (interval, age, skew) in [
            (None, 0.0, None),
            (None, 11.0, None),
            (None, 13.0, Some(-13)),
            (Some(60), 13.0, None),
            (Some(1), 13.0, Some(-13)),
            (None, -1.9, None),
            (None, -93.2, Some(93)),
            (None, f64::INFINITY, Some(i64::MIN)),
            (None, -1e300, Some(i64::MAX)),
        ] {
            assert_eq!(host(interval, age).skew(), skew, "{interval:?} {age}");
        }
        assert_eq!(clock("10.0.0.1", b"web\x1b", 93).message, "web\\x1b: clock 93 s ahead");
        assert!(clock("10.0.0.1", b"web", i64::MIN).message.contains("9223372036854775808 s behind"));
    }

    #[test]
    fn a_host_is_silent_after_three_intervals() {
        let start = Instant::now();
        let host = Host { last: start + Duration::from_secs(10), ..host(Some(2), 0.0) };
        let silence = |seconds| host.silence("10.0.0.1", b"web01", start + Duration::from_secs(seconds));
        assert_eq!(silence(15), None);
        let finding = silence(18).expect("it is silent");
        assert!(finding.message.ends_with("and then nothing for 4 intervals of 2 s"), "{}", finding.message);
        assert_eq!(finding.numbers, [("seconds", 8)]);
    }
}
