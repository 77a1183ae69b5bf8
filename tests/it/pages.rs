//! Lists, people, changes, feeds, the map, structured data, house pages: what readers and machines are told.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::StatusCode;
use serde_json::Value;
use stet::core::status::Role;

use crate::articles::{press, published, source, typed};
use crate::support::browser::{Browser, Page};
use crate::support::conversation::{ARTICLE, approve_all, article, post, signed_in, site, sql};
use crate::support::site::Site;

fn stories(page: &Page) -> Vec<String> {
    page.texts(".story h3")
}

async fn correct(browser: &Browser, desk: &Page, body: &str, note: &str) -> Page {
    let form = desk.form("form.desk").fill("body", body);
    let form = if note.is_empty() {
        form.choose("change", "cosmetic")
    } else {
        form.choose("change", "correction").fill("change_text", note)
    };
    let page = press(browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    browser.get(&page.location().unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_page_of_a_list_neither_repeats_nor_loses_a_story() {
    let site = site().await;
    sql(
        &site,
        "insert into topics (slug, name, created_at) values ('sleep', 'Sleep', now()), ('naps', 'Naps', now());
                update topics set parent_id = 1 where slug = 'naps'",
    )
    .await;
    for number in 0..23 {
        article(&site, &format!("part-{number:02}"), &format!("Part {number:02}")).await;
    }
    // Same minute, so that the id has to decide; on the topic, or on its part.
    sql(
        &site,
        "alter table revisions disable trigger revisions_are_final; update revisions set topic_id = 1 + id % 2;
                insert into revision_credits select id, 1, 'author', 0 from revisions on conflict do nothing;
                insert into terms (kind, slug, name, folded, created_at) values ('tag', 'nights', 'Nights', 'nights', now());
                insert into revision_terms select id, 1, 'tag', 1 from revisions;
                update articles set published_at = '2026-11-14T08:00:00Z'",
    )
    .await;
    let reader = site.browser();
    for list in ["/latest", "/topics/sleep", "/tags/nights", "/authors/miriam-achebe?list=written"] {
        let first = reader.look(list).await;
        assert_eq!(stories(&first).len(), 20, "{list}");
        article(&site, &format!("between-{}", list.len()), "Published in between").await;
        let second = reader.look(&first.attribute("a[rel=next]", "href").unwrap()).await;
        let seen: BTreeSet<String> = stories(&first).into_iter().chain(stories(&second)).collect();
        let expected = if list == "/latest" { stories(&first).len() + stories(&second).len() } else { 24 };
        assert_eq!(seen.len(), expected, "{list}: {seen:?}");
        assert!((0..23).all(|number| seen.contains(&format!("Part {number:02}"))), "{list}: {seen:?}");
        assert!(second.attribute("link[rel=canonical]", "href").unwrap().contains("after="), "{list}");
    }
    let part = reader.look("/topics/naps").await;
    assert_eq!((part.text_at("a.kicker").as_str(), stories(&part).len()), ("Sleep", 12));
    assert_eq!(part.text_at(".topics [aria-current]"), "Naps");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_persons_page_says_who_they_are_and_whom_they_answered() {
    let site = site().await;
    let desk = signed_in(&site, 3).await;
    sql(&site, "update staff set title = 'Sleep educator', credentials = 'Registered nurse', bio = E'First line.\\n\\nSecond.' where id = 1;
                insert into revision_credits values (1, 2, 'reviewer', 1)").await;
    assert_eq!(post(&site, &site.browser(), "Is an **anchor** worth it?").await.status, StatusCode::SEE_OTHER);
    approve_all(&desk).await;
    let miriam = signed_in(&site, 1).await;
    let form = miriam.look(&format!("{ARTICLE}?reply=1")).await.form("#reply form");
    assert_eq!(
        miriam.submit(&form.fill("body", "Yes, three hours are.").choose("act", "post")).await.status,
        StatusCode::SEE_OTHER
    );

    let page = site.browser().look("/authors/miriam-achebe").await;
    assert_eq!(page.texts(".person__line span"), ["Sleep educator", "Registered nurse"]);
    assert_eq!(page.texts(".person__bio"), ["First line.", "Second."]);
    assert_eq!(page.texts("h2.sec-title"), ["Articles written", "Recent answers"]);
    assert_eq!(page.text_at(".qa q"), "Is an anchor worth it?");
    let home = site.browser().look("/").await;
    assert!(home.text_at(".qa").contains("Miriam Achebe answered Dele A. on Sleeping well on the night shift"));
    assert_eq!(site.browser().look("/authors/tomas-hale").await.texts("h2.sec-title"), ["Articles reviewed"]);
    assert_eq!(site.browser().look("/authors/ana-novak").await.status, StatusCode::NOT_FOUND, "credited on nothing");

    sql(&site, "update comments set status = 'trash', status_reason = 'withdrawn' where id = 1").await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Listing]);
    for list in ["/", "/authors/miriam-achebe"] {
        assert!(!site.browser().look(list).await.text.contains("anchor"), "{list}: the question was withdrawn");
    }
    site.later(TimeDelta::days(8));
    assert!(!site.browser().look("/").await.has(".qa"), "not this week");
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_see_what_a_correction_changed_and_nothing_else() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "One.\n\nThey give 42 minutes of <sleep>.\n\nThree.\n").await;
    let desk =
        correct(&browser, &desk, "One.\n\nThey give 42 minutes of sleep. A name to be forgotten.\n\nThree.\n", "")
            .await;
    assert_eq!(
        press(&browser, desk.form("form.desk").fill("body", "A draft about quokkas.\n"), "version").await.status,
        StatusCode::SEE_OTHER
    );
    let desk = browser.get(&desk.address).await;
    correct(
        &browser,
        &desk,
        "One.\n\nThey give 24 minutes of sleep. A name to be forgotten.\n\nThree.\n",
        "It was 24.",
    )
    .await;

    let reader = site.browser();
    let href = reader.get("/naps").await.attribute(".correction a", "href").unwrap();
    assert_eq!(href, "/naps/changes/4");
    let page = reader.look(&href).await;
    assert_eq!(
        (page.texts(".diff__line del"), page.texts(".diff__line ins")),
        (vec!["42".into()], vec!["24".into()]),
        "{}",
        page.text
    );
    assert_eq!((page.text_at(".diff__old del"), page.text_at(".diff__new ins")), ("42".into(), "24".into()));
    assert!(page.text_at(".correction").contains("It was 24."));
    assert!(!page.text.contains("quokka") && !page.text.contains("Ana Novak"), "no draft, no editor's name");
    assert_eq!(page.attribute("meta[name=robots]", "content").as_deref(), Some("noindex"));
    for silent in [1, 2, 3, 5] {
        let page = reader.look(&format!("/naps/changes/{silent}")).await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "readers were told of no change {silent}");
    }
    let log = reader.look("/corrections").await;
    assert_eq!(log.attribute(".correction a", "href").as_deref(), Some("/naps/changes/4"));
    let feed = reader.look("/corrections/feed.xml").await;
    assert!(feed.text.contains("Correction: Naps") && feed.text.contains("/naps/changes/4"), "{}", feed.text);
}

#[tokio::test(flavor = "multi_thread")]
async fn feeds_carry_the_whole_text_and_every_page_announces_its_own() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    source(&browser, "one", "Study one", "10.1000/one").await;
    sql(&site, "insert into topics (slug, name, created_at) values ('sleep', 'Sleep', now())").await;
    let form = typed(&browser, "Naps & <i>", "Naps help [@one]. See [nights](/nights) & `href=\"/x\"`.\n")
        .await
        .fill("topic", "1");
    assert_eq!(press(&browser, form.fill("slug", "naps"), "publish").await.status, StatusCode::SEE_OTHER);
    let reader = site.browser();
    for (page, own) in [
        ("/topics/sleep", "/topics/sleep/feed.xml"),
        ("/authors/miriam-achebe", "/authors/miriam-achebe/feed.xml"),
        ("/", "/feed.xml"),
        ("/corrections", "/corrections/feed.xml"),
        ("/naps", "/naps/comments.xml"),
    ] {
        let feeds = scraper::Selector::parse("link[rel=alternate][type='application/atom+xml']").unwrap();
        let announced: Vec<String> = reader
            .look(page)
            .await
            .html()
            .select(&feeds)
            .filter_map(|link| link.attr("href").map(str::to_owned))
            .collect();
        assert!(announced.iter().any(|href| href == own), "{page}: {announced:?}");
        let feed = reader.look(own).await;
        assert_eq!(
            (feed.status, feed.header("content-type")),
            (StatusCode::OK, Some("application/atom+xml; charset=utf-8")),
            "{own}"
        );
        let tag = feed.header("etag").unwrap().to_owned();
        assert_eq!(
            reader.send(reqwest::Method::GET, own, &[("if-none-match", tag.as_str())], None).await.status,
            StatusCode::NOT_MODIFIED,
            "{own}"
        );
    }
    let json: Value = serde_json::from_str(&reader.look("/feed.json").await.text).unwrap();
    let html = json["items"][0]["content_html"].as_str().unwrap();
    assert!(
        html.contains("<h2>Key takeaways</h2>") && html.contains("<h2>References</h2>") && html.contains("Study one"),
        "{html}"
    );
    assert!(
        html.contains(&format!("href=\"{}/naps#r1\"", site.base))
            && html.contains(&format!("href=\"{}/nights\"", site.base)),
        "{html}"
    );
    assert!(html.contains("href=\"/x\"</code>"), "what is no attribute stays: {html}");
    assert_eq!(json["items"][0]["title"], "Naps & <i>");
    for nobody in ["/topics/none/feed.xml", "/authors/nobody/feed.xml"] {
        assert_eq!(reader.look(nobody).await.status, StatusCode::NOT_FOUND);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_moves_with_material_changes_alone() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Text.\n").await;
    let reader = site.browser();
    let index = reader.look("/sitemap.xml").await.text;
    assert!(
        index.contains(&format!("<loc>{}/sitemap/site.xml</loc>", site.base))
            && index.contains("/sitemap/articles-0.xml</loc><lastmod>2026-11-14T10:00:00Z"),
        "{index}"
    );
    let part = async || reader.look("/sitemap/articles-0.xml").await.text;
    let before = part().await;
    assert!(before.contains("/naps</loc><lastmod>2026-11-14T10:00:00Z</lastmod>"), "{before}");
    site.later(TimeDelta::days(1));
    assert_eq!(post_on(&site, "/naps", "A question?").await.status, StatusCode::SEE_OTHER);
    approve_all(&browser).await;
    assert!(reader.look("/naps").await.text_at("#comments h2").contains("1 comment"));
    assert_eq!(part().await, before, "a comment moves nothing");
    let desk = correct(&browser, &desk, "Text!\n", "").await;
    assert_eq!(part().await, before, "nor does a cosmetic change");
    correct(&browser, &desk, "Other text.\n", "It was wrong.").await;
    assert!(part().await.contains("<lastmod>2026-11-15T"), "{}", part().await);
    assert!(reader.look("/sitemap/site.xml").await.text.contains("/authors/miriam-achebe</loc>"));
    for none in
        ["/sitemap/articles-1.xml", "/sitemap/articles-00.xml", "/sitemap/articles--1.xml", "/sitemap/other.xml"]
    {
        assert_eq!(reader.look(none).await.status, StatusCode::NOT_FOUND, "{none}");
    }
    assert!(reader.look("/robots.txt").await.text.contains(&format!("Sitemap: {}/sitemap.xml", site.base)));
}

async fn post_on(site: &Site, address: &str, body: &str) -> Page {
    let browser = site.browser();
    let form = crate::support::conversation::written(&browser.look(address).await, body);
    site.later(TimeDelta::seconds(10));
    browser.submit(&form).await
}

fn node<'a>(data: &'a Value, kind: &str) -> &'a Value {
    let graph = data["@graph"].as_array().unwrap();
    graph.iter().find(|node| node["@type"] == kind).unwrap_or_else(|| panic!("no {kind} in {data}"))
}

