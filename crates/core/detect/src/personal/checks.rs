//! What makes numbers of persons valid: check digits and structure. Each takes figures (0 to 9), or letters as they stand.

/// Luhn (ISO/IEC 7812-1, annex B).
pub(super) fn luhn(digits: &[u8]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(n, digit)| match (n % 2, u32::from(*digit)) {
            (0, digit) => digit,
            (_, digit) if digit > 4 => digit * 2 - 9,
            (_, digit) => digit * 2,
        })
        .sum();
    sum.is_multiple_of(10)
}

/// Beginning and length of a payment card's number (ISO/IEC 7812, as issuers publish them) and its check digit.
pub(super) fn payment_card(digits: &[u8]) -> bool {
    let (two, three, four) = (number(digits, 2), number(digits, 3), number(digits, 4));
    let issued = match digits.len() {
        13 => two / 10 == 4,
        14 => (300..=305).contains(&three) || matches!(two, 36 | 38 | 39),
        15 => matches!(two, 34 | 37),
        16 => {
            two / 10 == 4
                || (51..=55).contains(&two)
                || (2221..=2720).contains(&four)
                || four == 6011
                || (644..=659).contains(&three)
                || (3528..=3589).contains(&four)
                || two == 62
        }
        19 => two / 10 == 4 || two == 62,
        _ => false,
    };
    issued && different(digits) > 1 && luhn(digits)
}

/// Numbers that card networks and payment services publish for tests.
pub(super) fn test_card(digits: &[u8]) -> bool {
    const TESTS: [&str; 12] = [
        "4242424242424242",
        "4111111111111111",
        "4012888888881881",
        "4000056655665556",
        "5555555555554444",
        "5105105105105100",
        "2223003122003222",
        "378282246310005",
        "371449635398431",
        "6011111111111117",
        "3530111333300000",
        "30569309025904",
    ];
    TESTS.iter().any(|test| test.bytes().map(|byte| byte - b'0').eq(digits.iter().copied()))
}

/// Lengths of the account numbers of countries (SWIFT's IBAN registry).
pub(super) fn iban_length(country: [u8; 2]) -> Option<usize> {
    const LENGTHS: &[(usize, &str)] = &[
        (15, "NO"),
        (16, "BE"),
        (18, "DK FI FO GL NL SD"),
        (19, "MK SI"),
        (20, "AT BA EE KZ LT LU XK MN"),
        (21, "CH CR HR LI LV"),
        (22, "BG BH DE GB GE IE ME RS VA"),
        (23, "AE GI IL IQ OM SO TL"),
        (24, "AD CZ ES MD PK RO SA SE SK TN VG"),
        (25, "LY PT ST"),
        (26, "IS TR"),
        (27, "BI DJ FR GR IT MC MR SM"),
        (28, "AL AZ BY CY DO GT HU LB NI PL SV"),
        (29, "BR EG PS QA UA"),
        (30, "JO KW MU YE"),
        (31, "MT SC"),
        (32, "LC"),
        (33, "RU"),
    ];
    let country = std::str::from_utf8(&country).ok()?.to_owned();
    LENGTHS.iter().find(|(_, of)| of.split(' ').any(|one| one == country)).map(|(length, _)| *length)
}

/// ISO 13616: the country code and check digits to the end, letters as 10 to 35, modulo 97 is 1.
pub(super) fn iban(text: &[u8]) -> bool {
    let (Some(head), Some(rest)) = (text.get(..4), text.get(4..)) else { return false };
    let rest = rest.iter().chain(head).try_fold(0u32, |value, byte| {
        let digit = char::from(*byte).to_digit(36)?;
        Some(if digit < 10 { value * 10 + digit } else { value * 100 + digit } % 97)
    });
    rest == Some(1)
}

/// Numbers that the Social Security Administration gives out: no 000, 666 or 900 and above; no zero groups.
pub(super) fn us_ssn(digits: &[u8]) -> bool {
    let (area, group, serial) = (number(digits, 3), number(digits.get(3..).unwrap_or_default(), 2), last(digits, 4));
    digits.len() == 9
        && !matches!(area, 0 | 666 | 900..)
        && group != 0
        && serial != 0
        && !matches!(number(digits, 9), 78_051_120 | 219_099_999 | 123_121_234)
        && different(digits) > 1
}

/// NHS data dictionary: weights 10 to 2, modulo 11.
pub(super) fn uk_nhs(digits: &[u8]) -> bool {
    let sum: u32 = weighted(digits, &[10, 9, 8, 7, 6, 5, 4, 3, 2]);
    digits.len() == 10 && different(digits) > 1 && (11 - sum % 11) % 11 == last(digits, 1)
}

/// Steuerliche Identifikationsnummer: ISO 7064 modulo 11,10; of the first ten figures exactly one comes twice or thrice.
pub(super) fn de_tax_id(digits: &[u8]) -> bool {
    let Some((check, first)) = digits.split_last() else { return false };
    if digits.len() != 11 || first.first() == Some(&0) || !matches!(different(first), 8 | 9) {
        return false;
    }
    let product = first.iter().fold(10, |product, digit| {
        let sum = (u32::from(*digit) + product) % 10;
        (if sum == 0 { 10 } else { sum }) * 2 % 11
    });
    (11 - product) % 10 == u32::from(*check)
}

/// Numéro d'inscription au répertoire: sex, year, month, then 97 less the remainder.
pub(super) fn fr_nir(digits: &[u8]) -> bool {
    let month = number(digits.get(3..).unwrap_or_default(), 2);
    let key = last(digits, 2);
    let body = digits.get(..13).unwrap_or_default().iter().fold(0u64, |value, digit| value * 10 + u64::from(*digit));
    digits.len() == 15
        && matches!(digits.first(), Some(1 | 2))
        && matches!(month, 1..=12 | 20..=42 | 50..)
        && 97 - body % 97 == u64::from(key)
}

