//! Encoding: the decoder's mirror. Items in, parts out, in the daemon's order (`WIRE §12`).

#[cfg(any(feature = "sign", feature = "encrypt"))]
mod seal;

use crate::octets::{copy, same};
use crate::part::HEADER;
use crate::{Full, Identifier, Interval, PartType, Severity, Text, Time, Value};

/// Octets of a packet that every collectd takes, unless it is told otherwise (`WIRE §1`).
pub const PACKET_SIZE: usize = 1452;

/// Octets that the daemon keeps free for a seal, in every packet of values (`WIRE §12`).
pub const SEAL_ROOM: usize = 106;

/// Octets from the start of a part to its body.
const BODY: u16 = 4;

/// All that can run out while items are added.
const FULL: Full = Full { what: "packet" };

/// Builds a packet in the caller's buffer; the length of the buffer is the packet's limit.
///
/// Receivers take packets up to a limit of their own, 1024 to 65,535 octets, and lose the end of longer ones; [`PACKET_SIZE`] is
/// what every receiver takes that nobody told otherwise.
///
/// Like the daemon it writes a field only where it differs from the item before.
///
/// ```
/// use collectd_net::{Encoder, Identifier, Interval, PACKET_SIZE, Time, Value};
///
/// let identifier = Identifier { host: "h".into(), plugin: "p".into(), type_: "gauge".into(), ..Identifier::default() };
/// let mut buffer = [0; PACKET_SIZE];
/// let mut encoder = Encoder::new(&mut buffer);
/// let time = Time::from_secs(1_700_005_000).unwrap();
/// encoder.value_list(&identifier, time, Interval::from_secs(10), [Value::Gauge(42.0)])?;
/// assert_eq!(encoder.packet(), include_bytes!("../tests/data/collectd-5.12.0-minimal.bin"));
/// # Ok::<(), collectd_net::Full>(())
/// ```
#[derive(Debug)]
pub struct Encoder<'a> {
    buffer: &'a mut [u8],
    /// Where the parts begin; a seal goes in front of them.
    room: u16,
    state: State,
}

/// What an [`Encoder`] knows without its buffer.
#[derive(Clone, Copy, Debug)]
pub struct Paused {
    room: u16,
    state: State,
}

impl Paused {
    /// Octets of the buffer that are in use: the room for a seal, and the packet behind it.
    #[must_use]
    pub const fn len(&self) -> usize {
        // `usize::from` is not const yet.
        #[expect(clippy::as_conversions, reason = "it has more bits")]
        let end = self.state.end as usize;
        end
    }

    /// Whether nothing has been added to the packet.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.state.end == self.room
    }
}

/// What the receiver knows after the octets written so far.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// Where in the buffer the parts end.
    end: u16,
    host: Written,
    plugin: Written,
    plugin_instance: Written,
    type_: Written,
    type_instance: Written,
    time: Time,
    interval: Interval,
    severity: u64,
}

impl State {
    /// Nothing is written, and what comes stands behind this room.
    fn empty(room: u16) -> Self {
        Self { end: room, ..Self::default() }
    }
}

/// Where in the buffer a string stands; nowhere at first, which reads as the empty string.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    start: u16,
    length: u16,
}

impl<'a> Encoder<'a> {
    /// An empty packet in `buffer`, to be sent as it is. Of a longer buffer 65,535 octets are used.
    #[must_use]
    pub fn new(buffer: &'a mut [u8]) -> Self {
        Self::with_room(buffer, 0)
    }

    /// An empty packet in `buffer` that keeps `room` octets free for a seal.
    ///
    /// A signature takes 36 octets and the user name, encryption 42 and the user name, both together the sum. With
    /// [`SEAL_ROOM`] packets of values are filled exactly as the daemon fills them.
    #[must_use]
    pub fn with_room(buffer: &'a mut [u8], room: usize) -> Self {
        let size = buffer.len().min(usize::from(u16::MAX));
        let buffer = buffer.get_mut(..size).unwrap_or_default();
        // Behind the end of the buffer nothing has room.
        let room = u16::try_from(room).unwrap_or(u16::MAX);
        Self { buffer, room, state: State::empty(room) }
    }

    /// Adds a value list.
    ///
    /// # Errors
    /// [`Full`] leaves the packet as it was: send it, [`clear`](Self::clear) it, and add the value list again.
    pub fn value_list(
        &mut self,
        identifier: &Identifier<'_>,
        time: Time,
        interval: Option<Interval>,
        values: impl IntoIterator<Item = Value, IntoIter: ExactSizeIterator>,
    ) -> Result<(), Full> {
        let values = values.into_iter();
        self.all_or_nothing(|packet| {
            packet.host(identifier.host)?;
            packet.time(time)?;
            packet.interval(interval.unwrap_or_default())?;
            packet.names(identifier)?;
            packet.values(values)
        })
    }

