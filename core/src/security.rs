//! Opening packets: signatures verified, encrypted parts decrypted, in place (`WIRE §9` to `§11`).
//!
//! ```text
//!            0        4       36                length
//! signature  +--------+-------+------ - -+      what it covers: user, and everything behind it
//!            | header | MAC   | user     |
//!            +--------+-------+------ - -+
//!
//!            0        4   6        6 + U     22 + U          42 + U            length
//! encrypted  +--------+---+--- - --+---------+---------------+------- - -------+
//!            | header | U | user   | IV      | SHA-1         | parts           |
//!            +--------+---+--- - --+---------+---------------+------- - -------+
//!                                            '------- encrypted, one stream ---'
//! ```

use core::fmt;
use core::iter::FusedIterator;
use core::mem;
use core::str::FromStr;

use crate::decode::{Found, Scope, Seal};
use crate::part::{HEADER, Octets};
use crate::{Cause, Error, Item, PartType, Passwords, Text};

/// Octets of a signature's MAC.
const MAC: usize = 32;
/// Octets of an encrypted part's check sum.
pub(crate) const SUM: usize = 20;
/// How many seals inside each other are opened (`WIRE §11.2`).
const DEPTH: usize = 2;

/// The least protection that content must have to be delivered (`WIRE §11.3`).
///
/// ```
/// use collectd_net::SecurityLevel;
///
/// assert_eq!("Encrypt".parse(), Ok(SecurityLevel::Encrypt));
/// assert!("sgin".parse::<SecurityLevel>().is_err());
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SecurityLevel {
    /// Anything goes, but seals that are broken do not.
    #[default]
    None,
    /// Signed or encrypted.
    Sign,
    /// Encrypted.
    Encrypt,
}

impl FromStr for SecurityLevel {
    type Err = UnknownSecurityLevel;

    /// collectd's words, in any case.
    fn from_str(word: &str) -> Result<Self, UnknownSecurityLevel> {
        [("none", Self::None), ("sign", Self::Sign), ("encrypt", Self::Encrypt)]
            .into_iter()
            .find_map(|(name, level)| word.eq_ignore_ascii_case(name).then_some(level))
            .ok_or(UnknownSecurityLevel)
    }
}

/// A word that is not a security level.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct UnknownSecurityLevel;

impl fmt::Display for UnknownSecurityLevel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a security level is none, sign or encrypt")
    }
}

impl core::error::Error for UnknownSecurityLevel {}

/// How an item was protected on the way, weakest first.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Protection {
    /// Not at all.
    #[default]
    None,
    /// By a signature that nobody verified, because no passwords are configured: as good as not at all.
    Unverified,
    /// By a signature that was verified: it is what the user sent.
    Signed,
    /// By encryption: nobody could read it. This alone does not prove who sent it (`WIRE §10.3`).
    Encrypted,
}

impl Protection {
    /// Whether this is enough for `level`.
    #[must_use]
    pub const fn meets(self, level: SecurityLevel) -> bool {
        match level {
            SecurityLevel::None => true,
            SecurityLevel::Sign => matches!(self, Self::Signed | Self::Encrypted),
            SecurityLevel::Encrypt => matches!(self, Self::Encrypted),
        }
    }

    /// A word for it: `none`, `unverified`, `signed` or `encrypted`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Unverified => "unverified",
            Self::Signed => "signed",
            Self::Encrypted => "encrypted",
        }
    }
}

/// Opens a packet: its items, sealed ones included, as far as `passwords` and `level` let them pass.
///
/// Encrypted parts are decrypted where they stand, one after the other as the items are asked for; the octets of the packet
/// are not of use afterwards. Reading on behind an error is right: it ends where nothing more can be trusted.
///
/// ```
/// use collectd_net::{Protection, SecurityLevel, User, open};
///
/// let users = [User::new("testuser", "s3cr3t-pa55")];
/// let mut packet = *include_bytes!("../tests/data/collectd-5.12.0-minimal-encrypted.bin");
/// for item in open(&mut packet, &users, SecurityLevel::Sign) {
///     let item = item?;
///     assert_eq!(item.protection(), Protection::Encrypted);
///     assert_eq!(item.user().unwrap(), "testuser");
/// }
/// # Ok::<(), collectd_net::Error>(())
/// ```
pub fn open<P: Passwords>(packet: &mut [u8], passwords: P, level: SecurityLevel) -> Items<'_, P> {
    let seal = Seal::default();
    Items {
        passwords,
        level,
        scope: Scope::new(packet, 0, seal, seal.protection.meets(level)),
        outer: [Scope::default(), Scope::default()],
        depth: 0,
        unknown_parts: 0,
    }
}

/// The items of a packet and what was refused of it; see [`open`].
#[derive(Debug)]
pub struct Items<'a, P> {
    passwords: P,
    level: SecurityLevel,
    scope: Scope<'a, &'a mut [u8]>,
    /// The scopes around `scope`, outermost first, where reading goes on afterwards.
    outer: [Scope<'a, &'a mut [u8]>; DEPTH],
    /// How many of `outer` are in use.
    depth: usize,
    /// Of the scopes that have been left.
    unknown_parts: usize,
}

