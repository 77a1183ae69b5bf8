//! Text from outside: refused characters, names, addresses, slugs.

use unicode_normalization::UnicodeNormalization;
use unicode_segmentation::UnicodeSegmentation;

use crate::core::limits;

/// Whether a text holds a character no field may hold: NUL, or a C0 control other than tab and line ends,
/// or DEL (requirements D3; Postgres text cannot hold NUL).
#[must_use]
pub fn has_control(text: &str) -> bool {
    text.chars().any(|c| (c < ' ' && !matches!(c, '\t' | '\n' | '\r')) || c == '\u{7f}')
}

/// The text of a file: UTF-8, UTF-16 with its mark, else Windows-1252, which old reference managers write.
#[must_use]
pub fn decode(bytes: &[u8]) -> String {
    let units = |read: fn([u8; 2]) -> u16, bytes: &[u8]| {
        let units: Vec<u16> = bytes.chunks_exact(2).filter_map(|pair| pair.try_into().ok()).map(read).collect();
        String::from_utf16_lossy(&units)
    };
    if let Some(rest) = bytes.strip_prefix(&[0xff, 0xfe]) {
        return units(u16::from_le_bytes, rest);
    }
    if let Some(rest) = bytes.strip_prefix(&[0xfe, 0xff]) {
        return units(u16::from_be_bytes, rest);
    }
    match std::str::from_utf8(bytes) {
        Ok(text) => text.strip_prefix('\u{feff}').unwrap_or(text).to_owned(),
        Err(_) => bytes.iter().map(|byte| from_windows(*byte)).collect(),
    }
}

/// Windows-1252: Latin-1 but for these (WHATWG Encoding, index windows-1252).
fn from_windows(byte: u8) -> char {
    const HIGH: [char; 32] = [
        '€', '\u{81}', '‚', 'ƒ', '„', '…', '†', '‡', 'ˆ', '‰', 'Š', '‹', 'Œ', '\u{8d}', 'Ž', '\u{8f}', '\u{90}', '‘',
        '’', '“', '”', '•', '–', '—', '˜', '™', 'š', '›', 'œ', '\u{9d}', 'ž', 'Ÿ',
    ];
    let high = byte.checked_sub(0x80).and_then(|place| HIGH.get(usize::from(place)));
    high.copied().unwrap_or(char::from(byte))
}

/// Line ends as `\n`, outer white space gone: what a text area means.
#[must_use]
pub fn tidy_multiline(text: &str) -> String {
    text.replace("\r\n", "\n").replace('\r', "\n").trim().to_owned()
}

/// One line: every run of white space is one space, outer white space gone, NFC.
#[must_use]
pub fn tidy_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").nfc().collect()
}

/// A person's name: one line in NFKC without invisible and direction characters (requirements D7).
/// Joiners stay where scripts and emoji need them, between other characters.
#[must_use]
pub fn tidy_name(text: &str) -> String {
    let plain: String = text.nfkc().filter(|c| !is_invisible(*c)).collect();
    let line = tidy_line(&plain);
    line.trim_matches(|c| c == '\u{200d}' || c == '\u{200c}').to_owned()
}

/// Direction overrides and isolates, zero-width spaces, fillers and other characters one cannot see.
#[must_use]
pub fn is_invisible(c: char) -> bool {
    matches!(c,
        '\u{00ad}' | '\u{034f}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{17b4}' | '\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{2800}' | '\u{3164}' | '\u{fff9}'..='\u{fffb}' | '\u{feff}'
        | '\u{ffa0}' | '\u{1d173}'..='\u{1d17a}' | '\u{e0000}'..='\u{e0fff}')
        || (c.is_control() && !matches!(c, '\t' | '\n' | '\r'))
}

/// The confusables skeleton of a name in lower case: equal for names that look alike (UTS 39).
#[must_use]
pub fn skeleton(name: &str) -> String {
    skeleton_of(&tidy_name(name).to_lowercase())
}

