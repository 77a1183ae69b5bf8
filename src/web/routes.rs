//! The one declared route table: what is served where, and who may ask. The access test is made from it.

use actix_web::guard::{self, Guard};
use actix_web::{HttpRequest, HttpResponse, Resource, Route as ActixRoute, Scope, web};

use crate::app::App;
use crate::web::desk::{
    account, articles as desk_articles, audit, comment_settings, comments as desk_comments, editor, links, outbox,
    people, pins, references, revisions, settings, setup, sign_in, source_settings, today,
};
use crate::web::error::AppError;
use crate::web::{
    appearance, archives, articles, assets, changes, comment_feed, comments, confirm, data, erase, feeds, health,
    lists, live, mail_events, media, my_comments, oembed, preferences, privacy, references as article_references,
    reports, search, site_map, subscriptions, votes,
};

/// Who may use a route. The handler's extractors enforce it; the access test compares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Everyone.
    Anyone,
    /// Whoever carries the right token in the address or cookie.
    TokenHolder,
    /// A program that sends its token in a header; no person by their session.
    Program,
    /// Any signed-in person.
    Staff,
    /// Those who may decide on comments (authors: on their own articles).
    Decides,
    /// Those who may write (authors: their own drafts).
    Writes,
    /// Those who may read what is not published (authors: their own).
    SeesDrafts,
    /// Those who may publish.
    Publishes,
    /// Owner and administrators.
    Administers,
}

/// One line of the table.
#[derive(Debug, Clone, Copy)]
pub struct Route {
    /// `get` (which also answers HEAD) or `post`.
    pub method: &'static str,
    /// Pattern of the path.
    pub pattern: &'static str,
    /// Who may.
    pub access: Access,
}

macro_rules! routes {
    ($($pattern:literal => { $($method:ident $access:ident $handler:path),+ $(,)? })+) => {
        /// Every route, in order of matching.
        pub const ROUTES: &[Route] = &[$($(Route { method: stringify!($method), pattern: $pattern, access: Access::$access }),+),+];

        /// Registers every route. A known address with another method answers 405.
        pub fn configure(config: &mut web::ServiceConfig) {
            let mut tree = Tree::default();
            $(
                tree.add($pattern, |pattern| web::resource(pattern)$(.route(routes!(@route $method).to($handler)))+);
            )+
            tree.register(config);
            config.default_service(web::to(elsewhere));
        }
    };
    (@route get) => { readable() };
    (@route post) => { web::post() };
}

