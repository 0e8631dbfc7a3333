//! Replaying: the packets of captures, sent again when they are due.

mod pace;
mod shift;

pub use pace::{Pace, Pacer};
pub use shift::{Shift, Shifted};
