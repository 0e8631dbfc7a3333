//! Small worlds, all of them: every part header, every datagram of up to three octets, every sequence of four parts out of a
//! set that has something of everything. Each result is compared with what a second decoder makes of the same octets. That one
//! is written from WIRE.md, knows nothing of core and is in no hurry.
//!
//! For `--release`: these are some 4.4 billion packets.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use collectd_net::{Cause, Decoder, Error, Item, Protection, SecurityLevel, User, open};
use collectd_net_tests::hex;

/// What is made of a packet: items, and what is refused as word and offset.
#[derive(Clone, Debug, PartialEq)]
enum Outcome<'a> {
    List { names: [&'a [u8]; 5], time: u64, interval: Option<u64>, values: Vec<(u8, u64)>, unverified: bool },
    Notification { names: [&'a [u8]; 5], time: u64, severity: u64, message: &'a [u8], unverified: bool },
    Refused(&'static str, usize),
}

impl Outcome<'_> {
    /// Whether core says the same.
    fn is(&self, result: &Result<Item<'_>, Error>) -> bool {
        let protection = |unverified| if unverified { Protection::Unverified } else { Protection::None };
        match (self, result) {
            (Self::Refused(word, offset), Err(error)) => (*word, *offset) == (error.cause.word(), error.offset),
            (Self::List { names, time, interval, values, unverified }, Ok(Item::ValueList(list))) => {
                list.identifier.fields().map(|field| field.as_octets()) == *names
                    && list.time.raw() == *time
                    && list.interval.map(|interval| interval.raw()) == *interval
                    && list.values.iter().map(|value| (value.kind().raw(), value.bits())).eq(values.iter().copied())
                    && list.protection == protection(*unverified)
                    && list.user.is_none()
            }
            (Self::Notification { names, time, severity, message, unverified }, Ok(Item::Notification(note))) => {
                note.identifier.fields().map(|field| field.as_octets()) == *names
                    && note.time.raw() == *time
                    && note.severity.raw() == *severity
                    && note.message.as_octets() == *message
                    && note.protection == protection(*unverified)
                    && note.user.is_none()
            }
            _ => false,
        }
    }
}

/// The eight fields of `WIRE §8.1`; a time of 0 is none.
#[derive(Default)]
struct State<'a> {
    names: [&'a [u8]; 5],
    time: u64,
    interval: Option<u64>,
    severity: u64,
}

/// The second decoder, for receivers without passwords.
struct Second<'a> {
    packet: &'a [u8],
    /// The security level if packets are opened; none if they are only decoded.
    opens: Option<SecurityLevel>,
    outcomes: Vec<Outcome<'a>>,
    unknown_parts: usize,
}

impl<'a> Second<'a> {
    fn read(packet: &'a [u8], opens: Option<SecurityLevel>) -> Self {
        let mut second = Self { packet, opens, outcomes: Vec::new(), unknown_parts: 0 };
        if matches!(opens, Some(SecurityLevel::Sign | SecurityLevel::Encrypt)) {
            second.search(packet);
        } else {
            second.scope(packet, 0);
        }
        second
    }

    fn refuse(&mut self, word: &'static str, octets: &[u8]) {
        self.outcomes.push(Outcome::Refused(word, self.packet.len() - octets.len()));
    }

    /// The next part and what is behind it; says what is wrong if there is none (`WIRE §2.2`).
    fn part(&mut self, octets: &'a [u8]) -> Option<(u16, &'a [u8], &'a [u8])> {
        let word = match octets {
            [] => return None,
            [_] | [_, _] | [_, _, _] => "stray",
            _ if octets.iter().all(|octet| *octet == 0) => "padding",
            [a, b, c, d, ..] => match usize::from(*c) * 256 + usize::from(*d) {
                0..=3 => "part-length",
                length if length > octets.len() => "truncated",
                length => return Some((u16::from(*a) * 256 + u16::from(*b), &octets[4..length], &octets[length..])),
            },
        };
        self.refuse(word, octets);
        None
    }

    /// Parts that share a state, `depth` seals deep. They go on to the end of the packet, for what is encrypted stays closed.
    fn scope(&mut self, mut octets: &'a [u8], depth: usize) {
        let mut state = State::default();
        while let Some((type_, body, behind)) = self.part(octets) {
            if type_ == 0x0200 && self.opens.is_some() && body.len() > 32 && depth < 2 {
                return self.scope(behind, depth + 1);
            }
            let outcome = match type_ {
                0x0200 | 0x0210 => self.seal(type_, body, depth),
                _ => self.plain(type_, body, &mut state, depth > 0),
            };
            match outcome {
                Ok(item) => self.outcomes.extend(item),
                Err((word, ends)) => {
                    self.refuse(word, octets);
                    if ends {
                        return;
                    }
                }
            }
            octets = behind;
        }
    }

    /// A seal that is not opened: the word for it, and whether it ends the packet (`WIRE §9` to `§11`).
    fn seal(&self, type_: u16, body: &[u8], depth: usize) -> Result<Option<Outcome<'a>>, (&'static str, bool)> {
        let signature = type_ == 0x0200;
        if self.opens.is_none() {
            return Err(("sealed", signature));
        }
        let sound = match (signature, body) {
            (true, _) => body.len() > 32,
            (false, [high, low, fields @ ..]) => {
                let user = usize::from(*high) * 256 + usize::from(*low);
                user > 0 && user + 36 <= fields.len()
            }
            (false, _) => false,
        };
        match sound {
            false => Err(("seal-length", true)),
            true if depth == 2 => Err(("too-deep", signature)),
            true => Err(("no-keys", signature)),
        }
    }

    /// A part that is not a seal: the item it makes, or the word for what is wrong and whether it ends the packet.
    fn plain(
        &mut self,
        type_: u16,
        body: &'a [u8],
        state: &mut State<'a>,
        unverified: bool,
    ) -> Result<Option<Outcome<'a>>, (&'static str, bool)> {
        match type_ {
            0x0000 => state.names[0] = string(body)?,
            0x0002 => state.names[1] = string(body)?,
            0x0003 => state.names[2] = string(body)?,
            0x0004 => state.names[3] = string(body)?,
            0x0005 => state.names[4] = string(body)?,
            0x0001 => {
                state.time = 0;
                state.time = seconds(body)?;
            }
            0x0007 => {
                state.interval = None;
                state.interval = Some(seconds(body)?);
            }
            0x0008 => state.time = number(body)?,
            0x0009 => state.interval = Some(number(body)?),
            0x0101 => state.severity = number(body)?,
            0x0006 => {
                let values = values(body)?;
                let State { names, time, interval, .. } = *state;
                if names[0].is_empty() || names[1].is_empty() || names[3].is_empty() || time == 0 {
                    return Err(("incomplete", false));
                }
                return Ok(Some(Outcome::List { names, time, interval, values, unverified }));
            }
            0x0100 => {
                let message = string(body)?;
                let State { names, time, severity, .. } = *state;
                return match () {
                    () if ![1, 2, 4].contains(&severity) => Err(("severity", false)),
                    () if time == 0 => Err(("incomplete", false)),
                    () if message.is_empty() => Err(("empty-message", false)),
                    () => Ok(Some(Outcome::Notification { names, time, severity, message, unverified })),
                };
            }
            _ => self.unknown_parts += 1,
        }
        Ok(None)
    }

    /// At a level that nothing here can meet only seals are looked for; there are no passwords to open them (`WIRE §11.3`).
    fn search(&mut self, mut octets: &'a [u8]) {
        let mut said = false;
        while let Some((type_, body, behind)) = self.part(octets) {
            match type_ {
                0x0200 | 0x0210 => {
                    if let Err((word, ends)) = self.seal(type_, body, 0) {
                        self.refuse(word, octets);
                        if ends {
                            return;
                        }
                    }
                }
                0x0006 | 0x0100 if !said => {
                    said = true;
                    self.refuse("below-level", octets);
                }
                _ => {}
            }
            octets = behind;
        }
    }
}

