//! The rules one by one and together: the held case beside the free one.

use std::sync::Arc;

use crate::core::fold::Folded;
use crate::core::limits;
use crate::core::status::{CommentStatus, ModerationMode, Trust, WordListOutcome};
use crate::moderation::facts::Facts;
use crate::moderation::model::RuleId;
use crate::moderation::screen::{Case, Policy, screen};
use crate::moderation::word_lists::{Lists, WordList};
use crate::readers::trust::Standing;

struct Given {
    text: &'static str,
    links: Vec<String>,
    is_trapped: bool,
    is_throwaway: bool,
    dwell_seconds: Option<i64>,
    standing: Standing,
    same_text_articles: usize,
    recent_on_article: i64,
    mode: ModerationMode,
    words: Vec<WordList>,
}

/// A confirmed reader with approved comments writes something harmless.
fn regular() -> Given {
    Given {
        text: "Reference 12 gives a pooled figure of 24 minutes.",
        links: Vec::new(),
        is_trapped: false,
        is_throwaway: false,
        dwell_seconds: Some(40),
        standing: Standing { approved_as_reader: 3, address_was_approved: true, ..Standing::NOBODY },
        same_text_articles: 1,
        recent_on_article: 0,
        mode: ModerationMode::Newcomers,
        words: Vec::new(),
    }
}

fn judge(given: Given) -> (CommentStatus, Vec<RuleId>, Vec<String>) {
    let folded = Folded::of(given.text);
    let case = Case {
        text: given.text,
        folded: &folded,
        links: &given.links,
        is_trapped: given.is_trapped,
        is_throwaway: given.is_throwaway,
        dwell_seconds: given.dwell_seconds,
        facts: Facts {
            standing: given.standing,
            same_text_articles: given.same_text_articles,
            recent_on_article: given.recent_on_article,
            words: Arc::new(Lists::compile(given.words)),
        },
        policy: Policy {
            mode: given.mode,
            mode_is_of_article: false,
            newcomer_links: 1,
            newcomer_until: 20,
            dwell_seconds_min: 3,
        },
    };
    let screening = screen(&case);
    let (status, reason) = screening.decision();
    assert_eq!(reason.is_none(), status == CommentStatus::Approved);
    let rules = screening.0.iter().map(|outcome| outcome.rule).collect();
    (status, rules, screening.0.into_iter().map(|outcome| outcome.sentence).collect())
}

fn links(count: usize) -> Vec<String> {
    (0..count).map(|n| format!("trials.example/{n}")).collect()
}

#[test]
fn a_regular_reader_goes_straight_through() {
    assert_eq!(judge(regular()), (CommentStatus::Approved, vec![], vec![]));
}

#[test]
fn a_newcomer_waits_and_in_mode_none_nobody_does() {
    let (status, rules, sentences) = judge(Given { standing: Standing::NOBODY, ..regular() });
    assert_eq!((status, rules), (CommentStatus::Held, vec![RuleId::FirstTime]));
    assert_eq!(sentences, ["Nobody has approved a comment from this email yet."]);
    let open = judge(Given { standing: Standing::NOBODY, mode: ModerationMode::None, ..regular() });
    assert_eq!(open.0, CommentStatus::Approved);
}

#[test]
fn a_typed_address_of_somebody_trusted_is_worth_nothing() {
    let standing = Standing { address_was_approved: true, ..Standing::NOBODY };
    let (status, rules, _) = judge(Given { standing, ..regular() });
    assert_eq!((status, rules), (CommentStatus::Held, vec![RuleId::Unproven]));
}

#[test]
fn everybody_waits_in_mode_everyone_but_the_trusted() {
    assert_eq!(judge(Given { mode: ModerationMode::Everyone, ..regular() }).1, [RuleId::Everything]);
    let standing = Standing { trust: Trust::Trusted, ..regular().standing };
    assert_eq!(judge(Given { mode: ModerationMode::Everyone, standing, ..regular() }).0, CommentStatus::Approved);
}

