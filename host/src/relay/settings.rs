//! What to relay, where to, and how.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use collectd_net::{Item, PACKET_SIZE, SecurityLevel};

use super::Hosts;
use crate::Selection;
use crate::send::{MAX_AGE, Server};

/// What to relay, where to, and how.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where and how to listen; what it says of duplicates holds for packets and for items.
    pub listen: crate::listen::Settings,
    /// The passwords to open packets with.
    pub auth_file: Option<PathBuf>,
    /// What is accepted at the least.
    pub security_level: SecurityLevel,
    /// Where everything goes.
    pub servers: Vec<Server>,
    /// How it goes there.
    pub mode: Mode,
    /// Octets of memory for packets that wait for one destination.
    pub queue: usize,
    /// Whether the groups that are sent to are listened to, so that what is there already is not sent there again.
    pub guard: bool,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            listen: crate::listen::Settings::default(),
            auth_file: None,
            security_level: SecurityLevel::None,
            servers: Vec::new(),
            mode: Mode::Raw,
            queue: 16 << 20,
            guard: true,
        }
    }
}

/// What is sent on.
#[derive(Clone, Debug, Default)]
pub enum Mode {
    /// Packets, octet by octet as they were sent, with their seal.
    ///
    /// They are opened only if there are passwords, a security level or a replay window to look at, and then pass if everything in
    /// them opens.
    #[default]
    Raw,
    /// Items, packed anew, and sealed as each server asks.
    Repacked(Repacking),
}

/// Which items are sent on, and how they are packed.
#[derive(Clone, Debug)]
pub struct Repacking {
    /// Only items that fit.
    pub selection: Option<Arc<Selection>>,
    /// Value lists are sent on.
    pub values: bool,
    /// Notifications are sent on.
    pub notifications: bool,
    /// What hosts are called from here on.
    pub hosts: Hosts,
    /// Octets of a packet at the most.
    pub packet_size: usize,
    /// How long an item waits for others to share its packet.
    pub max_age: Duration,
}

impl Default for Repacking {
    fn default() -> Self {
        Self {
            selection: None,
            values: true,
            notifications: true,
            hosts: Hosts::default(),
            packet_size: PACKET_SIZE,
            max_age: MAX_AGE,
        }
    }
}

impl Repacking {
    /// Whether an item is sent on.
    pub(super) fn wants(&self, item: &Item<'_>) -> bool {
        let of_kind = match item {
            Item::ValueList(_) => self.values,
            Item::Notification(_) => self.notifications,
        };
        of_kind && self.selection.as_ref().is_none_or(|selection| selection.matches(item))
    }
}
