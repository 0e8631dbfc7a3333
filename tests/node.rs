//! The node of the boards, on this machine: it hears over a wire in memory what `collectd-tap` reads from the same captures.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::Path;
use std::time::Duration;

use collectd_net::{
    Encoder, GROUP_V4, GROUP_V6, Identifier, Interval, Item, PORT, SecurityLevel, Time, User, Value, open,
};
use collectd_net_tests::{capture, data, exact};
use collectd_node::smoltcp::iface::{Config, Interface, SocketHandle, SocketSet, SocketStorage};
use collectd_node::smoltcp::phy::{Device, DeviceCapabilities, Medium, RxToken, TxToken};
use collectd_node::smoltcp::socket::udp;
use collectd_node::smoltcp::time::Instant;
use collectd_node::smoltcp::wire::{EthernetAddress, EthernetFrame, IpCidr, IpProtocol, Ipv4Packet, UdpPacket};
use collectd_node::{Board, ExactLines, Node, Readings, Settings, Sockets, Storage};
use collectd_tap::capture::Capture;
use serde_json::Value as Json;

/// The largest datagram, with its headers.
const MTU: usize = 65_535;

/// One end of a wire: frames that have come, and those to go.
#[derive(Default)]
struct End {
    come: VecDeque<Vec<u8>>,
    go: VecDeque<Vec<u8>>,
}

struct Rx(Vec<u8>);
struct Tx<'a>(&'a mut VecDeque<Vec<u8>>);

impl RxToken for Rx {
    fn consume<R, F: FnOnce(&[u8]) -> R>(self, f: F) -> R {
        f(&self.0)
    }
}

impl TxToken for Tx<'_> {
    fn consume<R, F: FnOnce(&mut [u8]) -> R>(self, len: usize, f: F) -> R {
        let mut frame = vec![0; len];
        let result = f(&mut frame);
        self.0.push_back(frame);
        result
    }
}

impl Device for End {
    type RxToken<'a> = Rx;
    type TxToken<'a> = Tx<'a>;

    fn receive(&mut self, _: Instant) -> Option<(Rx, Tx<'_>)> {
        self.come.pop_front().map(|frame| (Rx(frame), Tx(&mut self.go)))
    }

    fn transmit(&mut self, _: Instant) -> Option<Tx<'_>> {
        Some(Tx(&mut self.go))
    }

    fn capabilities(&self) -> DeviceCapabilities {
        let mut capabilities = DeviceCapabilities::default();
        capabilities.medium = Medium::Ethernet;
        capabilities.max_transmission_unit = MTU;
        capabilities
    }
}

/// A station that sends datagrams.
struct Sender {
    end: End,
    interface: Interface,
    sockets: SocketSet<'static>,
    socket: SocketHandle,
}

impl Sender {
    fn new() -> Self {
        let mut end = End::default();
        let config = Config::new(EthernetAddress([2, 0, 0, 0, 0, 1]).into());
        let mut interface = Interface::new(config, &mut end, Instant::ZERO);
        interface.update_ip_addrs(|addresses| {
            for (address, prefix) in [
                (IpAddr::V4(Ipv4Addr::new(10, 0, 0, 1)), 24),
                (IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 0, 0, 0, 0, 1)), 64),
            ] {
                addresses.push(IpCidr::new(address.into(), prefix)).expect("room for two");
            }
        });
        let buffer = || udp::PacketBuffer::new(vec![udp::PacketMetadata::EMPTY; 4].leak(), vec![0; 2 * MTU].leak());
        let mut socket = udp::Socket::new(buffer(), buffer());
        socket.bind(PORT).expect("a port");
        let mut sockets = SocketSet::new(vec![SocketStorage::EMPTY].leak());
        let socket = sockets.add(socket);
        Self { end, interface, sockets, socket }
    }

    fn send(&mut self, payload: &[u8], to: IpAddr) -> Vec<u8> {
        self.sockets
            .get_mut::<udp::Socket<'_>>(self.socket)
            .send_slice(payload, SocketAddr::new(to, PORT))
            .expect("room");
        self.interface.poll(Instant::ZERO, &mut self.end, &mut self.sockets);
        self.end.go.drain(..).next_back().expect("a frame")
    }
}

