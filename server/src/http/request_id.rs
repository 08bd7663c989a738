//! A number to quote: on every answer, in every line of the log that the request causes.

use std::{sync::Arc, time::Instant};

use axum::{
    extract::Request,
    http::{HeaderMap, HeaderName, HeaderValue},
    middleware::Next,
    response::Response,
};
use tracing::Instrument;

const HEADER: HeaderName = HeaderName::from_static("x-request-id");

/// The request's id, in its extensions.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RequestId(Arc<str>);

impl RequestId {
    /// The one that a proxy gave, when it is harmless in a log; otherwise a new one.
    fn of(headers: &HeaderMap) -> Self {
        let given = headers.get(&HEADER).and_then(|v| v.to_str().ok()).filter(|text| {
            (1..=64).contains(&text.len())
                && text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
        });
        Self(given.map_or_else(|| format!("{:016x}", rand::random::<u64>()).into(), Into::into))
    }

    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Gives the request its id, its span and its line in the log.
pub(super) async fn layer(mut request: Request, next: Next) -> Response {
    let id = RequestId::of(request.headers());
    let begun = Instant::now();
    let path = request.uri().path().to_owned();
    let span = tracing::info_span!("request", request.id = id.as_str(), method = %request.method(), path);
    request.extensions_mut().insert(id.clone());
    async move {
        let mut response = next.run(request).await;
        if let Ok(value) = HeaderValue::from_str(id.as_str()) {
            response.headers_mut().insert(HEADER, value);
        }
        let (status, took) = (response.status().as_u16(), begun.elapsed().as_millis());
        if path.starts_with("/pkg/") || path.starts_with("/health/") {
            tracing::debug!(http.status = status, http.duration_ms = took, "answered");
        } else {
            tracing::info!(http.status = status, http.duration_ms = took, "answered");
        }
        response
    }
    .instrument(span)
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxys_id_is_kept_unless_it_could_harm_the_log() {
        let of = |text: &str| RequestId::of(&HeaderMap::from_iter([(HEADER, text.parse().unwrap())]));
        assert_eq!(of("abc-1.2_3").as_str(), "abc-1.2_3");
        assert_ne!(of("a b").as_str(), "a b");
        assert_eq!(of("").as_str().len(), 16);
    }
}
