#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
#[cfg(feature = "config")]
mod collectd_conf;
pub mod demo;
#[cfg(feature = "doctor")]
pub mod doctor;
pub mod generate;
pub mod listen;
mod reader;
pub mod record;
pub mod relay;
pub mod replay;
pub mod send;
#[cfg(feature = "tui")]
mod top;
#[cfg(any(feature = "tui", feature = "web"))]
mod watching;
#[cfg(feature = "web")]
mod web;
mod writer;

pub use collectd_net;
#[doc(inline)]
pub use collectd_tap_stream::{OwnedItem, Selection, SelectionError, fleet, rate, sink, sources, types_db, users};

use collectd_tap_stream::suggest;

pub use reader::{Builder, Reader};
pub use writer::{WriteError, Writer, WriterBuilder};
