//! The newer format: blocks, each with its length at both ends.
//!
//! ```text
//! block        type(4) length(4) body length(4)
//! section      magic(4) major(2) minor(2) section length(8) options
//! interface    link type(2) reserved(2) snap length(4) options
//! enhanced     interface(4) time(8) captured length(4) original length(4) frame options
//! simple       original length(4) frame
//! obsolete     interface(2) drops(2) time(8) captured length(4) original length(4) frame options
//! ```
//!
//! A section header starts anew: byte order and interfaces before it are forgotten. Times count the
//! units of the interface; the higher word comes first. Blocks of other types are passed over.

use std::io::Read;
use std::time::Duration;

use super::CaptureError;
use super::source::{ByteOrder, Frame, Source};

const SECTION: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;
const OBSOLETE_PACKET: u32 = 2;
const SIMPLE_PACKET: u32 = 3;
const ENHANCED_PACKET: u32 = 6;

const BYTE_ORDER_MAGIC: u32 = 0x1a2b_3c4d;

/// Type and length.
const START_LENGTH: usize = 8;
/// The length again.
const END_LENGTH: usize = 4;

/// The option of an interface that tells the unit of its times.
const TIME_RESOLUTION: u16 = 9;
/// The option of an interface that tells the seconds to add to its times.
const TIME_OFFSET: u16 = 14;
/// The option behind which there are no others.
const END_OF_OPTIONS: u16 = 0;

/// The packets of a pcapng file.
#[derive(Debug)]
pub(super) struct Pcapng<R> {
    source: Source<R>,
    order: ByteOrder,
    /// Those of the section so far, in the order of their numbers.
    interfaces: Vec<Interface>,
}

#[derive(Clone, Copy, Debug)]
struct Interface {
    link: u16,
    /// 0 for no limit.
    snap_length: u32,
    clock: Clock,
}

/// How the times of an interface are written.
#[derive(Clone, Copy, Debug)]
struct Clock {
    /// None where a unit is so small that a second overflows.
    units_per_second: Option<u64>,
    /// Seconds to add.
    offset: i64,
}

impl Clock {
    /// The time since the start of 1970, unless it was before that.
    fn time(self, units: u64) -> Option<Duration> {
        let per_second = self.units_per_second?;
        let seconds = units.checked_div(per_second)?.checked_add_signed(self.offset)?;
        let fraction = u128::from(units.checked_rem(per_second)?) * 1_000_000_000 / u128::from(per_second);
        Some(Duration::new(seconds, fraction.try_into().ok()?))
    }
}

/// A packet block's fields, whatever its type.
struct Packet {
    interface: u32,
    time: Option<u64>,
    captured: usize,
    original_length: u32,
    /// Where in the block the frame starts.
    start: usize,
}

impl<R: Read> Pcapng<R> {
    /// Whether the first four octets are those of this format; they read the same in both orders.
    pub(super) fn sniff(magic: [u8; 4]) -> bool {
        u32::from_be_bytes(magic) == SECTION
    }

    /// Reads the first section header, of which `source` has read the type.
    pub(super) fn new(source: Source<R>) -> Result<Self, CaptureError> {
        let mut file = Self { source, order: ByteOrder::Big, interfaces: Vec::new() };
        file.block()?;
        Ok(file)
    }

