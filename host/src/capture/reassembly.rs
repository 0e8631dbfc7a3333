//! Datagrams that were too long to be sent whole, put together again from their IP fragments.
//!
//! A fragment that repeats another one exactly is ignored. Any other overlap costs the whole
//! datagram, as RFC 5722 demands: hosts disagree on which octets win, so there is no right answer.
//!
//! What comes from a capture is bounded: [`MOST_OPEN`] datagrams of at most 64 KiB, each of which
//! waits for [`PATIENCE`] in the time of the capture, as its identification may come back soon.

use std::net::IpAddr;

use super::ip::Fragment;
use super::link::Vlans;
use super::octets::{Octets, Skip};

const MOST_OPEN: usize = 64;

/// What Linux grants an IPv4 datagram, in seconds.
const PATIENCE: u64 = 30;

/// What the length fields of IPv4 and UDP can tell.
const LONGEST_DATAGRAM: usize = 0xffff;

/// What the fragments of a datagram have in common; the addresses tell the version.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) source: IpAddr,
    pub(super) destination: IpAddr,
    pub(super) identification: u32,
    pub(super) protocol: u8,
    pub(super) vlans: Vlans,
}

/// The datagrams of which only some fragments have come.
#[derive(Debug, Default)]
pub(super) struct Reassembly {
    /// The one that waits longest comes first.
    open: Vec<Open>,
    unfinished: u64,
}

impl Reassembly {
    /// Adds a fragment that came at `seconds` and returns the datagram if that was the last one.
    pub(super) fn insert(
        &mut self,
        key: Key,
        fragment: Fragment<'_>,
        seconds: Option<u64>,
    ) -> Result<Option<Whole>, Skip> {
        let piece = Piece::new(fragment)?;
        self.abandon(|open| open.is_late(seconds));
        let mut open = match self.open.iter().position(|open| open.key == key) {
            Some(index) => self.open.remove(index),
            None => Open::new(key, seconds),
        };
        if let Err(skip) = open.insert(piece, fragment.more) {
            self.unfinished += 1;
            return Err(skip);
        }
        if open.is_complete() {
            return Ok(Some(open.finish()));
        }
        if self.open.len() == MOST_OPEN {
            self.open.remove(0);
            self.unfinished += 1;
        }
        self.open.push(open);
        Ok(None)
    }

    /// Gives all open datagrams up; no fragment will come any more.
    pub(super) fn close(&mut self) {
        self.abandon(|_| true);
    }

    /// How many datagrams were given up.
    pub(super) fn unfinished(&self) -> u64 {
        self.unfinished
    }

    fn abandon(&mut self, condition: impl Fn(&Open) -> bool) {
        let before = self.open.len();
        self.open.retain(|open| !condition(open));
        self.unfinished += (before - self.open.len()) as u64;
    }
}

/// A datagram of which all fragments have come.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Whole {
    captured: Vec<u8>,
    promised: usize,
}

impl Whole {
    pub(super) fn octets(&self) -> Octets<'_> {
        Octets::new(&self.captured, self.promised)
    }
}

#[derive(Debug)]
struct Open {
    key: Key,
    /// When its first fragment came.
    since: Option<u64>,
    /// In order and without overlap.
    pieces: Vec<Piece>,
    /// How much of the datagram the pieces cover.
    covered: usize,
    /// How long the datagram is, once its last fragment has come.
    length: Option<usize>,
}

impl Open {
    fn new(key: Key, since: Option<u64>) -> Self {
        Self { key, since, pieces: Vec::new(), covered: 0, length: None }
    }

    fn insert(&mut self, piece: Piece, more: bool) -> Result<(), Skip> {
        let reached = self.pieces.last().map_or(0, |last| last.end);
        let length = match (self.length, more) {
            (Some(length), true) if piece.end > length => return Err(Skip::Malformed),
            (Some(length), false) if piece.end != length => return Err(Skip::Malformed),
            (None, false) if piece.end < reached => return Err(Skip::Malformed),
            (length, true) => length,
            (_, false) => Some(piece.end),
        };
        let index = self.pieces.partition_point(|old| old.end <= piece.start);
        match self.pieces.get(index) {
            Some(next) if *next == piece => return Ok(()),
            Some(next) if next.start < piece.end => return Err(Skip::Malformed),
            _ => {}
        }
        self.length = length;
        self.covered += piece.end - piece.start;
        self.pieces.insert(index, piece);
        Ok(())
    }