/// The same of the letters as they were written: a capital I looks like an l, its small letter does not.
#[must_use]
pub fn skeleton_as_written(name: &str) -> String {
    let alike: String = unicode_security::confusable_detection::skeleton(&tidy_name(name)).collect();
    skeleton_of(&alike.to_lowercase())
}

fn skeleton_of(name: &str) -> String {
    let skeleton: String = unicode_security::confusable_detection::skeleton(name).collect();
    skeleton.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect()
}

/// An e-mail address as typed and in the form that is unique and compared.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Email {
    /// As typed, trimmed.
    pub typed: String,
    /// NFKC, lower case, domain in punycode.
    pub canonical: String,
}

impl Email {
    /// Reads an address; `None` when mail could not be sent there. Quoted local parts and address
    /// literals are refused: nobody has one, and they are where header injection starts.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let typed = text.trim();
        if typed.len() > limits::EMAIL_CHARS_MAX || typed.chars().any(|c| c.is_whitespace() || c.is_control()) {
            return None;
        }
        let (local, domain) = typed.rsplit_once('@')?;
        let local_plain = !local.is_empty()
            && local.len() <= 64
            && !local.starts_with('.')
            && !local.ends_with('.')
            && !local.contains("..")
            && local.chars().all(|c| !c.is_ascii() || c.is_ascii_alphanumeric() || "!#$%&'*+/=?^_`{|}~.-".contains(c));
        if !local_plain || domain.ends_with('.') {
            return None;
        }
        let domain = match url::Host::parse(domain).ok()? {
            url::Host::Domain(domain) if is_mail_domain(&domain) => domain,
            _ => return None,
        };
        let local: String = local.nfkc().collect::<String>().to_lowercase();
        Some(Self { typed: typed.to_owned(), canonical: format!("{local}@{domain}") })
    }

    /// For notices and logs that people read: `r…k@mail.example`.
    #[must_use]
    pub fn masked(canonical: &str) -> String {
        let (local, domain) = canonical.rsplit_once('@').unwrap_or((canonical, ""));
        let mut chars = local.chars();
        let first = chars.next().map(String::from).unwrap_or_default();
        let last = chars.next_back().map(String::from).unwrap_or_default();
        format!("{first}…{last}@{domain}")
    }
}

fn is_mail_domain(domain: &str) -> bool {
    domain.len() <= 253 && domain.contains('.') && domain.split('.').all(|label| !label.is_empty() && label.len() <= 63)
}

/// A slug from a title in any script: lower-case letters and digits joined by hyphens, at most
/// `limits::SLUG_CHARS_MAX` long, cut at a word. Empty when nothing can be kept.
#[must_use]
pub fn slugify(title: &str) -> String {
    let plain = deunicode::deunicode(title).to_lowercase();
    let plain = plain.replace(['\'', '’'], "");
    let mut slug = String::new();
    for word in plain.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        let word = word.get(..limits::SLUG_CHARS_MAX.min(word.len())).unwrap_or(word);
        if slug.len() + 1 + word.len() > limits::SLUG_CHARS_MAX {
            break;
        }
        if !slug.is_empty() {
            slug.push('-');
        }
        slug.push_str(word);
    }
    slug
}

/// Whether a text is a slug as the database keeps it.
#[must_use]
pub fn is_slug(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= limits::SLUG_CHARS_MAX
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()))
}

/// The first characters of up to two words: what stands in an avatar.
#[must_use]
pub fn initials(name: &str) -> String {
    let titles = ["dr", "prof", "professor", "mr", "mrs", "ms"];
    let words: Vec<&str> = name
        .split_whitespace()
        .filter(|word| !titles.contains(&word.trim_end_matches('.').to_lowercase().as_str()))
        .collect();
    let first = words.first().or(name.split_whitespace().next().as_ref()).and_then(|word| word.graphemes(true).next());
    let last = (words.len() > 1).then(|| words.last().and_then(|word| word.graphemes(true).next())).flatten();
    [first, last].into_iter().flatten().collect::<String>().to_uppercase()
}

