//! Membership reports: what makes switches that look after groups send them to the node.
//!
//! The network stack could do it, but reports a group once and never again, says of an IPv6 group that it was left, and does not
//! understand queries of MLD version 1. So the node, which takes its datagrams itself, reports its groups itself, in IGMP version
//! 2 and in both versions of MLD: when the link comes up, when addresses change, when it is asked, and every minute.

use core::net::{Ipv4Addr, Ipv6Addr};
use core::time::Duration;

use heapless::{Vec, VecView};
use smoltcp::phy::{Device, TxToken};
use smoltcp::time::Instant;
use smoltcp::wire::{IpAddress, IpCidr};

use crate::settings::GROUPS;

/// Between the reports of the first three rounds, of which one may be lost.
const SOON: Duration = Duration::from_secs(1);
/// Between the later ones.
const LATER: Duration = Duration::from_secs(60);
/// When there was no room for a frame.
const RETRY: Duration = Duration::from_millis(1);

/// The groups, and those by which neighbours find each IPv6 address.
type Members<A> = Vec<A, { GROUPS + 6 }>;

/// Octets of the longest message: a record for each member.
const BODY: usize = 8 + 20 * (GROUPS + 6);
/// Octets of the longest frame, which that message is in.
const FRAME: usize = 14 + 40 + 8 + BODY;

/// Who reports.
#[derive(Debug)]
pub(crate) struct Reporter<'a> {
    pub(crate) mac: [u8; 6],
    pub(crate) addresses: &'a [IpCidr],
    pub(crate) groups: &'a [IpAddress],
}

/// When to report, and how far a round has come.
#[derive(Debug)]
pub(crate) struct Announcer {
    due: Duration,
    next: usize,
    rounds: u8,
}

impl Announcer {
    pub(crate) const fn new() -> Self {
        Self { due: Duration::ZERO, next: 0, rounds: 0 }
    }

    /// Begins again, at once.
    pub(crate) const fn restart(&mut self, now: Duration) {
        *self = Self { due: now, next: 0, rounds: 0 };
    }

    /// Reports by then, since somebody asks.
    pub(crate) fn answer_by(&mut self, time: Duration) {
        self.due = self.due.min(time);
    }

    /// When it has something to do.
    pub(crate) const fn due(&self) -> Duration {
        self.due
    }

    /// Reports, if it is time.
    #[inline(never)]
    pub(crate) fn poll<D: Device>(&mut self, device: &mut D, reporter: &Reporter<'_>, now: Duration, at: Instant) {
        if now < self.due {
            return;
        }
        let reports = reporter.reports();
        for report in reports.iter().skip(self.next) {
            let mut frame = Vec::<u8, FRAME>::new();
            // A report that does not fit would be no report; FRAME is made for the longest.
            if reporter.write(report, &mut frame).is_some() {
                let Some(token) = device.transmit(at) else {
                    self.due = now.saturating_add(RETRY);
                    return;
                };
                token.consume(frame.len(), |place| {
                    for (place, octet) in place.iter_mut().zip(&frame) {
                        *place = *octet;
                    }
                });
            }
            self.next = self.next.saturating_add(1);
        }
        self.next = 0;
        self.rounds = self.rounds.saturating_add(1);
        self.due = now.saturating_add(if self.rounds < 3 { SOON } else { LATER });
    }
}

/// One frame to be sent.
#[derive(Debug)]
enum Report {
    /// A group, in IGMP version 2.
    Igmp(Ipv4Addr),
    /// A group, in MLD version 1.
    Mld1(Ipv6Addr),
    /// All groups, in MLD version 2.
    Mld2,
}

