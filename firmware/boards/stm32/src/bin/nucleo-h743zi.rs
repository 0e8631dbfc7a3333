//! Nucleo-H743ZI and -H743ZI2: STM32H743ZI, Cortex-M7 at 400 MHz.
#![no_std]
#![no_main]
// What the macros for the start and for interrupts write is unsafe.
#![allow(unsafe_code)]

use collectd_node_stm32::cortex_m_rt::entry;
use collectd_node_stm32::embassy_stm32;
use collectd_node_stm32::embassy_stm32::eth::{self, Ethernet, Sma};
use collectd_node_stm32::embassy_stm32::gpio::{Level, Output, Speed};
use collectd_node_stm32::embassy_stm32::peripherals::RNG;
use collectd_node_stm32::embassy_stm32::rcc::*;
use collectd_node_stm32::embassy_stm32::rng::{self, Rng};
use collectd_node_stm32::embassy_stm32::time::Hertz;
use collectd_node_stm32::embassy_stm32::{Config, bind_interrupts};
use collectd_node_stm32::{Arrival, Board, Lan8742, Thermometer, external_clock, mac, queue, run, watch};

bind_interrupts!(struct Interrupts {
    ETH => eth::InterruptHandler, Arrival;
    RNG => rng::InterruptHandler<RNG>;
});

const HERTZ: u32 = 400_000_000;

/// 400 MHz, half of it for the buses.
fn clocks(rcc: &mut collectd_node_stm32::embassy_stm32::rcc::Config) {
    // 8 MHz into the PLL from either.
    let (source, prediv) = if external_clock() {
        rcc.hse = Some(Hse { freq: Hertz(8_000_000), mode: HseMode::Bypass });
        (PllSource::HSE, PllPreDiv::DIV1)
    } else {
        (PllSource::HSI, PllPreDiv::DIV8)
    };
    rcc.pll1 = Some(Pll {
        source,
        prediv,
        mul: PllMul::MUL100,
        fracn: None,
        divp: Some(PllDiv::DIV2),
        divq: None,
        divr: None,
    });
    // 24 MHz for the converters, as their driver expects it from there.
    rcc.pll2 =
        Some(Pll { source, prediv, mul: PllMul::MUL24, fracn: None, divp: Some(PllDiv::DIV8), divq: None, divr: None });
    rcc.sys = Sysclk::PLL1_P;
    rcc.ahb_pre = AHBPrescaler::DIV2;
    rcc.apb1_pre = APBPrescaler::DIV2;
    rcc.apb2_pre = APBPrescaler::DIV2;
    rcc.apb3_pre = APBPrescaler::DIV2;
    rcc.apb4_pre = APBPrescaler::DIV2;
    rcc.voltage_scale = VoltageScale::Scale1;
}

#[entry]
fn main() -> ! {
    let mut config = Config::default();
    clocks(&mut config.rcc);
    let p = embassy_stm32::init(config);
    let watchdog = watch(p.IWDG1);
    let led = Output::new(p.PB14, Level::Low, Speed::Low);
    let thermometer = Thermometer::new(p.ADC3);
    let seed = Rng::new(p.RNG, Interrupts).next_u64();
    let mac = mac();
    let phy = Lan8742::new(Sma::new(p.ETH_SMA, p.PA2, p.PC1));
    #[rustfmt::skip]
    let ethernet = Ethernet::new_with_phy(
        queue(), p.ETH, Interrupts,
        p.PA1, p.PA7, p.PC4, p.PC5, p.PG13, p.PB13, p.PG11,
        mac, phy,
    );
    run(Board { name: "nucleo-h743zi", mac, seed, hertz: HERTZ, ethernet, led, thermometer, watchdog })
}
