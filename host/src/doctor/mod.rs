//! Why nothing is received: this machine looked at, and then what arrives.
//!
//! ```text
//! Settings → examine → findings about interfaces, groups, ports, filters, buffers
//!               │
//!               └→ what can be listened on → Watch → findings about senders, and about what arrives elsewhere
//! ```
//!
//! No setting is changed, and nothing leaves the machine but the kernel's reports that groups are joined. What may not be looked at,
//! for lack of rights, is said to be so.

mod echo;
mod finding;
mod firewall;
mod groups;
mod hosts;
mod kernel;
mod links;
mod membership;
mod ports;
mod refusal;
mod route;
mod senders;
mod watch;
mod wire;

use std::net::SocketAddr;
use std::time::{SystemTime, UNIX_EPOCH};

pub use finding::{Finding, Severity};
pub use watch::Watch;

use crate::listen::{Endpoint, Interface, ListenError, Listener, Settings, interfaces};
use groups::Groups;
use links::Link;

/// A clock that is before this was never set: 2025-01-01.
const NEVER_SET: u64 = 1_735_689_600;

/// An address that is to be listened on.
#[derive(Clone, Debug)]
struct Target {
    endpoint: Endpoint,
    address: SocketAddr,
    /// Whether somebody asked for it, rather than for the default groups.
    is_named: bool,
    /// The interfaces that were asked for; none stands for all.
    names: Vec<String>,
}

impl Target {
    /// Whether what is sent to this address is for it.
    fn gets(&self, to: &SocketAddr) -> bool {
        let ip = self.address.ip();
        let any = ip.is_unspecified() && ip.is_ipv4() == to.is_ipv4() && !to.ip().is_multicast();
        self.address.port() == to.port() && (any || ip == to.ip())
    }

    /// Whether it is to be heard at this interface.
    fn is_for(&self, interface: &Interface) -> bool {
        match self.names.as_slice() {
            [] => interface.hears_groups(),
            names => names.contains(&interface.name),
        }
    }
}

/// Looks at this machine, and tells what it finds. What is left of the settings can be listened on.
pub fn examine(settings: &Settings, tell: &mut dyn FnMut(Finding)) -> Settings {
    clock(tell);
    let mut usable = Settings { endpoints: Vec::new(), ..settings.clone() };
    let interfaces = match interfaces() {
        Ok(interfaces) => interfaces,
        Err(error) => {
            let message = format!("the interfaces cannot be listed: {error}");
            let advice = "see what keeps the program from netlink: a sandbox, a security module";
            tell(Finding::new(Severity::Failure, "interfaces-unseen", "", message, advice));
            return usable;
        }
    };
    let targets = targets(settings, tell);
    look_at_links(&interfaces, &targets, tell);
    let mut groups = Groups::new(&targets, &interfaces);
    groups.look_at_settings(tell);
    let holders = ports::all();
    let mut heard = Vec::new();
    for endpoint in settings.wanted_endpoints() {
        let of_endpoint: Vec<_> = targets.iter().filter(|target| target.endpoint == endpoint).collect();
        if try_to_listen(&endpoint, settings, &of_endpoint, &holders, tell) {
            usable.endpoints.push(endpoint);
            heard.extend(of_endpoint);
        }
    }
    groups.try_out(&heard, tell);
    look_at_filters(&targets, &interfaces, tell);
    usable
}

/// What the settings come to; names that have no address are told.
fn targets(settings: &Settings, tell: &mut dyn FnMut(Finding)) -> Vec<Target> {
    let mut targets = Vec::new();
    for endpoint in settings.wanted_endpoints() {
        match endpoint.address.resolve() {
            Ok(addresses) => targets.extend(addresses.into_iter().map(|address| Target {
                endpoint: endpoint.clone(),
                address,
                is_named: !settings.endpoints.is_empty(),
                names:
                    endpoint.address.interface.clone().map_or_else(|| settings.interfaces.clone(), |name| vec![name]),
            })),
            Err(error) => {
                let about = collectd_net::Text::from(endpoint.address.to_string().as_str()).to_string();
                let message = format!("the name has no address: {error}");
                tell(Finding::new(
                    Severity::Failure,
                    "unresolved",
                    about,
                    message,
                    "correct the name, or name an address",
                ));
            }
        }
    }
    targets
}

