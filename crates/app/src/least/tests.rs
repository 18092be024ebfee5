//! The proposal covers what was used, each part of it is needed, and what nobody used stays outside.

use super::*;
use holdshort_decide::{Coverage, Grants, Known};
use holdshort_model::Resource;

/// An effect with the circumstances that grants look at.
#[derive(Clone, Debug)]
struct Act {
    effect: ActionEffect,
    server: Option<&'static str>,
    tool: &'static str,
    workspace: Option<&'static str>,
}

impl Act {
    fn target(&self) -> Target<'_> {
        Target { effect: &self.effect, server: self.server, tool: Some(self.tool), workspace: self.workspace }
    }
}

fn act(verb: Verb, resource: Resource, certainty: Certainty) -> Act {
    let effect = ActionEffect { verb, resource, reversible: None, count: None, certainty };
    Act { effect, server: Some("fs"), tool: "rm", workspace: Some("/w") }
}

fn file(path: &str) -> Resource {
    Resource { kind: "file".into(), path: Some(path.into()), ..Resource::default() }
}

fn proposed(acts: &[(Act, Option<Mark>)]) -> Suggestion {
    let mut used = Used { class: Some("assistant".into()), ..Used::default() };
    acts.iter().for_each(|(act, mark)| used.effect(&act.target(), *mark));
    used.suggest("tidy", &[]).unwrap()
}

fn covers(grants: &[GrantEntry], act: &Act) -> bool {
    let grants = Grants::compile(grants, &Known::default()).unwrap();
    grants.coverage("assistant", &[], &[act.target()], Mode::Enforce) == Coverage::Full
}

fn covered(resource: Resource, certainty: Certainty, expected: Option<&str>) {
    let act = act(Verb::Delete, resource, certainty);
    let found = proposed(&[(act.clone(), None)]);
    let resources: Vec<&String> = found.grants.iter().flat_map(|grant| &grant.resources).collect();
    assert_eq!(resources.first().map(|text| text.as_str()), expected, "{act:?}");
    assert_eq!(covers(&found.grants, &act), expected.is_some(), "{act:?}");
    assert_eq!(found.uncovered.is_empty(), expected.is_some(), "{act:?}");
}

#[test]
fn the_narrowest_pattern_is_taken_and_it_covers() {
    covered(file("/w/a"), Certainty::Derived, Some("file:${workspace}/a"));
    covered(file("/w2/a"), Certainty::Derived, Some("file:/w2/a"));
    covered(file("/w/*"), Certainty::Derived, Some("tool:fs/rm"));
    covered(file("/w/a\u{202e}b"), Certainty::Derived, Some("tool:fs/rm"));
    covered(file("/w/${workspace}/a"), Certainty::Derived, Some("tool:fs/rm"));
    covered(file("/w/a"), Certainty::Unknown, Some("tool:fs/rm"));
    let mail = Resource { kind: "mail".into(), id: Some("Bob@Example.org".into()), ..Resource::default() };
    covered(mail, Certainty::Derived, Some("mail:bob@example.org"));
    let url = Resource { kind: "url".into(), host: Some("x.example".into()), ..Resource::default() };
    covered(url, Certainty::Derived, Some("host:x.example"));
    let method = Resource { kind: "method".into(), id: Some("fs/odd".into()), ..Resource::default() };
    covered(method, Certainty::Unknown, Some("method:fs/odd"));
    let bare = Resource { kind: "method".into(), ..Resource::default() };
    covered(bare, Certainty::Unknown, None);
}

#[test]
fn what_a_person_has_to_look_at_makes_nothing_wider() {
    let read = |path: &str| act(Verb::Read, file(path), Certainty::Derived);
    let named: Vec<(Act, Option<Mark>)> =
        (0..5).map(|number| (read(&format!("/srv/x/{number}.csv")), Some(Mark::Untrusted))).collect();
    let found = proposed(&named);
    assert_eq!((found.grants[0].resources.len(), found.marked.len(), found.generalised.len()), (5, 5, 0), "{found:#?}");
    // The same files, used without a doubt as well, are what the agent does.
    let clean: Vec<_> = named.iter().map(|(act, _)| (act.clone(), None)).collect();
    let found = proposed(&[named, clean].concat());
    assert_eq!(found.grants[0].resources, ["file:/srv/x/*.csv"]);
    assert_eq!(found.marked, []);
}

