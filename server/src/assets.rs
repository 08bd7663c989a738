//! The web assets, inside the program: compressed at build time, cached for good by version.
//!
//! `cargo xtask build` fills `target/site`; each file has a `.br` sibling, and `manifest.json` names
//! the hash of all of them, which stands in their address, and the files of each part of the module.
//! Files import each other by relative address, so all that a page loads is of one version; another
//! version's files are not here, rather than being others than the page was made for.

use std::{
    collections::BTreeMap,
    sync::{Arc, LazyLock},
};

use amend_app::Assets;
use axum::{
    Router,
    body::Body,
    extract::Path,
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use rust_embed::{EmbeddedFile, RustEmbed};

use crate::http::AppState;

#[derive(RustEmbed)]
#[folder = "../target/site"]
struct Site;

/// A year, which is as long as HTTP knows.
const FOR_GOOD: HeaderValue = HeaderValue::from_static("public, max-age=31536000, immutable");
/// Keep it, but ask each time whether it is still the same.
const ASK: HeaderValue = HeaderValue::from_static("public, no-cache");

pub(crate) fn routes() -> Router<AppState> {
    Router::new().route("/pkg/{version}/{*file}", get(package)).route("/favicon.svg", get(favicon))
}

/// What this build has; of version `none` and empty in a build without any.
pub(crate) fn embedded() -> &'static Assets {
    #[derive(serde::Deserialize)]
    struct Manifest {
        hash: String,
        parts: BTreeMap<String, Vec<String>>,
    }
    fn read() -> Assets {
        let none = || Assets { version: "none".into(), ..Assets::default() };
        let Some(file) = Site::get("manifest.json") else {
            tracing::warn!(
                "this build has no web assets: pages come without style and script. `cargo xtask build` makes them"
            );
            return none();
        };
        serde_json::from_slice(&file.data).map_or_else(
            |error| {
                tracing::error!(error = %error, "manifest.json of the web assets cannot be read");
                none()
            },
            |manifest: Manifest| Assets { version: manifest.hash, parts: Arc::new(manifest.parts) },
        )
    }
    static EMBEDDED: LazyLock<Assets> = LazyLock::new(read);
    &EMBEDDED
}

async fn package(Path((version, file)): Path<(String, String)>, headers: HeaderMap) -> Response {
    if version != embedded().version {
        return (StatusCode::NOT_FOUND, "This server has another version of the page's files. Reload the page.")
            .into_response();
    }
    serve(&format!("pkg/{file}"), &headers, FOR_GOOD)
}

async fn favicon(headers: HeaderMap) -> Response {
    serve("favicon.svg", &headers, ASK)
}

fn serve(path: &str, asked: &HeaderMap, keep: HeaderValue) -> Response {
    let brotli = accepts_brotli(asked).then(|| Site::get(&format!("{path}.br"))).flatten();
    let encoded = brotli.is_some();
    // A compressed sibling is no file of its own.
    let plain = || (!path.ends_with(".br")).then(|| Site::get(path)).flatten();
    let Some(file) = brotli.or_else(plain) else {
        return (StatusCode::NOT_FOUND, "There is no such file.").into_response();
    };
    let etag = etag(&file);
    let mut response = if matches_etag(asked, &etag) {
        StatusCode::NOT_MODIFIED.into_response()
    } else {
        Body::from(file.data.into_owned()).into_response()
    };
    let headers = response.headers_mut();
    if let Ok(value) = HeaderValue::from_str(mime_guess::from_path(path).first_or_octet_stream().as_ref()) {
        headers.insert(header::CONTENT_TYPE, with_charset(value));
    }
    if let Ok(value) = HeaderValue::from_str(&etag) {
        headers.insert(header::ETAG, value);
    }
    if encoded {
        headers.insert(header::CONTENT_ENCODING, HeaderValue::from_static("br"));
    }
    headers.insert(header::VARY, HeaderValue::from_static("accept-encoding"));
    headers.insert(header::CACHE_CONTROL, keep);
    response
}

/// Texts are UTF-8 and say so.
fn with_charset(mime: HeaderValue) -> HeaderValue {
    match mime.as_bytes() {
        b"text/css" => HeaderValue::from_static("text/css; charset=utf-8"),
        b"text/javascript" => HeaderValue::from_static("text/javascript; charset=utf-8"),
        _ => mime,
    }
}

/// Of the bytes that are sent, so that the compressed and the plain form have one each.
fn etag(file: &EmbeddedFile) -> String {
    let hash = file.metadata.sha256_hash();
    let start: u64 = hash.iter().take(8).fold(0, |sum, byte| (sum << 8) | u64::from(*byte));
    format!("\"{start:016x}\"")
}

fn matches_etag(asked: &HeaderMap, etag: &str) -> bool {
    let known = asked.get(header::IF_NONE_MATCH).and_then(|v| v.to_str().ok()).unwrap_or_default();
    known.split(',').any(|tag| tag.trim().trim_start_matches("W/") == etag)
}

fn accepts_brotli(asked: &HeaderMap) -> bool {
    let accepted = asked.get(header::ACCEPT_ENCODING).and_then(|v| v.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let mut parts = coding.split(';');
        parts.next().is_some_and(|name| name.trim().eq_ignore_ascii_case("br"))
            && !parts.any(|p| matches!(p.trim(), "q=0" | "q=0.0" | "q=0.00" | "q=0.000"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asking(name: header::HeaderName, value: &str) -> HeaderMap {
        HeaderMap::from_iter([(name, value.parse().unwrap())])
    }

    #[test]
    fn brotli_is_sent_to_those_who_take_it() {
        assert!(accepts_brotli(&asking(header::ACCEPT_ENCODING, "gzip, deflate, br, zstd")));
        assert!(accepts_brotli(&asking(header::ACCEPT_ENCODING, "br;q=0.5")));
        assert!(!accepts_brotli(&asking(header::ACCEPT_ENCODING, "gzip, br;q=0")));
        assert!(!accepts_brotli(&HeaderMap::new()));
    }

    #[test]
    fn a_known_tag_is_recognised_among_several() {
        assert!(matches_etag(&asking(header::IF_NONE_MATCH, "\"a\", W/\"b\""), "\"b\""));
        assert!(!matches_etag(&asking(header::IF_NONE_MATCH, "\"a\""), "\"b\""));
    }
}
