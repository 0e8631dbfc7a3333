//! The vectors: packets that a collectd 5.12.0 sent, and packets made by hand that it was shown; `data/vectors/README.md`.
//!
//! Each says what we make of it: the items as the blog's lines, and what is refused as `word@offset`, in order.

use collectd_net::{Item, Passwords, SecurityLevel, User, open};
use collectd_tap::sink::blog::Line;

const VECTORS: &str = include_str!("data/vectors/vectors.tsv");

fn packet(name: &str) -> Vec<u8> {
    let line = VECTORS.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix('\t'));
    let hex = line.unwrap_or_else(|| panic!("no vector {name}"));
    (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).expect("hexadecimal")).collect()
}

fn read(name: &str, passwords: impl Passwords, level: SecurityLevel) -> Vec<String> {
    let mut packet = packet(name);
    let items = open(&mut packet, passwords, level);
    items
        .map(|item| match item {
            Ok(item) => Line(&item).to_string(),
            Err(error) => format!("{}@{}", error.cause.word(), error.offset),
        })
        .collect()
}

fn users() -> [User<'static>; 2] {
    [User::new("testuser", "s3cr3t-pa55"), User::new("admin", "admin")]
}

/// A receiver without passwords, then one with them at each level.
fn read_everywhere(name: &str) -> [Vec<String>; 4] {
    [
        read(name, (), SecurityLevel::None),
        read(name, users(), SecurityLevel::None),
        read(name, users(), SecurityLevel::Sign),
        read(name, users(), SecurityLevel::Encrypt),
    ]
}

/// A plain packet: the same with and without passwords.
#[track_caller]
fn plain(name: &str, expected: &[&str]) {
    let [without, with, sign, encrypt] = read_everywhere(name);
    assert_eq!(without, expected);
    assert_eq!(with, expected);
    for sealed in [sign, encrypt] {
        assert!(sealed.iter().all(|line| line.contains('@')), "plain content below the level: {sealed:?}");
    }
}

/// A sealed packet: without passwords, and with them at level None, Sign and Encrypt.
#[track_caller]
fn sealed(name: &str, expected: [&[&str]; 4]) {
    let read = read_everywhere(name);
    for (place, (read, expected)) in read.iter().zip(expected).enumerate() {
        assert_eq!(read, expected, "receiver {place}");
    }
}

const G01: &[&str] = &["[1700005000] h/p/gauge [(1, 42.0)]"];
const G03: &[&str] = &[
    "[1700000000] host.example/load/load [(1, 0.25), (1, 0.5), (1, 1.5)]",
    "[1700000001] host.example/test/pi/all4/ti [(0, 18446744073709551615), (1, 42.0), (2, -5), (3, 12345)]",
    "[1700000002] host.example/test/pi/gauge/nan [(1, nan)]",
];
const G05: &[&str] = &["[1700000010] host.example/load/pi/load/ti [WARNING] The roof is on fire!"];
const G06: &[&str] = &["[1700000011]  [FAILURE] min"];
const LOCKED: &[&str] = &["no-keys@0"];

#[test]
fn g01_minimal_value() {
    plain("G01", G01);
}

#[test]
fn g01s_signed() {
    sealed("G01s", [G01, G01, G01, &["below-level@90"]]);
}

#[test]
fn g01e_encrypted() {
    sealed("G01e", [LOCKED, G01, G01, G01]);
}

#[test]
fn g01f_encrypted_with_a_known_iv() {
    sealed("G01f", [LOCKED, G01, G01, G01]);
}

#[test]
fn g02_value_of_the_blog_post() {
    plain("G02", &["[1700000020] host.example/swap/swap/used [(1, 48082944.0)]"]);
}

#[test]
fn g03_all_kinds_and_a_nan() {
    plain("G03", G03);
}

#[test]
fn g03s_signed() {
    sealed("G03s", [G03, G03, G03, &["below-level@103"]]);
}

#[test]
fn g03e_encrypted() {
    sealed("G03e", [LOCKED, G03, G03, G03]);
}

#[test]
fn g04_fields_change_back_and_extreme_numbers() {
    plain(
        "G04",
        &[
            "[1700004000] host.example/p/inst/gauge/a [(1, -0.0)]",
            "[1700004000] host.example/p/gauge [(1, 1e-300)]",
            "[1700004001] host.example/p/counter [(0, 4294967296)]",
            "[1700004001] other.example/p/derive/x [(2, -9223372036854775808)]",
            "[1700004001] other.example/p/absolute/x [(3, 7)]",
            "[1700004001] other.example/p/if_octets/eth0 [(2, 1), (2, 2)]",
        ],
    );
}

#[test]
fn g04_times_and_intervals_are_exact() {
    let mut packet = packet("G04");
    let times: Vec<_> = open(&mut packet, (), SecurityLevel::None)
        .map(|item| match item.expect("a good packet") {
            Item::ValueList(list) => (list.time.raw(), list.interval.map(collectd_net::Interval::raw)),
            Item::Notification(_) => panic!("no notification here"),
        })
        .collect();
    let (first, then) = (1_825_365_395_899_856_640, 1_700_004_001 << 30);
    let (short, long) = (Some(0xa000_0000), Some(60 << 30));
    assert_eq!(times, [(first, short), (first, short), (then, long), (then, long), (then, long), (then, long)]);
}

