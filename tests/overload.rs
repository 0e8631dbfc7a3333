//! More than the output takes: what was sent is delivered, refused or counted as lost, to the packet.

use std::{
    io::Read,
    net::SocketAddr,
    process::{Child, ChildStderr, Command, Stdio},
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

use collectd_net_tests::{
    auth::AuthFile,
    heard::value,
    net::{Namespace, Net, PORT, RECEIVER},
    tap::tap,
    until,
};

/// Signed by a user that nobody here knows.
const STRANGER: &[u8] = include_bytes!("../core/tests/data/collectd-5.12.0-minimal-signed.bin");

#[test]
fn with_an_output_that_stands_still_nothing_is_lost_uncounted() {
    const SENT: u64 = 40_000;
    for policy in ["newest", "oldest"] {
        for workers in ["1", "3"] {
            let net = Net::new();
            let listen = ["--receive-buffer", "4M", "--drop", policy, "--workers", workers];
            let overloaded = Overloaded::start(&net.receiver, &listen, 0);
            net.receiver.flood("lo", ADDRESS, &[&value(1)[..], &value(2), &[1]], SENT);
            let counts = overloaded.end(&net.receiver);
            counts.check(SENT, &format!("{policy} {workers}"));
            assert!(counts.kernel + counts.queue > SENT / 2 && counts.queue > 0, "{counts:?}");
        }
    }
}

#[test]
fn at_twice_what_the_output_takes_sent_is_delivered_and_refused_and_dropped() {
    let auth = AuthFile::new(["user"]);
    let datagrams = [&value(1)[..], &value(2), &[1], &value(3), STRANGER];
    for (policy, workers, buffer) in
        [("newest", "1", "4M"), ("newest", "3", "8K"), ("oldest", "1", "8K"), ("oldest", "3", "4M")]
    {
        let net = Net::new();
        let listen = ["--receive-buffer", buffer, "--drop", policy, "--workers", workers, "-a", auth.path()];
        let overloaded = Overloaded::start(&net.receiver, &listen, 256);

        // What it takes while there is always more: packets a second, of which three in five are printed.
        let (mut start, mut capacity) = (None, 0.0);
        let mut sent = net.receiver.send_while("lo", ADDRESS, &datagrams, |sent| {
            let lines = overloaded.lines();
            let (before, since) = *start.get_or_insert_with(|| (lines, Instant::now()));
            if lines < 500 {
                start = None;
            }
            if sent.is_multiple_of(64) {
                thread::sleep(Duration::from_millis(1));
            }
            capacity = (lines - before) as f64 / since.elapsed().as_secs_f64() * 5.0 / 3.0;
            lines < 3500 || since.elapsed() < Duration::from_millis(100)
        });
        let (start, count) = (Instant::now(), (3.0 * capacity) as u64);
        sent += net.receiver.send_while("lo", ADDRESS, &datagrams, |sent| {
            while sent as f64 > start.elapsed().as_secs_f64() * 2.0 * capacity {
                thread::sleep(Duration::from_millis(1));
            }
            sent < count
        });
        let counts = overloaded.end(&net.receiver);
        counts.check(sent, &format!("{policy} {workers} {buffer}, {capacity:.0} packets a second"));
        assert!(counts.refused > 0 && counts.kernel + counts.queue > 0, "{counts:?}");
    }
}

const ADDRESS: SocketAddr = SocketAddr::new(RECEIVER[0], PORT);

/// The program, with an output that is read slowly or not at all; ended on drop.
struct Overloaded {
    child: Child,
    talk: ChildStderr,
    lines: Arc<AtomicU64>,
    hurry: Arc<AtomicBool>,
    reader: Option<JoinHandle<()>>,
}

impl Overloaded {
    /// Starts it with these options, and reads so many octets a millisecond of what it prints.
    fn start(namespace: &Namespace, options: &[&str], pace: usize) -> Self {
        let mut child = namespace
            .command(tap())
            .args(["listen", "-L", "10.99.0.2", "--queue", "256K"])
            .args(options)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("iproute2 is installed");
        let mut stdout = child.stdout.take().expect("stdout is a pipe");
        let talk = child.stderr.take().expect("stderr is a pipe");
        let (lines, hurry) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicBool::new(false)));
        let read = {
            let (lines, hurry) = (Arc::clone(&lines), Arc::clone(&hurry));
            move || {
                let mut room = vec![0; 64 << 10];
                loop {
                    let hurries = hurry.load(Ordering::Relaxed);
                    let pace = if hurries { room.len() } else { pace };
                    let read = stdout.read(&mut room[..pace]).expect("it can be read");
                    if read == 0 && pace > 0 {
                        return;
                    }
                    let ends = room[..read].iter().filter(|octet| **octet == b'\n').count() as u64;
                    lines.fetch_add(ends, Ordering::Relaxed);
                    if !hurries {
                        thread::sleep(Duration::from_millis(1));
                    }
                }
            }
        };
        let mut overloaded = Self { child, talk, lines, hurry, reader: Some(thread::spawn(read)) };
        let mut said = Vec::new();
        while !String::from_utf8_lossy(&said).contains("listening on") {
            let mut room = [0; 4096];
            let len = overloaded.talk.read(&mut room).expect("it says that it listens");
            assert!(len > 0, "it has ended: {}", String::from_utf8_lossy(&said));
            said.extend(&room[..len]);
        }
        overloaded
    }

    /// How many lines were read until now.
    fn lines(&self) -> u64 {
        self.lines.load(Ordering::Relaxed)
    }

    /// Waits until all is taken in, presses ctrl-c, and reads the rest.
    fn end(mut self, namespace: &Namespace) -> Counts {
        // More waits in the kernel than the queue holds.
        until("everything to be taken in", || namespace.waiting_octets() == 0);
        self.hurry.store(true, Ordering::Relaxed);
        let status = Command::new("kill").args(["-INT", &self.child.id().to_string()]).status();
        assert!(status.is_ok_and(|status| status.success()));
        let mut talk = String::new();
        self.talk.read_to_string(&mut talk).expect("it talks in UTF-8");
        self.reader.take().map(JoinHandle::join).expect("it is joined once").expect("reading goes on");
        let summary = talk.lines().last().unwrap_or_default();
        let count = |what: &str| -> u64 {
            let place = summary.find(what).unwrap_or_else(|| panic!("no {what} in {summary:?}"));
            let number = summary[..place].trim_end().rsplit([' ', '(']).next().and_then(|number| number.parse().ok());
            number.unwrap_or_else(|| panic!("no number of {what} in {summary:?}"))
        };
        Counts {
            printed: self.lines(),
            packets: count("packets"),
            items: count("items"),
            refused: count("refused"),
            kernel: count("dropped by the kernel"),
            queue: count("dropped in the queue"),
        }
    }
}

impl Drop for Overloaded {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// What became of what was sent.
#[derive(Debug)]
struct Counts {
    printed: u64,
    packets: u64,
    items: u64,
    refused: u64,
    kernel: u64,
    queue: u64,
}

impl Counts {
    /// Each packet is an item or is refused.
    fn check(&self, sent: u64, what: &str) {
        let Self { printed, packets, items, refused, kernel, queue } = *self;
        assert_eq!(items + refused + kernel + queue, sent, "{what}: {self:?}");
        assert_eq!((packets, printed), (items + refused, items), "{what}: {self:?}");
    }
}
