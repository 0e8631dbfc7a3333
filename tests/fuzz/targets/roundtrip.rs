//! Every item that is decoded is the same after it was encoded and decoded once more.

#![no_main]

use collectd_net::{Decoder, Encoder, Full, Interval, Item};
use libfuzzer_sys::fuzz_target;

/// The decoder has no word for "no interval again", so the encoder says it with an interval of 0.
fn same(item: &Item<'_>, other: &Item<'_>) -> bool {
    let plain = |item: &Item<'_>| match item {
        Item::ValueList(list) => Some(list.interval.map_or(0, Interval::raw)),
        Item::Notification(_) => None,
    };
    let (mut item, mut other) = (*item, *other);
    let intervals = plain(&item) == plain(&other);
    for item in [&mut item, &mut other] {
        if let Item::ValueList(list) = item {
            list.interval = None;
        }
    }
    intervals && item == other
}

fn add(encoder: &mut Encoder<'_>, item: &Item<'_>) -> Result<(), Full> {
    match item {
        Item::ValueList(list) => encoder.value_list(&list.identifier, list.time, list.interval, list.values),
        Item::Notification(note) => encoder.notification(&note.identifier, note.time, note.severity, note.message),
    }
}

/// The items in a packet of at most `size` octets.
fn encoded(items: &[Item<'_>], size: usize) -> Vec<u8> {
    let mut buffer = vec![0xa5; size];
    let mut encoder = Encoder::new(&mut buffer);
    for item in items {
        add(&mut encoder, item).expect("room");
    }
    encoder.packet().to_vec()
}

fuzz_target!(|packet: &[u8]| {
    let items: Vec<_> = Decoder::new(packet).flatten().collect();
    // What is encoded anew is never longer: a part that is written was read.
    let first = encoded(&items, packet.len());
    let again: Vec<_> = Decoder::new(&first).map(|item| item.expect("what was encoded decodes")).collect();
    assert_eq!(items.len(), again.len());
    assert!(items.iter().zip(&again).all(|(item, again)| same(item, again)));
    assert_eq!(encoded(&again, first.len()), first);

    // Small packets hold a beginning of it, whole items only.
    let mut small = [0xa5; 200];
    let mut encoder = Encoder::new(&mut small);
    let fitting = items.iter().take_while(|item| add(&mut encoder, item).is_ok()).count();
    assert_eq!(Decoder::new(encoder.packet()).flatten().count(), fitting);
    assert!(first.starts_with(encoder.packet()));
});
