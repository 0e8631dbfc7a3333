//! Why a capture cannot be read, or not further.

use std::error::Error;
use std::fmt;
use std::io;

/// What is wrong with a capture file. Offsets and lengths count octets.
///
/// After [`UnknownLinkType`](Self::UnknownLinkType) the iteration may go on, as a pcapng file can
/// hold other interfaces; after any other error it has ended.
#[derive(Debug)]
#[non_exhaustive]
pub enum CaptureError {
    /// The file starts like neither pcap nor pcapng.
    NotACapture,
    /// The file is of a format version with another layout.
    UnknownVersion {
        /// The version's first number; pcap's is 2, pcapng's is 1.
        major: u16,
        /// The version's second number.
        minor: u16,
    },
    /// Frames start with a header we do not know; the number is the one of
    /// <https://www.tcpdump.org/linktypes.html>.
    UnknownLinkType(u16),
    /// The file ends in the middle of a record.
    Truncated {
        /// Where in the file the record starts.
        offset: u64,
        /// How long the record is at least.
        needed: usize,
        /// How much of it is there.
        left: usize,
    },
    /// A record is longer than any capture program writes, so the file is damaged.
    TooLong {
        /// Where in the file the record starts.
        offset: u64,
        /// How long it says it is.
        length: u32,
    },
    /// A pcapng block's length is impossible, or not repeated at the block's end.
    BlockLength {
        /// Where in the file the block starts.
        offset: u64,
        /// The length at its start.
        length: u32,
    },
    /// A record is too short for what it says it holds.
    ShortRecord {
        /// Where in the file the record starts.
        offset: u64,
    },
    /// A pcapng section header has an invalid byte-order magic.
    ByteOrder {
        /// Where in the file the section header starts.
        offset: u64,
    },
    /// A pcapng packet belongs to an interface that the section does not describe.
    UnknownInterface {
        /// Where in the file the block starts.
        offset: u64,
        /// The interface's number in its section.
        interface: u32,
    },
    /// The file is compressed in a way that is not read, which is named.
    Compression(&'static str),
    /// The compressed data is damaged, or ends too early.
    Compressed {
        /// Where in the capture, unpacked, the record starts that could not be read.
        offset: u64,
        /// What is wrong with it.
        error: io::Error,
    },
    /// Reading failed.
    Io(io::Error),
}

impl fmt::Display for CaptureError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotACapture => write!(out, "neither a pcap nor a pcapng file"),
            Self::UnknownVersion { major, minor } => {
                write!(out, "unknown capture format version {major}.{minor}")
            }
            Self::UnknownLinkType(number) => write!(out, "unknown link type {number}"),
            Self::Truncated { offset, needed, left } => {
                write!(out, "record at octet {offset} needs {needed} octets, but the file ends after {left} of them")
            }
            Self::TooLong { offset, length } => {
                write!(out, "record at octet {offset} claims a length of {length} octets")
            }
            Self::BlockLength { offset, length } => {
                write!(out, "block at octet {offset} has the wrong length {length}, or another one at its end")
            }
            Self::ShortRecord { offset } => {
                write!(out, "record at octet {offset} is too short for its own content")
            }
            Self::ByteOrder { offset } => {
                write!(out, "section at octet {offset} has an invalid byte-order magic")
            }
            Self::UnknownInterface { offset, interface } => {
                write!(out, "packet at octet {offset} came from interface {interface}, which is not described")
            }
            Self::Compression(name) => write!(out, "compressed with {name}, which is not read: unpack it first"),
            Self::Compressed { offset, error } if error.kind() == io::ErrorKind::UnexpectedEof => {
                write!(out, "the compressed data ends too early, in the record at octet {offset} of the capture")
            }
            Self::Compressed { offset, error } => {
                write!(out, "the compressed data is damaged, in the record at octet {offset} of the capture: {error}")
            }
            Self::Io(_) => write!(out, "cannot read the capture"),
        }
    }
}

impl Error for CaptureError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Io(error) | Self::Compressed { error, .. } => Some(error),
            _ => None,
        }
    }
}

impl From<io::Error> for CaptureError {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
