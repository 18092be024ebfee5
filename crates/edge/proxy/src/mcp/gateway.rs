//! The sessions of the HTTP gateway, and who they belong to.

use super::config::{Authenticate, GatewayOptions, Principal, UpstreamConfig};
use super::containment::After;
use super::guard::{Guard, Surroundings};
use super::session::{Core, Era, Upstream, lock};
use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use holdshort_enforce::{Authority, Gate};
use holdshort_model::{Claims, Digest, SessionId, Subject};
use holdshort_wire::mcp::Meta;
use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How often idle sessions are looked for.
pub(crate) const REAP_EVERY: Duration = Duration::from_secs(15);

/// One agent may hold a fourth of all sessions.
const SHARE: usize = 4;

/// Upstreams behind one policy, for clients over streamable HTTP.
pub struct Gateway {
    gate: Gate,
    authenticate: Arc<dyn Authenticate>,
    upstreams: Vec<Arc<Upstream>>,
    pub(crate) options: GatewayOptions,
    sessions: Mutex<HashMap<String, Entry>>,
    windows: Mutex<HashMap<(Principal, Endpoint, String), Arc<Core>>>,
}

struct Entry {
    core: Arc<Core>,
    principal: Principal,
    endpoint: Endpoint,
}

/// What a URL of the gateway stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Endpoint {
    /// `/mcp`: all upstreams.
    Federated,
    /// `/mcp/<name>`: one of them.
    One(usize),
}

impl Gateway {
    /// A gateway that asks `gate` and knows its clients by `authenticate`.
    ///
    /// # Errors
    /// A name of an upstream that cannot stand in a URL and in a prefix, or that stands twice.
    pub fn new(
        gate: Gate,
        authenticate: Arc<dyn Authenticate>,
        upstreams: Vec<UpstreamConfig>,
        options: GatewayOptions,
    ) -> Result<Arc<Self>, String> {
        for (at, upstream) in upstreams.iter().enumerate() {
            let name = &upstream.name;
            let plain = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-._".contains(&byte));
            if name.is_empty() || !plain || name.contains("__") || name.starts_with('_') || name.ends_with('_') {
                return Err(format!(
                    "upstream name `{name}`: use letters, digits, `-`, `.` and single `_` between them"
                ));
            }
            if upstreams.iter().take(at).any(|other| other.name == *name) {
                return Err(format!("two upstreams are named `{name}`"));
            }
        }
        let upstreams = upstreams.into_iter().map(|config| Arc::new(Upstream::new(config))).collect();
        let (sessions, windows) = Default::default();
        Ok(Arc::new(Self { gate, authenticate, upstreams, options, sessions, windows }))
    }

    pub(crate) fn authenticate(&self, token: Option<&str>) -> Option<Principal> {
        self.authenticate.authenticate(token)
    }

    /// The endpoint of a path.
    pub(crate) fn endpoint(&self, path: &str) -> Option<Endpoint> {
        match path.trim_end_matches('/') {
            "/mcp" => self.options.federated.then_some(Endpoint::Federated),
            path => {
                let name = path.strip_prefix("/mcp/")?;
                self.upstreams.iter().position(|upstream| upstream.config.name == name).map(Endpoint::One)
            }
        }
    }

    pub(crate) fn upstream(&self, endpoint: Endpoint) -> Option<&Arc<Upstream>> {
        match endpoint {
            Endpoint::Federated => None,
            Endpoint::One(index) => self.upstreams.get(index),
        }
    }

    fn core(&self, principal: &Principal, endpoint: Endpoint, era: Era, session: SessionId) -> Arc<Core> {
        let (upstreams, federated) = match endpoint {
            Endpoint::Federated => (self.upstreams.clone(), true),
            Endpoint::One(index) => (self.upstreams.get(index).cloned().into_iter().collect(), false),
        };
        let guard = self.guard(principal, session);
        Core::new(guard, &upstreams, federated, era, era == Era::Stateless, self.options.limits)
    }

    /// A guard for what belongs to no session.
    pub(crate) fn guard(&self, principal: &Principal, session: SessionId) -> Guard {
        let subject = Subject {
            agent: principal.agent.clone(),
            user: None,
            delegation: Vec::new(),
            authenticated_by: principal.authenticated_by,
            claims: Claims::default(),
        };
        let surroundings = Surroundings {
            workspace: self.options.workspace.clone(),
            intent: None,
            believes_meta: self.options.believes_meta,
        };
        Guard::new(self.gate.clone(), subject, session, "mcp-http", surroundings, self.options.refusal)
    }

    /// A session that is not yet known to anybody; `keep` makes it so.
    pub(crate) fn new_session(&self, principal: &Principal, endpoint: Endpoint) -> Result<(String, Arc<Core>), String> {
        let mut bytes = [0u8; 24];
        getrandom::fill(&mut bytes).map_err(|error| format!("no randomness: {error}"))?;
        let public = URL_SAFE_NO_PAD.encode(bytes);
        // The public id is a credential of sorts: records carry a digest of it.
        let digest = Digest::of(public.as_bytes()).to_string();
        let session = SessionId::from(format!("mcp-{}", digest.get(7..23).unwrap_or_default()));
        let core = self.core(principal, endpoint, Era::Session, session);
        Ok((public, core))
    }

