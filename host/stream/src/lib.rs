#![doc = include_str!("../README.md")]

pub mod fleet;
pub mod intake;
mod opened;
mod owned;
pub mod rate;
mod selection;
pub mod sink;
pub mod sources;
pub mod suggest;
pub mod types_db;
pub mod users;

pub use opened::Opened;
pub use owned::OwnedItem;
pub use selection::{Selection, SelectionError};
