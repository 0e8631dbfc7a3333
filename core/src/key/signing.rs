//! Signatures: HMAC-SHA-256, keyed with the password itself (`WIRE §9.1`).

use hmac::digest::CtOutput;
use hmac::digest::array::Array;
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use zeroize::Zeroize;

/// A key, prepared; erased when dropped.
#[derive(Clone)]
pub(crate) struct Signing(Hmac<Sha256>);

impl Signing {
    /// Prepares the key of a password.
    pub(super) fn new(password: &[u8]) -> Self {
        // HMAC hashes a key longer than a block, and fills a shorter one up with zeros (RFC 2104). The crate would do it, but
        // not without a panic in programs optimised for size.
        let mut block = Array::default();
        let mut digest = Default::default();
        let key = if password.len() <= block.len() {
            password
        } else {
            digest = Sha256::digest(password);
            &digest
        };
        for (octet, key) in block.iter_mut().zip(key) {
            *octet = *key;
        }
        let signing = <Hmac<Sha256> as KeyInit>::new(&block);
        digest.zeroize();
        block.zeroize();
        Self(signing)
    }

    /// Whether `mac` signs `user` and the `content` behind it; compared in constant time.
    #[inline(never)]
    pub(crate) fn verifies(&self, user: &[u8], content: &[u8], mac: &[u8; 32]) -> bool {
        self.mac(user, content) == CtOutput::new(Array(*mac))
    }

    /// The signature of `user` over the `content` behind it.
    pub(crate) fn sign(&self, user: &[u8], content: &[u8]) -> [u8; 32] {
        self.mac(user, content).into_bytes().into()
    }

    // Not inlined: a caller that decrypts as well would need the stack of both at once.
    #[inline(never)]
    fn mac(&self, user: &[u8], content: &[u8]) -> CtOutput<Hmac<Sha256>> {
        let mut mac = self.0.clone();
        mac.update(user);
        mac.update(content);
        mac.finalize()
    }
}

#[cfg(test)]
mod tests {
    use hmac::EagerHash;
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn a_key_is_erased_when_dropped() {
        const fn erased_on_drop<T: ZeroizeOnDrop>() {}
        // `Hmac` has no marker of its own; this is all of its state that comes from the password.
        erased_on_drop::<<Sha256 as EagerHash>::Core>();
    }

    #[test]
    fn password_longer_than_a_hash_block_is_hashed_first() {
        // python3: hmac.new(b"p" * 100, b"usercontent", "sha256").hexdigest()
        let mac = [0x75, 0xc7, 0x67, 0xed, 0x2d, 0x02, 0xb1, 0xc1, 0x98, 0xd7, 0xb5, 0xc1, 0xe5, 0x9d, 0xb8, 0xc8];
        assert_eq!(Signing::new(&[b'p'; 100]).sign(b"user", b"content")[..16], mac);
    }
}
