//! Uploads the log's entries to a mirror (C2SP tlog-mirror), once it has taken the checkpoint that covers them.
//!
//! A mirror is a witness that cosigns only what it has stored: so it is asked like one, and its cosignature counts like one.
//! Nothing is remembered here of how far it is: the mirror says so each time, and what it says is believed only as far as that
//! it gets those entries. Each request holds a bounded piece of the log, read from tiles and bundles that are durable.

use super::witness_client::{Courier, Submitted, Target};
use crate::remote::Whereabouts;
use holdshort_ledger::{
    Entry, MirrorInfo, PACKAGES_EACH_MAX, PackageRange, Tile, UploadHeader, encode_package, origin_digest,
};
use holdshort_store::log::{CompareError, DirectorySource, DirectoryTiles, compare};
use http::Request;
use http::header::CONTENT_TYPE;
use std::time::Duration;

/// Longest time for one request with entries: less than 300 KiB.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(60);
/// What contradicts the log is told without its place when that takes longer.
const PARTING_TIMEOUT: Duration = Duration::from_secs(30);
/// Entries of a package.
const PACKAGE_ENTRIES: u64 = 256;
/// Times that a mirror may name another place in a row without having taken a package.
const PLACES_MAX: usize = 4;

/// Where an upload goes on.
struct Place {
    start: u64,
    ticket: Vec<u8>,
}

impl Courier {
    /// Uploads what the mirror has not got of the target's entries, and gives its cosignature.
    pub(super) async fn upload(&self, target: &Target) -> Submitted {
        let size = target.checkpoint.size;
        let mut place = Place { start: size, ticket: Vec::new() };
        let (mut turned, mut reached) = (0, None);
        loop {
            let body = match self.body(target, &place).await {
                Ok(body) => body,
                Err(error) => return Submitted::Failed(error),
            };
            let request = Request::post(format!("{}/add-entries", self.url));
            let request = request.header(CONTENT_TYPE, "application/octet-stream");
            let sending = self.exchange_bytes(request, body.into());
            let answer = match tokio::time::timeout(UPLOAD_TIMEOUT, sending).await {
                Ok(Ok(answer)) => answer,
                Ok(Err(error)) => return Submitted::Failed(error),
                Err(_) => return Submitted::Failed("did not take entries in time".into()),
            };
            match (answer.status, MirrorInfo::parse(&answer.body)) {
                (200, _) => return self.cosigned(target, &answer.body),
                // It signed a newer checkpoint of ours meanwhile, which somebody else uploaded.
                (409, Some(info)) if info.size > size && info.next > size => return Submitted::Ahead(info.size),
                (202 | 409, Some(info)) if info.next <= size => {
                    // A mirror that loses what it took, or names the same place again, is not followed for ever. Nor is one
                    // that takes an entry each time: what is proved is a package, and that ends at a multiple of 256.
                    let whole = info.next.is_multiple_of(PACKAGE_ENTRIES) || info.next == size;
                    let moves = reached.is_none_or(|reached| info.next > reached && whole);
                    turned = if moves { 0 } else { turned + 1 };
                    if turned >= PLACES_MAX {
                        return Submitted::Failed(format!("stays at entry {}, whatever it is sent", info.next));
                    }
                    reached = Some(reached.unwrap_or_default().max(info.next));
                    place = Place { start: info.next, ticket: info.ticket };
                }
                (422, _) => {
                    return Submitted::Failed(format!(
                        "says that entries from {} on are not those of the checkpoint that it took",
                        place.start
                    ));
                }
                (404, _) => return Submitted::Failed("is no mirror, or does not know this log".into()),
                (status, _) => return Submitted::Failed(format!("answered entries with status {status}")),
            }
        }
    }

    /// One request: header and packages, as many as one may hold.
    async fn body(&self, target: &Target, place: &Place) -> Result<Vec<u8>, String> {
        let (mut tiles, end) = (self.log.tiles(), target.checkpoint.size);
        let origin = self.log.origin().to_owned();
        let header = UploadHeader { origin, start: place.start, end, ticket: place.ticket.clone() };
        let make = move || {
            let mut body = header.encode().ok_or("the log's origin, or the mirror's ticket, is too long")?;
            // Not compressed: entries are commitments, which look like chance.
            for range in header.packages().take(PACKAGES_EACH_MAX) {
                body.extend(package(range, end, &mut tiles)?);
            }
            Ok(body)
        };
        tokio::task::spawn_blocking(make).await.map_err(|error| error.to_string())?
    }

    /// From which record on the copy of a mirror, that contradicts us, is another one or ours is gone; `None` where it does not show that.
    pub(super) async fn parting(&self) -> Option<u64> {
        let address = format!("{}/{}", self.url, origin_digest(self.log.origin()));
        let (directory, key) = (self.log.tiles().directory().to_owned(), self.log_key.clone());
        let look = tokio::task::spawn_blocking(move || {
            let mut copy = Whereabouts::parse(&address).ok()?.open(None).ok()?;
            match compare(copy.as_mut(), &mut DirectorySource::new(&directory), &key) {
                Err(CompareError::Exposed(exposed)) => exposed.from,
                // What we had there is gone, and whatever comes next is another record.
                Err(CompareError::Stale { found, .. }) => Some(found),
                _ => None,
            }
        });
        tokio::time::timeout(PARTING_TIMEOUT, look).await.ok()?.ok()?
    }
}

/// A package from our own files. Its proof is that of our signed tree, or the mirror refuses it.
fn package(range: PackageRange, end: u64, tiles: &mut DirectoryTiles) -> Result<Vec<u8>, String> {
    let tile = Tile::of_tree(0, range.start >> 8, end).ok_or("the log ends before its checkpoint")?;
    let entries = tiles.entries(tile).map_err(|error| error.to_string())?;
    let first = usize::try_from(range.start & 0xff).unwrap_or(usize::MAX);
    let entries: Vec<&[u8]> =
        entries.iter().skip(first).take(range.count()).map(|entry: &Entry| entry.as_bytes().as_slice()).collect();
    encode_package(range, &entries, end, tiles).map_err(|error| error.to_string())
}
