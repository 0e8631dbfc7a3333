#![doc = include_str!("../README.md")]
#![cfg_attr(not(test), no_std)]
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(
        clippy::arithmetic_side_effects,
        clippy::as_conversions,
        clippy::expect_used,
        clippy::indexing_slicing,
        clippy::panic,
        clippy::string_slice,
        clippy::unreachable,
        clippy::unwrap_used
    )
)]

mod address;
mod alarm;
mod announce;
mod board;
mod clock;
mod decimal;
mod duties;
mod exact;
mod frame;
mod log;
mod node;
mod page;
mod plain;
mod report;
mod settings;
mod socket;
mod table;

pub use collectd_net;
pub use smoltcp;

pub use alarm::Threshold;
pub use board::{Board, Drops, LONGEST_FRAME, Outcome, Readings, Watch, ethernet};
pub use exact::ExactLines;
pub use node::{Node, SOCKETS, Sockets, Storage};
pub use settings::{Address, Address6, GROUPS, Settings, SettingsCause, SettingsError, THRESHOLDS, USERS};
pub use socket::{Port, TransmitError};
