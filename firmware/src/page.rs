//! The status page: `http://board/` for people, `http://board/status.json` for programs. Read-only.
//!
//! ```text
//!          SYN             request              written              closed
//! Listening ----> Reading ---------> Writing ----------> Closing ----------> Listening
//!                    '-------------------'-- too slow -----'
//! ```
//!
//! Each socket serves one client at a time, and is closed after each answer. A client that is slow, or that stops halfway, has
//! its connection cut after some seconds. The page is written piece by piece where the socket has room, and tells at each piece
//! what is so then.

mod content;
mod request;

use core::fmt::{self, Write as _};
use core::time::Duration;

use heapless::Vec;
use smoltcp::iface::{SocketHandle, SocketSet};
use smoltcp::socket::tcp;

pub(crate) use self::content::View;
use self::content::{Content, PIECE, Piece};
use self::request::{Reader, Request, Status};
use crate::plain::{Digits, Word};

/// Where it listens.
const HTTP_PORT: u16 = 80;
/// How long a client may take to say what it wants, and to take anything of the answer.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long it may take in all.
const LONGEST: Duration = Duration::from_secs(30);
/// How long a connection that is closed is kept, for the client to know.
const LINGER: Duration = Duration::from_millis(200);

/// Serves the page to as many clients at a time as there are sockets, up to `CLIENTS`.
#[derive(Debug)]
pub(crate) struct Page<const CLIENTS: usize = 2> {
    clients: [Client; CLIENTS],
}

impl<const CLIENTS: usize> Page<CLIENTS> {
    /// Serves nobody. All zero.
    pub(crate) const fn new() -> Self {
        Self { clients: [const { Client::new() }; CLIENTS] }
    }

    /// Goes on with each of the sockets, which are the same ones each time.
    pub(crate) fn poll(
        &mut self,
        sockets: &mut SocketSet<'_>,
        handles: &[SocketHandle],
        view: &View<'_>,
        now: Duration,
    ) {
        for (client, handle) in self.clients.iter_mut().zip(handles) {
            client.poll(sockets.get_mut::<tcp::Socket<'_>>(*handle), view, now);
        }
        // Who comes next shall find one that listens, rather than that every old packet gets its answer.
        let state = |handle: &SocketHandle| sockets.get::<tcp::Socket<'_>>(*handle).state();
        if !handles.iter().any(|handle| matches!(state(handle), tcp::State::Listen | tcp::State::SynReceived))
            && let Some((client, handle)) =
                self.clients.iter_mut().zip(handles).find(|(_, handle)| state(handle) == tcp::State::TimeWait)
        {
            let socket = sockets.get_mut::<tcp::Socket<'_>>(*handle);
            socket.abort();
            client.poll(socket, view, now);
        }
    }
}

/// One socket's client.
#[derive(Debug)]
struct Client {
    phase: Phase,
    /// When it came.
    since: Duration,
    /// When it last took something, or the phase began.
    progress: Duration,
    reader: Reader,
    answer: Answer,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Listening,
    Reading,
    Writing,
    Closing,
    Closed,
}

impl Client {
    const fn new() -> Self {
        Self {
            phase: Phase::Listening,
            since: Duration::ZERO,
            progress: Duration::ZERO,
            reader: Reader::new(),
            answer: Answer::new(),
        }
    }

    #[inline(never)]
    fn poll(&mut self, socket: &mut tcp::Socket<'_>, view: &View<'_>, now: Duration) {
        let age = |time| now.saturating_sub(time);
        match socket.state() {
            tcp::State::Closed => {
                self.phase = Phase::Listening;
                // It is closed, and the port is not 0.
                let _ = socket.listen(HTTP_PORT);
                return;
            }
            tcp::State::Listen => return,
            // The client closed too. The next one shall not wait until no old packet can come any more.
            tcp::State::TimeWait => {
                self.enter(Phase::Closed, now);
                if age(self.progress) >= LINGER {
                    socket.abort();
                }
                return;
            }
            _ => {}
        }
        if self.phase == Phase::Listening {
            self.since = now;
            self.reader = Reader::new();
            self.enter(Phase::Reading, now);
        }
        if age(self.since) >= LONGEST || age(self.progress) >= PATIENCE {
            socket.abort();
            return;
        }
        if self.phase == Phase::Reading {
            self.read(socket, now);
        }
        if self.phase == Phase::Writing {
            self.write(socket, view, now);
        }
    }

