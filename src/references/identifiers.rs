//! Identifiers of works: reading them as people paste them, one spelling each; and the mark by which a work is known
//! again without one.

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::is_combining_mark;

use crate::core::limits::REFERENCE_TITLE_CHARS_MIN;

/// What two records of the same work have in common when neither has an identifier: the year and the title's letters
/// and digits, without case, accents and signs. `None` where either says too little.
pub fn work_mark(title: &str, year: Option<i32>) -> Option<String> {
    let year = year?;
    let folded: String = title
        .nfkd()
        .filter(|char| !is_combining_mark(*char))
        .filter(|char| char.is_alphanumeric())
        .flat_map(char::to_lowercase)
        .collect();
    (folded.chars().count() >= REFERENCE_TITLE_CHARS_MIN).then(|| format!("{year}:{folded}"))
}

/// A DOI in lower case without prefix (`10.1000/x`), from `10.1000/X`, `doi:…` or a doi.org address. `None` if it
/// is not one. DOIs compare without case (ISO 26324), so lower case is the one spelling.
pub fn doi(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let mut rest = lower.as_str();
    for prefix in ["https://", "http://"] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest);
    }
    for prefix in ["www.doi.org/", "dx.doi.org/", "doi.org/", "doi:", "doi "] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest).trim_start();
    }
    let decoded = percent_encoding::percent_decode_str(rest).decode_utf8().ok()?;
    let rest = if rest.contains('%') { decoded.as_ref() } else { rest };
    let rest = rest.trim_end_matches(['.', ',', ';']);
    let (registrant, suffix) = rest.strip_prefix("10.")?.split_once('/')?;
    let digits = registrant.split('.').all(|part| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit()));
    let plain = !suffix.is_empty() && !suffix.chars().any(|char| char.is_whitespace() || char.is_control());
    let length = registrant.split('.').next().map_or(0, str::len);
    (digits && plain && (4..=9).contains(&length)).then(|| rest.to_owned())
}

/// A PubMed number, from `12345`, `PMID: 12345` or a PubMed address.
pub fn pmid(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let mut rest = lower.as_str();
    for prefix in ["https://", "http://", "pubmed.ncbi.nlm.nih.gov/", "www.ncbi.nlm.nih.gov/pubmed/", "pmid:", "pmid"] {
        rest = rest.strip_prefix(prefix).unwrap_or(rest).trim_start();
    }
    number(rest.trim_end_matches('/'))
}

/// A PubMed Central number with its letters, `PMC12345`, from any spelling or a PMC address.
pub fn pmcid(text: &str) -> Option<String> {
    let lower = text.trim().to_lowercase();
    let mut rest = lower.as_str();
    for prefix in
        ["https://", "http://", "www.ncbi.nlm.nih.gov/pmc/articles/", "pmc.ncbi.nlm.nih.gov/articles/", "pmcid:"]
    {
        rest = rest.strip_prefix(prefix).unwrap_or(rest).trim_start();
    }
    number(rest.trim_end_matches('/').strip_prefix("pmc")?).map(|number| format!("PMC{number}"))
}

/// Up to nine digits without leading zeros.
fn number(text: &str) -> Option<String> {
    let text = text.trim_start_matches('0');
    let fits = (1..=9).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    fits.then(|| text.to_owned())
}

/// An ISBN as thirteen digits, from ten or thirteen, hyphens and spaces allowed; the check digit must be right.
pub fn isbn(text: &str) -> Option<String> {
    let upper = text.trim().to_uppercase();
    let rest = ["ISBN-13:", "ISBN-10:", "ISBN:", "ISBN"].iter().find_map(|prefix| upper.strip_prefix(prefix));
    let digits: String =
        rest.unwrap_or(&upper).chars().filter(|char| !matches!(char, '-' | ' ' | '\u{2010}' | '\u{2011}')).collect();
    match digits.len() {
        10 => isbn_from_ten(&digits),
        13 if digits.bytes().all(|byte| byte.is_ascii_digit()) => {
            let (body, check) = digits.split_at_checked(12)?;
            (digits.starts_with("978") || digits.starts_with("979"))
                .then(|| check_digit_13(body))
                .filter(|right| check == right.to_string())
                .map(|_| digits.clone())
        }
        _ => None,
    }
}

