//! Packing: value lists share packets, as the daemon packs them, and do not wait in them for ever (`WIRE §12`).

use std::fmt;
use std::time::{Duration, Instant};

use collectd_net::{Decoder, Encoder, Item, PACKET_SIZE, Paused, SEAL_ROOM};

/// How long a value list waits for others at the most, if nothing else is said.
pub const MAX_AGE: Duration = Duration::from_secs(1);

/// Packs items into packets. It has no clock: the time is what its caller says.
///
/// Like the daemon, value lists share packets, up to 106 octets below the packet size, whatever the seal; and each notification
/// has a packet of its own. Unlike it, a packet that is not full does not wait longer than a given time.
///
/// ```
/// use std::time::{Duration, Instant};
///
/// use collectd_net::{Decoder, PACKET_SIZE};
/// # use collectd_tap_stream::packer as send;
/// use send::Packer;
///
/// # let octets = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
/// let mut packer = Packer::new(PACKET_SIZE, Duration::from_secs(1), 0);
/// let (start, mut packets) = (Instant::now(), Vec::new());
/// for item in Decoder::new(octets) {
///     packer.push(&item?, start, |ready| packets.push(ready.octets().to_vec()))?;
/// }
/// packer.flush_due(start + Duration::from_millis(999), |ready| packets.push(ready.octets().to_vec()));
/// assert_eq!(packets.len(), 0);
/// packer.flush_due(start + Duration::from_secs(1), |ready| packets.push(ready.octets().to_vec()));
/// assert_eq!(packets, [octets]);
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug)]
pub struct Packer {
    buffer: Box<[u8]>,
    /// The packet of value lists so far.
    open: Paused,
    items: u64,
    /// When the packet's first value list came.
    since: Option<Instant>,
    max_age: Duration,
    /// Octets that are kept free in packets that have one item.
    seal_room: usize,
    /// For packets that have one item.
    single: Box<[u8]>,
}

/// A packet that is ready to be sealed and sent.
#[derive(Clone, Copy, Debug)]
pub struct Ready<'p> {
    /// Room for a seal, and the packet behind it.
    #[doc(hidden)]
    pub buffer: &'p [u8],
    /// How far the encoder has come.
    #[doc(hidden)]
    pub paused: Paused,
    room: usize,
    /// How many items are in it.
    pub items: u64,
}

impl Ready<'_> {
    /// The packet without a seal.
    #[must_use]
    pub fn octets(&self) -> &[u8] {
        self.buffer.get(self.room..).unwrap_or_default()
    }

    /// Gives each item of the packet to `look`.
    #[inline(never)]
    pub fn each(&self, look: &mut dyn FnMut(&Item<'_>)) {
        Decoder::new(self.octets()).flatten().for_each(|item| look(&item));
    }

    /// The same in memory of its own.
    pub fn to_packed(self) -> Packed {
        let Self { buffer, paused, room, items } = self;
        Packed { buffer: buffer.into(), paused, room, items }
    }
}

/// A packet that is ready, in memory of its own.
#[derive(Debug)]
pub struct Packed {
    buffer: Box<[u8]>,
    paused: Paused,
    room: usize,
    items: u64,
}

impl Packed {
    /// The packet, borrowed.
    pub fn ready(&self) -> Ready<'_> {
        let Self { buffer, paused, room, items } = self;
        Ready { buffer, paused: *paused, room: *room, items: *items }
    }

    /// Octets of memory that it takes.
    pub fn weight(&self) -> usize {
        self.buffer.len()
    }
}

impl Packer {
    /// Packs for receivers that take packets of so many octets, 1024 to 65,535, and keeps `seal_room` of them free for the
    /// longest seal.
    #[must_use]
    pub fn new(max_packet_size: usize, max_age: Duration, seal_room: usize) -> Self {
        let size = max_packet_size.clamp(1024, usize::from(u16::MAX));
        let mut buffer = vec![0; size].into_boxed_slice();
        let open = Encoder::with_room(&mut buffer, room(seal_room)).pause();
        Self { open, items: 0, since: None, max_age, seal_room, single: buffer.clone(), buffer }
    }

