use collectd_net::{Identifier, Time, Value, Values};

use super::*;

const RULES: Rules = Rules { missing_after: 3, max_skew: 30 * SECOND };
const WALL: u64 = 1_700_000_000;

/// A host, simulated: nothing here takes time.
struct Simulation {
    host: Host,
    packets: u64,
    interval: u64,
    port: u16,
    /// How many seconds its clock is ahead.
    ahead: i64,
}

impl Simulation {
    fn new() -> Self {
        Self { host: Host::new(b"h", 0), packets: 0, interval: 10, port: 4000, ahead: 0 }
    }

    /// A packet arrives with values of these times; what happens.
    fn packet(&mut self, second: u64, times: &[u64]) -> Vec<Change> {
        self.packets += 1;
        let mut changes = Vec::new();
        for time in times {
            let raw = ((WALL + time) << 30).wrapping_add_signed(self.ahead << 30);
            let values = [Value::Gauge(1.0)].map(|value| value.bits().to_le_bytes());
            let list = ValueList {
                identifier: Identifier::default(),
                time: Time::from_raw(raw),
                interval: Interval::from_secs(self.interval),
                values: Values::new(&[1], &values).expect("as many of both"),
                protection: Protection::None,
                user: None,
            };
            let from = Some(([10, 0, 0, 1], self.port).into());
            let (packet, now, wall) = (self.packets, second * SECOND, (WALL + second) << 30);
            self.host.hear(&list, &Arrived { packet, from, now, wall }, &RULES, &mut changes);
        }
        changes
    }

    fn look(&mut self, second: u64) -> Vec<Change> {
        let mut changes = Vec::new();
        self.host.look(second * SECOND, &RULES, &mut changes);
        changes
    }

    /// It sends every interval until then.
    fn steady(&mut self, seconds: std::ops::Range<u64>) -> Vec<Change> {
        let step = usize::try_from(self.interval).expect("small");
        seconds.step_by(step).flat_map(|second| [self.packet(second, &[second]), self.look(second)].concat()).collect()
    }
}

fn words(changes: &[Change]) -> Vec<&'static str> {
    changes.iter().map(Change::word).collect()
}

#[test]
fn a_host_is_new_once_then_missing_once_then_back() {
    let mut host = Simulation::new();
    assert_eq!(words(&host.steady(0..100)), ["new"]);
    assert_eq!(words(&host.look(120)), [""; 0]);
    let missing = host.look(121);
    let expected =
        Change::Missing { silent: std::time::Duration::from_secs(31), interval: std::time::Duration::from_secs(10) };
    assert_eq!(missing, [expected]);
    assert_eq!(host.look(200), []);
    let back = host.packet(150, &[150]);
    assert_eq!(back, [Change::Back { silent: std::time::Duration::from_secs(60) }]);
    assert_eq!(words(&host.look(151)), [""; 0]);
}

#[test]
fn a_daemon_that_waits_for_full_packets_is_not_missing() {
    let mut host = Simulation::new();
    let mut changes = Vec::new();
    for end in (60..1000).step_by(60) {
        let times: Vec<u64> = (end - 60..=end).step_by(10).collect();
        changes.extend(host.packet(end, &times));
        changes.extend((end..end + 60).flat_map(|second| host.look(second)));
    }
    assert_eq!(words(&changes), ["new"]);
    // And yet it is missed before long: 3 × 10 s + 1.5 × 60 s.
    assert_eq!((host.look(960 + 120), words(&host.look(960 + 121))), (vec![], vec!["missing"]));
}

#[test]
fn the_shortest_interval_counts_until_it_is_not_heard_any_more() {
    let mut host = Simulation::new();
    host.steady(0..100);
    host.interval = 60;
    host.packet(100, &[100]);
    assert_eq!(host.host.interval, Interval::from_secs(10));
    host.packet(160, &[160]);
    assert_eq!(host.host.interval, Interval::from_secs(60));
    // An interval that nobody could wait for is capped.
    host.interval = 1 << 33;
    host.packet(1000, &[1000]);
    assert_eq!(words(&host.look(1000 + 3 * 3600 + 1)), ["missing"]);
}

