//! The node: what a board polls.

mod storage;

use core::net::SocketAddr;
use core::time::Duration;

use collectd_net::{Arrival, Counters, Item, PACKET_SIZE, Packet, Transmit, User};
use heapless::Vec;
use smoltcp::iface::{Config, Interface, PollResult, SocketHandle, SocketSet};
use smoltcp::phy::{Device, RxToken as _};
use smoltcp::socket::{dhcpv4, tcp, udp};
use smoltcp::time::Instant;
use smoltcp::wire::{EthernetAddress, IpAddress, IpCidr, Ipv4Cidr, Ipv6Address, Ipv6Cidr};

use crate::address::Shown;
use crate::announce::{Announcer, Reporter};
use crate::board::{Board, Drops, Outcome, Readings, Watch};
use crate::duties::Duties;
use crate::frame::{Frame, Known, Passed, Shape, take};
use crate::log::{info, shown, warning};
use crate::page::Page;
use crate::settings::{Address, Address6, Settings};
use crate::socket::Port;
use crate::table::Run;

use self::storage::CLIENTS;
pub use self::storage::{SOCKETS, Sockets, Storage};

/// Frames taken in one round.
const FRAMES: usize = 32;
/// Rounds of sending in one round: each socket sends one packet in each.
const SENDS: usize = 8;
/// The longest sleep.
const NAP: Duration = Duration::from_millis(500);

/// Packets of its own that a node sends in one round.
const PACKETS: usize = 4;
/// Where a time server is asked.
const SNTP: u16 = 123;

/// A frame that was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Taken {
    /// A datagram to collectd's port.
    Datagram,
    /// For the network stack, which may have to say something now.
    Other,
}

/// A collectd listener on a board's network.
///
/// It takes frames one by one, and each datagram before the next frame: so a queue of datagrams cannot overflow, and what is
/// lost is lost before the node, where [`Readings::lost_frames`] counts it.
#[allow(missing_debug_implementations, reason = "the network stack has none")]
pub struct Node<'a> {
    settings: &'a Settings<'a>,
    mac: [u8; 6],
    interface: Interface,
    sockets: SocketSet<'a>,
    port: SocketHandle,
    dhcp: Option<SocketHandle>,
    clients: Vec<SocketHandle, CLIENTS>,
    page: &'a mut Page<CLIENTS>,
    packet: &'a mut [u8],
    announcer: Announcer,
    addresses: Vec<IpCidr, 6>,
    link: bool,
    /// Until then there is nothing to do but to take datagrams, unless something happens.
    due: Duration,
    counters: Counters,
    drops: Drops,
    duties: Duties<'a>,
}

impl<'a> Node<'a> {
    /// A node on `device`. `now` is the time since the start, by a clock that never goes back, as everywhere here.
    #[inline(never)]
    pub fn new<D: Device, const DATAGRAM: usize>(
        device: &mut D,
        board: &Board<'a>,
        settings: &'a Settings<'a>,
        storage: &'a mut Storage<DATAGRAM>,
        sockets: &'a mut Sockets<'a>,
        now: Duration,
    ) -> Self {
        match board.reset {
            Some(reason) => warning!("{=str}: started again: {=str}", board.name, reason),
            None => info!("{=str}: started", board.name),
        }
        let mut config = Config::new(EthernetAddress(board.mac).into());
        config.random_seed = board.seed;
        config.slaac = settings.address6 == Address6::Slaac;
        let mut interface = Interface::new(config, device, instant(now));
        interface.update_ip_addrs(|addresses| {
            if settings.address6 != Address6::Off {
                _ = addresses.push(IpCidr::Ipv6(Ipv6Cidr::new(link_local(board.mac), 64)));
            }
            for cidr in settings.static_addresses() {
                _ = addresses.push(cidr);
            }
        });
        if let Some(gateway) = settings.gateway {
            _ = interface.routes_mut().add_default_ipv4_route(gateway);
        }
        let Storage { packet, transmit, requests, answers, page, memory } = storage;
        let mut socket = udp::Socket::new(
            // What arrives is taken before the stack.
            udp::PacketBuffer::new(&mut [][..], &mut [][..]),
            udp::PacketBuffer::new(&mut sockets.transmit[..], &mut transmit[..]),
        );
        if socket.bind(settings.port).is_err() {
            warning!("port {=u16} cannot be listened on", settings.port);
        }
        let mut set = SocketSet::new(&mut sockets.sockets[..]);
        let port = set.add(socket);
        let dhcp = (settings.address == Address::Dhcp).then(|| set.add(dhcpv4::Socket::new()));
        let mut clients = Vec::new();
        for (request, answer) in requests.iter_mut().zip(answers).filter(|_| settings.http) {
            let socket =
                tcp::Socket::new(tcp::SocketBuffer::new(&mut request[..]), tcp::SocketBuffer::new(&mut answer[..]));
            _ = clients.push(set.add(socket));
        }
        Self {
            duties: Duties::new(settings, board, memory),
            settings,
            mac: board.mac,
            interface,
            sockets: set,
            port,
            dhcp,
            clients,
            page,
            packet: &mut packet[..],
            announcer: Announcer::new(),
            addresses: Vec::new(),
            link: false,
            due: Duration::ZERO,
            counters: Counters::new(),
            drops: Drops::default(),
        }
    }

