//! What was wrong with a packet, and where.

use core::fmt;

/// A part or an item that was refused: where in the packet, and why.
///
/// An error costs no more than it says: see [`Cause::ends_packet`].
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Error {
    /// Octets from the start of the packet to the part in question.
    pub offset: usize,
    /// Why it was refused.
    pub cause: Cause,
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} at octet {}", self.cause, self.offset)
    }
}

impl core::error::Error for Error {}

/// Declares [`Cause`] with the stable word of each variant, so that the list of words cannot drift from the list of causes.
macro_rules! causes {
    ($($(#[$doc:meta])* $name:ident $({ $($(#[$field_doc:meta])* $field:ident: $type:ty),* })? = $word:literal,)*) => {
        /// Why a part or an item was refused (`WIRE §8.4`).
        #[cfg_attr(feature = "defmt", derive(defmt::Format))]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[non_exhaustive]
        pub enum Cause {
            $($(#[$doc])* $name $({ $($(#[$field_doc])* $field: $type),* })?,)*
        }

        /// [`Cause`] without the numbers: an index into tables of counters.
        #[derive(Clone, Copy)]
        enum Index { $($name,)* }

        impl Cause {
            /// The words of all causes, in the order of [`Cause::index`].
            pub const WORDS: [&'static str; Self::COUNT] = [$($word,)*];

            /// How many causes there are.
            pub const COUNT: usize = [$($word,)*].len();

            /// A stable kebab-case word for the cause, for counters and machine-readable output.
            #[must_use]
            pub const fn word(self) -> &'static str {
                match self { $(Self::$name { .. } => $word,)* }
            }

            /// The place of this cause in [`Cause::WORDS`].
            #[must_use]
            #[expect(clippy::as_conversions, reason = "a field-less enum has no other way to its number")]
            pub const fn index(self) -> usize {
                (match self { $(Self::$name { .. } => Index::$name,)* }) as usize
            }
        }
    };
}

causes! {
    /// One to three octets are left where a part should begin (`WIRE §2.2`).
    Stray {
        /// Octets left.
        left: usize
    } = "stray",
    /// The part says a length that does not even hold its header (`WIRE §2.2`).
    PartLength {
        /// The length it says, in octets.
        length: usize
    } = "part-length",
    /// The part says more octets than the packet has left (`WIRE §2.2`).
    Truncated {
        /// Octets the part says it has.
        needed: usize,
        /// Octets left in the packet.
        left: usize
    } = "truncated",
    /// Nothing but zero octets up to the end of the packet (`WIRE §2.2`).
    Padding {
        /// How many zero octets.
        left: usize
    } = "padding",
    /// A string part without any octet, not even the final NUL (`WIRE §4`).
    StringEmpty = "string-empty",
    /// A string part whose last octet is not NUL (`WIRE §4`).
    StringUnterminated {
        /// Octets of the string.
        length: usize
    } = "string-unterminated",
    /// A number part whose body is not eight octets long (`WIRE §5`).
    NumberLength {
        /// Octets of the body.
        length: usize
    } = "number-length",
    /// A values part whose length does not fit the number of values it says (`WIRE §6.1`).
    ValuesLength {
        /// Number of values it says.
        count: usize,
        /// Octets of the body.
        length: usize
    } = "values-length",
    /// A values part that holds no value (`WIRE §6.1`).
    NoValues = "no-values",
    /// A value of a kind that the protocol does not have (`WIRE §6.2`).
    UnknownKind {
        /// The kind on the wire.
        kind: u8
    } = "unknown-kind",
    /// A value list or notification without something it needs (`WIRE §8`).
    Incomplete {
        /// What is missing.
        missing: Missing
    } = "incomplete",
    /// Seconds that do not fit the 34 bits a time has for them (`WIRE §7.2`).
    TimeRange {
        /// The seconds on the wire.
        secs: u64
    } = "time-range",
    /// A notification whose severity is none of the three (`WIRE §8.3`).
    Severity {
        /// The severity on the wire, 0 if the packet gave none.
        severity: u64
    } = "severity",
    /// A notification with an empty message (`WIRE §8.3`).
    EmptyMessage = "empty-message",
    /// A sealed part, but there are no passwords to open it with (`WIRE §11.4`).
    NoKeys = "no-keys",
    /// A sealed part, but the program was built without the feature that opens it, `sign` or `encrypt` (`WIRE §11.4`).
    Unsupported = "unsupported-seal",
    /// A sealed part of a user whose password is not known (`WIRE §9.2`, `§10.2`).
    UnknownUser = "unknown-user",
    /// A signature that does not fit the content (`WIRE §9.2`).
    BadSignature = "bad-signature",
    /// Decrypted content that does not fit its check sum: wrong password or damage (`WIRE §10.2`).
    BadChecksum = "bad-checksum",
    /// A sealed part too short for its fields, or with a user name beyond its end (`WIRE §9.2`, `§10.2`).
    SealLength {
        /// Octets of the part.
        length: usize
    } = "seal-length",
    /// A seal that was opened before (`WIRE §11.5`).
    Replayed = "replayed",
    /// More seals inside each other than are opened (`WIRE §11.2`).
    TooDeep = "too-deep",
    /// Content with less protection than the security level asks for (`WIRE §11.3`).
    BelowLevel = "below-level",
    /// A sealed part in octets that are read as plain ones (`WIRE §11`).
    Sealed = "sealed",
}

/// What an item needs and did not have.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Missing {
    /// The host, for a value list.
    Host,
    /// The plugin, for a value list.
    Plugin,
    /// The type, for a value list.
    Type,
    /// The time.
    Time,
}

impl Missing {
    /// The name of what is missing.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Host => "host",
            Self::Plugin => "plugin",
            Self::Type => "type",
            Self::Time => "time",
        }
    }
}

impl Cause {
    /// Whether nothing behind this error is read: the packet's boundaries, its identity or its protection are in doubt.
    ///
    /// The other causes cost one item, or one sealed part, and reading goes on behind it.
    #[must_use]
    pub const fn ends_packet(self) -> bool {
        match self {
            Self::Stray { .. }
            | Self::PartLength { .. }
            | Self::Truncated { .. }
            | Self::Padding { .. }
            | Self::StringEmpty
            | Self::StringUnterminated { .. }
            | Self::NumberLength { .. }
            | Self::ValuesLength { .. }
            | Self::UnknownUser
            | Self::BadSignature
            | Self::BadChecksum
            | Self::SealLength { .. } => true,
            Self::NoValues
            | Self::UnknownKind { .. }
            | Self::Incomplete { .. }
            | Self::TimeRange { .. }
            | Self::Severity { .. }
            | Self::EmptyMessage
            | Self::NoKeys
            | Self::Unsupported
            | Self::Replayed
            | Self::TooDeep
            | Self::BelowLevel
            | Self::Sealed => false,
        }
    }

    pub(crate) const fn at(self, offset: usize) -> Error {
        Error { offset, cause: self }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Stray { left } => write!(f, "{left} stray octets where a part should begin"),
            Self::PartLength { length } => {
                write!(f, "part of {length} octets, its header alone has 4")
            }
            Self::Truncated { needed, left } => {
                write!(f, "part of {needed} octets, only {left} are left")
            }
            Self::Padding { left } => write!(f, "{left} zero octets of padding"),
            Self::StringEmpty => f.write_str("string part without a body"),
            Self::StringUnterminated { length } => {
                write!(f, "string of {length} octets without a final NUL")
            }
            Self::NumberLength { length } => write!(f, "number of {length} octets instead of 8"),
            Self::ValuesLength { count, length } => {
                write!(f, "{count} values do not fit a values part with a body of {length} octets")
            }
            Self::NoValues => f.write_str("values part without a value"),
            Self::UnknownKind { kind } => write!(f, "value of unknown kind {kind}"),
            Self::Incomplete { missing } => write!(f, "item without {}", missing.name()),
            Self::TimeRange { secs } => write!(f, "{secs} seconds are beyond the range of a time"),
            Self::Severity { severity: 0 } => f.write_str("notification without a severity"),
            Self::Severity { severity } => write!(f, "notification of unknown severity {severity}"),
            Self::EmptyMessage => f.write_str("notification with an empty message"),
            Self::NoKeys => f.write_str("sealed part, but no passwords are configured"),
            Self::Unsupported => f.write_str("sealed part, but this program was built without what opens it"),
            Self::UnknownUser => f.write_str("sealed part of an unknown user"),
            Self::BadSignature => f.write_str("signature does not fit the content"),
            Self::BadChecksum => f.write_str("check sum does not fit the decrypted content"),
            Self::SealLength { length } => write!(f, "sealed part of {length} octets is too short for its fields"),
            Self::Replayed => f.write_str("sealed part that was opened before"),
            Self::TooDeep => f.write_str("too many seals inside each other"),
            Self::BelowLevel => f.write_str("content below the required security level"),
            Self::Sealed => f.write_str("sealed part in plain content"),
        }
    }
}

