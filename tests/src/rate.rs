//! What the programs that measure rates have in common.

use std::error::Error;
use std::fmt;
use std::fs::File;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use collectd_net::{Decoder, Item, PORT, Text};
use collectd_tap::capture::Capture;

/// Prints the line of figures, or what went wrong, and says how the program ends.
#[must_use]
pub fn print(program: &str, figures: Result<Figures, Box<dyn Error>>) -> ExitCode {
    match figures {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("{program}: {error}");
            ExitCode::FAILURE
        }
    }
}

/// What packets held.
#[derive(Clone, Copy, Debug, Default)]
pub struct Counts {
    /// Value lists.
    pub value_lists: u64,
    /// Values in them.
    pub values: u64,
    /// Notifications.
    pub notifications: u64,
    /// Refusals.
    pub errors: u64,
    /// Made from every value and every length, so that each is looked at.
    sum: u64,
}

impl Counts {
    /// Counts an item, and looks at everything in it.
    #[inline(always)]
    pub fn count(&mut self, item: Item<'_>) {
        match item {
            Item::ValueList(list) => {
                self.value_lists += 1;
                for value in list.values {
                    self.values += 1;
                    // No sum, which vectors would add up: a receiver looks at one value after the other.
                    self.sum = value.bits().wrapping_sub(self.sum);
                }
                self.look_at(list.identifier.fields());
            }
            Item::Notification(notification) => {
                self.notifications += 1;
                self.look_at(notification.identifier.fields());
                self.look_at([notification.message]);
            }
        }
    }

    #[inline(always)]
    fn look_at<'a>(&mut self, texts: impl IntoIterator<Item = Text<'a>>) {
        // Counts of octets are 64 bits wide here or narrower.
        self.sum = texts.into_iter().fold(self.sum, |sum, text| sum.wrapping_add(text.len() as u64));
    }
}

/// The packets of a capture, one behind the other.
#[derive(Debug)]
pub struct Packets {
    /// Their octets.
    pub octets: Vec<u8>,
    /// Their lengths.
    pub lengths: Vec<usize>,
}

impl Packets {
    /// Reads the packets to collectd's port.
    ///
    /// # Errors
    /// What is wrong with the capture.
    pub fn read(path: &str) -> Result<Self, Box<dyn Error>> {
        let file = File::open(path).map_err(|error| format!("{path}: {error}"))?;
        let mut packets = Self { octets: Vec::new(), lengths: Vec::new() };
        for datagram in Capture::new(file)? {
            let datagram = datagram?;
            if datagram.to.port() == PORT {
                packets.lengths.push(datagram.payload.len());
                packets.octets.extend(datagram.payload);
            }
        }
        Ok(packets)
    }

    /// What each of them holds.
    ///
    /// # Errors
    /// The first that something of is refused.
    pub fn items(&self) -> Result<Vec<Vec<Item<'_>>>, collectd_net::Error> {
        let mut octets = &self.octets[..];
        let mut items = |length: &usize| {
            let (packet, rest) = octets.split_at(*length);
            octets = rest;
            Decoder::new(packet).collect()
        };
        self.lengths.iter().map(&mut items).collect()
    }
}

/// The line that is printed.
#[derive(Debug)]
pub struct Figures {
    capture: String,
    packets: usize,
    octets: usize,
    counts: Counts,
    times: Vec<Duration>,
}

impl Figures {
    /// What every round over these packets held, and how long each took.
    #[must_use]
    pub fn new(path: &str, packets: &Packets, counts: Counts, times: Vec<Duration>) -> Self {
        let capture = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
        Self { capture, packets: packets.lengths.len(), octets: packets.octets.len(), counts, times }
    }
}

impl fmt::Display for Figures {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { capture, packets, octets, counts, times } = self;
        let Counts { value_lists, values, notifications, errors, sum: _ } = counts;
        let mut times = times.clone();
        times.sort_unstable();
        let [fastest, median] = [0, times.len() / 2].map(|place| times[place].as_nanos());
        let rounds = times.len();
        write!(f, "collectd-net\t{capture}\t{packets}\t{value_lists}\t{values}\t{notifications}\t{errors}\t")?;
        write!(f, "{octets}\t{rounds}\t{fastest}\t{median}")
    }
}
