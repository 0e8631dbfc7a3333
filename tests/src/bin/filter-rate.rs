//! How fast items are filtered: decodes the packets of a capture once, asks a filter about what they hold again and again, and
//! prints one line of figures.
//!
//! ```text
//! filter-rate FILE.pcap SECONDS [EXPRESSION]
//! ```
//!
//! Without an expression it is that of the blog post that collectd-net began with. The columns are those of decode-rate.
//! Everything that belongs to a packet happens in the function `filter_packet`.

use std::env;
use std::error::Error;
use std::hint::black_box;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use collectd_net::{Filter, Item};
use collectd_net_tests::rate::{self, Counts, Figures, Packets};

const USAGE: &str = "usage: filter-rate FILE.pcap SECONDS [EXPRESSION]";
const BLOG: &str = r#""foobar" in item.host and item.plugin == "swap""#;

fn main() -> ExitCode {
    rate::print("filter-rate", run())
}

fn run() -> Result<Figures, Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let (path, seconds, expression) = match &arguments[..] {
        [path, seconds] => (path, seconds, BLOG),
        [path, seconds, expression] => (path, seconds, expression.as_str()),
        _ => return Err(USAGE.into()),
    };
    let filter: Filter = Filter::new(expression)?;
    let patience = Duration::try_from_secs_f64(seconds.parse().map_err(|_| USAGE)?)?;
    let packets = Packets::read(path)?;
    let mut counts = Counts::default();
    let contents = packets.items()?;
    contents.iter().flatten().for_each(|item| counts.count(*item));

    let mut times = Vec::new();
    let begin = Instant::now();
    loop {
        let round = Instant::now();
        for items in &contents {
            black_box(filter_packet(&Job { items, filter: &filter }));
        }
        times.push(round.elapsed());
        if begin.elapsed() >= patience {
            return Ok(Figures::new(path, &packets, counts, times));
        }
    }
}

/// A packet whose items are to be filtered.
struct Job<'a> {
    items: &'a [Item<'a>],
    filter: &'a Filter,
}

/// How many items of one packet fit. Only this function is measured.
#[inline(never)]
#[expect(unsafe_code, reason = "profilers find the function by its name")]
// SAFETY: no other function of the program or of what it is linked with has this name.
#[unsafe(no_mangle)]
extern "C" fn filter_packet(job: &Job<'_>) -> usize {
    job.items.iter().filter(|item| job.filter.matches(item)).count()
}
