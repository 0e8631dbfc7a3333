//! Emulated boards on a LAN with a switch that looks after groups: a Linux bridge with snooping and a querier of its own. What
//! sends there is a real collectd.

use std::{
    fs,
    io::{BufRead, BufReader},
    net::UdpSocket,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use collectd_net_tests::{
    board::{Model, QUIET},
    collectd::{Block, Collectd},
    data, hex,
    net::{GROUPS, Namespace, PORT},
    until,
};
use serde_json::Value;
use tempfile::TempDir;

/// How soon a board has to be found by the switch.
const SOON: Duration = Duration::from_secs(2);
/// How many datagrams of each family are sent, a second from each other.
const DATAGRAMS: usize = 30;

/// A namespace with a bridge, a place where a board plugs in, and one where nobody listens.
struct Lan(Namespace);

impl Lan {
    fn new(role: &str, mld: u8) -> Self {
        let namespace = Namespace::new(role);
        let bridge = format!(
            "link add br0 type bridge mcast_snooping 1 mcast_querier 1 mcast_igmp_version 2 mcast_mld_version {mld}"
        );
        for words in [
            bridge.as_str(),
            "link add deaf0 type veth peer name deaf1",
            "link set deaf0 master br0",
            "tuntap add dev board0 mode tap",
            "link set board0 master br0",
            "address add 10.0.0.1/24 dev br0",
            "address add fd00:55::1/64 dev br0 nodad",
            "link set br0 up",
            "link set deaf0 up",
            "link set deaf1 up",
            "link set board0 up",
        ] {
            namespace.ip(words);
        }
        Self(namespace)
    }

    /// The groups that the switch sends to the board.
    fn groups(&self) -> Vec<String> {
        let output = self.0.command("bridge").args(["-j", "mdb", "show", "dev", "br0"]).output().expect("iproute2");
        let table: Value = serde_json::from_slice(&output.stdout).expect("bridge writes JSON");
        let entries = table[0]["mdb"].as_array().map(Vec::as_slice).unwrap_or_default();
        let entries = entries.iter().filter(|entry| entry["port"] == "board0");
        entries.filter_map(|entry| entry["grp"].as_str()).map(str::to_owned).collect()
    }

    /// Waits until the switch sends both groups to the board, and tells how long that took.
    fn joined(&self, what: &str) -> Duration {
        let start = Instant::now();
        until(what, || {
            let groups = self.groups();
            GROUPS.iter().all(|group| groups.contains(&group.to_string()))
        });
        start.elapsed()
    }

    /// Frames that have left through a port.
    fn sent(&self, port: &str) -> u64 {
        let text = self.0.ip(&format!("-s -j link show dev {port}"));
        let link: Value = serde_json::from_str(&text).expect("ip writes JSON");
        link[0]["stats64"]["tx"]["packets"].as_u64().expect("a number")
    }
}

/// An emulated board on a LAN.
struct Station {
    child: Child,
    heard: Arc<Mutex<Vec<String>>>,
    _directory: TempDir,
}

impl Station {
    fn start(model: Model, lan: &Lan, settings: &str) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let path = directory.path().join("settings");
        fs::write(&path, settings).expect("the directory is ours");
        let serial = format!("file:{}", directory.path().join("serial").display());
        let qemu: Command = model.qemu(firmware(model), &path);
        let mut child = lan
            .0
            .command(qemu.get_program())
            .args(qemu.get_args())
            .args(["-netdev", "tap,id=lan,ifname=board0,script=no,downscript=no"])
            .args(["-monitor", "none", "-serial", &serial])
            .args(["-semihosting-config", "enable=on,target=native"])
            .stdout(Stdio::piped())
            .spawn()
            .expect("QEMU is installed");
        let heard: Arc<Mutex<Vec<String>>> = Arc::default();
        let (lines, place) = (BufReader::new(child.stdout.take().expect("it is piped")).lines(), Arc::clone(&heard));
        thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                place.lock().expect("nobody panics while writing").push(line);
            }
        });
        Self { child, heard, _directory: directory }
    }

    /// How many value lists it heard of this host.
    fn heard(&self, host: &str) -> usize {
        let host = format!("\"host\":\"{}\"", hex(host.as_bytes()));
        self.heard.lock().expect("nobody panics while writing").iter().map(|line| line.matches(&host).count()).sum()
    }
}

