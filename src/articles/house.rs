//! The house pages every new site begins with: About, How we moderate, Why comments are removed, What “Trusted source”
//! means, Privacy; and the menu that leads to them. They are ordinary pages, to be edited or withdrawn at the desk.

use serde_json::json;

use crate::articles::layout::{self, LayoutError};
use crate::articles::links;
use crate::articles::model::{self, Fields};
use crate::articles::publish::{self, Publication, PublishError};
use crate::articles::save::{self, SaveError};
use crate::audit::{self, Entry};
use crate::core::limits;
use crate::core::status::ArticleKind;
use crate::core::text;
use crate::db::{Db, DbError, Tx};
use crate::render::html::Address;
use crate::settings::{self, MenuLink};
use crate::staff::authority::{MayChangeSettings, MayEdit, MayPublish};
use crate::urls;

/// A house page as it comes.
#[derive(Debug, Clone, Copy)]
pub struct HousePage {
    /// Its address.
    pub slug: &'static str,
    /// Its title; `{site}` stands for the site's name.
    pub title: &'static str,
    /// One sentence.
    pub dek: &'static str,
    body: &'static str,
}

/// In the order of the footer.
pub const PAGES: [HousePage; 5] = [
    HousePage {
        slug: "about",
        title: "About {site}",
        dek: "Who we are and how we work.",
        body: include_str!("house/about.md"),
    },
    HousePage {
        slug: urls::MODERATION_SLUG,
        title: "How we moderate",
        dek: "What happens between “Post comment” and the page, and who decides.",
        body: include_str!("house/how-we-moderate.md"),
    },
    HousePage {
        slug: urls::REMOVAL_SLUG,
        title: "Why comments are removed",
        dek: "Seven reasons. “We disagree with it” is not among them.",
        body: include_str!("house/why-comments-are-removed.md"),
    },
    HousePage {
        slug: urls::TRUSTED_SLUG,
        title: "What “Trusted source” means",
        dek: "The shield says where something was published. It is no promise that it is right.",
        body: include_str!("house/what-trusted-source-means.md"),
    },
    HousePage {
        slug: urls::PRIVACY_SLUG,
        title: "Privacy",
        dek: "What is stored when you read and when you write, and for how long.",
        body: include_str!("house/privacy.md"),
    },
];

impl HousePage {
    fn fields(&self, site: &str, language: &str) -> Fields {
        // The name stands in Markdown: what would be a mark there is written as itself.
        let name: String =
            site.chars().flat_map(|c| c.is_ascii_punctuation().then_some('\\').into_iter().chain([c])).collect();
        Fields {
            title: self.title.replace("{site}", site),
            slug: self.slug.to_owned(),
            dek: self.dek.to_owned(),
            body: self.body.replace("{site}", &name),
            language: language.to_owned(),
            ..Fields::default()
        }
        .tidied()
    }
}

