//! Items when they are due, packed, and the packets that are to be damaged.

use std::time::{Duration, Instant};

use collectd_net::{
    Identifier, Interval, Item, Kind, Notification, PACKET_SIZE, Protection, Severity, Time, Value, ValueList, Values,
};

use super::Damage;
use super::fleet::Fleet;
use super::random::{Random, mix};
use crate::replay::{Pace, Pacer};
use crate::send::{MAX_AGE, Packer, Ready, TooLong};

/// Without a rate, times go on as if it was this one.
const UNLIMITED: f64 = 1e6;

/// What notifications say.
const MESSAGES: [(Severity, &str); 4] = [
    (Severity::Failure, "the value is beyond every limit"),
    (Severity::Warning, "the value is near its limit"),
    (Severity::Okay, "the value is within its limits again"),
    (Severity::Warning, "90 °C, \"quoted\"\tand more"),
];

/// What to generate.
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// Whatever is drawn depends on it.
    pub seed: u64,
    /// How many hosts there are.
    pub hosts: u64,
    /// How many series each host has.
    pub plugins: u64,
    /// Of which kinds values are, one series after the other; none stands for gauges.
    pub kinds: Vec<Kind>,
    /// How often a series has a value, as value lists say. `None`: as often as the rate makes it.
    pub interval: Option<Duration>,
    /// How fast items come. `None`: every series once in its interval, of ten seconds if there is none.
    pub pace: Option<Pace>,
    /// Which share of the items are notifications, from 0 to 1.
    pub notifications: f64,
    /// Which share of the packets is damaged, from 0 to 1.
    pub damaged: f64,
    /// Whether all packets are sealed, so that seals can be damaged.
    pub sealed: bool,
    /// The time of the first item.
    pub start: Time,
    /// How many items there are; `None` for no end.
    pub items: Option<u64>,
    /// How long items come, where there is a rate; `None` for no end.
    pub lasts: Option<Duration>,
    /// Octets of a packet at the most.
    pub max_packet_size: usize,
    /// How long a value list waits for others to share its packet.
    pub max_age: Duration,
    /// Octets that packets need free for their seals.
    pub seal_room: usize,
}

impl Default for Plan {
    fn default() -> Self {
        Self {
            seed: 0,
            hosts: 10,
            plugins: 20,
            kinds: vec![Kind::Gauge, Kind::Counter, Kind::Derive, Kind::Absolute],
            interval: None,
            pace: None,
            notifications: 0.0,
            damaged: 0.0,
            sealed: false,
            start: Time::default(),
            items: None,
            lasts: None,
            max_packet_size: PACKET_SIZE,
            max_age: MAX_AGE,
            seal_room: 0,
        }
    }
}

/// What was generated so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// All packets.
    pub packets: u64,
    /// Value lists that a receiver is to get.
    pub value_lists: u64,
    /// Values of these.
    pub values: u64,
    /// Notifications that a receiver is to get.
    pub notifications: u64,
    /// Value lists in damaged packets, of which nothing gets through.
    pub lost_value_lists: u64,
    /// Notifications in such packets.
    pub lost_notifications: u64,
    /// Damaged packets, in the order of [`Damage::ALL`].
    pub damaged: [u64; Damage::ALL.len()],
}

/// A packet that is due.
#[derive(Clone, Copy, Debug)]
pub struct Packet<'p> {
    /// The packet before it is sealed.
    pub ready: Ready<'p>,
    /// How it is to be damaged after that, and the number for [`Damage::apply`].
    pub damage: Option<(Damage, u64)>,
}

