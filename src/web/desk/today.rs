//! `/desk`: what needs me, and the first steps of a new site.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

use crate::app::App;
use crate::articles::index;
use crate::core::limits;
use crate::core::status::{ArticleKind, ArticleState, MailState};
use crate::db::Conn;
use crate::mail::outbox;
use crate::moderation::queue::{self, Queue, shown_count};
use crate::staff::authority::{Capability as _, MayDecide, MayEdit, MayPublish, MaySeeMail, Session};
use crate::staff::model;
use crate::staff::roles::Act;
use crate::urls;
use crate::web::cached_pages;
use crate::web::desk::frame::{frame, waiting};
use crate::web::error::AppError;
use crate::web::page::DeskShell;

/// Something that waits for this person: a number that leads to its list.
struct Need {
    count: String,
    label: &'static str,
    about: &'static str,
    href: String,
}

struct Step {
    label: &'static str,
    about: &'static str,
    href: String,
}

#[derive(Template)]
#[template(path = "desk/today.html")]
struct TodayPage {
    page: DeskShell,
    needs: Vec<Need>,
    steps: Vec<Step>,
}

/// `GET /desk`
pub async fn show(app: web::Data<App>, request: HttpRequest, session: Session) -> Result<HttpResponse, AppError> {
    let mut conn = app.db.read().await?;
    let settings = app.settings(&mut conn).await?;
    let mut page = frame(&app, &settings, &request, &session, "Today");
    let mut needs = comments(&app, &mut conn, &session, &mut page).await?;
    needs.extend(articles(&mut conn, &session).await?);
    needs.extend(mails(&mut conn, &session).await?);
    let steps = steps(&mut conn, &session).await?;
    drop(conn);
    let body = TodayPage { page, needs, steps }.render()?;
    Ok(cached_pages::private(&request, StatusCode::OK, body).await)
}

async fn comments(app: &App, conn: &mut Conn, session: &Session, page: &mut DeskShell) -> Result<Vec<Need>, AppError> {
    let Ok(who) = MayDecide::of(session) else { return Ok(Vec::new()) };
    let counts = queue::counts(conn, &who, app.now()).await?;
    waiting(page, &urls::desk_comments(), counts.waiting());
    let need = |count: i64, queue: Queue, label, about| {
        (count > 0).then(|| Need { count: shown_count(count), label, about, href: urls::queue(queue.as_str()) })
    };
    let needs = [
        need(counts.held, Queue::Held, "held comments", "Their writers wait for a decision."),
        need(counts.reported, Queue::Reported, "reported comments", "Public, and readers say something is wrong."),
        need(
            counts.unanswered,
            Queue::Unanswered,
            "unanswered questions",
            "Approved, and nobody on the team has answered.",
        ),
        need(counts.spam, Queue::Spam, "in spam", "Worth a look now and then."),
    ];
    Ok(needs.into_iter().flatten().collect())
}

async fn articles(conn: &mut Conn, session: &Session) -> Result<Vec<Need>, AppError> {
    let mut needs = Vec::new();
    if let Ok(who) = MayEdit::of(session) {
        let drafts =
            index::list_for_desk(conn, Some(ArticleState::Draft), Some(who.staff_id()), None, limits::DESK_ROWS)
                .await?;
        needs.extend(of_articles(drafts.len(), ArticleState::Draft, "drafts of yours", "Begun and not published."));
    }
    if MayPublish::of(session).is_ok() || session.may(Act::Review) {
        let reviews = index::list_for_desk(conn, Some(ArticleState::InReview), None, None, limits::DESK_ROWS).await?;
        needs.extend(of_articles(
            reviews.len(),
            ArticleState::InReview,
            "in review",
            "Waiting for a second pair of eyes.",
        ));
    }
    Ok(needs)
}

fn of_articles(count: usize, state: ArticleState, label: &'static str, about: &'static str) -> Option<Need> {
    let is_full = i64::try_from(count).is_ok_and(|count| count >= limits::DESK_ROWS);
    let count_text = if is_full { format!("{count}+") } else { count.to_string() };
    (count > 0).then(|| Need { count: count_text, label, about, href: urls::desk_articles_of(Some(state), None) })
}

async fn mails(conn: &mut Conn, session: &Session) -> Result<Option<Need>, AppError> {
    if MaySeeMail::of(session).is_err() {
        return Ok(None);
    }
    let failed = i64::try_from(outbox::count(conn, MailState::Failed).await?).unwrap_or(i64::MAX);
    Ok((failed > 0).then(|| Need {
        count: shown_count(failed),
        label: "failed mails",
        about: "Given up after the mail server’s answer.",
        href: urls::desk_outbox_of(Some(MailState::Failed.as_str())),
    }))
}

/// What a new site still lacks; each step is gone once it is done.
async fn steps(conn: &mut Conn, session: &Session) -> Result<Vec<Step>, AppError> {
    let mut steps = Vec::new();
    if MayPublish::of(session).is_err() {
        return Ok(steps);
    }
    if session.may(Act::Write) && index::list_for_desk(conn, None, None, None, 1).await?.is_empty() {
        steps.push(Step {
            label: "Write the first article",
            about: "It starts as a draft; nobody sees it before you publish.",
            href: urls::desk_new_article(ArticleKind::Article),
        });
        steps.push(Step {
            label: "Bring in your references",
            about: "CSL-JSON, as the program you cite with writes it.",
            href: urls::desk_import_references(),
        });
    }
    if session.may(Act::ManageStaff) && model::list(conn).await?.len() < 2 {
        steps.push(Step {
            label: "Invite somebody",
            about: "Editors, authors, reviewers and moderators each see what their role needs.",
            href: urls::people(),
        });
    }
    Ok(steps)
}
