//! Logs hold no address, network, text, name, token or password (requirements R8): journeys with words that stand
//! nowhere else, then a search of everything the program said on its log.

use std::time::{Duration, Instant};

use reqwest::{Method, StatusCode};
use stet::core::rng::Rng;

use crate::support::browser::Browser;
use crate::support::cluster;
use crate::support::long_run::{PATIENCE, STAFF, binary, claim, publish_article, until_ready};
use crate::support::process::{Process, data_folder, signal};
use crate::support::smtp::{Behaviour, Sink};

const NAME: &str = "Quillondra Vexby";
const EMAIL: &str = "quillondra.vexby@mail.example";
const WORDS: &str = "zanthorpe wishes the lighthouse kept its own soup warm";
const NETWORK: &str = "203.0.113.77";
const WRONG_PASSWORD: &str = "winch-kelp-otter-39";

/// A reader's post from a network behind the proxy; whatever it is answered.
async fn post(site: &Process, fields: &[(&str, &str)]) -> StatusCode {
    let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
    let base = site.base();
    let headers = [("origin", base.as_str()), ("x-forwarded-for", NETWORK), ("user-agent", "Probe/1.0 (quillondra)")];
    Browser::new(&base).send(Method::POST, "/tides/comments", &headers, Some(body)).await.status
}

