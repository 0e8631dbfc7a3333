//! What the boards of collectd-node share: an embassy driver as a smoltcp device, the reason of a panic kept across the reset,
//! a MAC address, the settings in flash.
#![no_std]

mod adapter;
#[cfg(target_os = "none")]
mod flash;
pub mod last_words;
mod mac;

pub use adapter::{Adapter, Received, Transmitted};
#[cfg(target_os = "none")]
pub use flash::{Complaints, settings};
pub use mac::mac;