/// A node that was told `settings`, at the other end of the sender's wire.
struct Station {
    sender: Sender,
    end: End,
    node: Node<'static>,
    watch: ExactLines<String>,
    now: Duration,
}

impl Station {
    fn new(settings: &str) -> Self {
        Self::with_room::<MTU>(settings)
    }

    /// With buffers for packets of so many octets.
    fn with_room<const DATAGRAM: usize>(settings: &str) -> Self {
        let text = format!("address = 10.0.0.2/24\naddress6 = fd00::2/64\n{settings}").leak();
        let settings = Box::leak(Box::new(Settings::parse(text.as_bytes(), |error| panic!("{error}"))));
        let board = Board { name: "test", mac: [2, 0, 0, 0, 0, 2], seed: 1, reset: None };
        let storage = Box::leak(Box::new(Storage::<DATAGRAM>::new()));
        let sockets = Box::leak(Box::new(Sockets::new()));
        let mut end = End::default();
        let node = Node::new(&mut end, &board, settings, storage, sockets, Duration::ZERO);
        Self { sender: Sender::new(), end, node, watch: ExactLines::new(String::new()), now: Duration::ZERO }
    }

    fn poll(&mut self) {
        self.poll_after(Duration::from_millis(1));
    }

    fn poll_after(&mut self, time: Duration) {
        self.now += time;
        let readings = Readings { link: true, ..Readings::default() };
        self.node.poll(&mut self.end, self.now, &readings, &mut self.watch);
    }

    fn send(&mut self, payload: &[u8], to: IpAddr) {
        let frame = self.sender.send(payload, to);
        self.end.come.push_back(frame);
        self.poll();
    }

    /// The collectd packets that the node has sent.
    fn sent(&mut self) -> Vec<Vec<u8>> {
        let frames = self.end.go.drain(..);
        let packets = frames.filter_map(|octets| {
            let frame = EthernetFrame::new_checked(&octets[..]).expect("a frame");
            let ip = Ipv4Packet::new_checked(frame.payload()).ok()?;
            let udp = UdpPacket::new_checked(ip.payload()).ok().filter(|_| ip.next_header() == IpProtocol::Udp)?;
            assert_eq!((udp.dst_port(), ip.dst_addr(), ip.hop_limit()), (PORT, GROUP_V4, 1));
            Some(udp.payload().to_vec())
        });
        packets.collect()
    }

    /// The lines of the packets so far.
    fn lines(&mut self) -> Vec<Json> {
        let text = std::mem::take(self.watch.out());
        text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }
}

/// The settings that know the users of an auth file, and so much is asked of a packet.
fn with_users(file: &Path, level: &str) -> String {
    let text = fs::read_to_string(file).expect("an auth file");
    let users = text.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once(": "));
    let users: String = users.map(|(user, password)| format!("user = {user} {password}\n")).collect();
    format!("security-level = {level}\n{users}")
}

/// Compares what the node hears of `packets` with what the program says of them.
fn hears_what_is_decoded(name: &str, packets: impl Iterator<Item = Vec<u8>>, decoded: &[Json], settings: &str) {
    let mut station = Station::new(settings);
    let mut count = 0;
    for (place, packet) in packets.enumerate() {
        // In turn to both groups and both addresses.
        let groups: [IpAddr; 2] = [GROUP_V4.into(), GROUP_V6.into()];
        station.send(&packet, groups[place % 2]);
        let [heard] = &station.lines()[..] else { panic!("packet {place} of {name} was not heard") };
        let mut expected = decoded[place].clone();
        expected.as_object_mut().expect("an object").remove("file");
        assert_eq!(*heard, expected, "packet {place} of {name}");
        count += 1;
    }
    assert!(count == decoded.len() && count > 0, "{name}: {count} packets heard, {} decoded", decoded.len());
    assert_eq!(station.node.counters().packets, count as u64);
    assert_eq!(*station.node.drops(), collectd_node::Drops::default());
}

