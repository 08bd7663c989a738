//! Who gets in, who does not, and what a stranger is told.

mod support;

use std::time::{Duration, Instant};

use amend_domain::Role;
use amend_server::auth;
use reqwest::{Method, header};
use serde_json::json;
use support::{ETL, PASSWORD, Site};

on_both!(
    every_route_refuses_a_stranger,
    what_is_open_is_open,
    signing_in_opens_a_session_and_signing_out_ends_it,
    a_wrong_name_and_a_wrong_password_look_the_same,
    many_wrong_passwords_lock_the_name,
    a_session_cannot_be_used_from_another_site,
    a_bearer_token_ends_when_it_is_taken_back,
    the_first_account_is_made_once,
    answers_carry_their_security_headers,
    assets_are_compressed_and_cached_by_version,
);

async fn every_route_refuses_a_stranger(site: &Site) {
    for page in ["/", "/analysis", "/preview?x=1", "/runs", "/runs/new", "/runs/r-1", "/unresolved", "/no/such/page"] {
        let reply = site.send(site.request(Method::GET, page)).await;
        assert_eq!(reply.status, 303, "{page}");
        let next: String = form_encoded(page);
        assert_eq!(reply.header("location"), format!("/login?next={next}"), "{page}");
    }
    for (method, endpoint) in [
        (Method::POST, "execute"),
        (Method::GET, "analyze"),
        (Method::POST, "preview"),
        (Method::POST, "validate"),
        (Method::GET, "status"),
        (Method::POST, "rollback"),
        (Method::GET, "metrics"),
        (Method::GET, "nothing"),
    ] {
        let reply = site.send(site.request(method, &format!("{ETL}/{endpoint}"))).await;
        reply.refused(401, "NOT_SIGNED_IN");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
    }
    // Server functions, by the paths that they have, and the rest.
    let functions: Vec<_> = leptos::server_fn::axum::server_fn_paths().collect();
    assert!(!functions.is_empty());
    for (path, method) in functions {
        let method: Method = method.as_str().parse().unwrap();
        let reply = site.send(site.request(method, path)).await;
        assert_eq!((reply.status, &reply.json()["code"]), (401, &json!("NOT_SIGNED_IN")), "{path}");
    }
    for path in ["/export/rows.csv", "/live", "/api/unknown", "/fn/unknown"] {
        let reply = site.send(site.request(Method::GET, path)).await;
        assert_eq!((reply.status, &reply.json()["code"]), (401, &json!("NOT_SIGNED_IN")), "{path}");
    }
    for bad in ["amd_wrong", ""] {
        let request = site.request(Method::GET, &format!("{ETL}/status")).bearer_auth(bad);
        site.send(request).await.refused(401, "NOT_SIGNED_IN");
    }
    let cookie = "amend_session=0000000000000000000000000000000000000000000000000000000000000000";
    let reply = site.send(site.request(Method::GET, "/").header(header::COOKIE, cookie)).await;
    assert_eq!(reply.status, 303);
}

fn form_encoded(text: &str) -> String {
    text.replace('/', "%2F").replace('?', "%3F").replace('=', "%3D")
}

async fn what_is_open_is_open(site: &Site) {
    for (path, status) in
        [("/health/live", 200), ("/health/ready", 200), ("/login", 200), ("/pkg/none/nothing.js", 404)]
    {
        assert_eq!(site.send(site.request(Method::GET, path)).await.status, status, "{path}");
    }
}

