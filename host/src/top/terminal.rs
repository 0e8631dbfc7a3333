//! The terminal: taken while there is something to be seen, and given back as it was, however that ends.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal as _, Stdout, Write};
use std::os::fd::AsFd as _;
use std::panic;
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, ThreadId};
use std::time::Duration;

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;
use ratatui::crossterm::cursor::Show;
use ratatui::crossterm::event::{DisableMouseCapture, EnableMouseCapture};
use ratatui::crossterm::execute;
use ratatui::crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use signal_hook::consts::SIGTSTP;
use signal_hook::low_level::emulate_default_handler;

/// Whether the terminal is ours.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);
/// Whether a thread that has no terminal is gone.
static HAS_PANICKED: AtomicBool = AtomicBool::new(false);

/// The whole terminal.
pub(super) struct Screen {
    pub(super) terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
}

impl Screen {
    /// Takes the terminal. It is given back on drop and by a panic.
    pub(super) fn take() -> io::Result<Self> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| give_back_on_panic(thread::current().id()));
        take()?;
        let out = BufWriter::with_capacity(1 << 16, io::stdout());
        let terminal = Terminal::new(CrosstermBackend::new(out)).inspect_err(|_| give_back())?;
        Ok(Self { terminal })
    }

    /// Gives the terminal back until the shell says that it may go on.
    pub(super) fn suspend(&mut self) -> io::Result<()> {
        give_back();
        emulate_default_handler(SIGTSTP)?;
        take()?;
        self.terminal.clear()
    }
}

/// Where keys come from.
pub(super) struct Keys {
    /// The terminal, if standard input is another thing.
    tty: Option<File>,
}

impl Keys {
    /// Of the terminal that this process has.
    pub(super) fn open() -> io::Result<Self> {
        let tty = if io::stdin().is_terminal() { None } else { Some(File::open("/dev/tty")?) };
        Ok(Self { tty })
    }

    /// Waits for a key or a signal; whether there may be one.
    ///
    /// # Errors
    /// When the terminal is gone. Who reads from it then never comes back: crossterm 0.29 tries again for ever.
    pub(super) fn wait(&self, time: Duration) -> io::Result<bool> {
        let stdin = io::stdin();
        let fd = self.tty.as_ref().map_or_else(|| stdin.as_fd(), File::as_fd);
        let mut fds = [PollFd::new(fd, PollFlags::POLLIN)];
        // What is left of a millisecond is waited for, too.
        let time = PollTimeout::try_from(time + Duration::from_micros(999)).unwrap_or(PollTimeout::MAX);
        match poll(&mut fds, time) {
            Ok(0) => return Ok(false),
            Ok(_) => {}
            Err(Errno::EINTR) => return Ok(true),
            Err(error) => return Err(error.into()),
        }
        let is_gone = PollFlags::POLLHUP | PollFlags::POLLERR | PollFlags::POLLNVAL;
        if fds[0].revents().is_some_and(|events| events.intersects(is_gone)) {
            return Err(io::Error::other("it is gone"));
        }
        Ok(true)
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Whether another thread has panicked. What it said is on standard error, below what is to be seen.
pub(super) fn has_panicked() -> bool {
    HAS_PANICKED.load(Ordering::Relaxed)
}

fn take() -> io::Result<()> {
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::SeqCst);
    execute!(io::stdout(), EnterAlternateScreen, EnableMouseCapture).inspect_err(|_| give_back())
}

fn give_back() {
    if IS_TAKEN.swap(false, Ordering::SeqCst) {
        // If the terminal is gone, so be it.
        let _ = execute!(io::stdout(), DisableMouseCapture, LeaveAlternateScreen, Show);
        let _ = disable_raw_mode();
        let _ = io::stdout().flush();
    }
}

/// What is said about a panic is to be read.
fn give_back_on_panic(owner: ThreadId) {
    let said = panic::take_hook();
    panic::set_hook(Box::new(move |info| {
        if thread::current().id() == owner {
            give_back();
        } else {
            HAS_PANICKED.store(true, Ordering::Relaxed);
        }
        said(info);
    }));
}

#[cfg(test)]
mod tests {
    use std::env;
    use std::process::Command;

    use super::*;

    /// This test in a terminal of its own, where it panics.
    const INSIDE: &str = "COLLECTD_TAP_TEST_PANIC";

    #[test]
    fn a_panic_gives_the_terminal_back_before_it_is_told() {
        if env::var_os(INSIDE).is_some() {
            let _screen = Screen::take().expect("a terminal");
            panic!("on purpose");
        }
        let exe = env::current_exe().expect("this program");
        let name = "top::terminal::tests::a_panic_gives_the_terminal_back_before_it_is_told";
        let inside = format!("stty -a; '{}' --exact {name} --nocapture; stty -a", exe.display());
        let Ok(output) = Command::new("script").args(["-qec", &inside, "/dev/null"]).env(INSIDE, "1").output() else {
            // Without such a program, the tests in tests/ tell.
            return;
        };
        let text = String::from_utf8_lossy(&output.stdout);
        let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("no {what:?} in {text:?}"));
        assert!(at("\x1b[?1049h") < at("\x1b[?1049l") && at("\x1b[?1049l") < at("on purpose"), "{text:?}");
        assert!(text.contains("\x1b[?1000l") && text.contains("\x1b[?25h"), "{text:?}");
        let modes: Vec<_> =
            text.split("\r\n").filter(|line| line.contains(" icanon") && !line.contains("-icanon")).collect();
        assert_eq!(modes.len(), 2, "{text:?}");
    }
}
