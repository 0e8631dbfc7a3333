#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
#[cfg(feature = "config")]
mod collectd_conf;
mod command;
mod demo;
pub mod listen;
mod owned;
pub mod rate;
mod reader;
mod selection;
pub mod send;
pub mod sink;
pub mod sources;
mod suggest;
pub mod types_db;
pub mod users;
mod writer;

pub use collectd_net;

pub use owned::OwnedItem;
pub use reader::{Builder, Reader};
pub use selection::{Selection, SelectionError};
pub use writer::{WriteError, Writer, WriterBuilder};