fn data_of(page: &Page) -> Value {
    serde_json::from_str(&page.texts("script[type='application/ld+json']")[0]).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn machines_are_told_what_the_page_shows() {
    let site = Site::start().await;
    let editor = site.member("Miriam Achebe", Role::Editor).await;
    let reviewer = site.member("Dr Tomas Hale", Role::Reviewer).await;
    let browser = site.signed_in(&editor).await;
    source(&browser, "one", "Study one", "10.1000/one").await;
    sql(&site, "insert into topics (slug, name, created_at) values ('sleep', 'Sleep', now())").await;
    let form = typed(&browser, "Naps", "Naps help [@one].\n")
        .await
        .fill("topic", "1")
        .choose("reviewer", &reviewer.id.to_string());
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
    let desk = browser.get(&page.location().unwrap()).await;
    site.later(TimeDelta::days(2));
    correct(&browser, &desk, "Naps help a little [@one].\n", "It was too much.").await;
    assert_eq!(post_on(&site, "/naps", "How long & when?").await.status, StatusCode::SEE_OTHER);
    approve_all(&browser).await;
    let form =
        browser.look("/naps?reply=1").await.form("#reply form").fill("body", "Twenty minutes.").choose("act", "post");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(post_on(&site, "/naps", "A secret that waits.").await.status, StatusCode::SEE_OTHER);

    let page = site.browser().look("/naps").await;
    let data = data_of(&page);
    assert!(!data.to_string().contains("secret"));
    let about = node(&data, "Article");
    let shown = |selector: &str| page.text_at(selector);
    assert_eq!(about["headline"], shown("h1"));
    assert_eq!(about["description"], shown(".head__dek"));
    assert_eq!(about["author"][0]["name"], page.texts(".credit dd a")[0]);
    assert_eq!(about["author"][0]["description"], page.texts(".credit dd span")[0]);
    assert_eq!(about["abstract"], page.texts(".takeaways li").join(" "));
    let times = |selector: &str| page.attribute(selector, "datetime").unwrap();
    assert_eq!(about["dateModified"], times(".credit time"));
    assert_eq!(about["datePublished"], times(".credit dd span time"));
    assert_eq!(about["citation"].as_array().unwrap().len(), page.texts("#refs ol li").len());
    assert!(shown("#r1").contains(about["citation"][0]["name"].as_str().unwrap()));
    assert_eq!(
        about["citation"][0]["url"].as_str(),
        page.attribute("#r1 .refs__links a[rel=noopener]", "href").as_deref()
    );
    assert!(shown(".correction").contains(about["correction"][0]["text"].as_str().unwrap()));
    assert_eq!(about["correction"][0]["datePublished"], times(".correction time"));
    assert_eq!(about["commentCount"].as_i64().unwrap(), 2);
    assert!(shown("#comments h2").starts_with("2 comments"));
    let top = &about["comment"][0];
    assert_eq!(
        (&top["text"], &top["author"]["name"]),
        (&Value::from(shown("#comment-1 .comment__body")), &Value::from(shown("#comment-1 h3")))
    );
    assert_eq!(top["datePublished"], times("#comment-1 time"));
    assert_eq!(top["url"], format!("{}/comments/1", site.base));
    assert_eq!(top["parentItem"]["@id"], about["@id"]);
    let reply = &top["comment"][0];
    assert_eq!((&reply["text"], &reply["parentItem"]["@id"]), (&Value::from("Twenty minutes."), &top["@id"]));
    let crumbs = node(&data, "BreadcrumbList")["itemListElement"].as_array().unwrap();
    let names: Vec<&str> = crumbs.iter().map(|crumb| crumb["name"].as_str().unwrap()).collect();
    assert_eq!(names, page.texts(".crumbs a"));
    let whole = node(&data, "WebPage");
    assert_eq!(whole["reviewedBy"][0]["name"], page.texts(".credit dd a")[1]);
    assert_eq!(whole["lastReviewed"], about["dateModified"]);

    let property = |name: &str| page.attribute(&format!("meta[property='{name}']"), "content").unwrap();
    let canonical = page.attribute("link[rel=canonical]", "href").unwrap();
    assert_eq!((property("og:url"), canonical), (format!("{}/naps", site.base), format!("{}/naps", site.base)));
    assert_eq!(
        (property("og:title"), property("og:description"), property("og:type")),
        (shown("h1"), shown(".head__dek"), "article".into())
    );
    assert_eq!(property("article:modified_time"), times(".credit time"));
    for once in ["og:title", "og:type", "og:url", "og:description", "og:site_name"] {
        let found = scraper::Selector::parse(&format!("meta[property='{once}']")).unwrap();
        assert_eq!(page.html().select(&found).count(), 1, "{once}");
    }
    sql(&site, "insert into settings (key, value, updated_at) values ('site', '{\"name\": \"Harbour\", \"is_medical\": true}', now())").await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
    node(&data_of(&site.browser().look("/naps").await), "MedicalWebPage");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_owner_sets_the_menus_of_every_page() {
    let site = Site::start().await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    let form = owner.get("/desk/settings").await.form("#settings");
    let wrong = owner.submit(&form.clone().fill("menu", "Sleep /topics/sleep")).await;
    assert_eq!(
        (wrong.status, wrong.text_at(".errsum a").as_str()),
        (
            StatusCode::UNPROCESSABLE_ENTITY,
            "Line 1: write what the link says, a bar, and an address that begins with / or https://"
        )
    );
    assert!(!site.browser().look("/").await.has(".masthead__nav a[href='/latest']"));
    let form = form
        .fill("menu", "Everything | /latest")
        .fill("footer_menu", "Privacy | /privacy\nShop | https://shop.example/");
    assert_eq!(
        owner.submit_and_follow(&form).await.text_at(".flash p"),
        "The menus are saved. Every page shows them now."
    );
    let page = site.browser().look("/corrections").await;
    assert_eq!(page.text_at(".masthead__nav a[href='/latest']"), "Everything");
    assert_eq!(page.text_at(".foot a[href='https://shop.example/']"), "Shop");
    let editor = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    assert_eq!(editor.look("/desk/settings").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test(flavor = "multi_thread")]
async fn privacy_tells_what_the_site_does_now() {
    let site = Site::start().await;
    let told = site.browser().look("/privacy").await;
    assert_eq!((told.status, told.text_at("h1").as_str()), (StatusCode::OK, "Privacy"), "also without the house page");
    assert_eq!(
        told.texts(".prose code"),
        ["stet_theme", "stet_reader", "stet_remember", "stet_session", "stet_device"]
    );
    assert!(told.text_at(".prose").contains("You can edit it for 15 minutes."));
    sql(&site, "insert into settings (key, value, updated_at) values ('comments', '{\"edit_window_minutes\": 60}', now()), ('site', '{\"base_url\": \"https://harbour.example\"}', now())").await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
    let told = site.browser().look("/privacy").await;
    assert!(told.text_at(".prose").contains("You can edit it for 60 minutes."));
    assert!(told.texts(".prose code").contains(&"__Host-stet_reader".to_owned()));
}

#[tokio::test(flavor = "multi_thread")]
async fn other_sites_get_a_card_of_an_article_and_of_nothing_else() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let desk = published(&browser, "Naps & <i>", "Text.\n").await;
    let form = desk.form("form.desk").fill("slug", "short-naps").choose("change", "cosmetic");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let saved = press(&browser, typed(&browser, "Quokkas", "Text.\n").await.fill("slug", "quokkas"), "version").await;
    assert_eq!(saved.status, StatusCode::SEE_OTHER);

    let reader = site.browser();
    let page = reader.look("/short-naps").await;
    let href = page.attribute("link[type='application/json+oembed']", "href").unwrap();
    let card = reader.look(&href).await;
    assert_eq!((card.status, card.header("content-type")), (StatusCode::OK, Some("application/json; charset=utf-8")));
    assert_eq!(card.header("cross-origin-resource-policy"), Some("cross-origin"));
    let told: Value = serde_json::from_str(&card.text).unwrap();
    assert_eq!((told["version"].as_str(), told["type"].as_str()), (Some("1.0"), Some("link")));
    assert_eq!((told["title"].as_str(), told["author_name"].as_str()), (Some("Naps & <i>"), Some("Miriam Achebe")));
    assert_eq!(told["author_url"], format!("{}/authors/miriam-achebe", site.base));
    assert!(told["html"].is_null(), "a link, for our pages stand in no frame");

    let of = |page: &str| stet::urls::oembed_of(page);
    let moved = reader.look(&of(&format!("{}/naps-i?x=1#comments", site.base))).await;
    assert_eq!((moved.status, &moved.text), (StatusCode::OK, &card.text), "an old address means the same article");
    for other in [
        format!("{}/", site.base),
        format!("{}/quokkas", site.base),
        format!("{}/corrections", site.base),
        "https://other.example/short-naps".into(),
        "/short-naps".into(),
    ] {
        assert_eq!(reader.look(&of(&other)).await.status, StatusCode::NOT_FOUND, "{other}");
    }
    assert_eq!(reader.look("/oembed?format=json").await.status, StatusCode::BAD_REQUEST);
    let xml = reader.look(&href.replace("format=json", "format=xml")).await;
    assert_eq!(
        (xml.status, xml.header("content-type")),
        (StatusCode::NOT_IMPLEMENTED, Some("text/plain; charset=utf-8"))
    );
    assert_eq!(xml.text.trim(), "This site answers oEmbed as JSON only. Ask with format=json.");

    let desk = browser.get(&desk.address).await;
    assert_eq!(press(&browser, desk.form("form.desk"), "unpublish").await.status, StatusCode::SEE_OTHER);
    assert_eq!(reader.look(&href).await.status, StatusCode::NOT_FOUND, "withdrawn");
}

#[tokio::test(flavor = "multi_thread")]
async fn previews_elsewhere_are_told_each_thing_once_and_as_the_page_says_it() {
    let site = site().await;
    sql(
        &site,
        "insert into media (hash, name, content_type, width, height, size_bytes, alt, created_at)
         values (repeat('a', 64), 'night.svg', 'image/svg+xml', 800, 400, 100, 'A harbour', now());
         alter table revisions disable trigger revisions_are_final;
         update revisions set lead_media_id = 1, dek = 'What helps.', description = 'For machines & people.'",
    )
    .await;
    for address in [ARTICLE, "/", "/latest", "/authors/miriam-achebe"] {
        let page = site.browser().look(address).await;
        assert_eq!(page.status, StatusCode::OK);
        let metas = scraper::Selector::parse("meta[property], meta[name]").unwrap();
        let html = page.html();
        let told: Vec<(&str, &str)> = html
            .select(&metas)
            .map(|meta| {
                (meta.attr("property").or(meta.attr("name")).unwrap(), meta.attr("content").unwrap_or_default())
            })
            .collect();
        let names: BTreeSet<&str> = told.iter().map(|(name, _)| *name).collect();
        assert_eq!(names.len(), told.len(), "{address}: {told:?}");
        for single in ["title", "link[rel=canonical]", "link[type='application/json+oembed']"] {
            assert!(page.texts(single).len() <= 1, "{address}: {single}");
        }
        let value = |name: &str| told.iter().find(|(known, _)| *known == name).map(|(_, value)| *value);
        assert_eq!(value("og:url").map(str::to_owned), page.attribute("link[rel=canonical]", "href"), "{address}");
        assert_eq!(value("og:description"), value("description"), "{address}");
        if address == ARTICLE {
            assert_eq!(value("og:title").map(str::to_owned), Some(page.text_at("h1")));
            assert_eq!(
                (value("description"), value("og:image:alt")),
                (Some("For machines & people."), Some("A harbour"))
            );
            assert_eq!((value("og:type"), value("twitter:card")), (Some("article"), Some("summary_large_image")));
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_references_say_what_each_section_rests_on() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    for key in ["trial", "mouse", "cells", "bare"] {
        source(&browser, key, &format!("A study of {key} at night"), &format!("10.1000/{key}")).await;
    }
    sql(
        &site,
        "update reference_records set evidence = 'rct' where key = 'trial';
         update reference_records set evidence = 'animal' where key = 'mouse';
         update reference_records set evidence = 'in_vitro' where key = 'cells'",
    )
    .await;
    let body = "First [@trial].\n\n## Light\n\nThen [@trial; @mouse; @cells] and [@trial].\n\n## Sound\n\nNothing [@bare].\n\n## Dark & cold\n\n| A | Sources |\n|---|---|\n| B | [@mouse] |\n";
    published(&browser, "Naps", body).await;
    published(&browser, "Short", "## One\n\nOnly [@trial].\n").await;
    let page = site.browser().look("/naps").await;
    assert_eq!(page.text_at("#refs > summary small"), "1 randomised trial, 1 animal study, 1 in vitro");
    assert_eq!(
        page.texts("#refs dl > div"),
        [
            "Introduction 1 randomised trial",
            "Light 1 randomised trial, 1 animal study, 1 in vitro",
            "Dark & cold 1 animal study None in people"
        ]
    );
    assert_eq!(page.attribute("#refs dl a", "href").as_deref(), Some("#light"));
    assert!(
        page.has("#light") && !site.browser().look("/short").await.has("#refs details"),
        "one section is the article"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_comment_leads_to_what_was_changed_since_and_a_number_to_its_reference() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    source(&browser, "one", "Study one", "10.1000/one").await;
    let desk = published(&browser, "Naps", "Naps help [@one].\n").await;
    assert_eq!(post_on(&site, "/naps", "What does [1] say, and [7]?").await.status, StatusCode::SEE_OTHER);
    approve_all(&browser).await;
    let reader = site.browser();
    assert!(!reader.look("/naps").await.has(".comment__before"));
    site.later(TimeDelta::days(1));
    correct(&browser, &desk, "Naps help a little [@one].\n", "It was too much.").await;
    for page in ["/naps", "/naps/threads/1"] {
        let page = reader.look(page).await;
        assert_eq!(
            page.text_at(".comment__before"),
            "Written before the update of 15 November 2026",
            "{}",
            page.address
        );
        let href = page.attribute(".comment__before a", "href").unwrap();
        assert_eq!(href, "/naps/changes/2");
        assert!(reader.look(&href).await.text_at(".correction").contains("It was too much."));
    }
    assert_eq!(reader.look("/naps").await.attribute(".comment__body a", "href").as_deref(), Some("#r1"));
    let far = reader.look("/naps/threads/1").await;
    assert_eq!(
        far.attribute(".comment__body a", "href").as_deref(),
        Some("/naps#r1"),
        "the list is on the article's page"
    );
    assert!(reader.look("/naps").await.has("#r1"));
    // Published again without a note: nothing can be compared.
    let desk = browser.get(&desk.address).await;
    assert_eq!(press(&browser, desk.form("form.desk"), "unpublish").await.status, StatusCode::SEE_OTHER);
    site.later(TimeDelta::days(1));
    let desk = browser.get(&desk.address).await;
    let form = desk.form("form.desk").fill("body", "Naps [@one].\n");
    assert_eq!(press(&browser, form, "publish").await.status, StatusCode::SEE_OTHER);
    let page = reader.look("/naps").await;
    assert_eq!(page.text_at(".comment__before"), "Written before the update of 16 November 2026");
    assert!(!page.has(".comment__before a"));
}

#[tokio::test(flavor = "multi_thread")]
async fn archives_hold_what_was_published_in_a_year_and_a_month_where_the_site_is() {
    let site = site().await;
    for number in 0..24 {
        article(&site, &format!("old-{number:02}"), &format!("Old {number:02}")).await;
    }
    // The same minute for most, in the last hour of a month in London, the first of the next in Berlin.
    sql(
        &site,
        "update articles set published_at = '2025-05-31T22:30:00Z' where slug like 'old-%';
         update articles set published_at = '2025-03-02T08:00:00Z' where slug = 'old-23';
         insert into settings (key, value, updated_at) values ('site', '{\"time_zone\": \"Europe/Berlin\"}', now())
             on conflict (key) do update set value = settings.value || excluded.value",
    )
    .await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
    let reader = site.browser();
    let all = reader.look("/latest").await;
    assert_eq!(all.texts("nav[aria-label='Parts of the archive'] a"), ["2026", "2025"]);
    let year = reader.look("/latest/2025").await;
    assert_eq!((year.text_at("h1"), year.text_at("a.kicker")), ("2025".into(), "All articles".into()));
    assert_eq!(year.texts(".topics a"), ["March", "June"], "it was June there");
    assert_eq!(stories(&reader.look("/latest/2025/03").await), ["Old 23"]);
    let first = reader.look("/latest/2025/06").await;
    assert_eq!((first.text_at("h1"), first.text_at(".topics [aria-current]")), ("June 2025".into(), "June".into()));
    let second = reader.look(&first.attribute("a[rel=next]", "href").unwrap()).await;
    let seen: BTreeSet<String> = stories(&first).into_iter().chain(stories(&second)).collect();
    assert_eq!((stories(&first).len(), stories(&second).len(), seen.len()), (20, 3, 23));
    for none in [
        "/latest/2025/05",
        "/latest/2025/6",
        "/latest/2025/13",
        "/latest/2024",
        "/latest/25",
        "/latest/02025",
        "/latest/x/y",
    ] {
        assert_eq!(reader.look(none).await.status, StatusCode::NOT_FOUND, "{none}");
    }
}
