//! What script adds to the reading pages, part by part: and that each part fails alone.

use serde_json::{Value, json};

use crate::checks;
use crate::demo_pages::{LONG, demo_site};
use crate::driver::{Chromium, DESKTOP, PHONE};
use crate::support::conversation::{self, ARTICLE, sql};
use crate::support::site::Site;

const OPEN: &str = "document.querySelector('.src:popover-open')";
const SHUT: &str = "!document.querySelector('.src:popover-open')";
const RUN: &str = ".prose .cite a[aria-label^='References']";

async fn long_article() -> Option<(Site, Chromium)> {
    let (site, _) = demo_site().await;
    let browser = Chromium::start(&site).await?;
    browser.open(LONG).await;
    Some((site, browser))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_shown_beside_its_mark_by_the_mouse() {
    let Some((_site, browser)) = long_article().await else { return };
    browser.point_at(".prose .cite a").await;
    browser.until(OPEN).await;
    let named = browser
        .script(
            "return [document.querySelector('.src').getAttribute('aria-label'), document.querySelector('.src').role]",
        )
        .await;
    assert_eq!(named, json!(["Reference 1", "dialog"]));
    let title = browser.script("return document.querySelector('#r1 [data-source-title]').textContent").await;
    assert_eq!(browser.text(".src__title").await, title.as_str().unwrap());
    assert!(!browser.text(".src__meta").await.contains(title.as_str().unwrap()), "the title stands once");
    assert!(browser.text(".src__row").await.contains("Reference 1"));
    assert!(!browser.has(".src [data-source-back]").await && !browser.has(".src [id]").await);
    assert_eq!(
        browser.script("return document.activeElement === document.body").await,
        true,
        "hovering takes no focus"
    );
    // From the mark into the popover: it stays; away from both: it goes.
    browser.point_at(".src__meta").await;
    browser.until(OPEN).await;
    browser.move_to(2.0, 2.0).await;
    browser.until(SHUT).await;

    browser.press(".prose .cite a").await;
    browser.until(OPEN).await;
    assert_eq!(browser.script("return document.activeElement.className").await, "pop src");
    browser.move_to(2.0, 2.0).await;
    checks::axe(&browser).await;
    assert_eq!(browser.script(&format!("return Boolean({OPEN})")).await, true, "what was pressed open stays");
    browser.press(".prose .cite a").await;
    browser.until(SHUT).await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_is_shown_by_the_keyboard_and_focus_comes_back() {
    let Some((_site, browser)) = long_article().await else { return };
    browser.find(RUN).await;
    let focus = format!("document.querySelector(`{RUN}`).focus()");
    browser.script(&focus).await;
    browser.key("Enter").await;
    browser.until(OPEN).await;
    let label = browser.script(&format!("return document.querySelector(`{RUN}`).getAttribute('aria-label')")).await;
    assert_eq!(browser.script("return document.querySelector('.src').getAttribute('aria-label')").await, label);
    assert_eq!(
        browser.script("return document.querySelectorAll('.src__item').length").await,
        2,
        "a run shows two in full"
    );
    let on_mark = format!("document.activeElement === document.querySelector(`{RUN}`)");
    browser.key("Escape").await;
    browser.until(SHUT).await;
    browser.until(&on_mark).await;

    browser.key("Enter").await;
    browser.until(OPEN).await;
    let stops = browser.script("return document.querySelectorAll('.src a[href]').length").await.as_u64().unwrap();
    for _ in 0..stops {
        browser.key("Tab").await;
        browser.until("document.querySelector('.src').contains(document.activeElement)").await;
    }
    browser.key("Tab").await;
    browser.until(SHUT).await;
    browser.until(&on_mark).await;
    // The link goes where it says.
    browser.key("Enter").await;
    browser.until(OPEN).await;
    browser.script("[...document.querySelectorAll('.src a[href^=\"#r\"]')][0].focus()").await;
    browser.key("Enter").await;
    browser.until(SHUT).await;
    browser
        .until("/^#r\\d+$/.test(location.hash) && document.querySelector('.refs li:target')?.checkVisibility()")
        .await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_finds_its_place_above_or_at_the_bottom_edge() {
    let Some((_site, browser)) = long_article().await else { return };
    browser.script("document.querySelector('.prose .cite a').scrollIntoView({ block: 'end' }); scrollBy(0, 4)").await;
    browser.script("document.querySelector('.prose .cite a').focus({ preventScroll: true })").await;
    browser.key("Enter").await;
    browser.until(OPEN).await;
    let gap = "const mark = document.querySelector('.prose .cite a').getBoundingClientRect(), box = document.querySelector('.src').getBoundingClientRect();
        return [mark.top - box.bottom, box.left, innerWidth - box.right];";
    let found = browser.script(gap).await;
    assert!((found[0].as_f64().unwrap() - 10.0).abs() < 1.0, "above the mark: {found}");
    assert!(found[1].as_f64().unwrap() >= 12.0 && found[2].as_f64().unwrap() >= 12.0, "{found}");
    browser.script("scrollBy(0, -260)").await;
    browser.until(SHUT).await;

    browser.view(PHONE).await;
    browser.open(LONG).await;
    browser.script("document.querySelector('.prose .cite a').scrollIntoView({ block: 'center' })").await;
    browser.press(".prose .cite a").await;
    browser.until(OPEN).await;
    let sheet = browser.script("const box = document.querySelector('.src').getBoundingClientRect(); return [box.left, innerWidth - box.right, innerHeight - box.bottom]").await;
    assert_eq!(sheet, json!([0, 0, 0]));
    assert_eq!(browser.script("return document.querySelector('.cite a[aria-expanded=true]') !== null").await, true);
    browser.screenshot_of_window("source-390-light.png").await;
    browser.press(".src__close").await;
    browser.until(SHUT).await;
    browser.until("document.activeElement === document.querySelector('.prose .cite a')").await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_contents_mark_what_is_read_and_headings_link_to_themselves() {
    let Some((_site, browser)) = long_article().await else { return };
    let count = "document.querySelectorAll('.rail [aria-current]').length";
    browser.until(&format!("{count} === 0")).await;
    browser.script("document.querySelectorAll('.prose > h2')[2].scrollIntoView({ block: 'start' })").await;
    browser.until(&format!("{count} === 1")).await;
    let same =
        "document.querySelector('.rail [aria-current]').hash === '#' + document.querySelectorAll('.prose > h2')[2].id";
    browser.until(same).await;
    assert!(browser.has(".prose h2 > a.anchor[aria-label='Link to this section']").await);
    // A table that fits is no stop of the Tab key; on a phone it is one.
    browser.until("document.querySelector('.tbl__scroll:not([tabindex])')").await;
    browser.view(PHONE).await;
    browser.until("document.querySelector('.tbl__scroll[tabindex=\"0\"][role=region][aria-labelledby]')").await;
    checks::axe_at(&browser, PHONE).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_menu_opens_under_the_masthead_on_a_phone() {
    let Some((_site, browser)) = long_article().await else { return };
    browser.view(PHONE).await;
    browser.press("button[data-menu], .masthead__menu").await;
    browser.until("document.querySelector('#menu:popover-open')").await;
    checks::axe_at(&browser, PHONE).await;
    browser.view(PHONE).await;
    browser.key("Escape").await;
    browser.until("!document.querySelector('#menu:popover-open')").await;
    browser.until("document.activeElement.matches('.masthead__menu')").await;
}

/// A conversation with a folded thread of twenty replies.
async fn with_long_thread() -> Site {
    let site = conversation::site().await;
    let at = "'2026-11-14T09:00:00Z'";
    let columns = "article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at";
    sql(&site, &format!(
        "insert into comments ({columns}) select 1, 1, null, 0, 0, 'approved', 'Reader ' || n, 'x', 'Text', '<p>The words of reader ' || n || '.</p>', 1, {at}, {at}, {at} from generate_series(1, 3) n;
         insert into comments ({columns}) select 1, 1, 1, 0, 0, 'approved', 'Answer ' || n, 'x', 'Text', '<p>Answer ' || n || '.</p>', 1, {at}, {at}, {at} from generate_series(1, 20) n;
         update comments set public_replies = 20 where id = 1; update articles set comment_count = 23;"
    )).await;
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn more_replies_come_in_place_and_closed_threads_stay_closed() {
    let site = with_long_thread().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(ARTICLE).await;
    assert_eq!(browser.script("return document.querySelectorAll('[data-thread] article').length").await, 5);
    browser.press("[data-more]").await;
    browser.until("document.querySelectorAll('[data-thread] article').length === 20").await;
    assert_eq!(browser.script("return document.activeElement.querySelector('h3').textContent").await, "Answer 4");
    assert!(!browser.has("[data-more]").await);
    assert_eq!(checks::ids_given_twice(&browser).await, Vec::<String>::new());
    assert!(browser.address().await.starts_with(ARTICLE), "without another page");
    browser.press("#comment-12 [data-reply]").await;
    browser.until("document.querySelector('#comment-12').nextElementSibling?.id === 'reply'").await;
    checks::axe(&browser).await;

    browser.script("document.querySelector('[data-thread] > summary').click()").await;
    browser.until("sessionStorage.getItem('stet:closed') === '[\"1\"]'").await;
    browser.open("/").await;
    browser.open(ARTICLE).await;
    browser.until("!document.querySelector('[data-thread]').open").await;
    browser.open(&format!("{ARTICLE}?at=1#comment-10")).await;
    browser.until("document.querySelector('[data-thread]').open && document.querySelector('#comment-10:target')").await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passage_picked_out_is_quoted_and_escape_takes_an_empty_form_home() {
    let site = with_long_thread().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(ARTICLE).await;
    browser.press("#comment-2 [data-reply]").await;
    browser.until("document.querySelector('#comment-2').nextElementSibling?.id === 'reply'").await;
    assert_eq!(browser.text("#reply h2").await, "Reply to Reader 2");
    browser.key("Escape").await;
    browser.until("document.querySelector('.thread').compareDocumentPosition(document.querySelector('#reply')) & Node.DOCUMENT_POSITION_FOLLOWING && !document.querySelector('.thread #reply')").await;
    assert_eq!(browser.text("#reply h2").await, "Leave a comment");
    assert_eq!(browser.script("return document.activeElement.dataset.reply").await, "2", "where it began");

    browser
        .script("getSelection().selectAllChildren(document.querySelector('#comment-3 [data-comment-body] p'))")
        .await;
    browser.script("document.querySelector('#comment-3 [data-reply]').click()").await;
    browser.until("document.querySelector('#f-body').value === '> The words of reader 3.\\n\\n'").await;
    browser.key("Escape").await;
    assert!(browser.has(".thread #reply").await, "what is not empty stays");
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_send_themselves_links_are_copied_and_times_are_near() {
    let site = with_long_thread().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    let rights =
        json!({ "permissions": ["clipboardReadWrite", "clipboardSanitizedWrite"], "origin": browser.origin() });
    browser.devtools("Browser.grantPermissions", rights).await;
    browser.open(ARTICLE).await;
    assert!(!browser.find(".talk__sort button").await.is_displayed().await.unwrap());
    browser.press("#comment-2 [data-copy-link]").await;
    browser.until("document.querySelector('[data-status]').textContent === 'Link copied'").await;
    assert_eq!(
        browser.script_async("navigator.clipboard.readText().then(arguments[0])", Vec::new()).await,
        format!("{}/comments/2", browser.origin())
    );
    browser.script("const sort = document.querySelector('#sort'); sort.value = 'newest'; sort.dispatchEvent(new Event('change', { bubbles: true }))").await;
    browser.until("location.search === '?sort=newest' && location.hash === '#comments'").await;
    browser.until("document.querySelector('.thread article')?.id === 'comment-3'").await;
    // What was written just now, by the reader's own clock.
    let (title, words) = (
        "document.querySelector('time[data-relative]').title",
        "document.querySelector('time[data-relative]').textContent",
    );
    browser.until(&format!("{title}.includes('2026')")).await;
    browser.before_pages("Date.now = () => Date.parse('2026-11-14T09:38:00Z')").await;
    browser.open(ARTICLE).await;
    browser.until(&format!("{words} === '38 minutes ago'")).await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_part_that_fails_leaves_the_others_alone() {
    let (site, _) = demo_site().await;
    // Each fault takes away what one part needs; every other part goes on.
    for (fault, part) in [
        ("globalThis.IntersectionObserver = class { constructor() { throw new Error('broken') } }", "contents"),
        ("globalThis.ResizeObserver = class { constructor() { throw new Error('broken') } }", "tables"),
        ("Intl.RelativeTimeFormat = class { constructor() { throw new Error('broken') } }", "times"),
        ("Object.defineProperty(globalThis, 'sessionStorage', { get() { throw new Error('broken') } })", "threads"),
    ] {
        let Some(browser) = Chromium::start(&site).await else { return };
        browser.before_pages(fault).await;
        browser.open(LONG).await;
        browser.until("document.querySelector('.talk__sort button').hidden").await;
        // What only adds to the look comes when the browser has a moment.
        let complaint = format!("stet: {part} is off");
        let is_said = |line: &Value| line["message"].as_str().is_some_and(|text| text.contains(&complaint));
        let waited = tokio::time::timeout(std::time::Duration::from_secs(10), async {
            while !browser.console().await.iter().any(is_said) {
                tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            }
        });
        assert!(waited.await.is_ok(), "{part}: {:?}", browser.console().await);
        browser.press(".prose .cite a").await;
        browser.until(OPEN).await;
        browser.key("Escape").await;
        browser.until(SHUT).await;
        browser.press(".thread [data-reply]").await;
        browser.until("document.querySelector('.thread #reply')").await;
        if part != "contents" {
            browser.script("document.querySelectorAll('.prose > h2')[2].scrollIntoView({ block: 'start' })").await;
            browser.until("document.querySelector('.rail [aria-current]')").await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn dark_pages_are_dark_from_the_first_frame_and_light_ones_are_not_spoilt() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.before_pages(
        "globalThis.frames_seen = [];
         const look = () => { if (document.body) frames_seen.push(getComputedStyle(document.body).backgroundColor); requestAnimationFrame(look); };
         requestAnimationFrame(look);",
    )
    .await;
    browser.open(LONG).await;
    browser.until("document.readyState === 'complete' && frames_seen.length > 2").await;
    let light = browser.script("return [...new Set(frames_seen)]").await;
    assert_eq!(light, json!(["rgb(251, 250, 246)"]));
    browser.press(".theme [value=dark]").await;
    browser.until("getComputedStyle(document.body).backgroundColor === 'rgb(20, 24, 22)'").await;
    browser.open(LONG).await;
    browser.until("document.readyState === 'complete' && frames_seen.length > 2").await;
    assert_eq!(browser.script("return [...new Set(frames_seen)]").await, json!(["rgb(20, 24, 22)"]), "no light frame");
    assert_eq!(site.browser().get(LONG).await.attribute("html", "data-theme"), None, "another reader's page is theirs");
    browser.view(DESKTOP).await;
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_comment_is_reported_in_a_dialog() {
    let site = with_long_thread().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(ARTICLE).await;
    let link = "#comment-2 a[data-report]";
    browser.press(link).await;
    browser.until("document.querySelector('dialog[open] form')").await;
    assert_eq!(browser.text("dialog h2").await, "Report Reader 2’s comment");
    browser.until("document.activeElement.id === 'report-h'").await;
    for view in [DESKTOP, DESKTOP.dark(), PHONE, PHONE.dark()] {
        checks::axe_at(&browser, view).await;
        browser
            .screenshot_of_window(&format!("report-dialog-{}-{:?}.png", view.width, view.theme).to_lowercase())
            .await;
    }
    assert_eq!(checks::ids_given_twice(&browser).await, Vec::<String>::new());
    browser.view(DESKTOP).await;
    // Escape and Cancel close it, and the focus comes back.
    let back = format!("!document.querySelector('dialog') && document.activeElement.matches('{link}')");
    browser.key("Escape").await;
    browser.until(&back).await;
    browser.press(link).await;
    browser.until("document.querySelector('dialog[open] form')").await;
    browser.press("[data-report-cancel]").await;
    browser.until(&back).await;
    // A form that is not right stays, with what was typed.
    browser.press(link).await;
    browser.until("document.querySelector('dialog[open] form')").await;
    browser.fill("dialog #f-words", "It sells pills.").await;
    browser.press("dialog .btn--primary").await;
    browser.until("document.querySelector('dialog[open] .field__error')").await;
    assert_eq!(browser.value("dialog #f-words").await, "It sells pills.");
    checks::axe(&browser).await;
    browser.press("dialog [value=spam]").await;
    browser.press("dialog .btn--primary").await;
    browser
        .until("!document.querySelector('dialog') && document.activeElement.matches('#comment-2 .notice--ok')")
        .await;
    assert_eq!(
        browser.text("#comment-2 .notice--ok").await,
        "Thank you. Your report number is 1001. A moderator will look at it."
    );
    assert!(browser.text("#comment-2 .comment__acts").await.contains("Reported"));
    assert!(!browser.has(link).await);
    checks::axe(&browser).await;
    assert_eq!(site.one::<String>("select words from reports").await, "It sells pills.");
    // On a page that was loaded again the link is there; the answer says so.
    browser.open(ARTICLE).await;
    browser.press(link).await;
    browser.until("document.querySelector('dialog[open] form')").await;
    browser.press("dialog [value=abuse]").await;
    browser.press("dialog .btn--primary").await;
    browser.until("document.querySelector('#comment-2 .notice--ok')?.textContent.startsWith('You have reported this already.')").await;
    // The refused form is itself a line of the console; that is no fault.
    let complaints = checks::complaints(&browser).await;
    assert!(complaints.iter().all(|line| line.contains("/report - Failed to load resource")), "{complaints:?}");
    assert_eq!(checks::outside_requests(&browser).await, Vec::<String>::new());
}

#[tokio::test(flavor = "multi_thread")]
async fn new_comments_are_told_of_and_shown_where_they_stand() {
    let site = conversation::site().await;
    conversation::public_comments(&site, &[("Ruth K.", None), ("Jonas", None)]).await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(ARTICLE).await;
    browser.script("document.querySelector('#comments').scrollIntoView(); document.querySelector('#f-body').value = 'Half a tho'").await;
    browser.until("performance.getEntriesByType('resource').length > 0").await;
    // A reply to the first, and a thread of its own, approved while the page is open.
    let ana = conversation::signed_in(&site, 3).await;
    for address in [format!("{ARTICLE}?reply=1"), ARTICLE.to_owned()] {
        let form = ana
            .look(&address)
            .await
            .form("#reply form")
            .fill("body", &format!("Said at {address}"))
            .choose("act", "post");
        assert_eq!(ana.submit(&form).await.status, 303);
    }
    browser.until("document.querySelector('[data-news]')?.textContent.includes('2 new comments')").await;
    checks::axe(&browser).await;
    browser.press("[data-news] button").await;
    browser.until("document.querySelector('#comment-1').closest('li').querySelector('#comment-3')").await;
    browser.until("document.querySelector('.thread > li:last-child #comment-4')").await;
    assert_eq!(browser.text("#talk-h").await, "4 comments");
    assert!(!browser.has("[data-news]").await);
    assert_eq!(browser.script("return document.activeElement.id").await, "comment-3");
    assert_eq!(browser.script("return document.querySelector('#f-body').value").await, "Half a tho");
    assert_eq!(checks::ids_given_twice(&browser).await, Vec::<String>::new());
    checks::quiet(&browser).await;
}
