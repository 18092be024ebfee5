//! The configuration: found, parsed, laid over its profile and checked before anything starts.

mod approvals;
mod containment;
mod detect;
mod export;
mod load;
mod log;
mod mirrors;
mod notify;
mod reference;
mod report;
mod secret;
mod types;
mod validate;
mod witnesses;

pub(crate) use containment::Containment;
pub(crate) use detect::{Detect, ExemptEntry, FeedEntry, FeedFormat, OwnSecretEntry};
pub(crate) use export::{Export, ExportArguments, ExportFormat};
pub(crate) use load::Loaded;
#[cfg(test)]
pub(crate) use load::parse;
pub(crate) use log::{LogSettings, SharedDisk};
pub(crate) use notify::{ChannelType, MailProtection, Notify, NotifyEvent, NotifyLevel, ResponseSettings};
pub(crate) use reference::reference;
pub(crate) use report::Report;
pub(crate) use secret::Sensitive;
pub(crate) use types::*;
pub(crate) use validate::is_upstream_name;
pub(crate) use witnesses::{Publish, PublishTo, Witnesses};
