//! Wall time: from an SNTP server, or without one from what the senders of the network say in their packets.
//!
//! ```text
//!  0        1         2     3           4          24           32           40           48
//!  +--------+---------+-----+-----------+---- - ---+------------+------------+------------+
//!  | LI VN  | stratum | ... | precision | ...      | originate  | receive    | transmit   |   SNTP (RFC 4330)
//!  | mode   |         |     |           |          | what asked | asked at   | told at    |
//!  +--------+---------+-----+-----------+---- - ---+------------+------------+------------+
//! ```
//!
//! The network's time is what most of its senders agree on, a vote for each. So a single liar cannot move it; but it is not
//! proven, and some seconds late, since packets wait at their senders. SNTP's time wins for a day after the last answer.

use core::time::Duration;

use collectd_net::Time;

/// Octets of an SNTP packet.
pub(crate) const SNTP_SIZE: usize = 48;
/// Seconds between 1900, where NTP begins, and 1970.
const NTP_TO_UNIX: u64 = 2_208_988_800;
/// How often the server is asked, and the shortest and longest time until it is asked again when it does not answer.
const ASK_EVERY: Duration = Duration::from_secs(600);
const ASK_AGAIN: Duration = Duration::from_secs(2);
/// When a server that does not want us is asked again.
const UNWANTED: Duration = Duration::from_secs(4 * 3600);
/// An answer that takes longer says too little.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an answer is better than what the network says, in seconds, as all that follows.
const SNTP_LASTS: u32 = 24 * 3600;

/// How many senders have a vote.
const SENDERS: usize = 16;
/// How long a vote counts.
const WINDOW: u32 = 600;
/// How long one sender alone has to say the same before it is believed.
const ALONE: u32 = 30;
/// How often votes are counted.
const COUNT_EVERY: u32 = 10;
/// How far apart times may be that agree, in 2⁻³⁰ s.
const AGREE: u64 = 30 << 30;
/// What the network's time may be off before ours moves, in 2⁻³⁰ s.
const STEP: u64 = 2 << 30;
/// No time before 2020 is true, in 2⁻³⁰ s.
const EARLIEST: u64 = 1_577_836_800 << 30;
/// Nor is one behind 2200.
const LATEST: u64 = 7_258_118_400 << 30;

/// Where the time comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    /// The senders of the network.
    Network,
    /// A time server.
    Sntp,
}

impl Source {
    /// A word for it.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Network => "network",
            Self::Sntp => "sntp",
        }
    }
}

/// What a sender says, as the time at our start.
#[derive(Clone, Copy, Debug)]
struct Vote {
    sender: u32,
    /// The latest start that it told of late: the one that waited least in packets.
    start: u64,
    /// Since when this is the latest, in seconds; a clock that runs slow is followed after a while.
    since: u32,
    first: u32,
    last: u32,
}

/// The wall time at our start, as far as it is known, and how it is found out.
#[derive(Debug)]
pub(crate) struct Clock {
    /// In 2⁻³⁰ s.
    start: Option<u64>,
    source: Source,
    votes: heapless::Vec<Vote, SENDERS>,
    /// In seconds.
    counted: u32,
    random: u64,
    /// What the server was asked, and when.
    asked: Option<(u64, Duration)>,
    next: Duration,
    wait: Duration,
    /// In seconds.
    answered: u32,
}

/// In 2⁻³⁰ s, about: without a division, which boards have to do bit by bit.
fn units(duration: Duration) -> u64 {
    // 2⁶² / 10⁹.
    const UNITS_IN_NANO: u64 = 4_611_686_018;
    let whole = Time::from_secs(duration.as_secs()).map_or(u64::MAX, Time::raw);
    let fraction = u64::from(duration.subsec_nanos()).wrapping_mul(UNITS_IN_NANO) >> 32;
    whole.saturating_add(fraction)
}

/// Whole seconds since the start.
fn seconds(now: Duration) -> u32 {
    u32::try_from(now.as_secs()).unwrap_or(u32::MAX)
}