routes! {
    "/healthz" => { get Anyone health::live }
    "/readyz" => { get Anyone health::ready }
    "/metrics" => { get Anyone health::metrics_text }
    "/static/{file}" => { get Anyone assets::serve }
    "/favicon.ico" => { get Anyone assets::favicon }
    "/appearance" => { post Anyone appearance::choose }
    "/hooks/mail-events" => { post Program mail_events::submit }
    "/mail/preferences" => { get Anyone preferences::show_form, post Anyone preferences::ask }
    "/mail/preferences/{token}" => { get TokenHolder preferences::show_mailed, post TokenHolder preferences::open }
    "/mail/preferences/open/{token}" => { get TokenHolder preferences::show, post TokenHolder preferences::submit }
    "/mail/unsubscribe/{token}" => { get TokenHolder subscriptions::show, post TokenHolder subscriptions::stop }
    "/desk" => { get Staff today::show }
    "/desk/sign-in" => { get Anyone sign_in::show, post Anyone sign_in::submit }
    "/desk/sign-out" => { post Staff sign_in::sign_out }
    "/desk/setup/{token}" => { get TokenHolder setup::show, post TokenHolder setup::submit }
    "/desk/invite/{token}" => { get TokenHolder links::show_invite, post TokenHolder links::accept }
    "/desk/reset" => { get Anyone links::show_forgotten, post Anyone links::forgotten }
    "/desk/reset/{token}" => { get TokenHolder links::show_reset, post TokenHolder links::reset }
    "/desk/account" => { get Staff account::show }
    "/desk/account/password" => { post Staff account::change }
    "/desk/account/sessions" => { post Staff account::end_others }
    "/desk/account/sessions/{id}" => { post Staff account::end }
    "/desk/staff" => { get Administers people::show, post Administers people::invite }
    "/desk/staff/{id}/role" => { post Administers people::set_role }
    "/desk/staff/{id}/suspend" => { post Administers people::suspend }
    "/desk/staff/{id}/reinstate" => { post Administers people::reinstate }
    "/desk/staff/{id}/link" => { post Administers people::link }
    "/desk/settings/comments" => { get Administers comment_settings::show, post Administers comment_settings::save }
    "/desk/settings/sources" => { get Administers source_settings::sources, post Administers source_settings::save_sources }
    "/desk/mail" => { get Administers outbox::show }
    "/desk/mail/{id}" => { get Administers outbox::show_one }
    "/desk/mail/{id}/retry" => { post Administers outbox::retry }
    "/desk/settings" => { get Administers settings::show, post Administers settings::save }
    "/desk/audit" => { get Administers audit::show }
    "/desk/articles" => { get SeesDrafts desk_articles::list }
    "/desk/articles/new" => { get Writes editor::new, post Writes editor::create }
    "/desk/articles/{id}" => { get Writes editor::edit, post Writes editor::update }
    "/desk/articles/{id}/revisions" => { get SeesDrafts revisions::list }
    "/desk/articles/{id}/revisions/{revision}" => { get SeesDrafts revisions::show }
    "/desk/references" => { get SeesDrafts references::list }
    "/desk/references/new" => { get Writes references::new, post Writes references::create }
    "/desk/references/import" => { get Writes references::choose, post Writes references::import }
    "/desk/references/{id}" => { get Writes references::edit, post Writes references::update }
    "/" => { get Anyone lists::home }
    "/latest" => { get Anyone lists::latest }
    "/latest/{year}" => { get Anyone archives::year }
    "/latest/{year}/{month}" => { get Anyone archives::month }
    "/topics/{slug}" => { get Anyone lists::topic }
    "/topics/{slug}/feed.xml" => { get Anyone feeds::topic }
    "/topics/{slug}/feed.json" => { get Anyone feeds::topic_json }
    "/tags/{slug}" => { get Anyone lists::tag }
    "/tags/{slug}/feed.xml" => { get Anyone feeds::tag }
    "/tags/{slug}/feed.json" => { get Anyone feeds::tag_json }
    "/series/{slug}" => { get Anyone lists::series }
    "/authors/{slug}" => { get Anyone lists::author }
    "/authors/{slug}/feed.xml" => { get Anyone feeds::author }
    "/corrections" => { get Anyone lists::corrections }
    "/corrections/feed.xml" => { get Anyone feeds::corrections }
    "/privacy" => { get Anyone privacy::show }
    "/events" => { get Anyone live::events }
    "/privacy/data" => { get Anyone data::show_form, post Anyone data::ask }
    "/privacy/data/{token}" => { get TokenHolder data::show_mailed, post TokenHolder data::open }
    "/privacy/data/open/{token}" => { get TokenHolder data::show }
    "/privacy/data/open/{token}/data.json" => { get TokenHolder data::file }
    "/privacy/data/open/{token}/erase" => { get TokenHolder erase::show, post TokenHolder erase::submit }
    "/my/comments/{token}" => { get TokenHolder my_comments::show }
    "/oembed" => { get Anyone oembed::show }
    "/search" => { get Anyone search::show }
    "/feed.xml" => { get Anyone feeds::atom }
    "/feed.json" => { get Anyone feeds::json }
    "/feed" => { get Anyone feeds::elsewhere }
    "/sitemap.xml" => { get Anyone site_map::index }
    "/sitemap/{file}" => { get Anyone site_map::part }
    "/robots.txt" => { get Anyone site_map::robots }
    "/media/{hash}/{name}" => { get Anyone media::serve }
    "/{slug}/feed" => { get Anyone feeds::comments_elsewhere }
    "/mail/confirm/{token}" => { get TokenHolder confirm::show, post TokenHolder confirm::submit }
    "/comments/{id}" => { get Anyone comments::permalink }
    "/comments/{id}/edit" => { get TokenHolder comments::edit_form, post TokenHolder comments::edit }
    "/comments/{id}/withdraw" => { get TokenHolder comments::withdraw_form, post TokenHolder comments::withdraw }
    "/comments/{id}/helpful" => { post Anyone votes::submit }
    "/comments/{id}/report" => { get Anyone reports::show, post Anyone reports::submit }
    "/desk/comments" => { get Decides desk_comments::show }
    "/desk/comments/bulk" => { post Decides desk_comments::bulk }
    "/desk/comments/undo" => { post Decides desk_comments::undo }
    "/desk/comments/{id}/decision" => { post Decides desk_comments::decide }
    "/desk/comments/{id}/pin" => { post Decides pins::submit }
    "/{slug}/references.bib" => { get Anyone article_references::bib }
    "/{slug}/references.ris" => { get Anyone article_references::ris }
    "/{slug}/references.json" => { get Anyone article_references::json }
    "/{slug}/comments.xml" => { get Anyone comment_feed::atom }
    "/{slug}/comments" => { post Anyone comments::create }
    "/{slug}/changes/{number}" => { get Anyone changes::show }
    "/{slug}/threads/{root}" => { get Anyone comments::long_thread }
    "/{slug}" => { get Anyone articles::show }
}

