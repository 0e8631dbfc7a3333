//! `collectd-tap demo`: the main job on a fleet that this process makes up.

use std::net::SocketAddr;

use super::listen::{self, Task, print_arriving};
#[cfg(any(feature = "tui", feature = "web"))]
use super::top::Shows;
#[cfg(any(feature = "tui", feature = "web"))]
use super::watching::CHARTS;
#[cfg(feature = "web")]
use super::web::Web;
use super::worker::Report;
use super::{Exit, Failure, Printing, warn};
use crate::demo::{self, Story};
#[cfg(any(feature = "tui", feature = "web"))]
use crate::fleet::Limits;
use crate::listen::{Address, Listener, Settings};
use crate::send::{Destination, Server};
#[cfg(any(feature = "tui", feature = "web"))]
use crate::watching::{self, Watching};

/// Flags of lines by their ids, which graphs have not got.
#[cfg(any(feature = "tui", feature = "web"))]
const LINES: [(&str, &str); 10] = [
    ("format", "format"),
    ("only", "only"),
    ("rejects", "rejects"),
    ("strict", "strict"),
    ("count", "count"),
    ("rate", "rate"),
    ("time", "time"),
    ("every", "every"),
    ("total", "for"),
    ("idle_timeout", "idle-timeout"),
];

#[derive(Debug, clap::Args)]
pub(super) struct Demo {
    #[command(flatten)]
    playing: Playing,
    #[cfg(any(feature = "tui", feature = "web"))]
    #[command(flatten)]
    showing: Showing,
    #[command(flatten)]
    printing: Printing,
    #[command(flatten)]
    limits: listen::Limits,
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
    let Demo { playing, printing, limits, .. } = arguments;
    let address = Address { host: "127.0.0.1".into(), port: 0, interface: None };
    let settings = Settings { endpoints: vec![address.into()], ..Settings::default() };
    let listener = Listener::open(&settings).map_err(|error| Failure::Runtime(error.to_string()))?;
    let to = listener.addresses().next().ok_or_else(|| Failure::Runtime("no address to send to".into()))?;
    playing.start(to)?;
    #[cfg(any(feature = "tui", feature = "web"))]
    if arguments.showing.is_wanted() {
        return arguments.showing.show(listener, printing);
    }
    let task = Task { report: Report::Items, watch: None, known: Some(demo::users()) };
    print_arriving(listener, &settings, task, printing, limits)
}

/// Whether it is shown, and not printed.
#[cfg(any(feature = "tui", feature = "web"))]
#[derive(Debug, clap::Args)]
struct Showing {
    /// Show live graphs of it in the terminal, as top does, instead of lines
    #[cfg(feature = "tui")]
    #[arg(long)]
    top: bool,
    /// With --top, draw with characters of ASCII alone, for fonts without braille
    #[cfg(feature = "tui")]
    #[arg(long, requires = "top")]
    ascii: bool,
    #[cfg(feature = "web")]
    #[command(flatten)]
    web: Web,
}

#[cfg(any(feature = "tui", feature = "web"))]
impl Showing {
    const fn is_wanted(&self) -> bool {
        #[cfg(feature = "tui")]
        let is_wanted = self.top;
        #[cfg(not(feature = "tui"))]
        let is_wanted = false;
        #[cfg(feature = "web")]
        let is_wanted = is_wanted || self.web.is_wanted();
        is_wanted
    }

    /// Shows what the listener hears.
    fn show(&self, listener: Listener, printing: &Printing) -> Result<Exit, Failure> {
        for (id, flag) in LINES {
            if printing.typed.has(id) {
                return Err(Failure::Usage(format!("--{flag} is about lines, and graphs are shown instead")));
            }
        }
        let limits = Limits { max_series: printing.looks.max_series(), charted: CHARTS, ..Limits::default() };
        let settings = watching::Settings { limits, types: printing.looks.types()?, filter: printing.filter() };
        let profiles = printing.opening.open_all(Some(&demo::users()), listener.profiles())?;
        #[cfg(feature = "tui")]
        let view = printing.looks.view(self.ascii);
        let shows = Shows {
            #[cfg(feature = "tui")]
            view: self.top.then_some(&view),
            #[cfg(feature = "web")]
            web: &self.web,
        };
        shows.run(|tell| {
            Watching::listen(listener, profiles, settings, tell)
                .map_err(|error| Failure::Runtime(format!("cannot start to listen: {error}")))
        })
    }
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
