//! The classic format: one header, then records.
//!
//! ```text
//! file     magic(4) major(2) minor(2) zone(4) accuracy(4) snap length(4) link type(4)
//! record   seconds(4) fraction(4) captured length(4) original length(4) [more(8)] frame
//! ```
//!
//! The magic tells the byte order, whether fractions are micro- or nanoseconds (we need neither),
//! and whether a record's header has eight octets more, as some old Linux versions wrote it.

use std::io::Read;

use super::CaptureError;
use super::source::{ByteOrder, Frame, Source};

const MICROSECONDS: u32 = 0xa1b2_c3d4;
const NANOSECONDS: u32 = 0xa1b2_3c4d;
const MODIFIED: u32 = 0xa1b2_cd34;

const HEADER_LENGTH: u32 = 24;
const RECORD_HEADER_LENGTH: u32 = 16;
const MODIFIED_RECORD_HEADER_LENGTH: u32 = 24;

/// The link type; above it stand flags about the frame check sequence.
const LINK_TYPE: u32 = 0xffff;

/// The records of a pcap file.
#[derive(Debug)]
pub(super) struct Pcap<R> {
    source: Source<R>,
    order: ByteOrder,
    record_header_length: u32,
    link: u16,
}

impl<R: Read> Pcap<R> {
    /// What the first four octets say, if the file is of this format.
    pub(super) fn sniff(magic: [u8; 4]) -> Option<(ByteOrder, u32)> {
        [ByteOrder::Big, ByteOrder::Little].into_iter().find_map(|order| match order.u32(magic) {
            MICROSECONDS | NANOSECONDS => Some((order, RECORD_HEADER_LENGTH)),
            MODIFIED => Some((order, MODIFIED_RECORD_HEADER_LENGTH)),
            _ => None,
        })
    }

    /// Reads the rest of the header; `source` has read the magic, `sniff` has judged it.
    pub(super) fn new(
        mut source: Source<R>,
        (order, record_header_length): (ByteOrder, u32),
    ) -> Result<Self, CaptureError> {
        source.more(HEADER_LENGTH - 4)?;
        let [version, _, _, _, network] = source.words(order, 4)?;
        let [major, minor] = order.halves(version);
        if major != 2 {
            return Err(CaptureError::UnknownVersion { major, minor });
        }
        Ok(Self { source, order, record_header_length, link: (network & LINK_TYPE) as u16 })
    }

    /// The link type of all frames.
    pub(super) fn link(&self) -> u16 {
        self.link
    }

    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        if !self.source.begin(self.record_header_length)? {
            return Ok(None);
        }
        let [seconds, _, captured, original_length] = self.source.words(self.order, 0)?;
        let start = self.source.length();
        self.source.more(captured)?;
        Ok(Some(Frame {
            link: self.link,
            octets: self.source.octets(start, captured as usize)?,
            original_length,
            seconds: Some(u64::from(seconds)),
        }))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A file of one frame of three octets that had nine, as a big-endian machine writes it.
    const BIG: [u8; 43] = [
        0xa1, 0xb2, 0xc3, 0xd4, 0, 2, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 1, //
        0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0, 3, 0, 0, 0, 9, //
        7, 8, 9,
    ];

    fn open(file: &[u8]) -> Result<Pcap<&[u8]>, CaptureError> {
        let mut source = Source::new(file);
        source.begin(4).unwrap();
        Pcap::new(source, Pcap::<&[u8]>::sniff(*file.first_chunk().unwrap()).unwrap())
    }

    /// The same file as a little-endian machine writes it.
    fn little() -> Vec<u8> {
        let mut file = BIG.to_vec();
        for word in file[..40].chunks_mut(4) {
            word.reverse();
        }
        file[4..8].copy_from_slice(&[2, 0, 4, 0]);
        file
    }

    #[track_caller]
    fn holds_the_frame(file: &[u8]) {
        let mut pcap = open(file).unwrap();
        assert_eq!(pcap.link(), 1);
        let frame = pcap.next().unwrap().unwrap();
        assert_eq!(frame.octets, [7, 8, 9]);
        assert_eq!((frame.original_length, frame.seconds), (9, Some(5)));
        assert!(pcap.next().unwrap().is_none());
    }

    #[test]
    fn both_byte_orders_are_read() {
        holds_the_frame(&BIG);
        holds_the_frame(&little());
    }

    #[test]
    fn nanoseconds_change_nothing() {
        let mut file = BIG;
        file[2..4].copy_from_slice(&[0x3c, 0x4d]);
        holds_the_frame(&file);
    }

    #[test]
    fn modified_records_have_a_longer_header() {
        let mut file = BIG.to_vec();
        file[2..4].copy_from_slice(&[0xcd, 0x34]);
        file.splice(40..40, [0; 8]);
        holds_the_frame(&file);
    }

    #[test]
    fn flags_above_the_link_type_are_ignored() {
        let mut file = BIG;
        file[20] = 0x44;
        holds_the_frame(&file);
    }

    #[test]
    fn other_version_is_refused() {
        let mut file = BIG;
        file[5] = 3;
        let error = open(&file).unwrap_err();
        assert_eq!(error.to_string(), "unknown capture format version 3.4");
    }

    #[test]
    fn captured_length_beyond_any_frame_is_refused() {
        let mut file = BIG;
        file[32] = 0xff;
        let error = open(&file).unwrap().next().unwrap_err();
        assert!(matches!(error, CaptureError::TooLong { offset: 24, .. }));
    }

    #[test]
    fn cut_record_names_its_place() {
        for end in 25..43 {
            let error = open(&BIG[..end]).unwrap().next().unwrap_err();
            let CaptureError::Truncated { offset, left, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((offset, left), (24, end - 24));
        }
    }
}
