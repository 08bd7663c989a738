//! `POST /auth/sign-in` and `POST /auth/sign-out`: two plain forms.

use std::sync::Arc;

use amend_domain::{Caller, Door, ErrorCode, Role};
use axum::{
    extract::{Form, State},
    http::{HeaderMap, HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::Deserialize;
use serde_json::Value;

use super::{Auth, COOKIE, SESSION_HOURS, area::Area, attempts::Admission, identity::Presented};
use crate::http::{AppState, url};

/// Longer names and passwords are not looked at: nobody has one.
const LONGEST: usize = 200;

#[derive(Deserialize)]
pub struct SignInForm {
    #[serde(default)]
    name: String,
    #[serde(default)]
    password: String,
    #[serde(default)]
    next: String,
}

/// How signing in ended.
enum Outcome {
    In { cookie: String },
    Wrong,
    Locked,
}

/// Opens a session and goes on to `next`, or back to the form with `error=credentials` or
/// `error=locked`. Nothing in the answer tells a wrong name from a wrong password.
pub async fn sign_in(State(state): State<AppState>, headers: HeaderMap, Form(form): Form<SignInForm>) -> Response {
    let next = local(&form.next);
    match attempt(&state, &headers, &form).await {
        Ok(Outcome::In { cookie }) => redirect(next, Some(&cookie)),
        Ok(Outcome::Wrong) => redirect(&back("credentials", next), None),
        Ok(Outcome::Locked) => redirect(&back("locked", next), None),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "signing in failed");
            let text = "Signing in failed because the server has trouble with its database. Try again in a moment.";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn attempt(state: &AppState, headers: &HeaderMap, form: &SignInForm) -> anyhow::Result<Outcome> {
    let auth: &Arc<Auth> = &state.auth;
    if form.name.is_empty() || form.name.len() > LONGEST || form.password.len() > LONGEST {
        return Ok(Outcome::Wrong);
    }
    let Admission::After(delay) = auth.attempts.admit(&form.name, auth.clock.now()) else {
        note(state, &form.name, Role::Viewer, "sign_in", ErrorCode::TooManyRequests.as_str()).await?;
        return Ok(Outcome::Locked);
    };
    auth.clock.sleep(delay).await;
    let Some(role) = auth.check_password(&form.name, &form.password).await? else {
        note(state, &form.name, Role::Viewer, "sign_in", ErrorCode::NotSignedIn.as_str()).await?;
        return Ok(Outcome::Wrong);
    };
    auth.attempts.forget(&form.name);
    note(state, &form.name, role, "sign_in", "").await?;
    let token = auth.open(&form.name, role, &Presented::of(headers)).await?;
    Ok(Outcome::In { cookie: cookie(&token, SESSION_HOURS * 3_600, headers) })
}

/// One line of the audit log; an empty code means done.
async fn note(state: &AppState, name: &str, role: Role, act: &str, code: &str) -> anyhow::Result<()> {
    let who = Caller { name: name.into(), role, door: Door::Browser };
    let outcome = if code.is_empty() { "done".into() } else { format!("refused: {code}") };
    Ok(state.engine.audit(&who, act, name, &outcome, Value::Null).await?)
}

/// Ends the session and goes to the sign-in page. Without a session it does only the latter.
pub async fn sign_out(State(state): State<AppState>, headers: HeaderMap) -> Response {
    match leave(&state, &headers).await {
        Ok(()) => redirect("/login", Some(&cookie("", 0, &headers))),
        Err(error) => {
            tracing::error!(error = format!("{error:#}"), "signing out failed");
            let text = "Signing out failed because the server has trouble with its database; you are still signed in.";
            (StatusCode::SERVICE_UNAVAILABLE, text).into_response()
        }
    }
}

async fn leave(state: &AppState, headers: &HeaderMap) -> anyhow::Result<()> {
    let presented = Presented::of(headers);
    if let Some(signed) = state.auth.identify(&presented, Area::Public).await? {
        note(state, &signed.caller.name, signed.caller.role, "sign_out", "").await?;
    }
    Ok(state.auth.close(&presented).await?)
}

fn redirect(to: &str, cookie: Option<&str>) -> Response {
    let mut response = StatusCode::SEE_OTHER.into_response();
    let headers = response.headers_mut();
    // Both are made of checked parts; a value that is none sends the person to the start page.
    headers.insert(header::LOCATION, HeaderValue::from_str(to).unwrap_or(HeaderValue::from_static("/")));
    if let Some(Ok(value)) = cookie.map(HeaderValue::from_str) {
        headers.insert(header::SET_COOKIE, value);
    }
    response
}

fn back(error: &str, next: &str) -> String {
    let query = url::query(&[("error", error), ("next", next)]);
    format!("/login?{query}")
}

/// Lax, so that a link from a mail opens signed in; what acts is held by the origin check as well.
fn cookie(token: &str, max_age: i64, headers: &HeaderMap) -> String {
    let secure = if came_by_https(headers) { "; Secure" } else { "" };
    format!("{COOKIE}={token}; HttpOnly; SameSite=Lax; Path=/; Max-Age={max_age}{secure}")
}

/// Whether the browser's side of the connection is encrypted, by what the proxy says; the server
/// itself speaks plain HTTP. A forged header can only make the cookie stricter.
fn came_by_https(headers: &HeaderMap) -> bool {
    headers
        .get("x-forwarded-proto")
        .and_then(|v| v.to_str().ok())
        .and_then(|v| v.split(',').next())
        .is_some_and(|proto| proto.trim().eq_ignore_ascii_case("https"))
}

/// The path to go on to; anything that could leave this server becomes the start page.
fn local(next: &str) -> &str {
    let path = next.starts_with('/') && !next.starts_with("//");
    // Browsers read a backslash as a slash, and drop tabs and line ends.
    let plain = !next.contains(|c: char| c == '\\' || c.is_control() || !c.is_ascii());
    let elsewhere = !next.starts_with("/auth/") && !next.starts_with("/login");
    if path && plain && elsewhere { next } else { "/" }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn next_stays_on_this_server() {
        for fine in ["/", "/runs/r-1?tab=log&x=%2F", "/analysis"] {
            assert_eq!(local(fine), fine);
        }
        for bad in ["", "runs", "//evil", "/\\evil", "https://evil", "/\t/evil", "/auth/sign-out", "/login?next=/"] {
            assert_eq!(local(bad), "/", "{bad:?}");
        }
    }

    #[test]
    fn the_cookie_is_secure_behind_tls() {
        let plain = cookie("t", 1, &HeaderMap::new());
        assert_eq!(plain, "amend_session=t; HttpOnly; SameSite=Lax; Path=/; Max-Age=1");
        let headers =
            HeaderMap::from_iter([(header::HeaderName::from_static("x-forwarded-proto"), "https".parse().unwrap())]);
        assert!(cookie("t", 1, &headers).ends_with("; Secure"));
    }
}