/// `WIRE §4`
fn string(body: &[u8]) -> Result<&[u8], (&'static str, bool)> {
    match body.last() {
        None => Err(("string-empty", true)),
        Some(0) => Ok(body.split(|octet| *octet == 0).next().unwrap_or_default()),
        Some(_) => Err(("string-unterminated", true)),
    }
}

/// `WIRE §5`
fn number(body: &[u8]) -> Result<u64, (&'static str, bool)> {
    if body.len() != 8 {
        return Err(("number-length", true));
    }
    Ok(body.iter().fold(0, |number, octet| number * 256 + u64::from(*octet)))
}

/// `WIRE §7.2`
fn seconds(body: &[u8]) -> Result<u64, (&'static str, bool)> {
    match number(body)? {
        seconds if seconds >= 17_179_869_184 => Err(("time-range", false)),
        seconds => Ok(seconds * 1_073_741_824),
    }
}

/// `WIRE §6`
fn values(body: &[u8]) -> Result<Vec<(u8, u64)>, (&'static str, bool)> {
    let [high, low, rest @ ..] = body else { return Err(("values-length", true)) };
    let count = usize::from(*high) * 256 + usize::from(*low);
    if rest.len() != 9 * count {
        return Err(("values-length", true));
    }
    if count == 0 {
        return Err(("no-values", false));
    }
    let (kinds, numbers) = rest.split_at(count);
    if kinds.iter().any(|kind| *kind > 3) {
        return Err(("unknown-kind", false));
    }
    let value = |(kind, octets): (&u8, &[u8])| {
        let bits = number(octets).expect("eight octets");
        (*kind, if *kind == 1 { bits.swap_bytes() } else { bits })
    };
    Ok(kinds.iter().zip(numbers.chunks(8)).map(value).collect())
}

