//! The node on two boards that QEMU emulates: `lm3s6965evb` and `mps2-an386`.
//!
//! ```text
//! bin/*       one file per board: its registers, its clock, its LED
//! board       what every board does: start, poll, sleep; why it started again
//! stellaris   Ethernet of the LM3S6965
//! lan9118     Ethernet of the MPS2
//! frame       frames between FIFOs of words and octets in memory
//! copy        copies of octets, and words out of a FIFO, faster than the compiler's
//! multicast   which multicast addresses the Ethernet shall let through
//! clock       time since the start
//! watchdog    resets a board that hangs
//! kept        a reason that outlives the reset
//! serial      the log, as defmt over a UART
//! measure     numbers for tests                                               (feature measure)
//! exact       what arrived, on QEMU's standard output                         (feature exact)
//! inject      faults on request                                               (feature inject)
//! register    registers
//! ```
//!
//! On a PC only `multicast` is there, for its tests.

#![no_std]

#[cfg(target_os = "none")]
pub mod board;
#[cfg(target_os = "none")]
pub mod clock;
#[cfg(target_os = "none")]
mod copy;
#[cfg(all(target_os = "none", feature = "exact"))]
mod exact;
#[cfg(target_os = "none")]
pub mod frame;
#[cfg(all(target_os = "none", feature = "inject"))]
mod inject;
#[cfg(target_os = "none")]
mod kept;
#[cfg(target_os = "none")]
pub mod lan9118;
#[cfg(all(target_os = "none", feature = "measure"))]
mod measure;
pub mod multicast;
#[cfg(target_os = "none")]
pub mod register;
#[cfg(target_os = "none")]
pub mod serial;
#[cfg(target_os = "none")]
pub mod stellaris;
#[cfg(target_os = "none")]
pub mod watchdog;
