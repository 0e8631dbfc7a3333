//! Network namespaces joined by veth pairs. No packet of a test leaves the machine, and tests do not meet each other.
//!
//! ```text
//!   sender                       receiver                      third (only where a test adds one)
//!   to-receiver ───────────────► to-sender
//!   10.99.0.1, fd99::1           10.99.0.2, fd99::2
//!                                to-third ◄─────────────────── to-receiver
//!                                10.99.1.2, fd99:1::2          10.99.1.1, fd99:1::1
//! ```
//!
//! Namespaces need root and iproute2.

use std::{
    ffi::OsStr,
    fs::{self, File},
    net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, UdpSocket},
    panic::resume_unwind,
    process::{self, Command, Output, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    thread,
};

use nix::{
    net::if_::if_nametoindex,
    sched::{CloneFlags, CpuSet, sched_getaffinity, sched_setaffinity, setns},
    unistd::Pid,
};
use socket2::{Domain, InterfaceIndexOrAddress, Protocol, Socket, Type};

use crate::until;

/// collectd's default groups.
pub const GROUPS: [IpAddr; 2] =
    [IpAddr::V4(Ipv4Addr::new(239, 192, 74, 66)), IpAddr::V6(Ipv6Addr::new(0xff18, 0, 0, 0, 0, 0, 0xefc0, 0x4a42))];

/// collectd's default port.
pub const PORT: u16 = 25826;

/// The interface of [`Net::sender`] that leads to the receiver, and of a third namespace likewise.
pub const TO_RECEIVER: &str = "to-receiver";

/// The interface of [`Net::receiver`] that leads to the sender.
pub const TO_SENDER: &str = "to-sender";

/// The interface of [`Net::receiver`] that leads to the third namespace.
pub const TO_THIRD: &str = "to-third";

/// The addresses of [`Net::sender`].
pub const SENDER: [IpAddr; 2] = addresses(0, 1);

/// The addresses of [`Net::receiver`].
pub const RECEIVER: [IpAddr; 2] = addresses(0, 2);

/// A sender and a receiver joined by a veth pair, with IPv4, IPv6 and link-local addresses ready for use.
///
/// Declare it before the programs that run in it: they must be dropped first.
#[derive(Debug)]
pub struct Net {
    /// Where collectd runs.
    pub sender: Namespace,
    /// Where the program under test runs.
    pub receiver: Namespace,
}

impl Net {
    /// Makes both namespaces and the pair between them.
    #[expect(clippy::new_without_default, reason = "it changes the machine, which no default should")]
    pub fn new() -> Self {
        let net = Self { sender: Namespace::new("sender"), receiver: Namespace::new("receiver") };
        net.link_again("");
        net
    }

    /// Makes the pair between them once more, after it was deleted; `options` are more words of `ip link add` for the
    /// receiver's end.
    pub fn link_again(&self, options: &str) {
        link(0, (&self.sender, TO_RECEIVER), (&self.receiver, TO_SENDER), options);
    }

    /// Makes a third namespace, joined to the receiver by a second pair.
    pub fn third(&self) -> Namespace {
        let third = Namespace::new("third");
        link(1, (&third, TO_RECEIVER), (&self.receiver, TO_THIRD), "");
        third
    }
}

/// A network namespace with its loopback up; deleted on drop.
#[derive(Debug)]
pub struct Namespace {
    name: String,
}

