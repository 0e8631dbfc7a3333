//! Alarms: hosts that are missing, values beyond their thresholds, and notifications of failures.
//!
//! A host is missing when nothing was heard of it for some of its intervals. A threshold is an expression of the filter
//! language, `plugin == "load" and value > 5`; a series raises its alarm when it begins to match, and ends it when it matches no
//! more. What others notify stands until the same identifier is notified to be okay. What begins and ends here is also an
//! [`Event`], to be sent as a notification; what others notified is not, since everybody heard it already.

mod lamp;

use core::fmt::{self, Write as _};
use core::time::Duration;

use collectd_net::{Filter, FilterError, Identifier, Item, Notification, Severity, Value, ValueList};
use heapless::string::StringView;
use heapless::{Deque, String, Vec};

pub(crate) use self::lamp::Lamp;
use crate::decimal::Decimal;
use crate::plain::{Digits, Word};
use crate::table::{Name, Table};

/// How many series and notifications may stand at a time.
const STANDING: usize = 16;
/// How many events wait to be sent.
const EVENTS: usize = 8;
/// Octets of the five names of an identifier.
const NAMES: usize = 112;
/// Octets of an alarm's and of an event's message.
const TOLD: usize = 64;
const MESSAGE: usize = 160;
/// An alarm that nobody repeats is forgotten after this.
const FORGET: Duration = Duration::from_secs(24 * 3600);
/// How often hosts are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What a value must not be: an expression of the filter language, behind `failure:` or `warning:` if wanted.
#[derive(Clone, Debug)]
pub struct Threshold<'a> {
    severity: Severity,
    expression: &'a str,
    filter: Filter<8, 96>,
}

impl<'a> Threshold<'a> {
    /// Compiles the text of a threshold.
    ///
    /// # Errors
    /// What is wrong with the expression, and in which column of the text.
    pub fn parse(text: &'a str) -> Result<Self, FilterError> {
        let (severity, expression) = match (text.strip_prefix("failure:"), text.strip_prefix("warning:")) {
            (Some(expression), _) => (Severity::Failure, expression),
            (_, Some(expression)) => (Severity::Warning, expression),
            _ => (Severity::Warning, text),
        };
        let before = text.len().saturating_sub(expression.len());
        let filter = Filter::new(expression)
            .map_err(|error| FilterError { column: error.column.saturating_add(before), ..error })?;
        Ok(Self { severity, expression: expression.trim_ascii(), filter })
    }

    /// The expression as it was written.
    #[must_use]
    pub const fn expression(&self) -> &'a str {
        self.expression
    }

    /// How bad it is to be beyond.
    #[must_use]
    pub const fn severity(&self) -> Severity {
        self.severity
    }
}

/// What an alarm is about.
pub(crate) type Subject = Name<5, NAMES>;

/// A series beyond a threshold, or a notification that was not taken back.
#[derive(Clone, Debug)]
pub(crate) struct Alarm {
    /// Which threshold; none if somebody notified it.
    threshold: Option<u8>,
    severity: Severity,
    since: Duration,
    seen: Duration,
    subject: Subject,
    message: String<TOLD>,
}

impl Alarm {
    /// How bad it is.
    pub(crate) const fn severity(&self) -> Severity {
        self.severity
    }

    /// How long ago it began.
    pub(crate) fn age(&self, now: Duration) -> Duration {
        now.saturating_sub(self.since)
    }

    /// What it is about.
    pub(crate) fn identifier(&self) -> Identifier<'_> {
        identifier(&self.subject)
    }

    /// What was notified, or the latest values; safe to print.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// Which threshold it is beyond; none if somebody notified it.
    pub(crate) fn threshold(&self) -> Option<usize> {
        self.threshold.map(usize::from)
    }
}

/// Something that began or ended, to be sent as a notification.
#[derive(Clone, Debug)]
pub(crate) struct Event {
    /// How bad it is.
    pub(crate) severity: Severity,
    subject: Subject,
    /// What happened; safe to print.
    pub(crate) message: String<MESSAGE>,
}

impl Event {
    /// What it is about.
    pub(crate) fn identifier(&self) -> Identifier<'_> {
        identifier(&self.subject)
    }
}

fn identifier(subject: &Subject) -> Identifier<'_> {
    let [host, plugin, plugin_instance, type_, type_instance] = subject.fields();
    Identifier { host, plugin, plugin_instance, type_, type_instance }
}

/// All alarms. What finds no room is counted.
#[derive(Debug)]
pub(crate) struct Alarms {
    standing: Vec<Alarm, STANDING>,
    events: Deque<Event, EVENTS>,
    silent: u16,
    left_out: u32,
    lost: u32,
    look: Duration,
}

