//! Policies that a person promotes or puts back.

use crate::support::{Setup, World, refusing, request, snapshot};
use holdshort_api::PolicyModeChange;
use holdshort_inventory::FirstUse;
use holdshort_model::{Effect, Mode};
use std::collections::BTreeMap;

fn change(mode: Mode, reason: &str) -> PolicyModeChange {
    PolicyModeChange { mode, reason: reason.into() }
}

async fn wiped(world: &World) -> (Effect, Effect) {
    let ruling = world.operator().decide(&request("a", "s", "wipe")).await.unwrap();
    (ruling.decision.effect, ruling.decision.enforced)
}

fn setup() -> Setup {
    Setup { snapshot: snapshot(vec![refusing("wipe")], FirstUse::Trust), ..Setup::default() }
}

#[tokio::test]
async fn a_change_of_mode_takes_hold_on_the_next_action_and_survives_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let world = World::within(dir.path(), setup()).await;
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Deny));
    let before = world.operator().policies().await.unwrap().snapshot;
    let demoted = world.operator().set_policy_mode("no_wipe", &change(Mode::Observe, "a drill")).await.unwrap();
    assert_eq!((demoted.id.as_str(), demoted.mode), ("holdshort.rules.no_wipe", Mode::Observe));
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Allow), "decided as before, and not enforced");
    assert_ne!(world.operator().policies().await.unwrap().snapshot, before, "what decides is another snapshot");
    let record = world.tape.of_type("promotion").remove(0);
    assert_eq!(
        (&record["before"], &record["after"], &record["reason"]),
        (&"enforce".into(), &"observe".into(), &"a drill".into())
    );
    world.stop().await;

    let world = World::within(dir.path(), setup()).await;
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Allow));
    // Loading the same policies again does not undo what a person said.
    world.operator().reload_policies().await.unwrap();
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Allow));
    world.operator().set_policy_mode("holdshort.rules.no_wipe", &change(Mode::Enforce, "over")).await.unwrap();
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Deny));
    world.stop().await;
}

#[tokio::test]
async fn it_needs_a_person_a_reason_a_policy_and_a_log() {
    let world = World::with(setup()).await;
    let operator = world.operator();
    for (name, reason) in [("no_wipe", " "), ("no_such", "why")] {
        operator.set_policy_mode(name, &change(Mode::Observe, reason)).await.unwrap_err();
    }
    let new = holdshort_api::NewAgent { id: "a".into(), class: "c".into(), owner: None };
    operator.add_agent(&new).await.unwrap();
    let label = holdshort_api::NewToken { label: "t".into(), expires_ms: None };
    let token = operator.issue_token(&"a".into(), &label).await.unwrap().token;
    let agent = world.over_tcp(Some(&token));
    agent.set_policy_mode("no_wipe", &change(Mode::Observe, "please")).await.unwrap_err();
    world.tape.mood(crate::support::Mood::Fails);
    operator.set_policy_mode("no_wipe", &change(Mode::Observe, "why")).await.unwrap_err();
    world.tape.mood(crate::support::Mood::Works);
    assert_eq!(wiped(&world).await, (Effect::Deny, Effect::Deny), "nothing changed");
    assert!(world.tape.of_type("promotion").is_empty());
    world.stop().await;
}

#[test]
fn what_the_configuration_says_stays() {
    use holdshort_decide::{Parts, Snapshot};
    let loaded = snapshot(vec![refusing("wipe")], FirstUse::Trust);
    let parts =
        Parts { policies: loaded.policies().cloned(), modes_fixed: ["no_wipe".to_owned()].into(), ..Parts::default() };
    let fixed = Snapshot::new(parts).unwrap();
    assert!(fixed.fixes_mode_of("holdshort.rules.no_wipe"));
    let changed = fixed.with_modes(&BTreeMap::from([("holdshort.rules.no_wipe".to_owned(), Mode::Observe)]));
    assert_eq!((changed.digest(), changed.policies().unwrap().policies()[0].mode), (fixed.digest(), Mode::Enforce));
}
