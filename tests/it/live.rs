//! Live notices: who has a conversation in view is told that it changed, and costs nothing while it does not.

use std::time::Duration;

use reqwest::StatusCode;

use crate::support::conversation::{self, ARTICLE, approve_all, post, signed_in};
use crate::support::site::Site;

async fn listen(site: &Site, article: i64) -> reqwest::Response {
    reqwest::get(format!("{}/events?article={article}", site.base)).await.unwrap()
}

/// What comes until something of it is `wanted`; fails when nothing has for ten seconds.
async fn until(stream: &mut reqwest::Response, wanted: &str) -> String {
    let mut heard = String::new();
    while !heard.contains(wanted) {
        let chunk = tokio::time::timeout(Duration::from_secs(10), stream.chunk()).await;
        let chunk = chunk.unwrap_or_else(|_| panic!("only {heard:?} came")).unwrap();
        heard.push_str(std::str::from_utf8(&chunk.expect("the stream ended")).unwrap());
    }
    heard
}

#[tokio::test(flavor = "multi_thread")]
async fn readers_of_an_article_are_told_of_a_comment_that_becomes_public_there_and_of_no_other() {
    let site = conversation::site().await;
    conversation::article(&site, "naps", "Naps").await;
    let mut here = listen(&site, 1).await;
    assert_eq!(here.status(), StatusCode::OK);
    assert_eq!(here.headers()["content-type"], "text/event-stream");
    assert_eq!(here.headers()["cache-control"], "no-store");
    until(&mut here, "retry").await;
    let mut elsewhere = listen(&site, 2).await;
    until(&mut elsewhere, "retry").await;
    assert!(site.browser().look(ARTICLE).await.attribute("#comments", "data-live").as_deref() == Some("1"));

    post(&site, &site.browser(), "Is an anchor sleep worth trying?").await;
    let quiet = tokio::time::timeout(Duration::from_millis(1_500), here.chunk()).await;
    assert!(quiet.is_err(), "a comment that waits is nobody's news: {quiet:?}");
    approve_all(&signed_in(&site, 2).await).await;
    assert!(until(&mut here, "changed").await.contains("event: changed\ndata: \n\n"));
    let quiet = tokio::time::timeout(Duration::from_millis(500), elsewhere.chunk()).await;
    assert!(quiet.is_err(), "{quiet:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_names_no_article_is_refused_and_all_are_let_go_when_the_server_stops() {
    let site = conversation::site().await;
    for address in ["/events", "/events?article=", "/events?article=x"] {
        assert_eq!(site.browser().get(address).await.status, StatusCode::BAD_REQUEST, "{address}");
    }
    let mut here = listen(&site, 1).await;
    until(&mut here, "retry").await;
    site.app.pages().live().close();
    assert!(here.chunk().await.unwrap().is_none(), "the stream ends");
    assert_eq!(listen(&site, 1).await.status(), StatusCode::NO_CONTENT, "and nobody is told to come back");
}
