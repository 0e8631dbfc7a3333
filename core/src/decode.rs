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

/// The lengths of a number's part and of that of a single value, which most of the parts are that are no names.
const NUMBER: u32 = 12;
const VALUE: u32 = 15;

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
    /// `None` is before a part that is anything but ordinary, or at the end, and [`attend`](Self::attend) says which.
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    pub(crate) fn advance(&mut self) -> Option<Values<'a>> {
        // A local copy stays in registers.
        let mut left = mem::take(&mut self.cursor.left);
        let values = self.values(&mut left, &mut false);
        self.cursor.left = left;
        values
    }

    /// Reads ordinary parts, and gives each value list to `list`, up to a part that is anything but ordinary, or the end.
    ///
    /// `list` also hears whether more than type instance, time and values may differ from the list before.
    #[inline(always)]
    pub(crate) fn lists(&mut self, mut list: impl FnMut(&ValueList<'a>, bool)) {
        let mut left = mem::take(&mut self.cursor.left);
        let mut anew = true;
        while let Some(values) = self.values(&mut left, &mut anew) {
            self.list.values = values;
            list(&self.list, mem::take(&mut anew));
        }
        self.cursor.left = left;
    }

    /// Reads ordinary parts off `left`, up to the values of the next value list, and notes in `anew` if there were names other
    /// than a type instance. Nearly all parts are read here, so nothing here makes an error.
    #[inline(always)]
    fn values(&mut self, left: &mut B, anew: &mut bool) -> Option<Values<'a>> {
        loop {
            if cfg!(feature = "fast")
                && let Some((header, body)) = left.look().split_first_chunk::<HEADER>()
            {
                // What has always the same length needs no look at it but one.
                let header = u32::from_be_bytes(*header);
                match (PartType(u16::try_from(header >> 16).unwrap_or_default()), header & 0xffff) {
                    (PartType::TIME_HR, NUMBER) => {
                        if let Some(units) = body.first_chunk()
                            && *units != [0; 8]
                        {
                            self.list.time = Time::from_raw(u64::from_be_bytes(*units));
                            *left = mem::take(left).split(HEADER, 8).1;
                            continue;
                        }
                    }
                    (PartType::INTERVAL_HR, NUMBER) => {
                        if let Some(units) = body.first_chunk() {
                            self.list.interval = Some(Interval::from_raw(u64::from_be_bytes(*units)));
                            *anew = true;
                            *left = mem::take(left).split(HEADER, 8).1;
                            continue;
                        }
                    }
                    (PartType::VALUES, VALUE) => {
                        if let Some([count @ .., 0..=3, _, _, _, _, _, _, _, _]) = body.first_chunk::<11>()
                            && u16::from_be_bytes(*count) == 1
                            && self.complete
                        {
                            let (body, rest) = mem::take(left).split(HEADER, 11);
                            *left = rest;
                            return Some(Values::of_body(body.share(), 1));
                        }
                    }
                    _ => {}
                }
            }
            let (type_, body) = first_part(left.look())?;
            let length = body.len();
            let Identifier { host, plugin, plugin_instance, type_: type_name, type_instance } =
                &mut self.list.identifier;
            let name = match (type_, body) {
                (PartType::TYPE_INSTANCE, [_, ..]) => type_instance,
                (PartType::VALUES, _) => {
                    let count = Values::count(body)?;
                    if !self.complete && !self.completes() {
                        return None;
                    }
                    let (body, rest) = mem::take(left).split(HEADER, length);
                    *left = rest;
                    return Some(Values::of_body(body.share(), count));
                }
                (PartType::TIME_HR, _) => {
                    match body.split_first_chunk() {
                        Some((units, [])) if *units != [0; 8] => {
                            self.list.time = Time::from_raw(u64::from_be_bytes(*units))
                        }
                        _ => return None,
                    }
                    *left = mem::take(left).split(HEADER, length).1;
                    continue;
                }
                (PartType::PLUGIN_INSTANCE, [_, ..]) => told(plugin_instance, anew),
                // With something before the NUL.
                (PartType::TYPE, [_, _, ..]) => told(type_name, anew),
                (PartType::PLUGIN, [_, _, ..]) => told(plugin, anew),
                (PartType::HOST, [_, _, ..]) => told(host, anew),
                _ => return None,
            };
            match body.split_last() {
                Some((0, text)) if !has_nul(text) => {}
                _ => return None,
            }
            let (body, rest) = mem::take(left).split(HEADER, length);
            if let [text @ .., _] = body.share() {
                *name = Text::new(text);
            }
            *left = rest;
        }
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

/// A name that changes with more than the type instance.
#[inline(always)]
fn told<'n, 'a>(name: &'n mut Text<'a>, anew: &mut bool) -> &'n mut Text<'a> {
    *anew = true;
    name
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
mod tests;