/// Compares what core makes of a packet with what the second decoder makes of it.
fn compare<'a>(packet: &[u8], expected: &[Outcome<'_>], results: impl Iterator<Item = Result<Item<'a>, Error>>) {
    let mut number = 0;
    for result in results {
        let agreed = expected.get(number).is_some_and(|expected| expected.is(&result));
        assert!(agreed, "{}: result {number} is {result:?} instead of {:?}", hex(packet), expected.get(number));
        number += 1;
        assert!(number <= packet.len() / 4 + 1, "{}: more results than parts", hex(packet));
    }
    assert_eq!(number, expected.len(), "{}: results are missing: {expected:?}", hex(packet));
}

/// Decodes, and opens without passwords at each level.
fn compare_all(packet: &[u8], room: &mut [u8]) {
    decode(packet);
    for level in [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt] {
        let second = Second::read(packet, Some(level));
        let room = &mut room[..packet.len()];
        room.copy_from_slice(packet);
        compare(packet, &second.outcomes, open(room, (), level));
    }
}

/// Decodes and compares; gives what was refused.
fn decode(packet: &[u8]) -> Vec<Outcome<'_>> {
    let second = Second::read(packet, None);
    let mut decoder = Decoder::new(packet);
    compare(packet, &second.outcomes, &mut decoder);
    assert!(decoder.next().is_none(), "{}: it goes on behind its end", hex(packet));
    assert_eq!(decoder.unknown_parts(), second.unknown_parts, "{}: parts of unknown type", hex(packet));
    second.outcomes
}

/// Does `work` for each number of the range, on all processors.
fn for_all<T: Send + Debug>(range: Range<usize>, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(range.start);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= range.end {
                return done;
            }
            done.push(work(number));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("the worker's own message says why")).collect()
    })
}

