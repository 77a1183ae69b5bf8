//! Screening: the ordered list of rules, and what they judge.

use crate::core::fold::Folded;
use crate::core::status::{ModerationMode, Trust};
use crate::moderation::facts::Facts;
use crate::moderation::model::{Outcome, RuleId, Screening, Verdict};
use crate::moderation::rules;

/// A comment as the rules see it.
#[derive(Debug)]
pub struct Case<'a> {
    /// The text as written.
    pub text: &'a str,
    /// The same, folded.
    pub folded: &'a Folded,
    /// Every address in it, as people would read it.
    pub links: &'a [String],
    /// Whether the hidden field was filled in.
    pub is_trapped: bool,
    /// Whether the address is one of those that live for minutes.
    pub is_throwaway: bool,
    /// Seconds between opening the page and posting, where that is known.
    pub dwell_seconds: Option<i64>,
    /// What is known of the writer and of what others post.
    pub facts: Facts,
    /// What the site wants.
    pub policy: Policy,
}

/// What the site wants of the rules.
#[derive(Debug, Clone, Copy)]
pub struct Policy {
    /// Who waits.
    pub mode: ModerationMode,
    /// Whether this article says so itself.
    pub mode_is_of_article: bool,
    /// Links a newcomer may post without waiting.
    pub newcomer_links: usize,
    /// Approved comments after which a confirmed person is no newcomer to the link rule.
    pub newcomer_until: i64,
    /// Seconds a person needs at least.
    pub dwell_seconds_min: i64,
}

/// A rule: nothing, or what it does and why.
pub type Rule = fn(&Case<'_>) -> Option<Outcome>;

/// THE list of rules, in the order they speak. Rules that look at the writer alone come last, so that what is
/// said first is about the text.
const RULES: &[Rule] = &[
    rules::trap::check,
    rules::speed::check,
    rules::words::check,
    rules::links::check,
    rules::same_text::check,
    rules::flood::check,
    rules::after_removal::check,
    rules::throwaway::check,
    rules::first_time::check,
    rules::everything::check,
];

/// The rules a trusted reader is still held to (moderation.md 9).
const RULES_FOR_TRUSTED: &[Rule] = &[rules::words::check];

/// The rules an edit is held to: what looks at the text.
const RULES_FOR_EDITS: &[Rule] = &[rules::words::check, rules::links::check, rules::same_text::check];

/// Judges a new comment of a reader. Staff are never screened.
#[must_use]
pub fn screen(case: &Case<'_>) -> Screening {
    let rules = if case.facts.standing.trust == Trust::Trusted { RULES_FOR_TRUSTED } else { RULES };
    Screening(rules.iter().filter_map(|rule| rule(case)).collect())
}

/// Judges a changed text.
#[must_use]
pub fn screen_edit(case: &Case<'_>) -> Screening {
    let rules = if case.facts.standing.trust == Trust::Trusted { RULES_FOR_TRUSTED } else { RULES_FOR_EDITS };
    Screening(rules.iter().filter_map(|rule| rule(case)).collect())
}

/// An outcome that holds.
pub(super) fn hold(
    rule: RuleId,
    version: u32,
    badge: String,
    sentence: String,
    evidence: serde_json::Value,
) -> Outcome {
    Outcome { rule, version, verdict: Verdict::Hold, badge, sentence, evidence }
}

/// An outcome that files as spam.
pub(super) fn spam(
    rule: RuleId,
    version: u32,
    badge: String,
    sentence: String,
    evidence: serde_json::Value,
) -> Outcome {
    Outcome { rule, version, verdict: Verdict::Spam, badge, sentence, evidence }
}

#[cfg(test)]
mod tests;
