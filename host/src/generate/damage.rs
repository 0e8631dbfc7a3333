//! Damage of a known kind, so that it is known what a receiver makes of it.

use super::random::Random;

/// Octets of a part's header.
const HEADER: usize = 4;

/// A part of a type that the protocol does not have.
const UNKNOWN: [u8; 12] = [0x77, 0x77, 0, 12, b'u', b'n', b'k', b'n', b'o', b'w', b'n', 0];

/// What is wrong with a packet. Of all but [`UnknownPart`](Self::UnknownPart), nothing gets through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Damage {
    /// It is cut short within its first part (`truncated`, for a receiver of this library).
    Cut,
    /// A bit of the first part's length is flipped, so that it goes beyond the end (`truncated`).
    LengthBit,
    /// The first part's length does not even hold its header (`part-length`).
    PartLength,
    /// A bit of what is sealed is flipped (`bad-signature`, `bad-checksum`); only of packets with a seal.
    Seal,
    /// A part of an unknown type stands before all others. Receivers leave it out, and take everything else.
    UnknownPart,
    /// It has no octets.
    Empty,
}

impl Damage {
    /// All kinds.
    pub const ALL: [Self; 6] =
        [Self::Cut, Self::LengthBit, Self::PartLength, Self::Seal, Self::UnknownPart, Self::Empty];

    /// A word for it.
    #[must_use]
    pub const fn word(self) -> &'static str {
        match self {
            Self::Cut => "cut",
            Self::LengthBit => "length-bit",
            Self::PartLength => "part-length",
            Self::Seal => "seal",
            Self::UnknownPart => "unknown-part",
            Self::Empty => "empty",
        }
    }

    /// Whether a receiver gets everything out of the packet all the same.
    #[must_use]
    pub const fn is_harmless(self) -> bool {
        matches!(self, Self::UnknownPart)
    }

    /// The place in [`ALL`](Self::ALL).
    pub(super) fn index(self) -> usize {
        Self::ALL.iter().position(|kind| *kind == self).unwrap_or_default()
    }

    /// One of the kinds.
    pub(super) fn draw(random: &mut Random, sealed: bool) -> Self {
        loop {
            let drawn = Self::ALL[random.below(Self::ALL.len())];
            if sealed || drawn != Self::Seal {
                return drawn;
            }
        }
    }

    /// Damages a packet as it goes over the wire. The same number does the same to the same octets.
    pub fn apply(self, octets: &mut Vec<u8>, number: u64) {
        let mut random = Random::new(number);
        let first = octets.get(2..HEADER).and_then(|length| <[u8; 2]>::try_from(length).ok()).map(u16::from_be_bytes);
        let Some(first) = first else { return };
        match self {
            Self::Cut => octets.truncate(HEADER + random.below(usize::from(first).saturating_sub(HEADER))),
            Self::LengthBit => {
                // The highest bit is enough, since packets for the wire are shorter than 32768 octets; others are made to be.
                octets.truncate(0x7fff);
                octets[2] |= 0x80;
            }
            Self::PartLength => octets[2..HEADER].copy_from_slice(&[0, random.below(HEADER) as u8]),
            Self::Seal => {
                if let Some(last) = octets.last_mut() {
                    *last ^= 1 << random.below(8);
                }
            }
            Self::UnknownPart => drop(octets.splice(..0, UNKNOWN)),
            Self::Empty => octets.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use collectd_net::{Cause, Encoder, Identifier, Key, SEAL_ROOM, SecurityLevel, Time, User, Value, open};

    use super::*;

    /// A packet of two value lists without a seal, signed, encrypted, and both.
    fn packets() -> [Vec<u8>; 4] {
        let key = Key::new(b"secret");
        [0, 1, 2, 3].map(|seal| {
            let mut buffer = [0; 1452];
            let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
            for host in ["a", "b"] {
                let identifier = Identifier {
                    host: host.into(),
                    plugin: "p".into(),
                    type_: "gauge".into(),
                    ..Identifier::default()
                };
                let time = Time::from_secs(1_700_000_000).expect("it is less");
                encoder.value_list(&identifier, time, None, [Value::Gauge(1.0)]).expect("room");
            }
            let sealed = match seal {
                0 => Ok(encoder.packet()),
                1 => encoder.sign("user", &key),
                2 => encoder.encrypt("user", &key, [7; 16]),
                _ => encoder.encrypt_and_sign("user", &key, [7; 16]),
            };
            sealed.expect("room").to_vec()
        })
    }

    #[test]
    fn of_a_damaged_packet_nothing_gets_through_and_one_thing_is_refused() {
        let users = [User::new("user", "secret")];
        for (seal, packet) in packets().into_iter().enumerate() {
            for damage in Damage::ALL.into_iter().filter(|damage| seal > 0 || *damage != Damage::Seal) {
                for number in 0..500 {
                    let mut octets = packet.clone();
                    damage.apply(&mut octets, number);
                    let outcome: Vec<_> = open(&mut octets, &users, SecurityLevel::None)
                        .map(|item| item.map_err(|error| error.cause))
                        .collect();
                    let refused = match damage {
                        Damage::UnknownPart => {
                            assert!(outcome.len() == 2 && outcome.iter().all(Result::is_ok), "{seal} {outcome:?}");
                            continue;
                        }
                        Damage::Empty => {
                            assert!(outcome.is_empty());
                            continue;
                        }
                        Damage::Cut | Damage::LengthBit => "truncated",
                        Damage::PartLength => "part-length",
                        Damage::Seal if seal == 2 => "bad-checksum",
                        Damage::Seal => "bad-signature",
                    };
                    let causes: Vec<_> = outcome.into_iter().map(|item| item.err().map(Cause::word)).collect();
                    assert_eq!(causes, [Some(refused)], "{damage:?} {number} of seal {seal}");
                }
            }
        }
    }
}
