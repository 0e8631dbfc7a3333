//! Luminary's LM3S6965 evaluation board: Cortex-M3, 256 KiB of flash, 64 KiB of RAM.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use collectd_node_qemu::board::{self, Interrupt, Wiring};
use collectd_node_qemu::frame::Frames;
use collectd_node_qemu::register::{Register, Registers};
use collectd_node_qemu::serial::{self, Uart};
use collectd_node_qemu::stellaris::Stellaris;
use static_cell::ConstStaticCell;

/// What the processor runs at after a reset.
const HERTZ: u32 = 12_500_000;

// SAFETY: these are devices of the LM3S6965 (its data sheet's memory map), and none of them writes to memory.
const WATCHDOG: Registers = unsafe { Registers::new(0x4000_0000) };
// SAFETY: likewise.
const UART: Registers = unsafe { Registers::new(0x4000_c000) };
// SAFETY: likewise.
const PORT_F: Registers = unsafe { Registers::new(0x4002_5000) };
// SAFETY: likewise.
const ETHERNET: Registers = unsafe { Registers::new(0x4004_8000) };
// SAFETY: likewise.
const SYSTEM: Registers = unsafe { Registers::new(0x400f_e000) };

/// Pin 0 of port F alone: the address selects the pins.
const LED: Register = PORT_F.at(1 << 2);

const RESET_CAUSE: Register = SYSTEM.at(0x05c);
const RESET_BY_WATCHDOG: u32 = 1 << 3;

#[cortex_m_rt::entry]
fn main() -> ! {
    static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());

    // Clocks: watchdog; UART 0; ports A and F, Ethernet and its PHY.
    SYSTEM.at(0x100).write(1 << 3);
    SYSTEM.at(0x104).write(1 << 0);
    SYSTEM.at(0x108).write(1 << 30 | 1 << 28 | 1 << 5 | 1 << 0);
    let core = cortex_m::Peripherals::take().expect("nobody took them before");

    // 115,200 baud, 8 octets, FIFOs on.
    let divisor = HERTZ * 4 / 115_200;
    UART.at(0x024).write(divisor >> 6);
    UART.at(0x028).write(divisor & 0x3f);
    UART.at(0x02c).write(0x70);
    UART.at(0x030).write(1 << 8 | 1 << 0);
    serial::log_to(Uart { data: UART.at(0x000), status: UART.at(0x018), full: 1 << 5 });

    // The LED's pin is an output, 2 mA.
    PORT_F.at(0x400).write(1);
    PORT_F.at(0x51c).write(1);

    let cause = RESET_CAUSE.read();
    RESET_CAUSE.write(0);
    let wiring = Wiring {
        name: "lm3s6965evb",
        hertz: HERTZ,
        ethernet: Stellaris::new(ETHERNET, FRAMES.take(), HERTZ),
        interrupt: Interrupt(42),
        watchdog: WATCHDOG,
        watchdog_interrupt: Some(Interrupt(18)),
        led: |on| LED.write(u32::from(on)),
        reset: (cause & RESET_BY_WATCHDOG != 0).then_some("watchdog"),
    };
    board::run(wiring, core, |_, _| {})
}