fn part(type_: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + body.len()).expect("a short part");
    [&type_.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// What stands behind the headers: 60 octets.
fn bodies() -> [[u8; 60]; 5] {
    let time = part(8, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let list = part(6, &[0, 1, 1, 0, 0, 0, 0, 0, 0, 0x45, 0x40]);
    let fill = |parts: &[&[u8]]| {
        let mut body: Vec<u8> = parts.concat();
        body.resize(60, 0x55);
        <[u8; 60]>::try_from(body).expect("no more than 60 octets")
    };
    [
        // For numbers of 12 octets, then items.
        fill(&[
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &part(0, b"h\0"),
            &part(2, b"p\0"),
            &part(4, b"t\0"),
            &list,
            &part(0x0100, b"m\0"),
        ]),
        // For a list of one value; read as a number it is out of the range of seconds.
        fill(&[&list[4..], &part(0x0101, &[0, 0, 0, 0, 0, 0, 0, 1]), &time, &part(0x0100, b"m\0"), &part(0x1234, b"")]),
        // For strings and seals of nearly any length.
        fill(&[&[0, 3, b'b', b'o', b'b', 0, 0, 0], &[0; 28], &part(6, &[0, 0]), &time, b"\0\x05\0"]),
        // For a list without a value, or of a kind that is none.
        fill(&[&[0, 0], &part(6, &[0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0]), &part(0x0200, &[7; 33]), &time[..6]]),
        [0; 60],
    ]
}

/// Each header in front of 60 octets whose part ends within them.
#[test]
fn every_part_header_that_fits() {
    let bodies = bodies();
    let users = [User::new("bob", "s3cr3t")];
    for_all(0..1 << 16, |type_| {
        let [.., high, low] = type_.to_be_bytes();
        let mut packet = [0; 64];
        let mut room = [0; 64];
        for body in &bodies {
            packet[4..].copy_from_slice(body);
            for length in 0..=64 {
                packet[..4].copy_from_slice(&[high, low, 0, length]);
                compare_all(&packet, &mut room);
                room = packet;
                let results = open(&mut room, &users, SecurityLevel::None).inspect(|result| match result {
                    Ok(item) => assert_eq!(item.protection(), Protection::None, "{}", hex(&packet)),
                    Err(error) => assert!(error.offset <= 64, "{}: {error}", hex(&packet)),
                });
                assert!(results.count() <= 17, "{}: more results than parts", hex(&packet));
            }
        }
    });
}

/// Each header in front of 60 octets whose part does not end within them: all lengths mean the same, whatever the type.
#[test]
fn every_part_header_that_does_not_fit() {
    let body = bodies()[0];
    for_all(0..1 << 16, |type_| {
        let [.., high, low] = type_.to_be_bytes();
        let mut packet = [0; 64];
        packet[4..].copy_from_slice(&body);
        for length in 65..=u16::MAX {
            let [length_high, length_low] = length.to_be_bytes();
            packet[..4].copy_from_slice(&[high, low, length_high, length_low]);
            let truncated = Error { offset: 0, cause: Cause::Truncated { needed: length.into(), left: 64 } };
            let mut results = Decoder::new(&packet);
            let mut agreed = matches!(results.next(), Some(Err(error)) if error == truncated);
            // Asking twice takes twice as long, so the end is looked at for 256 lengths of each type.
            if low == length_low {
                agreed &= results.next().is_none();
            }
            assert!(agreed, "{}: not one error that it is truncated", hex(&packet));
        }
    });
}

/// No part is that short: nothing at all, or one error for what is left.
#[test]
fn every_datagram_of_up_to_three_octets() {
    for_all(0..1 << 16, |start| {
        let [.., first, second] = start.to_be_bytes();
        let mut room = [0; 3];
        for third in 0..=u8::MAX {
            compare_all(&[first, second, third], &mut room);
        }
        compare_all(&[first, second], &mut room);
        compare_all(&[first], &mut room);
        compare_all(&[], &mut room);
    });
}

/// Parts of every type, good and bad, and octets that are no parts.
fn alphabet() -> Vec<Vec<u8>> {
    let number = |number: u64| number.to_be_bytes();
    let mut parts = Vec::new();
    for type_ in [0x0000, 0x0002, 0x0003, 0x0004, 0x0005] {
        for body in [&b"x\0"[..], b"\0", b"", b"x", b"ab\0c\0"] {
            parts.push(part(type_, body));
        }
    }
    for (type_, numbers) in [
        (0x0001, &[5, 0, 1 << 34][..]),
        (0x0007, &[10, 0, u64::MAX]),
        (0x0008, &[u64::MAX, 0]),
        (0x0009, &[0xa000_0000, 0]),
        (0x0101, &[2, 3, (1 << 32) + 1]),
    ] {
        parts.extend(numbers.iter().map(|value| part(type_, &number(*value))));
        parts.push(part(type_, &[0; 7]));
    }
    parts.push(part(0x0008, &[0; 9]));
    parts.extend([&b"m\0"[..], b"\0", b"", b"m\0n"].map(|body| part(0x0100, body)));
    let gauge = number(42.0_f64.to_bits().swap_bytes());
    let derive = number(u64::MAX - 4);
    parts.extend([
        part(0x0006, &[&[0, 1, 1][..], &gauge].concat()),
        part(0x0006, &[&[0, 2, 2, 1][..], &derive, &gauge].concat()),
        part(0x0006, &[&[0, 2, 0, 4][..], &derive, &gauge].concat()),
        part(0x0006, &[&[0, 2, 3][..], &gauge].concat()),
        part(0x0006, &[&[0, 1, 3][..], &gauge, &[0]].concat()),
        part(0x0006, &[0, 0]),
        part(0x0006, &[0]),
        part(0x0006, &[]),
        part(0x0200, &[1; 33]),
        part(0x0200, &[1; 32]),
        part(0x0210, &[&[0, 1, b'u'][..], &[2; 36]].concat()),
        part(0x0210, &[&[0, 1, b'u'][..], &[2; 35]].concat()),
        part(0x0210, &[0, 0]),
        part(0x000a, &[]),
        part(0x1234, b"??"),
        // Lengths that are wrong in one place or another: below a header, none, beyond the end of all, beyond the next part.
        vec![0, 2, 0, 3],
        vec![0, 0, 0, 0],
        vec![0, 5, 0xff, 0xff],
        vec![0, 3, 0, 24, b'x'],
        vec![0],
        vec![0, 6, 0],
    ]);
    parts
}

/// Four parts by themselves, and between a beginning with all that items need and a list and a message at the end, which tell
/// what has become of it.
#[test]
fn every_sequence_of_four_parts() {
    let alphabet = alphabet();
    let start = [
        part(0x0000, b"h\0"),
        part(0x0002, b"p\0"),
        part(0x0003, b"i\0"),
        part(0x0004, b"t\0"),
        part(0x0008, &[0, 0, 0, 1, 0, 0, 0, 0]),
        part(0x0009, &[0, 0, 0, 2, 0, 0, 0, 0]),
        part(0x0101, &[0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    let end = [part(0x0006, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]), part(0x0100, b"end\0")];
    let count = alphabet.len();
    let words = for_all(0..count * count, |pair| {
        let pair = [&alphabet[pair / count], &alphabet[pair % count]].map(Vec::as_slice).concat();
        let mut words = [false; Cause::COUNT];
        let mut items = 0;
        let mut packet = Vec::new();
        for (start, end) in [(vec![], vec![]), (start.concat(), end.concat())] {
            for third in &alphabet {
                let three = [&start, &pair, third].map(Vec::as_slice).concat();
                for fourth in &alphabet {
                    packet.clear();
                    packet.extend_from_slice(&three);
                    packet.extend_from_slice(fourth);
                    packet.extend_from_slice(&end);
                    for outcome in decode(&packet) {
                        match outcome {
                            Outcome::Refused(word, _) => {
                                let place = Cause::WORDS.iter().position(|known| *known == word);
                                words[place.expect("a word of core's")] = true;
                            }
                            _ => items += 1,
                        }
                    }
                }
            }
        }
        (words, items)
    });
    let items: usize = words.iter().map(|(_, items)| items).sum();
    assert!(items > 4_000_000, "items come through: {items}");
    let met = |place: usize| words.iter().any(|(words, _)| words[place]);
    let met: Vec<_> = (0..Cause::COUNT).filter(|place| met(*place)).map(|place| Cause::WORDS[place]).collect();
    assert_eq!(met.len(), 15, "every cause that octets without a seal can have, and a seal's own: {met:?}");
}

/// Three parts, opened at each level: signatures nobody can verify, seals nobody can open, what is below the level.
#[test]
fn every_sequence_of_three_parts_is_opened() {
    let alphabet = alphabet();
    let start =
        [part(0x0000, b"h\0"), part(0x0002, b"p\0"), part(0x0004, b"t\0"), part(0x0001, &[0, 0, 0, 0, 0, 0, 0, 9])];
    let end = [start.concat(), part(0x0006, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9])].concat();
    for_all(0..alphabet.len(), |first| {
        let mut room = [0; 400];
        for (start, end) in [(vec![], vec![]), (start.concat(), end.clone())] {
            for second in &alphabet {
                for third in &alphabet {
                    let packet = [&start, &alphabet[first], second, third, &end].map(Vec::as_slice).concat();
                    compare_all(&packet, &mut room);
                }
            }
        }
    });
}