    /// Does what there is to do: takes frames, at most 32 of them, then whatever is due. Never waits.
    ///
    /// Datagrams alone are no reason to ask everything else whether it is due, which takes 1,300 instructions.
    pub fn poll<D: Device>(
        &mut self,
        device: &mut D,
        now: Duration,
        readings: &Readings,
        watch: &mut impl Watch,
    ) -> Outcome {
        let mut happened = self.notice_link(readings.link, now);
        self.drops.lost_frames = readings.lost_frames;
        let (mut left, at) = (FRAMES, instant(now));
        while left > 0
            && let Some(taken) = self.take_frame(device, now, at, watch)
        {
            happened |= taken == Taken::Other;
            left = left.saturating_sub(1);
        }
        if happened || now >= self.due || self.duties.is_due(now) {
            self.round(device, now, readings);
        }
        let (led, lamp) = self.duties.lamp(readings.link, self.counters.packets > 0, now);
        let wake = if left == 0 { now } else { self.due.min(lamp) };
        Outcome { led, wake }
    }

    /// Does whatever is due besides taking frames.
    #[inline(never)]
    fn round<D: Device>(&mut self, device: &mut D, now: Duration, readings: &Readings) {
        let at = instant(now);
        maintain(&mut self.interface, at);
        self.configure();
        self.notice_addresses(now);
        look(&mut self.duties, now);
        if readings.link {
            self.speak(readings, now);
        }
        let drops = self.drops.by_reason();
        let view = self.duties.view(self.interface.ip_addrs(), readings, &self.counters, &drops);
        self.page.poll(&mut self.sockets, &self.clients, &view, now);
        for _ in 0..SENDS {
            if !send(&mut self.interface, device, &mut self.sockets, at) {
                break;
            }
        }
        let reporter = Reporter { mac: self.mac, addresses: self.interface.ip_addrs(), groups: &self.settings.groups };
        if readings.link {
            self.announcer.poll(device, &reporter, now, at);
        }
        self.due = self.next_event(now);
    }

    /// What was received.
    #[must_use]
    pub const fn counters(&self) -> &Counters {
        &self.counters
    }

    /// What was not.
    #[must_use]
    pub const fn drops(&self) -> &Drops {
        &self.drops
    }

    /// The board's addresses.
    #[must_use]
    pub fn addresses(&self) -> &[IpCidr] {
        self.interface.ip_addrs()
    }

    /// Takes one frame and what comes of it, if there is one.
    #[inline(never)]
    fn take_frame<D: Device>(
        &mut self,
        device: &mut D,
        now: Duration,
        at: Instant,
        watch: &mut impl Watch,
    ) -> Option<Taken> {
        let (token, answer) = device.receive(at)?;
        let known = Known::of(&token);
        let frame = token.consume(|octets| {
            let frame = take(octets, known, self.settings.port, self.packet);
            if !matches!(frame, Frame::Datagram { .. }) {
                let mut passed = Passed { frame: Some((octets, answer)) };
                self.interface.poll_ingress_single(at, &mut passed, &mut self.sockets);
            }
            frame
        });
        match frame {
            Frame::Other => return Some(Taken::Other),
            Frame::Query { within } => {
                self.announcer.answer_by(now.saturating_add(within));
                return Some(Taken::Other);
            }
            Frame::Datagram { to, shape } => {
                if self.is_own(to) {
                    let drops = &mut self.drops;
                    let count = match shape {
                        Shape::Whole { from, len } => {
                            self.receive(Arrival { len, from: Some(from) }, now, watch);
                            return Some(Taken::Datagram);
                        }
                        Shape::Fragment => &mut drops.fragments,
                        Shape::Length => &mut drops.lengths,
                        Shape::TooLong => &mut drops.too_long,
                        Shape::Damaged => &mut drops.damaged,
                    };
                    *count = count.wrapping_add(1);
                }
            }
        }
        Some(Taken::Datagram)
    }

