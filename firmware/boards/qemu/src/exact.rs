//! What arrived, on QEMU's standard output through semihosting.

use core::fmt;

use collectd_node::ExactLines;
use cortex_m_semihosting::hio::{self, HostStream};

pub(crate) type Lines = ExactLines<Output>;

/// QEMU's standard output, a piece of a line at a time.
pub(crate) struct Output {
    stream: Option<HostStream>,
    octets: [u8; 512],
    len: usize,
}

impl Output {
    pub(crate) fn new() -> Self {
        Self { stream: hio::hstdout().ok(), octets: [0; 512], len: 0 }
    }
}

impl fmt::Write for Output {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &octet in text.as_bytes() {
            self.octets[self.len] = octet;
            self.len += 1;
            if octet == b'\n' || self.len == self.octets.len() {
                let stream = self.stream.as_mut().ok_or(fmt::Error)?;
                let len = core::mem::take(&mut self.len);
                stream.write_all(&self.octets[..len]).map_err(|()| fmt::Error)?;
            }
        }
        Ok(())
    }
}
