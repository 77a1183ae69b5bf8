//! How a work is printed: the style of the mock-up's list, close to Vancouver and AMA.
//!
//! Everything comes as plain text in [`Span`]s, which templates print escaped; nothing here is HTML.

use crate::core::limits::AUTHORS_NAMED_MAX;
use crate::references::csl::{Date, Item, Name};
use crate::render::html::Address;

/// A stretch of a printed reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its text, not escaped.
    pub text: String,
    /// Whether it is set in italics: names of journals and books.
    pub italic: bool,
}

/// A work as the reference list and the popover print it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The whole reference: `Okafor R, Lindqvist M. Title. J Sample Sleep Med. 2021;14(2):101–112.`
    pub entry: Vec<Span>,
    /// The title alone, for the popover's first line.
    pub title: String,
    /// The reference without its title and last full stop, for the popover's second line.
    pub meta: Vec<Span>,
    /// Where it can be read, best first.
    pub links: Vec<SourceLink>,
}

/// A place where a work can be read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceLink {
    /// What kind of place.
    pub kind: SourceLinkKind,
    /// What the list prints: `PubMed`, `doi:10.1000/x`, `example.org`.
    pub label: String,
    /// Its address, http or https.
    pub url: String,
}

/// Kinds of places where a work can be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SourceLinkKind {
    /// PubMed's record.
    PubMed,
    /// The full text at PubMed Central.
    PubMedCentral,
    /// The publisher, through doi.org.
    Doi,
    /// Some site.
    Site,
}

impl SourceLinkKind {
    /// What the popover's short row prints; for a site its host, which is the link's own label.
    pub fn short(self) -> Option<&'static str> {
        match self {
            Self::PubMed => Some("PubMed"),
            Self::PubMedCentral => Some("Full text"),
            Self::Doi => Some("DOI"),
            Self::Site => None,
        }
    }
}

/// Prints a work.
pub fn print(item: &Item) -> Printed {
    let title = sentence(if item.title.trim().is_empty() { "Untitled" } else { &item.title });
    // A publisher that writes in its own name is named once, as the publisher.
    let authors = Some(people(&item.author)).filter(|authors| *authors != item.publisher).unwrap_or_default();
    let source = source(item);
    let mut entry = Line::default();
    entry.sentence(&authors);
    if prints_title_in_italics(item) {
        entry.italic_sentence(&title);
    } else {
        entry.sentence(&title);
    }
    entry.append(source.clone());
    entry.close();
    let mut meta = Line::default();
    meta.sentence(&authors);
    meta.append(source);
    Printed { entry: entry.spans, title, meta: meta.spans, links: links(item) }
}

