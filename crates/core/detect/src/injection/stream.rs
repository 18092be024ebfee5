//! Features of a text, read byte by byte, and the score of its worst window.
//!
//! Letters of ASCII become small, every digit `0`, control characters and white space a space; repetitions of anything but
//! letters are dropped. Features are n-grams of 3 to 5 bytes, words and pairs of words; each says its weight at the place where
//! it ends. Places are gathered in blocks, and blocks in windows: what a window says is the sum of its weights over the root
//! of how many there are, so that a short instruction counts in a long text.

use super::{BITS, Weights};

const MULTIPLIER: u64 = 0x9E37_79B9_7F4A_7C15;
/// Bytes of an n-gram in the register of the last eight, and what keeps lengths apart.
const GRAMS: [(u64, u64, u64); 3] = [
    (3, 0x00FF_FFFF, 0x51ED_270B_7A4F_1C33),
    (4, 0xFFFF_FFFF, 0xA24B_AED4_963E_E407),
    (5, 0x00FF_FFFF_FFFF, 0x9FB2_1C65_1E98_DF25),
];
const WORD_SALT: u64 = 0xD6E8_FEB8_6659_FD93;
const PAIR_SALT: u64 = 0xC2B2_AE3D_27D4_EB4F;
const WORD_START: u64 = 0xCBF2_9CE4_8422_2325;
const WORD_STEP: u64 = 0x0100_0000_01B3;
const PAIR_STEP: u64 = 0x9E37_79B1;

/// Bytes of a block.
const BLOCK: u64 = 32;
/// Blocks of a window: 512, 256, 128 and 64 bytes.
const WINDOWS: [u64; 4] = [16, 8, 4, 2];
/// Blocks that the largest window reaches back.
const KEPT: usize = 16;
/// A window counts at least so many features: a few suspect letters are not an instruction.
const COUNT_MIN: i64 = 160;

/// Sum of weights, and how many.
type Tally = (i64, i64);

pub(super) struct Stream<'m> {
    weights: &'m Weights,
    /// The last eight bytes, the newest lowest.
    recent: u64,
    /// How many bytes there were, as far as features care, and the last of them.
    length: u64,
    last: u8,
    word: Option<u64>,
    word_before: Option<u64>,
    block: Tally,
    kept: [Tally; KEPT],
    windows: [Tally; WINDOWS.len()],
    blocks: u64,
    worst: Option<i64>,
}

impl<'m> Stream<'m> {
    pub(super) fn new(weights: &'m Weights) -> Self {
        Self {
            weights,
            recent: 0,
            length: 0,
            last: 0,
            word: None,
            word_before: None,
            block: (0, 0),
            kept: [(0, 0); KEPT],
            windows: [(0, 0); WINDOWS.len()],
            blocks: 0,
            worst: None,
        }
    }

    #[inline]
    pub(super) fn push(&mut self, byte: u8) {
        let byte = canonical(byte);
        if byte == self.last && !repeats(byte) {
            return;
        }
        self.last = byte;
        self.recent = (self.recent << 8) | u64::from(byte);
        self.length = self.length.wrapping_add(1);
        for (bytes, mask, salt) in GRAMS {
            if self.length >= bytes {
                self.feature((self.recent & mask) ^ salt);
            }
        }
        if in_word(byte) {
            let before = self.word.unwrap_or(WORD_START);
            self.word = Some((before ^ u64::from(byte)).wrapping_mul(WORD_STEP));
        } else if let Some(word) = self.word.take() {
            self.feature(word ^ WORD_SALT);
            if let Some(before) = self.word_before.replace(word) {
                self.feature(before.wrapping_mul(PAIR_STEP).wrapping_add(word) ^ PAIR_SALT);
            }
        }
        if self.length.is_multiple_of(BLOCK) {
            self.close();
        }
    }

    /// The worst window, before the bias.
    pub(super) fn finish(mut self) -> i64 {
        if !self.length.is_multiple_of(BLOCK) {
            self.close();
        }
        // Windows that are longer than the text are the whole text.
        let whole =
            WINDOWS.iter().zip(self.windows).filter(|(size, _)| self.blocks < **size).map(|(_, tally)| score(tally));
        whole.chain(self.worst).max().unwrap_or(0)
    }

    #[inline]
    fn feature(&mut self, key: u64) {
        let at = key.wrapping_mul(MULTIPLIER) >> (u64::BITS - BITS);
        let weight = self.weights.get(at as usize).map_or(0, |byte| i64::from(byte.cast_signed()));
        self.block.0 = self.block.0.wrapping_add(weight);
        self.block.1 = self.block.1.wrapping_add(1);
    }

    fn close(&mut self) {
        let new = std::mem::take(&mut self.block);
        for (window, size) in self.windows.iter_mut().zip(WINDOWS) {
            let left = self.kept.get(place(self.blocks.wrapping_sub(size))).copied().unwrap_or((0, 0));
            window.0 = window.0.wrapping_add(new.0).wrapping_sub(left.0);
            window.1 = window.1.wrapping_add(new.1).wrapping_sub(left.1);
        }
        if let Some(oldest) = self.kept.get_mut(place(self.blocks)) {
            *oldest = new;
        }
        self.blocks = self.blocks.wrapping_add(1);
        let full =
            WINDOWS.iter().zip(self.windows).filter(|(size, _)| self.blocks >= **size).map(|(_, tally)| score(tally));
        self.worst = full.chain(self.worst).max();
    }
}

const fn place(block: u64) -> usize {
    (block % KEPT as u64) as usize
}

// Whole numbers only: every machine and the trainer agree.
fn score((sum, count): Tally) -> i64 {
    let root = (count.max(COUNT_MIN).unsigned_abs() << 16).isqrt();
    let size = i64::try_from((sum.unsigned_abs() << 16) / root).unwrap_or(i64::MAX);
    if sum < 0 { size.saturating_neg() } else { size }
}

#[inline]
fn canonical(byte: u8) -> u8 {
    match byte {
        0..=b' ' | 0x7F => b' ',
        b'A'..=b'Z' => byte | 0x20,
        b'0'..=b'9' => b'0',
        _ => byte,
    }
}

#[inline]
fn repeats(byte: u8) -> bool {
    byte.is_ascii_lowercase() || byte >= 0x80
}

#[inline]
fn in_word(byte: u8) -> bool {
    repeats(byte) || byte == b'0' || byte == b'\''
}
