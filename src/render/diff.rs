//! What changed between two texts, as a reader is shown it: paragraph by paragraph, and in a paragraph word by word.

use similar::{Algorithm, DiffOp, capture_diff_slices};

use crate::core::limits;
use crate::render::plain::{Block, Kind};

/// What became of a piece of text.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mark {
    /// It stayed.
    Same,
    /// It was taken out.
    Gone,
    /// It is new.
    New,
}

/// A line of a comparison.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Row {
    /// A block with what changed in it: pieces in reading order, what is gone before what is new.
    Changed(Kind, Vec<(Mark, String)>),
    /// An unchanged block next to a change.
    Kept(Kind, String),
    /// So many unchanged blocks that are left out.
    Skipped(usize),
}

/// Compares two texts. Those over [`limits::DIFF_BLOCKS_MAX`] blocks are not compared (`None`): the time grows with
/// the product of the blocks that differ.
#[must_use]
pub fn compare(old: &[Block], new: &[Block]) -> Option<Vec<Row>> {
    if old.len().max(new.len()) > limits::DIFF_BLOCKS_MAX {
        return None;
    }
    let mut rows = Vec::new();
    // Word by word while the budget lasts; after that whole paragraphs.
    let mut budget = limits::DIFF_WORD_PAIRS_MAX;
    for change in capture_diff_slices(Algorithm::Myers, old, new) {
        let (before, after) = (old.get(change.old_range()), new.get(change.new_range()));
        let (before, after) = (before.unwrap_or_default(), after.unwrap_or_default());
        match change {
            DiffOp::Equal { .. } => {
                rows.extend(before.iter().map(|block| Row::Kept(block.kind, block.text.clone())));
            }
            DiffOp::Delete { .. } => rows.extend(before.iter().map(|block| whole(Mark::Gone, block))),
            DiffOp::Insert { .. } => rows.extend(after.iter().map(|block| whole(Mark::New, block))),
            DiffOp::Replace { .. } => replaced(before, after, &mut budget, &mut rows),
        }
    }
    Some(with_gaps(rows))
}

fn whole(mark: Mark, block: &Block) -> Row {
    Row::Changed(block.kind, vec![(mark, block.text.clone())])
}

/// Pairs the blocks that are versions of one another, in order; the others are gone or new.
fn replaced(before: &[Block], after: &[Block], budget: &mut usize, rows: &mut Vec<Row>) {
    let mut waiting = after.iter();
    for old in before {
        let mut passed = waiting.clone();
        let pair = passed.by_ref().take(limits::DIFF_LOOK_AHEAD).enumerate().find_map(|(skipped, new)| {
            let pieces = (old.kind == new.kind).then(|| words(&old.text, &new.text, budget)).flatten()?;
            Some((skipped, pieces))
        });
        match pair {
            Some((skipped, pieces)) => {
                rows.extend(waiting.by_ref().take(skipped).map(|block| whole(Mark::New, block)));
                waiting.next();
                rows.push(Row::Changed(old.kind, pieces));
            }
            None => rows.push(whole(Mark::Gone, old)),
        }
    }
    rows.extend(waiting.map(|block| whole(Mark::New, block)));
}

/// The words of two paragraphs compared; `None` when too little of them is the same, or the budget is spent.
fn words(old: &str, new: &str, budget: &mut usize) -> Option<Vec<(Mark, String)>> {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.split_whitespace().collect(), new.split_whitespace().collect());
    *budget = budget.checked_sub(old.len().saturating_mul(new.len())).unwrap_or_default();
    if *budget == 0 {
        return None;
    }
    let mut pieces: Vec<(Mark, String)> = Vec::new();
    let mut same = 0;
    let mut push = |mark, words: &[&str]| {
        if words.is_empty() {
            return;
        }
        let text = words.join(" ");
        match pieces.last_mut() {
            Some((last, piece)) if *last == mark => {
                piece.push(' ');
                piece.push_str(&text);
            }
            Some(_) | None => pieces.push((mark, text)),
        }
    };
    for change in capture_diff_slices(Algorithm::Myers, &old, &new) {
        let gone = old.get(change.old_range()).unwrap_or_default();
        let made = new.get(change.new_range()).unwrap_or_default();
        if let DiffOp::Equal { len, .. } = change {
            same += len;
            push(Mark::Same, gone);
        } else {
            push(Mark::Gone, gone);
            push(Mark::New, made);
        }
    }
    // A third of the longer one: less is another paragraph.
    (same * 3 >= old.len().max(new.len())).then_some(pieces)
}

