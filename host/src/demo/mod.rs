//! A small made-up fleet, which sends as collectd daemons do, and what happens to it: enough to see all that this program can show.
//!
//! A day of the fleet takes [72 seconds](DAY); in each of them, at these seconds:
//!
//! | host | what happens |
//! |---|---|
//! | `db01` | its disk fills: warning at 33, failure at 46, emptied and okay at 50 |
//! | `db02` | is silent from 10 to 28 |
//! | `cache01` | stops at 36; at 40 it counts anew, from another port |
//! | `ci01` | sends every two seconds, then every five, every one, and so on: another interval at 22 |
//! | `gate01` | encrypts what it sends; from 40 to 46 its line flaps, with five notifications a second and no answer to a ping |
//! | `switch01` | sends counters, of which one passes the end of 32 bits at 25, and on the first day one that of 64 at 30 |
//! | `nas01` | signs what it sends |
//! | `old01` | signs with a password that is not its user's, so that nothing of it is taken |
//! | `pi01` | some of its packets are damaged; it starts every other day, with a clock that is behind until 70 seconds later |
//!
//! A [`Story`] has no clock and no socket: it tells when something is due, and its caller says that it is so late. What values are
//! depends on the seed and on how long it goes on, and on nothing else.

mod news;
mod part;
mod readings;
mod role;
mod send;

use std::net::Ipv4Addr;
use std::time::Duration;

use collectd_net::{Encoder, Full, Identifier, Interval, Key, SEAL_ROOM, Time, Value};

pub(crate) use send::start;

use crate::generate::Damage;
use crate::generate::random::Random;
use crate::users::Users;
use news::News;
use part::{CAST, Part, Seal};
use readings::Readings;

/// How long a day of the fleet takes.
pub const DAY: Duration = Duration::from_secs(72);
/// How many hosts there are.
pub const HOSTS: usize = CAST.len();
/// Users and passwords of the hosts that sign or encrypt.
pub const PASSWORDS: [(&str, &str); 2] =
    [("nas", "demo: what nas01 signs with"), ("gate", "demo: what gate01 encrypts with")];

/// Octets of parts that the daemon puts into a packet at the most (`WIRE §12`).
const PACKET: usize = 1346;
/// Between the first packets of two hosts.
const STAGGER: Duration = Duration::from_millis(150);
/// Of a host with bad packets, each of so many.
const DAMAGED: u64 = 6;

/// The hosts, and when each is to send next.
///
/// ```
/// use collectd_tap::collectd_net::{Decoder, Time};
/// use collectd_tap::demo::Story;
///
/// let (mut story, now) = (Story::new(0), Time::from_secs(1_700_000_000).unwrap());
/// // Here one would wait until `story.due()`.
/// story.step(now, |packet| {
///     assert_eq!((packet.name, packet.from.to_string()), ("web01", "127.0.0.2".into()));
///     assert_eq!(Decoder::new(packet.octets).count() as u64, packet.items);
/// });
/// ```
#[derive(Debug)]
pub struct Story {
    hosts: Vec<Host>,
    keys: Vec<(&'static str, Key)>,
    /// For seals and damage.
    random: Random,
    values: Vec<Value>,
}

/// What a host sends when it is due.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'p> {
    /// The number of its host.
    pub host: usize,
    /// The name of its host.
    pub name: &'p str,
    /// Where it comes from.
    pub from: Ipv4Addr,
    /// Another socket for each start of the host, numbered from 0.
    pub socket: u64,
    /// What goes over the wire.
    pub octets: &'p [u8],
    /// The same without a seal; `None` if nothing of the packet is to be taken.
    pub plain: Option<&'p [u8]>,
    /// How many items are in it.
    pub items: u64,
}

#[derive(Debug)]
struct Host {
    part: Part,
    readings: Readings,
    news: News,
    /// When it measures next.
    due: Duration,
    round: u64,
}

