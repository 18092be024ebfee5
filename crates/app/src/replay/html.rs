//! The difference as one small page: no scripts, nothing loaded, every text of others escaped.

use super::difference::{Change, Changed, Counts, Difference};
use std::fmt::Write;

const STYLE: &str = "body{font:15px/1.5 system-ui,sans-serif;margin:2rem auto;max-width:70rem;padding:0 1rem;color:#1b1f24;\
background:#fff}table{border-collapse:collapse;width:100%;margin:.5rem 0 2rem}th,td{text-align:left;padding:.3rem .6rem;\
border-bottom:1px solid #d8dee4;vertical-align:top;overflow-wrap:anywhere}td.n,th.n{text-align:right}\
code{font:13px ui-monospace,monospace}p.note{color:#57606a}\
@media(prefers-color-scheme:dark){body{color:#e6edf3;background:#0d1117}th,td{border-color:#30363d}p.note{color:#8b949e}}";

/// Rows by policy and agent on the page.
const ROWS_SHOWN_MAX: usize = 200;

/// Text of others as text of a page.
fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in crate::render::safe(text).chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    out
}

/// The page. `notes`: what has to be said of the whole.
pub(crate) fn page(difference: &Difference, notes: &[String]) -> String {
    let mut body = String::new();
    let Counts { refused, asked, allowed } = difference.changed;
    paragraph(
        &mut body,
        "",
        &format!(
            "{} decisions, {} the same, {refused} newly refused, {asked} newly asked, {allowed} newly allowed.",
            difference.decisions, difference.same
        ),
    );
    paragraph(&mut body, "", &format!("Questions to people: {}.", difference.questions.in_words()));
    difference.others().iter().for_each(|line| paragraph(&mut body, "", &format!("{line}.")));
    notes.iter().for_each(|note| paragraph(&mut body, " class=\"note\"", note));
    rows(&mut body, difference);
    for change in Change::ALL {
        let examples = difference.examples.get(&change).map(Vec::as_slice).unwrap_or_default();
        examples_of(&mut body, change, difference.changed.of(change), examples);
    }
    let policy = "default-src 'none'; style-src 'unsafe-inline'";
    format!(
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta http-equiv=\"content-security-policy\" content=\"{policy}\">\
         <meta name=\"viewport\" content=\"width=device-width\"><meta name=\"referrer\" content=\"no-referrer\">\
         <title>Holdshort: what the candidate would change</title><style>{STYLE}</style></head>\n<body>\
         <h1>What the candidate would change</h1>\n{body}</body></html>\n"
    )
}

fn paragraph(body: &mut String, attributes: &str, text: &str) {
    // Writing into a string does not fail.
    let _ = writeln!(body, "<p{attributes}>{}</p>", escaped(text));
}

fn rows(body: &mut String, difference: &Difference) {
    const COUNTS: &str = "<th class=\"n\">Refused</th><th class=\"n\">Asked</th><th class=\"n\">Allowed</th></tr>";
    let counts = |Counts { refused, asked, allowed }: Counts| {
        format!("<td class=\"n\">{refused}</td><td class=\"n\">{asked}</td><td class=\"n\">{allowed}</td></tr>")
    };
    let _ = writeln!(body, "<h2>By policy</h2>\n<table><tr><th>Policy</th>{COUNTS}");
    for row in &difference.policies {
        let _ = writeln!(body, "<tr><td><code>{}</code></td>{}", escaped(&row.policy), counts(row.counts));
    }
    let _ = writeln!(body, "</table>\n<h2>By policy and agent</h2>\n<table><tr><th>Policy</th><th>Agent</th>{COUNTS}");
    for row in difference.rows.iter().take(ROWS_SHOWN_MAX) {
        let (policy, agent) = (escaped(&row.policy), escaped(&row.agent));
        let _ = writeln!(body, "<tr><td><code>{policy}</code></td><td>{agent}</td>{}", counts(row.counts));
    }
    body.push_str("</table>\n");
    if let Some(more) = difference.rows.len().checked_sub(ROWS_SHOWN_MAX).filter(|more| *more > 0) {
        paragraph(body, " class=\"note\"", &format!("and {more} more; `--json` has them"));
    }
}

fn examples_of(body: &mut String, change: Change, count: u64, examples: &[Changed]) {
    if examples.is_empty() {
        return;
    }
    let _ = writeln!(
        body,
        "<h2>{}: {count}</h2>\n<table><tr><th class=\"n\">Record</th><th>Agent</th><th>Action</th><th>Why</th></tr>",
        escaped(change.as_str())
    );
    for Changed { index, agent, name, reasons, .. } in examples {
        let reasons: Vec<String> = reasons.iter().map(|reason| escaped(reason)).collect();
        let _ = writeln!(
            body,
            "<tr><td class=\"n\">{index}</td><td>{}</td><td><code>{}</code></td><td>{}</td></tr>",
            escaped(agent),
            escaped(name),
            reasons.join("<br>")
        );
    }
    body.push_str("</table>\n");
    if count > examples.len() as u64 {
        paragraph(body, " class=\"note\"", &format!("and {} more", count - examples.len() as u64));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_others_stay_texts() {
        let nasty = "<script>alert('x')</script>\" onload=\"y\u{1b}[2J";
        let shown = escaped(nasty);
        assert!(!shown.contains(['<', '>', '"', '\'', '\u{1b}']), "{shown}");
        let mut difference = Difference::default();
        difference.rows.push(super::super::difference::Row {
            policy: nasty.into(),
            agent: nasty.into(),
            counts: Counts::default(),
        });
        let page = page(&difference, &[nasty.to_owned()]);
        assert!(!page.contains("<script") && !page.contains("onload=\""), "{page}");
    }
}
