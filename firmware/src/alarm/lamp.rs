//! The lamp of the board: how it blinks says what is wrong, a pure function of that and the time.
//!
//! ```text
//! lamp        no network   ████████████████████   on
//!             failure      ██  ██  ██  ██  ██     5 times a second
//!             warning      ██████████             once a second
//!             nothing yet                         off: no packet ever
//!             fine         █                      a blink every 2 s
//! ```

use core::time::Duration;

use collectd_net::Severity;

/// What the lamp shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Lamp {
    /// There is no network.
    NoNetwork,
    /// A failure stands.
    Failure,
    /// A warning stands.
    Warning,
    /// No packet was ever heard.
    Nothing,
    /// All is well.
    Fine,
}

impl Lamp {
    /// What to show: whether there is a network, whether a packet was ever heard, and the worst alarm.
    pub(crate) const fn new(link: bool, heard: bool, worst: Severity) -> Self {
        match (link, worst, heard) {
            (false, ..) => Self::NoNetwork,
            (true, Severity::Failure, _) => Self::Failure,
            (true, Severity::Warning, _) => Self::Warning,
            (true, Severity::Okay, false) => Self::Nothing,
            (true, Severity::Okay, true) => Self::Fine,
        }
    }

    /// How long it is on, and how long that and the darkness behind take; in milliseconds.
    const fn rhythm(self) -> (u32, u32) {
        match self {
            Self::NoNetwork => (1, 1),
            Self::Failure => (100, 200),
            Self::Warning => (500, 1000),
            Self::Nothing => (0, 1000),
            Self::Fine => (50, 2000),
        }
    }

    /// Whether it is on now, and for how long it stays as it is.
    pub(crate) fn at(self, now: Duration) -> (bool, Duration) {
        let (lit, period) = self.rhythm();
        // Periods are whole parts of two seconds.
        let millis = u32::from(now.as_secs() % 2 == 1).wrapping_mul(1000).wrapping_add(now.subsec_millis());
        let place = millis.checked_rem(period).unwrap_or_default();
        let on = place < lit;
        let left = if on { lit } else { period }.saturating_sub(place);
        match self {
            Self::NoNetwork | Self::Nothing => (on, Duration::from_secs(2)),
            _ => (on, Duration::from_millis(u64::from(left))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lamp_shows_the_worst() {
        use Severity::{Failure, Okay, Warning};
        assert_eq!(Lamp::new(false, true, Failure), Lamp::NoNetwork);
        assert_eq!(Lamp::new(true, false, Failure), Lamp::Failure);
        assert_eq!(Lamp::new(true, true, Warning), Lamp::Warning);
        assert_eq!(Lamp::new(true, false, Okay), Lamp::Nothing);
        assert_eq!(Lamp::new(true, true, Okay), Lamp::Fine);
    }

    #[test]
    fn the_lamp_blinks_as_it_says() {
        for (lamp, lit, edges) in [
            (Lamp::NoNetwork, 10_000, 0),
            (Lamp::Failure, 5000, 100),
            (Lamp::Warning, 5000, 20),
            (Lamp::Nothing, 0, 0),
            (Lamp::Fine, 250, 10),
        ] {
            let shown: std::vec::Vec<bool> = (0..10_001).map(|now| lamp.at(Duration::from_millis(now)).0).collect();
            assert_eq!(shown[..10_000].iter().filter(|on| **on).count(), lit, "{lamp:?}");
            assert_eq!(shown.windows(2).filter(|pair| pair[0] != pair[1]).count(), edges, "{lamp:?}");
            // It stays as it is for as long as it says.
            for now in 0..5000 {
                let (on, left) = lamp.at(Duration::from_millis(now));
                let last = now as usize + left.as_millis() as usize;
                assert!(shown[now as usize..last].iter().all(|shown| *shown == on), "{lamp:?} at {now}");
                assert!(edges == 0 || shown[last] != on, "{lamp:?} at {now}");
            }
        }
    }
}