#[test]
fn what_happens_without_a_server_is_granted_without_one() {
    let local = Act { server: None, ..act(Verb::Read, file("/srv/a"), Certainty::Derived) };
    let found = proposed(&[(local.clone(), None)]);
    assert_eq!(found.grants[0].servers, [""]);
    assert!(covers(&found.grants, &local));
    assert!(!covers(&found.grants, &Act { server: Some("fs"), ..local.clone() }));
    // A server that is called as what stands for none, and names that come together.
    let other = Act { server: Some("local"), ..local.clone() };
    let found = proposed(&[(local, None), (other, None)]);
    assert_eq!(
        found.grants.iter().map(|grant| &*grant.name).collect::<Vec<_>>(),
        ["tidy-local-read", "tidy-local-read-2"]
    );
    let glob = Act { server: Some("f*"), ..act(Verb::Read, file("/srv/a"), Certainty::Derived) };
    assert_eq!(proposed(&[(glob, None)]).grants, [], "its name would grant others");
}

/// Numbers that look random, the same ones for the same seed.
struct Draw(u64);

impl Draw {
    fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % bound
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

fn drawn(draw: &mut Draw) -> Act {
    let folder = draw.of(&["/w", "/w/a", "/w/b", "/w/c", "/srv/x/a", "/srv/x/b", "/home/me", "/etc"]);
    let path = format!("{folder}/{}{}", draw.below(6), draw.of(&[".csv", ".md", "", ".d/x.md", "*.md"]));
    let id = draw.below(9).to_string();
    let resource = match draw.below(7) {
        0..=3 => file(&path),
        4 => Resource { kind: "record".into(), id: Some(id), ..Resource::default() },
        5 => Resource { kind: "url".into(), host: Some(format!("h{id}.example")), ..Resource::default() },
        _ => Resource { kind: "table".into(), id: Some(id), ..Resource::default() },
    };
    let certainty = draw.of(&[Certainty::Derived, Certainty::Derived, Certainty::Derived, Certainty::Unknown]);
    Act {
        server: draw.of(&[Some("fs"), Some("db"), None]),
        tool: draw.of(&["one", "two"]),
        workspace: draw.of(&[Some("/w"), Some("/w/a"), None]),
        ..act(draw.of(&[Verb::Read, Verb::Read, Verb::Write, Verb::Delete]), resource, certainty)
    }
}

#[test]
fn the_proposal_is_enough_and_no_part_of_it_is_too_much() {
    let secrets: Vec<Act> =
        ["/home/me/.ssh/id_rsa", "/home/me/.env", "/etc/shadow", "/w/.git/hooks/pre-commit", "/w/id_rsa"]
            .map(|path| act(Verb::Read, file(path), Certainty::Derived))
            .to_vec();
    for seed in 0..40 {
        let mut draw = Draw(seed);
        let count = 1 + draw.below(150);
        let acts: Vec<(Act, Option<Mark>)> =
            (0..count).map(|_| (drawn(&mut draw), draw.of(&[None, None, None, Some(Mark::Untrusted)]))).collect();
        let found = proposed(&acts);
        let lost = |grants: &[GrantEntry]| {
            let grants = Grants::compile(grants, &Known::default()).unwrap();
            let lost = |act: &Act| grants.coverage("assistant", &[], &[act.target()], Mode::Enforce) != Coverage::Full;
            acts.iter().filter(|(act, _)| lost(act)).count()
        };
        // Without a server, what has no narrow pattern has no tool to be named by.
        let uncovered = |act: &Act| {
            act.server.is_none() && exact(&act.target()).is_none_or(|_| act.effect.certainty == Certainty::Unknown)
        };
        let bare = acts.iter().filter(|(act, _)| uncovered(act)).count();
        assert_eq!(lost(&found.grants), bare, "seed {seed}: {found:#?}");
        for number in 0..found.grants.len() {
            let mut fewer = found.grants.clone();
            fewer.remove(number);
            assert!(lost(&fewer) > bare, "seed {seed}: {:?} is not needed", found.grants[number]);
            for at in 0..found.grants[number].resources.len() {
                let mut fewer = found.grants.clone();
                if fewer[number].resources.len() > 1 {
                    let what = fewer[number].resources.remove(at);
                    assert!(lost(&fewer) > bare, "seed {seed}: {what} is not needed");
                }
            }
        }
        let wide =
            |grant: &&GrantEntry| grant.servers == ["fs"] && !grant.resources.iter().any(|it| it.starts_with("tool:"));
        let narrow: Vec<GrantEntry> = found.grants.iter().filter(wide).cloned().collect();
        assert!(narrow.is_empty() || !secrets.iter().any(|secret| covers(&narrow, secret)), "seed {seed}: {narrow:#?}");
    }
}
