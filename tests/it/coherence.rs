//! Two server processes on one database: after a write's answer no page of the same node is older than it, and none
//! of the other node by more than a tenth of a second, also while the notification connections are cut
//! (performance P8). A sample; `STET_SOAK=1` takes 10,000 acts.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use reqwest::header::{ETAG, IF_NONE_MATCH};
use reqwest::{Method, StatusCode};
use tempfile::TempDir;
use tokio::sync::watch;
use tokio_postgres::Client;

use crate::articles;
use crate::support::browser::Browser;
use crate::support::cluster;
use crate::support::long_run::{amount, binary, claim, sign_in, until_ready};
use crate::support::process::{Process, data_folder};

/// How much later the other node may know (performance P8). The sample shares the machine with other tests, so that
/// it looks for what is never told, and the full proof for what is told late.
fn other_node() -> Duration {
    Duration::from_millis(amount("STET_SOAK_LATE_MS", 2_000, 100) as u64)
}
const ARTICLES: usize = 3;
/// Comments under each.
const COMMENTS: usize = 2;

/// One state of a thing, from when it was asked for to when it was answered.
#[derive(Clone, Copy, Debug)]
struct State {
    value: usize,
    asked: Instant,
    answered: Instant,
    node: usize,
}

/// What is shown of a thing on a page.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Thing {
    /// The number in an article's title.
    Title(usize),
    /// Whether a comment is there.
    Comment(usize, i64),
}

type History = Arc<Mutex<HashMap<Thing, Vec<State>>>>;

/// A value may be shown if it had been asked for before the read ended, and the next one was not yet known here
/// when the read began.
fn is_fresh(states: &[State], shown: usize, node: usize, began: Instant, ended: Instant) -> bool {
    states.iter().enumerate().any(|(at, state)| {
        let known_by = |next: &State| if next.node == node { next.answered } else { next.answered + other_node() };
        state.value == shown && state.asked <= ended && states.get(at + 1).is_none_or(|next| known_by(next) >= began)
    })
}

struct Nodes {
    servers: [Process; 2],
    desks: [Browser; 2],
    database: Client,
    app_url: String,
    history: History,
    /// Articles by their place: the desk's id, and their comments.
    articles: Vec<(i64, Vec<i64>)>,
    _folders: [TempDir; 2],
}

async fn nodes() -> Nodes {
    let database = cluster::database().await;
    let folders = [data_folder(), data_folder()];
    let fixed = [
        ("DATABASE_URL", database.url.as_str()),
        ("STET_DATABASE_OWNER_URL", database.owner_url.as_str()),
        ("STET_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="),
        ("STET_ALLOW_UNSAFE_DATABASE", "1"),
        ("STET_COMMENTS_A_MINUTE", "1000000"),
        ("STET_REQUESTS_A_MINUTE", "0"),
        ("STET_MODERATION", "none"),
    ];
    let nodes = [0, 1].map(|node: usize| Process::start(binary(), folders[node].path(), &fixed));
    let desks = [Browser::new(&nodes[0].base()), Browser::new(&nodes[1].base())];
    claim(&nodes[0], &desks[0]).await;
    sign_in(&desks[1]).await;
    let client = cluster::connect(&database.owner_url).await;
    let mut made = Nodes {
        servers: nodes,
        desks,
        database: client,
        app_url: database.url.clone(),
        history: History::default(),
        articles: Vec::new(),
        _folders: folders,
    };
    for place in 0..ARTICLES {
        made.publish(place).await;
    }
    made
}

impl Nodes {
    fn note(&self, thing: Thing, value: usize, asked: Instant, node: usize) {
        let state = State { value, asked, answered: Instant::now(), node };
        self.history.lock().unwrap().entry(thing).or_default().push(state);
    }

    async fn publish(&mut self, place: usize) {
        let asked = Instant::now();
        let form = articles::typed(&self.desks[0], &format!("Tide {place} told 0"), "The basin answers.").await;
        let page = articles::press(&self.desks[0], form.fill("slug", &format!("tide-{place}")), "publish").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        self.note(Thing::Title(place), 0, asked, 0);
        let mut comments = Vec::new();
        for number in 0..COMMENTS {
            let asked = Instant::now();
            let email = format!("ines-{place}-{number}%40mail.example");
            let body = format!(
                "name=Ines&email={email}&parent=&act=post&body=What+does+basin+{place}+answer,+and+to+whom,+number+{number}"
            );
            let own_page = [("sec-fetch-site", "same-origin")];
            let address = format!("/tide-{place}/comments");
            let answer =
                Browser::new(&self.servers[0].base()).send(Method::POST, &address, &own_page, Some(body)).await;
            assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
            let id: i64 = answer.location().unwrap().rsplit_once("#comment-").unwrap().1.parse().unwrap();
            self.note(Thing::Comment(place, id), 1, asked, 0);
            comments.push(id);
        }
        let slug = format!("tide-{place}");
        let id = self.database.query_one("select id from articles where slug = $1", &[&slug]).await.unwrap().get(0);
        self.articles.push((id, comments));
    }