/// Tells of interfaces that were asked for, or are all that there is.
fn look_at_links(interfaces: &[Interface], targets: &[Target], tell: &mut dyn FnMut(Finding)) {
    let mut named: Vec<_> = targets.iter().flat_map(|target| &target.names).collect();
    named.sort();
    named.dedup();
    for name in &named {
        if !interfaces.iter().any(|interface| interface.name == **name) {
            let known: Vec<_> = interfaces.iter().map(|interface| interface.name.as_str()).collect();
            let about = collectd_net::Text::from(name.as_str()).to_string();
            let advice = format!("name one of those that there are: {}", known.join(", "));
            tell(Finding::new(Severity::Failure, "interface-missing", about, "there is no such interface", advice));
        }
    }
    let wants_all = targets.iter().any(|target| target.names.is_empty());
    let links: Vec<_> = interfaces.iter().map(|interface| (interface, Link::of(interface))).collect();
    let others = || links.iter().filter(|(_, link)| !link.is_loopback());
    let none_works = !others().any(|(_, link)| link.works());
    for (interface, link) in &links {
        let is_named = named.contains(&&interface.name);
        if wants_all || is_named {
            let needed = is_named || none_works && !link.is_loopback();
            link.findings(needed).into_iter().for_each(&mut *tell);
        }
    }
    if others().next().is_none() {
        let message = "there is no interface but the loopback; only what this machine sends can be heard";
        let advice = "in a container: let it have the network of the host, or an interface of its own (macvlan)";
        tell(Finding::new(Severity::Warning, "only-loopback", "", message, advice));
    }
}

/// Opens what an endpoint asks for, and closes it again. Whether that could be, now or later.
fn try_to_listen(
    endpoint: &Endpoint,
    settings: &Settings,
    targets: &[&Target],
    holders: &[ports::Holder],
    tell: &mut dyn FnMut(Finding),
) -> bool {
    let alone = Settings { endpoints: vec![endpoint.clone()], ..settings.clone() };
    let outcome = Listener::open(&alone);
    for target in targets {
        let is_taken =
            matches!(&outcome, Err(ListenError::Bind(_, error)) if error.kind() == std::io::ErrorKind::AddrInUse);
        look_at_holders(target, holders, is_taken, tell);
    }
    let about = targets.first().map_or_else(|| endpoint.address.host.clone(), |target| target.address.to_string());
    let (troubles, listens) = match &outcome {
        Ok(listener) => {
            if let Some(advice) = listener.buffer_advice() {
                let sysctl = format!("sysctl -w net.core.rmem_max={}", settings.receive_buffer);
                tell(Finding::new(Severity::Warning, "small-buffer", &about, advice.to_string(), sysctl));
            }
            (listener.left_out().iter().collect(), true)
        }
        Err(error) => (vec![error], false),
    };
    for trouble in troubles {
        let kind = match trouble {
            ListenError::Bind(_, error) => Some(error.kind()),
            _ => None,
        };
        let (word, advice) = match trouble {
            // These are told with more to them elsewhere.
            ListenError::UnknownInterface(_) | ListenError::Resolve(..) => continue,
            ListenError::Join(..) | ListenError::JoinAnywhere(_) => continue,
            ListenError::Bind(..) if kind == Some(std::io::ErrorKind::AddrInUse) => continue,
            ListenError::Bind(..) if kind == Some(std::io::ErrorKind::AddrNotAvailable) => (
                "address-missing",
                "this machine has not got the address: add it, or listen on 0.0.0.0 or ::".to_owned(),
            ),
            ListenError::Bind(..) if kind == Some(std::io::ErrorKind::PermissionDenied) => {
                ("no-permission", "ports below 1024 need the right CAP_NET_BIND_SERVICE; run as root".to_owned())
            }
            ListenError::LinkLocal(address) => ("no-interface", format!("say of which link: -L {address}%INTERFACE")),
            _ => (
                "cannot-listen",
                "see whether the kernel has this family, and whether the user may have sockets".to_owned(),
            ),
        };
        tell(Finding::new(Severity::Failure, word, &about, trouble.to_string(), advice));
    }
    listens
}

