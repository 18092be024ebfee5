//! What is the matter with the installation itself is told to people, whether or not the log takes a record of it.

use crate::incidents::Bell;
use crate::support::{Mood, World, request};
use holdshort_enforce::Authority as _;
use holdshort_model::{Level, Notice, NoticeKind};
use holdshort_server::Alarm;
use serde_json::json;
use std::sync::Arc;
use tokio::sync::watch;

fn ringing(world: &World) -> watch::Receiver<Vec<Notice>> {
    let bell = Arc::new(Bell(watch::Sender::new(Vec::new())));
    let heard = bell.0.subscribe();
    world.service.notify_by(vec![bell]);
    heard
}

async fn heard(bell: &mut watch::Receiver<Vec<Notice>>, count: usize) -> Notice {
    bell.wait_for(|got| got.len() >= count).await.unwrap()[count - 1].clone()
}

fn event(notice: &Notice) -> &str {
    &notice.alarm.as_ref().unwrap().event
}

#[tokio::test]
async fn a_log_that_cannot_be_written_is_told_to_people_although_nothing_can_be_recorded() {
    let world = World::start().await;
    let mut bell = ringing(&world);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    world.tape.mood(Mood::Fails);
    for _ in 0..3 {
        world.service.rule(request("a", "s", "read")).await.unwrap_err();
    }
    let told = heard(&mut bell, 1).await;
    assert_eq!((told.kind, told.level, event(&told)), (NoticeKind::Alarm, Level::Critical, "recorder-down"));
    assert!(told.title.contains("every action that needs one is refused"), "{}", told.title);
    // It is the same trouble: one message.
    assert_eq!(bell.borrow().len(), 1);
}

#[tokio::test]
async fn keys_that_cannot_be_made_are_told_to_people_although_the_log_takes_records() {
    let world = World::start().await;
    let mut bell = ringing(&world);
    world.service.rule(request("a", "s", "read")).await.unwrap();
    world.tape.keyless(true);
    for session in ["t", "u"] {
        world.service.rule(request("a", session, "read")).await.unwrap_err();
    }
    let told = heard(&mut bell, 1).await;
    assert_eq!((told.level, event(&told)), (Level::Critical, "recorder-down"));
    assert_eq!(bell.borrow().len(), 1, "it is the same trouble");
    world.tape.keyless(false);
    world.service.rule(request("a", "u", "read")).await.unwrap();
}

#[tokio::test]
async fn a_disk_that_gets_full_is_told_and_so_is_its_end() {
    let world = World::start().await;
    let mut bell = ringing(&world);
    world.tape.mood(Mood::Full);
    world.service.log_space("nearly-full", true, json!({ "free_bytes": 7 })).await;
    let told = heard(&mut bell, 1).await;
    assert_eq!((event(&told), told.level), ("recorder-full", Level::Critical));
    let facts = &told.alarm.as_ref().unwrap().facts;
    assert!(facts.contains(&("free".into(), "7 bytes".into())), "{facts:?}");
    world.tape.mood(Mood::Works);
    world.service.log_space("enough", false, json!({})).await;
    let told = heard(&mut bell, 2).await;
    assert_eq!((event(&told), told.level), ("log-space", Level::Low));
    assert!(told.index.is_some(), "its record");
}

#[tokio::test]
async fn an_alarm_that_repeats_is_one_message_and_its_delivery_is_on_record() {
    let world = World::start().await;
    let mut bell = ringing(&world);
    let alarm = |about: &str| Alarm {
        event: "witness-conflict",
        about: about.into(),
        level: Level::High,
        title: "two\nlines \u{202e}".into(),
        facts: vec![("witness", "w".repeat(2_000))],
        commands: vec![("look", "holdshort log search".into())],
        index: Some(3),
    };
    world.service.alarm(&alarm("w1")).await;
    let told = heard(&mut bell, 1).await;
    assert_eq!((&*told.title, told.index), ("two lines \u{fffd}", Some(3)));
    assert!(told.alarm.as_ref().unwrap().facts[0].1.chars().count() <= 500);
    let record = world.tape.until(|record| record["event"] == "alarm-told").await;
    assert_eq!((&record["detail"]["event"], &record["detail"]["done"]), (&json!("witness-conflict"), &json!(true)));
    for _ in 0..5 {
        world.service.alarm(&alarm("w1")).await;
    }
    world.service.alarm(&alarm("w2")).await;
    heard(&mut bell, 2).await;
    let waiting = world.operator().channels().await.unwrap().channels[0].waiting;
    assert_eq!((waiting, bell.borrow().len()), (1, 2), "the repetitions wait as one");
}
