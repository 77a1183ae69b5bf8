//! The editor's form: nothing typed is lost.

use reqwest::StatusCode;
use stet::core::status::Role;

use super::{press, published, source, typed};
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn an_article_is_written_cited_previewed_and_published_without_script() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Miriam Achebe", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shifting", "10.1000/one").await;
    let body = "## Why nights are hard\n\nPeople sleep less [@okafor2021].\n";
    let form = typed(&browser, "Sleeping well on the night shift", body).await;

    let page = press(&browser, form.clone(), "preview").await;
    assert_eq!(page.status, StatusCode::OK);
    assert_eq!(page.text_at("#preview-h"), "Preview");
    assert_eq!(page.text_at(".canvas .prose .cite"), "[1]");
    assert_eq!(page.form("form.desk").value("body"), Some(body), "the preview keeps what was typed");
    assert_eq!(site.one::<i64>("select count(*) from articles").await, 0, "a preview stores nothing");

    let page = press(&browser, form, "version").await;
    let desk = browser.get(&page.location().unwrap()).await;
    assert_eq!(desk.text_at(".flash p"), "Saved as a version.");
    assert_eq!(browser.look("/sleeping-well-on-the-night-shift").await.status, StatusCode::NOT_FOUND);

    let page = press(&browser, desk.form("form.desk"), "publish").await;
    let desk = browser.get(&page.location().unwrap()).await;
    assert_eq!(desk.text_at(".flash p"), "Published. Readers see this version now.");
    let page = site.browser().get("/sleeping-well-on-the-night-shift").await;
    assert_eq!(page.text_at("h1"), "Sleeping well on the night shift");
    assert_eq!(
        page.text_at("#r1 > span"),
        "Okafor R, Sample Institute. Phase shifting. J Sample Sleep Med. 2021;14:101–112."
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stale_form_is_refused_with_both_texts_and_can_be_saved_after_all() {
    let site = Site::start().await;
    let (one, two) = (site.member("Ana Novak", Role::Editor).await, site.member("Jon Ferrer", Role::Editor).await);
    let (ana, jon) = (site.signed_in(&one).await, site.signed_in(&two).await);
    let saved = press(&ana, typed(&ana, "Naps", "First.\n").await, "save").await;
    let address = saved.location().unwrap();
    let (hers, his) = (ana.get(&address).await.form("form.desk"), jon.get(&address).await.form("form.desk"));
    assert_eq!(press(&ana, hers.fill("body", "Hers.\n"), "save").await.status, StatusCode::SEE_OTHER);

    let page = press(&jon, his.fill("body", "His.\n"), "save").await;
    assert_eq!(page.status, StatusCode::CONFLICT);
    assert!(page.text_at("#conflict-h").starts_with("Ana Novak saved this article"));
    assert!(page.text_at("#theirs").contains("Hers."));
    assert_eq!(page.form("form.desk").value("body"), Some("His.\n"));
    assert_eq!(site.one::<String>("select body from article_drafts").await, "Hers.\n", "nothing was overwritten");

    assert_eq!(press(&jon, page.form("form.desk"), "save").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<String>("select body from article_drafts").await, "His.\n");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_same_form_sent_twice_lands_on_its_first_result() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let form = typed(&browser, "Naps", "Short ones.\n").await;
    let (first, second) = (press(&browser, form.clone(), "publish").await, press(&browser, form, "publish").await);
    assert_eq!(first.location(), second.location());
    assert_eq!(site.one::<i64>("select count(*) from articles").await, 1);
    assert_eq!(site.one::<i64>("select count(*) from revisions").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn text_over_a_limit_is_refused_whole_and_kept() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let title = "é".repeat(201);
    let page = press(&browser, typed(&browser, &title, "Text.\n").await, "save").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.text_at(".errsum a"), "Title must be 200 characters or fewer. You have used 201");
    assert_eq!(page.form("form.desk").value("title"), Some(title.as_str()));
    assert!(page.text_at("title").starts_with("Error: "));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_author_writes_own_drafts_and_neither_publishes_nor_touches_others() {
    let site = Site::start().await;
    let editor = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let author = site.signed_in(&site.member("Jon Ferrer", Role::Author).await).await;
    let foreign = published(&editor, "Hers", "Text.\n").await.address.split('?').next().unwrap().to_owned();

    for address in [foreign.clone(), format!("{foreign}/revisions")] {
        assert_eq!(author.look(&address).await.status, StatusCode::FORBIDDEN, "{address}");
    }
    let own = press(&author, typed(&author, "His", "Text.\n").await, "save").await.location().unwrap();
    let page = author.get(&own).await;
    assert!(!page.has("button[value=publish]"));
    let form = page.form("form.desk");
    assert_eq!(press(&author, form.clone(), "publish").await.status, StatusCode::FORBIDDEN);
    let stolen = stet_form_for(&form, &foreign);
    assert_eq!(press(&author, stolen, "save").await.status, StatusCode::FORBIDDEN);
    assert_eq!(author.get("/desk/articles").await.texts("tbody th"), ["His"]);
}

fn stet_form_for(form: &crate::support::browser::Filled, action: &str) -> crate::support::browser::Filled {
    let mut form = form.clone();
    action.clone_into(&mut form.action);
    form
}
