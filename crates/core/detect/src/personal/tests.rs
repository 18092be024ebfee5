use super::*;

fn kinds(text: &str) -> Vec<(&'static str, u32)> {
    let mut found = Found::default();
    find(text, "", &mut found);
    found.counts().map(|(kind, count, _)| (kind, count)).collect()
}

#[test]
fn each_kind_is_found_where_it_is_valid() {
    for (text, kind) in [
        ("Write to anna.schmidt+work@mail.firma.de today", "email"),
        ("call me: +49 30 901820 77", "phone"),
        ("her number is (415) 555-2671.", "phone"),
        ("Tel. 030 / 9018 2077", "phone"),
        ("to DE89 3704 0044 0532 0130 00, please", "iban"),
        ("IBAN=GB82WEST12345698765432", "iban"),
        ("pay with 4929 1234 5678 9015", "payment-card"),
        ("371449635398431", "payment-card"),
        ("SSN: 536-90-4399", "us-ssn"),
        ("NHS number 943 476 5919", "uk-nhs"),
        ("national insurance AB 12 34 56 C", "uk-nino"),
        ("Steuer-ID 86095742719", "de-tax-id"),
        ("NIR 2 55 08 14 168 025 38", "fr-nir"),
        ("DNI 12345678Z", "es-dni"),
        ("NIE X1234567L", "es-dni"),
        ("codice fiscale RSSMRA85T10A562S", "it-codice-fiscale"),
        ("BSN 111222333", "nl-bsn"),
        ("PESEL 44051401359", "pl-pesel"),
        ("111.444.777-35", "br-cpf"),
        ("aadhaar 2341 2341 2346", "in-aadhaar"),
    ] {
        assert_eq!(kinds(text), [(kind, 1)], "{text}");
    }
    assert!(KINDS.is_sorted());
}

#[test]
fn invalid_ones_and_other_numbers_are_not() {
    for text in [
        "DE89 3704 0044 0532 0130 01",
        "4929 1234 5678 9019",
        "SSN: 666-12-3456 and 000-12-3456",
        "order 536904399 of 2024-05-17 10:22:33",
        "codice RSSMRA85T10A562T",
        "DNI 12345678A",
        "Steuer-ID 86095742718",
        "commit 61cbab5d0f3a7be2f34f26c1e1d1f8f1f54c2d19",
        "123e4567-e89b-12d3-a456-426614174000",
        "version 1.2.3-4.5.6, port 8080, 192.168.178.20, 2001:db8::1",
        "1700000000000 1699999999 20240517102233",
        "git@github.com:org/repo.git, npm i @babel/core@7.24.0 react@18.3.1",
        "see alice@example.com and bob@mail.example.org and root@localhost",
        "https://user@host/path logo@2x.png a@b",
        "pi is 3.14159265358979323846 and e 2.71828182845904523536",
        "+82346-04-12 is a day, +12345678.90 is a sum",
        "#define MAX 4294967295 0x1234567890 1e100",
    ] {
        assert_eq!(kinds(text), [], "{text}");
    }
}

#[test]
fn different_ones_are_counted_once_each() {
    let text = "a.b@firma.de, A.B@FIRMA.DE, c.d@firma.de; info@firma.de";
    assert_eq!(kinds(text), [("email", 3)]);
    let mut found = Found::default();
    find("555 1234 0199", "mobile", &mut found);
    assert_eq!(found.counts().collect::<Vec<_>>(), [("phone", 1, 80)]);
}

#[test]
fn confidence_says_how_much_there_is_to_go_by() {
    let sure = |text: &str| {
        let mut found = Found::default();
        find(text, "", &mut found);
        found.counts().map(|(.., sure)| sure).collect::<Vec<_>>()
    };
    assert_eq!(sure("info@firma.de"), [40]);
    assert_eq!(sure("anna@firma.de"), [90]);
    assert_eq!(sure("4242 4242 4242 4242"), [50]);
    assert_eq!(sure("536-90-4399"), [60]);
}