/// The reader asks for their data, looks at it and erases it; answers the tokens of their links.
async fn look_at_data_and_erase(site: &Process, database: &tokio_postgres::Client) -> [String; 2] {
    let token = Rng::system().token();
    let link = "insert into reader_links (address_id, purpose, stage, token_hash, created_at, expires_at)
                select id, 'data', 'mailed', $1, now(), now() + interval '1 day' from addresses where canonical = $2";
    assert_eq!(database.execute(link, &[&token.hash(), &EMAIL]).await.unwrap(), 1);
    let base = site.base();
    let headers = [("origin", base.as_str()), ("x-forwarded-for", NETWORK)];
    let browser = Browser::new(&base);
    let post = |path: String, body: String| {
        let (browser, headers) = (&browser, &headers);
        async move { browser.send(Method::POST, &path, headers, Some(body)).await }
    };
    assert_eq!(post("/privacy/data".into(), format!("email={EMAIL}")).await.status, StatusCode::OK);
    let opened = post(format!("/privacy/data/{}", token.reveal()), String::new()).await.location().unwrap();
    for rest in ["", "/data.json", "/erase?choice=delete"] {
        assert_eq!(browser.look(&format!("{opened}{rest}")).await.status, StatusCode::OK);
    }
    let erased = post(format!("{opened}/erase"), "choice=delete".into()).await;
    assert_eq!(erased.status, StatusCode::SEE_OTHER, "{}", erased.text);
    [token.reveal(), opened.rsplit('/').next().unwrap().to_owned()]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_log_holds_nothing_of_what_people_wrote_or_who_they_are() {
    let sink = Sink::start(Behaviour::AnswerTo("quillondra", 550)).await;
    let place = data_folder();
    let smtp = sink.url();
    let settings = [
        ("STET_LOG", "info,stet=trace"),
        ("STET_LOG_FORMAT", "json"),
        ("STET_SMTP_URL", smtp.as_str()),
        ("STET_TRUSTED_PROXIES", "127.0.0.1/32"),
    ];
    let site = Process::start(binary(), place.path(), &settings);
    let desk = Browser::new(&site.base());
    let setup_token = claim(&site, &desk).await;
    publish_article(&site.owner_url()).await;
    until_ready(&site.base()).await;

    // A reader: taken, refused for each field, previewed, too many.
    let fields =
        [("body", WORDS), ("name", NAME), ("email", EMAIL), ("parent", ""), ("notify", "replies"), ("act", "post")];
    assert_eq!(post(&site, &fields).await, StatusCode::SEE_OTHER);
    for (field, value) in
        [("name", ""), ("email", "quillondra.vexby at mail"), ("parent", "999"), ("act", "preview"), ("name", STAFF.0)]
    {
        let changed = fields.map(|(name, old)| if name == field { (name, value) } else { (name, old) });
        post(&site, &changed).await;
    }
    for turn in 0..12 {
        let body = format!("{WORDS}, {turn}");
        post(&site, &fields.map(|(name, old)| if name == "body" { (name, body.as_str()) } else { (name, old) })).await;
    }
    // Addresses and tokens in paths and queries that are not there.
    let reader = Browser::new(&site.base());
    for path in [
        format!("/{EMAIL}"),
        format!("/tides?email={EMAIL}&token=tok-zanthorpe"),
        "/mail/unsubscribe/tok-zanthorpe-unsubscribe".to_owned(),
        "/mail/confirm/tok-zanthorpe-confirm".to_owned(),
        "/desk/reset/tok-zanthorpe-reset".to_owned(),
    ] {
        reader.send(Method::GET, &path, &[("x-forwarded-for", NETWORK)], None).await;
    }
    // Staff: a wrong password, a right one, an answer in the thread.
    let form = reader.get("/desk/sign-in").await.form("main form");
    let wrong = form.clone().fill("email", STAFF.1).fill("password", WRONG_PASSWORD);
    assert_eq!(reader.submit(&wrong).await.status, StatusCode::UNPROCESSABLE_ENTITY);
    let right = form.fill("email", STAFF.1).fill("password", STAFF.2);
    assert_eq!(reader.submit(&right).await.status, StatusCode::SEE_OTHER);
    let row = desk.get("/desk/comments?queue=held&open=1").await;
    let answer = row.form("form.answer").fill("reply", "zanthorpe answers back");
    assert_eq!(desk.submit(&answer).await.status, StatusCode::SEE_OTHER);
    // A reader reports what was approved, in words of their own.
    let base = site.base();
    let headers = [("origin", base.as_str()), ("x-forwarded-for", NETWORK)];
    let report = Some("reason=other&words=zanthorpe+objects".to_owned());
    let reported = Browser::new(&base).send(Method::POST, "/comments/1/report", &headers, report).await;
    assert_eq!(reported.status, StatusCode::SEE_OTHER, "{}", reported.text);
    // The confirmation mail is refused for good and given up.
    let database = cluster::connect(&site.owner_url()).await;
    let began = Instant::now();
    while database
        .query_one("select count(*) from mail_messages where state = 'failed'", &[])
        .await
        .unwrap()
        .get::<_, i64>(0)
        == 0
    {
        assert!(began.elapsed() < PATIENCE, "the mail is not given up:\n{}", site.log());
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let [mailed, opened] = look_at_data_and_erase(&site, &database).await;
    // The database fails under a post.
    signal("-KILL", site.postgres().unwrap());
    post(&site, &fields.map(|(name, old)| if name == "body" { (name, "zanthorpe in the dark") } else { (name, old) }))
        .await;
    until_ready(&site.base()).await;

    let log = site.log();
    assert!(
        log.contains("\"level\":\"WARN\"") || log.contains("\"level\":\"ERROR\""),
        "the journeys leave a trace:\n{log}"
    );
    let session = desk.jar_text(&site.base());
    let secrets = session.split("; ").filter_map(|cookie| cookie.split_once('=')).map(|(_, value)| value);
    let needles = [
        "Quillondra",
        "Vexby",
        "quillondra",
        "vexby",
        "mail.example",
        "zanthorpe",
        "lighthouse",
        NETWORK,
        "203.0.113",
        "Orsolya",
        "Brindlecombe",
        "orsolya",
        "harbour.example",
        STAFF.2,
        WRONG_PASSWORD,
        "Probe/1.0",
        &setup_token,
        &mailed,
        &opened,
    ];
    for needle in needles.into_iter().chain(secrets.filter(|value| value.len() > 8)) {
        let found: Vec<&str> = log.lines().filter(|line| line.contains(needle)).collect();
        assert!(found.is_empty(), "the log holds “{needle}”: {found:#?}");
    }
    let (status, _) = site.stop();
    assert!(status.success(), "{status}");
}
