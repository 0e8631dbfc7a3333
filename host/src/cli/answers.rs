//! Answers to commands on standard output, from a thread of their own: whoever does not read them keeps nothing from being sent.

use std::fs::File;
use std::io::{self, Write as _};
use std::os::fd::AsFd as _;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::Duration;

use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use super::output::Count;
use super::{note, warn};

/// Octets of answers that wait at the most until somebody reads them.
const LIMIT: usize = 4 << 20;
/// Octets that are written at once: of a pipe, all of them or none, so that it is known which answers are in it.
const PIECE: usize = 4096;
/// What stands behind the number in the line for answers that are missing.
const MISSING: &str = " left out: they were not read in time.";
/// How long nobody may read in the end until the rest is given up.
const PATIENCE: Duration = Duration::from_secs(5);

/// What is answered to commands, until nobody can read it any more.
pub(super) struct Answers {
    /// Those since the last flush; `None` if none are wanted.
    batch: Option<Batch>,
    shared: Arc<Shared>,
}

#[derive(Debug, Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    waiting: Batch,
    /// What is being written, and how many octets of it are.
    under_way: Arc<String>,
    written: usize,
    is_writing: bool,
    /// How many there was no room for since the last one that there was room for.
    gap: u64,
    left_out: u64,
    /// Why nothing can be written any more.
    broken: Option<io::ErrorKind>,
    over: bool,
}

/// Lines, one for each answer, and one in each place where some are missing.
#[derive(Debug, Default)]
struct Batch {
    text: String,
    count: u64,
}

impl Answers {
    /// Starts to answer, if that is wanted.
    pub(super) fn start(wanted: bool) -> io::Result<Self> {
        let shared = Arc::new(Shared::default());
        if wanted {
            let stdout = File::from(io::stdout().as_fd().try_clone_to_owned()?);
            let of_thread = Arc::clone(&shared);
            thread::Builder::new().name("answers".into()).spawn(move || of_thread.write(stdout))?;
        }
        Ok(Self { batch: wanted.then(Batch::default), shared })
    }

    /// Whether somebody is to get answers.
    pub(super) const fn are_wanted(&self) -> bool {
        self.batch.is_some()
    }

    /// Answers with a line, at the next flush.
    pub(super) fn add(&mut self, answer: &str) {
        if let Some(batch) = &mut self.batch {
            batch.text += answer;
            batch.text.push('\n');
            batch.count += 1;
        }
    }

    /// Hands the answers on. Those that there is no room for are left out.
    pub(super) fn flush(&mut self) {
        let Some(batch) = self.batch.as_mut().filter(|batch| batch.count > 0) else { return };
        let mut state = self.shared.state();
        match state.broken {
            Some(io::ErrorKind::BrokenPipe) => {
                self.batch = None;
                return;
            }
            Some(_) => state.left_out += std::mem::take(batch).count,
            None => state.put(batch, LIMIT),
        }
        self.shared.changed.notify_all();
    }

    /// Waits until everything is written, as long as somebody reads, and tells what nobody has.
    pub(super) fn finish(mut self) {
        self.flush();
        if self.batch.is_none() {
            return;
        }
        let mut state = self.shared.state();
        state.over = true;
        self.shared.changed.notify_all();
        while !state.is_idle() && state.broken.is_none() {
            let (waiting, written) = (state.waiting.count, state.written);
            let same = |state: &mut State| {
                !state.is_idle() && state.broken.is_none() && (state.waiting.count, state.written) == (waiting, written)
            };
            let waited = self.shared.changed.wait_timeout_while(state, PATIENCE, same);
            let (after, timeout) = waited.unwrap_or_else(PoisonError::into_inner);
            state = after;
            if timeout.timed_out() {
                state.give_up();
                break;
            }
        }
        let why = match state.broken {
            Some(io::ErrorKind::BrokenPipe) => return,
            Some(_) => "they could not be written",
            None => "nobody read them",
        };
        if state.left_out > 0 {
            note(format_args!("{} not given, because {why}", Count(state.left_out, "answer")));
        }
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Writes what there is until it is over.
    fn write(&self, mut stdout: File) {
        loop {
            let has_nothing = |state: &mut State| state.waiting.text.is_empty() && state.gap == 0 && !state.over;
            let waited = self.changed.wait_while(self.state(), has_nothing);
            let mut state = waited.unwrap_or_else(PoisonError::into_inner);
            let text = state.take();
            if text.is_empty() {
                return;
            }
            drop(state);
            if let Err(error) = pieces(&text).try_for_each(|piece| self.write_piece(&mut stdout, piece)) {
                // That nobody reads them any more is no reason for words.
                if error.kind() != io::ErrorKind::BrokenPipe {
                    warn(format_args!("cannot answer on standard output: {error}"));
                }
                let mut state = self.state();
                state.broken = Some(error.kind());
                state.give_up();
                self.changed.notify_all();
                return;
            }
            self.state().is_writing = false;
            self.changed.notify_all();
        }
    }

    fn write_piece(&self, stdout: &mut File, piece: &str) -> io::Result<()> {
        let mut left = piece.as_bytes();
        while !left.is_empty() {
            match stdout.write(left) {
                Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
                Ok(written) => left = left.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                // Somebody else has made it so.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    let mut polled = [PollFd::new(stdout.as_fd(), PollFlags::POLLOUT)];
                    let _ = poll(&mut polled, PollTimeout::NONE);
                }
                Err(error) => return Err(error),
            }
        }
        let mut state = self.state();
        state.written += piece.len();
        // Before that, nobody waits for it.
        if state.over {
            self.changed.notify_all();
        }
        Ok(())
    }
}

