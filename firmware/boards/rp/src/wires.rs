//! The wires to the W5500.

use embassy_rp::gpio::Output;
use embassy_rp::peripherals::SPI0;
use embassy_rp::spi::{Blocking, Error, Spi};
use embedded_hal::spi::{ErrorType, Operation, SpiDevice};

/// By the data sheet any W5500 can do 33.3 MHz.
pub(crate) const HERTZ: u32 = 33_300_000;

/// SPI with the chip selected.
pub(crate) struct Wires {
    pub(crate) spi: Spi<'static, SPI0, Blocking>,
    pub(crate) select: Output<'static>,
}

impl ErrorType for Wires {
    type Error = Error;
}

impl SpiDevice for Wires {
    fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Error> {
        self.select.set_low();
        let result = operations.iter_mut().try_for_each(|operation| match operation {
            Operation::Write(octets) => self.spi.blocking_write(octets),
            Operation::Read(octets) => self.spi.blocking_read(octets),
            Operation::Transfer(read, write) => self.spi.blocking_transfer(read, write),
            Operation::TransferInPlace(octets) => self.spi.blocking_transfer_in_place(octets),
            // Nobody asks for it.
            Operation::DelayNs(_) => Ok(()),
        });
        self.select.set_high();
        result
    }
}
