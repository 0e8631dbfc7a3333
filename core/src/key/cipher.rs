//! Encryption: AES-256 in output feedback, keyed with the SHA-256 of the password, around a SHA-1 (`WIRE §10.1`).

#[allow(dead_code, reason = "the other one is for this processor")]
mod instructions;
#[allow(dead_code, reason = "the other one is for this processor")]
mod rounds;
mod sum;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;
use zeroize::Zeroize;

#[cfg(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64"))]
use self::instructions::Feedback;
#[cfg(not(any(target_arch = "x86", target_arch = "x86_64", target_arch = "aarch64")))]
use self::rounds::Feedback;
use self::sum::sum;
use crate::security::{IV, SUM};

/// A key, prepared; erased when dropped.
#[derive(Clone)]
pub(crate) struct Cipher(Feedback);

impl Cipher {
    /// Prepares the key of a password.
    pub(super) fn new(password: &[u8]) -> Self {
        let mut digest = Sha256::digest(password);
        let feedback = Feedback::new(&digest.0);
        digest.zeroize();
        Self(feedback)
    }

    /// Puts the check sum of the content in front of it, and encrypts both in place.
    pub(crate) fn encrypt(&self, iv: [u8; IV], stream: &mut [u8]) -> Option<()> {
        let (check, content) = stream.split_first_chunk_mut::<SUM>()?;
        *check = sum(content);
        self.0.apply_stream(iv, stream);
        Some(())
    }

    /// Decrypts `stream` in place.
    // Not inlined: a caller that verifies as well would need the stack of both at once.
    #[inline(never)]
    pub(crate) fn decrypt(&self, iv: [u8; IV], stream: &mut [u8]) {
        self.0.apply_stream(iv, stream);
    }

    /// Decrypts all streams in place, side by side where that is faster.
    pub(crate) fn decrypt_together<'s>(&self, streams: impl Iterator<Item = ([u8; IV], &'s mut [u8])>) {
        self.0.apply_streams(streams);
    }

    /// The content of a stream that is decrypted, if the check sum before it fits.
    #[expect(clippy::unused_self, reason = "without a key there is nothing to check")]
    #[inline(never)]
    pub(crate) fn content<'s>(&self, stream: &'s mut [u8]) -> Option<&'s mut [u8]> {
        let (check, content) = stream.split_first_chunk_mut::<SUM>()?;
        let fits: bool = sum(content).ct_eq(check).into();
        fits.then_some(content)
    }
}

#[cfg(test)]
mod tests {
    use zeroize::ZeroizeOnDrop;

    use super::*;

    #[test]
    fn a_key_is_erased_when_dropped() {
        const fn erased_on_drop<T: ZeroizeOnDrop>() {}
        erased_on_drop::<Feedback>();
    }

    #[test]
    fn stream_is_the_one_of_openssl() {
        // WIRE, worked example: password s3cr3t-pa55, IV 00..0f.
        let mut stream = [0; 32];
        let iv = core::array::from_fn(|place| u8::try_from(place).unwrap());
        let Cipher(feedback) = Cipher::new(b"s3cr3t-pa55");
        feedback.apply_stream(iv, &mut stream);
        assert_eq!(
            crate::text::Hex(&stream).to_string(),
            "b292d9b8978b71656fd772b8f6387e78dc3fd33865c170a7d9a50e0f3ad59926"
        );
        feedback.apply_stream(iv, &mut stream[..17]);
        assert_eq!(stream[..17], [0; 17]);
    }

    #[test]
    fn streams_side_by_side_are_those_of_each_alone() {
        let key = Cipher::new(b"s3cr3t-pa55");
        for count in 0..20 {
            let mut streams: Vec<_> =
                (0..count).map(|number| (number, vec![number; usize::from(number) * 37 % 100])).collect();
            let mut expected = streams.clone();
            expected.iter_mut().for_each(|(number, stream)| key.decrypt([*number; 16], stream));
            key.decrypt_together(streams.iter_mut().map(|(number, stream)| ([*number; 16], &mut stream[..])));
            assert_eq!(streams, expected, "{count}");
        }
    }
}