#[test]
fn captures_are_heard_as_they_are_decoded() {
    let users = capture("users.auth");
    let users_path = users.to_str().expect("UTF-8");
    let mut captures = 0;
    for entry in fs::read_dir(data("captures")).expect("captures") {
        let path = entry.expect("a file").path();
        let name = path.file_stem().and_then(|name| name.to_str()).expect("a name").to_owned();
        if path.extension().is_none_or(|extension| extension != "pcap") {
            continue;
        }
        let mut levels = vec![("", "none")];
        if ["signed", "encrypted", "auth-mixed"].contains(&name.as_str()) {
            levels.extend([(users_path, "none"), (users_path, "sign"), (users_path, "encrypt")]);
        }
        for (auth, level) in levels {
            let arguments: &[&str] =
                if auth.is_empty() { &[] } else { &["--auth-file", auth, "--security-level", level] };
            let settings = if auth.is_empty() { String::new() } else { with_users(&users, level) };
            let decoded = exact(&path, arguments);
            let packets = Capture::new(File::open(&path).expect("a capture")).expect("a capture");
            // What is recorded besides, on other ports, is not what the program reads.
            let packets =
                packets.map(|datagram| datagram.expect("a datagram")).filter(|datagram| datagram.to.port() == PORT);
            if decoded.is_empty() {
                continue;
            }
            hears_what_is_decoded(&name, packets.map(|datagram| datagram.payload), &decoded, &settings);
            captures += 1;
        }
    }
    assert!(captures > 20, "{captures} captures");
}

#[test]
fn hostile_packets_are_heard_as_they_are_decoded() {
    let auth = data("bad-packets/authfile");
    for level in ["none", "sign", "encrypt"] {
        let mut files: Vec<_> = fs::read_dir(data("bad-packets/packets"))
            .expect("packets")
            .map(|entry| entry.expect("a file").path())
            .collect();
        files.sort();
        let arguments = ["--auth-file", auth.to_str().expect("UTF-8"), "--security-level", level];
        let decoded: Vec<_> = files.iter().flat_map(|file| exact(file, &arguments)).collect();
        let packets = files.iter().map(|file| fs::read(file).expect("a packet"));
        hears_what_is_decoded("bad-packets", packets, &decoded, &with_users(&auth, level));
    }
}

#[test]
fn what_the_stack_drops_is_counted() {
    let mut station = Station::new("");
    let good = fs::read(data("../../core/tests/data/collectd-5.12.0-minimal.bin")).expect("a packet");
    let group = GROUP_V4.into();
    let frame = station.sender.send(&good, group);
    let changed = |change: &dyn Fn(&mut Vec<u8>)| {
        let mut frame = frame.clone();
        change(&mut frame);
        frame
    };
    // The check sum of the IP header, made again after a change.
    let with_header_sum = |frame: &mut Vec<u8>| {
        frame[24..26].fill(0);
        let sum: u32 = frame[14..34].chunks(2).map(|word| u32::from(u16::from_be_bytes([word[0], word[1]]))).sum();
        let sum = !((sum & 0xffff) + (sum >> 16)) as u16;
        frame[24..26].copy_from_slice(&sum.to_be_bytes());
    };
    let frames = [
        changed(&|frame| *frame.last_mut().expect("octets") ^= 1),
        changed(&|frame| frame[38..40].copy_from_slice(&7_u16.to_be_bytes())),
        changed(&|frame| frame[38..40].copy_from_slice(&999_u16.to_be_bytes())),
        changed(&|frame| {
            frame[20] = 0x20;
            with_header_sum(frame);
        }),
        // Not for this node: another group, another port.
        station.sender.send(&good, IpAddr::V4(Ipv4Addr::new(239, 192, 74, 67))),
        changed(&|frame| frame[37] ^= 1),
        frame.clone(),
    ];
    station.end.come.extend(frames);
    station.poll();
    let expected = collectd_node::Drops { damaged: 1, lengths: 2, fragments: 1, ..Default::default() };
    assert_eq!((*station.node.drops(), station.node.counters().packets), (expected, 1));
    assert_eq!(station.lines().len(), 1);
}

#[test]
fn what_is_too_long_is_counted_and_the_next_one_heard() {
    let mut station = Station::with_room::<61>("");
    let good = fs::read(data("../../core/tests/data/collectd-5.12.0-minimal.bin")).expect("a packet");
    assert_eq!(good.len(), 61);
    for group in [IpAddr::from(GROUP_V4), GROUP_V6.into()] {
        station.send(&[&good[..], &[0]].concat(), group);
        station.send(&good, group);
    }
    let expected = collectd_node::Drops { too_long: 2, ..Default::default() };
    assert_eq!((*station.node.drops(), station.node.counters().packets), (expected, 2));
    assert_eq!(station.lines().len(), 2);
}

