//! Addresses as text, as `core::net` reads and writes them, in a third of the flash: 1 KB instead of 3.

use core::fmt::{self, Display as _};
use core::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use heapless::Vec;
use smoltcp::wire::{IpAddress, IpCidr};

use crate::plain::Digits;

/// The groups of 16 bits of an IPv6 address.
type Groups = Vec<u16, 8>;

/// An address of either kind.
#[inline(never)]
pub(crate) fn address(text: &str) -> Option<IpAddr> {
    match ipv4(text) {
        Some(address) => Some(address.into()),
        None => ipv6(text).map(IpAddr::V6),
    }
}

/// An address with a port, or without one.
pub(crate) fn socket(text: &str, port: u16) -> Option<SocketAddr> {
    if let Some(address) = address(text) {
        return Some(SocketAddr::new(address, port));
    }
    let (host, port) = match text.strip_prefix('[') {
        Some(text) => {
            let (host, port) = cut(text, b']')?;
            (IpAddr::V6(ipv6(host)?), port.strip_prefix(':')?)
        }
        None => {
            let (host, port) = cut(text, b':')?;
            (IpAddr::V4(ipv4(host)?), port)
        }
    };
    Some(SocketAddr::new(host, number(port, 10, 5)?))
}

/// An address and the length of its prefix.
pub(crate) fn cidr(text: &str) -> Option<IpCidr> {
    let (host, length) = cut(text, b'/')?;
    let (host, length) = (address(host)?, u8::try_from(number(length, 10, 3)?).ok()?);
    (length <= if host.is_ipv4() { 32 } else { 128 }).then(|| IpCidr::new(host.into(), length))
}

/// What is before and what is behind the first of this sign, which is ASCII. [`str::split_once`] searches faster, in 500 octets of a
/// board's flash.
#[inline(never)]
pub(crate) fn cut(text: &str, sign: u8) -> Option<(&str, &str)> {
    let place = text.bytes().position(|octet| octet == sign)?;
    Some((text.get(..place)?, text.get(place.checked_add(1)?..)?))
}

/// What is before the first of this sign, and what is behind it if there is one.
pub(crate) fn first(text: &str, sign: u8) -> (&str, Option<&str>) {
    cut(text, sign).map_or((text, None), |(before, behind)| (before, Some(behind)))
}

/// Up to so many digits, and nothing else.
#[inline(never)]
fn number(text: &str, radix: u32, digits: usize) -> Option<u16> {
    if text.is_empty() || text.len() > digits {
        return None;
    }
    let add = |sum: u32, digit: char| sum.checked_mul(radix)?.checked_add(digit.to_digit(radix)?);
    u16::try_from(text.chars().try_fold(0, add)?).ok()
}

#[inline(never)]
fn ipv4(text: &str) -> Option<Ipv4Addr> {
    let mut octets = [0; 4];
    let mut rest = Some(text);
    for octet in &mut octets {
        let part;
        (part, rest) = first(rest?, b'.');
        // A leading zero stands for octal numbers elsewhere.
        *octet = u8::try_from(number(part, 10, if part.starts_with('0') { 1 } else { 3 })?).ok()?;
    }
    rest.is_none().then(|| octets.into())
}

#[inline(never)]
fn ipv6(text: &str) -> Option<Ipv6Addr> {
    // A search for text takes 600 octets of a board's flash.
    let place = text.as_bytes().windows(2).position(|pair| pair == b"::");
    let (before, behind) = match place.and_then(|place| text.split_at_checked(place)) {
        Some((before, behind)) => (before, behind.get(2..)),
        None => (text, None),
    };
    let mut groups = Groups::new();
    add(&mut groups, before, behind.is_none())?;
    if let Some(behind) = behind {
        let mut end = Groups::new();
        add(&mut end, behind, true)?;
        // It stands for one group at least.
        let zeros = 8_usize.checked_sub(groups.len().saturating_add(end.len())).filter(|zeros| *zeros > 0)?;
        groups.resize(groups.len().saturating_add(zeros), 0).ok()?;
        groups.extend_from_slice(&end).ok()?;
    }
    <[u16; 8]>::try_from(&groups[..]).ok().map(Ipv6Addr::from)
}

/// Adds groups with colons between them. At the end of an address the last two may be an IPv4 address.
#[inline(never)]
fn add(groups: &mut Groups, text: &str, end: bool) -> Option<()> {
    if text.is_empty() {
        return Some(());
    }
    let mut rest = Some(text);
    while let Some(text) = rest {
        let part;
        (part, rest) = first(text, b':');
        if let Some(group) = number(part, 16, 4) {
            groups.push(group).ok()?;
        } else {
            let address = ipv4(part).filter(|_| end && rest.is_none())?;
            let [a, b, c, d] = address.octets();
            groups.extend_from_slice(&[u16::from_be_bytes([a, b]), u16::from_be_bytes([c, d])]).ok()?;
        }
    }
    Some(())
}

