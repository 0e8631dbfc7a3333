//! What a real collectd signs, encrypts or leaves plain is accepted as the security level and the AuthFile say.

use collectd_net_tests::{
    auth::{AuthFile, PASSWORD},
    collectd::{Block, Collectd},
    json::Object,
    net::{Net, PORT, RECEIVER},
    tap::Tap,
    until,
};

#[test]
fn unsigned_packets_are_refused_at_level_sign() {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    let listen = ["listen", "-L", "10.99.0.2", "-L", "[fd99::2]:25826"];
    let tap = Tap::start(&net.receiver, &[&listen[..], &["-s", "sign", "-a", auth.path(), "-o", "json"]].concat());
    let plain = RECEIVER.map(|ip| Block::server(ip, PORT));
    let signed = plain.clone().map(|block| block.sign("user", PASSWORD));
    // collectd sends in this order: when the signed packets are printed, the plain ones have been dealt with.
    let collectd = Collectd::start(&net.sender, &[plain, signed].concat());

    collectd.put("PUTNOTIF severity=okay time=1700000000 message=calm");
    collectd.put("PUTVAL alpha.example.net/p/gauge 1700000000:1");
    tap.wait_for(4, || collectd.flush());
    let ended = tap.interrupt();

    let signed = |line: &String| Object::read(line).text("security") == "signed";
    assert!(ended.lines.len() == 4 && ended.lines.iter().all(signed), "{:#?}", ended.lines);
    let counts = ["packet", "item", "refused"].map(|word| ended.count(word));
    assert_eq!(counts, [8, 4, 4], "{}", ended.talk);
    assert_eq!(ended.code, Some(0));
}

#[test]
fn an_unsigned_packet_is_a_failure_under_strict() {
    let net = Net::new();
    let auth = AuthFile::new(["user"]);
    let arguments = ["listen", "-L", "10.99.0.2", "-s", "sign", "-a", auth.path(), "--strict", "-c", "1"];
    let tap = Tap::start(&net.receiver, &arguments);
    let plain = Block::server(RECEIVER[0], PORT);
    let collectd = Collectd::start(&net.sender, &[plain.clone(), plain.sign("user", PASSWORD)]);

    collectd.put("PUTNOTIF severity=okay time=1700000000 host=alpha.example.net message=calm");
    let ended = tap.wait();

    assert_eq!(ended.lines, ["[1700000000] alpha.example.net [OKAY] calm"]);
    assert_eq!(ended.code, Some(4), "{}", ended.talk);
}

#[test]
fn a_wrong_password_prints_nothing_at_any_level() {
    for level in ["none", "sign", "encrypt"] {
        let net = Net::new();
        let auth = AuthFile::new(["user"]);
        let tap = Tap::start(
            &net.receiver,
            &["listen", "-L", "10.99.0.2", "-s", level, "-a", auth.path(), "--rejects", "-o", "json"],
        );
        let server = Block::server(RECEIVER[0], PORT);
        let blocks = [
            server.clone().sign("user", "wrong"),
            server.clone().encrypt("user", "wrong"),
            server.clone().sign("stranger", PASSWORD),
            server.clone().encrypt("stranger", PASSWORD),
            server.encrypt("user", PASSWORD),
        ];
        let collectd = Collectd::start(&net.sender, &blocks);

        collectd.put("PUTNOTIF severity=okay time=1700000000 message=calm");
        tap.wait_for(blocks.len(), || {});
        let ended = tap.interrupt();

        let kinds: Vec<_> = ended.lines.iter().map(|line| Object::read(line).text("kind")).collect();
        assert_eq!(
            kinds,
            ["reject", "reject", "reject", "reject", "notification"],
            "level {level}: {:#?}",
            ended.lines
        );
        let last = Object::read(&ended.lines[4]);
        assert_eq!((last.text("security"), last.text("user")), ("encrypted".to_owned(), "user".to_owned()));
        assert_eq!(ended.count("refused"), 4, "level {level}: {}", ended.talk);
        assert_eq!(ended.code, Some(0), "level {level}");
    }
}

#[test]
fn a_user_added_to_the_auth_file_is_accepted_without_restart() {
    let net = Net::new();
    let auth = AuthFile::new(["first"]);
    let tap = Tap::start(
        &net.receiver,
        &["listen", "-L", "10.99.0.2", "-s", "sign", "-a", auth.path(), "--rejects", "-o", "json"],
    );
    let server = Block::server(RECEIVER[0], PORT);
    let blocks = [server.clone().sign("second", "another password"), server.sign("first", PASSWORD)];
    let collectd = Collectd::start(&net.sender, &blocks);

    collectd.put("PUTNOTIF severity=okay time=1700000000 message=before");
    let before = tap.wait_for(2, || {});
    assert_eq!(Object::read(&before[0]).text("kind"), "reject");
    assert_eq!(Object::read(&before[1]).text("user"), "first");

    auth.write("first: secret of all\nsecond: another password");
    let mut second = None;
    until("the second user to be accepted", || {
        collectd.put("PUTNOTIF severity=okay time=1700000001 message=after");
        second = tap.lines().into_iter().find(|line| line.contains("\"user\":\"second\""));
        second.is_some()
    });

    assert_eq!(Object::read(&second.expect("just found")).text("message"), "after");
    assert_eq!(tap.interrupt().code, Some(0));
}
