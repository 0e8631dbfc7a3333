//! Arm's MPS2+ with the image AN386: Cortex-M4F and LAN9118.

#![no_std]
#![no_main]
#![allow(unsafe_code)]

use core::net::IpAddr;

use collectd_node::Address6;
use collectd_node_qemu::board::{self, Ethernet, Interrupt, Wiring};
use collectd_node_qemu::frame::Frames;
use collectd_node_qemu::lan9118::Lan9118;
use collectd_node_qemu::multicast::{self, Hash};
use collectd_node_qemu::register::{Register, Registers};
use collectd_node_qemu::serial::{self, Uart};
use static_cell::ConstStaticCell;

const HERTZ: u32 = 25_000_000;

// SAFETY: these are devices of AN386 (its application note's memory map), and none of them writes to memory.
const UART: Registers = unsafe { Registers::new(0x4000_4000) };
// SAFETY: likewise.
const WATCHDOG: Registers = unsafe { Registers::new(0x4000_8000) };
// SAFETY: likewise.
const BOARD: Registers = unsafe { Registers::new(0x4002_8000) };
// SAFETY: likewise.
const ETHERNET: Registers = unsafe { Registers::new(0x4020_0000) };

const LED: Register = BOARD.at(0);

#[cortex_m_rt::entry]
fn main() -> ! {
    static FRAMES: ConstStaticCell<Frames> = ConstStaticCell::new(Frames::new());

    let core = cortex_m::Peripherals::take().expect("nobody took them before");
    // 115,200 baud; only the transmitter.
    UART.at(0x010).write(HERTZ / 115_200);
    UART.at(0x008).write(1);
    serial::log_to(Uart { data: UART.at(0x000), status: UART.at(0x004), full: 1 });

    let wiring = Wiring {
        name: "mps2-an386",
        hertz: HERTZ,
        ethernet: Lan9118::new(ETHERNET, FRAMES.take()),
        interrupt: Interrupt(13),
        watchdog: WATCHDOG,
        watchdog_interrupt: None,
        led: |on| LED.write(u32::from(on)),
        reset: None,
    };
    board::run(wiring, core, |ethernet, settings| {
        let mut hash = Hash::default();
        let own = multicast::solicited_node_of_mac(ethernet.address());
        let other = match settings.address6 {
            Address6::Static(cidr) => multicast::solicited_node(cidr.address()),
            Address6::Slaac | Address6::Off => own,
        };
        let needed = [IpAddr::V4(multicast::ALL_SYSTEMS), multicast::ALL_NODES.into(), own.into(), other.into()];
        let groups = settings.groups.iter().map(|group| IpAddr::from(*group));
        for group in groups.chain(needed) {
            hash.allow(multicast::ethernet(group));
        }
        ethernet.allow(hash);
    })
}
