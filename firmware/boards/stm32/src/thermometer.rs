//! The chip's own temperature, where its converter is the one of the F4 and F7.

// Only the maker knows where its measurements are.
#![allow(unsafe_code)]

use embassy_stm32::pac::adc::vals::SampleTime;
use embassy_stm32::pac::adccommon::vals::Adcpre;
use embassy_stm32::pac::{ADC1, ADC123_COMMON, RCC};

/// The converter's input from the sensor.
const SENSOR: u8 = 18;

/// Where the maker wrote down what the converter said of this chip, with 3.3 V as these boards have, at 30 °C and at 110 °C.
const MEASURED: usize = if cfg!(feature = "nucleo-f429zi") { 0x1fff_7a2c } else { 0x1ff0_f44c };

/// The sensor, and how steep it is.
pub(crate) struct Thermometer {
    at_30: i32,
    at_110: i32,
}

impl Thermometer {
    /// Turns both on.
    pub(crate) fn new() -> Self {
        RCC.apb2enr().modify(|w| w.set_adc1en(true));
        // By the errata its clock takes two cycles more, as long as a read.
        _ = RCC.apb2enr().read();
        // A quarter of the bus' clock is below what the converter can do.
        ADC123_COMMON.ccr().write(|w| {
            w.set_adcpre(Adcpre::DIV4);
            w.set_tsvrefe(true);
        });
        // The sensor wants 10 µs; these are the longest, some 20.
        ADC1.smpr1().write(|w| w.set_smp(usize::from(SENSOR - 10), SampleTime::CYCLES480));
        ADC1.sqr3().write(|w| w.set_sq(0, SENSOR));
        ADC1.cr2().write(|w| w.set_adon(true));
        let measured = core::ptr::with_exposed_provenance::<u16>(MEASURED);
        // SAFETY: the data sheets have two numbers of 16 bits there, in memory that is always there and never changes.
        let (at_30, at_110) = unsafe { (measured.read_volatile(), measured.add(1).read_volatile()) };
        Self { at_30: at_30.into(), at_110: at_110.into() }
    }

    /// What it was at the last look, in thousandths of a degree Celsius; none at the first. Never waits.
    pub(crate) fn millidegrees(&mut self) -> Option<i32> {
        let done = ADC1.sr().read().eoc();
        let steps = i32::from(ADC1.dr().read().data());
        ADC1.cr2().modify(|w| w.set_swstart(true));
        let steepness = self.at_110 - self.at_30;
        (done && steepness > 0).then(|| 30_000 + (steps - self.at_30) * 80_000 / steepness)
    }
}
