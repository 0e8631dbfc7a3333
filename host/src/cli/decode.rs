//! `collectd-tap decode`: captures, and files that are one packet.

use std::fs::File;
use std::io::{self, BufReader, Read};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use collectd_net::{Arrival, Batched, Counters, PORT};
use collectd_tap_stream::Opened;

use super::output::{Count, Output, Summary};
use super::{Exit, Failure, Printing, base_name, complain, passwords, say, shown};
use crate::capture::{Capture, Skipped};
use crate::sink::Origin;
use crate::users::Users;

/// Longer than any packet, so that a wrong file is noticed before it fills the memory.
const MAX_PACKET: u64 = 65_536;

#[derive(Debug, clap::Args)]
pub(super) struct Decode {
    /// Captures (pcap, pcapng), files that are one packet (*.bin), or - for a capture on standard input
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Take the datagrams of a capture that go to this UDP port, or to any
    #[arg(short, long, value_name = "PORT", default_value_t = Port::default())]
    port: Port,
    #[command(flatten)]
    printing: Printing,
}

#[cfg(feature = "config")]
impl Decode {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.printing.check()
    }
}

/// The UDP port to take; none stands for any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Port(Option<u16>);

impl Port {
    /// Whether datagrams to this port are taken.
    pub(super) fn takes(self, port: u16) -> bool {
        self.0.is_none_or(|taken| taken == port)
    }

    /// The port; none stands for any.
    #[cfg(any(feature = "tui", feature = "web"))]
    pub(super) const fn number(self) -> Option<u16> {
        self.0
    }
}

impl Default for Port {
    fn default() -> Self {
        Self(Some(PORT))
    }
}

impl FromStr for Port {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "any" => Ok(Self(None)),
            _ => text.parse().map(|port| Self(Some(port))).map_err(|_| "a port is a number up to 65535, or any"),
        }
    }
}

impl std::fmt::Display for Port {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self.0 {
            Some(port) => port.fmt(f),
            None => f.write_str("any"),
        }
    }
}

pub(super) fn run(arguments: &Decode) -> Result<Exit, Failure> {
    let mut decode = Run {
        users: passwords::open(
            arguments.printing.opening.auth_file.as_deref(),
            arguments.printing.opening.security_level,
        )?,
        output: Output::new(&arguments.printing)?,
        printing: &arguments.printing,
        port: arguments.port,
        counters: Counters::new(),
        other_ports: 0,
        failed: false,
    };
    decode.output.start();
    for path in &arguments.files {
        if decode.output.is_done() {
            break;
        }
        decode.file(path)?;
    }
    decode.output.finish()?;

    let mut summary = Summary(&decode.counters).to_string();
    if decode.other_ports > 0 {
        summary += &format!(", {} to other ports left out", Count(decode.other_ports, "datagram"));
    }
    say(format_args!("{summary}"));
    Ok(match () {
        () if decode.failed => Exit::Failed,
        () if arguments.printing.strict && decode.counters.refused() > 0 => Exit::Rejected,
        () => Exit::Done,
    })
}

struct Run<'a> {
    users: Option<Users>,
    output: Output<'a>,
    printing: &'a Printing,
    port: Port,
    counters: Counters,
    other_ports: u64,
    /// Whether some file was not what it should be.
    failed: bool,
}

impl Run<'_> {
    /// Prints the packets of a file. What is wrong with the file is said, and the next one follows.
    fn file(&mut self, path: &Path) -> Result<(), Failure> {
        let opened = match path.to_str() {
            Some("-") => return self.capture(path, io::stdin().lock()),
            _ => File::open(path),
        };
        let file = match opened {
            Ok(file) => file,
            Err(error) => {
                self.complain(path, &error);
                return Ok(());
            }
        };
        if path.extension().is_some_and(|extension| extension.eq_ignore_ascii_case("bin")) {
            self.packet(path, file)
        } else {
            self.capture(path, BufReader::with_capacity(1 << 16, file))
        }
    }

    /// A file that is one packet.
    fn packet(&mut self, path: &Path, file: File) -> Result<(), Failure> {
        let mut octets = Vec::new();
        match file.take(MAX_PACKET).read_to_end(&mut octets) {
            Ok(length) if length as u64 == MAX_PACKET => self.complain(path, &"too long for a packet"),
            Ok(_) => {
                let len = octets.len();
                self.print(&mut octets, len, &Origin { source: &base_name(path), number: None, from: None })?;
            }
            Err(error) => self.complain(path, &error),
        }
        Ok(())
    }

    fn capture(&mut self, path: &Path, read: impl Read) -> Result<(), Failure> {
        let mut capture = match Capture::new(read) {
            Ok(capture) => capture,
            Err(error) => {
                self.complain(path, &format_args!("{error} (files that are one packet are called *.bin)"));
                return Ok(());
            }
        };
        let source = base_name(path);
        let mut number = 0;
        for datagram in &mut capture {
            let mut datagram = match datagram {
                Ok(datagram) => datagram,
                Err(error) => {
                    self.complain(path, &error);
                    continue;
                }
            };
            if !self.port.takes(datagram.to.port()) {
                self.other_ports += 1;
                continue;
            }
            number += 1;
            // How much longer than the capture it was is not known, only that it was.
            let len = datagram.payload.len() + usize::from(datagram.truncated);
            let origin = Origin { source: &source, number: Some(number), from: Some(datagram.from) };
            self.print(&mut datagram.payload, len, &origin)?;
            if self.output.is_done() {
                break;
            }
        }
        tell_skipped(path, &capture.skipped());
        Ok(())
    }

    fn print(&mut self, octets: &mut [u8], len: usize, origin: &Origin<'_>) -> Result<(), Failure> {
        let arrival = Arrival { len, from: origin.from };
        let level = self.printing.opening.security_level;
        self.output.packet_start(octets);
        let packet = Batched::new(arrival, octets);
        let packet = Opened::new(packet, self.users.as_ref(), level, None, &mut self.counters);
        self.output.print(packet, origin, &mut |_| true)
    }

    fn complain(&mut self, path: &Path, problem: &dyn std::fmt::Display) {
        self.failed = true;
        complain(format_args!("{}: {problem}", shown(path.as_os_str())));
    }
}
/// Says what was left out of a capture.
pub(super) fn tell_skipped(path: &Path, skipped: &Skipped) {
    for (count, what) in [
        (skipped.malformed, "frames with contradictory headers"),
        (skipped.cut, "frames cut off in their headers"),
        (skipped.unknown_link, "frames of an unknown link type"),
        (skipped.unfinished, "datagrams of which fragments are missing"),
    ] {
        if count > 0 {
            complain(format_args!("{}: left out {count} {what}", shown(path.as_os_str())));
        }
    }
}