impl Clock {
    /// Does not know the time. `seed`, as random as there is, keeps others from guessing what an answer has to repeat.
    pub(crate) const fn new(seed: u64) -> Self {
        Self {
            start: None,
            source: Source::Network,
            votes: heapless::Vec::new(),
            counted: 0,
            random: seed,
            asked: None,
            next: Duration::ZERO,
            wait: ASK_AGAIN,
            answered: 0,
        }
    }

    /// The wall time, if it is known.
    pub(crate) fn time(&self, now: Duration) -> Option<Time> {
        self.start?.checked_add(units(now)).map(Time::from_raw)
    }

    /// Where it comes from.
    pub(crate) fn source(&self) -> Option<Source> {
        self.start.map(|_| self.source)
    }

    /// When the server is to be asked.
    pub(crate) const fn next_request(&self) -> Duration {
        self.next
    }

    /// What to send to the server's port 123, if it is due.
    pub(crate) fn sntp_request(&mut self, now: Duration) -> Option<[u8; SNTP_SIZE]> {
        if now < self.next {
            return None;
        }
        // The time that we ask at is nobody's business: a random number does as well.
        let nonce = self.random();
        self.asked = Some((nonce, now));
        self.next = now.saturating_add(self.wait);
        self.wait = self.wait.saturating_mul(2).min(ASK_EVERY);
        let mut packet = [0; SNTP_SIZE];
        let [flags, .., _, _, _, _, _, _, _, _] = &mut packet;
        *flags = 0x23; // version 4, client
        *packet.last_chunk_mut()? = nonce.to_be_bytes();
        Some(packet)
    }

    /// Takes what came from the server; whether it set the time.
    pub(crate) fn sntp_response(&mut self, octets: &[u8], now: Duration) -> bool {
        self.answer(octets, now).is_some()
    }

    fn answer(&mut self, octets: &[u8], now: Duration) -> Option<()> {
        let ([head, about, _, originate, received, told, ..], _) = octets.as_chunks::<8>() else { return None };
        let ([flags, stratum, ..], [.., a, b, c, d]) = (*head, *about);
        let [originate, received, told] = [originate, received, told].map(|octets| u64::from_be_bytes(*octets));
        let (nonce, sent) = self.asked?;
        let waited = now.checked_sub(sent)?;
        let (mode, version) = (flags & 7, flags >> 3 & 7);
        if mode != 4 || !(1..=4).contains(&version) || originate != nonce {
            return None;
        }
        // Whatever it says, there is no second answer.
        self.asked = None;
        if stratum == 0 {
            let wait = if [a, b, c, d] == *b"RATE" { ASK_EVERY } else { UNWANTED };
            self.next = now.saturating_add(wait);
            return None;
        }
        let synchronised = flags >> 6 != 3 && stratum <= 15;
        if !synchronised || waited > PATIENCE || told == 0 {
            return None;
        }
        // It took the server so long; the rest is the way there and back.
        let server = told.wrapping_sub(received);
        let server = if server >> 63 == 0 { server >> 2 } else { 0 };
        let way = units(waited).saturating_sub(server) / 2;
        let wall = from_ntp(told)?.checked_add(way)?;
        self.start = Some(plausible(wall)?.checked_sub(units(now))?);
        self.source = Source::Sntp;
        self.answered = seconds(now);
        self.next = now.saturating_add(ASK_EVERY);
        self.wait = ASK_AGAIN;
        Some(())
    }

