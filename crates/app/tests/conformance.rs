//! The public conformance suites through the real gateway: what passes directly passes through it.
//!
//! Everything runs in the quickstart profile with the built-in policies, but for `server_requests`, which only observes:
//! it has a person asked before a server may use the agent's model, and the suites test just that this is possible.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing)]

#[path = "support/gateway.rs"]
#[allow(dead_code, reason = "each test file uses its part")]
mod gateway;
#[allow(dead_code, reason = "each test file uses its part")]
mod support;

use gateway::{Gateway, home, http_upstream, register};
use holdshort_testkit::{Conformance, Counterpart, Server, Suite};
use support::Home;

const OBSERVED: &str = "[policies.modes]\n\"holdshort.rules.server_requests\" = \"observe\"\n";

/// A counterpart behind a gateway of its own. One gateway for all of them would rightly refuse most calls: the
/// fixtures have tools of the same names, which shadow each other.
struct Guarded {
    home: Home,
    gateway: Gateway,
    token: String,
    _server: Server,
}

impl Guarded {
    fn start(counterpart: Counterpart, era: &str, policies: &str) -> Self {
        let server = Server::start_ours(&counterpart.line());
        let upstream = http_upstream("fixture", server.url(), &format!("era = \"{era}\""));
        // The suites' `confirm_delete` names files relative to a workspace.
        let home = home("workspace = \"/workspace\"", &format!("{policies}{upstream}"));
        let gateway = Gateway::start(&home);
        let token = register(&home, "suite");
        Self { home, gateway, token, _server: server }
    }

    fn run(&self, suite: Suite, baseline: &str) -> Result<(), String> {
        Conformance::new(suite, baseline).token(&self.token).url(&self.gateway.url("fixture"))
    }

    fn pass(mut self, runs: &[(Suite, &str)]) {
        for (suite, baseline) in runs {
            if let Err(regressions) = self.run(*suite, baseline) {
                panic!("{baseline} through the gateway:\n{regressions}");
            }
        }
        assert!(self.gateway.interrupt().success());
        gateway::assert_verifies(&self.home);
    }
}

#[test]
fn session_era() {
    let fixture = Guarded::start(Counterpart::FixtureSession, "auto", OBSERVED);
    fixture.pass(&[(Suite::Session, "session-fixture-direct"), (Suite::SessionNext, "session-next-fixture-direct")]);
}

#[test]
fn stateless_era() {
    Guarded::start(Counterpart::FixtureStateless, "auto", OBSERVED)
        .pass(&[(Suite::Stateless, "stateless-fixture-direct")]);
}

#[test]
fn server_everything() {
    Guarded::start(Counterpart::EverythingHttp, "auto", OBSERVED)
        .pass(&[(Suite::Session, "session-everything-direct")]);
}

#[test]
fn stateless_clients_on_a_server_with_sessions() {
    Guarded::start(Counterpart::FixtureSession, "session", OBSERVED)
        .pass(&[(Suite::Stateless, "stateless-fixture-session-gateway")]);
}

#[test]
fn clients_with_sessions_on_a_stateless_server() {
    Guarded::start(Counterpart::FixtureStateless, "stateless", OBSERVED)
        .pass(&[(Suite::Session, "session-fixture-stateless-gateway")]);
}

/// The one scenario that the built-in policies refuse: nobody can be asked yet, so what has to be asked is refused.
#[test]
fn a_server_may_not_use_the_model_unasked() {
    let fixture = Guarded::start(Counterpart::FixtureSession, "auto", "");
    let only = Conformance::new(Suite::Session, "session-fixture-direct").only(&["tools-call-sampling", "ping"]);
    let regressions = only.token(&fixture.token).url(&fixture.gateway.url("fixture")).unwrap_err();
    assert!(regressions.contains("REGRESSION tools-call-sampling"), "{regressions}");
    assert!(regressions.contains("\n1 regressions"), "{regressions}");
}
