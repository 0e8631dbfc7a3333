//! From opened packets to standard output.

use std::fmt;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use collectd_net::{Counters, Error, Item};
use collectd_tap_stream::Opened;

use super::{Failure, Printing, note, talk::tell};
use crate::fleet::Event;
use crate::rate::Rates;
use crate::sink::{Entry, Origin, Sink};
use crate::sources::{Dictionary, Sources};

/// How much text is kept back at the most while more packets are waiting.
const KEPT_BACK: usize = 64 << 10;

/// Prints packets until it has printed enough.
pub(super) struct Output<'a> {
    printing: &'a Printing,
    sink: Box<dyn Sink>,
    rates: Option<Rates>,
    dictionary: Dictionary,
    tells_names: bool,
    text: String,
    counts_packets: bool,
    /// How many items, or packets, are still to be printed.
    left: Option<u64>,
    /// When the state of things is printed, beside the end.
    every: Option<Every>,
}

/// An interval, and when it is over.
struct Every {
    interval: Duration,
    next: Instant,
}

impl<'a> Output<'a> {
    pub(super) fn new(printing: &'a Printing) -> Result<Self, Failure> {
        let (format, looks) = (&printing.format, &printing.looks);
        let look = looks.look(&printing.typed, format, printing.rejects, printing.selects())?;
        Ok(Self {
            printing,
            sink: format.sink(&look),
            rates: looks.rates(format),
            dictionary: looks.dictionary(format)?,
            tells_names: format.tells_names(),
            text: String::new(),
            counts_packets: format.counts_packets(),
            left: printing.count,
            every: None,
        })
    }

    /// Prints the state of things at this interval, if the format tells it.
    pub(super) fn repeat(&mut self, interval: Option<Duration>) {
        let now = Instant::now();
        let interval = interval.filter(|_| self.printing.format.is_state());
        self.every = interval.and_then(|interval| Some(Every { interval, next: now.checked_add(interval)? }));
    }

    /// Prints the state of things if it is time to; how long until it is.
    pub(super) fn turn(&mut self) -> Result<Option<Duration>, Failure> {
        let Some(every) = &mut self.every else { return Ok(None) };
        let now = Instant::now();
        if every.next > now {
            return Ok(Some(every.next - now));
        }
        // Without a burst for what was missed.
        every.next = now + every.interval;
        let left = every.interval;
        self.state();
        self.flush()?;
        Ok(Some(left))
    }

    /// Writes what comes last. Where it comes again and again, a reader has to know where each ends.
    fn state(&mut self) {
        self.sink.end(&mut self.text);
        if self.every.is_some() {
            self.text.push_str("# EOF\n");
        }
    }

    /// Prints what comes before everything.
    pub(super) fn start(&mut self) {
        self.sink.start(&mut self.text);
    }

    /// Whether everything that was asked for is printed.
    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// Whether packets are to be shown with [`packet_start`](Self::packet_start) before they are decrypted.
    pub(super) fn wants_octets(&self) -> bool {
        self.printing.format.wants_octets()
    }

    /// Looks at a packet before it is opened.
    pub(super) fn packet_start(&mut self, octets: &[u8]) {
        self.sink.packet_start(octets);
    }

    /// Prints a packet, as much of it as is still asked for; what `meets` does not turn down.
    pub(super) fn print(
        &mut self,
        packet: Opened<'_>,
        origin: &Origin<'_>,
        meets: &mut dyn FnMut(&Result<Item<'_>, Error>) -> bool,
    ) -> Result<(), Failure> {
        packet.each(&mut |item| {
            if !meets(item) {
                return ControlFlow::Continue(());
            }
            match item {
                Ok(item) => {
                    if self.item(item, origin) && !self.counts_packets && self.one_less() {
                        return ControlFlow::Break(());
                    }
                }
                Err(error) => self.sink.refusal(error, origin, &mut self.text),
            }
            ControlFlow::Continue(())
        });
        let before = self.text.len();
        self.sink.packet_end(origin, &mut self.text);
        if self.counts_packets && self.text.len() > before {
            self.one_less();
        }
        if self.text.len() < KEPT_BACK { Ok(()) } else { self.flush() }
    }

    /// Prints what was noticed here and not received, if it is wanted.
    pub(super) fn print_observed(&mut self, event: &Event) -> Result<(), Failure> {
        let item = event.item();
        if !self.printing.wants(&item) {
            return Ok(());
        }
        let origin = Origin { source: "listen", number: None, from: None };
        let entry = Entry { item: &item, sources: Sources::Numbered(0), origin: &origin };
        if self.sink.observed(&entry, event.change.word(), &mut self.text) {
            self.one_less();
        }
        if self.text.len() < KEPT_BACK { Ok(()) } else { self.flush() }
    }

    /// Writes something else.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> Result<(), Failure> {
        // A `String` takes everything.
        write(&mut self.text).map_err(|_| Failure::Runtime("the text could not be formatted".into()))
    }