impl Reporter<'_> {
    #[inline(never)]
    fn reports(&self) -> Vec<Report, { 2 * GROUPS + 7 }> {
        let mut reports = Vec::new();
        for group in self.groups {
            if let IpAddress::Ipv4(group) = group {
                _ = reports.push(Report::Igmp(*group));
            }
        }
        if self.link_local().is_some() {
            _ = reports.push(Report::Mld2);
            for member in self.members() {
                _ = reports.push(Report::Mld1(member));
            }
        }
        reports
    }

    fn link_local(&self) -> Option<Ipv6Addr> {
        self.ipv6().find(Ipv6Addr::is_unicast_link_local)
    }

    fn ipv6(&self) -> impl Iterator<Item = Ipv6Addr> {
        self.addresses.iter().filter_map(|cidr| match cidr.address() {
            IpAddress::Ipv6(address) => Some(address),
            IpAddress::Ipv4(_) => None,
        })
    }

    fn members(&self) -> Members<Ipv6Addr> {
        let mut members = Members::new();
        let groups = self.groups.iter().filter_map(|group| match group {
            IpAddress::Ipv6(group) => Some(*group),
            IpAddress::Ipv4(_) => None,
        });
        for member in groups.chain(self.ipv6().map(solicited_node)) {
            if !members.contains(&member) {
                _ = members.push(member);
            }
        }
        members
    }

    /// Writes the frame of `report`; `None` if it has no room, or there is no address to send it from.
    #[inline(never)]
    fn write(&self, report: &Report, frame: &mut VecView<u8>) -> Option<()> {
        match report {
            Report::Igmp(group) => self.write_igmp(*group, frame),
            Report::Mld1(group) => {
                let mut body = Vec::<u8, BODY>::new();
                put(&mut body, &[131, 0, 0, 0, 0, 0, 0, 0])?;
                put(&mut body, &group.octets())?;
                self.write_mld(*group, &mut body, frame)
            }
            Report::Mld2 => {
                let members = self.members();
                let mut body = Vec::<u8, BODY>::new();
                put(&mut body, &[143, 0, 0, 0, 0, 0, 0, u8::try_from(members.len()).ok()?])?;
                for member in &members {
                    // From now on everything sent to this group, but what no sources send.
                    put(&mut body, &[4, 0, 0, 0])?;
                    put(&mut body, &member.octets())?;
                }
                self.write_mld(Ipv6Addr::new(0xff02, 0, 0, 0, 0, 0, 0, 0x16), &mut body, frame)
            }
        }
    }

    #[inline(never)]
    fn write_igmp(&self, group: Ipv4Addr, frame: &mut VecView<u8>) -> Option<()> {
        // Before there is an address, from none, as other systems do.
        let from = self.addresses.iter().find_map(|cidr| match cidr.address() {
            IpAddress::Ipv4(address) => Some(address),
            IpAddress::Ipv6(_) => None,
        });
        let to = group.octets();
        let [_, second, third, fourth] = to;
        put(frame, &[0x01, 0x00, 0x5e, second & 0x7f, third, fourth])?;
        put(frame, &self.mac)?;
        put(frame, &[0x08, 0x00])?;
        // Version 4, six words, 32 octets, one hop, IGMP; then the option that makes routers look.
        let mut header = Vec::<u8, 24>::new();
        put(&mut header, &[0x46, 0xc0, 0, 32, 0, 0, 0, 0, 1, 2, 0, 0])?;
        put(&mut header, &from.unwrap_or(Ipv4Addr::UNSPECIFIED).octets())?;
        put(&mut header, &to)?;
        put(&mut header, &[0x94, 0x04, 0x00, 0x00])?;
        put_sum(&mut header, 10, 0)?;
        put(frame, &header)?;
        let mut body = Vec::<u8, 8>::new();
        put(&mut body, &[0x16, 0, 0, 0])?;
        put(&mut body, &to)?;
        put_sum(&mut body, 2, 0)?;
        put(frame, &body)
    }

    /// An ICMPv6 message behind the hop-by-hop option that makes routers look.
    fn write_mld(&self, to: Ipv6Addr, body: &mut VecView<u8>, frame: &mut VecView<u8>) -> Option<()> {
        let from = self.link_local()?.octets();
        let to = to.octets();
        put(frame, &[0x33, 0x33])?;
        put(frame, to.get(12..)?)?;
        put(frame, &self.mac)?;
        put(frame, &[0x86, 0xdd, 0x60, 0, 0, 0])?;
        put(frame, &u16::try_from(body.len().checked_add(8)?).ok()?.to_be_bytes())?;
        put(frame, &[0, 1])?;
        put(frame, &from)?;
        put(frame, &to)?;
        put(frame, &[58, 0, 5, 2, 0, 0, 1, 0])?;
        let pseudo_header = sum(&from, 0).wrapping_add(sum(&to, 58)).wrapping_add(u32::try_from(body.len()).ok()?);
        put_sum(body, 2, pseudo_header)?;
        put(frame, body)
    }
}

/// The address that neighbours ask at for the owner of `address`.
const fn solicited_node(address: Ipv6Addr) -> Ipv6Addr {
    let [.., high, low] = address.segments();
    Ipv6Addr::new(0xff02, 0, 0, 0, 0, 1, 0xff00 | (high & 0xff), low)
}

// One for all lengths, and called: it is small only once.
#[inline(never)]
fn put(place: &mut VecView<u8>, octets: &[u8]) -> Option<()> {
    place.extend_from_slice(octets).ok()
}

/// Adds up the 16-bit words of `octets`; without carry, for which short frames leave room enough.
fn sum(octets: &[u8], start: u32) -> u32 {
    octets.chunks(2).fold(start, |sum, word| {
        let word = [word.first().copied().unwrap_or(0), word.get(1).copied().unwrap_or(0)];
        sum.wrapping_add(u16::from_be_bytes(word).into())
    })
}

