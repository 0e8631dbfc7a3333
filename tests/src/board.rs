//! An emulated board: the firmware in QEMU, with frames on unix sockets, so that nothing needs root and nothing leaves the machine.
//!
//! ```text
//! datagram ─► frames ─► socket ─► QEMU's Ethernet ─► the node ─► a line on QEMU's standard output
//!                                                          └──► its log, as defmt on QEMU's serial port
//! ```

use std::{
    env,
    fmt::Write as _,
    fs::{self, File},
    io::{self, BufRead, BufReader, Read, Write as _},
    os::unix::net::{UnixDatagram, UnixStream},
    path::{Path, PathBuf},
    process::{Child, ChildStdout, Command, Stdio},
    str::FromStr,
    sync::{
        Arc, Mutex,
        mpsc::{self, Receiver, RecvTimeoutError},
    },
    thread,
    time::{Duration, Instant},
};

use serde_json::Value;
use tempfile::TempDir;

use crate::{
    PATIENCE,
    datagrams::Datagram,
    frame::{Family, LONGEST_V6, MTU, frames},
    net::PORT,
};

/// How long the line of a probe may take until another one is sent.
const PROBE_PATIENCE: Duration = Duration::from_millis(100);

/// The longest datagram that the node takes: it puts no fragments together.
pub const LONGEST: usize = MTU - 20 - 8;

/// The boards that QEMU emulates.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Model {
    /// Cortex-M3 and the Stellaris Ethernet, which loses no frame: QEMU holds them back while its FIFO is full.
    Lm3s6965evb,
    /// Cortex-M4F and a LAN9118, which forgets what does not fit its FIFO, silently.
    Mps2An386,
}

impl Model {
    /// Both of them.
    pub const ALL: [Self; 2] = [Self::Lm3s6965evb, Self::Mps2An386];

    /// Its name: QEMU's machine, and the firmware's program.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "lm3s6965evb",
            Self::Mps2An386 => "mps2-an386",
        }
    }

    const fn target(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "thumbv7m-none-eabi",
            Self::Mps2An386 => "thumbv7em-none-eabihf",
        }
    }

    const fn ethernet(self) -> &'static str {
        match self {
            Self::Lm3s6965evb => "stellaris",
            Self::Mps2An386 => "lan9118",
        }
    }

    /// Where the text of its settings is.
    const fn settings(self) -> u32 {
        0x3_f000
    }

    /// Builds its firmware with these features besides `board`, and returns where it is.
    ///
    /// # Errors
    ///
    /// When it does not build.
    pub fn firmware(self, features: &[&str]) -> io::Result<PathBuf> {
        let features = [&["board"], features].concat().join(",");
        let arguments = ["--release", "-p", "collectd-node-qemu", "--features", &features, "--target", self.target()];
        let executable = built(&[&arguments[..], &["--bin", self.name()]].concat(), self.name())?;
        // The next build, with other features, has the same place.
        let copy = executable.with_file_name(format!("{}-{}", self.name(), features.replace(',', "-")));
        let draft = copy.with_extension(std::process::id().to_string());
        fs::copy(executable, &draft)?;
        fs::rename(draft, &copy)?;
        Ok(copy)
    }

    /// QEMU with this board, a file of settings, and what is the same wherever its frames come from.
    #[must_use]
    pub fn qemu(self, firmware: &Path, settings: &Path) -> Command {
        let loader = format!("loader,file={},addr={:#x},force-raw=on", settings.display(), self.settings());
        let mut qemu = Command::new(env::var_os("QEMU_SYSTEM_ARM").unwrap_or_else(|| "qemu-system-arm".into()));
        qemu.args(["-M", self.name(), "-display", "none", "-device", &loader, "-kernel"]).arg(firmware);
        qemu.args(["-net", &format!("nic,model={},netdev=lan,macaddr={MAC}", self.ethernet())]);
        qemu
    }
}

/// Builds a program with these arguments for cargo, and returns where it is.
fn built(arguments: &[&str], name: &str) -> io::Result<PathBuf> {
    let output = Command::new(env::var_os("CARGO").unwrap_or_else(|| "cargo".into()))
        .args(["build", "-q", "--message-format=json"])
        .args(arguments)
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .stderr(Stdio::inherit())
        .output()?;
    let messages = String::from_utf8_lossy(&output.stdout);
    let mut messages = messages.lines().map_while(|line| serde_json::from_str::<Value>(line).ok());
    let executable = messages.find_map(|message| {
        let executable = message["executable"].as_str().map(PathBuf::from);
        executable.filter(|_| message["target"]["name"] == name)
    });
    let executable = executable.filter(|_| output.status.success());
    executable.ok_or_else(|| io::Error::other(format!("no firmware {name}")))
}

