//! Decoding: parts in, value lists and notifications out (`WIRE §8`).

use core::iter::FusedIterator;
use core::mem;
use core::ops::ControlFlow;

use crate::part::{Cursor, HEADER, Octets, first_part};
use crate::text::has_nul;
use crate::{
    Cause, Error, Identifier, Interval, Item, Missing, Notification, PartType, Protection, Severity, Text, Time,
    ValueList, Values,
};

/// The items of octets that nobody sealed; what a seal covers is refused with [`Cause::Sealed`].
///
/// Use [`open`](crate::open) for packets from a network.
///
/// ```
/// use collectd_net::{Decoder, Item};
///
/// let packet = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
/// for item in Decoder::new(packet) {
///     if let Item::ValueList(list) = item? {
///         assert_eq!(list.identifier.to_string(), "h/p/gauge");
///         assert_eq!(list.time.secs(), 1_700_005_000);
///     }
/// }
/// # Ok::<(), collectd_net::Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct Decoder<'a>(Scope<'a, &'a [u8]>);

impl<'a> Decoder<'a> {
    /// The items of `packet`.
    #[must_use]
    pub fn new(packet: &'a [u8]) -> Self {
        Self(Scope::new(packet, 0, Protection::None, None, true))
    }

    /// How many parts of unknown type have been passed over so far.
    #[must_use]
    pub const fn unknown_parts(&self) -> usize {
        self.0.unknown_parts
    }
}

impl<'a> Source<'a> for Decoder<'a> {
    #[inline(always)]
    fn advance(&mut self) -> Option<Values<'a>> {
        self.0.advance()
    }

    #[inline(always)]
    fn list(&self) -> &ValueList<'a> {
        &self.0.list
    }

    #[cold]
    fn attend(&mut self) -> ControlFlow<Option<Result<Message<'a>, Error>>> {
        let result = match self.0.attend() {
            Step::Read => return ControlFlow::Continue(()),
            Step::End => return ControlFlow::Break(self.0.cursor.damage().map(Err)),
            Step::Message(message) => Ok(message),
            Step::Refused(error) => Err(error),
            Step::Seal(type_, body) => {
                let offset = start(&self.0.cursor, body);
                // A signature covers all that follows.
                if type_ == PartType::SIGNATURE {
                    self.0.cursor.finish();
                }
                Err(Cause::Sealed.at(offset))
            }
        };
        if let Err(error) = &result
            && error.cause.ends_packet()
        {
            self.0.cursor.finish();
        }
        ControlFlow::Break(Some(result))
    }
}

impl<'a> Iterator for Decoder<'a> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next(self)
    }
}

impl FusedIterator for Decoder<'_> {}

/// Where items come from: value lists, which nearly all of them are, may be looked at where they are put together.
pub(crate) trait Source<'a> {
    /// Reads ordinary parts, until there are the values of a list or what comes next is not ordinary.
    fn advance(&mut self) -> Option<Values<'a>>;

    /// The value list to which the values belong, without any values. A message belongs to it, too.
    fn list(&self) -> &ValueList<'a>;

    /// Reads what is not ordinary: breaks with what comes of it, if anything does.
    fn attend(&mut self) -> ControlFlow<Option<Result<Message<'a>, Error>>>;
}

/// What a source gives next.
#[inline(always)]
pub(crate) fn next<'a>(source: &mut impl Source<'a>) -> Option<Result<Item<'a>, Error>> {
    loop {
        if let Some(values) = source.advance() {
            // Field by field, because a copy as a whole would take its way through memory.
            let ValueList { identifier, time, interval, protection, user, .. } = *source.list();
            let list = ValueList { identifier, time, interval, values, protection, user };
            return Some(Ok(Item::ValueList(list)));
        }
        if let ControlFlow::Break(other) = source.attend() {
            return other.map(|other| other.map(|message| Item::Notification(message.completes(source.list()))));
        }
    }
}

/// What makes a notification of what was said so far.
#[derive(Clone, Copy)]
pub(crate) struct Message<'a> {
    pub(crate) severity: Severity,
    pub(crate) text: Text<'a>,
}

