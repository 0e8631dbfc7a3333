//! `collectd-tap demo`: the main job on a fleet that this process makes up.

use std::net::SocketAddr;

use super::listen::{Limits, Task, print_arriving};
use super::worker::Report;
use super::{Exit, Failure, Printing, warn};
use crate::demo::{self, Story};
use crate::listen::{Address, Listener, Settings};
use crate::send::{Destination, Server};

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    playing: Playing,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    limits: Limits,
}

/// What the fleet does.
#[derive(Debug, clap::Args)]
struct Playing {
    /// Send the packets here, too, without seals: to a group, or an address; may be repeated
    #[arg(long, value_name = "HOST[:PORT][%IFACE]")]
    send_to: Vec<Address>,
    /// The same number makes the same items and the same damage
    #[arg(long, value_name = "N", default_value = "0")]
    seed: u64,
}

#[cfg(feature = "config")]
impl Demo {
    /// What is wrong with these settings on this machine.
    pub(super) fn check(&self) -> Vec<super::check::Finding> {
        self.printing.check()
    }
}

/// The fleet sends through real sockets to any free port of the loopback, so that it disturbs nobody.
pub(super) fn run(arguments: &Demo) -> Result<Exit, Failure> {
    let Demo { playing, printing, limits } = arguments;
    let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
    let settings = Settings { endpoints: vec![address.into()], ..Settings::default() };
    let listener = Listener::open(&settings).map_err(|error| Failure::Runtime(error.to_string()))?;
    let to = listener.addresses().next().ok_or_else(|| Failure::Runtime("no address to send to".into()))?;
    playing.start(to)?;
    let task = Task { report: Report::Items, watch: None, known: Some(demo::users()) };
    print_arriving(listener, &settings, task, printing, limits)
}

impl Playing {
    /// Has the fleet send to this address, and to the others that are named.
    fn start(&self, to: SocketAddr) -> Result<(), Failure> {
        let mut others = Vec::new();
        for server in self.send_to.iter().cloned().map(Server::from) {
            let other = Destination::open(&server).map_err(|error| Failure::Runtime(error.to_string()))?;
            others.push(other.tell(|notice| warn(format_args!("{notice}"))));
        }
        demo::start(Story::new(self.seed), to, others, |notice| warn(format_args!("{notice}")))
            .map_err(|error| Failure::Runtime(format!("cannot start the fleet: {error}")))
    }
}
