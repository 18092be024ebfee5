//! One rule: what it looks for, where, and what it lets pass.

use regex_automata::meta;
use regex_automata::util::syntax;
use serde::Deserialize;
use std::sync::OnceLock;

// How assignments begin in the rules: a name around the keyword. Matching starts at the keyword, so it is not needed.
const NAME: &str = r"(?i)[\w.-]{0,50}?";
const NAME_TWICE: &str = r"[\w.-]{0,50}?(?i:[\w.-]{0,50}?";
// What follows a value in source code, as the rules say it; and what follows it in prose, URLs and JSON too.
const BORDER: &str = r#"(?:[\x60'"\s;]|\\[nr]|$)"#;
pub(super) const BORDER_WIDE: &str = r#"(?:[\x60'"\s;,&)}\]<>#|\\:@?*!]|\.(?:[\s"']|$)|$)"#;

// Quotes around a name and a value; in JSON inside of JSON each has a backslash before it.
const QUOTES: [(&str, &str); 2] =
    [(r#"[\s'"]{0,3}"#, r#"[\s'"\\]{0,4}"#), (r#"[\x60'"\s=]{0,5}"#, r#"[\x60'"\s=\\]{0,6}"#)];

// A compiled regular expression is at most this large.
const COMPILED_BYTES_MAX: usize = 4 << 20;

/// A rule as gitleaks writes it. What it says of paths of files is not used: there are none.
#[derive(Deserialize)]
pub(super) struct Source {
    pub(super) id: String,
    pub(super) regex: Option<String>,
    #[serde(default)]
    pub(super) keywords: Vec<String>,
    #[serde(default)]
    pub(super) entropy: f64,
    #[serde(default, rename = "secretGroup")]
    pub(super) group: usize,
    #[serde(default)]
    pub(super) allowlists: Vec<AllowSource>,
}

/// What a rule lets pass.
#[derive(Deserialize, Default)]
#[serde(default)]
pub(super) struct AllowSource {
    pub(super) regexes: Vec<String>,
    #[serde(rename = "regexTarget")]
    pub(super) target: Option<String>,
    pub(super) stopwords: Vec<String>,
    pub(super) condition: Option<String>,
}

/// Where a rule is looked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shape {
    /// In the stretch around the keyword, when that has at least this many bytes.
    Token { bytes_min: usize },
    /// From the keyword on, when an operator follows it.
    Assignment,
    /// In a window around the keyword.
    Window { before: usize, after: usize },
}

/// What of a rule is not in its source.
struct Tuning {
    id: &'static str,
    shape: Option<Shape>,
    confidence: u8,
    whole: bool,
}

const fn tune(id: &'static str, shape: Option<Shape>, confidence: u8, whole: bool) -> Tuning {
    Tuning { id, shape, confidence, whole }
}

const fn token(bytes_min: usize) -> Option<Shape> {
    Some(Shape::Token { bytes_min })
}

const fn window(before: usize, after: usize) -> Option<Shape> {
    Some(Shape::Window { before, after })
}

// `whole`: the groups of the expression are no secrets.
const TUNED: [Tuning; 26] = [
    tune("airtable-personnal-access-token", window(256, 256), 90, false),
    tune("cloudflare-origin-ca-key", window(256, 512), 90, false),
    tune("curl-auth-header", window(0, 2048), 60, false),
    tune("curl-auth-user", window(0, 2048), 60, false),
    tune("facebook-access-token", window(128, 128), 60, false),
    tune("freemius-secret-key", window(1, 128), 80, false),
    tune("generic-api-key", Some(Shape::Assignment), 50, false),
    tune("hashicorp-tf-password", Some(Shape::Assignment), 50, false),
    tune("intra42-client-secret", window(128, 128), 90, false),
    tune("jwt", token(38), 60, false),
    tune("jwt-base64", window(0, 4096), 60, true),
    tune("kubernetes-secret-yaml", window(512, 512), 60, false),
    // Their keywords stand in the value, after the name.
    tune("lob-api-key", window(128, 64), 75, false),
    tune("lob-pub-api-key", window(128, 64), 30, false),
    tune("microsoft-teams-webhook", token(100), 90, true),
    tune("new-relic-browser-api-token", window(128, 64), 75, false),
    tune("new-relic-insert-key", window(128, 64), 75, false),
    tune("new-relic-user-api-key", window(128, 64), 75, false),
    tune("nuget-config-password", window(0, 512), 80, false),
    tune("private-key", window(0, 16 * 1024), 95, false),
    tune("sidekiq-sensitive-url", token(40), 80, false),
    tune("slack-config-access-token", token(160), 90, false),
    tune("sourcegraph-access-token", window(64, 128), 50, false),
    tune("twilio-api-key", token(34), 70, false),
    tune("typeform-api-token", window(128, 128), 75, false),
    tune("vault-service-token", token(26), 70, false),
];

// The shortest token of the rules that are not tuned.
const TOKEN_BYTES_MIN: usize = 12;

/// A rule, ready to be run.
pub(super) struct Rule {
    pub(super) id: String,
    pub(super) shape: Shape,
    pub(super) entropy_min: f64,
    pub(super) confidence: u8,
    pub(super) generic: bool,
    pub(super) whole: bool,
    pub(super) group: usize,
    pub(super) allow: Vec<Allow>,
    pattern: String,
    compiled: OnceLock<Option<meta::Regex>>,
}

/// What a rule lets pass.
pub(super) struct Allow {
    pub(super) target: Target,
    pub(super) regexes: Vec<meta::Regex>,
    pub(super) stopwords: Vec<String>,
}

/// What of a match an exception is about.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Secret,
    Match,
    Line,
}