#[test]
fn g05_notification() {
    plain("G05", G05);
}

#[test]
fn g05s_signed() {
    sealed("G05s", [G05, G05, G05, &["below-level@117"]]);
}

#[test]
fn g05e_encrypted() {
    sealed("G05e", [LOCKED, G05, G05, G05]);
}

#[test]
fn g06_notification_about_nothing() {
    plain("G06", G06);
}

#[test]
fn g06s_signed() {
    sealed("G06s", [G06, G06, G06, &["below-level@68"]]);
}

#[test]
fn g06e_encrypted() {
    sealed("G06e", [LOCKED, G06, G06, G06]);
}

#[test]
fn g07_time_and_interval_in_whole_seconds() {
    plain("G07", &["[1700006000] h/p/gauge/old [(1, 42.0)]"]);
}

#[test]
fn b01_header_without_a_string() {
    plain("B01", &["string-empty@0"]);
}

#[test]
fn b02_stray_octets() {
    plain("B02", &["[1700001000] b-t3/p/gauge [(1, 1.0)]", "stray@64"]);
}

#[test]
fn b03_unknown_part_of_length_four() {
    plain("B03", &["[1700001000] b-u4/p/gauge [(1, 1.0)]", "[1700001000] b-u4/p/gauge/x [(1, 2.0)]"]);
}

#[test]
fn b04_unknown_part() {
    plain("B04", &["[1700001000] b-u10/p/gauge [(1, 1.0)]"]);
}

#[test]
fn b05_part_of_length_zero() {
    plain("B05", &["[1700001000] b-l0/p/gauge [(1, 1.0)]", "part-length@64"]);
}

#[test]
fn b06_part_of_length_three() {
    plain("B06", &["[1700001000] b-l3/p/gauge [(1, 1.0)]", "part-length@64"]);
}

#[test]
fn b07_string_part_of_length_four() {
    plain("B07", &["[1700001000] b-s4/p/gauge [(1, 1.0)]", "string-empty@64"]);
}

#[test]
fn b08_string_without_nul() {
    plain("B08", &["[1700001000] b-nonul/p/gauge [(1, 1.0)]", "string-unterminated@67"]);
}

#[test]
fn b09_empty_string_clears_the_instance() {
    plain("B09", &["[1700001000] b-sempty/p/gauge/x [(1, 1.0)]", "[1700001000] b-sempty/p/gauge [(1, 2.0)]"]);
}

#[test]
fn b10_string_ends_at_its_first_nul() {
    plain("B10", &["[1700001000] b-emb/p/gauge [(1, 1.0)]"]);
}

#[test]
fn b11_last_part_is_cut() {
    plain("B11", &["[1700001000] b-trunc/p/gauge [(1, 1.0)]", "truncated@67"]);
}

#[test]
fn b12_fewer_values_than_said() {
    plain("B12", &["values-length@50"]);
}

#[test]
fn b13_more_values_than_said() {
    plain("B13", &["values-length@50"]);
}

#[test]
fn b14_no_values_at_the_end() {
    plain("B14", &["no-values@50"]);
}

#[test]
fn b15_no_values_cost_only_themselves() {
    plain("B15", &["no-values@50", "[1700001000] b-v0m/p/gauge/x [(1, 2.0)]"]);
}

/// The daemon drops the first, for its types.db has one data source for this type.
#[test]
fn b16_types_db_is_not_asked() {
    plain("B16", &["[1700001000] b-ds2/p/gauge [(1, 1.0), (1, 2.0)]", "[1700001000] b-ds2/p/gauge/x [(1, 2.0)]"]);
}

/// The daemon drops all that follows.
#[test]
fn b17_unknown_kind_costs_only_its_list() {
    plain("B17", &["unknown-kind@50", "[1700001000] b-dt4/p/gauge/x [(1, 2.0)]"]);
}

/// The daemon reads the bits of the gauge as a derive, because types.db says so.
#[test]
fn b18_kind_of_the_wire_is_kept() {
    plain("B18", &["[1700001000] b-lie/p/derive [(1, 1.0)]"]);
}

#[test]
fn b19_value_without_host_costs_only_itself() {
    plain("B19", &["incomplete@28", "[1700001000] b-nohost/p/gauge [(1, 2.0)]"]);
}

#[test]
fn b20_value_without_time() {
    plain("B20", &["incomplete@29"]);
}

#[test]
fn b21_value_without_interval_is_fine() {
    plain("B21", &["[1700001000] b-noint/p/gauge [(1, 1.0)]"]);
    let mut packet = packet("B21");
    let Some(Ok(Item::ValueList(list))) = open(&mut packet, (), SecurityLevel::None).next() else { panic!("a value") };
    assert_eq!(list.interval, None);
}