#[test]
fn a_newcomers_second_link_holds_and_the_first_does_not() {
    let one = judge(Given { links: links(1), ..regular() });
    assert_eq!(one.0, CommentStatus::Approved);
    let (status, rules, sentences) = judge(Given { links: links(2), ..regular() });
    assert_eq!((status, rules), (CommentStatus::Held, vec![RuleId::Links]));
    assert_eq!(sentences, ["Two links; your limit for people with fewer than 20 approved comments is one."]);
    let old_hand = Standing { approved_as_reader: 20, ..regular().standing };
    assert_eq!(judge(Given { links: links(2), standing: old_hand, ..regular() }).0, CommentStatus::Approved);
}

#[test]
fn the_trap_and_too_much_speed_are_spam() {
    assert_eq!(judge(Given { is_trapped: true, ..regular() }).0, CommentStatus::Spam);
    let (status, rules, sentences) = judge(Given { dwell_seconds: Some(2), ..regular() });
    assert_eq!((status, rules), (CommentStatus::Spam, vec![RuleId::Speed]));
    assert_eq!(sentences, ["Sent 2 seconds after the page was opened."]);
    assert_eq!(judge(Given { dwell_seconds: Some(3), ..regular() }).0, CommentStatus::Approved);
    assert_eq!(judge(Given { dwell_seconds: None, ..regular() }).0, CommentStatus::Approved);
}

#[test]
fn the_strictest_list_decides_and_trust_does_not_pass_words() {
    let list =
        |name: &str, outcome, word: &str| WordList { name: name.into(), outcome, version: 1, words: vec![word.into()] };
    let words = vec![list("Selling", WordListOutcome::Hold, "pooled"), list("Never", WordListOutcome::Spam, "minutes")];
    let (status, rules, sentences) = judge(Given { words: words.clone(), ..regular() });
    assert_eq!((status, rules), (CommentStatus::Spam, vec![RuleId::Words]));
    assert_eq!(sentences, ["Contains “minutes”, which is on your list “Never”."]);
    let standing = Standing { trust: Trust::Trusted, ..regular().standing };
    assert_eq!(judge(Given { standing, words, ..regular() }).0, CommentStatus::Spam);
}

#[test]
fn repeated_texts_floods_and_removals_hold() {
    assert_eq!(judge(Given { is_throwaway: true, ..regular() }).1, [RuleId::Throwaway]);
    assert_eq!(judge(Given { same_text_articles: 2, ..regular() }).1, [RuleId::SameText]);
    let standing = Standing { approved_as_reader: 0, ..regular().standing };
    let flood = Given { recent_on_article: limits::FLOOD_COMMENTS, standing, mode: ModerationMode::None, ..regular() };
    assert_eq!(judge(flood).1, [RuleId::Flood]);
    assert_eq!(judge(Given { recent_on_article: limits::FLOOD_COMMENTS, ..regular() }).0, CommentStatus::Approved);
    let standing = Standing { address_was_removed: true, ..regular().standing };
    assert_eq!(judge(Given { standing, ..regular() }).1, [RuleId::AfterRemoval]);
    let standing = Standing { trust: Trust::AlwaysHold, ..regular().standing };
    assert_eq!(judge(Given { standing, ..regular() }).1, [RuleId::AlwaysHold]);
}

#[test]
fn every_reason_is_given_and_spam_outweighs_held() {
    let given = Given { is_trapped: true, links: links(3), standing: Standing::NOBODY, ..regular() };
    let (status, rules, _) = judge(given);
    assert_eq!((status, rules), (CommentStatus::Spam, vec![RuleId::Trap, RuleId::Links, RuleId::FirstTime]));
}

#[test]
fn addresses_are_seen_without_their_scheme_too() {
    use crate::moderation::rules::links::bare_address;
    let shown = |word: &str| bare_address(word).map(|(_, shown)| shown);
    assert_eq!(shown("bestdrops.example/uk"), Some("bestdrops.example/uk".into()));
    assert_eq!(shown("(bücher.com)."), Some("xn--bcher-kva.com".into()));
    assert_eq!(shown("www.abc.test"), Some("www.abc.test".into()));
    for no in ["e.g.", "Dele", "3.5/10", "a@b.com", "and/or", "end.Then", "https://x.org", "1.2.3"] {
        assert_eq!(shown(no), None, "{no}");
    }
}
