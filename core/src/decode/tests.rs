use super::*;

#[test]
fn what_a_seal_covers_is_refused() {
    let plain = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let signed = include_bytes!("../../tests/data/collectd-5.12.0-minimal-signed.bin");
    let encrypted = include_bytes!("../../tests/data/collectd-5.12.0-minimal-encrypted.bin");
    let results = |packet: &[u8]| Decoder::new(packet).map(|item| item.map(|_| ())).collect::<Vec<_>>();
    assert_eq!(results(signed), [Err(Cause::Sealed.at(0))]);
    assert_eq!(results(&[&encrypted[..], plain].concat()), [Err(Cause::Sealed.at(0)), Ok(())]);
}

#[test]
fn seconds_of_an_interval_beyond_its_range_leave_it_unknown() {
    let plain = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let interval = [0, 7, 0, 12, 0, 0, 0, 4, 0, 0, 0, 0];
    let packet = [&plain[..], &interval, &plain[plain.len() - 15..]].concat();
    let mut items = Decoder::new(&packet);
    assert!(matches!(items.next(), Some(Ok(Item::ValueList(list))) if list.interval == Interval::from_secs(10)));
    assert_eq!(items.next(), Some(Err(Cause::TimeRange { secs: 1 << 34 }.at(plain.len()))));
    assert!(matches!(items.next(), Some(Ok(Item::ValueList(list))) if list.interval.is_none()));
    assert_eq!(items.next(), None);
}

#[test]
fn a_time_of_zero_is_none() {
    let plain = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let time = [0, 8, 0, 12, 0, 0, 0, 0, 0, 0, 0, 0];
    let packet = [&plain[..], &time, &plain[plain.len() - 15..]].concat();
    let missing = Cause::Incomplete { missing: Missing::Time }.at(plain.len() + time.len());
    assert_eq!(Decoder::new(&packet).nth(1), Some(Err(missing)));
}

#[test]
fn parts_of_unknown_type_are_counted() {
    let mut items = Decoder::new(&[0x12, 0x34, 0, 4, 0, 0x99, 0, 5, 1]);
    assert_eq!(items.next(), None);
    assert_eq!(items.unknown_parts(), 2);
}

const HOST: &[u8] = b"\0\0\0\x06h\0";
const PLUGIN: &[u8] = b"\0\x02\0\x06p\0";
const TYPE: &[u8] = b"\0\x04\0\x06t\0";
const TIME: &[u8] = b"\0\x08\0\x0c\0\0\0\0\x40\0\0\0";
const VALUES: &[u8] = b"\0\x06\0\x0f\0\x01\0\0\0\0\0\0\0\0\x07";
const SEVERITY: &[u8] = b"\x01\x01\0\x0c\0\0\0\0\0\0\0\x02";
const MESSAGE: &[u8] = b"\x01\0\0\x09well\0";

/// What the items of a packet say, or what was wrong with them and where.
fn read(parts: &[&[u8]]) -> Vec<Result<String, Error>> {
    Decoder::new(&parts.concat())
        .map(|item| {
            item.map(|item| match item {
                Item::ValueList(list) => format!("{} at {}", list.identifier, list.time.secs()),
                Item::Notification(told) => {
                    format!("{} {} at {}", told.severity.name(), told.message, told.time.secs())
                }
            })
        })
        .collect()
}

#[test]
fn what_a_value_list_lacks_is_named() {
    let whole = [HOST, PLUGIN, TYPE, TIME, VALUES];
    assert_eq!(read(&whole), [Ok("h/p/t at 1".into())]);
    for (place, missing) in [Missing::Host, Missing::Plugin, Missing::Type, Missing::Time].into_iter().enumerate() {
        let mut parts = whole.to_vec();
        parts.remove(place);
        let offset = parts[..3].concat().len();
        assert_eq!(read(&parts), [Err(Cause::Incomplete { missing }.at(offset))]);
    }
}

#[test]
fn a_name_that_becomes_empty_is_missing_again() {
    let whole = [HOST, PLUGIN, TYPE, TIME, VALUES].concat();
    for (part, missing) in [(0, Missing::Host), (2, Missing::Plugin), (4, Missing::Type)] {
        let empty = [0, part, 0, 5, 0];
        let error = Cause::Incomplete { missing }.at(whole.len() + empty.len());
        assert_eq!(read(&[&whole, &empty, VALUES]), [Ok("h/p/t at 1".into()), Err(error)]);
    }
}

