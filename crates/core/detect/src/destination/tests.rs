use super::*;

fn at(written: &str) -> DestinationSignal {
    let lookalikes =
        Lookalikes::new(&["example.com".into(), "paypal.com".into(), "holdshort.dev".into()], &mut Vec::new());
    look(&lookalikes, None, &mut [written].into_iter(), &|host| host == "known.org").pop().unwrap()
}

#[test]
fn hosts_are_what_will_be_contacted() {
    for (written, host, domain) in [
        ("https://API.Example.co.uk:8443/x?y#z", "api.example.co.uk", Some("example.co.uk")),
        ("example.org.", "example.org", Some("example.org")),
        ("bücher.example", "xn--bcher-kva.example", Some("xn--bcher-kva.example")),
        ("git@github.com:org/repo.git", "github.com", Some("github.com")),
        ("octo.github.io", "octo.github.io", Some("octo.github.io")),
        ("[::1]:8080", "::1", None),
        ("::1", "::1", None),
        ("8.8.8.8:53", "8.8.8.8", None),
        ("postgres://db.internal.example.com:5432/x", "db.internal.example.com", Some("example.com")),
    ] {
        let signal = at(written);
        assert_eq!((signal.host.as_str(), signal.domain.as_deref()), (host, domain), "{written}");
    }
    assert!(at("known.org").known && !at("unknown.org").known);
}

#[test]
fn every_notation_of_a_special_address_is_read() {
    for (written, special) in [
        ("http://127.0.0.1/", "loopback"),
        ("http://0x7f.1/", "loopback"),
        ("http://2130706433/", "loopback"),
        ("http://017700000001/", "loopback"),
        ("http://127.1", "loopback"),
        ("http://%31%32%37.0.0.1/", "loopback"),
        ("http://①②⑦.0.0.1/", "loopback"),
        ("http://[::ffff:127.0.0.1]/", "loopback"),
        ("http://[::ffff:7f00:1]/", "loopback"),
        ("http://[64:ff9b::a00:1]/", "private"),
        ("http://[2002:a00:1::]/", "private"),
        ("http://[::7f00:1]/", "loopback"),
        ("http://169.254.169.254/latest/meta-data", "metadata"),
        ("http://0xa9fea9fe/", "metadata"),
        ("http://[::ffff:a9fe:a9fe]/", "metadata"),
        ("http://[fd00:ec2::254]/", "metadata"),
        ("http://metadata.google.internal/", "metadata"),
        ("http://169-254-169-254.nip.io/", "metadata"),
        ("http://10.0.0.1.sslip.io/", "private"),
        ("http://100.64.1.1", "shared"),
        ("http://172.31.255.1", "private"),
        ("http://0/", "unspecified"),
        ("http://[fe80::1]/", "link-local"),
        ("http://[fd12::1]/", "private"),
        ("http://224.0.0.1/", "multicast"),
        ("localhost:3000", "loopback"),
        ("app.localhost", "loopback"),
        ("printer.local", "local-name"),
        ("intranet", "local-name"),
    ] {
        assert_eq!(at(written).special.as_deref(), Some(special), "{written}");
    }
    for written in ["http://8.8.8.8", "http://172.32.0.1", "http://[2606:4700::1111]", "https://example.com"] {
        assert_eq!(at(written).special, None, "{written}");
    }
}

#[test]
fn odd_notations_are_named() {
    for (written, odd) in [
        ("https://bank.example@evil.net/", "userinfo"),
        ("https://user:pw@evil.net/", "userinfo"),
        ("http://0x7f000001/", "numeric-address"),
        ("http://ex%61mple.net/", "encoded-host"),
        ("https://xn--pypal-4ve.com/", "punycode"),
        ("https://pаypal.com/", "mixed-scripts"),
        ("https://пример.рф/", "unicode-host"),
        ("https:\\\\evil.net\\@example.com", "separators"),
        ("http://exa mple.com/", "unparseable"),
        ("http://10.0.0.1.nip.io/", "embedded-address"),
    ] {
        assert!(at(written).odd.iter().any(|kind| kind == odd), "{written}: {:?}", at(written));
    }
    for written in [
        "https://example.com/a?b=c@d",
        "git@github.com:a/b",
        "ssh://git@github.com/a",
        "1.2.3.4",
        "mailto:a@example.com",
    ] {
        assert_eq!(at(written).odd, Vec::<String>::new(), "{written}");
    }
}