    fn last(&self, thing: Thing) -> usize {
        self.history.lock().unwrap()[&thing].last().unwrap().value
    }

    /// Publishes an article under its next title.
    async fn edit(&self, node: usize, place: usize) {
        let next = self.last(Thing::Title(place)) + 1;
        let desk = &self.desks[node];
        let form = desk.get(&format!("/desk/articles/{}", self.articles[place].0)).await.form("form.desk");
        let form = form.fill("title", &format!("Tide {place} told {next}")).choose("change", "cosmetic");
        let asked = Instant::now();
        let page = articles::press(desk, form, "publish").await;
        assert_eq!(page.status, StatusCode::SEE_OTHER, "{}", page.text);
        self.note(Thing::Title(place), next, asked, node);
    }

    /// Puts a public comment into the trash, or one from there back.
    async fn decide(&self, node: usize, place: usize, id: i64) {
        let is_shown = self.last(Thing::Comment(place, id)) == 1;
        let (queue, to) = if is_shown { ("approved", "trash") } else { ("trash", "approved") };
        let desk = &self.desks[node];
        let page = desk.get(&format!("/desk/comments?queue={queue}")).await;
        let form = page.form(&format!("#r{id} form.row__acts")).choose("to", to);
        let asked = Instant::now();
        let answer = desk.submit(&form).await;
        assert_eq!(answer.status, StatusCode::SEE_OTHER, "{}", answer.text);
        self.note(Thing::Comment(place, id), usize::from(!is_shown), asked, node);
    }

    /// What a person who wrote reads next, on the node that answered and on the other.
    async fn look_after(&self, node: usize, place: usize, readers: &mut [Reader; 2]) {
        readers[node].look(place).await;
        tokio::time::sleep(Duration::from_millis(100)).await; // performance P8
        readers[1 - node].look(place).await;
    }

    /// Ends every connection that listens.
    async fn cut(&self) {
        let app = cluster::connect(&self.app_url).await; // a role may end its own connections
        let cut = "select count(pg_terminate_backend(pid)) from pg_stat_activity where datname = current_database() and query ilike 'listen %'";
        let count: i64 = app.query_one(cut, &[]).await.unwrap().get(0);
        assert!(count >= 1, "nobody listens");
    }
}

/// Reads pages of one node and holds them against what was written.
struct Reader {
    node: usize,
    base: String,
    client: reqwest::Client,
    history: History,
    comments: Vec<Vec<i64>>,
    known: HashMap<String, (String, String)>,
    reads: usize,
    not_modified: usize,
}

impl Reader {
    fn new(node: usize, nodes: &Nodes) -> Self {
        Self {
            node,
            base: nodes.servers[node].base(),
            client: reqwest::Client::builder().timeout(Duration::from_secs(20)).build().unwrap(),
            history: Arc::clone(&nodes.history),
            comments: nodes.articles.iter().map(|(_, comments)| comments.clone()).collect(),
            known: HashMap::new(),
            reads: 0,
            not_modified: 0,
        }
    }

    async fn look(&mut self, place: usize) {
        let turn = self.reads;
        self.reads += 1;
        let path = match turn % 4 {
            0 => "/".to_owned(),
            1 => "/feed.xml".to_owned(),
            _ => format!("/tide-{place}"),
        };
        self.read(&path).await;
        if turn % 4 < 2 {
            self.read(&format!("/tide-{place}")).await;
        }
    }

