//! Receiving: transport, security and decoding in one, with counters for everything that happens.

use core::iter::FusedIterator;
use core::ops::ControlFlow;

use crate::decode::{Message, Source, next};
use crate::{
    Arrival, Batched, Cause, Error, Item, Items, Notification, Passwords, Receive, Replays, SecurityLevel, ValueList,
    Values,
};

/// Takes packets from a transport and hands out their items.
///
/// ```
/// # use collectd_net::{Arrival, Receive};
/// # struct Once(Option<&'static [u8]>);
/// # impl Receive for Once {
/// #     type Error = core::convert::Infallible;
/// #     fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Self::Error> {
/// #         let packet = self.0.take().ok_or(nb::Error::WouldBlock)?;
/// #         buffer[..packet.len()].copy_from_slice(packet);
/// #         Ok(Arrival { len: packet.len(), from: None })
/// #     }
/// # }
/// # let transport = Once(Some(include_bytes!("../tests/data/collectd-5.12.0-minimal.bin")));
/// use collectd_net::{Receiver, SecurityLevel};
///
/// let mut receiver = Receiver::new(transport, (), SecurityLevel::None);
/// let mut buffer = [0; 1452];
/// loop {
///     match receiver.receive(&mut buffer) {
///         Ok(packet) => {
///             for item in packet {
///                 match item {
///                     Ok(item) => println!("{}", item.identifier()),
///                     Err(error) => println!("refused: {error}"),
///                 }
///             }
///         }
///         Err(nb::Error::WouldBlock) => break, // nothing has arrived: do something else
///         Err(nb::Error::Other(error)) => match error {},
///     }
/// }
/// assert_eq!(receiver.counters().value_lists, 1);
/// ```
#[derive(Debug)]
pub struct Receiver<T, P, R = ()> {
    transport: T,
    passwords: P,
    replays: R,
    level: SecurityLevel,
    counters: Counters,
}

impl<T: Receive, P: Passwords> Receiver<T, P> {
    /// Receives from `transport` what `passwords` open, if it is protected as `level` asks.
    pub const fn new(transport: T, passwords: P, level: SecurityLevel) -> Self {
        Self { transport, passwords, replays: (), level, counters: Counters::new() }
    }
}

impl<T: Receive, P: Passwords, R: Replays> Receiver<T, P, R> {
    /// Receives as [`new`](Receiver::new) does, but opens no seal that `replays` knows; see [`Replay`](crate::Replay).
    pub const fn with_replays(transport: T, passwords: P, level: SecurityLevel, replays: R) -> Self {
        Self { transport, passwords, replays, level, counters: Counters::new() }
    }

    /// Receives the next packet into `buffer`. Its items count when they are read.
    ///
    /// # Errors
    /// What the transport says: [`nb::Error::WouldBlock`] if nothing has arrived. A packet that is refused is no error, but a
    /// packet with errors inside.
    pub fn receive<'a>(&'a mut self, buffer: &'a mut [u8]) -> nb::Result<Packet<'a, &'a P, &'a mut R>, T::Error> {
        let arrival = self.transport.receive(buffer)?;
        let Self { passwords, replays, level, counters, .. } = self;
        Ok(Packet::with_replays(arrival, buffer, &*passwords, *level, replays, counters))
    }

    /// What has happened so far.
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// The transport.
    pub const fn transport(&mut self) -> &mut T {
        &mut self.transport
    }

    /// What is known of replays, to tell it the time.
    pub const fn replays(&mut self) -> &mut R {
        &mut self.replays
    }

    /// The passwords, to change them between packets.
    pub const fn passwords(&mut self) -> &mut P {
        &mut self.passwords
    }
}

/// A packet that has arrived: an iterator over its items.
#[derive(Debug)]
pub struct Packet<'a, P, R = ()> {
    /// How it arrived.
    pub arrival: Arrival,
    items: Items<'a, P, R>,
    /// How many of the packet's are in the counters already.
    unknown_parts: usize,
    counters: &'a mut Counters,
}

