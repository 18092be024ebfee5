//! The words of a text: runs of letters and digits, whatever their case and form. Everything else divides them.
//!
//! Texts in scripts that are written without blanks have no such runs: each two letters that stand beside each other count
//! as a word there, and each letter. What is not seen (zero-width signs, turns of direction) may divide a word or not, as
//! its writer likes; so both readings count.

use std::borrow::Cow;
use unicode_normalization::UnicodeNormalization as _;
use unicode_normalization::char::is_combining_mark;

/// Letters of a word that count. Longer ones are cut alike when a record is indexed and when it is looked for.
const LETTERS_MAX: usize = 64;

/// The words of a text that is on record.
pub(super) fn each_word(text: &str, mut each: impl FnMut(&str)) {
    if text.is_ascii() {
        return each_ascii(text, &mut each);
    }
    for reading in readings(text) {
        each_run(&reading, |run| match run {
            Run::Word(word) => each(word),
            Run::Letters(letters) => {
                pairs(letters).for_each(&mut each);
                letters.char_indices().for_each(|(at, letter)| each(part(letters, at, letter.len_utf8())));
            }
        });
    }
}

/// The words that a record has to have to say this.
pub(super) fn each_wanted(text: &str, mut each: impl FnMut(&str)) {
    if text.is_ascii() {
        return each_ascii(text, &mut each);
    }
    // One of the readings is enough to be found.
    let seen: String = text.chars().filter(|letter| !is_unseen(*letter)).collect();
    each_run(&folded(&seen), |run| match run {
        Run::Word(word) => each(word),
        Run::Letters(letters) if letters.chars().nth(1).is_none() => each(letters),
        Run::Letters(letters) => pairs(letters).for_each(&mut each),
    });
}

fn each_ascii(text: &str, each: &mut impl FnMut(&str)) {
    let mut word = String::new();
    for part in text.split(|letter: char| !letter.is_ascii_alphanumeric()).filter(|part| !part.is_empty()) {
        let part = part.get(..LETTERS_MAX).unwrap_or(part);
        if part.bytes().any(|letter| letter.is_ascii_uppercase()) {
            word.clear();
            word.push_str(part);
            word.make_ascii_lowercase();
            each(&word);
        } else {
            each(part);
        }
    }
}

/// The text as one sees it, and with a gap where something is that one does not see.
fn readings(text: &str) -> impl Iterator<Item = String> {
    let seen: String = text.chars().filter(|letter| !is_unseen(*letter)).collect();
    let hides = seen.len() < text.len();
    let gaps = || text.chars().map(|letter| if is_unseen(letter) { ' ' } else { letter }).collect::<String>();
    let gaps = hides.then(gaps);
    [Some(seen), gaps].into_iter().flatten().map(|reading| folded(&reading).into_owned())
}

/// One form for all ways to write the same letters: NFKC, in small letters.
fn folded(text: &str) -> Cow<'_, str> {
    let mut folded = String::with_capacity(text.len());
    for letter in text.nfkc().flat_map(char::to_lowercase) {
        match letter {
            'ß' => folded.push_str("ss"),
            'ς' => folded.push('σ'),
            // The letters i with and without a dot, which are four in Turkish and two elsewhere, are one here.
            'ı' => folded.push('i'),
            '\u{307}' if folded.ends_with('i') => {}
            other => folded.push(other),
        }
    }
    Cow::Owned(folded)
}

