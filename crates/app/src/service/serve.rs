//! Runs a service until it is told to end: listeners, gateway, watching files, signals.

use crate::config::Loaded;
use crate::failure::{Failure, Outcome};
use crate::out;
use crate::place::{DataDir, Place};
use crate::service::assemble::Assembled;
use crate::service::export_source::LogSource;
use crate::service::gateway::{gateway, upstreams};
use crate::service::index::Indexing;
use crate::service::index_page::IndexedRecords;
use crate::service::kill::KillSwitch;
use crate::service::lock::{DataLock, Whereabouts};
use crate::service::start::READY_LINE;
use crate::service::watch::{FileSource, Fingerprint, follow};
use crate::service::{export, export_alarm, witness, witness_publish};
use holdshort_model::Scope;
use holdshort_proxy::mcp::{UpstreamConfig, serve_http};
use holdshort_server::{Access, Activity, ListenError, Listener, Parts, Service, SystemClock, serve};
use holdshort_store::records::Records;
use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

/// How often a service that may end when idle looks whether it is.
const IDLE_LOOK_EVERY: Duration = Duration::from_millis(500);

/// How a service is run.
#[derive(Clone, Debug)]
pub(crate) struct RunOptions {
    /// Where its files are.
    pub(crate) place: Place,
    /// Started by a wrapper: only the unix socket is listened on.
    pub(crate) background: bool,
    /// End after this time without a client.
    pub(crate) idle_exit: Option<Duration>,
}

/// Runs until a signal comes or nobody needs it any more.
pub(crate) async fn run(options: RunOptions) -> Outcome {
    let source = FileSource::new(options.place.clone());
    let files = (source.fingerprint(), source);
    let loaded = options.place.load()?;
    let data = options.place.data(&loaded)?;
    let upstreams = upstreams(&loaded)?;
    if !options.background {
        DataLock::relieve_background(&data)?;
    }
    let (policy, places) = (witness::policy(&loaded)?, witness_publish::places(&loaded)?);
    let exports = export::prepare(&loaded)?;
    let assembled = Assembled::start(&loaded, &data).await?;
    let served = match witness::start(&loaded, policy, &data, &assembled) {
        Ok(witnessing) => {
            let publishing = witness_publish::start(
                places,
                &assembled.log,
                &assembled.service,
                loaded.config.witnesses.tell_after.0,
            );
            let listener = export_alarm::listener(&assembled.service);
            let source = || LogSource::live(&assembled.log, &assembled.keys);
            let served = match export::start(exports, &data, source, listener) {
                Ok(exporting) => {
                    export_alarm::expose(&assembled, exporting.meters());
                    let served = attend(&options, &loaded, (upstreams, files), &data, &assembled).await;
                    drop(exporting);
                    served
                }
                Err(failure) => Err(failure),
            };
            drop((witnessing, publishing));
            served
        }
        Err(failure) => Err(failure),
    };
    // The service may not be found any more before it is gone. Nothing to be done if the file cannot be removed.
    let _ = std::fs::remove_file(data.service_file());
    let stopped = assembled.stop().await;
    served.and(stopped).map(|()| ExitCode::SUCCESS)
}

async fn attend(
    options: &RunOptions,
    loaded: &Loaded,
    (upstreams, (files, source)): (Vec<UpstreamConfig>, (Fingerprint, FileSource)),
    data: &DataDir,
    assembled: &Assembled,
) -> Result<(), Failure> {
    // Before anybody can ask anything.
    let _kill_file = KillSwitch::start(data.kill_file(), assembled.service.clone())?;
    let _kill_signal = kill_signal(assembled.service.clone())?;
    let activity = Activity::new(Arc::new(SystemClock));
    let ending = ending(options.idle_exit, activity.clone())?;
    let mut listeners = vec![Listener::unix(&data.socket()).await.map_err(unbound)?];
    let mut ports = (None, None);
    let mut gateway_run = None;
    if !options.background {
        let api = Listener::tcp(address(&loaded.config.api.listen)?).await.map_err(unbound)?;
        let mcp = address(&loaded.config.mcp.listen)?;
        let mcp = TcpListener::bind(mcp)
            .await
            .map_err(|cause| unbound(ListenError::Refused { place: mcp.to_string(), cause }))?;
        ports = (api.address(), mcp.local_addr().ok());
        listeners.push(api);
        let (gateway, ended) = (gateway(&assembled.service, loaded, upstreams)?, wait(ending.clone()));
        gateway_run = Some(tokio::spawn(serve_http(mcp, gateway, ended)));
    }
    let whereabouts = whereabouts(data, ports);
    whereabouts.write(data)?;
    announce(options, data, &whereabouts)?;
    let watching = tokio::spawn(follow(assembled.service.clone(), source.clone(), files));
    let records =
        Records::new(assembled.log.reader().map_err(Failure::internal)?).with_keys(Some(assembled.keys.clone()));
    let _indexing = Indexing::start(data, &assembled.log, records.clone(), loaded.config.log.index_keep_free());
    let parts = Parts {
        service: assembled.service.clone(),
        records: Arc::new(IndexedRecords::new(data, records)),
        policies: Arc::new(source),
        log_dir: data.log(),
        access: Access {
            admin_token: assembled.admin_token.clone(),
            hosts: loaded.config.api.allowed_hosts.clone(),
            origins: loaded.config.api.allowed_origins.clone(),
        },
    };
    serve(listeners, parts, activity, wait(ending)).await;
    watching.abort();
    match gateway_run {
        Some(run) => run.await.map_err(Failure::internal)?.map_err(Failure::internal),
        None => Ok(()),
    }
}

