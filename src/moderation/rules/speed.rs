//! Faster than a person can type (goal sheet M14). Unknown where the page came from the cache and no script
//! counted (decisions 1).

use serde_json::json;

use crate::moderation::model::{Outcome, RuleId};
use crate::moderation::screen::{Case, spam};

/// Files as spam what was sent sooner than a person can read the form.
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let seconds = case.dwell_seconds.filter(|seconds| *seconds < case.policy.dwell_seconds_min)?;
    let unit = if seconds == 1 { "second" } else { "seconds" };
    let badge = format!("Posted {seconds} {unit} after opening");
    let sentence = format!("Sent {seconds} {unit} after the page was opened.");
    Some(spam(RuleId::Speed, 1, badge, sentence, json!({"seconds": seconds})))
}
