//! In place of encryption, in a program without it.

use crate::security::IV;

/// Decrypts nothing.
#[derive(Clone)]
pub(crate) struct Cipher;

impl Cipher {
    #[cfg(feature = "sign")]
    pub(super) const fn new(_: &[u8]) -> Self {
        Self
    }

    pub(crate) const fn decrypt(&self, _iv: [u8; IV], _stream: &mut [u8]) {}

    pub(crate) fn decrypt_together<'s>(&self, _streams: impl Iterator<Item = ([u8; IV], &'s mut [u8])>) {}

    pub(crate) const fn content<'s>(&self, _stream: &'s mut [u8]) -> Option<&'s mut [u8]> {
        None
    }
}
