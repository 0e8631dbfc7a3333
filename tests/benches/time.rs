//! How long packets take, by criterion: `cargo bench -p collectd-net-tests --bench time`.
//!
//! Whether a change made anything faster is for instruction counts to tell (`gate`, `compare`); this shows where time goes.

use std::convert::Infallible;
use std::fs::File;
use std::hint::black_box;

use collectd_net::{Arrival, Encoder, Item, Receive, Receiver, SecurityLevel, User, Value, nb, open};
use collectd_net_tests::capture;
use collectd_tap::capture::Capture;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

criterion_group!(benches, openings, encoding, receiving);
criterion_main!(benches);

/// Open and decode a packet, and look at every value.
fn openings(criterion: &mut Criterion) {
    let users = [User::new("alice", "correct horse battery staple"), User::new("bob", "s3cr3t")];
    let mut group = criterion.benchmark_group("open");
    for (protection, name) in [("plain", "plain-ipv4"), ("signed", "signed"), ("encrypted", "encrypted")] {
        let packet = longest(name);
        group.throughput(Throughput::Bytes(packet.len() as u64));
        let read = |packet: &mut Vec<u8>| -> u64 {
            let items = open(packet, &users, SecurityLevel::None);
            items.map(|item| item.map_or(0, |item| sum(&item))).fold(0, u64::wrapping_add)
        };
        group.bench_function(protection, |bencher| {
            bencher.iter_batched_ref(|| packet.clone(), read, BatchSize::SmallInput);
        });
    }
}

/// Encode what a recorded packet holds.
fn encoding(criterion: &mut Criterion) {
    let mut packet = longest("plain-ipv4");
    let lists: Vec<_> = open(&mut packet, (), SecurityLevel::None)
        .map(|item| match item {
            Ok(Item::ValueList(list)) => (list, list.values.iter().collect::<Vec<Value>>()),
            other => panic!("{other:?}"),
        })
        .collect();
    let mut buffer = [0; 1452];
    criterion.bench_function("encode", |bencher| {
        bencher.iter(|| {
            let mut encoder = Encoder::new(&mut buffer);
            for (list, values) in &lists {
                let values = values.iter().copied();
                encoder.value_list(&list.identifier, list.time, list.interval, values).expect("it did fit");
            }
            black_box(encoder.packet());
        });
    });
}

/// Receive a packet from memory, with everything counted.
fn receiving(criterion: &mut Criterion) {
    let mut receiver = Receiver::new(Repeat(longest("plain-ipv4")), (), SecurityLevel::None);
    let mut buffer = [0; 1452];
    criterion.bench_function("receive", |bencher| {
        bencher.iter(|| {
            let Ok(packet) = receiver.receive(&mut buffer) else { panic!("there is always one") };
            packet.flatten().map(|item| sum(&item)).fold(0, u64::wrapping_add)
        });
    });
}

/// The same packet again and again.
struct Repeat(Vec<u8>);

impl Receive for Repeat {
    type Error = Infallible;

    fn receive(&mut self, buffer: &mut [u8]) -> nb::Result<Arrival, Infallible> {
        buffer[..self.0.len()].copy_from_slice(&self.0);
        Ok(Arrival { len: self.0.len(), from: None })
    }
}

/// The longest packet of a capture.
fn longest(name: &str) -> Vec<u8> {
    let file = File::open(capture(&format!("{name}.pcap"))).expect("a capture");
    let datagrams = Capture::new(file).expect("a capture").map(|datagram| datagram.expect("a datagram").payload);
    datagrams.max_by_key(Vec::len).expect("a packet")
}

/// Looks at everything in an item.
fn sum(item: &Item<'_>) -> u64 {
    let texts: u64 = item.identifier().fields().iter().map(|text| text.len() as u64).sum();
    match item {
        Item::ValueList(list) => list.values.iter().map(Value::bits).fold(texts, u64::wrapping_add),
        Item::Notification(notification) => texts + notification.message.len() as u64,
    }
}
