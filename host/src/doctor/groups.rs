//! Groups: joined for a moment on each interface, with a packet to oneself.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::net::IpAddr;

use nix::libc;

use super::echo::{self, Echo};
use super::finding::{Finding, Severity};
use super::links::Link;
use super::membership::{self, Membership};
use super::{Target, kernel, route};
use crate::listen::{Interface, Probe};

/// The groups among what is to be listened on, and where they are to be joined.
pub(super) struct Groups<'a> {
    groups: Vec<&'a Target>,
    /// With interfaces that cannot work: those are told of elsewhere.
    links: Vec<(&'a Interface, Link)>,
    /// Memberships before any of ours.
    before: Vec<Membership>,
    /// The version of IGMP that each interface speaks.
    versions: Vec<(String, u8)>,
}

/// How it went with a group on an interface.
enum Outcome {
    Heard,
    Lost,
    NotSent(io::Error),
    /// Joined, without a packet to itself.
    Joined,
    /// The kernel says yes, but does not list it.
    Unlisted,
    /// The family is turned off there; the kernel joins all the same.
    Disabled,
    NotJoined(io::Error),
}

impl<'a> Groups<'a> {
    pub(super) fn new(targets: &'a [Target], interfaces: &'a [Interface]) -> Self {
        let (before, versions) = memberships();
        Self {
            groups: targets.iter().filter(|target| target.address.ip().is_multicast()).collect(),
            links: interfaces.iter().map(|interface| (interface, Link::of(interface))).collect(),
            before,
            versions,
        }
    }

    /// Tells what the kernel is set to that keeps groups away.
    pub(super) fn look_at_settings(&self, tell: &mut dyn FnMut(Finding)) {
        for (interface, link) in &self.links {
            let is_wanted = |is_v4: bool| {
                self.groups.iter().any(|group| group.address.is_ipv4() == is_v4 && group.is_for(interface))
            };
            if link.is_loopback() || !link.works() {
                continue;
            }
            let name = &interface.name;
            if is_wanted(false) && !link.is_without_ipv6() {
                self.look_at_mld(name, tell);
            }
            if !is_wanted(true) {
                continue;
            }
            if kernel::greater_of_all_and(name, "rp_filter") == 1 {
                let message = "rp_filter is strict: what a sender sends is dropped if the way back to it is another interface, or none";
                let advice = format!(
                    "if a sender is missing whose network has no route over {name}: add the route, or sysctl -w \
                     net.ipv4.conf.all.rp_filter=2 net.ipv4.conf.{name}.rp_filter=2"
                );
                tell(Finding::new(Severity::Note, "rp-filter-strict", name, message, advice));
            }
            self.look_at_igmp(name, tell);
        }
        let limit = kernel::setting::<u64>("ipv4/igmp_max_memberships");
        let wanted = self.groups.iter().filter(|target| target.address.is_ipv4());
        let wanted =
            wanted.flat_map(|group| self.links.iter().filter(|(interface, _)| group.is_for(interface))).count();
        if let Some(limit) = limit
            && limit > 0
            && u64::try_from(wanted).is_ok_and(|wanted| wanted > limit)
        {
            let message =
                format!("{wanted} memberships are wanted, and a socket takes {limit}: several sockets are opened");
            let advice =
                format!("nothing here; a collectd would need sysctl -w net.ipv4.igmp_max_memberships={wanted}");
            tell(Finding::new(Severity::Note, "many-memberships", "", message, advice));
        }
        let mut told = BTreeSet::new();
        for target in &self.groups {
            if !self.links.iter().any(|(interface, link)| link.is_loopback() && target.is_for(interface))
                || !told.insert(target.address.ip())
            {
                continue;
            }
            if let Err(error) = route::interface_to(target.address.ip()) {
                let message =
                    format!("there is no route to the group ({error}); receiving needs none, but sending does");
                let advice =
                    "for a sender on this machine, name the interface in its configuration, or add a default route";
                tell(Finding::new(Severity::Note, "no-route", target.address.to_string(), message, advice));
            }
        }
    }

