//! The hidden field that only programs fill in (goal sheet M14).

use serde_json::json;

use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, spam};

/// Files as spam what came with the hidden field filled in.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let sentence = "The hidden field, which people do not see, was filled in.";
    case.is_trapped.then(|| spam(RuleId::Trap, 1, "Hidden field filled in".into(), sentence.into(), json!({})))
}
