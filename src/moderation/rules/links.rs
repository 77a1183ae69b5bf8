//! Links of newcomers, and what counts as a link.

use serde_json::json;

use crate::moderation::model::{Outcome, RuleId, in_words, in_words_capital};
use crate::moderation::screen::{Case, hold};
use crate::render::comment_markup::CommentText;

/// Holds a newcomer's comment that has more links than newcomers may post (decisions 17: the second holds).
#[must_use]
pub fn check(case: &Case<'_>) -> Option<Outcome> {
    let (count, free) = (case.links.len(), case.policy.newcomer_links);
    if count <= free || case.facts.standing.approved_as_reader >= case.policy.newcomer_until {
        return None;
    }
    let links = if count == 1 { "link" } else { "links" };
    let badge = format!("{count} {links}");
    let sentence = format!(
        "{} {links}; your limit for people with fewer than {} approved comments is {}.",
        in_words_capital(count),
        case.policy.newcomer_until,
        in_words(free),
    );
    Some(hold(RuleId::Links, 1, badge, sentence, json!({"links": case.links, "limit": free})))
}

/// Every address in a text, once each, hosts in punycode: links, and what people would read as an address
/// though it is not a link (`example.org/offer`). Mail addresses are none.
#[must_use]
pub fn addresses(text: &CommentText) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for link in text.links.iter().filter(|link| !link.url.starts_with("mailto:")) {
        let shown = link.url.split_once("://").map_or(link.url.as_str(), |(_, rest)| rest).trim_end_matches('/');
        if !all.iter().any(|known| known == shown) {
            all.push(shown.to_owned());
        }
    }
    let hosts: Vec<String> = text.links.iter().map(|link| link.host.clone()).collect();
    for word in text.plain.split_whitespace() {
        if let Some((host, shown)) = bare_address(word)
            && !hosts.contains(&host)
            && !all.contains(&shown)
        {
            all.push(shown);
        }
    }
    all
}

/// Endings that make `word.ending` an address even without a path.
const ENDINGS: &[&str] = &[
    "com", "net", "org", "info", "biz", "io", "co", "shop", "store", "online", "site", "xyz", "top", "club", "ru",
    "cn", "de", "uk", "eu", "me", "app", "link", "live", "click", "example",
];

/// Reads a word as an address written without `https://`: its host in punycode, and how it is shown.
#[must_use]
pub fn bare_address(word: &str) -> Option<(String, String)> {
    let word = word.trim_matches(|c: char| !c.is_alphanumeric() && c != '/');
    if word.contains("://") || word.contains('@') || word.len() > 500 {
        return None;
    }
    let (name, path) = word.split_once('/').map_or((word, None), |(name, path)| (name, Some(path)));
    let ending = name.rsplit_once('.').map(|(_, ending)| ending.to_lowercase())?;
    let is_ending = ending.len() >= 2 && ending.chars().all(char::is_alphabetic);
    if !is_ending || !(path.is_some() || name.starts_with("www.") || ENDINGS.contains(&ending.as_str())) {
        return None;
    }
    let url::Host::Domain(host) = url::Host::parse(name).ok()? else { return None };
    let shown = path.map_or_else(|| host.clone(), |path| format!("{host}/{path}"));
    Some((host, shown.trim_end_matches('/').to_owned()))
}
