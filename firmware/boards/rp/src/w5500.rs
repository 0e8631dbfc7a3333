//! The wires to the W5500.

use embassy_rp::gpio::Output;
use embassy_rp::peripherals::SPI0;
use embassy_rp::spi::{Async, Error, Spi};
use embedded_hal_async::spi::{ErrorType, Operation, SpiDevice};

/// By the data sheet any W5500 can do 33.3 MHz.
pub(crate) const HERTZ: u32 = 33_300_000;

/// Shorter transfers end before the DMA could have been set up.
const SHORT: usize = 16;

/// Register "mode" of socket 0, to be written: offset and control octet; and its value for raw frames, all of them or filtered.
const MODE: ([u8; 2], [u8; 1]) = ([0x00, 0x00], [0x0c]);
const RAW_FILTERED: [u8; 1] = [0x84];
const RAW: [u8; 1] = [0x04];

/// SPI with the chip selected.
///
/// The driver has the chip pass only frames to the board's address, broadcasts and multicasts, but of the multicasts its filter
/// is said to pass those of IPv4 only. So it is not switched on; the node looks at addresses itself.
pub(crate) struct Wires {
    spi: Spi<'static, SPI0, Async>,
    select: Output<'static>,
}

impl Wires {
    pub(crate) const fn new(spi: Spi<'static, SPI0, Async>, select: Output<'static>) -> Self {
        Self { spi, select }
    }

    async fn write(&mut self, octets: &[u8]) -> Result<(), Error> {
        if octets.len() <= SHORT { self.spi.blocking_write(octets) } else { self.spi.write(octets).await }
    }

    async fn transfer_in_place(&mut self, octets: &mut [u8]) -> Result<(), Error> {
        if octets.len() <= SHORT {
            self.spi.blocking_transfer_in_place(octets)
        } else {
            self.spi.transfer_in_place(octets).await
        }
    }

    async fn operate(&mut self, operation: &mut Operation<'_, u8>) -> Result<(), Error> {
        match operation {
            Operation::Write(octets) => self.write(octets).await,
            Operation::TransferInPlace(octets) => self.transfer_in_place(octets).await,
            Operation::Read(octets) => self.spi.read(octets).await,
            Operation::Transfer(read, write) => self.spi.transfer(read, write).await,
            Operation::DelayNs(nanoseconds) => {
                embassy_time::block_for(embassy_time::Duration::from_nanos(u64::from(*nanoseconds)));
                Ok(())
            }
        }
    }
}

impl ErrorType for Wires {
    type Error = Error;
}

impl SpiDevice for Wires {
    async fn transaction(&mut self, operations: &mut [Operation<'_, u8>]) -> Result<(), Error> {
        if let [Operation::Write(offset), Operation::Write(control), Operation::Write(value)] = operations
            && (*offset, *control, *value) == (&MODE.0[..], &MODE.1[..], &RAW_FILTERED[..])
        {
            *value = &RAW;
        }
        self.select.set_low();
        let mut result = Ok(());
        for operation in operations {
            result = self.operate(operation).await;
            if result.is_err() {
                break;
            }
        }
        self.select.set_high();
        result
    }
}