/// Generates packets. It has no clock: times are what its caller says, counted from the start.
///
/// ```
/// use collectd_tap::generate::{Generator, Plan};
///
/// let mut generator = Generator::new(Plan { items: Some(1000), ..Plan::default() });
/// let (mut packets, mut last) = (0, None);
/// while let Some(due) = generator.due() {
///     // Here one would wait until it is due.
///     generator.step(|packet| packets += u64::from(!packet.ready.octets().is_empty()))?;
///     last = Some(due);
/// }
/// assert_eq!((generator.counts().value_lists, generator.counts().packets), (1000, packets));
/// // 200 series every ten seconds.
/// assert_eq!(last.map(|last| last.as_secs()), Some(49));
/// # Ok::<(), collectd_tap::send::TooLong>(())
/// ```
#[derive(Debug)]
pub struct Generator {
    plan: Plan,
    fleet: Fleet,
    pacer: Pacer,
    packer: Packer,
    /// What stands for the start where the packer asks for an instant.
    base: Instant,
    interval: Interval,
    /// Seconds of time from one item to the next.
    gap: f64,
    /// For what items are, and for damage: more of the one does not change the other.
    items: Random,
    damage: Random,
    /// When the next item is due, if there is one.
    next: Option<Duration>,
    /// When the last one was due.
    last: Duration,
    made: u64,
    value_lists: u64,
    values: Vec<Value>,
    kinds: Vec<u8>,
    octets: Vec<[u8; 8]>,
    counts: Counts,
}

impl Generator {
    /// Plans everything, and makes nothing yet.
    #[must_use]
    pub fn new(plan: Plan) -> Self {
        let fleet = Fleet::new(plan.seed, plan.hosts, plan.plugins, &plan.kinds);
        let series = fleet.series() as f64;
        let asked = plan.interval.map_or(10.0, |interval| interval.as_secs_f64());
        // Notifications come on top of that, unless they are all that there is.
        let of_value_lists = if plan.notifications < 1.0 { 1.0 - plan.notifications } else { 1.0 };
        let of_series = series / asked / of_value_lists;
        let pace = plan.pace.unwrap_or(Pace::Rate(of_series));
        let rate = match pace {
            Pace::Rate(rate) => rate,
            Pace::Speed(_) | Pace::Unlimited => UNLIMITED,
        };
        let interval = match (plan.interval, plan.pace) {
            (Some(_), _) | (None, None) => asked,
            (None, Some(_)) => series / rate,
        };
        let interval =
            Duration::try_from_secs_f64(interval).ok().and_then(|interval| Interval::try_from(interval).ok());
        let mut generator = Self {
            packer: Packer::new(plan.max_packet_size, plan.max_age, plan.seal_room),
            pacer: Pacer::new(pace, None),
            base: Instant::now(),
            // An interval is longer than nothing.
            interval: interval.unwrap_or_default().max(Interval::from_raw(1)),
            gap: 1.0 / rate,
            items: Random::new(mix(plan.seed)),
            damage: Random::new(mix(!plan.seed)),
            next: None,
            last: Duration::ZERO,
            made: 0,
            value_lists: 0,
            values: Vec::new(),
            kinds: Vec::new(),
            octets: Vec::new(),
            counts: Counts::default(),
            fleet,
            plan,
        };
        generator.plan_next();
        generator
    }

    /// When something is to be done next; `None` when all is done.
    #[must_use]
    pub fn due(&self) -> Option<Duration> {
        let Some(next) = self.next else {
            // Nothing more comes that a packet could wait for.
            return (self.packer.waiting() > 0).then_some(self.last);
        };
        Some(self.packer.due().map_or(next, |due| due.saturating_duration_since(self.base).min(next)))
    }

