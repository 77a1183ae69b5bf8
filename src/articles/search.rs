//! Search: published articles and house pages by words, people by name, and what somebody may have meant to type.
//!
//! What can be found stands in tables of its own, which the database keeps: nothing held, withdrawn or unpublished is
//! in them. At most [`limits::SEARCH_CANDIDATES`] matches are ranked, newest first where there are more: a word that
//! is in every text costs what any other word costs.

use std::fmt;
use std::str::FromStr;

use diesel::prelude::*;
use diesel::sql_types::{BigInt, Integer, Nullable, Text, Timestamptz};
use diesel_async::{AsyncPgConnection, RunQueryDsl};

use crate::core::limits;
use crate::core::text;
use crate::db::DbError;

/// Words somebody looks for: tidied, without what no text can hold.
#[derive(Debug, Clone, PartialEq, Eq)]
// Invariant: not empty, at most SEARCH_CHARS_MAX characters, no controls.
pub struct Words(String);

impl Words {
    /// Reads what was typed; `None` when there is nothing to look for. What is too long is cut at a word.
    #[must_use]
    pub fn parse(typed: &str) -> Option<Self> {
        let clean: String = typed.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        let mut words = String::new();
        for word in text::tidy_line(&clean).split_whitespace() {
            if words.chars().count() + word.chars().count() >= limits::SEARCH_CHARS_MAX {
                break;
            }
            if !words.is_empty() {
                words.push(' ');
            }
            words.push_str(word);
        }
        (!words.is_empty()).then_some(Self(words))
    }

    /// As they are shown and looked for.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Where a page of results goes on: after the result of this rank and id. The rank is a millionth, so that it can be
/// written in an address and compared without loss.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Rank of the last result, in millionths.
    pub rank: i64,
    /// Its id.
    pub id: i64,
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.rank, self.id)
    }
}

/// An `after` that says no place.
#[derive(Debug, thiserror::Error)]
#[error("not a place in a list of results")]
pub struct NoPlace;

impl FromStr for Place {
    type Err = NoPlace;

    fn from_str(text: &str) -> Result<Self, NoPlace> {
        let plain = |part: &str| part.len() < 19 && part.bytes().all(|byte| byte.is_ascii_digit());
        let (rank, id) = text.split_once('-').filter(|(rank, id)| plain(rank) && plain(id)).ok_or(NoPlace)?;
        Ok(Self { rank: rank.parse().map_err(|_| NoPlace)?, id: id.parse().map_err(|_| NoPlace)? })
    }
}

/// A part of a text with the words that were looked for marked: pieces, and whether each is marked.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Excerpt(pub Vec<(String, bool)>);

/// What opens and closes a mark in what the database answers: controls, which no text of ours holds.
pub const MARK_OPEN: char = '\u{2}';
/// See [`MARK_OPEN`].
pub const MARK_CLOSE: char = '\u{3}';
/// How the database is asked for an excerpt: two stretches, together about two lines.
pub const EXCERPT: &str =
    "StartSel=\u{2}, StopSel=\u{3}, MaxFragments=2, MaxWords=18, MinWords=9, FragmentDelimiter=\u{1}";

impl Excerpt {
    /// Of what the database answered to [`EXCERPT`].
    #[must_use]
    pub fn read(answered: &str) -> Self {
        let mut pieces = Vec::new();
        let mut piece = String::new();
        let mut is_marked = false;
        let mut push = |piece: &mut String, is_marked| {
            if !piece.is_empty() {
                pieces.push((std::mem::take(piece), is_marked));
            }
        };
        for c in answered.chars() {
            match c {
                MARK_OPEN | MARK_CLOSE => {
                    push(&mut piece, is_marked);
                    is_marked = c == MARK_OPEN;
                }
                '\u{1}' => piece.push_str(" … "),
                c if c.is_control() => piece.push(' '),
                c => piece.push(c),
            }
        }
        push(&mut piece, is_marked);
        if let Some((first, _)) = pieces.first_mut()
            && first.chars().next().is_some_and(char::is_lowercase)
        {
            first.insert_str(0, "… ");
        }
        Self(pieces)
    }

    /// This, or another text where nothing is marked: the words are in the title then.
    #[must_use]
    pub fn or(self, other: &str) -> Self {
        if other.is_empty() || self.0.iter().any(|(_, is_marked)| *is_marked) {
            return self;
        }
        Self(vec![(other.to_owned(), false)])
    }
}

/// A page of results.
#[derive(Debug, Clone)]
pub struct Hits<T> {
    /// Best first.
    pub items: Vec<T>,
    /// All there are, exact up to [`limits::SEARCH_CANDIDATES`]; one more says that there are more.
    pub total: i64,
    /// Where the next page goes on.
    pub next: Option<Place>,
}

