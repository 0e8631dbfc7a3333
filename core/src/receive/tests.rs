use super::*;
use crate::Identifier;

/// Packets that arrive one by one.
struct Queue<'a>(&'a [&'a [u8]]);

impl Receive for Queue<'_> {
    type Error = core::convert::Infallible;

    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Self::Error> {
        let (packet, rest) = self.0.split_first().ok_or(nb::Error::WouldBlock)?;
        self.0 = rest;
        for (to, from) in buffer.iter_mut().zip(*packet) {
            *to = *from;
        }
        Ok(Arrival { len: packet.len(), from: None })
    }
}

#[test]
fn everything_is_counted() {
    let good = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let unknown = [&[0x12, 0x34, 0, 4][..], good, &[0, 0, 0, 0]].concat();
    let packets: [&[u8]; 3] = [&[], good, &unknown];
    let mut receiver = Receiver::new(Queue(&packets), (), SecurityLevel::None);
    let mut buffer = [0; 70];
    let mut results = Vec::new();
    while let Ok(packet) = receiver.receive(&mut buffer) {
        results.extend(packet.map(|item| item.map(|_| ())));
    }
    assert_eq!(results, [Ok(()), Ok(()), Err(Cause::Padding { left: 4 }.at(65))]);
    let counters = receiver.counters();
    assert_eq!((counters.packets, counters.octets, counters.empty, counters.truncated), (3, 61 + 69, 1, 0));
    assert_eq!((counters.items(), counters.values, counters.unknown_parts, counters.refused()), (2, 2, 1, 1));
    assert!(counters.refused_by_cause().any(|(word, count)| (word, count) == ("padding", 1)));

    let mut sum = counters.clone();
    sum.add(counters);
    assert_eq!((sum.packets, sum.octets, sum.empty, sum.values), (6, 2 * (61 + 69), 2, 4));
    assert_eq!((sum.items(), sum.unknown_parts, sum.refused(), sum.truncated), (4, 2, 2, 0));
}

#[test]
fn a_packet_longer_than_the_buffer_is_seen_and_its_start_decoded() {
    let good = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let twice = [&good[..], &good[34..]].concat();
    let packets = [&twice[..]];
    let mut receiver = Receiver::new(Queue(&packets), (), SecurityLevel::None);
    let mut buffer = [0; 80];
    let Ok(packet) = receiver.receive(&mut buffer) else { panic!("a packet") };
    assert_eq!(packet.arrival.len, 88);
    assert_eq!(packet.filter(Result::is_ok).count(), 1);
    assert_eq!(receiver.counters().truncated, 1);
}

#[test]
fn a_packet_that_fills_the_buffer_is_whole() {
    let good = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let packets = [&good[..]];
    let mut receiver = Receiver::new(Queue(&packets), (), SecurityLevel::None);
    let mut buffer = [0; 61];
    let Ok(packet) = receiver.receive(&mut buffer) else { panic!("a packet") };
    assert_eq!(packet.filter(Result::is_ok).count(), 1);
    assert_eq!((receiver.counters().packets, receiver.counters().truncated), (1, 0));
}

#[test]
fn every_refusal_is_counted_under_its_cause() {
    let packets: [&[u8]; 3] = [&[0], &[0, 0, 0, 4], &[0, 0]];
    let mut receiver = Receiver::new(Queue(&packets), (), SecurityLevel::None);
    assert_eq!(receiver.counters().refused(), 0);
    let mut buffer = [0; 10];
    while let Ok(packet) = receiver.receive(&mut buffer) {
        assert_eq!(packet.filter(Result::is_err).count(), 1);
    }
    let counters = receiver.counters();
    assert_eq!((counters.refused(), counters.items()), (3, 0));
    let counted: Vec<_> = counters.refused_by_cause().filter(|(_, count)| *count > 0).collect();
    assert_eq!(counted, [("stray", 2), ("string-empty", 1)]);
    assert_eq!(counters.refused_by_cause().count(), Cause::COUNT);
}

