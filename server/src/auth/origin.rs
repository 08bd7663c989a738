//! Requests that another site made with somebody's cookie.
//!
//! A browser says where a request comes from: `Sec-Fetch-Site` in all new ones, `Origin` in all of
//! them for unsafe methods and for websockets. A page of another site can forge neither.

use axum::http::{HeaderMap, Method, header};

use super::{area::Area, identity::Presented};

/// Whether the request may be answered at all.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Fine,
    Foreign,
}

/// A read cannot harm, and a bearer token is never sent by a browser on its own.
pub(super) fn judge(area: Area, method: &Method, headers: &HeaderMap, presented: &Presented) -> Verdict {
    let acts = !method.is_safe() || area == Area::Live;
    match presented {
        Presented::Bearer(_) => Verdict::Fine,
        _ if !acts => Verdict::Fine,
        Presented::Cookie(_) => from_here(headers, Verdict::Foreign),
        // Nothing to abuse yet, but a foreign page must not sign somebody in either. Who sends no
        // header at all is no browser.
        Presented::Nothing => from_here(headers, Verdict::Fine),
    }
}

/// `silent` is the verdict when the request says nothing.
fn from_here(headers: &HeaderMap, silent: Verdict) -> Verdict {
    let text = |name| headers.get(name).and_then(|v: &axum::http::HeaderValue| v.to_str().ok());
    // Set by the browser alone and right behind any proxy, so it has the first word.
    match text(header::HeaderName::from_static("sec-fetch-site")) {
        Some("same-origin" | "none") => return Verdict::Fine,
        Some(_) => return Verdict::Foreign,
        None => {}
    }
    match (headers.contains_key(header::ORIGIN), text(header::ORIGIN), text(header::HOST)) {
        (false, _, _) => silent,
        (true, Some(origin), Some(host)) if names(origin, host) => Verdict::Fine,
        _ => Verdict::Foreign,
    }
}

/// Whether `Origin: http://host` names this `Host: host`. The scheme is left out: behind a proxy
/// that ends TLS, we do not see it.
fn names(origin: &str, host: &str) -> bool {
    origin
        .strip_prefix("http://")
        .or_else(|| origin.strip_prefix("https://"))
        .is_some_and(|authority| authority.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn verdict(method: &Method, area: Area, presented: &Presented, headers: &[(&'static str, &str)]) -> Verdict {
        let headers = headers
            .iter()
            .map(|(k, v)| (header::HeaderName::from_static(k), v.parse().unwrap()))
            .collect::<HeaderMap>();
        judge(area, method, &headers, presented)
    }

    fn cookie() -> Presented {
        Presented::Cookie("s".into())
    }

    #[test]
    fn with_a_cookie_an_act_must_come_from_here() {
        let post = |headers: &[_]| verdict(&Method::POST, Area::Call, &cookie(), headers);
        assert_eq!(post(&[]), Verdict::Foreign);
        assert_eq!(post(&[("origin", "http://a:1"), ("host", "a:1")]), Verdict::Fine);
        assert_eq!(post(&[("origin", "https://a"), ("host", "a")]), Verdict::Fine);
        assert_eq!(post(&[("origin", "http://evil"), ("host", "a:1")]), Verdict::Foreign);
        assert_eq!(post(&[("origin", "http://a:1.evil"), ("host", "a:1")]), Verdict::Foreign);
        assert_eq!(post(&[("origin", "null"), ("host", "a:1")]), Verdict::Foreign);
        assert_eq!(post(&[("sec-fetch-site", "same-origin")]), Verdict::Fine);
        assert_eq!(post(&[("sec-fetch-site", "same-site")]), Verdict::Foreign);
        assert_eq!(
            post(&[("sec-fetch-site", "cross-site"), ("origin", "http://a:1"), ("host", "a:1")]),
            Verdict::Foreign
        );
    }

    #[test]
    fn reads_and_bearer_tokens_come_from_anywhere_but_websockets_do_not() {
        let foreign = [("origin", "http://evil"), ("host", "a")];
        assert_eq!(verdict(&Method::GET, Area::Page, &cookie(), &foreign), Verdict::Fine);
        assert_eq!(verdict(&Method::POST, Area::Rest, &Presented::Bearer("t".into()), &foreign), Verdict::Fine);
        assert_eq!(verdict(&Method::GET, Area::Live, &cookie(), &foreign), Verdict::Foreign);
        assert_eq!(verdict(&Method::GET, Area::Live, &cookie(), &[]), Verdict::Foreign);
    }

    #[test]
    fn a_foreign_page_cannot_sign_anybody_in() {
        let nothing = Presented::Nothing;
        let post = |headers: &[_]| verdict(&Method::POST, Area::Public, &nothing, headers);
        assert_eq!(post(&[("origin", "http://evil"), ("host", "a")]), Verdict::Foreign);
        assert_eq!(post(&[]), Verdict::Fine);
    }
}
