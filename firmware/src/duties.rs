//! What the node does with items, and what it has to say itself.

use core::fmt::Write as _;
use core::mem;
use core::net::{IpAddr, SocketAddr};
use core::time::Duration;

use collectd_net::{Counters, Error, Item, Notification, Severity, Text, Time, ValueList};
use heapless::String;
use smoltcp::wire::IpCidr;

use crate::alarm::{Alarms, Lamp};
use crate::clock::Clock;
use crate::log::{Allowance, info, log_item, warning};
use crate::page::View;
use crate::plain::{Digits, Word};
use crate::report::{Facts, Report};
use crate::settings::Settings;
use crate::table::{Run, Table};
use crate::{Board, Drops, Readings};

/// The name of a board that was given none: what it is, and the end of its address.
pub(crate) type Name = String<40>;

/// Where a node keeps what it knows; all zero at first.
#[derive(Debug)]
pub(crate) struct Memory {
    name: Name,
    table: Table,
    alarms: Alarms,
}

impl Memory {
    pub(crate) const fn new() -> Self {
        Self { name: Name::new(), table: Table::new(), alarms: Alarms::new() }
    }
}

/// Latest values, alarms, the time, and the board's own reports.
pub(crate) struct Duties<'a> {
    settings: &'a Settings<'a>,
    board: Board<'a>,
    name: &'a str,
    table: &'a mut Table,
    pub(crate) alarms: &'a mut Alarms,
    pub(crate) clock: Clock,
    report: Report<'a>,
    allowance: Allowance,
    /// The time of the packet's last item that counts; nobody's is zero.
    told: Time,
    /// Whether value lists are only kept: there are no thresholds, no log lines and no users.
    quiet: bool,
    worst: Severity,
}

impl<'a> Duties<'a> {
    pub(crate) fn new(settings: &'a Settings<'a>, board: &Board<'a>, memory: &'a mut Memory) -> Self {
        let Memory { name, table, alarms } = memory;
        let name = settings.name.unwrap_or_else(|| {
            let [.., a, b, c] = board.mac;
            // A name that is too long for its place is cut.
            let [a, b, c] = [a, b, c].map(|octet| Digits::hexadecimal(octet, 2));
            _ = write!(name, "{}-{a}{b}{c}", Word(board.name));
            name
        });
        Self {
            settings,
            board: *board,
            name,
            table,
            alarms,
            clock: Clock::new(board.seed),
            report: Report::new(name, settings.report, settings.report_user.as_ref().map(|(user, key)| (*user, key))),
            allowance: Allowance::new(settings.log_rate),
            told: Time::default(),
            quiet: settings.thresholds.is_empty() && settings.log_rate == 0 && settings.users.is_empty(),
            worst: Severity::Okay,
        }
    }

    /// A packet arrived now, whose items follow.
    pub(crate) fn packet<'p>(&mut self, now: Duration) -> Run<'p> {
        self.allowance.refill(now);
        Run::new(now)
    }

