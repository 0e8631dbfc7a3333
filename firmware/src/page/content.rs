//! What the page says, in pieces that fit a small buffer: what there is to tell may change between two of them.

use core::fmt::{self, Write};
use core::iter;
use core::time::Duration;

use collectd_net::text::is_unsafe;
use collectd_net::{Counters, Identifier, Text, Value, names};
use smoltcp::wire::IpCidr;

use crate::Readings;
use crate::address::Shown;
use crate::alarm::{Alarm, Alarms, Number, Threshold};
use crate::clock::{Clock, Source};
use crate::plain::{Digits, Word};
use crate::report::degrees;
use crate::table::{Host, Series, Table};

/// Octets of the longest piece. An octet of a stranger's name takes six at most.
pub(super) const PIECE: usize = 1536;

/// Everything that the page tells of, as it is now.
pub(crate) struct View<'a> {
    /// What the board is.
    pub(crate) board: &'a str,
    /// What it calls itself.
    pub(crate) name: &'a str,
    /// Why it started again.
    pub(crate) reset: Option<&'a str>,
    /// Where it is.
    pub(crate) addresses: &'a [IpCidr],
    /// What the board tells.
    pub(crate) readings: &'a Readings,
    /// The time.
    pub(crate) clock: &'a Clock,
    /// What is known of others.
    pub(crate) table: &'a Table,
    /// What is wrong with them.
    pub(crate) alarms: &'a Alarms,
    /// What they are compared with.
    pub(crate) thresholds: &'a [Threshold<'a>],
    /// What was received and refused.
    pub(crate) counters: &'a Counters,
    /// Packets that were dropped, by where.
    pub(crate) drops: &'a [(&'static str, u64)],
}

/// The parts of the page behind its head.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Section {
    Addresses,
    Alarms,
    Hosts,
    Series,
    Received,
    Refused,
    Dropped,
    LeftOut,
}

impl Section {
    const ALL: [Self; 8] = [
        Self::Addresses,
        Self::Alarms,
        Self::Hosts,
        Self::Series,
        Self::Received,
        Self::Refused,
        Self::Dropped,
        Self::LeftOut,
    ];

    const fn name(self) -> &'static str {
        match self {
            Self::Addresses => "addresses",
            Self::Alarms => "alarms",
            Self::Hosts => "hosts",
            Self::Series => "series",
            Self::Received => "received",
            Self::Refused => "refused",
            Self::Dropped => "dropped",
            Self::LeftOut => "left_out",
        }
    }

    /// What JSON begins and ends it with.
    const fn brackets(self) -> (&'static str, &'static str) {
        match self {
            Self::Addresses | Self::Alarms | Self::Hosts | Self::Series => ("[", "]"),
            Self::Received | Self::Refused | Self::Dropped | Self::LeftOut => ("{", "}"),
        }
    }

    /// The first row at `number` or behind it, and its number.
    #[inline(never)]
    fn row_from<'a>(self, view: &View<'a>, number: usize, now: Duration) -> Option<(usize, Row<'a>)> {
        let row = match self {
            Self::Addresses => Row::Address(view.addresses.get(number)?),
            Self::Alarms => Row::Alarm(view.alarms.standing().get(number)?),
            Self::Hosts => return view.table.host_from(number).map(|(number, host)| (number, Row::Host(host))),
            Self::Series => {
                return view.table.series_from(number, now).map(|(number, series)| (number, Row::Series(series)));
            }
            Self::Received => {
                let counters = view.counters;
                let (name, count) = match number {
                    0 => ("packets", &counters.packets),
                    1 => ("octets", &counters.octets),
                    2 => ("empty", &counters.empty),
                    3 => ("truncated", &counters.truncated),
                    4 => ("value_lists", &counters.value_lists),
                    5 => ("values", &counters.values),
                    6 => ("notifications", &counters.notifications),
                    7 => ("unknown_parts", &counters.unknown_parts),
                    _ => return None,
                };
                Row::Count(name, *count)
            }
            Self::Refused => {
                let (cause, count) = view.counters.refused_by_cause().nth(number)?;
                Row::Count(cause, count)
            }
            Self::Dropped => {
                let (place, count) = *view.drops.get(number)?;
                Row::Count(place, count)
            }
            Self::LeftOut => {
                let (table, (alarms, events)) = (view.table.left_out(), view.alarms.left_out());
                let (name, count) = match number {
                    0 => ("names", table.names),
                    1 => ("values", table.values),
                    2 => ("hosts", table.hosts),
                    3 => ("series", table.series),
                    4 => ("alarms", alarms),
                    5 => ("events", events),
                    _ => return None,
                };
                Row::Count(name, u64::from(count))
            }
        };
        Some((number, row))
    }
}

