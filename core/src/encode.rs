//! Encoding: the decoder's mirror. Items in, parts out, in the daemon's order (`WIRE §12`).

use crate::part::HEADER;
use crate::{Full, Identifier, Interval, PartType, Severity, Text, Time, Value};

#[cfg(feature = "security")]
use crate::Key;

/// Octets of a packet that every collectd takes, unless it is told otherwise (`WIRE §1`).
pub const PACKET_SIZE: usize = 1452;

/// Octets that the daemon keeps free for a seal, in every packet of values (`WIRE §12`).
pub const SEAL_ROOM: usize = 106;

/// All that can run out while items are added.
const FULL: Full = Full { what: "packet" };

/// Builds a packet in the caller's buffer; the length of the buffer is the packet's limit.
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
    room: usize,
    state: State,
}

/// What the receiver knows after the octets written so far.
#[derive(Clone, Copy, Debug, Default)]
struct State {
    /// How many octets of parts are written.
    len: usize,
    host: Written,
    plugin: Written,
    plugin_instance: Written,
    type_: Written,
    type_instance: Written,
    time: Time,
    interval: Interval,
    severity: u64,
}

/// Where behind the room a string stands; nowhere at first, which reads as the empty string.
#[derive(Clone, Copy, Debug, Default)]
struct Written {
    start: usize,
    end: usize,
}

