//! Where the keys of users come from.

use crate::Key;

/// Where the keys of users come from.
///
/// Slices and arrays of [`User`] are such a place, and so is `()`, for a receiver that has no passwords.
pub trait Passwords {
    /// The key of the user with this name, as it stands in the packet.
    fn key(&self, user: &[u8]) -> Option<&Key>;

    /// Whether passwords are configured at all, be it for nobody.
    ///
    /// Where they are, content of users without one is refused. Where they are not, signed content is taken at level
    /// [`None`](crate::SecurityLevel::None) as [unverified](crate::Protection::Unverified) (`WIRE §11.4`).
    fn configured(&self) -> bool {
        true
    }
}

impl Passwords for () {
    fn key(&self, _: &[u8]) -> Option<&Key> {
        None
    }

    fn configured(&self) -> bool {
        false
    }
}

impl<P: Passwords + ?Sized> Passwords for &P {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        (**self).key(user)
    }

    fn configured(&self) -> bool {
        (**self).configured()
    }
}

/// `None` stands for no passwords at all.
impl<P: Passwords> Passwords for Option<P> {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        self.as_ref()?.key(user)
    }

    fn configured(&self) -> bool {
        self.as_ref().is_some_and(Passwords::configured)
    }
}

/// A user and the key of their password.
#[derive(Clone, Debug)]
pub struct User<'a> {
    name: &'a [u8],
    key: Key,
}

impl<'a> User<'a> {
    /// A user with this name and password.
    #[cfg(any(feature = "sign", feature = "encrypt"))]
    #[must_use]
    pub fn new(name: &'a str, password: &str) -> Self {
        Self { name: name.as_bytes(), key: Key::new(password.as_bytes()) }
    }
}

impl Passwords for [User<'_>] {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        self.iter().find(|known| known.name == user).map(|known| &known.key)
    }
}

impl<const N: usize> Passwords for [User<'_>; N] {
    fn key(&self, user: &[u8]) -> Option<&Key> {
        self.as_slice().key(user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_passwords_none_are_configured() {
        let nothing: [&dyn Passwords; 4] = [&(), &&(), &None::<()>, &Some(())];
        for passwords in nothing {
            assert!(!passwords.configured() && passwords.key(b"alice").is_none());
        }
    }

    #[cfg(feature = "sign")]
    #[test]
    fn a_user_is_found_by_the_whole_name() {
        let users = [User::new("alice", "wonderland"), User::new("bob", "builder")];
        let places: [&dyn Passwords; 4] = [&users, &&users, &&users[..], &Some(&users)];
        for passwords in places {
            assert!(passwords.configured());
            for (name, password) in [("alice", "wonderland"), ("bob", "builder")] {
                let key = passwords.key(name.as_bytes()).unwrap();
                assert_eq!(key.signing.sign(b"", b""), Key::new(password.as_bytes()).signing.sign(b"", b""));
            }
            for name in ["", "ali", "alicebob", "Bob"] {
                assert!(passwords.key(name.as_bytes()).is_none(), "{name}");
            }
        }
    }
}