    /// Does what is due next: makes an item, or finds that a packet has waited long enough. Packets that are ready go to `take`.
    ///
    /// # Errors
    /// [`TooLong`] if an item fits no packet.
    pub fn step(&mut self, mut take: impl FnMut(Packet<'_>)) -> Result<(), TooLong> {
        let Some(due) = self.due() else { return Ok(()) };
        let Some(next) = self.next.filter(|next| *next == due) else {
            self.flush(take);
            return Ok(());
        };
        let Some(now) = self.base.checked_add(next) else {
            self.next = None;
            return Ok(());
        };
        let time = self.time();
        let is_notification = self.items.happens(self.plan.notifications);
        let drawn = self.items.next();
        let Self { fleet, packer, values, kinds, octets, damage, counts, plan, .. } = self;
        let ready = |ready: Ready<'_>| take(count(plan, damage, counts, ready));
        let (protection, user) = (Protection::None, None);
        if is_notification {
            let (severity, message) = MESSAGES[usize::try_from(drawn >> 16 & 3).unwrap_or_default()];
            let identifier: Identifier<'_> = fleet.subject(drawn);
            let message = message.into();
            let notification = Notification { identifier, time, severity, message, protection, user };
            packer.push(&Item::Notification(notification), now, ready)?;
        } else {
            let identifier = fleet.value_list(self.value_lists, values);
            kinds.clear();
            kinds.extend(values.iter().map(|value| value.kind().raw()));
            octets.clear();
            octets.extend(values.iter().map(|value| match value {
                // Gauges are the only ones that x86 wrote first.
                Value::Gauge(number) => number.to_le_bytes(),
                other => other.bits().to_be_bytes(),
            }));
            if let Ok(values) = Values::new(kinds, octets) {
                let interval = Some(self.interval);
                let list = ValueList { identifier, time, interval, values, protection, user };
                packer.push(&Item::ValueList(list), now, ready)?;
            }
            self.value_lists += 1;
        }
        self.made += 1;
        self.last = next;
        self.plan_next();
        Ok(())
    }

    /// Makes no more items, and hands the packet so far to `take`.
    pub fn finish(&mut self, take: impl FnMut(Packet<'_>)) {
        self.next = None;
        self.flush(take);
    }

    /// What was made so far.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    fn flush(&mut self, mut take: impl FnMut(Packet<'_>)) {
        let Self { packer, damage, counts, plan, .. } = self;
        packer.flush(|ready| take(count(plan, damage, counts, ready)));
    }

    fn plan_next(&mut self) {
        let due = self.pacer.due(None);
        let is_over = self.plan.items.is_some_and(|items| self.made >= items)
            || self.plan.lasts.is_some_and(|lasts| due >= lasts);
        self.next = (!is_over).then_some(due);
    }

    /// The time of the next item.
    fn time(&self) -> Time {
        let since = Duration::try_from_secs_f64(self.made as f64 * self.gap).unwrap_or(Duration::MAX);
        let since = Time::try_from(since).map_or(u64::MAX, Time::raw);
        // The time 0 is none on the wire.
        Time::from_raw(self.plan.start.raw().saturating_add(since).max(1))
    }
}

/// Counts a packet, and decides whether it is damaged.
fn count<'p>(plan: &Plan, damage: &mut Random, counts: &mut Counts, ready: Ready<'p>) -> Packet<'p> {
    let is_damaged = damage.happens(plan.damaged);
    let (number, kind) = (damage.next(), Damage::draw(damage, plan.sealed));
    let damage = is_damaged.then_some((kind, number));
    let arrives = damage.is_none_or(|(kind, _)| kind.is_harmless());
    counts.packets += 1;
    if is_damaged {
        counts.damaged[kind.index()] += 1;
    }
    ready.each(&mut |item| match item {
        Item::ValueList(list) if arrives => {
            counts.value_lists += 1;
            counts.values += u64::try_from(list.values.len()).unwrap_or(u64::MAX);
        }
        Item::ValueList(_) => counts.lost_value_lists += 1,
        Item::Notification(_) if arrives => counts.notifications += 1,
        Item::Notification(_) => counts.lost_notifications += 1,
    });
    Packet { ready, damage }
}

#[cfg(test)]
mod tests {
    use collectd_net::Decoder;

    use super::*;

    fn plan() -> Plan {
        let start = Time::from_secs(1_700_000_000).expect("it is less");
        Plan { start, items: Some(5000), notifications: 0.1, damaged: 0.2, ..Plan::default() }
    }