impl<'a> Message<'a> {
    /// The notification that it completes, which shares all else with a value list.
    #[inline]
    pub(crate) fn completes(self, list: &ValueList<'a>) -> Notification<'a> {
        let ValueList { identifier, time, protection, user, .. } = *list;
        Notification { identifier, time, severity: self.severity, message: self.text, protection, user }
    }
}

/// What comes of a part.
pub(crate) enum Step<'a, B> {
    /// It is remembered, or passed over.
    Read,
    /// It completes a notification.
    Message(Message<'a>),
    /// It is a signature or an encrypted part, still closed.
    Seal(PartType, B),
    /// It is damaged, or worth an error for another reason.
    Refused(Error),
    /// There is none, or none that can be read.
    End,
}

/// A run of parts that share one state: a whole packet, or what one seal covers (`WIRE §8.1`, `§11.1`).
#[derive(Clone, Debug)]
pub(crate) struct Scope<'a, B> {
    pub(crate) cursor: Cursor<B>,
    pub(crate) unknown_parts: usize,
    /// What was said so far; the next value list, but for its values.
    pub(crate) list: ValueList<'a>,
    severity: u64,
    /// Whether a value list is known to have what it needs, and to be delivered; what takes any of it away is not ordinary.
    complete: bool,
    /// Whether the seal is as strong as the security level asks.
    delivers: bool,
    /// Whether it has been said that something here is below the security level.
    complained: bool,
}

