//! The house of the demo: the team, the settings, topics, word list, pictures and sources.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow, ensure};
use futures_util::future::try_join_all;

use crate::app::App;
use crate::audit::Actor;
use crate::cli::demo::Account;
use crate::cli::demo::content::{Content, FIGURES, Figure, Person, REFERENCES_JSON};
use crate::cli::demo::stage::Stage;
use crate::core::ids::TopicId;
use crate::core::rng::Rng;
use crate::core::status::{ArticleKind, Role, WordListOutcome};
use crate::core::text::Email;
use crate::media::store::MediaStore;
use crate::media::upload::{self, NewMedia};
use crate::moderation::word_lists;
use crate::references;
use crate::settings::{self, MenuLink, People};
use crate::staff::authority::{MayPublish, MayRule};
use crate::staff::model::{self, By, NewPerson, Standing};
use crate::staff::password::{Hashed, NewPassword};
use crate::staff::session;
use crate::urls;

/// What articles refer to.
#[derive(Debug)]
pub(super) struct Furnished {
    /// Topics by slug.
    pub(super) topics: BTreeMap<String, TopicId>,
    /// Pictures by name.
    pub(super) media: BTreeMap<String, i64>,
    /// Sources in the library.
    pub(super) sources: usize,
}

/// Adds the people of the team, each with a password of their own.
pub(super) async fn hire<'a>(stage: &mut Stage<'a>, content: &'a Content) -> anyhow::Result<Vec<Account>> {
    let accounts: Vec<Account> = content.staff.iter().map(|person| account(stage.app.rng(), person)).collect();
    let app = stage.app;
    let hashes = try_join_all(accounts.iter().map(|account| hash(app, account))).await?;
    for ((person, account), hash) in content.staff.iter().zip(&accounts).zip(&hashes) {
        let email = Email::parse(&account.email).ok_or_else(|| anyhow!("{:?} is no address", account.email))?;
        let new = NewPerson {
            title: &person.title,
            credentials: &person.credentials,
            bio: &person.bio,
            ..NewPerson::new(&person.name, person.role, Standing::Active(&email, hash))
        };
        let id = stage.act(async |tx| Ok(model::create(tx, By::Console, &new).await?)).await?;
        let session = session::act_as(&mut *stage.read().await?, id, &People::default()).await?;
        stage.people.insert(&person.key, session.with_context(|| format!("{} cannot act", person.key))?);
    }
    Ok(accounts)
}

fn account(rng: Rng, person: &Person) -> Account {
    Account { name: person.name.clone(), role: person.role, email: person.email.clone(), password: password(rng) }
}

/// Letters and digits that are not mistaken for one another; 32 of them, so that each of a random byte's five low
/// bits counts. 20 characters are 100 bits.
const PASSWORD_CHARS: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";

fn password(rng: Rng) -> String {
    let mut bytes = [0; 20];
    rng.fill(&mut bytes);
    let chars: Vec<char> = bytes
        .iter()
        .filter_map(|byte| PASSWORD_CHARS.get(usize::from(byte % 32)))
        .map(|byte| char::from(*byte))
        .collect();
    chars.chunks(5).map(|part| part.iter().collect::<String>()).collect::<Vec<_>>().join("-")
}

async fn hash(app: &App, account: &Account) -> anyhow::Result<Hashed> {
    let password = NewPassword::check(&account.password, &[])?;
    Ok(app.passwords().hash(&password).await?)
}

/// Sets the site up: what its owner, its editor and its moderator would do before the first article.
pub(super) async fn furnish(stage: &Stage<'_>, content: &Content) -> anyhow::Result<Furnished> {
    set_up(stage, content).await?;
    Ok(Furnished {
        topics: topics(stage, content).await?,
        media: pictures(stage, content).await?,
        sources: sources(stage, content).await?,
    })
}

async fn set_up(stage: &Stage<'_>, content: &Content) -> anyhow::Result<()> {
    let from = &content.site;
    let site = settings::Site {
        name: from.name.clone(),
        footer_line: from.tagline.clone(),
        language: "en-GB".into(),
        time_zone: "Europe/London".into(),
        menu: from.menu.iter().map(|slug| menu_link(content, slug)).collect::<anyhow::Result<_>>()?,
        footer_menu: footer(content),
        products_disclosure: from.shop_disclosure.clone(),
        is_medical: true,
        ..settings::Site::default()
    };
    let comments = settings::Comments { house_rules: from.house_rules.clone(), ..settings::Comments::default() };
    let sources = trusted(content);
    let moderator: MayRule = stage.right_of(Role::Moderator)?;
    stage
        .act(async |tx| {
            settings::save(tx, &site).await?;
            settings::save(tx, &comments).await?;
            settings::save(tx, &sources).await?;
            word_lists::save(tx, &moderator, "Medicines and doses", WordListOutcome::Hold, &from.held_words).await?;
            Ok(())
        })
        .await
}

