//! How fast packets are decoded: repeats the packets of a capture, and prints one line of figures.
//!
//! ```text
//! decode-rate FILE.pcap SECONDS [USER=PASSWORD]…
//! ```
//!
//! The line has these columns, separated by tabs: name, capture, packets, value lists, values, notifications, errors, octets,
//! rounds, nanoseconds of the fastest round, nanoseconds of the median round. SECONDS 0 is one round.
//!
//! A round decodes every packet once, from a fresh copy, and looks at each value and at the length of each name. Copying is
//! not timed. Everything that belongs to a packet happens in the function `decode_packet`, for profilers that count its
//! instructions alone.

use std::error::Error;
use std::fs::File;
use std::hint::black_box;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use std::{env, fmt};

use collectd_net::{Item, PORT, SecurityLevel, Text, User, open};
use collectd_tap::capture::Capture;

const USAGE: &str = "usage: decode-rate FILE.pcap SECONDS [USER=PASSWORD]...";

fn main() -> ExitCode {
    match run() {
        Ok(figures) => {
            println!("{figures}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("decode-rate: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<Figures, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, seconds, passwords @ ..] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let patience = Duration::try_from_secs_f64(seconds.parse().map_err(|_| USAGE)?)?;
    let passwords = passwords.iter().map(|word| word.split_once('=').ok_or(USAGE)).collect::<Result<Vec<_>, _>>()?;
    let users: Vec<_> = passwords.into_iter().map(|(name, password)| User::new(name, password)).collect();

    let packets = Packets::read(path)?;
    let mut pool = packets.octets.clone();
    let mut times = Vec::new();
    let begin = Instant::now();
    let counts = loop {
        pool.copy_from_slice(&packets.octets);
        let (counts, time) = round(&packets.lengths, &mut pool, &users);
        times.push(time);
        if begin.elapsed() >= patience {
            break counts;
        }
    };
    let capture = Path::new(path).file_stem().unwrap_or_default().to_string_lossy().into_owned();
    Ok(Figures { capture, packets: packets.lengths.len(), octets: packets.octets.len(), counts, times })
}

/// Decodes every packet of `pool` once.
fn round(lengths: &[usize], mut pool: &mut [u8], users: &[User<'_>]) -> (Counts, Duration) {
    let mut counts = Counts::default();
    let begin = Instant::now();
    for length in lengths {
        let (packet, rest) = pool.split_at_mut(*length);
        pool = rest;
        decode_packet(&mut Job { packet, users, counts: &mut counts });
    }
    let time = begin.elapsed();
    (black_box(counts), time)
}

/// A packet to decode.
struct Job<'a> {
    packet: &'a mut [u8],
    users: &'a [User<'a>],
    counts: &'a mut Counts,
}

/// What packets held.
#[derive(Clone, Copy, Debug, Default)]
struct Counts {
    value_lists: u64,
    values: u64,
    notifications: u64,
    errors: u64,
    /// Made from every value and every length, so that each is looked at.
    sum: u64,
}

impl Counts {
    fn look_at<'a>(&mut self, texts: impl IntoIterator<Item = Text<'a>>) {
        // Counts of octets are 64 bits wide here or narrower.
        self.sum = texts.into_iter().fold(self.sum, |sum, text| sum.wrapping_add(text.len() as u64));
    }
}

/// Opens and decodes one packet. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn decode_packet(job: &mut Job<'_>) {
    let users = (!job.users.is_empty()).then_some(job.users);
    let mut counts = *job.counts;
    for item in open(job.packet, users, SecurityLevel::None) {
        match item {
            Ok(Item::ValueList(list)) => {
                counts.value_lists += 1;
                for value in list.values {
                    counts.values += 1;
                    counts.sum = counts.sum.wrapping_add(value.bits());
                }
                counts.look_at(list.identifier.fields());
            }
            Ok(Item::Notification(notification)) => {
                counts.notifications += 1;
                counts.look_at(notification.identifier.fields());
                counts.look_at([notification.message]);
            }
            Err(_) => counts.errors += 1,
        }
    }
    *job.counts = counts;
}

/// The packets of a capture, one behind the other.
struct Packets {
    octets: Vec<u8>,
    lengths: Vec<usize>,
}

impl Packets {
    fn read(path: &str) -> Result<Self, Box<dyn Error>> {
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
}

/// The line that is printed.
struct Figures {
    capture: String,
    packets: usize,
    octets: usize,
    counts: Counts,
    times: Vec<Duration>,
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
