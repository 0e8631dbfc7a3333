//! What a host measures, at any time and without remembering anything: how busy it is, is a sum of waves, and how much it has
//! counted, the area under them.

use std::f64::consts::TAU;
use std::time::Duration;

use collectd_net::Value;

use super::DAY;
use super::news::is_flapping;
use super::part::{Fate, time_of_day};
use super::role::{Role, Series, Source};
use crate::generate::random::mix;

/// How long a host has been up that did not start lately, at least: a day.
const UP: f64 = 86_400.0;
/// When the disk that fills has no more room, and when it is emptied.
const FULL: (f64, f64) = (46.5, 50.0);
/// The share of it that is free at first.
const FREE: f64 = 0.325;

/// How busy a host is: between 0 and 1, most at its noon.
#[derive(Clone, Debug)]
pub(super) struct Readings {
    /// Amplitude, waves in a day, and where in the wave the beginning is.
    waves: [(f64, f64, f64); 5],
    drawn: u64,
}

impl Readings {
    /// The waves of a role, a little different for whatever is drawn.
    pub(super) fn new(role: &Role, drawn: u64) -> Self {
        let part = |number: u64| fraction(mix(drawn ^ number));
        let noon = role.noon + 0.06 * (part(1) - 0.5);
        // It begins in the morning.
        let begin = 0.3 - noon;
        let waves = [
            (0.30 + 0.05 * part(2), 1.0, begin + 0.25),
            (0.06 * part(3), 2.0, 2.0 * begin),
            (0.03 + 0.02 * part(4), 7.0 + 4.0 * part(5), part(6)),
            (0.02 + 0.01 * part(7), 17.0 + 8.0 * part(8), part(9)),
            (0.01, 31.0 + 9.0 * part(10), part(11)),
        ];
        Self { waves, drawn }
    }

    /// What comes from a source when so much time is over; `started` if that was later than the beginning.
    pub(super) fn value(
        &self,
        series: &Series,
        source: &Source,
        fate: Fate,
        at: Duration,
        started: Option<Duration>,
    ) -> Value {
        let seconds = at.as_secs_f64();
        let busy = self.busy(seconds, series);
        let between = |idle: f64, all: f64, busy: f64| idle + (all - idle) * busy;
        match *source {
            // The busiest day makes no processor less than idle.
            Source::Wave(idle, all, step) => Value::Gauge(rounded(between(idle, all, busy), step).max(0.0)),
            Source::Load(idle, all, behind) => {
                let busy = self.busy(seconds - behind.as_secs_f64(), series);
                Value::Gauge(rounded(between(idle, all, busy), 0.01))
            }
            Source::Own(least, most) => Value::Gauge(rounded(between(least, most, fraction(self.drawn)), 4096.0)),
            Source::Uptime => Value::Gauge(match started {
                Some(started) => at.saturating_sub(started).as_secs_f64().floor(),
                None => (UP * (1.0 + 300.0 * fraction(mix(self.drawn))) + seconds).floor(),
            }),
            Source::Free(size) => Value::Gauge(rounded(size * self.free(fate, at), 4096.0)),
            Source::Used(size) => Value::Gauge(rounded(size * (1.0 - self.free(fate, at)), 4096.0)),
            Source::Answer(..) if is_cut_off(fate, at) => Value::Gauge(f64::NAN),
            Source::Answer(idle, all) => Value::Gauge(rounded(between(idle, all, busy), 0.01)),
            Source::Unanswered => Value::Gauge(if is_cut_off(fate, at) { 1.0 } else { 0.0 }),
            Source::Derive(idle, all) => {
                let before = match started {
                    Some(started) => -self.counted(idle, all, started.as_secs_f64()),
                    None => self.counted(idle, all, UP * fraction(self.drawn)),
                };
                Value::Derive(whole(before + self.counted(idle, all, seconds)).cast_signed())
            }
            Source::Counter(idle, all, bits, end) => {
                let start = whole(self.counted(idle, all, end as f64)).wrapping_neg();
                let counted = start.wrapping_add(whole(self.counted(idle, all, seconds)));
                Value::Counter(counted & (u64::MAX >> (64 - bits)))
            }
        }
    }

