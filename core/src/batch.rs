//! Batches: packets that arrived together are decrypted side by side, which takes less time than one after the other.
//!
//! The stream of one packet is a chain, each block made from the one before (`WIRE §10.1`), so a processor with instructions
//! for AES mostly waits. The chains of several packets have nothing to do with each other.

use core::ptr;

use crate::security::{IV, first_encrypted};
use crate::{Arrival, Items, Key, Passwords, Replays, SecurityLevel};

/// A packet of a batch: octets that have arrived, decrypted already or not.
///
/// ```
/// use collectd_net::{Arrival, Batched, SecurityLevel, User, decrypt_together};
///
/// let users = [User::new("testuser", "s3cr3t-pa55")];
/// # let mut packets = [*include_bytes!("../tests/data/collectd-5.12.0-minimal-encrypted.bin"); 3];
/// let mut batch = packets.each_mut().map(|octets| Batched::new(Arrival { len: octets.len(), from: None }, octets));
/// decrypt_together(&mut batch, &users);
/// for packet in batch {
///     assert_eq!(packet.open(&users, SecurityLevel::Encrypt).flatten().count(), 1);
/// }
/// ```
#[derive(Debug)]
pub struct Batched<'a> {
    /// How it arrived.
    pub arrival: Arrival,
    pub(crate) octets: &'a mut [u8],
    /// Whether the stream of the encrypted part at the start is plain by now.
    decrypted: bool,
}

impl<'a> Batched<'a> {
    /// A packet that has arrived at the start of `buffer`.
    #[must_use]
    pub fn new(arrival: Arrival, buffer: &'a mut [u8]) -> Self {
        let len = arrival.len.min(buffer.len());
        Self { arrival, octets: buffer.get_mut(..len).unwrap_or_default(), decrypted: false }
    }

    /// The packet as it was sent; once it is [decrypted](decrypt_together), what is plain of it by now.
    #[must_use]
    pub const fn octets(&self) -> &[u8] {
        self.octets
    }

    /// Opens the packet; see [`open`](crate::open).
    pub fn open<P: Passwords>(self, passwords: P, level: SecurityLevel) -> Items<'a, P> {
        self.open_once(passwords, level, ())
    }

    /// Opens the packet, but no seal that `replays` knows; see [`open_once`](crate::open_once).
    pub fn open_once<P: Passwords, R: Replays>(
        self,
        passwords: P,
        level: SecurityLevel,
        replays: R,
    ) -> Items<'a, P, R> {
        Items::new(self.octets, self.decrypted, passwords, level, replays)
    }

    /// The user of the encrypted part at the start, as long as it is closed.
    fn user(&mut self) -> Option<&[u8]> {
        if self.decrypted {
            return None;
        }
        first_encrypted(self.octets).map(|(user, ..)| user)
    }

    /// What of the encrypted part at the start is to be decrypted, if it is closed and this is its key. It is taken as decrypted.
    fn stream(&mut self, key: &Key, passwords: &impl Passwords) -> Option<([u8; IV], &mut [u8])> {
        let closed = !self.decrypted;
        let (user, iv, stream) = first_encrypted(self.octets).filter(|_| closed)?;
        self.decrypted = passwords.key(user).is_some_and(|other| ptr::eq(key, other));
        self.decrypted.then_some((*iv, stream))
    }
}

