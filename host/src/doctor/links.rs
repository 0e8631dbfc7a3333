//! Interfaces: whether anything can arrive there at all.

use std::net::IpAddr;
use std::path::Path;

use nix::net::if_::InterfaceFlags;

use super::finding::{Finding, Severity};
use super::kernel::{attribute, setting};
use crate::listen::Interface;

/// What matters of an interface, and what is asked of it.
#[derive(Clone, Debug)]
pub(super) struct Link {
    name: String,
    flags: InterfaceFlags,
    addresses: Vec<IpAddr>,
    /// Whether there is a carrier, as far as the driver tells. The flag for it follows a second later.
    carrier: bool,
    /// Whether IPv6 is turned off there.
    without_ipv6: bool,
    /// The bridge that it is, or is a port of, and whether that one snoops and asks.
    bridge: Option<Bridge>,
}

/// What a bridge of this machine does about groups.
#[derive(Clone, Debug)]
struct Bridge {
    name: String,
    snoops: bool,
    asks: bool,
}

impl Bridge {
    /// The bridge that this interface is, or is a port of.
    fn of(name: &str) -> Option<Self> {
        [name.to_owned(), format!("{name}/brport/bridge")].into_iter().find_map(|path| {
            let snoops = attribute::<u8>(&path, "bridge/multicast_snooping")?;
            let asks = attribute::<u8>(&path, "bridge/multicast_querier").unwrap_or_default();
            let of_port =
                std::fs::read_link(format!("/sys/class/net/{name}/brport/bridge")).ok().filter(|_| path != name);
            let of_port =
                of_port.as_deref().and_then(Path::file_name).map(|bridge| bridge.to_string_lossy().into_owned());
            Some(Self { name: of_port.unwrap_or_else(|| name.to_owned()), snoops: snoops == 1, asks: asks == 1 })
        })
    }
}

impl Link {
    /// Looks at what the system tells of it.
    pub(super) fn of(interface: &Interface) -> Self {
        let Interface { name, flags, addresses, .. } = interface.clone();
        let disabled =
            |name: &str| setting(&format!("ipv6/conf/{name}/disable_ipv6")).is_some_and(|value: u8| value == 1);
        let has = |path: &str| Path::new(path).exists();
        let without_ipv6 = has("/proc/sys/net/ipv4") && !has("/proc/sys/net/ipv6") || disabled(&name);
        // Whoever enters a network namespace alone sees the interfaces of another below /sys.
        let attributes = attribute::<u32>(&name, "ifindex") == Some(interface.index);
        let carrier = !attributes || attribute::<u8>(&name, "carrier") != Some(0);
        let bridge = if attributes { Bridge::of(&name) } else { None };
        Self { name, flags, addresses, carrier, without_ipv6, bridge }
    }

    pub(super) fn is_loopback(&self) -> bool {
        self.flags.contains(InterfaceFlags::IFF_LOOPBACK)
    }

    fn is_up(&self) -> bool {
        self.flags.contains(InterfaceFlags::IFF_UP)
    }

    fn has_carrier(&self) -> bool {
        self.carrier && self.flags.contains(InterfaceFlags::IFF_RUNNING)
    }

    fn does_multicast(&self) -> bool {
        self.is_loopback() || self.flags.contains(InterfaceFlags::IFF_MULTICAST)
    }

    /// Whether packets of groups may arrive.
    pub(super) fn works(&self) -> bool {
        self.is_up() && self.has_carrier() && self.does_multicast()
    }

    /// Whether it has got this machine's address for such a family.
    pub(super) fn has_address(&self, like: IpAddr) -> bool {
        self.addresses.iter().any(|address| address.is_ipv4() == like.is_ipv4())
    }

    pub(super) const fn is_without_ipv6(&self) -> bool {
        self.without_ipv6
    }

