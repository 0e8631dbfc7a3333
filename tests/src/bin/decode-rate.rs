//! How fast packets are decoded: repeats the packets of a capture, and prints one line of figures.
//!
//! ```text
//! decode-rate [--together] FILE.pcap SECONDS [USER=PASSWORD]…
//! ```
//!
//! The line has these columns, separated by tabs: name, capture, packets, value lists, values, notifications, errors, octets,
//! rounds, nanoseconds of the fastest round, nanoseconds of the median round. SECONDS 0 is one round.
//!
//! With `--together` packets are opened in batches of 64.
//!
//! A round decodes every packet once, from a fresh copy, and looks at each value and at the length of each name. Copying is
//! not timed. Everything that belongs to a packet happens in the function `decode_packet`, for profilers that count its
//! instructions alone.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collectd_net::{Arrival, Batched, SecurityLevel, User, decrypt_together};
use collectd_net_tests::rate::{self, Counts, Figures, Packets};

const USAGE: &str = "usage: decode-rate [--together] FILE.pcap SECONDS [USER=PASSWORD]...";
/// Packets opened together, as many as collectd-tap takes in at once.
const BATCH: usize = 64;

fn main() -> ExitCode {
    rate::print("decode-rate", run())
}

fn run() -> Result<Figures, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (together, arguments) = match &arguments[..] {
        [option, rest @ ..] if option == "--together" => (true, rest),
        all => (false, all),
    };
    let [path, seconds, passwords @ ..] = arguments else {
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
        let batch = if together { BATCH } else { 1 };
        let (counts, time) = round(&packets.lengths, &mut pool, &users, batch);
        times.push(time);
        if begin.elapsed() >= patience {
            break counts;
        }
    };
    Ok(Figures::new(path, &packets, counts, times))
}

/// Decodes every packet of `pool` once.
fn round(lengths: &[usize], mut pool: &mut [u8], users: &[User<'_>], batch: usize) -> (Counts, Duration) {
    let mut counts = Counts::default();
    let mut packets = Vec::with_capacity(batch);
    let begin = Instant::now();
    for lengths in lengths.chunks(batch) {
        for length in lengths {
            let (packet, rest) = pool.split_at_mut(*length);
            pool = rest;
            packets.push(Batched::new(Arrival { len: *length, from: None }, packet));
        }
        if batch > 1 {
            decrypt_together(&mut packets, users);
        }
        for packet in packets.drain(..) {
            decode_packet(&mut Job { packet: Some(packet), users, counts: &mut counts });
        }
    }
    let time = begin.elapsed();
    (black_box(counts), time)
}

/// A packet to decode.
struct Job<'a, 'j> {
    packet: Option<Batched<'a>>,
    users: &'j [User<'j>],
    counts: &'j mut Counts,
}

/// Opens and decodes one packet. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn decode_packet(job: &mut Job<'_, '_>) {
    let Some(packet) = job.packet.take() else { return };
    let users = (!job.users.is_empty()).then_some(job.users);
    let mut counts = *job.counts;
    for item in packet.open(users, SecurityLevel::None) {
        match item {
            Ok(item) => counts.count(item),
            Err(_) => counts.errors += 1,
        }
    }
    *job.counts = counts;
}
