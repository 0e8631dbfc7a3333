//! WIZnet's W5500-EVB-Pico: RP2040, Cortex-M0+ at 125 MHz.
#![no_std]
#![no_main]
// What the macros for the start and for interrupts write is unsafe.
#![allow(unsafe_code)]

use collectd_node_rp::{Board, mac, run};
use cortex_m_rt::entry;
use embassy_rp::clocks::RoscRng;
use embassy_rp::flash::{Blocking, Flash};

#[entry]
fn main() -> ! {
    let p = embassy_rp::init(Default::default());
    let mut id = [0; 8];
    // The chip has no ID, its flash has.
    let read = Flash::<_, Blocking, { 2 << 20 }>::new_blocking(p.FLASH).blocking_unique_id(&mut id);
    read.expect("the flash answers");
    let seed = RoscRng.next_u64();
    run(Board {
        name: "w5500-evb-pico",
        mac: mac(&id),
        seed,
        spi: p.SPI0,
        miso: p.PIN_16,
        select: p.PIN_17,
        clock: p.PIN_18,
        mosi: p.PIN_19,
        reset: p.PIN_20,
        led: p.PIN_25,
        adc: p.ADC,
        temperature: p.ADC_TEMP_SENSOR,
        watchdog: p.WATCHDOG,
    })
}