impl<'a, B: Octets<'a>> Scope<'a, B> {
    /// The parts in `octets`, which begin at `offset` in the packet, under a seal of this protection and user.
    pub(crate) fn new(
        octets: B,
        offset: usize,
        protection: Protection,
        user: Option<Text<'a>>,
        delivers: bool,
    ) -> Self {
        let list = ValueList {
            identifier: Identifier::default(),
            time: Time::default(),
            interval: None,
            values: Values::copied(&[], &[]),
            protection,
            user,
        };
        Self {
            cursor: Cursor::new(octets, offset),
            unknown_parts: 0,
            list,
            severity: 0,
            complete: false,
            delivers,
            complained: false,
        }
    }

    /// Reads ordinary parts up to the values of the next value list.
    ///
    /// `None` is before a part that is anything but ordinary, or at the end, and [`attend`](Self::attend) says which. Nearly all
    /// parts are read here, so nothing here makes an error.
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    pub(crate) fn advance(&mut self) -> Option<Values<'a>> {
        // A local copy stays in registers.
        let mut left = mem::take(&mut self.cursor.left);
        while let Some((type_, body)) = first_part(left.look()) {
            let length = body.len();
            let name = match (type_, body) {
                (PartType::TYPE_INSTANCE, [_, ..]) => &mut self.list.identifier.type_instance,
                (PartType::VALUES, _) => {
                    let Some(count) = Values::count(body) else { break };
                    if !self.complete && !self.completes() {
                        break;
                    }
                    let (body, rest) = left.split(HEADER, length);
                    self.cursor.left = rest;
                    return Some(Values::of_body(body.share(), count));
                }
                (PartType::TIME_HR, _) => {
                    match body.split_first_chunk() {
                        Some((units, [])) if *units != [0; 8] => {
                            self.list.time = Time::from_raw(u64::from_be_bytes(*units))
                        }
                        _ => break,
                    }
                    left = left.split(HEADER, length).1;
                    continue;
                }
                (PartType::PLUGIN_INSTANCE, [_, ..]) => &mut self.list.identifier.plugin_instance,
                // With something before the NUL.
                (PartType::TYPE, [_, _, ..]) => &mut self.list.identifier.type_,
                (PartType::PLUGIN, [_, _, ..]) => &mut self.list.identifier.plugin,
                (PartType::HOST, [_, _, ..]) => &mut self.list.identifier.host,
                _ => break,
            };
            match body.split_last() {
                Some((0, text)) if !has_nul(text) => {}
                _ => break,
            }
            let (body, rest) = left.split(HEADER, length);
            if let [text @ .., _] = body.share() {
                *name = Text::new(text);
            }
            left = rest;
        }
        self.cursor.left = left;
        None
    }

    /// Reads the next part, whatever it is, except for values that complete a list.
    #[cold]
    pub(crate) fn attend(&mut self) -> Step<'a, B> {
        let offset = self.cursor.offset();
        let Some((type_, octets)) = self.cursor.split() else {
            return Step::End;
        };
        if type_.is_seal() {
            return Step::Seal(type_, octets);
        }
        if !self.delivers {
            return self.leave_out(type_, offset);
        }
        let body = octets.share();
        let read = match type_ {
            PartType::MESSAGE => self.message(body).map(Step::Message),
            PartType::VALUES => Err(self.no_list(body)),
            _ => self.remember(type_, body).map(|()| Step::Read),
        };
        read.unwrap_or_else(|cause| Step::Refused(cause.at(offset)))
    }

    /// Below the security level plain parts are not looked at; that there was an item is said once (`WIRE §11.3`).
    fn leave_out(&mut self, type_: PartType, offset: usize) -> Step<'a, B> {
        if self.complained || !matches!(type_, PartType::VALUES | PartType::MESSAGE) {
            return Step::Read;
        }
        self.complained = true;
        Step::Refused(Cause::BelowLevel.at(offset))
    }

    fn remember(&mut self, type_: PartType, body: &'a [u8]) -> Result<(), Cause> {
        let Identifier { host, plugin, plugin_instance, type_: type_name, type_instance } = &mut self.list.identifier;
        let name = match type_ {
            PartType::HOST => host,
            PartType::PLUGIN => plugin,
            PartType::PLUGIN_INSTANCE => plugin_instance,
            PartType::TYPE => type_name,
            PartType::TYPE_INSTANCE => type_instance,
            PartType::INTERVAL_HR | PartType::TIME_HR | PartType::TIME | PartType::INTERVAL | PartType::SEVERITY => {
                let units = number(body).ok_or(Cause::NumberLength { length: body.len() })?;
                return self.remember_number(type_, units);
            }
            _ => {
                self.unknown_parts = self.unknown_parts.wrapping_add(1);
                return Ok(());
            }
        };
        *name = string(body)?;
        // It may be empty.
        self.complete = false;
        Ok(())
    }

    fn remember_number(&mut self, type_: PartType, units: u64) -> Result<(), Cause> {
        let out_of_range = Cause::TimeRange { secs: units };
        match type_ {
            PartType::INTERVAL_HR => self.list.interval = Some(Interval::from_raw(units)),
            PartType::INTERVAL => {
                self.list.interval = Interval::from_secs(units);
                self.list.interval.ok_or(out_of_range)?;
            }
            PartType::SEVERITY => self.severity = units,
            _ => {
                let time = if type_ == PartType::TIME { Time::from_secs(units) } else { Some(Time::from_raw(units)) };
                self.list.time = time.unwrap_or_default();
                self.complete = false;
                time.ok_or(out_of_range)?;
            }
        }
        Ok(())
    }

    /// Why a values part does not complete a list.
    fn no_list(&self, body: &[u8]) -> Cause {
        Values::fault(body).unwrap_or(Cause::Incomplete { missing: self.missing().unwrap_or(Missing::Time) })
    }

    /// The message in the body of a message part.
    fn message(&self, body: &'a [u8]) -> Result<Message<'a>, Cause> {
        let text = string(body)?;
        let severity = Severity::from_raw(self.severity).ok_or(Cause::Severity { severity: self.severity })?;
        if self.list.time == Time::default() {
            return Err(Cause::Incomplete { missing: Missing::Time });
        }
        if text.is_empty() {
            return Err(Cause::EmptyMessage);
        }
        Ok(Message { severity, text })
    }

    /// Whether a value list would be complete, and delivered.
    #[inline(always)]
    fn completes(&mut self) -> bool {
        self.complete = self.delivers && self.missing().is_none();
        self.complete
    }

    /// What a value list would lack.
    #[inline(always)]
    fn missing(&self) -> Option<Missing> {
        let ValueList { identifier: Identifier { host, plugin, type_, .. }, time, .. } = self.list;
        match () {
            () if host.is_empty() => Some(Missing::Host),
            () if plugin.is_empty() => Some(Missing::Plugin),
            () if type_.is_empty() => Some(Missing::Type),
            () if time == Time::default() => Some(Missing::Time),
            () => None,
        }
    }
}

impl<'a, B: Octets<'a>> Default for Scope<'a, B> {
    fn default() -> Self {
        Self::new(B::default(), 0, Protection::None, None, false)
    }
}

/// Octets from the start of the packet to the part that was split off last, with this body.
pub(crate) fn start<'a, B: Octets<'a>>(cursor: &Cursor<B>, body: &[u8]) -> usize {
    cursor.offset().wrapping_sub(body.len()).wrapping_sub(HEADER)
}

/// The body of a string part: octets and a final NUL (`WIRE §4`).
fn string(body: &[u8]) -> Result<Text<'_>, Cause> {
    match body.split_last() {
        Some((0, text)) => Ok(Text::cut_at_nul(text)),
        Some(_) => Err(Cause::StringUnterminated { length: body.len() }),
        None => Err(Cause::StringEmpty),
    }
}