    /// Adds an item. What it completes goes to `ready`: packets that are full, and a notification at once.
    ///
    /// # Errors
    /// [`TooLong`] if the item fits no packet; then it is left out, and nothing else is.
    #[inline]
    pub fn push(&mut self, item: &Item<'_>, now: Instant, mut ready: impl FnMut(Ready<'_>)) -> Result<(), TooLong> {
        if matches!(item, Item::Notification(_)) {
            return self.push_alone(item, ready);
        }
        if !self.add(item) {
            self.flush(&mut ready);
            if !self.add(item) {
                return self.push_alone(item, ready);
            }
        }
        self.since.get_or_insert(now);
        Ok(())
    }

    /// How many items wait in the packet so far.
    #[must_use]
    pub const fn waiting(&self) -> u64 {
        self.items
    }

    /// When the packet so far is to be sent at the latest; `None` as long as it is empty.
    #[must_use]
    pub fn due(&self) -> Option<Instant> {
        // A time that no clock will ever show is none.
        self.since?.checked_add(self.max_age)
    }

    /// Gives the packet so far to `ready`, if it is old enough.
    pub fn flush_due(&mut self, now: Instant, ready: impl FnMut(Ready<'_>)) {
        if self.due().is_some_and(|due| due <= now) {
            self.flush(ready);
        }
    }

    /// Gives the packet so far to `ready`, unless it is empty.
    pub fn flush(&mut self, mut ready: impl FnMut(Ready<'_>)) {
        if self.open.is_empty() {
            return;
        }
        let (room, paused) = (room(self.seal_room), self.open);
        let buffer = self.buffer.get(..paused.len()).unwrap_or_default();
        ready(Ready { buffer, paused, room, items: self.items });
        self.open = Encoder::with_room(&mut self.buffer, room).pause();
        (self.items, self.since) = (0, None);
    }

    /// Adds a value list to the packet so far, if it fits.
    #[inline(never)]
    fn add(&mut self, item: &Item<'_>) -> bool {
        let mut encoder = Encoder::resume(&mut self.buffer, self.open);
        let fits = encode(&mut encoder, item);
        self.open = encoder.pause();
        self.items += u64::from(fits);
        fits
    }

    /// Gives an item to `ready` in a packet of its own, which has as much room as a packet can have.
    fn push_alone(&mut self, item: &Item<'_>, mut ready: impl FnMut(Ready<'_>)) -> Result<(), TooLong> {
        let mut encoder = Encoder::with_room(&mut self.single, self.seal_room);
        if !encode(&mut encoder, item) {
            return Err(TooLong { limit: self.single.len().saturating_sub(self.seal_room) });
        }
        let paused = encoder.pause();
        let buffer = self.single.get(..paused.len()).unwrap_or_default();
        ready(Ready { buffer, paused, room: self.seal_room, items: 1 });
        Ok(())
    }
}

/// Octets that the daemon keeps free, or as many as this seal takes.
fn room(seal: usize) -> usize {
    seal.max(SEAL_ROOM)
}

fn encode(encoder: &mut Encoder<'_>, item: &Item<'_>) -> bool {
    let added = match item {
        Item::ValueList(list) => encoder.value_list(&list.identifier, list.time, list.interval, list.values),
        Item::Notification(notification) => encoder.notification(
            &notification.identifier,
            notification.time,
            notification.severity,
            notification.message,
        ),
    };
    added.is_ok()
}

/// An item that fits no packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TooLong {
    /// Octets that there are for it.
    pub limit: usize,
}

impl fmt::Display for TooLong {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "longer than the {} octets that a packet has for it", self.limit)
    }
}

impl std::error::Error for TooLong {}

impl Default for Packer {
    fn default() -> Self {
        Self::new(PACKET_SIZE, MAX_AGE, 0)
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Interval, Text, Time, Value};

    use super::*;

    const START: u64 = 1_700_000_000;

    /// A packet with one value list: the number and its name.
    fn encoded(number: u32, name: &str) -> Vec<u8> {
        let mut buffer = [0; 60_000];
        let mut encoder = Encoder::new(&mut buffer);
        let identifier = collectd_net::Identifier {
            host: "web01".into(),
            plugin: "p".into(),
            type_: "gauge".into(),
            type_instance: Text::from(name),
            ..Default::default()
        };
        let time = Time::from_secs(START).expect("it is less");
        encoder.value_list(&identifier, time, Interval::from_secs(10), [Value::Gauge(number.into())]).expect("room");
        encoder.packet().to_vec()
    }

