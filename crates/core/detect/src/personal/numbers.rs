//! Numbers of persons: groups of figures with single separators, and figures among capital letters.

use super::{Found, checks, context};

// `+1 (234) 567-8901 ` and more: longer spans of figures are tables.
const SPAN_BYTES_MAX: usize = 40;
const DIGITS_MIN: usize = 8;
const DIGITS_MAX: usize = 20;

const PHONE: &[&str] = &[
    "phone",
    "phone_number",
    "tel",
    "telephone",
    "mobile",
    "cell",
    "fax",
    "call",
    "whatsapp",
    "sms",
    "telefon",
    "handy",
    "mobil",
    "téléphone",
    "telefono",
    "teléfono",
    "móvil",
    "telefoon",
    "dial",
];
const CARD: &[&str] = &["card", "credit", "visa", "mastercard", "amex", "debit", "pan", "karte", "carte", "tarjeta"];
const SSN: &[&str] = &["ssn", "social security", "social_security", "social-security"];
const NHS: &[&str] = &["nhs"];
const NINO: &[&str] = &["national insurance", "nino", "ni number", "insurance number"];
const TAX_DE: &[&str] =
    &["steuer", "idnr", "steuer-id", "steuerid", "tax id", "tax_id", "identifikationsnummer", "tin"];
const BSN: &[&str] = &["bsn", "burgerservicenummer", "sofi"];
const PESEL: &[&str] = &["pesel"];
const CPF: &[&str] = &["cpf"];
const AADHAAR: &[&str] = &["aadhaar", "aadhar", "uidai"];
const NIR: &[&str] = &["nir", "sécurité sociale", "securite sociale", "insee", "social"];

pub(super) fn find(text: &str, name: &str, found: &mut Found) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) =
        bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|skip| at + skip)
    {
        at = if in_word(bytes, start) {
            lettered(bytes, start, name, found)
        } else {
            grouped(bytes, start, name, found)
        };
    }
}

fn in_word(bytes: &[u8], start: usize) -> bool {
    start.checked_sub(1).and_then(|at| bytes.get(at)).is_some_and(u8::is_ascii_alphabetic)
}

/// Figures after a letter: IBAN, codice fiscale, NIE, national insurance number. Returns where to go on.
fn lettered(bytes: &[u8], figure: usize, name: &str, found: &mut Found) -> usize {
    let letters = bytes.get(figure.saturating_sub(7)..figure).unwrap_or_default();
    let letters = letters.iter().rev().take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let start = figure - letters;
    let rest = bytes.get(start..).unwrap_or_default();
    let word = rest.iter().take(40).take_while(|byte| byte.is_ascii_alphanumeric() || **byte == b'_').count();
    let next = (start + word).max(figure + 1);
    let word = rest.get(..word).unwrap_or_default();
    match letters {
        1 if checks::es_dni(word) => found.add("es-dni", word.to_vec(), 80),
        2 => {
            if let Some(iban) = iban(rest) {
                found.add("iban", iban, 95);
            } else if let Some(nino) = nino(rest).filter(|_| context(bytes, start, name, NINO)) {
                found.add("uk-nino", nino, 80);
            }
        }
        6 if checks::it_codice_fiscale(word) => found.add("it-codice-fiscale", word.to_vec(), 90),
        _ => {}
    }
    next
}

// Two capitals and two figures, then as many letters and figures as the country's numbers have, in groups or not.
fn iban(rest: &[u8]) -> Option<Vec<u8>> {
    let country = [*rest.first()?, *rest.get(1)?];
    let length = checks::iban_length(country)?;
    let mut text = Vec::with_capacity(length);
    let mut before = b' ';
    let mut used = 0;
    for byte in rest {
        match byte {
            b' ' | b'-' if before != b' ' && before != b'-' => {}
            byte if byte.is_ascii_alphanumeric() => text.push(byte.to_ascii_uppercase()),
            _ => break,
        }
        before = *byte;
        used += 1;
        if text.len() == length {
            break;
        }
    }
    let border = !rest.get(used).is_some_and(|byte| byte.is_ascii_alphanumeric() || *byte == b'_');
    (text.len() == length && border && checks::iban(&text)).then_some(text)
}

