//! The converters of the H5 and H7: the driver sets them up with its first reading, which waits; the others do not.

use embassy_stm32::Peri;
use embassy_stm32::adc::{Adc, SampleTime};
#[cfg(feature = "nucleo-h563zi")]
use embassy_stm32::pac::ADC1 as REGISTERS;
#[cfg(feature = "nucleo-h743zi")]
use embassy_stm32::pac::ADC3 as REGISTERS;
#[cfg(feature = "nucleo-h563zi")]
use embassy_stm32::peripherals::ADC1 as Has;
#[cfg(feature = "nucleo-h743zi")]
use embassy_stm32::peripherals::ADC3 as Has;

/// The converter that has the sensor.
pub(crate) type Converter = Peri<'static, Has>;

/// The longest: 10 µs and more, where the sensors want 9 at most.
#[cfg(feature = "nucleo-h563zi")]
const SAMPLE: SampleTime = SampleTime::CYCLES640_5;
#[cfg(feature = "nucleo-h743zi")]
const SAMPLE: SampleTime = SampleTime::CYCLES810_5;

pub(super) struct Sensor;

impl Sensor {
    /// Turns it on.
    pub(super) fn new(converter: Converter) -> Self {
        let mut converter = Adc::new(converter);
        let mut sensor = converter.enable_temperature();
        converter.blocking_read(&mut sensor, SAMPLE);
        // It stays on.
        Self
    }

    /// What the converter says since the last look, if it is ready; begins the next.
    pub(super) fn steps(&mut self) -> Option<i32> {
        let done = REGISTERS.isr().read().eoc();
        // This takes the mark away that there is one.
        let steps = i32::from(REGISTERS.dr().read().rdata());
        REGISTERS.cr().modify(|w| w.set_adstart(true));
        done.then_some(steps)
    }
}