    /// An item with this time arrived from a sender; `sender` is a hash of its address. Once for a packet does, with the last
    /// item's time.
    pub(crate) fn heard(&mut self, time: Time, sender: u32, now: Duration) {
        let Some(start) = plausible(time.raw()).and_then(|wall| wall.checked_sub(units(now))) else {
            return;
        };
        let now = seconds(now);
        let fresh = |vote: &Vote| now.saturating_sub(vote.last) <= WINDOW;
        if let Some(vote) = self.votes.iter_mut().find(|vote| vote.sender == sender) {
            let better = fresh(vote) && start <= vote.start && now.saturating_sub(vote.since) <= WINDOW;
            // Who changes its mind begins anew.
            if !fresh(vote) || start.abs_diff(vote.start) > AGREE {
                *vote = Vote { sender, start, since: now, first: now, last: now };
            } else if better {
                vote.last = now;
            } else {
                *vote = Vote { start, since: now, last: now, ..*vote };
            }
        } else {
            let vote = Vote { sender, start, since: now, first: now, last: now };
            if let Err(vote) = self.votes.push(vote)
                && let Some(stale) = self.votes.iter_mut().find(|vote| !fresh(vote))
            {
                *stale = vote;
            }
        }
        let due = self.start.is_none() || now.saturating_sub(self.counted) >= COUNT_EVERY;
        let sntp =
            self.start.is_some() && self.source == Source::Sntp && now.saturating_sub(self.answered) <= SNTP_LASTS;
        if due && !sntp {
            self.counted = now;
            self.count(now);
        }
    }

    /// Sets the time to what most senders agree on, if they do.
    fn count(&mut self, now: u32) {
        let mut starts = heapless::Vec::<u64, SENDERS>::new();
        let mut patient = false;
        for vote in self.votes.iter().filter(|vote| now.saturating_sub(vote.last) <= WINDOW) {
            patient = vote.last.saturating_sub(vote.first) >= ALONE;
            // In order; a sort would take 5 KB of a board's flash. As many places as votes.
            let place = starts.iter().position(|start| *start > vote.start).unwrap_or(starts.len());
            let _ = starts.insert(place, vote.start);
        }
        // Those who agree with the one in the middle: most of all, or there is no majority.
        let Some(middle) = starts.get(starts.len() / 2).copied() else {
            return;
        };
        let agree = starts.iter().filter(|start| start.abs_diff(middle) <= AGREE).count();
        if agree <= starts.len() / 2 || starts.len() == 1 && !patient && self.start.is_none() {
            return;
        }
        // One alone does not move a time that is set: it may be the liar that outlived the others.
        if starts.len() == 1 && self.start.is_some_and(|start| start.abs_diff(middle) > AGREE) {
            return;
        }
        if self.start.is_none_or(|start| start.abs_diff(middle) > STEP) {
            self.start = Some(middle);
        }
        self.source = Source::Network;
    }

    /// The next of a sequence of numbers (SplitMix64).
    const fn random(&mut self) -> u64 {
        self.random = self.random.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.random ^ self.random >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ mixed >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ mixed >> 31
    }
}

/// A time in 2⁻³⁰ s that may be true.
fn plausible(wall: u64) -> Option<u64> {
    (EARLIEST..LATEST).contains(&wall).then_some(wall)
}

