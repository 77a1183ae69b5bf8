//! Writing HTML: escaping, and which addresses may stand in a link.

use url::Url;

/// Appends `text` with the five characters of HTML escaped, so that it is safe as text and inside a quoted
/// attribute.
pub fn push_escaped(out: &mut String, text: &str) {
    for char in text.chars() {
        match char {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\0' => out.push('\u{FFFD}'),
            _ => out.push(char),
        }
    }
}

/// A text with the five characters of HTML escaped.
#[must_use]
pub fn escaped(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 16);
    push_escaped(&mut out, text);
    out
}

/// Appends ` name="value"` with the value escaped.
pub fn push_attribute(out: &mut String, name: &str, value: &str) {
    out.push(' ');
    out.push_str(name);
    out.push_str("=\"");
    push_escaped(out, value);
    out.push('"');
}

/// Whether `char` turns the direction of the text around it: embeddings, overrides and isolates (requirements S4).
/// The plain marks (LRM, RLM, ALM) stay; they turn nothing but themselves.
pub fn is_bidi_control(char: char) -> bool {
    matches!(char, '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

/// An address somebody wrote into a link.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// http or https, normalised: host in punycode and lower case.
    Web(Url),
    /// A mailto address.
    Mail(Url),
    /// A path on this site, as written: `/slug`, with query and fragment.
    Path(String),
    /// A place on the same page, without the `#`.
    Fragment(String),
}

impl Address {
    /// Reads an address the way browsers would, and refuses what is not on the list above (requirements D2): other
    /// schemes, `//host`, relative paths, anything with control characters, spaces or backslashes in a local path,
    /// and web addresses with a user name in them, which are only good for deceiving.
    pub fn parse(text: &str) -> Option<Self> {
        let text = text.trim();
        if text.chars().any(|char| char.is_control() || is_bidi_control(char)) {
            return None;
        }
        if let Some(fragment) = text.strip_prefix('#') {
            return is_local(fragment).then(|| Self::Fragment(fragment.to_owned()));
        }
        if text.starts_with('/') {
            return (!text.starts_with("//") && is_local(text)).then(|| Self::Path(text.to_owned()));
        }
        let url = Url::parse(text).ok()?;
        match url.scheme() {
            "http" | "https" if url.username().is_empty() && url.password().is_none() => Some(Self::Web(url)),
            "mailto" if url.path().contains('@') => Some(Self::Mail(url)),
            _ => None,
        }
    }

    /// What goes into `href`.
    pub fn href(&self) -> String {
        match self {
            Self::Web(url) | Self::Mail(url) => url.as_str().to_owned(),
            Self::Path(path) => path.clone(),
            Self::Fragment(fragment) => format!("#{fragment}"),
        }
    }
}

/// No character a browser would drop or read as a slash.
fn is_local(text: &str) -> bool {
    !text.is_empty() && !text.chars().any(|char| char.is_whitespace() || char == '\\' || char == '<' || char == '>')
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn only_the_listed_kinds_of_address_are_read() {
        for good in [
            "https://example.org/a?b=c#d",
            "http://example.org",
            "mailto:a@example.org",
            "/night-shift",
            "/a#b",
            "#light",
        ] {
            assert!(Address::parse(good).is_some(), "{good}");
        }
        for bad in [
            "javascript:alert(1)",
            "JaVaScRiPt:alert(1)",
            "java\nscript:alert(1)",
            "\u{1}javascript:alert(1)",
            "data:text/html,x",
            "vbscript:x",
            "//evil.example/x",
            "/\\evil.example",
            "/\t/evil.example",
            "evil.example/x",
            "./x",
            "",
            "#",
            "ftp://example.org",
            "file:///etc/passwd",
            "https://bank.example@evil.example/",
            "mailto:",
            "https://",
        ] {
            assert!(Address::parse(bad).is_none(), "{bad:?}");
        }
    }

    #[test]
    fn hosts_are_normalised() {
        let Some(Address::Web(url)) = Address::parse("HTTPS://EXÄMPLE.org/A") else { panic!("not a web address") };
        assert_eq!(url.host_str(), Some("xn--exmple-cua.org"));
    }
}
