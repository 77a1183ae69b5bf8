//! Text folded for comparison: what looks or sounds alike to a reader becomes equal, and every place in the
//! folded text is known in the original.

use sha2::{Digest, Sha256};
use unicode_normalization::char::decompose_compatible;

use crate::core::limits;
use crate::core::text::is_invisible;

/// A text as lower-case words with single spaces between, before and after them, without accents and invisible
/// characters; letters of other scripts that look Latin are Latin.
#[derive(Debug, Clone)]
pub struct Folded {
    text: String,
    // Invariant: as long as `text` in bytes; the byte of the original that each byte came from.
    origins: Vec<usize>,
}

impl Folded {
    /// Folds a text; linear in its length.
    #[must_use]
    pub fn of(original: &str) -> Self {
        let mut folded =
            Self { text: String::with_capacity(original.len() + 2), origins: Vec::with_capacity(original.len() + 2) };
        folded.push(' ', 0);
        for (at, c) in original.char_indices() {
            if !is_invisible(c) {
                decompose_compatible(c, |part| folded.push_part(part, at));
            }
        }
        if !folded.text.ends_with(' ') {
            folded.push(' ', original.len());
        }
        folded
    }

    /// The folded text, with a space at both ends.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The place in the original of a byte of the folded text.
    #[must_use]
    pub fn origin(&self, at: usize) -> usize {
        self.origins.get(at).or(self.origins.last()).copied().unwrap_or(0)
    }

    /// A digest by which the same text is found again however it was spaced or dressed up; `None` for a text
    /// so short that different people write it.
    #[must_use]
    pub fn digest(&self) -> Option<Vec<u8>> {
        let words = self.text.trim();
        (words.chars().count() >= limits::SAME_TEXT_CHARS_MIN)
            .then(|| Sha256::digest(words.as_bytes()).iter().take(16).copied().collect())
    }

    fn push_part(&mut self, part: char, at: usize) {
        if matches!(part, '\u{300}'..='\u{36f}') {
            return; // an accent
        }
        for lower in part.to_lowercase() {
            let plain = latin_twin(lower);
            if plain.is_alphanumeric() {
                self.push(plain, at);
            } else if !self.text.ends_with(' ') && !is_joining_mark(plain) {
                self.push(' ', at);
            }
        }
    }

    fn push(&mut self, c: char, at: usize) {
        self.text.push(c);
        self.origins.resize(self.text.len(), at);
    }
}

/// Apostrophes are part of their word: “don’t” is one.
fn is_joining_mark(c: char) -> bool {
    matches!(c, '\'' | '’' | 'ʼ')
}

/// The ASCII letter that a letter of another script is drawn as, else the letter itself (UTS 39).
fn latin_twin(c: char) -> char {
    // Latin, Greek, Cyrillic, Armenian, Cherokee: where look-alikes are used to deceive. In other scripts a
    // single stroke looks like an l and is none.
    if !matches!(c, '\u{80}'..='\u{58f}' | '\u{13a0}'..='\u{13ff}' | '\u{1d00}'..='\u{1fff}' | '\u{2c60}'..='\u{2dff}' | '\u{a640}'..='\u{a7ff}')
    {
        return c;
    }
    let mut buffer = [0; 4];
    let mut twin = unicode_security::confusable_detection::skeleton(c.encode_utf8(&mut buffer));
    match (twin.next(), twin.next()) {
        (Some(only), None) if only.is_ascii_alphanumeric() => only.to_ascii_lowercase(),
        _ => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dress_makes_no_difference() {
        for dressed in
            ["Buy  DROPS now!", "buy\ndrops—now", "Ｂuy drоps now", "bu\u{200b}y dr\u{f6}ps now", " Buy, drops. (now) "]
        {
            assert_eq!(Folded::of(dressed).as_str(), " buy drops now ", "{dressed:?}");
        }
        assert_eq!(Folded::of("Don’t").as_str(), " dont ");
        assert_eq!(Folded::of("").as_str(), " ");
    }

    #[test]
    fn scripts_that_look_like_nothing_else_stay() {
        assert_eq!(Folded::of("漢字 مرحبا").as_str(), " 漢字 مرحبا ");
    }

    #[test]
    fn places_lead_back() {
        let original = "Ö  x Ünï";
        let folded = Folded::of(original);
        assert_eq!(folded.as_str(), " o x uni ");
        let at = folded.as_str().find("uni").unwrap();
        assert!(original.get(folded.origin(at)..).unwrap().starts_with('Ü'));
    }

    #[test]
    fn short_texts_have_no_digest() {
        assert_eq!(Folded::of("Thank you!").digest(), None);
        let text = "I cured my insomnia in five days with the drops";
        assert!(Folded::of(text).digest().is_some());
        assert_eq!(Folded::of(text).digest(), Folded::of(&text.to_uppercase().replace(' ', "  ")).digest());
    }
}
