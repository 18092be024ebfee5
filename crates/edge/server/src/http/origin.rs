//! DNS rebinding: a web page may make its own name resolve to this host, and then talk to us as if to itself.
//!
//! So every request has to name us, in `Host` and, where a browser sends it, in `Origin`: as a loopback address, as
//! `localhost`, or by a name from the configuration. Ports are not compared: they may be forwarded.

use super::problem::Problem;
use holdshort_api::code;
use http::{HeaderMap, StatusCode, Uri, header, uri::Authority};
use std::net::IpAddr;

/// Names under which we may be called, and origins that may call, besides the loopback ones.
#[derive(Clone, Debug, Default)]
pub(crate) struct Hosts {
    names: Vec<String>,
    origins: Vec<String>,
}

impl Hosts {
    pub(crate) fn new(names: &[String], origins: &[String]) -> Self {
        let lower =
            |texts: &[String]| texts.iter().map(|text| text.trim_end_matches('/').to_ascii_lowercase()).collect();
        Self { names: lower(names), origins: lower(origins) }
    }

    /// Checks `Host`, the target where it names a host, and `Origin`. A unix socket's client names no host of ours.
    pub(crate) fn check(&self, uri: &Uri, headers: &HeaderMap, unix: bool) -> Result<(), Problem> {
        if !unix {
            let mut hosts = headers.get_all(header::HOST).iter();
            let host = match (hosts.next(), hosts.next()) {
                (Some(host), None) => host.to_str().ok().and_then(|text| text.parse::<Authority>().ok()),
                _ => None,
            };
            if !host.is_some_and(|host| self.knows(&host)) {
                return Err(foreign("Host"));
            }
        }
        if uri.authority().is_some_and(|authority| !unix && !self.knows(authority)) {
            return Err(foreign("request target"));
        }
        for origin in headers.get_all(header::ORIGIN) {
            if !origin.to_str().is_ok_and(|origin| self.knows_origin(origin)) {
                return Err(foreign("Origin"));
            }
        }
        Ok(())
    }

    fn knows_origin(&self, origin: &str) -> bool {
        let known = |uri: Uri| {
            let http = matches!(uri.scheme_str(), Some("http" | "https"));
            http && uri.authority().is_some_and(|authority| self.knows(authority))
        };
        self.origins.contains(&origin.to_ascii_lowercase()) || origin.parse().is_ok_and(known)
    }

    fn knows(&self, authority: &Authority) -> bool {
        let host = authority.host().to_ascii_lowercase();
        let user = authority.as_str().contains('@');
        let address = host.trim_start_matches('[').trim_end_matches(']').parse::<IpAddr>();
        let loopback = host == "localhost" || address.is_ok_and(|address| address.is_loopback());
        !user && (loopback || self.names.contains(&host))
    }
}

fn foreign(what: &str) -> Problem {
    let message = format!("the {what} of this request names a place that this service does not serve");
    Problem::new(StatusCode::FORBIDDEN, code::FOREIGN_ORIGIN, message)
        .hint("call it by a loopback address, or add the name to `allowed_hosts` or the origin to `allowed_origins` in the configuration")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(host: Option<&str>, origin: Option<&str>, good: bool) {
        let hosts = Hosts::new(&["Console.Example.com".to_owned()], &["app://desk".to_owned()]);
        let mut headers = HeaderMap::new();
        host.map(|text| headers.insert(header::HOST, text.parse().unwrap()));
        origin.map(|text| headers.insert(header::ORIGIN, text.parse().unwrap()));
        assert_eq!(hosts.check(&"/v1/decide".parse().unwrap(), &headers, false).is_ok(), good, "{host:?} {origin:?}");
    }

    #[test]
    fn only_our_own_names() {
        for host in [
            "127.0.0.1",
            "127.0.0.1:7070",
            "localhost:1",
            "LOCALHOST",
            "[::1]:7070",
            "127.0.0.2:1",
            "console.example.com",
        ] {
            check(Some(host), None, true);
        }
        for host in ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example:7070", "a@localhost", "", "::1"]
        {
            check(Some(host), None, false);
        }
        check(None, None, false);
    }

    #[test]
    fn origins_of_others_are_refused() {
        check(Some("localhost"), Some("http://localhost:7070"), true);
        check(Some("localhost"), Some("https://console.example.com"), true);
        check(Some("localhost"), Some("app://desk"), true);
        for origin in
            ["null", "http://evil.example", "file://", "chrome-extension://abc", "http://localhost.evil.example"]
        {
            check(Some("localhost"), Some(origin), false);
        }
    }

    #[test]
    fn two_host_headers_and_foreign_targets_are_refused() {
        let hosts = Hosts::default();
        let mut headers = HeaderMap::new();
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(hosts.check(&"http://evil.example/".parse().unwrap(), &headers, false).is_err());
        headers.append(header::HOST, "localhost".parse().unwrap());
        assert!(hosts.check(&"/".parse().unwrap(), &headers, false).is_err());
    }
}
