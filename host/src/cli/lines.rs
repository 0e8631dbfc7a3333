//! Standard input, line by line, with an end to waiting.

use std::io::{self, BufRead as _};
use std::os::fd::AsFd as _;
use std::os::unix::net::UnixStream;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::{flag, low_level::pipe};

/// Octets of a line at the most; far more than any command has.
const MAX_LINE: usize = 64 << 10;

/// Octets that are read at once.
const CHUNK: usize = 64 << 10;

/// Lines from standard input, until it ends or the program is told to end.
pub(super) struct Input {
    buffer: Vec<u8>,
    /// Where what is not given out yet begins.
    start: usize,
    /// Up to where there is no line break.
    searched: usize,
    /// Whether a line that is too long is being skipped.
    skipping: bool,
    ended: bool,
    /// Something can be read here once there was a signal.
    signals: UnixStream,
}

/// What came of waiting.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Next {
    /// There may be lines, or the time is over.
    More,
    /// There is nothing more.
    End,
}

impl Input {
    /// Catches SIGINT and SIGTERM: the first ends the input, a second one the program.
    pub(super) fn open() -> io::Result<Self> {
        let (signals, told) = UnixStream::pair()?;
        let again = Arc::new(AtomicBool::new(false));
        for signal in [SIGINT, SIGTERM] {
            flag::register_conditional_default(signal, Arc::clone(&again))?;
            flag::register(signal, Arc::clone(&again))?;
            pipe::register(signal, told.try_clone()?)?;
        }
        Ok(Self { signals, ..Self::with(Vec::new()) })
    }

    fn with(buffer: Vec<u8>) -> Self {
        let (signals, _) = UnixStream::pair().unwrap_or_else(|error| unreachable!("{error}"));
        Self { buffer, start: 0, searched: 0, skipping: false, ended: false, signals }
    }

    /// The next line that is there, without its line break; of one that is too long, how long a line may be.
    ///
    /// At the end of the input the rest is a line, too.
    pub(super) fn line(&mut self) -> Option<Result<&[u8], usize>> {
        loop {
            let unsearched = self.buffer.get(self.searched..).unwrap_or_default();
            let Some(length) = line_break(unsearched) else {
                self.searched = self.buffer.len();
                if self.ended && self.start < self.buffer.len() {
                    let line = self.start..self.buffer.len();
                    self.start = self.buffer.len();
                    if !std::mem::take(&mut self.skipping) {
                        return Some(self.buffer.get(line).ok_or(MAX_LINE));
                    }
                }
                if self.buffer.len() - self.start > MAX_LINE {
                    self.start = self.buffer.len();
                    if !std::mem::replace(&mut self.skipping, true) {
                        return Some(Err(MAX_LINE));
                    }
                }
                return None;
            };
            let line = self.start..self.searched + length;
            self.start = line.end + 1;
            self.searched = self.start;
            if std::mem::take(&mut self.skipping) {
                continue;
            }
            let line = self.buffer.get(line).filter(|line| line.len() <= MAX_LINE);
            return Some(line.ok_or(MAX_LINE));
        }
    }

    /// Waits for more, so long at the most, and reads it.
    pub(super) fn wait(&mut self, timeout: Option<Duration>) -> io::Result<Next> {
        if self.ended {
            return Ok(Next::End);
        }
        self.buffer.drain(..self.start);
        self.searched -= self.start;
        self.start = 0;
        let stdin = io::stdin();
        let mut polled =
            [PollFd::new(stdin.as_fd(), PollFlags::POLLIN), PollFd::new(self.signals.as_fd(), PollFlags::POLLIN)];
        // Rounded up, so that it is not looked again and again within the last millisecond.
        let timeout = timeout.map_or(PollTimeout::NONE, |timeout| {
            PollTimeout::try_from(timeout.as_millis() + 1).unwrap_or(PollTimeout::MAX)
        });
        match poll(&mut polled, timeout) {
            Ok(0) | Err(Errno::EINTR) => return Ok(Next::More),
            Ok(_) => {}
            Err(error) => return Err(error.into()),
        }
        let [stdin_ready, told] = polled.map(|fd| fd.any().unwrap_or(true));
        if told {
            self.ended = true;
            return Ok(Next::More);
        }
        if stdin_ready {
            let before = self.buffer.len();
            self.buffer.resize(before + CHUNK, 0);
            // Not through the standard library's buffer, which poll does not see.
            let read = nix::unistd::read(&stdin, self.buffer.get_mut(before..).unwrap_or_default());
            self.buffer.truncate(before + read.unwrap_or(0));
            match read {
                Ok(0) => self.ended = true,
                Ok(_) | Err(Errno::EINTR | Errno::EAGAIN) => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(Next::More)
    }
}

/// Where the next line break is.
fn line_break(mut octets: &[u8]) -> Option<usize> {
    let all = octets;
    // Nothing can fail where all is there already.
    let place = octets.skip_until(b'\n').ok()?.checked_sub(1)?;
    (all.get(place) == Some(&b'\n')).then_some(place)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of an input that comes in pieces of this size.
    fn lines(text: &[u8], piece: usize) -> Vec<Result<Vec<u8>, usize>> {
        let (mut input, mut lines) = (Input::with(Vec::new()), Vec::new());
        for piece in text.chunks(piece) {
            input.buffer.extend_from_slice(piece);
            while let Some(line) = input.line() {
                lines.push(line.map(<[u8]>::to_vec));
            }
        }
        input.ended = true;
        while let Some(line) = input.line() {
            lines.push(line.map(<[u8]>::to_vec));
        }
        lines
    }

    #[test]
    fn lines_come_whole_however_they_arrive() {
        let whole = |text: &str| Ok(text.as_bytes().to_vec());
        for piece in 1..10 {
            assert_eq!(lines(b"one\n\ntwo\nthree", piece), [whole("one"), whole(""), whole("two"), whole("three")]);
            assert_eq!(lines(b"one\n", piece), [whole("one")]);
            assert_eq!(lines(b"", piece), []);
        }
    }

    #[test]
    fn a_line_that_is_too_long_costs_itself_alone_and_no_memory() {
        let mut text = vec![b'x'; 3 * MAX_LINE];
        text.extend_from_slice(b"\nnext\n");
        for piece in [1000, MAX_LINE, text.len()] {
            assert_eq!(lines(&text, piece), [Err(MAX_LINE), Ok(b"next".to_vec())], "{piece}");
        }
        assert_eq!(lines(&text[..2 * MAX_LINE], 1000), [Err(MAX_LINE)]);
        assert_eq!(lines(&[&text[..MAX_LINE], b"\n"].concat(), 1000), [Ok(text[..MAX_LINE].to_vec())]);
    }
}
