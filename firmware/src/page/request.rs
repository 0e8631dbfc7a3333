//! Requests: as much of HTTP/1.1 as it takes to know what is wanted, read octet by octet in fixed memory.
//!
//! ```text
//! GET /status.json HTTP/1.1 ⏎     kept, to a limit
//! Host: 10.0.0.2 ⏎                 passed over, to another
//! ⏎                                the end; what follows is not read
//! ```

use heapless::Vec;

/// Octets of a request's first line.
const LINE: usize = 128;
/// Octets of all its lines.
const HEAD: u16 = 8192;

/// What the answer is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Status {
    Text,
    Json,
    BadRequest,
    NotFound,
    MethodNotAllowed,
    TargetTooLong,
    HeadTooLong,
}

impl Status {
    /// The code and its words.
    pub(super) const fn words(self) -> &'static str {
        match self {
            Self::Text | Self::Json => "200 OK",
            Self::BadRequest => "400 Bad Request",
            Self::NotFound => "404 Not Found",
            Self::MethodNotAllowed => "405 Method Not Allowed",
            Self::TargetTooLong => "414 URI Too Long",
            Self::HeadTooLong => "431 Request Header Fields Too Large",
        }
    }
}

/// What was asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Request {
    pub(super) status: Status,
    /// Only the head of the answer is wanted.
    pub(super) head_only: bool,
}

impl Request {
    /// With a body, if the answer has one.
    const fn whole(status: Status) -> Self {
        Self { status, head_only: false }
    }

    /// From the first line, without its end.
    fn parse(line: &[u8]) -> Option<Self> {
        let mut words = line.split(|octet| *octet == b' ');
        let (method, target, version) = (words.next()?, words.next()?, words.next()?);
        let [b'H', b'T', b'T', b'P', b'/', b'1', b'.', b'0'..=b'9'] = version else {
            return None;
        };
        if words.next().is_some() || method.is_empty() || !line.iter().all(|octet| matches!(octet, b' '..=b'~')) {
            return None;
        }
        let head_only = match method {
            b"GET" => false,
            b"HEAD" => true,
            _ => return Some(Self::whole(Status::MethodNotAllowed)),
        };
        // Proxies put the whole address there.
        let path = match target.strip_prefix(b"http://") {
            Some(rest) => {
                rest.iter().position(|octet| *octet == b'/').and_then(|slash| rest.get(slash..)).unwrap_or(b"/")
            }
            None => target,
        };
        if !path.starts_with(b"/") {
            return None;
        }
        let status = match path.split(|octet| *octet == b'?').next() {
            Some(b"/" | b"/index.txt") => Status::Text,
            Some(b"/status.json") => Status::Json,
            _ => Status::NotFound,
        };
        Some(Self { status, head_only })
    }
}

/// A request that is being read.
#[derive(Debug)]
pub(super) struct Reader {
    line: Vec<u8, LINE>,
    /// Octets read so far.
    octets: u16,
    place: Place,
    /// What the first line says.
    request: Request,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    FirstLine,
    LineStart,
    Line,
}

impl Reader {
    /// Nothing was read.
    pub(super) const fn new() -> Self {
        Self { line: Vec::new(), octets: 0, place: Place::FirstLine, request: Request::whole(Status::Text) }
    }

    /// Reads on; what the request is, once that is clear.
    pub(super) fn read(&mut self, octets: &[u8]) -> Option<Request> {
        octets.iter().find_map(|octet| self.octet(*octet))
    }

