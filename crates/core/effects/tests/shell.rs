//! Shell commands against a table of what they do, and properties of the reading.

use holdshort_effects::shell::{
    self, SHELL_BYTES_MAX, SHELL_COMMANDS_MAX, SHELL_DEPTH_MAX, ShellContext, ShellReading,
};
use holdshort_model::{ActionEffect, Certainty, Verb};
use proptest::prelude::*;

fn read(command: &str) -> ShellReading {
    shell::read(command, &ShellContext { workspace: Some("/w"), cwd: None })
}

// `verb kind:what xCOUNT`, with `~` for what is not provable.
fn line(effect: &ActionEffect) -> String {
    let resource = &effect.resource;
    let what = match resource.kind.as_str() {
        "file" => resource.path.as_ref(),
        "url" => resource.host.as_ref(),
        _ => resource.id.as_ref(),
    };
    let count = effect.count.map_or("-".to_owned(), |count| count.to_string());
    let unsure = if effect.certainty >= Certainty::Unprovable { "~" } else { "" };
    format!("{} {}:{} x{count}{unsure}", effect.verb.as_str(), resource.kind, what.map_or("*", String::as_str))
}

fn lines(command: &str) -> Vec<String> {
    read(command).effects.iter().map(line).collect()
}

fn unescape(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some(at) = rest.find('\\') {
        plain.push_str(&rest[..at]);
        rest = &rest[at + 1..];
        let (c, used) = match rest.chars().next() {
            Some('n') => ('\n', 1),
            Some('r') => ('\r', 1),
            Some('t') => ('\t', 1),
            Some('0') => ('\0', 1),
            Some('u') => {
                let end = rest.find('}').unwrap_or(rest.len());
                let number = u32::from_str_radix(&rest[2..end], 16).ok();
                (number.and_then(char::from_u32).unwrap_or('\u{fffd}'), end + 1)
            }
            other => (other.unwrap_or('\\'), other.map_or(0, char::len_utf8)),
        };
        plain.push(c);
        rest = &rest[used..];
    }
    plain + rest
}

