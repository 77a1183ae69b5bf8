//! An article as large as they get, and one with every fault the checks know, both through the desk's forms.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use reqwest::StatusCode;
use scraper::{ElementRef, Html, Selector};
use serde_json::{Value, json};
use stet::core::status::Role;
use stet::media::store::MediaStore;
use stet::media::upload::{self, NewMedia};

use super::{press, published, typed};
use crate::support::browser::{Browser, Page};
use crate::support::conversation::sql;
use crate::support::people::Member;
use crate::support::site::Site;

const WORKS: usize = 91;
const GROUPS: usize = 27;
const TABLES: usize = 6;

/// The work that gets number `number`: another order than that of the library.
fn key(number: usize) -> String {
    format!("work{:02}", (number - 1) * 37 % WORKS)
}

/// The groups of the large article: 91 works in 27 groups, and the first of them cited in two more.
fn groups() -> Vec<String> {
    let mut numbers = 1..=WORKS;
    (0..GROUPS)
        .map(|group| {
            let size = if group < 10 { 4 } else { 3 };
            let mut keys: Vec<String> = numbers.by_ref().take(size).map(key).collect();
            if group == 5 || group == 9 {
                keys.push(key(1));
            }
            format!("[{}]", keys.iter().map(|key| format!("@{key}")).collect::<Vec<_>>().join("; "))
        })
        .collect()
}

/// Six sections, each with its groups in the text and a table with two more: in cells of running text, or in a column
/// of their own.
fn large() -> String {
    let mut groups = groups().into_iter();
    let mut next = || groups.next().unwrap();
    let mut body = String::from("What people who work at night can do, and how well we know it.\n\n");
    for section in 0..TABLES {
        write!(body, "## Part {section} of the question\n\n").unwrap();
        for sentence in 0..if section < 3 { 3 } else { 2 } {
            write!(body, "Finding {sentence} of part {section} was seen again {}.\n\n", next()).unwrap();
        }
        if section < 2 {
            write!(body, "![A line that falls at four in the morning](media:1 \"Alertness. Hour by hour.\")\n\n")
                .unwrap();
        }
        write!(body, "Table: Measures of part {section}\n\n").unwrap();
        if section % 2 == 0 {
            write!(
                body,
                "| Measure | Effect |\n|---|---|\n| Light | 24 minutes more {} |\n| Naps | Safer {} |\n\n",
                next(),
                next()
            )
            .unwrap();
        } else {
            write!(
                body,
                "| Measure | Effect | Sources |\n|---|---|---|\n| Light | 24 minutes | {} |\n| Naps | Safer | {} |\n\n",
                next(),
                next()
            )
            .unwrap();
        }
    }
    assert!(groups.next().is_none(), "every group is in the text");
    body.push_str(
        "> [!CAUTION]\n> Stop before you nod off.\n\n\
         ::: product\nname: Amber glasses\nprice: £18\nurl: https://shop.example/glasses\nimage: media:1\n:::\n\n\
         ::: product\nname: Eye mask\nurl: https://shop.example/mask\n:::\n\n\
         ::: action\nheading: Want a second pair of eyes?\ntext: We plan rotations with you.\nbutton: Book\nurl: https://clinic.example/\n:::\n",
    );
    body
}

async fn picture(site: &Site, member: &Member, name: &str, alt: Option<&str>) -> i64 {
    // Files are kept once by their bytes: each has its name in it.
    let drawing = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 40 20\"><title>{name}</title><path d=\"M0 0\"/></svg>"
    );
    let drawing = upload::clean(drawing.as_bytes()).unwrap();
    let store = MediaStore::new(site.data.path());
    let actor = site.session(member).await.actor();
    let what = NewMedia { name, alt, ..NewMedia::default() };
    site.app.db.transact(async |tx| upload::add(tx, actor, &store, &drawing, what).await).await.unwrap().0
}

fn select<'h>(html: &'h Html, selector: &str) -> Vec<ElementRef<'h>> {
    html.select(&Selector::parse(selector).unwrap()).collect()
}

