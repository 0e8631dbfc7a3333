//! The board's own readings, sent like those of any other host.
//!
//! | identifier | is |
//! |---|---|
//! | `uptime/uptime` | gauge, seconds since the start |
//! | `collectd_node/if_rx_packets` | derive, collectd packets received |
//! | `collectd_node/if_rx_octets` | derive, octets of them |
//! | `collectd_node/total_values` | derive, values in them |
//! | `collectd_node/derive-refused` | derive, parts and items refused; `derive-refused_CAUSE` by cause, once there were any |
//! | `collectd_node/if_rx_dropped` | derive, frames that the chip lost; `if_rx_dropped-WHERE` of packets dropped later on |
//! | `collectd_node/count-hosts` `-series` `-silent` `-alarms` | gauges, of what is known now |
//! | `collectd_node/temperature-chip` | gauge, degrees Celsius, where the chip has it |
//!
//! The types are those of collectd's types.db. Alarms are sent as notifications, one in a packet. Nothing is sent before the
//! wall time is known, and no time is sent twice or goes back.

use core::time::Duration;

use collectd_net::{Counters, Encoder, Full, Identifier, Interval, Key, SEAL_ROOM, Text, Time, Value};
use heapless::String;

use crate::Readings;
use crate::alarm::{Alarms, Event};
use crate::clock::Clock;
use crate::table::Table;

/// The name of what is measured here.
const PLUGIN: &str = "collectd_node";
/// How long to wait between two alarms, so that an alarm that comes and goes is no flood.
const BETWEEN_ALARMS: Duration = Duration::from_millis(200);
/// Readings that are always there, or could be.
const FIXED: usize = 11;

/// What is reported.
pub(crate) struct Facts<'a> {
    /// What the board tells.
    pub(crate) readings: &'a Readings,
    /// What was received and refused.
    pub(crate) counters: &'a Counters,
    /// Packets that were dropped, by where.
    pub(crate) drops: &'a [(&'static str, u64)],
    /// What is known of others.
    pub(crate) table: &'a Table,
    /// What is wrong with them.
    pub(crate) alarms: &'a Alarms,
}

/// Whose name reports carry, how often they are sent, and who signs them.
#[derive(Debug)]
pub(crate) struct Report<'a> {
    host: &'a str,
    interval: Option<Duration>,
    user: Option<(&'a str, &'a Key)>,
    next: Duration,
    /// Time of this round's values, and the next reading to send of them.
    round: Option<(Time, usize)>,
    last: Time,
    next_alarm: Duration,
}

impl<'a> Report<'a> {
    /// Reports of `host` each `interval`, if there is one; signed by `user`, if there is one, and unsigned else.
    pub(crate) fn new(host: &'a str, interval: Option<Duration>, user: Option<(&'a str, &'a Key)>) -> Self {
        Self {
            host,
            interval: interval.filter(|interval| !interval.is_zero()),
            user,
            next: Duration::ZERO,
            round: None,
            last: Time::default(),
            next_alarm: Duration::ZERO,
        }
    }

    /// When the next packet is due, if the time is known by then. Never, without an interval.
    pub(crate) fn next(&self) -> Option<Duration> {
        self.interval.map(|_| self.next)
    }

