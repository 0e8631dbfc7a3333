//! Decoding: parts in, value lists and notifications out (`WIRE §8`).

use core::iter::FusedIterator;
use core::mem;

use crate::part::{Cursor, HEADER, Octets, split_part};
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
        Self(Scope::new(packet, 0, Seal::default(), true))
    }

    /// How many parts of unknown type have been passed over so far.
    #[must_use]
    pub const fn unknown_parts(&self) -> usize {
        self.0.unknown_parts
    }
}

impl<'a> Iterator for Decoder<'a> {
    type Item = Result<Item<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        let result = match self.0.advance() {
            Step::Values(body) => self.0.value_list(body).map(Item::ValueList),
            Step::Message(body) => self.0.notification(body),
            Step::Seal(type_, body) => {
                let offset = start(&self.0.cursor, body);
                // A signature covers all that follows.
                if type_ == PartType::SIGNATURE {
                    self.0.cursor.finish();
                }
                Err(Cause::Sealed.at(offset))
            }
            Step::Refused(error) => Err(error),
            Step::End => Err(self.0.cursor.damage()?),
        };
        if let Err(error) = &result
            && error.cause.ends_packet()
        {
            self.0.cursor.finish();
        }
        Some(result)
    }
}

impl FusedIterator for Decoder<'_> {}

/// Who vouches for what stands in a scope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seal<'a> {
    pub(crate) protection: Protection,
    pub(crate) user: Option<Text<'a>>,
}

/// What reading on in a scope comes upon: the part that needs more than to be remembered.
pub(crate) enum Step<'a, B> {
    /// A values part.
    Values(&'a [u8]),
    /// A message part.
    Message(&'a [u8]),
    /// A signature or an encrypted part, still closed.
    Seal(PartType, B),
    /// A part that is damaged, or worth an error for another reason.
    Refused(Error),
    /// Nothing is left, or nothing that can be read.
    End,
}

/// A run of parts that share one state: a whole packet, or what one seal covers (`WIRE §8.1`, `§11.1`).
#[derive(Clone, Debug, Default)]
pub(crate) struct Scope<'a, B> {
    pub(crate) cursor: Cursor<B>,
    pub(crate) unknown_parts: usize,
    seal: Seal<'a>,
    /// Whether the seal is as strong as the security level asks.
    delivers: bool,
    /// Whether it has been said that something here is below the security level.
    complained: bool,
    identifier: Identifier<'a>,
    /// Whether host, plugin and type are known not to be empty; they change much less often than they are asked for.
    named: bool,
    time: Time,
    interval: Option<Interval>,
    severity: u64,
}

