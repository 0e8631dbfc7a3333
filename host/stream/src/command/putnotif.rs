//! `PUTNOTIF severity=… time=… [host=…] [plugin=…] … message="…"`

use collectd_net::{Identifier, Item, Notification, Protection, Severity, Text, Time};

use super::words::{is_blank, option};
use super::{MESSAGE, NAME, Refused, number};
use crate::packer::TooLong;

/// The names, in the order of the fields of an identifier.
const NAMES: [&str; 5] = ["host", "plugin", "plugin_instance", "type", "type_instance"];

/// Reads a line from behind the command, and hands the notification on.
pub(super) fn read(
    line: &[u8],
    start: usize,
    emit: &mut dyn FnMut(&Item<'_>) -> Result<(), TooLong>,
) -> Result<(), Refused> {
    let mut names: [Vec<u8>; 5] = Default::default();
    let (mut severity, mut time, mut message) = (None, None, Vec::new());
    let mut rest = Rest { line, at: start };
    while let Some((key, value, at)) = rest.option()? {
        let fault = |why: String| Refused::new(format!("Error parsing option `{}'.", Text::new(key)), at, why);
        let is = |name: &str| key.eq_ignore_ascii_case(name.as_bytes());
        let fits = |limit: usize| {
            if value.len() > limit { Err(fault(format!("it has {limit} octets at the most"))) } else { Ok(()) }
        };
        if let [b's', b':', _, ..] = key {
            // Metadata has no place in a packet; the daemon, too, sends it to nobody.
        } else if is("severity") {
            let all = [Severity::Failure, Severity::Warning, Severity::Okay];
            let meant = all.into_iter().find(|severity| value.eq_ignore_ascii_case(severity.name().as_bytes()));
            severity = Some(meant.ok_or_else(|| fault("a severity is failure, warning or okay".into()))?);
        } else if is("time") {
            let units = number::seconds(&value);
            time = Some(units.ok_or_else(|| fault("a time is a number of seconds since 1970".into()))?);
        } else if is("message") {
            fits(MESSAGE)?;
            message = value;
        } else if let Some(place) = NAMES.iter().position(|name| is(name)) {
            fits(NAME)?;
            names[place] = value;
        } else {
            return Err(fault(format!("'{}' is no option of PUTNOTIF", Text::new(key))));
        }
    }
    let missing = |answer: &str, option| Refused::new(answer, line.len(), format!("{option} is missing"));
    let severity =
        severity.ok_or_else(|| missing("Option `severity' missing.", "severity=failure, warning or okay"))?;
    let time = time.filter(|time| *time > 0).map(Time::from_raw);
    let time = time.ok_or_else(|| missing("Option `time' missing.", "time=SECONDS"))?;
    if message.is_empty() {
        return Err(missing("No message or message of length 0 given.", "message=\"…\""));
    }
    let [host, plugin, plugin_instance, type_, type_instance] = names.each_ref().map(|name| Text::new(name));
    let item = Item::Notification(Notification {
        identifier: Identifier { host, plugin, plugin_instance, type_, type_instance },
        time,
        severity,
        message: Text::new(&message),
        protection: Protection::None,
        user: None,
    });
    emit(&item).map_err(|error| Refused::new("Cannot send the notification.", start, error.to_string()))
}

/// A key, its value, and the place of the value.
type Setting<'l> = (&'l [u8], Vec<u8>, usize);

/// What is left of a line.
struct Rest<'l> {
    line: &'l [u8],
    at: usize,
}

impl<'l> Rest<'l> {
    /// The next `key=value`, and the place of the value. A value in quotes ends at the quote; any other at a blank.
    fn option(&mut self) -> Result<Option<Setting<'l>>, Refused> {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
        let start = self.at;
        let malformed = |at, why: &str| Refused::new("Malformed option.", at, why);
        let rest = self.line.get(start..).unwrap_or_default();
        if rest.is_empty() {
            return Ok(None);
        }
        let (key, _, to_value) =
            option(rest).ok_or_else(|| malformed(start, "expected NAME=VALUE; text with blanks stands in quotes"))?;
        self.at += to_value;
        let place = self.at;
        let mut value = Vec::new();
        if self.peek() == Some(b'"') {
            loop {
                self.at += 1;
                match self.peek() {
                    Some(b'"') => break,
                    Some(b'\\') => {
                        self.at += 1;
                        value.extend(self.peek());
                    }
                    Some(octet) => value.push(octet),
                    None => return Err(malformed(place, "these quotes are not closed")),
                }
            }
            self.at += 1;
            if !self.peek().is_none_or(is_blank) {
                return Err(malformed(self.at, "expected a blank behind the quotes"));
            }
        } else {
            let octets = self.line.get(place..).unwrap_or_default();
            let end = octets.iter().position(|octet| is_blank(*octet)).unwrap_or(octets.len());
            value.extend_from_slice(octets.get(..end).unwrap_or_default());
            self.at += end;
            if value.is_empty() {
                return Err(malformed(place, "expected a value"));
            }
        }
        Ok(Some((key, value, place)))
    }

    fn peek(&self) -> Option<u8> {
        self.line.get(self.at).copied()
    }
}