#[test]
fn commands() {
    let rows: Vec<&str> = include_str!("data/shell.tsv").lines().filter(|line| !line.starts_with('#')).collect();
    let mut wrong = Vec::new();
    for row in &rows {
        let [command, provable, expected] = row.split('\t').collect::<Vec<_>>()[..] else { panic!("{row}") };
        let reading = read(&unescape(command));
        let found: Vec<String> = reading.effects.iter().map(line).collect();
        for effect in expected.split(',').filter(|effect| !found.iter().any(|found| found == effect)) {
            wrong.push(format!("`{command}` lacks `{effect}`: {found:?}"));
        }
        if reading.provable != (provable == "P") {
            wrong.push(format!("`{command}` should be {provable}: {found:?}"));
        }
    }
    assert!(rows.len() >= 250, "{} rows", rows.len());
    assert!(wrong.is_empty(), "{} of {}:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
}

#[test]
fn caps_close() {
    let many = vec!["rm x"; SHELL_COMMANDS_MAX + 1].join("; ");
    let deep = (0..=SHELL_DEPTH_MAX).fold("rm x".to_owned(), |text, _| format!("echo $({text})"));
    let long = format!("echo {}", "a".repeat(SHELL_BYTES_MAX));
    for text in [many, deep, long] {
        let reading = read(&text);
        assert!(!reading.provable, "{}", &text[..30]);
        let runs = |effect: &ActionEffect| effect.verb == Verb::Execute && effect.certainty == Certainty::Unprovable;
        assert!(reading.effects.iter().any(runs), "{}", &text[..30]);
    }
    let provable = vec!["rm x"; SHELL_COMMANDS_MAX].join("; ");
    assert!(read(&provable).provable);
    let operands: Vec<String> = (0..5_000).map(|n| format!("f{n}")).collect();
    let reading = read(&format!("rm {}", operands.join(" ")));
    assert_eq!(reading.effects.iter().filter_map(|effect| effect.count).sum::<u64>(), 5_000);
    assert!(reading.effects.len() < 100);
    let mut lots = String::new();
    for n in 0..SHELL_COMMANDS_MAX {
        lots.push_str(&format!("rm {};", (0..60).map(|m| format!("f{n}.{m} ")).collect::<String>()));
    }
    let reading = read(&lots);
    assert!(reading.effects.len() < 600 && !reading.provable);
    assert!(reading.effects.iter().any(|effect| effect.verb == Verb::Delete && effect.count.is_none()));
}

#[test]
fn nothing_known_about_the_folder() {
    for context in [ShellContext::default(), ShellContext { workspace: None, cwd: Some("src") }] {
        let reading = shell::read("rm a", &context);
        assert!(!reading.provable && reading.effects[0].certainty == Certainty::Unprovable);
        assert!(shell::read("rm /a", &context).provable);
    }
    let below = shell::read("rm a", &ShellContext { workspace: Some("/w"), cwd: Some("src/..//x") });
    assert_eq!(below.effects[0].resource.path.as_deref(), Some("/w/x/a"));
    let elsewhere = shell::read("rm a", &ShellContext { workspace: Some("/w"), cwd: Some("/srv") });
    assert_eq!(elsewhere.effects[0].resource.path.as_deref(), Some("/srv/a"));
}

#[test]
#[ignore = "prints how long reading takes; run it with --release --ignored --nocapture"]
#[expect(clippy::disallowed_methods, reason = "it measures")]
fn how_long_it_takes() {
    let rows: Vec<&str> = include_str!("data/shell_lines.txt").lines().collect();
    let mut times: Vec<u128> = Vec::new();
    for _ in 0..20 {
        for row in &rows {
            let start = std::time::Instant::now();
            std::hint::black_box(read(row));
            times.push(start.elapsed().as_nanos());
        }
    }
    times.sort_unstable();
    let at = |part: usize| times[times.len() * part / 1_000];
    println!("{} lines: p50 {} ns, p90 {} ns, p99 {} ns", rows.len(), at(500), at(900), at(990));
}

const SEGMENTS: &[&str] = &[
    "rm -rf x",
    "ls",
    "cat a b",
    "echo $(rm y)",
    "git push -f",
    "find . -delete",
    "curl https://x.com",
    "chmod 777 a",
    "f() { rm z; }",
    "cd src",
    "(cd src && rm q)",
    "sh -c 'rm k'",
    "xargs rm",
    "echo hi > out",
    "if true; then rm t; fi",
    "true",
    "python -c x",
    "mv a b",
    "for i in a b; do rm \"$i\"; done",
    "case x in x) rm c;; esac",
    "PATH=. ls",
    "docker rm -f a",
];

proptest! {
    #[test]
    fn a_segment_more_takes_no_effect_away(
        parts in prop::collection::vec(0..SEGMENTS.len(), 1..6), more in 0..SEGMENTS.len(), glue in "(;|\n|&&|\\|\\|)",
    ) {
        let before: Vec<&str> = parts.iter().map(|part| SEGMENTS[*part]).collect();
        let before = before.join("\n");
        // A `||` after a command that changes the folder changes what comes before nothing.
        let after = format!("{before} {glue} {}", SEGMENTS[more]);
        let (short, long) = (read(&before), read(&after));
        prop_assert!(short.provable || !long.provable);
        let quiet = short.effects.iter().all(|effect| effect.resource.kind == "process");
        for effect in short.effects.iter().filter(|_| !quiet) {
            let kept = long.effects.iter().any(|other| {
                other.verb == effect.verb && other.resource == effect.resource && other.certainty >= effect.certainty
                    && (other.count.is_none() || effect.count.is_some_and(|count| other.count >= Some(count)))
            });
            prop_assert!(kept, "`{after}` lost {effect:?}: {:?}", long.effects);
        }
    }

    #[test]
    fn quotes_do_not_matter(program in "(rm|cat|touch|chmod|frob)", args in prop::collection::vec("[a-z0-9./-]{1,8}", 1..4), how in 0..4_usize) {
        let plain = format!("{program} {}", args.join(" "));
        let quote = |word: &String| match how {
            0 => format!("'{word}'"),
            1 => format!("\"{word}\""),
            2 => word.chars().map(|c| format!("\\{c}")).collect(),
            _ => format!("{}''{}", &word[..1], &word[1..]),
        };
        let words: Vec<String> = std::iter::once(&program).chain(&args).map(quote).collect();
        prop_assert_eq!(read(&plain), read(&words.join(" ")));
    }

    #[test]
    fn wrapping_keeps_the_effects(part in 0..SEGMENTS.len(), how in 0..6_usize) {
        let inner = SEGMENTS[part];
        let quoted = format!("'{}'", inner.replace('\'', "'\\''"));
        let outer = match how {
            0 => format!("sh -c {quoted}"),
            1 => format!("sudo bash -c {quoted}"),
            2 => format!("( {inner} )"),
            3 => format!("{{ {inner}\n}}"),
            4 => format!("true && {{ {inner}\n}} || false"),
            _ => format!("eval {quoted}"),
        };
        let found = lines(&outer);
        // That a shell runs says only a command that does nothing else.
        for effect in lines(inner).into_iter().filter(|effect| !effect.starts_with("execute process:") || effect.ends_with('~')) {
            prop_assert!(found.contains(&effect) || found.contains(&format!("{effect}~")), "`{outer}` lost {effect}: {found:?}");
        }
    }

    #[test]
    fn any_text_is_survived(text in any::<String>()) {
        prop_assert!(!read(&text).effects.is_empty());
    }

    #[test]
    fn any_shell_like_text_is_survived(text in "[a-z (){}\\[\\]<>|&;$`'\"\\\\\n*?#=~!0-9-]{0,80}") {
        let reading = read(&text);
        prop_assert!(!reading.effects.is_empty());
        prop_assert_eq!(reading, read(&text));
    }
}
