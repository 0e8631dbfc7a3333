//! The classic format: one header, then records.
//!
//! ```text
//! file     magic(4) major(2) minor(2) zone(4) accuracy(4) snap length(4) link type(4)
//! record   seconds(4) fraction(4) captured length(4) original length(4) [more(8)] frame
//! ```
//!
//! The magic tells the byte order, whether fractions are micro- or nanoseconds, and whether a record's
//! header has eight octets more, as some old Linux versions wrote it.

use std::io::Read;
use std::time::Duration;

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
    form: Form,
    link: u16,
}

/// What differs between the kinds of this format.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    order: ByteOrder,
    record_header_length: u32,
    nanos_per_fraction: u32,
}

impl<R: Read> Pcap<R> {
    /// What the first four octets say, if the file is of this format.
    pub(super) fn sniff(magic: [u8; 4]) -> Option<Form> {
        [ByteOrder::Big, ByteOrder::Little].into_iter().find_map(|order| {
            let (record_header_length, nanos_per_fraction) = match order.u32(magic) {
                MICROSECONDS => (RECORD_HEADER_LENGTH, 1000),
                NANOSECONDS => (RECORD_HEADER_LENGTH, 1),
                MODIFIED => (MODIFIED_RECORD_HEADER_LENGTH, 1000),
                _ => return None,
            };
            Some(Form { order, record_header_length, nanos_per_fraction })
        })
    }

    /// Reads the rest of the header; `source` has read the magic, `sniff` has judged it.
    pub(super) fn new(mut source: Source<R>, form: Form) -> Result<Self, CaptureError> {
        source.more(HEADER_LENGTH - 4)?;
        let [version, _, _, _, network] = source.words(form.order, 4)?;
        let [major, minor] = form.order.halves(version);
        if major != 2 {
            return Err(CaptureError::UnknownVersion { major, minor });
        }
        Ok(Self { source, form, link: (network & LINK_TYPE) as u16 })
    }

    /// How far it is read.
    pub(super) fn position(&self) -> u64 {
        self.source.position()
    }

    /// The link type of all frames.
    pub(super) fn link(&self) -> u16 {
        self.link
    }

    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let Form { order, record_header_length, nanos_per_fraction } = self.form;
        if !self.source.begin(record_header_length)? {
            return Ok(None);
        }
        let [seconds, fraction, captured, original_length] = self.source.words(order, 0)?;
        let start = self.source.length();
        self.source.more(captured)?;
        Ok(Some(Frame {
            link: self.link,
            octets: self.source.octets(start, captured as usize)?,
            original_length,
            time: Some(
                Duration::from_secs(seconds.into())
                    + Duration::from_nanos(u64::from(fraction) * u64::from(nanos_per_fraction)),
            ),
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
        let mut source = Source::new(file).unwrap();
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
    fn holds_the_frame(file: &[u8], nanos: u32) {
        let mut pcap = open(file).unwrap();
        assert_eq!(pcap.link(), 1);
        let frame = pcap.next().unwrap().unwrap();
        assert_eq!(frame.octets, [7, 8, 9]);
        assert_eq!((frame.original_length, frame.time), (9, Some(Duration::new(5, nanos))));
        assert!(pcap.next().unwrap().is_none());
    }

    #[test]
    fn both_byte_orders_are_read() {
        holds_the_frame(&BIG, 6_000);
        holds_the_frame(&little(), 6_000);
    }

    #[test]
    fn fractions_may_be_nanoseconds() {
        let mut file = BIG;
        file[2..4].copy_from_slice(&[0x3c, 0x4d]);
        holds_the_frame(&file, 6);
    }

    #[test]
    fn modified_records_have_a_longer_header() {
        let mut file = BIG.to_vec();
        file[2..4].copy_from_slice(&[0xcd, 0x34]);
        file.splice(40..40, [0; 8]);
        holds_the_frame(&file, 6_000);
    }

    #[test]
    fn flags_above_the_link_type_are_ignored() {
        let mut file = BIG;
        file[20] = 0x44;
        holds_the_frame(&file, 6_000);
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
