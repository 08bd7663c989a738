//! The compatibility API at its door, on both databases.

mod support;

use amend_domain::{Backup, Caller, Door, Mode, Role, RunId, RunOptions};
use reqwest::{Method, header};
use serde_json::{Value, json};
use support::{CORRECTABLE, EACH, ETL, MISSING, ROWS, Site};

on_both!(
    execute_starts_a_run_and_says_where_to_look,
    execute_waits_when_that_is_preferred,
    execute_refuses_options_by_name,
    execute_refuses_a_second_run,
    execute_needs_an_operator,
    a_dry_run_writes_nothing,
    analyze_counts_every_finding,
    trouble_of_the_tables_has_each_endpoints_own_code,
    preview_shows_what_a_run_would_do,
    validate_fails_before_and_passes_after,
    status_tells_of_the_run,
    rollback_restores_what_was_changed,
    rollback_takes_a_part_and_then_the_rest,
    rollback_takes_the_snapshot_where_it_is_asked_for,
    overwriting_without_a_backup_is_the_rules_to_allow,
    rollback_refuses_by_code,
    health_needs_no_account,
    metrics_come_as_json_and_as_text,
    what_the_router_refuses_comes_in_the_envelope,
);

fn path(endpoint: &str) -> String {
    format!("{ETL}/{endpoint}")
}

async fn execute_starts_a_run_and_says_where_to_look(site: &Site) {
    let reply = site.post(Role::Operator, &path("execute"), &json!({})).await;
    let data = reply.data(202);
    let id = data["correctionId"].as_str().unwrap();
    assert_eq!(reply.header("location"), format!("{ETL}/status?correctionId={id}"));
    let id = RunId::parse(id).unwrap();
    site.engine.wait(&id, None).await.unwrap();
    let status = site.get(Role::Viewer, reply.header("location")).await.data(200);
    assert_eq!(status["operation"]["correctionId"], id.as_str());
    assert_eq!(status["operation"]["success"], true, "{status:#}");
}

async fn execute_waits_when_that_is_preferred(site: &Site) {
    let options = json!({ "batchSize": 100, "overwriteExistingValues": true });
    let reply = site.post_and_wait(&path("execute"), &options).await;
    assert_eq!(reply.header("preference-applied"), "wait=60");
    let data = reply.data(200);
    assert_eq!(data["success"], true, "{data:#}");
    assert_eq!(data["recordsSuccessfullyProcessed"], CORRECTABLE);
    assert_eq!(data["recordsNeedingCorrection"], CORRECTABLE);
    assert_eq!(data["totalRecordsAnalyzed"], ROWS);
    assert_eq!(data["batchesFailed"], 0);
    assert!(data["batchesProcessed"].as_i64().unwrap() >= CORRECTABLE / 100, "{data:#}");
    assert_eq!(data["performanceMetrics"]["totalBatches"], data["batchesProcessed"]);
    // Two of ten kinds are right before; afterwards the five that can be corrected are, too.
    assert_eq!(data["dataQualityScoreBefore"], 20.0);
    assert_eq!(data["dataQualityScoreAfter"], 70.0);
    assert_eq!(data["improvementPercentage"], 50.0);
    let id = data["correctionId"].as_str().unwrap();
    assert!(data["backupTableName"].as_str().unwrap().ends_with(&format!("(run {id})")), "{data:#}");
    for key in ["startTime", "endTime", "backupCreatedAt"] {
        chrono::DateTime::parse_from_rfc3339(data[key].as_str().unwrap()).unwrap();
    }
    assert_eq!(data["duration"].as_str().unwrap().len(), 8);
    let trail: Vec<_> = data["auditTrail"].as_array().unwrap().iter().map(|l| l["action"].clone()).collect();
    for action in ["queued", "started", "counted", "validated"] {
        assert!(trail.contains(&json!(action)), "{trail:?}");
    }
    for phase in ["waiting", "analysing", "correcting", "validating"] {
        assert!(data["phaseTimings"][phase].is_string(), "{phase}: {data:#}");
    }
    let right = "SELECT count(*) FROM market_data WHERE (symbol = 'AAA' AND asset_class = 'STOCK') \
                 OR (symbol = 'BBB' AND asset_class = 'ETF')";
    assert_eq!(site.number(right).await, 7 * EACH);
}