/// Runs the copies and fills of the real boards on the processor of an emulated one, as built for `target`: what it says.
///
/// # Errors
///
/// When it does not build, or run, or something is wrong.
pub fn memory(model: Model, target: &str) -> io::Result<String> {
    let arguments = ["--profile", "board", "-p", "collectd-node-boards", "--features", "emulated", "--target", target];
    let program = built(&[&arguments[..], &["--example", "memory"]].concat(), "memory")?;
    // What loops for good is ended.
    let output = Command::new("timeout")
        .args(["60", "qemu-system-arm", "-M", model.name(), "-display", "none", "-serial", "none", "-monitor", "none"])
        .args(["-semihosting-config", "enable=on,target=native", "-kernel"])
        .arg(program)
        .stdin(Stdio::null())
        .output()?;
    let said = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.success() {
        true => Ok(said),
        false => Err(io::Error::other(format!("{target} on {}: {}: {said}", model.name(), output.status))),
    }
}

/// The hardware address of an emulated board.
pub const MAC: &str = "52:54:00:12:34:56";

impl FromStr for Model {
    type Err = String;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        let model = Self::ALL.into_iter().find(|model| model.name() == name);
        model.ok_or_else(|| format!("no board {name:?}: it is lm3s6965evb or mps2-an386"))
    }
}

/// The settings of a board on the LAN of a test: an address of each family, and nothing that it would say by itself.
pub const QUIET: &str = "address = 10.0.0.2/24\nreport = off\nlog-rate = 0\n";

/// The lines of settings that make the users of an AuthFile known.
///
/// # Errors
///
/// When it cannot be read, or names a user that settings cannot.
pub fn users(file: &Path) -> io::Result<String> {
    let mut lines = String::new();
    for line in fs::read_to_string(file)?.lines().filter(|line| !line.trim_start().starts_with('#')) {
        let Some((user, password)) = line.trim_start().split_once(':') else {
            continue;
        };
        if user.contains(' ') || password.trim_end() != password {
            let problem =
                format!("user {user:?}: settings of a board know no spaces in names and at the end of passwords");
            return Err(io::Error::other(problem));
        }
        _ = writeln!(lines, "user = {user} {}", password.trim_start());
    }
    Ok(lines)
}

/// A board that runs; ended on drop.
#[derive(Debug)]
pub struct Board {
    child: Child,
    lines: Receiver<String>,
    socket: UnixDatagram,
    sent: Arc<Mutex<Vec<Vec<u8>>>>,
    directory: TempDir,
    number: u16,
}

impl Board {
    /// Starts a board with firmware of feature `exact`, and waits until it hears its groups.
    ///
    /// # Errors
    ///
    /// When QEMU does not run, or the board hears nothing.
    pub fn start(model: Model, firmware: &Path, settings: &str) -> io::Result<Self> {
        let mut board = Self::spawn(model, firmware, settings)?;
        board.listens()?;
        Ok(board)
    }

    /// Starts a board, and waits for nothing.
    ///
    /// # Errors
    ///
    /// When QEMU does not run.
    pub fn spawn(model: Model, firmware: &Path, settings: &str) -> io::Result<Self> {
        Self::spawn_with(model, firmware, settings, &[])
    }

    /// The same, with options for QEMU.
    ///
    /// # Errors
    ///
    /// When QEMU does not run.
    pub fn spawn_with(model: Model, firmware: &Path, settings: &str, options: &[&str]) -> io::Result<Self> {
        let directory = tempfile::tempdir()?;
        let path = |name: &str| directory.path().join(name);
        fs::write(path("settings"), settings)?;
        fs::write(path("serial"), "")?;
        let socket = UnixDatagram::bind(path("lan"))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let at = |name: &str| path(name).display().to_string();
        let lan = format!(
            "dgram,id=lan,local.type=unix,local.path={},remote.type=unix,remote.path={}",
            at("board"),
            at("lan")
        );
        let mut child = model
            .qemu(firmware, &path("settings"))
            .args(["-netdev", &lan, "-serial", &format!("file:{}", at("serial"))])
            .args(["-monitor", &format!("unix:{},server=on,wait=off", at("monitor"))])
            .args(["-semihosting-config", "enable=on,target=native"])
            .args(options)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(File::create(path("stderr"))?)
            .spawn()
            .map_err(|error| io::Error::new(error.kind(), format!("qemu-system-arm: {error}")))?;
        let lines = lines(child.stdout.take().expect("it is piped"));
        let sent = Arc::default();
        keep_frames(socket.try_clone()?, Arc::clone(&sent));
        Ok(Self { child, lines, socket, sent, directory, number: 0 })
    }