impl<'a> Encoder<'a> {
    /// An empty packet in `buffer`, to be sent as it is.
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
        Self { buffer, room, state: State::default() }
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
        values: impl IntoIterator<Item = Value, IntoIter: ExactSizeIterator + Clone>,
    ) -> Result<(), Full> {
        self.all_or_nothing(|packet| {
            packet.host(identifier.host)?;
            packet.time(time)?;
            packet.interval(interval.unwrap_or_default())?;
            packet.names(identifier)?;
            packet.values(values.into_iter())
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
            packet.string(PartType::MESSAGE, message).map(|_| ())
        })
    }

    /// The packet so far, without a seal.
    #[must_use]
    pub fn packet(&self) -> &[u8] {
        self.parts().get(..self.state.len).unwrap_or_default()
    }

    /// The packet so far behind a signature of `user` (`WIRE §9.1`). It can be signed again, for another receiver.
    ///
    /// # Errors
    /// [`Full`] if the room for the seal is too small. Nothing is signed without a user name.
    #[cfg(feature = "security")]
    pub fn sign(&mut self, user: &str, key: &Key) -> Result<&[u8], Full> {
        let (start, end) = self.sealed_range(signature_room(user))?;
        let packet = self.buffer.get_mut(start..end).ok_or(NO_ROOM)?;
        write_signature(packet, user, key).ok_or(NO_ROOM)?;
        Ok(packet)
    }

    /// The packet so far, encrypted for `user` (`WIRE §10.1`). The encoder begins an empty packet.
    ///
    /// `iv` must be random, and never be used twice with the same password: two packets with the same one give away both.
    ///
    /// # Errors
    /// [`Full`] if the room for the seal is too small; the packet is as it was. Nothing is encrypted without a user name.
    #[cfg(feature = "security")]
    pub fn encrypt(&mut self, user: &str, key: &Key, iv: [u8; 16]) -> Result<&[u8], Full> {
        let (start, end) = self.sealed_range(encryption_room(user))?;
        let packet = self.buffer.get_mut(start..end).ok_or(NO_ROOM)?;
        write_encryption(packet, user, key, iv).ok_or(NO_ROOM)?;
        self.state = State::default();
        Ok(packet)
    }

    /// The packet so far, encrypted for `user` and signed by them. The encoder begins an empty packet.
    ///
    /// This is the form that proves who sent it: encryption alone can be forged (`WIRE §10.3`). For `iv` see
    /// [`encrypt`](Self::encrypt).
    ///
    /// # Errors
    /// [`Full`] if the room for both seals is too small; the packet is as it was. Nothing is sealed without a user name.
    #[cfg(feature = "security")]
    pub fn encrypt_and_sign(&mut self, user: &str, key: &Key, iv: [u8; 16]) -> Result<&[u8], Full> {
        let signature = signature_room(user);
        let (start, end) = self.sealed_range(signature.saturating_add(encryption_room(user)))?;
        let packet = self.buffer.get_mut(start..end).ok_or(NO_ROOM)?;
        write_encryption(packet.get_mut(signature..).ok_or(NO_ROOM)?, user, key, iv).ok_or(NO_ROOM)?;
        write_signature(packet, user, key).ok_or(NO_ROOM)?;
        self.state = State::default();
        Ok(packet)
    }

    /// Where a packet with a seal of this size stands in the buffer.
    #[cfg(feature = "security")]
    fn sealed_range(&self, seal: usize) -> Result<(usize, usize), Full> {
        let start = self.room.checked_sub(seal).ok_or(NO_ROOM)?;
        let end = self.room.checked_add(self.state.len).ok_or(NO_ROOM)?;
        Ok((start, end))
    }

    /// The buffer behind the room for a seal.
    fn parts(&self) -> &[u8] {
        self.buffer.get(self.room..).unwrap_or_default()
    }

    /// Whether nothing has been added.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.state.len == 0
    }

    /// Starts the next packet in the same buffer.
    pub fn clear(&mut self) {
        self.state = State::default();
    }

    fn all_or_nothing(&mut self, add: impl FnOnce(&mut Self) -> Result<(), Full>) -> Result<(), Full> {
        let before = self.state;
        add(self).inspect_err(|_| self.state = before)
    }

    fn host(&mut self, host: Text<'_>) -> Result<(), Full> {
        self.state.host = self.changed(PartType::HOST, self.state.host, host)?;
        Ok(())
    }

    fn names(&mut self, identifier: &Identifier<'_>) -> Result<(), Full> {
        let Identifier { plugin, plugin_instance, type_, type_instance, .. } = *identifier;
        self.state.plugin = self.changed(PartType::PLUGIN, self.state.plugin, plugin)?;
        self.state.plugin_instance =
            self.changed(PartType::PLUGIN_INSTANCE, self.state.plugin_instance, plugin_instance)?;
        self.state.type_ = self.changed(PartType::TYPE, self.state.type_, type_)?;
        self.state.type_instance = self.changed(PartType::TYPE_INSTANCE, self.state.type_instance, type_instance)?;
        Ok(())
    }

    fn time(&mut self, time: Time) -> Result<(), Full> {
        if self.state.time == time {
            return Ok(());
        }
        self.state.time = time;
        self.number(PartType::TIME_HR, time.raw())
    }

    fn interval(&mut self, interval: Interval) -> Result<(), Full> {
        if self.state.interval == interval {
            return Ok(());
        }
        self.state.interval = interval;
        self.number(PartType::INTERVAL_HR, interval.raw())
    }

    /// Writes a string part if `text` differs from what was written last.
    fn changed(&mut self, type_: PartType, last: Written, text: Text<'_>) -> Result<Written, Full> {
        let same = self.parts().get(last.start..last.end) == Some(text.as_octets());
        if same { Ok(last) } else { self.string(type_, text) }
    }

    /// A string ends at its first NUL, because it does for every receiver (`WIRE §4`).
    fn string(&mut self, type_: PartType, text: Text<'_>) -> Result<Written, Full> {
        let text = Text::until_nul(text.as_octets()).as_octets();
        let start = self.state.len.checked_add(HEADER).ok_or(FULL)?;
        let body = self.part(type_, text.len().checked_add(1).ok_or(FULL)?)?;
        let (nul, octets) = body.split_last_mut().ok_or(FULL)?;
        fill(octets, text);
        *nul = 0;
        Ok(Written { start, end: start.checked_add(text.len()).ok_or(FULL)? })
    }

    fn number(&mut self, type_: PartType, number: u64) -> Result<(), Full> {
        fill(self.part(type_, 8)?, &number.to_be_bytes());
        Ok(())
    }

    fn values(&mut self, values: impl ExactSizeIterator<Item = Value> + Clone) -> Result<(), Full> {
        let count = u16::try_from(values.len()).map_err(|_| FULL)?;
        let length = values.len().checked_mul(9).and_then(|length| length.checked_add(2)).ok_or(FULL)?;
        let (number, rest) = self.part(PartType::VALUES, length)?.split_first_chunk_mut().ok_or(FULL)?;
        *number = count.to_be_bytes();
        let (kinds, octets) = rest.split_at_mut_checked(values.len()).ok_or(FULL)?;
        for (kind, value) in kinds.iter_mut().zip(values.clone()) {
            *kind = value.kind().raw();
        }
        for (octets, value) in octets.as_chunks_mut().0.iter_mut().zip(values) {
            *octets = value.encode();
        }
        Ok(())
    }

    /// Makes room for a part, writes its header and gives its body.
    fn part(&mut self, type_: PartType, body: usize) -> Result<&mut [u8], Full> {
        let length = body.checked_add(HEADER).ok_or(FULL)?;
        let wire_length = u16::try_from(length).map_err(|_| FULL)?;
        let start = self.room.checked_add(self.state.len).ok_or(FULL)?;
        let part = self.buffer.get_mut(start..).and_then(|free| free.get_mut(..length)).ok_or(FULL)?;
        self.state.len = self.state.len.checked_add(length).ok_or(FULL)?;
        let (header, body) = part.split_first_chunk_mut::<HEADER>().ok_or(FULL)?;
        let [type_high, type_low] = type_.0.to_be_bytes();
        let [length_high, length_low] = wire_length.to_be_bytes();
        *header = [type_high, type_low, length_high, length_low];
        Ok(body)
    }
}