async fn execute_refuses_options_by_name(site: &Site) {
    for (body, name) in [
        (json!({ "batchSize": 0 }), "batchSize"),
        (json!({ "batchSize": 10_001 }), "batchSize"),
        (json!({ "batchSize": "many" }), "batchSize"),
        (json!({ "maxRecordsToProcess": 0 }), "maxRecordsToProcess"),
        (json!({ "createBackup": "no" }), "createBackup"),
        (json!({ "createBackup": false, "overwriteExistingValues": true }), "createBackup"),
        (json!({ "targetSymbols": ["AAA", " "] }), "targetSymbols"),
        (json!({ "targetSymbols": "AAA" }), "targetSymbols"),
        (json!({ "dryRun": "yes" }), "dryRun"),
        (json!({ "timeout": "00:00:59" }), "timeout"),
        (json!({ "timeout": "24:00:01" }), "timeout"),
        (json!({ "retryConfig": { "maxRetries": 11 } }), "retryConfig.maxRetries"),
        (json!({ "retryConfig": { "sometimes": 1 } }), "retryConfig.sometimes"),
        (json!({ "BatchSize": 10 }), "BatchSize"),
        (json!({ "onlyProcessNullAssetClass": true, "overwriteExistingValues": true }), "overwriteExistingValues"),
    ] {
        for endpoint in ["execute", "preview"] {
            let envelope = site.post(Role::Operator, &path(endpoint), &body).await.refused(400, "INVALID_OPTIONS");
            let first = envelope["errors"][0].as_str().unwrap();
            assert!(first.starts_with(&format!("{name} ")), "{body}: {first}");
        }
    }
    assert_eq!(site.number("SELECT count(*) FROM market_data WHERE asset_class IS NULL").await, 4 * EACH);
}

async fn execute_refuses_a_second_run(site: &Site) {
    let slow = json!({ "batchSize": 1, "overwriteExistingValues": true });
    let first = site.post(Role::Operator, &path("execute"), &slow).await.data(202);
    let second = site.post(Role::Operator, &path("execute"), &json!({})).await;
    let envelope = second.refused(409, "OPERATION_IN_PROGRESS");
    let id = first["correctionId"].as_str().unwrap();
    assert!(envelope["message"].as_str().unwrap().contains(id), "{envelope:#}");
    let running = json!({ "correctionId": id });
    site.post(Role::Operator, &path("rollback"), &running).await.refused(409, "OPERATION_IN_PROGRESS");
    let id = RunId::parse(id).unwrap();
    site.engine.cancel(&operator(), &id).await.unwrap();
    site.engine.wait(&id, None).await.unwrap();
}

fn operator() -> amend_domain::Caller {
    amend_domain::Caller { name: "test".into(), role: Role::Operator, door: amend_domain::Door::System }
}

async fn execute_needs_an_operator(site: &Site) {
    for endpoint in ["execute", "rollback"] {
        let done = site.post_and_wait(&path("execute"), &json!({ "maxRecordsToProcess": 1 })).await.data(200);
        let body = if endpoint == "rollback" { json!({ "correctionId": done["correctionId"] }) } else { json!({}) };
        let envelope = site.post(Role::Viewer, &path(endpoint), &body).await.refused(403, "FORBIDDEN");
        assert!(envelope["errors"][0].as_str().unwrap().contains("operator"), "{envelope:#}");
    }
}

