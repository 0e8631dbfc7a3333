use std::net::UdpSocket;
use std::sync::mpsc::{self, Receiver};

use collectd_net::{Decoder, PACKET_SIZE, SecurityLevel, User, open};
use collectd_tap_stream::transmit::BATCH;

use super::super::Packer;
use super::*;

fn receiver() -> (UdpSocket, String) {
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a port");
    socket.set_read_timeout(Some(Duration::from_secs(20))).expect("a timeout");
    let address = socket.local_addr().expect("an address").to_string();
    (socket, address)
}

fn destination(server: &str) -> (Destination, Receiver<String>) {
    let (tell, told) = mpsc::channel();
    let server = server.parse().expect("a server");
    // At the end of a test nobody hears it any more.
    let tell = move |notice: Notice| drop(tell.send(notice.to_string()));
    (Destination::open(&server).expect("a destination").tell(tell), told)
}

#[test]
fn packets_arrive_in_order_in_batches_and_are_counted() {
    let (socket, address) = receiver();
    let (mut destination, told) = destination(&address);
    for number in 0..200_u8 {
        destination.push_octets(&[number; 3], 2);
    }
    assert_eq!(destination.waiting(), 200 % BATCH);
    destination.flush();
    for number in 0..200 {
        let mut buffer = [0; 10];
        let len = socket.recv(&mut buffer).expect("a packet");
        assert_eq!(buffer[..len], [number; 3]);
    }
    let counts = destination.counts();
    assert_eq!((counts.packets, counts.octets, counts.items), (200, 600, 400));
    assert_eq!((counts.failed_packets, counts.unreachable), (0, 0));
    assert!(told.try_recv().is_err());
    assert!(destination.local_port().is_some_and(|port| port != 0));
}

#[test]
fn every_seal_opens_and_every_encryption_has_its_own_iv() {
    let octets = include_bytes!("../../../../core/tests/data/collectd-5.12.0-minimal.bin");
    let file = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(file.path(), "wonderland\n").expect("a password");
    let users = [User::new("alice", "wonderland")];
    for (level, least) in [
        ("sign", SecurityLevel::Sign),
        ("encrypt", SecurityLevel::Encrypt),
        ("encrypt-and-sign", SecurityLevel::Encrypt),
    ] {
        let (socket, address) = receiver();
        let path = file.path().display();
        let server = format!("{address},security-level={level},username=alice,password-file={path}");
        let (mut destination, _told) = destination(&server);
        let mut packer = Packer::new(PACKET_SIZE, Duration::ZERO, destination.seal_room());
        let item = Decoder::new(octets).next().expect("an item").expect("a good one");
        for _ in 0..2 {
            packer.push(&item, Instant::now(), |_| panic!("not yet")).expect("room");
            packer.flush(|ready| destination.push(&ready));
        }
        destination.flush();
        let mut packets = [(); 2].map(|()| {
            let mut buffer = [0; 2000];
            let len = socket.recv(&mut buffer).expect("a packet");
            buffer[..len].to_vec()
        });
        assert_eq!(packets[0] == packets[1], level == "sign", "{level}");
        for packet in &mut packets {
            assert_eq!(packet.len(), octets.len() + destination.seal_room());
            let opened: Vec<_> = open(packet, &users, least).map(|item| item.expect("it opens").time()).collect();
            assert_eq!(opened, [item.time()], "{level}");
        }
    }
}

#[test]
fn nobody_who_listens_is_told_once_and_counted() {
    let (socket, address) = receiver();
    drop(socket);
    let (mut destination, told) = destination(&address);
    for _ in 0..10 {
        destination.push_octets(b"x", 1);
        destination.flush();
    }
    destination.finish(Duration::ZERO);
    let counts = destination.counts();
    assert_eq!(counts.packets + counts.failed_packets, 10);
    assert_eq!(counts.lost(), 10);
    assert_eq!(told.try_recv(), Ok(format!("packets to {address} do not arrive: nobody listens there")));
    assert!(told.try_recv().is_err());
}

#[test]
fn what_cannot_be_sent_fails_alone_and_is_counted() {
    let (socket, address) = receiver();
    let (mut destination, told) = destination(&address);
    destination.push_octets(b"before", 1);
    destination.push_octets(&[0; 65_535], 7);
    destination.push_octets(b"behind", 1);
    destination.flush();
    for expected in [b"before", b"behind"] {
        let mut buffer = [0; 10];
        assert_eq!(socket.recv(&mut buffer).map(|len| buffer[..len] == *expected).ok(), Some(true));
    }
    let counts = destination.counts();
    assert_eq!((counts.packets, counts.items), (2, 2));
    assert_eq!((counts.failed_packets, counts.failed_octets, counts.failed_items), (1, 65_535, 7));
    assert!(told.try_recv().expect("a complaint").contains("Message too long"));
    assert_eq!(told.try_recv(), Ok(format!("sending to {address} works again; 1 packet was lost")));
}

#[test]
fn a_name_without_an_address_loses_nothing_uncounted() {
    let (mut destination, told) = destination("no-such-host.invalid");
    for _ in 0..100 {
        destination.push_octets(&[0; 60_000], 1);
    }
    assert!(destination.waiting() * 60_000 <= HELD && destination.counts().failed_packets > 0);
    destination.finish(Duration::from_millis(1));
    assert_eq!(destination.counts().failed_packets, 100);
    drop(destination);
    // What the name server says differs, and may come late.
    let said: Vec<_> = told.iter().collect();
    assert!(said.len() <= 1 && said.iter().all(|said| said.contains("no-such-host.invalid")), "{said:?}");
}

#[test]
fn a_name_is_waited_for() {
    let (socket, address) = receiver();
    let port = address.rsplit_once(':').expect("a port").1;
    let (mut destination, _told) = destination(&format!("localhost:{port}"));
    destination.push_octets(b"x", 1);
    destination.finish(Duration::from_secs(20));
    // The name may be ::1 first, where nobody listens; that is known, too.
    let counts = destination.counts();
    assert_eq!(counts.packets, 1);
    if counts.unreachable == 0 {
        assert_eq!(socket.recv(&mut [0; 2]).expect("a packet"), 1);
    }
}

#[test]
fn what_is_wrong_with_a_server_is_an_error() {
    for (server, said) in [
        ("239.1.1.1%no-such-interface", "no-such-interface"),
        ("fe80::1", "add %NAME"),
        ("a,security-level=sign,username=u,password-file=/nonexistent/file", "/nonexistent/file"),
        ("a,security-level=sign,username=u,auth-file=/dev/null", "no user 'u'"),
        ("a,security-level=sign,username=u,password-file=/dev/null", "is empty"),
    ] {
        let error = Destination::open(&server.parse().expect("a server")).expect_err(server);
        assert!(error.is_usage() && error.to_string().contains(said), "{server}: {error}");
    }
}
