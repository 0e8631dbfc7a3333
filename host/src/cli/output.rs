//! From opened packets to standard output.

use std::fmt;
use std::io::{self, Write};

use collectd_net::{Counters, Error, Item};

use super::{Failure, Printing};
use crate::sink::{Origin, Sink};

/// How much text is kept back at the most while more packets are waiting.
const KEPT_BACK: usize = 64 << 10;

/// Prints packets until it has printed enough.
pub(super) struct Output<'a> {
    printing: &'a Printing,
    sink: Box<dyn Sink>,
    text: String,
    counts_packets: bool,
    /// How many items, or packets, are still to be printed.
    left: Option<u64>,
}

impl<'a> Output<'a> {
    pub(super) fn new(printing: &'a Printing) -> Self {
        Self {
            printing,
            sink: printing.format.sink(printing.rejects),
            text: String::new(),
            counts_packets: printing.format.counts_packets(),
            left: printing.count,
        }
    }

    /// Whether everything that was asked for is printed.
    pub(super) fn is_done(&self) -> bool {
        self.left == Some(0)
    }

    /// Prints a packet, as much of it as is still asked for.
    pub(super) fn print<'p>(
        &mut self,
        packet: impl Iterator<Item = Result<Item<'p>, Error>>,
        origin: &Origin<'_>,
    ) -> Result<(), Failure> {
        for item in packet {
            if item.as_ref().is_ok_and(|item| !self.printing.wants(item)) {
                continue;
            }
            let written = match &item {
                Ok(item) => self.sink.item(item, origin, &mut self.text),
                Err(error) => self.sink.refusal(error, origin, &mut self.text),
            };
            written.map_err(out_of_memory)?;
            if item.is_ok() && !self.counts_packets && self.one_less() {
                break;
            }
        }
        self.sink.packet_end(origin, &mut self.text).map_err(out_of_memory)?;
        if self.counts_packets {
            self.one_less();
        }
        if self.text.len() < KEPT_BACK { Ok(()) } else { self.flush() }
    }

    /// Writes something else.
    pub(super) fn write(&mut self, write: impl FnOnce(&mut String) -> fmt::Result) -> Result<(), Failure> {
        write(&mut self.text).map_err(out_of_memory)
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

fn out_of_memory(_: fmt::Error) -> Failure {
    // A `String` takes everything; sinks have no other reason to fail.
    Failure::Runtime("an item could not be formatted".into())
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
