//! Replays: sealed packets that were heard before (`WIRE §9.2`, `§10.3`).

use core::time::Duration;

/// Remembers the seals that were opened, so that none is opened twice.
///
/// A signature is known by its MAC, an encrypted part by its user and initialisation vector. That stops packets that somebody
/// recorded and sends again, "encrypted" packets that somebody forged from one whose content they know, and the second copy of a
/// packet that arrives twice, over two interfaces or from two groups.
///
/// It reaches back over the last `N` seals, and no further than the window of time. It is asked before anything is hashed or
/// decrypted, and told after that succeeded, so strangers cannot fill it. The search takes time in proportion to `N`.
///
/// ```
/// use core::time::Duration;
/// use collectd_net::{Replay, SecurityLevel, User, open_once};
///
/// let users = [User::new("testuser", "s3cr3t-pa55")];
/// let recorded = include_bytes!("../tests/data/collectd-5.12.0-minimal-signed.bin");
/// let mut replay = Replay::<64>::new(Duration::from_secs(600));
///
/// replay.set_time(Duration::from_secs(1)); // since whenever, but steadily
/// let (mut first, mut again) = (*recorded, *recorded);
/// assert!(open_once(&mut first, &users, SecurityLevel::Sign, &mut replay).all(|item| item.is_ok()));
/// assert!(open_once(&mut again, &users, SecurityLevel::Sign, &mut replay).all(|item| item.is_err()));
/// assert_eq!(replay.stopped(), 1);
/// ```
#[derive(Clone, Debug)]
pub struct Replay<const N: usize> {
    /// Zero stands for an empty place.
    tags: [u64; N],
    times: [Duration; N],
    /// The oldest place, which is taken next.
    next: usize,
    window: Duration,
    now: Duration,
    stopped: u64,
    forgotten: u64,
}

impl<const N: usize> Replay<N> {
    /// Reaches back over this time.
    #[must_use]
    pub const fn new(window: Duration) -> Self {
        Self {
            tags: [0; N],
            times: [Duration::ZERO; N],
            next: 0,
            window,
            now: Duration::ZERO,
            stopped: 0,
            forgotten: 0,
        }
    }

    /// Says what time it is: any clock that does not jump. Without it time stands still, and only `N` bounds the window.
    pub const fn set_time(&mut self, now: Duration) {
        self.now = now;
    }

    /// How many seals were stopped because they were known.
    #[must_use]
    pub const fn stopped(&self) -> u64 {
        self.stopped
    }

    /// How many seals were forgotten within the window because there were more than `N`: if it grows, `N` is too small.
    #[must_use]
    pub const fn forgotten(&self) -> u64 {
        self.forgotten
    }

    fn is_fresh(&self, time: Duration) -> bool {
        // In numbers, because arithmetic of `Duration` leaves a panic in the program.
        self.now.as_nanos().saturating_sub(time.as_nanos()) <= self.window.as_nanos()
    }
}

/// Something that knows which seals were opened before: a [`Replay`], or `()`, which never remembers any.
pub trait Replays {
    /// Whether this seal was opened before; counted if so.
    fn knows(&mut self, seal: SealTag) -> bool;

    /// This seal has been opened.
    fn note(&mut self, seal: SealTag);
}

/// What a seal is known by.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SealTag(u64);

impl SealTag {
    /// A signature is known by its MAC, which nobody can make without the password.
    pub(crate) fn of_signature(mac: &[u8; 32]) -> Self {
        let tag = mac.first_chunk().map_or(0, |octets| u64::from_le_bytes(*octets));
        // An empty place in the table is zero.
        Self(tag.max(1))
    }

    /// An encrypted part is known by its initialisation vector, which is random, and its user, which tells apart who uses it.
    pub(crate) fn of_encryption(user: &[u8], iv: &[u8; 16]) -> Self {
        // FNV-1a, from a start that nobody chooses for somebody else. The factor, which is odd, tells the halves apart.
        let half = |octets: Option<&[u8; 8]>| octets.map_or(0, |octets| u64::from_le_bytes(*octets));
        let start = half(iv.first_chunk()).wrapping_mul(0x9e37_79b9_7f4a_7c15) ^ half(iv.last_chunk());
        let mix = |hash: u64, octet: &u8| (hash ^ u64::from(*octet)).wrapping_mul(0x0100_0000_01b3);
        Self(user.iter().fold(start, mix).max(1))
    }
}