/// An address with the length of its prefix, as it is printed (RFC 5952).
pub(crate) struct Shown<'a>(pub(crate) &'a IpCidr);

impl fmt::Display for Shown<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.address() {
            IpAddress::Ipv4(address) => four(f, address.octets())?,
            IpAddress::Ipv6(address) => match address.octets() {
                [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, last @ ..] => {
                    f.write_str("::ffff:")?;
                    four(f, last)?;
                }
                _ => six(f, address.segments())?,
            },
        }
        write!(f, "/{}", Digits::decimal(self.0.prefix_len()))
    }
}

fn four(f: &mut fmt::Formatter<'_>, octets: [u8; 4]) -> fmt::Result {
    let mut point = "";
    for octet in octets {
        f.write_str(point)?;
        Digits::decimal(octet).fmt(f)?;
        point = ".";
    }
    Ok(())
}

/// The first of the longest runs of zeros, if it is one of two groups at least, is left out.
fn six(f: &mut fmt::Formatter<'_>, groups: [u16; 8]) -> fmt::Result {
    let (mut longest, mut run) = (0..0, 0..0);
    for (place, group) in (0_usize..).zip(groups) {
        run = if group == 0 { run.start..place.saturating_add(1) } else { place.saturating_add(1)..place };
        if run.len() > longest.len() {
            longest = run.clone();
        }
    }
    if longest.len() < 2 {
        longest = 8..8;
    }
    for (place, group) in (0_usize..).zip(groups) {
        if longest.contains(&place) {
            f.write_str(if place == longest.start { "::" } else { "" })?;
        } else {
            f.write_str(if place == 0 || place == longest.end { "" } else { ":" })?;
            Digits::hexadecimal(group, 1).fmt(f)?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::string::{String, ToString};

    use super::*;

    /// Pieces of addresses, good and bad, in every order of up to seven of them.
    fn texts() -> impl Iterator<Item = String> {
        const PIECES: [&str; 12] = ["0", "1", "00", "ff", "255", "256", "12345", ":", "::", ".", "1.2.3.4", "g"];
        (0..300_000_u64).map(|number| {
            let mut state = number.wrapping_mul(0x9e37_79b9_7f4a_7c15);
            let mut text = String::new();
            for _ in 0..number % 16 {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                text += PIECES[(state >> 33) as usize % if number % 3 == 0 { 12 } else { 4 }
                    + if number % 3 == 1 { 6 } else { 0 }];
            }
            text
        })
    }

    #[test]
    fn addresses_are_read_as_by_the_standard_library() {
        let mut good = 0;
        let known = ["::", "1::", "::1", "1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7::", "::2:3:4:5:6:7:8", "1::3:4:5:6:7:8"];
        let wrong =
            ["1:2:3:4::5:6:7:8", "1.2.3.4::", "::1.2.3.4:1", "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", ":", "+1.2.3.4"];
        let mixed = ["::ffff:1.2.3.4", "1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:7:1.2.3.4", "0.0.0.0", "01.2.3.4", "1.2.3"];
        for text in known.iter().chain(&wrong).chain(&mixed).map(ToString::to_string).chain(texts()) {
            assert_eq!(address(&text), text.parse().ok(), "{text:?}");
            good += usize::from(address(&text).is_some());
        }
        assert!(good > 100, "{good}");
    }

    #[test]
    fn ports_are_read_as_by_the_standard_library() {
        for text in [
            "1.2.3.4:5",
            "[::1]:65535",
            "[::1]:65536",
            "::1:5",
            "[::1]",
            "1.2.3.4:",
            "[1.2.3.4]:5",
            "1.2.3.4:+5",
            "x:1",
        ] {
            let expected = text.parse().ok().or_else(|| Some(SocketAddr::new(text.parse().ok()?, 9)));
            assert_eq!(socket(text, 9), expected, "{text:?}");
        }
    }

    #[test]
    fn addresses_are_written_as_by_the_standard_library() {
        let mut addresses: std::vec::Vec<IpAddr> = texts().filter_map(|text| address(&text)).collect();
        // Which groups are zero decides.
        addresses.extend((0..256_u32).map(|zeros| {
            let groups: std::vec::Vec<u16> =
                (0..8).map(|at| if zeros >> at & 1 == 0 { 0 } else { 0xfe80 >> at }).collect();
            IpAddr::from(<[u16; 8]>::try_from(groups).unwrap())
        }));
        for address in addresses {
            assert_eq!(Shown(&IpCidr::new(address.into(), 7)).to_string(), std::format!("{address}/7"));
        }
        for text in ["10.0.0.2/24", "fd00::2/128", "::/0"] {
            assert_eq!(Shown(&cidr(text).unwrap()).to_string(), text);
        }
        for text in ["10.0.0.2/33", "fd00::2/129", "10.0.0.2", "10.0.0.2/", "10.0.0.2/x", "/24"] {
            assert_eq!(cidr(text), None, "{text}");
        }
    }
}