fn isbn_from_ten(digits: &str) -> Option<String> {
    let (body, check) = digits.split_at_checked(9)?;
    if !body.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let value = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    let sum: u32 = body.bytes().zip((2..=10).rev()).map(|(byte, weight)| value(byte) * weight).sum();
    let right = (11 - sum % 11) % 11;
    let given = if check == "X" { 10 } else { check.parse().ok()? };
    if given != right {
        return None;
    }
    let body = format!("978{body}");
    Some(format!("{body}{}", check_digit_13(&body)))
}

fn check_digit_13(body: &str) -> u32 {
    let value = |byte: u8| u32::from(byte.wrapping_sub(b'0'));
    let sum: u32 = body.bytes().zip([1, 3].into_iter().cycle()).map(|(byte, weight)| value(byte) * weight).sum();
    (10 - sum % 10) % 10
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dois_have_one_spelling() {
        for text in [
            "10.1000/ABC",
            "doi:10.1000/abc",
            "DOI: 10.1000/abc",
            "https://doi.org/10.1000/abc",
            "http://dx.doi.org/10.1000/Abc",
            " 10.1000/abc. ",
        ] {
            assert_eq!(doi(text).as_deref(), Some("10.1000/abc"), "{text}");
        }
        assert_eq!(
            doi("https://doi.org/10.1002/(SICI)16%3C1661::AID%3E3.0.CO;2-2").as_deref(),
            Some("10.1002/(sici)16<1661::aid>3.0.co;2-2")
        );
        for text in ["", "10.1000", "10.1000/", "10.x/abc", "11.1000/abc", "10.1/abc", "10.1000/a b", "abc"] {
            assert_eq!(doi(text), None, "{text}");
        }
    }

    #[test]
    fn a_work_without_identifiers_is_known_by_year_and_title() {
        let mark = work_mark("Phase-shifting in the “Métro”.", Some(2021));
        assert_eq!(mark.as_deref(), Some("2021:phaseshiftinginthemetro"));
        assert_eq!(work_mark("PHASE SHIFTING in the metro", Some(2021)), mark);
        assert_eq!((work_mark("Editorial", Some(2021)), work_mark("Phase shifting in the metro", None)), (None, None));
    }

    #[test]
    fn pubmed_numbers_have_one_spelling() {
        for text in ["12345", "PMID: 12345", "pmid12345", "https://pubmed.ncbi.nlm.nih.gov/12345/", "0012345"] {
            assert_eq!(pmid(text).as_deref(), Some("12345"), "{text}");
        }
        for text in ["PMC12345", "pmcid: PMC12345", "https://www.ncbi.nlm.nih.gov/pmc/articles/PMC12345/"] {
            assert_eq!(pmcid(text).as_deref(), Some("PMC12345"), "{text}");
        }
        assert_eq!([pmid("x"), pmid("0"), pmid("1234567890"), pmcid("12345")], [None, None, None, None]);
    }

    #[test]
    fn isbns_are_checked_and_made_thirteen_long() {
        for text in ["0-306-40615-2", "ISBN 978-0-306-40615-7", "9780306406157"] {
            assert_eq!(isbn(text).as_deref(), Some("9780306406157"), "{text}");
        }
        assert_eq!(isbn("080442957X").as_deref(), Some("9780804429573"));
        for text in ["0-306-40615-3", "9780306406158", "1234567890123", "", "ISBN", "03064061X2"] {
            assert_eq!(isbn(text), None, "{text}");
        }
    }
}