    fn look_at_igmp(&self, name: &str, tell: &mut dyn FnMut(Finding)) {
        let forced = kernel::greater_of_all_and(name, "force_igmp_version");
        let spoken =
            self.versions.iter().find(|(interface, _)| interface == name).map(|(_, version)| u32::from(*version));
        let (is_low, how) = match (forced, spoken) {
            (1 | 2, _) => (true, format!("IGMP version {forced} is forced")),
            (_, Some(version @ (1 | 2))) => (true, format!("a router or switch there speaks IGMP version {version}")),
            _ => (false, String::new()),
        };
        if is_low {
            let message = format!("{how}; groups can be joined, but not for one sender (source=)");
            let advice =
                format!("sysctl -w net.ipv4.conf.{name}.force_igmp_version=0, and see what the querier is set to");
            tell(Finding::new(self.severity_without_sources(true), "igmp-version", name, message, advice));
        }
    }

    fn look_at_mld(&self, name: &str, tell: &mut dyn FnMut(Finding)) {
        if kernel::greater_of_all_and_v6(name, "force_mld_version") == 1 {
            let message = "MLD version 1 is forced; groups can be joined, but not for one sender (source=)";
            let advice =
                format!("sysctl -w net.ipv6.conf.all.force_mld_version=0 net.ipv6.conf.{name}.force_mld_version=0");
            tell(Finding::new(self.severity_without_sources(false), "mld-version", name, message, advice));
        }
    }

    /// How bad it is that groups of this family cannot be joined for one sender.
    fn severity_without_sources(&self, is_v4: bool) -> Severity {
        let mut groups = self.groups.iter().filter(|target| target.address.is_ipv4() == is_v4);
        if groups.any(|target| target.endpoint.source.is_some()) { Severity::Warning } else { Severity::Note }
    }

    /// Joins each group that is `heard` on each of its interfaces, sends a packet through it, and tells what became of it.
    pub(super) fn try_out(&mut self, heard: &[&Target], tell: &mut dyn FnMut(Finding)) {
        let works = |targets: &[(&Target, Vec<(&Interface, Outcome)>)], target: &Target| {
            targets.iter().any(|(other, outcomes)| {
                !std::ptr::eq(*other, target) && outcomes.iter().any(|(_, outcome)| matches!(outcome, Outcome::Heard))
            })
        };
        let mut all = Vec::new();
        for target in self.groups.iter().filter(|target| heard.iter().any(|other| std::ptr::eq(*other, **target))) {
            let links = self.links.iter().filter(|(interface, link)| link.works() && target.is_for(interface));
            let outcomes: Vec<_> =
                links.map(|(interface, link)| (*interface, self.one(target, interface, link))).collect();
            all.push((*target, outcomes));
        }
        for (target, outcomes) in &all {
            let others_work = !target.is_named && works(&all, target);
            self.tell_outcomes(target, outcomes, others_work, tell);
        }
    }

    fn one(&self, target: &Target, interface: &Interface, link: &Link) -> Outcome {
        if target.address.is_ipv6() && link.is_without_ipv6() {
            return Outcome::Disabled;
        }
        let probe = match Probe::join(&target.address, target.endpoint.source, interface) {
            Ok(probe) => probe,
            Err(error) => return Outcome::NotJoined(error),
        };
        let (joined, _) = memberships();
        let is_listed =
            |membership: &Membership| membership.group == target.address.ip() && membership.interface == interface.name;
        // Without /proc, nothing is listed at all.
        if !joined.is_empty() && !joined.iter().any(is_listed) {
            return Outcome::Unlisted;
        }
        // What comes from this machine is not from the one sender that is to be heard.
        if target.endpoint.source.is_some() {
            return Outcome::Joined;
        }
        match echo::through(&probe, &target.address, interface) {
            Echo::Heard => Outcome::Heard,
            Echo::Lost => Outcome::Lost,
            Echo::NotSent(error) => Outcome::NotSent(error),
        }
    }

