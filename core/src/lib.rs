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

mod batch;
mod decode;
mod encode;
mod error;
mod filter;
mod identifier;
mod item;
mod key;
pub mod names;
mod octets;
mod owned;
mod part;
mod passwords;
mod receive;
mod replay;
mod security;
pub mod text;
mod time;
mod transport;
mod value;

pub use heapless;
pub use nb;

pub use batch::{Batched, decrypt_together};
pub use decode::Decoder;
pub use encode::{Encoder, PACKET_SIZE, Paused, SEAL_ROOM};
pub use error::{Cause, Error, Full, Missing};
pub use filter::{Filter, FilterCause, FilterError, Found};
pub use identifier::IncompleteIdentifier;
pub use item::{Identifier, Item, Notification, Severity, ValueList};
pub use key::Key;
pub use owned::{BadIdentifier, Copied, OwnedIdentifier, OwnedItem, OwnedNotification, OwnedValueList, copy_items};
pub use part::{Part, PartType, Parts};
pub use passwords::{Passwords, User};
pub use receive::{Counters, Packet, Receiver};
pub use replay::{Replay, Replays, SealTag};
pub use security::{Items, Protection, SecurityLevel, UnknownSecurityLevel, open, open_once};
pub use text::Text;
pub use time::{Interval, OutOfRange, Time};
pub use transport::{Arrival, GROUP_V4, GROUP_V6, PORT, Receive, Transmit};
pub use value::{Kind, Value, Values, ValuesIter};
