//! `collectd-tap demo`: the main job on a fleet that this process makes up.

use std::thread;

use super::listen::{Limits, print_arriving};
use super::worker::Report;
use super::{Exit, Failure, Printing, warn};
use crate::demo::{Destination, Fleet};
use crate::listen::{Address, Listener, Settings};

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
    let mut destinations = vec![Destination::new(to, None).map_err(failed)?];
    for address in &arguments.send_to {
        let unusable = |error| Failure::Runtime(format!("cannot send to {address}: {error}"));
        for to in address.resolve().map_err(unusable)? {
            destinations.push(Destination::new(to, address.interface.as_deref()).map_err(unusable)?);
        }
    }
    let complain = |to, error| warn(format_args!("cannot send to {to}: {error}"));
    thread::Builder::new()
        .name("fleet".into())
        .spawn(move || Fleet::new().send_for_ever(destinations, &complain))
        .map_err(failed)?;
    print_arriving(listener, &settings, (Report::Items, None), &arguments.printing, &arguments.limits)
}
