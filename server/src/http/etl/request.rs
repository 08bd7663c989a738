//! What an endpoint takes from its request. Trouble is kept inside, so that the handler can put it
//! into the envelope.

use std::{convert::Infallible, time::Duration};

use amend_domain::{ErrorCode, Problem, RuleSlug};
use axum::{
    body::Body,
    extract::{FromRequest, FromRequestParts, Path, Request},
    http::{HeaderMap, request::Parts},
};
use futures::StreamExt;

use super::{fields::Fields, reply::Refusal};
use crate::http::{AppState, BODY_LIMIT};

/// The longest that `Prefer: wait` is honoured.
const LONGEST_WAIT: u64 = 2 * 60 * 60;

/// The most that is read of a body that is too large.
const DRAIN_LIMIT: usize = 16 * BODY_LIMIT;

/// The rule in the path.
pub struct RulePath(pub Result<RuleSlug, Refusal>);

impl FromRequestParts<AppState> for RulePath {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, Infallible> {
        let text = Path::<String>::from_request_parts(parts, state).await.map(|Path(text)| text);
        // What cannot be a slug is a rule that does not exist.
        let none = || Refusal::from(Problem::new(ErrorCode::RuleNotFound, "There is no rule of this name."));
        Ok(Self(text.map_err(|_| none()).and_then(|text| RuleSlug::parse(&text).map_err(|_| none()))))
    }
}

/// The body as an object of fields; no body at all is an empty one.
pub struct JsonBody(pub Result<Fields, Refusal>);

impl FromRequest<AppState> for JsonBody {
    type Rejection = Infallible;

    async fn from_request(request: Request, _: &AppState) -> Result<Self, Infallible> {
        Ok(Self(match whole(request.into_body()).await {
            Some(bytes) => Fields::of_body(&bytes),
            None => Err(Refusal::new(413, "PAYLOAD_TOO_LARGE", format!("The body is larger than {BODY_LIMIT} bytes."))),
        }))
    }
}

/// The body, when it is within the limit. What is above is read and dropped, up to a second limit: a
/// client that still sends when the connection is closed never sees why.
async fn whole(body: Body) -> Option<Vec<u8>> {
    let mut stream = body.into_data_stream();
    let mut bytes = Vec::new();
    let mut length = 0;
    while let Some(part) = stream.next().await {
        // A body that breaks off must not pass for a short one. Nobody is left to read the answer.
        let part = part.ok()?;
        length += part.len();
        if length <= BODY_LIMIT {
            bytes.extend_from_slice(&part);
        } else if length > DRAIN_LIMIT {
            break;
        }
    }
    (length <= BODY_LIMIT).then_some(bytes)
}

/// `Prefer: wait=N`, in seconds (RFC 7240). What cannot be read is ignored, as the RFC says.
pub fn preferred_wait(headers: &HeaderMap) -> Option<Duration> {
    headers
        .get_all("prefer")
        .iter()
        .filter_map(|v| v.to_str().ok())
        .flat_map(|v| v.split([',', ';']))
        .filter_map(|p| p.split_once('='))
        .find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))
        .and_then(|(_, seconds)| seconds.trim().trim_matches('"').parse().ok())
        .map(|seconds: u64| Duration::from_secs(seconds.min(LONGEST_WAIT)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_preference_is_read_among_others() {
        let of =
            |text: &str| preferred_wait(&HeaderMap::from_iter([("prefer".parse().unwrap(), text.parse().unwrap())]));
        assert_eq!(of("wait=10"), Some(Duration::from_secs(10)));
        assert_eq!(of("respond-async, Wait = 5"), Some(Duration::from_secs(5)));
        assert_eq!(of("wait=soon"), None);
        assert_eq!(of("wait=999999999"), Some(Duration::from_secs(7_200)));
    }
}