/// Leaves out what is far from every change: one unchanged block stays before and one after.
fn with_gaps(rows: Vec<Row>) -> Vec<Row> {
    let is_change: Vec<bool> = rows.iter().map(|row| matches!(row, Row::Changed(..))).collect();
    let is_near = |at: usize| {
        let around = at.saturating_sub(1)..=at + 1;
        around.into_iter().any(|near| is_change.get(near).copied().unwrap_or(false))
    };
    let mut shown: Vec<Row> = Vec::new();
    for (at, row) in rows.into_iter().enumerate() {
        if is_near(at) {
            shown.push(row);
        } else if let Some(Row::Skipped(count)) = shown.last_mut() {
            *count += 1;
        } else {
            shown.push(Row::Skipped(1));
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    fn blocks(texts: &[&str]) -> Vec<Block> {
        texts.iter().map(|text| Block { kind: Kind::Text, text: (*text).to_owned() }).collect()
    }

    #[test]
    fn words_are_shown_in_their_paragraph_and_the_rest_is_left_out() {
        let old = blocks(&["One.", "Two.", "It gives 42 minutes of sleep.", "Three.", "Four."]);
        let new = blocks(&["One.", "Two.", "It gives 24 minutes of sleep.", "Three.", "Four.", "Five."]);
        let piece = |mark, text: &str| (mark, text.to_owned());
        assert_eq!(
            compare(&old, &new).unwrap(),
            [
                Row::Skipped(1),
                Row::Kept(Kind::Text, "Two.".into()),
                Row::Changed(
                    Kind::Text,
                    vec![
                        piece(Mark::Same, "It gives"),
                        piece(Mark::Gone, "42"),
                        piece(Mark::New, "24"),
                        piece(Mark::Same, "minutes of sleep."),
                    ]
                ),
                Row::Kept(Kind::Text, "Three.".into()),
                Row::Kept(Kind::Text, "Four.".into()),
                Row::Changed(Kind::Text, vec![piece(Mark::New, "Five.")]),
            ]
        );
    }

    #[test]
    fn another_paragraph_is_not_an_edit_of_the_one_before() {
        let rows =
            compare(&blocks(&["Naps are short and useful."]), &blocks(&["Coffee keeps people up at night."])).unwrap();
        let marks: Vec<Vec<Mark>> = rows
            .iter()
            .map(|row| match row {
                Row::Changed(_, pieces) => pieces.iter().map(|(mark, _)| *mark).collect(),
                Row::Kept(..) | Row::Skipped(_) => Vec::new(),
            })
            .collect();
        assert_eq!(marks, [[Mark::Gone], [Mark::New]]);
    }

    #[test]
    fn huge_texts_are_refused_or_compared_by_paragraphs() {
        let many: Vec<String> = (0..=limits::DIFF_BLOCKS_MAX).map(|number| number.to_string()).collect();
        let many: Vec<&str> = many.iter().map(String::as_str).collect();
        assert_eq!(compare(&blocks(&many), &[]), None);
        let long = |word: &str| format!("{word} ").repeat(200_000);
        let rows = compare(&blocks(&[&long("a"), "x"]), &blocks(&[&long("b"), "x"])).unwrap();
        assert_eq!(rows.len(), 3, "no words of these were compared");
    }

    #[test]
    fn the_same_is_one_gap() {
        assert_eq!(compare(&blocks(&["A", "B"]), &blocks(&["A", "B"])).unwrap(), [Row::Skipped(2)]);
    }
}
