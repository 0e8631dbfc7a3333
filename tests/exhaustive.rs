//! Small worlds, all of them: every part header, every datagram of up to three octets, every sequence of four parts out of a
//! set that has something of everything. Each result is compared with what the second decoder makes of the same octets.
//!
//! For `--release`: these are some 4.4 billion packets.

use std::fmt::Debug;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use collectd_net::{Cause, Decoder, Error, Protection, SecurityLevel, User, open};
use collectd_net_tests::hex;
use collectd_net_tests::second::{Outcome, compare_decoded, compare_opened};

/// Decodes, and opens without passwords at each level.
fn compare_all(packet: &[u8], room: &mut [u8]) {
    compare_decoded(packet);
    for level in [SecurityLevel::None, SecurityLevel::Sign, SecurityLevel::Encrypt] {
        compare_opened(packet, room, level);
    }
}

/// Does `work` for each number of the range, on all processors.
fn for_all<T: Send + Debug>(range: Range<usize>, work: impl Fn(usize) -> T + Sync) -> Vec<T> {
    let next = AtomicUsize::new(range.start);
    let worker = || {
        let mut done = Vec::new();
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= range.end {
                return done;
            }
            done.push(work(number));
        }
    };
    thread::scope(|scope| {
        let threads = thread::available_parallelism().map_or(1, usize::from);
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|worker| worker.join().expect("the worker's own message says why")).collect()
    })
}

fn part(type_: u16, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(4 + body.len()).expect("a short part");
    [&type_.to_be_bytes()[..], &length.to_be_bytes(), body].concat()
}

/// What stands behind the headers: 60 octets.
fn bodies() -> [[u8; 60]; 5] {
    let time = part(8, &[0, 0, 0, 1, 0, 0, 0, 0]);
    let list = part(6, &[0, 1, 1, 0, 0, 0, 0, 0, 0, 0x45, 0x40]);
    let fill = |parts: &[&[u8]]| {
        let mut body: Vec<u8> = parts.concat();
        body.resize(60, 0x55);
        <[u8; 60]>::try_from(body).expect("no more than 60 octets")
    };
    [
        // For numbers of 12 octets, then items.
        fill(&[
            &[0, 0, 0, 0, 0, 0, 0, 2],
            &part(0, b"h\0"),
            &part(2, b"p\0"),
            &part(4, b"t\0"),
            &list,
            &part(0x0100, b"m\0"),
        ]),
        // For a list of one value; read as a number it is out of the range of seconds.
        fill(&[&list[4..], &part(0x0101, &[0, 0, 0, 0, 0, 0, 0, 1]), &time, &part(0x0100, b"m\0"), &part(0x1234, b"")]),
        // For strings and seals of nearly any length.
        fill(&[&[0, 3, b'b', b'o', b'b', 0, 0, 0], &[0; 28], &part(6, &[0, 0]), &time, b"\0\x05\0"]),
        // For a list without a value, or of a kind that is none.
        fill(&[&[0, 0], &part(6, &[0, 1, 4, 0, 0, 0, 0, 0, 0, 0, 0]), &part(0x0200, &[7; 33]), &time[..6]]),
        [0; 60],
    ]
}

/// Each header in front of 60 octets whose part ends within them.
#[test]
fn every_part_header_that_fits() {
    let bodies = bodies();
    let users = [User::new("bob", "s3cr3t")];
    for_all(0..1 << 16, |type_| {
        let [.., high, low] = type_.to_be_bytes();
        let mut packet = [0; 64];
        let mut room = [0; 64];
        for body in &bodies {
            packet[4..].copy_from_slice(body);
            for length in 0..=64 {
                packet[..4].copy_from_slice(&[high, low, 0, length]);
                compare_all(&packet, &mut room);
                room = packet;
                let results = open(&mut room, &users, SecurityLevel::None).inspect(|result| match result {
                    Ok(item) => assert_eq!(item.protection(), Protection::None, "{}", hex(&packet)),
                    Err(error) => assert!(error.offset <= 64, "{}: {error}", hex(&packet)),
                });
                assert!(results.count() <= 17, "{}: more results than parts", hex(&packet));
            }
        }
    });
}

/// Each header in front of 60 octets whose part does not end within them: all lengths mean the same, whatever the type.
#[test]
fn every_part_header_that_does_not_fit() {
    let body = bodies()[0];
    for_all(0..1 << 16, |type_| {
        let [.., high, low] = type_.to_be_bytes();
        let mut packet = [0; 64];
        packet[4..].copy_from_slice(&body);
        for length in 65..=u16::MAX {
            let [length_high, length_low] = length.to_be_bytes();
            packet[..4].copy_from_slice(&[high, low, length_high, length_low]);
            let truncated = Error { offset: 0, cause: Cause::Truncated { needed: length.into(), left: 64 } };
            let mut results = Decoder::new(&packet);
            let mut agreed = matches!(results.next(), Some(Err(error)) if error == truncated);
            // Asking twice takes twice as long, so the end is looked at for 256 lengths of each type.
            if low == length_low {
                agreed &= results.next().is_none();
            }
            assert!(agreed, "{}: not one error that it is truncated", hex(&packet));
        }
    });
}

/// No part is that short: nothing at all, or one error for what is left.
#[test]
fn every_datagram_of_up_to_three_octets() {
    for_all(0..1 << 16, |start| {
        let [.., first, second] = start.to_be_bytes();
        let mut room = [0; 3];
        for third in 0..=u8::MAX {
            compare_all(&[first, second, third], &mut room);
        }
        compare_all(&[first, second], &mut room);
        compare_all(&[first], &mut room);
        compare_all(&[], &mut room);
    });
}