impl Drop for Station {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// The firmware of a board, built once.
fn firmware(model: Model) -> &'static Path {
    static BUILT: [OnceLock<PathBuf>; 2] = [const { OnceLock::new() }; 2];
    BUILT[model as usize].get_or_init(|| model.firmware(&["exact", "measure", "inject"]).expect("it builds"))
}

/// A board hears what a collectd sends to both groups each second, from the first one; and again after its cable was pulled.
fn hears_a_collectd(model: Model, mld: u8) {
    let built = firmware(model);
    assert!(built.exists());
    let lan = Lan::new(model.name(), mld);
    // One for each family, so that it can be told which datagram was lost.
    let senders = GROUPS.map(|group| Collectd::start(&lan.0, &[Block::server(group, PORT).interface("br0")]));
    let send = |place: usize, name: &str| {
        senders[place].put(&format!("PUTVAL {name}/load/gauge N:1"));
        senders[place].flush();
    };
    // As long as the switch does not know whether others ask, too, it sends everything everywhere.
    until("the switch to look after groups", || {
        let before = lan.sent("deaf0");
        for _ in 0..10 {
            (0..2).for_each(|place| send(place, "nobody"));
        }
        thread::sleep(Duration::from_millis(500));
        lan.sent("deaf0") - before < 10
    });

    let station = Station::start(model, &lan, QUIET);
    let took = lan.joined("the board's groups in the bridge's table");
    println!("{} with MLDv{mld}: in the table {} ms after the start of QEMU", model.name(), took.as_millis());
    assert!(took < SOON, "{took:?}");
    let before = lan.sent("deaf0");
    for _ in 0..DATAGRAMS {
        (0..2).for_each(|place| send(place, ["four", "six"][place]));
        thread::sleep(Duration::from_secs(1));
    }
    // A value may have been on its way to collectd's network plugin when that was flushed, and goes with the next one.
    senders.iter().for_each(Collectd::flush);
    thread::sleep(Duration::from_secs(1));
    let heard = ["four", "six"].map(|name| station.heard(name));
    println!("{} with MLDv{mld}: {heard:?} of {DATAGRAMS}", model.name());
    assert!(heard.iter().all(|count| count + 1 >= DATAGRAMS), "{heard:?} of {DATAGRAMS}");
    assert!(lan.sent("deaf0") - before < 30, "the switch sends everything everywhere");

    lan.0.ip("link set board0 down");
    until("the bridge to forget the board", || lan.groups().is_empty());
    lan.0.ip("link set board0 up");
    let took = lan.joined("the board's groups in the table again");
    println!("{} with MLDv{mld}: in the table again {} ms after the link", model.name(), took.as_millis());
    assert!(took < SOON, "{took:?}");
    (0..2).for_each(|place| send(place, "again"));
    until("both datagrams", || {
        senders.iter().for_each(Collectd::flush);
        station.heard("again") == 2
    });
}

#[test]
fn lm3s6965evb_hears_a_collectd_behind_a_switch_of_mld_version_1() {
    hears_a_collectd(Model::Lm3s6965evb, 1);
}

#[test]
fn lm3s6965evb_hears_a_collectd_behind_a_switch_of_mld_version_2() {
    hears_a_collectd(Model::Lm3s6965evb, 2);
}

#[test]
fn mps2_an386_hears_a_collectd_behind_a_switch_of_mld_version_1() {
    hears_a_collectd(Model::Mps2An386, 1);
}

#[test]
fn mps2_an386_hears_a_collectd_behind_a_switch_of_mld_version_2() {
    hears_a_collectd(Model::Mps2An386, 2);
}

/// A real server on a LAN, with a directory of its own.
struct Server {
    child: Child,
    directory: TempDir,
}

impl Server {
    /// Addresses by DHCP, and a prefix for addresses that stations make themselves.
    fn dnsmasq(lan: &Lan) -> Self {
        Self::start(lan, "dnsmasq", |at| {
            [
                "--keep-in-foreground --conf-file=/dev/null --user=root --port=0 --log-facility=-",
                "--interface=br0 --bind-interfaces --dhcp-range=10.0.0.50,10.0.0.50,10m",
                "--enable-ra --dhcp-range=fd00:55::,ra-only",
                &format!("--dhcp-leasefile={at}/leases --pid-file={at}/pid"),
            ]
            .join(" ")
        })
    }

