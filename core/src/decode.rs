//! Decoding: parts in, value lists and notifications out (`WIRE §8`).

use core::iter::FusedIterator;

use crate::part::{Cursor, HEADER, Octets};
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
        Some(match self.0.find()? {
            Found::Item(item) => Ok(item),
            Found::Error(error) => {
                if error.cause.ends_packet() {
                    self.0.cursor.end();
                }
                Err(error)
            }
            Found::Seal { offset, type_, .. } => {
                // A signature covers all that follows.
                if type_ == PartType::SIGNATURE {
                    self.0.cursor.end();
                }
                Err(Cause::Sealed.at(offset))
            }
        })
    }
}

impl FusedIterator for Decoder<'_> {}

/// Who vouches for what stands in a scope.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Seal<'a> {
    pub(crate) protection: Protection,
    pub(crate) user: Option<Text<'a>>,
}

/// What reading on in a scope comes upon.
pub(crate) enum Found<'a, B> {
    Item(Item<'a>),
    Error(Error),
    /// A signature or an encrypted part, header included, still closed.
    Seal {
        offset: usize,
        type_: PartType,
        octets: B,
    },
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
    time: Time,
    interval: Option<Interval>,
    severity: u64,
}

impl<'a, B: Octets<'a>> Scope<'a, B> {
    pub(crate) fn new(octets: B, offset: usize, seal: Seal<'a>, delivers: bool) -> Self {
        Self { cursor: Cursor { left: octets, offset }, seal, delivers, ..Self::default() }
    }

    /// The seal around this scope.
    pub(crate) const fn seal(&self) -> Seal<'a> {
        self.seal
    }

    /// Reads on to the next item, error or sealed part.
    pub(crate) fn find(&mut self) -> Option<Found<'a, B>> {
        loop {
            let (offset, type_, octets) = match self.cursor.split()? {
                Ok(part) => part,
                Err(error) => return Some(Found::Error(error)),
            };
            if type_.is_seal() {
                return Some(Found::Seal { offset, type_, octets });
            }
            let body = octets.share().get(HEADER..).unwrap_or_default();
            match self.read(type_, body) {
                Ok(None) => {}
                Ok(Some(item)) => return Some(Found::Item(item)),
                Err(cause) => return Some(Found::Error(cause.at(offset))),
            }
        }
    }

    /// Takes one plain part into the state, and makes the item that it completes.
    #[inline]
    fn read(&mut self, type_: PartType, body: &'a [u8]) -> Result<Option<Item<'a>>, Cause> {
        if !self.delivers {
            return self.pass_over(type_);
        }
        match type_ {
            PartType::TYPE_INSTANCE => self.identifier.type_instance = string(body)?,
            PartType::VALUES => return self.value_list(body).map(Some),
            PartType::TYPE => self.identifier.type_ = string(body)?,
            PartType::PLUGIN_INSTANCE => self.identifier.plugin_instance = string(body)?,
            PartType::PLUGIN => self.identifier.plugin = string(body)?,
            PartType::TIME_HR => self.time = Time::from_raw(number(body)?),
            PartType::HOST => self.identifier.host = string(body)?,
            PartType::INTERVAL_HR => self.interval = Some(Interval::from_raw(number(body)?)),
            PartType::TIME => {
                let secs = number(body)?;
                let time = Time::from_secs(secs);
                self.time = time.unwrap_or_default();
                time.ok_or(Cause::TimeRange { secs })?;
            }
            PartType::INTERVAL => {
                let secs = number(body)?;
                self.interval = Interval::from_secs(secs);
                self.interval.ok_or(Cause::TimeRange { secs })?;
            }
            PartType::SEVERITY => self.severity = number(body)?,
            PartType::MESSAGE => return self.notification(body).map(Some),
            _ => self.unknown_parts = self.unknown_parts.wrapping_add(1),
        }
        Ok(None)
    }

    /// Below the security level nothing is even looked at; that there was something is said once (`WIRE §11.3`).
    #[cold]
    fn pass_over(&mut self, type_: PartType) -> Result<Option<Item<'a>>, Cause> {
        if self.complained || !matches!(type_, PartType::VALUES | PartType::MESSAGE) {
            return Ok(None);
        }
        self.complained = true;
        Err(Cause::BelowLevel)
    }

    #[inline]
    fn value_list(&self, body: &'a [u8]) -> Result<Item<'a>, Cause> {
        let values = Values::parse(body)?;
        let Identifier { host, plugin, type_, .. } = self.identifier;
        if host.is_empty() || plugin.is_empty() || type_.is_empty() || self.time == Time::default() {
            return Err(self.missing());
        }
        Ok(Item::ValueList(ValueList {
            identifier: self.identifier,
            time: self.time,
            interval: self.interval,
            values,
            protection: self.seal.protection,
            user: self.seal.user,
        }))
    }

    #[cold]
    fn missing(&self) -> Cause {
        let missing = if self.identifier.host.is_empty() {
            Missing::Host
        } else if self.identifier.plugin.is_empty() {
            Missing::Plugin
        } else if self.identifier.type_.is_empty() {
            Missing::Type
        } else {
            Missing::Time
        };
        Cause::Incomplete { missing }
    }

    fn notification(&self, body: &'a [u8]) -> Result<Item<'a>, Cause> {
        let message = string(body)?;
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
}

/// The body of a string part: octets and a final NUL (`WIRE §4`).
#[inline]
fn string(body: &[u8]) -> Result<Text<'_>, Cause> {
    match body.split_last() {
        Some((0, text)) => Ok(Text::until_nul(text)),
        Some(_) => Err(Cause::StringUnterminated { length: body.len() }),
        None => Err(Cause::StringEmpty),
    }
}

/// The body of a number part: eight octets, big endian (`WIRE §5`).
#[inline]
fn number(body: &[u8]) -> Result<u64, Cause> {
    match body.first_chunk() {
        Some(octets) if body.len() == octets.len() => Ok(u64::from_be_bytes(*octets)),
        _ => Err(Cause::NumberLength { length: body.len() }),
    }
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
}
