//! Standard output. A reader that goes away (`| head`) ends the output, not the program.

use crate::failure::Failure;
use serde::Serialize;
use std::io::{self, Write};

/// Writes one line.
pub(crate) fn line(text: impl std::fmt::Display) -> Result<(), Failure> {
    settle(writeln!(io::stdout().lock(), "{text}"))
}

/// Writes text as it is.
pub(crate) fn raw(text: &str) -> Result<(), Failure> {
    settle(io::stdout().lock().write_all(text.as_bytes()))
}

/// Writes one JSON value on one line.
pub(crate) fn json(value: &impl Serialize) -> Result<(), Failure> {
    line(serde_json::to_string(value).map_err(|error| Failure::internal(format!("cannot print JSON: {error}")))?)
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
