//! WIZnet's W5500-EVB-Pico2: RP2350A, Cortex-M33 at 150 MHz.
#![no_std]
#![no_main]
// What the macros for the start and for interrupts write is unsafe.
#![allow(unsafe_code)]

use collectd_node_rp::{Board, mac, run};
use cortex_m_rt::entry;
use embassy_rp::peripherals::TRNG;
use embassy_rp::trng::{self, Trng};
use embassy_rp::{bind_interrupts, otp};

bind_interrupts!(struct Interrupts {
    TRNG_IRQ => trng::InterruptHandler<TRNG>;
});

#[entry]
fn main() -> ! {
    let p = embassy_rp::init(Default::default());
    let id = otp::get_chipid().expect("each chip has one").to_be_bytes();
    let seed = Trng::new(p.TRNG, Interrupts, trng::Config::default()).blocking_next_u64();
    run(Board {
        name: "w5500-evb-pico2",
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