impl<const N: usize> Replays for Replay<N> {
    fn knows(&mut self, seal: SealTag) -> bool {
        let mut places = self.tags.iter().zip(&self.times);
        let known = places.any(|(tag, time)| *tag == seal.0 && self.is_fresh(*time));
        self.stopped = self.stopped.wrapping_add(u64::from(known));
        known
    }

    fn note(&mut self, seal: SealTag) {
        let (Some(tag), Some(time)) = (self.tags.get(self.next).copied(), self.times.get(self.next).copied()) else {
            return;
        };
        self.forgotten = self.forgotten.wrapping_add(u64::from(tag != 0 && self.is_fresh(time)));
        if let (Some(tag), Some(time)) = (self.tags.get_mut(self.next), self.times.get_mut(self.next)) {
            *tag = seal.0;
            *time = self.now;
        }
        self.next = self.next.wrapping_add(1);
        if self.next >= N {
            self.next = 0;
        }
    }
}

impl Replays for () {
    fn knows(&mut self, _: SealTag) -> bool {
        false
    }

    fn note(&mut self, _: SealTag) {}
}

impl<R: Replays + ?Sized> Replays for &mut R {
    fn knows(&mut self, seal: SealTag) -> bool {
        (**self).knows(seal)
    }

    fn note(&mut self, seal: SealTag) {
        (**self).note(seal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tag(number: u64) -> SealTag {
        SealTag(number)
    }

    #[test]
    fn the_window_is_the_last_n_seals() {
        let mut replay = Replay::<3>::new(Duration::from_secs(10));
        for number in 1..=3 {
            assert!(!replay.knows(tag(number)));
            replay.note(tag(number));
        }
        assert!((1..=3).all(|number| replay.knows(tag(number))));
        assert_eq!((replay.stopped(), replay.forgotten()), (3, 0));
        replay.note(tag(4));
        assert_eq!(replay.forgotten(), 1);
        assert!(!replay.knows(tag(1)));
        assert!((2..=4).all(|number| replay.knows(tag(number))));
    }

    #[test]
    fn the_window_is_a_time() {
        let mut replay = Replay::<2>::new(Duration::from_secs(10));
        replay.set_time(Duration::from_secs(100));
        replay.note(tag(1));
        replay.set_time(Duration::from_secs(110));
        assert!(replay.knows(tag(1)));
        replay.set_time(Duration::from_nanos(110_000_000_001));
        assert!(!replay.knows(tag(1)));
        replay.note(tag(2));
        replay.note(tag(3));
        // What was too old was not forgotten too early.
        assert_eq!((replay.stopped(), replay.forgotten()), (1, 0));
    }

    #[test]
    fn a_clock_that_steps_back_forgets_nothing() {
        let mut replay = Replay::<2>::new(Duration::from_secs(10));
        replay.set_time(Duration::from_secs(100));
        replay.note(tag(1));
        replay.set_time(Duration::ZERO);
        assert!(replay.knows(tag(1)));
    }

    #[test]
    fn no_table_knows_nothing() {
        let mut replay = Replay::<0>::new(Duration::MAX);
        replay.note(tag(1));
        assert!(!replay.knows(tag(1)));
        assert!(!Replays::knows(&mut (), tag(1)));
    }

    #[test]
    fn user_and_vector_both_tell_encrypted_parts_apart() {
        let tags = [
            SealTag::of_encryption(b"alice", &[0; 16]),
            SealTag::of_encryption(b"bob", &[0; 16]),
            SealTag::of_encryption(b"alice", &[1; 16]),
            SealTag::of_encryption(b"alice", &[2; 16]),
            SealTag::of_encryption(b"alice", &[0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1]),
        ];
        for (place, tag) in tags.iter().enumerate() {
            assert_eq!(tags.iter().position(|other| other == tag), Some(place));
        }
        assert_eq!(SealTag::of_signature(&[0; 32]), tag(1));
    }

    #[test]
    fn bits_that_are_set_hide_no_others() {
        let mut tags = Vec::new();
        for (first, last) in (1..=0x7f).flat_map(|first| [(first, 0), (first, 0xff)]) {
            let vector = [[first; 8], [last; 8]].concat().try_into().unwrap();
            tags.extend([b"a", b"b"].map(|user| SealTag::of_encryption(user, &vector).0));
        }
        let count = tags.len();
        tags.sort_unstable();
        tags.dedup();
        assert_eq!(tags.len(), count);
    }
}
