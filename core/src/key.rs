//! Keys: what passwords are turned into, once, before packets come. The cryptography is RustCrypto's.

#[allow(dead_code, reason = "the other one is for this processor")]
mod instructions;
#[allow(dead_code, reason = "the other one is for this processor")]
mod rounds;
mod sum;

use core::fmt;

use cipher::KeyInit;
use cipher::array::Array;
use hmac::{Hmac, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
use self::instructions::Cipher;
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
use self::rounds::Cipher;
use self::sum::sum;
use crate::security::SUM;

/// What a password is turned into: the start of its signatures and the key schedule of its cipher.
///
/// Erased from memory when dropped, and never printed.
#[derive(Clone)]
pub struct Key {
    /// Keyed with the password itself (`WIRE §9.1`).
    signing: Hmac<Sha256>,
    /// Keyed with the SHA-256 of the password (`WIRE §10.1`).
    cipher: Cipher,
}

impl Key {
    /// Prepares the key of a password.
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        let mut digest = Sha256::digest(password);
        let cipher = Cipher::new(&digest.0);
        // HMAC hashes a key longer than a block, and fills a shorter one up with zeros (RFC 2104). The crate would do it, but
        // not without a panic in programs optimised for size.
        let mut block = Array::default();
        let key = if password.len() <= block.len() { password } else { &digest };
        for (octet, key) in block.iter_mut().zip(key) {
            *octet = *key;
        }
        let signing = <Hmac<Sha256> as KeyInit>::new(&block);
        digest.zeroize();
        block.zeroize();
        Self { signing, cipher }
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
        let (check, content) = stream.split_first_chunk_mut::<SUM>()?;
        *check = sum(content);
        self.cipher.apply_stream(iv, stream);
        Some(())
    }

    /// Decrypts `stream` in place, and gives the content if the check sum before it fits (`WIRE §10.1`).
    pub(crate) fn decrypt<'s>(&self, iv: [u8; 16], stream: &'s mut [u8]) -> Option<&'s mut [u8]> {
        self.cipher.apply_stream(iv, stream);
        let (check, content) = stream.split_first_chunk_mut::<SUM>()?;
        let fits: bool = sum(content).ct_eq(check).into();
        fits.then_some(content)
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
        erased_on_drop::<Cipher>();
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
        Key::new(b"s3cr3t-pa55").cipher.apply_stream(iv, &mut stream);
        assert_eq!(
            crate::text::Hex(&stream).to_string(),
            "b292d9b8978b71656fd772b8f6387e78dc3fd33865c170a7d9a50e0f3ad59926"
        );
        Key::new(b"s3cr3t-pa55").cipher.apply_stream(iv, &mut stream[..17]);
        assert_eq!(stream[..17], [0; 17]);
    }
}