impl<T> Hits<T> {
    /// Of rows with one more than a page holds: that one says whether there is a next page.
    #[must_use]
    pub fn of(total: i64, mut items: Vec<(Place, T)>) -> Self {
        let a_page = usize::try_from(limits::SEARCH_HITS).unwrap_or(usize::MAX);
        let has_more = items.len() > a_page;
        items.truncate(a_page);
        let next = items.last().map(|(place, _)| *place).filter(|_| has_more);
        Self { items: items.into_iter().map(|(_, item)| item).collect(), total, next }
    }
}

/// A row of results.
pub trait Ranked {
    /// What it becomes.
    type Item;

    /// All that were found, and where this one stands.
    fn place(&self) -> (i64, Place);

    /// What is shown of it.
    fn item(self) -> Self::Item;
}

/// Asks for a page of results. The statement takes the language ($1), the words ($2), how many are ranked at most ($3),
/// rank and id of the result before the page ($4, $5; a rank below 0 for the first), how many are brought ($6), and how
/// excerpts are made ($7).
pub async fn ask<R>(
    conn: &mut AsyncPgConnection,
    statement: &str,
    (language, words): (&str, &Words),
    after: Option<Place>,
) -> Result<Hits<R::Item>, DbError>
where
    R: Ranked + QueryableByName<diesel::pg::Pg> + Send + 'static,
{
    let rows: Vec<R> = diesel::sql_query(statement)
        .bind::<Text, _>(language)
        .bind::<Text, _>(words.as_str())
        .bind::<BigInt, _>(limits::SEARCH_CANDIDATES + 1)
        .bind::<BigInt, _>(after.map_or(-1, |place| place.rank))
        .bind::<BigInt, _>(after.map_or(0, |place| place.id))
        .bind::<BigInt, _>(limits::SEARCH_HITS + 1)
        .bind::<Text, _>(EXCERPT)
        .load(conn)
        .await?;
    let total = rows.iter().map(|row| row.place().0).next().unwrap_or(0);
    Ok(Hits::of(total, rows.into_iter().map(|row| (row.place().1, row.item())).collect()))
}

/// An article or page that was found.
#[derive(Debug, Clone)]
pub struct FoundArticle {
    /// Its address.
    pub slug: String,
    /// Its title.
    pub title: String,
    /// Name and address of its topic.
    pub topic: Option<(String, String)>,
    /// The day readers see on it.
    pub updated_at: chrono::DateTime<chrono::Utc>,
    /// Where the words are.
    pub excerpt: Excerpt,
}

#[derive(QueryableByName)]
struct ArticleRow {
    #[diesel(sql_type = BigInt)]
    total: i64,
    #[diesel(sql_type = BigInt)]
    id: i64,
    #[diesel(sql_type = BigInt)]
    rank: i64,
    #[diesel(sql_type = Text)]
    slug: String,
    #[diesel(sql_type = Text)]
    title: String,
    #[diesel(sql_type = Nullable<Text>)]
    topic_slug: Option<String>,
    #[diesel(sql_type = Nullable<Text>)]
    topic_name: Option<String>,
    #[diesel(sql_type = Timestamptz)]
    updated_at: chrono::DateTime<chrono::Utc>,
    #[diesel(sql_type = Text)]
    dek: String,
    #[diesel(sql_type = Text)]
    excerpt: String,
}

impl Ranked for ArticleRow {
    type Item = FoundArticle;

    fn place(&self) -> (i64, Place) {
        (self.total, Place { rank: self.rank, id: self.id })
    }

    fn item(self) -> FoundArticle {
        FoundArticle {
            slug: self.slug,
            title: self.title,
            topic: self.topic_name.zip(self.topic_slug),
            updated_at: self.updated_at,
            excerpt: Excerpt::read(&self.excerpt).or(&self.dek),
        }
    }
}

const ARTICLES: &str = "
    with wanted as materialized (select search_config($1) as config, websearch_to_tsquery(search_config($1), $2) as query),
    candidates as materialized (
        select s.article_id as id, s.vector from article_search s join articles a on a.id = s.article_id
         where s.vector @@ websearch_to_tsquery(search_config($1), $2) and a.state = 'published'
         order by s.article_id desc limit $3),
    ranked as materialized (
        select id, floor(1e6 * ts_rank_cd(vector, query, 1))::bigint as rank from candidates, wanted),
    page as materialized (
        select id, rank from ranked where $4 < 0 or (rank, id) < ($4, $5) order by rank desc, id desc limit $6)
    select (select count(*) from ranked) as total, p.id, p.rank, a.slug, r.title, r.dek, a.updated_at,
           t.slug as topic_slug, t.name as topic_name,
           ts_headline(w.config, translate(s.body, E'\\x01\\x02\\x03', ''), w.query, $7) as excerpt
      from page p
     cross join wanted w
      join articles a on a.id = p.id
      join revisions r on r.id = a.published_revision_id
      join article_search s on s.article_id = p.id
      left join topics t on t.id = r.topic_id
     order by p.rank desc, p.id desc";