    fn start(lan: &Lan, program: &str, options: impl FnOnce(&str) -> String) -> Self {
        let directory = tempfile::tempdir().expect("a temporary directory is to be had");
        let options = options(directory.path().to_str().expect("a path in UTF-8"));
        let log = fs::File::create(directory.path().join("log")).expect("the directory is ours");
        let child = lan.0.command(program).args(options.split(' ')).stderr(log).spawn().expect("it is installed");
        Self { child, directory }
    }

    fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap_or_default()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended already; either way there is nothing to do about it.
        _ = self.child.kill();
        _ = self.child.wait();
    }
}

/// Answers as a server of SNTP (RFC 4330, section 5): the client's time goes back to it, beside our own.
fn tell_the_time(socket: &UdpSocket) {
    let mut octets = [0; 48];
    while let Ok((48, from)) = socket.recv_from(&mut octets) {
        // Seconds since 1900, in units of 2⁻³² s.
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("it is later than 1970");
        let now = ((now.as_secs() + 2_208_988_800) << 32) | ((u64::from(now.subsec_nanos()) << 32) / 1_000_000_000);
        let asked: [u8; 8] = octets[40..].try_into().expect("eight octets");
        octets = [0; 48];
        (octets[0], octets[1]) = ((4 << 3) | 4, 2);
        octets[24..32].copy_from_slice(&asked);
        octets[32..40].copy_from_slice(&now.to_be_bytes());
        octets[40..].copy_from_slice(&now.to_be_bytes());
        _ = socket.send_to(&octets, from);
    }
}

/// Says that it is over, also if it ends badly.
struct Done<'a>(&'a AtomicBool);

impl Drop for Done<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// A board gets its addresses and the time from others, and shows its page while it is busy.
fn gets_addresses_and_shows_its_page(model: Model) {
    let lan = Lan::new(model.name(), 2);
    let dnsmasq = Server::dnsmasq(&lan);
    let clock = lan.0.enter(|| UdpSocket::bind("10.0.0.1:123").expect("nobody else tells the time here"));
    thread::spawn(move || tell_the_time(&clock));
    let station = Station::start(model, &lan, "report = off\nlog-rate = 0\nname = lab\nsntp = 10.0.0.1\n");
    until("a lease", || dnsmasq.log().contains("DHCPACK"));
    lan.joined("the board's groups in the bridge's table");

    let done = AtomicBool::new(false);
    thread::scope(|scope| {
        scope.spawn(|| {
            let packet = fs::read(data("bad-packets/packets/good.1.bin")).expect("a packet");
            while !done.load(Ordering::Relaxed) {
                lan.0.send_to_groups("br0", &packet);
                thread::sleep(Duration::from_millis(5));
            }
        });
        let _done = Done(&done);
        let fetch = |url: &str| {
            let output = lan.0.command("curl").args(["-sS", "--max-time", "20", "-g", url]).output().expect("curl");
            (output.status.success(), String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned())
        };
        let heard = || station.heard.lock().expect("nobody panics while writing").len();
        until("packets", || heard() > 100);
        let before = heard();
        for host in ["10.0.0.50", "[fd00:55::5054:ff:fe12:3456]"] {
            let (found, text) = fetch(&format!("http://{host}/"));
            assert!(found && text.contains("lab") && text.contains(model.name()), "{host}: {text}");
            let (found, json) = fetch(&format!("http://{host}/status.json"));
            assert!(found, "{host}: {json}");
            let json: Value = serde_json::from_str(&json).unwrap_or_else(|error| panic!("{error}: {json}"));
            assert!(json["hosts"].as_array().is_some_and(|hosts| !hosts.is_empty()), "{json}");
        }
        until("the time of the server", || fetch("http://10.0.0.50/").1.contains("sntp"));
        println!("{}: {} packets while the page was fetched four times", model.name(), heard() - before);
        assert!(heard() > before);
    });
}

#[test]
fn lm3s6965evb_gets_addresses_and_shows_its_page() {
    gets_addresses_and_shows_its_page(Model::Lm3s6965evb);
}

#[test]
fn mps2_an386_gets_addresses_and_shows_its_page() {
    gets_addresses_and_shows_its_page(Model::Mps2An386);
}
