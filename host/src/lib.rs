#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
#[cfg(feature = "config")]
mod collectd_conf;
mod command;
pub mod demo;
#[cfg(feature = "doctor")]
pub mod doctor;
pub mod fleet;
pub mod generate;
pub mod listen;
mod owned;
pub mod rate;
mod reader;
pub mod record;
pub mod relay;
pub mod replay;
mod selection;
pub mod send;
pub mod sink;
pub mod sources;
mod suggest;
#[cfg(feature = "tui")]
mod top;
pub mod types_db;
pub mod users;
#[cfg(any(feature = "tui", feature = "web"))]
mod watching;
#[cfg(feature = "web")]
mod web;
mod writer;

pub use collectd_net;

pub use owned::OwnedItem;
pub use reader::{Builder, Reader};
pub use selection::{Selection, SelectionError};
pub use writer::{WriteError, Writer, WriterBuilder};