impl State {
    fn is_idle(&self) -> bool {
        self.waiting.text.is_empty() && !self.is_writing && self.gap == 0
    }

    /// Takes answers over, if there is room; a batch that is longer than the limit still has room if nothing else waits.
    fn put(&mut self, batch: &mut Batch, limit: usize) {
        if self.waiting.text.len() + batch.text.len() > limit && !self.waiting.text.is_empty() {
            self.left_out += batch.count;
            self.gap += batch.count;
        } else {
            self.close_gap();
            self.waiting.text += &batch.text;
            self.waiting.count += batch.count;
        }
        batch.text.clear();
        batch.count = 0;
    }

    /// Takes out everything that waits, to be written.
    fn take(&mut self) -> Arc<String> {
        self.close_gap();
        self.under_way = Arc::new(std::mem::take(&mut self.waiting).text);
        self.written = 0;
        self.is_writing = true;
        Arc::clone(&self.under_way)
    }

    /// Counts everything that is not written as left out.
    fn give_up(&mut self) {
        let unwritten = self.under_way.get(self.written..).unwrap_or_default();
        let answers = unwritten.lines().filter(|line| !line.ends_with(MISSING)).count();
        self.left_out += std::mem::take(&mut self.waiting).count + answers as u64;
    }

    /// Answers where answers are missing, so that nobody takes the next one for one of them.
    fn close_gap(&mut self) {
        if self.gap > 0 {
            let missing = Count(std::mem::take(&mut self.gap), "answer");
            self.waiting.text += &format!("-1 {missing}{MISSING}\n");
        }
    }
}

/// The text in pieces of whole lines, as long as that is possible at [`PIECE`] octets.
fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut left = text;
    std::iter::from_fn(move || {
        let bytes = left.as_bytes();
        let most = bytes.len().min(PIECE);
        let last = bytes.get(..most)?.iter().rposition(|octet| *octet == b'\n');
        let end = match last.or_else(|| bytes.iter().position(|octet| *octet == b'\n')) {
            Some(end) => end + 1,
            None => bytes.len(),
        };
        let (piece, rest) = left.split_at(end);
        left = rest;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn batch(count: u64) -> Batch {
        Batch { text: "0 Success\n".repeat(count as usize), count }
    }

    #[test]
    fn what_has_no_room_is_left_out_counted_and_told_in_its_place() {
        let mut state = State::default();
        for count in [3, 2, 4] {
            state.put(&mut batch(count), 40);
        }
        // A piece of two would have had no room beside the first three.
        assert_eq!((state.waiting.count, state.left_out, state.gap), (3, 6, 6));
        let taken = state.take();
        assert_eq!((state.waiting.count, state.gap, state.is_idle()), (0, 0, false));
        assert!(taken.ends_with("0 Success\n-1 6 answers left out: they were not read in time.\n"));
        state.put(&mut batch(9), 40);
        assert_eq!((state.waiting.count, state.left_out), (9, 6));
        // Of the first three, one is written.
        state.written = "0 Success\n".len();
        state.give_up();
        assert_eq!((state.waiting.count, state.left_out), (0, 6 + 9 + 2));
    }

    #[test]
    fn pieces_are_whole_lines() {
        let text = format!("{}\nshort\n{}", "x".repeat(2 * PIECE), "0 Success\n".repeat(1000));
        let pieces: Vec<_> = super::pieces(&text).collect();
        assert_eq!(pieces.concat(), text);
        assert!(pieces.iter().all(|piece| piece.ends_with('\n')));
        assert!(pieces[1..].iter().all(|piece| piece.len() <= PIECE) && pieces.len() > 3);
        assert_eq!(super::pieces("").count(), 0);
    }
}
