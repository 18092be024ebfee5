//! Two parsers, one text: every command that tree-sitter's grammar of bash sees is seen by the reading, or the reading says
//! that it cannot prove the whole.

#![expect(clippy::unwrap_used, reason = "a test without its second parser has failed")]

use holdshort_effects::shell::{self, ShellContext};
use proptest::prelude::*;
use tree_sitter::{Node, Parser};

fn lines() -> Vec<String> {
    let lines = include_str!("data/shell_lines.txt").lines().map(|line| line.replace("\\n", "\n"));
    lines.filter(|line| !line.is_empty()).collect()
}

// The names of simple commands, without quotes.
fn names(text: &str) -> Vec<String> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_bash::LANGUAGE.into()).unwrap();
    let tree = parser.parse(text, None).unwrap();
    let mut names = Vec::new();
    // Where it finds errors it guesses, and `(( .. ) .. )` is one to it.
    if !tree.root_node().has_error() {
        collect(tree.root_node(), text, &mut names);
    }
    names
}

fn collect(node: Node<'_>, text: &str, names: &mut Vec<String>) {
    if node.kind() == "command_name" {
        names.push(text[node.byte_range()].replace(['\'', '"', '\\'], ""));
    }
    for at in 0..node.child_count() {
        if let Some(child) = node.child(at) {
            collect(child, text, names);
        }
    }
}

// The commands that one parser sees and the other does not, although the other claims to know all.
fn unseen(text: &str) -> Vec<String> {
    let reading = shell::read(text, &ShellContext { workspace: Some("/w"), cwd: None });
    if !reading.provable {
        return Vec::new();
    }
    names(text).into_iter().filter(|name| !reading.programs.contains(name)).collect()
}

#[test]
fn every_command_is_seen() {
    let lines = lines();
    assert!(lines.len() >= 300, "{} lines", lines.len());
    let (mut provable, mut commands) = (0, 0);
    for line in &lines {
        assert_eq!(unseen(line), Vec::<String>::new(), "`{line}`");
        provable += usize::from(shell::read(line, &ShellContext { workspace: Some("/w"), cwd: None }).provable);
        commands += names(line).len();
    }
    // Otherwise the test could not fail.
    assert!(provable * 2 > lines.len(), "only {provable} of {} are provable", lines.len());
    assert!(commands > lines.len(), "tree-sitter sees only {commands} commands");
    println!("{} lines, {commands} commands, {provable} lines provable", lines.len());
}

#[test]
fn every_row_of_the_table_is_seen() {
    for row in include_str!("data/shell.tsv").lines().filter(|row| !row.starts_with('#')) {
        let command = row.split('\t').next().unwrap();
        // Rows with other escapes are about text that no two parsers agree on.
        if !command.replace("\\n", "").contains('\\') {
            let command = command.replace("\\n", "\n");
            assert_eq!(unseen(&command), Vec::<String>::new(), "`{command}`");
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn every_command_of_a_combination_is_seen(
        parts in prop::collection::vec(0..lines().len(), 1..4),
        glue in prop::collection::vec("( && | \\|\\| |; |\n| \\| | & )", 4),
        frame in 0..9_usize,
    ) {
        let lines = lines();
        let mut text = String::new();
        for (at, part) in parts.iter().enumerate() {
            if at > 0 {
                text.push_str(if lines[parts[at - 1]].contains("<<") { "\n" } else { &glue[at] });
            }
            text.push_str(&lines[*part]);
        }
        let text = match frame {
            0 => format!("({text}\n)"),
            1 => format!("{{ {text}\n}}"),
            2 => format!("if true; then {text}\nfi"),
            3 => format!("while true; do {text}\ndone"),
            4 => format!("f() {{\n{text}\n}}"),
            5 => format!("echo $({text}\n)"),
            6 => format!("case x in\nx) {text}\n;;\nesac"),
            _ => text,
        };
        prop_assert_eq!(unseen(&text), Vec::<String>::new(), "`{}`", text);
    }
}