// `QQ 12 34 56 C`: two letters of those given out, six figures, A to D.
fn nino(rest: &[u8]) -> Option<Vec<u8>> {
    let text: Vec<u8> = rest.iter().take(13).filter(|byte| **byte != b' ').copied().take(9).collect();
    let shape = text.len() == 9
        && text.iter().zip(b"AA000000L").all(|(byte, like)| match like {
            b'A' => byte.is_ascii_uppercase() && !b"DFIQUV".contains(byte),
            b'L' => (b'A'..=b'D').contains(byte),
            _ => byte.is_ascii_digit(),
        });
    shape.then_some(text)
}

/// A span of figures in groups.
struct Span {
    digits: Vec<u8>,
    // Lengths of the groups, and the separators between them.
    groups: Vec<usize>,
    separators: Vec<u8>,
    end: usize,
}

impl Span {
    // Figures in groups; one separator, or `) ` and ` (`, between two.
    fn read(bytes: &[u8], start: usize) -> Self {
        let mut span = Self { digits: Vec::new(), groups: vec![0], separators: Vec::new(), end: start };
        let mut gap = 0;
        for (n, byte) in bytes.iter().enumerate().skip(start).take(SPAN_BYTES_MAX) {
            match byte {
                b'0'..=b'9' => {
                    if gap > 0 {
                        span.groups.push(0);
                    }
                    gap = 0;
                    span.digits.push(byte - b'0');
                    if let Some(group) = span.groups.last_mut() {
                        *group += 1;
                    }
                    span.end = n + 1;
                }
                b' ' | b'-' | b'.' | b'/' | b'(' | b')' if gap < 2 && (gap == 0 || matches!(byte, b' ' | b'(')) => {
                    if gap == 0 {
                        span.separators.push(*byte);
                    }
                    gap += 1;
                }
                _ => break,
            }
        }
        span.separators.truncate(span.groups.len() - 1);
        span
    }

    fn separated(&self, groups: &[usize], by: &[u8]) -> bool {
        self.groups == groups && self.separators.iter().all(|separator| by.contains(separator)) && self.one_separator()
    }

    fn one_separator(&self) -> bool {
        self.separators.iter().all(|separator| self.separators.first() == Some(separator))
    }

    fn plain(&self) -> bool {
        self.groups.len() == 1
    }
}

