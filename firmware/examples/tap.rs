//! The node of the boards on this PC: it is a station of its own behind a TAP interface.
//!
//! `cargo run -p collectd-node --example tap -- INTERFACE [SETTINGS]`; the README says how to make the interface. What arrives is
//! printed; `SETTINGS` is a file as a board has it in its flash. Without one the node is 10.55.0.2.

use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};
use std::{env, fs};

use collectd_node::collectd_net::{Error, Item};
use collectd_node::smoltcp::phy::{Medium, TunTapInterface, wait};
use collectd_node::{Board, Node, Outcome, Readings, Settings, Sockets, Storage, Watch};
use collectd_tap::sink::blog::Line;

const SETTINGS: &str = "address = 10.55.0.2/24\nname = tap\n";

/// Prints what arrives, as `collectd-tap` does.
struct Print;

impl Watch for Print {
    fn item(&mut self, item: &Item<'_>, _: Option<SocketAddr>) {
        println!("{}", Line(item));
    }

    fn refusal(&mut self, error: &Error, from: Option<SocketAddr>) {
        match from {
            Some(from) => eprintln!("tap: refused from {from}: {error}"),
            None => eprintln!("tap: refused: {error}"),
        }
    }
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("tap: {error}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<(), String> {
    let mut arguments = env::args().skip(1);
    let (Some(interface), settings, None) = (arguments.next(), arguments.next(), arguments.next()) else {
        return Err("usage: tap INTERFACE [SETTINGS]".into());
    };
    let text = match &settings {
        Some(file) => fs::read(file).map_err(|error| format!("{file}: {error}"))?,
        None => SETTINGS.into(),
    };
    is_up(&interface)?;
    let mut device =
        TunTapInterface::new(&interface, Medium::Ethernet).map_err(|error| format!("{interface}: {error}"))?;

    let seed = SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |time| time.as_nanos() as u64);
    let board = Board { name: "tap", mac: [0x02, 0, 0, 0x55, 0, 2], seed, reset: None };
    let settings = Settings::parse(&text, |error| eprintln!("{error}"));
    let (mut storage, mut sockets) = (Storage::<1472>::new(), Sockets::new());
    let start = Instant::now();
    let mut node = Node::new(&mut device, &board, &settings, &mut storage, &mut sockets, Duration::ZERO);
    for address in node.addresses() {
        eprintln!("tap: on {interface} as {address}");
    }
    let readings = Readings { link: true, ..Readings::default() };
    loop {
        let Outcome { wake, .. } = node.poll(&mut device, start.elapsed(), &readings, &mut Print);
        let nap = wake.saturating_sub(start.elapsed());
        wait(device.as_raw_fd(), Some(nap.into())).map_err(|error| format!("{interface}: {error}"))?;
    }
}

/// Root would make a missing interface by opening it, and hear nothing from one that is down.
fn is_up(interface: &str) -> Result<(), String> {
    // IFF_UP in netdevice(7).
    const UP: u32 = 1;
    let file = format!("/sys/class/net/{interface}/flags");
    let flags = match fs::read_to_string(&file) {
        Ok(flags) if !interface.contains('/') => flags,
        _ => {
            return Err(format!(
                "there is no interface {interface}; make it with `sudo ip tuntap add dev {interface} mode tap user $USER`"
            ));
        }
    };
    let flags = flags.trim().trim_start_matches("0x");
    match u32::from_str_radix(flags, 16) {
        Ok(flags) if flags & UP == 0 => {
            Err(format!("{interface} is down; raise it with `sudo ip link set {interface} up`"))
        }
        Ok(_) => Ok(()),
        Err(error) => Err(format!("{file}: {error}")),
    }
}