impl Story {
    /// From the beginning.
    #[must_use]
    pub fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let host = |(number, part): (u32, Part)| Host {
            readings: Readings::new(part.role, random.next()),
            news: News::of(part.fate),
            part,
            due: STAGGER.saturating_mul(number),
            round: 0,
        };
        Self {
            hosts: (0..).zip(Part::all()).map(host).collect(),
            keys: PASSWORDS.map(|(user, password)| (user, Key::new(password.as_bytes()))).into(),
            random: Random::new(!seed),
            values: Vec::new(),
        }
    }

    /// When something is to be done next, from the start.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        self.hosts.iter().map(Host::next).min()
    }

    /// Does what is due next. What is sent goes to `take`; `now` is the time of day.
    pub fn step(&mut self, now: Time, mut take: impl FnMut(Packet<'_>)) {
        let Some((number, host)) = self.hosts.iter_mut().enumerate().min_by_key(|(_, host)| host.next()) else {
            return;
        };
        let mut buffer = [0; PACKET + SEAL_ROOM];
        let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
        let at = host.next();
        let time = host.part.fate.clock(at, now);
        let is_silent = host.part.fate.is_silent(at);
        let items = match host.news.take(at) {
            Some(news) => {
                let identifier = Identifier { host: host.part.name.into(), ..news.about.identifier() };
                encoder.notification(&identifier, time, news.severity, news.message.into()).map(|()| 1)
            }
            None => host.measure(at, time, &mut self.values, &mut encoder),
        };
        // The packets have room for all that there is.
        let Ok(items) = items else { unreachable!("the packet of {} is too small", host.part.name) };
        if is_silent {
            return;
        }
        let Self { keys, random, .. } = self;
        let plain = encoder.packet().to_vec();
        let mut octets = host.seal(encoder, keys, random);
        let is_damaged = host.part.is_damaged(host.round);
        if is_damaged {
            const KINDS: [Damage; 3] = [Damage::Cut, Damage::LengthBit, Damage::PartLength];
            KINDS[random.below(KINDS.len())].apply(&mut octets, random.next());
        }
        let is_taken = !is_damaged && host.part.seal != Seal::Wrong;
        take(Packet {
            host: number,
            name: host.part.name,
            from: host.part.address,
            socket: host.part.fate.starts(at),
            octets: &octets,
            plain: is_taken.then_some(&plain),
            items,
        });
    }
}

impl Host {
    /// When it has something to do next.
    fn next(&self) -> Duration {
        self.news.due().map_or(self.due, |due| due.min(self.due))
    }

    /// Writes what it has measured; how many value lists that are.
    fn measure(
        &mut self,
        at: Duration,
        time: Time,
        values: &mut Vec<Value>,
        encoder: &mut Encoder<'_>,
    ) -> Result<u64, Full> {
        let interval = self.part.fate.interval(at).unwrap_or(Duration::from_secs(self.part.role.interval));
        let started = self.part.fate.started(at);
        for series in self.part.role.series {
            values.clear();
            values.extend(
                series.sources.iter().map(|source| self.readings.value(series, source, self.part.fate, at, started)),
            );
            let identifier = Identifier { host: self.part.name.into(), ..series.name.identifier() };
            encoder.value_list(&identifier, time, Interval::try_from(interval).ok(), values.iter().copied())?;
        }
        self.due += interval;
        self.round += 1;
        Ok(self.part.role.series.len() as u64)
    }

    /// The packet as it goes over the wire.
    fn seal(&self, mut encoder: Encoder<'_>, keys: &[(&'static str, Key)], random: &mut Random) -> Vec<u8> {
        let key = |user: &str| keys.iter().find(|(known, _)| *known == user).map(|(_, key)| key);
        let sealed = match self.part.seal {
            Seal::None => None,
            Seal::Signed(user) => key(user).map(|key| encoder.sign(user, key)),
            Seal::Encrypted(user) => {
                let mut iv = [0; 16];
                iv[..8].copy_from_slice(&random.next().to_be_bytes());
                iv[8..].copy_from_slice(&random.next().to_be_bytes());
                key(user).map(|key| encoder.encrypt(user, key, iv))
            }
            Seal::Wrong => Some(encoder.sign(PASSWORDS[0].0, &Key::new(b"the password of last year"))),
        };
        match sealed {
            Some(Ok(sealed)) => sealed.to_vec(),
            // There is room for each of these seals.
            _ => encoder.packet().to_vec(),
        }
    }
}

/// What a receiver of the fleet has to know.
#[must_use]
pub fn users() -> Users {
    Users::known(PASSWORDS)
}

#[cfg(test)]
mod tests;