    /// Waits until the board hears both of its groups: sends probes until one is heard, and an empty datagram behind them, whose
    /// line is the last.
    ///
    /// # Errors
    ///
    /// When it does not within [`PATIENCE`].
    pub fn listens(&mut self) -> io::Result<()> {
        for family in [Family::V4, Family::V6] {
            let start = Instant::now();
            // QEMU may not have made its socket yet.
            while self.send(family, PROBE).is_err() || self.heard(PROBE_PATIENCE)?.is_none() {
                if start.elapsed() > PATIENCE {
                    return Err(self.complaint("it hears nothing"));
                }
            }
            self.send(family, &[])?;
            while self.line()? != NOTHING {}
        }
        Ok(())
    }

    /// A line, if there is one in time.
    fn heard(&self, patience: Duration) -> io::Result<Option<String>> {
        match self.lines.recv_timeout(patience) {
            Ok(line) => Ok(Some(line)),
            Err(RecvTimeoutError::Timeout) => Ok(None),
            Err(RecvTimeoutError::Disconnected) => Err(self.complaint("QEMU has ended")),
        }
    }

    /// Sends a datagram to the group of a family.
    ///
    /// # Errors
    ///
    /// When QEMU takes no frames.
    pub fn send(&mut self, family: Family, payload: &[u8]) -> io::Result<()> {
        self.number = self.number.wrapping_add(1);
        for frame in frames(family, PORT, self.number, payload) {
            self.send_frame(&frame)?;
        }
        Ok(())
    }

    /// Sends a frame.
    ///
    /// # Errors
    ///
    /// When QEMU takes none.
    pub fn send_frame(&self, frame: &[u8]) -> io::Result<()> {
        self.socket.send_to(frame, self.directory.path().join("board")).map(|_| ())
    }

    /// What the board makes of a datagram: a line as `collectd-tap decode --format exact` prints it for a file of this name.
    ///
    /// The next datagram has to wait for this line, so that none is lost.
    ///
    /// # Errors
    ///
    /// When there is no line within [`PATIENCE`].
    pub fn exact(&mut self, family: Family, payload: &[u8], file: &str) -> io::Result<String> {
        self.send(family, payload)?;
        let line = self.line()?;
        as_printed(&line, file).ok_or_else(|| self.complaint(&format!("it says {line:?}")))
    }

    /// The next line.
    ///
    /// # Errors
    ///
    /// When there is none within [`PATIENCE`].
    pub fn line(&mut self) -> io::Result<String> {
        self.lines.recv_timeout(PATIENCE).map_err(|_| self.complaint("it says nothing"))
    }

    /// The lines that are there already.
    pub fn lines(&self) -> impl Iterator<Item = String> {
        self.lines.try_iter()
    }

    /// The frames that the board has sent.
    ///
    /// # Panics
    ///
    /// Never: nobody panics while writing them.
    #[must_use]
    pub fn frames(&self) -> Vec<Vec<u8>> {
        self.sent.lock().expect("nobody panics while writing them").clone()
    }

    /// The octets of its log so far.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn serial(&self) -> io::Result<Vec<u8>> {
        fs::read(self.directory.path().join("serial"))
    }

    /// Pulls the cable out of it or plugs it in.
    ///
    /// # Errors
    ///
    /// When QEMU does not listen.
    pub fn plug(&self, up: bool) -> io::Result<()> {
        let mut monitor = UnixStream::connect(self.directory.path().join("monitor"))?;
        writeln!(monitor, "set_link lan {}", if up { "on" } else { "off" })?;
        // The prompt comes again when it is done.
        monitor.set_read_timeout(Some(PATIENCE))?;
        let (mut said, mut octet) = (Vec::new(), [0]);
        while said.windows(7).filter(|word| word == b"(qemu) ").count() < 2 {
            monitor.read_exact(&mut octet)?;
            said.push(octet[0]);
        }
        Ok(())
    }

    fn complaint(&self, problem: &str) -> io::Error {
        let talk = fs::read_to_string(self.directory.path().join("stderr")).unwrap_or_default();
        io::Error::other(format!("the board: {problem}; QEMU: {talk:?}"))
    }
}