#[test]
fn names_end_at_their_first_nul_wherever_they_stand() {
    let named = |part: u8, text: &[u8]| [&[0, part, 0, u8::try_from(text.len() + 5).unwrap()], text, &[0]].concat();
    let whole: Vec<u8> = [0, 2, 3, 4, 5].iter().flat_map(|part| named(*part, b"abc")).collect();
    for (place, part) in [0, 2, 3, 4, 5].into_iter().enumerate() {
        let cut = named(part, b"x\0yz, and so on until it is long");
        let mut names = ["abc"; 5];
        names[place] = "x";
        let [host, plugin, plugin_instance, type_, type_instance] = names;
        assert_eq!(
            read(&[&whole, TIME, &cut, VALUES]),
            [Ok(format!("{host}/{plugin}-{plugin_instance}/{type_}-{type_instance} at 1"))]
        );
    }
}

#[test]
fn every_part_has_its_place_in_the_identifier() {
    let instances = [&b"\0\x03\0\x06i\0"[..], b"\0\x05\0\x06j\0"];
    assert_eq!(read(&[HOST, PLUGIN, instances[0], TYPE, instances[1], TIME, VALUES]), [Ok("h/p-i/t-j at 1".into())]);
}

#[test]
fn a_notification_needs_severity_time_and_message() {
    assert_eq!(read(&[SEVERITY, TIME, MESSAGE]), [Ok("warning well at 1".into())]);
    assert_eq!(read(&[TIME, MESSAGE]), [Err(Cause::Severity { severity: 0 }.at(12))]);
    let unknown = b"\x01\x01\0\x0c\0\0\0\0\0\0\0\x03";
    assert_eq!(read(&[unknown, TIME, MESSAGE]), [Err(Cause::Severity { severity: 3 }.at(24))]);
    assert_eq!(read(&[SEVERITY, MESSAGE]), [Err(Cause::Incomplete { missing: Missing::Time }.at(12))]);
    assert_eq!(read(&[SEVERITY, TIME, b"\x01\0\0\x05\0"]), [Err(Cause::EmptyMessage.at(24))]);
    // What costs a notification alone does not end the packet.
    assert_eq!(read(&[TIME, MESSAGE, SEVERITY, MESSAGE])[1], Ok("warning well at 1".into()));
}

#[test]
fn times_in_whole_seconds_are_times() {
    let secs = b"\0\x01\0\x0c\0\0\0\0\0\0\0\x05";
    assert_eq!(read(&[HOST, PLUGIN, TYPE, secs, VALUES]), [Ok("h/p/t at 5".into())]);
    // One that is out of range is none, and not the one before.
    let beyond = b"\0\x01\0\x0c\0\0\0\x04\0\0\0\0";
    assert_eq!(
        read(&[HOST, PLUGIN, TYPE, TIME, beyond, VALUES]),
        [Err(Cause::TimeRange { secs: 1 << 34 }.at(30)), Err(Cause::Incomplete { missing: Missing::Time }.at(42))]
    );
}

#[test]
fn strings_without_a_nul_and_numbers_of_other_lengths_end_the_packet() {
    for (part, cause) in [
        (&b"\0\0\0\x04"[..], Cause::StringEmpty),
        (b"\0\x05\0\x05x", Cause::StringUnterminated { length: 1 }),
        (b"\x01\0\0\x04", Cause::StringEmpty),
        (b"\x01\0\0\x06hi", Cause::StringUnterminated { length: 2 }),
        (b"\0\x08\0\x0b\0\0\0\0\0\0\0", Cause::NumberLength { length: 7 }),
        (b"\0\x01\0\x0d\0\0\0\0\0\0\0\0\0", Cause::NumberLength { length: 9 }),
        (b"\0\x09\0\x04", Cause::NumberLength { length: 0 }),
        (b"\x01\x01\0\x05\0", Cause::NumberLength { length: 1 }),
    ] {
        assert_eq!(read(&[HOST, PLUGIN, TYPE, TIME, part, VALUES]), [Err(cause.at(30))]);
    }
}
