//! The flags that say where to listen, whom to hear, and what to do when it is too much.

use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use super::worker::Report;
use super::{Failure, duration};
#[cfg(feature = "config")]
use super::{check::Finding, passwords, printing::Opening};
#[cfg(feature = "config")]
use crate::listen::Profile;
use crate::listen::{DropPolicy, Endpoint, ListenError, Settings, network};

/// Why listening did not begin, and what there is for it.
pub(super) fn failure(error: &ListenError) -> Failure {
    match error {
        ListenError::UnknownInterface(_) => Failure::Usage(format!("{error} (--wait waits for one)")),
        _ if error.is_usage() => Failure::Usage(error.to_string()),
        _ => Failure::Runtime(error.to_string()),
    }
}

/// How long `--dedup` remembers, if it does not say.
const DEDUP: &str = "60s";

#[derive(Debug, clap::Args)]
pub(super) struct Listening {
    #[command(flatten)]
    hearing: Hearing,
    /// Refuse sealed packets that were opened within this time before; it takes both copies of a collectd that signs for two
    /// groups for one
    #[arg(long, value_name = "TIME", value_parser = duration)]
    replay_window: Option<Duration>,
    /// Decode on this many threads; what one sender sends stays in order. With --count, one does it all
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u16).range(1..=256))]
    workers: u16,
}

/// Where to listen, and whom to hear, whatever becomes of it.
#[derive(Debug, clap::Args)]
pub(super) struct Hearing {
    /// Listen here instead of on the default groups: a group is joined, another address bound; may be repeated. Options:
    /// source=ADDRESS (of a group, hear this sender alone), security-level=LEVEL, auth-file=FILE
    #[arg(short = 'L', long, value_name = "HOST[:PORT][%IFACE][,OPTION=VALUE]...")]
    listen: Vec<Endpoint>,
    /// Listen on this interface instead of on all; may be repeated
    #[arg(short, long, value_name = "NAME")]
    interface: Vec<String>,
    /// Wait for named interfaces that do not exist yet, instead of taking them for misspelt
    #[arg(long)]
    wait: bool,
    /// Hear these senders alone: addresses and networks such as 10.0.0.0/8,fd00::/8; others are counted, not decoded
    #[arg(long, value_name = "CIDR,...", value_delimiter = ',', value_parser = network)]
    allowed_sources: Vec<ipnet::IpNet>,
    /// Leave out what was heard within this time before, over another interface, group or relay
    #[arg(long, value_name = "TIME", value_parser = duration, num_args = 0..=1, require_equals = true, default_missing_value = DEDUP)]
    dedup: Option<Duration>,
    /// Octets of receive buffer to ask the kernel for, which gives twice as much if it may (64K, 4M)
    #[arg(long, value_name = "SIZE", default_value = "4M", value_parser = size)]
    receive_buffer: usize,
    /// Octets of a packet to take in; longer ones are truncated and counted
    #[arg(long, value_name = "SIZE", default_value = "65535", value_parser = packet_size)]
    max_packet_size: usize,
    /// Octets of memory for packets that wait to be decoded
    #[arg(long, value_name = "SIZE", default_value = "64M", value_parser = size)]
    queue: usize,
    /// What to drop when they take more: the newest, or the oldest
    #[arg(long, value_name = "WHICH", default_value_t, value_parser = drop_policy(), hide_possible_values = true)]
    drop: DropPolicy,
}

/// What is printed of what arrives.
#[derive(Debug, clap::Args)]
pub(super) struct Reporting {
    /// Print a line for each sender and second instead of items
    #[arg(long, conflicts_with = "count_only")]
    summary: bool,
    /// Print no items, only how many there were at the end
    #[arg(long)]
    count_only: bool,
}

impl Reporting {
    pub(super) const fn report(&self) -> Report {
        match (self.summary, self.count_only) {
            (true, _) => Report::Seconds,
            (_, true) => Report::Nothing,
            _ => Report::Items,
        }
    }
}

impl Listening {
    /// Where to listen, and how; `one_by_one` if a single worker must see everything.
    pub(super) fn settings(&self, one_by_one: bool) -> Settings {
        Settings {
            workers: if one_by_one { 1 } else { self.workers.into() },
            replay_window: self.replay_window,
            ..self.hearing.settings()
        }
    }

