//! URLs and hosts that messages may go to.

use crate::TargetError;
use http::Uri;
use std::net::IpAddr;

/// A URL for messages: https, or http to this host; http to another one only when `insecure`.
///
/// # Errors
/// What cannot be right about it.
pub fn url(text: &str, insecure: bool) -> Result<Uri, TargetError> {
    let url: Uri = text.parse().map_err(|_| TargetError::Url)?;
    let (Some(scheme), Some(authority)) = (url.scheme_str(), url.authority()) else { return Err(TargetError::Url) };
    if authority.as_str().contains('@') {
        return Err(TargetError::Credentials);
    }
    match scheme {
        _ if authority.host().is_empty() => Err(TargetError::Url),
        "https" => Ok(url),
        "http" if insecure || is_loopback(authority.host()) => Ok(url),
        "http" => Err(TargetError::ClearText),
        _ => Err(TargetError::Url),
    }
}

/// Whether the host is this one, as far as its name tells.
pub(crate) fn is_loopback(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clear_text_stays_on_this_host() {
        let check = |text: &str, insecure, expected: Option<TargetError>| {
            assert_eq!(url(text, insecure).err(), expected, "{text}");
        };
        check("https://hooks.example.org/x?y", false, None);
        check("http://127.0.0.1:8080/", false, None);
        check("http://[::1]:8080/", false, None);
        check("http://localhost/x", false, None);
        check("http://hooks.example.org/", false, Some(TargetError::ClearText));
        check("http://localhost.example.org/", false, Some(TargetError::ClearText));
        check("http://127.0.0.1.example.org/", false, Some(TargetError::ClearText));
        check("http://hooks.example.org/", true, None);
        check("https://u:p@hooks.example.org/", true, Some(TargetError::Credentials));
        for text in ["", "hooks.example.org", "/x", "ftp://x/", "https:///x", "https://a b/"] {
            check(text, true, Some(TargetError::Url));
        }
    }
}
