//! collectd-node on WIZnet's boards with an RP2040 or RP2350 and a W5500: what both do alike. Each board's own file brings the
//! chip's ID and a random number.
#![no_std]
#![cfg(all(target_os = "none", feature = "board"))]

mod reset;
mod run;
mod thermometer;
mod wires;

pub use boards_common::mac;
pub use run::{Board, run};
