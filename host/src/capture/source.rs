//! Reading a capture record by record, with the offset at hand and no trust in lengths.

use std::io::{BufReader, Read};
use std::time::Duration;

use super::CaptureError;
use super::compressed::Stream;

/// A longer record is taken for damage: no link has frames of this length.
pub(super) const LONGEST_RECORD: u32 = 16 << 20;

/// A frame as it stands in the file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Frame<'a> {
    /// The number of the link type.
    pub(super) link: u16,
    /// What was captured of it.
    pub(super) octets: &'a [u8],
    /// How long it was on the wire.
    pub(super) original_length: u32,
    /// When it came, as the time since the start of 1970 in UTC, if the file says so.
    pub(super) time: Option<Duration>,
}

/// A file and the record that is being read from it.
#[derive(Debug)]
pub(super) struct Source<R> {
    read: BufReader<Stream<R>>,
    record: Vec<u8>,
    /// Where the record starts.
    offset: u64,
}

impl<R: Read> Source<R> {
    pub(super) fn new(read: R) -> Result<Self, CaptureError> {
        Ok(Self { read: BufReader::new(Stream::new(read)?), record: Vec::new(), offset: 0 })
    }

    /// Starts the next record with `length` octets; false at the end of the file.
    pub(super) fn begin(&mut self, length: u32) -> Result<bool, CaptureError> {
        self.offset += self.record.len() as u64;
        self.record.clear();
        match self.more(length) {
            Err(CaptureError::Truncated { left: 0, .. }) => Ok(false),
            outcome => outcome.map(|()| true),
        }
    }

    /// Reads `length` octets more of the record.
    pub(super) fn more(&mut self, length: u32) -> Result<(), CaptureError> {
        if length > LONGEST_RECORD {
            return Err(CaptureError::TooLong { offset: self.offset, length });
        }
        let needed = self.record.len() + length as usize;
        // `read_to_end` grows the record with what arrives, not with what the length promises.
        let mut part = self.read.by_ref().take(u64::from(length));
        if let Err(error) = part.read_to_end(&mut self.record) {
            return Err(match self.read.get_ref().is_damage(&error) {
                true => CaptureError::Compressed { offset: self.offset, error },
                false => CaptureError::Io(error),
            });
        }
        if self.record.len() < needed {
            return Err(CaptureError::Truncated { offset: self.offset, needed, left: self.record.len() });
        }
        Ok(())
    }

    /// The first four octets of the record.
    pub(super) fn magic(&self) -> Option<[u8; 4]> {
        self.record.first_chunk().copied()
    }

    /// `N` words of the record, the first of them at `start`.
    pub(super) fn words<const N: usize>(&self, order: ByteOrder, start: usize) -> Result<[u32; N], CaptureError> {
        let octets = self.octets(start, N * 4)?;
        let words = <[[u8; 4]; N]>::try_from(octets.as_chunks().0);
        let words = words.map_err(|_| self.too_short())?;
        Ok(words.map(|word| order.u32(word)))
    }

    /// `length` octets of the record, the first of them at `start`.
    pub(super) fn octets(&self, start: usize, length: usize) -> Result<&[u8], CaptureError> {
        let octets = self.record.get(start..).and_then(|rest| rest.get(..length));
        octets.ok_or_else(|| self.too_short())
    }

    /// How much of the record has been read.
    pub(super) fn length(&self) -> usize {
        self.record.len()
    }

    /// Where in the file the record starts.
    pub(super) fn offset(&self) -> u64 {
        self.offset
    }

    /// How many octets of the file were needed so far, packed as they are.
    pub(super) fn position(&self) -> u64 {
        self.read.get_ref().unpacked().unwrap_or(self.offset + self.record.len() as u64)
    }

    fn too_short(&self) -> CaptureError {
        CaptureError::ShortRecord { offset: self.offset }
    }
}

/// How the writer of a file stored its numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ByteOrder {
    Big,
    Little,
}

impl ByteOrder {
    pub(super) fn u32(self, octets: [u8; 4]) -> u32 {
        match self {
            Self::Big => u32::from_be_bytes(octets),
            Self::Little => u32::from_le_bytes(octets),
        }
    }

    /// The number of 64 bits that stands where two words were read.
    pub(super) fn i64(self, [first, second]: [u32; 2]) -> i64 {
        let (high, low) = match self {
            Self::Big => (first, second),
            Self::Little => (second, first),
        };
        (i64::from(high) << 32) | i64::from(low)
    }

    /// The two numbers that stand where a word was read, in the order of the file.
    pub(super) fn halves(self, word: u32) -> [u16; 2] {
        let [high, low] = [(word >> 16) as u16, word as u16];
        match self {
            Self::Big => [high, low],
            Self::Little => [low, high],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn end_between_records_is_the_end() {
        let mut source = Source::new(&[1, 2, 3, 4, 5, 6][..]).unwrap();
        assert!(source.begin(4).unwrap());
        source.more(2).unwrap();
        assert_eq!(source.octets(0, 6).unwrap(), [1, 2, 3, 4, 5, 6]);
        assert!(!source.begin(4).unwrap());
        assert_eq!(source.offset(), 6);
    }

    #[test]
    fn end_inside_a_record_names_the_place() {
        let mut source = Source::new(&[1, 2, 3, 4, 5, 6][..]).unwrap();
        assert!(source.begin(2).unwrap());
        assert!(source.begin(3).unwrap());
        let error = source.more(4).unwrap_err();
        assert_eq!(error.to_string(), "record at octet 2 needs 7 octets, but the file ends after 4 of them");
    }

    #[test]
    fn long_promise_allocates_only_what_comes() {
        let mut source = Source::new(&[0; 100][..]).unwrap();
        source.begin(LONGEST_RECORD).unwrap_err();
        assert!(source.record.capacity() < 1024);
    }

    #[test]
    fn longer_than_the_longest_is_refused() {
        let error = Source::new(&[][..]).unwrap().more(LONGEST_RECORD + 1).unwrap_err();
        assert!(matches!(error, CaptureError::TooLong { offset: 0, .. }));
    }

    #[test]
    fn words_need_all_their_octets() {
        let mut source = Source::new(&[9, 0, 0, 0, 1, 2, 0, 0][..]).unwrap();
        source.begin(8).unwrap();
        assert_eq!(source.words(ByteOrder::Big, 1).unwrap(), [1]);
        let error = source.words::<2>(ByteOrder::Little, 1).unwrap_err();
        assert!(matches!(error, CaptureError::ShortRecord { offset: 0 }));
    }

    #[test]
    fn halves_keep_the_order_of_the_file() {
        let octets = [0, 1, 0, 2];
        for (order, halves) in [(ByteOrder::Big, [1, 2]), (ByteOrder::Little, [256, 512])] {
            assert_eq!(order.halves(order.u32(octets)), halves);
        }
    }
}