    fn item(octets: &[u8]) -> Item<'_> {
        Decoder::new(octets).next().expect("an item").expect("a good one")
    }

    /// The packets that come of a step, and how many items each has.
    fn collect(step: impl FnOnce(&mut dyn FnMut(Ready<'_>))) -> Vec<(usize, u64)> {
        let mut packets = Vec::new();
        step(&mut |ready| {
            assert_eq!(Decoder::new(ready.octets()).filter(Result::is_ok).count() as u64, ready.items);
            packets.push((ready.octets().len(), ready.items));
        });
        packets
    }

    #[test]
    fn packets_are_full_as_those_of_the_daemon_whatever_the_seal() {
        for (size, seal_room) in [(1452, 0), (1452, 44), (1452, 106), (1452, 200), (1024, 0), (65_535, 106)] {
            let (mut packer, now) = (Packer::new(size, MAX_AGE, seal_room), Instant::now());
            let (mut packets, mut count) = (Vec::new(), 0);
            while packets.len() < 3 {
                let octets = encoded(count, &format!("number {count:06}"));
                packets.extend(collect(|ready| packer.push(&item(&octets), now, ready).expect("room")));
                count += 1;
            }
            let limit = size - 106.max(seal_room);
            // A value list more is a type instance of 18 and a value of 15 octets.
            for (octets, items) in packets {
                assert!(octets <= limit && octets + 33 > limit, "{octets} of {limit}");
                assert_eq!(octets as u64, 83 + (items - 1) * 33);
            }
        }
    }

    #[test]
    fn a_packet_goes_when_its_first_value_list_is_old_enough() {
        let second = Duration::from_secs(1);
        let (mut packer, start) = (Packer::new(PACKET_SIZE, second, 0), Instant::now());
        assert_eq!(packer.due(), None);
        let octets = encoded(1, "a");
        for after in [0, 400, 999] {
            let now = start + Duration::from_millis(after);
            assert_eq!(collect(|ready| packer.push(&item(&octets), now, ready).expect("room")), []);
            assert_eq!(packer.due(), Some(start + second));
            assert_eq!(collect(|ready| packer.flush_due(now, ready)), []);
        }
        assert_eq!(collect(|ready| packer.flush_due(start + second, ready)).len(), 1);
        assert_eq!(packer.due(), None);
        assert_eq!(collect(|ready| packer.flush_due(start + second * 100, ready)), []);
        // The next one has its own time, from when it came.
        let now = start + second * 5;
        packer.push(&item(&octets), now, |_| panic!("not yet")).expect("room");
        assert_eq!(packer.due(), Some(now + second));
        // Whatever the clock does: what goes back changes nothing.
        assert_eq!(collect(|ready| packer.flush_due(start, ready)), []);
        assert_eq!(collect(|ready| packer.flush(ready)).len(), 1);
        assert_eq!(collect(|ready| packer.flush(ready)), []);
    }

    #[test]
    fn a_full_packet_does_not_make_the_next_one_older() {
        let (mut packer, start) = (Packer::new(1024, MAX_AGE, 0), Instant::now());
        let mut now = start;
        let mut last = None;
        for number in 0..200 {
            now += Duration::from_millis(10);
            let octets = encoded(number, "a");
            if !collect(|ready| packer.push(&item(&octets), now, ready).expect("room")).is_empty() {
                last = Some(now);
            }
            assert_eq!(packer.due(), Some(last.unwrap_or(start + Duration::from_millis(10)) + MAX_AGE));
        }
        assert!(last.is_some());
    }

    #[test]
    fn a_notification_goes_at_once_and_alone() {
        let octets = collectd_notification(&"m".repeat(255));
        for (size, seal_room) in [(1452, 0), (1024, 0), (1024, 106)] {
            let (mut packer, now) = (Packer::new(size, MAX_AGE, seal_room), Instant::now());
            packer.push(&item(&encoded(1, "a")), now, |_| panic!("not yet")).expect("room");
            let sent = collect(|ready| packer.push(&item(&octets), now, ready).expect("room"));
            assert_eq!(sent, [(octets.len(), 1)]);
            assert_eq!(collect(|ready| packer.flush(ready)).len(), 1);
        }
    }

    #[test]
    fn what_is_longer_than_a_packet_costs_only_itself() {
        let (mut packer, now) = (Packer::new(1024, MAX_AGE, 40), Instant::now());
        packer.push(&item(&encoded(1, "a")), now, |_| panic!("not yet")).expect("room");
        // In the room that the daemon leaves there is place for 1024 - 106 octets, and alone for 1024 - 40.
        for (length, fits) in [(848, true), (849, true), (914, true), (915, false), (9000, false)] {
            let octets = encoded(2, &"x".repeat(length));
            let mut sent = Vec::new();
            let pushed = packer.push(&item(&octets), now, |ready| sent.push(ready.items));
            assert_eq!(pushed.is_ok(), fits, "{length}");
            if pushed.is_err() {
                assert_eq!(pushed, Err(TooLong { limit: 984 }));
            }
            let rest = collect(|ready| packer.flush(ready));
            assert!(sent.len() + rest.len() <= 2);
            packer.push(&item(&encoded(1, "a")), now, |_| panic!("not yet")).expect("room");
        }
    }

    fn collectd_notification(message: &str) -> Vec<u8> {
        let mut buffer = [0; 1000];
        let mut encoder = Encoder::new(&mut buffer);
        let name = "n".repeat(120);
        let name = Text::from(name.as_str());
        let identifier = collectd_net::Identifier {
            host: name,
            plugin: name,
            plugin_instance: name,
            type_: name,
            type_instance: "t".into(),
        };
        let time = Time::from_secs(START).expect("it is less");
        encoder.notification(&identifier, time, collectd_net::Severity::Okay, message.into()).expect("room");
        encoder.packet().to_vec()
    }
}
