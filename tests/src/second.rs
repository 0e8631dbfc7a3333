//! The second decoder: written from WIRE.md, knows nothing of core and is in no hurry. What it makes of octets is compared with
//! what core makes of them, for all of a small world (`exhaustive`) and for whatever fuzzing comes upon (`fuzz/targets`).

use collectd_net::{Decoder, Error, Item, Protection, SecurityLevel, open};

/// What is made of a packet: items, and what is refused as word and offset.
#[derive(Clone, Debug, PartialEq)]
#[expect(missing_docs, reason = "fields are named as in core")]
pub enum Outcome<'a> {
    /// A value list: its names, and each value as kind and bits.
    List { names: [&'a [u8]; 5], time: u64, interval: Option<u64>, values: Vec<(u8, u64)>, unverified: bool },
    /// A notification.
    Notification { names: [&'a [u8]; 5], time: u64, severity: u64, message: &'a [u8], unverified: bool },
    /// A cause's word, and the offset.
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

/// Decodes and compares with the second decoder, which gives what came out.
///
/// # Panics
///
/// When they do not agree.
pub fn compare_decoded(packet: &[u8]) -> Vec<Outcome<'_>> {
    let second = Second::read(packet, None);
    let mut decoder = Decoder::new(packet);
    compare(packet, &second.outcomes, &mut decoder);
    assert!(decoder.next().is_none(), "it goes on behind the end of {packet:02x?}");
    assert_eq!(decoder.unknown_parts(), second.unknown_parts, "parts of unknown type in {packet:02x?}");
    second.outcomes
}

/// Opens a copy of `packet` in `room` without passwords, and compares with the second decoder.
///
/// # Panics
///
/// When they do not agree, or `room` is too small.
pub fn compare_opened(packet: &[u8], room: &mut [u8], level: SecurityLevel) {
    let second = Second::read(packet, Some(level));
    let room = &mut room[..packet.len()];
    room.copy_from_slice(packet);
    compare(packet, &second.outcomes, open(room, (), level));
}

fn compare<'a>(packet: &[u8], expected: &[Outcome<'_>], results: impl Iterator<Item = Result<Item<'a>, Error>>) {
    let mut number = 0;
    for result in results {
        let agreed = expected.get(number).is_some_and(|expected| expected.is(&result));
        assert!(agreed, "result {number} is {result:?} instead of {:?} in {packet:02x?}", expected.get(number));
        number += 1;
    }
    assert_eq!(number, expected.len(), "results are missing in {packet:02x?}: {expected:?}");
}
