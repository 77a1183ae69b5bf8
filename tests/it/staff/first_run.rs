//! The setup link and the page it opens.

use reqwest::StatusCode;
use stet::staff::setup;

use crate::support::browser::Filled;
use crate::support::site::Site;

async fn link(site: &Site) -> Option<String> {
    let token = site.app.db.transact(async |tx| setup::ensure_link(tx, site.app.rng()).await).await.unwrap();
    token.map(|token| format!("/desk/setup/{}", token.reveal()))
}

fn filled(form: Filled) -> Filled {
    form.fill("site_name", "Harbour Health")
        .fill("base_url", "http://harbour.example")
        .fill("name", "Ines Calloway")
        .fill("email", "ines@harbour.example")
        .fill("password", "kelp-otter-winch-9")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_link_makes_the_owner_who_is_then_signed_in_and_closes_for_good() {
    let site = Site::start().await;
    let (first, second) = (link(&site).await.unwrap(), link(&site).await.unwrap());
    let browser = site.browser();
    let page = browser.look(&first).await;
    assert_eq!(page.text_at("h1"), "Set up your site");
    let page = browser.submit(&filled(page.form("main form"))).await;
    assert_eq!((page.status, page.location().as_deref()), (StatusCode::SEE_OTHER, Some("/desk")));
    let desk = browser.look("/desk").await;
    assert_eq!((desk.status, desk.text_at("h1").as_str()), (StatusCode::OK, "Today"));
    assert!(desk.text_at(".side__me").contains("Ines Calloway"));
    assert!(desk.text_at("title").contains("Harbour Health"));

    for used in [&first, &second] {
        assert_eq!(site.browser().look(used).await.status, StatusCode::NOT_FOUND, "a link of any start is void");
    }
    assert!(link(&site).await.is_none(), "no link while there is an owner");
    assert_eq!(site.one::<i64>("select count(*) from staff where role = 'owner'").await, 1);
    assert_eq!(site.one::<i64>("select count(*) from audit_entries where action = 'site.setup'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_site_begins_with_its_house_pages_and_a_menu_to_them() {
    let site = Site::start().await;
    let link = link(&site).await.unwrap();
    let owner = site.browser();
    let form = filled(owner.look(&link).await.form("main form")).fill("site_name", "Harbour *Health*");
    assert_eq!(owner.submit(&form).await.status, StatusCode::SEE_OTHER);
    let reader = site.browser();
    for (address, title) in [
        ("/about", "About Harbour *Health*"),
        ("/how-we-moderate", "How we moderate"),
        ("/why-comments-are-removed", "Why comments are removed"),
        ("/what-trusted-source-means", "What “Trusted source” means"),
        ("/privacy", "Privacy"),
    ] {
        let page = reader.look(address).await;
        assert_eq!((page.status, page.text_at("h1").as_str()), (StatusCode::OK, title));
        assert!(!page.text.contains("{site}") && !page.has("#comments"), "{address}");
    }
    assert!(reader.look("/about").await.text_at(".prose").starts_with("Harbour *Health* is a small publication."));
    assert!(reader.look("/privacy").await.text_at(".prose").contains("is read without an account"));
    assert_eq!(
        reader.look("/").await.texts(".foot__nav + div li a")[..4],
        ["About us", "How we moderate", "Corrections", "Privacy"]
    );
    assert!(!reader.look("/latest").await.has(".story"), "they are in no list");

    let desk = owner.look("/desk/articles").await;
    let about = desk.attribute("main a[href^='/desk/articles/']:not([href*=new])", "href").unwrap();
    let form = owner
        .get(&about)
        .await
        .form("form.desk")
        .fill("body", "Ours now.\n")
        .choose("change", "cosmetic")
        .choose("act", "publish");
    assert_eq!(owner.submit(&form).await.status, StatusCode::SEE_OTHER, "the last one, Privacy, keeps its address");
    assert!(reader.look("/privacy").await.text_at(".prose").starts_with("Ours now."));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_second_claim_with_the_form_still_open_is_refused() {
    let site = Site::start().await;
    let link = link(&site).await.unwrap();
    let (quick, slow) = (site.browser(), site.browser());
    let late = filled(slow.look(&link).await.form("main form"))
        .fill("name", "Somebody Else")
        .fill("email", "else@harbour.example");
    let first = quick.submit(&filled(quick.look(&link).await.form("main form"))).await;
    assert_eq!(first.status, StatusCode::SEE_OTHER);
    let second = slow.submit(&late).await;
    assert_eq!(second.status, StatusCode::NOT_FOUND);
    assert_eq!(site.one::<i64>("select count(*) from staff").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_opens_the_page_without_the_link() {
    let site = Site::start().await;
    link(&site).await.unwrap();
    for guess in ["/desk/setup", "/desk/setup/x", "/desk/setup/AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA"] {
        assert_eq!(site.browser().look(guess).await.status, StatusCode::NOT_FOUND, "{guess}");
    }
    assert_eq!(site.browser().look("/desk").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(site.browser().look("/desk/staff").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn mistakes_are_told_beside_their_fields_and_what_was_typed_stays_but_the_password() {
    let site = Site::start().await;
    let link = link(&site).await.unwrap();
    let browser = site.browser();
    let form = filled(browser.look(&link).await.form("main form"))
        .fill("site_name", " ")
        .fill("base_url", "harbour.example")
        .fill("password", "elevenchars");
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.texts("[data-error-summary] li").len(), 3);
    assert!(page.text_at("#f-password-e").contains("at least 12 characters. You have 11"));
    assert_eq!(page.attribute("#f-name", "value").as_deref(), Some("Ines Calloway"));
    assert_eq!(page.attribute("#f-password", "value").as_deref(), Some(""));
    assert!(page.text_at("title").starts_with("Error:"));
    assert_eq!(site.browser().look(&link).await.status, StatusCode::OK, "the link still works");
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_site_reached_by_https_cookies_are_bound_to_the_host() {
    let site = Site::start_with(&[("STET_BASE_URL", "https://harbour.example")]).await;
    let link = link(&site).await.unwrap();
    let browser = site.browser();
    let page = browser.look(&link).await;
    assert!(!page.has("#f-base_url"), "fixed by configuration");
    let form = page
        .form("main form")
        .fill("site_name", "Harbour Health")
        .fill("name", "Ines")
        .fill("email", "ines@harbour.example")
        .fill("password", "kelp-otter-winch-9");
    let page = browser.submit(&form).await;
    let cookies: Vec<&str> = page.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap()).collect();
    let session = cookies.iter().find(|cookie| cookie.starts_with("__Host-stet_session=")).unwrap();
    for part in ["HttpOnly", "SameSite=Lax", "Secure", "Path=/"] {
        assert!(session.contains(part), "{session}");
    }
    assert!(!session.contains("Domain"), "{session}");
    assert!(cookies.iter().any(|cookie| cookie.starts_with("__Host-stet_device=")));
}