    fn tell_outcomes(
        &self,
        target: &Target,
        outcomes: &[(&Interface, Outcome)],
        others_work: bool,
        tell: &mut dyn FnMut(Finding),
    ) {
        let about = target.address.to_string();
        let names = |wanted: fn(&Outcome) -> bool| {
            let names =
                outcomes.iter().filter(|(_, outcome)| wanted(outcome)).map(|(interface, _)| interface.name.as_str());
            names.collect::<Vec<_>>().join(", ")
        };
        let joined = names(|outcome| !matches!(outcome, Outcome::NotJoined(_) | Outcome::Unlisted | Outcome::Disabled));
        if !joined.is_empty() {
            let mut others: Vec<_> =
                self.before.iter().filter(|membership| membership.group == target.address.ip()).collect();
            others.dedup();
            let others: Vec<_> = others.iter().map(|membership| membership.interface.as_str()).collect();
            let others = match others.as_slice() {
                [] => String::new(),
                others => format!("; another program has joined it on {}", others.join(", ")),
            };
            tell(Finding::okay("joined", &about, format!("joined on {joined}{others}")));
        }
        let heard = names(|outcome| matches!(outcome, Outcome::Heard));
        if !heard.is_empty() {
            tell(Finding::okay("echo", &about, format!("a packet to oneself comes back through {heard}")));
        }
        let is_real = |interface: &Interface| {
            self.links.iter().any(|(other, link)| other.index == interface.index && !link.is_loopback())
        };
        let works_somewhere = outcomes
            .iter()
            .any(|(interface, outcome)| matches!(outcome, Outcome::Heard | Outcome::Joined) && is_real(interface));
        for (interface, outcome) in outcomes {
            let is_named = !target.names.is_empty();
            let needed = is_named || is_real(interface) && !works_somewhere && !others_work;
            let severity = if needed { Severity::Failure } else { Severity::Warning };
            if let Some(finding) = self.outcome(target, interface, outcome, severity) {
                tell(finding);
            }
        }
    }

    fn outcome(
        &self,
        target: &Target,
        interface: &Interface,
        outcome: &Outcome,
        severity: Severity,
    ) -> Option<Finding> {
        let (about, name) = (target.address.to_string(), &interface.name);
        let link = self.links.iter().find(|(other, _)| other.index == interface.index).map(|(_, link)| link);
        let less = if severity == Severity::Failure { severity } else { Severity::Note };
        let (severity, word, message, advice) = match outcome {
            Outcome::Heard | Outcome::Joined => return None,
            // Without a route of its own there, the loopback takes no group of IPv6, and nobody sends one there.
            Outcome::NotSent(_) if link.is_some_and(Link::is_loopback) => return None,
            Outcome::Disabled => (
                less,
                "ipv6-disabled",
                format!("IPv6 is turned off on {name}"),
                format!("sysctl -w net.ipv6.conf.{name}.disable_ipv6=0, or have senders use the group of IPv4"),
            ),
            Outcome::NotJoined(error) if error.raw_os_error() == Some(libc::ENOBUFS) => {
                let limit = kernel::setting::<u64>("ipv4/igmp_max_memberships").unwrap_or_default();
                (
                    Severity::Failure,
                    "membership-limit",
                    format!("cannot be joined on {name}: no socket takes more than {limit} memberships"),
                    "sysctl -w net.ipv4.igmp_max_memberships=20 (IPv6: net.core.optmem_max)".into(),
                )
            }
            Outcome::NotJoined(error) => (
                less,
                "not-joined",
                format!("cannot be joined on {name}: {error}"),
                "see whether the interface does this family, and multicast".into(),
            ),
            Outcome::Unlisted => (
                severity,
                "not-joined",
                format!("the kernel does not list the group at {name} though it was joined"),
                "look at 'ip maddress show' while this runs".into(),
            ),
            Outcome::Lost => (
                severity,
                "no-echo",
                format!("a packet to oneself through {name} does not come back: something on this machine drops it"),
                "see the packet filters (nft list ruleset, iptables-save), and what else looks at packets (eBPF, a security module)"
                    .into(),
            ),
            Outcome::NotSent(error) if error.raw_os_error() == Some(libc::EPERM) => (
                Severity::Note,
                "echo-not-sent",
                format!("a packet to oneself through {name} cannot be sent: a packet filter forbids it"),
                "receiving may work all the same; see the rules for output".into(),
            ),
            Outcome::NotSent(error) => {
                let reason = match link.is_some_and(|link| link.has_address(target.address.ip())) {
                    true => String::new(),
                    false => ", which has no address of this family".into(),
                };
                (
                    Severity::Note,
                    "echo-not-sent",
                    format!("a packet to oneself through {name}{reason} cannot be sent: {error}"),
                    "receiving works without; for sending, give the interface an address".into(),
                )
            }
        };
        Some(Finding::new(severity, word, about, message, advice))
    }
}

/// What the kernel lists: memberships, and versions of IGMP.
fn memberships() -> (Vec<Membership>, Vec<(String, u8)>) {
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let (mut memberships, versions) = membership::parse_igmp(&read("/proc/net/igmp"));
    memberships.extend(membership::parse_igmp6(&read("/proc/net/igmp6")));
    memberships.retain(|membership| matches!(membership.group, IpAddr::V4(_) | IpAddr::V6(_)));
    (memberships, versions)
}
