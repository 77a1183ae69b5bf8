//! Tags, series, and topics of the same name.

use reqwest::StatusCode;
use serde_json::Value;
use stet::core::status::Role;

use super::{press, published, source, typed};
use crate::support::browser::{Browser, Page};
use crate::support::conversation::sql;
use crate::support::site::Site;

/// A new article with these tags, published; answers its page at the desk.
async fn tagged(browser: &Browser, title: &str, tags: &str) -> Page {
    let page = press(browser, typed(browser, title, "Text.\n").await.fill("tags", tags), "publish").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    browser.get(&page.location().unwrap()).await
}

/// A new part of a series, published; answers its page at the desk.
async fn part(browser: &Browser, title: &str, series: &str, number: &str) -> Page {
    let form = typed(browser, title, "Text.\n").await.fill("series", series).fill("series_part", number);
    let page = press(browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    browser.get(&page.location().unwrap()).await
}

async fn editor(site: &Site) -> Browser {
    site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_is_one_however_it_is_written_and_nothing_typed_is_lost() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    tagged(&browser, "Naps", "Shift work, Café").await;
    let desk = tagged(&browser, "Light", " CAFE,shift-work ,, Lamps, Shift  Work").await;
    assert_eq!(desk.form("form.desk").value("tags"), Some("Café, Shift work, Lamps"));
    assert!(!desk.has(".badge--info"), "the working copy is what readers see");
    let reader = site.browser();
    assert_eq!(reader.look("/light").await.texts("nav[aria-label=Tags] a"), ["Café", "Shift work", "Lamps"]);
    assert_eq!(site.one::<i64>("select count(*) from terms").await, 3);

    let many = (0..13).map(|tag| format!("Tag {tag}")).collect::<Vec<_>>().join(", ");
    for (tags, sentence) in [
        (many.as_str(), "Tags must be 12 or fewer. You have 13"),
        ("Naps, !?", "Each tag needs a letter or a digit"),
        (&"x".repeat(61), "Each tag must be 60 characters or fewer. You have used 61"),
    ] {
        for act in ["save", "publish"] {
            let page = press(&browser, typed(&browser, "Refused", "Text.\n").await.fill("tags", tags), act).await;
            assert_eq!((page.status, page.text_at(".errsum a").as_str()), (StatusCode::UNPROCESSABLE_ENTITY, sentence));
            assert_eq!(page.form("form.desk").value("tags"), Some(tags));
        }
    }
    // Refused for another reason: kept as well.
    let form = typed(&browser, "Naps again", "They help [@nobody2020].\n").await.fill("tags", "One, Two");
    let form = form.fill("series", "Nights").fill("series_part", "4");
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    let again = page.form("form.desk");
    assert_eq!(["tags", "series", "series_part"].map(|name| again.value(name).unwrap()), ["One, Two", "Nights", "4"]);
    assert_eq!(site.one::<i64>("select count(*) from terms").await, 3, "what is refused makes nothing");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tag_has_a_list_feeds_and_a_place_on_the_map_while_something_public_has_it() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    let desk = tagged(&browser, "Naps", "Shift work").await;
    tagged(&browser, "Light", "Shift work, Lamps").await;
    tagged(&browser, "Other", "Ferries").await;
    let saved = press(&browser, typed(&browser, "Secret", "Text.\n").await.fill("tags", "Quokkas"), "version").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);

    let reader = site.browser();
    let list = reader.look("/tags/shift-work").await;
    assert_eq!((list.text_at(".kicker"), list.text_at("h1")), ("Tag".into(), "Shift work".into()));
    assert_eq!(list.texts(".story h3"), ["Light", "Naps"]);
    let announced = scraper::Selector::parse("link[rel=alternate][href^='/tags/']").unwrap();
    let announced: Vec<String> = list
        .html()
        .select(&announced)
        .map(|link| format!("{} {}", link.attr("type").unwrap(), link.attr("href").unwrap()))
        .collect();
    assert_eq!(
        announced,
        ["application/atom+xml /tags/shift-work/feed.xml", "application/feed+json /tags/shift-work/feed.json"]
    );
    let atom = reader.look("/tags/shift-work/feed.xml").await;
    assert_eq!((atom.status, atom.text.matches("<entry>").count()), (StatusCode::OK, 2), "{}", atom.text);
    let json: Value = serde_json::from_str(&reader.look("/tags/shift-work/feed.json").await.text).unwrap();
    assert_eq!((json["items"].as_array().unwrap().len(), json["items"][0]["title"].as_str()), (2, Some("Light")));
    assert_eq!(json["feed_url"], format!("{}/tags/shift-work/feed.json", site.base));
    let map = reader.look("/sitemap/site.xml").await.text;
    assert!(map.contains("/tags/shift-work</loc>") && map.contains("/tags/lamps</loc>"), "{map}");
    assert!(!map.contains("quokka"));
    for none in
        ["/tags/quokkas", "/tags/quokkas/feed.xml", "/tags/quokkas/feed.json", "/series/shift-work", "/tags/none"]
    {
        assert_eq!(reader.look(none).await.status, StatusCode::NOT_FOUND, "{none}");
    }
    let page = reader.look("/light").await;
    let data: Value = serde_json::from_str(&page.texts("script[type='application/ld+json']")[0]).unwrap();
    let about = data["@graph"].as_array().unwrap().iter().find(|node| node["@type"] == "Article").unwrap();
    assert_eq!(about["keywords"], serde_json::json!(["Shift work", "Lamps"]));
    assert_eq!(reader.look("/search?q=lamp").await.texts(".hits h2"), ["Light"], "found by its tag");

    assert_eq!(press(&browser, desk.form("form.desk"), "unpublish").await.status, StatusCode::SEE_OTHER);
    assert_eq!(reader.look("/tags/shift-work").await.texts(".story h3"), ["Light"]);
    let other = browser.get("/desk/articles").await;
    let address = other.attribute("tbody tr:nth-child(2) a", "href").unwrap();
    let desk = browser.get(&address).await;
    assert_eq!(desk.text_at("h1"), "Other");
    assert_eq!(press(&browser, desk.form("form.desk"), "unpublish").await.status, StatusCode::SEE_OTHER);
    assert_eq!(reader.look("/tags/ferries").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_stands_in_its_own_order_and_each_part_knows_its_neighbours() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    part(&browser, "Second", "Working nights", "2").await;
    let first = part(&browser, "First", "working NIGHTS", "1").await;
    let reader = site.browser();
    assert_eq!(reader.look("/second").await.text_at(".head .kicker"), "Working nights Part 2 of 2");
    let last = part(&browser, "Third", "Working nights", "3").await;

    let page = reader.look("/second").await;
    assert_eq!(page.text_at(".head .kicker"), "Working nights Part 2 of 3", "a part more, seen at once");
    assert_eq!(page.texts("nav.related li"), ["FirstPart 1", "ThirdPart 3"]);
    assert_eq!(reader.look("/first").await.texts("nav.related a[href^='/']"), ["All 3 parts", "Second"]);
    let list = reader.look("/series/working-nights").await;
    assert_eq!(
        (list.text_at("h1"), list.texts(".story h3")),
        ("Working nights".into(), vec!["First".into(), "Second".into(), "Third".into()])
    );
    assert_eq!(list.texts(".story .kicker"), ["Part 1", "Part 2", "Part 3"]);
    assert!(reader.look("/sitemap/site.xml").await.text.contains("/series/working-nights</loc>"));
    let data: Value = serde_json::from_str(&page.texts("script[type='application/ld+json']")[0]).unwrap();
    let about = data["@graph"].as_array().unwrap().iter().find(|node| node["@type"] == "Article").unwrap();
    assert_eq!((about["isPartOf"]["name"].as_str(), about["position"].as_i64()), (Some("Working nights"), Some(2)));

    let form = first.form("form.desk").fill("title", "How it begins").choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    assert_eq!(
        reader.look("/second").await.texts("nav.related li")[0],
        "How it beginsPart 1",
        "the new title, at once"
    );
    assert_eq!(press(&browser, last.form("form.desk"), "unpublish").await.status, StatusCode::SEE_OTHER);
    let page = reader.look("/second").await;
    assert_eq!(page.text_at(".head .kicker"), "Working nights Part 2 of 2");
    assert_eq!(page.texts("nav.related li"), ["How it beginsPart 1"]);
    // Out of the series: the one that stays is told.
    let first = browser.get(&first.address).await.form("form.desk");
    let form = first.fill("series", "").fill("series_part", "").choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let page = reader.look("/second").await;
    assert_eq!(
        (page.text_at(".head .kicker").as_str(), page.has("nav.related")),
        ("Working nights Part 2 of 2", false)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_series_needs_its_name_and_a_number_and_a_part_taken_twice_is_told() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    for (series, number, sentence) in [
        ("Nights", "", "Enter which part of the series this is"),
        ("", "2", "Enter the name of the series, or leave its part empty"),
        ("Nights", "two", "Part must be a number from 1 to 999"),
        ("Nights", "0", "Part must be a number from 1 to 999"),
        ("Nights", "1000", "Part must be a number from 1 to 999"),
        ("…", "1", "The name of a series needs a letter or a digit"),
    ] {
        let form = typed(&browser, "Naps", "Text.\n").await.fill("series", series).fill("series_part", number);
        let page = press(&browser, form, "save").await;
        assert_eq!(
            (page.status, page.texts(".errsum a")),
            (StatusCode::UNPROCESSABLE_ENTITY, vec![sentence.to_owned()])
        );
        let again = page.form("form.desk");
        assert_eq!((again.value("series"), again.value("series_part")), (Some(series), Some(number)));
    }
    part(&browser, "Naps", "Nights", "1").await;
    let form = typed(&browser, "Light", "Text.\n").await.fill("series", "nights").fill("series_part", "1");
    let page = press(&browser, form, "preview").await;
    let findings = page.texts(".lint li b");
    assert!(
        findings.contains(&"Another article is this part of the series already. Both keep the number.".into()),
        "{findings:?}"
    );
    assert_eq!(page.attribute("#series-names option", "value").as_deref(), Some("Nights"), "known ones are suggested");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_pages_of_a_long_series_repeat_and_lose_nothing() {
    let site = crate::support::conversation::site().await;
    for number in 1..=23 {
        crate::support::conversation::article(&site, &format!("part-{number}"), &format!("Part no {number:02}")).await;
    }
    // The part is the number of the article; two parts have the same one, right where the first page ends.
    sql(
        &site,
        "insert into terms (kind, slug, name, folded, created_at) values ('series', 'nights', 'Nights', 'nights', now());
         insert into revision_terms select id, 1, 'series', case id when 22 then 20 else id - 1 end from revisions where id > 1",
    )
    .await;
    let reader = site.browser();
    let first = reader.look("/series/nights").await;
    let second = reader.look(&first.attribute("a[rel=next]", "href").unwrap()).await;
    let all: Vec<String> = first.texts(".story h3").into_iter().chain(second.texts(".story h3")).collect();
    assert_eq!(all, (1..=23).map(|number| format!("Part no {number:02}")).collect::<Vec<_>>());
    assert_eq!(first.texts(".story h3").len(), 20);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_version_keeps_its_tags_when_a_source_changes() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    source(&browser, "one", "Study one", "10.1000/one").await;
    let form = typed(&browser, "Naps", "Naps help [@one].\n").await.fill("tags", "Lamps");
    let page = press(&browser, form.fill("series", "Nights").fill("series_part", "1"), "publish").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let id: i64 = site.one("select id from reference_records").await;
    let form = browser.get(&format!("/desk/references/{id}")).await.form("main form");
    assert_eq!(browser.submit(&form.fill("title", "Study one, mended")).await.status, StatusCode::SEE_OTHER);
    let public = site.browser().look("/naps").await;
    assert!(public.text_at("#r1").contains("mended"));
    assert_eq!(public.texts("nav[aria-label=Tags] a"), ["Lamps"]);
    assert_eq!(public.text_at(".head .kicker"), "Nights Part 1 of 1");
}

#[tokio::test(flavor = "multi_thread")]
async fn topics_of_the_same_name_under_different_topics_stay_apart() {
    let site = Site::start().await;
    let browser = editor(&site).await;
    sql(
        &site,
        "insert into topics (slug, name, created_at) values ('sleep', 'Sleep', now()), ('gut', 'Gut', now());
         insert into topics (parent_id, slug, name, created_at) values (1, 'sleep-basics', 'Basics', now()), (2, 'gut-basics', 'Basics', now())",
    )
    .await;
    let form = browser.get("/desk/articles/new").await;
    let choices = form.texts("#f-topic option");
    assert!(choices.contains(&"Sleep: Basics".into()) && choices.contains(&"Gut: Basics".into()), "{choices:?}");
    for (title, topic) in [("Naps", "3"), ("Soup", "4")] {
        let page = press(&browser, typed(&browser, title, "Text.\n").await.fill("topic", topic), "publish").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    }
    published(&browser, "Neither", "Text.\n").await;
    let reader = site.browser();
    for (list, whole, story) in [("/topics/sleep-basics", "Sleep", "Naps"), ("/topics/gut-basics", "Gut", "Soup")] {
        let page = reader.look(list).await;
        assert_eq!((page.text_at("h1").as_str(), page.text_at("a.kicker").as_str()), ("Basics", whole));
        assert_eq!(
            (page.texts(".story h3"), page.texts(".topics a")),
            (vec![story.to_owned()], vec!["Basics".to_owned()])
        );
    }
    assert_eq!(reader.look("/topics/sleep").await.texts(".story h3"), ["Naps"]);
    assert_eq!(reader.look("/naps").await.texts(".crumbs li"), ["Home", "Sleep", "Basics"]);
    let feed = reader.look("/topics/gut-basics/feed.json").await;
    let json: Value = serde_json::from_str(&feed.text).unwrap();
    assert_eq!((json["items"].as_array().unwrap().len(), json["items"][0]["title"].as_str()), (1, Some("Soup")));
}