#[test]
fn an_interval_that_changes_is_told_once_for_all_series() {
    let mut host = Simulation::new();
    host.steady(0..100);
    let mut changes = Vec::new();
    let signs = Signs { interval_before: Interval::from_secs(10), ..Signs::default() };
    (0..50).for_each(|_| host.host.judge(signs, Interval::from_secs(60), 100 * SECOND, &mut changes));
    assert_eq!(words(&changes), ["interval-changed"]);
    assert_eq!(host.host.interval, Interval::from_secs(60));
    assert_eq!(host.look(200), []);
    // The way back is told, too, but not at any rate.
    let back = Signs { interval_before: Interval::from_secs(60), ..Signs::default() };
    host.host.judge(back, Interval::from_secs(10), 150 * SECOND, &mut changes);
    assert_eq!((changes.len(), host.host.untold), (1, 50));
    host.host.judge(back, Interval::from_secs(10), 161 * SECOND, &mut changes);
    assert_eq!(changes.len(), 2);
}

#[test]
fn an_uptime_that_falls_is_a_restart() {
    let mut host = Simulation::new();
    host.steady(0..100);
    let mut changes = Vec::new();
    let signs = Signs { uptime: Some((500.0, 3.0)), ..Signs::default() };
    host.host.judge(signs, Interval::from_secs(10), 100 * SECOND, &mut changes);
    assert_eq!(changes, [Change::Restarted(Sign::Uptime { before: 500.0, now: 3.0 })]);
}

#[test]
fn counts_that_begin_anew_are_a_restart_only_if_most_do() {
    for (fell, grew, expected) in [(5, 2, &["restarted"][..]), (5, 6, &[]), (2, 0, &[])] {
        let mut host = Simulation::new();
        host.steady(0..100);
        let mut changes = Vec::new();
        let mut judge = |fell, grew| {
            host.host.judge(
                Signs { fell, grew, ..Signs::default() },
                Interval::from_secs(10),
                100 * SECOND,
                &mut changes,
            );
        };
        (0..fell).for_each(|_| judge(1, 0));
        (0..grew).for_each(|_| judge(0, 1));
        host.packet(105, &[105]);
        changes.extend([host.look(109), host.look(112)].concat());
        assert_eq!(words(&changes), expected, "{fell} of {grew}");
    }
}

#[test]
fn another_port_is_a_restart_when_the_first_one_is_silent() {
    let mut host = Simulation::new();
    host.steady(0..100);
    host.port = 5000;
    let changes = host.steady(100..200);
    assert_eq!(changes, [Change::Restarted(Sign::Port { before: 4000, now: 5000 })]);
    // After it was missing, at once.
    host.look(300);
    host.port = 6000;
    let changes = host.packet(301, &[301]);
    assert_eq!((words(&changes)[0], changes[1]), ("back", Change::Restarted(Sign::Port { before: 5000, now: 6000 })));
    assert_eq!(host.steady(310..400), []);
}

#[test]
fn two_sockets_side_by_side_and_one_for_each_packet_are_no_restart() {
    let mut host = Simulation::new();
    let mut changes = Vec::new();
    for second in (0..600).step_by(10) {
        for port in [4000, 4001] {
            host.port = port;
            changes.extend(host.packet(second, &[second]));
        }
        changes.extend(host.look(second));
    }
    for second in (600..1200).step_by(10) {
        host.port += 1;
        changes.extend([host.packet(second, &[second]), host.look(second)].concat());
    }
    let restarts = words(&changes).into_iter().filter(|word| *word == "restarted").count();
    assert_eq!((changes.len(), restarts, host.host.endpoints.len()), (1, 0, ENDPOINTS), "{changes:?}");
}

#[test]
fn a_clock_that_is_wrong_is_told_and_so_is_that_it_is_right() {
    let mut host = Simulation::new();
    host.ahead = 42;
    let changes = host.steady(0..50);
    assert_eq!(words(&changes), ["new", "clock-wrong"]);
    assert_eq!(changes[1].to_string(), "clock is wrong: 42 s ahead");
    assert!(host.host.skew.is_wrong);
    host.ahead = 0;
    assert_eq!(words(&host.steady(50..250)), ["clock-right"]);
    host.ahead = -3600;
    assert_eq!(
        host.steady(250..400).iter().map(ToString::to_string).collect::<Vec<_>>(),
        ["clock is wrong: 3600 s behind"]
    );
}

#[test]
fn who_was_there_for_long_is_remembered_for_longer() {
    let mut host = Simulation::new();
    host.packet(0, &[0]);
    host.look(100);
    assert!(!host.host.is_forgotten(3600 * SECOND, &RULES) && host.host.is_forgotten(3601 * SECOND, &RULES));
    let mut host = Simulation::new();
    host.steady(0..100_000);
    host.look(110_000);
    let at = |hours: u64| (99_990 + hours * 3600 + 1) * SECOND;
    assert!(!host.host.is_forgotten(at(23), &RULES) && host.host.is_forgotten(at(24), &RULES));
}