/// Parts of every type, good and bad, and octets that are no parts.
fn alphabet() -> Vec<Vec<u8>> {
    let number = |number: u64| number.to_be_bytes();
    let mut parts = Vec::new();
    for type_ in [0x0000, 0x0002, 0x0003, 0x0004, 0x0005] {
        for body in [&b"x\0"[..], b"\0", b"", b"x", b"ab\0c\0"] {
            parts.push(part(type_, body));
        }
    }
    for (type_, numbers) in [
        (0x0001, &[5, 0, 1 << 34][..]),
        (0x0007, &[10, 0, u64::MAX]),
        (0x0008, &[u64::MAX, 0]),
        (0x0009, &[0xa000_0000, 0]),
        (0x0101, &[2, 3, (1 << 32) + 1]),
    ] {
        parts.extend(numbers.iter().map(|value| part(type_, &number(*value))));
        parts.push(part(type_, &[0; 7]));
    }
    parts.push(part(0x0008, &[0; 9]));
    parts.extend([&b"m\0"[..], b"\0", b"", b"m\0n"].map(|body| part(0x0100, body)));
    let gauge = number(42.0_f64.to_bits().swap_bytes());
    let derive = number(u64::MAX - 4);
    parts.extend([
        part(0x0006, &[&[0, 1, 1][..], &gauge].concat()),
        part(0x0006, &[&[0, 2, 2, 1][..], &derive, &gauge].concat()),
        part(0x0006, &[&[0, 2, 0, 4][..], &derive, &gauge].concat()),
        part(0x0006, &[&[0, 2, 3][..], &gauge].concat()),
        part(0x0006, &[&[0, 1, 3][..], &gauge, &[0]].concat()),
        part(0x0006, &[0, 0]),
        part(0x0006, &[0]),
        part(0x0006, &[]),
        part(0x0200, &[1; 33]),
        part(0x0200, &[1; 32]),
        part(0x0210, &[&[0, 1, b'u'][..], &[2; 36]].concat()),
        part(0x0210, &[&[0, 1, b'u'][..], &[2; 35]].concat()),
        part(0x0210, &[0, 0]),
        part(0x000a, &[]),
        part(0x1234, b"??"),
        // Lengths that are wrong in one place or another: below a header, none, beyond the end of all, beyond the next part.
        vec![0, 2, 0, 3],
        vec![0, 0, 0, 0],
        vec![0, 5, 0xff, 0xff],
        vec![0, 3, 0, 24, b'x'],
        vec![0],
        vec![0, 6, 0],
    ]);
    parts
}

/// Four parts by themselves, and between a beginning with all that items need and a list and a message at the end, which tell
/// what has become of it.
#[test]
fn every_sequence_of_four_parts() {
    let alphabet = alphabet();
    let start = [
        part(0x0000, b"h\0"),
        part(0x0002, b"p\0"),
        part(0x0003, b"i\0"),
        part(0x0004, b"t\0"),
        part(0x0008, &[0, 0, 0, 1, 0, 0, 0, 0]),
        part(0x0009, &[0, 0, 0, 2, 0, 0, 0, 0]),
        part(0x0101, &[0, 0, 0, 0, 0, 0, 0, 1]),
    ];
    let end = [part(0x0006, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9]), part(0x0100, b"end\0")];
    let count = alphabet.len();
    let words = for_all(0..count * count, |pair| {
        let pair = [&alphabet[pair / count], &alphabet[pair % count]].map(Vec::as_slice).concat();
        let mut words = [false; Cause::COUNT];
        let mut items = 0;
        let mut packet = Vec::new();
        for (start, end) in [(vec![], vec![]), (start.concat(), end.concat())] {
            for third in &alphabet {
                let three = [&start, &pair, third].map(Vec::as_slice).concat();
                for fourth in &alphabet {
                    packet.clear();
                    packet.extend_from_slice(&three);
                    packet.extend_from_slice(fourth);
                    packet.extend_from_slice(&end);
                    for outcome in compare_decoded(&packet) {
                        match outcome {
                            Outcome::Refused(word, _) => {
                                let place = Cause::WORDS.iter().position(|known| *known == word);
                                words[place.expect("a word of core's")] = true;
                            }
                            _ => items += 1,
                        }
                    }
                }
            }
        }
        (words, items)
    });
    let items: usize = words.iter().map(|(_, items)| items).sum();
    assert!(items > 4_000_000, "items come through: {items}");
    let met = |place: usize| words.iter().any(|(words, _)| words[place]);
    let met: Vec<_> = (0..Cause::COUNT).filter(|place| met(*place)).map(|place| Cause::WORDS[place]).collect();
    assert_eq!(met.len(), 15, "every cause that octets without a seal can have, and a seal's own: {met:?}");
}

/// Three parts, opened at each level: signatures nobody can verify, seals nobody can open, what is below the level.
#[test]
fn every_sequence_of_three_parts_is_opened() {
    let alphabet = alphabet();
    let start =
        [part(0x0000, b"h\0"), part(0x0002, b"p\0"), part(0x0004, b"t\0"), part(0x0001, &[0, 0, 0, 0, 0, 0, 0, 9])];
    let end = [start.concat(), part(0x0006, &[0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 9])].concat();
    for_all(0..alphabet.len(), |first| {
        let mut room = [0; 400];
        for (start, end) in [(vec![], vec![]), (start.concat(), end.clone())] {
            for second in &alphabet {
                for third in &alphabet {
                    let packet = [&start, &alphabet[first], second, third, &end].map(Vec::as_slice).concat();
                    compare_all(&packet, &mut room);
                }
            }
        }
    });
}