/// Turns true when the service has to end: a signal, or nobody there for long enough.
fn ending(idle_exit: Option<Duration>, activity: Arc<Activity>) -> Result<watch::Receiver<bool>, Failure> {
    let (sender, receiver) = watch::channel(false);
    let cannot = |error| Failure::internal(format!("cannot listen for signals: {error}"));
    let mut interrupt = signal(SignalKind::interrupt()).map_err(cannot)?;
    let mut terminate = signal(SignalKind::terminate()).map_err(cannot)?;
    tokio::spawn(async move {
        let reason = tokio::select! {
            _ = interrupt.recv() => "interrupt",
            _ = terminate.recv() => "terminate",
            () = idle(idle_exit, &activity) => "idle",
        };
        tracing::info!(reason, "ending");
        // Everybody who listens may be gone already.
        let _ = sender.send(true);
    });
    Ok(receiver)
}

/// SIGUSR1 isolates everybody. Ends with what it returns.
fn kill_signal(service: Arc<Service>) -> Result<AbortOnDrop, Failure> {
    let cannot = |error| Failure::internal(format!("cannot listen for signals: {error}"));
    let mut signals = signal(SignalKind::user_defined1()).map_err(cannot)?;
    let task = tokio::spawn(async move {
        while signals.recv().await.is_some() {
            service.kill(Scope::All, "signal", "SIGUSR1");
        }
    });
    Ok(AbortOnDrop(task))
}

struct AbortOnDrop(tokio::task::JoinHandle<()>);

impl Drop for AbortOnDrop {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn idle(idle_exit: Option<Duration>, activity: &Activity) {
    let Some(limit) = idle_exit else { return std::future::pending().await };
    let limit_ms = u64::try_from(limit.as_millis()).unwrap_or(u64::MAX);
    let mut ticks = tokio::time::interval(IDLE_LOOK_EVERY);
    loop {
        ticks.tick().await;
        let now_ms = crate::clock::now_ms();
        if activity.idle_since().is_some_and(|since| now_ms.saturating_sub(since) >= limit_ms) {
            return;
        }
    }
}

async fn wait(mut ending: watch::Receiver<bool>) {
    // The sender is gone only when the process ends.
    let _ = ending.wait_for(|ending| *ending).await;
}

fn address(text: &str) -> Result<SocketAddr, Failure> {
    text.parse().map_err(|_| Failure::config(format!("`{text}` is not an address and port")))
}

fn unbound(error: ListenError) -> Failure {
    match error {
        ListenError::TooLong(_) => Failure::config(error),
        ListenError::InUse(_) => Failure::refused(error).hint("stop it, or configure another address with `listen`"),
        ListenError::Refused { .. } => Failure::internal(error).hint("configure another address with `listen`"),
    }
}

fn whereabouts(data: &DataDir, (api, mcp): (Option<SocketAddr>, Option<SocketAddr>)) -> Whereabouts {
    let base = |address: SocketAddr| format!("http://{address}");
    Whereabouts {
        pid: std::process::id(),
        version: env!("CARGO_PKG_VERSION").to_owned(),
        api: api.map(base),
        mcp: mcp.map(|address| format!("{}/mcp", base(address))),
        socket: data.socket().display().to_string(),
    }
}

fn announce(options: &RunOptions, data: &DataDir, found: &Whereabouts) -> Result<(), Failure> {
    if options.background {
        return out::line(READY_LINE);
    }
    let (api, mcp) = (found.api.as_deref().unwrap_or_default(), found.mcp.as_deref().unwrap_or_default());
    let (root, token, log) = (data.root().display(), data.admin_token(), data.log());
    out::raw(&format!(
        "holdshort {version} is running.\n\
         \x20 api      {api}  (administrator's token: {token})\n\
         \x20 gateway  {mcp}\n\
         \x20 data     {root}\n\
         \x20 records  {log}\n\n\
         Guard a stdio server: in the agent's mcp.json, in place of its command:\n\
         \x20 {{\"mcpServers\": {{\"NAME\": {{\"command\": \"holdshort\", \"args\": [\"mcp\", \"--data\", \"{root}\", \"--\", \"CMD\", \"ARGS\"]}}}}}}\n\
         Use the gateway: `holdshort agents add ID --class CLASS --data {root}` shows the agent's token once:\n\
         \x20 {{\"mcpServers\": {{\"holdshort\": {{\"url\": \"{mcp}\", \"headers\": {{\"Authorization\": \"Bearer TOKEN\"}}}}}}}}\n\
         See what happens: `holdshort log tail -f --data {root}`. Ctrl-C ends the service.\n",
        version = found.version,
        token = token.display(),
        log = log.display(),
    ))
}