impl<'a, P: Passwords> Packet<'a, P> {
    /// Opens a packet that has arrived at the start of `buffer`, and counts it.
    ///
    /// This is what a [`Receiver`] does with each packet; use it where packets come by another way.
    #[must_use]
    pub fn new(
        arrival: Arrival,
        buffer: &'a mut [u8],
        passwords: P,
        level: SecurityLevel,
        counters: &'a mut Counters,
    ) -> Self {
        Self::with_replays(arrival, buffer, passwords, level, (), counters)
    }
}

impl<'a, P: Passwords, R: Replays> Packet<'a, P, R> {
    /// Opens a packet as [`new`](Packet::new) does, but no seal that `replays` knows.
    #[must_use]
    pub fn with_replays(
        arrival: Arrival,
        buffer: &'a mut [u8],
        passwords: P,
        level: SecurityLevel,
        replays: R,
        counters: &'a mut Counters,
    ) -> Self {
        Self::of_batch(Batched::new(arrival, buffer), passwords, level, replays, counters)
    }

    /// Opens a packet of a batch as [`with_replays`](Packet::with_replays) does; see [`decrypt_together`](crate::decrypt_together).
    #[must_use]
    pub fn of_batch(
        packet: Batched<'a>,
        passwords: P,
        level: SecurityLevel,
        replays: R,
        counters: &'a mut Counters,
    ) -> Self {
        counters.count_arrival(packet.arrival, packet.octets.len());
        let arrival = packet.arrival;
        Self { arrival, items: packet.open_once(passwords, level, replays), unknown_parts: 0, counters }
    }

    /// Gives each value list to `list` and everything else to `other`, in order, and both of them `context`.
    ///
    /// These are the same items as one by one, for fewer instructions on small processors: value lists are looked at where
    /// they are put together, and never copied. With each of them `list` hears whether it may differ from the one before in
    /// more than type instance, time and values; nearly all of them do not.
    ///
    /// ```
    /// use collectd_net::{Arrival, Counters, Packet, SecurityLevel};
    ///
    /// let mut octets = *include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
    /// let (arrival, mut counters) = (Arrival { len: octets.len(), from: None }, Counters::new());
    /// let packet = Packet::new(arrival, &mut octets, (), SecurityLevel::None, &mut counters);
    /// let mut plugins = String::new();
    /// packet.hand_out(
    ///     &mut plugins,
    ///     |plugins, list, _| plugins.push_str(&list.identifier.plugin.to_string()),
    ///     |_, other| eprintln!("{other:?}"),
    /// );
    /// assert_eq!(plugins, "p");
    /// ```
    #[inline]
    pub fn hand_out<C: ?Sized>(
        mut self,
        context: &mut C,
        mut list: impl FnMut(&mut C, &ValueList<'a>, bool),
        mut other: impl FnMut(&mut C, Result<Notification<'a>, Error>),
    ) {
        loop {
            let (mut lists, mut values) = (0_usize, 0_usize);
            self.items.lists(|value_list, anew| {
                lists = lists.wrapping_add(1);
                values = values.wrapping_add(value_list.values.len());
                list(context, value_list, anew);
            });
            self.counters.count_lists(lists, values);
            match self.attend() {
                ControlFlow::Continue(()) => {}
                ControlFlow::Break(None) => return,
                ControlFlow::Break(Some(message)) => {
                    other(context, message.map(|message| message.completes(self.list())));
                }
            }
        }
    }
}

impl<'a, P: Passwords, R: Replays> Source<'a> for Packet<'a, P, R> {
    #[inline(always)]
    fn advance(&mut self) -> Option<Values<'a>> {
        let values = self.items.advance()?;
        self.counters.count_lists(1, values.len());
        Some(values)
    }