impl Drop for Board {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The lines of the board, read as they come.
fn lines(stdout: ChildStdout) -> Receiver<String> {
    let (sender, receiver) = mpsc::channel();
    thread::spawn(move || {
        let lines = BufReader::new(stdout).lines().map_while(Result::ok);
        lines.map(|line| sender.send(line)).take_while(Result::is_ok).for_each(drop);
    });
    receiver
}

/// Reads what the board sends, so that it never has to wait.
fn keep_frames(socket: UnixDatagram, sent: Arc<Mutex<Vec<Vec<u8>>>>) {
    thread::spawn(move || {
        let mut frame = [0; 2048];
        while let Ok(len) = socket.recv(&mut frame) {
            let Ok(mut sent) = sent.lock() else { return };
            sent.push(frame[..len].to_vec());
        }
    });
}

/// A line of the board in the order that `collectd-tap` prints it in: the board has room to keep errors, but not items.
fn as_printed(line: &str, file: &str) -> Option<String> {
    // Neither names, which are hexadecimal, nor causes have quotes in them.
    let (items, rest) = line.strip_prefix(r#"{"items":"#)?.rsplit_once(r#","error":"#)?;
    let file = Value::from(file);
    Some(format!(r#"{{"file":{file},"error":{},"items":{items}}}"#, rest.strip_suffix('}')?))
}

/// Refused at every security level.
const PROBE: &[u8] = b"?";
/// The line of an empty datagram.
const NOTHING: &str = r#"{"items":[],"error":false,"errors":[]}"#;

/// What a datagram travels over to the board: what it did when it was recorded, if that is possible.
///
/// # Errors
///
/// When it cannot travel at all: the reason.
pub fn family(datagram: &Datagram) -> Result<Family, String> {
    match (datagram.family, datagram.payload.len()) {
        _ if datagram.truncated => Err("it was captured only in part".to_owned()),
        (_, len) if len > LONGEST => Err(format!("{len} octets, the board takes {LONGEST}")),
        (Family::V6, len) if len > LONGEST_V6 => Ok(Family::V4),
        (family, _) => Ok(family),
    }
}

/// What the firmware logged: `serial` decoded with what the firmware's file says about it.
#[cfg(feature = "board")]
pub mod log {
    use std::{io, path::Path};

    use defmt_decoder::{DecodeError, Table};

    /// Decodes a log.
    #[derive(Debug)]
    pub struct Log(Table);

    impl Log {
        /// Of this firmware.
        ///
        /// # Errors
        ///
        /// When it cannot be read, or logs nothing.
        pub fn of(firmware: &Path) -> io::Result<Self> {
            let table = Table::parse(&std::fs::read(firmware)?).map_err(io::Error::other)?;
            table.map(Self).ok_or_else(|| io::Error::other("the firmware does not log"))
        }

        /// Reads octets until they end, and hands on the lines. What is damaged, as by a reset, is left out.
        ///
        /// # Errors
        ///
        /// When reading fails, or `take` does.
        pub fn lines(
            &self,
            mut serial: impl io::Read,
            mut take: impl FnMut(&dyn std::fmt::Display) -> io::Result<()>,
        ) -> io::Result<()> {
            let mut stream = self.0.new_stream_decoder();
            let mut octets = [0; 4096];
            loop {
                match stream.decode() {
                    Ok(frame) => take(&frame.display(false))?,
                    Err(DecodeError::Malformed) => {}
                    Err(DecodeError::UnexpectedEof) => match serial.read(&mut octets)? {
                        0 => return Ok(()),
                        len => stream.received(&octets[..len]),
                    },
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_of_the_board_are_put_in_order() {
        let line = r#"{"items":[{"kind":"values"}],"error":true,"errors":[{"offset":3,"cause":"stray"}]}"#;
        let printed =
            r#"{"file":"x.pcap#1","error":true,"errors":[{"offset":3,"cause":"stray"}],"items":[{"kind":"values"}]}"#;
        assert_eq!(as_printed(line, "x.pcap#1").as_deref(), Some(printed));
        assert_eq!(as_printed("", "x"), None);
    }
}