/// Published articles and house pages with these words, best first.
pub async fn articles(
    conn: &mut AsyncPgConnection,
    language: &str,
    words: &Words,
    after: Option<Place>,
) -> Result<Hits<FoundArticle>, DbError> {
    ask::<ArticleRow>(conn, ARTICLES, (language, words), after).await
}

/// Somebody with a public page.
#[derive(Debug, Clone, QueryableByName)]
pub struct FoundPerson {
    /// Address of their page.
    #[diesel(sql_type = Text)]
    pub slug: String,
    /// Name.
    #[diesel(sql_type = Text)]
    pub name: String,
    /// Title; may be empty.
    #[diesel(sql_type = Text)]
    pub title: String,
    /// Credentials; may be empty.
    #[diesel(sql_type = Text)]
    pub credentials: String,
}

/// Those credited on something that is published.
const CREDITED: &str =
    "exists (select from revision_credits c join articles a on a.published_revision_id = c.revision_id
                                 where c.staff_id = s.id and a.state = 'published')";

/// People credited on something published, by name, title and credentials; at most [`limits::SEARCH_PEOPLE`].
pub async fn people(conn: &mut AsyncPgConnection, language: &str, words: &Words) -> Result<Vec<FoundPerson>, DbError> {
    let query = format!(
        "select s.slug, s.name, s.title, s.credentials from staff s
          where to_tsvector(search_config($1), concat_ws(' ', s.name, s.title, s.credentials)) @@ websearch_to_tsquery(search_config($1), $2)
            and {CREDITED} order by s.name limit $3"
    );
    Ok(diesel::sql_query(query)
        .bind::<Text, _>(language)
        .bind::<Text, _>(words.as_str())
        .bind::<BigInt, _>(limits::SEARCH_PEOPLE)
        .load(conn)
        .await?)
}

#[derive(QueryableByName)]
struct Phrase {
    #[diesel(sql_type = Text)]
    phrase: String,
}

/// What somebody may have meant: the words with those that are in no title, heading, name, topic, tag or series exchanged for the
/// nearest that is. `None` when there is nothing near.
pub async fn meant(conn: &mut AsyncPgConnection, words: &Words) -> Result<Option<Words>, DbError> {
    let mut is_changed = false;
    let mut meant = Vec::new();
    for word in words.as_str().split_whitespace().take(limits::SEARCH_WORDS_MENDED) {
        let near: Vec<Phrase> = diesel::sql_query(format!(
            "select s.near as phrase from search_near($1, $2) n join article_search s on s.article_id = n.article_id where n.closeness > 0.3
             union all select t.name from topics t
             union all select t.name from terms t where exists (
                select from revision_terms p join articles a on a.published_revision_id = p.revision_id
                 where p.term_id = t.id and a.state = 'published')
             union all select s.name from staff s where {CREDITED}"
        ))
        .bind::<Text, _>(word)
        .bind::<Integer, _>(limits::SEARCH_NEAR)
        .load(conn)
        .await?;
        let known =
            near.iter().flat_map(|found| found.phrase.split(|c: char| !c.is_alphanumeric() && c != '’' && c != '\''));
        match nearest(word, known) {
            Some(better) => {
                is_changed |= better != word.to_lowercase();
                meant.push(better);
            }
            None => meant.push(word.to_owned()),
        }
    }
    Ok(Words::parse(&meant.join(" ")).filter(|_| is_changed))
}

/// The known word nearest to one that was typed: a slip in four letters, two in eight. Itself when it is known.
fn nearest<'a>(typed: &str, known: impl Iterator<Item = &'a str>) -> Option<String> {
    let fold = |word: &str| deunicode::deunicode(word).to_lowercase();
    let wanted = fold(typed);
    let slips_max = match wanted.chars().count() {
        0..=3 => 0,
        4..=7 => 1,
        _ => 2,
    };
    known
        .filter(|word| word.chars().count() > 2)
        .filter_map(|word| {
            let slips = slips(&wanted, &fold(word));
            (slips <= slips_max).then(|| (slips, word.to_lowercase()))
        })
        .min()
        .map(|(_, word)| word)
}

