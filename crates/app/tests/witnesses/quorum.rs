//! Enough honest witnesses make a checkpoint that strangers believe, whatever the others do.

use crate::parts::*;
use crate::support::{Service, text};
use holdshort_ledger::{AddCheckpoint, Checkpoint, Cosigner, CosignerAlgorithm, Hash, SigningKey};
use serde_json::Value;
use std::net::TcpListener;
use std::path::Path;
use std::sync::{Arc, Mutex};

#[test]
fn two_honest_witnesses_are_enough_beside_four_that_are_down_hang_lie_and_sign_something_else() {
    let (home, key) = home();
    let (first, second) = (
        Witness::start(home.path(), "w1", &key, "127.0.0.1:0"),
        Witness::start(home.path(), "w2", &key, "127.0.0.1:0"),
    );
    let liar = Cosigner::from_seed(CosignerAlgorithm::Ed25519, "w3.example/w", &[3; 32]).unwrap();
    let (liar_key, asked) = (liar.key().to_string(), Arc::new(Mutex::new(0)));
    let counted = asked.clone();
    // Cosigns, with its own key, and another checkpoint than the one that it was asked for.
    let another = pretender(move |body| {
        *counted.lock().unwrap() += 1;
        let origin = AddCheckpoint::parse(body.as_bytes()).ok()?.origin().to_owned();
        let log = SigningKey::from_seed(&origin, &[9; 32]).unwrap();
        let mut note = Checkpoint { origin, size: 1, root: Hash::leaf(b"x") }.sign(&log).unwrap();
        liar.cosign(&mut note, 7).unwrap();
        Some((200, format!("{}\n", note.signatures()[1])))
    });
    let hanging = pretender(|_| None);
    let garbage = pretender(|_| Some((200, "\u{2014} nonsense \u{fffd}".repeat(9_000))));
    let down = {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        format!("http://{}", listener.local_addr().unwrap())
    };
    let spare = |at: u8| {
        let name = format!("w{at}.example/w");
        Cosigner::from_seed(CosignerAlgorithm::Ed25519, &name, &[at; 32]).unwrap().key().to_string()
    };
    let (fourth, fifth, sixth) = (spare(4), spare(5), spare(6));
    let all = [
        (&*first.url, &*first.keys[0]),
        (&*second.url, &*second.keys[1]),
        (&*another, &*liar_key),
        (&*hanging, &*fourth),
        (&*garbage, &*fifth),
        (&*down, &*sixth),
    ];
    home.configure(&configuration(&all, 2));
    let service = Service::start(&home);
    let mut token = None;
    for _ in 0..3 {
        decide(&home, &service, &mut token);
    }
    let page = witnessed(&service, 5);
    until("every witness was tried", || {
        let page = service.get("/v1/witnesses");
        page["witnesses"].as_array().unwrap().iter().skip(2).all(|one| one["trouble"].is_string()).then_some(())
    });
    assert!(*asked.lock().unwrap() > 0 && page["quorum"].as_str().unwrap().starts_with("2 of the 6"), "{page}");

    // Over HTTP and in the directory, by the policy of somebody else.
    let pair = [("W1", &*first.keys[0]), ("W2", &*second.keys[1])];
    let (both, log) = (policy(home.path(), &pair, "all"), home.data().join("log"));
    let address = format!("{}/log", service.address());
    let admin = home.data().join("admin.token");
    let far = plain(&[
        "log",
        "verify",
        &address,
        "--key",
        path(&key),
        "--token",
        path(&admin),
        "--witness-policy",
        path(&both),
    ]);
    assert_eq!(far.status.code(), Some(0), "{}{}", text(&far.stdout), text(&far.stderr));
    assert!(
        text(&far.stdout).contains("by 2 of the 2 in `g`") && text(&far.stdout).contains("`W2` cosigned at 20"),
        "{}",
        text(&far.stdout)
    );
    let more = [pair[0], pair[1], ("W3", &*liar_key)];
    let three = policy(home.path(), &more, "3");
    let refused = plain(&["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&three)]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(
        text(&refused.stderr).contains("quorum of 3 of the 3 in `g`: `W3` has not cosigned it"),
        "{}",
        text(&refused.stderr)
    );

    // A proof for strangers.
    let proof = home.path().join("2.tlog-proof");
    let made = home.run(&["log", "prove", "2", "--witnessed", "--out", path(&proof)]);
    assert!(made.status.success(), "{}", text(&made.stderr));
    let check = |policy: &Path| {
        plain(&["log", "verify-proof", path(&proof), "--key", path(&key), "--witness-policy", path(policy)])
    };
    let checked = check(&both);
    assert!(
        checked.status.success() && text(&checked.stdout).contains("`W1` cosigned at"),
        "{}",
        text(&checked.stderr)
    );
    let refused = check(&three);
    assert_eq!(refused.status.code(), Some(1));
    assert!(text(&refused.stderr).contains("does not meet the quorum"), "{}", text(&refused.stderr));
    drop(service);
    let mirrored = home.path().join("copy");
    let taken = plain(&["mirror", "--from", path(&log), "--to", path(&mirrored), "--key", path(&key), "--once"]);
    assert!(taken.status.success(), "{}", text(&taken.stderr));
    let copied =
        plain(&["log", "verify", path(&mirrored), "--key", path(&key), "--witness-policy", path(&both), "--json"]);
    let said: Value = serde_json::from_slice(&copied.stdout).unwrap();
    assert!(said["witnesses"]["covered"].as_u64().unwrap() >= 5, "{said}");
}