impl<'a, B: Octets<'a>> Scope<'a, B> {
    pub(crate) fn new(octets: B, offset: usize, seal: Seal<'a>, delivers: bool) -> Self {
        Self { cursor: Cursor::new(octets, offset), seal, delivers, ..Self::default() }
    }

    /// The seal around this scope.
    pub(crate) const fn seal(&self) -> Seal<'a> {
        self.seal
    }

    /// Reads on, and remembers what parts say, up to one that makes an item or needs attention.
    #[inline(always)]
    pub(crate) fn advance(&mut self) -> Step<'a, B> {
        if !self.delivers {
            return self.advance_to_seal();
        }
        // A local copy stays in registers.
        let mut left = mem::take(&mut self.cursor.left);
        loop {
            let Some((type_, octets)) = split_part(&mut left) else {
                self.cursor.left = left;
                return Step::End;
            };
            let name = match type_ {
                PartType::TYPE_INSTANCE => &mut self.identifier.type_instance,
                PartType::VALUES => {
                    self.cursor.left = left;
                    return Step::Values(octets.share());
                }
                PartType::TIME_HR => {
                    let body = octets.share();
                    let Some(units) = number(body) else {
                        self.cursor.left = left;
                        return Step::Refused(damaged(body).at(start(&self.cursor, body)));
                    };
                    self.time = Time::from_raw(units);
                    continue;
                }
                PartType::PLUGIN_INSTANCE => &mut self.identifier.plugin_instance,
                PartType::TYPE => {
                    self.named = false;
                    &mut self.identifier.type_
                }
                PartType::PLUGIN => {
                    self.named = false;
                    &mut self.identifier.plugin
                }
                PartType::HOST => {
                    self.named = false;
                    &mut self.identifier.host
                }
                _ => {
                    self.cursor.left = left;
                    match self.attend(type_, octets) {
                        Some(step) => return step,
                        None => left = mem::take(&mut self.cursor.left),
                    }
                    continue;
                }
            };
            let body = octets.share();
            match string(body) {
                Some(text) => *name = text,
                None => {
                    self.cursor.left = left;
                    return Step::Refused(unterminated(body).at(start(&self.cursor, body)));
                }
            }
        }
    }

    /// The parts that come once in a packet, or never. The part has been split off.
    #[cold]
    fn attend(&mut self, type_: PartType, octets: B) -> Option<Step<'a, B>> {
        if type_.is_seal() {
            return Some(Step::Seal(type_, octets));
        }
        let body = octets.share();
        if type_ == PartType::MESSAGE {
            return Some(Step::Message(body));
        }
        let outcome = self.remember(type_, body);
        outcome.err().map(|cause| Step::Refused(cause.at(start(&self.cursor, body))))
    }

    fn remember(&mut self, type_: PartType, body: &'a [u8]) -> Result<(), Cause> {
        let units = match type_ {
            PartType::INTERVAL_HR | PartType::TIME | PartType::INTERVAL | PartType::SEVERITY => {
                number(body).ok_or_else(|| damaged(body))?
            }
            _ => {
                self.unknown_parts = self.unknown_parts.wrapping_add(1);
                return Ok(());
            }
        };
        let out_of_range = Cause::TimeRange { secs: units };
        match type_ {
            PartType::INTERVAL_HR => self.interval = Some(Interval::from_raw(units)),
            PartType::INTERVAL => {
                self.interval = Interval::from_secs(units);
                self.interval.ok_or(out_of_range)?;
            }
            PartType::TIME => {
                let time = Time::from_secs(units);
                self.time = time.unwrap_or_default();
                time.ok_or(out_of_range)?;
            }
            _ => self.severity = units,
        }
        Ok(())
    }

    /// Below the security level plain parts are not looked at; that there was an item is said once (`WIRE §11.3`).
    #[cold]
    fn advance_to_seal(&mut self) -> Step<'a, B> {
        loop {
            let offset = self.cursor.offset();
            let Some((type_, octets)) = self.cursor.split() else {
                return Step::End;
            };
            if type_.is_seal() {
                return Step::Seal(type_, octets);
            }
            if !self.complained && matches!(type_, PartType::VALUES | PartType::MESSAGE) {
                self.complained = true;
                return Step::Refused(Cause::BelowLevel.at(offset));
            }
        }
    }

    /// The value list that a values part completes.
    #[inline(always)]
    pub(crate) fn value_list(&mut self, body: &'a [u8]) -> Result<ValueList<'a>, Error> {
        let values = match Values::parse(body) {
            Ok(values) => values,
            Err(cause) => return Err(cause.at(start(&self.cursor, body))),
        };
        if (!self.named || self.time == Time::default())
            && let Some(missing) = self.missing()
        {
            return Err(Cause::Incomplete { missing }.at(start(&self.cursor, body)));
        }
        Ok(ValueList {
            identifier: self.identifier,
            time: self.time,
            interval: self.interval,
            values,
            protection: self.seal.protection,
            user: self.seal.user,
        })
    }

    /// The notification that a message part completes.
    pub(crate) fn notification(&self, body: &'a [u8]) -> Result<Item<'a>, Error> {
        self.checked_notification(body).map_err(|cause| cause.at(start(&self.cursor, body)))
    }

    fn checked_notification(&self, body: &'a [u8]) -> Result<Item<'a>, Cause> {
        let message = string(body).ok_or_else(|| unterminated(body))?;
        let severity = Severity::from_raw(self.severity).ok_or(Cause::Severity { severity: self.severity })?;
        if self.time == Time::default() {
            return Err(Cause::Incomplete { missing: Missing::Time });
        }
        if message.is_empty() {
            return Err(Cause::EmptyMessage);
        }
        Ok(Item::Notification(Notification {
            identifier: self.identifier,
            time: self.time,
            severity,
            message,
            protection: self.seal.protection,
            user: self.seal.user,
        }))
    }

    /// What a value list would lack.
    #[cold]
    fn missing(&mut self) -> Option<Missing> {
        let Identifier { host, plugin, type_, .. } = self.identifier;
        let missing = match () {
            () if host.is_empty() => Missing::Host,
            () if plugin.is_empty() => Missing::Plugin,
            () if type_.is_empty() => Missing::Type,
            () if self.time == Time::default() => Missing::Time,
            () => {
                self.named = true;
                return None;
            }
        };
        Some(missing)
    }
}

/// Octets from the start of the packet to the part that was split off last, with this body.
pub(crate) fn start<'a, B: Octets<'a>>(cursor: &Cursor<B>, body: &[u8]) -> usize {
    cursor.offset().wrapping_sub(body.len()).wrapping_sub(HEADER)
}

/// The body of a string part: octets and a final NUL (`WIRE §4`).
#[inline]
fn string(body: &[u8]) -> Option<Text<'_>> {
    match body.split_last() {
        Some((0, text)) => Some(Text::until_nul(text)),
        _ => None,
    }
}

#[cold]
fn unterminated(body: &[u8]) -> Cause {
    if body.is_empty() { Cause::StringEmpty } else { Cause::StringUnterminated { length: body.len() } }
}

/// The body of a number part: eight octets, big endian (`WIRE §5`).
#[inline]
fn number(body: &[u8]) -> Option<u64> {
    body.try_into().ok().map(u64::from_be_bytes)
}

#[cold]
fn damaged(body: &[u8]) -> Cause {
    Cause::NumberLength { length: body.len() }
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
