//! Threat intelligence: hosts, addresses, URLs and hashes that feeds name.
//!
//! Exact indicators only. A snapshot is immutable and is swapped as a whole; what it costs to look a text up does not grow
//! with the number of indicators. A domain names everything below it, on the borders of labels.

mod candidates;
mod csv;
mod feed;
mod indicator;
mod misp;
mod stix;

pub use feed::{
    ENTRIES_MAX, Entry, FEED_BYTES_MAX, Feed, FeedError, Format, JSON_BYTES_MAX, NAMED_MAX, Rejected, Report, read,
};
pub use indicator::{Kind, Refused, Value, parse};

use crate::Text;
use crate::table::{Key, Table};
use candidates::Candidate;
use holdshort_model::{Digest, Indicator};
use indicator::{hash_bytes, masked, plain_address};
use siphasher::sip128::{Hasher128, SipHasher13};
use std::cmp::Reverse;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::Hasher;
use std::net::IpAddr;
use url::Url;

/// What all feeds name, at one time.
pub struct Intelligence {
    digest: Digest,
    /// Domains, networks, URLs and hashes, each with the number of its [`Source`].
    table: Table,
    sources: Vec<Source>,
    feeds: Vec<String>,
    /// Last labels of the domains: most words with a dot end in none of them.
    tops: Table,
    /// Hosts of the URLs: others are not parsed.
    url_hosts: Table,
    labels_max: usize,
    prefixes_v4: Vec<u8>,
    prefixes_v6: Vec<u8>,
    foreign: bool,
    next_expiry_ms: Option<u64>,
    entries: usize,
}

/// Who says it, and how sure they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Source {
    feed: u32,
    kind: Kind,
    confidence: u8,
}

/// Takes feeds in.
pub struct Builder {
    now_ms: u64,
    feeds: Vec<String>,
    sources: BTreeMap<Source, u32>,
    pairs: Vec<(Key, u32)>,
    tops: BTreeSet<Key>,
    url_hosts: Vec<(Key, u32)>,
    labels_max: usize,
    prefixes_v4: BTreeSet<u8>,
    prefixes_v6: BTreeSet<u8>,
    foreign: bool,
    next_expiry_ms: Option<u64>,
}

impl Builder {
    /// Nothing yet. What has expired at `now_ms` (milliseconds since 1970) is left out.
    pub fn new(now_ms: u64) -> Self {
        Self {
            now_ms,
            feeds: Vec::new(),
            sources: BTreeMap::new(),
            pairs: Vec::new(),
            tops: BTreeSet::new(),
            url_hosts: Vec::new(),
            labels_max: 0,
            prefixes_v4: BTreeSet::new(),
            prefixes_v6: BTreeSet::new(),
            foreign: false,
            next_expiry_ms: None,
        }
    }

    /// Takes in what `feed` names.
    ///
    /// # Errors
    /// Why nothing of the feed can be used; what it named up to there may be in.
    pub fn add(&mut self, feed: &Feed<'_>) -> Result<Report, FeedError> {
        let number = self.feeds.len() as u32;
        self.feeds.push(feed.name.to_owned());
        read(feed, self.now_ms, &mut |entry| {
            self.put(number, &entry);
            self.pairs.len() < ENTRIES_MAX
        })
    }

    fn put(&mut self, feed: u32, entry: &Entry) {
        let kind = entry.value.kind();
        let next = self.sources.len() as u32;
        let source = *self.sources.entry(Source { feed, kind, confidence: entry.confidence }).or_insert(next);
        let key = match &entry.value {
            Value::Domain(name) => {
                self.tops.insert(key(TOP, name.rsplit('.').next().unwrap_or_default().as_bytes()));
                self.labels_max = self.labels_max.max(name.split('.').count());
                self.foreign |= name.contains("xn--");
                key(DOMAIN, name.as_bytes())
            }
            Value::Network(address, prefix) => {
                match address {
                    IpAddr::V4(_) => self.prefixes_v4.insert(*prefix),
                    IpAddr::V6(_) => self.prefixes_v6.insert(*prefix),
                };
                network_key(*address, *prefix)
            }
            Value::Url(url) => {
                self.url_hosts.push((key(HOST, url_host(url).as_bytes()), 0));
                key(URL, url.as_bytes())
            }
            Value::Hash(bytes) => key(HASH, bytes),
        };
        self.pairs.push((key, source));
        if let Some(until_ms) = entry.until_ms {
            self.next_expiry_ms = Some(self.next_expiry_ms.map_or(until_ms, |next| next.min(until_ms)));
        }
    }