/// From NTP's 2⁻³² s since 1900, or since 2036 where the highest bit is not set.
const fn from_ntp(ntp: u64) -> Option<u64> {
    let (secs, fraction) = (ntp >> 32, ntp & 0xffff_ffff);
    let era = if secs >> 31 == 0 { 1 << 32 } else { 0 };
    // 33 bits of seconds, since 1970: far below 34.
    match (secs | era).checked_sub(NTP_TO_UNIX) {
        Some(secs) => Some(secs << 30 | fraction >> 2),
        None => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECS: u64 = 1_700_005_000;

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn answer(request: &[u8; 48], unix: u64) -> [u8; 48] {
        let mut answer = [0; 48];
        answer[0] = 0x24;
        answer[1] = 2;
        answer[24..32].copy_from_slice(&request[40..]);
        let ntp = (unix + NTP_TO_UNIX) << 32;
        answer[32..40].copy_from_slice(&ntp.to_be_bytes());
        answer[40..].copy_from_slice(&(ntp + (1 << 31)).to_be_bytes());
        answer
    }

    fn said(clock: &mut Clock, wall: u64, sender: u32, now: u64) {
        clock.heard(Time::from_secs(wall).unwrap(), sender, at(now));
    }

    fn secs(clock: &Clock, now: u64) -> Option<u64> {
        clock.time(at(now)).map(Time::secs)
    }

    #[test]
    fn an_answer_sets_the_time_half_way() {
        let mut clock = Clock::new(7);
        let request = clock.sntp_request(at(1)).unwrap();
        assert_eq!((request[0], &request[1..40]), (0x23, &[0; 39][..]));
        // It took the server half a second, of one and a half.
        assert!(clock.sntp_response(&answer(&request, SECS), Duration::from_millis(2500)));
        let expected = (SECS << 30) + (1 << 30);
        assert!(clock.time(Duration::from_millis(2500)).unwrap().raw().abs_diff(expected) < 4);
        assert_eq!(clock.source(), Some(Source::Sntp));
        assert_eq!((clock.sntp_request(at(602)), clock.next_request()), (None, Duration::from_millis(602_500)));
        assert!(clock.sntp_request(at(603)).is_some());
    }

    #[test]
    fn only_the_answer_to_what_was_asked_is_taken_and_once() {
        let mut clock = Clock::new(7);
        let request = clock.sntp_request(at(0)).unwrap();
        let good = answer(&request, SECS);
        for (place, octet) in [(0, 0x23), (0, 0x25), (0, 0xe4), (0, 0x04), (0, 0x3c), (24, !good[24]), (31, !good[31])]
        {
            let mut clock = Clock::new(7);
            assert_eq!(clock.sntp_request(at(0)), Some(request));
            let mut bad = good;
            bad[place] = octet;
            assert!(!clock.sntp_response(&bad, at(0)), "{place} {octet:#x}");
        }
        for length in 0..48 {
            assert!(!clock.sntp_response(&good[..length], at(0)));
        }
        assert!(clock.sntp_response(&good, at(0)));
        assert!(!clock.sntp_response(&good, at(0)));
        assert!(!Clock::new(7).sntp_response(&good, at(0)));
    }

    #[test]
    fn who_does_not_answer_is_asked_less_and_less() {
        let mut clock = Clock::new(1);
        let asked: Vec<u64> = (0..2000).filter(|now| clock.sntp_request(at(*now)).is_some()).collect();
        assert_eq!(asked, [0, 2, 6, 14, 30, 62, 126, 254, 510, 1022, 1622]);
    }

    #[test]
    fn a_kiss_of_death_is_obeyed() {
        for (code, next) in [(b"RATE", 600), (b"DENY", 4 * 3600), (b"\0\0\0\0", 4 * 3600)] {
            let mut clock = Clock::new(1);
            let request = clock.sntp_request(at(0)).unwrap();
            let mut kiss = answer(&request, SECS);
            kiss[1] = 0;
            kiss[12..16].copy_from_slice(code);
            assert!(!clock.sntp_response(&kiss, at(0)));
            assert_eq!((clock.next_request(), clock.source()), (at(next), None));
        }
    }

    #[test]
    fn requests_do_not_repeat_and_tell_nothing() {
        let mut clock = Clock::new(0);
        let first = clock.sntp_request(at(0)).unwrap();
        assert_ne!(first, clock.sntp_request(at(2)).unwrap());
        assert_ne!(first, Clock::new(1).sntp_request(at(0)).unwrap());
    }

    #[test]
    fn times_behind_2036_are_not_in_1900() {
        assert_eq!(from_ntp((NTP_TO_UNIX + SECS) << 32 | 1 << 31), Some(SECS << 30 | 1 << 29));
        assert_eq!(from_ntp(0), Some(2_085_978_496 << 30));
    }

    #[test]
    fn one_sender_alone_is_believed_after_a_while() {
        let mut clock = Clock::new(1);
        for now in [0, 10, 20] {
            said(&mut clock, SECS + now, 1, now);
            assert_eq!(secs(&clock, now), None);
        }
        said(&mut clock, SECS + 30, 1, 30);
        assert_eq!((secs(&clock, 31), clock.source()), (Some(SECS + 31), Some(Source::Network)));
    }

    #[test]
    fn senders_that_agree_are_believed_at_once() {
        let mut clock = Clock::new(1);
        said(&mut clock, SECS - 3, 1, 0);
        said(&mut clock, SECS, 2, 0);
        assert_eq!(secs(&clock, 0), Some(SECS));
    }

    #[test]
    fn a_liar_moves_nothing() {
        for liar_first in [false, true] {
            for lie in [1, 1_600_000_000, SECS + 40, SECS + 86_400, (1 << 34) - 101] {
                let mut clock = Clock::new(1);
                for now in 0..3000 {
                    if liar_first {
                        said(&mut clock, lie, 9, now);
                    }
                    if now % 10 == 0 {
                        said(&mut clock, SECS + now, 1, now);
                        said(&mut clock, SECS + now - now % 7, 2, now);
                        said(&mut clock, SECS + now, 3, now);
                    }
                    said(&mut clock, lie + now % 100, 9, now);
                    assert!(secs(&clock, now).unwrap_or(SECS + now).abs_diff(SECS + now) <= 6, "{lie} at {now}");
                }
                assert!(secs(&clock, 3000).is_some());
            }
        }
    }

    #[test]
    fn one_against_one_changes_nothing() {
        let mut clock = Clock::new(1);
        for now in 0..100 {
            said(&mut clock, SECS + now, 1, now);
        }
        for now in 100..5000 {
            said(&mut clock, SECS + now, 1, now);
            said(&mut clock, SECS + now + 7200, 2, now);
        }
        assert_eq!(secs(&clock, 5000), Some(SECS + 5000));
        // Nor when the first is heard no more.
        for now in 5000..9000 {
            said(&mut clock, SECS + now + 7200, 2, now);
        }
        assert_eq!(secs(&clock, 9000), Some(SECS + 9000));
    }

    #[test]
    fn a_flood_of_senders_does_not_outvote_those_that_were_there() {
        let mut clock = Clock::new(1);
        for now in 0..500 {
            for sender in 0..9 {
                said(&mut clock, SECS + now, sender, now);
            }
            for sender in 0..100 {
                said(&mut clock, SECS + now + 3600, 1000 + (now * 100) as u32 + sender, now);
            }
            assert_eq!(secs(&clock, now), Some(SECS + now));
        }
    }

    #[test]
    fn what_waited_in_packets_does_not_set_the_time_back() {
        let mut clock = Clock::new(1);
        for now in 0..1000 {
            for sender in 0..3 {
                said(&mut clock, SECS + now - (now + sender) % 10, u32::try_from(sender).unwrap(), now);
            }
        }
        assert!(secs(&clock, 1000).unwrap() >= SECS + 998);
    }

    #[test]
    fn a_time_server_wins_for_a_day() {
        let mut clock = Clock::new(1);
        let request = clock.sntp_request(at(0)).unwrap();
        assert!(clock.sntp_response(&answer(&request, SECS), at(0)));
        let off = SECS + 3600;
        let before = secs(&clock, 0).unwrap();
        for now in (0..86_400).step_by(60) {
            said(&mut clock, off + now, 1, now);
            said(&mut clock, off + now, 2, now);
            assert_eq!((secs(&clock, now), clock.source()), (Some(before + now), Some(Source::Sntp)));
        }
        said(&mut clock, off + 86_411, 2, 86_411);
        assert_eq!((secs(&clock, 86_411), clock.source()), (Some(off + 86_411), Some(Source::Network)));
    }

    #[test]
    fn the_ends_of_time_are_no_trouble() {
        let mut clock = Clock::new(u64::MAX);
        assert_eq!(clock.time(Duration::MAX), None);
        let request = clock.sntp_request(Duration::MAX).unwrap();
        assert!(!clock.sntp_response(&answer(&request, SECS), Duration::MAX));
        clock.heard(Time::from_raw(u64::MAX), 1, Duration::MAX);
        clock.heard(Time::from_raw(0), 1, Duration::ZERO);
        assert_eq!(clock.source(), None);
    }
}
