//! AES-256 in output feedback for processors that may have instructions for it; whether this one has is found out as it runs.

use aes::Aes256Enc;
use cipher::array::Array;
use cipher::{InnerIvInit, KeyInit, StreamCipherCore};
use ofb::OfbCore;
use zeroize::{Zeroize, ZeroizeOnDrop};

/// A key, prepared; erased when dropped.
#[derive(Clone)]
pub(super) struct Feedback(Aes256Enc);

impl Feedback {
    pub(super) fn new(key: &[u8; 32]) -> Self {
        Self(Aes256Enc::new(key.into()))
    }

    /// Encrypts or decrypts, which is the same.
    pub(super) fn apply_stream(&self, iv: [u8; 16], stream: &mut [u8]) {
        let mut core = OfbCore::inner_iv_init(&self.0, &Array(iv));
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

// The crate does it with its feature `zeroize`, without which this does not compile.
impl ZeroizeOnDrop for Feedback where Aes256Enc: ZeroizeOnDrop {}
