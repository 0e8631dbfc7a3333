#![doc = include_str!("../README.md")]

pub mod capture;
pub mod cli;
#[cfg(feature = "config")]
mod collectd_conf;
mod demo;
pub mod listen;
mod owned;
mod reader;
pub mod sink;
pub mod users;

pub use collectd_net;

pub use owned::OwnedItem;
pub use reader::{Builder, Reader};