/// Figures that no letter precedes. Returns where to go on.
fn grouped(bytes: &[u8], start: usize, name: &str, found: &mut Found) -> usize {
    // `AB 12 34 56 C`
    if let Some(rest) = start.checked_sub(3).and_then(|at| bytes.get(at..))
        && let Some(nino) = nino(rest)
        && context(bytes, start - 3, name, NINO)
    {
        found.add("uk-nino", nino, 80);
    }
    let (figures, group) = figures(bytes, start);
    if figures < DIGITS_MIN {
        return start + group;
    }
    let span = Span::read(bytes, start);
    let first = start + span.groups.first().copied().unwrap_or(1).max(1);
    let after = bytes.get(span.end).copied();
    let before = start.checked_sub(1).and_then(|at| bytes.get(at)).copied();
    if let (Some(letter), 8) = (after.filter(u8::is_ascii_uppercase), span.digits.len()) {
        let word = bytes.get(start..=span.end).unwrap_or_default();
        let border = !bytes.get(span.end + 1).is_some_and(u8::is_ascii_alphanumeric);
        if span.plain() && border && letter.is_ascii_uppercase() && checks::es_dni(word) {
            found.add("es-dni", word.to_vec(), 60);
        }
    }
    let bordered = !matches!(before, Some(b'.' | b'_' | b'-' | b'/' | b'$'));
    let ended = !after.is_some_and(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
        && !matches!((after, bytes.get(span.end + 1)), (Some(b'.' | b'-' | b':'), Some(b'0'..=b'9')));
    if !bordered || !ended || !(DIGITS_MIN..=DIGITS_MAX).contains(&span.digits.len()) {
        return first;
    }
    let near = |words: &[&str]| context(bytes, start, name, words);
    if let Some((kind, confidence)) = judge(&span, before, &near) {
        found.add(kind, span.digits, confidence);
        return span.end;
    }
    first
}

// How many figures a span could have, and how many stand together at its beginning: most spans are too short to be read.
fn figures(bytes: &[u8], start: usize) -> (usize, usize) {
    let span = bytes.get(start..).unwrap_or_default().iter().take(SPAN_BYTES_MAX);
    let in_span = span.take_while(|byte| byte.is_ascii_digit() || b" -./()".contains(byte));
    let (mut all, mut group, mut together) = (0, 0, true);
    for byte in in_span {
        together &= byte.is_ascii_digit();
        all += usize::from(byte.is_ascii_digit());
        group += usize::from(together);
    }
    (all, group.max(1))
}

// Which kind of number it is, and how sure that is. The stronger checks come first.
fn judge(span: &Span, before: Option<u8>, near: &dyn Fn(&[&str]) -> bool) -> Option<(&'static str, u8)> {
    let digits = span.digits.as_slice();
    if before == Some(b'+') {
        return international(span).then(|| ("phone", if near(PHONE) { 90 } else { 75 }));
    }
    let blank = b" -".as_slice();
    match digits.len() {
        9 if span.separated(&[3, 2, 4], blank) && checks::us_ssn(digits) => {
            Some(("us-ssn", if near(SSN) { 90 } else { 60 }))
        }
        9 if span.plain() && checks::us_ssn(digits) && near(SSN) => Some(("us-ssn", 80)),
        9 if checks::nl_bsn(digits) && near(BSN) => Some(("nl-bsn", 85)),
        10 if checks::uk_nhs(digits) && near(NHS) => Some(("uk-nhs", 85)),
        11 if checks::br_cpf(digits) && (near(CPF) || span.groups == [3, 3, 3, 2] && span.separators == b"..-") => {
            Some(("br-cpf", 85))
        }
        11 if checks::de_tax_id(digits) && near(TAX_DE) => Some(("de-tax-id", 85)),
        11 if checks::pl_pesel(digits) && near(PESEL) => Some(("pl-pesel", 85)),
        12 if checks::in_aadhaar(digits) && near(AADHAAR) => Some(("in-aadhaar", 85)),
        13..=19 if card_groups(span) && checks::payment_card(digits) => {
            let confidence = match (checks::test_card(digits), near(CARD) || !span.plain()) {
                (true, _) => 50,
                (false, true) => 95,
                (false, false) => 60,
            };
            Some(("payment-card", confidence))
        }
        15 if checks::fr_nir(digits) && (near(NIR) || span.groups == [1, 2, 2, 2, 3, 3, 2]) => Some(("fr-nir", 85)),
        8..=15 if phone_groups(span) || phone_like(span) && near(PHONE) => {
            Some(("phone", if near(PHONE) { 80 } else { 50 }))
        }
        _ => None,
    }
}

// E.164: a country code that does not begin with 0, at most 15 figures. A year of many figures and a decimal are none.
fn international(span: &Span) -> bool {
    let date = matches!(span.groups.as_slice(), [year, 2, 2] if *year >= 4) && span.separators == b"--";
    let decimal = span.separators == b".";
    !date && !decimal && (8..=15).contains(&span.digits.len()) && span.digits.first().is_some_and(|digit| *digit != 0)
}

fn card_groups(span: &Span) -> bool {
    span.plain()
        || [[4, 4, 4, 4].as_slice(), &[4, 6, 5], &[4, 6, 4], &[4, 4, 4, 4, 3]]
            .iter()
            .any(|groups| span.separated(groups, b" -"))
}

// North American numbers as people write them: area and exchange begin with 2 to 9.
fn phone_groups(span: &Span) -> bool {
    let digits = span.digits.as_slice();
    let (groups, digits) = match span.groups.split_first() {
        Some((1, rest)) if digits.first() == Some(&1) => (rest, digits.get(1..).unwrap_or_default()),
        _ => (span.groups.as_slice(), digits),
    };
    let from_two = |at: usize| digits.get(at).is_some_and(|digit| *digit > 1);
    let separators =
        span.separators.iter().all(|by| matches!(by, b'-' | b')' | b'(')) || span.separators.starts_with(b")");
    groups == [3, 3, 4] && from_two(0) && from_two(3) && separators
}

fn phone_like(span: &Span) -> bool {
    let dates = matches!(span.groups.as_slice(), [4, 2, 2, ..] | [2, 2, 4, ..]);
    !dates && (span.groups.len() > 1 || span.digits.len() >= 9) && span.digits.len() <= 15
}