    /// Adds a notification. The daemon sends each in a packet of its own.
    ///
    /// # Errors
    /// [`Full`] leaves the packet as it was.
    pub fn notification(
        &mut self,
        identifier: &Identifier<'_>,
        time: Time,
        severity: Severity,
        message: Text<'_>,
    ) -> Result<(), Full> {
        self.all_or_nothing(|packet| {
            packet.time(time)?;
            if packet.state.severity != severity.raw() {
                packet.state.severity = severity.raw();
                packet.number(PartType::SEVERITY, severity.raw())?;
            }
            packet.host(identifier.host)?;
            packet.names(identifier)?;
            packet.string(PartType::MESSAGE, message).map(drop)
        })
    }

    /// The packet so far, without a seal.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        self.buffer.get(self.room.into()..self.state.end.into()).unwrap_or_default()
    }

    /// Whether nothing has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.state.end == self.room
    }

    /// Starts the next packet in the same buffer.
    pub fn clear(&mut self) {
        self.state = State::empty(self.room);
    }

    /// Lets go of the buffer, for as long as nothing is to be added.
    #[must_use]
    pub const fn pause(self) -> Paused {
        Paused { room: self.room, state: self.state }
    }

    /// Goes on where another encoder [paused](Self::pause), in its buffer or in a copy of that.
    ///
    /// In the same way a packet can be sealed for several receivers, in a copy for each.
    #[must_use]
    pub fn resume(buffer: &'a mut [u8], paused: Paused) -> Self {
        let size = buffer.len().min(usize::from(u16::MAX));
        Self { buffer: buffer.get_mut(..size).unwrap_or_default(), room: paused.room, state: paused.state }
    }

    /// Adds what `add` writes as a whole, or nothing of it.
    #[inline(always)]
    fn all_or_nothing(&mut self, add: impl FnOnce(&mut Draft<'_>) -> Option<()>) -> Result<(), Full> {
        let mut draft = Draft { buffer: self.buffer, state: self.state };
        add(&mut draft).ok_or(FULL)?;
        self.state = draft.state;
        Ok(())
    }
}

/// A packet to which an item is being added. What is behind the end of the packet, nobody sees.
struct Draft<'b> {
    buffer: &'b mut [u8],
    state: State,
}