async fn a_dry_run_writes_nothing(site: &Site) {
    let before = site.backend.picture("market_data").await.unwrap();
    let data = site.post_and_wait(&path("execute"), &json!({ "dryRun": true })).await.data(200);
    assert_eq!(data["recordsSuccessfullyProcessed"], MISSING);
    assert_eq!((&data["dryRun"], &data["backupTableName"]), (&json!(true), &Value::Null));
    assert_eq!(site.backend.picture("market_data").await.unwrap(), before);
}

async fn analyze_counts_every_finding(site: &Site) {
    let data = site.get(Role::Viewer, &path("analyze")).await.data(200);
    for (field, count) in [
        ("totalMarketDataRecords", ROWS),
        ("recordsWithNullAssetClass", 2 * EACH),
        ("recordsWithEmptyAssetClass", EACH),
        ("recordsWithValidAssetClass", 2 * EACH),
        ("recordsWithMismatchedAssetClass", 2 * EACH),
        ("orphanedMarketDataRecords", EACH),
        ("totalSymbolsReferenced", 5),
        ("symbolsWithValidAssetClass", 2),
        ("symbolsWithoutMarketData", 1),
    ] {
        assert_eq!(data[field], count, "{field}: {data:#}");
    }
    let issues = json!({ "missing_null": 2 * EACH, "missing_blank": EACH, "mismatched": EACH, "variant": EACH,
        "orphan": EACH, "ambiguous": EACH, "unresolvable": EACH });
    assert_eq!(data["issuesByCategory"], issues);
    // Null or blank: AAA twice, BBB, DUP and BAD once each.
    assert_eq!(data["assetClassCompleteness"], 50.0);
    assert_eq!(data["symbolMappingIntegrity"], 70.0);
    let mismatches = data["assetClassMismatches"].as_array().unwrap();
    assert_eq!(mismatches.len(), 2);
    let crypto = mismatches.iter().find(|m| m["marketDataAssetClass"] == "CRYPTO").unwrap();
    assert_eq!((&crypto["symbol"], &crypto["symbolAssetClass"]), (&json!("BBB"), &json!("ETF")));
    assert_eq!(crypto["affectedRecords"], EACH);
    // Row 4 of the table, four minutes after its beginning.
    assert_eq!(crypto["firstDetected"], "2025-06-15T15:10:40.000Z");
    assert_eq!(data["recommendations"].as_array().unwrap().len(), 5);
    assert!(data["correctionEffort"]["estimatedBatches"].as_i64().unwrap() >= 1, "{data:#}");
}

async fn trouble_of_the_tables_has_each_endpoints_own_code(site: &Site) {
    site.backend.execute("ALTER TABLE symbols RENAME TO symbols_away").await.unwrap();
    let envelope = site.get(Role::Viewer, &path("analyze")).await.refused(500, "ANALYSIS_ERROR");
    assert!(envelope["message"].as_str().unwrap().contains("symbols"), "{envelope:#}");
    site.post(Role::Viewer, &path("validate"), &json!({})).await.refused(500, "VALIDATION_ERROR");
    site.post(Role::Operator, &path("execute"), &json!({})).await.refused(422, "RULE_UNUSABLE");
    let health = site.send(site.request(Method::GET, &path("health"))).await;
    let envelope = health.refused(503, "SERVICE_DEGRADED");
    assert_eq!(envelope["data"]["isHealthy"], false);
    assert_eq!(envelope["data"]["components"]["rule"]["isHealthy"], false, "{envelope:#}");
    assert_eq!(envelope["data"]["components"]["database"]["isHealthy"], true, "{envelope:#}");
}

