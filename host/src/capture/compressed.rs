//! Captures that are compressed, as `gzip` does it: recognized by how they start, and read as if they were not.
//!
//! Several compressed streams one behind the other are one file, as with `gzip` itself.

#[cfg(feature = "gzip")]
use std::io::BufReader;
use std::io::{self, Chain, Cursor, Read};

#[cfg(feature = "gzip")]
use flate2::bufread::MultiGzDecoder;

use super::CaptureError;

/// How files start that other programs compressed.
const MAGICS: [(&[u8], &str); 5] = [
    (GZIP, "gzip"),
    (&[0x28, 0xb5, 0x2f, 0xfd], "zstd"),
    (&[0x04, 0x22, 0x4d, 0x18], "lz4"),
    (&[0xfd, b'7', b'z', b'X'], "xz"),
    (b"BZh", "bzip2"),
];

const GZIP: &[u8] = &[0x1f, 0x8b];

/// A file, plain or unpacked while it is read.
#[derive(Debug)]
pub(super) enum Stream<R> {
    Plain(Whole<R>),
    #[cfg(feature = "gzip")]
    Gzip(Box<MultiGzDecoder<BufReader<Counted<Whole<R>>>>>),
}

/// A file with what was read of it put back.
type Whole<R> = Chain<Cursor<Vec<u8>>, R>;

impl<R: Read> Stream<R> {
    /// Looks at how the file starts.
    pub(super) fn new(mut read: R) -> Result<Self, CaptureError> {
        let mut start = Vec::new();
        read.by_ref().take(4).read_to_end(&mut start)?;
        let compression = MAGICS.iter().find(|(magic, _)| start.starts_with(magic));
        let whole = Cursor::new(start).chain(read);
        match compression {
            None => Ok(Self::Plain(whole)),
            #[cfg(feature = "gzip")]
            Some((GZIP, _)) => {
                let counted = Counted { read: whole, octets: 0 };
                Ok(Self::Gzip(Box::new(MultiGzDecoder::new(BufReader::new(counted)))))
            }
            Some((_, name)) => Err(CaptureError::Compression(name)),
        }
    }
}

impl<R> Stream<R> {
    /// How many octets of a compressed file were needed so far.
    pub(super) fn unpacked(&self) -> Option<u64> {
        match self {
            Self::Plain(_) => None,
            #[cfg(feature = "gzip")]
            Self::Gzip(file) => {
                let buffer = file.get_ref();
                Some(buffer.get_ref().octets - buffer.buffer().len() as u64)
            }
        }
    }

    /// Whether this error is about the compression, and not about reading the file.
    pub(super) fn is_damage(&self, error: &io::Error) -> bool {
        use io::ErrorKind::{InvalidData, InvalidInput, UnexpectedEof};

        !matches!(self, Self::Plain(_)) && matches!(error.kind(), InvalidData | InvalidInput | UnexpectedEof)
    }
}

impl<R: Read> Read for Stream<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.read(buffer),
            #[cfg(feature = "gzip")]
            Self::Gzip(file) => file.read(buffer),
        }
    }
}

/// Counts what is read.
#[cfg(feature = "gzip")]
#[derive(Debug)]
pub(super) struct Counted<R> {
    read: R,
    octets: u64,
}

#[cfg(feature = "gzip")]
impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.read.read(buffer)?;
        self.octets += count as u64;
        Ok(count)
    }
}

#[cfg(all(test, feature = "gzip"))]
mod tests {
    use std::io::Write;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::super::Capture;
    use super::*;

    const CAPTURE: &[u8] = include_bytes!("../../../tests/data/captures/plain-ipv4.pcap");

    fn gzip(octets: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
        encoder.write_all(octets).expect("memory takes everything");
        encoder.finish().expect("memory takes everything")
    }

    fn payloads(file: &[u8]) -> (Vec<Vec<u8>>, Option<CaptureError>) {
        let (mut payloads, mut error) = (Vec::new(), None);
        match Capture::new(file) {
            Ok(capture) => capture.for_each(|datagram| match datagram {
                Ok(datagram) => payloads.push(datagram.payload),
                Err(why) => assert!(error.replace(why).is_none()),
            }),
            Err(why) => error = Some(why),
        }
        (payloads, error)
    }

    #[test]
    fn compressed_in_one_piece_or_several_it_is_the_same_capture() {
        let (expected, error) = payloads(CAPTURE);
        assert!(error.is_none() && expected.len() > 2);
        assert_eq!(payloads(&gzip(CAPTURE)).0, expected);
        let pieces: Vec<_> = CAPTURE.chunks(100).flat_map(gzip).collect();
        let (found, error) = payloads(&pieces);
        assert_eq!(found, expected);
        assert!(error.is_none());
    }

    #[test]
    fn the_place_grows_to_the_end_of_the_file_packed_or_not() {
        for file in [CAPTURE.to_vec(), gzip(CAPTURE), CAPTURE.chunks(5000).flat_map(gzip).collect()] {
            let mut capture = Capture::new(&file[..]).expect("a capture");
            let mut places = vec![capture.position()];
            while capture.next().is_some() {
                places.push(capture.position());
            }
            places.push(capture.position());
            assert!(places.is_sorted() && places.iter().filter(|place| **place < file.len() as u64).count() > 1);
            assert_eq!(places.last(), Some(&(file.len() as u64)));
        }
    }

    #[test]
    fn a_cut_is_told_and_costs_only_what_is_behind_it() {
        let (expected, _) = payloads(CAPTURE);
        let middle = CAPTURE.len() / 2;
        let file = [gzip(&CAPTURE[..middle]), gzip(&CAPTURE[middle..])].concat();
        let start = gzip(&CAPTURE[..middle]).len();
        let whole = payloads(&CAPTURE[..middle]).0.len();
        assert!(whole > 0);
        for end in start + 1..file.len() {
            let (found, error) = payloads(&file[..end]);
            assert!(found.len() >= whole && expected.starts_with(&found), "cut at {end}");
            assert!(matches!(error, Some(CaptureError::Compressed { .. })), "cut at {end}: {error:?}");
        }
        // Between two pieces nobody notices a cut, unless it is one of the capture, too.
        assert!(matches!(payloads(&file[..start]).1, Some(CaptureError::Truncated { .. })));
    }

    #[test]
    fn damage_is_told() {
        let mut file = gzip(CAPTURE);
        let last = file.len() - 6;
        file[last] ^= 1;
        let (found, error) = payloads(&file);
        assert_eq!(found, payloads(CAPTURE).0);
        let error = error.expect("a wrong sum");
        assert!(error.to_string().starts_with("the compressed data is damaged"), "{error}");
    }

    #[test]
    fn other_compressions_are_named() {
        let error = Capture::new(&b"\x28\xb5\x2f\xfd\0\0"[..]).expect_err("zstd");
        assert_eq!(error.to_string(), "compressed with zstd, which is not read: unpack it first");
    }
}