    async fn read(&mut self, path: &str) {
        let mut request = self.client.get(format!("{}{path}", self.base));
        let known = self.known.get(path).cloned();
        if let Some((tag, _)) = known.as_ref().filter(|_| self.reads.is_multiple_of(2)) {
            request = request.header(IF_NONE_MATCH, tag);
        }
        let began = Instant::now();
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let tag = answer.headers().get(ETAG).map(|tag| tag.to_str().unwrap().to_owned());
        let text = answer.text().await.unwrap();
        let ended = Instant::now();
        let text = if status == StatusCode::NOT_MODIFIED {
            self.not_modified += 1;
            known.unwrap().1
        } else {
            assert_eq!(status, StatusCode::OK, "{path}: {text}");
            text
        };
        self.check(path, &text, began, ended).await;
        if let Some(tag) = tag {
            self.known.insert(path.to_owned(), (tag, text));
        }
    }

    async fn check(&self, path: &str, text: &str, began: Instant, ended: Instant) {
        // Lists show every article, a page its own.
        let own: Option<usize> = path.strip_prefix("/tide-").map(|number| number.parse().unwrap());
        let mut shown = Vec::new();
        for place in 0..ARTICLES {
            if own.is_some_and(|own| own != place) {
                continue;
            }
            let before = format!("Tide {place} told ");
            let number: String = text
                .split_once(&before)
                .unwrap_or_else(|| panic!("{path} does not show “{before}”"))
                .1
                .chars()
                .take_while(char::is_ascii_digit)
                .collect();
            shown.push((Thing::Title(place), number.parse().unwrap()));
            if own.is_some() {
                let comments = &self.comments[place];
                shown.extend(comments.iter().map(|id| {
                    (Thing::Comment(place, *id), usize::from(text.contains(&format!("id=\"comment-{id}\""))))
                }));
            }
        }
        for (thing, value) in shown {
            // A write that is under way is in the history only when it is answered: look again for a while.
            let patience = Instant::now() + Duration::from_secs(10);
            loop {
                let states = self.history.lock().unwrap()[&thing].clone();
                if is_fresh(&states, value, self.node, began, ended) {
                    break;
                }
                let is_known = states.iter().any(|state| state.value == value && state.asked <= ended)
                    && !matches!(thing, Thing::Comment(..));
                assert!(
                    Instant::now() < patience && !is_known,
                    "node {} shows {thing:?} as {value} at {path}, read from {began:?} to {ended:?}: {:?}",
                    self.node,
                    &states[states.len().saturating_sub(4)..]
                );
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        }
    }
}

/// The same acts in every run.
struct Dice(u64);

impl Dice {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % end
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 6)]
async fn no_node_shows_a_page_older_than_what_was_answered() {
    let acts = amount("STET_SOAK_ACTS", 160, 10_000);
    let cut_every = amount("STET_SOAK_CUT_EVERY", 40, 200);
    let nodes = nodes().await;
    until_ready(&nodes.servers[1].base()).await;
    let (stop, stopped) = watch::channel(false);
    let beside: Vec<_> = (0..4)
        .map(|number| {
            let (mut reader, stopped) = (Reader::new(number % 2, &nodes), stopped.clone());
            tokio::spawn(async move {
                let mut dice = Dice(number as u64);
                while !*stopped.borrow() {
                    reader.look(dice.below(ARTICLES)).await;
                }
                (reader.reads, reader.not_modified)
            })
        })
        .collect();
    let mut after = [Reader::new(0, &nodes), Reader::new(1, &nodes)];
    let (mut dice, mut edits, mut decisions, mut cuts) = (Dice(20_261_123), 0, 0, 0);
    for act in 1..=acts {
        let (node, place) = (dice.below(2), dice.below(ARTICLES));
        match dice.below(8) {
            0 => {
                nodes.edit(node, place).await;
                edits += 1;
                nodes.look_after(node, place, &mut after).await;
            }
            1 | 2 => {
                let id = nodes.articles[place].1[dice.below(COMMENTS)];
                nodes.decide(node, place, id).await;
                decisions += 1;
                nodes.look_after(node, place, &mut after).await;
            }
            _ => after[node].look(place).await,
        }
        if act % cut_every == 0 {
            nodes.cut().await;
            cuts += 1;
        }
    }
    stop.send_replace(true);
    let mut reads = after.iter().map(|reader| reader.reads).sum::<usize>();
    let mut not_modified = after.iter().map(|reader| reader.not_modified).sum::<usize>();
    for reader in beside {
        let (read, same) = reader.await.unwrap();
        reads += read;
        not_modified += same;
    }
    println!(
        "two nodes: {acts} acts, {edits} edits, {decisions} decisions, {cuts} cuts; {reads} reads, {not_modified} answered 304, none stale"
    );
    assert!(edits > 0 && decisions > 0 && cuts > 0 && not_modified > 0);
}