/// Why the pages were not all made.
#[derive(Debug, thiserror::Error)]
pub enum HouseError {
    /// Laying one out.
    #[error(transparent)]
    Layout(#[from] LayoutError),
    /// Saving one.
    #[error(transparent)]
    Save(#[from] SaveError),
    /// Publishing one.
    #[error(transparent)]
    Publish(#[from] PublishError),
    /// The database.
    #[error(transparent)]
    Db(DbError),
}
crate::from_db_error!(HouseError);

/// Makes the pages that are not there yet and publishes them, each in two transactions of its own; then the menus, where
/// nobody has made any.
///
/// **Errors** at the first page that cannot be made; those before it stay.
pub async fn open(db: &Db, editor: &MayEdit, publisher: &MayPublish, site: &settings::Site) -> Result<(), HouseError> {
    for page in PAGES {
        if links::is_taken(&mut *db.read().await?, page.slug).await? {
            continue;
        }
        let fields = page.fields(&site.name, &site.language);
        let id = db
            .transact(async |tx| {
                let id = save::create(tx, editor, ArticleKind::Page, &site.language, page.slug).await?;
                let opened = model::find_draft(tx.conn(), id).await?.map_or(1, |draft| draft.revision);
                save::save(tx, editor, id, opened, &fields).await?;
                Ok::<_, HouseError>(id)
            })
            .await?;
        let layout = layout::lay_out(db, id, fields).await?;
        let what = Publication { layout: &layout, change: None, override_reason: "", note: "" };
        db.transact(async |tx| publish::publish(tx, publisher, id, what).await).await?;
    }
    db.transact(async |tx| {
        let mut stored = settings::load(tx.conn()).await?.site;
        let link = |label: &str, href: String| MenuLink { label: label.to_owned(), href };
        if stored.menu.is_empty() {
            stored.menu = vec![link("About", urls::article("about"))];
        }
        if stored.footer_menu.is_empty() {
            stored.footer_menu = vec![
                link("About us", urls::article("about")),
                link("How we moderate", urls::article("how-we-moderate")),
                link("Corrections", urls::corrections()),
                link("Privacy", urls::privacy()),
            ];
        }
        settings::save(tx, &stored).await?;
        Ok(())
    })
    .await
}

/// What the owner sets of the menus.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Menus {
    /// At the top.
    pub menu: Vec<MenuLink>,
    /// At the foot.
    pub footer_menu: Vec<MenuLink>,
    /// Articles are about health.
    pub is_medical: bool,
}

/// What is wrong with a typed menu.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MenuFault {
    /// Too many links.
    #[error("Write {0} links or fewer")]
    Many(usize),
    /// A line is no link.
    #[error("Line {0}: write what the link says, a bar, and an address that begins with / or https://")]
    Line(usize),
    /// A label is too long.
    #[error("Line {0}: what the link says must be {most} characters or fewer", most = limits::MENU_LABEL_CHARS_MAX)]
    Long(usize),
}

/// Reads a menu as it is typed, one link a line: "Sleep | /topics/sleep". Empty lines are passed over.
pub fn read_menu(typed: &str, most: usize) -> Result<Vec<MenuLink>, MenuFault> {
    let mut menu = Vec::new();
    for (line, number) in typed.lines().zip(1..).filter(|(line, _)| !line.trim().is_empty()) {
        let (label, href) = line.rsplit_once('|').ok_or(MenuFault::Line(number))?;
        let (label, href) = (text::tidy_line(label), href.trim());
        let is_address = match Address::parse(href) {
            Some(Address::Path(path)) => path == href,
            Some(Address::Web(url)) => url.scheme() == "https",
            Some(Address::Mail(_) | Address::Fragment(_)) | None => false,
        };
        if label.is_empty() || !is_address || text::has_control(line) {
            return Err(MenuFault::Line(number));
        }
        if label.chars().count() > limits::MENU_LABEL_CHARS_MAX {
            return Err(MenuFault::Long(number));
        }
        menu.push(MenuLink { label, href: href.to_owned() });
    }
    if menu.len() > most { Err(MenuFault::Many(most)) } else { Ok(menu) }
}

/// Sets the menus. Every page is purged.
pub async fn set_menus(tx: &mut Tx, who: &MayChangeSettings, menus: Menus) -> Result<(), DbError> {
    let mut site = settings::load(tx.conn()).await?.site;
    let detail =
        json!({ "menu": menus.menu.len(), "footer_menu": menus.footer_menu.len(), "is_medical": menus.is_medical });
    site.menu = menus.menu;
    site.footer_menu = menus.footer_menu;
    site.is_medical = menus.is_medical;
    settings::save(tx, &site).await?;
    let entry = Entry {
        actor: who.actor(),
        action: "site.menus",
        subject: "setting",
        subject_id: None,
        detail,
        evidence: None,
    };
    audit::append(tx, entry).await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_menu_is_a_line_a_link() {
        let menu = read_menu("Sleep | /topics/sleep\n\n A | B | https://a.example/x ", 6).unwrap();
        let told: Vec<(&str, &str)> = menu.iter().map(|link| (link.label.as_str(), link.href.as_str())).collect();
        assert_eq!(told, [("Sleep", "/topics/sleep"), ("A | B", "https://a.example/x")]);
        for wrong in [
            "Sleep",
            "| /x",
            "X | javascript:alert(1)",
            "X | //evil.example",
            "X | http://plain.example",
            "X | #a",
            "X | mailto:a@b.example",
        ] {
            assert_eq!(read_menu(wrong, 6), Err(MenuFault::Line(1)), "{wrong}");
        }
        assert_eq!(read_menu(&"A | /a\n".repeat(7), 6), Err(MenuFault::Many(6)));
        assert_eq!(read_menu(&format!("{} | /a", "x".repeat(41)), 6), Err(MenuFault::Long(1)));
    }
}
