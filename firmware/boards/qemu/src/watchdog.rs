//! The watchdog that both chips have: ARM's, which counts down twice. The first time it interrupts, so that the reason can be
//! kept; the second time it resets, whatever the processor does.

use core::time::Duration;

use crate::register::Registers;

/// From the last feeding to the interrupt, and from there to the reset.
const PATIENCE: Duration = Duration::from_millis(800);

const LOAD: u16 = 0x000;
const CONTROL: u16 = 0x008;
const INTERRUPT_AND_RESET: u32 = 0b11;
const CLEAR: u16 = 0x00c;
const LOCK: u16 = 0xc00;
const UNLOCK: u32 = 0x1acc_e551;

/// Resets the board unless it is fed.
#[derive(Debug)]
pub struct Watchdog(Registers);

impl Watchdog {
    /// Starts it; it counts so many times a second.
    #[must_use]
    pub fn start(registers: Registers, hertz: u32) -> Self {
        registers.at(LOCK).write(UNLOCK);
        registers.at(LOAD).write(hertz / 1_000 * PATIENCE.as_millis() as u32);
        registers.at(CONTROL).write(INTERRUPT_AND_RESET);
        Self(registers)
    }

    /// All is well; count from the start.
    pub fn feed(&self) {
        self.0.at(CLEAR).write(1);
    }
}