    #[inline(always)]
    pub(crate) fn value_list<'p>(&mut self, list: &ValueList<'p>, anew: bool, run: &mut Run<'p>, now: Duration) {
        if cfg!(feature = "fast") && self.quiet {
            self.told = list.time;
        } else {
            self.look_at(list, now);
        }
        self.table.value_list(list, run, anew);
    }

    /// Does with a value list what the settings ask for.
    #[inline(never)]
    fn look_at(&mut self, list: &ValueList<'_>, now: Duration) {
        if !self.settings.thresholds.is_empty() {
            self.alarms.value_list(list, &self.settings.thresholds, now);
        }
        self.note_time(list.time, list.user);
        if cfg!(feature = "defmt") && self.allowance.is_some() {
            self.log(&Item::ValueList(*list));
        }
    }

    #[inline(never)]
    pub(crate) fn notification(&mut self, notification: &Notification<'_>, now: Duration) {
        self.table.notification(notification);
        self.alarms.notification(notification, now);
        self.note_time(notification.time, notification.user);
        if cfg!(feature = "defmt") && self.allowance.is_some() {
            self.log(&Item::Notification(*notification));
        }
    }

    /// Where there are passwords, time is believed only from who has one.
    fn note_time(&mut self, time: Time, user: Option<Text<'_>>) {
        if self.settings.users.is_empty() || user.is_some() {
            self.told = time;
        }
    }

    /// Writes a line for an item, if the filter lets it through and there may be one more.
    #[inline(never)]
    fn log(&mut self, item: &Item<'_>) {
        if self.settings.filter.as_ref().is_none_or(|filter| filter.matches(item)) && self.allowance.take() {
            log_item(item);
        }
    }

    pub(crate) fn refusal(&mut self, error: &Error) {
        if cfg!(feature = "defmt") && self.allowance.take() {
            warning!("refused: {}", error);
        }
    }

    pub(crate) fn packet_end(&mut self, run: &mut Run<'_>, from: Option<SocketAddr>, now: Duration) {
        self.table.packet_end(run);
        let told = mem::take(&mut self.told);
        if let Some(from) = from
            && told != Time::default()
        {
            self.clock.heard(told, digest(from), now);
        }
    }

    /// Looks for hosts that are silent, and tells what has changed.
    pub(crate) fn look(&mut self, now: Duration) {
        self.alarms.poll(self.table, self.settings.missing_after.into(), now);
        let worst = self.alarms.worst();
        if worst != self.worst {
            self.worst = worst;
            match worst {
                Severity::Okay => info!("no alarm"),
                Severity::Warning => warning!("alarm: a warning"),
                Severity::Failure => warning!("alarm: a failure"),
            }
        }
        if !self.settings.alarms {
            // Nobody wants them sent.
            self.alarms.event_sent();
        }
    }

    /// A packet with the oldest event, if it is time for one; [`Alarms::event_sent`] takes it away.
    pub(crate) fn alarm_packet<'b>(&mut self, now: Duration, buffer: &'b mut [u8]) -> Option<&'b [u8]> {
        let event = self.alarms.event_to_send().filter(|_| self.settings.alarms)?;
        self.report.alarm(now, &self.clock, event, buffer)
    }

    /// The next packet of the board's own readings, if one is due.
    pub(crate) fn readings_packet<'b>(
        &mut self,
        now: Duration,
        readings: &Readings,
        counters: &Counters,
        drops: &Drops,
        buffer: &'b mut [u8],
    ) -> Option<&'b [u8]> {
        let drops = drops.by_reason();
        let facts = Facts { readings, counters, drops: &drops, table: self.table, alarms: self.alarms };
        self.report.packet(now, &self.clock, &facts, buffer)
    }

    /// What the status page is made of.
    pub(crate) fn view<'v>(
        &'v self,
        addresses: &'v [IpCidr],
        readings: &'v Readings,
        counters: &'v Counters,
        drops: &'v [(&'static str, u64)],
    ) -> View<'v> {
        View {
            board: self.board.name,
            name: self.name,
            reset: self.board.reset,
            addresses,
            readings,
            clock: &self.clock,
            table: self.table,
            alarms: self.alarms,
            thresholds: &self.settings.thresholds,
            counters,
            drops,
        }
    }

    /// Whether the LED is on, and when that changes.
    pub(crate) fn lamp(&self, link: bool, heard: bool, now: Duration) -> (bool, Duration) {
        let (on, stays_for) = Lamp::new(link, heard, self.alarms.worst()).at(now);
        (on, now.saturating_add(stays_for))
    }

    /// Whether there is something to do now: something has become due, or a packet made it so.
    pub(crate) fn is_due(&self, now: Duration) -> bool {
        self.alarms.event_to_send().is_some() || self.alarms.worst() != self.worst || self.next(now) <= now
    }

    /// When there is something to do without a packet.
    pub(crate) fn next(&self, now: Duration) -> Duration {
        let report = self.report.next().filter(|_| self.clock.time(now).is_some());
        let sntp = self.settings.sntp.map(|_| self.clock.next_request());
        let times = [report, sntp].into_iter().flatten();
        times.fold(self.alarms.next_look(), Duration::min)
    }
}

/// A number for a sender, whatever its port.
fn digest(from: SocketAddr) -> u32 {
    // FNV-1a.
    let add = |sum: u32, octet: &u8| (sum ^ u32::from(*octet)).wrapping_mul(0x0100_0193);
    match from.ip() {
        IpAddr::V4(address) => address.octets().iter().fold(0x811c_9dc5, add),
        IpAddr::V6(address) => address.octets().iter().fold(0x811c_9dc5, add),
    }
}