    #[inline(always)]
    fn list(&self) -> &ValueList<'a> {
        self.items.list()
    }

    #[cold]
    fn attend(&mut self) -> ControlFlow<Option<Result<Message<'a>, Error>>> {
        let comes = self.items.attend();
        match &comes {
            ControlFlow::Break(Some(Ok(_))) => self.counters.count_notification(),
            ControlFlow::Break(Some(Err(error))) => self.counters.count_refusal(error.cause),
            ControlFlow::Break(None) => {
                let unknown_parts = self.items.unknown_parts();
                self.counters.count_unknown_parts(unknown_parts.wrapping_sub(self.unknown_parts));
                self.unknown_parts = unknown_parts;
            }
            ControlFlow::Continue(()) => {}
        }
        comes
    }
}

impl<'a, P: Passwords, R: Replays> Iterator for Packet<'a, P, R> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next(self)
    }
}

impl<P: Passwords, R: Replays> FusedIterator for Packet<'_, P, R> {}

/// What a [`Receiver`] has seen. The counts wrap.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// Packets received.
    pub packets: u64,
    /// Octets of them.
    pub octets: u64,
    /// Packets without any octet.
    pub empty: u64,
    /// Packets that were longer than the buffer.
    pub truncated: u64,
    /// Value lists delivered.
    pub value_lists: u64,
    /// Values in them.
    pub values: u64,
    /// Notifications delivered.
    pub notifications: u64,
    /// Parts of unknown type that were passed over.
    pub unknown_parts: u64,
    refused: [u64; Cause::COUNT],
}

impl Counters {
    /// All zero.
    #[must_use]
    pub const fn new() -> Self {
        Self {
            packets: 0,
            octets: 0,
            empty: 0,
            truncated: 0,
            value_lists: 0,
            values: 0,
            notifications: 0,
            unknown_parts: 0,
            refused: [0; Cause::COUNT],
        }
    }

    /// Adds what another receiver has seen.
    pub fn add(&mut self, other: &Self) {
        let Self { packets, octets, empty, truncated, value_lists, values, notifications, unknown_parts, refused } =
            self;
        for (sum, more) in [
            (packets, other.packets),
            (octets, other.octets),
            (empty, other.empty),
            (truncated, other.truncated),
            (value_lists, other.value_lists),
            (values, other.values),
            (notifications, other.notifications),
            (unknown_parts, other.unknown_parts),
        ] {
            *sum = sum.wrapping_add(more);
        }
        for (sum, more) in refused.iter_mut().zip(other.refused) {
            *sum = sum.wrapping_add(more);
        }
    }

    /// Value lists and notifications delivered.
    #[must_use]
    pub const fn items(&self) -> u64 {
        self.value_lists.wrapping_add(self.notifications)
    }

    /// How often something was refused, whatever the reason.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.refused.iter().copied().fold(0, u64::wrapping_add)
    }

    /// How often something was refused, for each reason by its [word](Cause::word), the ones that did not happen included.
    pub fn refused_by_cause(&self) -> impl Iterator<Item = (&'static str, u64)> {
        let words: &'static [&'static str] = &Cause::WORDS;
        words.iter().copied().zip(self.refused.iter().copied())
    }

    fn count_arrival(&mut self, arrival: Arrival, room: usize) {
        self.packets = self.packets.wrapping_add(1);
        self.octets = self.octets.wrapping_add(u64::try_from(arrival.len).unwrap_or(u64::MAX));
        self.empty = self.empty.wrapping_add(u64::from(arrival.len == 0));
        self.truncated = self.truncated.wrapping_add(u64::from(arrival.len > room));
    }

    fn count_lists(&mut self, lists: usize, values: usize) {
        self.value_lists = self.value_lists.wrapping_add(u64::try_from(lists).unwrap_or(u64::MAX));
        self.values = self.values.wrapping_add(u64::try_from(values).unwrap_or(u64::MAX));
    }

    fn count_notification(&mut self) {
        self.notifications = self.notifications.wrapping_add(1);
    }

    fn count_refusal(&mut self, cause: Cause) {
        if let Some(count) = self.refused.get_mut(cause.index()) {
            *count = count.wrapping_add(1);
        }
    }

    fn count_unknown_parts(&mut self, parts: usize) {
        self.unknown_parts = self.unknown_parts.wrapping_add(u64::try_from(parts).unwrap_or(u64::MAX));
    }
}

#[cfg(test)]
mod tests;
