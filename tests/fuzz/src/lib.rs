//! What must hold for any octets, packets sealed around any content, and what expressions of filters mean.

use aes::Aes256;
use collectd_net::{
    Arrival, Counters, Decoder, Error, Identifier, Item, Packet, Passwords, Protection, SecurityLevel, User, ValueList,
};
use hmac::{Hmac, KeyInit, Mac};
use ofb::Ofb;
use ofb::cipher::{KeyIvInit, StreamCipher};
use sha1::Sha1;
use sha2::{Digest, Sha256};

mod decimal;
pub mod meaning;
mod pattern;
#[path = "../../src/second.rs"]
pub mod second;

/// The users of the recorded packets, so that the fuzzer starts with seals that open.
pub const USERS: [(&str, &str); 3] =
    [("alice", "correct horse battery staple"), ("bob", "s3cr3t"), ("testuser", "s3cr3t-pa55")];

/// The users as a receiver has them.
pub fn users() -> [User<'static>; 3] {
    USERS.map(|(name, password)| User::new(name, password))
}

/// What must hold for the results of a packet of `len` octets.
pub fn check(results: &[Result<Item<'_>, Error>], len: usize, level: SecurityLevel) {
    assert!(results.len() <= len / 4 + 1, "no more results than parts");
    for (place, result) in results.iter().enumerate() {
        match result {
            Ok(item) => check_item(item, level),
            Err(Error { offset, cause }) => {
                assert!(*offset < len, "{cause} at {offset} of {len}");
                assert!(!cause.ends_packet() || place + 1 == results.len(), "{cause} is not the last");
            }
        }
    }
}

/// That items are handed out as they come one by one, and lists as told: with the same names as the last one but for the type
/// instance, unless they are anew.
pub fn check_handed_out(packet: &[u8], passwords: impl Passwords + Clone, level: SecurityLevel) {
    let (mut one, mut other) = (packet.to_vec(), packet.to_vec());
    let (mut counters, mut other_counters) = (Counters::new(), Counters::new());
    let arrival = Arrival { len: packet.len(), from: None };
    let items: Vec<_> = Packet::new(arrival, &mut one, passwords.clone(), level, &mut counters).collect();
    let mut given: Vec<Result<Item<'_>, Error>> = Vec::new();
    Packet::new(arrival, &mut other, passwords, level, &mut other_counters).hand_out(
        &mut given,
        |given, list, anew| {
            if !anew {
                let Some(Ok(Item::ValueList(last))) = given.last() else { panic!("the first is anew") };
                let identifier = Identifier { type_instance: list.identifier.type_instance, ..last.identifier };
                assert_eq!(*list, ValueList { identifier, time: list.time, values: list.values, ..*last });
            }
            given.push(Ok(Item::ValueList(*list)));
        },
        |given, other| given.push(other.map(Item::Notification)),
    );
    assert_eq!(given, items);
    assert_eq!(counters, other_counters);
}

fn check_item(item: &Item<'_>, level: SecurityLevel) {
    assert!(item.protection().meets(level));
    assert!(item.user().is_some() == (item.protection() >= Protection::Signed));
    assert_ne!(item.time().raw(), 0);
    let identifier = item.identifier();
    assert!(identifier.fields().iter().all(|field| !field.as_octets().contains(&0)));
    // Whatever it says, it can be printed, and takes no control of a terminal.
    assert!(!identifier.to_string().chars().any(char::is_control));
    match item {
        Item::ValueList(list) => {
            assert!(!(identifier.host.is_empty() || identifier.plugin.is_empty() || identifier.type_.is_empty()));
            assert_eq!(list.values.iter().count(), list.values.len());
            assert!(list.values.len() > 0);
        }
        Item::Notification(notification) => {
            assert!(!notification.message.is_empty());
            assert!(!notification.message.to_string().chars().any(char::is_control));
        }
    }
}

/// An item without the seal around it.
#[must_use]
pub fn bare<'a>(item: &Item<'a>) -> Item<'a> {
    let mut item = *item;
    match &mut item {
        Item::ValueList(list) => (list.protection, list.user) = (Protection::None, None),
        Item::Notification(notification) => (notification.protection, notification.user) = (Protection::None, None),
    }
    item
}

/// The results of `content`, to be found at `offset` inside a seal; `None` if there is a seal in it.
#[must_use]
pub fn expected(content: &[u8], offset: usize) -> Option<Vec<Result<Item<'_>, Error>>> {
    let results = Decoder::new(content).map(|result| match result {
        Err(error) if error.cause.word() == "sealed" => None,
        Err(error) => Some(Err(Error { offset: error.offset + offset, ..error })),
        Ok(item) => Some(Ok(item)),
    });
    results.collect()
}

/// `content` behind a signature (`WIRE §9.1`).
#[must_use]
pub fn sign((user, password): (&str, &str), content: &[u8]) -> Vec<u8> {
    let mac = <Hmac<Sha256> as KeyInit>::new_from_slice(password.as_bytes()).expect("any length will do");
    let mac = mac.chain_update(user).chain_update(content).finalize().into_bytes();
    [&header(0x0200, 36 + user.len())[..], &mac, user.as_bytes(), content].concat()
}

/// `content` in an encrypted part (`WIRE §10.1`).
#[must_use]
pub fn encrypt((user, password): (&str, &str), content: &[u8]) -> Vec<u8> {
    let iv = [0x5a; 16];
    let mut stream = [&Sha1::digest(content)[..], content].concat();
    Ofb::<Aes256>::new(&Sha256::digest(password), &iv.into()).apply_keystream(&mut stream);
    let name = u16::try_from(user.len()).expect("a short name").to_be_bytes();
    [&header(0x0210, 42 + user.len() + content.len())[..], &name, user.as_bytes(), &iv, &stream].concat()
}

fn header(type_: u16, length: usize) -> Vec<u8> {
    [type_.to_be_bytes(), u16::try_from(length).expect("inputs are short").to_be_bytes()].concat()
}
