//! Nobody takes another's trust by typing something: an address, a name, or what looks like one.

use chrono::TimeDelta;
use reqwest::StatusCode;

use crate::support::conversation::{self, ARTICLE, approve_all, post, signed_in, sql, written};
use crate::support::site::Site;

/// A site with Dele, a reader the team trusts, whose comments appear at once from the browser that proved the address.
async fn with_trusted_reader() -> Site {
    let site = conversation::site().await;
    let (dele, desk) = (site.browser(), signed_in(&site, 2).await);
    post(&site, &dele, "The first comment, to be approved.").await;
    approve_all(&desk).await;
    conversation::confirm(&site, "dele@mail.example").await;
    sql(&site, "update readers set trust = 'trusted'").await;
    post(&site, &dele, "Once more, from the browser that proved it.").await;
    assert_eq!(site.one::<String>("select status from comments where id = 2").await, "approved");
    sql(&site, r#"insert into settings values ('site', '{"name": "Harbour Health"}', now())"#).await;
    site.app.pages().purge(&[stet::core::page_store::Tag::Site]);
    site
}

/// Name and address somebody types in a browser that has proved nothing.
const ATTEMPTS: &[(&str, &str)] = &[
    // Dele's address, as it is and in other dress.
    ("Dele A.", "dele@mail.example"),
    ("Dele A.", "DELE@MAIL.EXAMPLE"),
    ("Dele A.", "  dele@mail.example  "),
    ("Dele A.", "ｄｅｌｅ@mail.example"),
    ("Dele A.", "dele@ｍａｉｌ.example"),
    ("Dele A.", "dele@mail。example"),
    ("Dele A.", "Dele@Mail.Example"),
    ("Dele A.", "dele+a@mail.example"),
    ("Dele A.", "d.ele@mail.example"),
    ("Dele A.", "dеle@mail.example"),
    ("Dele A.", "dele@mаil.example"),
    ("Dele A.", "dele@mail.example."),
    ("Dele A.", "\"dele\"@mail.example"),
    ("Dele A.", "<dele@mail.example>"),
    ("Dele A.", "dele@mail.example, x@mail.example"),
    ("Dele A.", "dele%40mail.example"),
    // Dele's name, and what looks like it, under an address of one's own.
    ("Dele A.", "other@mail.example"),
    ("DELE A.", "other2@mail.example"),
    ("Dеlе A.", "other3@mail.example"),
    ("Dele\u{200b} A.", "other4@mail.example"),
    // Names of the team.
    ("Miriam Achebe", "m1@mail.example"),
    ("miriam achebe", "m2@mail.example"),
    ("MIRIAM  ACHEBE", "m3@mail.example"),
    ("Miriam\u{a0}Achebe", "m4@mail.example"),
    ("MiriamAchebe", "m5@mail.example"),
    ("Miriam-Achebe", "m6@mail.example"),
    ("Miriam.Achebe", "m7@mail.example"),
    ("Achebe Miriam", "m8@mail.example"),
    ("Achebe, Miriam", "m9@mail.example"),
    ("Miriam\u{200b}Achebe", "m10@mail.example"),
    ("Miriam \u{202e}Achebe", "m11@mail.example"),
    ("Міriam Achebe", "m12@mail.example"),
    ("Miriam Асhеbе", "m13@mail.example"),
    ("Ｍｉｒｉａｍ Ａｃｈｅｂｅ", "m14@mail.example"),
    ("𝐌𝐢𝐫𝐢𝐚𝐦 𝐀𝐜𝐡𝐞𝐛𝐞", "m15@mail.example"),
    ("Rniriarn Achebe", "m16@mail.example"),
    ("Miriarn Achebe", "m17@mail.example"),
    ("Miriam Achebe (author)", "m18@mail.example"),
    ("Miriam Achebe from Harbour", "m19@mail.example"),
    ("Dr Miriam Achebe", "m20@mail.example"),
    ("Prof. Miriam Achebe", "m21@mail.example"),
    ("Tomas Hale", "t1@mail.example"),
    ("Tomas HaIe", "t2@mail.example"),
    ("T0mas Hale", "t3@mail.example"),
    ("Tomаs Hale", "t4@mail.example"),
    ("Dr. Tomas Hale", "t5@mail.example"),
    ("Mr Tomas Hale", "t6@mail.example"),
    ("Tomas Hale ✓", "t7@mail.example"),
    // Badges and the site itself.
    ("Ruth ✓", "b1@mail.example"),
    ("Ruth, staff", "b2@mail.example"),
    ("Ruth (Moderator)", "b3@mail.example"),
    ("Author", "b4@mail.example"),
    ("Ｓｔａｆｆ", "b5@mail.example"),
    ("Admin", "b6@mail.example"),
    ("Harbour Health", "b7@mail.example"),
    ("The Harbour Health team", "b8@mail.example"),
    ("Hаrbour Health", "b9@mail.example"),
];

#[tokio::test(flavor = "multi_thread")]
async fn typing_somebodys_address_name_or_look_alike_gets_nobody_anything() {
    assert!(ATTEMPTS.len() >= 40);
    let site = with_trusted_reader().await;
    let form = site.browser().look(ARTICLE).await;
    let mut wrong = Vec::new();
    for (number, (name, email)) in ATTEMPTS.iter().enumerate() {
        site.later(TimeDelta::minutes(11)); // nobody is too fast
        let form =
            written(&form, &format!("Trust me, this is number {number}.")).fill("name", name).fill("email", email);
        let answer = site.browser().submit(&form).await;
        let refused = answer.status == StatusCode::UNPROCESSABLE_ENTITY;
        let held = answer.status == StatusCode::SEE_OTHER
            && site.one::<String>("select status || coalesce(badge, '') || coalesce(reader_id::text, '') from comments order by id desc limit 1").await == "held";
        if !refused && !held {
            wrong.push(format!("{name:?} <{email}>: {}", answer.status));
        }
        let is_of_team = number >= 20;
        if is_of_team && !refused {
            wrong.push(format!("{name:?} is taken"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(site.one::<i64>("select count(*) from comments where status = 'approved'").await, 2, "Dele's own");

    // A form field or a cookie of one's own making gives nothing either.
    let browser = site.browser();
    for cookie in ["stet_session=x", "stet_reader=AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "stet_device=1"] {
        browser.jar.add_cookie_str(cookie, &site.base.parse().unwrap());
    }
    assert_eq!(post(&site, &browser, "Made-up cookies, then.").await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.one::<String>("select status from comments order by id desc limit 1").await, "held");

    // People whose names are like nobody's are welcome.
    for (number, name) in
        ["Ruth Kessler", "Thomas Hale", "Miriam A.", "Ана", "李雷", "O’Brien", "Stafford", "Autor"].iter().enumerate()
    {
        site.later(TimeDelta::minutes(11));
        let form = written(&form, &format!("Hello from {number}."))
            .fill("name", name)
            .fill("email", &format!("w{number}@mail.example"));
        assert_eq!(site.browser().submit(&form).await.status, StatusCode::SEE_OTHER, "{name}");
    }
}