impl Alarms {
    /// No alarms.
    pub(crate) const fn new() -> Self {
        Self { standing: Vec::new(), events: Deque::new(), silent: 0, left_out: 0, lost: 0, look: Duration::ZERO }
    }

    /// Compares a value list with the thresholds, which are the same ones each time.
    #[inline(never)]
    pub(crate) fn value_list(&mut self, list: &ValueList<'_>, thresholds: &[Threshold<'_>], now: Duration) {
        let item = Item::ValueList(*list);
        for (number, threshold) in thresholds.iter().enumerate() {
            let (beyond, severity, expression) =
                (threshold.filter.matches(&item), threshold.severity, threshold.expression);
            let standing = self
                .standing
                .iter()
                .position(|alarm| alarm.threshold() == Some(number) && alarm.subject.is(&list.identifier.fields()));
            match (beyond, standing.and_then(|place| self.standing.get_mut(place))) {
                (true, standing) => {
                    let message = cut(format_args!("{}", Numbers(list)));
                    if let Some(alarm) = standing {
                        alarm.seen = now;
                        alarm.message = message;
                        continue;
                    }
                    let threshold = u8::try_from(number).ok();
                    if let Some(subject) = self.stand(threshold, severity, &list.identifier, message, now) {
                        let message = cut(format_args!("{} matches {}", Numbers(list), Word(expression)));
                        self.event(Event { severity, subject, message });
                    }
                }
                (false, Some(_)) => {
                    let alarm = standing.map(|place| self.standing.swap_remove(place));
                    if let Some(Alarm { subject, .. }) = alarm {
                        let message = cut(format_args!("{} matches no more {}", Numbers(list), Word(expression)));
                        self.event(Event { severity: Severity::Okay, subject, message });
                    }
                }
                (false, None) => {}
            }
        }
    }

    /// Takes what somebody notified.
    #[inline(never)]
    pub(crate) fn notification(&mut self, notification: &Notification<'_>, now: Duration) {
        let fields = notification.identifier.fields();
        let standing = self.standing.iter().position(|alarm| alarm.threshold.is_none() && alarm.subject.is(&fields));
        let message = cut(format_args!("{}", notification.message));
        match (notification.severity, standing) {
            (Severity::Okay, Some(place)) => drop(self.standing.swap_remove(place)),
            (Severity::Okay, None) => {}
            (severity, Some(place)) => {
                if let Some(alarm) = self.standing.get_mut(place) {
                    *alarm = Alarm { severity, seen: now, message, ..alarm.clone() };
                }
            }
            (severity, None) => {
                let _ = self.stand(None, severity, &notification.identifier, message, now);
            }
        }
    }

    /// Looks for hosts that are missing for `missing_after` intervals or are back, and forgets what is old.
    pub(crate) fn poll(&mut self, table: &mut Table, missing_after: u32, now: Duration) {
        if now < self.look {
            return;
        }
        self.look = now.saturating_add(LOOK_EVERY);
        table.watch(missing_after, now, |host, silent| {
            let name = Identifier { host: host.name(), ..Identifier::default() };
            // A host's name has room where a whole identifier has.
            let Some(subject) = Subject::new(&name.fields()) else {
                return;
            };
            let secs = host.age(now).as_secs();
            let (severity, message) = match silent {
                true => (Severity::Failure, cut(format_args!("nothing heard for {} s", Digits::decimal(secs)))),
                false => (Severity::Okay, cut(format_args!("heard again"))),
            };
            self.event(Event { severity, subject, message });
        });
        let silent = table.hosts().filter(|host| host.silent()).count();
        self.silent = u16::try_from(silent).unwrap_or(u16::MAX);
        self.standing.retain(|alarm| now.saturating_sub(alarm.seen) < FORGET);
    }

    /// When hosts are to be looked at again.
    pub(crate) const fn next_look(&self) -> Duration {
        self.look
    }

    /// The worst of what stands now.
    #[inline(never)]
    pub(crate) fn worst(&self) -> Severity {
        match self.silent {
            0 => self.standing.iter().map(|alarm| alarm.severity).min().unwrap_or(Severity::Okay),
            _ => Severity::Failure,
        }
    }

    /// What stands now, without the hosts that are missing: those the table knows.
    pub(crate) fn standing(&self) -> &[Alarm] {
        &self.standing
    }

    /// How many hosts are missing.
    pub(crate) const fn silent(&self) -> u16 {
        self.silent
    }

    /// The oldest event that was not sent.
    pub(crate) fn event_to_send(&self) -> Option<&Event> {
        self.events.front()
    }

    /// It was sent, or nobody wants it.
    pub(crate) fn event_sent(&mut self) {
        drop(self.events.pop_front());
    }

    /// Alarms that found no room, and events that were too many.
    pub(crate) const fn left_out(&self) -> (u32, u32) {
        (self.left_out, self.lost)
    }

    /// Adds an alarm, if there is room, and gives its subject.
    fn stand(
        &mut self,
        threshold: Option<u8>,
        severity: Severity,
        identifier: &Identifier<'_>,
        message: String<TOLD>,
        now: Duration,
    ) -> Option<Subject> {
        let added = Subject::new(&identifier.fields()).filter(|subject| {
            let alarm = Alarm { threshold, severity, since: now, seen: now, subject: *subject, message };
            self.standing.push(alarm).is_ok()
        });
        if added.is_none() {
            self.left_out = self.left_out.saturating_add(1);
        }
        added
    }

    fn event(&mut self, event: Event) {
        if self.events.push_back(event).is_err() {
            self.lost = self.lost.saturating_add(1);
        }
    }
}

