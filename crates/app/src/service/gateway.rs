//! From the configuration to the MCP gateway.

use crate::config::{Config, EraChoice, IntentSource, Loaded, Mcp, RefusalForm, Sensitive, Upstream};
use crate::failure::Failure;
use holdshort_enforce::Gate;
use holdshort_model::Authentication;
use holdshort_proxy::mcp::{
    Authenticate, EraChoice as Era, Gateway, GatewayOptions, Limits, Principal, RefusalStyle, TransportConfig,
    UpstreamConfig,
};
use holdshort_server::Service;
use std::sync::Arc;
use std::time::Duration;

/// The gateway over streamable HTTP.
///
/// # Errors
/// Exit code 64 when an upstream cannot be.
pub(crate) fn gateway(
    service: &Arc<Service>,
    loaded: &Loaded,
    upstreams: Vec<UpstreamConfig>,
) -> Result<Arc<Gateway>, Failure> {
    let config = &loaded.config;
    let tokens = Arc::new(Tokens { service: service.clone(), anonymous: config.mcp.anonymous_agent.clone() });
    Gateway::new(Gate::new(service.clone()), tokens, upstreams, options(config)).map_err(Failure::config)
}

/// The servers behind the gateway, with the secrets that the environment holds for them.
///
/// # Errors
/// Exit code 64 when a variable is not set, or a URL or header is not one.
pub(crate) fn upstreams(loaded: &Loaded) -> Result<Vec<UpstreamConfig>, Failure> {
    loaded.config.upstream.iter().map(|entry| upstream(entry, loaded)).collect()
}

/// How the gateway and the wrapper behave.
pub(crate) fn limits(config: &Config) -> Limits {
    let limits = &config.limits;
    Limits {
        request_bytes_max: limits.request_bytes_max,
        response_bytes_max: limits.response_bytes_max,
        in_flight_max: limits.in_flight_max,
        sessions_max: limits.sessions_max,
        session_idle: Duration::from_secs(limits.session_idle_s),
        approval_wait: Duration::from_secs(config.approvals.hold_s),
        upstream_silence: Duration::from_millis(limits.upstream_silence_ms),
    }
}

/// How a refused tool call is answered.
pub(crate) fn refusal(mcp: &Mcp) -> RefusalStyle {
    match mcp.refusal {
        RefusalForm::Error => RefusalStyle::Error,
        RefusalForm::Result => RefusalStyle::Result,
    }
}

fn options(config: &Config) -> GatewayOptions {
    let mcp = &config.mcp;
    GatewayOptions {
        refusal: refusal(mcp),
        federated: mcp.federated,
        limits: limits(config),
        allowed_hosts: mcp.allowed_hosts.clone(),
        allowed_origins: mcp.allowed_origins.clone(),
        workspace: mcp.workspace.as_ref().map(|path| path.display().to_string()),
        believes_meta: mcp.intent_from.contains(&IntentSource::Meta),
    }
}

fn upstream(upstream: &Upstream, loaded: &Loaded) -> Result<UpstreamConfig, Failure> {
    let Upstream { name, args, .. } = upstream;
    let transport = match (&upstream.command, &upstream.url) {
        (Some(program), _) => TransportConfig::Stdio {
            program: program.clone(),
            args: args.clone(),
            env: resolve(upstream.env.iter(), name)?,
            cwd: upstream.cwd.as_deref().map(|path| loaded.resolve(path)),
        },
        (None, Some(url)) => TransportConfig::Http { url: parse(url, name)?, headers: headers(upstream)? },
        (None, None) => return Err(Failure::config(format!("the upstream `{name}` needs `command` or `url`"))),
    };
    let era = match upstream.era {
        EraChoice::Auto => Era::Auto,
        EraChoice::Session => Era::Session,
        EraChoice::Stateless => Era::Stateless,
    };
    Ok(UpstreamConfig { name: name.clone(), transport, era })
}

fn headers(upstream: &Upstream) -> Result<Vec<(http::HeaderName, http::HeaderValue)>, Failure> {
    let name = &upstream.name;
    let mut texts = resolve(upstream.headers.iter(), name)?;
    if let Some(variable) = &upstream.token_env {
        texts.push(("authorization".into(), format!("Bearer {}", environment(variable, name)?)));
    }
    let parse = |(key, value): (String, String)| {
        // The value may be a secret: it is not repeated.
        let wrong = || {
            Failure::config(format!(
                "the upstream `{name}`: the header `{key}` has a name or value that HTTP does not allow"
            ))
        };
        let header: http::HeaderName = key.parse().map_err(|_| wrong())?;
        let mut value = http::HeaderValue::from_str(&value).map_err(|_| wrong())?;
        value.set_sensitive(true);
        Ok((header, value))
    };
    texts.into_iter().map(parse).collect()
}

fn parse(url: &str, name: &str) -> Result<http::Uri, Failure> {
    url.parse().map_err(|error| Failure::config(format!("the upstream `{name}`: `{url}` is not a URL: {error}")))
}

fn resolve<'a>(
    pairs: impl Iterator<Item = (&'a String, &'a Sensitive)>,
    name: &str,
) -> Result<Vec<(String, String)>, Failure> {
    let value = |(key, value): (&String, &Sensitive)| {
        let text = value.resolve(|variable| std::env::var(variable).ok()).map_err(|variable| unset(&variable, name))?;
        Ok((key.clone(), text))
    };
    pairs.map(value).collect()
}

fn environment(variable: &str, name: &str) -> Result<String, Failure> {
    std::env::var(variable).map_err(|_| unset(variable, name))
}

fn unset(variable: &str, name: &str) -> Failure {
    Failure::config(format!("the upstream `{name}` needs the environment variable `{variable}`, which is not set"))
        .hint("set it where the service is started")
}

/// Agents by their tokens, and the agent that requests without a token are taken for, if there is one.
struct Tokens {
    service: Arc<Service>,
    anonymous: Option<String>,
}

impl Authenticate for Tokens {
    fn authenticate(&self, token: Option<&str>) -> Option<Principal> {
        match token {
            // INVARIANT: a token that is wrong is nobody, also where no token is needed.
            Some(token) => {
                let agent = self.service.authenticate(token).ok()?;
                Some(Principal { agent, authenticated_by: Authentication::Token })
            }
            None => {
                let agent = self.anonymous.as_deref()?.into();
                Some(Principal { agent, authenticated_by: Authentication::None })
            }
        }
    }
}