/// The table by first segment. The router tries one pattern after the other, and a pattern with a name in it costs a
/// regular expression: the more of them are passed over at once, the sooner an article is found (a third of the time
/// of a page from memory, measured).
#[derive(Default)]
struct Tree {
    /// `/feed.xml`: compared as they are.
    pages: Vec<Resource>,
    /// `/desk/…`: passed over unless the path begins so.
    folders: Vec<(&'static str, Scope)>,
    /// `/{slug}`, and what is under it.
    articles: Vec<Resource>,
    under_article: Option<Scope>,
}

const ARTICLE: &str = "/{slug}";

impl Tree {
    fn add(&mut self, pattern: &'static str, resource: impl FnOnce(&'static str) -> Resource) {
        let end = pattern.get(1..).and_then(|rest| rest.find('/')).map_or(pattern.len(), |at| at + 1);
        let (first, rest) = pattern.split_at(end);
        match (first, rest) {
            (ARTICLE, "") => self.articles.push(resource(pattern)),
            (ARTICLE, rest) => {
                let scope = self.under_article.take().unwrap_or_else(|| web::scope(ARTICLE));
                self.under_article = Some(scope.service(resource(rest)));
            }
            (_, "") => self.pages.push(resource(pattern)),
            (first, rest) => {
                let at = self.folders.iter().position(|(known, _)| *known == first);
                let (first, scope) = at.map_or_else(|| (first, web::scope(first)), |at| self.folders.swap_remove(at));
                self.folders.push((first, scope.service(resource(rest))));
            }
        }
    }

    fn register(self, config: &mut web::ServiceConfig) {
        for resource in self.pages {
            config.service(resource);
        }
        for (_, folder) in self.folders {
            config.service(folder);
        }
        for resource in self.articles {
            config.service(resource);
        }
        if let Some(scope) = self.under_article {
            config.service(scope);
        }
    }
}

fn readable() -> ActixRoute {
    web::route().guard(guard::fn_guard(|context| guard::Get().check(context) || guard::Head().check(context)))
}

/// An address that is not in the table. With a slash too many it leads to the one without (decisions 20).
async fn elsewhere(app: web::Data<App>, request: HttpRequest) -> Result<HttpResponse, AppError> {
    let path = request.path();
    let trimmed = path.trim_end_matches('/');
    if !trimmed.is_empty()
        && trimmed.len() < path.len()
        && trimmed.starts_with('/')
        && !trimmed.starts_with("//")
        && !trimmed.contains('\\')
    {
        let query = request.uri().query().map(|query| format!("?{query}")).unwrap_or_default();
        return Ok(HttpResponse::PermanentRedirect().insert_header(("Location", format!("{trimmed}{query}"))).finish());
    }
    Err(articles::elsewhere(&app, &request).await)
}