/// The room for the seal is too small, or there is no user name to seal with.
#[cfg(feature = "security")]
const NO_ROOM: Full = Full { what: "room for the seal" };

/// Octets of a signature part.
#[cfg(feature = "security")]
fn signature_room(user: &str) -> usize {
    user.len().saturating_add(36)
}

/// Octets of an encrypted part in front of its content.
#[cfg(feature = "security")]
fn encryption_room(user: &str) -> usize {
    user.len().saturating_add(42)
}

/// Signs `packet` with the signature part that stands at its start.
#[cfg(feature = "security")]
fn write_signature(packet: &mut [u8], user: &str, key: &Key) -> Option<()> {
    let length = u16::try_from(signature_room(user)).ok()?;
    let (header, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (mac, rest) = rest.split_first_chunk_mut::<32>()?;
    let (name, content) = rest.split_at_mut_checked(user.len())?;
    write_seal_header(header, PartType::SIGNATURE, length, user)?;
    fill(name, user.as_bytes());
    *mac = key.sign(user.as_bytes(), content);
    Some(())
}

/// Encrypts `packet` in the encrypted part that it is all of.
#[cfg(feature = "security")]
fn write_encryption(packet: &mut [u8], user: &str, key: &Key, iv: [u8; 16]) -> Option<()> {
    let length = u16::try_from(packet.len()).ok()?;
    let user_length = u16::try_from(user.len()).ok()?;
    let (header, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (name_length, rest) = rest.split_first_chunk_mut()?;
    let (name, rest) = rest.split_at_mut_checked(user.len())?;
    let (vector, stream) = rest.split_first_chunk_mut()?;
    write_seal_header(header, PartType::ENCRYPTION, length, user)?;
    *name_length = user_length.to_be_bytes();
    fill(name, user.as_bytes());
    *vector = iv;
    key.encrypt(iv, stream)
}

#[cfg(feature = "security")]
fn write_seal_header(header: &mut [u8; HEADER], type_: PartType, length: u16, user: &str) -> Option<()> {
    let [type_high, type_low] = type_.0.to_be_bytes();
    let [length_high, length_low] = length.to_be_bytes();
    *header = [type_high, type_low, length_high, length_low];
    (!user.is_empty()).then_some(())
}

/// Copies what is as long as its place; `copy_from_slice` would check that again, and leave a panic in the program.
fn fill(place: &mut [u8], octets: &[u8]) {
    for (place, octet) in place.iter_mut().zip(octets) {
        *place = *octet;
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

    #[cfg(feature = "security")]
    #[test]
    fn a_seal_takes_its_room_and_not_more() {
        let key = Key::new(b"wonderland");
        let time = Time::from_secs(1).unwrap();
        for (seal, size) in [(0, 41), (1, 47), (2, 88)] {
            for room in [size - 1, size, size + 1] {
                let mut buffer = [0xa5; 200];
                let mut encoder = Encoder::with_room(&mut buffer, room);
                encoder.value_list(&identifier("x"), time, None, [Value::Gauge(1.0)]).unwrap();
                let plain = encoder.packet().len();
                let sealed = match seal {
                    0 => encoder.sign("alice", &key),
                    1 => encoder.encrypt("alice", &key, [9; 16]),
                    _ => encoder.encrypt_and_sign("alice", &key, [9; 16]),
                };
                let sealed = sealed.map(<[u8]>::to_vec);
                assert_eq!(sealed.as_ref().map(Vec::len), if room < size { Err(&NO_ROOM) } else { Ok(size + plain) });
                let Ok(mut sealed) = sealed else {
                    assert_eq!(encoder.packet().len(), plain);
                    continue;
                };
                let users = [crate::User::new("alice", "wonderland")];
                let items = crate::open(&mut sealed, &users, crate::SecurityLevel::Sign);
                assert_eq!(items.filter(Result::is_ok).count(), 1);
            }
        }
    }

    #[cfg(feature = "security")]
    #[test]
    fn nothing_is_sealed_without_a_user() {
        let key = Key::new(b"wonderland");
        let mut buffer = [0; 200];
        let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
        assert_eq!(encoder.sign("", &key), Err(NO_ROOM));
        assert_eq!(encoder.encrypt("", &key, [0; 16]), Err(NO_ROOM));
        let long = "u".repeat(70_000);
        assert_eq!(encoder.sign(&long, &key), Err(NO_ROOM));
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
        assert!(encoder.value_list(&identifier(""), time, None, vec![Value::Counter(0); 7281]).is_ok());
    }
}
