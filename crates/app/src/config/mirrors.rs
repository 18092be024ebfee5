//! `witnesses.mirrors`: which of the witnesses are mirrors, to which the log's entries are uploaded.

use super::witnesses::Witnesses;
use holdshort_ledger::WitnessPolicy;

impl Witnesses {
    /// Whether the witness whose key has this name is a mirror.
    pub(crate) fn is_mirror(&self, name: &str) -> bool {
        self.mirrors.iter().any(|mirror| mirror == name)
    }

    /// Checks that each mirror is a witness of the policy that has an address to upload to.
    ///
    /// # Errors
    /// The first one that is not.
    pub(crate) fn check_mirrors(&self, policy: &WitnessPolicy) -> Result<(), String> {
        let known = |mirror: &&String| {
            policy.witnesses().iter().any(|witness| witness.url.is_some() && witness.key.name() == mirror.as_str())
        };
        match self.mirrors.iter().find(|mirror| !known(mirror)) {
            Some(mirror) => Err(format!(
                "`witnesses.mirrors`: `{mirror}` is the name in no key of a witness that has a URL; a mirror is one of the witnesses"
            )),
            None => Ok(()),
        }
    }
}

/// What is wrong with the mirrors, as far as the configuration itself says who the witnesses are; a policy file is read later.
pub(super) fn validate(witnesses: &Witnesses, problems: &mut Vec<String>) {
    if witnesses.policy.is_some() || witnesses.mirrors.is_empty() {
        return;
    }
    match witnesses.own_policy() {
        Ok(Some(policy)) => problems.extend(witnesses.check_mirrors(&policy).err()),
        Ok(None) => {
            problems.push(
                "`witnesses.mirrors`: there are no witnesses; name each mirror in `[[witnesses.witness]]`".into(),
            );
        }
        // Said already.
        Err(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use crate::config::load::parse;

    const KEY: &str = "witness.example.com/w1+7e6f4aaa+BNdamAGCsQq31Uv+08lkBzoO4XLz2qYjJa8CGmj3B1Ea";

    #[test]
    fn a_mirror_is_one_of_the_witnesses() {
        let text = |mirror: &str| {
            format!(
                "[witnesses]\nmirrors = [\"{mirror}\"]\n[[witnesses.witness]]\nurl = \"https://w.example\"\nkey = \"{KEY}\"\n"
            )
        };
        let config = parse(&text("witness.example.com/w1"), "f").unwrap().witnesses;
        assert!(config.is_mirror("witness.example.com/w1") && !config.is_mirror("witness.example.com/w2"));
        for (text, expected) in [
            (text("witness.example.com"), "is the name in no key"),
            ("[witnesses]\nmirrors = [\"m\"]".to_owned(), "there are no witnesses"),
        ] {
            let message = parse(&text, "f").unwrap_err().to_string();
            assert!(message.contains(expected), "{message}");
        }
    }
}