async fn preview_shows_what_a_run_would_do(site: &Site) {
    let data = site.post(Role::Viewer, &path("preview"), &json!({ "batchSize": 100 })).await.data(200);
    assert_eq!(data["estimatedRecordsToProcess"], MISSING);
    assert_eq!(data["estimatedBatches"], MISSING / 100);
    assert_eq!(data["correctionsByAssetClass"], json!({ "STOCK": 2 * EACH, "ETF": EACH }));
    let samples = data["sampleCorrections"].as_array().unwrap();
    assert_eq!(samples.len(), 50);
    for sample in samples {
        assert!(sample["proposedAssetClass"].is_string() && sample["marketDataId"].is_string(), "{sample}");
        assert!(["no value", "empty text"].contains(&sample["correctionReason"].as_str().unwrap()), "{sample}");
    }
    assert!(!data["identifiedRisks"].as_array().unwrap().is_empty());
    let scoped = json!({ "targetSymbols": ["BBB"], "overwriteExistingValues": true, "maxRecordsToProcess": 7 });
    let data = site.post(Role::Viewer, &path("preview"), &scoped).await.data(200);
    assert_eq!(data["estimatedRecordsToProcess"], 7);
    assert_eq!(data["sampleCorrections"].as_array().unwrap().len(), 7);
    assert!(data["sampleCorrections"].as_array().unwrap().iter().all(|s| s["symbol"] == "BBB"));
}

async fn validate_fails_before_and_passes_after(site: &Site) {
    let data = site.post(Role::Viewer, &path("validate"), &json!({})).await.data(200);
    assert_eq!(data["validationPassed"], false);
    assert_eq!(data["recordsValidated"], ROWS);
    assert!(data["validationErrors"].as_i64().unwrap() >= CORRECTABLE, "{data:#}");
    assert!(data["errors"].as_array().unwrap().iter().any(|e| e["recordId"].is_string()), "{data:#}");
    site.post_and_wait(&path("execute"), &json!({ "overwriteExistingValues": true })).await.data(200);
    // The orphan's value is no class at all; a person would have to decide.
    site.backend.execute("UPDATE market_data SET asset_class = NULL WHERE symbol = 'NONE'").await.unwrap();
    let data = site.post(Role::Viewer, &path("validate"), &json!({})).await.data(200);
    assert_eq!((&data["validationPassed"], &data["validationErrors"]), (&json!(true), &json!(0)), "{data:#}");
    assert_eq!(data["errors"], json!([]));
    site.post(Role::Viewer, &path("validate"), &json!({ "deep": true })).await.refused(400, "INVALID_OPTIONS");
}

async fn status_tells_of_the_run(site: &Site) {
    let idle = site.get(Role::Viewer, &path("status")).await.data(200);
    assert_eq!((&idle["isRunning"], &idle["lastOperationSuccess"]), (&json!(false), &Value::Null));
    assert_eq!(idle["recentOperations"], json!([]));
    let slow = json!({ "batchSize": 1, "overwriteExistingValues": true });
    let run = site.post(Role::Operator, &path("execute"), &slow).await.data(202);
    let busy = site.get(Role::Viewer, &path("status")).await.data(200);
    assert_eq!((&busy["isRunning"], &busy["currentOperationId"]), (&json!(true), &run["correctionId"]));
    assert!((0.0..=100.0).contains(&busy["currentProgress"].as_f64().unwrap()), "{busy:#}");
    assert!(busy["currentPhase"].is_string(), "{busy:#}");
    let id = RunId::parse(run["correctionId"].as_str().unwrap()).unwrap();
    site.engine.cancel(&operator(), &id).await.unwrap();
    site.engine.wait(&id, None).await.unwrap();
    let over = site.get(Role::Viewer, &path("status")).await.data(200);
    assert_eq!((&over["isRunning"], &over["lastOperationSuccess"]), (&json!(false), &json!(false)));
    assert_eq!(over["recentOperations"][0]["state"], "cancelled");
    let unknown = site.get(Role::Viewer, &path("status?correctionId=r-nothere")).await;
    unknown.refused(404, "CORRECTION_NOT_FOUND");
}

