use super::*;
use proptest::prelude::*;

const NOW_MS: u64 = 1_800_000_000_000;

fn feed<'a>(format: Format, bytes: &'a [u8]) -> Feed<'a> {
    Feed { name: "f", format, confidence: 90, ttl_ms: None, changed_ms: NOW_MS, bytes }
}

fn entries(format: Format, bytes: &[u8]) -> (Vec<Entry>, Report) {
    let mut entries = Vec::new();
    let report = read(&feed(format, bytes), NOW_MS, &mut |entry| {
        entries.push(entry);
        true
    });
    (entries, report.unwrap())
}

fn shown(format: Format, bytes: &[u8]) -> Vec<String> {
    entries(format, bytes).0.iter().map(|entry| entry.value.to_string()).collect()
}

fn fault(format: Format, bytes: &[u8]) -> String {
    read(&feed(format, bytes), NOW_MS, &mut |_| true).unwrap_err().to_string()
}

fn snapshot(text: &str) -> Intelligence {
    let mut builder = Builder::new(NOW_MS);
    builder.add(&feed(Format::Plain, text.as_bytes())).unwrap();
    builder.build()
}

fn kinds(feeds: &Intelligence, text: &str) -> Vec<String> {
    let mut out = Vec::new();
    assert!(feeds.find(&Text::new("/a", text), &mut out));
    out.into_iter().map(|found| found.kind).collect()
}

#[test]
fn plain_lists_of_every_sort() {
    let text =
        b"\xef\xbb\xbf# comment\r\nevil.example\r\n\r\n203.0.113.0/24 ; SBL1\n// no\nhttp://bad.example/a;b#c # why\n";
    assert_eq!(shown(Format::Plain, text), ["evil.example", "203.0.113.0/24", "http://bad.example/a;b"]);
}

#[test]
fn hostile_lines_are_counted_and_named() {
    let mut text = b"evil.example\n\xff\xfe.example\nlocalhost\ncom\n0.0.0.0/0\n10.0.0.1\n".to_vec();
    text.extend(vec![b'a'; 100_000]);
    text.extend(b"\nb\xc3\xbccher.example\nevil.example\n");
    let (found, report) = entries(Format::Plain, &text);
    assert_eq!(found.len(), 3);
    assert_eq!((report.entries, report.rejected), (3, 6));
    let why: Vec<(usize, &str)> = report.named.iter().map(|one| (one.line, one.why.as_str())).collect();
    assert_eq!(why[0], (2, "not UTF-8"));
    assert_eq!(why[1], (3, "too broad: a single label"));
    assert_eq!(why[3], (5, "too broad: a network of a continent"));
    assert!(why[5].1.starts_with("a line of 100000 bytes"), "{why:?}");
    let many = "x y z\n".repeat(1000) + "evil.example";
    let (_, report) = entries(Format::Plain, many.as_bytes());
    assert_eq!((report.rejected, report.named.len()), (1000, NAMED_MAX));
}

#[test]
fn a_feed_of_the_wrong_format_is_refused_as_a_whole() {
    assert!(fault(Format::Plain, b"<html>\n<body>\n").contains("line 1: no indicator in the whole feed"));
    assert!(fault(Format::Misp, b"evil.example").contains("line 1: not a MISP event"));
    assert!(fault(Format::Stix, b"{\"objects\": 1}").contains("not a STIX bundle"));
    assert!(fault(Format::Csv, b"evil.example\nbad.example\n").contains("no header"));
    for bomb in ["[".repeat(200_000), "{\"objects\":".repeat(100_000), "{\"Event\":".repeat(100_000)] {
        for format in [Format::Misp, Format::Stix] {
            assert!(fault(format, bomb.as_bytes()).contains("not a"));
        }
    }
    let deep = format!("{{\"objects\":[{{\"type\":\"indicator\",\"x\":{}}}]}}", "[".repeat(100_000));
    assert!(fault(Format::Stix, deep.as_bytes()).contains("not a STIX bundle"));
    let empty: [&[u8]; 2] = [b"", b"# nothing today\n"];
    assert!(empty.iter().all(|bytes| shown(Format::Plain, bytes).is_empty()));
}