/// The daemon's time wraps to 1700001000.
#[test]
fn b22_seconds_beyond_34_bits() {
    plain("B22", &["time-range@10", "incomplete@38"]);
}

#[test]
fn b23_number_part_of_eight_octets() {
    plain("B23", &["[1700001000] b-n8/p/gauge [(1, 1.0)]", "number-length@64"]);
}

#[test]
fn b24_number_part_of_twenty_octets() {
    plain("B24", &["[1700001000] b-n20/p/gauge [(1, 1.0)]", "number-length@65"]);
}

/// The daemon stores the host as `b_sl_ash`; on the wire it has slashes.
#[test]
fn b25_slashes_are_kept() {
    plain("B25", &["[1700001000] b/sl/ash/p/gauge [(1, 1.0)]"]);
}

#[test]
fn b26_instance_that_is_a_slash() {
    plain("B26", &["[1700001000] b-sl2/p///gauge [(1, 1.0)]"]);
}

#[test]
fn b27_gauge_in_the_wrong_byte_order_is_what_it_says() {
    plain("B27", &["[1700001000] b-inf3/p/gauge [(1, 3.143e-319)]"]);
}

#[test]
fn n01_notification_without_severity() {
    plain("N01", &["severity@12"]);
}

#[test]
fn n02_severity_three() {
    plain("N02", &["severity@24"]);
}

/// The daemon takes it for a failure.
#[test]
fn n03_severity_that_is_one_in_its_low_half() {
    plain("N03", &["severity@24"]);
}

#[test]
fn n04_notification_without_time() {
    plain("N04", &["incomplete@12"]);
}

#[test]
fn n05_empty_message() {
    plain("N05", &["empty-message@24"]);
}

#[test]
fn n06_severity_stays_for_the_next_message() {
    plain(
        "N06",
        &["[1700001000] hh/pp [FAILURE] one", "[1700001000] hh/pp [FAILURE] two", "[1700001000] hh/pp [WARNING] three"],
    );
}

#[test]
fn n07_notification_shares_the_names_of_the_value_before() {
    plain("N07", &["[1700001000] n-h1/p/gauge/tt [(1, 1.0)]", "[1700001000] n-h1/p/gauge/tt [FAILURE] shared"]);
}

#[test]
fn s01_signature_without_user() {
    sealed("S01", [&["seal-length@0"]; 4]);
}

#[test]
fn s02_signed_with_the_wrong_password() {
    let refused: &[&str] = &["bad-signature@0"];
    sealed("S02", [&["[1700001000] sbad/p/gauge [(1, 1.0)]"], refused, refused, refused]);
}

#[test]
fn s03_plain_before_signed() {
    let (first, second) = ("[1700001000] mix1a/p/gauge [(1, 1.0)]", "[1700001000] mix1b/p/gauge [(1, 1.0)]");
    let neither: &[&str] = &["below-level@50", "below-level@159"];
    sealed("S03", [&[first, second], &[first, second], &["below-level@50", second], neither]);
}

#[test]
fn e01_encrypted_with_the_wrong_password() {
    let refused: &[&str] = &["bad-checksum@0"];
    sealed("E01", [LOCKED, refused, refused, refused]);
}

/// Without passwords the daemon drops the plain value, too.
#[test]
fn e02_plain_behind_encrypted() {
    let (first, second) = ("[1700001000] mix2a/p/gauge [(1, 1.0)]", "[1700001000] mix2b/p/gauge [(1, 1.0)]");
    let first_only: &[&str] = &[first, "below-level@165"];
    sealed("E02", [&["no-keys@0", second], &[first, second], first_only, first_only]);
}

#[test]
fn e03_names_do_not_get_into_a_seal() {
    let refused: &[&str] = &["incomplete@86"];
    sealed("E03", [&["no-keys@36"], refused, refused, refused]);
}

#[test]
fn e04_names_do_not_get_out_of_a_seal() {
    let below: &[&str] = &["below-level@87"];
    sealed("E04", [&["no-keys@0", "incomplete@87"], &["incomplete@87"], below, below]);
}

#[test]
fn e05_two_parts_of_two_users() {
    let both: &[&str] = &["[1700001000] two1/p/gauge [(1, 1.0)]", "[1700001000] two2/p/gauge [(1, 1.0)]"];
    sealed("E05", [&["no-keys@0", "no-keys@114"], both, both, both]);
    let mut packet = packet("E05");
    let users = users();
    let items = open(&mut packet, &users, SecurityLevel::Encrypt);
    let names: Vec<_> = items.map(|item| item.expect("a good packet").user().expect("a user").to_string()).collect();
    assert_eq!(names, ["testuser", "admin"]);
}

#[test]
fn e06_encrypted_inside_signed() {
    let inside: &[&str] = &["[1700001000] eins/p/gauge [(1, 1.0)]"];
    sealed("E06", [&["no-keys@41"], inside, inside, inside]);
}

#[test]
fn e07_signed_inside_encrypted() {
    let inside: &[&str] = &["[1700001000] sine/p/gauge [(1, 1.0)]"];
    sealed("E07", [LOCKED, inside, inside, inside]);
}
