//! Kinds of evidence in words: the label of one source and the profile of an article (goal sheet E24, N13).

use std::collections::{BTreeSet, HashMap};

use crate::core::status::Evidence;
use crate::render::outline::{self, Heading};

/// The label beside a reference; `None` for a work nobody has labelled.
#[must_use]
pub fn label(evidence: Evidence) -> Option<&'static str> {
    words(evidence).map(|(one, _)| one)
}

/// One and many of a kind.
fn words(evidence: Evidence) -> Option<(&'static str, &'static str)> {
    Some(match evidence {
        Evidence::None => return None,
        Evidence::Guideline => ("Guideline", "guidelines"),
        Evidence::MetaAnalysis => ("Meta-analysis", "meta-analyses"),
        Evidence::SystematicReview => ("Systematic review", "systematic reviews"),
        Evidence::Rct => ("Randomised trial", "randomised trials"),
        Evidence::Trial => ("Trial", "trials without randomisation"),
        Evidence::Cohort => ("Cohort study", "cohort studies"),
        Evidence::CaseControl => ("Case-control study", "case-control studies"),
        Evidence::CrossSectional => ("Cross-sectional study", "cross-sectional studies"),
        Evidence::CaseReport => ("Case report", "case reports"),
        Evidence::Review => ("Review", "reviews"),
        Evidence::Opinion => ("Opinion", "opinions"),
        Evidence::Animal => ("Animal study", "animal studies"),
        Evidence::InVitro => ("In vitro", "in-vitro studies"),
    })
}

/// Whether a work says something of people: animals and cells do not.
#[must_use]
pub const fn is_preclinical(evidence: Evidence) -> bool {
    matches!(evidence, Evidence::Animal | Evidence::InVitro)
}

/// "2 guidelines, 12 randomised trials, 1 animal study", strongest first; empty when nothing is labelled.
#[must_use]
pub fn profile(sources: impl Iterator<Item = Evidence>) -> String {
    let mut counts = vec![0_usize; Evidence::ALL.len()];
    for evidence in sources {
        let place = Evidence::ALL.iter().position(|known| *known == evidence);
        if let Some(count) = place.and_then(|place| counts.get_mut(place)) {
            *count += 1;
        }
    }
    let parts: Vec<String> = Evidence::ALL
        .iter()
        .zip(counts)
        .filter(|(_, count)| *count > 0)
        .filter_map(|(evidence, count)| {
            let (one, many) = words(*evidence)?;
            Some(if count == 1 { format!("1 {}", lower_first(one)) } else { format!("{count} {many}") })
        })
        .collect();
    parts.join(", ")
}

/// What a section of an article rests on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SectionProfile {
    /// Id of its heading; `None` for what stands before the first.
    pub id: Option<String>,
    /// Its heading.
    pub title: String,
    /// As [`profile`] says it, each source once.
    pub profile: String,
    /// Whether none of its labelled sources is about people.
    pub is_preclinical: bool,
}

/// The profile of each section (h2) that cites a labelled source, in order of the text. `sources` are those of the list,
/// with the ids of their marks.
#[must_use]
pub fn by_section<'a>(
    html: &str,
    outline: &[Heading],
    sources: impl Iterator<Item = (Evidence, Vec<&'a str>)>,
) -> Vec<SectionProfile> {
    let mut order: Vec<&str> = Vec::new();
    let mut section_of: HashMap<&str, &str> = HashMap::new();
    for (section, mark) in outline::marks_by_section(html) {
        if order.last() != Some(&section) {
            order.push(section);
        }
        section_of.insert(mark, section);
    }
    let mut kinds: HashMap<&str, Vec<Evidence>> = HashMap::new();
    for (evidence, marks) in sources.filter(|(evidence, _)| *evidence != Evidence::None) {
        let sections: BTreeSet<&str> = marks.iter().filter_map(|mark| section_of.get(mark).copied()).collect();
        for section in sections {
            kinds.entry(section).or_default().push(evidence);
        }
    }
    let title = |id: &str| match id {
        "" => "Introduction".to_owned(),
        outline::NOTES => "Notes".to_owned(),
        id => outline.iter().find(|heading| heading.id == id).map(|heading| heading.text.clone()).unwrap_or_default(),
    };
    let profiles = order.into_iter().filter_map(|id| {
        let kinds = kinds.get(id)?;
        Some(SectionProfile {
            id: Some(id).filter(|id| !id.is_empty() && *id != outline::NOTES).map(str::to_owned),
            title: title(id),
            profile: profile(kinds.iter().copied()),
            is_preclinical: kinds.iter().all(|kind| is_preclinical(*kind)),
        })
    });
    profiles.collect()
}

fn lower_first(words: &str) -> String {
    let mut chars = words.chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_profile_counts_each_kind_strongest_first() {
        let sources = [Evidence::Animal, Evidence::Review, Evidence::None, Evidence::Rct, Evidence::Review];
        assert_eq!(profile(sources.into_iter()), "1 randomised trial, 2 reviews, 1 animal study");
        assert_eq!(profile([Evidence::None].into_iter()), "");
        let html =
            |section: &str, mark: &str| format!("{section}<a id=\"{mark}\" href=\"#r1\" role=\"doc-noteref\">1</a>");
        let text = [
            html("", "c1-1"),
            html("<h2 id=\"light\">L</h2>", "c2-1"),
            html("", "c1-2"),
            html("<h2 id=\"naps\">N</h2>", "c3-1"),
        ];
        let heading =
            |id: &str, text: &str| Heading { level: 2, id: id.into(), text: text.into(), aliases: Vec::new() };
        let outline = [heading("light", "Light"), heading("naps", "Naps")];
        let marked = [
            (Evidence::Rct, vec!["c1-1", "c1-2"]),
            (Evidence::Animal, vec!["c2-1", "c3-1"]),
            (Evidence::None, vec!["c3-1"]),
        ];
        let found = by_section(&text.concat(), &outline, marked.into_iter());
        let told: Vec<_> =
            found.iter().map(|one| (one.title.as_str(), one.profile.as_str(), one.is_preclinical)).collect();
        assert_eq!(
            told,
            [
                ("Introduction", "1 randomised trial", false),
                ("Light", "1 randomised trial, 1 animal study", false),
                ("Naps", "1 animal study", true)
            ]
        );
        assert_eq!(found.iter().map(|one| one.id.as_deref()).collect::<Vec<_>>(), [None, Some("light"), Some("naps")]);
        assert!(Evidence::ALL.iter().all(|kind| label(*kind).is_some() == (*kind != Evidence::None)));
    }
}
