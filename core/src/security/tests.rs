//! Seals that open, and seals that do not.

use super::*;
use crate::{Key, User};

/// A value list, complete in itself.
const PLAIN: &[u8] = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
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
fn read(packet: &[u8], passwords: impl Passwords, level: SecurityLevel) -> Vec<Result<String, (&'static str, usize)>> {
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
    assert_eq!(read(&deep, users(), SecurityLevel::None), [Err(("too-deep", 2 * 47)), Ok("encrypted alice".into())]);
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