#[test]
fn there_is_room_for_so_many_and_no_more() {
    let mut room = 3;
    let result = read(&feed(Format::Plain, b"a.example\nb.example\nc.example\nd.example\n"), NOW_MS, &mut |_| {
        room -= 1;
        room > 0
    });
    assert_eq!(result, Err(FeedError::Entries));
    assert_eq!(room, 0);
}

#[test]
fn hosts_files() {
    let text = b"127.0.0.1 localhost\n::1 ip6-localhost ip6-loopback\n0.0.0.0 evil.example www.evil.example # x\n0.0.0.0 0.0.0.0\n";
    assert_eq!(shown(Format::Hosts, text), ["evil.example", "www.evil.example"]);
    let (_, report) = entries(Format::Hosts, b"0.0.0.0 evil.example\nevil.example\n0.0.0.0\n");
    assert_eq!(report.rejected, 2);
}

#[test]
fn csv_as_urlhaus_and_threatfox_write_it() {
    let urlhaus = b"################\n# abuse.ch\n# id,dateadded,url,url_status,threat\n\"1\",\"2026-01-02 03:04:05\",\"http://bad.example/x,y\",\"online\",\"a \"\"b\"\"\"\n";
    let (found, _) = entries(Format::Csv, urlhaus);
    assert_eq!(found[0].value.to_string(), "http://bad.example/x,y");
    let threatfox = b"# \"first_seen_utc\",\"ioc_id\",\"ioc_value\",\"ioc_type\",\"confidence_level\"\n\"2026-01-02 03:04:05\", \"9\", \"203.0.113.7:443\", \"ip:port\", \"50\"\n\"2026-01-02 03:04:05\", \"9\", \"x\", \"envelope_from\", \"50\"\n";
    let (found, report) = entries(Format::Csv, threatfox);
    assert_eq!((found[0].value.to_string().as_str(), found[0].confidence), ("203.0.113.7", 50));
    assert_eq!(report.named[0].why, "indicators of type `envelope_from` are not looked for");
    let own = b"type,value,confidence,valid_until\ndomain,evil.example,100,2030-01-01T00:00:00Z\ndomain,old.example,100,2020-01-01T00:00:00Z\ndomain,odd.example,1,soon\ndomain,short\n\"open\n";
    let (found, report) = entries(Format::Csv, own);
    assert_eq!((found.len(), found[0].confidence, found[0].until_ms), (1, 90, Some(1_893_456_000_000)));
    assert_eq!((report.expired, report.rejected), (1, 3));
}

#[test]
fn misp_events() {
    let text = br#"{"response":[{"Event":{"Attribute":[
        {"type":"domain","value":"evil.example","to_ids":true,"timestamp":"1799999999"},
        {"type":"domain|ip","value":"bad.example|203.0.113.9","to_ids":true},
        {"type":"filename|md5","value":"a.exe|900150983cd24fb0d6963f7d28e17f72","to_ids":true},
        {"type":"domain","value":"benign.example","to_ids":false},
        {"type":"domain","value":"gone.example","to_ids":true,"deleted":true},
        {"type":"email-src","value":"a@b.example","to_ids":true}],
        "Object":[{"Attribute":[{"type":"url","value":"https://obj.example/x","to_ids":true}]}]}}]}"#;
    let (found, report) = entries(Format::Misp, text);
    let texts: Vec<String> = found.iter().map(|entry| entry.value.to_string()).collect();
    let expected =
        ["evil.example", "bad.example", "203.0.113.9", "900150983cd24fb0d6963f7d28e17f72", "http://obj.example/x"];
    assert_eq!(texts, expected);
    assert_eq!(report.rejected, 3);
    let single = br#"[{"Event":{"Attribute":[{"type":"ip-dst","value":"203.0.113.9","to_ids":true,"timestamp":1}]}}]"#;
    assert_eq!(shown(Format::Misp, single), ["203.0.113.9"]);
}