    /// The snapshot.
    pub fn build(self) -> Intelligence {
        let mut sources: Vec<(Source, u32)> = self.sources.into_iter().collect();
        sources.sort_by_key(|(_, number)| *number);
        let sources: Vec<Source> = sources.into_iter().map(|(source, _)| source).collect();
        let table = Table::new(self.pairs);
        Intelligence {
            digest: digest(&self.feeds, &sources, &table),
            entries: table.pairs().count(),
            table,
            sources,
            feeds: self.feeds,
            tops: Table::new(self.tops.into_iter().map(|key| (key, 0)).collect()),
            url_hosts: Table::new(self.url_hosts),
            labels_max: self.labels_max,
            prefixes_v4: self.prefixes_v4.into_iter().collect(),
            prefixes_v6: self.prefixes_v6.into_iter().collect(),
            foreign: self.foreign,
            next_expiry_ms: self.next_expiry_ms,
        }
    }
}

impl Intelligence {
    /// Digest of the feeds: their names and everything that they name.
    pub fn digest(&self) -> Digest {
        self.digest
    }

    /// How many indicators it holds.
    pub fn entries(&self) -> usize {
        self.entries
    }

    /// Bytes that it takes, roughly.
    pub fn bytes(&self) -> usize {
        self.table.bytes() + self.tops.bytes() + self.url_hosts.bytes()
    }

    /// When the first indicator expires, in milliseconds since 1970: a snapshot that was built later may name less.
    pub fn next_expiry_ms(&self) -> Option<u64> {
        self.next_expiry_ms
    }

    /// Adds what `text` names to `out`. False: the text holds more than is looked up, and something was left out.
    pub fn find(&self, text: &Text<'_>, out: &mut Vec<Indicator>) -> bool {
        if self.table.is_empty() {
            return true;
        }
        let mut found = BTreeSet::new();
        let plain = (text.plain != text.folded.as_ref()).then_some(text.plain);
        let layers = text.decoded.iter().map(|layer| layer.text.as_str());
        let mut complete = true;
        for one in std::iter::once(text.folded.as_ref()).chain(plain).chain(layers) {
            complete &= self.look(one, &mut found);
        }
        let named = found.iter().filter_map(|number| self.sources.get(*number as usize));
        out.extend(named.filter_map(|source| {
            Some(Indicator {
                feed: self.feeds.get(source.feed as usize)?.clone(),
                kind: source.kind.as_str().to_owned(),
                at: text.at.to_owned(),
                confidence: source.confidence,
            })
        }));
        complete
    }

    /// The surest feed that names `host` as [`crate::Detectors::destinations`] writes it, or the page `url` there.
    pub(crate) fn names(&self, host: &str, url: Option<&str>) -> Option<(&str, u8)> {
        if self.table.is_empty() {
            return None;
        }
        let mut found = BTreeSet::new();
        let address = host.parse::<IpAddr>().ok();
        match address {
            Some(address) => self.address(plain_address(address), &mut found),
            None => self.host(host, &mut found),
        }
        let in_url = match address {
            Some(IpAddr::V6(_)) => key(HOST, format!("[{host}]").as_bytes()),
            _ => key(HOST, host.as_bytes()),
        };
        if let Some(url) = url.filter(|_| self.url_hosts.holds(in_url)).and_then(|url| Url::parse(url).ok()) {
            self.page(&url, &mut found);
        }
        let named = found.iter().filter_map(|number| self.sources.get(*number as usize));
        let named = named.filter_map(|source| Some((source.confidence, self.feeds.get(source.feed as usize)?)));
        // Of two that are as sure, the first by name.
        named.max_by_key(|(confidence, feed)| (*confidence, Reverse(*feed))).map(|(sure, feed)| (feed.as_str(), sure))
    }

