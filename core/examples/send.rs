//! Sends a value to a collectd, signed.
//!
//! ```sh
//! cargo run -p collectd-net --example send -- 127.0.0.1:25826 alice wonderland 42
//! ```

use std::net::UdpSocket;
use std::time::SystemTime;

use collectd_net::{Encoder, Identifier, Interval, Key, PACKET_SIZE, SEAL_ROOM, Time, Value};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [to, user, password, number] = &arguments[..] else {
        return Err("usage: send HOST:PORT USER PASSWORD NUMBER".into());
    };
    let identifier =
        Identifier { host: "example".into(), plugin: "send".into(), type_: "gauge".into(), ..Identifier::default() };
    let time = Time::try_from(SystemTime::UNIX_EPOCH.elapsed()?)?;

    // Once for each user, not for each packet.
    let key = Key::new(password.as_bytes());

    let mut buffer = [0; PACKET_SIZE];
    let mut encoder = Encoder::with_room(&mut buffer, SEAL_ROOM);
    encoder.value_list(&identifier, time, Interval::from_secs(10), [Value::Gauge(number.parse()?)])?;
    let packet = encoder.sign(user, &key)?;

    let to: std::net::SocketAddr = to.parse()?;
    let from = if to.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    UdpSocket::bind(from)?.send_to(packet, to)?;
    Ok(())
}
