//! The node's loop.

use core::time::Duration;

use collectd_node::smoltcp::phy::Device;
use collectd_node::{Board, Node, Readings, Sockets, Storage};
use static_cell::{ConstStaticCell, StaticCell};

use crate::{Clock, settings};

/// A round at least this often.
const ROUND: Duration = Duration::from_millis(100);

/// The cable and the temperature are looked at this often.
const LOOK: Duration = Duration::from_millis(100);

/// What the loop asks of a board, besides frames.
pub trait Hardware {
    /// Its Ethernet.
    type Ethernet: Device;

    /// Its Ethernet.
    fn ethernet(&mut self) -> &mut Self::Ethernet;

    /// Whether there is a link; temperature; and frames lost since the last time.
    fn look(&mut self) -> (bool, Option<i32>, u32);

    /// Turns the LED on or off. Each round calls it once, for the watchdog, too.
    fn round(&mut self, led: bool);

    /// Whether a frame may have arrived since the last round.
    fn arrived(&mut self) -> bool;
}

/// Runs the node for good. To be called once.
pub fn run<H: Hardware>(board: &Board<'static>, hardware: &mut H, clock: &mut Clock) -> ! {
    static STORAGE: ConstStaticCell<Storage> = ConstStaticCell::new(Storage::new());
    // Not a constant: that is not all zero, and would take as much flash.
    static SOCKETS: StaticCell<Sockets> = StaticCell::new();
    let (settings, complaints) = settings();
    let sockets = SOCKETS.init_with(Sockets::new);
    let mut node = Node::new(hardware.ethernet(), board, settings, STORAGE.take(), sockets, clock.now());
    // After its first line, which says why the board started.
    complaints.log();

    let mut readings = Readings::default();
    let mut look = Duration::ZERO;
    loop {
        let now = clock.now();
        if now >= look {
            look = now + LOOK;
            let (link, millidegrees, lost) = hardware.look();
            readings = Readings { link, millidegrees, lost_frames: readings.lost_frames.wrapping_add(lost) };
        }
        let outcome = node.poll(hardware.ethernet(), now, &readings, &mut ());
        hardware.round(outcome.led);

        // SysTick ends each sleep after a millisecond at the latest, so a frame that arrives just before one waits no longer.
        let until = outcome.wake.min(now + ROUND);
        while !hardware.arrived() && clock.now() < until {
            cortex_m::asm::wfi();
        }
    }
}
