//! Sealing what is encoded: signatures and encryption in the room in front of the parts (`WIRE §9.1`, `§10.1`).

use super::Encoder;
use crate::octets::fill;
use crate::part::HEADER;
use crate::{Full, Key, PartType};

impl Encoder<'_> {
    /// The packet so far behind a signature of `user` (`WIRE §9.1`). It can be signed again, for another receiver.
    ///
    /// # Errors
    /// [`Full`] if the room for the seal is too small. Nothing is signed without a user name.
    #[cfg(feature = "sign")]
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
    #[cfg(feature = "encrypt")]
    pub fn encrypt(&mut self, user: &str, key: &Key, iv: [u8; 16]) -> Result<&[u8], Full> {
        let (start, end) = self.sealed_range(encryption_room(user))?;
        let packet = self.buffer.get_mut(start..end).ok_or(NO_ROOM)?;
        write_encryption(packet, user, key, iv).ok_or(NO_ROOM)?;
        self.state = super::State::empty(self.room);
        Ok(packet)
    }

    /// The packet so far, encrypted for `user` and signed by them. The encoder begins an empty packet.
    ///
    /// This is the form that proves who sent it: encryption alone can be forged (`WIRE §10.3`). For `iv` see
    /// [`encrypt`](Self::encrypt).
    ///
    /// # Errors
    /// [`Full`] if the room for both seals is too small; the packet is as it was. Nothing is sealed without a user name.
    #[cfg(all(feature = "sign", feature = "encrypt"))]
    pub fn encrypt_and_sign(&mut self, user: &str, key: &Key, iv: [u8; 16]) -> Result<&[u8], Full> {
        let signature = signature_room(user);
        let (start, end) = self.sealed_range(signature.saturating_add(encryption_room(user)))?;
        let packet = self.buffer.get_mut(start..end).ok_or(NO_ROOM)?;
        write_encryption(packet.get_mut(signature..).ok_or(NO_ROOM)?, user, key, iv).ok_or(NO_ROOM)?;
        write_signature(packet, user, key).ok_or(NO_ROOM)?;
        self.state = super::State::empty(self.room);
        Ok(packet)
    }

    /// Where a packet with a seal of this size stands in the buffer.
    fn sealed_range(&self, seal: usize) -> Result<(usize, usize), Full> {
        let start = usize::from(self.room).checked_sub(seal).ok_or(NO_ROOM)?;
        Ok((start, self.state.end.into()))
    }
}

/// The room for the seal is too small, or there is no user name to seal with.
const NO_ROOM: Full = Full { what: "room for the seal" };

/// Octets of a signature part.
#[cfg(feature = "sign")]
fn signature_room(user: &str) -> usize {
    user.len().saturating_add(36)
}

/// Octets of an encrypted part in front of its content.
#[cfg(feature = "encrypt")]
fn encryption_room(user: &str) -> usize {
    user.len().saturating_add(42)
}

/// Signs `packet` with the signature part that stands at its start.
#[cfg(feature = "sign")]
fn write_signature(packet: &mut [u8], user: &str, key: &Key) -> Option<()> {
    let length = u16::try_from(signature_room(user)).ok()?;
    let (header, rest) = packet.split_first_chunk_mut::<HEADER>()?;
    let (mac, rest) = rest.split_first_chunk_mut::<32>()?;
    let (name, content) = rest.split_at_mut_checked(user.len())?;
    write_seal_header(header, PartType::SIGNATURE, length, user)?;
    fill(name, user.as_bytes());
    *mac = key.signing.sign(user.as_bytes(), content);
    Some(())
}

/// Encrypts `packet` in the encrypted part that it is all of.
#[cfg(feature = "encrypt")]
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
    key.cipher.encrypt(iv, stream)
}

fn write_seal_header(header: &mut [u8; HEADER], type_: PartType, length: u16, user: &str) -> Option<()> {
    let [type_high, type_low] = type_.0.to_be_bytes();
    let [length_high, length_low] = length.to_be_bytes();
    *header = [type_high, type_low, length_high, length_low];
    (!user.is_empty()).then_some(())
}

#[cfg(all(test, feature = "security"))]
mod tests {
    use super::*;
    use crate::{Identifier, SEAL_ROOM, SecurityLevel, Time, User, Value, open};

    #[test]
    fn a_seal_takes_its_room_and_not_more() {
        let key = Key::new(b"wonderland");
        let time = Time::from_secs(1).unwrap();
        let identifier =
            Identifier { host: "h".into(), plugin: "p".into(), type_: "gauge".into(), ..Identifier::default() };
        for (seal, size) in [(0, 41), (1, 47), (2, 88)] {
            for room in [size - 1, size, size + 1] {
                let mut buffer = [0xa5; 200];
                let mut encoder = Encoder::with_room(&mut buffer, room);
                encoder.value_list(&identifier, time, None, [Value::Gauge(1.0)]).unwrap();
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
                let users = [User::new("alice", "wonderland")];
                let items = open(&mut sealed, &users, SecurityLevel::Sign);
                assert_eq!(items.filter(Result::is_ok).count(), 1);
            }
        }
    }

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
}