/// One line of the page.
enum Row<'a> {
    Address(&'a IpCidr),
    Alarm(&'a Alarm),
    Host(&'a Host),
    Series(Series<'a>),
    Count(&'static str, u64),
}

/// The page, as far as it was written.
#[derive(Clone, Copy, Debug)]
pub(super) struct Content {
    json: bool,
    at: At,
    /// Nothing stands before the next row of this section.
    first: bool,
}

#[derive(Clone, Copy, Debug)]
enum At {
    End,
    Head,
    /// Before this section.
    Section(u8),
    /// Before this row of a section, or one behind it.
    Row(u8, usize),
}

impl Content {
    /// The beginning.
    pub(super) const fn new(json: bool) -> Self {
        Self { json, at: At::Head, first: true }
    }

    /// Nothing at all.
    pub(super) const fn none() -> Self {
        Self { json: false, at: At::End, first: false }
    }

    /// Whether all pieces were written.
    pub(super) const fn ended(&self) -> bool {
        matches!(self.at, At::End)
    }

    /// Writes the next piece; false if there is none. Where `out` was too small for a piece it has to be left out as a whole,
    /// which the caller does by taking back what was written: the page is still complete without.
    #[inline(never)]
    pub(super) fn piece(&mut self, view: &View<'_>, now: Duration, out: &mut dyn Piece) -> bool {
        match self.at {
            At::Head => {
                self.at = At::Section(0);
                let _ = if self.json { json_head(view, now, out) } else { text_head(view, now, out) };
            }
            At::Section(number) => match Section::ALL.get(usize::from(number)) {
                None => {
                    self.at = At::End;
                    let _ = out.write_str(if self.json { "\n}\n" } else { "" });
                }
                Some(section) => {
                    self.at = At::Row(number, 0);
                    self.first = true;
                    let (name, (open, _)) = (section.name(), section.brackets());
                    let name = Word(name);
                    let _ =
                        if self.json { write!(out, ",\n\"{name}\":{}", Word(open)) } else { write!(out, "\n{name}\n") };
                }
            },
            At::Row(number, row) => {
                let Some(section) = Section::ALL.get(usize::from(number)) else {
                    return false;
                };
                if let Some((row, content)) = section.row_from(view, row, now) {
                    self.at = At::Row(number, row.saturating_add(1));
                    let written = if self.json {
                        out.write_str(if self.first { "\n" } else { ",\n" }).and_then(|()| content.json(view, now, out))
                    } else {
                        content.text(view, now, out)
                    };
                    match written {
                        Ok(()) => self.first = false,
                        Err(fmt::Error) => out.take_back(),
                    }
                } else {
                    self.at = At::Section(number.saturating_add(1));
                    let (_, close) = section.brackets();
                    let _ = if self.json { out.write_str(close) } else { Ok(()) };
                }
            }
            At::End => return false,
        }
        true
    }
}

/// Where pieces are written.
pub(super) trait Piece: Write {
    /// Forgets what was written of this piece.
    fn take_back(&mut self);
}

#[inline(never)]
fn text_head(view: &View<'_>, now: Duration, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{} on {}, ", Text::from(view.name), Text::from(view.board))?;
    out.write_str(concat!("collectd-node ", env!("CARGO_PKG_VERSION"), "\n"))?;
    writeln!(out, "up {} s", Digits::decimal(now.as_secs()))?;
    if let (Some(time), Some(source)) = (view.clock.time(now), view.clock.source()) {
        writeln!(out, "time {} s since 1970, from {}", Digits::decimal(time.secs()), Word(source.name()))?;
    }
    if let Some(reset) = view.reset {
        writeln!(out, "started again: {}", Text::from(reset))?;
    }
    if let Some(millidegrees) = view.readings.millidegrees {
        writeln!(out, "temperature {} °C", Number(Value::Gauge(degrees(millidegrees))))?;
    }
    let (worst, silent) = (Word(view.alarms.worst().name()), Digits::decimal(view.alarms.silent()));
    writeln!(out, "{worst}: {silent} hosts missing, {} other alarms", count(view.alarms.standing().len()))
}

#[inline(never)]
fn json_head(view: &View<'_>, now: Duration, out: &mut dyn Write) -> fmt::Result {
    write!(out, "{{\n\"board\":{},", Quoted(view.board.into()))?;
    write!(out, "\"name\":{},", Quoted(view.name.into()))?;
    out.write_str(concat!("\"version\":\"", env!("CARGO_PKG_VERSION"), "\","))?;
    write!(out, "\"uptime\":{},", Seconds(now))?;
    match view.clock.time(now) {
        Some(time) => write!(out, "\"time\":{},", Seconds(time.into()))?,
        None => out.write_str("\"time\":null,")?,
    }
    match view.clock.source().map(Source::name) {
        Some(source) => write!(out, "\"clock\":\"{}\",", Word(source))?,
        None => out.write_str("\"clock\":null,")?,
    }
    match view.reset {
        Some(reset) => write!(out, "\"reset\":{},", Quoted(reset.into()))?,
        None => out.write_str("\"reset\":null,")?,
    }
    match view.readings.millidegrees {
        Some(millidegrees) => write!(out, "\"temperature\":{},", Number(Value::Gauge(degrees(millidegrees))))?,
        None => out.write_str("\"temperature\":null,")?,
    }
    let (worst, silent) = (Word(view.alarms.worst().name()), Digits::decimal(view.alarms.silent()));
    write!(out, "\"link\":{},\"worst\":\"{worst}\",\"silent\":{silent}", truth(view.readings.link))
}

impl Row<'_> {
    #[inline(never)]
    fn text(&self, view: &View<'_>, now: Duration, out: &mut dyn Write) -> fmt::Result {
        match self {
            Self::Address(address) => writeln!(out, "{}", Shown(address)),
            Self::Alarm(alarm) => {
                let (severity, age) = (Word(alarm.severity().name()), Digits::decimal(alarm.age(now).as_secs()));
                write!(out, "{severity} since {age} s: {}: {}", alarm.identifier(), Word(alarm.message()))?;
                match alarm.threshold().and_then(|number| view.thresholds.get(number)) {
                    Some(threshold) => writeln!(out, " matches {}", Text::from(threshold.expression())),
                    None => out.write_char('\n'),
                }
            }
            Self::Host(host) => {
                let (name, age) = (host.name(), Seconds(host.age(now)));
                let (interval, lists) = (Seconds(host.interval()), Digits::decimal(host.value_lists()));
                let missing = Word(if host.silent() { "missing: " } else { "" });
                write!(out, "{name}: {missing}heard {age} s ago, every {interval} s, {lists} value lists")?;
                let notifications = Digits::decimal(host.notifications());
                writeln!(out, ", {notifications} notifications, protection {}", Word(host.protection().name()))
            }
            Self::Series(series) => {
                let names = names::of(series.identifier.type_, series.values.len()).unwrap_or_default();
                write!(out, "{}", series.identifier)?;
                for (place, value) in series.values.iter().enumerate() {
                    match names.get(place) {
                        Some(name) if names.len() > 1 => write!(out, " {} {}", Word(name), Number(value))?,
                        _ => write!(out, " {}", Number(value))?,
                    }
                }
                let missing = Word(if series.silent { ", host missing" } else { "" });
                writeln!(out, " ({} s ago{missing})", Digits::decimal(series.age))
            }
            Self::Count(name, count) => writeln!(out, "{} {}", Word(name), Digits::decimal(*count)),
        }
    }

    #[inline(never)]
    fn json(&self, view: &View<'_>, now: Duration, out: &mut dyn Write) -> fmt::Result {
        match self {
            Self::Address(address) => write!(out, "\"{}\"", Shown(address)),
            Self::Alarm(alarm) => {
                write!(out, "{{\"severity\":\"{}\",{},", Word(alarm.severity().name()), Fields(&alarm.identifier()))?;
                write!(out, "\"since\":{},", Seconds(alarm.age(now)))?;
                match alarm.threshold().and_then(|number| view.thresholds.get(number)) {
                    Some(threshold) => write!(out, "\"threshold\":{},", Quoted(threshold.expression().into()))?,
                    None => out.write_str("\"threshold\":null,")?,
                }
                write!(out, "\"message\":{}}}", Quoted(alarm.message().into()))
            }
            Self::Host(host) => {
                write!(out, "{{\"host\":{},\"seen\":{},", Quoted(host.name()), Seconds(host.age(now)))?;
                write!(out, "\"interval\":{},\"silent\":{},", Seconds(host.interval()), truth(host.silent()))?;
                write!(out, "\"value_lists\":{},", Digits::decimal(host.value_lists()))?;
                write!(out, "\"notifications\":{},", Digits::decimal(host.notifications()))?;
                write!(out, "\"security\":\"{}\"}}", Word(host.protection().name()))
            }
            Self::Series(series) => {
                write!(out, "{{{},\"seen\":{},", Fields(&series.identifier), Digits::decimal(series.age))?;
                out.write_str("\"dstypes\":[")?;
                let values = || {
                    let commas = iter::once("").chain(iter::repeat(",")).map(Word);
                    commas.zip(series.values)
                };
                for (comma, value) in values() {
                    write!(out, "{comma}\"{}\"", Word(value.kind().name()))?;
                }
                out.write_str("],\"values\":[")?;
                for (comma, value) in values() {
                    match value {
                        Value::Gauge(number) if !number.is_finite() => write!(out, "{comma}null")?,
                        value => write!(out, "{comma}{}", Number(value))?,
                    }
                }
                out.write_str("]}")
            }
            Self::Count(name, count) => write!(out, "\"{}\":{}", Word(name), Digits::decimal(*count)),
        }
    }
}

/// The five fields of an identifier, as members of an object.
struct Fields<'a>(&'a Identifier<'a>);

impl fmt::Display for Fields<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [host, plugin, plugin_instance, type_, type_instance] = self.0.fields().map(Quoted);
        write!(f, "\"host\":{host},\"plugin\":{plugin},\"plugin_instance\":{plugin_instance},")?;
        write!(f, "\"type\":{type_},\"type_instance\":{type_instance}")
    }
}

/// A string of JSON (RFC 8259 §7). What is no UTF-8 is shown as [`Text`] shows it.
struct Quoted<'a>(Text<'a>);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_char('"')?;
        for chunk in self.0.as_octets().utf8_chunks() {
            for character in chunk.valid().chars() {
                match character {
                    '"' | '\\' => {
                        f.write_char('\\')?;
                        f.write_char(character)?;
                    }
                    _ if is_unsafe(character) => {
                        for unit in character.encode_utf16(&mut [0; 2]) {
                            write!(f, "\\u{}", Digits::hexadecimal(*unit, 4))?;
                        }
                    }
                    _ => f.write_char(character)?,
                }
            }
            for octet in chunk.invalid() {
                write!(f, "\\\\x{}", Digits::hexadecimal(*octet, 2))?;
            }
        }
        f.write_char('"')
    }
}

