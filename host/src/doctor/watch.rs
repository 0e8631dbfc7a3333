//! What arrives, at the sockets and at the interfaces, and what that tells.

use std::io;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use collectd_net::{Batched, Counters, SecurityLevel};
use collectd_tap_stream::Opened;

use super::finding::{Finding, Severity, count as plural};
use super::kernel::{self, Counts};
use super::senders::{Envelope, Senders};
use super::wire::{Flow, Wire};
use super::{Target, echo, route, targets};
use crate::listen::{Interface, Losses, ReplayFilter, Settings, interfaces};
use crate::types_db::TypesDb;
use crate::users::Users;

/// Looks at what arrives while somebody listens. Begin it when that is under way.
pub struct Watch {
    senders: Senders,
    targets: Vec<Target>,
    interfaces: Vec<Interface>,
    settings: Settings,
    wire: Result<Wire, io::Error>,
    before: Counts,
    start: Instant,
    /// How long it was listened, once that is over.
    listened: Option<Duration>,
    /// Packets to oneself, at addresses that are no groups; what was heard is taken away.
    echoes: Vec<(SocketAddr, Vec<u8>)>,
    counters: Counters,
}

impl Watch {
    /// Begins, with the settings that are listened with, the addresses that are bound, and the types that are known.
    #[must_use]
    pub fn begin(settings: &Settings, bound: &[SocketAddr], types: TypesDb) -> Self {
        let interfaces = interfaces().unwrap_or_default();
        let before = Counts::now();
        let echo = |address: &SocketAddr| {
            let packet = echo::packet();
            echo::send(address, None, &packet).ok().map(|()| (*address, packet))
        };
        let indices: Vec<_> = interfaces.iter().map(|interface| interface.index).collect();
        Self {
            senders: Senders::new(types),
            // Names without addresses have been told.
            targets: targets(settings, &mut |_| {}),
            wire: Wire::open(&indices),
            interfaces,
            settings: settings.clone(),
            before,
            start: Instant::now(),
            listened: None,
            echoes: bound.iter().filter(|address| !address.ip().is_multicast()).filter_map(echo).collect(),
            counters: Counters::new(),
        }
    }

    /// Takes a packet in that has arrived at a socket.
    pub fn packet(
        &mut self,
        packet: Batched<'_>,
        users: Option<&Users>,
        level: SecurityLevel,
        replays: Option<&ReplayFilter>,
    ) {
        if let Some(place) = self.echoes.iter().position(|(_, echo)| echo == packet.octets()) {
            self.echoes.swap_remove(place);
            return;
        }
        let envelope = Envelope::new(&packet.arrival, packet.octets(), level, users.map(Users::path));
        let packet = Opened::new(packet, users, level, replays, &mut self.counters);
        self.senders.packet(&envelope, packet);
    }

    /// Looks at what has arrived at the interfaces. Call it often.
    pub fn look(&mut self) {
        if let Ok(wire) = &mut self.wire {
            wire.look();
        }
    }

    /// Looks for the last time; what is found out after that is no longer listening.
    pub fn last_look(&mut self) {
        self.look();
        self.listened.get_or_insert_with(|| self.start.elapsed());
    }

    /// How many packets arrived at the sockets.
    #[must_use]
    pub fn packets(&self) -> u64 {
        self.senders.packets()
    }

    /// Tells what was found; `losses` are those of the sockets.
    pub fn end(mut self, losses: &Losses, tell: &mut dyn FnMut(Finding)) {
        let counts = Counts::now().since(self.before);
        self.senders.findings().into_iter().for_each(&mut *tell);
        self.losses(losses, tell);
        for (address, _) in &self.echoes {
            let message = "a packet to oneself does not come back: something on this machine drops it";
            let advice =
                "see the packet filters (nft list ruleset, iptables-save), and who else has the port (ss -lunp)";
            tell(Finding::new(Severity::Failure, "no-echo", address.to_string(), message, advice));
        }
        let explained = self.elsewhere(losses, tell);
        if counts.reverse_path > 0 && !explained.reverse_path {
            let message = format!(
                "the kernel dropped {} whose way back is another (rp_filter)",
                plural(counts.reverse_path, "packet")
            );
            let advice =
                "add routes to the senders, or sysctl -w net.ipv4.conf.all.rp_filter=2 and that of the interface";
            let finding = Finding::new(Severity::Warning, "rp-filter", "", message, advice);
            tell(finding.number("packets", counts.reverse_path));
        }
        if counts.checksum > 0 {
            let message =
                format!("{} with a wrong check sum dropped by the kernel", plural(counts.checksum, "datagram"));
            let advice =
                "on virtual machines: ethtool -K INTERFACE tx off at the sender; else look for a bad cable or device";
            tell(
                Finding::new(Severity::Warning, "bad-checksum", "", message, advice).number("packets", counts.checksum),
            );
        }
        let unfinished = self.wire.as_mut().map_or(0, Wire::unfinished).max(counts.fragments);
        if unfinished > 0 {
            let message = format!("{} came in fragments, and not all of those", plural(unfinished, "datagram"));
            let advice = "have senders send what fits into a frame: MaxPacketSize 1452; or let fragments pass the filters between";
            tell(Finding::new(Severity::Warning, "fragments", "", message, advice).number("packets", unfinished));
        }
        if self.packets() == 0 {
            tell(self.nothing(explained.anything));
        }
    }

