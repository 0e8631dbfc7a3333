#![doc = include_str!("../README.md")]
#![no_std]
#![forbid(unsafe_code)]

pub use collectd_net::{GROUP_V4, GROUP_V6, PORT};
