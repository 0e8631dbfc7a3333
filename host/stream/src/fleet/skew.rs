//! How far a host's clock is from ours.
//!
//! What arrives was measured a while ago: a daemon waits until a packet is full, and a relay once more. So a clock is behind by
//! as much as its newest value of several packets; one that is ahead is seen at once.

/// Packets in a window.
const WINDOW: u8 = 4;

/// The least delay of the last packets, in 2⁻³⁰ s: how far the newest value was ahead of our clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct Skew {
    now: i64,
    before: Option<i64>,
    packets: u8,
    pub(super) is_wrong: bool,
}

impl Skew {
    pub(super) const fn new() -> Self {
        Self { now: i64::MIN, before: None, packets: 0, is_wrong: false }
    }

    /// Another packet begins.
    pub(super) fn packet(&mut self) {
        if self.packets == WINDOW {
            (self.before, self.now, self.packets) = (Some(self.now), i64::MIN, 0);
        }
        self.packets += 1;
    }

    /// A value was measured at `time`, by its clock, and arrived at `wall`, by ours.
    #[inline]
    pub(super) fn value(&mut self, time: u64, wall: u64) {
        let ahead = time.checked_signed_diff(wall);
        self.now = self.now.max(ahead.unwrap_or(if time > wall { i64::MAX } else { -i64::MAX }));
    }

    /// How far it is ahead, as far as that is known; less than nothing if it is behind.
    pub(super) fn ahead(&self) -> Option<i64> {
        match self.before {
            Some(before) => Some(before.max(self.now)),
            // Not all of a delay is the clock's.
            None if self.now == i64::MIN => None,
            None => Some(self.now).filter(|ahead| *ahead > 0 || self.packets == WINDOW),
        }
    }

    /// Whether the clock has become wrong, by more than `most`, or right, by half of that.
    pub(super) fn judge(&mut self, most: u64) -> Option<bool> {
        let distance = self.ahead()?.unsigned_abs();
        let is_wrong = distance > if self.is_wrong { most / 2 } else { most };
        let has_changed = is_wrong != self.is_wrong;
        self.is_wrong = is_wrong;
        has_changed.then_some(is_wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::moment::SECOND;

    /// What is judged after each packet whose newest value is ahead by so many seconds, with 30 allowed.
    fn judged(skew: &mut Skew, ahead: &[i64]) -> Vec<Option<bool>> {
        let wall = 1_700_000_000 * SECOND;
        let packet = |ahead: &i64| {
            skew.packet();
            skew.value(wall.wrapping_add_signed((ahead - 9) << 30), wall);
            skew.value(wall.wrapping_add_signed(ahead << 30), wall);
            skew.judge(30 * SECOND)
        };
        ahead.iter().map(packet).collect()
    }

    #[test]
    fn a_clock_that_is_ahead_is_seen_at_once() {
        let mut skew = Skew::new();
        assert_eq!(judged(&mut skew, &[0, 31, 32]), [None, Some(true), None]);
        assert_eq!(skew.ahead(), Some(32 << 30));
        // It is right when nothing of two windows was far ahead.
        let last = judged(&mut skew, &[0; 8]);
        assert_eq!(last.iter().flatten().collect::<Vec<_>>(), [&false]);
    }

    #[test]
    fn one_packet_that_was_delayed_is_no_wrong_clock() {
        let mut skew = Skew::new();
        assert_eq!(judged(&mut skew, &[-500, -1, -100, -2, -70, -90, -3, -400]), [None; 8]);
        assert_eq!(skew.ahead(), Some(-1 << 30));
    }

    #[test]
    fn a_clock_that_is_behind_is_seen_when_several_packets_say_so() {
        let mut skew = Skew::new();
        assert_eq!(judged(&mut skew, &[-60, -59, -61]), [None; 3]);
        assert_eq!(skew.ahead(), None);
        assert_eq!(judged(&mut skew, &[-60]), [Some(true)]);
        assert_eq!(skew.ahead(), Some(-59 << 30));
    }

    #[test]
    fn between_right_and_wrong_is_a_distance() {
        let mut skew = Skew::new();
        let judged = judged(&mut skew, &[29, 31, 29, 31, 20, 20, 20, 20, 20, 20, 20, 14, 14, 14, 14, 14, 14, 14, 14]);
        assert_eq!(judged.iter().flatten().count(), 2, "{judged:?}");
    }

    #[test]
    fn extremes_do_not_overflow() {
        let mut skew = Skew::new();
        skew.packet();
        skew.value(u64::MAX, 0);
        skew.value(0, u64::MAX);
        assert_eq!((skew.judge(SECOND), skew.ahead()), (Some(true), Some(i64::MAX)));
    }
}
