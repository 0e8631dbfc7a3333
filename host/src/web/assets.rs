//! The page: files that are part of the program, and need nothing from elsewhere.

use std::hash::{DefaultHasher, Hasher as _};

use axum::Router;
use axum::body::Body;
use axum::http::header::{CONTENT_TYPE, ETAG, HeaderValue, IF_NONE_MATCH};
use axum::http::{HeaderMap, Response, StatusCode};
use axum::routing::get;

use super::routes::State;

/// A file: where it is, of what type, and its octets.
type Asset = (&'static str, &'static str, &'static [u8]);

const HTML: &str = "text/html; charset=utf-8";
const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

macro_rules! asset {
    ($path:literal, $type:expr, $file:literal) => {
        ($path, $type, include_bytes!(concat!("page/", $file)))
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
        let tag = tag(asset.2);
        router.route(asset.0, get(move |headers: HeaderMap| std::future::ready(answer(asset, &tag, &headers))))
    })
}

/// What tells a file from others that were here before.
fn tag(octets: &[u8]) -> HeaderValue {
    let mut hasher = DefaultHasher::new();
    hasher.write(octets);
    HeaderValue::from_str(&format!("\"{:016x}\"", hasher.finish())).expect("digits between quotes")
}

/// The file, unless the client has it already.
fn answer((_, type_, octets): Asset, tag: &HeaderValue, headers: &HeaderMap) -> Response<Body> {
    let is_known = headers.get(IF_NONE_MATCH) == Some(tag);
    let mut response = Response::new(if is_known { Body::empty() } else { Body::from(octets) });
    if is_known {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
    }
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(type_));
    response.headers_mut().insert(ETAG, tag.clone());
    response
}

#[cfg(test)]
mod tests {
    use sha2::{Digest as _, Sha384};

    use super::*;

    fn text(path: &str) -> &'static str {
        let asset = ASSETS.iter().find(|(known, ..)| *known == path).expect(path);
        str::from_utf8(asset.2).expect("UTF-8")
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
        for (path, type_, octets) in ASSETS.iter().filter(|(path, ..)| !path.starts_with("/uplot")) {
            let text = str::from_utf8(octets).expect("UTF-8");
            let is_name = |text: &str| text.contains("http://www.w3.org/");
            assert!(text.lines().all(|line| !line.contains("://") || is_name(line)), "{path} names another place");
            let parts = text.split(['"', '\'']);
            for named in parts.filter_map(|part| part.strip_prefix("./")) {
                assert!(paths.contains(&format!("/{named}").as_str()), "{path} needs {named}");
            }
            assert!(!type_.is_empty());
        }
    }
}
