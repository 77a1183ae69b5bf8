//! How a work is printed, in the style the site has chosen (decisions in src/README.md say why without a CSL library).
//!
//! Everything comes as plain text in [`Span`]s, which templates print escaped; nothing here is HTML. DOI, PubMed number
//! and address are never in the text: they stand beside it as [`Printed::links`], whatever the style.

mod ama;
mod apa;
mod pieces;
mod vancouver;

use crate::core::status::CitationStyle;
use crate::references::csl::Item;
use crate::references::style::pieces::{Line, sentence};
use crate::render::html::Address;

/// A stretch of a printed reference.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Span {
    /// Its text, not escaped.
    pub text: String,
    /// Whether it is set in italics: names of journals and books.
    pub italic: bool,
    /// Whether it is the title of the work itself.
    pub title: bool,
}

/// A work as the reference list and the popover print it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Printed {
    /// The whole reference in the site's style, without its identifiers: `links` has them.
    pub entry: Vec<Span>,
    /// The title alone, for the popover's first line.
    pub title: String,
    /// People and source without the title and the last full stop, for lists at the desk.
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
#[must_use]
pub fn print(item: &Item, style: CitationStyle) -> Printed {
    let parts = match style {
        CitationStyle::Ama => ama::print(item),
        CitationStyle::Vancouver => vancouver::print(item),
        CitationStyle::Apa => apa::print(item),
    };
    let title = title(item);
    Printed { entry: parts.entry.spans, title, meta: parts.meta.spans, links: links(item) }
}

/// The title in one line, as lists and search engines show it.
#[must_use]
pub fn title(item: &Item) -> String {
    sentence(if item.title.trim().is_empty() { "Untitled" } else { &item.title })
}

/// A reference and the same without its title.
struct Parts {
    entry: Line,
    meta: Line,
}

impl Parts {
    /// `People. Title medium. Source.`, the frame of AMA and Vancouver. `names` is empty where nobody is named.
    fn framed(names: &str, title: impl FnOnce(&mut Line), medium: &str, source: Line) -> Self {
        let mut entry = Line::default();
        entry.sentence(names);
        title(&mut entry);
        entry.push(medium);
        entry.sentence_break();
        entry.append(source.clone());
        entry.close();
        let mut meta = Line::default();
        meta.sentence(names);
        meta.append(source);
        Self { entry, meta }
    }
}

/// The text of spans, joined.
#[must_use]
pub fn plain(spans: &[Span]) -> String {
    spans.iter().map(|span| span.text.as_str()).collect()
}