enum Run<'a> {
    Word(&'a str),
    Letters(&'a str),
}

/// Words, and stretches of letters of a script without blanks.
fn each_run(text: &str, mut each: impl FnMut(Run<'_>)) {
    for run in text.split(|letter: char| !letter.is_alphanumeric() && !is_combining_mark(letter)) {
        let mut rest = run;
        while let Some(first) = rest.chars().next() {
            let blankless = is_blankless(first);
            let end = rest.find(|letter| is_blankless(letter) != blankless).unwrap_or(rest.len());
            let (stretch, behind) = rest.split_at_checked(end).unwrap_or((rest, ""));
            rest = behind;
            match blankless {
                true => each(Run::Letters(stretch)),
                // Marks alone are no word.
                false if stretch.chars().all(is_combining_mark) => {}
                false => {
                    let end = stretch.char_indices().nth(LETTERS_MAX).map_or(stretch.len(), |(at, _)| at);
                    each(Run::Word(stretch.get(..end).unwrap_or(stretch)));
                }
            }
        }
    }
}

/// Each two letters that stand beside each other.
fn pairs(letters: &str) -> impl Iterator<Item = &str> {
    let seconds = letters.char_indices().skip(1);
    letters.char_indices().zip(seconds).map(move |((at, _), (second, letter))| {
        part(letters, at, second.saturating_sub(at).saturating_add(letter.len_utf8()))
    })
}

fn part(text: &str, at: usize, bytes: usize) -> &str {
    text.get(at..at.saturating_add(bytes)).unwrap_or_default()
}

/// Letters of scripts that set no blanks between words: Thai, Lao, Burmese, Khmer, Japanese, Chinese.
const fn is_blankless(letter: char) -> bool {
    matches!(letter,
        '\u{e00}'..='\u{eff}' | '\u{1000}'..='\u{109f}' | '\u{1780}'..='\u{17ff}' | '\u{3005}'..='\u{3007}'
        | '\u{3040}'..='\u{30ff}' | '\u{31f0}'..='\u{31ff}' | '\u{3400}'..='\u{4dbf}' | '\u{4e00}'..='\u{9fff}'
        | '\u{f900}'..='\u{faff}' | '\u{20000}'..='\u{3ffff}')
}

/// Signs that take no room, turn the direction, or choose a form.
const fn is_unseen(letter: char) -> bool {
    matches!(letter,
        '\u{ad}' | '\u{34f}' | '\u{61c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}' | '\u{180b}'..='\u{180f}'
        | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{3164}'
        | '\u{fe00}'..='\u{fe0f}' | '\u{feff}' | '\u{ffa0}' | '\u{e0000}'..='\u{e0fff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(text: &str) -> Vec<String> {
        let mut all = Vec::new();
        each_word(text, |word| all.push(word.to_owned()));
        all
    }

    fn finds(wanted: &str, text: &str) -> bool {
        let (said, mut all) = (words(text), true);
        each_wanted(wanted, |word| all &= said.iter().any(|said| said == word));
        all
    }

    #[test]
    fn everything_but_letters_and_digits_divides() {
        assert_eq!(words("Not granted: `read_file` on C3"), ["not", "granted", "read", "file", "on", "c3"]);
        assert_eq!(words("\"a\" OR NOT b* NEAR(c, 2) \0 -d ^e:"), ["a", "or", "not", "b", "near", "c", "2", "d", "e"]);
        assert_eq!(words("ÜBER straße"), ["über", "strasse"]);
        assert_eq!(words(" \u{1b}[31m "), ["31m"]);
        assert!(words("--- \u{200b}\n \u{301}").is_empty());
        assert_eq!(words(&"x".repeat(1_000)), ["x".repeat(LETTERS_MAX)]);
        assert_eq!(words(&"ä".repeat(1_000)), ["ä".repeat(LETTERS_MAX)]);
    }

    #[test]
    fn one_word_however_it_is_written() {
        for (one, other) in [
            ("caf\u{e9}", "CAFE\u{301}"),
            ("STRASSE", "Stra\u{df}e"),
            ("\u{130}STANBUL", "istanbul"),
            ("ISPARTA", "\u{131}sparta"),
            ("\u{39f}\u{394}\u{39f}\u{3a3}", "\u{3bf}\u{3b4}\u{3bf}\u{3c2}"),
            ("\u{ff26}\u{ff55}\u{ff4c}\u{ff4c} \u{fb01}le", "full FILE"),
        ] {
            assert!(finds(one, other), "{one} in {other}: {:?}", words(other));
            assert!(finds(other, one), "{other} in {one}: {:?}", words(one));
        }
        assert!(!finds("cafe", "caf\u{e9}s"));
    }

    #[test]
    fn what_is_not_seen_hides_no_word() {
        let hidden = "ze\u{200b}ro \u{202e}trust\u{202c} left\u{200f}right so\u{ad}ft";
        for word in ["zero", "ze", "ro", "trust", "leftright", "right", "soft", "ze\u{200b}ro", "zero trust"] {
            assert!(finds(word, hidden), "{word}: {:?}", words(hidden));
        }
        assert!(finds("ze\u{200b}ro", "zero"));
    }

    #[test]
    fn scripts_without_blanks_are_found_by_parts() {
        let text = "不允许删除数据库prod的记录。ความปลอดภัย";
        for part in ["删除", "删除数据库", "记", "prod", "不允许 记录", "ปลอดภัย"] {
            assert!(finds(part, text), "{part}: {:?}", words(text));
        }
        for other in ["除删", "添加", "数库", "prod的x"] {
            assert!(!finds(other, text), "{other}");
        }
    }

    #[test]
    fn words_of_one_letter_and_of_digits_are_words() {
        assert!(finds("a", "a 7") && finds("7", "a 7") && !finds("b", "a 7"));
    }
}
