//! Text cut into tokens, or refused because it would cost the parser too much.

use super::{Dialect, SQL_BYTES_MAX};
use sqlparser::dialect::Dialect as Grammar;
use sqlparser::keywords::Keyword;
use sqlparser::tokenizer::{Token, TokenWithSpan, Tokenizer};

/// Deepest nesting of brackets: the parser tries some of them in two ways, so that its work doubles with each.
const DEPTH_MAX: usize = 16;
/// Most operators in one text. `a OR a OR ...` becomes a tree as deep as it is long, which is walked by recursion.
const OPERATORS_MAX: usize = 400;

/// The tokens of a text; `None` when it cannot be cut, or is too long, too deep or too entangled.
pub(super) fn tokens(text: &str, dialect: Dialect, grammar: &dyn Grammar) -> Option<Vec<TokenWithSpan>> {
    // A program that takes text to its first NUL sees another statement.
    if text.len() > SQL_BYTES_MAX || text.contains('\0') {
        return None;
    }
    let mut tokens = Tokenizer::new(grammar, text).tokenize_with_location().ok()?;
    drop_modifiers(&mut tokens, dialect);
    let (mut depth, mut operators) = (0_usize, 0_usize);
    for token in &tokens {
        match &token.token {
            Token::LParen | Token::LBracket | Token::LBrace => depth += 1,
            Token::RParen | Token::RBracket | Token::RBrace => depth = depth.saturating_sub(1),
            _ => {}
        }
        operators += usize::from(is_operator(&token.token));
        if depth > DEPTH_MAX || operators > OPERATORS_MAX {
            return None;
        }
    }
    Some(tokens)
}

// The parser takes `ONLY` in `DELETE FROM ONLY t` and `QUICK` in `DELETE QUICK FROM t` for the table. They are reserved there,
// or read as modifiers by the server, so nothing is lost without them.
fn drop_modifiers(tokens: &mut Vec<TokenWithSpan>, dialect: Dialect) {
    let mut before = Keyword::NoKeyword;
    tokens.retain(|token| match &token.token {
        Token::Whitespace(_) => true,
        Token::Word(word) if word.quote_style.is_none() => {
            let name = word.value.to_ascii_uppercase();
            let modifies = match dialect {
                Dialect::Postgres | Dialect::Generic => {
                    name == "ONLY"
                        && matches!(
                            before,
                            Keyword::FROM | Keyword::UPDATE | Keyword::JOIN | Keyword::USING | Keyword::INTO
                        )
                }
                Dialect::MySql => {
                    matches!(name.as_str(), "LOW_PRIORITY" | "QUICK" | "IGNORE")
                        && matches!(before, Keyword::DELETE | Keyword::UPDATE)
                }
                Dialect::Sqlite | Dialect::MsSql => false,
            };
            if !modifies {
                before = word.keyword;
            }
            !modifies
        }
        // `FROM a, ONLY b`
        Token::Comma => {
            before = Keyword::FROM;
            true
        }
        _ => {
            before = Keyword::NoKeyword;
            true
        }
    });
}

// Everything that may make a tree deeper; lists of values are not among it.
fn is_operator(token: &Token) -> bool {
    match token {
        Token::Word(word) => {
            word.quote_style.is_none()
                && !matches!(
                    word.keyword,
                    Keyword::NoKeyword | Keyword::NULL | Keyword::DEFAULT | Keyword::TRUE | Keyword::FALSE
                )
        }
        Token::Whitespace(_) | Token::Comma | Token::LParen | Token::RParen | Token::Number(..) => false,
        Token::SingleQuotedString(_) | Token::DoubleQuotedString(_) | Token::NationalStringLiteral(_) => false,
        Token::EscapedStringLiteral(_) | Token::HexStringLiteral(_) | Token::DollarQuotedString(_) => false,
        Token::Placeholder(_) | Token::EOF => false,
        _ => true,
    }
}
