//! Notifications that outlive their packet.

use core::fmt;

use super::OwnedIdentifier;
use super::text::OwnedText;
use crate::{Full, Notification, Protection, Severity, Time};

/// A [`Notification`] that owns its names, each of at most `NAME` octets, and its message of at most `MESSAGE` octets. The
/// daemon takes 255.
#[derive(Clone)]
pub struct OwnedNotification<const NAME: usize = 128, const MESSAGE: usize = 256> {
    identifier: OwnedIdentifier<NAME>,
    time: Time,
    severity: Severity,
    message: OwnedText<MESSAGE>,
    protection: Protection,
    user: Option<OwnedText<NAME>>,
}

impl<const NAME: usize, const MESSAGE: usize> OwnedNotification<NAME, MESSAGE> {
    /// What [`set`](Self::set) begins with.
    pub(super) const EMPTY: Self = Self {
        identifier: OwnedIdentifier::EMPTY,
        time: Time::from_raw(0),
        severity: Severity::Okay,
        message: OwnedText::EMPTY,
        protection: Protection::None,
        user: None,
    };

    /// Becomes a copy of `notification`; after [`Full`] something of both.
    #[inline(always)]
    pub(super) fn set(&mut self, notification: &Notification<'_>) -> Result<(), Full> {
        self.time = notification.time;
        self.severity = notification.severity;
        self.protection = notification.protection;
        self.message.set(notification.message, "message")?;
        OwnedText::set_user(&mut self.user, notification.user)?;
        self.identifier.set(&notification.identifier)
    }

    /// The notification itself, borrowed from here: its fields, and what takes a notification.
    #[must_use]
    pub fn as_notification(&self) -> Notification<'_> {
        Notification {
            identifier: self.identifier.as_identifier(),
            time: self.time,
            severity: self.severity,
            message: self.message.as_text(),
            protection: self.protection,
            user: self.user.as_ref().map(OwnedText::as_text),
        }
    }

    /// What it is about, as far as it says; a copy of it outlives even this.
    #[must_use]
    pub const fn identifier(&self) -> &OwnedIdentifier<NAME> {
        &self.identifier
    }
}

impl<const NAME: usize, const MESSAGE: usize> TryFrom<&Notification<'_>> for OwnedNotification<NAME, MESSAGE> {
    type Error = Full;

    /// Full is the field with more than `NAME` octets, the user likewise, or the message.
    fn try_from(notification: &Notification<'_>) -> Result<Self, Full> {
        let mut owned = Self::EMPTY;
        owned.set(notification)?;
        Ok(owned)
    }
}

impl<const NAME: usize, const MESSAGE: usize> PartialEq for OwnedNotification<NAME, MESSAGE> {
    fn eq(&self, other: &Self) -> bool {
        self.as_notification() == other.as_notification()
    }
}

impl<const NAME: usize, const MESSAGE: usize> Eq for OwnedNotification<NAME, MESSAGE> {}

impl<const NAME: usize, const MESSAGE: usize> PartialEq<Notification<'_>> for OwnedNotification<NAME, MESSAGE> {
    fn eq(&self, other: &Notification<'_>) -> bool {
        self.as_notification() == *other
    }
}

impl<const NAME: usize, const MESSAGE: usize> fmt::Debug for OwnedNotification<NAME, MESSAGE> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.as_notification().fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Identifier, Text};

    fn notification(message: &[u8]) -> Notification<'_> {
        Notification {
            identifier: Identifier { host: "h".into(), ..Identifier::default() },
            time: Time::from_raw(7),
            severity: Severity::Warning,
            message: Text::new(message),
            protection: Protection::Encrypted,
            user: Some("bob".into()),
        }
    }

    #[test]
    fn a_message_is_full_above_its_capacity() {
        let octets: Vec<u8> = (0..=255).chain([0]).collect();
        for len in [1, 31, 32, 33, 255, 256] {
            let notification = notification(&octets[..len]);
            assert_eq!(OwnedNotification::<8, 256>::try_from(&notification).unwrap(), notification);
        }
        let full = OwnedNotification::<8, 256>::try_from(&notification(&octets));
        assert_eq!(full, Err(Full { what: "message" }));
    }

    #[test]
    fn names_and_user_above_the_capacity_are_named() {
        let of_names = |host: &'static str, user: &'static str| Notification {
            identifier: Identifier { host: host.into(), ..Identifier::default() },
            user: Some(user.into()),
            ..notification(b"it is so")
        };
        let result = |notification| OwnedNotification::<4, 8>::try_from(&notification).map(|_| ());
        assert_eq!(result(of_names("1234", "1234")), Ok(()));
        assert_eq!(result(of_names("12345", "1234")), Err(Full { what: "host" }));
        assert_eq!(result(of_names("1234", "12345")), Err(Full { what: "user" }));
    }

    #[test]
    fn nothing_is_left_over_of_what_was_there() {
        let mut kept = OwnedNotification::<8, 16>::try_from(&notification(b"it is broken")).unwrap();
        let next = Notification { severity: Severity::Okay, user: None, ..notification(b"fine") };
        kept.set(&next).unwrap();
        assert_eq!(kept, next);
        assert_ne!(kept, notification(b"it is broken"));
        assert_eq!(format!("{kept:?}"), format!("{next:?}"));
        assert_eq!(kept.identifier().as_identifier(), next.identifier);
    }

    #[test]
    fn copies_are_equal_if_their_notifications_are() {
        let copy = |message| OwnedNotification::<8, 16>::try_from(&notification(message)).unwrap();
        assert_eq!(copy(b"it is broken"), copy(b"it is broken"));
        assert_ne!(copy(b"it is broken"), copy(b"it is well"));
    }
}
