//! Texts in base64.

/// Texts that stand in base64 in a text.
pub(super) fn encoded(text: &str) -> Vec<String> {
    let is_base64 = |byte: &u8| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/' | b'-' | b'_' | b'=');
    let pieces = text.as_bytes().split(|byte| !is_base64(byte)).filter(|piece| (16..=65_536).contains(&piece.len()));
    pieces.filter_map(|piece| decoded(std::str::from_utf8(piece).ok()?)).collect()
}

/// The text that a base64 text stands for, when it stands for a text.
pub(crate) fn decoded(piece: &str) -> Option<String> {
    use base64::Engine as _;
    let plain: String = piece
        .trim_end_matches('=')
        .chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect();
    let bytes = base64::engine::general_purpose::STANDARD_NO_PAD.decode(plain).ok()?;
    let text = String::from_utf8(bytes).ok()?;
    text.chars().all(|c| !c.is_control() || c.is_whitespace()).then_some(text)
}
