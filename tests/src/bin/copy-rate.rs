//! How fast packets are decoded into items of fixed capacity, and prints one line of figures.
//!
//! ```text
//! copy-rate FILE.pcap SECONDS
//! ```
//!
//! The columns are those of decode-rate. Everything that belongs to a packet happens in the function `copy_packet`.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collectd_net::heapless::Vec as Items;
use collectd_net::{OwnedItem, SecurityLevel, open};
use collectd_net_tests::rate::{self, Counts, Figures, Packets};

const USAGE: &str = "usage: copy-rate FILE.pcap SECONDS";

fn main() -> ExitCode {
    rate::print("copy-rate", run())
}

fn run() -> Result<Figures, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [path, seconds] = &arguments[..] else {
        return Err(USAGE.into());
    };
    let patience = Duration::try_from_secs_f64(seconds.parse().map_err(|_| USAGE)?)?;
    let packets = Packets::read(path)?;
    let mut pool = packets.octets.clone();
    let mut copies = Box::new(Copies::new());
    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        pool.copy_from_slice(&packets.octets);
        let mut counts = Counts::default();
        let mut octets = &mut pool[..];
        let mut time = Duration::ZERO;
        for length in &packets.lengths {
            let (packet, rest) = octets.split_at_mut(*length);
            octets = rest;
            let start = Instant::now();
            counts.errors += copy_packet(&mut Job { packet, copies: &mut copies });
            time += start.elapsed();
            copies.iter().for_each(|copy| counts.count(copy.as_item()));
        }
        times.push(time);
        if begin.elapsed() >= patience {
            return Ok(Figures::new(path, &packets, black_box(counts), times));
        }
    }
}

/// The items of a packet, copied.
type Copies = Items<OwnedItem, 64>;

/// A packet to copy.
struct Job<'a> {
    packet: &'a mut [u8],
    copies: &'a mut Copies,
}

/// Copies what a packet holds, and says how often something was refused. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn copy_packet(job: &mut Job<'_>) -> u64 {
    let copied = open(job.packet, (), SecurityLevel::None).copy_into(&mut *job.copies);
    assert_eq!(copied.left_out, 0, "{copied:?}");
    copied.refused as u64
}