async fn signing_in_opens_a_session_and_signing_out_ends_it(site: &Site) {
    site.account("ada", Role::Operator).await;
    let reply = site.submit_sign_in("ada", PASSWORD, "/runs?tab=1").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/runs?tab=1"));
    let set = reply.header("set-cookie").to_owned();
    for part in ["HttpOnly", "SameSite=Lax", "Path=/", "Max-Age=43200"] {
        assert!(set.contains(part), "{set}");
    }
    let cookie = set.split(';').next().unwrap();
    // Only the hash of the secret is stored.
    let secret = cookie.strip_prefix("amend_session=").unwrap();
    let stored = site.engine.store().session(&auth::hash_token(secret), site.engine.clock().now()).await.unwrap();
    assert_eq!(stored.unwrap().user, "ada");
    let page = site.send(site.request(Method::GET, "/").header(header::COOKIE, cookie)).await;
    assert_eq!(page.status, 200, "{}", page.text);
    let nowhere = site.send(site.request(Method::GET, "/no/such/page").header(header::COOKIE, cookie)).await;
    assert_eq!(nowhere.status, 404, "{}", nowhere.text);
    let status = site.request(Method::GET, &format!("{ETL}/status")).header(header::COOKIE, cookie);
    site.send(status).await.data(200);
    // Signing in again gives another session and ends this one.
    let again = site.request(Method::POST, "/auth/sign-in").header(header::ORIGIN, site.origin());
    let form = [("name", "ada"), ("password", PASSWORD), ("next", "//evil.example")];
    let reply = site.send(again.header(header::COOKIE, cookie).form(&form)).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/"));
    let fresh = reply.header("set-cookie").split(';').next().unwrap().to_owned();
    assert_ne!(fresh, cookie);
    assert_eq!(site.send(site.request(Method::GET, "/").header(header::COOKIE, cookie)).await.status, 303);
    let out = site.request(Method::POST, "/auth/sign-out").header(header::ORIGIN, site.origin());
    let reply = site.send(out.header(header::COOKIE, &fresh)).await;
    assert_eq!((reply.status, reply.header("location")), (303, "/login"));
    assert!(reply.header("set-cookie").contains("Max-Age=0"));
    assert_eq!(site.send(site.request(Method::GET, "/").header(header::COOKIE, &fresh)).await.status, 303);
    let acts: Vec<_> = site.engine.store().audit(10).await.unwrap().into_iter().map(|e| (e.act, e.outcome)).collect();
    assert_eq!(acts[0], ("sign_out".to_owned(), "done".to_owned()));
    assert_eq!(acts[1], ("sign_in".to_owned(), "done".to_owned()));
}

async fn a_wrong_name_and_a_wrong_password_look_the_same(site: &Site) {
    site.account("ada", Role::Viewer).await;
    let begun = Instant::now();
    let password = site.submit_sign_in("ada", "wrong", "/runs").await;
    let known = begun.elapsed();
    let begun = Instant::now();
    let name = site.submit_sign_in("nobody", "wrong", "/runs").await;
    let unknown = begun.elapsed();
    for reply in [&password, &name] {
        assert_eq!((reply.status, reply.header("location")), (303, "/login?error=credentials&next=%2Fruns"));
        assert_eq!(reply.header("set-cookie"), "");
    }
    assert_eq!(password.text, name.text);
    // The same work is done; a shortcut for unknown names would be a hundred times faster.
    assert!(unknown * 5 > known, "{unknown:?} for an unknown name, {known:?} for a known one");
    let refused = site.engine.store().audit(2).await.unwrap();
    assert!(refused.iter().all(|e| e.act == "sign_in" && e.outcome == "refused: NOT_SIGNED_IN"), "{refused:?}");
}

async fn many_wrong_passwords_lock_the_name(site: &Site) {
    site.account("ada", Role::Viewer).await;
    let begun = Instant::now();
    // At the same time, because one after the other each would wait for its delay.
    let tries = (0..8).map(|_| site.submit_sign_in("ada", "wrong", "/"));
    for reply in futures::future::join_all(tries).await {
        assert_eq!(reply.header("location"), "/login?error=credentials&next=%2F");
    }
    assert!(begun.elapsed() > Duration::from_secs(3), "the last try came back after {:?}", begun.elapsed());
    let reply = site.submit_sign_in("ada", PASSWORD, "/").await;
    assert_eq!((reply.status, reply.header("location")), (303, "/login?error=locked&next=%2F"));
    let entry = &site.engine.store().audit(1).await.unwrap()[0];
    assert_eq!(entry.outcome, "refused: TOO_MANY_REQUESTS");
}

async fn a_session_cannot_be_used_from_another_site(site: &Site) {
    let cookie = site.cookie("ada", Role::Operator).await;
    let execute = |origin: Option<&str>| {
        let request = site.request(Method::POST, &format!("{ETL}/execute")).header(header::COOKIE, &cookie);
        let request = request.json(&json!({ "dryRun": true }));
        match origin {
            Some(origin) => request.header(header::ORIGIN, origin),
            None => request,
        }
    };
    site.send(execute(None)).await.refused(403, "FORBIDDEN");
    site.send(execute(Some("https://evil.example"))).await.refused(403, "FORBIDDEN");
    let cross = execute(Some(&site.origin())).header("sec-fetch-site", "cross-site");
    site.send(cross).await.refused(403, "FORBIDDEN");
    site.send(execute(Some(&site.origin())).header("prefer", "wait=60")).await.data(200);
    // Without a session, a foreign page cannot sign its visitor in, either.
    let form = [("name", "ada"), ("password", PASSWORD)];
    let foreign = site.request(Method::POST, "/auth/sign-in").header(header::ORIGIN, "https://evil.example");
    assert_eq!(site.send(foreign.form(&form)).await.status, 403);
}

