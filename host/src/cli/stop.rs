//! Ctrl-C.

use std::io;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::thread;

use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::flag::{register, register_conditional_default};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

use super::Failure;
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

/// What the first SIGINT or SIGTERM sets; a second one, should the program be stuck, ends it.
pub(super) fn flag() -> Result<Arc<AtomicBool>, Failure> {
    let stopped = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM] {
        register_conditional_default(signal, Arc::clone(&stopped))
            .and_then(|_| register(signal, Arc::clone(&stopped)))
            .map_err(|error| Failure::Runtime(format!("cannot catch signals: {error}")))?;
    }
    Ok(stopped)
}
