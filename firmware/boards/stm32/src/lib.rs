//! collectd-node on ST's Nucleo-144 boards: what all of them do alike. Each board's own file sets its clocks and pins.
#![no_std]
#![cfg(all(target_os = "none", feature = "board"))]

mod clock;
mod phy;
mod reset;
mod run;
mod thermometer;

pub use clock::external_clock;
pub use phy::Lan8742;
pub use run::{Arrival, Board, Queue, queue, run, watch};
pub use thermometer::Thermometer;
pub use {cortex_m_rt, embassy_stm32};

/// A MAC address from the chip's unique ID.
pub fn mac() -> [u8; 6] {
    let mut id = [0; 12];
    for (index, word) in id.as_chunks_mut().0.iter_mut().enumerate() {
        *word = embassy_stm32::pac::UID.uid(index).read().to_le_bytes();
    }
    boards_common::mac(&id)
}
