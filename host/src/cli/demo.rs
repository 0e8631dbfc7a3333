//! `collectd-tap demo`: the main job on a fleet that this process makes up.

use std::thread;

use super::listen::{Limits, print_arriving};
use super::worker::Report;
use super::{Exit, Failure, Printing, warn};
use crate::demo::Fleet;
use crate::listen::{Address, Listener, Settings};
use crate::send::{Destination, Server};

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    /// Send the packets here, too: to a group, or an address; may be repeated
    #[arg(long, value_name = "HOST[:PORT][%IFACE]")]
    send_to: Vec<Address>,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    limits: Limits,
}

#[cfg(feature = "config")]
impl Demo {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.printing.check()
    }
}

/// The fleet sends through a real socket to any free port of the loopback, so that it disturbs nobody.
pub(super) fn run(arguments: &Demo) -> Result<Exit, Failure> {
    let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
    let settings = Settings { endpoints: vec![address.into()], ..Settings::default() };
    let listener = Listener::open(&settings).map_err(|error| Failure::Runtime(error.to_string()))?;
    let to = listener.addresses().next().ok_or_else(|| Failure::Runtime("no address to send to".into()))?;
    let failed = |error| Failure::Runtime(format!("cannot start the fleet: {error}"));
    let own = Address { host: to.ip().to_string(), port: to.port(), interface: None };
    let mut destinations = Vec::new();
    for server in [own].iter().chain(&arguments.send_to).cloned().map(Server::from) {
        let destination = Destination::open(&server).map_err(|error| Failure::Runtime(error.to_string()))?;
        destinations.push(destination.tell(|notice| warn(format_args!("{notice}"))));
    }
    thread::Builder::new()
        .name("fleet".into())
        .spawn(move || Fleet::new().send_for_ever(destinations))
        .map_err(failed)?;
    print_arriving(listener, &settings, Report::Items, &arguments.printing, &arguments.limits)
}
