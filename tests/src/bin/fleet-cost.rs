//! What the store of `collectd_tap::fleet` costs: octets of a series, what a flood of spoofed names adds, and the time of an update.
//!
//! ```text
//! fleet-cost
//! ```
//!
//! Octets are those that were asked of the allocator; the memory of the process, which has what the allocator adds, is besides.
//! Each figure is of a process of its own, so that none is made of what another left behind.
//!
//! Exits with 1 if a series takes more than [`MOST_OCTETS`], or if a flood adds more than [`MOST_GROWTH`] or keeps old series from
//! being updated. Times are printed and decide nothing.

use std::alloc::System;
use std::hint::black_box;
use std::process::{Command, ExitCode};
use std::time::{Duration, Instant};
use std::{env, fs};

use cap::Cap;
use collectd_net::{Arrival, Decoder, Encoder, Identifier, Interval, Time, Value};
use collectd_tap::fleet::{Cursor, Limits, Moment, Store};

#[global_allocator]
static ALLOCATOR: Cap<System> = Cap::new(System, usize::MAX);

/// What a series may take without a history.
const MOST_OCTETS: f64 = 200.0;
/// What a million spoofed series may add.
const MOST_GROWTH: usize = 16 << 20;
/// What collectd 5.12 takes for one, by the memory of its process.
const COLLECTD: u32 = 1340;
const SERIES: usize = 100_000;
const PACKET: usize = 1452;
const WALL: u64 = 1_700_000_000;

/// What is measured: hosts, values of a series, and how many have a history.
const SIZES: [(&str, usize, usize, usize); 4] = [
    ("one value, 1000 hosts alike", 1000, 1, 0),
    ("one value, names of its own", 1, 1, 0),
    ("two values, 1000 hosts alike", 1000, 2, 0),
    ("one value with 100 points of history", 1000, 1, SERIES),
];