/// A load of the host at that many seconds.
fn load(host: &str, secs: u64, load: f64) -> Vec<u8> {
    let mut buffer = [0; 200];
    let mut encoder = Encoder::new(&mut buffer);
    let identifier =
        Identifier { host: host.into(), plugin: "load".into(), type_: "load".into(), ..Identifier::default() };
    let (time, interval) = (Time::from_secs(secs).expect("a time"), Interval::from_secs(2));
    encoder.value_list(&identifier, time, interval, [Value::Gauge(load)]).expect("room");
    encoder.packet().to_vec()
}

#[test]
fn the_node_says_how_it_is_and_what_is_wrong() {
    let mut station = Station::new(
        "name = board\nreport = 10\nreport-user = me secret\nalarms = on\nmissing-after = 3\n\
         threshold = failure: plugin == \"load\" and value > 5\n",
    );
    let users = [User::new("me", "secret")];
    let (mut readings, mut alarms) = (Vec::new(), Vec::new());
    // Two hosts for a minute, one of them busy in the middle; then one is silent.
    for tick in 0..1000_u64 {
        station.poll_after(Duration::from_millis(100));
        if tick % 20 == 0 {
            let busy = (200..400).contains(&tick);
            station.send(&load("web01", 1_700_000_000 + tick / 10, if busy { 9.0 } else { 1.0 }), GROUP_V4.into());
            if tick < 600 {
                station.send(&load("web02", 1_700_000_000 + tick / 10, 1.0), GROUP_V6.into());
            }
        }
        for mut packet in station.sent() {
            for item in open(&mut packet, &users, SecurityLevel::Sign) {
                match item.expect("signed and whole") {
                    Item::ValueList(list) => {
                        let secs = list.time.secs();
                        assert!((1_700_000_000..1_700_000_110).contains(&secs), "{secs}");
                        readings.push((list.identifier.to_string(), list.values.iter().next()));
                    }
                    Item::Notification(notification) => {
                        let subject = notification.identifier.host.to_string();
                        alarms.push((subject, notification.severity.name(), notification.message.to_string()));
                    }
                }
            }
        }
    }
    let count = |name: &str| readings.iter().filter(|(identifier, _)| identifier == name).count();
    assert!((5..=10).contains(&count("board/uptime/uptime")), "{readings:?}");
    let packets = readings.iter().rev().find(|(identifier, _)| identifier == "board/collectd_node/if_rx_packets");
    assert!(matches!(packets, Some((_, Some(Value::Derive(70..=80))))), "{packets:?}");
    let alarms: Vec<_> = alarms.iter().map(|(host, severity, _)| (host.as_str(), *severity)).collect();
    assert_eq!(alarms, [("web01", "failure"), ("web01", "okay"), ("web02", "failure")]);
}

#[test]
fn a_flood_delays_nothing_that_is_due() {
    let mut station =
        Station::new("name = board\nreport = 1\nalarms = on\nthreshold = failure: plugin == \"load\" and value > 5\n");
    let (mut reports, mut alarms) = (Vec::new(), Vec::new());
    // A packet in every poll; two senders, so that the time is known at once.
    for millis in 0..5_000_u64 {
        let group: IpAddr = if millis % 2 == 0 { GROUP_V4.into() } else { GROUP_V6.into() };
        let busy = millis >= 2_500;
        station.send(&load("web01", 1_700_000_000 + millis / 1_000, if busy { 9.0 } else { 1.0 }), group);
        for mut packet in station.sent() {
            for item in open(&mut packet, &[], SecurityLevel::None) {
                match item.expect("whole") {
                    Item::ValueList(list) if list.identifier.plugin == "uptime" => reports.push(millis),
                    Item::ValueList(_) => {}
                    Item::Notification(_) => alarms.push(millis),
                }
            }
        }
    }
    assert_eq!(alarms, [2_500]);
    // The time was not known at the first one.
    assert_eq!(reports, [1_000, 2_000, 3_000, 4_000]);
}