    /// Decodes the datagram that has come.
    #[inline(never)]
    fn receive(&mut self, arrival: Arrival, now: Duration, watch: &mut impl Watch) {
        if let Some(server) = self.settings.sntp
            && arrival.from == Some(SocketAddr::new(server.into(), SNTP))
        {
            let answer = self.packet.get(..arrival.len).unwrap_or_default();
            if self.duties.clock.sntp_response(answer, now) {
                info!("time from the server");
            }
            return;
        }
        let users: &[User<'_>] = &self.settings.users;
        let passwords = (!users.is_empty()).then_some(users);
        let level = self.settings.security_level;
        let duties = &mut self.duties;
        let mut run = duties.packet(now);
        Packet::new(arrival, self.packet, passwords, level, &mut self.counters).hand_out(
            &mut (&mut *duties, &mut *watch),
            |(duties, watch), list, anew| {
                watch.item(&Item::ValueList(*list), arrival.from);
                duties.value_list(list, anew, &mut run, now);
            },
            |(duties, watch), other| match other {
                Ok(notification) => {
                    watch.item(&Item::Notification(notification), arrival.from);
                    duties.notification(&notification, now);
                }
                Err(error) => {
                    watch.refusal(&error, arrival.from);
                    duties.refusal(&error);
                }
            },
        );
        end(&mut self.duties, &mut run, arrival.from, now);
        watch.packet_end(&arrival);
    }

    /// Sends what the node itself has to say.
    #[inline(never)]
    fn speak(&mut self, readings: &Readings, now: Duration) {
        let server = self.settings.sntp.map(|server| SocketAddr::new(server.into(), SNTP));
        if let Some(server) = server.filter(|server| self.reaches(*server))
            && let Some(request) = self.duties.clock.sntp_request(now)
        {
            let sent = Port::to(self.sockets.get_mut(self.port), server).transmit(&request).is_ok();
            self.count_unsent(!sent);
        }
        let Some(to) = self.settings.destination().filter(|to| self.reaches(*to)) else { return };
        for _ in 0..PACKETS {
            let socket = self.sockets.get_mut::<udp::Socket<'_>>(self.port);
            if !socket.can_send() {
                return;
            }
            let buffer = self.packet.get_mut(..PACKET_SIZE).unwrap_or_default();
            let mut port = Port::to(socket, to);
            let sent = if let Some(packet) = self.duties.alarm_packet(now, buffer) {
                let sent = port.transmit(packet).is_ok();
                self.duties.alarms.event_sent();
                sent
            } else {
                let buffer = self.packet.get_mut(..PACKET_SIZE).unwrap_or_default();
                let packet = self.duties.readings_packet(now, readings, &self.counters, &self.drops, buffer);
                let Some(packet) = packet else { return };
                port.transmit(packet).is_ok()
            };
            self.count_unsent(!sent);
        }
    }

    fn count_unsent(&mut self, unsent: bool) {
        self.drops.unsent = self.drops.unsent.wrapping_add(unsent.into());
    }

    /// Whether there is an address to send from.
    fn reaches(&self, to: SocketAddr) -> bool {
        match to {
            SocketAddr::V4(_) => self.interface.ipv4_addr().is_some(),
            SocketAddr::V6(_) => self.interface.ipv6_addr().is_some(),
        }
    }

    /// Whether datagrams to it are for this node: one of its groups or addresses, or all that hear it.
    fn is_own(&self, to: IpAddress) -> bool {
        let is = |cidr: &IpCidr| match cidr {
            IpCidr::Ipv4(cidr) => to == cidr.address().into() || cidr.broadcast().is_some_and(|all| to == all.into()),
            IpCidr::Ipv6(cidr) => to == cidr.address().into(),
        };
        self.settings.groups.contains(&to) || to.is_broadcast() || self.interface.ip_addrs().iter().any(is)
    }

    /// Whether it has changed.
    #[inline(never)]
    fn notice_link(&mut self, link: bool, now: Duration) -> bool {
        if self.link == link {
            return false;
        }
        self.link = link;
        if link {
            info!("link up");
            self.announcer.restart(now);
            if let Some(handle) = self.dhcp {
                self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).reset();
            }
        } else {
            warning!("link down");
        }
        true
    }

