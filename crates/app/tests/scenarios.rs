//! The incidents that Holdshort is for, played by `examples/scenarios/` with real MCP servers, in observe and in enforce
//! mode. What counts is what is left on disk afterwards, and what the log says.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[path = "scenarios/played.rs"]
mod played;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use played::Played;

#[test]
fn inbox_observed() {
    let played = Played::run("inbox", "observe");
    let deletions = played.of_tool("delete_messages");
    let answers: Vec<_> = deletions.iter().map(|one| (one["effect"].as_str(), one["enforced"].as_str())).collect();
    let (would, did) = ((Some("deny"), Some("allow")), (Some("deny"), Some("deny")));
    assert_eq!(answers, [would, did], "the first runs; after the promotion it does not");
    assert_eq!(played.files("mail/inbox").len(), 120);
}

#[test]
fn inbox_enforced() {
    let played = Played::run("inbox", "enforce");
    let left = played.files("mail/inbox");
    assert_eq!(left.len(), 114);
    assert!(left.iter().all(|file| !played.read(&format!("mail/inbox/{file}")).contains("newsletter@")));
    played.assert_stopped_by("delete_messages", "holdshort.rules.mass_delete");
}

#[test]
fn deployment_observed() {
    let played = Played::run("deployment", "observe");
    played.assert_everything_ran();
    played.assert_would_stop("delete_deployment", "holdshort.rules.teardown");
    assert!(!played.path("volumes/shop/orders.csv").exists());
}

#[test]
fn deployment_enforced() {
    let played = Played::run("deployment", "enforce");
    played.assert_stopped_by("delete_deployment", "holdshort.rules.teardown");
    assert_eq!(played.read("volumes/shop/orders.csv").lines().count(), 250);
}

#[test]
fn crm_observed() {
    let played = Played::run("crm", "observe");
    played.assert_everything_ran();
    played.assert_would_stop("write_query", "holdshort.rules.crm_read_only");
    assert_eq!(played.customers(), 40);
}

#[test]
fn crm_enforced() {
    let played = Played::run("crm", "enforce");
    played.assert_stopped_by("write_query", "holdshort.rules.crm_read_only");
    assert_eq!(played.customers(), 60);
    assert_eq!(played.read("workspace/report.md").lines().filter(|line| line.starts_with("- ")).count(), 40);
}

#[test]
fn changed_tool_observed() {
    let played = Played::run("tool", "observe");
    played.assert_everything_ran();
    played.assert_would_stop("find_address", "holdshort.rules.changed_tool");
    assert!(played.sent_to("collect.addresses.example").contains("Ada Holm"));
}

#[test]
fn changed_tool_enforced() {
    let played = Played::run("tool", "enforce");
    played.assert_stopped_by("find_address", "holdshort.rules.changed_tool");
    assert_eq!(played.sent_to("collect.addresses.example"), "");
}

#[test]
fn secret_observed() {
    let played = Played::run("secret", "observe");
    played.assert_everything_ran();
    played.assert_would_stop("fetch", "holdshort.rules.own_secrets");
    assert!(played.sent_to("status.c0rp.example").contains("corp-pay-"));
}

#[test]
fn secret_enforced() {
    let played = Played::run("secret", "enforce");
    played.assert_stopped_by("fetch", "holdshort.rules.own_secrets");
    assert_eq!(played.sent_to("status.c0rp.example"), "");
    let isolated = played.of_tool("read_text_file");
    assert!(isolated.iter().any(|one| one["reasons"][0]["policy"] == "standing"), "{isolated:?}");
    assert_eq!(isolated.last().unwrap()["enforced"], "allow", "it was given back");
}

#[test]
fn payroll_observed() {
    let played = Played::run("payroll", "observe");
    played.assert_everything_ran();
    played.assert_would_stop("fetch", "holdshort.rules.ladder");
    assert!(played.sent_to("people-benchmark.example").contains("61000"));
}

#[test]
fn payroll_enforced() {
    let played = Played::run("payroll", "enforce");
    played.assert_stopped_by("fetch", "holdshort.rules.ladder");
    assert_eq!(played.sent_to("people-benchmark.example"), "");
    assert!(played.of_tool("read_text_file").iter().all(|one| one["enforced"] == "allow"), "the same read is allowed");
    assert!(played.sent_to("payroll-partner.example").contains("61000"), "a person approved it");
    let approved = played.of_tool("fetch").into_iter().filter(|one| one["approved"].is_object()).count();
    assert_eq!(approved, 1);
}
