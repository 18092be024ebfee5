//! Scans files and prints what is found: for looking at false positives. `cargo run -p holdshort-detect --example scan_files -- PATH...`
#![expect(clippy::print_stdout, clippy::disallowed_methods, reason = "a tool for people, that reads files")]

use holdshort_detect::{Detectors, Parts};

fn main() -> Result<(), String> {
    let detectors = Detectors::new(Parts::default()).map_err(|faults| format!("{faults:?}"))?;
    let (mut bytes, mut files, mut found_in) = (0, 0, 0);
    for path in std::env::args().skip(1) {
        let Ok(text) = std::fs::read_to_string(&path) else { continue };
        bytes += text.len();
        files += 1;
        let found = detectors.scan_parts(&[text], false);
        let signs: Vec<String> = found
            .secrets
            .iter()
            .map(|one| format!("{}:{}{}", one.rule, one.confidence, one.decoded.as_deref().unwrap_or_default()))
            .chain(found.personal_data.iter().map(|one| format!("{}x{}:{}", one.kind, one.count, one.confidence)))
            .chain(found.injection.marks.iter().map(|mark| mark.kind.clone()))
            .collect();
        if !signs.is_empty() {
            found_in += 1;
            println!("{path}\t{}", signs.join(" "));
        }
    }
    println!("{files} files, {bytes} bytes, signs in {found_in}");
    Ok(())
}