impl<'a, P: Passwords> Items<'a, P> {
    /// How many parts of unknown type have been passed over so far.
    #[must_use]
    pub fn unknown_parts(&self) -> usize {
        let open = self.outer.iter().map(|scope| scope.unknown_parts);
        open.fold(self.unknown_parts.wrapping_add(self.scope.unknown_parts), usize::wrapping_add)
    }

    /// Opens a sealed part and goes on inside it.
    #[inline(never)]
    fn enter(&mut self, offset: usize, type_: PartType, octets: &'a mut [u8]) -> Result<(), Cause> {
        let opened = match type_ {
            PartType::SIGNATURE => self.open_signature(octets),
            _ => self.open_encryption(offset, octets),
        };
        let inside = opened?;
        let around = mem::replace(&mut self.scope, inside);
        if let Some(place) = self.outer.get_mut(self.depth) {
            *place = around;
            self.depth = self.depth.wrapping_add(1);
        }
        Ok(())
    }

    /// Goes back to the scope around this one.
    fn leave(&mut self) -> bool {
        let Some(around) = self.depth.checked_sub(1) else {
            return false;
        };
        self.depth = around;
        self.unknown_parts = self.unknown_parts.wrapping_add(self.scope.unknown_parts);
        self.scope = self.outer.get_mut(around).map(mem::take).unwrap_or_default();
        true
    }

    fn end(&mut self) {
        self.scope.cursor.end();
        for scope in &mut self.outer {
            scope.cursor.end();
        }
    }

    /// The scope that a seal of this protection makes inside the current one.
    fn sealed(
        &self,
        octets: &'a mut [u8],
        offset: usize,
        protection: Protection,
        user: Option<&'a [u8]>,
    ) -> Inside<'a> {
        let protection = protection.max(self.scope.seal().protection);
        let seal = Seal { protection, user: user.map(Text::new) };
        Scope::new(octets, offset, seal, protection.meets(self.level))
    }

    /// Verifies a signature over its user and the rest of the scope (`WIRE §9`).
    fn open_signature(&mut self, part: &'a mut [u8]) -> Result<Inside<'a>, Cause> {
        let length = part.len();
        let fields = part.share().get(HEADER..).and_then(<[u8]>::split_first_chunk::<MAC>);
        let Some((mac, user)) = fields.filter(|(_, user)| !user.is_empty()) else {
            return Err(Cause::SealLength { length });
        };
        if self.depth == DEPTH {
            return Err(Cause::TooDeep);
        }
        let (protection, user) = if self.passwords.configured() {
            let key = self.passwords.key(user).ok_or(Cause::UnknownUser)?;
            if !key.verifies(user, self.scope.cursor.left.look(), mac) {
                return Err(Cause::BadSignature);
            }
            (Protection::Signed, Some(user))
        } else if self.level == SecurityLevel::None {
            (Protection::Unverified, None)
        } else {
            return Err(Cause::NoKeys);
        };
        let offset = self.scope.cursor.offset;
        let content = mem::take(&mut self.scope.cursor.left);
        Ok(self.sealed(content, offset, protection, user))
    }

    /// Decrypts what is inside an encrypted part (`WIRE §10`).
    fn open_encryption(&mut self, offset: usize, part: &'a mut [u8]) -> Result<Inside<'a>, Cause> {
        let length = part.len();
        let (user, iv, stream) = encryption_fields(part).ok_or(Cause::SealLength { length })?;
        if self.depth == DEPTH {
            return Err(Cause::TooDeep);
        }
        if !self.passwords.configured() {
            return Err(Cause::NoKeys);
        }
        let key = self.passwords.key(user).ok_or(Cause::UnknownUser)?;
        let content = key.decrypt(*iv, stream).ok_or(Cause::BadChecksum)?;
        // The content ends where the part ends.
        let content_offset = offset.wrapping_add(length).wrapping_sub(content.len());
        Ok(self.sealed(content, content_offset, Protection::Encrypted, Some(user)))
    }
}

/// What a seal holds.
type Inside<'a> = Scope<'a, &'a mut [u8]>;

/// User, initialisation vector and encrypted stream of an encrypted part; `None` if it is too short for them.
fn encryption_fields(part: &mut [u8]) -> Option<(&[u8], &[u8; 16], &mut [u8])> {
    let (_, fields) = part.split_first_chunk_mut::<HEADER>()?;
    let (length, fields) = fields.split_first_chunk_mut()?;
    let (user, fields) = fields.split_at_mut_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (iv, stream) = fields.split_first_chunk_mut()?;
    (!user.is_empty() && stream.len() >= SUM).then_some((user, iv, stream))
}

impl<'a, P: Passwords> Iterator for Items<'a, P> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let error = match self.scope.find() {
                Some(Found::Item(item)) => return Some(Ok(item)),
                Some(Found::Error(error)) => error,
                Some(Found::Seal { offset, type_, octets }) => match self.enter(offset, type_, octets) {
                    Ok(()) => continue,
                    Err(cause) => {
                        // A signature covers the rest, so nothing can be read behind one that is not opened.
                        if type_ == PartType::SIGNATURE {
                            self.end();
                        }
                        cause.at(offset)
                    }
                },
                None if self.leave() => continue,
                None => return None,
            };
            if error.cause.ends_packet() {
                self.end();
            }
            return Some(Err(error));
        }
    }
}

impl<P: Passwords> FusedIterator for Items<'_, P> {}
