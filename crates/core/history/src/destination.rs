//! One spelling of a destination.

use crate::atoms::whole;
use crate::text;

/// The value of a destination as it is remembered and looked up: as [`crate::Pending::known`] is asked for it.
///
/// `kind`: `mail`, `url`, `account`, `path`, `handle`; or `name`, for a target that is no address, whose value is
/// `PARAMETER=VALUE`. A value of another kind is folded as any text is.
pub fn fold(kind: &str, value: &str) -> String {
    if let ("name", Some((parameter, value))) = (kind, value.split_once('=')) {
        return format!("{}={}", parameter.trim(), text::fold(value.trim()));
    }
    let folded = text::fold(value.trim());
    match whole(&folded) {
        Some((found, canonical)) if found.as_str() == kind => canonical,
        _ => folded.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::fold;

    #[test]
    fn two_spellings_of_one_address_are_one() {
        let check = |kind: &str, value: &str, expected: &str| assert_eq!(fold(kind, value), expected);
        check("mail", " Bob@Example.ORG\n", "bob@example.org");
        check("url", "https://www.Example.org/a/", "example.org/a");
        check("account", "US13 3000 0001 2121 2121 212", "us133000000121212121212");
        check("name", "channel=General", "channel=general");
    }
}
