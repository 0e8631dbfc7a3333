//! A terminal to run the program in: tmux, with a server of its own.

use std::{
    path::Path,
    process::{Command, Output},
    sync::atomic::{AtomicU32, Ordering},
};

use tempfile::TempDir;

use crate::in_time;

/// A terminal with a shell in it; it and what runs in it end on drop.
#[derive(Debug)]
pub struct Terminal {
    directory: TempDir,
    socket: String,
}

impl Terminal {
    /// One of this size, which runs a command of the shell and stays when that has ended.
    ///
    /// # Panics
    ///
    /// When tmux is not installed.
    #[must_use]
    pub fn start((width, height): (u16, u16), variables: &[(&str, &str)], command: &str) -> Self {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        let socket = format!("collectd-tap-{}-{number}", std::process::id());
        let terminal = Self { directory, socket };
        let size = [("-x", width.to_string()), ("-y", height.to_string())];
        let script = format!("{command}; echo \"ended with $?\"; stty -a; exec cat");
        let mut tmux = terminal.tmux();
        tmux.env("LC_ALL", "C.UTF-8")
            .env("HOME", "/nonexistent")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied());
        tmux.args(["-f", "/dev/null", "new-session", "-d"]).args(size.iter().flat_map(|(flag, size)| [*flag, size]));
        let output = tmux.args(["sh", "-c", &script]).output().expect("tmux is installed");
        assert!(output.status.success(), "{output:?}");
        terminal
    }

    fn tmux(&self) -> Command {
        let mut command = Command::new("tmux");
        command.args(["-L", &self.socket]).current_dir(self.directory.path());
        command
    }

    fn run(&self, arguments: &[&str]) -> Output {
        self.tmux().args(arguments).output().expect("tmux is installed")
    }

    /// The folder that the command runs in.
    #[must_use]
    pub fn directory(&self) -> &Path {
        self.directory.path()
    }

    /// Presses keys, by tmux' names of them; others are typed letter by letter.
    pub fn press(&self, keys: &[&str]) {
        let output = self.run(&[&["send-keys"], keys].concat());
        assert!(output.status.success(), "{output:?}");
    }

    /// Makes it larger or smaller.
    pub fn resize(&self, width: u16, height: u16) {
        let size = [width.to_string(), height.to_string()];
        let output = self.run(&["resize-window", "-x", &size[0], "-y", &size[1]]);
        assert!(output.status.success(), "{output:?}");
    }

    /// What is to be seen.
    #[must_use]
    pub fn screen(&self) -> String {
        String::from_utf8_lossy(&self.run(&["capture-pane", "-p"]).stdout).into_owned()
    }

    /// Whether what runs there has taken the whole screen.
    #[must_use]
    pub fn is_taken(&self) -> bool {
        let modes = self.run(&["display-message", "-p", "#{alternate_on}#{mouse_any_flag}"]);
        String::from_utf8_lossy(&modes.stdout).starts_with('1')
    }

    /// Whether the terminal is as a shell wants it: no mouse, a cursor, and the screen of before.
    #[must_use]
    pub fn is_free(&self) -> bool {
        let modes = self.run(&["display-message", "-p", "#{alternate_on}#{mouse_any_flag}#{cursor_flag}"]);
        modes.stdout.starts_with(b"001")
    }

    /// Waits until that is to be seen, and returns the screen.
    ///
    /// # Panics
    ///
    /// When it is not to be seen in time.
    pub fn wait_for(&self, what: &str, is_there: impl Fn(&str) -> bool) -> String {
        let mut screen = String::new();
        let seen = in_time(|| {
            screen = self.screen();
            is_there(&screen)
        });
        assert!(seen, "not to be seen: {what}\n{screen}");
        screen
    }

    /// The process that runs in it.
    ///
    /// # Panics
    ///
    /// When there is none of that name.
    #[must_use]
    pub fn process(&self, name: &str) -> i32 {
        let shell = self.run(&["display-message", "-p", "#{pane_pid}"]);
        let shell = String::from_utf8_lossy(&shell.stdout).trim().to_owned();
        let children = std::fs::read_to_string(format!("/proc/{shell}/task/{shell}/children")).expect("it runs");
        let is = |pid: &&str| {
            std::fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|comm| comm.trim_end().starts_with(name))
        };
        let pid = children.split_whitespace().find(is).unwrap_or_else(|| panic!("no {name} among {children}"));
        pid.parse().expect("a number")
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        self.run(&["kill-server"]);
    }
}