    fn octet(&mut self, octet: u8) -> Option<Request> {
        self.octets = self.octets.saturating_add(1);
        if self.octets > HEAD {
            return Some(Request::whole(Status::HeadTooLong));
        }
        match (self.place, octet) {
            (Place::FirstLine, b'\n') => {
                let line = self.line.strip_suffix(b"\r").unwrap_or(&self.line);
                // An empty line in front does no harm.
                if !line.is_empty() {
                    match Request::parse(line) {
                        None => return Some(Request::whole(Status::BadRequest)),
                        Some(request) => self.request = request,
                    }
                    self.place = Place::LineStart;
                }
                self.line.clear();
            }
            // Whatever it is, it is not HTTP.
            (Place::FirstLine, 0..=0x1f | 0x7f..) if octet != b'\r' => {
                return Some(Request::whole(Status::BadRequest));
            }
            (Place::FirstLine, _) => {
                if self.line.push(octet).is_err() {
                    return Some(Request::whole(Status::TargetTooLong));
                }
            }
            (Place::LineStart, b'\n') => return Some(self.request),
            (Place::LineStart, b'\r') => {}
            (Place::Line, b'\n') => self.place = Place::LineStart,
            (Place::LineStart | Place::Line, _) => self.place = Place::Line,
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn status(request: &[u8]) -> Option<Status> {
        Reader::new().read(request).map(|request| request.status)
    }

    #[test]
    fn targets_are_told_apart() {
        for (target, expected) in [
            ("/", Status::Text),
            ("/index.txt", Status::Text),
            ("/?refresh", Status::Text),
            ("http://10.0.0.2/", Status::Text),
            ("http://10.0.0.2", Status::Text),
            ("http://10.0.0.2/status.json?x", Status::Json),
            ("/status.json", Status::Json),
            ("/status.jso", Status::NotFound),
            ("/../etc/passwd", Status::NotFound),
            ("//", Status::NotFound),
            ("*", Status::BadRequest),
            ("", Status::BadRequest),
        ] {
            let request = format!("GET {target} HTTP/1.1\r\nHost: x\r\n\r\n");
            assert_eq!(status(request.as_bytes()), Some(expected), "{target}");
        }
    }

    #[test]
    fn only_get_and_head_are_allowed() {
        let head = Request { status: Status::Text, head_only: true };
        assert_eq!(Reader::new().read(b"HEAD / HTTP/1.0\n\n"), Some(head));
        for method in ["POST", "PUT", "DELETE", "get", "OPTIONS", "X"] {
            assert_eq!(status(format!("{method} / HTTP/1.1\r\n\r\n").as_bytes()), Some(Status::MethodNotAllowed));
        }
    }

    #[test]
    fn garbage_is_refused_as_soon_as_it_is_seen() {
        for garbage in [
            &b"\x16\x03\x01\x02\0"[..],
            b"GET /\n",
            b"GET / HTTP/2.0\r\n",
            b"GET / HTTP/1.1 \r\n",
            b"GET  / HTTP/1.1\r\n",
            b" / HTTP/1.1\r\n",
            b"GET /\r HTTP/1.1\r\n",
            b"GET /\xff",
            b"GET /\0",
            b"hello\n",
        ] {
            assert_eq!(status(garbage), Some(Status::BadRequest), "{garbage:?}");
        }
    }

    #[test]
    fn what_is_too_long_ends() {
        assert_eq!(status(&[b'a'; 128]), None);
        assert_eq!(status(&[b'a'; 129]), Some(Status::TargetTooLong));
        let mut request = b"GET / HTTP/1.1\r\n".to_vec();
        request.resize(8192, b'x');
        assert_eq!(status(&request), None);
        request.push(b'x');
        assert_eq!(status(&request), Some(Status::HeadTooLong));
        assert_eq!(status(&[b'\n'; 9000]), Some(Status::HeadTooLong));
    }

    #[test]
    fn every_split_reads_the_same() {
        let request = b"\r\nGET /status.json HTTP/1.1\r\nHost: x\r\nA: b\r\n\r\nGET / HTTP/1.1\r\n\r\n";
        let end = request.len() - 18;
        for first in 0..=end {
            let mut reader = Reader::new();
            let request = reader.read(&request[..first]).or_else(|| reader.read(&request[first..end]));
            assert_eq!(request, Some(Request { status: Status::Json, head_only: false }));
        }
        let mut reader = Reader::new();
        assert!(request[..end - 1].iter().all(|octet| reader.read(&[*octet]).is_none()));
    }
}
