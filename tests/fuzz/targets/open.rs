//! Any octets as a packet with seals, and as the content of seals that open. The first octet says how.

#![no_main]

use collectd_net::{Error, Item, Protection, SecurityLevel, open};
use collectd_net_fuzz::second::compare_opened;
use collectd_net_fuzz::{USERS, bare, check, check_handed_out, encrypt, expected, sign, users};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    let Some((how, content)) = input.split_first() else { return };
    let level = [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt][usize::from(how % 3)];
    let [alice, bob, _] = USERS;
    let (mut packet, offset, protection) = match how / 3 % 5 {
        0 | 1 => (content.to_vec(), 0, Protection::None),
        2 => (sign(alice, content), 41, Protection::Signed),
        3 => (encrypt(bob, content), 45, Protection::Encrypted),
        _ => (sign(bob, &encrypt(alice, content)), 39 + 47, Protection::Encrypted),
    };
    let len = packet.len();
    if how / 3 % 5 == 1 {
        check(&open(&mut packet, (), level).collect::<Vec<_>>(), len, level);
        compare_opened(content, &mut packet, level);
        return;
    }
    check_handed_out(&packet, users(), level);
    let mut items = open(&mut packet, users(), level);
    let results: Vec<_> = items.by_ref().collect();
    assert!(items.next().is_none());
    check(&results, len, level);

    // What stands in a seal is read as if it stood there alone.
    if let Some(expected) = expected(content, offset)
        && protection.meets(level)
    {
        let bare: Vec<Result<Item<'_>, Error>> =
            results.iter().map(|result| result.as_ref().map(bare).map_err(|error| *error)).collect();
        assert_eq!(bare, expected);
        assert!(results.iter().flatten().all(|item| item.protection() == protection));
    }
});
