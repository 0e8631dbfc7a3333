//! Lines for people: whose it is, and below it each value with its name and its unit.
//!
//! ```text
//! 2009-03-22T19:20:08.000Z web01/interface-eth0/if_octets  every 10 s, from 10.0.0.1:25826
//!   rx  48082944 B (45.9 MiB)
//!   tx  1024 B
//! ```

use collectd_net::{Error, Item, Notification, Protection, Text, ValueList};

use super::number::{Number, Seconds};
use super::paint::{self, Paint};
use super::text::{Sender, push, push_identifier};
use super::time::Times;
use super::{Entry, Origin, Sink, blog, unit};
use crate::sources::Sources;

/// Writes them.
#[derive(Debug)]
pub struct Long {
    rejects: bool,
    times: Times,
    paint: Paint,
    sender: Sender,
}

impl Long {
    pub(super) fn new(rejects: bool, times: Times, color: bool) -> Self {
        Self { rejects, times, paint: Paint(color), sender: Sender::default() }
    }

    fn values(&self, list: &ValueList<'_>, sources: Sources<'_>, out: &mut String) {
        let width = |place| match sources.get(place) {
            crate::sources::Name::Word(name) => Text::from(name).to_string().chars().count(),
            crate::sources::Name::Number(place) => place.checked_ilog10().map_or(1, |digits| digits as usize + 1),
        };
        let widest = (0..list.values.len()).map(width).max().unwrap_or_default();
        for (place, value) in list.values.iter().enumerate() {
            out.push_str("  ");
            match sources.get(place) {
                crate::sources::Name::Word(name) => push(name.into(), out),
                crate::sources::Name::Number(place) => super::number::push_integer(place, out),
            }
            out.extend(std::iter::repeat_n(' ', widest - width(place) + 2));
            self.paint.with(paint::VALUE, out, |out| Number(value).push(out));
            unit::push(list.identifier.type_, value, out);
            out.push('\n');
        }
    }

    fn message(&self, notification: &Notification<'_>, out: &mut String) {
        out.push_str("  ");
        push(notification.message, out);
        out.push('\n');
    }
}

impl Sink for Long {
    fn item(&mut self, entry: &Entry<'_>, out: &mut String) -> bool {
        let item = entry.item;
        if !self.times.is_none() {
            self.paint.with(paint::TIME, out, |out| self.times.push(item.time(), out));
            out.push(' ');
        }
        self.paint.with(paint::NAME, out, |out| push_identifier(item.identifier(), out));
        if let Item::Notification(notification) = item {
            out.push(' ');
            let style = paint::severity(notification.severity);
            self.paint.with(style, out, |out| out.push_str(blog::severity(notification.severity)));
        }
        self.paint.with(paint::ASIDE, out, |out| asides(entry, self.sender.text(entry.origin.from), out));
        out.push('\n');
        match item {
            Item::ValueList(list) => self.values(list, entry.sources, out),
            Item::Notification(notification) => self.message(notification, out),
        }
        true
    }

    fn observed(&mut self, entry: &Entry<'_>, _: &'static str, out: &mut String) -> bool {
        out.push_str(blog::OBSERVED);
        self.item(entry, out)
    }

    fn refusal(&mut self, error: &Error, origin: &Origin<'_>, out: &mut String) {
        if self.rejects {
            self.paint.with(paint::REFUSED, out, |out| blog::refused(error, origin, out));
            out.push('\n');
        }
    }
}

/// What else there is to say, if there is.
fn asides(entry: &Entry<'_>, sender: &str, out: &mut String) {
    let mut before = "  ";
    if let Item::ValueList(ValueList { interval: Some(interval), .. }) = entry.item {
        out.push_str(before);
        out.push_str("every ");
        Seconds(interval.raw()).push(out);
        out.push_str(" s");
        before = ", ";
    }
    if !sender.is_empty() {
        out.push_str(before);
        out.push_str("from ");
        out.push_str(sender);
        before = ", ";
    }
    if entry.item.protection() != Protection::None {
        out.push_str(before);
        out.push_str(entry.item.protection().name());
        if let Some(user) = entry.item.user() {
            out.push_str(" by ");
            push(user, out);
        }
    }
}
