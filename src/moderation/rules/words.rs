//! Words on the site's lists.

use serde_json::{Value, json};

use crate::core::status::WordListOutcome;
use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, hold, spam};
use crate::moderation::word_lists::Found;

/// Does what the strictest list does whose word is in the text.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let found = case.facts.words.find(case.text, case.folded);
    let weight = |found: &Found| usize::from(found.outcome != WordListOutcome::Spam);
    let worst = found.iter().min_by_key(|found| weight(found))?;
    let badge = format!("Word: {}", worst.text);
    let sentence = format!("Contains “{}”, which is on your list “{}”.", worst.text, worst.list);
    let matches: Vec<Value> = found
        .iter()
        .map(|found| json!({"text": found.text, "word": found.word, "list": found.list, "list_version": found.version}))
        .collect();
    let make = match worst.outcome {
        WordListOutcome::Hold => hold,
        WordListOutcome::Spam => spam,
    };
    Some(make(RuleId::Words, 1, badge, sentence, json!({"matches": matches})))
}