async fn rollback_restores_what_was_changed(site: &Site) {
    let before = site.backend.picture("market_data").await.unwrap();
    let run = site.post_and_wait(&path("execute"), &json!({ "overwriteExistingValues": true })).await.data(200);
    assert_ne!(site.backend.picture("market_data").await.unwrap(), before);
    // Somebody decides otherwise about one row, and deletes another.
    let (changed, deleted) = ("00000000-0000-4000-8000-000000000001", "00000000-0000-4000-8000-000000000011");
    site.backend.execute(&format!("UPDATE market_data SET asset_class = 'BOND' WHERE id = '{changed}'")).await.unwrap();
    site.backend.execute(&format!("DELETE FROM market_data WHERE id = '{deleted}'")).await.unwrap();
    let body = json!({ "correctionId": run["correctionId"], "reason": "it was a test", "validateAfterRollback": true });
    let data = site.post_and_wait(&path("rollback"), &body).await.data(200);
    assert_eq!((&data["success"], &data["correctionIdRolledBack"]), (&json!(true), &run["correctionId"]));
    assert_eq!(data["recordsRolledBack"], CORRECTABLE - 2);
    assert_eq!(
        (&data["recordsSkipped"], &data["skipReasons"]),
        (&json!(2), &json!({ "changedSince": 1, "deleted": 1 }))
    );
    assert!(data["backupTableUsed"].as_str().unwrap().contains(run["correctionId"].as_str().unwrap()));
    let after = site.backend.picture("market_data").await.unwrap();
    assert_eq!(after.len(), before.len() - 1);
    assert_eq!(after.iter().filter(|line| before.contains(line)).count(), before.len() - 2);
    site.post(Role::Operator, &path("rollback"), &json!({ "correctionId": run["correctionId"] }))
        .await
        .refused(409, "ALREADY_ROLLED_BACK");
}

async fn rollback_takes_a_part_and_then_the_rest(site: &Site) {
    let before = site.backend.picture("market_data").await.unwrap();
    let run = site.post_and_wait(&path("execute"), &json!({ "overwriteExistingValues": true })).await.data(200);
    let id = &run["correctionId"];
    let nulls = json!({ "correctionId": id, "scope": { "oldValues": [null], "newValues": ["STOCK", "ETF"] } });
    let part = site.post_and_wait(&path("rollback"), &nulls).await.data(200)["recordsRolledBack"].as_i64().unwrap();
    assert!(part > 0 && part < CORRECTABLE, "{part}");
    site.post(Role::Operator, &path("rollback"), &nulls).await.refused(409, "ALREADY_ROLLED_BACK");
    let rest = site.post_and_wait(&path("rollback"), &json!({ "correctionId": id })).await.data(200);
    assert_eq!(rest["recordsRolledBack"], CORRECTABLE - part);
    assert_eq!(site.backend.picture("market_data").await.unwrap(), before);
    for (scope, name) in [
        (json!({ "oldValues": [] }), "scope.oldValues"),
        (json!({ "chunks": ["x"] }), "scope.chunks"),
        (json!({ "colours": ["x"] }), "scope.colours"),
    ] {
        let body = json!({ "correctionId": id, "scope": scope });
        let envelope = site.post(Role::Operator, &path("rollback"), &body).await.refused(400, "INVALID_OPTIONS");
        assert!(envelope["errors"][0].as_str().unwrap().starts_with(&format!("{name} ")), "{envelope:#}");
    }
}