    /// The next packet of readings, if one is due. Call again until there is none: readings may fill several packets.
    #[inline(never)]
    pub(crate) fn packet<'b>(
        &mut self,
        now: Duration,
        clock: &Clock,
        facts: &Facts<'_>,
        buffer: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let interval = self.interval?;
        let (time, first) = match self.round {
            Some(round) => round,
            None if now < self.next => return None,
            None => {
                self.next = now.saturating_add(interval);
                (clock.time(now).filter(|time| *time > self.last)?, 0)
            }
        };
        self.fill((time, first), interval, facts, now, buffer)
    }

    /// A packet of readings, from the first on that was not sent in this round. Apart, so that nothing of it is done too early.
    #[inline(never)]
    fn fill<'b>(
        &mut self,
        (time, first): (Time, usize),
        interval: Duration,
        facts: &Facts<'_>,
        now: Duration,
        buffer: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        self.round = None;
        self.last = time;
        let mut encoder = Encoder::with_room(buffer, self.room());
        for number in first..facts.len() {
            if self.add(&mut encoder, number, time, interval, facts, now).is_err() {
                // What fits no packet at all would be tried for ever.
                let next = if encoder.is_empty() { number.saturating_add(1) } else { number };
                self.round = Some((time, next));
                break;
            }
        }
        self.seal(encoder).map(move |range| buffer.get(range))?
    }

    /// A packet with the oldest event, if it is time for one. Where it was sent, [`Alarms::event_sent`] takes it away.
    #[inline(never)]
    pub(crate) fn alarm<'b>(
        &mut self,
        now: Duration,
        clock: &Clock,
        event: &Event,
        buffer: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        if now < self.next_alarm {
            return None;
        }
        let time = clock.time(now)?;
        let mut encoder = Encoder::with_room(buffer, self.room());
        encoder.notification(&event.identifier(), time, event.severity, Text::from(event.message.as_str())).ok()?;
        self.next_alarm = now.saturating_add(BETWEEN_ALARMS);
        self.seal(encoder).map(move |range| buffer.get(range))?
    }

    /// Octets in front of the parts.
    fn room(&self) -> usize {
        match &self.user {
            Some((user, _)) => SEAL_ROOM.max(user.len().saturating_add(36)),
            None => 0,
        }
    }

    /// Where in the buffer the packet stands that is to be sent; signed, if somebody signs. None if it is empty.
    fn seal(&self, mut encoder: Encoder<'_>) -> Option<core::ops::Range<usize>> {
        if encoder.is_empty() {
            return None;
        }
        let end = self.room().saturating_add(encoder.packet().len());
        let len = match &self.user {
            Some((user, key)) => encoder.sign(user, key).ok()?.len(),
            None => encoder.packet().len(),
        };
        Some(end.checked_sub(len)?..end)
    }

    /// Adds a reading, if there is such now.
    #[inline(never)]
    fn add(
        &self,
        encoder: &mut Encoder<'_>,
        number: usize,
        time: Time,
        interval: Duration,
        facts: &Facts<'_>,
        now: Duration,
    ) -> Result<(), Full> {
        let Some(reading) = facts.reading(number, now) else {
            return Ok(());
        };
        let identifier = Identifier {
            host: self.host.into(),
            plugin: if reading.type_ == "uptime" { "uptime" } else { PLUGIN }.into(),
            type_: reading.type_.into(),
            type_instance: Text::from(reading.instance.as_str()),
            ..Identifier::default()
        };
        encoder.value_list(&identifier, time, Interval::try_from(interval).ok(), [reading.value])
    }
}

/// One reading.
struct Reading {
    type_: &'static str,
    instance: String<48>,
    value: Value,
}

impl Facts<'_> {
    /// How many readings there may be.
    fn len(&self) -> usize {
        FIXED.saturating_add(self.drops.len()).saturating_add(self.counters.refused_by_cause().count())
    }

    /// One of them; `None` if there is no such now.
    fn reading(&self, number: usize, now: Duration) -> Option<Reading> {
        let derive = |count: u64| Value::Derive(i64::try_from(count).unwrap_or(i64::MAX));
        let gauge = |count: usize| Value::Gauge(f64::from(u32::try_from(count).unwrap_or(u32::MAX)));
        let mut instance = String::new();
        let (type_, name, value) = match number {
            0 => ("uptime", "", gauge(usize::try_from(now.as_secs()).unwrap_or(usize::MAX))),
            1 => ("if_rx_packets", "", derive(self.counters.packets)),
            2 => ("if_rx_octets", "", derive(self.counters.octets)),
            3 => ("total_values", "", derive(self.counters.values)),
            4 => ("derive", "refused", derive(self.counters.refused())),
            5 => ("if_rx_dropped", "", derive(u64::from(self.readings.lost_frames))),
            6 => ("count", "hosts", gauge(self.table.hosts().count())),
            7 => ("count", "series", gauge(usize::from(self.table.series_len()))),
            8 => ("count", "silent", gauge(usize::from(self.alarms.silent()))),
            9 => ("count", "alarms", gauge(self.alarms.standing().len())),
            10 => ("temperature", "chip", Value::Gauge(degrees(self.readings.millidegrees?))),
            _ => {
                let number = number.checked_sub(FIXED)?;
                if let Some((name, count)) = self.drops.get(number) {
                    ("if_rx_dropped", *name, derive(*count))
                } else {
                    let number = number.checked_sub(self.drops.len())?;
                    let (cause, count) =
                        self.counters.refused_by_cause().nth(number).filter(|(_, count)| *count > 0)?;
                    instance.push_str("refused_").ok()?;
                    ("derive", cause, derive(count))
                }
            }
        };
        instance.push_str(name).ok()?;
        Some(Reading { type_, instance, value })
    }
}

