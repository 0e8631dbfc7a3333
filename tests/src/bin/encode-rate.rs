//! How fast packets are encoded: decodes the packets of a capture once, encodes what they hold again and again, and prints one
//! line of figures.
//!
//! ```text
//! encode-rate FILE.pcap SECONDS
//! ```
//!
//! The columns are those of decode-rate. Everything that belongs to a packet happens in the function `encode_packet`.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collectd_net::{Encoder, Full, Item};
use collectd_net_tests::rate::{self, Counts, Figures, Packets};

const USAGE: &str = "usage: encode-rate FILE.pcap SECONDS";

fn main() -> ExitCode {
    rate::print("encode-rate", run())
}

fn run() -> Result<Figures, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, seconds] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let patience = Duration::try_from_secs_f64(seconds.parse().map_err(|_| USAGE)?)?;
    let packets = Packets::read(path)?;
    let mut counts = Counts::default();
    let contents = packets.items()?;
    contents.iter().flatten().for_each(|item| counts.count(*item));

    let mut buffer = vec![0; usize::from(u16::MAX)];
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let round = Instant::now();
        for items in &contents {
            let length = encode_packet(&mut Job { items, buffer: &mut buffer })?;
            black_box(&buffer[..length]);
        }
        times.push(round.elapsed());
        if begin.elapsed() >= patience {
            return Ok(Figures::new(path, &packets, counts, times));
        }
    }
}

/// A packet to encode.
struct Job<'a> {
    items: &'a [Item<'a>],
    buffer: &'a mut [u8],
}

/// Encodes one packet. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
#[expect(improper_ctypes_definitions, reason = "it is called from here alone")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn encode_packet(job: &mut Job<'_>) -> Result<usize, Full> {
    let mut encoder = Encoder::new(job.buffer);
    for item in job.items {
        match item {
            Item::ValueList(list) => encoder.value_list(&list.identifier, list.time, list.interval, list.values)?,
            Item::Notification(notification) => encoder.notification(
                &notification.identifier,
                notification.time,
                notification.severity,
                notification.message,
            )?,
        }
    }
    Ok(encoder.packet().len())
}
