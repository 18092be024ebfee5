//! The patterns that can cover a resource, from the narrowest on, and the rules of generalisation.

use holdshort_effects::Target;
use std::collections::{BTreeMap, BTreeSet};

/// Files of one folder, or folders of one folder, from which on they are taken together.
const FILES_MIN: usize = 3;
/// Ids of one kind from which on they are taken together.
const IDS_MIN: usize = 5;
/// Names above files that are taken together: `/home/me/x`.
const FOLDER_DEPTH_MIN: usize = 2;
/// Names above folders that are taken together: nothing that is a home, where every program keeps its secrets.
const FOLDERS_DEPTH_MIN: usize = 3;
/// Longest text of a resource that becomes a pattern, in bytes.
const TEXT_BYTES_MAX: usize = 1_024;
/// The kind whose ids are entries of one store, as are those that a catalog declares. Of any other, each id is a thing of its own.
const RECORD: &str = "record";

const WORKSPACE: &str = "${workspace}";

/// Whether a text holds nothing that patterns read as more than itself.
pub(super) fn is_plain(text: &str) -> bool {
    !text.contains(['*', '?']) && !text.chars().any(crate::render::is_hidden)
}

/// The narrowest pattern over the resource of an effect.
pub(super) fn exact(target: &Target<'_>) -> Option<String> {
    let resource = &target.effect.resource;
    let kind = resource.kind.as_str();
    let text = match (kind, &resource.path, &resource.host, &resource.id) {
        ("file", Some(path), ..) => in_workspace(path, target).unwrap_or_else(|| format!("file:{path}")),
        ("mail", _, _, Some(address)) => format!("mail:{}", address.to_lowercase()),
        ("url" | "host" | "network", _, Some(host), _) => format!("host:{host}"),
        ("tool", ..) => return None,
        (kind, _, _, Some(id)) => format!("{kind}:{id}"),
        (_, _, Some(host), None) => format!("host:{host}"),
        _ => return None,
    };
    (text.len() <= TEXT_BYTES_MAX && is_plain(&text)).then_some(text)
}

/// The pattern of the tool.
pub(super) fn tool(target: &Target<'_>) -> Option<String> {
    let text = target.server.zip(target.tool).map(|(server, tool)| format!("tool:{server}/{tool}"))?;
    // A `/` in the server's name would make it another server's tool.
    (is_plain(&text) && !target.server.is_some_and(|server| server.contains('/'))).then_some(text)
}

/// Every pattern of a proposal that can cover the effect.
pub(super) fn covering(target: &Target<'_>) -> BTreeSet<String> {
    let mut all: BTreeSet<String> = exact(target).into_iter().chain(tool(target)).collect();
    let resource = &target.effect.resource;
    if let Some(path) = resource.path.as_deref().filter(|_| resource.kind == "file") {
        let texts = [in_workspace(path, target), Some(format!("file:{path}"))];
        for text in texts.into_iter().flatten() {
            if let Some(kin) = Kin::of(&text) {
                all.extend([kin.files(), kin.folders()]);
            }
            all.insert(text);
        }
    }
    all.extend(resource.host.as_ref().map(|host| format!("host:{host}")));
    all.insert(format!("{}:*", resource.kind));
    all
}

fn in_workspace(path: &str, target: &Target<'_>) -> Option<String> {
    let below = target.workspace.filter(|at| *at != "/").and_then(|at| path.strip_prefix(at))?;
    (below.is_empty() || below.starts_with('/')).then(|| format!("file:{WORKSPACE}{below}"))
}

/// What a file has in common with others: where it lies, and the ending of its name.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Kin {
    folder: String,
    ending: String,
}

impl Kin {
    /// None for files that stand for themselves: hidden ones, what lies in hidden folders, names without an ending, such as keys.
    fn of(file: &str) -> Option<Self> {
        let (folder, name) = file.rsplit_once('/')?;
        let (stem, ending) = name.rsplit_once('.')?;
        let hidden = file.split('/').any(|part| part.starts_with('.'));
        let fits = !hidden && !stem.is_empty() && !ending.is_empty() && depth(folder) >= FOLDER_DEPTH_MIN;
        fits.then(|| Self { folder: folder.to_owned(), ending: ending.to_owned() })
    }

    /// The files of the folder with this ending.
    fn files(&self) -> String {
        format!("{}/*.{}", self.folder, self.ending)
    }

    /// The folder above.
    fn above(&self) -> &str {
        self.folder.rsplit_once('/').map_or("", |(above, _)| above)
    }

    /// The files with this ending in all folders beside it.
    fn folders(&self) -> String {
        format!("{}/*/*.{}", self.above(), self.ending)
    }
}

/// How many names stand in a folder such as `file:/home/me`. A workspace is as deep as any.
fn depth(folder: &str) -> usize {
    match folder.strip_prefix("file:") {
        Some(path) if path.starts_with(WORKSPACE) => FOLDERS_DEPTH_MIN,
        Some(path) => path.split('/').filter(|name| !name.is_empty()).count(),
        None => 0,
    }
}

