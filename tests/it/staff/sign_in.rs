//! Signing in: the one answer, the throttles, what a session's end does to a form.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use stet::core::status::Role;

use crate::support::browser::{Browser, Page};
use crate::support::people::{Member, PASSWORD};
use crate::support::site::Site;

async fn attempt(browser: &Browser, email: &str, password: &str) -> Page {
    let form = browser.look("/desk/sign-in").await.form("main form").fill("email", email).fill("password", password);
    browser.submit(&form).await
}

async fn known_and_signed_out(site: &Site, member: &Member) -> Browser {
    let browser = site.signed_in(member).await;
    let form = browser.look("/desk").await.form("form[action='/desk/sign-out']");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    browser
}

#[tokio::test(flavor = "multi_thread")]
async fn the_right_password_opens_the_desk_and_signing_out_closes_it_on_the_server() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let browser = site.signed_in(&editor).await;
    let desk = browser.look("/desk").await;
    assert_eq!(desk.status, StatusCode::OK);
    assert_eq!(desk.header("cache-control"), Some("private, no-store"));
    let form = desk.form("form[action='/desk/sign-out']");
    let token = cookie(&browser, &site, "stet_session");
    assert_eq!(browser.submit(&form).await.location().as_deref(), Some("/desk/sign-in"));
    let again = site.browser().send(Method::GET, "/desk", &[("cookie", &token)], None).await;
    assert_eq!(again.status, StatusCode::UNAUTHORIZED, "the old cookie is worth nothing");
}

fn cookie(browser: &Browser, site: &Site, name: &str) -> String {
    use reqwest::cookie::CookieStore as _;
    let all = browser.jar.cookies(&site.base.parse().unwrap()).unwrap();

    all.to_str().unwrap().split("; ").find(|pair| pair.starts_with(&format!("{name}="))).unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_are_kept_hashed_only() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let browser = site.signed_in(&editor).await;
    let value = cookie(&browser, &site, "stet_session").split_once('=').unwrap().1.to_owned();
    let bytes = data_encoding::BASE64URL_NOPAD.decode(value.as_bytes()).unwrap();
    assert_eq!(bytes.len(), 32);
    let stored: Vec<u8> = site.one("select token_hash from staff_sessions").await;
    assert_eq!(stored, <sha2::Sha256 as sha2::Digest>::digest(&bytes).to_vec());
}

#[tokio::test(flavor = "multi_thread")]
async fn unknown_suspended_and_mistyped_are_answered_alike_at_the_same_cost() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let gone = site.member("Jon Ferrer", Role::Author).await;
    site.app
        .db
        .transact(async |tx| stet::staff::model::suspend(tx, stet::staff::model::By::Console, gone.id).await)
        .await
        .unwrap();
    let mut answers = Vec::new();
    for (email, password) in [
        (editor.email.as_str(), "wrong-password-here"),
        ("nobody@harbour.example", PASSWORD),
        (gone.email.as_str(), PASSWORD),
        ("not an address", PASSWORD),
    ] {
        let before = site.app.passwords().runs();
        let page = attempt(&site.browser(), email, password).await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY, "{email}");
        assert_eq!(site.app.passwords().runs() - before, 1, "{email}: one run of argon2");
        assert_eq!(page.attribute("#f-email", "value").as_deref(), Some(email), "the email stays");
        assert_eq!(page.attribute("#f-password", "value").as_deref(), Some(""));
        let names: Vec<String> = page.headers.keys().map(ToString::to_string).collect();
        answers.push((page.text_at("#f-password-e"), page.text.replace(email, "").len(), names));
    }
    assert!(answers.iter().all(|answer| answer == &answers[0]), "{answers:#?}");
    assert!(answers[0].0.contains("That email and password don’t match."));
}

