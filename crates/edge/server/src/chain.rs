//! The chain of one session's records: each names the one before it.

use holdshort_model::Digest;

/// Links the records of one session.
///
/// INVARIANT: `head` is the digest of a record that is in the log or on its way there. When a record that
/// was on its way does not arrive, `head` goes back to the latest durable one; its number is not used again, so that
/// the gap shows.
#[derive(Debug, Default)]
pub(crate) struct Chain {
    sequence: u64,
    head: Option<Digest>,
    durable: Option<(u64, Digest)>,
    epoch: u32,
    rebased: bool,
}

/// The place of one record in its chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Link {
    pub(crate) sequence: u64,
    pub(crate) previous: Option<Digest>,
    epoch: u32,
}

impl Chain {
    /// The place of the next record.
    pub(crate) fn next(&self) -> Link {
        Link { sequence: self.sequence, previous: self.head, epoch: self.epoch }
    }

    /// A record took the place `next` and is on its way to the log.
    pub(crate) fn extend(&mut self, digest: Digest) {
        self.sequence += 1;
        self.head = Some(digest);
        self.rebased = false;
    }

    /// The record at `link` is durable.
    pub(crate) fn confirm(&mut self, link: Link, digest: Digest) {
        if self.durable.is_none_or(|(sequence, _)| sequence < link.sequence) {
            self.durable = Some((link.sequence, digest));
        }
        // An earlier record whose good news comes after the bad news of a later one.
        if self.rebased {
            self.head = self.durable.map(|(_, digest)| digest);
        }
    }

    /// The record at `link` did not become durable.
    pub(crate) fn fail(&mut self, link: Link) {
        if link.epoch == self.epoch {
            self.epoch += 1;
            self.head = self.durable.map(|(_, digest)| digest);
            self.rebased = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(n: u64) -> Digest {
        Digest::of(&n.to_be_bytes())
    }

    fn extend(chain: &mut Chain, n: u64) -> Link {
        let link = chain.next();
        chain.extend(digest(n));
        link
    }

    #[test]
    fn each_record_links_to_the_one_before() {
        let mut chain = Chain::default();
        let first = extend(&mut chain, 0);
        let second = extend(&mut chain, 1);
        assert_eq!((first.sequence, first.previous), (0, None));
        assert_eq!((second.sequence, second.previous), (1, Some(digest(0))));
    }

    #[test]
    fn after_failures_the_chain_goes_on_from_the_latest_durable_record() {
        let mut chain = Chain::default();
        let links: Vec<_> = (0..4).map(|n| extend(&mut chain, n)).collect();
        chain.confirm(links[0], digest(0));
        chain.fail(links[2]);
        chain.confirm(links[1], digest(1));
        chain.fail(links[3]);
        let next = extend(&mut chain, 4);
        assert_eq!((next.sequence, next.previous), (4, Some(digest(1))));
        assert_eq!(chain.next().previous, Some(digest(4)), "an old failure does not touch the new records");
    }
}