    /// Takes the address that a DHCP server gives, or takes it back.
    #[inline(never)]
    fn configure(&mut self) {
        let Some(handle) = self.dhcp else { return };
        let (cidr, router) = match self.sockets.get_mut::<dhcpv4::Socket<'_>>(handle).poll() {
            None => return,
            Some(dhcpv4::Event::Configured(config)) => (Some(config.address), config.router),
            Some(dhcpv4::Event::Deconfigured) => (None, None),
        };
        self.interface.update_ip_addrs(|addresses| set_ipv4(addresses, cidr));
        let routes = self.interface.routes_mut();
        match router {
            Some(router) => _ = routes.add_default_ipv4_route(router),
            None => _ = routes.remove_default_ipv4_route(),
        }
    }

    #[inline(never)]
    fn notice_addresses(&mut self, now: Duration) {
        let addresses = self.interface.ip_addrs();
        if self.addresses == addresses {
            return;
        }
        self.addresses = addresses.iter().copied().collect();
        for address in addresses {
            info!("address {}", shown(&Shown(address)));
        }
        self.announcer.restart(now);
    }

    #[inline(never)]
    fn next_event(&mut self, now: Duration) -> Duration {
        let stack = self.interface.poll_delay(instant(now), &self.sockets);
        let stack = stack.map_or(NAP, |delay| Duration::from_micros(delay.total_micros()));
        let own = self.announcer.due().min(self.duties.next(now)).saturating_sub(now);
        now.saturating_add(stack.min(own).min(NAP))
    }
}

// A function that many others are put into has a large piece of the stack, and long ways to its ends: each of these is apart.

#[inline(never)]
fn maintain(interface: &mut Interface, at: Instant) {
    interface.poll_maintenance(at);
}

/// Sends a packet of each socket; whether there was one.
#[inline(never)]
fn send<D: Device>(interface: &mut Interface, device: &mut D, sockets: &mut SocketSet<'_>, at: Instant) -> bool {
    interface.poll_egress(at, device, sockets) != PollResult::None
}

#[inline(never)]
fn end(duties: &mut Duties<'_>, run: &mut Run<'_>, from: Option<SocketAddr>, now: Duration) {
    duties.packet_end(run, from, now);
}

#[inline(never)]
fn look(duties: &mut Duties<'_>, now: Duration) {
    duties.look(now);
}

fn set_ipv4<const N: usize>(addresses: &mut Vec<IpCidr, N>, cidr: Option<Ipv4Cidr>) {
    addresses.retain(|address| !matches!(address, IpCidr::Ipv4(_)));
    if let Some(cidr) = cidr {
        _ = addresses.push(IpCidr::Ipv4(cidr));
    }
}

/// The link-local address that a hardware address stands for (RFC 4291, appendix A).
const fn link_local(mac: [u8; 6]) -> Ipv6Address {
    let [a, b, c, d, e, f] = mac;
    let pairs = [[a ^ 2, b], [c, 0xff], [0xfe, d], [e, f]];
    let [first, second, third, fourth] = [
        u16::from_be_bytes(pairs[0]),
        u16::from_be_bytes(pairs[1]),
        u16::from_be_bytes(pairs[2]),
        u16::from_be_bytes(pairs[3]),
    ];
    Ipv6Address::new(0xfe80, 0, 0, 0, first, second, third, fourth)
}

#[inline(never)]
fn instant(now: Duration) -> Instant {
    // Without numbers of 128 bits.
    let micros = now.as_secs().saturating_mul(1_000_000).saturating_add(u64::from(now.subsec_micros()));
    Instant::from_micros(i64::try_from(micros).unwrap_or(i64::MAX))
}
