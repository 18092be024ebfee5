//! One spelling of a destination.

/// The value of a destination as it is remembered and looked up: surrounding white space removed, and lower case where
/// the kind of address does not tell cases apart.
///
/// Paths, accounts and whatever is not known here keep their case: two of them that differ in it are two destinations.
pub fn fold(kind: &str, value: &str) -> String {
    let value = value.trim();
    match kind {
        "mail" | "host" | "domain" | "repository" => value.to_lowercase(),
        _ => value.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn two_spellings_of_one_address_are_one() {
        let check = |kind: &str, value: &str, expected: &str| assert_eq!(fold(kind, value), expected);
        check("mail", " Bob@Example.ORG\n", "bob@example.org");
        check("host", "API.example.org", "api.example.org");
        check("path", "/srv/Data", "/srv/Data");
        check("account", " DE89 3704 ", "DE89 3704");
    }
}