#[test]
#[cfg(feature = "sign")]
fn what_a_receiver_goes_by_can_change_between_packets() {
    use crate::{Replay, User};
    use core::time::Duration;

    let signed = include_bytes!("../../tests/data/collectd-5.12.0-minimal-signed.bin");
    let packets = [&signed[..]; 3];
    let replay = Replay::<4>::new(Duration::from_secs(60));
    let users = [User::new("testuser", "wrong")];
    let mut receiver = Receiver::with_replays(Queue(&packets), &users[..], SecurityLevel::Sign, replay);
    let mut buffer = [0; 200];
    let mut receive = |receiver: &mut Receiver<_, _, _>| {
        receiver.receive(&mut buffer).unwrap().map(|item| item.map(|_| ())).collect::<Vec<_>>()
    };
    assert_eq!(receive(&mut receiver), [Err(Cause::BadSignature.at(0))]);

    let right = [User::new("testuser", "s3cr3t-pa55")];
    *receiver.passwords() = &right[..];
    assert_eq!(receive(&mut receiver), [Ok(())]);
    receiver.replays().set_time(Duration::from_secs(59));
    assert_eq!(receive(&mut receiver), [Err(Cause::Replayed.at(0))]);
    assert_eq!((receiver.replays().stopped(), receiver.transport().0.len()), (1, 0));
    assert_eq!((receiver.counters().items(), receiver.counters().refused()), (1, 2));
}

#[test]
fn what_is_handed_out_is_what_comes_one_by_one() {
    let plain = include_bytes!("../../tests/data/collectd-5.12.0-minimal.bin");
    let signed = include_bytes!("../../tests/data/collectd-5.12.0-minimal-signed.bin");
    let encrypted = include_bytes!("../../tests/data/collectd-5.12.0-minimal-encrypted.bin");
    let message = [&plain[..], &[1, 1, 0, 12, 0, 0, 0, 0, 0, 0, 0, 4, 1, 0, 0, 7, b'o', b'k', 0], &plain[..]].concat();
    let value = plain.last_chunk::<15>().unwrap();
    let number = |type_, octet| [0, type_, 0, 12, 0, 0, 0, 0, 0, 0, 0, octet];
    let instances = [&plain[..], &[0, 5, 0, 6, b'a', 0], value, &[0, 5, 0, 5, 0], &number(8, 1), value, value].concat();
    let others =
        [&[0, 2, 0, 6, b'q', 0][..], value, &number(9, 0), value, &[0, 6, 0, 4], &number(8, 0), value].concat();
    let lists = [instances, others].concat();
    let mut kinds = (0, 0, 0, 0);
    let mut same = |packet: &[u8], level| {
        let (mut one, mut other) = (packet.to_vec(), packet.to_vec());
        let (mut counters, mut counters_too) = (Counters::new(), Counters::new());
        let arrival = Arrival { len: packet.len(), from: None };
        let items: Vec<_> = Packet::new(arrival, &mut one, (), level, &mut counters).collect();
        let mut handed_out = Vec::new();
        Packet::new(arrival, &mut other, (), level, &mut counters_too).hand_out(
            &mut handed_out,
            |items: &mut Vec<_>, list, anew| {
                if let (false, Some(Ok(Item::ValueList(last)))) = (anew, items.last()) {
                    let Identifier { type_instance, .. } = list.identifier;
                    let ValueList { time, values, .. } = *list;
                    let identifier = Identifier { type_instance, ..last.identifier };
                    assert_eq!(*list, ValueList { identifier, time, values, ..*last });
                    kinds.3 += 1;
                } else {
                    assert!(anew);
                }
                items.push(Ok(Item::ValueList(*list)));
            },
            |items, message| items.push(message.map(Item::Notification)),
        );
        assert_eq!(handed_out, items);
        assert_eq!(counters_too, counters);
        kinds.0 += counters.value_lists;
        kinds.1 += counters.notifications;
        kinds.2 += counters.refused();
    };
    for packet in [&message[..], &lists, signed, encrypted] {
        for level in [SecurityLevel::None, SecurityLevel::Sign] {
            same(packet, level);
            // Cut anywhere, and changed anywhere.
            for at in 0..packet.len() {
                same(&packet[..at], level);
                let mut changed = packet.to_vec();
                changed[at] ^= 1;
                same(&changed, level);
            }
        }
    }
    assert!(kinds.0 > 100 && kinds.1 > 100 && kinds.2 > 100 && kinds.3 > 100, "{kinds:?}");
}

#[test]
fn notifications_are_counted_for_themselves() {
    use crate::{Encoder, Severity, Time};

    let mut octets = [0; 100];
    let mut encoder = Encoder::new(&mut octets);
    let identifier = Identifier { host: "a".into(), ..Identifier::default() };
    encoder.notification(&identifier, Time::from_raw(1 << 30), Severity::Okay, "well".into()).unwrap();
    let packets = [encoder.packet()];
    let mut receiver = Receiver::new(Queue(&packets), (), SecurityLevel::None);
    let mut buffer = [0; 300];
    assert_eq!(receiver.receive(&mut buffer).unwrap().flatten().count(), 1);
    let counters = receiver.counters();
    assert_eq!((counters.notifications, counters.value_lists, counters.values), (1, 0, 0));
}
