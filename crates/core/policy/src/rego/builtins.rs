//! Functions that policies may call: what regorus has, less what is not a function of its arguments.

use crate::diagnostic::nearest;
use regorus::unstable::BUILTINS;

/// Builtins of OPA whose answer depends on the outside, or that act on it. Replay could not repeat them, and
/// `http.send` fails by being undefined, so that `not http.send(...)` holds when the network is down.
const IMPURE: [&str; 10] = [
    "http.send",
    "net.lookup_ip_addr",
    "opa.runtime",
    "print",
    "rand.intn",
    "rego.metadata.chain",
    "rego.metadata.rule",
    "time.now_ns",
    "trace",
    "uuid.rfc4122",
];

/// What a function name is.
pub(crate) enum Builtin {
    /// May be called, with this many arguments.
    Pure(usize),
    /// Exists in OPA, and is refused.
    Impure,
    /// Does not exist here; the nearest name that does.
    Unknown(Option<&'static str>),
}

/// Looks a function up by its full name, such as `regex.match`.
pub(crate) fn builtin(name: &str) -> Builtin {
    if IMPURE.contains(&name) {
        return Builtin::Impure;
    }
    match BUILTINS.get(name) {
        Some((_, arguments)) if !name.starts_with("__") => Builtin::Pure(usize::from(*arguments)),
        _ => Builtin::Unknown(nearest(name, BUILTINS.keys().copied().filter(|known| !IMPURE.contains(known)))),
    }
}
