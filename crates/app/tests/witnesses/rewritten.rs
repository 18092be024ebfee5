//! Whoever has the log's key can write its history anew, and is exposed by those who saw the first one.

use crate::parts::*;
use crate::support::{Service, text};
use holdshort_ledger::{Checkpoint, Hash, Note, SigningKey, append_note};
use holdshort_testkit::foreign_witness;
use serde_json::Value;
use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

#[test]
fn a_log_that_was_rewritten_with_the_stolen_key_is_exposed_by_its_witnesses_and_by_what_was_published() {
    let (home, key) = home();
    let pair = [
        Witness::start(home.path(), "w1", &key, "127.0.0.1:0"),
        Witness::start(home.path(), "w2", &key, "127.0.0.1:0"),
    ];
    let all = [(&*pair[0].url, &*pair[0].keys[0]), (&*pair[1].url, &*pair[1].keys[0])];
    let published = home.path().join("published");
    let publish = format!("[[witnesses.publish]]\nto = \"file\"\npath = \"{}\"\nevery = \"100ms\"\n", path(&published));
    home.configure(&(configuration(&all, 2) + &publish));
    let both = policy(home.path(), &[("W1", all[0].1), ("W2", all[1].1)], "all");
    let (log, backup, mirrored) = (home.data().join("log"), home.path().join("backup"), home.path().join("copy"));
    let mut token = None;
    let published_size = |size: u64| {
        until("a publication", || {
            fs::read_to_string(&published).ok().filter(|text| text.contains(&format!("\n{size}\n")))
        })
    };

    let service = Service::start(&home);
    decide(&home, &service, &mut token);
    published_size(witnessed(&service, 3)["size"].as_u64().unwrap());
    drop(service);
    copy(&log, &backup);
    let seen = Note::parse(&fs::read(backup.join("checkpoint.witnessed")).unwrap()).unwrap();
    let seen = Checkpoint::parse_text(seen.text()).unwrap().size;
    let verified: Value = serde_json::from_slice(&home.run(&["log", "verify", "--json"]).stdout).unwrap();
    let common = verified["size"].as_u64().unwrap();

    // The true story goes on, and is witnessed, published and mirrored.
    let service = Service::start(&home);
    for _ in 0..20 {
        decide(&home, &service, &mut token);
    }
    let truth = witnessed(&service, common + 20)["size"].as_u64().unwrap();
    published_size(truth);
    drop(service);
    let (kept, true_witnessed) = (home.path().join("kept"), home.path().join("true.witnessed"));
    fs::copy(log.join("checkpoint.witnessed"), &true_witnessed).unwrap();
    fs::copy(&published, &kept).unwrap();
    let mirror = ["mirror", "--from", path(&log), "--to", path(&mirrored), "--key", path(&key), "--once"];
    assert!(plain(&mirror).status.success());

    // Whoever has the key writes another one over it. Shorter than the true story it would be at first: a rollback.
    copy(&backup, &log);
    let service = Service::start(&home);
    let conflict = until("a conflict", || {
        let page = service.get("/v1/witnesses");
        let told = page["witnesses"].as_array().unwrap().iter().filter(|one| one["conflict"] == true).count();
        (told == 2).then_some(page)
    });
    let trouble = conflict["witnesses"][0]["trouble"].as_str().unwrap();
    assert!(trouble.contains(&format!("another history of this log: {truth} records")), "{conflict}");
    let on_record = until("the record", || {
        let found = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
        (found.stdout.iter().filter(|byte| **byte == b'\n').count() >= 2).then_some(text(&found.stdout))
    });
    assert!(on_record.contains(&format!("\"theirs\":{truth}")) && on_record.contains("\"proved\":true"), "{on_record}");
    assert!(on_record.contains(&format!("\"same_before\":{seen}")), "{on_record}");
    for _ in 0..40 {
        decide(&home, &service, &mut token);
    }
    // Each witness keeps what it refuses.
    let folder = |witness: &str| {
        let mut kept = fs::read_dir(home.path().join(witness)).unwrap().map(|entry| entry.unwrap().path());
        kept.find(|entry| entry.is_dir()).unwrap()
    };
    until("a refusal of the longer one", || folder("w1").join("refused").exists().then_some(()));
    drop(service);
    assert!(log.join("contradiction").exists());
    let alone = home.run(&["log", "verify"]);
    assert_eq!(alone.status.code(), Some(0), "it passes alone");
    let told = format!("another history was signed, of {truth} records");
    assert!(text(&alone.stderr).contains(&told), "{}", text(&alone.stderr));

    // With the true witnessed checkpoint it contradicts itself.
    fs::copy(&true_witnessed, log.join("checkpoint.witnessed")).unwrap();
    let verify = ["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&both)];
    let exposed = plain(&[&verify[..], &["--older", path(&kept)]].concat());
    assert_eq!(exposed.status.code(), Some(1));
    let message = text(&exposed.stderr);
    assert!(message.contains("contradicts what it showed to its witnesses"), "{message}");
    assert!(message.contains(&format!("the first {truth} records are not those")), "{message}");
    assert!(message.contains("are the same, and the first one that differs is before"), "{message}");
    // Without any, nobody vouches for it.
    fs::remove_file(log.join("checkpoint.witnessed")).unwrap();
    let unmet = plain(&verify);
    assert!(
        unmet.status.code() == Some(1) && text(&unmet.stderr).contains("`W1` has not cosigned it"),
        "{}",
        text(&unmet.stderr)
    );
    // What was published bounds the place, and a copy names it.
    let audit = |older: &Path| plain(&["log", "audit", path(&log), "--key", path(&key), "--older", path(older)]);
    assert_eq!(audit(&published).status.code(), Some(1));
    // Two of one size, which the two stories came to publish or not, need no log at all.
    let stolen = SigningKey::parse(fs::read_to_string(home.data().join("log.key")).unwrap().trim()).unwrap();
    let origin = stolen.verifier().name().to_owned();
    let other = Checkpoint { origin, size: truth, root: Hash::leaf(b"another") }.sign(&stolen).unwrap();
    let both_told = home.path().join("both");
    fs::write(&both_told, fs::read_to_string(&kept).unwrap() + &append_note(&other, false)).unwrap();
    let both_stories = audit(&both_told);
    let message = text(&both_stories.stderr);
    assert!(message.contains(&format!("two different trees of {truth}")), "{message}");
    let audited = audit(&kept);
    let message = text(&audited.stderr);
    assert!(audited.status.code() == Some(1) && message.contains("the first one that differs is before"), "{message}");
    let audited = plain(&["log", "audit", path(&log), "--key", path(&key), "--copy", path(&mirrored)]);
    let message = text(&audited.stderr);
    assert!(
        audited.status.code() == Some(1) && message.contains(&format!("rewritten from record {common} on")),
        "{message}"
    );
    assert!(text(&plain(&mirror).stderr).contains(&format!("rewritten from record {common} on")));
    let still = fs::read(folder("w1").join("checkpoint")).unwrap();
    let still = Checkpoint::parse_text(Note::parse(&still).unwrap().text()).unwrap();
    assert_eq!(still.size, truth, "what it cosigned stands");
}

/// The foreign witness, running. Ends with it.
struct Foreign(Child, String);

impl Foreign {
    fn command(config: &Path, arguments: &[&str]) -> Command {
        let mut command = foreign_witness().command();
        command.arg(arguments[0]).arg("--config").arg(config).args(&arguments[1..]);
        command
    }

    fn start(config: &Path) -> Self {
        let mut child = Self::command(config, &["serve"]).stdin(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let url =
            lines.find_map(|line| Some(line.unwrap().split_once("listening on ")?.1.split(' ').next()?.to_owned()));
        std::thread::spawn(move || lines.for_each(drop));
        Self(child, url.unwrap())
    }
}

impl Drop for Foreign {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_foreign_witness_cosigns_our_log_and_refuses_a_rewritten_one() {
    let (home, key) = home();
    let config = home.path().join("foreign.json");
    let made = Foreign::command(&config, &["init", "--name", "foreign.example/w", "--listen", "127.0.0.1:0"]).output();
    let foreign_key = text(&made.unwrap().stdout).lines().find(|line| line.contains('+')).unwrap().trim().to_owned();
    let log_key = fs::read_to_string(&key).unwrap().trim().to_owned();
    let origin = log_key.split('+').next().unwrap();
    let added = Foreign::command(&config, &["add-log", "--origin", origin, "--vkey", &log_key]).output().unwrap();
    assert!(added.status.success(), "{}", text(&added.stderr));
    let foreign = Foreign::start(&config);
    home.configure(&configuration(&[(&foreign.1, &foreign_key)], 1));
    let policy = policy(home.path(), &[("F", &foreign_key)], "1");
    let (log, backup) = (home.data().join("log"), home.path().join("backup"));

    let mut token = None;
    let service = Service::start(&home);
    witnessed(&service, 3);
    drop(service);
    copy(&log, &backup);
    let service = Service::start(&home);
    for _ in 0..20 {
        decide(&home, &service, &mut token);
    }
    let truth = witnessed(&service, 20)["size"].as_u64().unwrap();
    drop(service);
    let verified = plain(&["log", "verify", path(&log), "--key", path(&key), "--witness-policy", path(&policy)]);
    assert!(verified.status.success(), "{}", text(&verified.stderr));

    copy(&backup, &log);
    let service = Service::start(&home);
    for _ in 0..40 {
        decide(&home, &service, &mut token);
    }
    until("a conflict", || (service.get("/v1/witnesses")["witnesses"][0]["conflict"] == true).then_some(()));
    until("a refusal of the longer story", || {
        let evidence = Foreign::command(&config, &["evidence"]).output().unwrap();
        text(&evidence.stdout).contains(origin).then_some(())
    });
    let record = home.run(&["log", "search", "--text", "witness-conflict", "--json"]);
    assert!(text(&record.stdout).contains(&format!("\"theirs\":{truth}")), "{}", text(&record.stdout));
}
