//! Generating: the packets of a made-up fleet, the same for the same seed.
//!
//! ```text
//! Fleet → items → Packer → packets → Damage, for some → Destination
//! ```
//!
//! A [`Generator`] has no clock and no socket: it tells when something is due, and its caller says that it is so late.

mod damage;
mod fleet;
mod generator;
pub(crate) mod random;

pub use damage::Damage;
pub use generator::{Counts, Generator, Packet, Plan};
