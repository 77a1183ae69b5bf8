//! Articles of the demo: begun, saved, laid out and published version by version.

use std::collections::BTreeMap;

use anyhow::{Context, anyhow};
use chrono::{DateTime, Utc};

use crate::articles::layout;
use crate::articles::model::{self, Credit, Fields, Part};
use crate::articles::publish::{self, Change, Publication, PublishError};
use crate::articles::save;
use crate::cli::demo::content::{self, Article, Front, Version};
use crate::cli::demo::house::Furnished;
use crate::cli::demo::stage::Stage;
use crate::core::ids::{ArticleId, MediaId};
use crate::core::status::{ArticleKind, CommentsMode, CreditRole, Role};
use crate::staff::authority::{MayEdit, MayPublish};

/// The desk where the demo's articles are made.
#[derive(Debug)]
pub(super) struct Press<'a> {
    stage: &'a Stage<'a>,
    furnished: Furnished,
    /// Articles that were begun, by slug.
    begun: BTreeMap<&'a str, ArticleId>,
}

impl<'a> Press<'a> {
    /// With nothing begun.
    pub(super) fn new(stage: &'a Stage<'a>, furnished: Furnished) -> Self {
        Self { stage, furnished, begun: BTreeMap::new() }
    }

    /// Begins an article: by its first author, or by the editor for people who do not write at the desk.
    pub(super) async fn begin(&mut self, at: DateTime<Utc>, article: &'a Article) -> anyhow::Result<()> {
        self.stage.go_to(at);
        let front = &article.front;
        let author = front.authors.first().context("nobody wrote it")?;
        let writer: MayEdit = self.stage.right(author, Role::Editor)?;
        let id = self
            .stage
            .act(async |tx| {
                let id = save::create(tx, &writer, front.kind, "en-GB", &front.slug).await?;
                if front.kind == ArticleKind::Article || front.comments != CommentsMode::Off {
                    save::set_comments(tx, &writer, id, front.comments).await?;
                }
                Ok(id)
            })
            .await?;
        self.begun.insert(&front.slug, id);
        Ok(())
    }

    /// Saves a version's text, by who made it, and publishes it: by the same person where their role allows it,
    /// else by the editor.
    pub(super) async fn publish(&self, at: DateTime<Utc>, article: &Article, version: &Version) -> anyhow::Result<()> {
        self.stage.go_to(at);
        let id = *self.begun.get(article.front.slug.as_str()).context("it was not begun")?;
        let fields = self.fields(&article.front, &version.body)?;
        let writer: MayEdit = self.stage.right(&version.staff, Role::Editor)?;
        let opened =
            model::find_draft(&mut *self.stage.read().await?, id).await?.context("it has no working copy")?.revision;
        self.stage.act(async |tx| Ok(save::save(tx, &writer, id, opened, &fields).await?)).await?;
        let layout = layout::lay_out(&self.stage.db, id, fields).await?;
        let publisher: MayPublish = self.stage.right(&version.staff, Role::Editor)?;
        let change = version.told.clone().map(|(class, text)| Change::Noted { class, text });
        let what = Publication { layout: &layout, change: change.as_ref(), override_reason: "", note: &version.note };
        self.stage.act(async |tx| publish::publish(tx, &publisher, id, what).await.map_err(with_findings)).await?;
        Ok(())
    }

    fn fields(&self, front: &Front, body: &str) -> anyhow::Result<Fields> {
        let media = &self.furnished.media;
        let lead = front
            .lead_image
            .as_ref()
            .map(|lead| media.get(&lead.media).ok_or_else(|| anyhow!("there is no figure called {:?}", lead.media)));
        let topic = front
            .topic
            .as_ref()
            .map(|slug| self.furnished.topics.get(slug).ok_or_else(|| anyhow!("there is no topic {slug:?}")));
        let authors = front.authors.iter().map(|key| (key, CreditRole::Author));
        let credited = authors.chain(front.reviewer.iter().map(|key| (key, CreditRole::Reviewer)));
        let credits = credited.map(|(key, role)| Ok(Credit { staff_id: self.stage.person(key)?.staff_id(), role }));
        let fields = Fields {
            title: front.title.clone(),
            slug: front.slug.clone(),
            dek: front.dek.clone(),
            takeaways: front.takeaways.clone(),
            body: content::place_media(body, media)?,
            topic_id: topic.transpose()?.copied(),
            tags: front.tags.clone(),
            part: front.series.as_ref().map(|part| Part { series: part.name.clone(), number: part.part }),
            lead_media_id: lead.transpose()?.copied().map(MediaId),
            credits: credits.collect::<anyhow::Result<_>>()?,
            language: "en-GB".into(),
            description: String::new(),
        };
        Ok(fields.tidied())
    }
}

fn with_findings(error: PublishError) -> anyhow::Error {
    match error {
        PublishError::Blocked(findings) => anyhow!("checks block publishing: {findings:?}"),
        other => other.into(),
    }
}