/// Eighths of a degree are finer than any chip's sensor, and exact; to divide by a thousand takes 1 KB of flash.
pub(crate) fn degrees(millidegrees: i32) -> f64 {
    match f64::from(millidegrees / 125) {
        0.0 => 0.0,
        // A power of two counts in the exponent, which stands above 52 bits.
        eighths => f64::from_bits(eighths.to_bits().wrapping_sub(3 << 52)),
    }
}

#[cfg(test)]
mod tests {
    use std::string::String;

    use super::*;
    use crate::alarm::Threshold;
    use crate::table::tests::{heard, with_list};
    use collectd_net::{Item, Protection, SecurityLevel, Severity, User, open};

    const SECS: u64 = 1_700_005_000;
    const DROPS: &[(&str, u64)] = &[("ring_full", 3), ("too_long", 0)];

    fn clock() -> Clock {
        let mut clock = Clock::new(0);
        for sender in [1, 2] {
            clock.heard(Time::from_raw((SECS << 30) + 12345), sender, Duration::ZERO);
        }
        clock
    }

    fn packets(report: &mut Report<'_>, now: u64, clock: &Clock, readings: &Readings, size: usize) -> Vec<Vec<u8>> {
        let (mut table, mut alarms) = (Table::new(), Alarms::new());
        heard(&mut table, "h/p/t", 1, 0);
        alarms.poll(&mut table, 3, Duration::from_secs(100));
        let counters = Counters::new();
        let facts = Facts { readings, counters: &counters, drops: DROPS, table: &table, alarms: &alarms };
        let mut packets = Vec::new();
        let mut buffer = vec![0xa5; size];
        while let Some(packet) = report.packet(Duration::from_secs(now), clock, &facts, &mut buffer) {
            packets.push(packet.to_vec());
        }
        packets
    }

    fn lines(packet: &mut [u8], level: SecurityLevel) -> Vec<String> {
        let users = [User::new("board", "s3cr3t")];
        open(packet, &users, level)
            .map(|item| match item.unwrap() {
                Item::ValueList(list) => {
                    assert_eq!(list.interval, Interval::from_secs(10));
                    assert_eq!(list.time.raw() & 0xffff, 12345);
                    format!("{} {:?}", list.identifier, list.values.iter().next().unwrap())
                }
                Item::Notification(note) => format!("{} {} {}", note.severity.name(), note.identifier, note.message),
            })
            .collect()
    }

    const ALL: [&str; 13] = [
        "b/uptime/uptime Gauge(20.0)",
        "b/collectd_node/if_rx_packets Derive(0)",
        "b/collectd_node/if_rx_octets Derive(0)",
        "b/collectd_node/total_values Derive(0)",
        "b/collectd_node/derive-refused Derive(0)",
        "b/collectd_node/if_rx_dropped Derive(9)",
        "b/collectd_node/count-hosts Gauge(1.0)",
        "b/collectd_node/count-series Gauge(1.0)",
        "b/collectd_node/count-silent Gauge(1.0)",
        "b/collectd_node/count-alarms Gauge(0.0)",
        "b/collectd_node/temperature-chip Gauge(36.5)",
        "b/collectd_node/if_rx_dropped-ring_full Derive(3)",
        "b/collectd_node/if_rx_dropped-too_long Derive(0)",
    ];

    const READINGS: Readings = Readings { link: true, millidegrees: Some(36_500), lost_frames: 9 };

    #[test]
    fn degrees_are_exact_eighths() {
        for (millidegrees, expected) in
            [(0, 0.0), (124, 0.0), (125, 0.125), (36_500, 36.5), (-1, 0.0), (-40_250, -40.25), (i32::MIN, -2147483.625)]
        {
            assert_eq!(degrees(millidegrees), expected);
        }
    }

    #[test]
    fn readings_are_signed_by_the_user() {
        let key = Key::new(b"s3cr3t");
        let user = Some(("board", &key));
        let mut report = Report::new("b", Some(Duration::from_secs(10)), user);
        let mut packets = packets(&mut report, 20, &clock(), &READINGS, 1452);
        assert_eq!(packets.len(), 1);
        assert_eq!(lines(&mut packets[0], SecurityLevel::Sign), ALL);
        packets[0][100] ^= 1;
        assert!(open(&mut packets[0], &[User::new("board", "s3cr3t")], SecurityLevel::Sign).next().unwrap().is_err());
    }