/// The numbers a mark stands for: "4", or "4–8".
fn numbers(mark: ElementRef<'_>) -> Vec<usize> {
    let text: String = mark.text().collect();
    let (first, last) = text.split_once('–').unwrap_or((&text, &text));
    (first.parse().unwrap()..=last.parse().unwrap()).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_of_91_works_in_27_groups_is_published_without_html_and_every_mark_leads_there_and_back() {
    let site = Site::start().await;
    let member = site.member("Miriam Achebe", Role::Editor).await;
    let browser = site.signed_in(&member).await;
    assert_eq!(picture(&site, &member, "alertness.svg", Some("A line")).await, 1);
    sql(&site, "insert into topics (slug, name, created_at) values ('sleep', 'Sleep', now())").await;
    let library: Vec<Value> = (0..WORKS)
        .map(|work| {
            json!({ "id": format!("work{work:02}"), "type": "article-journal", "title": format!("Night study number {work:02}"),
                    "author": [{ "family": "Sample", "given": "A." }], "container-title": "J Sample Sleep Med",
                    "issued": { "date-parts": [[2000 + work % 26]] }, "DOI": format!("10.0000/sample.{work}") })
        })
        .collect();
    let form = browser.get("/desk/references/import").await.form("main form");
    let page = browser.submit(&form.fill("text", &Value::from(library).to_string())).await;
    assert_eq!(page.text_at("#report-h"), "CSL-JSON: 91 new, 0 merged, 0 refused");

    let body = large();
    assert!(!body.contains('<'), "there is no HTML in it");
    let form = typed(&browser, "Sleeping well on the night shift", &body)
        .await
        .fill("takeaways", "Keep an anchor.\nDim the light.\nNap before the first night.\nDrive rested.")
        .fill("topic", "1");
    let saved = press(&browser, form, "version").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER, "{}", saved.text);
    let desk = browser.get(&saved.location().unwrap()).await;
    assert!(!desk.has(".lint li"), "nothing to mend: {:?}", desk.texts(".lint li"));
    let sent = press(&browser, desk.form("form.desk"), "publish").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);

    let page = site.browser().get("/sleeping-well-on-the-night-shift").await;
    let html = page.html();
    let ids: BTreeSet<&str> = select(&html, "[id]").iter().map(|element| element.attr("id").unwrap()).collect();
    assert_eq!(select(&html, "[id]").len(), ids.len(), "no id stands twice");
    let entries = select(&html, "#refs ol > li[id]");
    assert_eq!(entries.len(), WORKS);
    for (entry, number) in entries.iter().zip(1..) {
        assert_eq!(entry.attr("id").unwrap(), format!("r{number}"));
        let text: String = entry.text().collect();
        let work = key(number).replace("work", "Night study number ");
        assert!(text.contains(&work), "{number} is {work}: {text}");
    }
    let marks = select(&html, ".prose a[role=doc-noteref]");
    let mut seen = Vec::new();
    for mark in &marks {
        let (id, numbers) = (mark.attr("id").unwrap(), numbers(*mark));
        assert_eq!(mark.attr("href").unwrap(), format!("#r{}", numbers[0]), "{id}");
        for number in numbers {
            let back = format!("a[href='#{id}']");
            assert_eq!(
                entries[number - 1].select(&Selector::parse(&back).unwrap()).count(),
                1,
                "{number} leads back to {id}"
            );
            if !seen.contains(&number) {
                seen.push(number);
            }
        }
    }
    assert_eq!(seen, (1..=WORKS).collect::<Vec<_>>(), "numbers in order of first use");
    let back = select(&html, "#refs ol > li .refs__back a");
    assert!(back.iter().all(|link| ids.contains(link.attr("href").unwrap().trim_start_matches('#'))));
    assert!(back.len() >= WORKS + 2);
    assert_eq!(page.texts("#r1 .refs__back a"), ["a", "b", "c"], "the first work is cited three times");
    let plain: BTreeSet<_> =
        select(&html, ".prose td > a[role=doc-noteref]").iter().map(|link| link.parent().unwrap().id()).collect();
    assert_eq!(select(&html, ".prose .cite").len() + plain.len(), GROUPS);
    assert_eq!((plain.len(), select(&html, ".prose td .cite a").len() >= 6), (6, true), "in cells of both kinds");
    assert_eq!(select(&html, ".prose table").len(), TABLES);
    assert_eq!(page.texts(".takeaways li").len(), 4);
    assert_eq!(select(&html, ".prose figure img[alt]").len(), 2);
    assert_eq!(page.texts(".shop__list b"), ["Amber glasses", "Eye mask"]);
    assert_eq!(page.text_at(".help h2"), "Want a second pair of eyes?");
    let links: Vec<&str> = select(&html, "a[href^='#']").iter().map(|link| link.attr("href").unwrap()).collect();
    let lost: Vec<&&str> = links.iter().filter(|link| !ids.contains(link.trim_start_matches('#'))).collect();
    assert!(lost.is_empty(), "{lost:?}");
}

