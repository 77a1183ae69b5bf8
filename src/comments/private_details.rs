//! Private details people give away without thinking: looked for before a comment is posted, on this machine, and told
//! to its writer alone, who may post it as it is. Nothing about it is stored.

use crate::core::text::Email;

/// Something in a comment its writer may not want the world to read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Detail {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A full name beside something about the writer's own health.
    NameWithHealth,
}

impl Detail {
    /// What its writer is told.
    #[must_use]
    pub const fn sentence(self) -> &'static str {
        match self {
            Self::Phone => "It seems to have a phone number in it.",
            Self::Email => "It has an email address in it.",
            Self::NameWithHealth => "It tells something about your health beside your full name. A first name is fine.",
        }
    }
}

/// What of that a text holds, under a name. Health is looked for where `is_medical`: elsewhere people write of
/// migraines and strokes without meaning theirs.
#[must_use]
pub fn find(text: &str, name: &str, is_medical: bool) -> Vec<Detail> {
    let mut found = Vec::new();
    if has_phone(text) {
        found.push(Detail::Phone);
    }
    if has_email(text) {
        found.push(Detail::Email);
    }
    if is_medical && is_full_name(name) && tells_of_own_health(text) {
        found.push(Detail::NameWithHealth);
    }
    found
}

/// Digits of a telephone number, fewest and most (ITU-T E.164 allows 15).
const PHONE_DIGITS: std::ops::RangeInclusive<usize> = 8..=15;

/// A run of digits with the signs people put between them, that begins as numbers people dial do: with `+`, with `0`,
/// with a bracket, or in the groups 3-3-4. A PMID, a year or an ISBN begins otherwise, a DOI has letters or a slash.
fn has_phone(text: &str) -> bool {
    let mut run = String::new();
    let mut before = ' ';
    let mut previous = ' ';
    for c in text.chars().chain([' ', 'x']) {
        let joins = c.is_ascii_digit()
            || (matches!(c, '+' | '(') && run.is_empty())
            || (matches!(c, ' ' | '-' | '.' | '(' | ')' | '\u{a0}' | '‑') && !run.is_empty());
        if joins {
            if run.is_empty() {
                before = previous;
            }
            run.push(c);
        } else {
            if !run.is_empty() && !is_part_of_something(before, c) && is_phone(&run) {
                return true;
            }
            run.clear();
        }
        previous = c;
    }
    false
}

/// A number inside a word or an address (`10.1000/0123456789`, `?id=0123456789`) is no telephone number.
fn is_part_of_something(before: char, after: char) -> bool {
    let ties = |c: char| c.is_alphanumeric() || matches!(c, '/' | '=' | '_' | '@' | '#' | '%' | '[');
    ties(before) || (ties(after) && after != 'x')
}

fn is_phone(run: &str) -> bool {
    let run = run.trim_end_matches(|c: char| !c.is_ascii_digit());
    let digits = run.chars().filter(char::is_ascii_digit).count();
    if !PHONE_DIGITS.contains(&digits) {
        return false;
    }
    let groups: Vec<usize> = run.split(|c: char| !c.is_ascii_digit()).map(str::len).filter(|len| *len > 0).collect();
    // A date written with noughts (01.02.2026, 2026-01-02), or figures of a study (0.82 (0.71-0.95)).
    let is_figure = run.split_inclusive('.').any(|part| {
        part.strip_suffix('.').is_some_and(|part| part.rsplit(|c: char| !c.is_ascii_digit()).next() == Some("0"))
    });
    if is_figure || matches!(groups.as_slice(), [2, 2, 4] | [4, 2, 2]) {
        return false;
    }
    run.starts_with(['+', '(', '0']) || matches!(groups.as_slice(), [3, 3, 4] | [1, 3, 3, 4])
}

fn has_email(text: &str) -> bool {
    text.split(|c: char| c.is_whitespace() || "<>()[]{}\"“”„,;:".contains(c))
        .filter(|word| word.contains('@'))
        .any(|word| Email::parse(word.trim_matches(|c: char| !c.is_alphanumeric())).is_some())
}

/// Two words or more that are no initials: "Ruth Kessler", not "Ruth K.".
fn is_full_name(name: &str) -> bool {
    name.split_whitespace().filter(|word| word.chars().filter(|c| c.is_alphabetic()).count() >= 2).count() >= 2
}

