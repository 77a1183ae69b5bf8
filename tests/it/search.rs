//! Search: what is found and where it leads, what never is, and what is offered instead.

use std::collections::BTreeSet;

use chrono::TimeDelta;
use reqwest::StatusCode;
use stet::core::status::Role;

use crate::articles::{press, published, source, typed};
use crate::support::browser::Page;
use crate::support::conversation::{ARTICLE, approve_all, article, post, signed_in, site, sql};
use crate::support::site::Site;

fn addresses(page: &Page) -> Vec<String> {
    let links = scraper::Selector::parse(".hits h2 a").unwrap();
    page.html().select(&links).filter_map(|link| link.attr("href").map(str::to_owned)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_word_only_in_a_reply_leads_to_the_reply() {
    let site = site().await;
    let (desk, reader) = (signed_in(&site, 3).await, site.browser());
    assert_eq!(post(&site, &reader, "Does the quokka <b>nap</b> help?").await.status, StatusCode::SEE_OTHER);
    let searched = site.browser();
    let page = searched.look("/search?q=quokkas").await;
    assert_eq!(page.text_at("h1"), "Nothing found for “quokkas”", "held: not found, not counted, not offered");
    assert!(!page.text.contains("nap") && !page.text.contains("Did you mean"), "{}", page.text);

    approve_all(&desk).await;
    let page = searched.look("/search?q=quokkas").await;
    assert_eq!(page.text_at("h1"), "1 result for “quokkas”", "at once after the approval");
    assert_eq!(page.texts(".tabs a"), ["Articles 0", "Comments 1", "People 0"]);
    assert_eq!(page.text_at(".tabs [aria-current]"), "Comments 1");
    assert_eq!(page.text_at(".hits h2"), "Dele A. on Sleeping well on the night shift");
    assert_eq!(
        (page.text_at(".hits mark"), page.text_at(".hits__text")),
        ("quokka".into(), "Does the quokka nap help".into())
    );
    let there = searched.get(&addresses(&page)[0]).await;
    assert!(there.status == StatusCode::OK && there.text.contains("Does the quokka"), "{}", there.address);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_taken_away_is_found_no_more() {
    let site = site().await;
    let desk = signed_in(&site, 3).await;
    for word in ["wombat", "numbat", "quoll"] {
        assert_eq!(post(&site, &site.browser(), &format!("A {word} slept here.")).await.status, StatusCode::SEE_OTHER);
    }
    approve_all(&desk).await;
    let found = async |word: &str| site.browser().look(&format!("/search?q={word}")).await.has(".hits li");
    assert!(found("wombat").await && found("numbat").await && found("quoll").await && found("sleeping").await);
    // Each way out of what is public, as the verbs leave it.
    sql(&site, "update comments set status = 'spam', status_reason = 'staff_spam' where body like '%wombat%'").await;
    sql(&site, "update comments set status = 'trash', status_reason = 'withdrawn' where body like '%numbat%'").await;
    assert!(!found("wombat").await && !found("numbat").await && found("quoll").await);
    sql(&site, "update comments set html = '<p>Changed.</p>', body = 'Changed.' where body like '%quoll%'").await;
    assert!(!found("quoll").await && found("changed").await);
    sql(&site, "update articles set state = 'withdrawn', withdrawn_at = now()").await;
    assert!(
        !found("changed").await && !found("sleeping").await && !found("achebe").await,
        "nothing under a withdrawn article"
    );
    assert_eq!(site.one::<i64>("select search_mend(100)").await, 0, "the tables needed no mending");
}

#[tokio::test(flavor = "multi_thread")]
async fn stems_accents_and_slips_of_the_hand_are_met() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    published(&browser, "Caffeine at the café", "Naps were **measured** <twice>.\n\n## Melatonin timing\n\nText.\n")
        .await;
    source(&browser, "one", "Study one", "10.1000/one").await;
    published(&browser, "Marks", "First [@one]. Between the marks a kowari[^1]. Last [@one].\n\n[^1]: A note.\n").await;
    let marked = site.browser().look("/search?q=kowari").await;
    assert!(marked.text_at(".hits__text").starts_with("First. Between the marks a kowari. Last."), "{}", marked.text);
    let reader = site.browser();
    for words in ["measuring", "nap", "cafe", "CAFÉ", "\"naps were measured\"", "caffeine -tea", "melatonin"] {
        let page = reader.look(&stet::urls::search(words)).await;
        assert_eq!(addresses(&page), ["/caffeine-at-the-cafe"], "{words}");
    }
    assert!(addresses(&reader.look("/search?q=caffeine+-naps").await).is_empty());
    let page = reader.look("/search?q=melatonni").await;
    assert_eq!(page.text_at(".search__meant"), "Did you mean melatonin?");
    assert_eq!(addresses(&reader.look(&page.attribute(".search__meant a", "href").unwrap()).await).len(), 1);
    let person = reader.look("/search?q=achebe").await;
    assert_eq!(person.text_at(".tabs [aria-current]"), "People 1");
    assert_eq!(addresses(&person), ["/authors/miriam-achebe"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_search_shows_text_as_text_and_stays_out_of_engines() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    published(&browser, "Escapes", "Write `<script>alert(1)</script>` and naps & \\<i>more.\n").await;
    let page = site.browser().look("/search?q=naps").await;
    let excerpt = page.text_at(".hits__text");
    assert!(excerpt.contains("alert(1)") && excerpt.contains("naps & more"), "{excerpt}");
    assert_eq!(page.texts("main script, main i").len(), 0);
    assert_eq!(page.attribute("meta[name=robots]", "content").as_deref(), Some("noindex"));
    let page = site.browser().look("/search?q=%3Cscript%3E&in=nothing&after=x-1").await;
    assert_eq!((page.status, page.attribute("#f-q", "value").as_deref()), (StatusCode::OK, Some("<script>")));
    for odd in ["%00", "%ff", "!!", "%27%3B--", "a+%26+%7C+(", "-x", "the", "%22"] {
        assert_eq!(site.browser().look(&format!("/search?q={odd}")).await.status, StatusCode::OK, "{odd}");
    }
    let blank = site.browser().look("/search?q=+").await;
    assert_eq!((blank.text_at("h1").as_str(), blank.has(".tabs")), ("Search", false));
}

#[tokio::test(flavor = "multi_thread")]
async fn results_go_on_by_place_and_none_is_lost_when_another_comes_in_between() {
    let site = site().await;
    for number in 0..25 {
        article(&site, &format!("nap-{number}"), &format!("Naps, part {number}")).await;
    }
    let reader = site.browser();
    let first = reader.look("/search?q=naps").await;
    assert_eq!((first.text_at("h1").as_str(), addresses(&first).len()), ("25 results for “naps”", 10));
    article(&site, "naps-naps", "Naps naps naps").await;
    let mut seen: Vec<String> = addresses(&first);
    let mut next = first.attribute("a[rel=next]", "href");
    while let Some(href) = next {
        let page = reader.look(&href).await;
        seen.extend(addresses(&page));
        next = page.attribute("a[rel=next]", "href");
    }
    let once: BTreeSet<&String> = seen.iter().collect();
    assert_eq!((seen.len(), once.len()), (25, 25), "the one that came in between stands before the first page's last");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_leads_nowhere_offers_what_is_close() {
    let site = site().await;
    let page = site.browser().look("/sleeping-well-on-the-nightshift").await;
    assert_eq!(page.status, StatusCode::NOT_FOUND);
    assert_eq!(
        page.attribute("main form[role=search] input", "value").as_deref(),
        Some("sleeping well on the nightshift")
    );
    assert_eq!(page.attribute(".related a", "href").as_deref(), Some(ARTICLE));
    assert!(!site.browser().look("/zzz-qqq.php").await.has(".related"));
    assert!(!site.browser().look("/static/sleeping-well").await.has(".related"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unpublished_change_is_not_found() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    let desk = published(&browser, "Naps", "Public text.\n").await;
    site.later(TimeDelta::minutes(1));
    assert_eq!(
        press(&browser, desk.form("form.desk").fill("body", "Quokka.\n"), "version").await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        press(&browser, typed(&browser, "Quokkas", "Quokka.\n").await, "save").await.status,
        StatusCode::SEE_OTHER
    );
    let page = site.browser().look("/search?q=quokka").await;
    assert!(!page.has(".hits li") && !page.has(".search__meant"), "{}", page.text);
    assert!(site.browser().look("/search?q=public").await.has(".hits li"));
}