    #[test]
    fn without_a_user_readings_are_plain() {
        let mut report = Report::new("b", Some(Duration::from_secs(10)), None);
        let mut packets = packets(&mut report, 20, &clock(), &Readings { millidegrees: None, ..READINGS }, 1452);
        let lines = lines(&mut packets[0], SecurityLevel::None);
        assert_eq!((lines.len(), packets[0].starts_with(b"\0\0\0\x06b\0")), (12, true));
        assert!(!lines.iter().any(|line| line.contains("temperature")));
    }

    #[test]
    fn several_small_packets_hold_the_same() {
        for size in [120, 150, 200, 300, 700] {
            let mut report = Report::new("b", Some(Duration::from_secs(10)), None);
            let packets = packets(&mut report, 20, &clock(), &READINGS, size);
            let all: Vec<_> =
                packets.into_iter().flat_map(|mut packet| lines(&mut packet, SecurityLevel::None)).collect();
            assert_eq!(all, ALL, "{size}");
        }
    }

    #[test]
    fn no_room_at_all_ends() {
        for size in 0..120 {
            let key = Key::new(b"s3cr3t");
            let user = Some(("board", &key));
            let mut report = Report::new("b", Some(Duration::from_secs(10)), user);
            for packet in packets(&mut report, 20, &clock(), &READINGS, size) {
                assert!(!packet.is_empty() && packet.len() <= size);
            }
        }
    }

    #[test]
    fn a_round_comes_each_interval_once_the_time_is_known() {
        let mut report = Report::new("b", Some(Duration::from_secs(10)), None);
        let (clock, none) = (clock(), Clock::new(0));
        let mut count = |now, clock| packets(&mut report, now, clock, &READINGS, 1452).len();
        assert_eq!([count(0, &none), count(5, &clock), count(10, &clock), count(11, &clock)], [0, 0, 1, 0]);
        assert_eq!([count(19, &clock), count(20, &clock), count(500, &clock), count(501, &clock)], [0, 1, 1, 0]);
        assert_eq!(report.next(), Some(Duration::from_secs(510)));
        let mut off = Report::new("b", None, None);
        assert_eq!((packets(&mut off, 20, &clock, &READINGS, 1452).len(), off.next()), (0, None));
    }

    #[test]
    fn no_time_is_sent_twice_or_goes_back() {
        let mut report = Report::new("b", Some(Duration::from_secs(10)), None);
        assert_eq!(packets(&mut report, 10, &clock(), &READINGS, 1452).len(), 1);
        let mut back = Clock::new(0);
        for sender in [1, 2] {
            back.heard(Time::from_raw((SECS << 30) + 12345), sender, Duration::from_secs(3600));
        }
        assert_eq!(packets(&mut report, 20, &back, &READINGS, 1452).len(), 0);
        assert_eq!(packets(&mut report, 3611, &back, &READINGS, 1452).len(), 1);
    }

    #[test]
    fn alarms_are_notifications_signed_like_readings() {
        let mut alarms = Alarms::new();
        let thresholds = [Threshold::parse("failure: value > 5").unwrap()];
        for (name, value) in [("web01/load/load", 6), ("web02/load/load", 7)] {
            with_list(name, 10, &[Value::Counter(value)], |list| alarms.value_list(list, &thresholds, Duration::ZERO));
        }
        let key = Key::new(b"s3cr3t");
        let mut report = Report::new("b", None, Some(("board", &key)));
        let mut buffer = [0xa5; 1452];
        let event = alarms.event_to_send().unwrap();
        assert_eq!(event.severity, Severity::Failure);
        let now = Duration::from_secs(7);
        assert_eq!(report.alarm(now, &Clock::new(0), event, &mut buffer), None);
        let mut packet = report.alarm(now, &clock(), event, &mut buffer).unwrap().to_vec();
        let users = [User::new("board", "s3cr3t")];
        let item = open(&mut packet, &users, SecurityLevel::Sign).next().unwrap().unwrap();
        assert_eq!((item.time().secs(), item.protection()), (SECS + 7, Protection::Signed));
        assert_eq!(lines(&mut packet.clone(), SecurityLevel::Sign).len(), 1);
        assert_eq!(lines(&mut packet, SecurityLevel::Sign), ["failure web01/load/load 6 matches value > 5"]);
        alarms.event_sent();
        // The next one has to wait.
        let event = alarms.event_to_send().unwrap();
        assert_eq!(report.alarm(now, &clock(), event, &mut buffer), None);
        assert!(report.alarm(now + BETWEEN_ALARMS, &clock(), event, &mut buffer).is_some());
    }
}
