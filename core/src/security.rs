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
use core::ops::ControlFlow;
use core::str::FromStr;

use crate::decode::{Message, Scope, Source, Step, next, start};
use crate::part::{HEADER, Octets, split_part};
use crate::{Cause, Error, Item, PartType, Passwords, Replays, SealTag, Text, ValueList, Values};

/// Octets of a signature's MAC.
const MAC: usize = 32;
/// Octets of an encrypted part's initialisation vector.
pub(crate) const IV: usize = 16;
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
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
    open_once(packet, passwords, level, ())
}

/// Opens a packet as [`open`] does, but no seal that `replays` knows; see [`Replay`](crate::Replay).
pub fn open_once<P: Passwords, R: Replays>(
    packet: &mut [u8],
    passwords: P,
    level: SecurityLevel,
    replays: R,
) -> Items<'_, P, R> {
    Items::new(packet, false, passwords, level, replays)
}

/// The items of a packet and what was refused of it; see [`open`].
#[derive(Debug)]
pub struct Items<'a, P, R = ()> {
    passwords: P,
    replays: R,
    level: SecurityLevel,
    scope: Scope<'a, &'a mut [u8]>,
    /// The scopes around `scope`, outermost first, where reading goes on afterwards.
    outer: [Scope<'a, &'a mut [u8]>; DEPTH],
    /// How many of `outer` are in use.
    depth: usize,
    /// Of the scopes that have been left.
    unknown_parts: usize,
    /// Whether the encrypted part at the start of the packet is decrypted already, but not yet checked.
    first_decrypted: bool,
}

impl<'a, P: Passwords, R: Replays> Items<'a, P, R> {
    /// Opens a packet whose encrypted part at the start may be decrypted already, but is not yet checked.
    #[inline]
    pub(crate) fn new(
        packet: &'a mut [u8],
        first_decrypted: bool,
        passwords: P,
        level: SecurityLevel,
        replays: R,
    ) -> Self {
        Self {
            passwords,
            replays,
            level,
            scope: Scope::new(packet, 0, Protection::None, None, Protection::None.meets(level)),
            outer: [Scope::default(), Scope::default()],
            depth: 0,
            unknown_parts: 0,
            first_decrypted,
        }
    }

    /// How many parts of unknown type have been passed over so far.
    #[must_use]
    pub fn unknown_parts(&self) -> usize {
        let open = self.outer.iter().map(|scope| scope.unknown_parts);
        open.fold(self.unknown_parts.wrapping_add(self.scope.unknown_parts), usize::wrapping_add)
    }