/// Tells of other programs that have the port.
fn look_at_holders(target: &Target, holders: &[ports::Holder], is_taken: bool, tell: &mut dyn FnMut(Finding)) {
    let at_target: Vec<_> = holders.iter().filter(|holder| holder.is_at(&target.address)).collect();
    let inodes: Vec<_> = at_target.iter().map(|holder| holder.inode).collect();
    let processes = if inodes.is_empty() { Default::default() } else { ports::processes(&inodes) };
    for holder in at_target {
        let owner = match processes.get(&holder.inode) {
            Some(owners) => owners.join(" and "),
            None => format!("a process of the user with the number {}, which only root may see,", holder.uid),
        };
        let (severity, word, message, advice) = if is_taken {
            let message = format!("{owner} has {} for itself; nobody else can listen there", holder.address);
            (
                Severity::Failure,
                "port-taken",
                message,
                "end it, or have senders send to another port, and listen there with -L",
            )
        } else {
            let unicast = if target.address.ip().is_multicast() {
                "each hears the group; but what is sent to an address of this machine goes to one of them only"
            } else {
                "a datagram goes to one of them only"
            };
            let message = format!("{owner} has {}, too, with SO_REUSEADDR: {unicast}", holder.address);
            (Severity::Note, "port-shared", message, "nothing, if senders send to the group; else end one of the two")
        };
        tell(Finding::new(severity, word, target.address.to_string(), message, advice));
        if holder.drops > 0 {
            let message = format!(
                "the kernel dropped {} for {owner}, whose receive buffer was full",
                finding::count(holder.drops, "datagram")
            );
            let advice =
                "give it a larger receive buffer (sysctl -w net.core.rmem_default=4194304), and see why it is slow";
            let finding = Finding::new(Severity::Warning, "other-drops", target.address.to_string(), message, advice);
            tell(finding.number("dropped", holder.drops));
        }
    }
}

/// Tells of rules that drop what is to be heard.
fn look_at_filters(targets: &[Target], interfaces: &[Interface], tell: &mut dyn FnMut(Finding)) {
    let filters = match firewall::Filters::read() {
        Ok(filters) => filters,
        Err(unseen) => {
            let why = match unseen {
                firewall::Unseen::NoProgram => "neither nft nor iptables is installed".to_owned(),
                firewall::Unseen::Failed(why) => why,
            };
            let message = format!("packet filters could not be looked at: {why}");
            let advice = "run as root, with nft installed; or look at the rules yourself: they must accept the port";
            tell(Finding::new(Severity::Note, "firewall-unseen", "", message, advice));
            return;
        }
    };
    let mut dropped: Vec<(&Target, bool, firewall::Culprit, Vec<&str>)> = Vec::new();
    for target in targets {
        for Interface { name, .. } in interfaces.iter().filter(|interface| target.is_for(interface)) {
            let Target { address, .. } = target;
            let thought = firewall::Thought { to: address.ip(), port: address.port(), interface: name };
            let firewall::Fate::Dropped { certain, by } = filters.fate(&thought) else { continue };
            let same = |(other, known, culprit, _): &&mut (&Target, bool, firewall::Culprit, Vec<&str>)| {
                other.address == *address && *known == certain && *culprit == by
            };
            match dropped.iter_mut().find(same) {
                Some((.., names)) => names.push(name),
                None => dropped.push((target, certain, by, vec![name])),
            }
        }
    }
    let is_loopback =
        |name: &str| interfaces.iter().any(|interface| interface.name == name && Link::of(interface).is_loopback());
    for (target, certain, by, names) in &dropped {
        let matters = !target.names.is_empty() || names.iter().any(|name| !is_loopback(name));
        let severity = if *certain && matters { Severity::Failure } else { Severity::Warning };
        let how = if *certain { "drops" } else { "may drop, depending on the sender or the like," };
        let message = format!("a packet filter {how} what arrives at {}: {by}", names.join(", "));
        let advice = format!("put before it: {}", by.remedy(target.address.port()));
        let mut finding = Finding::new(severity, "firewall", target.address.to_string(), message, advice);
        finding.numbers.extend(by.packets.map(|packets| ("packets", packets)));
        tell(finding);
    }
    if dropped.is_empty() {
        tell(Finding::okay("firewall", "", "no rule of a packet filter drops what is to be heard"));
    }
}

/// Tells of a clock that was never set.
fn clock(tell: &mut dyn FnMut(Finding)) {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    if now < NEVER_SET {
        let message = format!("the clock of this machine was never set: {now} s since 1970");
        let finding = Finding::new(Severity::Warning, "clock-unset", "", message, "set it (timedatectl set-ntp true)");
        tell(finding.number("seconds", now));
    }
}