#[test]
fn lookalikes_are_told_from_the_known() {
    for (written, like) in [
        ("pаypal.com", Some("paypal.com")),
        ("xn--pypal-4ve.com", Some("paypal.com")),
        ("paypa1.com", Some("paypal.com")),
        ("paypall.com", Some("paypal.com")),
        ("papyal.com", Some("paypal.com")),
        ("exarnple.com", Some("example.com")),
        ("example.com.evil.net", Some("example.com")),
        ("login.example-com.evil.net", Some("example.com")),
        ("paypal-login.net", Some("paypal.com")),
        ("paypal.com", None),
        ("www.paypal.com", None),
        ("paypal.de", None),
        ("example.slack.com", None),
        ("apple.com", None),
        ("docs.rs", None),
    ] {
        assert_eq!(at(written).looks_like.as_deref(), like, "{written}");
    }
}

#[test]
fn a_strange_host_is_not_hidden_by_many_others() {
    let mut hosts: Vec<String> = (0..100).map(|n| format!("host{n:03}.example.net")).collect();
    hosts.push("zz.169.254.169.254.nip.io".into());
    let signals = look(&Lookalikes::default(), None, &mut hosts.iter().map(String::as_str), &|_| true);
    assert_eq!(signals.len(), FOUND_MAX);
    assert!(signals.is_sorted() && signals.iter().any(|signal| signal.special.as_deref() == Some("metadata")));
}

#[test]
fn what_is_no_domain_is_no_known_domain() {
    let mut faults = Vec::new();
    Lookalikes::new(&["com".into(), "10.0.0.1".into(), "*.fine.org".into(), "a b".into()], &mut faults);
    assert_eq!(faults.len(), 3, "{faults:?}");
}

#[test]
fn what_a_feed_names_is_listed() {
    let feed = |text: &'static str, name, confidence| crate::intelligence::Feed {
        name,
        format: crate::intelligence::Format::Plain,
        confidence,
        ttl_ms: None,
        changed_ms: 0,
        bytes: text.as_bytes(),
    };
    let mut builder = crate::intelligence::Builder::new(0);
    let (first, second) = ("evil.example\nhttp://pages.example/bad\n203.0.114.0/24\n", "evil.example\n2001:db9::/32\n");
    for feed in [feed(first, "one", 40), feed(second, "two", 80)] {
        builder.add(&feed).unwrap();
    }
    let feeds = builder.build();
    let listed = |written: &[&str]| {
        let mut signals = look(&Lookalikes::default(), Some(&feeds), &mut written.iter().copied(), &|_| true);
        let signal = signals.pop().unwrap();
        (signal.listed, signal.listed_confidence)
    };
    for (written, feed, confidence) in [
        ("evil.example", "two", 80),
        ("https://user@CDN.a.Evil.Example:8443/x", "two", 80),
        ("https://ev\u{ff49}l.example/", "two", 80),
        ("http://0xcb.0x00.0x7207/", "one", 40),
        ("[::ffff:203.0.114.9]:80", "one", 40),
        ("[2001:db9::7]:443", "two", 80),
        ("https://pages.example/bad?x=1", "one", 40),
    ] {
        assert_eq!(listed(&[written]), (Some(feed.to_owned()), confidence), "{written}");
    }
    for written in ["notevil.example", "evil.example.org", "203.0.115.1", "https://pages.example/good", "pages.example"]
    {
        assert_eq!(listed(&[written]), (None, 0), "{written}");
    }
    assert_eq!(listed(&["https://pages.example/good", "https://pages.example/bad"]), (Some("one".to_owned()), 40));
}
