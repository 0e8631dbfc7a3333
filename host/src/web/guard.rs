//! Which requests are answered at all: those that read, of pages of our own.
//!
//! A page of somebody else can make a browser ask here, and with a name that it has pointed at this machine read the answer. So
//! the name that was asked for has to be one of ours.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use axum::body::Body;
use axum::http::header::{ALLOW, HOST, HeaderMap, HeaderName, HeaderValue};
use axum::http::uri::Authority;
use axum::http::{Method, Request, Response, StatusCode};

/// What all answers say.
const HEADERS: [(HeaderName, &str); 7] = [
    (
        HeaderName::from_static("content-security-policy"),
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'",
    ),
    (HeaderName::from_static("x-content-type-options"), "nosniff"),
    (HeaderName::from_static("referrer-policy"), "no-referrer"),
    (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
    (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
    (HeaderName::from_static("x-frame-options"), "DENY"),
    (HeaderName::from_static("cache-control"), "no-cache"),
];

/// Adds to an answer what all say.
pub(super) fn protect(headers: &mut HeaderMap) {
    for (name, value) in HEADERS {
        headers.insert(name, HeaderValue::from_static(value));
    }
}

/// Refuses a request that is not to be answered, which came to this address of ours, also known by these names.
pub(super) fn refusal<B>(request: &Request<B>, to: SocketAddr, names: &[String]) -> Option<Response<Body>> {
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        let mut response = refuse(StatusCode::METHOD_NOT_ALLOWED, "only GET and HEAD: nothing can be changed here");
        response.headers_mut().insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return Some(response);
    }
    let mut hosts = request.headers().get_all(HOST).iter();
    let in_header = hosts.next().and_then(|host| host.to_str().ok());
    if hosts.next().is_some() {
        return Some(refuse(StatusCode::BAD_REQUEST, "more than one Host header"));
    }
    // What an absolute target says counts, and what the header says has to be ours just the same.
    let in_target = request.uri().authority().map(Authority::as_str);
    let is_ours = |host: Option<&str>| host.is_some_and(|host| is_name(host, to.ip(), names));
    if !is_ours(in_header) || in_target.is_some() && !is_ours(in_target) {
        return Some(refuse(
            StatusCode::MISDIRECTED_REQUEST,
            "this is no name of this server; collectd-tap top --web-host NAME makes it one",
        ));
    }
    None
}

fn refuse(status: StatusCode, reason: &'static str) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{reason}\n")));
    *response.status_mut() = status;
    response.headers_mut().insert("content-type", HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

/// Whether this is, with any port or none, our address, `localhost`, or one of the names.
fn is_name(host: &str, ip: IpAddr, names: &[String]) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => {
            let Some((literal, port)) = rest.split_once(']') else { return false };
            let is_ours = literal
                .parse::<Ipv6Addr>()
                .is_ok_and(|literal| IpAddr::V6(literal).to_canonical() == ip.to_canonical());
            return is_ours && is_port(port);
        }
        None => match host.split_once(':') {
            Some((name, port)) if port.bytes().all(|octet| octet.is_ascii_digit()) => name,
            Some(_) => return false,
            None => host,
        },
    };
    let name = name.strip_suffix('.').unwrap_or(name);
    name.parse::<IpAddr>().is_ok_and(|literal| literal == ip.to_canonical())
        || name.eq_ignore_ascii_case("localhost")
        || names.iter().any(|known| known.eq_ignore_ascii_case(name))
}

fn is_port(text: &str) -> bool {
    text.is_empty() || text.strip_prefix(':').is_some_and(|port| port.bytes().all(|octet| octet.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_address_and_those_given() {
        let names = ["Tap.example".to_owned()];
        let is = |host: &str, ip: &str| is_name(host, ip.parse().expect("an address"), &names);
        for host in
            ["127.0.0.1", "127.0.0.1:8258", "localhost", "LOCALHOST:1", "localhost.", "tap.example", "tap.EXAMPLE.:80"]
        {
            assert!(is(host, "127.0.0.1"), "{host}");
        }
        for host in ["[::1]", "[::1]:8258", "[0:0::1]", "localhost"] {
            assert!(is(host, "::1"), "{host}");
        }
        assert!(is("10.0.0.1", "::ffff:10.0.0.1") && is("[::ffff:10.0.0.1]", "10.0.0.1"));
        for host in [
            "",
            "evil.example",
            "127.0.0.1.evil.example",
            "127.0.0.2",
            "[::1]",
            "localhost:x",
            "localhost:1:2",
            "tap.example.evil",
            "::1",
            "[::1",
            "[::1]x",
            " localhost",
            "user@localhost",
        ] {
            assert!(!is(host, "127.0.0.1"), "{host}");
        }
        assert!(!is("127.0.0.1", "::1") && !is("[::2]", "::1") && !is("[::1]:x", "::1"));
    }

    fn status(request: Request<()>) -> Option<StatusCode> {
        refusal(&request, ([127, 0, 0, 1], 8258).into(), &[]).map(|response| response.status())
    }

    #[test]
    fn what_changes_something_or_asks_another_host_is_refused() {
        let request = || Request::builder().header("host", "localhost");
        assert_eq!(status(request().body(()).expect("a request")), None);
        assert_eq!(status(request().method("HEAD").body(()).expect("a request")), None);
        for method in ["POST", "PUT", "DELETE", "OPTIONS", "TRACE", "CONNECT", "get"] {
            let request = request().method(method).body(()).expect("a request");
            assert_eq!(status(request), Some(StatusCode::METHOD_NOT_ALLOWED), "{method}");
        }
        let misdirected = Some(StatusCode::MISDIRECTED_REQUEST);
        assert_eq!(status(Request::new(())), misdirected);
        assert_eq!(status(request().uri("http://evil.example/").body(()).expect("a request")), misdirected);
        let absolute = Request::builder().header("host", "evil.example").uri("http://localhost/");
        assert_eq!(status(absolute.body(()).expect("a request")), misdirected);
        assert_eq!(status(request().uri("http://localhost:1/").body(()).expect("a request")), None);
        let twice = request().header("host", "localhost").body(()).expect("a request");
        assert_eq!(status(twice), Some(StatusCode::BAD_REQUEST));
    }
}