    /// Makes a session reachable by its public id. When there are too many, the idlest one gives way: of the same agent
    /// when that holds more than its share, so that one agent cannot push out the others.
    pub(crate) async fn keep(&self, public: String, core: Arc<Core>, principal: Principal, endpoint: Endpoint) {
        let evicted = {
            let mut sessions = lock(&self.sessions);
            let sessions_max = self.options.limits.sessions_max;
            let own = sessions.values().filter(|entry| entry.principal == principal).count();
            let greedy = own >= (sessions_max / SHARE).max(1);
            let candidates = sessions.iter().filter(|(_, entry)| !greedy || entry.principal == principal);
            let idlest = candidates.max_by_key(|(_, entry)| entry.core.idle()).map(|(id, _)| id.clone());
            let full = greedy || sessions.len() >= sessions_max;
            let evicted = idlest.filter(|_| full).and_then(|id| sessions.remove(&id));
            sessions.insert(public, Entry { core: core.clone(), principal, endpoint });
            evicted
        };
        if let Some(entry) = evicted {
            entry.core.close().await;
        }
        // Isolated while it was opened: nobody who looked at the sessions saw this one.
        if core.examine().await == After::Ends {
            self.remove(&core);
        }
    }

    /// Takes notice of what is left to every client.
    pub(crate) async fn examine(&self) {
        let mut cores: Vec<_> = lock(&self.sessions).values().map(|entry| entry.core.clone()).collect();
        cores.extend(lock(&self.windows).values().cloned());
        let examined = cores.iter().map(|core| async move { (core, core.examine().await) });
        for (core, after) in futures_util::future::join_all(examined).await {
            if after == After::Ends {
                self.remove(core);
            }
        }
    }

    /// The session is over: its client gets 404 and has to begin anew.
    fn remove(&self, core: &Arc<Core>) {
        lock(&self.sessions).retain(|_, entry| !Arc::ptr_eq(&entry.core, core));
        lock(&self.windows).retain(|_, window| !Arc::ptr_eq(window, core));
    }

    /// Whoever decides.
    pub(crate) fn authority(&self) -> Arc<dyn Authority> {
        self.gate.authority().clone()
    }

    /// The session with this public id, if it belongs to this principal and endpoint. Others learn nothing of it.
    pub(crate) fn session(&self, public: &str, principal: &Principal, endpoint: Endpoint) -> Option<Arc<Core>> {
        let sessions = lock(&self.sessions);
        let entry = sessions.get(public)?;
        (entry.principal == *principal && entry.endpoint == endpoint).then(|| entry.core.clone())
    }

    /// Ends a session.
    pub(crate) async fn end(&self, public: &str) {
        let entry = lock(&self.sessions).remove(public);
        if let Some(entry) = entry {
            entry.core.close().await;
        }
    }

    /// The session that a stateless request belongs to: its conversation, else its trace, else the agent's window of
    /// activity.
    pub(crate) fn stateless(&self, principal: &Principal, endpoint: Endpoint, meta: &Meta) -> Arc<Core> {
        let agent = principal.agent.as_str();
        let key = match (&meta.conversation, &meta.trace) {
            (Some(conversation), _) => {
                // The agent chose this text: only its digest, and never another agent's session.
                let digest = Digest::of(conversation.as_bytes()).to_string();
                format!("conversation-{}", digest.get(7..23).unwrap_or_default())
            }
            (None, Some(trace)) => format!("trace-{trace}"),
            (None, None) => "window".to_owned(),
        };
        let mut windows = lock(&self.windows);
        let slot = (principal.clone(), endpoint, key.clone());
        if let Some(core) = windows.get(&slot).filter(|core| core.idle() < self.options.limits.session_idle) {
            return core.clone();
        }
        let session = SessionId::from(if key == "window" {
            format!("{agent}/{key}-{}", random_suffix())
        } else {
            format!("{agent}/{key}")
        });
        let core = self.core(principal, endpoint, Era::Stateless, session);
        // As in `keep`: the agent chooses how many conversations it names, and must not push out the others.
        let sessions_max = self.options.limits.sessions_max;
        let own = windows.keys().filter(|(owner, ..)| owner == principal).count();
        let greedy = own >= (sessions_max / SHARE).max(1);
        let evicted = (greedy || windows.len() >= sessions_max).then(|| {
            let candidates = windows.iter().filter(|((owner, ..), _)| !greedy || owner == principal);
            let idlest = candidates.max_by_key(|(_, core)| core.idle()).map(|(slot, _)| slot.clone());
            idlest.and_then(|slot| windows.remove(&slot))
        });
        let replaced = windows.insert(slot, core.clone());
        drop(windows);
        // INVARIANT: what nobody finds any more ends. Isolation would not reach what it has under way.
        for gone in evicted.flatten().into_iter().chain(replaced) {
            tokio::spawn(async move {
                gone.leave();
                gone.close().await;
            });
        }
        core
    }

    /// Ends what nobody used for long.
    pub(crate) async fn reap(&self) {
        let idle = self.options.limits.session_idle;
        let mut ended: Vec<Arc<Core>> = Vec::new();
        lock(&self.sessions).retain(|_, entry| keep_or_end(&entry.core, idle, &mut ended));
        lock(&self.windows).retain(|_, core| keep_or_end(core, idle, &mut ended));
        for core in ended {
            core.close().await;
        }
    }

    /// Ends every session, upstream processes included.
    pub async fn close(&self) {
        let sessions: Vec<_> = lock(&self.sessions).drain().map(|(_, entry)| entry.core).collect();
        let windows: Vec<_> = lock(&self.windows).drain().map(|(_, core)| core).collect();
        futures_util::future::join_all(sessions.iter().chain(&windows).map(|core| core.close())).await;
    }

    /// Live sessions.
    pub fn sessions(&self) -> usize {
        lock(&self.sessions).len() + lock(&self.windows).len()
    }
}

fn keep_or_end(core: &Arc<Core>, idle: Duration, ended: &mut Vec<Arc<Core>>) -> bool {
    let keep = core.idle() < idle;
    if !keep {
        ended.push(core.clone());
    }
    keep
}

fn random_suffix() -> String {
    let mut bytes = [0u8; 8];
    let _ = getrandom::fill(&mut bytes);
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
