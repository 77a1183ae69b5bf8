//! A comment as it will look, with what will happen to it, stored nowhere.

use crate::comments::model::Words;
use crate::moderation::model::in_words;
use crate::settings;

/// What a reader is told beside the preview. Only what they can change is said; words on lists are not told.
#[must_use]
pub fn notes(words: &Words, settings: &settings::Comments) -> Vec<String> {
    let links = words.links.len();
    if links <= settings.newcomer_links {
        return Vec::new();
    }
    let unit = if links == 1 { "link" } else { "links" };
    vec![format!("This will wait for a moderator: it has {} {unit}.", in_words(links))]
}