#[test]
fn stix_patterns_of_single_values() {
    let object = |pattern: &str, more: &str| {
        let pattern = serde_json::to_string(pattern).unwrap();
        format!(
            "{{\"type\":\"bundle\",\"objects\":[{{\"type\":\"malware\"}},{{\"type\":\"indicator\",\"pattern_type\":\"stix\",\"pattern\":{pattern}{more}}}]}}"
        )
    };
    let texts = |pattern: &str| shown(Format::Stix, object(pattern, "").as_bytes());
    assert_eq!(texts("[domain-name:value = 'evil.example']"), ["evil.example"]);
    let two = "[ipv4-addr:value = '203.0.113.7' OR url:value='http://bad.example/a\\'b'] OR [ipv6-addr:value ISSUBSET '2001:db8::/32']";
    assert_eq!(texts(two), ["203.0.113.7", "http://bad.example/a'b", "2001:db8::/32"]);
    assert_eq!(texts("[file:hashes.'MD5' = '900150983cd24fb0d6963f7d28e17f72']"), ["900150983cd24fb0d6963f7d28e17f72"]);
    let why = |pattern: &str| fault(Format::Stix, object(pattern, "").as_bytes());
    let one = "domain-name:value = 'evil.example'";
    assert!(why(&format!("[{one} AND {one}]")).contains("more than single values"));
    assert!(why(&format!("[{one}] FOLLOWEDBY [{one}]")).contains("more than single values"));
    assert!(why("[domain-name:value != 'evil.example']").contains("another comparison"));
    assert!(why("[domain-name:value = 'evil.example").contains("open quotation"));
    assert!(why("[process:command_line = 'x']").contains("is not looked for"));
    assert!(why("").contains("more than"));
    let (found, report) =
        entries(Format::Stix, object(&format!("[{one}]"), ",\"valid_until\":\"2020-01-01T00:00:00Z\"").as_bytes());
    assert_eq!((found.len(), report.expired), (0, 1));
    assert!(fault(Format::Stix, object(&format!("[{one}]"), ",\"revoked\":true").as_bytes()).contains("revoked"));
}

#[test]
fn indicators_age() {
    let day = 86_400_000;
    let aged = |changed_ms: u64| {
        let feed = Feed { ttl_ms: Some(day), changed_ms, ..feed(Format::Plain, b"evil.example\n") };
        let mut builder = Builder::new(NOW_MS);
        let report = builder.add(&feed).unwrap();
        (report.entries, report.expired, builder.build().next_expiry_ms())
    };
    assert_eq!(aged(NOW_MS - day + 1), (1, 0, Some(NOW_MS + 1)));
    assert_eq!(aged(NOW_MS - day), (0, 1, None));
    assert_eq!(aged(u64::MAX), (1, 0, Some(u64::MAX)));
}

#[test]
fn what_is_named_is_found_wherever_it_stands() {
    let feeds = snapshot(
        "evil.example\n203.0.113.0/24\n198.51.100.9\n2001:db8:1::/48\nhttp://mixed.example/bad/path\nhttp://203.0.114.5/x\n\
         900150983cd24fb0d6963f7d28e17f72\nbücher.example\n",
    );
    let check = |text: &str, expected: &[&str]| assert_eq!(kinds(&feeds, text), expected, "{text}");
    for text in [
        "evil.example",
        "see EVIL.example.",
        "https://a.b.evil.example/x?y",
        "mail bob@evil.example now",
        "host=evil.example:443",
        "\"evil.example\"",
        "看evil.example吧",
        "https://user:pw@evil.example/",
        "https://evil%2Eexample/",
        "https://x.example@evil.example/",
        "ev\u{200b}il.example",
        "ｅｖｉｌ.example",
        "ZXZpbC5leGFtcGxlIGlzIHdoZXJlIGl0IGdvZXM=",
    ] {
        check(text, &["domain"]);
    }
    for text in ["notevil.example", "evil.example.org", "evil-example", "evil.exampl", "see evil. example"] {
        check(text, &[]);
    }
    check("ping 203.0.113.77", &["network"]);
    check("ping 203.0.114.77 203.0.112.255", &[]);
    check("198.51.100.9:80", &["address"]);
    check("http://0xc6.51.25609/", &["address"]);
    check("http://[::ffff:198.51.100.9]/", &["address"]);
    check("[2001:db8:1::5]:80 or 2001:db8:1:2::", &["network"]);
    check("2001:db8:2::5 12:30:45", &[]);
    check("GET https://mixed.example/bad/path", &["url"]);
    check("(http://MIXED.example:80/b%61d/path?x=1#y).", &["url"]);
    check("http://mixed.example/bad/path/more http://mixed.example/ mixed.example", &[]);
    check("http://203.0.114.5/x", &["url"]);
    check("md5 900150983CD24FB0D6963F7D28E17F72!", &["hash"]);
    check("900150983cd24fb0d6963f7d28e17f72aa", &[]);
    check("besuche bücher.example heute", &["domain"]);
    check("besuche www.bücher。example", &["domain"]);
    check("besuche bucher.example", &[]);
}