impl Namespace {
    /// Makes a namespace whose name says which process and which role it serves.
    pub fn new(role: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);

        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let namespace = Self { name: format!("collectd-{}-{number}-{role}", process::id()) };
        ip(&format!("netns add {}", namespace.name));
        namespace.enter(|| {
            // Link-local addresses are then usable at once. Where this is not writable, `link` waits a little longer.
            _ = fs::write("/proc/sys/net/ipv6/conf/default/accept_dad", "0");
        });
        namespace.ip("link set lo up");
        namespace
    }

    /// Runs `ip` on this namespace, with words as in `link set lo up`, and returns what it prints.
    ///
    /// # Panics
    ///
    /// When `ip` fails.
    pub fn ip(&self, words: &str) -> String {
        ip(&format!("-n {} {words}", self.name))
    }

    /// A command that will run `program` in this namespace, as the very process that is spawned.
    pub fn command(&self, program: impl AsRef<OsStr>) -> Command {
        let mut command = Command::new("ip");
        command.args(["netns", "exec", &self.name]).arg(program).stdin(Stdio::null());
        command
    }

    /// Runs `program` in this namespace to its end, on one processor: what it sends from one socket arrives in this order.
    pub fn run(&self, program: impl AsRef<OsStr> + Send, arguments: &[&str]) -> Output {
        self.enter(|| {
            stay_on_one_processor();
            let mut command = Command::new(program);
            command.args(arguments).stdin(Stdio::null()).output().expect("the program is installed")
        })
    }

    /// Octets of memory that datagrams take which IPv4 sockets of this namespace have not taken in.
    pub fn waiting_octets(&self) -> u64 {
        let table = self.enter(|| fs::read_to_string("/proc/thread-self/net/udp").expect("the kernel has UDP"));
        let waiting = |line: &str| {
            let queues = line.split_whitespace().nth(4).expect("a column of queues");
            let received = queues.split_once(':').expect("two queues").1;
            u64::from_str_radix(received, 16).expect("hexadecimal digits")
        };
        table.lines().skip(1).map(waiting).sum()
    }

    /// Does `work` in this namespace, on a thread of its own. Sockets opened there stay there.
    pub fn enter<T: Send>(&self, work: impl FnOnce() -> T + Send) -> T {
        let inside = || {
            let file = File::open(format!("/run/netns/{}", self.name)).expect("`ip netns add` made this file");
            setns(file, CloneFlags::CLONE_NEWNET).expect("root may enter a namespace");
            work()
        };
        thread::scope(|scope| scope.spawn(inside).join()).unwrap_or_else(|panic| resume_unwind(panic))
    }

    /// Sends one datagram out of `interface` to each of [`GROUPS`], port [`PORT`].
    pub fn send_to_groups(&self, interface: &str, datagram: &[u8]) {
        for group in GROUPS {
            self.send(interface, SocketAddr::new(group, PORT), datagram);
        }
    }

    /// Sends one datagram out of `interface`.
    pub fn send(&self, interface: &str, to: SocketAddr, datagram: &[u8]) {
        self.enter(|| {
            let socket = udp(to);
            socket.bind_device(Some(interface.as_bytes())).expect("the interface exists");
            let sent = socket.send_to(datagram, &to.into());
            assert_eq!(sent.ok(), Some(datagram.len()), "send to {to} out of {interface}");
        });
    }

    /// Sends one datagram out of `interface` if that is possible now, while the link is down or not yet up.
    pub fn try_send(&self, interface: &str, to: SocketAddr, datagram: &[u8]) -> bool {
        self.enter(|| {
            let socket = udp(to);
            socket.bind_device(Some(interface.as_bytes())).is_ok() && socket.send_to(datagram, &to.into()).is_ok()
        })
    }

    /// Sends one datagram out of `interface`, from this address of it.
    pub fn send_from(&self, from: IpAddr, interface: &str, to: SocketAddr, datagram: &[u8]) {
        self.enter(|| {
            let socket = udp(to);
            socket.bind_device(Some(interface.as_bytes())).expect("the interface exists");
            socket.bind(&SocketAddr::new(from, 0).into()).expect("the address is this interface's");
            let sent = socket.send_to(datagram, &to.into());
            assert_eq!(sent.ok(), Some(datagram.len()), "send to {to} from {from}");
        });
    }

    /// Sends these datagrams from one socket, in order.
    pub fn send_all(&self, interface: &str, to: SocketAddr, datagrams: &[Vec<u8>]) {
        let datagrams: Vec<_> = datagrams.iter().map(Vec::as_slice).collect();
        self.flood(interface, to, &datagrams, datagrams.len() as u64);
    }

    /// Sends so many datagrams as fast as it goes, these in turn, from one socket. They arrive in this order.
    pub fn flood(&self, interface: &str, to: SocketAddr, datagrams: &[&[u8]], count: u64) {
        self.send_while(interface, to, datagrams, |sent| sent < count);
    }

    /// Sends these datagrams in turn from one socket as long as the number of those sent pleases `goes_on`, which may also take
    /// its time; how many that were.
    pub fn send_while(
        &self,
        interface: &str,
        to: SocketAddr,
        datagrams: &[&[u8]],
        mut goes_on: impl FnMut(u64) -> bool + Send,
    ) -> u64 {
        self.enter(|| {
            stay_on_one_processor();
            let socket = udp(to);
            socket.bind_device(Some(interface.as_bytes())).expect("the interface exists");
            let mut number = 0;
            for datagram in datagrams.iter().cycle() {
                if !goes_on(number) {
                    break;
                }
                let sent = socket.send_to(datagram, &to.into());
                assert_eq!(sent.ok(), Some(datagram.len()), "send to {to} out of {interface}");
                number += 1;
            }
            number
        })
    }

    /// A socket bound to `address`, joined on `interface` if that is a group; it never blocks. It stands for another
    /// program, or tells a test what has arrived without asking the program under test.
    pub fn witness(&self, interface: &str, address: SocketAddr) -> UdpSocket {
        self.enter(|| {
            let socket = udp(address);
            let index = if_nametoindex(interface).expect("the interface exists");
            socket.set_reuse_address(true).expect("any UDP socket may");
            socket.set_nonblocking(true).expect("any socket may");
            socket.bind(&address.into()).expect("the address is free, or shared by all who have it");
            match address.ip() {
                IpAddr::V4(ip) if ip.is_multicast() => {
                    socket.join_multicast_v4_n(&ip, &InterfaceIndexOrAddress::Index(index)).expect("joins the group");
                }
                IpAddr::V6(ip) if ip.is_multicast() => {
                    socket.join_multicast_v6(&ip, index).expect("joins the group");
                }
                _ => {}
            }
            socket.into()
        })
    }
}