    /// How busy, with the noise that all series of a plugin have in common, so that their sums are right.
    fn busy(&self, seconds: f64, series: &Series) -> f64 {
        let waves = |(height, often, begin): &(f64, f64, f64)| height * turn(*often, *begin, seconds).sin();
        let plugin = series.name.0[0].bytes().fold(0, |hash, octet| mix(hash ^ u64::from(octet)));
        let noise = fraction(mix(self.drawn ^ plugin ^ seconds.to_bits())) - 0.5;
        (0.5 + self.waves.iter().map(waves).sum::<f64>() + 0.03 * noise).clamp(0.0, 1.0)
    }

    /// How much was counted since the beginning. This never falls: the waves are never less than nothing.
    fn counted(&self, idle: f64, all: f64, seconds: f64) -> f64 {
        let area = |(height, often, begin): &(f64, f64, f64)| {
            let speed = TAU * often / DAY.as_secs_f64();
            height / speed * (turn(*often, *begin, 0.0).cos() - turn(*often, *begin, seconds).cos())
        };
        let busy = 0.5 * seconds + self.waves.iter().map(area).sum::<f64>();
        idle * seconds + (all - idle) * busy
    }

    /// Which share of a disk is free.
    fn free(&self, fate: Fate, at: Duration) -> f64 {
        let seconds = time_of_day(at).as_secs_f64();
        let (full, emptied) = FULL;
        match fate {
            Fate::FillsUp if seconds < emptied => (FREE * (1.0 - seconds / full)).max(0.004),
            Fate::FillsUp => FREE,
            _ => 0.4 + 0.3 * fraction(mix(self.drawn ^ 12)) - 0.05 * seconds / DAY.as_secs_f64(),
        }
    }
}

/// Whether there is no way out.
fn is_cut_off(fate: Fate, at: Duration) -> bool {
    fate == Fate::Flaps && is_flapping(time_of_day(at))
}

/// Where in a wave one is.
fn turn(often: f64, begin: f64, seconds: f64) -> f64 {
    TAU * (begin + often * seconds / DAY.as_secs_f64())
}

/// The nearest multiple of a step.
fn rounded(number: f64, step: f64) -> f64 {
    // Tenths and hundredths are no sums of powers of two, their numbers are.
    if step < 1.0 {
        (number * step.recip().round()).round() / step.recip().round()
    } else {
        (number / step).round() * step
    }
}

/// A count, of what is never less than nothing.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "it is far less than 2⁶⁴, and positive")]
fn whole(number: f64) -> u64 {
    number as u64
}

/// A number from 0 to 1.
fn fraction(drawn: u64) -> f64 {
    (drawn >> 11) as f64 / (1_u64 << 53) as f64
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::demo::role;

    #[test]
    fn waves_never_leave_their_bounds() {
        for seed in 0..50 {
            let readings = Readings::new(&role::WEB, mix(seed));
            let most = readings.waves.iter().map(|(height, ..)| height).sum::<f64>();
            assert!(most < 0.5, "{most}");
        }
    }

    #[test]
    fn counts_never_fall_and_grow_as_the_waves_say() {
        for seed in 0..20 {
            let readings = Readings::new(&role::WEB, mix(seed));
            let counts: Vec<_> = (0..1000).map(|second| readings.counted(5.0, 900.0, f64::from(second))).collect();
            assert!(counts.windows(2).all(|pair| pair[1] - pair[0] >= 5.0), "{seed}");
            let day = DAY.as_secs() as usize;
            let mean = (counts[10 * day] - counts[0]) / (10.0 * DAY.as_secs_f64());
            assert!((400.0..500.0).contains(&mean), "{mean}");
        }
    }

    #[test]
    fn shares_of_the_processor_are_a_hundred_together() {
        let readings = Readings::new(&role::WEB, 7);
        for second in 0..200 {
            let share = |series: &Series| match readings.value(
                series,
                &series.sources[0],
                Fate::Calm,
                Duration::from_secs(second),
                None,
            ) {
                Value::Gauge(share) => share,
                other => panic!("{other:?}"),
            };
            let sum: f64 = role::WEB.series[..3].iter().map(share).sum();
            assert!((sum - 100.0).abs() < 0.15, "{sum}");
        }
    }

    #[test]
    fn a_day_has_a_night() {
        let readings = Readings::new(&role::WEB, 7);
        let busy: Vec<_> = (0..72).map(|second| readings.busy(f64::from(second), &role::WEB.series[0])).collect();
        let (least, most) =
            busy.iter().fold((1.0_f64, 0.0_f64), |(least, most), busy| (least.min(*busy), most.max(*busy)));
        assert!(least < 0.25 && most > 0.75, "{least} {most}");
    }
}