/// Writes the check sum of `octets` and of what is in `start` to the two octets at `place`, which are zero.
fn put_sum(octets: &mut VecView<u8>, place: usize, start: u32) -> Option<()> {
    let sum = sum(octets, start);
    let sum = (sum & 0xffff).wrapping_add(sum >> 16);
    let sum = (sum & 0xffff).wrapping_add(sum >> 16);
    let sum = !u16::try_from(sum).ok()?;
    *octets.get_mut(place..)?.first_chunk_mut()? = sum.to_be_bytes();
    Some(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use collectd_net::{GROUP_V4, GROUP_V6};
    use smoltcp::phy::ChecksumCapabilities;
    use smoltcp::wire::{
        EthernetFrame, Icmpv6Packet, Icmpv6Repr, IgmpPacket, IgmpRepr, Ipv4Packet, Ipv6Packet, MldRepr,
    };

    const MAC: [u8; 6] = [2, 0, 0, 0, 0, 7];

    fn frames(addresses: &[&str]) -> std::vec::Vec<std::vec::Vec<u8>> {
        let addresses: std::vec::Vec<IpCidr> = addresses.iter().map(|cidr| cidr.parse().unwrap()).collect();
        let groups = [IpAddress::Ipv4(GROUP_V4), IpAddress::Ipv6(GROUP_V6)];
        let reporter = Reporter { mac: MAC, addresses: &addresses, groups: &groups };
        let frame = |report| {
            let mut frame = Vec::<u8, FRAME>::new();
            reporter.write(report, &mut frame).map(|()| frame.to_vec())
        };
        reporter.reports().iter().filter_map(frame).collect()
    }

    #[test]
    fn igmp_is_what_the_network_stack_reads() {
        for (addresses, from) in [(&["10.0.0.2/24"][..], Ipv4Addr::new(10, 0, 0, 2)), (&[], Ipv4Addr::UNSPECIFIED)] {
            let [octets] = &frames(addresses)[..] else { panic!("one frame") };
            let frame = EthernetFrame::new_checked(&octets[..]).unwrap();
            assert_eq!(frame.dst_addr().0, [0x01, 0x00, 0x5e, 0x40, 74, 66]);
            let packet = Ipv4Packet::new_checked(frame.payload()).unwrap();
            assert!(packet.verify_checksum());
            assert_eq!((packet.src_addr(), packet.dst_addr(), packet.hop_limit()), (from, GROUP_V4, 1));
            let igmp = IgmpPacket::new_checked(packet.payload()).unwrap();
            assert!(igmp.verify_checksum());
            assert!(matches!(IgmpRepr::parse(&igmp), Ok(IgmpRepr::MembershipReport { group_addr: GROUP_V4, .. })));
        }
    }

    #[test]
    fn mld_is_what_the_network_stack_reads_in_both_versions() {
        let frames = frames(&["fe80::7/64", "fd00::7/64", "10.0.0.2/24"]);
        // IGMP; version 2; in version 1 the group and the two addresses, which share their solicited node.
        assert_eq!(frames.len(), 4);
        let mut seen = 0;
        for octets in &frames[1..] {
            let frame = EthernetFrame::new_checked(&octets[..]).unwrap();
            let packet = Ipv6Packet::new_checked(frame.payload()).unwrap();
            assert_eq!((packet.hop_limit(), packet.src_addr()), (1, "fe80::7".parse().unwrap()));
            if packet.payload()[8] == 131 {
                // The stack does not read version 1; its check sum is made as the other's.
                assert_eq!(packet.payload()[16..], packet.dst_addr().octets());
            } else {
                let icmp = Icmpv6Packet::new_checked(&packet.payload()[8..]).unwrap();
                let checksums = ChecksumCapabilities::default();
                let report = Icmpv6Repr::parse(&packet.src_addr(), &packet.dst_addr(), &icmp, &checksums);
                let Ok(Icmpv6Repr::Mld(MldRepr::Report { nr_mcast_addr_rcrds: 2, data })) = report else {
                    panic!("a report of two groups")
                };
                assert_eq!((data.len(), &data[..4], &data[4..20]), (40, &[4, 0, 0, 0][..], &GROUP_V6.octets()[..]));
                seen += 1;
            }
            let [.., a, b, c, d] = packet.dst_addr().octets();
            assert_eq!(frame.dst_addr().0, [0x33, 0x33, a, b, c, d]);
        }
        assert_eq!(seen, 1);
    }

    #[test]
    fn a_full_table_has_room() {
        let addresses: std::vec::Vec<IpCidr> =
            (1..=6).map(|n| IpCidr::new(Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, n, n).into(), 64)).collect();
        let groups: std::vec::Vec<_> = (1..=8).map(|n| Ipv6Addr::new(0xff18, 0, 0, 0, 0, 0, 0, n).into()).collect();
        let reporter = Reporter { mac: MAC, addresses: &addresses, groups: &groups };
        let reports = reporter.reports();
        assert_eq!(reports.len(), 15);
        for report in &reports {
            assert!(reporter.write(report, &mut Vec::<u8, FRAME>::new()).is_some(), "{report:?}");
        }
    }
}