#[test]
fn who_says_it_and_how_sure_they_are() {
    let mut builder = Builder::new(NOW_MS);
    for (name, confidence) in [("one", 80), ("other", 40)] {
        builder.add(&Feed { name, confidence, ..feed(Format::Plain, b"evil.example\nevil.example\n") }).unwrap();
    }
    let feeds = builder.build();
    let mut out = Vec::new();
    assert!(feeds.find(&Text::new("/to", "evil.example evil.example"), &mut out));
    out.sort();
    let found: Vec<(&str, u8, &str)> =
        out.iter().map(|one| (one.feed.as_str(), one.confidence, one.at.as_str())).collect();
    assert_eq!(found, [("one", 80, "/to"), ("other", 40, "/to")]);
    assert_eq!(feeds.entries(), 2);
    assert_ne!(feeds.digest(), snapshot("evil.example").digest());
    assert_eq!(snapshot("a.example\nb.example").digest(), snapshot("a.example\nb.example\na.example").digest());
}

#[test]
fn too_many_foreign_names_are_said() {
    let feeds = snapshot("bücher.example");
    let mut out = Vec::new();
    assert!(!feeds.find(&Text::new("", &"é.fr ".repeat(20_000)), &mut out));
    assert!(out.is_empty());
}

// What a reader of the documentation would write, one indicator at a time.
fn naive(indicators: &[Value], host: &str) -> bool {
    indicators.iter().any(|value| match value {
        Value::Domain(name) => host == name || host.ends_with(&format!(".{name}")),
        Value::Network(IpAddr::V4(network), prefix) => host.parse::<std::net::Ipv4Addr>().is_ok_and(|address| {
            let shift = 32 - u32::from(*prefix);
            address.to_bits() >> shift == network.to_bits() >> shift
        }),
        _ => false,
    })
}

proptest! {
    #[test]
    fn it_finds_what_a_naive_search_finds(
        domains in prop::collection::vec("[ab]{1,2}(\\.[ab]{1,2}){1,3}", 0..20),
        networks in prop::collection::vec((any::<u32>(), 8_u8..=32), 0..20),
        hosts in prop::collection::vec("[ab]{1,2}(\\.[ab]{1,2}){1,4}", 1..10),
        offsets in prop::collection::vec((0_usize..20, any::<u32>(), 0_u32..32), 1..10),
    ) {
        let lines: Vec<String> = domains.iter().cloned()
            .chain(networks.iter().map(|(bits, prefix)| format!("{}/{prefix}", std::net::Ipv4Addr::from_bits(*bits))))
            .collect();
        let indicators: Vec<Value> = lines.iter().filter_map(|line| parse(None, line).ok()).collect();
        let mut builder = Builder::new(NOW_MS);
        let _ = builder.add(&feed(Format::Plain, lines.join("\n").as_bytes()));
        let feeds = builder.build();
        let near = offsets.iter().map(|(at, other, keep)| {
            let base = networks.get(*at).map_or(*other, |(bits, _)| *bits);
            std::net::Ipv4Addr::from_bits(base ^ (other >> keep)).to_string()
        });
        for host in hosts.iter().cloned().chain(near) {
            for text in [host.clone(), format!("x {host} y"), format!("http://{host}/p")] {
                prop_assert_eq!(!kinds(&feeds, &text).is_empty(), naive(&indicators, &host), "{}", text);
            }
        }
    }

    #[test]
    fn no_feed_breaks_a_reader(bytes in prop::collection::vec(any::<u8>(), 0..400), words in "[\\[\\]{}a-z:='\",.|# \\n0-9]{0,200}") {
        for format in [Format::Plain, Format::Hosts, Format::Csv, Format::Misp, Format::Stix] {
            let _ = read(&feed(format, &bytes), NOW_MS, &mut |_| true);
            let _ = read(&feed(format, words.as_bytes()), NOW_MS, &mut |_| true);
        }
        let _ = stix::comparisons(&words);
    }
}
