//! Inviting, roles, suspension, and links that choose a password.

use chrono::TimeDelta;
use reqwest::StatusCode;
use stet::core::status::Role;
use stet::core::text::Email;
use stet::staff::model::{self, By, CreateError, NewPerson, Standing};

use crate::support::site::Site;

fn path_of(link: &str, site: &Site) -> String {
    link.strip_prefix(&site.base).unwrap_or_else(|| panic!("{link} is not under {}", site.base)).to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn an_invited_person_chooses_a_password_once_and_is_in() {
    let site = Site::start().await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    let form = owner
        .look("/desk/staff")
        .await
        .form("#invite")
        .fill("name", "Priya Raman")
        .fill("email", "Priya@Harbour.example")
        .fill("role", "moderator");
    let page = owner.submit(&form).await;
    let link = path_of(&page.attribute("#f-link", "value").unwrap(), &site);

    let priya = site.browser();
    let page = priya.look(&link).await;
    assert_eq!(page.text_at("h1"), "Welcome, Priya Raman");
    let weak = priya.submit(&page.form("main form").fill("password", "priya-raman-1")).await;
    assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
    let form = weak.form("main form").fill("password", "brass-tern-lagoon-4");
    assert_eq!(priya.submit(&form).await.location().as_deref(), Some("/desk"));
    assert!(priya.look("/desk").await.text_at(".side__me").contains("Moderator"));
    assert_eq!(site.browser().submit(&form).await.status, StatusCode::NOT_FOUND, "used up");
    assert_eq!(site.browser().look(&link).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn links_run_out_and_a_newer_one_replaces_the_older() {
    let site = Site::start().await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    let form = owner
        .look("/desk/staff")
        .await
        .form("#invite")
        .fill("name", "Priya Raman")
        .fill("email", "priya@harbour.example");
    let first = path_of(&owner.submit(&form).await.attribute("#f-link", "value").unwrap(), &site);
    let again = owner.look("/desk/staff").await.form("form[action$='/link']");
    let second = path_of(&owner.submit(&again).await.attribute("#f-link", "value").unwrap(), &site);
    assert_eq!(site.browser().look(&first).await.status, StatusCode::NOT_FOUND);
    assert_eq!(site.browser().look(&second).await.status, StatusCode::OK);
    let as_reset = second.replace("/invite/", "/reset/");
    assert_eq!(site.browser().look(&as_reset).await.status, StatusCode::NOT_FOUND, "good for one purpose");
    site.later(TimeDelta::days(8));
    assert_eq!(site.browser().look(&second).await.status, StatusCode::NOT_FOUND);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reset_link_sets_a_password_and_ends_all_sessions() {
    let site = Site::start().await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let old = site.signed_in(&editor).await;
    let token = site
        .app
        .db
        .transact(async |tx| stet::staff::recover::reset_link(tx, site.app.rng(), By::Console, editor.id).await)
        .await
        .unwrap();
    let browser = site.browser();
    let form = browser
        .look(&format!("/desk/reset/{}", token.reveal()))
        .await
        .form("main form")
        .fill("password", "brass-tern-lagoon-4");
    let page = browser.submit_and_follow(&form).await;
    assert!(page.text_at("[data-flash]").contains("Your password is changed"));
    assert_eq!(old.look("/desk").await.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test(flavor = "multi_thread")]
async fn names_that_look_like_a_colleagues_and_addresses_in_use_are_refused() {
    let site = Site::start().await;
    site.member("Dr Tomas Hale", Role::Reviewer).await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    let form = owner
        .look("/desk/staff")
        .await
        .form("#invite")
        .fill("name", "Dr Tоmas Hale")
        .fill("email", "new@harbour.example");
    let page = owner.submit(&form).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at("#f-name-e").contains("looks the same"));
    let page = owner.submit(&form.fill("name", "Somebody New").fill("email", "INESCALLOWAY@harbour.example")).await;
    assert!(page.text_at("#f-email-e").contains("already has this email"));
    assert_eq!(page.attribute("#f-name", "value").as_deref(), Some("Somebody New"));
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_touches_the_owner_or_promotes_themselves() {
    let site = Site::start().await;
    let owner = site.member("Ines Calloway", Role::Owner).await;
    let administrator = site.member("Ada Quill", Role::Administrator).await;
    let editor = site.member("Ana Novak", Role::Editor).await;
    let ada = site.signed_in(&administrator).await;
    let page = ada.look("/desk/staff").await;
    assert!(!page.has(&format!("form[action='/desk/staff/{}/suspend']", owner.id)));
    let own = page.form("form[action$='/suspend']");
    for id in [owner.id, administrator.id] {
        for act in ["suspend", "link"] {
            let mut form = own.clone();
            form.action = format!("/desk/staff/{id}/{act}");
            let page = ada.submit(&form).await;
            let own_link = id == administrator.id && act == "link";
            assert_eq!(page.status, if own_link { StatusCode::OK } else { StatusCode::CONFLICT }, "{act} {id}");
        }
    }
    let mut crown = page.form("form[action$='/role']").fill("role", "owner");
    assert_eq!(ada.submit(&crown).await.status, StatusCode::CONFLICT);
    crown = crown.fill("role", "administrator");
    crown.action = format!("/desk/staff/{}/role", administrator.id);
    assert_eq!(ada.submit(&crown).await.status, StatusCode::CONFLICT);
    let ana = site.signed_in(&editor).await;
    assert_eq!(ana.look("/desk/staff").await.status, StatusCode::FORBIDDEN);
    assert_eq!(ana.look("/desk/audit").await.status, StatusCode::FORBIDDEN);
    let token = ana.look("/desk/account").await.form("#password").value("csrf_token").unwrap().to_owned();
    let mut forged = crown.fill("csrf_token", &token);
    forged.action = format!("/desk/staff/{}/role", editor.id);
    assert_eq!(ana.submit(&forged).await.status, StatusCode::FORBIDDEN);
    assert_eq!(site.one::<i64>("select count(*) from staff where role = 'administrator'").await, 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn there_is_one_owner_and_slugs_are_unique() {
    let site = Site::start().await;
    site.member("Ines Calloway", Role::Owner).await;
    let email = Email::parse("two@harbour.example").unwrap();
    let second = NewPerson::new("Second Owner", Role::Owner, Standing::Invited(&email));
    let made = site.app.db.transact(async |tx| model::create(tx, By::Console, &second).await).await;
    assert!(matches!(made, Err(CreateError::OwnerExists)), "{made:?}");
    for name in ["Ivan", "Иван"] {
        let new = NewPerson::new(name, Role::Author, Standing::Profile);
        site.app.db.transact(async |tx| model::create(tx, By::Console, &new).await).await.unwrap();
    }
    assert_eq!(
        site.one::<String>("select string_agg(slug, ' ' order by id) from staff where role = 'author'").await,
        "ivan ivan-2"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn every_act_is_in_the_activity_list_and_the_log_is_whole() {
    let site = Site::start().await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    let form = owner
        .look("/desk/staff")
        .await
        .form("#invite")
        .fill("name", "Priya Raman")
        .fill("email", "priya@harbour.example");
    owner.submit(&form).await;
    let suspend = owner.look("/desk/staff").await.form("form[action$='/suspend']");
    owner.submit(&suspend).await;
    let page = owner.look("/desk/audit").await;
    let acts = page.texts(".list tbody tr");
    assert_eq!(acts.len(), 4, "{acts:?}");
    assert!(acts[0].contains("Ines Calloway") && acts[0].contains("suspended an account"), "{acts:?}");
    assert!(!page.text.contains("priya@harbour.example"), "ids and codes only");
    site.later(TimeDelta::minutes(5));
    let sealed = site.app.db.transact(async |tx| stet::audit::seal(tx).await).await.unwrap();
    assert_eq!(sealed, 4);
    let verdict = stet::audit::verify(&mut site.app.db.read().await.unwrap()).await.unwrap();
    assert_eq!(verdict, stet::audit::Verdict::Whole(4));
}