    fn is_late(&self, now: Option<u64>) -> bool {
        // The time runs backwards where captures were merged carelessly.
        let waited = self.since.zip(now).map(|(since, now)| now.abs_diff(since));
        waited.is_some_and(|waited| waited > PATIENCE)
    }

    fn is_complete(&self) -> bool {
        self.length == Some(self.covered)
    }

    /// Joins the pieces, up to the first that was cut by the capture's snap length.
    fn finish(self) -> Whole {
        let mut captured = Vec::with_capacity(self.covered);
        for piece in self.pieces {
            captured.extend_from_slice(&piece.captured);
            if captured.len() < piece.end {
                break;
            }
        }
        Whole { captured, promised: self.covered }
    }
}

/// A fragment's octets, from `start` to `end` of the datagram; fewer if the capture cut them.
#[derive(Debug, PartialEq, Eq)]
struct Piece {
    start: usize,
    end: usize,
    captured: Vec<u8>,
}

impl Piece {
    fn new(fragment: Fragment<'_>) -> Result<Self, Skip> {
        let Fragment { offset, more, octets, .. } = fragment;
        let length = octets.promised();
        let end = offset.saturating_add(length);
        // Offsets count eight octets, so the next fragment could not follow an odd one.
        let fits = !more || length.is_multiple_of(8);
        if length == 0 || !fits || end > LONGEST_DATAGRAM {
            return Err(Skip::Malformed);
        }
        Ok(Self { start: offset, end, captured: octets.captured().to_vec() })
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::*;

    fn key(identification: u32) -> Key {
        Key {
            source: Ipv4Addr::new(10, 77, 0, 1).into(),
            destination: Ipv4Addr::new(10, 77, 0, 2).into(),
            identification,
            protocol: 17,
            vlans: Vlans::default(),
        }
    }

    fn fragment(offset: usize, more: bool, octets: &[u8]) -> Fragment<'_> {
        Fragment { identification: 1, protocol: 17, offset, more, octets: Octets::new(octets, octets.len()) }
    }

    const FIRST: [u8; 8] = [1; 8];
    const SECOND: [u8; 8] = [2; 8];
    const LAST: [u8; 3] = [3; 3];

    fn parts() -> [Fragment<'static>; 3] {
        [fragment(0, true, &FIRST), fragment(8, true, &SECOND), fragment(16, false, &LAST)]
    }

    fn whole() -> Option<Whole> {
        let captured = [&FIRST[..], &SECOND, &LAST].concat();
        Some(Whole { captured, promised: 19 })
    }

    #[test]
    fn any_order_makes_the_same_datagram() {
        for order in [[0, 1, 2], [0, 2, 1], [1, 0, 2], [1, 2, 0], [2, 0, 1], [2, 1, 0]] {
            let mut reassembly = Reassembly::default();
            let mut outcomes = order.map(|at| reassembly.insert(key(1), parts()[at], None));
            assert_eq!(outcomes, [Ok(None), Ok(None), Ok(whole())]);
            outcomes.reverse();
            reassembly.close();
            assert_eq!(reassembly.unfinished(), 0);
        }
    }

    #[test]
    fn repeated_fragments_are_ignored() {
        let mut reassembly = Reassembly::default();
        for at in [2, 2, 0, 0, 2] {
            assert_eq!(reassembly.insert(key(1), parts()[at], None), Ok(None));
        }
        assert_eq!(reassembly.insert(key(1), parts()[1], None), Ok(whole()));
    }

