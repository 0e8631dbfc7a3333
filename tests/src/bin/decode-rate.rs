//! How fast packets are decoded: repeats the packets of a capture, and prints one line of figures.
//!
//! ```text
//! decode-rate [--copies | --together] FILE.pcap SECONDS [USER=PASSWORD]…
//! ```
//!
//! The line has these columns, separated by tabs: name, capture, packets, value lists, values, notifications, errors, octets,
//! rounds, nanoseconds of the fastest round, nanoseconds of the median round. SECONDS 0 is one round.
//!
//! With `--copies` the items of a packet are copied into memory of fixed capacity, and looked at there afterwards; with
//! `--together` packets are opened in batches of 64.
//!
//! A round decodes every packet once, from a fresh copy, and looks at each value and at the length of each name. Copying is
//! not timed. Everything that belongs to a packet happens in the function `decode_packet`, for profilers that count its
//! instructions alone.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collectd_net::{Arrival, Batched, OwnedItem, Passwords, SecurityLevel, User, decrypt_together};
use collectd_net_tests::rate::{Counts, Figures, Packets};

const USAGE: &str = "usage: decode-rate [--copies | --together] FILE.pcap SECONDS [USER=PASSWORD]...";
/// Packets opened together, as many as collectd-tap takes in at once.
const BATCH: usize = 64;

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
    let (copying, together, arguments) = match &arguments[..] {
        [option, rest @ ..] if option == "--copies" => (true, false, rest),
        [option, rest @ ..] if option == "--together" => (false, true, rest),
        all => (false, false, all),
    };
    let [path, seconds, passwords @ ..] = arguments else {
        return Err(USAGE.into());
    };
    let patience = Duration::try_from_secs_f64(seconds.parse().map_err(|_| USAGE)?)?;
    let passwords = passwords.iter().map(|word| word.split_once('=').ok_or(USAGE)).collect::<Result<Vec<_>, _>>()?;
    let users: Vec<_> = passwords.into_iter().map(|(name, password)| User::new(name, password)).collect();

    let packets = Packets::read(path)?;
    let mut pool = packets.octets.clone();
    let mut copies = copying.then(Copies::new);
    let mut times = Vec::new();
    let begin = Instant::now();
    let counts = loop {
        pool.copy_from_slice(&packets.octets);
        let batch = if together { BATCH } else { 1 };
        let (counts, time) = round(&packets.lengths, &mut pool, &users, batch, copies.as_mut());
        times.push(time);
        if begin.elapsed() >= patience {
            break counts;
        }
    };
    Ok(Figures::new(path, &packets, counts, times))
}

/// The items of a packet, copied.
type Copies = collectd_net::heapless::Vec<OwnedItem, 64>;

/// Decodes every packet of `pool` once.
fn round(
    lengths: &[usize],
    mut pool: &mut [u8],
    users: &[User<'_>],
    batch: usize,
    mut copies: Option<&mut Copies>,
) -> (Counts, Duration) {
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
            decode_packet(&mut Job { packet: Some(packet), users, counts: &mut counts, copies: copies.as_deref_mut() });
            if let Some(copies) = &copies {
                copies.iter().for_each(|copy| counts.count(copy.as_item()));
            }
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
    copies: Option<&'j mut Copies>,
}

/// Opens and decodes one packet. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
#[expect(clippy::needless_borrows_for_generic_args, reason = "makes the two ways different functions for the compiler")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn decode_packet(job: &mut Job<'_, '_>) {
    let Some(packet) = job.packet.take() else { return };
    let users = (!job.users.is_empty()).then_some(job.users);
    if let Some(copies) = &mut job.copies {
        return copy_packet(packet, &users, copies, job.counts);
    }
    let mut counts = *job.counts;
    for item in packet.open(users, SecurityLevel::None) {
        match item {
            Ok(item) => counts.count(item),
            Err(_) => counts.errors += 1,
        }
    }
    *job.counts = counts;
}

/// Copies what a packet holds.
#[inline(never)]
fn copy_packet(packet: Batched<'_>, users: impl Passwords, copies: &mut Copies, counts: &mut Counts) {
    let copied = packet.open(users, SecurityLevel::None).copy_into(copies);
    assert_eq!(copied.left_out, 0, "{copied:?}");
    counts.errors += copied.refused as u64;
}
