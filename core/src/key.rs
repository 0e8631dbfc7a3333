//! Keys: what passwords are turned into, once, before packets come. The cryptography is RustCrypto's.

use core::fmt;

use aes::Aes256Enc;
use cipher::array::Array;
use cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use hmac::{Hmac, Mac};
use ofb::OfbCore;
use sha1::Sha1;
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

use crate::security::SUM;

/// What a password is turned into: the start of its signatures and the key schedule of its cipher.
///
/// Erased from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Key {
    /// Keyed with the password itself (`WIRE §9.1`).
    signing: Hmac<Sha256>,
    /// Keyed with the SHA-256 of the password (`WIRE §10.1`).
    cipher: Aes256Enc,
}

impl Key {
    /// Prepares the key of a password.
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        let mut digest = Sha256::digest(password);
        let cipher = Aes256Enc::new(&digest);
        digest.zeroize();
        // HMAC takes keys of any length, so the fallback is never reached; it keeps a panic out of the path.
        let signing = <Hmac<Sha256> as KeyInit>::new_from_slice(password);
        Self { signing: signing.unwrap_or_else(|_| KeyInit::new(&Array::default())), cipher }
    }

    /// Whether `mac` signs `user` and the `content` behind it; compared in constant time (`WIRE §9.1`).
    pub(crate) fn verifies(&self, user: &[u8], content: &[u8], mac: &[u8]) -> bool {
        self.signing.clone().chain_update(user).chain_update(content).verify_slice(mac).is_ok()
    }

    /// The signature of `user` over the `content` behind it (`WIRE §9.1`).
    pub(crate) fn sign(&self, user: &[u8], content: &[u8]) -> [u8; 32] {
        self.signing.clone().chain_update(user).chain_update(content).finalize().into_bytes().into()
    }

    /// Puts the check sum of the content in front of it, and encrypts both in place (`WIRE §10.1`).
    pub(crate) fn encrypt(&self, iv: [u8; 16], stream: &mut [u8]) -> Option<()> {
        let (sum, content) = stream.split_first_chunk_mut::<SUM>()?;
        *sum = Sha1::digest(&*content).into();
        self.apply_stream(iv, stream);
        Some(())
    }

    /// Decrypts `stream` in place, and gives the content if the check sum before it fits (`WIRE §10.1`).
    pub(crate) fn decrypt<'s>(&self, iv: [u8; 16], stream: &'s mut [u8]) -> Option<&'s mut [u8]> {
        self.apply_stream(iv, stream);
        let (sum, content) = stream.split_first_chunk_mut::<SUM>()?;
        let fits: bool = Sha1::digest(&*content).as_slice().ct_eq(sum).into();
        fits.then_some(content)
    }

    /// OFB: encrypting and decrypting are the same.
    fn apply_stream(&self, iv: [u8; 16], stream: &mut [u8]) {
        let mut core = OfbCore::inner_iv_init(&self.cipher, &Array(iv));
        let (blocks, tail) = Array::slice_as_chunks_mut(stream);
        core.apply_keystream_blocks(blocks);
        let mut last = Array([0; 16]);
        core.write_keystream_block(&mut last);
        for (octet, key) in tail.iter_mut().zip(&last) {
            *octet ^= key;
        }
        last.zeroize();
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(test)]
mod tests {
    use hmac::EagerHash;
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn keys_are_erased_and_never_printed() {
        const fn erased_on_drop<T: ZeroizeOnDrop>() {}
        erased_on_drop::<Aes256Enc>();
        // `Hmac` has no marker of its own; this is all of its state that comes from the password.
        erased_on_drop::<<Sha256 as EagerHash>::Core>();
        assert_eq!(format!("{:?}", Key::new(b"wonderland")), "Key");
    }

    #[test]
    fn password_longer_than_a_hash_block_is_hashed_first() {
        // python3: hmac.new(b"p" * 100, b"usercontent", "sha256").hexdigest()
        let mac = [0x75, 0xc7, 0x67, 0xed, 0x2d, 0x02, 0xb1, 0xc1, 0x98, 0xd7, 0xb5, 0xc1, 0xe5, 0x9d, 0xb8, 0xc8];
        let key = Key::new(&[b'p'; 100]);
        let whole = key.signing.clone().chain_update(b"usercontent").finalize().into_bytes();
        assert_eq!(whole[..16], mac);
    }

    #[test]
    fn stream_is_the_one_of_openssl() {
        // WIRE, worked example: password s3cr3t-pa55, IV 00..0f.
        let mut stream = [0; 32];
        let iv = core::array::from_fn(|place| u8::try_from(place).unwrap());
        Key::new(b"s3cr3t-pa55").apply_stream(iv, &mut stream);
        assert_eq!(
            crate::text::Hex(&stream).to_string(),
            "b292d9b8978b71656fd772b8f6387e78dc3fd33865c170a7d9a50e0f3ad59926"
        );
        Key::new(b"s3cr3t-pa55").apply_stream(iv, &mut stream[..17]);
        assert_eq!(stream[..17], [0; 17]);
    }
}
