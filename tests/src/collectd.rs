//! A real collectd: started in a namespace with servers and listeners of a test's choice, fed through its unixsock plugin.

use std::{
    collections::BTreeSet,
    fmt,
    fs::{self, File},
    io::{BufRead, BufReader, Write},
    net::IpAddr,
    os::unix::net::UnixStream,
    path::PathBuf,
    process::{Child, Stdio},
};

use tempfile::TempDir;

use crate::{PATIENCE, net::Namespace, until};

/// Debian's collectd, package `collectd-core`.
const COLLECTD: &str = "/usr/sbin/collectd";

/// The host name every collectd of a test has.
pub const HOST: &str = "alpha.example.net";

/// A running collectd; ended on drop.
#[derive(Debug)]
pub struct Collectd {
    child: Child,
    directory: TempDir,
}

impl Collectd {
    /// Starts collectd with these blocks in its network plugin, and waits until it takes commands.
    ///
    /// Nothing is read from the machine: what it sends is what a test puts in, in that order.
    pub fn start(namespace: &Namespace, blocks: &[Block]) -> Self {
        Self::start_with(namespace, blocks, "")
    }

    /// Starts a collectd that sends on what it receives.
    ///
    /// It sends on no notification, but its [log](Self::log) tells those that it was given.
    pub fn forward(namespace: &Namespace, blocks: &[Block]) -> Self {
        let more = "LoadPlugin logfile\n<Plugin logfile>\n  File \"stdout\"\n  LogLevel \"info\"\n</Plugin>\n";
        Self::start_with_options(namespace, blocks, "  Forward true\n", more)
    }

    /// Starts collectd as [`start`](Self::start) does, with more configuration.
    pub fn start_with(namespace: &Namespace, blocks: &[Block], more: &str) -> Self {
        Self::start_with_options(namespace, blocks, "", more)
    }

    /// `options` are for the network plugin, `more` stands behind it.
    fn start_with_options(namespace: &Namespace, blocks: &[Block], options: &str, more: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let path = |name| directory.path().join(name);
        let blocks: String = blocks.iter().map(Block::to_string).collect();
        // Plugins begin in the order in which they are loaded. A notification that comes before the network plugin has begun is
        // lost, so the one that takes commands is the last.
        let config = format!(
            "Hostname \"{HOST}\"\nFQDNLookup false\nInterval 10\nWriteThreads 1\nBaseDir {base:?}\nPIDFile {pid:?}\n\
             LoadPlugin network\n<Plugin network>\n{blocks}{options}</Plugin>\n{more}\
             LoadPlugin unixsock\n<Plugin unixsock>\n  SocketFile {socket:?}\n</Plugin>\n",
            base = directory.path(),
            pid = path("pid"),
            socket = path("socket"),
        );
        fs::write(path("conf"), config).expect("the directory is ours");
        let log = File::create(path("log")).expect("the directory is ours");
        let child = namespace
            .command(COLLECTD)
            .arg("-f")
            .arg("-C")
            .arg(path("conf"))
            .stdout(log.try_clone().expect("a file has a second handle"))
            .stderr(Stdio::from(log))
            .spawn()
            .expect("iproute2 is installed");
        let mut collectd = Self { child, directory };
        until("collectd's unixsock plugin", || {
            let ended = collectd.child.try_wait().expect("the child is ours");
            assert!(ended.is_none(), "collectd ended ({ended:?}): {}", collectd.log());
            UnixStream::connect(collectd.path("socket")).is_ok()
        });
        collectd
    }

    /// Puts one `PUTVAL` or `PUTNOTIF` line in.
    ///
    /// # Panics
    ///
    /// When collectd refuses it.
    pub fn put(&self, command: &str) {
        let answer = self.ask(command);
        assert!(answer[0].starts_with("0 "), "{command}\n{}\n{}", answer[0], self.log());
    }

    /// Has everything sent that waits in the network plugin's buffer.
    ///
    /// A value just put in may still be on its way to that buffer: flush again until it has arrived.
    pub fn flush(&self) {
        self.put("FLUSH plugin=network");
    }

    /// Whether collectd has a current value of `identifier`, its own or a received one.
    pub fn knows(&self, identifier: &str) -> bool {
        self.names().contains(identifier)
    }

    /// The identifiers of its current values, its own or received ones.
    pub fn names(&self) -> BTreeSet<String> {
        let names = |line: &String| line.split_once(' ').map(|(_, name)| name.to_owned());
        self.ask("LISTVAL").iter().skip(1).filter_map(names).collect()
    }

    /// The status line of the answer to `command`, then the lines it announces.
    pub fn ask(&self, command: &str) -> Vec<String> {
        let mut stream = UnixStream::connect(self.path("socket")).expect("collectd runs");
        stream.set_read_timeout(Some(PATIENCE)).expect("the patience is not zero");
        stream.write_all(format!("{command}\n").as_bytes()).expect("collectd reads commands");
        let mut lines = BufReader::new(stream).lines().map(|line| line.expect("collectd answers in UTF-8"));
        let status = lines.next().expect("every command has an answer");
        let count = status.split(' ').next().and_then(|word| word.parse().ok()).unwrap_or(0);
        [status].into_iter().chain(lines.take(count)).collect()
    }

    /// What collectd has said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for Collectd {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// A `Server` or `Listen` block of collectd's network plugin; its `Display` is collectd's syntax.
#[derive(Clone, Debug)]
pub struct Block {
    word: &'static str,
    host: IpAddr,
    port: u16,
    options: Vec<(&'static str, String)>,
}

impl Block {
    /// Where collectd is to send to.
    pub fn server(host: IpAddr, port: u16) -> Self {
        Self { word: "Server", host, port, options: Vec::new() }
    }

    /// Where collectd is to listen.
    pub fn listen(host: IpAddr, port: u16) -> Self {
        Self { word: "Listen", host, port, options: Vec::new() }
    }

    /// The interface to send out of, or to join a group on.
    pub fn interface(mut self, name: &str) -> Self {
        self.options.push(("Interface", name.to_owned()));
        self
    }

    /// Signs what is sent.
    pub fn sign(self, user: &str, password: &str) -> Self {
        self.seal("Sign", user, password)
    }

    /// Encrypts what is sent.
    pub fn encrypt(self, user: &str, password: &str) -> Self {
        self.seal("Encrypt", user, password)
    }

    /// Takes what is protected at least so, by users of this file.
    pub fn accept(mut self, level: &str, auth_file: &str) -> Self {
        self.options.extend([("SecurityLevel", level.to_owned()), ("AuthFile", auth_file.to_owned())]);
        self
    }

    fn seal(mut self, level: &str, user: &str, password: &str) -> Self {
        let options = [("SecurityLevel", level), ("Username", user), ("Password", password)];
        self.options.extend(options.map(|(option, value)| (option, value.to_owned())));
        self
    }
}

impl fmt::Display for Block {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { word, host, port, options } = self;
        writeln!(f, "  <{word} \"{host}\" \"{port}\">")?;
        for (option, value) in options {
            writeln!(f, "    {option} \"{value}\"")?;
        }
        writeln!(f, "  </{word}>")
    }
}