async fn a_bearer_token_ends_when_it_is_taken_back(site: &Site) {
    let token = site.token(Role::Viewer).await;
    let status = || site.request(Method::GET, &format!("{ETL}/status")).bearer_auth(&token);
    site.send(status()).await.data(200);
    let name = site.engine.store().tokens().await.unwrap()[0].name.clone();
    assert!(site.engine.store().delete_token(&name).await.unwrap());
    site.send(status()).await.refused(401, "NOT_SIGNED_IN");
}

async fn the_first_account_is_made_once(site: &Site) {
    let (store, clock) = (site.engine.store(), site.engine.clock());
    let made = auth::ensure_first_user(store, clock).await.unwrap().expect("there was none");
    assert_eq!(made.name, auth::FIRST_USER);
    assert!(auth::ensure_first_user(store, clock).await.unwrap().is_none());
    let reply = site.submit_sign_in(&made.name, &made.password, "/").await;
    assert_eq!(reply.header("location"), "/");
}

async fn answers_carry_their_security_headers(site: &Site) {
    let page = site.send(site.request(Method::GET, "/login")).await;
    let policy = page.header("content-security-policy").to_owned();
    let nonce = policy.split("'nonce-").nth(1).and_then(|rest| rest.split('\'').next()).expect("a nonce");
    assert!(page.text.contains(&format!("nonce=\"{nonce}\"")), "{}", page.text);
    for part in ["default-src 'self'", "'wasm-unsafe-eval'", "frame-ancestors 'none'", "object-src 'none'"] {
        assert!(policy.contains(part), "{policy}");
    }
    assert!(!policy.contains("unsafe-inline"), "{policy}");
    let other = site.send(site.request(Method::GET, "/login")).await;
    assert_ne!(other.header("content-security-policy"), policy, "a nonce is used once");
    let refused = site.send(site.request(Method::GET, &format!("{ETL}/status"))).await;
    for reply in [&page, &refused] {
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        assert_eq!(reply.header("cache-control"), "no-store");
        assert!(!reply.header("referrer-policy").is_empty() && !reply.header("permissions-policy").is_empty());
        assert!(!reply.header("x-request-id").is_empty());
    }
    assert_eq!(refused.header("content-security-policy"), "default-src 'none'; frame-ancestors 'none'");
}

/// As far as this build has assets: `cargo xtask build` makes them.
async fn assets_are_compressed_and_cached_by_version(site: &Site) {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/../target/site/manifest.json");
    let Ok(manifest) = std::fs::read_to_string(manifest) else { return };
    let manifest: serde_json::Value = serde_json::from_str(&manifest).unwrap();
    let version = manifest["hash"].as_str().unwrap();
    let get = |file: &str| site.request(Method::GET, &format!("/pkg/{version}/{file}"));
    let plain = site.send(get("amend.js")).await;
    assert_eq!((plain.status, plain.header("content-encoding")), (200, ""));
    assert_eq!(plain.header("content-type"), "text/javascript; charset=utf-8");
    assert_eq!(plain.header("cache-control"), "public, max-age=31536000, immutable");
    let small = site.send(get("amend.js").header(header::ACCEPT_ENCODING, "gzip, br")).await;
    assert_eq!((small.status, small.header("content-encoding")), (200, "br"));
    assert_ne!(small.header("etag"), plain.header("etag"));
    let same = get("amend.js").header(header::IF_NONE_MATCH, plain.header("etag"));
    let same = site.send(same).await;
    assert_eq!((same.status, same.text.as_str()), (304, ""));
    let module = site.send(get("amend_bg.wasm")).await;
    assert_eq!(module.header("content-type"), "application/wasm");
    let stale = site.send(site.request(Method::GET, "/pkg/old/amend_bg.wasm")).await;
    assert_eq!((stale.status, stale.header("cache-control")), (404, "no-store"));
}