/// The values of a list, as they are printed: `1.5, 42`.
struct Numbers<'a>(&'a ValueList<'a>);

impl fmt::Display for Numbers<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (place, value) in self.0.values.iter().enumerate() {
            f.write_str(if place == 0 { "" } else { ", " })?;
            Number(value).fmt(f)?;
        }
        Ok(())
    }
}

/// A value: integers in all their digits, gauges in 15.
pub(crate) struct Number(pub(crate) Value);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Counter(number) | Value::Absolute(number) => Digits::decimal(number).fmt(f),
            Value::Derive(number) => {
                f.write_str(if number < 0 { "-" } else { "" })?;
                Digits::decimal(number.unsigned_abs()).fmt(f)
            }
            Value::Gauge(number) => Decimal(number).fmt(f),
        }
    }
}

/// As much of the text as there is room for; `…` stands for the rest.
fn cut<const ROOM: usize>(text: fmt::Arguments<'_>) -> String<ROOM> {
    let mut room = String::new();
    let _ = Cut(room.as_mut_view()).write_fmt(text);
    room
}

/// Room of any size.
struct Cut<'a>(&'a mut StringView);

impl fmt::Write for Cut<'_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        let mark = '…'.len_utf8();
        for character in text.chars() {
            let left = self.0.capacity().saturating_sub(self.0.len());
            if left < character.len_utf8().saturating_add(mark) {
                let _ = self.0.push('…');
                return Err(fmt::Error);
            }
            self.0.push(character).map_err(|_| fmt::Error)?;
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table::tests::{heard, with_list};
    use collectd_net::{Protection, Time};

    fn at(secs: u64) -> Duration {
        Duration::from_secs(secs)
    }

    fn alarms(texts: &[&'static str]) -> (Alarms, std::vec::Vec<Threshold<'static>>) {
        (Alarms::new(), texts.iter().map(|text| Threshold::parse(text).unwrap()).collect())
    }

    fn events(alarms: &mut Alarms) -> std::vec::Vec<std::string::String> {
        let mut events = std::vec::Vec::new();
        while let Some(event) = alarms.event_to_send() {
            events.push(format!("{} {} {}", event.severity.name(), event.identifier(), event.message));
            alarms.event_sent();
        }
        events
    }

    fn notified(alarms: &mut Alarms, host: &str, severity: Severity, message: &str, now: u64) {
        alarms.notification(
            &Notification {
                identifier: Identifier { host: host.into(), ..Identifier::default() },
                time: Time::from_secs(1).unwrap(),
                severity,
                message: message.into(),
                protection: Protection::None,
                user: None,
            },
            at(now),
        );
    }

    #[test]
    fn a_threshold_is_an_expression_with_a_severity() {
        let threshold = Threshold::parse("failure: plugin == 'load' and value > 5").unwrap();
        assert_eq!(
            (threshold.severity(), threshold.expression()),
            (Severity::Failure, "plugin == 'load' and value > 5")
        );
        assert_eq!(Threshold::parse("value > 5").unwrap().severity(), Severity::Warning);
        assert_eq!(Threshold::parse("warning: value > 5").unwrap().severity(), Severity::Warning);
        assert_eq!(Threshold::parse("failure: value > host").unwrap_err().column, 18);
        assert_eq!(Threshold::parse("value > host").unwrap_err().column, 9);
        assert!(Threshold::parse("").is_err() && Threshold::parse(&"(".repeat(1000)).is_err());
    }

    #[test]
    fn an_alarm_begins_and_ends_once() {
        let (mut alarms, thresholds) = alarms(&["plugin == 'load' and value > 5", "failure: value > 100"]);
        for (series, value) in [("h/load/t", 4), ("h/load/t", 6), ("h/load/t", 7), ("h/swap/t", 4), ("h/load/t-2", 1)] {
            with_list(series, 10, &[Value::Derive(value)], |list| alarms.value_list(list, &thresholds, at(1)));
        }
        assert_eq!(alarms.worst(), Severity::Warning);
        assert_eq!(alarms.standing().len(), 1);
        assert_eq!((alarms.standing()[0].message(), alarms.standing()[0].threshold()), ("7", Some(0)));
        with_list("h/load/t", 10, &[Value::Gauge(200.5)], |list| alarms.value_list(list, &thresholds, at(5)));
        assert_eq!((alarms.worst(), alarms.standing().len()), (Severity::Failure, 2));
        with_list("h/load/t", 10, &[Value::Gauge(0.1)], |list| alarms.value_list(list, &thresholds, at(6)));
        assert_eq!((alarms.worst(), alarms.standing().len()), (Severity::Okay, 0));
        assert_eq!(
            events(&mut alarms),
            [
                "warning h/load/t 6 matches plugin == 'load' and value > 5",
                "failure h/load/t 200.5 matches value > 100",
                "okay h/load/t 0.1 matches no more plugin == 'load' and value > 5",
                "okay h/load/t 0.1 matches no more value > 100",
            ]
        );
    }

    #[test]
    fn more_alarms_than_there_is_room_for_do_no_harm() {
        let (mut alarms, thresholds) = alarms(&["value > 5"]);
        for number in 0..1000 {
            let name = format!("h/p/t-{number}");
            with_list(&name, 10, &[Value::Counter(6)], |list| alarms.value_list(list, &thresholds, at(1)));
        }
        let long = format!("h/p/t-{}", "x".repeat(200));
        with_list(&long, 10, &[Value::Counter(6)], |list| alarms.value_list(list, &thresholds, at(1)));
        assert_eq!((alarms.standing().len(), events(&mut alarms).len()), (STANDING, EVENTS));
        assert_eq!(alarms.left_out(), (1001 - STANDING as u32, (STANDING - EVENTS) as u32));
        with_list("h/p/t-3", 10, &[Value::Counter(1)], |list| alarms.value_list(list, &thresholds, at(2)));
        assert_eq!(events(&mut alarms), ["okay h/p/t-3 1 matches no more value > 5"]);
    }

    #[test]
    fn what_is_notified_stands_until_it_is_taken_back() {
        let mut alarms = Alarms::new();
        notified(&mut alarms, "h", Severity::Okay, "fine", 0);
        notified(&mut alarms, "h", Severity::Warning, "disk is \x1b[31m full", 1);
        notified(&mut alarms, "g", Severity::Warning, "hot", 1);
        notified(&mut alarms, "h", Severity::Failure, "disk is gone", 2);
        assert_eq!((alarms.worst(), alarms.standing().len()), (Severity::Failure, 2));
        assert_eq!(alarms.standing()[0].age(at(3)), at(2));
        notified(&mut alarms, "h", Severity::Okay, "fine", 3);
        assert_eq!((alarms.worst(), alarms.standing()[0].message()), (Severity::Warning, "hot"));
        let mut table = Table::new();
        alarms.poll(&mut table, 3, at(86_400));
        assert_eq!(alarms.worst(), Severity::Warning);
        alarms.poll(&mut table, 3, at(86_401));
        assert_eq!((alarms.worst(), events(&mut alarms).len()), (Severity::Okay, 0));
    }

    #[test]
    fn messages_are_made_harmless_and_cut_where_it_shows() {
        let mut alarms = Alarms::new();
        notified(&mut alarms, "h", Severity::Warning, "a\x1bb\n", 1);
        assert_eq!(alarms.standing()[0].message(), r"a\x1bb\x0a");
        notified(&mut alarms, "h", Severity::Warning, &"ü".repeat(40), 1);
        assert_eq!(alarms.standing()[0].message(), format!("{}…", "ü".repeat(30)));
    }

    #[test]
    fn a_missing_host_is_a_failure_until_it_is_heard_again() {
        let (mut alarms, mut table) = (Alarms::new(), Table::new());
        heard(&mut table, "web01/p/t", 1, 0);
        alarms.poll(&mut table, 3, at(30));
        assert_eq!((alarms.worst(), alarms.next_look()), (Severity::Okay, Duration::from_millis(30_500)));
        alarms.poll(&mut table, 3, at(31));
        alarms.poll(&mut table, 3, at(32));
        assert_eq!((alarms.worst(), alarms.silent()), (Severity::Failure, 1));
        heard(&mut table, "web01/p/t", 1, 40);
        alarms.poll(&mut table, 3, at(41));
        assert_eq!((alarms.worst(), alarms.silent()), (Severity::Okay, 0));
        assert_eq!(events(&mut alarms), ["failure web01// nothing heard for 31 s", "okay web01// heard again"]);
    }

    #[test]
    fn memory_is_small() {
        assert!(size_of::<Alarms>() <= 12_000, "{}", size_of::<Alarms>());
        println!("{} {} {}", size_of::<Alarms>(), size_of::<Event>(), size_of::<Alarm>());
    }
}