async fn rollback_takes_the_snapshot_where_it_is_asked_for(site: &Site) {
    let before = site.backend.picture("market_data").await.unwrap();
    let plain = site.post_and_wait(&path("execute"), &json!({})).await.data(200);
    let from = |id: &Value| json!({ "correctionId": id, "source": "snapshot" });
    let refused = site.post(Role::Operator, &path("rollback"), &from(&plain["correctionId"])).await;
    let envelope = refused.refused(409, "WRONG_STATE");
    assert!(envelope["message"].as_str().unwrap().contains("has no snapshot"), "{envelope:#}");
    site.post_and_wait(&path("rollback"), &json!({ "correctionId": plain["correctionId"] })).await.data(200);

    // The API that Amend replaces knows no snapshots; another door asks for one.
    let options = RunOptions { mode: Mode::Overwrite, backup: Backup::Snapshot, ..RunOptions::default() };
    let who = Caller { name: "op".into(), role: Role::Operator, door: Door::CommandLine };
    let run = site.engine.start_run(&who, &amend_domain::RuleSlug::default_rule(), options, None).await.unwrap();
    let run = site.engine.wait(&run.run_id, None).await.unwrap();
    assert_eq!(run.changed, CORRECTABLE);
    let data = site.post_and_wait(&path("rollback"), &from(&json!(run.run_id))).await.data(200);
    assert_eq!((&data["success"], &data["recordsRolledBack"]), (&json!(true), &json!(CORRECTABLE)));
    assert!(data["backupTableUsed"].as_str().unwrap().contains("market_data_backup_"), "{data:#}");
    assert_eq!(site.backend.picture("market_data").await.unwrap(), before);
    let body = json!({ "correctionId": run.run_id, "source": "tape" });
    site.post(Role::Operator, &path("rollback"), &body).await.refused(400, "INVALID_OPTIONS");
}

async fn overwriting_without_a_backup_is_the_rules_to_allow(site: &Site) {
    let body = json!({ "createBackup": false, "overwriteExistingValues": true });
    site.post(Role::Operator, &path("execute"), &body).await.refused(400, "INVALID_OPTIONS");
    let fill = site.post_and_wait(&path("execute"), &json!({ "createBackup": false })).await.data(200);
    assert_eq!(fill["recordsSuccessfullyProcessed"], MISSING);
    let store = site.engine.store();
    let rule = store.rule(&amend_domain::RuleSlug::default_rule()).await.unwrap().unwrap();
    let allowing = amend_domain::Rule { allow_without_backup: true, ..rule };
    store.save_rule(&allowing, site.engine.clock().now()).await.unwrap();
    let done = site.post_and_wait(&path("execute"), &body).await.data(200);
    assert_eq!(done["recordsSuccessfullyProcessed"], CORRECTABLE - MISSING);
    // The journal is written all the same, so it can be undone.
    let back = site.post_and_wait(&path("rollback"), &json!({ "correctionId": done["correctionId"] })).await.data(200);
    assert_eq!(back["recordsRolledBack"], CORRECTABLE - MISSING);
}

async fn rollback_refuses_by_code(site: &Site) {
    let rollback = async |body: Value| site.post(Role::Operator, &path("rollback"), &body).await;
    rollback(json!({})).await.refused(400, "MISSING_CORRECTION_ID");
    rollback(json!({ "correctionId": "" })).await.refused(400, "MISSING_CORRECTION_ID");
    rollback(json!({ "correctionId": "r-nothere" })).await.refused(404, "CORRECTION_NOT_FOUND");
    rollback(json!({ "correctionId": "x".repeat(101) })).await.refused(400, "INVALID_OPTIONS");
    rollback(json!({ "correctionId": "r-1", "reason": "x".repeat(501) })).await.refused(400, "INVALID_OPTIONS");
    rollback(json!({ "correctionId": "r-1", "onConflict": "maybe" })).await.refused(400, "INVALID_OPTIONS");
    rollback(json!({ "correctionId": "r-1", "force": true })).await.refused(400, "INVALID_OPTIONS");
}

