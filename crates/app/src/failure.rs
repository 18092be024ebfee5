//! What ends a command early: an exit code, a message, and a hint what to do about it.

use std::fmt;
use std::process::ExitCode;

/// Exit codes are part of the command line's contract.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Code {
    /// An action was refused, or a check failed.
    Refused = 1,
    /// Wrong arguments or input.
    Usage = 2,
    /// The service cannot be reached.
    Unreachable = 3,
    /// The configuration or a policy bundle is wrong.
    Config = 64,
    /// Our fault, or the machine's.
    Internal = 70,
}

/// A command that could not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    code: Code,
    message: String,
    hint: Option<String>,
}

/// Result of a command: the exit code when it ran to its end.
pub(crate) type Outcome = Result<ExitCode, Failure>;

impl Failure {
    fn new(code: Code, message: impl fmt::Display) -> Self {
        Self { code, message: message.to_string(), hint: None }
    }

    /// The input or the arguments are wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::new(Code::Usage, message)
    }

    /// The service cannot be reached.
    pub(crate) fn unreachable(message: impl fmt::Display) -> Self {
        Self::new(Code::Unreachable, message)
    }

    /// The configuration or a policy is wrong.
    pub(crate) fn config(message: impl fmt::Display) -> Self {
        Self::new(Code::Config, message)
    }

    /// A check failed or something was refused.
    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::new(Code::Refused, message)
    }

    /// Our fault, or the machine's.
    pub(crate) fn internal(message: impl fmt::Display) -> Self {
        Self::new(Code::Internal, message)
    }

    /// Adds what the reader can do about it.
    #[must_use]
    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(hint.to_string());
        self
    }

    /// What is wrong.
    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    /// What the reader can do about it; empty when that is not known.
    pub(crate) fn advice(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// The exit code.
    pub(crate) fn code(&self) -> Code {
        self.code
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl From<Code> for ExitCode {
    fn from(code: Code) -> Self {
        Self::from(code as u8)
    }
}

/// Turns an error of the file system into a failure that names the path.
pub(crate) fn io_failure(what: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Failure {
    let text = format!("cannot {what} `{}`", path.display());
    move |error| {
        let failure = Failure::internal(format!("{text}: {error}"));
        match error.kind() {
            std::io::ErrorKind::PermissionDenied => failure.hint("check who owns it and its permissions"),
            std::io::ErrorKind::StorageFull => failure.hint("free some space on this file system"),
            std::io::ErrorKind::NotFound => failure.hint("check the path"),
            _ => failure,
        }
    }
}

/// The same for a file that the command line names: one that is not there, or cannot be made there, is wrong usage.
pub(crate) fn named_file(what: &str, path: &std::path::Path) -> impl FnOnce(std::io::Error) -> Failure {
    use std::io::ErrorKind as Kind;
    let failed = io_failure(what, path);
    move |error| {
        let kind = error.kind();
        let failure = failed(error);
        match kind {
            Kind::NotFound
            | Kind::PermissionDenied
            | Kind::IsADirectory
            | Kind::NotADirectory
            | Kind::InvalidFilename
            | Kind::InvalidData
            | Kind::ReadOnlyFilesystem => Failure { code: Code::Usage, ..failure },
            Kind::AlreadyExists => {
                Failure { code: Code::Usage, ..failure }.hint("name another file, or remove this one")
            }
            _ => failure,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Error, ErrorKind};

    #[test]
    fn a_file_that_was_named_wrongly_is_usage_and_a_broken_disk_is_not() {
        let code = |kind: ErrorKind| named_file("read", "a.pub".as_ref())(Error::from(kind)).code();
        for usage in
            [ErrorKind::NotFound, ErrorKind::PermissionDenied, ErrorKind::AlreadyExists, ErrorKind::IsADirectory]
        {
            assert_eq!(code(usage), Code::Usage, "{usage}");
        }
        for ours in [ErrorKind::StorageFull, ErrorKind::Other, ErrorKind::TimedOut] {
            assert_eq!(code(ours), Code::Internal, "{ours}");
        }
        assert_eq!(io_failure("read", "a.pub".as_ref())(ErrorKind::NotFound.into()).code(), Code::Internal);
    }
}
