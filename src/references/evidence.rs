//! Kinds of evidence in words: the label of one source and the profile of an article (goal sheet E24, N13).

use crate::core::status::Evidence;

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
        assert!(Evidence::ALL.iter().all(|kind| label(*kind).is_some() == (*kind != Evidence::None)));
    }
}