    fn enter(&mut self, phase: Phase, now: Duration) {
        if self.phase != phase {
            self.phase = phase;
            self.progress = now;
        }
    }

    #[inline(never)]
    fn read(&mut self, socket: &mut tcp::Socket<'_>, now: Duration) {
        while socket.can_recv() {
            let Ok(request) = socket.recv(|octets| (octets.len(), self.reader.read(octets))) else {
                break;
            };
            if let Some(request) = request {
                self.answer.begin(request);
                self.enter(Phase::Writing, now);
                return;
            }
        }
        // Before a connection is made, nothing can be received either.
        if !socket.may_recv() && socket.state() != tcp::State::SynReceived {
            socket.abort();
        }
    }

    #[inline(never)]
    fn write(&mut self, socket: &mut tcp::Socket<'_>, view: &View<'_>, now: Duration) {
        // What else the client has to say is not read, but has to go away.
        while socket.can_recv() && socket.recv(|octets| (octets.len(), ())).is_ok() {}
        loop {
            let Ok(written) = socket.send(|room| {
                let written = self.answer.write(view, now, room);
                (written, written)
            }) else {
                socket.abort();
                return;
            };
            if self.answer.ended() {
                socket.close();
                self.enter(Phase::Closing, now);
                return;
            }
            if written == 0 {
                return;
            }
            self.progress = now;
        }
    }
}

/// An answer, as far as it was written.
#[derive(Debug)]
struct Answer {
    /// What is behind the head.
    content: Content,
    piece: Buffer,
    /// Octets of the piece that were written.
    written: usize,
}

impl Answer {
    const fn new() -> Self {
        Self { content: Content::none(), piece: Buffer(Vec::new()), written: 0 }
    }

    /// Begins the answer to a request.
    fn begin(&mut self, request: Request) {
        let Request { status, head_only } = request;
        self.content = match status {
            Status::Text if !head_only => Content::new(false),
            Status::Json if !head_only => Content::new(true),
            _ => Content::none(),
        };
        self.written = 0;
        self.piece.0.clear();
        // All this has room in a piece.
        let _ = self.head(status, head_only);
    }

    fn head(&mut self, status: Status, head_only: bool) -> fmt::Result {
        let (out, words) = (&mut self.piece, Word(status.words()));
        write!(out, "HTTP/1.1 {words}\r\nConnection: close\r\nCache-Control: no-store\r\n")?;
        out.write_str("X-Content-Type-Options: nosniff\r\n")?;
        out.write_str("Content-Type: ")?;
        out.write_str(if status == Status::Json { "application/json" } else { "text/plain; charset=utf-8" })?;
        out.write_str("\r\n")?;
        if status == Status::MethodNotAllowed {
            out.write_str("Allow: GET, HEAD\r\n")?;
        }
        match status {
            Status::Text | Status::Json => out.write_str("\r\n"),
            _ => {
                let length = u32::try_from(words.0.len()).unwrap_or(u32::MAX).saturating_add(1);
                write!(out, "Content-Length: {}\r\n\r\n", Digits::decimal(length))?;
                if head_only { Ok(()) } else { writeln!(out, "{words}") }
            }
        }
    }

    /// Writes on as far as there is room; how much it was.
    #[inline(never)]
    fn write(&mut self, view: &View<'_>, now: Duration, mut room: &mut [u8]) -> usize {
        let mut total = 0_usize;
        loop {
            let left = self.piece.0.get(self.written..).unwrap_or_default();
            let count = left.len().min(room.len());
            let Some((place, rest)) = room.split_at_mut_checked(count) else {
                return total;
            };
            for (place, octet) in place.iter_mut().zip(left) {
                *place = *octet;
            }
            self.written = self.written.saturating_add(count);
            total = total.saturating_add(count);
            room = rest;
            if count < left.len() {
                return total;
            }
            self.written = 0;
            self.piece.0.clear();
            if !self.content.piece(view, now, &mut self.piece) {
                return total;
            }
        }
    }

    /// Whether all of it was written.
    fn ended(&self) -> bool {
        self.content.ended() && self.piece.0.is_empty()
    }
}

/// Room for a piece.
#[derive(Debug)]
struct Buffer(Vec<u8, PIECE>);

impl fmt::Write for Buffer {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.extend_from_slice(text.as_bytes()).map_err(|_| fmt::Error)
    }
}

impl Piece for Buffer {
    fn take_back(&mut self) {
        self.0.clear();
    }
}

#[cfg(test)]
mod tests;