/// Something of fixed size had no room for what was to go in. It is as it was before.
#[cfg_attr(feature = "defmt", derive(defmt::Format))]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Full {
    /// What was full.
    pub what: &'static str,
}

impl fmt::Display for Full {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "no room left: {}", self.what)
    }
}

impl core::error::Error for Full {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_is_unique_and_found_by_its_index() {
        for (place, word) in Cause::WORDS.iter().enumerate() {
            assert_eq!(Cause::WORDS.iter().position(|other| other == word), Some(place));
        }
        assert_eq!(Cause::WORDS[Cause::BadChecksum.index()], Cause::BadChecksum.word());
        assert_eq!(Cause::WORDS[Cause::Sealed.index()], "sealed");
    }

    #[test]
    fn an_error_reads_as_one_clause() {
        let error = Cause::Truncated { needed: 12, left: 7 }.at(61);
        assert_eq!(error.to_string(), "part of 12 octets, only 7 are left at octet 61");
    }

    #[test]
    fn every_cause_says_what_was_wrong_with_its_numbers() {
        let sentences = [
            (Cause::Stray { left: 3 }, "3 stray octets where a part should begin"),
            (Cause::PartLength { length: 2 }, "part of 2 octets, its header alone has 4"),
            (Cause::Padding { left: 4 }, "4 zero octets of padding"),
            (Cause::StringEmpty, "string part without a body"),
            (Cause::StringUnterminated { length: 5 }, "string of 5 octets without a final NUL"),
            (Cause::NumberLength { length: 7 }, "number of 7 octets instead of 8"),
            (Cause::ValuesLength { count: 2, length: 9 }, "2 values do not fit a values part with a body of 9 octets"),
            (Cause::NoValues, "values part without a value"),
            (Cause::UnknownKind { kind: 4 }, "value of unknown kind 4"),
            (Cause::Incomplete { missing: Missing::Host }, "item without host"),
            (Cause::Incomplete { missing: Missing::Plugin }, "item without plugin"),
            (Cause::Incomplete { missing: Missing::Type }, "item without type"),
            (Cause::Incomplete { missing: Missing::Time }, "item without time"),
            (Cause::TimeRange { secs: 1 << 34 }, "17179869184 seconds are beyond the range of a time"),
            (Cause::Severity { severity: 0 }, "notification without a severity"),
            (Cause::Severity { severity: 3 }, "notification of unknown severity 3"),
            (Cause::EmptyMessage, "notification with an empty message"),
            (Cause::NoKeys, "sealed part, but no passwords are configured"),
            (Cause::Unsupported, "sealed part, but this program was built without what opens it"),
            (Cause::UnknownUser, "sealed part of an unknown user"),
            (Cause::BadSignature, "signature does not fit the content"),
            (Cause::BadChecksum, "check sum does not fit the decrypted content"),
            (Cause::SealLength { length: 5 }, "sealed part of 5 octets is too short for its fields"),
            (Cause::Replayed, "sealed part that was opened before"),
            (Cause::TooDeep, "too many seals inside each other"),
            (Cause::BelowLevel, "content below the required security level"),
            (Cause::Sealed, "sealed part in plain content"),
        ];
        for (cause, sentence) in sentences {
            assert_eq!(cause.to_string(), sentence, "{}", cause.word());
        }
        let told = |index| {
            index == Cause::Truncated { needed: 0, left: 0 }.index()
                || sentences.iter().any(|(cause, _)| cause.index() == index)
        };
        assert!((0..Cause::COUNT).all(told));
    }
}