/// The text of spans, joined.
pub fn plain(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

fn prints_title_in_italics(item: &Item) -> bool {
    matches!(item.kind.as_str(), "book" | "thesis") && item.container_title.is_empty()
}

/// What follows the title, without the last full stop.
fn source(item: &Item) -> Line {
    match item.kind.as_str() {
        "article-journal" | "article-magazine" | "article-newspaper" | "article" | "review" => journal(item),
        "chapter" | "paper-conference" | "entry-encyclopedia" | "entry-dictionary" => chapter(item),
        _ if !item.container_title.is_empty() && !item.volume.is_empty() => journal(item),
        _ => publication(item),
    }
}

/// `J Sample Sleep Med. 2021;14(2):101–112`
fn journal(item: &Item) -> Line {
    let mut line = Line::default();
    let name = if item.container_title_short.is_empty() { &item.container_title } else { &item.container_title_short };
    if name.is_empty() {
        return publication(item);
    }
    line.italic_sentence(name);
    let mut place = year(item);
    if !item.volume.is_empty() {
        place.push(';');
        place.push_str(&item.volume);
    }
    if !item.issue.is_empty() {
        place.push('(');
        place.push_str(&item.issue);
        place.push(')');
    }
    let pages = if item.page.is_empty() { &item.number } else { &item.page };
    if !pages.is_empty() {
        place.push(':');
        place.push_str(&pages.replace("--", "–").replace('-', "–"));
    }
    line.push(&place);
    line
}

/// `In: Cho H, editor. Book. 2nd ed. Place: Publisher; 2021. p. 4–8`
fn chapter(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() {
        let editors = people(&item.editor);
        let role = if item.editor.len() == 1 { "editor" } else { "editors" };
        line.push("In: ");
        if !editors.is_empty() {
            line.sentence(&format!("{editors}, {role}"));
        }
        line.italic_sentence(&item.container_title);
    }
    line.append(publication_place(item));
    if !item.page.is_empty() {
        line.sentence_break();
        line.push(&format!("p. {}", item.page.replace("--", "–").replace('-', "–")));
    }
    line
}

/// Books, reports, pages and everything else: `Sample Institute of Work; 2022. Accessed 4 May 2022`
fn publication(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.container_title.is_empty() && item.container_title != item.publisher {
        line.italic_sentence(&item.container_title);
    }
    line.append(publication_place(item));
    if let Some(accessed) = item.accessed.as_ref().and_then(date_in_words) {
        line.sentence_break();
        line.push(&format!("Accessed {accessed}"));
    }
    line
}

/// `2nd ed. Place: Publisher; 2022`
fn publication_place(item: &Item) -> Line {
    let mut line = Line::default();
    if !item.edition.is_empty() {
        line.sentence(&edition(&item.edition));
    }
    let publisher = match (item.publisher_place.is_empty(), item.publisher.is_empty()) {
        (false, false) => format!("{}: {}", item.publisher_place, item.publisher),
        (true, false) => item.publisher.clone(),
        (_, true) => String::new(),
    };
    let year = year(item);
    line.push(&match (publisher.is_empty(), year.is_empty()) {
        (false, false) => format!("{publisher}; {year}"),
        (false, true) => publisher,
        (true, _) => year,
    });
    line
}

fn edition(edition: &str) -> String {
    let Ok(number) = edition.trim().parse::<u32>() else {
        let edition = edition.trim().trim_end_matches('.');
        return if edition.ends_with("ed") { edition.to_owned() } else { format!("{edition} ed") };
    };
    let ending = match (number % 100, number % 10) {
        (11..=13, _) => "th",
        (_, 1) => "st",
        (_, 2) => "nd",
        (_, 3) => "rd",
        _ => "th",
    };
    format!("{number}{ending} ed")
}

fn year(item: &Item) -> String {
    match item.year() {
        Some(year) => year.to_string(),
        None if item.status.eq_ignore_ascii_case("in press") => "in press".to_owned(),
        None => String::new(),
    }
}

fn date_in_words(date: &Date) -> Option<String> {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let (year, month, day) = date.parts();
    let year = year.or_else(|| date.year())?;
    let month = month.and_then(|month| MONTHS.get(usize::try_from(month).ok()?.checked_sub(1)?));
    Some(match (month, day) {
        (Some(month), Some(day)) => format!("{day} {month} {year}"),
        (Some(month), None) => format!("{month} {year}"),
        (None, _) => year.to_string(),
    })
}

/// `Okafor R, Lindqvist M`; past [`AUTHORS_NAMED_MAX`] the rest are "and others".
fn people(names: &[Name]) -> String {
    let mut printed: Vec<String> =
        names.iter().take(AUTHORS_NAMED_MAX).map(person).filter(|name| !name.is_empty()).collect();
    if names.len() > AUTHORS_NAMED_MAX
        && let Some(last) = printed.last_mut()
    {
        last.push_str(" and others");
    }
    printed.join(", ")
}

/// Family name first, given names as initials.
fn person(name: &Name) -> String {
    if name.family.trim().is_empty() {
        let whole = if name.literal.trim().is_empty() { &name.given } else { &name.literal };
        return whole.trim().to_owned();
    }
    let mut parts = Vec::new();
    for particle in [&name.dropping_particle, &name.non_dropping_particle] {
        if !particle.trim().is_empty() {
            parts.push(particle.trim().to_owned());
        }
    }
    parts.push(name.family.trim().to_owned());
    let initials: String = name
        .given
        .split([' ', '-', '.', '\u{2010}', '\u{a0}'])
        .filter_map(|part| part.chars().next())
        .flat_map(char::to_uppercase)
        .collect();
    if !initials.is_empty() {
        parts.push(initials);
    }
    if !name.suffix.trim().is_empty() {
        parts.push(name.suffix.trim().to_owned());
    }
    parts.join(" ")
}

/// A title in one line without its last full stop.
fn sentence(text: &str) -> String {
    let line = text.split_whitespace().collect::<Vec<_>>().join(" ");
    line.strip_suffix('.').filter(|rest| !rest.ends_with('.')).unwrap_or(&line).to_owned()
}

/// Where a work can be read, best first: PubMed, the full text, the publisher, a site. A site's address that only
/// repeats one of the others is left out.
fn links(item: &Item) -> Vec<SourceLink> {
    let mut links = Vec::new();
    let mut add = |kind, label: String, url: String| links.push(SourceLink { kind, label, url });
    if let Some(pmid) = item.pmid() {
        add(SourceLinkKind::PubMed, "PubMed".to_owned(), format!("https://pubmed.ncbi.nlm.nih.gov/{pmid}/"));
    }
    if let Some(pmcid) = item.pmcid() {
        let url = format!("https://pmc.ncbi.nlm.nih.gov/articles/{pmcid}/");
        add(SourceLinkKind::PubMedCentral, "Full text".to_owned(), url);
    }
    if let Some(doi) = item.doi() {
        add(SourceLinkKind::Doi, format!("doi:{doi}"), doi_address(&doi));
    }
    if let Some(Address::Web(url)) = Address::parse(&item.url)
        && let Some(host) = url.host_str()
        && !(host.ends_with("doi.org") || host.ends_with("ncbi.nlm.nih.gov"))
    {
        let label = host.strip_prefix("www.").unwrap_or(host).to_owned();
        add(SourceLinkKind::Site, label, url.as_str().to_owned());
    }
    links
}

/// The address of a DOI, with what an address cannot hold escaped.
fn doi_address(doi: &str) -> String {
    const KEPT: &percent_encoding::AsciiSet =
        &percent_encoding::CONTROLS.add(b' ').add(b'"').add(b'<').add(b'>').add(b'#').add(b'?').add(b'%').add(b'`');
    format!("https://doi.org/{}", percent_encoding::utf8_percent_encode(doi, KEPT))
}

/// Sentences being put together from spans.
#[derive(Debug, Clone, Default)]
struct Line {
    spans: Vec<Span>,
}

impl Line {
    fn push(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        match self.spans.last_mut() {
            Some(last) if !last.italic => last.text.push_str(text),
            _ => self.spans.push(Span { text: text.to_owned(), italic: false }),
        }
    }

    /// Text and, where it does not end in a mark of its own, a full stop and a space.
    fn sentence(&mut self, text: &str) {
        self.push(text);
        if !text.is_empty() {
            self.sentence_break();
        }
    }

    fn italic_sentence(&mut self, text: &str) {
        if text.is_empty() {
            return;
        }
        self.spans.push(Span { text: text.to_owned(), italic: true });
        self.sentence_break();
    }

    fn ends_in(&self, marks: &[char]) -> bool {
        self.spans.last().is_some_and(|span| span.text.trim_end().ends_with(marks))
    }

    fn sentence_break(&mut self) {
        if self.spans.is_empty() || self.spans.last().is_some_and(|span| span.text.ends_with(' ')) {
            return;
        }
        self.push(if self.ends_in(&['.', '?', '!', '…']) { " " } else { ". " });
    }

    fn append(&mut self, other: Self) {
        for span in other.spans {
            if span.italic { self.spans.push(span) } else { self.push(&span.text) }
        }
        self.trim();
    }

    /// Takes an open sentence break back.
    fn trim(&mut self) {
        if let Some(last) = self.spans.last_mut() {
            let kept = last.text.trim_end().len();
            last.text.truncate(kept);
            if last.text.ends_with('.') && !last.italic {
                last.text.pop();
            }
            if last.text.is_empty() {
                self.spans.pop();
            }
        }
    }

    /// Ends the last sentence.
    fn close(&mut self) {
        self.sentence_break();
        if let Some(last) = self.spans.last_mut() {
            let kept = last.text.trim_end().len();
            last.text.truncate(kept);
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::json;

    use super::*;

    fn printed(value: serde_json::Value) -> Printed {
        print(&serde_json::from_value::<Item>(value).unwrap())
    }

    fn marked(spans: &[Span]) -> String {
        spans.iter().map(|span| if span.italic { format!("<i>{}</i>", span.text) } else { span.text.clone() }).collect()
    }

    fn journal_article() -> serde_json::Value {
        json!({
            "type": "article-journal", "title": "Phase shifting under a fixed rotating roster: a pooled analysis.",
            "author": [{"family": "Okafor", "given": "Rose"}, {"family": "Lindqvist", "given": "M."}],
            "container-title": "Journal of Sample Sleep Medicine", "container-title-short": "J Sample Sleep Med",
            "issued": {"date-parts": [[2021, 5]]}, "volume": 14, "issue": "2", "page": "101-112",
            "DOI": "10.0000/SAMPLE.4", "PMID": "99000101", "URL": "https://doi.org/10.0000/sample.4"
        })
    }

    #[test]
    fn a_journal_article_is_printed_as_in_the_mock_up() {
        let printed = printed(journal_article());
        assert_eq!(
            marked(&printed.entry),
            "Okafor R, Lindqvist M. Phase shifting under a fixed rotating roster: a pooled analysis. \
             <i>J Sample Sleep Med</i>. 2021;14(2):101–112."
        );
        assert_eq!(printed.title, "Phase shifting under a fixed rotating roster: a pooled analysis");
        assert_eq!(marked(&printed.meta), "Okafor R, Lindqvist M. <i>J Sample Sleep Med</i>. 2021;14(2):101–112");
        let links: Vec<(&str, &str)> =
            printed.links.iter().map(|link| (link.label.as_str(), link.url.as_str())).collect();
        assert_eq!(
            links,
            [
                ("PubMed", "https://pubmed.ncbi.nlm.nih.gov/99000101/"),
                ("doi:10.0000/sample.4", "https://doi.org/10.0000/sample.4")
            ]
        );
    }

    #[test]
    fn reports_pages_books_and_chapters_are_printed() {
        for (value, expected) in [
            (
                json!({"type": "report", "title": "Reaction time and hours awake: data brief", "publisher": "Sample Institute of Work",
                       "issued": {"date-parts": [[2022]]}}),
                "Reaction time and hours awake: data brief. Sample Institute of Work; 2022.",
            ),
            (
                json!({"type": "webpage", "title": "How long does it last?", "container-title": "Sample Site",
                       "issued": {"date-parts": [[2020]]}, "accessed": {"date-parts": [[2022, 5, 4]]}, "URL": "https://www.sample.example/x"}),
                "How long does it last? <i>Sample Site</i>. 2020. Accessed 4 May 2022.",
            ),
            (
                json!({"type": "book", "title": "Night", "author": [{"literal": "Sample Society"}], "edition": 2,
                       "publisher": "Sample Press", "publisher-place": "Leeds", "issued": {"date-parts": [[1999]]}}),
                "Sample Society. <i>Night</i>. 2nd ed. Leeds: Sample Press; 1999.",
            ),
            (
                json!({"type": "chapter", "title": "Light", "author": [{"family": "Berg", "given": "Jean-Luc", "non-dropping-particle": "van den", "suffix": "Jr"}],
                       "editor": [{"family": "Cho", "given": "Hana"}], "container-title": "The Book", "publisher": "P",
                       "issued": {"date-parts": [[2001]]}, "page": "4-8"}),
                "van den Berg JL Jr. Light. In: Cho H, editor. <i>The Book</i>. P; 2001. p. 4–8.",
            ),
            (
                json!({"type": "report", "title": "Light", "author": [{"literal": "Society"}], "publisher": "Society"}),
                "Light. Society.",
            ),
            (json!({"title": ""}), "Untitled."),
            (json!({"type": "article-journal", "title": "Alone", "container-title": "J"}), "Alone. <i>J</i>."),
        ] {
            assert_eq!(marked(&printed(value).entry), expected);
        }
    }

    #[test]
    fn seven_authors_are_six_and_others() {
        let authors: Vec<_> = (b'A'..=b'G').map(|name| json!({"family": char::from(name).to_string()})).collect();
        let entry = plain(&printed(json!({"title": "T", "author": authors})).entry);
        assert_eq!(entry, "A, B, C, D, E, F and others. T.");
    }

    #[test]
    fn links_are_only_web_addresses() {
        let links = |url: &str| printed(json!({"title": "T", "URL": url})).links;
        assert!(links("javascript:alert(1)").is_empty());
        assert_eq!(links("https://www.sample.example/x").first().unwrap().label, "sample.example");
        let odd = printed(json!({"title": "T", "DOI": "10.1002/(SICI)16<1661::AID>3.0.CO;2-2"})).links;
        assert_eq!(odd.first().unwrap().url, "https://doi.org/10.1002/(sici)16%3C1661::aid%3E3.0.co;2-2");
    }
}