impl Drop for Namespace {
    fn drop(&mut self) {
        // What is left of a failed test must not hide why it failed: no panic here.
        _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}

/// How many datagrams `witness` has waiting; they are gone afterwards.
pub fn drain(witness: &UdpSocket) -> usize {
    let mut octet = [0];
    (0..65_536).take_while(|_| witness.recv(&mut octet).is_ok()).count()
}

/// Joins two namespaces: the first gets `10.99.subnet.1` and `fd99:subnet::1`, the second the same with 2.
fn link(subnet: u8, first: (&Namespace, &str), second: (&Namespace, &str), options: &str) {
    let ends = [first, second];
    let [one, other] = ends.map(|(namespace, interface)| format!("name {interface} netns {}", namespace.name));
    ip(&format!("link add {other}{options} type veth peer {one}"));
    for ((namespace, interface), host) in ends.into_iter().zip(1..) {
        let [v4, v6] = addresses(subnet, host);
        namespace.ip(&format!("addr add {v4}/24 dev {interface}"));
        namespace.ip(&format!("addr add {v6}/64 dev {interface} nodad"));
        namespace.ip(&format!("link set {interface} up"));
    }
    for (namespace, interface) in ends {
        let addresses = |which| namespace.ip(&format!("-6 addr show dev {interface} {which}"));
        until("a link-local address that is no longer tentative", || {
            !addresses("scope link").is_empty() && addresses("tentative").is_empty()
        });
    }
}

/// The addresses of a host, IPv4 and IPv6.
const fn addresses(subnet: u8, host: u8) -> [IpAddr; 2] {
    [
        IpAddr::V4(Ipv4Addr::new(10, 99, subnet, host)),
        IpAddr::V6(Ipv6Addr::new(0xfd99, subnet as u16, 0, 0, 0, 0, 0, host as u16)),
    ]
}

/// Keeps the calling thread where it is: what it sends from another processor may overtake what still waits on this one.
fn stay_on_one_processor() {
    let this_thread = Pid::from_raw(0);
    let allowed = sched_getaffinity(this_thread).expect("a thread may ask about itself");
    let first = (0..CpuSet::count()).find(|processor| allowed.is_set(*processor) == Ok(true));
    let mut one = CpuSet::new();
    one.set(first.expect("a thread runs somewhere")).expect("it was in the other set");
    sched_setaffinity(this_thread, &one).expect("a thread may confine itself");
}

/// A UDP socket of the family of `address`.
fn udp(address: SocketAddr) -> Socket {
    Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP)).expect("a socket is to be had")
}

/// Runs `ip` with these words and returns what it prints.
fn ip(words: &str) -> String {
    let output = Command::new("ip").args(words.split(' ')).output().expect("iproute2 is installed");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "ip {words}: {said}");
    String::from_utf8_lossy(&output.stdout).into_owned()
}