    fn look(&self, text: &str, found: &mut BTreeSet<u32>) -> bool {
        let wants_url = |host: &str| self.url_hosts.holds(key(HOST, host.as_bytes()));
        candidates::each(text, self.foreign, &wants_url, &mut |candidate| match candidate {
            Candidate::Host(name) => self.host(name, found),
            Candidate::Address(address) => self.address(address, found),
            Candidate::Hex(hex) => {
                found.extend(hash_bytes(hex).iter().flat_map(|hash| self.table.find(key(HASH, hash))))
            }
            Candidate::Url(url) => self.page(url, found),
        })
    }

    fn page(&self, url: &Url, found: &mut BTreeSet<u32>) {
        let Some(compared) = indicator::compared(url) else { return };
        found.extend(self.table.find(key(URL, compared.as_bytes())));
        // What is bad without a query is bad with one.
        if let Some((bare, _)) = compared.split_once('?') {
            found.extend(self.table.find(key(URL, bare.as_bytes())));
        }
    }

    fn host(&self, name: &str, found: &mut BTreeSet<u32>) {
        let lower;
        let name = if name.bytes().any(|b| b.is_ascii_uppercase()) {
            lower = name.to_ascii_lowercase();
            &lower
        } else {
            name
        };
        let top = name.rsplit('.').next().unwrap_or_default();
        if !self.tops.holds(key(TOP, top.as_bytes())) {
            return;
        }
        let borders = name.rmatch_indices('.').map(|(at, _)| at + 1).chain(std::iter::once(0));
        for from in borders.take(self.labels_max).skip(1) {
            found.extend(
                name.get(from..).into_iter().flat_map(|suffix| self.table.find(key(DOMAIN, suffix.as_bytes()))),
            );
        }
    }

    fn address(&self, address: IpAddr, found: &mut BTreeSet<u32>) {
        let prefixes = match address {
            IpAddr::V4(_) => &self.prefixes_v4,
            IpAddr::V6(_) => &self.prefixes_v6,
        };
        for prefix in prefixes {
            found.extend(self.table.find(network_key(masked(address, *prefix), *prefix)));
        }
    }
}

const DOMAIN: u8 = 1;
const NETWORK: u8 = 2;
const URL: u8 = 3;
const HASH: u8 = 4;
const TOP: u8 = 5;
const HOST: u8 = 6;

// SipHash-1-3 of what it is and how it is written. The key is public: who finds another text with the same 128 bits is
// told of, wrongly, and gains nothing.
fn key(what: u8, bytes: &[u8]) -> Key {
    let mut hash = SipHasher13::new();
    hash.write(&[what]);
    hash.write(bytes);
    hash.finish128().as_u128()
}

fn network_key(address: IpAddr, prefix: u8) -> Key {
    match address {
        IpAddr::V4(v4) => key(NETWORK, &[v4.octets().as_slice(), &[prefix]].concat()),
        IpAddr::V6(v6) => key(NETWORK, &[v6.octets().as_slice(), &[prefix]].concat()),
    }
}

// The host of a URL in the form that is compared.
fn url_host(compared: &str) -> &str {
    let authority = compared.split(['/', '?']).next().unwrap_or_default();
    let port = |(_, port): &(&str, &str)| !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit());
    authority.rsplit_once(':').filter(port).map_or(authority, |(host, _)| host)
}

fn digest(feeds: &[String], sources: &[Source], table: &Table) -> Digest {
    let names = feeds.iter().map(String::as_bytes);
    let who: Vec<u8> = sources
        .iter()
        .flat_map(|source| [source.feed.to_be_bytes().as_slice(), &[source.kind as u8, source.confidence]].concat())
        .collect();
    let mut pairs = Vec::with_capacity(table.bytes());
    for (key, number) in table.pairs() {
        pairs.extend_from_slice(&key.to_be_bytes());
        pairs.extend_from_slice(&number.to_be_bytes());
    }
    Digest::of_parts(names.chain([who.as_slice(), pairs.as_slice()]))
}

#[cfg(test)]
mod tests;