    /// What there is to say about it. It is `needed` if nothing is heard without it.
    pub(super) fn findings(&self, needed: bool) -> Vec<Finding> {
        let name = &self.name;
        let severity = if needed { Severity::Failure } else { Severity::Note };
        let bad = |word, message: &str, advice: String| vec![Finding::new(severity, word, name, message, advice)];
        if !self.is_up() {
            return bad(
                "interface-down",
                "the interface is down; nothing arrives there",
                format!("ip link set {name} up"),
            );
        }
        if !self.has_carrier() {
            let message = "the interface is up, but has no carrier: no cable, or the other end is down";
            return bad("no-carrier", message, "plug it in, or bring the other end up".into());
        }
        if !self.does_multicast() {
            let message = "the interface does no multicast; groups are not heard there";
            let advice = format!("ip link set {name} multicast on; or have senders send to this machine's address");
            return bad("no-multicast", message, advice);
        }
        let mut findings = vec![Finding::okay("interface", name, self.description())];
        if self.addresses.is_empty() && !self.is_loopback() {
            findings.push(Finding::new(
                Severity::Note,
                "no-address",
                name,
                "the interface has no address; groups are heard, but switches may ignore that they are joined",
                format!("ip address add ADDRESS/BITS dev {name}"),
            ));
        }
        if let Some(bridge) = self.bridge.as_ref().filter(|bridge| bridge.snoops && !bridge.asks) {
            findings.push(Finding::new(
                Severity::Note,
                "no-querier",
                name,
                format!(
                    "the bridge {} passes groups on only to ports that asked for them, and is no querier itself; without another \
                     one on the network, it forgets after some minutes who asked",
                    bridge.name
                ),
                format!(
                    "if packets stop after some minutes: ip link set {0} type bridge mcast_querier 1, or mcast_snooping 0",
                    bridge.name
                ),
            ));
        }
        findings
    }

    fn description(&self) -> String {
        let addresses: Vec<_> = self.addresses.iter().map(IpAddr::to_string).collect();
        let addresses = if addresses.is_empty() { "no address".into() } else { addresses.join(", ") };
        format!("up, with {addresses}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn link(flags: InterfaceFlags) -> Link {
        let interface = Interface { name: "no/such".into(), index: 7, flags, addresses: vec![[10, 0, 0, 1].into()] };
        Link::of(&interface)
    }

    fn words(link: &Link, needed: bool) -> Vec<(Severity, &'static str)> {
        link.findings(needed).iter().map(|finding| (finding.severity, finding.word)).collect()
    }

    #[test]
    fn flags_tell_what_is_wrong() {
        let all = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING | InterfaceFlags::IFF_MULTICAST;
        for (missing, word) in [
            (InterfaceFlags::IFF_UP, "interface-down"),
            (InterfaceFlags::IFF_RUNNING, "no-carrier"),
            (InterfaceFlags::IFF_MULTICAST, "no-multicast"),
        ] {
            let link = link(all - missing);
            assert!(!link.works());
            assert_eq!(words(&link, true), [(Severity::Failure, word)]);
            assert_eq!(words(&link, false), [(Severity::Note, word)]);
        }
        assert!(link(all).works());
        assert_eq!(words(&link(all), true), [(Severity::Okay, "interface")]);
        let loopback = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING | InterfaceFlags::IFF_LOOPBACK;
        assert_eq!(words(&link(loopback), true), [(Severity::Okay, "interface")]);
    }

    #[test]
    fn a_bridge_that_snoops_and_does_not_ask_is_told() {
        let flags = InterfaceFlags::IFF_UP | InterfaceFlags::IFF_RUNNING | InterfaceFlags::IFF_MULTICAST;
        for (snoops, asks, expected) in [(true, false, true), (true, true, false), (false, false, false)] {
            let bridge = Some(Bridge { name: "br0".into(), snoops, asks });
            let link = Link { bridge, addresses: Vec::new(), ..link(flags) };
            assert_eq!(words(&link, true).contains(&(Severity::Note, "no-querier")), expected);
            assert!(words(&link, true).contains(&(Severity::Note, "no-address")));
        }
    }
}