    fn losses(&self, losses: &Losses, tell: &mut dyn FnMut(Finding)) {
        let heard = self.packets();
        let share = |lost: u64| {
            let share = 100.0 * lost as f64 / (lost + heard).max(1) as f64;
            if share < 1.0 { format!("{share:.2}") } else { format!("{share:.0}") }
        };
        if losses.kernel > 0 {
            let message = format!(
                "{} % lost in the kernel: {}, because the receive buffer was full",
                share(losses.kernel),
                plural(losses.kernel, "datagram")
            );
            let octets = self.settings.receive_buffer.saturating_mul(4);
            let advice = format!(
                "sysctl -w net.core.rmem_max={octets}, and --receive-buffer {octets}; or see why the machine is slow"
            );
            tell(Finding::new(Severity::Warning, "kernel-loss", "", message, advice).number("lost", losses.kernel));
        }
        if losses.queue > 0 {
            let message = format!("{} % lost in the queue: {}", share(losses.queue), plural(losses.queue, "datagram"));
            tell(
                Finding::new(Severity::Warning, "queue-loss", "", message, "give it more with --queue")
                    .number("lost", losses.queue),
            );
        }
        if losses.errors > 0 {
            let message = format!("receiving failed {}", plural(losses.errors, "time"));
            let advice = "look at 'journalctl -k' for what the network card says";
            tell(
                Finding::new(Severity::Warning, "receive-errors", "", message, advice).number("errors", losses.errors),
            );
        }
        if losses.sources > 0 {
            let message = format!(
                "{} came from senders that are not among --allowed-sources",
                plural(losses.sources, "datagram")
            );
            let finding = Finding::new(Severity::Warning, "source-not-allowed", "", message, "add the senders there");
            tell(finding.number("packets", losses.sources));
        }
    }

    /// Tells of packets that reach an interface, but no socket of ours.
    fn elsewhere(&self, losses: &Losses, tell: &mut dyn FnMut(Finding)) -> Explained {
        let mut explained = Explained::default();
        let wire = match &self.wire {
            Ok(wire) => wire,
            Err(error) => {
                let message = format!("what reaches the interfaces could not be looked at: {error}");
                let advice = "run as root, or with the right CAP_NET_RAW, to know of other groups and ports, and of what is dropped";
                tell(Finding::new(Severity::Note, "wire-unseen", "", message, advice));
                return explained;
            }
        };
        let mut flows: Vec<_> = wire.flows().iter().collect();
        flows.sort_by_key(|(flow, _)| (flow.from, flow.to, flow.interface));
        for (flow, count) in flows {
            let interface = self.interfaces.iter().find(|interface| interface.index == flow.interface);
            let Some(finding) = self.flow(flow, *count, interface, losses) else { continue };
            explained.anything = true;
            explained.reverse_path |= finding.word == "rp-filter";
            tell(finding.number("packets", *count));
        }
        explained
    }

    fn flow(&self, flow: &Flow, count: u64, interface: Option<&Interface>, losses: &Losses) -> Option<Finding> {
        let Flow { from, to, .. } = flow;
        let name = interface.map_or("an interface that is gone", |interface| interface.name.as_str());
        let about = from.to_string();
        let (heard, packets) = (self.senders.packets_from(from)?, plural(count, "packet"));
        let targets: Vec<_> = self.targets.iter().filter(|target| target.gets(to)).collect();
        if targets.is_empty() {
            return Some(self.another_address(flow, name));
        }
        // What the sockets had no room for is told for all senders together.
        let missing = count.saturating_sub(heard.saturating_add(losses.kernel).saturating_add(losses.queue));
        if heard > 0 || missing == 0 {
            let message = format!("{missing} of {count} packets to {to} that reached {name} did not reach the socket");
            let advice = "see the packet filters (nft list ruleset) for what drops some, such as a limit";
            // A few may be under way.
            return (missing > 2).then(|| Finding::new(Severity::Warning, "some-dropped", about, message, advice));
        }
        // That is counted where it is done.
        let allowed = &self.settings.allowed_sources;
        if !allowed.is_empty() && !allowed.iter().any(|network| network.contains(&from.ip())) {
            return None;
        }
        let sources: Vec<_> = targets.iter().map(|target| target.endpoint.source).collect();
        let (word, message, advice) = if !self.is_wanted_at(to, interface) {
            // Ports of bridges and the like see what their masters see.
            if self.is_seen_where_wanted(flow) {
                return None;
            }
            let message = format!("{packets} to {to} reached {name}, which is not listened on");
            ("other-interface", message, format!("-i {name}"))
        } else if !sources.iter().any(|source| source.is_none_or(|source| source == from.ip())) {
            let message = format!("{packets} to {to} came from it, and another source is to be heard");
            ("other-source", message, format!("-L {to},source={}", from.ip()))
        } else if let Some(way_back) = reverse_path(from.ip(), flow.interface, name) {
            let message =
                format!("{packets} to {to} reached {name}, and the kernel dropped them (rp_filter): {way_back}");
            let advice = format!(
                "ip route add {}/32 dev {name} (or the sender's network), or sysctl -w net.ipv4.conf.all.rp_filter=0 \
                 net.ipv4.conf.{name}.rp_filter=0",
                from.ip()
            );
            ("rp-filter", message, advice)
        } else {
            let message =
                format!("{packets} to {to} reached {name}, but not the socket: a packet filter or the like drops them");
            let advice = format!(
                "let them pass: nft insert rule inet TABLE CHAIN udp dport {} accept; see 'nft list ruleset'",
                to.port()
            );
            ("dropped", message, advice)
        };
        Some(Finding::new(Severity::Failure, word, about, message, advice))
    }

