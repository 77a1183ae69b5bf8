//! What people come for, from end to end: a reader writes and answers, a moderator decides, an editor publishes.

use chrono::TimeDelta;
use stet::core::status::Role;

use crate::checks;
use crate::desk_pages::sign_in;
use crate::driver::Chromium;
use crate::support::conversation::{self, ARTICLE, approve_all, post, signed_in};
use crate::support::people::Member;
use crate::support::site::Site;

/// Whether scripts of pages run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Script {
    On,
    Off,
}

async fn browser_with(site: &Site, script: Script) -> Option<Chromium> {
    let browser = Chromium::start(site).await?;
    if script == Script::Off {
        browser.without_script().await;
    }
    Some(browser)
}

/// Fills in who writes.
async fn sign_as_dele(browser: &Chromium) {
    browser.fill("#f-name", "Dele A.").await;
    browser.fill("#f-email", "dele@mail.example").await;
}

async fn a_reader_comments(script: Script) {
    let site = conversation::site().await;
    let Some(browser) = browser_with(&site, script).await else { return };
    browser.open(ARTICLE).await;
    browser.fill("#f-body", "Is an anchor sleep *still* worth trying?").await;
    browser.takes_time_to_write().await;
    browser.press("#reply [value=post]").await;
    assert!(browser.text("#reply .errsum").await.contains("Enter"), "what is missing is said");
    assert_eq!(browser.value("#f-body").await, "Is an anchor sleep *still* worth trying?", "the words are kept");

    sign_as_dele(&browser).await;
    browser.press("#reply [value=preview]").await;
    assert_eq!(browser.text(".preview .comment__body em").await, "still");
    assert_eq!(browser.value("#f-name").await, "Dele A.");
    site.later(TimeDelta::seconds(10));
    browser.takes_time_to_write().await;
    browser.press("#reply [value=post]").await;
    let notice = browser.text("#comment-1 .held").await;
    assert!(notice.contains("Waiting for a moderator. Only you can see this for now."), "{notice}");
    let other = site.browser().get(ARTICLE).await;
    assert!(!other.has("#comment-1") && !other.text.contains("anchor sleep"), "nobody else sees it");
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_mends_mistakes_previews_and_posts_without_script() {
    a_reader_comments(Script::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_mends_mistakes_previews_and_posts_with_script() {
    a_reader_comments(Script::On).await;
}

/// A site with one comment of Robin's that everybody sees.
async fn with_one_comment() -> Site {
    let site = conversation::site().await;
    let answer = post(&site, &site.browser(), "The first comment, there to be answered.").await;
    assert_eq!(answer.status, 303, "{}", answer.text);
    approve_all(&signed_in(&site, 2).await).await;
    site
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reader_replies_without_script() {
    let site = with_one_comment().await;
    let Some(browser) = browser_with(&site, Script::Off).await else { return };
    browser.open(ARTICLE).await;
    browser.press("#comment-1 [data-reply]").await;
    assert_eq!(browser.text("#reply h2").await, "Reply to Dele A.");
    browser.fill("#f-body", "An answer from somebody else.").await;
    browser.fill("#f-name", "Robin").await;
    browser.fill("#f-email", "robin@mail.example").await;
    site.later(TimeDelta::seconds(10));
    browser.takes_time_to_write().await;
    browser.press("#reply [value=post]").await;
    assert!(browser.text("#comment-2 .held").await.contains("Waiting"));
    assert!(browser.has(".replies #comment-2").await, "it stands under the comment it answers");
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_script_the_reply_form_comes_to_the_comment_and_back_with_the_words() {
    let site = with_one_comment().await;
    let Some(browser) = browser_with(&site, Script::On).await else { return };
    browser.open(ARTICLE).await;
    browser.fill("#f-body", "Begun before I chose whom to answer.").await;
    browser.press("#comment-1 [data-reply]").await;
    browser.until("document.querySelector('#comment-1').nextElementSibling?.id === 'reply'").await;
    assert!(!browser.address().await.contains("reply="), "without another page");
    assert_eq!(browser.value("#f-body").await, "Begun before I chose whom to answer.");
    assert!(browser.script("return document.activeElement.id === 'f-body'").await == true);
    checks::axe(&browser).await;
    browser.fill("#f-name", "Robin").await;
    browser.fill("#f-email", "robin@mail.example").await;
    site.later(TimeDelta::seconds(10));
    browser.takes_time_to_write().await;
    browser.press("#reply [value=post]").await;
    assert!(browser.text("#comment-2 .held").await.contains("Waiting"));
    assert!(browser.has(".replies #comment-2").await);
    assert_eq!(browser.value("#f-body").await, "", "the draft is gone once it is posted");
    checks::quiet(&browser).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_survives_leaving_the_page() {
    let site = conversation::site().await;
    let Some(browser) = browser_with(&site, Script::On).await else { return };
    browser.open(ARTICLE).await;
    browser.fill("#f-body", "Half a thought about").await;
    browser.open("/").await;
    browser.open(ARTICLE).await;
    browser.until("document.querySelector('#f-body').value !== ''").await;
    assert_eq!(browser.value("#f-body").await, "Half a thought about");
    checks::page(&browser).await;
}

async fn a_moderator_approves_and_answers(script: Script) {
    let site = conversation::site().await;
    let moderator = site.member("Ines Okafor", Role::Moderator).await;
    let Some(reader) = browser_with(&site, script).await else { return };
    reader.open(ARTICLE).await;
    reader.fill("#f-body", "Is an anchor sleep worth trying?").await;
    sign_as_dele(&reader).await;
    site.later(TimeDelta::seconds(10));
    reader.takes_time_to_write().await;
    reader.press("#reply [value=post]").await;
    assert!(reader.has("#comment-1 .held").await);

    let Some(desk) = browser_with(&site, script).await else { return };
    sign_in(&desk, &moderator).await;
    desk.press(".side nav a[href^='/desk/comments']").await;
    assert!(desk.text(".row__foot .badge").await.contains("first comment from this email"));
    desk.press(".row__acts a[aria-label^=Open]").await;
    desk.fill(".answer textarea", "It is, if you can keep it **every** night.").await;
    desk.press(".answer .btn--primary").await;
    assert!(desk.text(".receipt").await.contains("Approved and answered"));
    assert!(!desk.has(".row").await, "nothing is left to decide");

    reader.open(ARTICLE).await;
    assert!(!reader.has("#comment-1 .held").await);
    assert_eq!(reader.text(".replies .comment__body strong").await, "every");
    assert!(reader.text(".replies .comment .badge--accent").await.contains("Staff"));
    let anybody = site.browser().get(ARTICLE).await;
    assert_eq!(anybody.texts(".comment").len(), 2);
    checks::quiet(&reader).await;
    checks::quiet(&desk).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_approves_and_answers_in_one_act_without_script() {
    a_moderator_approves_and_answers(Script::Off).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_moderator_approves_and_answers_in_one_act_with_script() {
    a_moderator_approves_and_answers(Script::On).await;
}

async fn write_an_article(browser: &Chromium, editor: &Member) {
    sign_in(browser, editor).await;
    browser.open("/desk/articles/new").await;
    browser.fill("#f-title", "Short naps").await;
    browser.fill("#f-dek", "What twenty minutes do.").await;
    browser.fill("#f-body", "Naps help.\n\n## How long\n\nTwenty minutes.").await;
    browser.press(".form__acts [value=preview]").await;
    assert_eq!(browser.text(".canvas .prose h2").await, "How long");
    browser.press(".form__acts [value=publish]").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_editor_writes_publishes_and_mends_without_script() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let Some(browser) = browser_with(&site, Script::Off).await else { return };
    write_an_article(&browser, &editor).await;
    assert!(site.browser().get("/short-naps").await.text_at(".prose").contains("Twenty minutes"));

    browser.open("/desk/articles").await;
    browser.press("main tbody a[href^='/desk/articles/']").await;
    browser.fill("#f-body", "Naps help.\n\n## How long\n\nTwenty-five minutes.").await;
    browser.press("[name=change][value=cosmetic]").await;
    browser.press(".form__acts [value=publish]").await;
    browser.open("/short-naps").await;
    assert!(browser.text(".prose").await.contains("Twenty-five minutes"), "readers see the change at once");
    checks::quiet(&browser).await;
}