/// The first `chars` characters of a text, with an ellipsis when more follow.
#[must_use]
pub fn excerpt(text: &str, chars: usize) -> String {
    let line = tidy_line(text);
    if line.chars().count() <= chars {
        return line;
    }
    let cut: String = line.chars().take(chars).collect();
    let kept = cut.rsplit_once(' ').map_or(cut.as_str(), |(kept, _)| kept);
    format!("{}…", kept.trim_end_matches(['.', ',', ';', ':', ' ', '…']))
}

/// A whole number with commas between the thousands.
#[must_use]
pub fn grouped(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controls_are_seen_and_line_ends_are_not_controls() {
        assert!(has_control("a\0b") && has_control("\u{1b}[2J") && has_control("\u{7f}"));
        assert!(!has_control("one\r\ntwo\tthree é 漢 👩‍👧"));
    }

    #[test]
    fn files_of_several_encodings_are_read() {
        assert_eq!(decode("\u{feff}é".as_bytes()), "é");
        assert_eq!(decode(b"M\xfcller \x96 \x80"), "Müller – €");
        assert_eq!(decode(&[0xff, 0xfe, 0xe9, 0, 0x20, 0x20]), "é†");
        assert_eq!(decode(&[0xfe, 0xff, 0, 0xe9]), "é");
    }

    #[test]
    fn names_that_look_alike_have_one_skeleton() {
        let staff = skeleton("Dr Tomas Hale");
        for alike in
            ["Dr Tоmas Hale", "dr  tomas\u{200b} hale", "Dr. Tomas Hale", "Ｄr Tomas Hale", "Dr T\u{202e}omas Hale"]
        {
            assert_eq!(skeleton(alike), staff, "{alike:?}");
        }
        assert_ne!(skeleton("Dr Thomas Hale"), staff);
    }

    #[test]
    fn ordinary_scripts_keep_their_names() {
        for name in ["Zoë", "محمد", "דוד", "李小龍", "👩‍👧"] {
            assert_eq!(tidy_name(name), name.nfkc().collect::<String>());
        }
        assert_eq!(tidy_name("\u{200b}\u{2060}"), "");
        assert_eq!(tidy_name(" Ru\u{202e}th\n K. "), "Ruth K.");
    }

    #[test]
    fn addresses_are_compared_in_one_form() {
        let canonical = |text: &str| Email::parse(text).map(|email| email.canonical);
        assert_eq!(canonical(" Ruth.K@Mail.Example "), Some("ruth.k@mail.example".into()));
        assert_eq!(canonical("a@bücher.example"), Some("a@xn--bcher-kva.example".into()));
        for wrong in [
            "",
            "a",
            "a@",
            "@b.example",
            "a@b",
            "a b@c.example",
            "a@b.example\r\nBcc: c@d.example",
            "\"a\"@b.example",
            "a@[127.0.0.1]",
            "a@127.0.0.1",
            "a..b@c.example",
            "a@b..example",
        ] {
            assert_eq!(canonical(wrong), None, "{wrong:?}");
        }
        assert_eq!(Email::masked("ruth.k@mail.example"), "r…k@mail.example");
    }

    #[test]
    fn slugs_come_from_any_script() {
        assert_eq!(slugify("Sleeping well on the night shift"), "sleeping-well-on-the-night-shift");
        assert_eq!(slugify("  Don’t panic: 3 am! "), "dont-panic-3-am");
        assert_eq!(slugify("Привет"), "privet");
        assert!(is_slug(&slugify(&"word ".repeat(80))));
        assert!(!is_slug("A") && !is_slug("-a") && !is_slug("a--b") && !is_slug(""));
    }

    #[test]
    fn initials_leave_titles_out() {
        assert_eq!(initials("Dr Tomas Hale"), "TH");
        assert_eq!(initials("ruth"), "R");
        assert_eq!(initials("Dele A."), "DA");
        assert_eq!(initials("Dr"), "D");
    }

    #[test]
    fn excerpts_end_at_a_word() {
        assert_eq!(excerpt("one two three", 9), "one two…");
        assert_eq!(excerpt("one two", 7), "one two");
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!((grouped(7), grouped(5_212), grouped(1_000_000)), ("7".into(), "5,212".into(), "1,000,000".into()));
    }
}