fn main() -> ExitCode {
    let is_good = match env::args().nth(1).as_deref() {
        None => {
            println!("octets of a series, of {SERIES}     asked for   in memory   (collectd: {COLLECTD} in memory)");
            let sizes = SIZES.iter().map(|(what, ..)| *what);
            sizes.chain(["flood", "times"]).filter(|what| !alone(what)).count() == 0
        }
        Some("flood") => flood(),
        Some("times") => {
            times();
            true
        }
        Some(name) => {
            let (what, hosts, values, charted) =
                SIZES.into_iter().find(|(what, ..)| *what == name).expect("one of them");
            let (asked, resident) = octets(hosts, values, charted);
            println!("  {what:<36} {asked:>8.1} {resident:>11.1}");
            charted > 0 || asked <= MOST_OCTETS
        }
    };
    if is_good { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Measures one thing in another process; whether it is not too much.
fn alone(what: &str) -> bool {
    let program = env::current_exe().expect("Linux knows");
    Command::new(program).arg(what).status().expect("it runs already").success()
}

fn at(second: u64) -> Moment {
    Moment { clock: Duration::from_secs(second), time: time(second) }
}

fn time(second: u64) -> Time {
    Time::from_secs(WALL + second).unwrap_or_default()
}

/// The packets of a round: so many series, shared out to hosts.
fn packets(series: usize, hosts: usize, values: usize, second: u64) -> Vec<Vec<u8>> {
    let mut packets = Vec::new();
    let mut buffer = [0; PACKET];
    let mut encoder = Encoder::new(&mut buffer);
    let each = series / hosts;
    for host in 0..hosts {
        let host = format!("host{host:04}.example.net");
        for number in 0..each {
            let (instance, type_instance) = (format!("cpu{}", number / 8), format!("state-{number}"));
            let identifier = Identifier {
                host: host.as_str().into(),
                plugin: "cpu".into(),
                plugin_instance: instance.as_str().into(),
                type_: "percent".into(),
                type_instance: type_instance.as_str().into(),
            };
            let values = || (0..values).map(|value| Value::Derive(i64::try_from(second).unwrap_or(0) + value as i64));
            if encoder.value_list(&identifier, time(second), Interval::from_secs(10), values()).is_err() {
                packets.push(encoder.packet().to_vec());
                encoder.clear();
                encoder.value_list(&identifier, time(second), Interval::from_secs(10), values()).expect("room for one");
            }
        }
    }
    packets.push(encoder.packet().to_vec());
    packets
}

fn take(store: &mut Store, packets: &[Vec<u8>], second: u64) {
    let from = Some(([10, 0, 0, 1], 25_826).into());
    for packet in packets {
        let mut visit = store.arrive(&Arrival { len: packet.len(), from }, at(second));
        Decoder::new(packet).flatten().for_each(|item| store.item(&mut visit, &item));
    }
}

/// Octets of each of [`SERIES`]: asked for, and of the process.
fn octets(hosts: usize, values: usize, charted: usize) -> (f64, f64) {
    let rounds = if charted > 0 { 100 } else { 2 };
    let lists: Vec<_> = (0..rounds).map(|round| packets(SERIES, hosts, values, round * 10)).collect();
    let (before, resident) = (ALLOCATOR.allocated(), memory());
    let mut store = Store::new(Limits { max_series: SERIES * values, charted, ..Limits::default() });
    (0..).zip(&lists).for_each(|(round, packets)| take(&mut store, packets, round * 10));
    assert_eq!(store.sizes().series, SERIES, "{:?}", store.counts());
    let per = |octets: usize| octets as f64 / SERIES as f64;
    (per(ALLOCATOR.allocated() - before), per(memory().saturating_sub(resident)))
}

/// Octets of memory that the process has.
fn memory() -> usize {
    let status = fs::read_to_string("/proc/self/status").expect("Linux has it");
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:")).expect("and this line");
    line.trim().trim_end_matches(" kB").parse::<usize>().expect("a number") * 1024
}

/// A million series that nobody has, at a limit of ten thousand.
fn flood() -> bool {
    const LIMIT: usize = 10_000;
    const SPOOFED: usize = 1_000_000;
    let mut store = Store::new(Limits { max_series: LIMIT, ..Limits::default() });
    take(&mut store, &packets(LIMIT, 100, 1, 0), 0);
    let (before, resident) = (ALLOCATOR.allocated(), memory());
    let mut buffer = [0; PACKET];
    let mut most = 0;
    for round in 1..=100 {
        take(&mut store, &packets(LIMIT, 100, 1, round * 10), round * 10);
        for number in 0..SPOOFED as u64 / 100 {
            let mut encoder = Encoder::new(&mut buffer);
            let name = format!("spoofed-{round}-{number}");
            // Of hosts that are there, and of new ones.
            let host = if number % 2 == 0 { "host0001.example.net" } else { &name };
            let identifier = Identifier {
                host: host.into(),
                plugin: "p".into(),
                type_: "t".into(),
                type_instance: name.as_str().into(),
                ..Identifier::default()
            };
            encoder.value_list(&identifier, time(round * 10), None, [Value::Gauge(1.0)]).expect("room for one");
            take(&mut store, &[encoder.packet().to_vec()], round * 10);
        }
        store.look(at(round * 10));
        most = most.max(ALLOCATOR.allocated() - before);
    }
    let is_updated = store
        .hosts()
        .flat_map(|host| host.series())
        .filter(|series| series.time() == time(1000) && series.identifier().plugin == "cpu")
        .count();
    let (mib, resident) = (most as f64 / 1_048_576.0, memory().saturating_sub(resident) as f64 / 1_048_576.0);
    println!("a flood of {SPOOFED} at a limit of {LIMIT}: {mib:.2} MiB more at the most ({resident:.2} in memory),");
    println!("  {is_updated} of {LIMIT} old series are up to date, {} hosts", store.sizes().hosts);
    most <= MOST_GROWTH && is_updated == LIMIT
}

/// How long it takes to decode a value list, and to take it in besides; and what all of it comes to, of a core of this machine.
fn times() {
    const ROUNDS: u64 = 20;
    /// Seconds between two values of a series.
    const EVERY: f64 = 10.0;
    /// Views of everything in a second.
    const FRAMES: f64 = 4.0;
    println!("nanoseconds of a value list     decoded    taken in besides");
    for (series, hosts) in [(1_000, 10), (10_000, 100), (100_000, 1000)] {
        let mut store = Store::new(Limits::default());
        let (mut decoded, mut taken) = (Duration::MAX, Duration::MAX);
        let (mut longest, mut view, mut all) = (Duration::ZERO, Duration::ZERO, Duration::MAX);
        for round in 0..ROUNDS {
            let packets = packets(series, hosts, 1, round * 10);
            let start = Instant::now();
            packets.iter().for_each(|packet| Decoder::new(packet).flatten().for_each(|item| _ = black_box(item)));
            decoded = decoded.min(start.elapsed());
            let start = Instant::now();
            take(&mut store, &packets, round * 10);
            if round > 0 {
                taken = taken.min(start.elapsed());
            }
            let start = Instant::now();
            store.look(at(round * 10));
            longest = longest.max(start.elapsed());
            let (mut cursor, mut pages) = (Cursor::default(), Duration::ZERO);
            while !cursor.is_done() {
                let start = Instant::now();
                black_box(store.changed_since(0, &mut cursor).map(|series| series.values().len()).sum::<usize>());
                let page = start.elapsed();
                (view, pages) = (view.max(page), pages + page);
            }
            all = all.min(pages);
        }
        let each = |time: Duration| time.as_nanos() as f64 / series as f64;
        let (decoded, both) = (each(decoded), each(taken));
        let ratio = (both - decoded) / decoded;
        println!("  {series:>6} series of {hosts:>4} hosts {decoded:>11.1} {:>19.1}, {ratio:.1} times", both - decoded);
        println!("    longest look {longest:?}, longest page of a view {view:?}");
        let share = |time: Duration, often: f64| time.as_secs_f64() * often * 100.0;
        let (taking, viewing) = (share(taken, 1.0 / EVERY), share(all, FRAMES));
        println!(
            "    of a core: {taking:.3} % for values every {EVERY} s, {viewing:.3} % for {FRAMES} views of all a second"
        );
    }
}
