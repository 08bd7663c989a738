//! Amend's own API at its door, on both databases.

mod support;

use amend_domain::{Role, RunId};
use reqwest::Method;
use serde_json::{Value, json};
use support::{CORRECTABLE, ETL, Reply, Site};

on_both!(
    a_run_is_paused_paced_and_resumed,
    what_cannot_be_steered_is_refused_as_a_problem,
    a_run_without_failed_rows_lists_none_and_has_nothing_to_retry,
    what_the_reference_cannot_decide_is_assigned_and_taken_back,
    prevention_is_shown_as_sql_put_on_and_taken_off,
    prevention_is_for_admins_and_says_what_it_cannot_read,
    rules_are_listed_made_and_changed,
);

const V1: &str = "/api/v1/runs";
const EXECUTE: &str = "/api/etl/asset-class-correction/execute";
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

async fn rules_are_listed_made_and_changed(site: &Site) {
    const RULES: &str = "/api/v1/rules";
    let listed = site.get(Role::Viewer, RULES).await.json();
    assert_eq!(listed[0]["slug"], json!("asset-class-correction"), "{listed:#}");
    let mut rule = listed[0].clone();
    rule["slug"] = json!("asset-class-again");
    rule["allowed_values"] = json!(["STOCK"]);
    let path = format!("{RULES}/asset-class-again");
    let mut bad = rule.clone();
    bad["target"]["value"] = rule["target"]["matches"][0].clone();
    let mut unreadable = rule.clone();
    unreadable["colour"] = json!("blue");
    for (reply, status, code, field) in [
        (ask(site, Method::POST, Role::Operator, RULES, Some(rule.clone())).await, 403, "FORBIDDEN", None),
        (ask(site, Method::POST, Role::Admin, RULES, Some(bad)).await, 400, "INVALID_OPTIONS", Some("target.value")),
        (ask(site, Method::POST, Role::Admin, RULES, Some(unreadable)).await, 400, "INVALID_OPTIONS", Some("rule")),
        (ask(site, Method::PUT, Role::Admin, &path, Some(rule.clone())).await, 404, "RULE_NOT_FOUND", None),
        (site.get(Role::Viewer, &path).await, 404, "RULE_NOT_FOUND", None),
    ] {
        let said = reply.json();
        assert_eq!((reply.status, &said["code"]), (status, &json!(code)), "{}", reply.text);
        assert_eq!(said["field"].as_str(), field, "{}", reply.text);
    }
    let made = ask(site, Method::POST, Role::Admin, RULES, Some(rule.clone())).await;
    assert_eq!((made.status, made.json()), (201, rule.clone()), "{}", made.text);
    let again = ask(site, Method::POST, Role::Admin, RULES, Some(rule.clone())).await;
    assert_eq!((again.status, &again.json()["field"]), (400, &json!("slug")), "{}", again.text);
    rule["retired"] = json!(true);
    let elsewhere =
        ask(site, Method::PUT, Role::Admin, &format!("{RULES}/asset-class-correction"), Some(rule.clone())).await;
    assert_eq!((elsewhere.status, &elsewhere.json()["field"]), (400, &json!("slug")), "{}", elsewhere.text);
    let changed = ask(site, Method::PUT, Role::Admin, &path, Some(rule.clone())).await;
    assert_eq!((changed.status, site.get(Role::Viewer, &path).await.json()), (200, rule), "{}", changed.text);
    let run = ask(site, Method::POST, Role::Admin, "/api/etl/asset-class-again/execute", Some(json!({}))).await;
    assert_eq!(run.status, 409, "{}", run.text);
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

/// Asks until the run is in this state.
async fn becomes(site: &Site, id: &str, state: &str) -> Value {
    for _ in 0..1_500 {
        let run = site.get(Role::Viewer, &format!("{V1}/{id}")).await.json();
        if run["state"] == state {
            return run;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    panic!("run {id} does not become {state} within 30 s");
}

async fn put_pace(site: &Site, role: Role, id: &str, body: &Value) -> Reply {
    let token = site.token(role).await;
    site.send(site.request(Method::PUT, &format!("{V1}/{id}/pace")).bearer_auth(token).json(body)).await
}

async fn a_run_is_paused_paced_and_resumed(site: &Site) {
    let slow = json!({ "batchSize": 2, "overwriteExistingValues": true });
    let run = site.post(Role::Operator, EXECUTE, &slow).await.data(202);
    let id = run["correctionId"].as_str().unwrap();
    becomes(site, id, "running").await;
    let asked = site.post(Role::Operator, &format!("{V1}/{id}/pause"), &json!({})).await;
    assert_eq!((asked.status, &asked.json()["state"]), (202, &json!("pausing")), "{}", asked.text);
    let paused = becomes(site, id, "paused").await;
    let set = put_pace(site, Role::Operator, id, &json!({ "percent": 0 })).await;
    assert_eq!((set.status, &set.json()["pace"]), (200, &json!(0)), "{}", set.text);
    let resumed = site.post(Role::Operator, &format!("{V1}/{id}/resume"), &json!({})).await;
    assert_eq!((resumed.status, &resumed.json()["state"]), (202, &json!("running")), "{}", resumed.text);
    // Held by its pace, it stands where it was paused.
    let mut held = Value::Null;
    for _ in 0..1_500 {
        held = site.get(Role::Viewer, &format!("{V1}/{id}")).await.json();
        if held["held"] == json!(["The operator's pace is 0 %"]) {
            break;
        }
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!((&held["state"], &held["changed"]), (&json!("running"), &paused["changed"]), "{held:#}");
    put_pace(site, Role::Operator, id, &json!({ "percent": 100 })).await;
    site.engine.wait(&RunId::parse(id).unwrap(), None).await.unwrap();
    let over = site.get(Role::Viewer, &format!("{V1}/{id}")).await.json();
    assert_eq!(
        (&over["state"], &over["changed"], &over["held"]),
        (&json!("succeeded"), &json!(CORRECTABLE), &json!([]))
    );
}

async fn what_cannot_be_steered_is_refused_as_a_problem(site: &Site) {
    let done = site.post_and_wait(EXECUTE, &json!({})).await.data(200);
    let id = done["correctionId"].as_str().unwrap();
    let problem = |reply: Reply, status: u16, code: &str| {
        assert_eq!(reply.status, status, "{}", reply.text);
        assert_eq!(reply.header("content-type"), "application/problem+json");
        let body = reply.json();
        assert_eq!((&body["code"], &body["status"]), (&json!(code), &json!(status)), "{body:#}");
        assert!(body["detail"].is_string() && body["title"].is_string(), "{body:#}");
    };
    for act in ["pause", "resume", "cancel"] {
        let to = format!("{V1}/{id}/{act}");
        problem(site.post(Role::Operator, &to, &json!({})).await, 409, "WRONG_STATE");
        problem(site.post(Role::Viewer, &to, &json!({})).await, 403, "FORBIDDEN");
        problem(site.send(site.request(Method::POST, &to)).await, 401, "NOT_SIGNED_IN");
        problem(site.get(Role::Operator, &to).await, 405, "METHOD_NOT_ALLOWED");
        let nobody = format!("{V1}/r-nobody/{act}");
        problem(site.post(Role::Operator, &nobody, &json!({})).await, 404, "CORRECTION_NOT_FOUND");
    }
    problem(put_pace(site, Role::Operator, id, &json!({ "percent": 50 })).await, 409, "WRONG_STATE");
    for body in [json!({ "percent": 101 }), json!({ "percent": -1 }), json!({ "speed": 3 }), json!({})] {
        problem(put_pace(site, Role::Operator, id, &body).await, 400, "INVALID_OPTIONS");
    }
    problem(site.get(Role::Viewer, "/api/v1/nothing/here").await, 404, "NOT_FOUND");
}

async fn a_run_without_failed_rows_lists_none_and_has_nothing_to_retry(site: &Site) {
    let done = site.post_and_wait(EXECUTE, &json!({})).await.data(200);
    let id = done["correctionId"].as_str().unwrap();
    let listed = site.get(Role::Viewer, &format!("{V1}/{id}/failed?limit=10&after=0")).await;
    assert_eq!((listed.status, listed.json()), (200, json!([])));
    let retry = format!("{V1}/{id}/retry");
    for (reply, status, code) in [
        (site.get(Role::Viewer, &format!("{V1}/{id}/failed?limit=0")).await, 400, "INVALID_OPTIONS"),
        (site.get(Role::Viewer, &format!("{V1}/{id}/failed?limit=many")).await, 400, "INVALID_OPTIONS"),
        (site.get(Role::Viewer, &format!("{V1}/r-nobody/failed")).await, 404, "CORRECTION_NOT_FOUND"),
        (site.post(Role::Viewer, &retry, &json!({})).await, 403, "FORBIDDEN"),
        (site.post(Role::Operator, &retry, &json!({})).await, 409, "WRONG_STATE"),
    ] {
        assert_eq!((reply.status, &reply.json()["code"]), (status, &json!(code)), "{}", reply.text);
    }
}

async fn what_the_reference_cannot_decide_is_assigned_and_taken_back(site: &Site) {
    let base = format!("/api/v1/rules/{}", ETL.rsplit('/').next().unwrap());
    let (list, to) = (format!("{base}/unresolved?limit=50"), format!("{base}/assignments"));
    let work = site.get(Role::Viewer, &list).await.json();
    let of = |finding: &str| {
        let items = work.as_array().unwrap().iter();
        items.clone().find(|i| i["finding"] == finding && i["matches"].is_array()).cloned().unwrap()
    };
    let (orphan, ambiguous) = (of("orphan"), of("ambiguous"));
    let alias = json!({ "matches": orphan["matches"], "as": ["AAA"] });
    let shown = json!({ "matches": orphan["matches"], "as": ["AAA"], "dryRun": true });
    let reply = site.post(Role::Viewer, &to, &shown).await;
    assert_eq!((reply.status, &reply.json()["value_now"]), (200, &json!("STOCK")), "{}", reply.text);
    assert_eq!(site.get(Role::Viewer, &to).await.json(), json!([]));
    let reply = site.post(Role::Operator, &to, &alias).await;
    assert_eq!((reply.status, &reply.json()["rows"]), (201, &orphan["rows"]), "{}", reply.text);
    let offered = ambiguous["suggestions"][0]["decision"]["value"].clone();
    let choice = json!({ "matches": ambiguous["matches"], "value": offered });
    assert_eq!(site.post(Role::Operator, &to, &choice).await.status, 201);
    let assigned = site.get(Role::Viewer, &to).await.json();
    assert_eq!((assigned.as_array().unwrap().len(), &assigned[0]["value"]), (2, &offered), "{assigned:#}");
    let left = site.get(Role::Viewer, &list).await.json();
    assert!(left.as_array().unwrap().iter().all(|i| i["matches"] != orphan["matches"]), "{left:#}");

    let one = format!("{to}/{}", orphan["matches"][0].as_str().unwrap());
    for (role, status, code) in
        [(Role::Viewer, 403, "FORBIDDEN"), (Role::Operator, 200, ""), (Role::Operator, 404, "NOT_FOUND")]
    {
        let token = site.token(role).await;
        let reply = site.send(site.request(Method::DELETE, &one).bearer_auth(token)).await;
        assert_eq!((reply.status, reply.json()["code"].as_str().unwrap_or_default()), (status, code), "{}", reply.text);
    }
    for (body, field) in [
        (json!({ "matches": ["x"] }), "as, value"),
        (json!({ "matches": ["x"], "as": ["AAA"], "value": "STOCK" }), "as, value"),
        (json!({ "matches": ["x"], "as": ["nowhere"] }), "as"),
        (json!({ "matches": ["x", "y"], "as": ["AAA"] }), "match"),
        (json!({ "matches": "x" }), "matches, as, value, dryRun"),
    ] {
        let reply = site.post(Role::Operator, &to, &body).await;
        assert_eq!((reply.status, &reply.json()["field"]), (400, &json!(field)), "{}", reply.text);
    }
    assert_eq!(site.post(Role::Viewer, &to, &alias).await.status, 403);
    assert_eq!(site.get(Role::Viewer, "/api/v1/rules/no-such-rule/assignments").await.status, 404);
}