/// DNI and NIE: the letter is the number modulo 23.
pub(super) fn es_dni(text: &[u8]) -> bool {
    const LETTERS: &[u8; 23] = b"TRWAGMYFPDXBNJZSQVHLCKE";
    let (Some((letter, body)), 9) = (text.split_last(), text.len()) else { return false };
    let first = match body.first() {
        Some(b'X') => Some(b'0'),
        Some(b'Y') => Some(b'1'),
        Some(b'Z') => Some(b'2'),
        other => other.copied(),
    };
    let value = first
        .into_iter()
        .chain(body.iter().skip(1).copied())
        .try_fold(0usize, |value, byte| Some(value * 10 + usize::try_from(char::from(byte).to_digit(10)?).ok()?));
    value.and_then(|value| LETTERS.get(value % 23)) == Some(letter)
}

/// Codice fiscale: six letters, year, month letter, day, place, and the letter that follows from them (D.M. 12/3/1974).
pub(super) fn it_codice_fiscale(text: &[u8]) -> bool {
    const ODD: [u32; 26] =
        [1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23];
    let shape = text.len() == 16
        && text.iter().zip(b"AAAAAA00A00A000A").all(|(byte, like)| match like {
            b'A' => byte.is_ascii_uppercase(),
            _ => byte.is_ascii_digit(),
        });
    if !shape || !text.get(8).is_some_and(|month| b"ABCDEHLMPRST".contains(month)) {
        return false;
    }
    let value = |byte: &u8| u32::from(if byte.is_ascii_digit() { byte - b'0' } else { byte - b'A' });
    let sum: u32 = text
        .iter()
        .take(15)
        .enumerate()
        .map(|(n, byte)| match n % 2 {
            0 => usize::try_from(value(byte)).ok().and_then(|at| ODD.get(at)).copied().unwrap_or_default(),
            _ => value(byte),
        })
        .sum();
    text.last().is_some_and(|check| sum % 26 == value(check))
}

/// Burgerservicenummer: the eleven test.
pub(super) fn nl_bsn(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[9, 8, 7, 6, 5, 4, 3, 2]);
    digits.len() == 9 && different(digits) > 1 && sum % 11 == last(digits, 1)
}

/// PESEL: date of birth, weights 1 3 7 9.
pub(super) fn pl_pesel(digits: &[u8]) -> bool {
    let sum = weighted(digits, &[1, 3, 7, 9, 1, 3, 7, 9, 1, 3]);
    let month = number(digits.get(2..).unwrap_or_default(), 2) % 20;
    let day = number(digits.get(4..).unwrap_or_default(), 2);
    digits.len() == 11
        && (1..=12).contains(&month)
        && (1..=31).contains(&day)
        && (10 - sum % 10) % 10 == last(digits, 1)
}

/// CPF: two check digits modulo 11.
pub(super) fn br_cpf(digits: &[u8]) -> bool {
    let check = |weights: &[u32]| match weighted(digits, weights) * 10 % 11 {
        10 => 0,
        digit => digit,
    };
    digits.len() == 11
        && different(digits) > 1
        && digits.get(9).is_some_and(|digit| check(&[10, 9, 8, 7, 6, 5, 4, 3, 2]) == u32::from(*digit))
        && check(&[11, 10, 9, 8, 7, 6, 5, 4, 3, 2]) == last(digits, 1)
}

/// Aadhaar: Verhoeff's check digit, no 0 or 1 in front.
pub(super) fn in_aadhaar(digits: &[u8]) -> bool {
    digits.len() == 12 && digits.first().is_some_and(|digit| *digit > 1) && different(digits) > 1 && verhoeff(digits)
}

// The dihedral group of order 10, computed: 0 to 4 are turns, 5 to 9 turns after a reflection.
fn verhoeff(digits: &[u8]) -> bool {
    const TURN: [usize; 10] = [1, 5, 7, 6, 2, 8, 3, 0, 9, 4];
    let multiply = |a: usize, b: usize| match (a < 5, b < 5) {
        (true, true) => (a + b) % 5,
        (true, false) => 5 + (a + b - 5) % 5,
        (false, true) => 5 + (a - 5 + 5 - b) % 5,
        (false, false) => (a - 5 + 5 - (b - 5)) % 5,
    };
    let permute = |digit: usize, times: usize| {
        (0..times % 8).fold(digit, |digit, _| TURN.get(digit).copied().unwrap_or_default())
    };
    let product =
        digits.iter().rev().enumerate().fold(0, |value, (n, digit)| multiply(value, permute(usize::from(*digit), n)));
    product == 0
}

fn weighted(digits: &[u8], weights: &[u32]) -> u32 {
    digits.iter().zip(weights).map(|(digit, weight)| u32::from(*digit) * weight).sum()
}

fn number(digits: &[u8], first: usize) -> u32 {
    digits.iter().take(first).fold(0, |value, digit| value * 10 + u32::from(*digit))
}

fn last(digits: &[u8], count: usize) -> u32 {
    number(digits.get(digits.len().saturating_sub(count)..).unwrap_or_default(), count)
}

fn different(digits: &[u8]) -> usize {
    let seen = digits.iter().fold(0u16, |seen, digit| seen | 1u16.checked_shl(u32::from(*digit)).unwrap_or_default());
    usize::try_from(seen.count_ones()).unwrap_or_default()
}
