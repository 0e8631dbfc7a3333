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

use crate::decode::{Scope, Seal, Step, start};
use crate::part::{HEADER, Octets, split_part};
use crate::{Cause, Error, Item, PartType, Passwords, Replays, SealTag, Text};

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
        let seal = Seal::default();
        Self {
            passwords,
            replays,
            level,
            scope: Scope::new(packet, 0, seal, seal.protection.meets(level)),
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
    #[inline(never)]
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
        let protection = protection.max(self.scope.seal().protection);
        let seal = Seal { protection, user: user.map(Text::new) };
        Scope::new(octets, offset, seal, protection.meets(self.level))
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

impl<'a, P: Passwords, R: Replays> Iterator for Items<'a, P, R> {
    type Item = Result<Item<'a>, Error>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            let error = match self.scope.advance() {
                Step::Values(body) => match self.scope.value_list(body) {
                    Ok(list) => return Some(Ok(Item::ValueList(list))),
                    Err(error) => error,
                },
                Step::Message(body) => match self.scope.notification(body) {
                    Ok(item) => return Some(Ok(item)),
                    Err(error) => error,
                },
                Step::Refused(error) => error,
                Step::Seal(type_, body) => match self.enter(type_, body) {
                    Ok(()) => continue,
                    Err(error) => error,
                },
                Step::End => match self.scope.cursor.damage() {
                    Some(error) => error,
                    None if self.leave() => continue,
                    None => return None,
                },
            };
            return Some(Err(self.refuse(error)));
        }
    }
}

impl<P: Passwords, R: Replays> FusedIterator for Items<'_, P, R> {}

#[cfg(all(test, feature = "security"))]
mod tests {
    use super::*;
    use crate::{Key, User};

    /// A value list, complete in itself.
    const PLAIN: &[u8] = include_bytes!("../tests/data/collectd-5.12.0-minimal.bin");
    const LEVELS: [SecurityLevel; 3] = [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt];

    fn users() -> [User<'static>; 1] {
        [User::new("alice", "wonderland")]
    }

    fn header(type_: PartType, length: usize) -> Vec<u8> {
        [type_.0.to_be_bytes(), u16::try_from(length).unwrap().to_be_bytes()].concat()
    }

    /// `content` behind a signature.
    fn signed(user: &str, content: &[u8]) -> Vec<u8> {
        let mac = Key::new(b"wonderland").signing.sign(user.as_bytes(), content);
        [&header(PartType::SIGNATURE, 36 + user.len())[..], &mac, user.as_bytes(), content].concat()
    }

    /// `content` in an encrypted part.
    fn encrypted(user: &str, content: &[u8]) -> Vec<u8> {
        let iv = [7; 16];
        let mut stream = [&[0; SUM], content].concat();
        Key::new(b"wonderland").cipher.encrypt(iv, &mut stream).unwrap();
        let user_length = u16::try_from(user.len()).unwrap().to_be_bytes();
        let header = header(PartType::ENCRYPTION, 22 + user.len() + stream.len());
        [&header[..], &user_length, user.as_bytes(), &iv, &stream].concat()
    }

    /// Protection and user of each item, and word and offset of each error.
    fn read(
        packet: &[u8],
        passwords: impl Passwords,
        level: SecurityLevel,
    ) -> Vec<Result<String, (&'static str, usize)>> {
        let mut packet = packet.to_vec();
        open(&mut packet, passwords, level)
            .map(|item| match item {
                Ok(item) => Ok(match item.user() {
                    Some(user) => format!("{} {user}", item.protection().name()),
                    None => item.protection().name().to_owned(),
                }),
                Err(error) => Err((error.cause.word(), error.offset)),
            })
            .collect()
    }

    #[test]
    fn user_that_is_not_known_ends_the_packet_at_any_level() {
        for level in LEVELS {
            let unknown = [signed("bob", PLAIN), PLAIN.to_vec()].concat();
            assert_eq!(read(&unknown, users(), level), [Err(("unknown-user", 0))]);
            let unknown = [encrypted("bob", PLAIN), PLAIN.to_vec()].concat();
            assert_eq!(read(&unknown, users(), level), [Err(("unknown-user", 0))]);
        }
    }