#[tokio::test(flavor = "multi_thread")]
async fn ten_failures_pause_the_account_from_there_for_five_minutes_and_nobody_is_locked_out() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let known = known_and_signed_out(&site, &editor).await;
    let stranger = site.browser();
    for left in (0..10).rev() {
        let page = attempt(&stranger, &editor.email, "wrong-password-here").await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
        let told = page.text_at("#f-password-e");
        assert_eq!(told.contains(&format!("{left} tries left")), (2..=4).contains(&left), "{told}");
    }
    let runs = site.app.passwords().runs();
    let page = attempt(&stranger, &editor.email, PASSWORD).await;
    assert_eq!(page.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(page.header("retry-after"), Some("300"));
    assert!(page.text_at("#f-password-e").contains("Wait 5 minutes"));
    assert_eq!(site.app.passwords().runs(), runs, "nothing is compared");
    assert_eq!(
        attempt(&stranger, "other@harbour.example", "x").await.status,
        StatusCode::UNPROCESSABLE_ENTITY,
        "another account is not paused"
    );
    assert_eq!(
        attempt(&known, &editor.email, PASSWORD).await.location().as_deref(),
        Some("/desk"),
        "a known browser gets in"
    );
    site.later(TimeDelta::seconds(301));
    assert_eq!(attempt(&stranger, &editor.email, PASSWORD).await.location().as_deref(), Some("/desk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_tries_at_once_count_as_many() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let tries = (0..25).map(|_| {
        let (site, email) = (&site, editor.email.clone());
        async move { attempt(&site.browser(), &email, "wrong-password-here").await.status }
    });
    let answers = futures_util::future::join_all(tries).await;
    let compared = answers.iter().filter(|status| **status == StatusCode::UNPROCESSABLE_ENTITY).count();
    let paused = answers.iter().filter(|status| **status == StatusCode::TOO_MANY_REQUESTS).count();
    assert_eq!((compared, paused), (10, 15));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_failures_an_hour_stop_a_network_whatever_accounts_it_tries() {
    let site = Site::start_with(&[("STET_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let from = |address: &'static str| [("sec-fetch-site", "same-origin"), ("x-forwarded-for", address)];
    let send = async |address: &'static str, email: &str| {
        let body = format!("email={}&password=wrong-password-here", email.replace('@', "%40"));
        site.browser().send(Method::POST, "/desk/sign-in", &from(address), Some(body)).await.status
    };
    for number in 0..100 {
        assert_eq!(send("203.0.113.9", &format!("a{number}@harbour.example")).await, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(send("203.0.113.9", &editor.email).await, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(send("203.0.113.10", &editor.email).await, StatusCode::UNPROCESSABLE_ENTITY, "another network may");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_failures_an_hour_from_everywhere_stop_an_account_but_not_its_owners_own_browser() {
    let site = Site::start_with(&[("STET_TRUSTED_PROXIES", "127.0.0.1")]).await;
    let owner = site.member("Ines Calloway", Role::Owner).await;
    let known = known_and_signed_out(&site, &owner).await;
    for number in 0..100 {
        let address = format!("198.51.{number}.7");
        let body = format!("email={}&password=wrong-password-here", owner.email.replace('@', "%40"));
        let page = site
            .browser()
            .send(
                Method::POST,
                "/desk/sign-in",
                &[("sec-fetch-site", "same-origin"), ("x-forwarded-for", &address)],
                Some(body),
            )
            .await;
        assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    }
    assert_eq!(attempt(&site.browser(), &owner.email, PASSWORD).await.status, StatusCode::TOO_MANY_REQUESTS);
    assert_eq!(attempt(&known, &owner.email, PASSWORD).await.location().as_deref(), Some("/desk"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forged_forwarding_header_changes_nothing() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    for number in 0..11 {
        let address = format!("203.0.113.{number}");
        let body = format!("email={}&password=wrong-password-here", editor.email.replace('@', "%40"));
        let page = site
            .browser()
            .send(
                Method::POST,
                "/desk/sign-in",
                &[("sec-fetch-site", "same-origin"), ("x-forwarded-for", &address)],
                Some(body),
            )
            .await;
        let expected = if number < 10 { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::TOO_MANY_REQUESTS };
        assert_eq!(page.status, expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_older_hash_is_made_again_at_sign_in() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let weak = argon2::Argon2::new(
        argon2::Algorithm::Argon2id,
        argon2::Version::V0x13,
        argon2::Params::new(8 * 1024, 1, 1, None).unwrap(),
    );
    let stored = argon2::PasswordHasher::hash_password(&weak, PASSWORD.as_bytes()).unwrap().to_string();
    let client = crate::support::cluster::connect(&site.database.owner_url).await;
    client.execute("update staff set password_hash = $1", &[&stored]).await.unwrap();
    site.signed_in(&editor).await;
    let after: String = site.one("select password_hash from staff").await;
    assert!(after.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{after}");
    site.signed_in(&editor).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn signing_in_leads_back_to_pages_of_the_desk_only() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let leads = async |next: &str| {
        let browser = site.browser();
        let form = browser
            .look("/desk/sign-in")
            .await
            .form("main form")
            .fill("next", next)
            .fill("email", &editor.email)
            .fill("password", PASSWORD);
        browser.submit(&form).await.location().unwrap()
    };
    assert_eq!(leads("/desk/account?done=ended").await, "/desk/account?done=ended");
    for foreign in [
        "//evil.example",
        "https://evil.example/desk",
        "/\\evil.example",
        "/",
        "/desk/sign-out",
        "/desk/nowhere",
        "/deskevil",
        "/desk/../x",
    ] {
        assert_eq!(leads(foreign).await, "/desk", "{foreign}");
    }
    let page = site.browser().look("/desk/account").await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    assert_eq!(page.form("main form").value("next"), Some("/desk/account"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_form_that_meets_an_ended_session_is_carried_through_the_sign_in() {
    let site = Site::start().await;
    let owner = site.member("Ines Calloway", Role::Owner).await;
    let browser = site.signed_in(&owner).await;
    let form = browser
        .look("/desk/staff")
        .await
        .form("#invite")
        .fill("name", "Zoë “Zed” & Co")
        .fill("email", "zoe@harbour.example")
        .fill("role", "editor")
        .fill("title", "Line one");
    site.later(TimeDelta::days(61));
    let page = browser.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNAUTHORIZED);
    let wrong = browser
        .submit(&page.form("main form").fill("email", &owner.email).fill("password", "wrong-password-here"))
        .await;
    assert_eq!(wrong.status, StatusCode::UNPROCESSABLE_ENTITY, "a slip loses nothing either");
    let page = browser.submit(&wrong.form("main form").fill("email", &owner.email).fill("password", PASSWORD)).await;
    assert_eq!((page.status, page.text_at("h1").as_str()), (StatusCode::OK, "You are signed in again"));
    let resumed = page.form("main form");
    assert_eq!((resumed.action.as_str(), resumed.value("name")), ("/desk/staff", Some("Zoë “Zed” & Co")));
    assert!(resumed.value("password").is_none());
    let done = browser.submit(&resumed).await;
    assert_eq!(done.status, StatusCode::OK);
    assert!(done.text_at("#link-h").contains("Zoë “Zed” & Co is invited"));
}
