//! Times as text, in the form that somebody wants to read.

use std::fmt::Write as _;

use collectd_net::Time;
use jiff::Timestamp;
use jiff::tz::TimeZone;

use super::number::{Seconds, push_integer};

/// How times are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimeStyle {
    /// Seconds since the start of 1970 in UTC.
    Epoch,
    /// 2009-03-22T20:20:08.000+01:00.
    Rfc3339,
    /// Seconds since the first item.
    Relative,
    /// Not at all.
    None,
}

/// Writes times.
#[derive(Debug)]
pub(super) struct Times {
    style: TimeStyle,
    /// Whether an epoch is whole seconds.
    whole: bool,
    zone: TimeZone,
    first: Option<Time>,
    /// The second that was written last, up to its fraction, and what comes behind this.
    second: Option<u64>,
    before: String,
    behind: String,
}

impl Times {
    /// In this style; dates in UTC or in the zone of this machine.
    pub(super) fn new(style: TimeStyle, utc: bool) -> Self {
        let zone = if utc || style != TimeStyle::Rfc3339 { TimeZone::UTC } else { TimeZone::system() };
        Self { style, whole: false, zone, first: None, second: None, before: String::new(), behind: String::new() }
    }

    /// With an epoch of whole seconds, cut.
    pub(super) fn whole(self) -> Self {
        Self { whole: true, ..self }
    }

    /// Whether nothing is written.
    pub(super) fn is_none(&self) -> bool {
        self.style == TimeStyle::None
    }

    /// Appends a time.
    pub(super) fn push(&mut self, time: Time, out: &mut String) {
        match self.style {
            TimeStyle::Epoch if self.whole => push_integer(time.secs(), out),
            TimeStyle::Epoch => Seconds(time.raw()).push(out),
            TimeStyle::Rfc3339 => self.date(time, out),
            TimeStyle::Relative => {
                let first = self.first.get_or_insert(time).raw();
                let (sign, span) = match time.raw().checked_sub(first) {
                    Some(span) => ('+', span),
                    None => ('-', first - time.raw()),
                };
                out.push(sign);
                push_integer(span >> 30, out);
                push_milliseconds(span, out);
            }
            TimeStyle::None => {}
        }
    }

    /// Most times are of the second of the one before.
    fn date(&mut self, time: Time, out: &mut String) {
        if self.second != Some(time.secs()) {
            let second = i64::try_from(time.secs()).expect("34 bits");
            let date = Timestamp::from_second(second).expect("before the year 2515").to_zoned(self.zone.clone());
            self.before.clear();
            self.behind.clear();
            // A `String` takes everything, and these forms are good for every time.
            _ = write!(self.before, "{}", date.strftime("%Y-%m-%dT%H:%M:%S"));
            if self.zone == TimeZone::UTC {
                self.behind.push('Z');
            } else {
                _ = write!(self.behind, "{}", date.strftime("%:z"));
            }
            self.second = Some(time.secs());
        }
        out.push_str(&self.before);
        push_milliseconds(time.raw(), out);
        out.push_str(&self.behind);
    }
}

/// A point, and three digits, cut.
fn push_milliseconds(raw: u64, out: &mut String) {
    let milliseconds = ((raw & 0x3fff_ffff) * 1000) >> 30;
    _ = write!(out, ".{milliseconds:03}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(times: &mut Times, raw: u64) -> String {
        let mut out = String::new();
        times.push(Time::from_raw(raw), &mut out);
        out
    }

    const BLOG: u64 = (1_237_749_608 << 30) + (1 << 29);

    #[test]
    fn each_style_has_its_form() {
        let with = |style| written(&mut Times::new(style, true), BLOG);
        assert_eq!(with(TimeStyle::Epoch), "1237749608.5");
        assert_eq!(written(&mut Times::new(TimeStyle::Epoch, true).whole(), BLOG), "1237749608");
        assert_eq!(with(TimeStyle::Rfc3339), "2009-03-22T19:20:08.500Z");
        assert_eq!(with(TimeStyle::Relative), "+0.000");
        assert_eq!(with(TimeStyle::None), "");
    }

    #[test]
    fn relative_times_count_from_the_first() {
        let mut times = Times::new(TimeStyle::Relative, true);
        let all = [BLOG, BLOG + (3 << 29), BLOG - (1 << 28)].map(|raw| written(&mut times, raw));
        assert_eq!(all, ["+0.000", "+1.500", "-0.250"]);
    }

    #[test]
    fn every_time_has_a_date() {
        let mut times = Times::new(TimeStyle::Rfc3339, true);
        for (raw, date) in [
            (1, "1970-01-01T00:00:00.000Z"),
            ((1 << 30) - 1, "1970-01-01T00:00:00.999Z"),
            (u64::MAX, "2514-05-30T01:53:03.999Z"),
            (BLOG, "2009-03-22T19:20:08.500Z"),
        ] {
            assert_eq!(written(&mut times, raw), date);
        }
    }

    #[test]
    fn a_zone_has_its_offset() {
        let zone = TimeZone::fixed(jiff::tz::offset(1));
        let mut times = Times { zone, ..Times::new(TimeStyle::Rfc3339, true) };
        assert_eq!(written(&mut times, BLOG), "2009-03-22T20:20:08.500+01:00");
    }
}
