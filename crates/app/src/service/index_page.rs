//! `GET /v1/records`: a page of records, found by the index, read in the log.

use crate::place::DataDir;
use async_trait::async_trait;
use holdshort_api::{RECORDS_PAGE_DEFAULT, RecordEntry, RecordsPage, RecordsQuery};
use holdshort_server::{RecordReader, RecorderError};
use holdshort_store::index::{Facet, Filter, Index, Order, Row, Search};
use holdshort_store::log::LogError;
use holdshort_store::records::Records;
use serde_json::Value;
use std::path::PathBuf;

/// Records that one page looks at; a filter that matches little continues on the next page.
const LOOKED_MAX: u64 = 50_000;

/// Reads records for the HTTP API.
pub(crate) struct IndexedRecords {
    records: Records,
    index: PathBuf,
    directory: PathBuf,
}

impl IndexedRecords {
    pub(crate) fn new(data: &DataDir, records: Records) -> Self {
        Self { records, index: data.index(), directory: data.log() }
    }
}

#[async_trait]
impl RecordReader for IndexedRecords {
    async fn page(&self, query: RecordsQuery) -> Result<RecordsPage, RecorderError> {
        let (records, index, directory) = (self.records.clone(), self.index.clone(), self.directory.clone());
        let read = move || {
            let filter = filter(&query)?;
            // Whatever is wrong with the index is told by whoever keeps it; here everything is read instead.
            let index =
                if filter.is_indexed() { Index::open(&index, &directory, &records).ok().flatten() } else { None };
            page(&records, index.as_ref(), &filter, &query)
        };
        tokio::task::spawn_blocking(read).await.map_err(|error| RecorderError::Down(error.to_string()))?
    }
}

fn page(
    records: &Records,
    index: Option<&Index>,
    filter: &Filter,
    query: &RecordsQuery,
) -> Result<RecordsPage, RecorderError> {
    let newest_first = query.newest_first.unwrap_or(false);
    let order = if newest_first { Order::NewestFirst } else { Order::OldestFirst };
    let limit = query.limit.unwrap_or(RECORDS_PAGE_DEFAULT) as usize;
    let range = query.from.unwrap_or(0)..query.before.unwrap_or(u64::MAX);
    let mut search = Search::new(records, index, filter, order, range);
    let mut page = RecordsPage { records: Vec::new(), next: None };
    while page.records.len() < limit {
        match search.step() {
            Some(Ok(Some(record))) => {
                let value = record.payload().and_then(|payload| serde_json::from_slice(payload).ok());
                let time_ms = Row::read(&record, |row| row.time_ms);
                page.records.push(RecordEntry { index: record.index(), time_ms, record: value.unwrap_or(Value::Null) });
            }
            Some(Ok(None)) if search.looked() < LOOKED_MAX => {}
            Some(Ok(None)) | None => break,
            Some(Err(error)) => return Err(failed(&error)),
        }
    }
    let left = search.left();
    if !left.is_empty() {
        page.next = Some(if newest_first { left.end } else { left.start });
    }
    Ok(page)
}

fn filter(query: &RecordsQuery) -> Result<Filter, RecorderError> {
    let RecordsQuery { agent, session, user, server, tool, policy, record_type, .. } = query;
    let facets = [
        (Facet::Agent, agent.as_deref()),
        (Facet::Session, session.as_deref()),
        (Facet::User, user.as_deref()),
        (Facet::Server, server.as_deref()),
        (Facet::Tool, tool.as_deref()),
        (Facet::Policy, policy.as_deref()),
        (Facet::Type, record_type.as_deref()),
        (Facet::Kind, query.kind.map(|kind| kind.as_str())),
        (Facet::Verb, query.verb.map(|verb| verb.as_str())),
    ];
    let mut filter = facets.into_iter().fold(Filter::default(), |filter, (facet, value)| filter.any(facet, value));
    filter = filter
        .effects(Facet::Effect, query.effect)
        .effects(Facet::Enforced, query.enforced)
        .ids(query.id)
        .since(query.since_ms)
        .until(query.until_ms)
        .contains(query.contains.clone());
    if let Some(level) = query.level {
        filter = filter.at_least(level);
    }
    if let Some(text) = &query.text {
        filter = filter.says(text).map_err(wrong)?;
    }
    filter.check().map_err(wrong)?;
    match (query.from, query.before) {
        (Some(from), Some(before)) if from > before => {
            Err(wrong(format_args!("no record lies from {from} on and before {before}")))
        }
        _ => Ok(filter),
    }
}

fn wrong(why: impl std::fmt::Display) -> RecorderError {
    RecorderError::Query(why.to_string())
}

fn failed(error: &LogError) -> RecorderError {
    let source = std::error::Error::source(error).map(|source| format!(": {source}")).unwrap_or_default();
    RecorderError::Down(format!("{error}{source}"))
}