/// The body of a number part: eight octets, big endian (`WIRE §5`).
#[inline]
fn number(body: &[u8]) -> Option<u64> {
    body.try_into().ok().map(u64::from_be_bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_seal_covers_is_refused() {
        let plain = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
        let signed = include_bytes!("../tests/data/collectd-5.12.0-minimal-signed.bin");
        let encrypted = include_bytes!("../tests/data/collectd-5.12.0-minimal-encrypted.bin");
        let results = |packet: &[u8]| Decoder::new(packet).map(|item| item.map(|_| ())).collect::<Vec<_>>();
        assert_eq!(results(signed), [Err(Cause::Sealed.at(0))]);
        assert_eq!(results(&[&encrypted[..], plain].concat()), [Err(Cause::Sealed.at(0)), Ok(())]);
    }

    #[test]
    fn seconds_of_an_interval_beyond_its_range_leave_it_unknown() {
        let plain = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
        let interval = [0, 7, 0, 12, 0, 0, 0, 4, 0, 0, 0, 0];
        let packet = [&plain[..], &interval, &plain[plain.len() - 15..]].concat();
        let mut items = Decoder::new(&packet);
        assert!(matches!(items.next(), Some(Ok(Item::ValueList(list))) if list.interval == Interval::from_secs(10)));
        assert_eq!(items.next(), Some(Err(Cause::TimeRange { secs: 1 << 34 }.at(plain.len()))));
        assert!(matches!(items.next(), Some(Ok(Item::ValueList(list))) if list.interval.is_none()));
        assert_eq!(items.next(), None);
    }

    #[test]
    fn a_time_of_zero_is_none() {
        let plain = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
        let time = [0, 8, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0];
        let packet = [&plain[..], &time, &plain[plain.len() - 15..]].concat();
        let missing = Cause::Incomplete { missing: Missing::Time }.at(plain.len() + time.len());
        assert_eq!(Decoder::new(&packet).nth(1), Some(Err(missing)));
    }

    #[test]
    fn parts_of_unknown_type_are_counted() {
        let mut items = Decoder::new(&[0x12, 0x34, 0, 4, 0, 0x99, 0, 5, 1]);
        assert_eq!(items.next(), None);
        assert_eq!(items.unknown_parts(), 2);
    }

    const HOST: &[u8] = b"\0\0\0\x06h\0";
    const PLUGIN: &[u8] = b"\0\x02\0\x06p\0";
    const TYPE: &[u8] = b"\0\x04\0\x06t\0";
    const TIME: &[u8] = b"\0\x08\0\x0c\0\0\0\0\x40\0\0\0";
    const VALUES: &[u8] = b"\0\x06\0\x0f\0\x01\0\0\0\0\0\0\0\0\x07";
    const SEVERITY: &[u8] = b"\x01\x01\0\x0c\0\0\0\0\0\0\0\x02";
    const MESSAGE: &[u8] = b"\x01\0\0\x09well\0";

    /// What the items of a packet say, or what was wrong with them and where.
    fn read(parts: &[&[u8]]) -> Vec<Result<String, Error>> {
        Decoder::new(&parts.concat())
            .map(|item| {
                item.map(|item| match item {
                    Item::ValueList(list) => format!("{} at {}", list.identifier, list.time.secs()),
                    Item::Notification(told) => {
                        format!("{} {} at {}", told.severity.name(), told.message, told.time.secs())
                    }
                })
            })
            .collect()
    }

    #[test]
    fn what_a_value_list_lacks_is_named() {
        let whole = [HOST, PLUGIN, TYPE, TIME, VALUES];
        assert_eq!(read(&whole), [Ok("h/p/t at 1".into())]);
        for (place, missing) in [Missing::Host, Missing::Plugin, Missing::Type, Missing::Time].into_iter().enumerate() {
            let mut parts = whole.to_vec();
            parts.remove(place);
            let offset = parts[..3].concat().len();
            assert_eq!(read(&parts), [Err(Cause::Incomplete { missing }.at(offset))]);
        }
    }

    #[test]
    fn a_name_that_becomes_empty_is_missing_again() {
        let whole = [HOST, PLUGIN, TYPE, TIME, VALUES].concat();
        for (part, missing) in [(0, Missing::Host), (2, Missing::Plugin), (4, Missing::Type)] {
            let empty = [0, part, 0, 5, 0];
            let error = Cause::Incomplete { missing }.at(whole.len() + empty.len());
            assert_eq!(read(&[&whole, &empty, VALUES]), [Ok("h/p/t at 1".into()), Err(error)]);
        }
    }

    #[test]
    fn names_end_at_their_first_nul_wherever_they_stand() {
        let named = |part: u8, text: &[u8]| [&[0, part, 0, u8::try_from(text.len() + 5).unwrap()], text, &[0]].concat();
        let whole: Vec<u8> = [0, 2, 3, 4, 5].iter().flat_map(|part| named(*part, b"abc")).collect();
        for (place, part) in [0, 2, 3, 4, 5].into_iter().enumerate() {
            let cut = named(part, b"x\0yz, and so on until it is long");
            let mut names = ["abc"; 5];
            names[place] = "x";
            let [host, plugin, plugin_instance, type_, type_instance] = names;
            assert_eq!(
                read(&[&whole, TIME, &cut, VALUES]),
                [Ok(format!("{host}/{plugin}-{plugin_instance}/{type_}-{type_instance} at 1"))]
            );
        }
    }

    #[test]
    fn every_part_has_its_place_in_the_identifier() {
        let instances = [&b"\0\x03\0\x06i\0"[..], b"\0\x05\0\x06j\0"];
        assert_eq!(
            read(&[HOST, PLUGIN, instances[0], TYPE, instances[1], TIME, VALUES]),
            [Ok("h/p-i/t-j at 1".into())]
        );
    }

    #[test]
    fn a_notification_needs_severity_time_and_message() {
        assert_eq!(read(&[SEVERITY, TIME, MESSAGE]), [Ok("warning well at 1".into())]);
        assert_eq!(read(&[TIME, MESSAGE]), [Err(Cause::Severity { severity: 0 }.at(12))]);
        let unknown = b"\x01\x01\0\x0c\0\0\0\0\0\0\0\x03";
        assert_eq!(read(&[unknown, TIME, MESSAGE]), [Err(Cause::Severity { severity: 3 }.at(24))]);
        assert_eq!(read(&[SEVERITY, MESSAGE]), [Err(Cause::Incomplete { missing: Missing::Time }.at(12))]);
        assert_eq!(read(&[SEVERITY, TIME, b"\x01\0\0\x05\0"]), [Err(Cause::EmptyMessage.at(24))]);
        // What costs a notification alone does not end the packet.
        assert_eq!(read(&[TIME, MESSAGE, SEVERITY, MESSAGE])[1], Ok("warning well at 1".into()));
    }

    #[test]
    fn times_in_whole_seconds_are_times() {
        let secs = b"\0\x01\0\x0c\0\0\0\0\0\0\0\x05";
        assert_eq!(read(&[HOST, PLUGIN, TYPE, secs, VALUES]), [Ok("h/p/t at 5".into())]);
        // One that is out of range is none, and not the one before.
        let beyond = b"\0\x01\0\x0c\0\0\0\x04\0\0\0\0";
        assert_eq!(
            read(&[HOST, PLUGIN, TYPE, TIME, beyond, VALUES]),
            [Err(Cause::TimeRange { secs: 1 << 34 }.at(30)), Err(Cause::Incomplete { missing: Missing::Time }.at(42))]
        );
    }

    #[test]
    fn strings_without_a_nul_and_numbers_of_other_lengths_end_the_packet() {
        for (part, cause) in [
            (&b"\0\0\0\x04"[..], Cause::StringEmpty),
            (b"\0\x05\0\x05x", Cause::StringUnterminated { length: 1 }),
            (b"\x01\0\0\x04", Cause::StringEmpty),
            (b"\x01\0\0\x06hi", Cause::StringUnterminated { length: 2 }),
            (b"\0\x08\0\x0b\0\0\0\0\0\0\0", Cause::NumberLength { length: 7 }),
            (b"\0\x01\0\x0d\0\0\0\0\0\0\0\0\0", Cause::NumberLength { length: 9 }),
            (b"\0\x09\0\x04", Cause::NumberLength { length: 0 }),
            (b"\x01\x01\0\x05\0", Cause::NumberLength { length: 1 }),
        ] {
            assert_eq!(read(&[HOST, PLUGIN, TYPE, TIME, part, VALUES]), [Err(cause.at(30))]);
        }
    }
}