    pub(super) fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        let packet = loop {
            if !self.source.begin(4)? {
                return Ok(None);
            }
            match self.block()? {
                INTERFACE => self.describe()?,
                ENHANCED_PACKET => break self.enhanced()?,
                SIMPLE_PACKET => break self.simple()?,
                OBSOLETE_PACKET => break self.obsolete()?,
                _ => {}
            }
        };
        let interface = self.interface(packet.interface)?;
        if packet.captured > self.end().saturating_sub(packet.start) {
            return Err(self.too_short());
        }
        Ok(Some(Frame {
            link: interface.link,
            octets: self.source.octets(packet.start, packet.captured)?,
            original_length: packet.original_length,
            time: packet.time.and_then(|units| interface.clock.time(units)),
        }))
    }

    /// Reads the rest of a block and tells its type.
    fn block(&mut self) -> Result<u32, CaptureError> {
        self.source.more(4)?;
        let [kind] = self.source.words(self.order, 0)?;
        if kind == SECTION {
            self.start_section()?;
        }
        let [length] = self.source.words(self.order, 4)?;
        let offset = self.source.offset();
        let wrong = CaptureError::BlockLength { offset, length };
        let Some(left) = length.checked_sub(self.source.length() as u32) else {
            return Err(wrong);
        };
        if left < END_LENGTH as u32 || !length.is_multiple_of(4) {
            return Err(wrong);
        }
        self.source.more(left)?;
        if self.source.words(self.order, self.end())? != [length] {
            return Err(wrong);
        }
        Ok(kind)
    }

    /// Learns the byte order, without which a section header's length cannot be read.
    fn start_section(&mut self) -> Result<(), CaptureError> {
        self.source.more(8)?;
        let magic = |order| self.source.words(order, START_LENGTH);
        self.order = match (magic(ByteOrder::Big)?, magic(ByteOrder::Little)?) {
            ([BYTE_ORDER_MAGIC], _) => ByteOrder::Big,
            (_, [BYTE_ORDER_MAGIC]) => ByteOrder::Little,
            _ => {
                let offset = self.source.offset();
                return Err(CaptureError::ByteOrder { offset });
            }
        };
        let [version] = self.source.words(self.order, START_LENGTH + 4)?;
        let [major, minor] = self.order.halves(version);
        if major != 1 {
            return Err(CaptureError::UnknownVersion { major, minor });
        }
        self.interfaces.clear();
        Ok(())
    }

    fn describe(&mut self) -> Result<(), CaptureError> {
        let [link, snap_length] = self.words(START_LENGTH)?;
        let [link, _] = self.order.halves(link);
        let clock = self.clock(START_LENGTH + 8);
        self.interfaces.push(Interface { link, snap_length, clock });
        Ok(())
    }

    /// What an interface's options say of its times; microseconds since 1970 if they say nothing.
    fn clock(&self, mut start: usize) -> Clock {
        let mut clock = Clock { units_per_second: Some(1_000_000), offset: 0 };
        while let Ok([head]) = self.words(start) {
            let [code, length] = self.order.halves(head);
            start += 4;
            if code == TIME_RESOLUTION
                && let Ok([exponent]) = self.source.octets(start, 1)
            {
                clock.units_per_second = match exponent & 0x80 {
                    0 => 10_u64.checked_pow(u32::from(*exponent)),
                    _ => 2_u64.checked_pow(u32::from(exponent & 0x7f)),
                };
            } else if code == TIME_OFFSET
                && length == 8
                && let Ok(words) = self.source.words::<2>(self.order, start)
            {
                clock.offset = self.order.i64(words);
            } else if code == END_OF_OPTIONS {
                break;
            }
            start += usize::from(length).next_multiple_of(4);
        }
        clock
    }

    fn enhanced(&self) -> Result<Packet, CaptureError> {
        let [interface, high, low, captured, original_length] = self.words(START_LENGTH)?;
        Ok(Packet {
            interface,
            time: Some(u64::from(high) << 32 | u64::from(low)),
            captured: captured as usize,
            original_length,
            start: START_LENGTH + 20,
        })
    }

    /// The obsolete block differs in the size of the interface's number.
    fn obsolete(&self) -> Result<Packet, CaptureError> {
        let packet = self.enhanced()?;
        let [interface, _] = self.order.halves(packet.interface);
        Ok(Packet { interface: u32::from(interface), ..packet })
    }

    /// A simple packet has no captured length, as all come from the first interface and are cut by
    /// its snap length.
    fn simple(&self) -> Result<Packet, CaptureError> {
        let [original_length] = self.words(START_LENGTH)?;
        let captured = match self.interface(0)?.snap_length {
            0 => original_length,
            limit => original_length.min(limit),
        };
        Ok(Packet { interface: 0, time: None, captured: captured as usize, original_length, start: START_LENGTH + 4 })
    }

    fn interface(&self, number: u32) -> Result<Interface, CaptureError> {
        let interface = self.interfaces.get(number as usize).copied();
        interface.ok_or(CaptureError::UnknownInterface { offset: self.source.offset(), interface: number })
    }

    /// `N` words of the block's body.
    fn words<const N: usize>(&self, start: usize) -> Result<[u32; N], CaptureError> {
        if start + N * 4 > self.end() {
            return Err(self.too_short());
        }
        self.source.words(self.order, start)
    }

    /// How far it is read.
    pub(super) fn position(&self) -> u64 {
        self.source.position()
    }

    /// Where the body ends.
    fn end(&self) -> usize {
        self.source.length().saturating_sub(END_LENGTH)
    }

    fn too_short(&self) -> CaptureError {
        CaptureError::ShortRecord { offset: self.source.offset() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn big(word: u32) -> [u8; 4] {
        word.to_be_bytes()
    }

    fn little(word: u32) -> [u8; 4] {
        word.to_le_bytes()
    }

    fn block(word: fn(u32) -> [u8; 4], kind: u32, body: &[u8]) -> Vec<u8> {
        let length = word(body.len() as u32 + 12);
        [&word(kind), &length, body, &length].concat()
    }

    /// Version 1.0, length unknown.
    fn section(word: fn(u32) -> [u8; 4]) -> Vec<u8> {
        let version = if word(1) == big(1) { [0, 1, 0, 0] } else { [1, 0, 0, 0] };
        block(word, SECTION, &[&word(BYTE_ORDER_MAGIC)[..], &version, &[0xff; 8]].concat())
    }

    /// Big-endian, with the options given.
    fn interface(link: u8, snap_length: u8, options: &[u8]) -> Vec<u8> {
        let head = [0, link, 0, 0, 0, 0, 0, snap_length];
        block(big, INTERFACE, &[&head, options].concat())
    }

    /// Big-endian, of octets 7, 8, 9, five of them on the wire.
    fn enhanced(interface: u8, time: u8) -> Vec<u8> {
        let head = [interface, 0, time, 3, 5].map(|word| big(u32::from(word)));
        block(big, ENHANCED_PACKET, &[head.as_flattened(), &[7, 8, 9, 0]].concat())
    }

    fn open(file: &[u8]) -> Result<Pcapng<&[u8]>, CaptureError> {
        assert!(Pcapng::<&[u8]>::sniff(*file.first_chunk().unwrap()));
        let mut source = Source::new(file).unwrap();
        source.begin(4).unwrap();
        Pcapng::new(source)
    }

    /// Link type, octets, original length, time.
    type Row = (u16, Vec<u8>, u32, Option<Duration>);

    fn frames(parts: &[Vec<u8>]) -> Result<Vec<Row>, CaptureError> {
        let file = parts.concat();
        let mut file = open(&file)?;
        let mut rows = Vec::new();
        while let Some(frame) = file.next()? {
            let Frame { link, octets, original_length, time } = frame;
            rows.push((link, octets.to_vec(), original_length, time));
        }
        Ok(rows)
    }

    #[test]
    fn each_packet_has_the_link_type_of_its_interface() {
        let (first, second) = (interface(1, 0, &[]), interface(101, 0, &[]));
        let rows = frames(&[section(big), first, second, enhanced(1, 0), enhanced(0, 0)]).unwrap();
        assert_eq!(rows, [(101, vec![7, 8, 9], 5, Some(Duration::ZERO)), (1, vec![7, 8, 9], 5, Some(Duration::ZERO)),]);
    }

    #[test]
    fn section_changes_the_byte_order_and_forgets_interfaces() {
        let head = [0, 0, 0, 2, 2].map(little);
        let packet = [head.as_flattened(), &[4, 6, 0, 0]].concat();
        let parts = [
            section(big),
            interface(1, 0, &[]),
            enhanced(0, 0),
            section(little),
            block(little, INTERFACE, &[228, 0, 0, 0, 0, 0, 0, 0]),
            block(little, ENHANCED_PACKET, &packet),
        ];
        let rows = frames(&parts).unwrap();
        assert_eq!((rows[1].0, &rows[1].1[..]), (228, &[4, 6][..]));
        let error = frames(&[section(big), interface(1, 0, &[]), section(big), enhanced(0, 0)]);
        assert!(matches!(error, Err(CaptureError::UnknownInterface { offset: 76, interface: 0 })));
    }

    #[test]
    fn simple_packet_is_cut_by_the_first_interface() {
        let body = [0, 0, 0, 9, 1, 2, 3, 0];
        let parts = [section(big), interface(1, 3, &[]), block(big, SIMPLE_PACKET, &body)];
        assert_eq!(frames(&parts).unwrap(), [(1, vec![1, 2, 3], 9, None)]);
    }

    #[test]
    fn obsolete_packet_counts_its_drops_beside_the_interface() {
        let head = [7, 0, 0, 1, 1].map(big);
        let body = [head.as_flattened(), &[9, 0, 0, 0]].concat();
        let parts = [section(big), interface(1, 0, &[]), block(big, OBSOLETE_PACKET, &body)];
        assert_eq!(frames(&parts).unwrap(), [(1, vec![9], 1, Some(Duration::ZERO))]);
    }

    #[test]
    fn other_blocks_are_passed_over() {
        let statistics = block(big, 5, &[0xa5; 12]);
        let empty = block(big, 0x8000_0bad, &[]);
        let parts = [section(big), empty, interface(1, 0, &[]), statistics, enhanced(0, 0)];
        assert_eq!(frames(&parts).unwrap().len(), 1);
    }

    #[test]
    fn time_counts_the_units_of_the_interface() {
        let tenths = [0, 2, 0, 3, b'e', b't', b'h', 0, 0, 9, 0, 1, 1, 0, 0, 0];
        let quarters = [0, 9, 0, 1, 0x82, 0, 0, 0];
        let later = [0, 14, 0, 8, 0, 0, 0, 1, 0, 0, 0, 2, 0, 9, 0, 1, 0x82, 0, 0, 0];
        let earlier = [0, 14, 0, 8, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xf6, 0, 9, 0, 1, 1, 0, 0, 0];
        for (options, time) in [
            (&tenths[..], Some(Duration::new(8, 300_000_000))),
            (&quarters, Some(Duration::new(20, 750_000_000))),
            (&later, Some(Duration::new((1 << 32) + 22, 750_000_000))),
            (&earlier, None),
        ] {
            let rows = frames(&[section(big), interface(1, 0, options), enhanced(0, 83)]).unwrap();
            assert_eq!(rows[0].3, time);
        }
        let absurd = [0, 9, 0, 1, 0xff, 0, 0, 0];
        let rows = frames(&[section(big), interface(1, 0, &absurd), enhanced(0, 80)]).unwrap();
        assert_eq!(rows[0].3, None);
    }

    #[test]
    fn lengths_of_a_block_must_agree() {
        let mut packet = enhanced(0, 0);
        packet[35] += 4;
        let error = frames(&[section(big), interface(1, 0, &[]), packet]).unwrap_err();
        assert_eq!(error.to_string(), "block at octet 48 has the wrong length 36, or another one at its end");
    }

    #[test]
    fn impossible_block_length_is_refused() {
        for length in [0_u8, 8, 11, 13, 14] {
            let error = frames(&[section(big), vec![0, 0, 0, 5, 0, 0, 0, length, 0, 0, 0, 0]]);
            assert!(matches!(error, Err(CaptureError::BlockLength { offset: 28, .. })));
        }
    }

    #[test]
    fn captured_length_beyond_the_block_is_refused() {
        let mut packet = enhanced(0, 0);
        packet[23] = 5;
        let error = frames(&[section(big), interface(1, 0, &[]), packet]);
        assert!(matches!(error, Err(CaptureError::ShortRecord { offset: 48 })));
    }

    #[test]
    fn section_without_byte_order_is_refused() {
        let mut file = section(big);
        file[8] = 0;
        assert!(matches!(open(&file), Err(CaptureError::ByteOrder { offset: 0 })));
    }

    #[test]
    fn cut_block_names_its_place() {
        let file = [section(big), interface(1, 0, &[]), enhanced(0, 0)].concat();
        for end in 49..file.len() {
            let error = frames(&[file[..end].to_vec()]).unwrap_err();
            let CaptureError::Truncated { offset, left, .. } = error else {
                panic!("{error}");
            };
            assert_eq!((offset, left), (48, end - 48));
        }
    }
}
