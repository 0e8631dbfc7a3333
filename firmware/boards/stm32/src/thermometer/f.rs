//! The converter of the F4 and F7.

use embassy_stm32::pac::adc::vals::SampleTime;
use embassy_stm32::pac::adccommon::vals::Adcpre;
use embassy_stm32::pac::{ADC1, ADC123_COMMON, RCC};
use embassy_stm32::{Peri, peripherals};

/// The converter that has the sensor.
pub(crate) type Converter = Peri<'static, peripherals::ADC1>;

/// The converter's input from the sensor.
const SENSOR: u8 = 18;

pub(super) struct Sensor;

impl Sensor {
    /// Turns it on.
    pub(super) fn new(_converter: Converter) -> Self {
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
        Self
    }

    /// What the converter says since the last look, if it is ready; begins the next.
    pub(super) fn steps(&mut self) -> Option<i32> {
        let done = ADC1.sr().read().eoc();
        let steps = i32::from(ADC1.dr().read().data());
        ADC1.cr2().modify(|w| w.set_swstart(true));
        done.then_some(steps)
    }
}
