//! Ctrl-C.

use std::io;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use crate::listen::Stopper;

/// The first SIGINT or SIGTERM ends the wait for packets; a second one, should the output be stuck, ends the program.
pub(super) fn on_signal(stopper: Stopper) -> io::Result<()> {
    let mut signals = Signals::new([SIGINT, SIGTERM])?;
    thread::Builder::new().name("signals".into()).spawn(move || {
        let mut caught = signals.forever();
        if caught.next().is_some() {
            stopper.stop();
        }
        if let Some(signal) = caught.next() {
            let _ = emulate_default_handler(signal);
        }
    })?;
    Ok(())
}
