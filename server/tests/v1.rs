//! Amend's own API at its door, on both databases: rules and what belongs to them.

mod support;

use amend_domain::Role;
use reqwest::Method;
use serde_json::{Value, json};
use support::{Reply, Site};

on_both!(prevention_is_shown_as_sql_put_on_and_taken_off, prevention_is_for_admins_and_says_what_it_cannot_read,);

const PREVENTION: &str = "/api/v1/rules/asset-class-correction/prevention";

async fn ask(site: &Site, method: Method, role: Role, path: &str, body: Option<Value>) -> Reply {
    let token = site.token(role).await;
    let request = site.request(method, path).bearer_auth(token);
    site.send(match body {
        Some(body) => request.json(&body),
        None => request,
    })
    .await
}

async fn prevention_is_shown_as_sql_put_on_and_taken_off(site: &Site) {
    let write = "UPDATE market_data SET asset_class = NULL WHERE symbol = 'AAA' AND asset_class = 'STOCK'";
    let missing = "SELECT count(*) FROM market_data WHERE symbol = 'AAA' AND asset_class IS NULL";
    let before = site.number(missing).await;
    let off = site.get(Role::Viewer, PREVENTION).await;
    assert_eq!((off.status, &off.json()["on"]), (200, &json!(false)), "{}", off.text);

    let shown = site.get(Role::Viewer, &format!("{PREVENTION}/sql?kind=fill")).await.json();
    assert!(shown.to_string().contains("CREATE TRIGGER"), "{shown:#}");
    let still = site.get(Role::Viewer, PREVENTION).await.json();
    assert_eq!(still["on"], json!(false), "showing installs nothing");

    let on = ask(site, Method::PUT, Role::Admin, PREVENTION, Some(json!({ "kind": "fill" }))).await;
    assert_eq!((on.status, &on.json()["on"], &on.json()["kind"]), (200, &json!(true), &json!("fill")), "{}", on.text);
    site.execute(write).await;
    assert_eq!(site.number(missing).await, before, "every null that was written was filled");
    let acted = site.get(Role::Viewer, PREVENTION).await.json();
    assert_eq!(acted["acted"], json!(support::EACH), "{acted:#}");

    let removal = site.get(Role::Viewer, &format!("{PREVENTION}/sql?off=true")).await.json();
    assert!(removal.to_string().contains("DROP TRIGGER"), "{removal:#}");
    let gone = ask(site, Method::DELETE, Role::Admin, PREVENTION, None).await;
    assert_eq!((gone.status, &gone.json()["on"]), (200, &json!(false)), "{}", gone.text);
    site.execute(write).await;
    assert_eq!(site.number(missing).await, before + support::EACH);
    let again = ask(site, Method::DELETE, Role::Admin, PREVENTION, None).await;
    assert_eq!((again.status, &again.json()["code"]), (409, &json!("WRONG_STATE")), "{}", again.text);
}

async fn prevention_is_for_admins_and_says_what_it_cannot_read(site: &Site) {
    let fill = || Some(json!({ "kind": "fill" }));
    let nobody = "/api/v1/rules/nobody/prevention";
    for (reply, status, code) in [
        (ask(site, Method::PUT, Role::Operator, PREVENTION, fill()).await, 403, "FORBIDDEN"),
        (ask(site, Method::DELETE, Role::Operator, PREVENTION, None).await, 403, "FORBIDDEN"),
        (
            ask(site, Method::PUT, Role::Admin, PREVENTION, Some(json!({ "kind": "guess" }))).await,
            400,
            "INVALID_OPTIONS",
        ),
        (
            ask(site, Method::PUT, Role::Admin, PREVENTION, Some(json!({ "kind": "fill", "x": 1 }))).await,
            400,
            "INVALID_OPTIONS",
        ),
        (site.get(Role::Viewer, &format!("{PREVENTION}/sql?kind=guess")).await, 400, "INVALID_OPTIONS"),
        (ask(site, Method::PUT, Role::Admin, nobody, fill()).await, 404, "RULE_NOT_FOUND"),
        (site.post(Role::Admin, PREVENTION, &json!({})).await, 405, "METHOD_NOT_ALLOWED"),
        (site.send(site.request(Method::GET, PREVENTION)).await, 401, "NOT_SIGNED_IN"),
    ] {
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{}", reply.text);
    }
    assert_eq!(site.get(Role::Viewer, PREVENTION).await.json()["on"], json!(false));
}
