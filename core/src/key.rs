//! Keys: what passwords are turned into, once, before packets come. The cryptography is RustCrypto's.

#[cfg_attr(not(feature = "encrypt"), path = "key/no_cipher.rs")]
mod cipher;
#[cfg_attr(not(feature = "sign"), path = "key/no_signing.rs")]
mod signing;

use core::fmt;

use self::cipher::Cipher;
use self::signing::Signing;

/// What a password is turned into: the start of its signatures and the key schedule of its cipher.
///
/// Erased from memory when dropped, and never printed. Without the features `sign` and `encrypt` there are none.
#[derive(Clone)]
pub struct Key {
    pub(crate) signing: Signing,
    pub(crate) cipher: Cipher,
}

impl Key {
    /// Prepares the key of a password.
    #[cfg(any(feature = "sign", feature = "encrypt"))]
    #[must_use]
    pub fn new(password: &[u8]) -> Self {
        Self { signing: Signing::new(password), cipher: Cipher::new(password) }
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key")
    }
}

#[cfg(all(test, feature = "security"))]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_never_printed() {
        assert_eq!(format!("{:?}", Key::new(b"wonderland")), "Key");
    }
}