async fn health_needs_no_account(site: &Site) {
    let reply = site.send(site.request(Method::GET, &path("health"))).await;
    let data = reply.data(200);
    assert_eq!((&data["isHealthy"], &data["overallStatus"]), (&json!(true), &json!("Healthy")));
    for component in ["database", "rule"] {
        let component = &data["components"][component];
        assert_eq!(component["isHealthy"], true, "{data:#}");
        assert!(component["detail"].is_string() && component["checkedAt"].is_string(), "{data:#}");
    }
    for probe in ["/health/live", "/health/ready"] {
        assert_eq!(site.send(site.request(Method::GET, probe)).await.status, 200, "{probe}");
    }
    site.send(site.request(Method::GET, "/api/etl/no-such-rule/health")).await.refused(404, "RULE_NOT_FOUND");
}

async fn metrics_come_as_json_and_as_text(site: &Site) {
    let before = site.get(Role::Viewer, &path("metrics")).await.data(200);
    assert_eq!((&before["operationsStarted"], &before["dataQualityScore"]), (&json!(0), &Value::Null));
    let run = site.post_and_wait(&path("execute"), &json!({ "overwriteExistingValues": true })).await.data(200);
    site.post_and_wait(&path("rollback"), &json!({ "correctionId": run["correctionId"] })).await.data(200);
    let after = site.get(Role::Viewer, &path("metrics")).await.data(200);
    assert_eq!((&after["operationsStarted"], &after["operationsCompleted"]), (&json!(2), &json!(2)), "{after:#}");
    assert_eq!((&after["recordsProcessed"], &after["dataQualityScore"]), (&json!(2 * CORRECTABLE), &json!(20.0)));
    let token = site.token(Role::Viewer).await;
    for accept in ["text/plain", "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1"]
    {
        let request = site.request(Method::GET, &path("metrics")).bearer_auth(&token).header(header::ACCEPT, accept);
        let reply = site.send(request).await;
        assert!(reply.header("content-type").starts_with("text/plain; version=0.0.4"), "{:?}", reply.headers);
        let rule = "rule=\"asset-class-correction\"";
        for line in [
            format!("assetclass_operations_started_total{{{rule}}} 2"),
            format!("assetclass_operations_completed_total{{{rule}}} 2"),
            format!("assetclass_records_processed_total{{{rule}}} {}", 2 * CORRECTABLE),
            format!("assetclass_operation_duration_seconds_count{{{rule}}} 2"),
            format!("assetclass_operation_duration_seconds_bucket{{{rule},le=\"+Inf\"}} 2"),
            format!("assetclass_data_quality_score{{{rule}}} 20"),
            format!("assetclass_records_needing_correction{{{rule}}} {CORRECTABLE}"),
        ] {
            assert!(reply.text.lines().any(|l| l == line), "{line}\n{}", reply.text);
        }
    }
}

async fn what_the_router_refuses_comes_in_the_envelope(site: &Site) {
    site.get(Role::Viewer, &path("execute")).await.refused(405, "METHOD_NOT_ALLOWED");
    site.post(Role::Viewer, &path("status"), &json!({})).await.refused(405, "METHOD_NOT_ALLOWED");
    site.get(Role::Viewer, &path("nothing")).await.refused(404, "NOT_FOUND");
    site.get(Role::Viewer, "/api/nothing/here").await.refused(404, "NOT_FOUND");
    for endpoint in ["analyze", "status", "metrics"] {
        site.get(Role::Viewer, &format!("/api/etl/no-such-rule/{endpoint}")).await.refused(404, "RULE_NOT_FOUND");
    }
    for endpoint in ["execute", "preview", "validate"] {
        let elsewhere = format!("/api/etl/No_Rule/{endpoint}");
        site.post(Role::Operator, &elsewhere, &json!({})).await.refused(404, "RULE_NOT_FOUND");
    }
    let large = json!({ "reason": "x".repeat(2 * 1024 * 1024) });
    site.post(Role::Operator, &path("execute"), &large).await.refused(413, "PAYLOAD_TOO_LARGE");
    let token = site.token(Role::Operator).await;
    let broken = site.request(Method::POST, &path("execute")).bearer_auth(token).body("{\"dryRun\":");
    site.send(broken).await.refused(400, "INVALID_OPTIONS");
}