    /// When each packet is due, and its octets, damaged where they are to be.
    fn packets(plan: Plan) -> (Vec<(Duration, Vec<u8>)>, Counts) {
        let (mut generator, mut packets) = (Generator::new(plan), Vec::new());
        while let Some(due) = generator.due() {
            let take = |packet: Packet<'_>| {
                let mut octets = packet.ready.octets().to_vec();
                if let Some((damage, number)) = packet.damage {
                    damage.apply(&mut octets, number);
                }
                packets.push((due, octets));
            };
            generator.step(take).expect("everything fits");
        }
        (packets, *generator.counts())
    }

    #[test]
    fn the_same_seed_makes_the_same_octets_at_the_same_times() {
        let (first, counts) = packets(plan());
        assert_eq!((first.clone(), counts), packets(plan()));
        assert_ne!(first, packets(Plan { seed: 1, ..plan() }).0);
        assert_eq!(counts.packets, first.len() as u64);
    }

    #[test]
    fn counts_are_what_a_receiver_gets_out_of_the_packets() {
        let (packets, counts) = packets(plan());
        let mut heard = Counts { packets: packets.len() as u64, ..Counts::default() };
        let (mut refused, mut empty) = (0, 0);
        for (_, octets) in &packets {
            empty += u64::from(octets.is_empty());
            for item in Decoder::new(octets) {
                match item {
                    Ok(Item::ValueList(list)) => {
                        heard.value_lists += 1;
                        heard.values += list.values.len() as u64;
                    }
                    Ok(Item::Notification(_)) => heard.notifications += 1,
                    Err(_) => refused += 1,
                }
            }
        }
        let [cut, length_bit, part_length, seal, unknown_part, is_empty] = counts.damaged;
        assert_eq!((refused, empty, seal), (cut + length_bit + part_length, is_empty, 0));
        let (lost_value_lists, lost_notifications) = (counts.lost_value_lists, counts.lost_notifications);
        assert_eq!(Counts { damaged: counts.damaged, lost_value_lists, lost_notifications, ..heard }, counts);
        assert_eq!(counts.value_lists + counts.notifications + lost_value_lists + lost_notifications, 5000);
        assert!(cut > 0 && length_bit > 0 && part_length > 0 && unknown_part > 0 && empty > 0);
        assert!((400..600).contains(&(counts.notifications + lost_notifications)));
    }

    #[test]
    fn damage_changes_no_item() {
        let whole = packets(Plan { damaged: 0.0, ..plan() });
        let damaged = packets(plan());
        assert_eq!(whole.0.len(), damaged.0.len());
        let same = whole.0.iter().zip(&damaged.0).filter(|(whole, damaged)| whole == damaged).count() as u64;
        assert_eq!(same + damaged.1.damaged.iter().sum::<u64>(), damaged.1.packets);
    }

    #[test]
    fn a_round_takes_the_interval_and_no_value_list_waits_longer_than_the_age() {
        let interval = Some(Duration::from_secs(60));
        let slow = Plan { hosts: 2, plugins: 3, interval, items: Some(12), notifications: 0.0, ..plan() };
        let (packets, _) = packets(Plan { damaged: 0.0, ..slow });
        let due: Vec<_> = packets.iter().map(|(due, _)| due.as_secs()).collect();
        // An item every ten seconds, each sent a second later; for the last one there is nothing to wait.
        assert_eq!(due, (0..11).map(|number| number * 10 + 1).chain([110]).collect::<Vec<_>>());
        let items: Vec<_> = packets.iter().flat_map(|(_, octets)| Decoder::new(octets).flatten()).collect();
        let times: Vec<_> = items.iter().map(|item| item.time().secs() - 1_700_000_000).collect();
        assert_eq!(times, (0..12).map(|number| number * 10).collect::<Vec<_>>());
        assert!(
            items.iter().all(|item| matches!(item, Item::ValueList(list) if list.interval == Interval::from_secs(60)))
        );
        assert_eq!(items[0].identifier(), items[6].identifier());
    }

    #[test]
    fn a_rate_decides_the_pace_and_the_interval_and_ends_in_time() {
        let (pace, lasts) = (Some(Pace::Rate(100.0)), Some(Duration::from_secs(3)));
        let (packets, counts) = packets(Plan { pace, lasts, items: None, notifications: 0.0, damaged: 0.0, ..plan() });
        assert_eq!(counts.value_lists, 300);
        let last = packets.last().expect("there are some").0;
        assert_eq!(last.as_millis(), 2990);
        let Some(Item::ValueList(list)) = Decoder::new(&packets[0].1).flatten().next() else { panic!("no value list") };
        assert_eq!(list.interval, Interval::from_secs(2));
    }
}
