//! What the boards of collectd-node share: the node's loop and its clock, Ethernet chips as smoltcp devices, the reason of a
//! panic kept across the reset, a MAC address, the settings in flash.
#![no_std]

#[cfg(test)]
extern crate std;

mod adapter;
#[cfg(target_os = "none")]
mod clock;
#[cfg(target_os = "none")]
mod flash;
pub mod last_words;
mod mac;
#[cfg(target_os = "none")]
mod memory;
#[cfg(target_os = "none")]
mod run;
pub mod w5500;

pub use adapter::{Adapter, Received, Transmitted};
#[cfg(target_os = "none")]
pub use clock::Clock;
#[cfg(target_os = "none")]
pub use flash::{Complaints, settings};
pub use mac::mac;
#[cfg(target_os = "none")]
pub use run::{Hardware, run};
