//! Other times for recorded packets: every time part moves by the same span, so that the first one is now (`WIRE §7`).

use std::time::Duration;

use collectd_net::{PartType, Parts, Time};

/// Moves the times of packets.
#[derive(Clone, Copy, Debug, Default)]
pub struct Shift {
    /// What is added, as the wire counts it, modulo 2⁶⁴.
    by: Option<u64>,
}

/// What became of a packet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shifted {
    /// Its times are others now, as far as it has any.
    Plain,
    /// It is signed or encrypted, or a part of it is, and that part is as it was: another time would break the seal.
    Sealed,
}

impl Shift {
    /// Changes the times of a packet; the first one ever becomes `now`.
    pub fn apply(&mut self, packet: &mut [u8], now: Duration) -> Shifted {
        let mut outcome = Shifted::Plain;
        let mut places = Vec::new();
        for part in Parts::new(packet).map_while(Result::ok) {
            match (part.type_, part.body.first_chunk::<8>()) {
                // A signature is over everything behind it.
                (PartType::SIGNATURE, _) => {
                    outcome = Shifted::Sealed;
                    break;
                }
                (PartType::ENCRYPTION, _) => outcome = Shifted::Sealed,
                (PartType::TIME | PartType::TIME_HR, Some(number)) if part.body.len() == 8 => {
                    places.push((part.offset + 4, part.type_, u64::from_be_bytes(*number)));
                }
                _ => {}
            }
        }
        for (place, type_, number) in places {
            let is_fine = type_ == PartType::TIME_HR;
            let time = if is_fine { number } else { number.wrapping_shl(30) };
            let now = Time::try_from(now).unwrap_or_default().raw();
            let by = *self.by.get_or_insert_with(|| now.wrapping_sub(time));
            let time = time.wrapping_add(by);
            let number = if is_fine { time } else { time >> 30 };
            if let Some(octets) = packet.get_mut(place..place + 8) {
                octets.copy_from_slice(&number.to_be_bytes());
            }
        }
        outcome
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Decoder, Item};

    use super::*;

    const PLAIN: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal.bin");
    const ENCRYPTED: &[u8] = include_bytes!("../../../core/tests/data/collectd-5.12.0-minimal-encrypted.bin");
    const NOW: Duration = Duration::from_secs(2_000_000_000);

    fn seconds(packet: &[u8]) -> Vec<u64> {
        Decoder::new(packet).flatten().map(|item: Item<'_>| item.time().secs()).collect()
    }

    #[test]
    fn the_first_time_is_now_and_the_others_keep_their_distance() {
        let mut shift = Shift::default();
        let mut packets = [PLAIN.to_vec(), [PLAIN, &[0, 1, 0, 12, 0, 0, 0, 0, 0x65, 0x54, 0, 0], PLAIN].concat()];
        let before: Vec<_> = packets.iter().map(|packet| seconds(packet)).collect();
        for packet in &mut packets {
            assert_eq!(shift.apply(packet, NOW), Shifted::Plain);
        }
        assert_eq!(seconds(&packets[0]), [2_000_000_000]);
        let by = 2_000_000_000 - before[0][0];
        let expected: Vec<_> = before[1].iter().map(|second| second + by).collect();
        assert_eq!(seconds(&packets[1]), expected);
        // Nothing but the eight octets of a time differs.
        let differing = PLAIN.iter().zip(&packets[0]).filter(|(before, after)| before != after).count();
        assert!((1..=8).contains(&differing));
    }

    #[test]
    fn sealed_packets_stay_as_they_are() {
        let mut packet = ENCRYPTED.to_vec();
        assert_eq!(Shift::default().apply(&mut packet, NOW), Shifted::Sealed);
        assert_eq!(packet, ENCRYPTED);
        let mut signed = [&[2, 0, 0, 37][..], &[7; 32], b"u", PLAIN].concat();
        let before = signed.clone();
        assert_eq!(Shift::default().apply(&mut signed, NOW), Shifted::Sealed);
        assert_eq!(signed, before);
    }
}
