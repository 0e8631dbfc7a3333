//! Sends the packets of a capture to an address of this machine, so many at such a rate, and says how many that were.
//!
//! ```sh
//! blast CAPTURE ADDRESS RATE COUNT
//! ```
//!
//! The times in the packets move on with each pass over the capture, because receivers that keep values refuse old ones. It sends
//! to the loopback and nowhere else.

use std::error::Error;
use std::net::{SocketAddr, UdpSocket};
use std::process::ExitCode;
use std::thread;
use std::time::{Duration, Instant};

use collectd_net_tests::rate::Packets;

/// Datagrams are sent in bursts this far apart.
const BURSTS: Duration = Duration::from_millis(1);
/// How far the times move on with each pass.
const PASS_SECONDS: u64 = 3600;

fn main() -> ExitCode {
    let arguments: Vec<_> = std::env::args().skip(1).collect();
    match run(&arguments) {
        Ok(sent) => {
            println!("{sent}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("blast: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run(arguments: &[String]) -> Result<u64, Box<dyn Error>> {
    let [capture, to, rate, count] = arguments else {
        return Err("usage: blast CAPTURE ADDRESS RATE COUNT".into());
    };
    let (to, rate, count): (SocketAddr, f64, u64) = (to.parse()?, rate.parse()?, count.parse()?);
    if !to.ip().is_loopback() || rate.is_nan() || rate <= 0.0 {
        return Err("it sends to the loopback, at a rate above zero".into());
    }
    let packets = Packets::read(capture)?;
    let mut datagrams = split(&packets);
    let socket = UdpSocket::bind(SocketAddr::new(to.ip(), 0))?;
    socket.connect(to)?;
    let start = Instant::now();
    let mut sent = 0;
    while sent < count {
        let due = (start.elapsed().as_secs_f64() * rate) as u64;
        while sent < due.min(count) {
            let number = usize::try_from(sent)? % datagrams.len();
            let datagram = &mut datagrams[number];
            // Whether anybody listens yet, and whether they keep up, is theirs.
            let _ = socket.send(&datagram.octets);
            datagram.move_on();
            sent += 1;
        }
        thread::sleep(BURSTS);
    }
    Ok(sent)
}

/// A packet, and where in it the times are.
struct Datagram {
    octets: Vec<u8>,
    /// Of the eight octets of a time each, and whether it counts in 2⁻³⁰ s.
    times: Vec<(usize, bool)>,
}

impl Datagram {
    fn move_on(&mut self) {
        for (place, high_resolution) in &self.times {
            if let Some(octets) = self.octets[*place..].first_chunk_mut() {
                let step = if *high_resolution { PASS_SECONDS << 30 } else { PASS_SECONDS };
                *octets = u64::from_be_bytes(*octets).wrapping_add(step).to_be_bytes();
            }
        }
    }
}

/// The packets one by one. Plain packets alone have times that can be found.
fn split(packets: &Packets) -> Vec<Datagram> {
    let mut rest = packets.octets.as_slice();
    let mut datagrams = Vec::new();
    for len in &packets.lengths {
        let (octets, others) = rest.split_at(*len);
        rest = others;
        let (mut times, mut place) = (Vec::new(), 0);
        while let Some([kind_high, kind, len_high, len]) = octets.get(place..).and_then(|part| part.first_chunk()) {
            if *kind_high == 0 && matches!(kind, 0x01 | 0x08) {
                times.push((place + 4, *kind == 0x08));
            }
            place += usize::from(u16::from_be_bytes([*len_high, *len])).max(4);
        }
        datagrams.push(Datagram { octets: octets.to_vec(), times });
    }
    datagrams
}