    /// Opens a sealed part and goes on inside it.
    fn enter(&mut self, type_: PartType, body: &'a mut [u8]) -> Result<(), Error> {
        let offset = start(&self.scope.cursor, body);
        let opened = match type_ {
            PartType::SIGNATURE => self.open_signature(body),
            _ => self.open_encryption(body, self.first_decrypted && offset == 0),
        };
        let inside = match opened {
            Ok(inside) => inside,
            Err(cause) => {
                // A signature covers the rest, so nothing can be read behind one that is not opened.
                if type_ == PartType::SIGNATURE {
                    self.end();
                }
                return Err(cause.at(offset));
            }
        };
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

    /// Stops where an error says so.
    #[cold]
    fn refuse(&mut self, error: Error) -> Error {
        if error.cause.ends_packet() {
            self.end();
        }
        error
    }

    fn end(&mut self) {
        self.scope.cursor.finish();
        for scope in &mut self.outer {
            scope.cursor.finish();
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
        let protection = protection.max(self.scope.list.protection);
        Scope::new(octets, offset, protection, user.map(Text::new), protection.meets(self.level))
    }

    /// Verifies a signature over its user and the rest of the scope (`WIRE §9`).
    fn open_signature(&mut self, body: &'a mut [u8]) -> Result<Inside<'a>, Cause> {
        let too_short = seal_length(body.len());
        let fields = body.share().split_first_chunk::<MAC>().filter(|(_, user)| !user.is_empty());
        let (mac, user) = fields.ok_or(too_short)?;
        if self.depth == DEPTH {
            return Err(Cause::TooDeep);
        }
        let (protection, user) = self.verify(mac, user)?;
        let offset = self.scope.cursor.offset();
        let content = mem::take(&mut self.scope.cursor.left);
        Ok(self.sealed(content, offset, protection, user))
    }

    /// Decrypts what is inside an encrypted part (`WIRE §10`).
    fn open_encryption(&mut self, body: &'a mut [u8], decrypted: bool) -> Result<Inside<'a>, Cause> {
        let too_short = seal_length(body.len());
        let (user, iv, stream) = encryption_fields(body).ok_or(too_short)?;
        if self.depth == DEPTH {
            return Err(Cause::TooDeep);
        }
        let content = self.decrypt(user, iv, stream, decrypted)?;
        // The content ends where the part ends.
        let offset = self.scope.cursor.offset().wrapping_sub(content.len());
        Ok(self.sealed(content, offset, Protection::Encrypted, Some(user)))
    }

    /// What the signature `mac` of `user` makes of the rest of the scope.
    fn verify(&mut self, mac: &[u8; MAC], user: &'a [u8]) -> Result<(Protection, Option<&'a [u8]>), Cause> {
        if !cfg!(feature = "sign") {
            return Err(Cause::Unsupported);
        }
        if !self.passwords.configured() {
            let enough = self.level == SecurityLevel::None;
            return if enough { Ok((Protection::Unverified, None)) } else { Err(Cause::NoKeys) };
        }
        let key = self.passwords.key(user).ok_or(Cause::UnknownUser)?;
        let tag = SealTag::of_signature(mac);
        if self.replays.knows(tag) {
            return Err(Cause::Replayed);
        }
        if !key.signing.verifies(user, self.scope.cursor.left.look(), mac) {
            return Err(Cause::BadSignature);
        }
        self.replays.note(tag);
        Ok((Protection::Signed, Some(user)))
    }

    /// The content of an encrypted part of `user`, whose stream may be decrypted already.
    fn decrypt<'s>(
        &mut self,
        user: &[u8],
        iv: &[u8; IV],
        stream: &'s mut [u8],
        decrypted: bool,
    ) -> Result<&'s mut [u8], Cause> {
        if !cfg!(feature = "encrypt") {
            return Err(Cause::Unsupported);
        }
        if !self.passwords.configured() {
            return Err(Cause::NoKeys);
        }
        let key = self.passwords.key(user).ok_or(Cause::UnknownUser)?;
        let tag = SealTag::of_encryption(user, iv);
        if self.replays.knows(tag) {
            return Err(Cause::Replayed);
        }
        if !decrypted {
            key.cipher.decrypt(*iv, stream);
        }
        let content = key.cipher.content(stream).ok_or(Cause::BadChecksum)?;
        self.replays.note(tag);
        Ok(content)
    }
}

/// A sealed part whose body is too short.
const fn seal_length(body: usize) -> Cause {
    Cause::SealLength { length: body.wrapping_add(HEADER) }
}

/// What a seal holds.
type Inside<'a> = Scope<'a, &'a mut [u8]>;

/// User, initialisation vector and encrypted stream of an encrypted part; `None` if it is too short for them.
fn encryption_fields(body: &mut [u8]) -> Option<(&[u8], &[u8; IV], &mut [u8])> {
    let (length, fields) = body.split_first_chunk_mut()?;
    let (user, fields) = fields.split_at_mut_checked(usize::from(u16::from_be_bytes(*length)))?;
    let (iv, stream) = fields.split_first_chunk_mut()?;
    (!user.is_empty() && stream.len() >= SUM).then_some((user, iv, stream))
}

/// The same of an encrypted part that stands at the start of a packet.
pub(crate) fn first_encrypted(mut packet: &mut [u8]) -> Option<(&[u8], &[u8; IV], &mut [u8])> {
    match split_part(&mut packet) {
        Some((PartType::ENCRYPTION, body)) => encryption_fields(body),
        _ => None,
    }
}

impl<'a, P, R> Items<'a, P, R> {
    /// Gives the value lists up to what is not ordinary to `list`; see [`Scope::lists`].
    #[inline(always)]
    pub(crate) fn lists(&mut self, list: impl FnMut(&ValueList<'a>, bool)) {
        self.scope.lists(list);
    }
}

impl<'a, P: Passwords, R: Replays> Source<'a> for Items<'a, P, R> {
    #[inline(always)]
    fn advance(&mut self) -> Option<Values<'a>> {
        self.scope.advance()
    }

    #[inline(always)]
    fn list(&self) -> &ValueList<'a> {
        &self.scope.list
    }

    #[cold]
    fn attend(&mut self) -> ControlFlow<Option<Result<Message<'a>, Error>>> {
        let error = match self.scope.attend() {
            Step::Read => return ControlFlow::Continue(()),
            Step::Message(message) => return ControlFlow::Break(Some(Ok(message))),
            Step::Refused(error) => error,
            Step::Seal(type_, body) => match self.enter(type_, body) {
                Ok(()) => return ControlFlow::Continue(()),
                Err(error) => error,
            },
            Step::End => match self.scope.cursor.damage() {
                Some(error) => error,
                None if self.leave() => return ControlFlow::Continue(()),
                None => return ControlFlow::Break(None),
            },
        };
        ControlFlow::Break(Some(Err(self.refuse(error))))
    }
}

impl<'a, P: Passwords, R: Replays> Iterator for Items<'a, P, R> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        next(self)
    }
}

impl<P: Passwords, R: Replays> FusedIterator for Items<'_, P, R> {}

#[cfg(all(test, feature = "security"))]
mod tests;

#[cfg(all(test, not(feature = "security")))]
mod tests_without {
    use super::*;

    #[test]
    fn a_seal_that_nothing_was_built_to_open_is_refused_by_name() {
        let plain = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
        let signed = include_bytes!("../tests/data/collectd-5.12.0-minimal-signed.bin");
        let encrypted = include_bytes!("../tests/data/collectd-5.12.0-minimal-encrypted.bin");
        let read = |packet: &[u8]| -> Vec<_> {
            open(&mut packet.to_vec(), (), SecurityLevel::None).map(|item| item.map(|_| ())).collect()
        };
        let unsupported = Err(Cause::Unsupported.at(0));
        if !cfg!(feature = "sign") {
            assert_eq!(read(signed), [unsupported]);
        }
        if !cfg!(feature = "encrypt") {
            assert_eq!(read(&[&encrypted[..], plain].concat()), [unsupported, Ok(())]);
        }
    }
}