    /// Prints an item, if it is wanted; whether it was.
    fn item(&mut self, item: &Item<'_>, origin: &Origin<'_>) -> bool {
        let printing = self.printing;
        // Where values decide, they are those that are printed.
        let of_rates = self.rates.is_some() && printing.looks_at_values();
        if !(printing.wants_kind(item) && (of_rates || printing.filter_matches(item))) {
            return false;
        }
        let rated;
        let item = match (&mut self.rates, item) {
            (Some(rates), Item::ValueList(list)) => {
                let Some(list) = rates.rate(list, self.dictionary.data_set(list)) else {
                    return false;
                };
                rated = Item::ValueList(list);
                &rated
            }
            _ => item,
        };
        if of_rates && !printing.filter_matches(item) {
            return false;
        }
        let sources = match item {
            Item::ValueList(list) if self.tells_names => self.dictionary.names(list),
            Item::ValueList(list) => Sources::Numbered(list.values.len()),
            Item::Notification(_) => Sources::Numbered(0),
        };
        let printed = self.sink.item(&Entry { item, sources, origin }, &mut self.text);
        if self.dictionary.has_warnings() {
            for warning in self.dictionary.take_warnings() {
                note(format_args!("{warning}"));
            }
        }
        printed
    }

    /// Prints what comes last, and says what could not be printed.
    pub(super) fn finish(&mut self) -> Result<(), Failure> {
        self.state();
        self.flush()?;
        let counts = self.rates.as_ref().map(Rates::counts).unwrap_or_default();
        let left_out = self.sink.left_out();
        for (count, what, why) in [
            (counts.first, "value list", "without a rate: the first of a series"),
            (counts.old, "value list", "without a rate: not newer than the one before"),
            (counts.refused, "value list", "without a rate: too many series, or names too long (see --max-series)"),
            (left_out.values, "value", "left out, which this format cannot hold"),
            (left_out.notifications, "notification", "left out, for which this format has no place"),
            (left_out.series, "value", "left out: too many series, or names too long (see --max-series)"),
            (left_out.collisions, "value", "left out: others have the same name in this format"),
        ] {
            if count > 0 {
                tell(format_args!("{} {why}", Count(count, what)));
            }
        }
        Ok(())
    }

    /// Hands over what is kept back.
    pub(super) fn flush(&mut self) -> Result<(), Failure> {
        if self.text.is_empty() {
            return Ok(());
        }
        let mut stdout = io::stdout().lock();
        stdout.write_all(self.text.as_bytes()).and_then(|()| stdout.flush()).map_err(Failure::Output)?;
        self.text.clear();
        Ok(())
    }

    /// Counts one thing that was printed; whether that was the last.
    pub(super) fn one_less(&mut self) -> bool {
        if let Some(left) = &mut self.left {
            *left = left.saturating_sub(1);
        }
        self.is_done()
    }
}

/// The counters as a sentence for people.
pub(super) struct Summary<'a>(pub(super) &'a Counters);

impl fmt::Display for Summary<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let counters = self.0;
        let refused = counters.refused();
        write!(f, "{}, {}, {refused} refused", Count(counters.packets, "packet"), Count(counters.items(), "item"))?;
        let mut before = " (";
        for (word, count) in counters.refused_by_cause().filter(|(_, count)| *count > 0) {
            write!(f, "{before}{count} {word}")?;
            before = ", ";
        }
        f.write_str(if refused > 0 { ")" } else { "" })?;
        for (count, what) in [
            (counters.empty, "empty packet"),
            (counters.truncated, "truncated packet"),
            (counters.unknown_parts, "unknown part"),
        ] {
            if count > 0 {
                write!(f, ", {}", Count(count, what))?;
            }
        }
        Ok(())
    }
}

/// A number and what it counts.
pub(super) struct Count<'a>(pub(super) u64, pub(super) &'a str);

impl fmt::Display for Count<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}{}", self.0, self.1, if self.0 == 1 { "" } else { "s" })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_summary_names_only_what_happened() {
        assert_eq!(Summary(&Counters::new()).to_string(), "0 packets, 0 items, 0 refused");
        let mut counters = Counters::new();
        let arrival = collectd_net::Arrival { len: 5, from: None };
        let mut packet = [0x12, 0x34, 0, 4, 0];
        let level = collectd_net::SecurityLevel::None;
        assert_eq!(collectd_net::Packet::new(arrival, &mut packet, (), level, &mut counters).count(), 1);
        assert_eq!(Summary(&counters).to_string(), "1 packet, 0 items, 1 refused (1 stray), 1 unknown part");
    }
}