    /// What is wrong with these settings on this machine.
    #[cfg(feature = "config")]
    pub(super) fn check(&self, opening: &Opening) -> Vec<Finding> {
        let has_own = |endpoint: &Endpoint| endpoint.profile != Profile::default();
        let listen = &self.hearing.listen;
        let all_have_own = !listen.is_empty() && listen.iter().all(has_own);
        let mut findings = if all_have_own { Vec::new() } else { opening.check() };
        findings.extend(self.hearing.check());
        for Endpoint { profile, .. } in listen.iter().filter(|endpoint| has_own(endpoint)) {
            let path = profile.auth_file.as_ref().or(opening.auth_file.as_ref());
            let level = profile.security_level.unwrap_or(opening.security_level);
            findings.extend(passwords::check(("listen", path.map(AsRef::as_ref)), ("listen", level)));
        }
        findings
    }
}

impl Hearing {
    /// Where to listen, and how.
    pub(super) fn settings(&self) -> Settings {
        Settings {
            endpoints: self.listen.clone(),
            interfaces: self.interface.clone(),
            wait_for_interfaces: self.wait,
            receive_buffer: self.receive_buffer,
            max_packet: self.max_packet_size,
            queue: self.queue,
            drop_policy: self.drop,
            allowed_sources: self.allowed_sources.clone(),
            dedup: self.dedup,
            ..Settings::default()
        }
    }

    /// What is wrong with these settings on this machine.
    #[cfg(feature = "config")]
    pub(super) fn check(&self) -> Vec<Finding> {
        // Whoever waits for interfaces may name what is not there yet.
        let unknown = |setting, name: &str| Finding::unknown_interface(setting, name).filter(|_| !self.wait);
        let mut findings: Vec<_> = self.interface.iter().filter_map(|name| unknown("interface", name)).collect();
        for endpoint in &self.listen {
            let address = &endpoint.address;
            findings.extend(address.interface.iter().filter_map(|name| unknown("listen", name)));
            if let Some(error) = endpoint.without_interface(&self.interface) {
                findings.push(Finding::error("listen", error.to_string()));
            }
            if let Err(error) = address.resolve() {
                // It is tried again until it has one.
                findings.push(Finding::warning("listen", format!("cannot resolve {address}: {error}")));
            }
        }
        findings
    }
}

fn drop_policy() -> impl TypedValueParser<Value = DropPolicy> {
    PossibleValuesParser::new(["newest", "oldest"]).try_map(|which| which.parse::<DropPolicy>())
}

/// A number of octets: `65536`, `64K`, `4M`, `1G`.
pub(super) fn octets(text: &str) -> Option<u64> {
    let digits = text.trim_end_matches(|letter: char| !letter.is_ascii_digit());
    let shift = match text.get(digits.len()..)? {
        "" => 0,
        "k" | "K" | "KiB" => 10,
        "m" | "M" | "MiB" => 20,
        "g" | "G" | "GiB" => 30,
        _ => return None,
    };
    digits.parse::<u64>().ok()?.checked_mul(1 << shift)
}

/// A size of memory; the kernel takes 31 bits, and doubles them.
pub(super) fn size(text: &str) -> Result<usize, String> {
    let octets = octets(text).ok_or("a size is written as 65536, 64K, 4M or 1G")?;
    let size = usize::try_from(octets).ok().filter(|octets| (1..=1 << 30).contains(octets));
    size.ok_or_else(|| "a size is from 1 to 1G".into())
}

pub(super) fn packet_size(text: &str) -> Result<usize, String> {
    match size(text)? {
        octets @ 64..=65_535 => Ok(octets),
        _ => Err("packets have from 64 to 65535 octets".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_have_units_or_are_octets() {
        for (text, octets) in [("1", 1), ("65536", 65_536), ("64K", 65_536), ("4M", 4 << 20), ("1GiB", 1 << 30)] {
            assert_eq!(size(text), Ok(octets), "{text}");
        }
        for text in ["", "0", "K", "4T", "-1", "1.5M", "2G", "99999999999999999999", "4 M"] {
            assert!(size(text).is_err(), "{text}");
        }
        assert!(packet_size("63").is_err() && packet_size("64K").is_err() && packet_size("1452").is_ok());
    }
}