    #[test]
    fn passwords_for_nobody_are_still_passwords() {
        let nobody: [User<'_>; 0] = [];
        assert_eq!(read(&signed("alice", PLAIN), nobody, SecurityLevel::None), [Err(("unknown-user", 0))]);
    }

    #[test]
    fn without_passwords_signed_content_is_delivered_once_and_unverified() {
        assert_eq!(read(&signed("alice", PLAIN), (), SecurityLevel::None), [Ok("unverified".into())]);
        for level in [SecurityLevel::Sign, SecurityLevel::Encrypt] {
            assert_eq!(read(&signed("alice", PLAIN), (), level), [Err(("no-keys", 0))]);
        }
    }

    #[test]
    fn without_passwords_an_encrypted_part_is_passed_over() {
        let packet = [encrypted("alice", PLAIN), PLAIN.to_vec()].concat();
        assert_eq!(read(&packet, (), SecurityLevel::None), [Err(("no-keys", 0)), Ok("none".into())]);
    }

    #[test]
    fn two_seals_are_opened_and_the_protection_is_the_strongest() {
        for packet in [signed("alice", &encrypted("alice", PLAIN)), encrypted("alice", &signed("alice", PLAIN))] {
            for level in LEVELS {
                assert_eq!(read(&packet, users(), level), [Ok("encrypted alice".into())]);
            }
        }
        let twice = signed("alice", &signed("alice", PLAIN));
        assert_eq!(read(&twice, users(), SecurityLevel::Sign), [Ok("signed alice".into())]);
    }

    #[test]
    fn a_third_seal_costs_what_it_covers() {
        let thrice = signed("alice", &signed("alice", &signed("alice", PLAIN)));
        assert_eq!(read(&thrice, users(), SecurityLevel::None), [Err(("too-deep", 82))]);
        let inner = [encrypted("alice", PLAIN), PLAIN.to_vec()].concat();
        let deep = encrypted("alice", &encrypted("alice", &inner));
        assert_eq!(
            read(&deep, users(), SecurityLevel::None),
            [Err(("too-deep", 2 * 47)), Ok("encrypted alice".into())]
        );
        let unverified = signed("a", &signed("b", &signed("c", PLAIN)));
        assert_eq!(read(&unverified, (), SecurityLevel::None), [Err(("too-deep", 74))]);
    }

    #[test]
    fn behind_an_encrypted_part_the_outer_names_are_what_they_were() {
        let (names, values) = PLAIN.split_at(PLAIN.len() - 15);
        let packet = [names, &encrypted("alice", PLAIN), values].concat();
        assert_eq!(read(&packet, users(), SecurityLevel::None), [Ok("encrypted alice".into()), Ok("none".into())]);
        let bare = [names, &encrypted("alice", values), values].concat();
        let offset = names.len() + 47;
        assert_eq!(read(&bare, users(), SecurityLevel::None), [Err(("incomplete", offset)), Ok("none".into())]);
        let bare = [names, &signed("alice", values)].concat();
        assert_eq!(read(&bare, users(), SecurityLevel::None), [Err(("incomplete", names.len() + 41))]);
    }

    #[test]
    fn damage_inside_a_seal_ends_the_packet() {
        let damaged = [PLAIN, &[0, 5, 0, 3, 9]].concat();
        let packet = [encrypted("alice", &damaged), PLAIN.to_vec()].concat();
        let damage = Err(("part-length", 47 + PLAIN.len()));
        assert_eq!(read(&packet, users(), SecurityLevel::None), [Ok("encrypted alice".into()), damage]);
    }

    #[test]
    fn seals_around_nothing_are_fine() {
        for packet in [signed("alice", &[]), encrypted("alice", &[])] {
            assert_eq!(read(&packet, users(), SecurityLevel::None), []);
        }
    }

    #[test]
    fn seals_too_short_for_their_fields_end_the_packet() {
        let whole = encrypted("alice", &[]);
        for passwords in [None, Some(users())] {
            for length in 4..whole.len() {
                let mut short = whole[..length].to_vec();
                short[3] = u8::try_from(length).unwrap();
                let packet = [&short, PLAIN].concat();
                assert_eq!(read(&packet, &passwords, SecurityLevel::None), [Err(("seal-length", 0))], "{length}");
            }
            let mut nameless = whole.clone();
            nameless[5] = 0;
            assert_eq!(read(&nameless, &passwords, SecurityLevel::None), [Err(("seal-length", 0))]);
            let nameless = [&header(PartType::SIGNATURE, 36)[..], &[0; 32], PLAIN].concat();
            assert_eq!(read(&nameless, &passwords, SecurityLevel::None), [Err(("seal-length", 0))]);
        }
    }

    #[test]
    fn unknown_parts_count_wherever_they_are() {
        let unknown = [0x12, 0x34, 0, 4];
        let inside = encrypted("alice", &[&unknown, PLAIN, &unknown].concat());
        let mut packet = [&unknown[..], &inside, &unknown].concat();
        let users = users();
        let mut items = open(&mut packet, &users, SecurityLevel::None);
        assert!(items.next().is_some_and(|item| item.is_ok()));
        assert_eq!(items.unknown_parts(), 2);
        assert_eq!(items.next(), None);
        assert_eq!(items.unknown_parts(), 4);
        assert_eq!(items.next(), None);
    }

    #[test]
    fn below_the_level_not_even_damage_to_names_is_looked_at() {
        let packet = [&[0, 5, 0, 4][..], PLAIN, PLAIN, &signed("alice", PLAIN)].concat();
        let below = Err(("below-level", 4 + PLAIN.len() - 15));
        assert_eq!(read(&packet, users(), SecurityLevel::Sign), [below, Ok("signed alice".into())]);
    }

    #[test]
    fn a_seal_is_opened_once() {
        let users = users();
        let mut replay = crate::Replay::<8>::new(core::time::Duration::from_secs(1));
        let mut words = |packet: &[u8]| -> Vec<&str> {
            let mut packet = packet.to_vec();
            let items = open_once(&mut packet, &users, SecurityLevel::None, &mut replay);
            items.map(|item| item.map_or_else(|error| error.cause.word(), |_| "item")).collect()
        };
        let signed = signed("alice", PLAIN);
        assert_eq!(words(&signed), ["item"]);
        assert_eq!(words(&signed), ["replayed"]);
        let encrypted_then_plain = [encrypted("alice", PLAIN), PLAIN.to_vec()].concat();
        assert_eq!(words(&encrypted_then_plain), ["item", "item"]);
        assert_eq!(words(&encrypted_then_plain), ["replayed", "item"]);
        // The same vector with other content: what a forger can make.
        assert_eq!(words(&encrypted("alice", &[PLAIN, PLAIN].concat())), ["replayed"]);
        assert_eq!(replay.stopped(), 3);
    }

    #[test]
    fn what_is_not_opened_is_not_remembered() {
        let mut replay = crate::Replay::<8>::new(core::time::Duration::from_secs(1));
        let good = signed("alice", PLAIN);
        let mut bad = good.clone();
        *bad.last_mut().unwrap() ^= 1;
        let users = users();
        let results: Vec<_> = open_once(&mut bad, &users, SecurityLevel::None, &mut replay).collect();
        assert_eq!(results, [Err(Cause::BadSignature.at(0))]);
        assert!(open_once(&mut good.clone(), &users, SecurityLevel::None, &mut replay).all(|item| item.is_ok()));
    }

    #[test]
    fn a_security_level_is_one_of_three_words() {
        for (word, level) in [("none", LEVELS[0]), ("SIGN", LEVELS[1]), ("Encrypt", LEVELS[2])] {
            assert_eq!(word.parse(), Ok(level));
        }
        for word in ["", "signed", "encrypt "] {
            assert_eq!(word.parse::<SecurityLevel>(), Err(UnknownSecurityLevel));
        }
    }

    #[test]
    fn a_word_that_is_no_security_level_is_told_the_three() {
        assert_eq!(UnknownSecurityLevel.to_string(), "a security level is none, sign or encrypt");
    }
}

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
