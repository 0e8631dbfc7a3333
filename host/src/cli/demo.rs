//! `collectd-tap demo`: the main job on a fleet that this process makes up.

use std::thread;

use super::listen::{Limits, print_arriving};
use super::{Exit, Failure, Printing};
use crate::demo::Fleet;
use crate::listen::{Address, Listener, Settings};

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    limits: Limits,
}

/// The fleet sends through a real socket to any free port of the loopback, so that it disturbs nobody.
pub(super) fn run(arguments: &Demo) -> Result<Exit, Failure> {
    let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
    let settings = Settings { addresses: vec![address], interfaces: Vec::new() };
    let listener = Listener::open(&settings).map_err(|error| Failure::Runtime(error.to_string()))?;
    let to = listener.addresses().next().ok_or_else(|| Failure::Runtime("no address to send to".into()))?;
    thread::Builder::new()
        .name("fleet".into())
        .spawn(move || Fleet::new().send_for_ever(to))
        .map_err(|error| Failure::Runtime(format!("cannot start the fleet: {error}")))?;
    print_arriving(listener, &arguments.printing, &arguments.limits)
}