fn menu_link(content: &Content, slug: &str) -> anyhow::Result<MenuLink> {
    if let Some(topic) = content.site.topics.iter().find(|topic| topic.slug == slug) {
        return Ok(MenuLink { label: topic.name.clone(), href: urls::topic(slug) });
    }
    let page = content.articles.iter().find(|article| article.front.slug == slug);
    let title = &page.ok_or_else(|| anyhow!("the menu leads to {slug:?}, which is not there"))?.front.title;
    // "About Harbour Health" is long for a menu of the site of that name.
    let label = title.strip_suffix(content.site.name.as_str()).map_or(title.as_str(), str::trim_end);
    Ok(MenuLink { label: label.to_owned(), href: urls::article(slug) })
}

fn footer(content: &Content) -> Vec<MenuLink> {
    let pages = content.articles.iter().filter(|article| article.front.kind == ArticleKind::Page);
    let own = MenuLink { label: "Corrections".into(), href: urls::corrections() };
    pages
        .map(|page| MenuLink { label: page.front.title.clone(), href: urls::article(&page.front.slug) })
        .chain([own])
        .collect()
}

fn trusted(content: &Content) -> settings::Sources {
    settings::Sources {
        trusted_hosts: content.site.trusted_hosts.clone(),
        trusted_doi_prefixes: content.site.trusted_doi_prefixes.clone(),
        page: urls::article("what-trusted-source-means"),
        ..settings::Sources::default()
    }
}

async fn topics(stage: &Stage<'_>, content: &Content) -> anyhow::Result<BTreeMap<String, TopicId>> {
    let editor: MayPublish = stage.right_of(Role::Editor)?;
    stage
        .act(async |tx| {
            let mut ids = BTreeMap::new();
            for topic in &content.site.topics {
                ids.insert(
                    topic.slug.clone(),
                    crate::articles::topics::create(tx, &editor, &topic.slug, &topic.name, &topic.text).await?,
                );
            }
            Ok(ids)
        })
        .await
}

async fn pictures(stage: &Stage<'_>, content: &Content) -> anyhow::Result<BTreeMap<String, i64>> {
    let editor: MayPublish = stage.right_of(Role::Editor)?;
    let store = MediaStore::new(&stage.app.parts.data_dir);
    let drawings = FIGURES
        .iter()
        .map(|figure| Ok((figure, upload::clean(figure.svg.as_bytes())?)))
        .collect::<anyhow::Result<Vec<_>>>()?;
    stage
        .act(async |tx| {
            let mut ids = BTreeMap::new();
            for (figure, drawing) in &drawings {
                let what = NewMedia {
                    name: figure.name,
                    alt: alt(content, figure),
                    credit: "Drawn for the demo site",
                    ..NewMedia::default()
                };
                let id = upload::add(tx, editor.actor(), &store, drawing, what).await?;
                ids.insert(figure.name.to_owned(), id.0);
            }
            Ok(ids)
        })
        .await
}

/// What an article says of the picture at its top, else what the drawing says of itself.
fn alt<'a>(content: &'a Content, figure: &Figure) -> Option<&'a str> {
    let leads = content.articles.iter().filter_map(|article| article.front.lead_image.as_ref());
    let said = leads.filter(|lead| lead.media == figure.name).map(|lead| lead.alt.as_str()).next();
    said.or_else(|| {
        figure.svg.split_once("<title ")?.1.split_once('>')?.1.split_once("</title>").map(|(title, _)| title)
    })
}

async fn sources(stage: &Stage<'_>, content: &Content) -> anyhow::Result<usize> {
    let mut reading = references::formats::read::read(REFERENCES_JSON)?;
    let count = reading.entries.len();
    for (kind, keys) in &content.site.evidence {
        for key in keys {
            let entry = reading.entries.iter_mut().find(|entry| entry.item.as_ref().is_ok_and(|item| item.id == *key));
            entry.with_context(|| format!("there is no source {key:?}"))?.hints.evidence = *kind;
        }
    }
    let report = references::import::import(&stage.db, Actor::Console, reading, &trusted(content)).await?;
    let is_whole = report.added == count && report.renamed.is_empty() && report.refused.is_empty();
    ensure!(is_whole, "some sources were not taken as they are: {report:?}");
    Ok(report.added)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passwords_are_long_and_never_the_same() {
        let made = password(Rng::system());
        assert_eq!(made.len(), 23);
        assert!(made.split('-').all(|part| part.len() == 5));
        assert_ne!(made, password(Rng::system()));
        assert!(NewPassword::check(&made, &[]).is_ok());
    }
}