/// How many there are.
fn count(number: usize) -> Digits {
    Digits::decimal(u32::try_from(number).unwrap_or(u32::MAX))
}

/// As JSON has it.
const fn truth(is_true: bool) -> Word<'static> {
    Word(if is_true { "true" } else { "false" })
}

/// Seconds with three digits behind the point.
struct Seconds(Duration);

impl fmt::Display for Seconds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (seconds, millis) = (self.0.as_secs(), self.0.subsec_millis());
        write!(f, "{}.{}", Digits::decimal(seconds), Digits::decimal(millis).at_least(3))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_of_json_say_what_they_quote() {
        for text in
            ["", "plain", "a\"b\\c/d", "\0\x1b[31m\n\r\t\x7f", "Grüße 東京", "\u{2028}\u{202e}\u{e0041}\u{feff}😀"]
        {
            let quoted = Quoted(text.into()).to_string();
            assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), text);
            assert!(!quoted.contains(is_unsafe), "{quoted}");
        }
        let quoted = Quoted(Text::new(b"a\xff\xed\xa0\x80b")).to_string();
        assert_eq!(serde_json::from_str::<String>(&quoted).unwrap(), r"a\xff\xed\xa0\x80b");
    }

    #[test]
    fn no_octet_takes_more_than_six() {
        for first in 0..=255_u8 {
            for second in 0..=255 {
                assert!(Quoted(Text::new(&[first, second])).to_string().len() <= 2 + 12);
            }
        }
        for character in '\0'..=char::MAX {
            let text = character.to_string();
            assert!(Quoted(text.as_str().into()).to_string().len() <= 2 + 6 * text.len());
        }
    }
}
