#![doc = include_str!("../README.md")]
// Entries that are called once are kept out of their callers, where they would be compiled for size again: `#[inline(never)]`.

pub mod command;
pub mod fleet;
pub mod intake;
mod opened;
mod owned;
pub mod packer;
pub mod rate;
mod selection;
pub mod sink;
pub mod sources;
pub mod suggest;
pub mod transmit;
pub mod types_db;
pub mod users;

pub use opened::Opened;
pub use owned::OwnedItem;
pub use selection::{Selection, SelectionError};
