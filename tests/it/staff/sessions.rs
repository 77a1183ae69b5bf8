//! What ends a session, and what a form of the desk must carry.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use stet::core::status::Role;
use stet::staff::model::{self, By};

use crate::support::browser::Browser;
use crate::support::people::{Member, PASSWORD};
use crate::support::site::Site;

async fn is_in(browser: &Browser) -> bool {
    match browser.look("/desk").await.status {
        StatusCode::OK => true,
        StatusCode::UNAUTHORIZED => false,
        other => panic!("{other}"),
    }
}

async fn two(site: &Site, role: Role) -> (Member, Browser, Browser) {
    let member = site.member("Ana Novak", role).await;
    let (one, other) = (site.signed_in(&member).await, site.signed_in(&member).await);
    (member, one, other)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_role_change_and_a_suspension_end_every_session_at_once() {
    let site = Site::start().await;
    let (editor, one, other) = two(&site, Role::Editor).await;
    site.app.db.transact(async |tx| model::set_role(tx, By::Console, editor.id, Role::Moderator).await).await.unwrap();
    assert!(!is_in(&one).await && !is_in(&other).await);
    let again = site.signed_in(&editor).await;
    assert!(is_in(&again).await);
    site.app.db.transact(async |tx| model::suspend(tx, By::Console, editor.id).await).await.unwrap();
    assert!(!is_in(&again).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_password_keeps_this_browser_and_ends_the_others() {
    let site = Site::start().await;
    let (editor, one, other) = two(&site, Role::Editor).await;
    let form = one
        .look("/desk/account")
        .await
        .form("#password")
        .fill("current", "wrong-password-here")
        .fill("password", "brass-tern-lagoon-4");
    let page = one.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at("#f-current-e").contains("not your present password"));
    let page = one.submit_and_follow(&form.fill("current", PASSWORD)).await;
    assert!(page.text_at("[data-flash]").contains("Your password is changed"));
    assert!(is_in(&one).await && !is_in(&other).await);
    let stale = site.browser();
    let old =
        stale.look("/desk/sign-in").await.form("main form").fill("email", &editor.email).fill("password", PASSWORD);
    assert_eq!(stale.submit(&old).await.status, StatusCode::UNPROCESSABLE_ENTITY, "the old password is wrong now");
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_are_listed_and_ended_one_by_one_or_all_others_together() {
    let site = Site::start().await;
    let (editor, one, other) = two(&site, Role::Editor).await;
    let third = site.signed_in(&editor).await;
    let page = one.look("/desk/account").await;
    assert_eq!(page.texts("section[aria-labelledby=sessions-h] tbody tr").len(), 3);
    let end = page.form("section[aria-labelledby=sessions-h] tbody form");
    assert!(one.submit_and_follow(&end).await.has("[data-flash]"));
    assert!(is_in(&one).await);
    assert_eq!([is_in(&other).await, is_in(&third).await].iter().filter(|alive| **alive).count(), 1);
    let page = one.look("/desk/account").await;
    one.submit(&page.form("#others")).await;
    assert!(is_in(&one).await && !is_in(&other).await && !is_in(&third).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_ends_the_session_of_somebody_else() {
    let site = Site::start().await;
    let (_, one, _) = two(&site, Role::Editor).await;
    let owner = site.member("Ines Calloway", Role::Owner).await;
    let victim = site.signed_in(&owner).await;
    let id: i64 = site.one("select max(id) from staff_sessions").await;
    let mut form = one.look("/desk/account").await.form("section[aria-labelledby=sessions-h] tbody form");
    form.action = format!("/desk/account/sessions/{id}");
    assert_eq!(one.submit(&form).await.status, StatusCode::NOT_FOUND);
    assert!(is_in(&victim).await);
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_end_when_idle_and_when_old_and_use_keeps_them() {
    let site = Site::start().await;
    let (_, used, idle) = two(&site, Role::Editor).await;
    for _ in 0..5 {
        site.later(TimeDelta::days(10));
        assert!(is_in(&used).await);
    }
    assert!(!is_in(&idle).await, "unused for 50 days");
    site.later(TimeDelta::days(11));
    assert!(!is_in(&used).await, "61 days old");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_sign_in_is_a_new_session_and_ends_the_one_it_replaces() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let browser = site.signed_in(&editor).await;
    let form = "email=ananovak%40harbour.example&password=kelp-otter-winch-9";
    let page =
        browser.send(Method::POST, "/desk/sign-in", &[("sec-fetch-site", "same-origin")], Some(form.into())).await;
    assert_eq!(page.location().as_deref(), Some("/desk"));
    assert_eq!(site.one::<i64>("select count(*) from staff_sessions where ended_at is null").await, 1);
    assert_eq!(site.one::<i64>("select count(*) from staff_sessions").await, 2);
    assert_eq!(site.one::<i64>("select count(*) from staff_devices").await, 1, "the browser is known already");
}

#[tokio::test(flavor = "multi_thread")]
async fn last_use_is_written_at_most_every_five_minutes() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let browser = site.signed_in(&editor).await;
    let written = "select count(*) from staff_sessions where last_seen_at > created_at";
    site.later(TimeDelta::minutes(4));
    assert!(is_in(&browser).await);
    assert_eq!(site.one::<i64>(written).await, 0);
    site.later(TimeDelta::minutes(2));
    assert!(is_in(&browser).await);
    assert_eq!(site.one::<i64>(written).await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn staff_forms_without_this_sessions_token_or_from_elsewhere_are_refused() {
    let site = Site::start().await;
    let (_, one, other) = two(&site, Role::Editor).await;
    let token = |page: &crate::support::browser::Page| page.form("#others").value("csrf_token").unwrap().to_owned();
    let (mine, theirs) = (token(&one.look("/desk/account").await), token(&other.look("/desk/account").await));
    assert_ne!(mine, theirs, "each session has its own");
    let own_page = [("sec-fetch-site", "same-origin")];
    let good = format!("csrf_token={mine}");
    for (body, headers) in [
        (String::new(), &own_page[..]),
        (format!("csrf_token={theirs}"), &own_page),
        (format!("{good}&csrf_token={mine}"), &own_page),
        (good.clone(), &[]),
        (good.clone(), &[("sec-fetch-site", "cross-site")]),
        (good.clone(), &[("origin", "null")]),
        (good.clone(), &[("origin", "https://evil.example")]),
    ] {
        let page = one.send(Method::POST, "/desk/account/sessions", headers, Some(body.clone())).await;
        assert_eq!(page.status, StatusCode::FORBIDDEN, "{body} {headers:?}");
    }
    for kind in ["text/plain", "application/json"] {
        let page = one
            .send(
                Method::POST,
                "/desk/account/sessions",
                &[("sec-fetch-site", "same-origin"), ("content-type", kind)],
                Some(good.clone()),
            )
            .await;
        assert_eq!(page.status, StatusCode::UNSUPPORTED_MEDIA_TYPE, "{kind}");
    }
    assert!(is_in(&other).await, "nothing happened");
    assert_eq!(
        one.send(Method::POST, "/desk/account/sessions", &own_page, Some(good)).await.status,
        StatusCode::SEE_OTHER
    );
    assert!(!is_in(&other).await);
}
