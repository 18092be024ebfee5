//! The border to `brush-parser`, which was made for people's scripts and not for attackers.
//!
//! Its grammar backtracks (nested `case` and `((` cost powers of two), its recursion has no bound, and a number that is
//! no file descriptor makes it panic. The bounds here keep each of these out of reach; they were found by measuring, and
//! the fuzz target looks for more. Whatever does not pass is not parsed, and that is unprovable.

use crate::path::is_deceptive;
use crate::shell::{SHELL_BYTES_MAX, SHELL_COMMANDS_MAX};
use brush_parser::ast::Program;
use brush_parser::{ParserOptions, Token, parse_tokens, uncached_tokenize_str};

/// `$(`, `${` and `$[` in one text: each may be inside the one before, and costs 10 KiB of stack in the worst build.
const EXPANSIONS_MAX: usize = 64;
/// Words and signs that open a compound command: 50 inside each other fit 2 MiB of stack in the worst build.
const COMPOUNDS_MAX: usize = 40;
/// `(` as an operator. The grammar tries arithmetic, then a subshell: 16 cost 0.8 ms, and each two more double it.
const PARENTHESES_MAX: usize = 12;
/// `case`: each level doubles twice; 6 cost 0.4 ms.
const CASES_MAX: usize = 6;
/// Digits of a file descriptor: the parser unwraps the conversion to `i32`.
const DESCRIPTOR_DIGITS_MAX: usize = 9;

/// Parses a text. `None`: too long, too deep, or no shell text.
pub(super) fn parse(text: &str) -> Option<Program> {
    if text.len() > SHELL_BYTES_MAX || expansions(text) > EXPANSIONS_MAX {
        return None;
    }
    // A panic of the parser is a text that it cannot parse; none is known behind these bounds.
    std::panic::catch_unwind(|| {
        let options = ParserOptions::default();
        let tokens = uncached_tokenize_str(text, &options.tokenizer_options()).ok()?;
        if !is_bounded(&tokens) {
            return None;
        }
        parse_tokens(&tokens, &options).ok()
    })
    .ok()
    .flatten()
}

/// The parts of a text that does not parse which might be commands of their own.
pub(super) fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let pieces = text.split(['\n', ';', '|', '&', '(', ')', '{', '}', '`', '\r', '\0']);
    let pieces = pieces.map(|piece| {
        let mut piece = piece.trim();
        while let Some(rest) =
            KEYWORDS.iter().find_map(|word| piece.strip_prefix(word)).filter(|rest| rest.starts_with(' '))
        {
            piece = rest.trim_start();
        }
        piece
    });
    pieces.filter(|piece| !piece.is_empty()).take(2 * SHELL_COMMANDS_MAX)
}

const KEYWORDS: &[&str] =
    &["if", "then", "elif", "else", "do", "while", "until", "!", "time", "coproc", "for", "select", "$"];

/// Characters that a person does not see, or that shells and terminals read differently.
pub(super) fn is_deceiving(text: &str) -> bool {
    text.chars().any(|c| is_deceptive(c) && c != '\n' && c != '\t')
}

fn expansions(text: &str) -> usize {
    let opener = |pair: &[u8]| matches!(pair, [b'$', b'(' | b'{' | b'[']);
    text.as_bytes().windows(2).filter(|pair| opener(pair)).count()
}

fn is_bounded(tokens: &[Token]) -> bool {
    let (mut compounds, mut parentheses, mut cases) = (0, 0, 0);
    let mut digits = false;
    // `( (a) )` is no arithmetic, and the parser takes it for that.
    let apart = |pair: &[Token]| match pair {
        [Token::Operator(one, before), Token::Operator(other, after)] => {
            one == other && matches!(one.as_str(), "(" | ")") && before.end.index != after.start.index
        }
        _ => false,
    };
    if tokens.windows(2).any(apart) {
        return false;
    }
    for token in tokens {
        match token {
            Token::Operator(operator, _) => {
                if digits && operator.starts_with(['<', '>']) {
                    return false;
                }
                digits = false;
                parentheses += usize::from(operator == "(");
            }
            Token::Word(word, _) => {
                digits = word.len() > DESCRIPTOR_DIGITS_MAX && word.bytes().all(|c| c.is_ascii_digit());
                cases += usize::from(word == "case");
                compounds += usize::from(opens(word));
            }
        }
    }
    compounds + parentheses <= COMPOUNDS_MAX && parentheses <= PARENTHESES_MAX && cases <= CASES_MAX
}

fn opens(word: &str) -> bool {
    matches!(word, "{" | "if" | "elif" | "for" | "while" | "until" | "case" | "coproc" | "function" | "!" | "[[")
}

#[cfg(test)]
mod tests {
    use super::*;

    // Without the bounds each of these takes minutes, overflows the stack or panics.
    #[test]
    fn attacks_on_the_parser() {
        for text in [
            "(".repeat(60),
            format!("{}a;b{}", "((".repeat(30), "))".repeat(30)),
            format!("[[ x =~ {}", "(".repeat(60)),
            format!("{}a{}", "case x in a) ".repeat(60), " esac".repeat(60)),
            format!("{}a;{}", "{ ".repeat(5_000), " };".repeat(5_000)),
            format!("{}a;{}", "f() { ".repeat(5_000), " };".repeat(5_000)),
            format!("echo {}a{}", "$(echo ".repeat(5_000), ")".repeat(5_000)),
            format!("[[ {} a ]]", "! ".repeat(20_000)),
            "999999999999>x".to_owned(),
            "cat <(".repeat(5_000),
            "a".repeat(SHELL_BYTES_MAX + 1),
        ] {
            assert!(parse(&text).is_none(), "{}", text.get(..40).unwrap_or(&text));
        }
        assert!(parse("f() { if a; then (b | c); fi; }; case x in a) b;; esac; 2>x f $(a $(b)) <<< ${x:-y}").is_some());
    }
}