/// Where a work can be read, best first: PubMed, the full text, the publisher, a site. A site's address that only
/// repeats one of the others is left out.
#[must_use]
pub fn links(item: &Item) -> Vec<SourceLink> {
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

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use serde_json::{Value, json};

    use super::*;

    fn printed(value: Value, style: CitationStyle) -> String {
        let item: Item = serde_json::from_value(value).unwrap();
        let spans = print(&item, style).entry;
        spans.iter().map(|span| if span.italic { format!("<i>{}</i>", span.text) } else { span.text.clone() }).collect()
    }

    /// One work in AMA, Vancouver and APA.
    fn is(value: &Value, ama: &str, vancouver: &str, apa: &str) {
        for (style, expected) in
            [(CitationStyle::Ama, ama), (CitationStyle::Vancouver, vancouver), (CitationStyle::Apa, apa)]
        {
            assert_eq!(printed(value.clone(), style), expected, "{style}");
        }
    }

    fn journal_article() -> Value {
        json!({
            "type": "article-journal", "title": "Phase shifting under a fixed rotating roster: a pooled analysis.",
            "author": [{"family": "Okafor", "given": "Rose M."}, {"family": "Lindqvist", "given": "Mia"}],
            "container-title": "Journal of Sample Sleep Medicine", "container-title-short": "J Sample Sleep Med",
            "issued": {"date-parts": [[2021, 5, 3]]}, "volume": 14, "issue": "2", "page": "101-112",
            "DOI": "10.0000/SAMPLE.4", "PMID": "99000101", "URL": "https://doi.org/10.0000/sample.4"
        })
    }

    #[test]
    fn a_journal_article_is_printed_in_every_style() {
        is(
            &journal_article(),
            "Okafor RM, Lindqvist M. Phase shifting under a fixed rotating roster: a pooled analysis. <i>J Sample Sleep Med</i>. 2021;14(2):101–112.",
            "Okafor RM, Lindqvist M. Phase shifting under a fixed rotating roster: a pooled analysis. J Sample Sleep Med. 2021 May 3;14(2):101–12.",
            "Okafor, R. M., & Lindqvist, M. (2021). Phase shifting under a fixed rotating roster: a pooled analysis. <i>Journal of Sample Sleep Medicine</i>, <i>14</i>(2), 101–112.",
        );
        let item: Item = serde_json::from_value(journal_article()).unwrap();
        let printed = print(&item, CitationStyle::Ama);
        assert_eq!(printed.title, "Phase shifting under a fixed rotating roster: a pooled analysis");
        assert_eq!(plain(&printed.meta), "Okafor RM, Lindqvist M. J Sample Sleep Med. 2021;14(2):101–112");
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
    fn books_and_chapters_are_printed_in_every_style() {
        is(
            &json!({"type": "book", "title": "Night", "author": [{"literal": "Sample Society"}], "edition": 2,
                    "publisher": "Sample Press", "publisher-place": "Leeds", "issued": {"date-parts": [[1999]]}}),
            "Sample Society. <i>Night</i>. 2nd ed. Sample Press; 1999.",
            "Sample Society. Night. 2nd ed. Leeds: Sample Press; 1999.",
            "Sample Society. (1999). <i>Night</i> (2nd ed.). Sample Press.",
        );
        is(
            &json!({"type": "chapter", "title": "Light", "author": [{"family": "Berg", "given": "Jean-Luc", "non-dropping-particle": "van den", "suffix": "Jr"}],
                    "editor": [{"family": "Cho", "given": "Hana"}], "container-title": "The Book", "publisher": "P",
                    "issued": {"date-parts": [[2001]]}, "page": "4-8"}),
            "van den Berg JL Jr. Light. In: Cho H, ed. <i>The Book</i>. P; 2001:4–8.",
            "van den Berg JL Jr. Light. In: Cho H, editor. The Book. P; 2001. p. 4–8.",
            "van den Berg, J.-L., Jr. (2001). Light. In H. Cho (Ed.), <i>The Book</i> (pp. 4–8). P.",
        );
        is(
            &json!({"type": "book", "title": "Night?", "editor": [{"family": "Cho", "given": "Hana"}, {"family": "Ito", "given": "Ken"}],
                    "publisher": "P", "issued": {"date-parts": [[2001]]}}),
            "Cho H, Ito K, eds. <i>Night?</i> P; 2001.",
            "Cho H, Ito K, editors. Night? P; 2001.",
            "Cho, H., & Ito, K. (Eds.). (2001). <i>Night?</i> P.",
        );
    }

    #[test]
    fn reports_theses_and_pages_are_printed_in_every_style() {
        is(
            &json!({"type": "report", "title": "Reaction time and hours awake", "author": [{"literal": "Sample Institute of Work"}],
                    "publisher": "Sample Institute of Work", "number": "7", "issued": {"date-parts": [[2022]]}}),
            "<i>Reaction time and hours awake</i>. Sample Institute of Work; 2022. Report No. 7.",
            "Reaction time and hours awake. Sample Institute of Work; 2022. Report No.: 7.",
            "Sample Institute of Work. (2022). <i>Reaction time and hours awake</i> (Report No. 7).",
        );
        is(
            &json!({"type": "thesis", "title": "On waking", "author": [{"family": "Lee", "given": "Ann"}],
                    "publisher": "Sample University", "issued": {"date-parts": [[2019]]}}),
            "Lee A. <i>On waking</i>. Thesis. Sample University; 2019.",
            "Lee A. On waking [thesis]. Sample University; 2019.",
            "Lee, A. (2019). <i>On waking</i> [Thesis, Sample University].",
        );
        is(
            &json!({"type": "webpage", "title": "How long does it last?", "container-title": "Sample Site",
                    "issued": {"date-parts": [[2020, 2]]}, "accessed": {"date-parts": [[2022, 5, 4]]}, "URL": "https://www.sample.example/x"}),
            "How long does it last? Sample Site. Published February 2020. Accessed May 4, 2022.",
            "How long does it last? [Internet]. Sample Site; 2020 Feb [cited 2022 May 4].",
            "<i>How long does it last?</i> (2020, February). Sample Site. Retrieved May 4, 2022.",
        );
    }

    #[test]
    fn what_is_not_known_leaves_no_stray_signs() {
        is(&json!({"title": ""}), "Untitled.", "Untitled.", "<i>Untitled</i>. (n.d.).");
        is(
            &json!({"type": "article-journal", "title": "Alone", "container-title": "J"}),
            "Alone. <i>J</i>.",
            "Alone. J.",
            "Alone. (n.d.). <i>J</i>.",
        );
        is(
            &json!({"type": "article-journal", "title": "Soon", "container-title": "J", "status": "in press", "number": "e7", "volume": "3"}),
            "Soon. <i>J</i>. In press;3:e7.",
            "Soon. J. In press;3:e7.",
            "Soon. (in press). <i>J</i>, <i>3</i>, Article e7.",
        );
        is(
            &json!({"type": "report", "title": "Light", "publisher": "Society", "author": [{"literal": "Society"}]}),
            "<i>Light</i>. Society.",
            "Light. Society.",
            "Society. (n.d.). <i>Light</i>.",
        );
    }

    #[test]
    fn long_lists_of_authors_are_cut_as_each_style_says() {
        let people = |count: u8| -> Vec<Value> {
            (0..count).map(|at| json!({"family": char::from(b'A' + at).to_string(), "given": "X"})).collect()
        };
        let work =
            |count| json!({"title": "T", "type": "book", "author": people(count), "issued": {"date-parts": [[2020]]}});
        is(
            &work(7),
            "A X, B X, C X, et al. <i>T</i>. 2020.",
            "A X, B X, C X, D X, E X, F X, et al. T. 2020.",
            "A, X., B, X., C, X., D, X., E, X., F, X., & G, X. (2020). <i>T</i>.",
        );
        let many = printed(work(22), CitationStyle::Apa);
        assert!(many.contains("S, X., … V, X. (2020)"), "{many}");
    }

    #[test]
    fn links_are_only_web_addresses() {
        let links = |value: Value| links(&serde_json::from_value::<Item>(value).unwrap());
        assert!(links(json!({"title": "T", "URL": "javascript:alert(1)"})).is_empty());
        let site = links(json!({"title": "T", "URL": "https://www.sample.example/x"}));
        assert_eq!(site.first().unwrap().label, "sample.example");
        let odd = links(json!({"title": "T", "DOI": "10.1002/(SICI)16<1661::AID>3.0.CO;2-2"}));
        assert_eq!(odd.first().unwrap().url, "https://doi.org/10.1002/(sici)16%3C1661::aid%3E3.0.co;2-2");
    }
}
