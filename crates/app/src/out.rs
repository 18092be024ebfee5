//! Standard output. A reader that goes away (`| head`) ends the output, not the program.

use crate::failure::Failure;
use crate::render::is_hidden;
use rustix::fs::{FileType, fstat};
use serde::Serialize;
use std::io::{self, Write};
use std::os::fd::AsFd as _;
use tokio::io::Interest;
use tokio::net::unix::pipe::Sender;

/// Writes one line.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    settle(writeln!(io::stdout().lock(), "{text}"))
}

/// Writes one line; false when nobody reads any more.
pub(crate) fn offer(text: impl std::fmt::Display) -> Result<bool, Failure> {
    match writeln!(io::stdout().lock(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        written => settle(written).map(|()| true),
    }
}

/// Writes a line to standard error that is no error. If nobody reads it, nothing is lost.
pub(crate) fn note(text: impl std::fmt::Display) {
    let _ = writeln!(io::stderr(), "note: {text}");
}

/// Resolves when whoever reads standard output has gone away; never when that is no pipe. Within a runtime.
pub(crate) async fn closed() {
    // A pipe that is only watched may be one that blocks.
    let pipe = || {
        let stdout = io::stdout().as_fd().try_clone_to_owned().ok()?;
        let is_pipe = FileType::from_raw_mode(fstat(&stdout).ok()?.st_mode) == FileType::Fifo;
        Sender::from_owned_fd_unchecked(stdout).ok().filter(|_| is_pipe)
    };
    let Some(pipe) = pipe() else { return std::future::pending().await };
    if pipe.ready(Interest::ERROR).await.is_err() {
        std::future::pending::<()>().await;
    }
}

/// Writes text as it is.
pub(crate) fn raw(text: &str) -> Result<(), Failure> {
    settle(io::stdout().lock().write_all(text.as_bytes()))
}

/// Writes one JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(json_text(value)?)
}

/// A JSON value on one line. What could steer a terminal stands as an escape, which means the same.
pub(crate) fn json_text(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string(value);
    text.map(escaped).map_err(|error| Failure::internal(format!("cannot print JSON: {error}")))
}

/// The same on several lines, for people.
pub(crate) fn json_pretty(value: &impl Serialize) -> Result<String, Failure> {
    let text = serde_json::to_string_pretty(value);
    text.map(|text| escaped_lines(&text)).map_err(|error| Failure::internal(format!("cannot print JSON: {error}")))
}

/// Lines of JSON text, each as [`json_text`] has them.
pub(crate) fn escaped_lines(text: &str) -> String {
    text.split_inclusive('\n')
        .map(|line| match line.strip_suffix('\n') {
            Some(line) => escaped(line.to_owned()) + "\n",
            None => escaped(line.to_owned()),
        })
        .collect()
}

/// JSON text with an escape for every character that is not seen as one; outside of strings there is none.
fn escaped(json: String) -> String {
    if !json.chars().any(is_hidden) {
        return json;
    }
    let mut text = String::with_capacity(json.len());
    for letter in json.chars() {
        if is_hidden(letter) {
            let mut units = [0; 2];
            text.extend(letter.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            text.push(letter);
        }
    }
    text
}

/// Writes a table with aligned columns; nothing at all when there are no rows.
pub(crate) fn table(header: &[&str], rows: &[Vec<String>]) -> Result<(), Failure> {
    let mut widths: Vec<usize> = header.iter().map(|cell| cell.chars().count()).collect();
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            *width = (*width).max(cell.chars().count());
        }
    }
    let render = |cells: Vec<&str>| {
        let padded: Vec<String> = cells.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        padded.join("  ").trim_end().to_owned()
    };
    if rows.is_empty() {
        return Ok(());
    }
    line(render(header.to_vec()))?;
    rows.iter().try_for_each(|row| line(render(row.iter().map(String::as_str).collect())))
}

fn settle(written: io::Result<()>) -> Result<(), Failure> {
    match written {
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            Err(Failure::internal(format!("cannot write to standard output: {error}")))
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    #[test]
    fn json_means_the_same_and_steers_no_terminal() {
        let value = json!({ "a\u{202e}b": ["\u{9b}31m\u{1b}[0m\u{7f}", "\u{feff}\u{e0041} \"\\ plain \u{fc}"] });
        let text = json_text(&value).unwrap();
        assert!(!text.chars().any(is_hidden), "{text}");
        assert!(text.contains("\\u202e") && text.contains("plain \u{fc}"), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
        let text = json_pretty(&value).unwrap();
        assert!(text.lines().count() > 3 && !text.chars().any(|c| c != '\n' && is_hidden(c)), "{text}");
        assert_eq!(serde_json::from_str::<Value>(&text).unwrap(), value);
    }
}
