//! The same page for any reader: right to left, on paper, in the system's own colours.

use serde_json::json;

use crate::checks;
use crate::demo_pages::{LONG, demo_site};
use crate::desk_pages::pictures;
use crate::driver::{Chromium, DESKTOP, PHONE};
use crate::support::conversation::{self, sql};
use crate::support::site::Site;

/// An article of ours in Arabic, with a mark of three works, a list, a table and a callout, and one comment.
async fn in_arabic() -> Site {
    let site = conversation::site().await;
    let html = r##"<p>النوم بعد نوبة الليل أقصر من النوم بعد نوبة النهار<span class="cite">[<a id="c1-1" href="#r1" role="doc-noteref" aria-label="References 1–3">1–3</a>]</span>، والضوء أقوى إشارة تتلقاها الساعة.</p>
        <h2 id="light">الضوء</h2><ul><li>ضوء قوي في أول النوبة</li><li>نظارات داكنة في طريق البيت</li></ul>
        <div class="tbl"><span class="tbl__cap" id="t1">Table 1. مقارنة</span><div class="tbl__scroll" role="region" aria-labelledby="t1" tabindex="0"><table><caption class="visually-hidden">مقارنة</caption><thead><tr><th scope="col">الإجراء</th><th scope="col">الأثر</th></tr></thead><tbody><tr><th scope="row">النوم الثابت</th><td>40</td></tr></tbody></table></div></div>
        <div class="callout" role="note"><b>القيادة</b>توقف قبل أن تغفو.</div>"##;
    sql(&site, &format!(
        "with a as (insert into articles (slug, created_at) values ('nawm', '2026-11-14T08:00:00Z') returning id),
              r as (insert into revisions (article_id, number, cause, title, slug, dek, takeaways, body, language, description, made_at)
                    select id, 1, 'publish', 'النوم الجيد في نوبة الليل', 'nawm', 'ما تقوله الدراسات.', '{{حافظ على أربع ساعات ثابتة}}', 'نص', 'ar', '', '2026-11-14T08:00:00Z' from a returning id)
         insert into revision_renderings (revision_id, renderer_version, html, outline, word_count, rendered_at)
         select id, 1, '{html}', '[]', 40, '2026-11-14T08:00:00Z' from r;
         update articles set state = 'published', published_revision_id = (select id from revisions where slug = 'nawm'),
                first_published_at = '2026-11-14T08:00:00Z', published_at = '2026-11-14T08:00:00Z', updated_at = '2026-11-14T08:00:00Z', comment_count = 1 where slug = 'nawm';
         insert into comments (article_id, revision_id, parent_id, root_id, depth, status, name, name_skeleton, body, html, renderer_version, created_at, published_at, status_changed_at)
         select id, published_revision_id, null, 0, 0, 'approved', 'ليلى', 'x', 'شكرا', '<p dir=\"auto\">شكرا لكم!</p>', 1, now(), now(), now() from articles where slug = 'nawm'"
    )).await;
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_reads_from_right_to_left() {
    let site = in_arabic().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open("/nawm").await;
    pictures(&browser, "right-to-left").await;
    let of = |selector: &str| format!("document.querySelector(`{selector}`).getBoundingClientRect()");
    let starts = browser
        .script(&format!(
            "return [{}.right, {}.right, {}.right, {}.x]",
            of(".prose"),
            of(".prose h2"),
            of(".head h1"),
            of("#comment-1 .avatar")
        ))
        .await;
    assert_eq!((&starts[0], &starts[0]), (&starts[1], &starts[2]), "everything begins at the right: {starts}");
    // A run of numbers is read as it is written, 1–3, in any line.
    let ltr = "return [getComputedStyle(document.querySelector('.cite')).direction, getComputedStyle(document.querySelector('.prose')).direction]";
    assert_eq!(browser.script(ltr).await, json!(["ltr", "rtl"]));
    // What the site itself says is in the site's language, whatever the article's.
    assert_eq!(
        browser.script("const talk = document.querySelector('#comments'); return [talk.lang, talk.dir]").await,
        json!(["en", "ltr"])
    );
    checks::page(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn paper_shows_every_source_and_no_furniture() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.without_script().await;
    browser.open(LONG).await;
    assert!(!browser.has("#refs[open]").await, "the list is closed on the screen");
    browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "print", "features": [] })).await;
    let seen = |selector: &str| {
        format!(
            "return [...document.querySelectorAll(`{selector}`)].filter(element => element.checkVisibility()).length"
        )
    };
    let sources = browser.script("return document.querySelectorAll('#refs li').length").await;
    assert!(sources.as_u64().unwrap() > 12);
    assert_eq!(browser.script(&seen("#refs li")).await, sources);
    let furniture = ".masthead__nav, .rail, .toc--fold, .shop, .help, .related, .reply-form, .comment__acts, .foot, .refs__back, .talk__sort, .pager";
    assert_eq!(browser.script(&seen(furniture)).await, 0);
    let stuck = "return [...document.querySelectorAll('body *')].filter(element => element.checkVisibility() && ['fixed', 'sticky'].includes(getComputedStyle(element).position)).map(element => element.className)";
    assert_eq!(browser.script(stuck).await, json!([]), "nothing hangs over the text");
    let address = "return getComputedStyle(document.querySelector('#refs a[href^=http]'), '::after').content";
    assert!(browser.script(address).await.as_str().unwrap().contains("http"), "addresses are written out");
    assert_eq!(browser.script("return getComputedStyle(document.body).color").await, "rgb(0, 0, 0)");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_systems_own_colours_keep_borders_and_focus() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(LONG).await;
    for view in [DESKTOP, PHONE] {
        browser.view(view).await;
        let features = json!([{ "name": "forced-colors", "value": "active" }, { "name": "prefers-reduced-motion", "value": "reduce" }]);
        browser.devtools("Emulation.setEmulatedMedia", json!({ "media": "screen", "features": features })).await;
        assert_eq!(browser.script("return matchMedia('(forced-colors: active)').matches").await, true);
        let unframed = "return ['.btn--primary', '.takeaways', '.callout', '.help', '.notice', '.avatar', '.badge'].filter(name => {
            const found = [...document.querySelectorAll(name)].find(element => element.checkVisibility());
            if (!found) return false;
            const style = getComputedStyle(found);
            return ['top', 'right', 'bottom', 'left'].every(side => style.getPropertyValue(`border-${side}-width`) === '0px') })";
        assert_eq!(browser.script(unframed).await, json!([]), "a ground alone says nothing here");
        browser.script("document.querySelector('.prose .cite a').focus()").await;
        browser.key("Tab").await;
        assert_eq!(browser.script("return getComputedStyle(document.activeElement).outlineStyle").await, "solid");
        browser.screenshot_of_window(&format!("forced-{}.png", view.width)).await;
        assert!(checks::overflow(&browser).await.is_empty());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn motion_is_off_where_it_is_not_wanted() {
    let (site, _) = demo_site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    browser.open(LONG).await;
    let slow = "return [...document.querySelectorAll('body *')].filter(element => { const style = getComputedStyle(element);
        return style.animationName !== 'none' || style.transitionDuration.split(',').some(time => parseFloat(time) > 0.001) }).map(element => element.className)";
    assert_eq!(browser.script(slow).await, json!([]));
    assert_eq!(browser.script("return getComputedStyle(document.documentElement).scrollBehavior").await, "auto");
}
