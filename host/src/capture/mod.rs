//! Captures of network traffic: pcap and pcapng files, and the UDP datagrams in them.
//!
//! ```
//! # use collectd_tap::capture::{Capture, CaptureError};
//! # fn print(file: &[u8]) -> Result<(), CaptureError> {
//! let mut capture = Capture::new(file)?;
//! for datagram in &mut capture {
//!     let datagram = datagram?;
//!     println!("{} octets from {}", datagram.payload.len(), datagram.from);
//! }
//! println!("{} frames were not UDP", capture.skipped().not_udp);
//! # Ok(())
//! # }
//! # assert!(print(&[]).is_err());
//! ```
//!
//! A frame goes one way:
//!
//! ```text
//! pcap │ pcapng → link → ip → reassembly → ip → Datagram
//! ```
//!
//! Read are frames of Ethernet, BSD loopback, raw IP and Linux's "any" interface, with up to four
//! VLAN tags, compressed with gzip or not. Not read are other compressions, 802.3 frames with an LLC header, tunnels, and UDP
//! inside IPv6 jumbograms. Checksums are not verified.

mod compressed;
mod error;
mod ip;
mod link;
mod octets;
mod pcap;
mod pcapng;
mod reassembly;
mod source;

use std::io::Read;
use std::iter::FusedIterator;
use std::net::SocketAddr;
use std::time::Duration;

pub use self::error::CaptureError;
use self::ip::{Body, Packet};
use self::link::Link;
use self::octets::{Octets, Skip};
use self::pcap::Pcap;
use self::pcapng::Pcapng;
use self::reassembly::{Key, Reassembly};
use self::source::{Frame, Source};

/// The UDP datagrams of a capture file, of all ports, in the order in which they became complete.
#[derive(Debug)]
pub struct Capture<R> {
    file: File<R>,
    traffic: Traffic,
    unknown_links: Vec<u16>,
    ended: bool,
}

/// What a capture holds of one UDP datagram.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Datagram {
    /// Who sent it; without scope, which a capture does not tell.
    pub from: SocketAddr,
    /// Whom it was sent to.
    pub to: SocketAddr,
    /// What was captured of the payload.
    pub payload: Vec<u8>,
    /// Whether the payload was longer on the wire.
    pub truncated: bool,
    /// When it came, as the time since the start of 1970 in UTC, if the capture says so; of a datagram in fragments, the one
    /// that came last.
    pub time: Option<Duration>,
}

/// What a capture held besides the datagrams it yielded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Skipped {
    /// Frames of other protocols, whole or in fragments.
    pub not_udp: u64,
    /// Frames whose headers are contradictory, so that no host would accept them.
    pub malformed: u64,
    /// Frames of which the capture has less than the headers.
    pub cut: u64,
    /// Frames of a link type that we do not know.
    pub unknown_link: u64,
    /// Datagrams of which some fragments came, but never all, or contradictory ones. A fragment
    /// repeated after the last one counts, too, as nobody remembers its datagram.
    pub unfinished: u64,
}

impl<R: Read> Capture<R> {
    /// Reads the start of a capture file; needs no buffering reader.
    pub fn new(read: R) -> Result<Self, CaptureError> {
        Ok(Self { file: File::open(read)?, traffic: Traffic::default(), unknown_links: Vec::new(), ended: false })
    }
}

impl<R: Read> Capture<R> {
    /// How many octets of the file, compressed as it is, were needed so far.
    pub fn position(&self) -> u64 {
        match &self.file {
            File::Pcap(file) => file.position(),
            File::Pcapng(file) => file.position(),
        }
    }
}

impl<R> Capture<R> {
    /// What was left out so far; datagrams in fragments are given up at the end of the file.
    pub fn skipped(&self) -> Skipped {
        Skipped { unfinished: self.traffic.reassembly.unfinished(), ..self.traffic.skipped }
    }

    fn end(&mut self) {
        self.ended = true;
        self.traffic.reassembly.close();
    }
}

impl<R: Read> Iterator for Capture<R> {
    type Item = Result<Datagram, CaptureError>;

    fn next(&mut self) -> Option<Self::Item> {
        while !self.ended {
            let frame = match self.file.next() {
                Ok(Some(frame)) => frame,
                Ok(None) => break,
                Err(error) => {
                    self.end();
                    return Some(Err(error));
                }
            };
            let Some(link) = Link::from_number(frame.link) else {
                self.traffic.skipped.unknown_link += 1;
                // Once is enough: a file may hold thousands of them among others that we know.
                if self.unknown_links.contains(&frame.link) {
                    continue;
                }
                self.unknown_links.push(frame.link);
                return Some(Err(CaptureError::UnknownLinkType(frame.link)));
            };
            let time = frame.time;
            if let Some(datagram) = self.traffic.receive(link, frame) {
                return Some(Ok(Datagram { time, ..datagram }));
            }
        }
        self.end();
        None
    }
}

impl<R: Read> FusedIterator for Capture<R> {}

