//! The official Rust SDK as a counterpart: a server with a few tools, and a client that takes the testkit's scripts.
//!
//! ```text
//! holdshort-rmcp server [--stdio]     over HTTP it prints {"url": ..., "pid": ...}, and ends with its standard input
//! holdshort-rmcp client [--era auto|legacy] [--token T] --script FILE|JSON --url URL
//! holdshort-rmcp client [...]                           --script FILE|JSON --command PROGRAM ARG...
//! ```

mod client;
mod server;

use std::collections::HashMap;

/// `--name value` pairs, and everything behind `--command`.
pub struct Options {
    named: HashMap<String, String>,
    pub command: Vec<String>,
}

impl Options {
    fn parse(mut words: impl Iterator<Item = String>) -> Self {
        let mut options = Self { named: HashMap::new(), command: Vec::new() };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--command" => options.command = words.by_ref().collect(),
                "--stdio" => drop(options.named.insert(word, String::new())),
                _ => drop(options.named.insert(word, words.next().unwrap_or_default())),
            }
        }
        options
    }

    pub fn get(&self, name: &str) -> Option<&str> {
        self.named.get(name).map(String::as_str)
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut words = std::env::args().skip(1);
    match words.next().as_deref() {
        Some("server") => server::run(&Options::parse(words.filter(|word| word != "--exit-with-stdin"))).await,
        Some("client") => client::run(&Options::parse(words)).await,
        _ => Err("say `server` or `client`".into()),
    }
}