impl Draft<'_> {
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    fn host(&mut self, host: Text<'_>) -> Option<()> {
        self.state.host = self.changed(PartType::HOST, self.state.host, host)?;
        Some(())
    }

    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    fn names(&mut self, identifier: &Identifier<'_>) -> Option<()> {
        let Identifier { plugin, plugin_instance, type_, type_instance, .. } = *identifier;
        self.state.plugin = self.changed(PartType::PLUGIN, self.state.plugin, plugin)?;
        self.state.plugin_instance =
            self.changed(PartType::PLUGIN_INSTANCE, self.state.plugin_instance, plugin_instance)?;
        self.state.type_ = self.changed(PartType::TYPE, self.state.type_, type_)?;
        self.state.type_instance = self.changed(PartType::TYPE_INSTANCE, self.state.type_instance, type_instance)?;
        Some(())
    }

    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    fn time(&mut self, time: Time) -> Option<()> {
        if self.state.time == time {
            return Some(());
        }
        self.state.time = time;
        self.number(PartType::TIME_HR, time.raw())
    }

    #[inline(always)]
    fn interval(&mut self, interval: Interval) -> Option<()> {
        if self.state.interval == interval {
            return Some(());
        }
        self.state.interval = interval;
        self.number(PartType::INTERVAL_HR, interval.raw())
    }

    /// Writes a string part if `text` differs from what was written last.
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    fn changed(&mut self, type_: PartType, last: Written, text: Text<'_>) -> Option<Written> {
        if usize::from(last.length) == text.len() {
            let octets = self.buffer.get(last.start.into()..)?.get(..text.len())?;
            if same(octets, text.as_octets()) {
                return Some(last);
            }
        }
        self.string(type_, text)
    }

    /// Writes a string part. A string ends at its first NUL, because it does for every receiver (`WIRE §4`).
    fn string(&mut self, type_: PartType, text: Text<'_>) -> Option<Written> {
        let text = Text::until_nul(text.as_octets()).as_octets();
        let end = self.state.end;
        let body = self.part(type_, text.len().checked_add(1)?)?;
        copy(text, body)?;
        *body.last_mut()? = 0;
        Some(Written { start: end.checked_add(BODY)?, length: u16::try_from(text.len()).ok()? })
    }

    fn number(&mut self, type_: PartType, number: u64) -> Option<()> {
        *self.part(type_, 8)?.first_chunk_mut()? = number.to_be_bytes();
        Some(())
    }

    #[inline]
    fn values(&mut self, values: impl ExactSizeIterator<Item = Value>) -> Option<()> {
        let count = u16::try_from(values.len()).ok()?;
        let length = values.len().checked_mul(9)?.checked_add(2)?;
        let (number, rest) = self.part(PartType::VALUES, length)?.split_first_chunk_mut()?;
        *number = count.to_be_bytes();
        let (kinds, octets) = rest.split_at_mut_checked(values.len())?;
        for ((kind, octets), value) in kinds.iter_mut().zip(octets.as_chunks_mut().0).zip(values) {
            (*kind, *octets) = value.encode();
        }
        Some(())
    }

    /// Makes room for a part, writes its header and gives its body.
    #[cfg_attr(any(target_arch = "x86_64", target_arch = "x86", target_arch = "aarch64"), inline(always))]
    fn part(&mut self, type_: PartType, body: usize) -> Option<&mut [u8]> {
        let length = u16::try_from(body.checked_add(HEADER)?).ok()?;
        let part = self.buffer.get_mut(self.state.end.into()..)?.get_mut(..length.into())?;
        self.state.end = self.state.end.checked_add(length)?;
        let (header, body) = part.split_first_chunk_mut::<HEADER>()?;
        *header = (u32::from(type_.0) << 16 | u32::from(length)).to_be_bytes();
        Some(body)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Decoder, Item};

    fn identifier(type_instance: &str) -> Identifier<'_> {
        Identifier {
            host: "h".into(),
            plugin: "p".into(),
            type_: "gauge".into(),
            type_instance: type_instance.into(),
            ..Identifier::default()
        }
    }

    #[test]
    fn going_back_to_an_empty_instance_is_written() {
        let mut buffer = [0xa5; 200];
        let mut encoder = Encoder::new(&mut buffer);
        let time = Time::from_secs(1).unwrap();
        for instance in ["", "x", ""] {
            encoder.value_list(&identifier(instance), time, None, [Value::Derive(-1)]).unwrap();
        }
        let read: Vec<_> = Decoder::new(encoder.packet()).map(|item| item.unwrap()).collect();
        assert_eq!(
            read.iter().map(|item| item.identifier().type_instance.to_string()).collect::<Vec<_>>(),
            ["", "x", ""]
        );
        assert_eq!(&encoder.packet()[encoder.packet().len() - 20..][..5], [0, 5, 0, 5, 0]);
    }

    #[test]
    fn full_leaves_the_packet_as_it_was() {
        for room in 0..120 {
            let mut buffer = vec![0xa5; room];
            let mut encoder = Encoder::new(&mut buffer);
            let time = Time::from_secs(1).unwrap();
            let first = encoder.value_list(&identifier("a"), time, None, [Value::Gauge(1.0)]);
            let before = encoder.packet().to_vec();
            let second = encoder.notification(&identifier("b"), time, Severity::Okay, "well".into());
            let read: Vec<_> = Decoder::new(encoder.packet()).map(|item| item.unwrap()).collect();
            assert_eq!(read.len(), usize::from(first.is_ok()) + usize::from(second.is_ok()));
            if second.is_err() {
                assert_eq!(encoder.packet(), before);
            }
        }
    }

    #[test]
    fn an_interval_that_is_no_more_is_unset() {
        let mut buffer = [0; 200];
        let mut encoder = Encoder::new(&mut buffer);
        let time = Time::from_secs(1).unwrap();
        encoder.value_list(&identifier(""), time, Interval::from_secs(10), [Value::Counter(1)]).unwrap();
        encoder.value_list(&identifier(""), time, None, [Value::Counter(2)]).unwrap();
        let intervals: Vec<_> = Decoder::new(encoder.packet())
            .map(|item| match item.unwrap() {
                Item::ValueList(list) => list.interval,
                Item::Notification(_) => None,
            })
            .collect();
        assert_eq!(intervals, [Interval::from_secs(10), Interval::from_secs(0)]);
    }

    #[test]
    fn text_behind_a_nul_is_not_sent() {
        let mut buffer = [0; 200];
        let mut encoder = Encoder::new(&mut buffer);
        let time = Time::from_secs(1).unwrap();
        encoder.notification(&Identifier::default(), time, Severity::Failure, Text::new(b"a\0b")).unwrap();
        assert!(matches!(
            Decoder::new(encoder.packet()).next(),
            Some(Ok(Item::Notification(notification))) if notification.message == "a"
        ));
    }

    #[test]
    fn room_beyond_the_buffer_leaves_none() {
        let mut buffer = [0; 50];
        for room in [50, 51, usize::MAX] {
            let mut encoder = Encoder::with_room(&mut buffer, room);
            let time = Time::from_secs(1).unwrap();
            assert_eq!(encoder.value_list(&identifier(""), time, None, [Value::Gauge(1.0)]), Err(FULL));
            assert_eq!(encoder.packet(), []);
        }
    }

    #[test]
    fn a_string_or_a_list_beyond_a_part_is_full() {
        let mut buffer = vec![0; 200_000];
        let mut encoder = Encoder::new(&mut buffer);
        let time = Time::from_secs(1).unwrap();
        let long = "x".repeat(65_531);
        assert_eq!(encoder.notification(&Identifier::default(), time, Severity::Okay, long.as_str().into()), Err(FULL));
        assert_eq!(encoder.value_list(&identifier(""), time, None, vec![Value::Counter(0); 7282]), Err(FULL));
        assert_eq!(encoder.value_list(&identifier(""), time, None, vec![Value::Counter(0); 7281]), Err(FULL));
        assert!(encoder.value_list(&identifier(""), time, None, vec![Value::Counter(0); 7276]).is_ok());
        assert_eq!(encoder.packet().len(), 65_524);
        assert_eq!(encoder.value_list(&identifier(""), time, None, [Value::Counter(0)]), Err(FULL));
    }

    #[test]
    fn a_pause_changes_nothing() {
        let (time, later) = (Time::from_secs(1).unwrap(), Time::from_secs(2).unwrap());
        let (mut whole, mut parts) = ([0xa5; 200], [0x5a; 200]);
        let mut encoder = Encoder::with_room(&mut whole, 20);
        let mut paused = Encoder::with_room(&mut parts, 20).pause();
        assert!(paused.is_empty() && paused.len() == 20);
        for (instance, time) in [("a", time), ("a", later), ("", later), ("", later)] {
            encoder.value_list(&identifier(instance), time, None, [Value::Gauge(1.0)]).unwrap();
            let mut resumed = Encoder::resume(&mut parts, paused);
            resumed.value_list(&identifier(instance), time, None, [Value::Gauge(1.0)]).unwrap();
            paused = resumed.pause();
            let mut copy = parts;
            assert_eq!(Encoder::resume(&mut copy[..paused.len()], paused).packet(), encoder.packet());
        }
        assert!(!paused.is_empty());
        // A buffer that is too short holds no packet, and takes no item.
        let mut encoder = Encoder::resume(&mut parts[..paused.len() - 1], paused);
        assert_eq!(encoder.packet(), []);
        assert_eq!(encoder.value_list(&identifier(""), later, None, [Value::Gauge(1.0)]), Err(FULL));
    }

    #[test]
    fn only_what_differs_is_written() {
        let mut buffer = [0xa5; 400];
        let mut encoder = Encoder::new(&mut buffer);
        let (first, second) = (Time::from_secs(1).unwrap(), Time::from_secs(2).unwrap());
        let mut before = 0;
        for (instance, time, interval, octets) in [
            // Host, plugin and type, their instances being empty, and the numbers.
            ("", first, Interval::from_secs(10), 6 + 12 + 12 + 6 + 10 + 15),
            ("", first, Interval::from_secs(10), 15),
            ("", second, Interval::from_secs(10), 12 + 15),
            ("", second, Interval::from_secs(20), 12 + 15),
            ("a", second, Interval::from_secs(20), 6 + 15),
            ("a", second, Interval::from_secs(20), 15),
            ("b", second, Interval::from_secs(20), 6 + 15),
        ] {
            encoder.value_list(&identifier(instance), time, interval, [Value::Derive(1)]).unwrap();
            assert_eq!(encoder.packet().len() - before, octets);
            before = encoder.packet().len();
        }
        for (severity, octets) in [(Severity::Okay, 12 + 9), (Severity::Okay, 9), (Severity::Failure, 12 + 9)] {
            encoder.notification(&identifier("b"), second, severity, "well".into()).unwrap();
            assert_eq!(encoder.packet().len() - before, octets);
            before = encoder.packet().len();
        }
    }

    #[test]
    fn a_packet_that_is_cleared_begins_anew() {
        let mut buffer = [0xa5; 200];
        let mut encoder = Encoder::new(&mut buffer);
        assert!(encoder.is_empty());
        let time = Time::from_secs(1).unwrap();
        let packets = [(); 2].map(|()| {
            encoder.value_list(&identifier("x"), time, None, [Value::Counter(1)]).unwrap();
            assert!(!encoder.is_empty());
            let packet = encoder.packet().to_vec();
            encoder.clear();
            assert!(encoder.is_empty() && encoder.packet().is_empty());
            packet
        });
        assert_eq!(packets[0], packets[1]);
        assert_eq!(
            Decoder::new(&packets[0]).map(|item| item.unwrap().identifier().to_string()).next().unwrap(),
            "h/p/gauge-x"
        );
    }
}