/// A capture file of either format.
#[derive(Debug)]
enum File<R> {
    Pcap(Pcap<R>),
    Pcapng(Pcapng<R>),
}

impl<R: Read> File<R> {
    fn open(read: R) -> Result<Self, CaptureError> {
        let mut source = Source::new(read)?;
        let magic = match source.begin(4) {
            Ok(true) => source.magic(),
            Ok(false) | Err(CaptureError::Truncated { .. }) => None,
            Err(error) => return Err(error),
        };
        let magic = magic.ok_or(CaptureError::NotACapture)?;
        if Pcapng::<R>::sniff(magic) {
            return Ok(Self::Pcapng(Pcapng::new(source)?));
        }
        let form = Pcap::<R>::sniff(magic).ok_or(CaptureError::NotACapture)?;
        let file = Pcap::new(source, form)?;
        // All its frames are of this type, so there is no use in starting.
        match Link::from_number(file.link()) {
            Some(_) => Ok(Self::Pcap(file)),
            None => Err(CaptureError::UnknownLinkType(file.link())),
        }
    }

    fn next(&mut self) -> Result<Option<Frame<'_>>, CaptureError> {
        match self {
            Self::Pcap(file) => file.next(),
            Self::Pcapng(file) => file.next(),
        }
    }
}

/// What frames amount to.
#[derive(Debug, Default)]
struct Traffic {
    reassembly: Reassembly,
    skipped: Skipped,
}

impl Traffic {
    fn receive(&mut self, link: Link, frame: Frame<'_>) -> Option<Datagram> {
        match self.datagram(link, frame) {
            Ok(datagram) => return datagram,
            Err(Skip::NotUdp) => self.skipped.not_udp += 1,
            Err(Skip::Malformed) => self.skipped.malformed += 1,
            Err(Skip::Cut) => self.skipped.cut += 1,
        }
        None
    }

    /// The datagram that a frame holds, or completes.
    fn datagram(&mut self, link: Link, frame: Frame<'_>) -> Result<Option<Datagram>, Skip> {
        let octets = Octets::new(frame.octets, frame.original_length as usize);
        let network = link.open(octets)?;
        let Packet { source, destination, body } = Packet::open(network.type_, network.octets)?;
        let fragment = match body {
            Body::Udp(octets) => return ip::datagram(source, destination, octets).map(Some),
            Body::Fragment(fragment) => fragment,
        };
        let key = Key {
            source,
            destination,
            identification: fragment.identification,
            protocol: fragment.protocol,
            vlans: network.vlans,
        };
        let whole = self.reassembly.insert(key, fragment, frame.time.map(|time| time.as_secs()))?;
        let Some(whole) = whole else {
            return Ok(None);
        };
        match Body::open(source, fragment.protocol, whole.octets())? {
            Body::Udp(octets) => ip::datagram(source, destination, octets).map(Some),
            // A fragment of a fragment; hosts fragment once.
            Body::Fragment(_) => Err(Skip::Malformed),
        }
    }
}

/// The UDP datagrams of IP packets that arrive one by one, without anything before them.
#[cfg(feature = "doctor")]
#[derive(Debug, Default)]
pub(crate) struct Wire(Traffic);

#[cfg(feature = "doctor")]
impl Wire {
    /// The datagram that a packet holds, or completes; it came so many seconds after the first.
    pub(crate) fn receive(&mut self, octets: &[u8], seconds: u64) -> Option<Datagram> {
        let original_length = u32::try_from(octets.len()).unwrap_or(u32::MAX);
        let time = Some(Duration::from_secs(seconds));
        self.0.receive(Link::Raw, Frame { link: 0, octets, original_length, time })
    }