impl Rule {
    /// # Errors
    /// An exception does not compile. The rule itself is compiled when it is first needed.
    pub(super) fn new(source: Source, pattern: &str) -> Result<Self, String> {
        let tuned = TUNED.iter().find(|tuned| tuned.id == source.id);
        let (assignment, pattern) = match (pattern.strip_prefix(NAME), pattern.strip_prefix(NAME_TWICE)) {
            (Some(rest), _) => (true, format!("(?i){rest}")),
            (None, Some(rest)) => (true, format!("(?i:{rest}")),
            (None, None) => (false, pattern.to_owned()),
        };
        let pattern = pattern.replace(BORDER, BORDER_WIDE);
        let pattern = QUOTES.iter().fold(pattern, |pattern, (plain, escaped)| pattern.replace(plain, escaped));
        let shape = match tuned.and_then(|tuned| tuned.shape) {
            Some(shape) => shape,
            None if assignment => Shape::Assignment,
            None => Shape::Token { bytes_min: TOKEN_BYTES_MIN },
        };
        let public = ["-id", "-pub-key", "-public-key", "-pub-api-key"].iter().any(|end| source.id.ends_with(end));
        let confidence = match (tuned, assignment, public) {
            (Some(tuned), ..) => tuned.confidence,
            (None, _, true) => 30,
            (None, true, _) => 75,
            (None, false, _) => 90,
        };
        let allow = source.allowlists.into_iter().filter_map(|allow| Allow::new(allow).transpose());
        Ok(Self {
            // The second one is meant for files of one kind; elsewhere it is as generic.
            generic: matches!(source.id.as_str(), "generic-api-key" | "hashicorp-tf-password"),
            shape,
            entropy_min: source.entropy,
            confidence,
            whole: tuned.is_some_and(|tuned| tuned.whole),
            group: source.group,
            allow: allow.collect::<Result<_, _>>()?,
            pattern,
            compiled: OnceLock::new(),
            id: source.id,
        })
    }

    /// The compiled expression; none when it does not compile, which a test excludes.
    pub(super) fn regex(&self) -> Option<&meta::Regex> {
        self.compiled.get_or_init(|| compile(&self.pattern).ok()).as_ref()
    }

    #[cfg(test)]
    pub(super) fn pattern(&self) -> &str {
        &self.pattern
    }
}

impl Allow {
    // None: it is about paths only, or needs one.
    fn new(source: AllowSource) -> Result<Option<Self>, String> {
        if source.condition.as_deref() == Some("AND") || source.regexes.is_empty() && source.stopwords.is_empty() {
            return Ok(None);
        }
        let target = match source.target.as_deref() {
            Some("match") => Target::Match,
            Some("line") => Target::Line,
            _ => Target::Secret,
        };
        let regexes = source.regexes.iter().map(|regex| compile(regex)).collect::<Result<_, _>>()?;
        Ok(Some(Self { target, regexes, stopwords: source.stopwords }))
    }
}

/// Compiles an expression over bytes: `\w`, `\b` and letters without case are those of ASCII, as in Go.
pub(super) fn compile(pattern: &str) -> Result<meta::Regex, String> {
    meta::Regex::builder()
        .syntax(syntax::Config::new().unicode(false).utf8(false))
        .configure(meta::Config::new().utf8_empty(false).nfa_size_limit(Some(COMPILED_BYTES_MAX)))
        .build(&braces(pattern))
        .map_err(|error| error.to_string())
}

// Go takes a brace that opens no repetition for itself (`{{name}}`); here it has to be escaped.
fn braces(pattern: &str) -> String {
    let mut out = String::with_capacity(pattern.len() + 8);
    let (mut escaped, mut class) = (false, false);
    for (at, c) in pattern.char_indices() {
        let opens = c == '{' && !escaped && !class;
        if opens && !repetition(pattern.get(at + 1..).unwrap_or_default()) {
            out.push('\\');
        }
        out.push(c);
        match c {
            _ if escaped => escaped = false,
            '\\' => escaped = true,
            '[' => class = true,
            ']' => class = false,
            _ => {}
        }
    }
    out
}

fn repetition(rest: &str) -> bool {
    let inside = rest.split_once('}').map_or("", |(inside, _)| inside);
    let (least, most) = inside.split_once(',').unwrap_or((inside, ""));
    !least.is_empty() && [least, most].iter().all(|number| number.bytes().all(|byte| byte.is_ascii_digit()))
}