    /// Whether what is sent to this address is to be heard at this interface.
    fn is_wanted_at(&self, to: &SocketAddr, interface: Option<&Interface>) -> bool {
        let mut targets = self.targets.iter().filter(|target| target.gets(to));
        // At which interface an address of this machine is reached does not matter, unless one is named.
        targets.any(|target| {
            let is_for = |interface| target.is_for(interface);
            target.names.is_empty() && !to.ip().is_multicast() || interface.is_none_or(is_for)
        })
    }

    fn is_seen_where_wanted(&self, flow: &Flow) -> bool {
        let flows = self.wire.iter().flat_map(|wire| wire.flows().keys());
        let mut others = flows.filter(|other| (other.from, other.to) == (flow.from, flow.to));
        others.any(|other| {
            let interface = self.interfaces.iter().find(|interface| interface.index == other.interface);
            other.interface != flow.interface && self.is_wanted_at(&other.to, interface)
        })
    }

    /// What is sent to where nobody listens.
    fn another_address(&self, flow: &Flow, name: &str) -> Finding {
        let Flow { from, to, .. } = flow;
        let is_wanted = |target: &Target| target.address.ip() == to.ip();
        let (word, what) = if self.targets.iter().any(is_wanted) {
            ("other-port", format!("another port, {}", to.port()))
        } else if to.ip().is_multicast() {
            ("other-group", "another group".into())
        } else {
            ("other-address", "an address of this machine".into())
        };
        let message = format!("sends what looks like collectd's packets to {what}: {to}, on {name}");
        let advice = format!("listen there, too: -L {to}; or have it send to where you listen");
        // Who sends to several places is not missing.
        let severity = if self.senders.knows(from.ip()) { Severity::Note } else { Severity::Warning };
        Finding::new(severity, word, from.to_string(), message, advice)
    }

    fn nothing(&self, is_explained: bool) -> Finding {
        let waited = self.listened.unwrap_or_else(|| self.start.elapsed());
        let places: Vec<_> = self.targets.iter().map(|target| target.address.to_string()).collect();
        let message = format!("no packet for {} in {} s", places.join(" or "), seconds(waited));
        let advice = match (&self.wire, is_explained) {
            (_, true) => "see above for where it goes to".to_owned(),
            (Ok(_), _) => "nothing of collectd's reaches any interface: see on a sender that its network plugin has a Server of this \
                           group and port, that TimeToLive is above the number of routers between (its default is 1 on multicast), and \
                           that the interface it sends from is in this network; on a switch, that IGMP snooping has a querier. A \
                           collectd sends when a packet is full, so wait longer (--duration 5m) if it sends little"
                .to_owned(),
            (Err(_), _) => "run as root to see whether anything reaches the interfaces; see on a sender that its network plugin has a \
                            Server of this group and port"
                .to_owned(),
        };
        Finding::new(Severity::Failure, "nothing-heard", "", message, advice)
    }
}

/// Seconds as people say them: whole ones, and of a few also tenths.
fn seconds(time: Duration) -> String {
    let tenths = (time.as_secs_f64() * 10.0).round() / 10.0;
    if tenths >= 10.0 { format!("{tenths:.0}") } else { tenths.to_string() }
}

/// What packets at interfaces have told already.
#[derive(Clone, Copy, Debug, Default)]
struct Explained {
    anything: bool,
    reverse_path: bool,
}

/// Why the kernel drops what comes from this address over this interface, if it does because of the way back.
fn reverse_path(from: IpAddr, index: u32, name: &str) -> Option<String> {
    let mode = kernel::greater_of_all_and(name, "rp_filter");
    if mode == 0 || from.is_ipv6() {
        return None;
    }
    match route::interface_to(from) {
        Err(error) => Some(format!("there is no way back to it ({error})")),
        Ok(other) if other != index && mode == 1 => {
            let other = nix::net::if_::if_indextoname(other).map(|name| name.to_string_lossy().into_owned());
            Some(format!("the way back to it is {}", other.unwrap_or_else(|_| "another interface".into())))
        }
        Ok(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_told_as_they_were_asked_for() {
        for (millis, expected) in [(1_043, "1"), (1_500, "1.5"), (320, "0.3"), (0, "0"), (9_960, "10"), (15_200, "15")]
        {
            assert_eq!(seconds(Duration::from_millis(millis)), expected);
        }
    }
}