/// Words that say the writer speaks of themselves.
const OWN: &[&str] = &["i", "i'm", "i've", "i'd", "i'll", "my", "me", "mine", "myself"];

/// Words for illness, treatment and states of the body that people would tell a doctor. Beginnings, so that forms of a
/// word are met too.
const HEALTH: &[&str] = &[
    "abortion",
    "addict",
    "adhd",
    "alcoholi",
    "anorexi",
    "antidepress",
    "antipsychotic",
    "anxiety",
    "apnea",
    "apnoea",
    "arthrit",
    "asthma",
    "autis",
    "biops",
    "bipolar",
    "bulimi",
    "cancer",
    "chemo",
    "colitis",
    "contracepti",
    "crohn",
    "dementia",
    "depress",
    "diabet",
    "diagnos",
    "dialys",
    "epilep",
    "fibromyalg",
    "hepatit",
    "herpes",
    "hiv",
    "ibs",
    "incontinen",
    "infertil",
    "insomni",
    "insulin",
    "ivf",
    "leukaemi",
    "leukemi",
    "lupus",
    "medication",
    "menopaus",
    "migraine",
    "miscarri",
    "narcolep",
    "overdos",
    "parkinson",
    "pregnan",
    "prescri",
    "psychiatr",
    "psychos",
    "ptsd",
    "rehab",
    "schizo",
    "seizure",
    "sclerosis",
    "ssri",
    "stroke",
    "suicid",
    "surger",
    "symptom",
    "thyroid",
    "transplant",
    "tumor",
    "tumour",
    "vasectom",
];

fn tells_of_own_health(text: &str) -> bool {
    let words = || {
        text.split(|c: char| !(c.is_alphanumeric() || matches!(c, '\'' | '’')))
            .map(|word| word.to_lowercase().replace('’', "'"))
    };
    words().any(|word| OWN.contains(&word.as_str()))
        && words().any(|word| HEALTH.iter().any(|beginning| word.starts_with(beginning)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn telephone_numbers_are_told_from_other_numbers() {
        for text in [
            "Call me on 07700 900123.",
            "+49 30 1234567",
            "(555) 123-4567, please",
            "555-123-4567",
            "1-800-555-0199",
            "tel:+442079460000",
            "Ring 0800.123.456.789!",
        ] {
            assert_eq!(find(text, "Ruth", false), [Detail::Phone], "{text}");
        }
        for text in [
            "PMID 31234567 says so",
            "doi:10.1056/NEJMoa2034577 and 10.1000/0123456789",
            "From 2019-2021, 12 weeks, n = 1204",
            "on 01.02.2026 and 2026-01-02",
            "https://example.org/a/0123456789?id=0123456789",
            "HR 0.82 (0.71-0.95)",
            "0.123 0.4567 0.891",
            "ISBN 978-3-16-148410-0",
            "[12] and [0123456789]",
            "000",
        ] {
            assert_eq!(find(text, "Ruth", false), [], "{text}");
        }
    }

    #[test]
    fn addresses_are_found_in_whatever_stands_around_them() {
        for text in ["write to ruth.k@mail.example.", "(ruth@mail.example)", "mail: <ruth@mail.example>!"] {
            assert_eq!(find(text, "Ruth", false), [Detail::Email], "{text}");
        }
        for text in ["@ruth said", "5 @ 3", "see me @ noon", "a@b"] {
            assert_eq!(find(text, "Ruth", false), [], "{text}");
        }
    }

    #[test]
    fn a_full_name_beside_ones_own_illness_is_a_detail_on_a_site_about_health() {
        let text = "I’ve been on antidepressants since my diagnosis.";
        assert_eq!(find(text, "Ruth Kessler", true), [Detail::NameWithHealth]);
        assert_eq!(find(text, "Ruth K.", true), []);
        assert_eq!(find(text, "Ruth", true), []);
        assert_eq!(find(text, "Ruth Kessler", false), []);
        assert_eq!(find("Does this hold for people with diabetes?", "Ruth Kessler", true), []);
        assert_eq!(find("I sleep badly after nights.", "Ruth Kessler", true), []);
    }
}