/// Decrypts the packets of a batch side by side, as far as they begin with an encrypted part of a user whose key is known.
///
/// Whatever else they hold is decrypted as it is come upon. Nothing is checked yet: opening the packets afterwards, with the same
/// `passwords`, gives the same items and errors as if this had not been done.
///
/// Up to eight packets of one user are decrypted side by side. Where the processor has no instructions for AES, it takes as long as
/// one after the other.
pub fn decrypt_together<P: Passwords>(batch: &mut [Batched<'_>], passwords: P) {
    let mut left = batch;
    while let Some(user) = left.first_mut().map(Batched::user) {
        if let Some(key) = user.and_then(|user| passwords.key(user)) {
            key.cipher.decrypt_together(left.iter_mut().filter_map(|packet| packet.stream(key, &passwords)));
        }
        left = left.split_first_mut().map(|(_, others)| others).unwrap_or_default();
    }
}

#[cfg(all(test, feature = "security"))]
mod tests {
    use super::*;
    use crate::{Encoder, Identifier, Replay, SEAL_ROOM, Text, Time, User, Value, open_once};

    /// Packets of several lengths by three users, one of whom nobody knows, sealed in several ways.
    fn packets() -> Vec<Vec<u8>> {
        let users = [("alice", "wonderland"), ("bob", "s3cr3t"), ("mallory", "m")];
        let mut packets = Vec::new();
        for number in 0..70_u8 {
            let mut buffer = [0; 600];
            let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
            let name = "x".repeat(usize::from(number));
            let identifier = Identifier {
                host: name.as_str().into(),
                plugin: "p".into(),
                type_: "gauge".into(),
                ..Identifier::default()
            };
            let values = vec![Value::Counter(number.into()); usize::from(number % 7 + 1)];
            encoder.value_list(&identifier, Time::from_raw(1 << 30), None, values).unwrap();
            let (user, password) = users[usize::from(number % 5 / 2)];
            let key = Key::new(password.as_bytes());
            let mut packet = match number % 4 {
                0 => encoder.encrypt_and_sign(user, &key, [number; 16]).unwrap().to_vec(),
                _ => encoder.encrypt(user, &key, [number; 16]).unwrap().to_vec(),
            };
            match number % 9 {
                // A part that is too short, one that is damaged, and one with another behind it.
                0 => packet[3] = 40,
                1 => *packet.last_mut().unwrap() ^= 1,
                2 => packet.extend_from_within(..),
                _ => {}
            }
            packets.push(packet);
        }
        packets.push(Vec::new());
        packets.push(packets[3].clone());
        packets
    }

    #[test]
    fn a_batch_gives_the_same_as_its_packets_one_by_one() {
        let users = [User::new("alice", "wonderland"), User::new("bob", "s3cr3t")];
        let [mut replay, mut other] = [(); 2].map(|()| Replay::<100>::new(core::time::Duration::from_secs(1)));
        let packets = packets();
        let one_by_one: Vec<String> = packets
            .iter()
            .map(|packet| {
                let mut packet = packet.clone();
                format!("{:?}", open_once(&mut packet, &users, SecurityLevel::Sign, &mut replay).collect::<Vec<_>>())
            })
            .collect();
        assert!(one_by_one.iter().filter(|items| items.contains("Ok(")).count() > 30);
        assert!(replay.stopped() > 0);

        let mut octets = packets;
        let mut batch: Vec<_> =
            octets.iter_mut().map(|packet| Batched::new(Arrival { len: packet.len(), from: None }, packet)).collect();
        decrypt_together(&mut batch, &users);
        let decrypted = batch.iter().filter(|packet| packet.decrypted).count();
        assert!((30..60).contains(&decrypted), "{decrypted}");
        // Once more changes nothing.
        decrypt_together(&mut batch, &users);
        for (packet, expected) in batch.into_iter().zip(one_by_one) {
            let items: Vec<_> = packet.open_once(&users, SecurityLevel::Sign, &mut other).collect();
            assert_eq!(format!("{items:?}"), expected);
        }
        assert_eq!(other.stopped(), replay.stopped());
    }

    #[test]
    fn without_passwords_nothing_is_decrypted() {
        let mut octets = packets();
        let mut batch: Vec<_> =
            octets.iter_mut().map(|packet| Batched::new(Arrival { len: packet.len(), from: None }, packet)).collect();
        decrypt_together(&mut batch, ());
        assert!(batch.iter().all(|packet| !packet.decrypted));
        let items: Vec<_> = batch.into_iter().flat_map(|packet| packet.open((), SecurityLevel::None)).collect();
        assert!(items.len() > 60 && items.iter().all(Result::is_err));
    }

    #[test]
    fn a_packet_longer_than_its_buffer_is_what_is_there() {
        let mut buffer = *b"abc";
        let packet = Batched::new(Arrival { len: 5, from: None }, &mut buffer);
        assert_eq!((packet.arrival.len, Text::new(packet.octets)), (5, Text::new(b"abc")));
        assert_eq!(Batched::new(Arrival { len: 2, from: None }, &mut buffer).octets, b"ab");
    }
}