/// Takes together what belongs together. `written`: files are taken together in their folder, and folders are not.
///
/// Gives patterns and, of those that stand for more than was used, for how many things.
pub(super) fn generalise(patterns: BTreeSet<String>, written: bool) -> (BTreeSet<String>, BTreeMap<String, usize>) {
    let mut all = BTreeSet::new();
    let mut stands_for = BTreeMap::new();
    let mut files: BTreeMap<Kin, Vec<String>> = BTreeMap::new();
    let mut ids: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for pattern in patterns {
        let kind = pattern.split(':').next().unwrap_or_default();
        match Kin::of(&pattern).filter(|_| kind == "file") {
            Some(kin) => files.entry(kin).or_default().push(pattern),
            None if kind == RECORD || !holdshort_effects::KINDS.contains(&kind) => {
                ids.entry(kind.to_owned()).or_default().push(pattern);
            }
            None => drop(all.insert(pattern)),
        }
    }
    for (kind, patterns) in ids {
        if patterns.len() < IDS_MIN {
            all.extend(patterns);
        } else {
            stands_for.insert(format!("{kind}:*"), patterns.len());
        }
    }
    let mut whole: BTreeMap<String, Vec<(Kin, usize)>> = BTreeMap::new();
    for (kin, files) in files {
        if files.len() < FILES_MIN {
            all.extend(files);
        } else {
            whole.entry(kin.folders()).or_default().push((kin, files.len()));
        }
    }
    for (folders, kins) in whole {
        let deep = kins.first().is_some_and(|(kin, _)| depth(kin.above()) >= FOLDERS_DEPTH_MIN);
        if !written && deep && kins.len() >= FILES_MIN {
            stands_for.insert(folders, kins.iter().map(|(_, count)| count).sum());
        } else {
            stands_for.extend(kins.into_iter().map(|(kin, count)| (kin.files(), count)));
        }
    }
    all.extend(stands_for.keys().cloned());
    (all, stands_for)
}

#[cfg(test)]
mod tests {
    use super::*;
    use holdshort_effects::ResourcePattern;

    fn check(texts: &[&str], written: bool, expected: &[&str]) {
        let (found, _) = generalise(texts.iter().map(ToString::to_string).collect(), written);
        assert_eq!(found.iter().map(String::as_str).collect::<Vec<_>>(), expected, "{texts:?}");
        for pattern in expected {
            ResourcePattern::parse(pattern).unwrap();
        }
    }

    #[test]
    fn files_of_one_ending_are_taken_together_in_their_folder() {
        check(&["file:/srv/a/1.csv", "file:/srv/a/2.csv"], false, &["file:/srv/a/1.csv", "file:/srv/a/2.csv"]);
        let csv = ["file:/srv/a/1.csv", "file:/srv/a/2.csv", "file:/srv/a/3.csv", "file:/srv/a/x.txt"];
        check(&csv, false, &["file:/srv/a/*.csv", "file:/srv/a/x.txt"]);
        check(
            &["file:/etc/1.c", "file:/etc/2.c", "file:/etc/3.c"],
            true,
            &["file:/etc/1.c", "file:/etc/2.c", "file:/etc/3.c"],
        );
        let mixed = ["file:${workspace}/1.c", "file:${workspace}/2.c", "file:${workspace}/3.c", "file:/w/x/4.c"];
        check(&mixed, true, &["file:${workspace}/*.c", "file:/w/x/4.c"]);
    }

    #[test]
    fn secrets_beside_files_stay_outside() {
        // Nothing that was seen makes a hidden file, a hidden folder or a name without ending one of several.
        for folder in ["/home/me/.ssh", "/home/me/.aws/x", "/home/me/keys"] {
            let files: Vec<String> = (0..9).map(|number| format!("file:{folder}/id_{number}")).collect();
            let texts: Vec<&str> = files.iter().map(String::as_str).collect();
            check(&texts, false, &texts);
        }
        let hidden = ["file:/home/me/.a.txt", "file:/home/me/.b.txt", "file:/home/me/.c.txt"];
        check(&hidden, false, &hidden);
        let config = ["file:/home/me/.x/a.json", "file:/home/me/.x/b.json", "file:/home/me/.x/c.json"];
        check(&config, false, &config);
    }

    #[test]
    fn folders_are_taken_together_to_read_and_never_a_home() {
        let files = |base: &str| -> Vec<String> {
            let folders = ["a", "b", "c"];
            folders
                .iter()
                .flat_map(|folder| (0..3).map(move |file| format!("file:{base}/{folder}/{file}.md")))
                .collect()
        };
        let of = |base: &str, written, expected: &[&str]| {
            let files = files(base);
            check(&files.iter().map(String::as_str).collect::<Vec<_>>(), written, expected);
        };
        of("/home/me/work", false, &["file:/home/me/work/*/*.md"]);
        of("${workspace}", false, &["file:${workspace}/*/*.md"]);
        let apart = ["file:${workspace}/a/*.md", "file:${workspace}/b/*.md", "file:${workspace}/c/*.md"];
        of("${workspace}", true, &apart);
        of("/home/me", false, &["file:/home/me/a/*.md", "file:/home/me/b/*.md", "file:/home/me/c/*.md"]);
    }

    #[test]
    fn only_records_are_taken_together_by_their_kind() {
        let of = |kind: &str, count: usize| (1..=count).map(|id| format!("{kind}:{id}")).collect::<Vec<_>>();
        for (kind, count, together) in [
            ("record", 4, false),
            ("record", 5, true),
            ("invoice", 5, true),
            ("host", 9, false),
            ("table", 9, false),
            ("environment", 9, false),
            ("role", 9, false),
        ] {
            let texts = of(kind, count);
            let texts: Vec<&str> = texts.iter().map(String::as_str).collect();
            let whole = format!("{kind}:*");
            let expected = if together { vec![whole.as_str()] } else { texts.clone() };
            check(&texts, false, &expected);
        }
    }
}