/// Letters changed, left out, put in or exchanged with their neighbour between two words (optimal string alignment).
fn slips(one: &str, other: &str) -> usize {
    let (one, other): (Vec<char>, Vec<char>) = (one.chars().take(40).collect(), other.chars().take(40).collect());
    if one.len().abs_diff(other.len()) > 2 {
        return usize::MAX;
    }
    let at = |row: &[usize], place: usize| row.get(place).copied().unwrap_or(usize::MAX / 2);
    let mut before: Vec<usize> = Vec::new();
    let mut last: Vec<usize> = (0..=other.len()).collect();
    for (i, a) in one.iter().enumerate() {
        let mut row = vec![i + 1];
        for (j, b) in other.iter().enumerate() {
            let mut best = (at(&last, j) + usize::from(a != b)).min(at(&last, j + 1) + 1).min(at(&row, j) + 1);
            let is_swapped = i > 0 && j > 0 && one.get(i - 1) == Some(b) && other.get(j - 1) == Some(a);
            if is_swapped {
                best = best.min(at(&before, j - 1) + 1);
            }
            row.push(best);
        }
        before = std::mem::replace(&mut last, row);
    }
    at(&last, other.len())
}

/// Published articles whose title or address is close to these words, at most three: for an address that leads nowhere.
/// Needs the extension `pg_trgm`; without it there are none.
pub async fn close_titles(conn: &mut AsyncPgConnection, words: &Words) -> Result<Vec<(String, String)>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        slug: String,
        #[diesel(sql_type = Text)]
        title: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select a.slug, s.title from search_near($1, 3) n join article_search s on s.article_id = n.article_id
           join articles a on a.id = n.article_id
          where n.closeness >= 0.5 and a.state = 'published' order by n.closeness desc, a.id desc",
    )
    .bind::<Text, _>(words.as_str())
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| (row.slug, row.title)).collect())
}

/// The extensions search would use and does not have, for `stet check` and the start.
pub async fn lacking(conn: &mut AsyncPgConnection) -> Result<Vec<String>, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = Text)]
        name: String,
    }
    let rows: Vec<Row> = diesel::sql_query(
        "select name from (values ('unaccent'), ('pg_trgm')) as wanted (name)
          where not exists (select from pg_extension where extname = wanted.name)",
    )
    .load(conn)
    .await?;
    Ok(rows.into_iter().map(|row| row.name).collect())
}

/// What the site does without while these are missing, and what to do, in one line; `None` when none is.
#[must_use]
pub fn lacking_told(lacking: &[String]) -> Option<String> {
    (!lacking.is_empty()).then(|| {
        format!(
            "search works without help for accents or typing mistakes: PostgreSQL’s {} cannot be used. Install the server’s contrib package, then run `select search_prepare()` in the database as the owner of its tables",
            lacking.join(" and ")
        )
    })
}

/// Puts right what is missing from the search or was made for another language of the site, at most `at_most` articles
/// and as many comments; answers how many there were.
pub async fn mend(conn: &mut AsyncPgConnection, at_most: i32) -> Result<i64, DbError> {
    #[derive(QueryableByName)]
    struct Row {
        #[diesel(sql_type = BigInt)]
        mended: i64,
    }
    let row: Row =
        diesel::sql_query("select search_mend($1) as mended").bind::<Integer, _>(at_most).get_result(conn).await?;
    Ok(row.mended)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_tidied_and_cut_at_a_word() {
        assert_eq!(Words::parse(" night \u{0} shift\n").unwrap().as_str(), "night shift");
        assert_eq!(Words::parse(" \t"), None);
        let long = "melatonin ".repeat(100);
        let cut = Words::parse(&long).unwrap();
        assert!(cut.as_str().chars().count() <= limits::SEARCH_CHARS_MAX && cut.as_str().ends_with("melatonin"));
        assert_eq!(Words::parse(&"x".repeat(5_000)), None);
    }

    #[test]
    fn a_place_is_two_plain_numbers() {
        let place = Place { rank: 60_793, id: 42 };
        assert_eq!(place.to_string().parse::<Place>().unwrap(), place);
        for wrong in ["", "42", "-1-42", "a-b", "1-", "1-2-3", "99999999999999999999-1"] {
            assert!(wrong.parse::<Place>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_excerpt_is_marked_pieces_and_never_html() {
        let read = Excerpt::read("A <b> \u{2}dose\u{3} at\u{1}night");
        let piece = |text: &str, marked| (text.to_owned(), marked);
        assert_eq!(read.0, [piece("A <b> ", false), piece("dose", true), piece(" at … night", false)]);
    }

    #[test]
    fn a_slip_is_told_from_another_word() {
        let known = ["Melatonin", "Caffeine", "the", "Sleep", "Café"];
        let near = |typed: &str| nearest(typed, known.into_iter());
        assert_eq!(near("melantonin").as_deref(), Some("melatonin"));
        assert_eq!(near("melatonni").as_deref(), Some("melatonin"), "two neighbours exchanged");
        assert_eq!(near("cafeine").as_deref(), Some("caffeine"));
        assert_eq!(near("slep").as_deref(), Some("sleep"));
        assert_eq!(near("cafe").as_deref(), Some("café"), "known, but for its accent");
        assert_eq!(near("warfarin"), None);
        assert_eq!(near("teh"), None, "short words are too near to one another");
    }
}