type Faults<'a> = &'a [(&'static str, &'a str)];
type Planted = Vec<(String, Vec<(&'static str, String)>)>;

/// Adds lines, each with the kinds of faults planted in it and what they are about; then an empty one.
fn put(lines: &mut Planted, block: &[(&str, Faults<'_>)]) {
    for (line, faults) in block {
        lines.push(((*line).to_owned(), faults.iter().map(|(code, about)| (*code, (*about).to_owned())).collect()));
    }
    lines.push((String::new(), Vec::new()));
}

/// The second article, line by line. A source in the list that is never cited is the one fault no article can have.
/// Those that are about no line stand in [`ABOUT_THE_WHOLE`].
fn planted() -> Planted {
    let mut lines = Planted::new();
    let paragraphs: [(&str, Faults<'_>); 17] = [
        ("# Too high", &[("heading.level", "Too high")]),
        ("#### Skipped", &[("heading.skipped", "Skipped")]),
        ("A claim [@nobody2020].", &[("citation.unresolved", "nobody2020")]),
        ("Two of one work [@one; @twin].", &[("source.duplicate", "twin")]),
        (
            "Bad names [@baddoi], [@badpmid] and [@nolink].",
            &[("source.doi", "baddoi"), ("source.pmid", "badpmid"), ("source.identifier", "nolink")],
        ),
        (
            "Thin ones [@bare; @hollow; @badge].",
            &[("source.incomplete", "bare"), ("source.empty", "hollow"), ("source.badge", "badge")],
        ),
        ("Taken back [@retracted].", &[("source.retracted", "retracted")]),
        ("Mice sleep [@mouse].", &[("claim.preclinical", "mouse")]),
        ("Typed by hand [12].", &[("citation.typed", "12")]),
        (
            "See [there](#nowhere), [here](/no-such-page) and [this](ftp://x.example/).",
            &[("link.fragment", "nowhere"), ("link.internal", "/no-such-page"), ("link.address", "ftp://x.example/")],
        ),
        ("Raw <wbr> text.", &[("html.raw", "<wbr>")]),
        ("> [!DANGER] Do not.", &[("callout.unknown", "DANGER")]),
        ("![](media:1)", &[("image.undescribed", "media:1")]),
        ("![Far](https://other.example/a.png)", &[("image.address", "https://other.example/a.png")]),
        ("![Gone](media:99)", &[("image.missing", "media:99")]),
        ("![Drawn](media:1){tall}", &[("image.word", "tall")]),
        ("A ![small](media:1) picture in the text.", &[("image.inline", "media:1")]),
    ];
    for paragraph in paragraphs {
        put(&mut lines, &[paragraph]);
    }
    plant_tables(&mut lines);
    plant_blocks(&mut lines);
    put(&mut lines, &[("::: accordion Never closed", &[("container.unclosed", "accordion")]), ("The end.", &[])]);
    lines
}

fn plant_tables(lines: &mut Planted) {
    put(lines, &[("Table: Wide", &[])]);
    let wide = "| A | B | C | D | E | F | G | H | I |";
    put(
        lines,
        &[
            (wide, &[("table.wide", "9")]),
            ("|---|---|---|---|---|---|---|---|---|", &[]),
            ("| 1 | 2 | 3 | 4 | 5 | 6 | 7 | 8 | 9 |", &[]),
        ],
    );
    put(lines, &[("Table: Long", &[])]);
    let long = "word ".repeat(41);
    let row = format!("| 1 | {long}|");
    put(lines, &[("| A | B |", &[]), ("|---|---|", &[]), (&row, &[("table.cell", &long[..40])])]);
    put(lines, &[("| A | B |", &[("table.caption", "")]), ("|---|---|", &[]), ("| 1 | 2 |", &[])]);
}

fn plant_blocks(lines: &mut Planted) {
    put(lines, &[("::: accordion", &[("accordion.title", "")]), ("Text.", &[]), (":::", &[])]);
    put(lines, &[("::: poem", &[("container.unknown", "poem")]), ("Text.", &[]), (":::", &[])]);
    let good: (&str, Faults<'_>) = ("url: https://shop.example/lamp", &[]);
    put(
        lines,
        &[
            (":::: accordion Outer", &[]),
            ("::: product", &[("container.nested", "product")]),
            ("name: Lamp", &[]),
            good,
            (":::", &[]),
            ("::::", &[]),
        ],
    );
    put(lines, &[("::: product", &[("product.field", "url")]), ("name: Lamp", &[]), (":::", &[])]);
    for number in 1..=7 {
        let name = format!("Lamp {number}");
        let one_more = [("product.count", name.as_str())];
        let faults: Faults<'_> = if number == 7 { &one_more } else { &[] };
        put(lines, &[("::: product", faults), (&format!("name: {name}"), &[]), good, (":::", &[])]);
    }
    put(lines, &[("::: action", &[("action.field", "url")]), ("heading: Ask", &[]), ("button: Go", &[]), (":::", &[])]);
    let twice: Faults<'_> = &[("action.count", "Ask twice")];
    for (heading, faults) in [("heading: Ask us", &[][..]), ("heading: Ask twice", twice)] {
        put(
            lines,
            &[("::: action", faults), (heading, &[]), ("button: Go", &[]), ("url: /about-us", &[]), (":::", &[])],
        );
    }
}

/// Faults of the article as a whole.
const ABOUT_THE_WHOLE: [(&str, &str); 7] = [
    ("title.missing", ""),
    ("author.missing", ""),
    ("dek.missing", ""),
    ("topic.missing", ""),
    ("takeaways.missing", ""),
    ("series.part", "The first part"),
    ("image.undescribed", "lead.svg"),
];

/// The library as no form would leave it: what slipped in by older versions or by hand.
async fn plant_sources(site: &Site) {
    let good = |title: &str, doi: &str| {
        json!({ "type": "article-journal", "title": title, "author": [{ "family": "Sample" }], "container-title": "J Sample",
                "issued": { "date-parts": [[2021]] }, "DOI": doi })
    };
    let report = |title: &str| json!({ "type": "report", "title": title, "publisher": "P", "issued": { "date-parts": [[2020]] } });
    let with = |mut item: Value, name: &str, value: &str| {
        item[name] = value.into();
        item
    };
    let sources = [
        ("one", good("Phase shifting in night nurses", "10.1000/one")),
        ("twin", good("Phase shifting in night nurses!", "10.1000/twin")),
        ("baddoi", with(report("Bad DOI of a study"), "DOI", "10.x/3")),
        ("badpmid", with(report("Bad number of a study"), "PMID", "x1")),
        ("nolink", report("A study nobody can find")),
        ("bare", json!({ "type": "article-journal", "title": "Six", "URL": "https://x.example/" })),
        ("hollow", json!({})),
        ("badge", good("A badge nobody gave", "10.1000/badge")),
        ("retracted", good("A study taken back later", "10.1000/retracted")),
        ("mouse", good("How mice sleep by day", "10.1000/mouse")),
    ];
    for (key, csl) in sources {
        let title = csl["title"].as_str().unwrap_or_default().to_owned();
        sql(site, &format!("insert into reference_records (key, csl, title, created_at, updated_at) values ('{key}', '{csl}', '{title}', now(), now())")).await;
    }
    sql(
        site,
        "update reference_records set trusted = true where key = 'badge';
         update reference_records set retraction = 'retracted' where key = 'retracted';
         update reference_records set evidence = 'animal' where key = 'mouse'",
    )
    .await;
}

fn lint_lines(page: &Page) -> Vec<String> {
    page.texts(".lint li a[data-line]")
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_with_every_fault_the_checks_know_has_exactly_these_findings_each_with_its_place() {
    let site = Site::start().await;
    let member = site.member("Miriam Achebe", Role::Editor).await;
    let browser = site.signed_in(&member).await;
    assert_eq!(picture(&site, &member, "chart.svg", Some("A line")).await, 1);
    let lead = picture(&site, &member, "lead.svg", None).await;
    plant_sources(&site).await;
    published(&browser, "About us", "Text.\n").await;
    let first = typed(&browser, "The first part", "Text.\n").await.fill("series", "Nights").fill("series_part", "1");
    assert_eq!(press(&browser, first, "publish").await.status, StatusCode::SEE_OTHER);

    let planted = planted();
    let body: String = planted.iter().map(|(line, _)| format!("{line}\n")).collect();
    let form = faulty(&browser, &body).await.fill("lead_media", &lead.to_string());
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{}", page.text);
    let mut expected: Vec<(String, usize, String)> =
        ABOUT_THE_WHOLE.iter().map(|(code, about)| ((*code).to_owned(), 0, (*about).to_owned())).collect();
    for ((_, faults), line) in planted.iter().zip(1..) {
        expected.extend(faults.iter().map(|(code, about)| ((*code).to_owned(), line, about.clone())));
    }
    let mut shown = lint_lines(&page);
    let mut lines: Vec<String> =
        expected.iter().filter(|(_, line, _)| *line > 0).map(|(_, line, _)| format!("Line {line}")).collect();
    shown.sort();
    lines.sort();
    assert_eq!(shown, lines, "the panel says where each is");
    assert_eq!(page.texts(".lint li").len(), expected.len());

    let sent = press(&browser, page.form("form.desk").fill("override_reason", "To be looked at."), "publish").await;
    assert_eq!(sent.status, StatusCode::SEE_OTHER, "{}", sent.text);
    let kept: String = site.one("select findings::text from revisions order by id desc limit 1").await;
    let kept: Vec<Value> = serde_json::from_str(&kept).unwrap();
    let mut found: Vec<(String, usize, String)> = kept
        .iter()
        .map(|finding| {
            let text = |name: &str| finding[name].as_str().unwrap().to_owned();
            (text("code"), usize::try_from(finding["line"].as_u64().unwrap()).unwrap(), text("subject"))
        })
        .collect();
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    for finding in kept.iter().filter(|finding| finding["offset"].is_u64()) {
        let at = usize::try_from(finding["offset"].as_u64().unwrap()).unwrap();
        let before: String = char::decode_utf16(body.encode_utf16().take(at)).map(Result::unwrap).collect();
        assert_eq!(
            before.matches('\n').count() + 1,
            usize::try_from(finding["line"].as_u64().unwrap()).unwrap(),
            "{finding}"
        );
    }

    // What a changed article is asked besides.
    let desk = browser.get(&sent.location().unwrap()).await;
    let page = press(&browser, desk.form("form.desk").fill("body", &format!("More.\n\n{body}")), "publish").await;
    assert!(
        page.texts(".lint li b")
            .contains(&"Say what readers are told of this change: nothing, or a dated note.".into())
    );
    assert!(lint_lines(&page).contains(&"Line 3".into()), "and the places have moved");
}

/// A form with nothing in it but a text, an address, and a part of a series that is taken.
async fn faulty(browser: &Browser, body: &str) -> crate::support::browser::Filled {
    typed(browser, "", body)
        .await
        .fill("slug", "faults")
        .fill("dek", "")
        .fill("takeaways", "")
        .fill("author", "")
        .fill("series", "Nights")
        .fill("series_part", "1")
}