    #[test]
    fn overlap_costs_the_datagram() {
        let contradictions = [
            fragment(0, true, &SECOND),
            fragment(0, true, &[1; 16]),
            fragment(0, false, &LAST),
            fragment(16, false, &SECOND),
            fragment(16, true, &SECOND),
            fragment(24, true, &SECOND),
            fragment(8, false, &LAST),
        ];
        for contradiction in contradictions {
            let mut reassembly = Reassembly::default();
            reassembly.insert(key(1), parts()[0], None).unwrap();
            reassembly.insert(key(1), parts()[2], None).unwrap();
            let outcome = reassembly.insert(key(1), contradiction, None);
            assert_eq!(outcome, Err(Skip::Malformed), "{contradiction:?}");
            assert_eq!(reassembly.unfinished(), 1);
            assert_eq!(reassembly.insert(key(1), parts()[1], None), Ok(None));
        }
    }

    #[test]
    fn last_fragment_before_others_that_came_is_an_overlap() {
        let mut reassembly = Reassembly::default();
        reassembly.insert(key(1), parts()[1], None).unwrap();
        let last = fragment(0, false, &LAST);
        assert_eq!(reassembly.insert(key(1), last, None), Err(Skip::Malformed));
    }

    #[test]
    fn impossible_fragments_are_malformed() {
        let impossible = [
            fragment(8, true, &LAST),
            fragment(8, true, &[]),
            fragment(8, false, &[]),
            fragment(0xfff8, false, &SECOND),
        ];
        let mut reassembly = Reassembly::default();
        for fragment in impossible {
            assert_eq!(reassembly.insert(key(1), fragment, None), Err(Skip::Malformed));
        }
        assert_eq!(reassembly.unfinished(), 0);
    }

    #[test]
    fn datagrams_are_told_apart() {
        let others = [
            key(2),
            Key { protocol: 51, ..key(1) },
            Key { destination: Ipv4Addr::LOCALHOST.into(), ..key(1) },
            Key { source: Ipv4Addr::LOCALHOST.into(), ..key(1) },
        ];
        let mut reassembly = Reassembly::default();
        for key in others {
            reassembly.insert(key, parts()[0], None).unwrap();
        }
        reassembly.insert(key(1), parts()[1], None).unwrap();
        assert_eq!(reassembly.insert(key(1), parts()[2], None), Ok(None));
        assert_eq!(reassembly.insert(key(1), parts()[0], None), Ok(whole()));
    }

    #[test]
    fn cut_fragment_ends_what_is_there() {
        let mut reassembly = Reassembly::default();
        let cut = Fragment { octets: Octets::new(&SECOND[..5], 8), ..parts()[1] };
        for fragment in [parts()[0], cut] {
            reassembly.insert(key(1), fragment, None).unwrap();
        }
        let whole = reassembly.insert(key(1), parts()[2], None).unwrap().unwrap();
        assert_eq!(whole.octets().captured(), [&FIRST[..], &SECOND[..5]].concat());
        assert_eq!(whole.octets().promised(), 19);
    }

    #[test]
    fn longest_waiting_datagram_makes_room() {
        let mut reassembly = Reassembly::default();
        for identification in 0..MOST_OPEN as u32 {
            reassembly.insert(key(identification), parts()[0], None).unwrap();
        }
        // Another fragment of the first one, so that the second waits longest.
        reassembly.insert(key(0), parts()[1], None).unwrap();
        reassembly.insert(key(1000), parts()[0], None).unwrap();
        assert_eq!(reassembly.unfinished(), 1);
        assert_eq!(reassembly.insert(key(0), parts()[2], None), Ok(whole()));
        reassembly.insert(key(1), parts()[1], None).unwrap();
        assert_eq!(reassembly.insert(key(1), parts()[2], None), Ok(None));
    }

    #[test]
    fn late_fragment_starts_anew() {
        for (last, outcome, unfinished) in [(130, whole(), 0), (131, None, 1), (69, None, 1)] {
            let mut reassembly = Reassembly::default();
            for (at, seconds) in [(0, 100), (1, 130)] {
                let inserted = reassembly.insert(key(1), parts()[at], Some(seconds));
                assert_eq!(inserted, Ok(None));
            }
            let inserted = reassembly.insert(key(1), parts()[2], Some(last));
            assert_eq!((inserted, reassembly.unfinished()), (Ok(outcome), unfinished));
        }
    }
}
