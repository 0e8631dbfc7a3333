//! The page: files that are part of the program, and need nothing from elsewhere.
//!
//! They are compressed when the program is built, and sent like that to clients that take it, which browsers do.

use std::hash::{DefaultHasher, Hasher as _};
use std::io::Read as _;

use axum::Router;
use axum::body::Body;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH, VARY};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;
use flate2::read::GzDecoder;

use super::routes::State;

/// A file: where it is, of what type, and its octets, compressed.
type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($path:literal, $type:expr, $file:literal) => {
        ($path, $type, include_bytes!(concat!(env!("OUT_DIR"), "/", $file, ".gz")))
    };
}

const ASSETS: [Asset; 15] = [
    asset!("/", HTML, "index.html"),
    asset!("/app.css", CSS, "app.css"),
    asset!("/app.js", SCRIPT, "app.js"),
    asset!("/address.js", SCRIPT, "address.js"),
    asset!("/chart.js", SCRIPT, "chart.js"),
    asset!("/fleet.js", SCRIPT, "fleet.js"),
    asset!("/grid.js", SCRIPT, "grid.js"),
    asset!("/stream.js", SCRIPT, "stream.js"),
    asset!("/tables.js", SCRIPT, "tables.js"),
    asset!("/text.js", SCRIPT, "text.js"),
    asset!("/tree.js", SCRIPT, "tree.js"),
    asset!("/favicon.svg", "image/svg+xml", "favicon.svg"),
    asset!("/uplot.js", SCRIPT, "uplot-1.6.32/uPlot.iife.min.js"),
    asset!("/uplot.css", CSS, "uplot-1.6.32/uPlot.min.css"),
    asset!("/uplot-license.txt", "text/plain; charset=utf-8", "uplot-1.6.32/LICENSE"),
];

/// Adds them to what is served.
pub(super) fn serve(router: Router<State>) -> Router<State> {
    ASSETS.into_iter().fold(router, |router, asset| {
        let tags = [false, true].map(|compressed| tag(asset.2, compressed));
        router.route(asset.0, get(move |headers: HeaderMap| std::future::ready(answer(asset, &tags, &headers))))
    })
}

/// What tells a file from others that were here before, and from itself in its other form.
fn tag(octets: &[u8], compressed: bool) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(octets);
    let form = if compressed { "-gzip" } else { "" };
    HeaderValue::from_str(&format!("\"{:016x}{form}\"", hasher.finish())).expect("digits between quotes")
}

/// The file, in the form that the client takes, unless it has it already.
fn answer((_, type_, octets): Asset, [plain, compressed]: &[HeaderValue; 2], headers: &HeaderMap) -> Response<Body> {
    let takes_gzip = takes_gzip(headers);
    let tag = if takes_gzip { compressed } else { plain };
    let is_known = headers.get(IF_NONE_MATCH) == Some(tag);
    let mut response = Response::new(match () {
        () if is_known => Body::empty(),
        () if takes_gzip => Body::from(octets),
        () => Body::from(unpacked(octets)),
    });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    } else if takes_gzip {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(type_));
    response.headers_mut().insert(ETAG, tag.clone());
    response.headers_mut().insert(VARY, HeaderValue::from_static("accept-encoding"));
    response
}

/// Whether a client says that it takes what is compressed with gzip: by name, or with everything that it does not name.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let lines = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|line| line.to_str().ok());
    let (mut by_name, mut by_star) = (None, None);
    for coding in lines.flat_map(|line| line.split(',')) {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        // `q=0`, in up to three more digits, says no.
        let digits = weight.trim().strip_prefix(['q', 'Q']).map(|digits| digits.trim_matches([' ', '=', '0', '.']));
        let wanted = digits != Some("");
        match name.trim() {
            "*" => by_star = Some(wanted),
            name if name.eq_ignore_ascii_case("gzip") || name.eq_ignore_ascii_case("x-gzip") => by_name = Some(wanted),
            _ => {}
        }
    }
    by_name.or(by_star).unwrap_or(false)
}

/// What is compressed here, as it was.
fn unpacked(octets: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    GzDecoder::new(octets).read_to_end(&mut plain).expect("it was compressed when this was built");
    plain
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha384};

    use super::*;

    fn text(path: &str) -> String {
        let asset = ASSETS.iter().find(|(known, ..)| *known == path).expect(path);
        String::from_utf8(unpacked(asset.2)).expect("UTF-8")
    }

    /// What browsers compare a file with: the start and the hash in base 64.
    fn integrity(octets: &[u8]) -> String {
        const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
        let hash = Sha384::digest(octets);
        let digits = hash.chunks(3).flat_map(|three| {
            let bits = three.iter().fold(0_usize, |bits, octet| bits << 8 | usize::from(*octet));
            [18, 12, 6, 0].map(|shift| char::from(DIGITS[bits >> shift & 63]))
        });
        format!("sha384-{}", digits.collect::<String>())
    }

    #[test]
    fn the_charts_are_those_that_were_published() {
        for (path, published) in [
            ("/uplot.js", "sha384-Gx3t0zdBAuQOuvvmaLZj7HKEiSgWTAs+VdtNY7wt19QDPTDQjFIwAuXDj0zeN00c"),
            ("/uplot.css", "sha384-IfV0B7MIOYuO95kO9G5ySKPz/85zqFNOAs8iy4tkK5zd9izhJAB8b7lHrwYqqmYE"),
        ] {
            assert_eq!(integrity(text(path).as_bytes()), published, "{path}");
            assert!(text("/").contains(&format!("integrity=\"{published}\"")), "{path}");
        }
        assert!(text("/uplot.js").contains("uPlot (v1.6.32)"));
        assert!(text("/uplot-license.txt").starts_with("The MIT License"));
    }

    #[test]
    fn all_that_the_page_needs_is_there_and_nothing_is_elsewhere() {
        let paths: Vec<_> = ASSETS.iter().map(|(path, ..)| *path).collect();
        for (path, type_, _) in ASSETS.iter().filter(|(path, ..)| !path.starts_with("/uplot")) {
            let text = text(path);
            let is_name = |text: &str| text.contains("http://www.w3.org/");
            assert!(text.lines().all(|line| !line.contains("://") || is_name(line)), "{path} names another place");
            let parts = text.split(['"', '\'']);
            for named in parts.filter_map(|part| part.strip_prefix("./")) {
                assert!(paths.contains(&format!("/{named}").as_str()), "{path} needs {named}");
            }
            assert!(!type_.is_empty());
        }
    }

    #[test]
    fn gzip_is_taken_by_whoever_says_so() {
        for (said, takes) in [
            (&[][..], false),
            (&["gzip, deflate, br, zstd"], true),
            (&["br", "X-GZIP;q=0.5"], true),
            (&["br;q=1.0, *;q=0.1"], true),
            (&["GZIP ; q=1"], true),
            (&["identity"], false),
            (&[""], false),
            (&["gzip;q=0"], false),
            (&["gzip; Q=0.000, *"], false),
            (&["*;q=0"], false),
            (&["gzip2, notgzip"], false),
        ] {
            let mut headers = HeaderMap::new();
            for line in said {
                headers.append(ACCEPT_ENCODING, HeaderValue::from_static(line));
            }
            assert_eq!(takes_gzip(&headers), takes, "{said:?}");
        }
    }
}