    /// How many datagrams came in fragments, but not all of them. What comes later is not put together any more.
    pub(crate) fn unfinished(&mut self) -> u64 {
        self.0.reassembly.close();
        self.0.reassembly.unfinished()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;

    /// From 10.77.0.1, port 1, to 10.77.0.2, port 2; payload 7, 8, 9.
    const PACKET: [u8; 31] = [
        0x45, 0, 0, 31, 0, 9, 0, 0, 64, 17, 0, 0, 10, 77, 0, 1, 10, 77, 0, 2, //
        0, 1, 0, 2, 0, 11, 0, 0, 7, 8, 9,
    ];

    /// The header of a big-endian pcap file.
    fn header(link: u8) -> Vec<u8> {
        let words = [0xa1b2_c3d4, 0x0002_0004, 0, 0, 0, u32::from(link)];
        words.map(u32::to_be_bytes).concat()
    }

    fn record(frame: &[u8], original_length: usize) -> Vec<u8> {
        let lengths = [frame.len(), original_length].map(|length| (length as u32).to_be_bytes());
        [&[0; 8], lengths.as_flattened(), frame].concat()
    }

    fn block(kind: u32, body: &[u8]) -> Vec<u8> {
        let length = (body.len() as u32 + 12).to_be_bytes();
        [&kind.to_be_bytes()[..], &length, body, &length].concat()
    }

    /// One of two fragments of the packet.
    fn fragment(last: bool) -> Vec<u8> {
        let (flags, body) = match last {
            false => ([0x20, 0], &PACKET[20..28]),
            true => ([0, 1], &PACKET[28..]),
        };
        let mut packet = [&PACKET[..20], body].concat();
        packet[3] = packet.len() as u8;
        packet[6..8].copy_from_slice(&flags);
        packet
    }

    /// All datagrams, or the first error.
    fn read(file: &[u8]) -> Result<(Vec<Datagram>, Skipped), CaptureError> {
        let mut capture = Capture::new(file)?;
        let datagrams = capture.by_ref().collect::<Result<Vec<_>, _>>()?;
        Ok((datagrams, capture.skipped()))
    }

    #[test]
    fn datagram_is_yielded() {
        let file = [header(101), record(&PACKET, 31)].concat();
        let (datagrams, skipped) = read(&file).unwrap();
        let datagram = Datagram {
            from: "10.77.0.1:1".parse().unwrap(),
            to: "10.77.0.2:2".parse().unwrap(),
            payload: vec![7, 8, 9],
            truncated: false,
            time: Some(Duration::ZERO),
        };
        assert_eq!((datagrams, skipped), (vec![datagram], Skipped::default()));
    }

    #[test]
    fn last_missing_fragment_yields_the_datagram() {
        let records = [true, false].map(|last| record(&fragment(last), 0));
        let (datagrams, skipped) = read(&[header(101), records.concat()].concat()).unwrap();
        assert_eq!(datagrams[0].payload, [7, 8, 9]);
        assert_eq!(skipped, Skipped::default());
    }

    #[test]
    fn nothing_vanishes_silently() {
        let mut malformed = PACKET;
        malformed[25] = 12;
        let mut tcp = PACKET;
        tcp[9] = 6;
        let file = [
            header(101),
            record(&malformed, 31),
            record(&tcp, 31),
            record(&PACKET[..27], 31),
            record(&fragment(true), 0),
        ];
        let (datagrams, skipped) = read(&file.concat()).unwrap();
        let expected = Skipped { not_udp: 1, malformed: 1, cut: 1, unknown_link: 0, unfinished: 1 };
        assert_eq!((datagrams, skipped), (vec![], expected));
    }

    #[test]
    fn other_files_are_no_captures() {
        for file in [&[][..], &[0xa1], b"#!/bin/sh"] {
            assert!(matches!(read(file), Err(CaptureError::NotACapture)));
        }
    }

    #[test]
    fn unknown_link_type_is_named() {
        let error = Capture::new(&header(105)[..]).unwrap_err();
        assert_eq!(error.to_string(), "unknown link type 105");
    }

    #[test]
    fn unknown_interface_is_reported_once_and_does_not_hide_the_others() {
        let section = [&0x1a2b_3c4d_u32.to_be_bytes()[..], &[0, 1, 0, 0], &[0xff; 8]].concat();
        let interface = |link| block(1, &[0, link, 0, 0, 0, 0, 0, 0]);
        let packet = |interface| {
            let head = [interface, 0, 0, 31, 31].map(u32::to_be_bytes);
            block(6, &[head.as_flattened(), &PACKET, &[0]].concat())
        };
        let file = [block(0x0a0d_0d0a, &section), interface(105), interface(101), packet(0), packet(1), packet(0)];
        let file = file.concat();
        let mut capture = Capture::new(&file[..]).unwrap();
        let unknown = capture.next().unwrap().unwrap_err();
        assert_eq!(unknown.to_string(), "unknown link type 105");
        assert_eq!(capture.next().unwrap().unwrap().payload, [7, 8, 9]);
        assert!(capture.next().is_none());
        assert_eq!(capture.skipped().unknown_link, 2);
    }

    #[test]
    fn cut_file_yields_what_came_before_then_one_error_then_nothing() {
        let file = [header(101), record(&PACKET, 31), record(&PACKET, 31)].concat();
        let mut capture = Capture::new(&file[..file.len() - 1]).unwrap();
        assert!(capture.next().unwrap().is_ok());
        let error = capture.next().unwrap().unwrap_err();
        assert!(matches!(error, CaptureError::Truncated { offset: 71, .. }));
        assert!(capture.next().is_none());
        assert!(capture.next().is_none());
    }

    #[test]
    fn error_of_the_reader_is_passed_through() {
        struct Broken;
        impl Read for Broken {
            fn read(&mut self, _: &mut [u8]) -> io::Result<usize> {
                Err(io::Error::other("the disk is on fire"))
            }
        }
        let file = [header(101), record(&PACKET, 31)].concat();
        let mut capture = Capture::new(file.chain(Broken)).unwrap();
        assert!(capture.next().unwrap().is_ok());
        let error = capture.next().unwrap().unwrap_err();
        let source = std::error::Error::source(&error).unwrap();
        assert_eq!(source.to_string(), "the disk is on fire");
        assert!(capture.next().is_none());
    }
}
