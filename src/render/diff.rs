//! Word-by-word difference of two texts, for comparing revisions and for the public "what changed".

use serde::{Deserialize, Serialize};
use similar::{Algorithm, ChangeTag, TextDiff};
use unicode_segmentation::UnicodeSegmentation;

use crate::core::limits::DIFF_WORDS_CHARS_MAX;

/// What became of a stretch of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ChangeKind {
    /// In both texts.
    Same,
    /// Only in the earlier.
    Removed,
    /// Only in the later.
    Added,
}

/// A stretch of text with one fate.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// Its fate.
    pub kind: ChangeKind,
    /// The stretch, with its spaces.
    pub text: String,
}

/// The way from `before` to `after`, in reading order, neighbours of one kind joined. Texts too long for words are
/// compared by line.
pub fn words(before: &str, after: &str) -> Vec<Change> {
    let (old, new) = if before.len() + after.len() <= DIFF_WORDS_CHARS_MAX {
        (before.split_word_bounds().collect(), after.split_word_bounds().collect())
    } else {
        (lines(before), lines(after))
    };
    let diff = TextDiff::configure().algorithm(Algorithm::Patience).diff_slices(&old, &new);
    let mut changes: Vec<Change> = Vec::new();
    for change in diff.iter_all_changes() {
        let kind = match change.tag() {
            ChangeTag::Equal => ChangeKind::Same,
            ChangeTag::Delete => ChangeKind::Removed,
            ChangeTag::Insert => ChangeKind::Added,
        };
        match changes.last_mut() {
            Some(last) if last.kind == kind => last.text.push_str(change.value()),
            _ => changes.push(Change { kind, text: change.value().to_owned() }),
        }
    }
    changes
}

fn lines(text: &str) -> Vec<&str> {
    text.split_inclusive('\n').collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text_of(changes: &[Change], dropped: ChangeKind) -> String {
        changes.iter().filter(|change| change.kind != dropped).map(|change| change.text.as_str()).collect()
    }

    #[test]
    fn both_texts_can_be_read_from_the_difference() {
        let long = "word ".repeat(60_000);
        for (before, after) in [
            ("An effect of 42 minutes.", "An effect of 24 minutes."),
            ("", "all new"),
            ("سلام دنیا", "سلام بر دنیا"),
            (long.as_str(), "short"),
        ] {
            let changes = words(before, after);
            assert_eq!(text_of(&changes, ChangeKind::Added), before);
            assert_eq!(text_of(&changes, ChangeKind::Removed), after);
        }
    }

    #[test]
    fn only_the_changed_word_is_marked() {
        let changes = words("An effect of 42 minutes.", "An effect of 24 minutes.");
        let marked: Vec<&str> = changes
            .iter()
            .filter(|change| change.kind != ChangeKind::Same)
            .map(|change| change.text.as_str())
            .collect();
        assert_eq!(marked, ["42", "24"]);
    }
}
