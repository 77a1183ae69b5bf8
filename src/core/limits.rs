//! Every limit of Stet with its reason. Forms, code and columns use the same figure: text over a limit is
//! refused with the text kept, never cut (requirements S2).

use std::time::Duration;

/// Characters of a comment, at least: "?" alone is a slip, "no" is an answer (decisions 17).
pub const COMMENT_CHARS_MIN: usize = 2;
/// Characters of a comment, at most (decisions 17); the column's check says the same.
pub const COMMENT_CHARS_MAX: usize = 5_000;
/// Characters of a reader's or staff member's name (decisions 17).
pub const NAME_CHARS_MAX: usize = 60;
/// Characters of an e-mail address: RFC 5321 allows 254 in a path.
pub const EMAIL_CHARS_MAX: usize = 254;
/// Links a newcomer may post without waiting: the second holds (decisions 17).
pub const NEWCOMER_LINKS_FREE: usize = 1;
/// Links a comment may have at all: a sixth is refused (decisions 17).
pub const COMMENT_LINKS_MAX: usize = 5;
/// Comments a minute from one network (decisions 17).
pub const COMMENTS_A_MINUTE_PER_NETWORK: i64 = 10;
/// Comments of one reader in [`READER_WINDOW`] (decisions 17; the text readers see).
pub const COMMENTS_PER_READER: i64 = 5;
/// The window of [`COMMENTS_PER_READER`].
pub const READER_WINDOW: Duration = Duration::from_secs(600);
/// Seconds a person needs at least to write a comment; less is filed as spam (goal sheet M14).
pub const DWELL_SECONDS_MIN: i64 = 3;
/// How long a signed time stamp in a cached page is good for (decisions 1).
pub const FORM_STAMP_LIFE: Duration = Duration::from_secs(48 * 3600);
/// How far back a second post of the same form is recognised (decisions 1).
pub const REPLAY_WINDOW: Duration = Duration::from_secs(24 * 3600);
/// Characters of a text, folded, from which on the same text twice is told from chance: "thank you" is chance.
pub const SAME_TEXT_CHARS_MIN: usize = 24;
/// Comments under one article in [`FLOOD_WINDOW`] from which on newcomers wait: nobody reads faster.
pub const FLOOD_COMMENTS: i64 = 60;
/// The window of [`FLOOD_COMMENTS`].
pub const FLOOD_WINDOW: Duration = Duration::from_secs(600);
/// Words of all word lists together whose evidence is kept for one comment.
pub const WORD_MATCHES_MAX: usize = 10;
/// Replies of one thread looked at to draw an article page; more are on the thread's own page.
pub const REPLIES_LOADED: i64 = 200;
/// Replies of one folded thread whose shape is looked at: three are drawn of them, and their newest two besides.
pub const REPLIES_SHAPED: i64 = 60;
/// Replies of one thread put into reading order for its own page: 100,000 skeleton rows are read in 0.1 s.
pub const THREAD_REPLIES_MAX: i64 = 100_000;
/// Comments in one bulk decision (decisions 32).
pub const BULK_MAX: usize = 1_000;
/// Top comments on a page (decisions 16).
pub const ROOTS_A_PAGE: i64 = 40;
/// Replies of one thread drawn on an article page before it is folded (decisions 16).
pub const REPLIES_UNFOLDED: i64 = 8;
/// First replies of a folded thread.
pub const REPLIES_FOLDED_FIRST: usize = 3;
/// Last replies of a folded thread.
pub const REPLIES_FOLDED_LAST: usize = 2;
/// Comments of an article up to which "All on one page" is offered (reader.md 4): some 60 KB, compressed.
pub const COMMENTS_ON_ONE_PAGE: i64 = 500;
/// Replies or votes that changed since a reader began to turn pages by their number, up to which moves are followed.
pub const MOVES_FOLLOWED: i64 = 1_000;
/// How long a vote that was taken back is kept, so that its move is followed: longer than anybody turns pages.
pub const ENDED_VOTE_KEPT: Duration = Duration::from_secs(24 * 3600);
/// Replies on a page of one long thread.
pub const REPLIES_A_THREAD_PAGE: i64 = 200;
/// Characters of what a reporter says in their own words (reader.md 4); the column's check says the same.
pub const REPORT_WORDS_CHARS_MAX: usize = 500;
/// Reports from one network in [`REPORT_WINDOW`]: a careful reader of a bad thread stays below it.
pub const REPORTS_PER_NETWORK: i64 = 10;
/// The window of [`REPORTS_PER_NETWORK`].
pub const REPORT_WINDOW: Duration = Duration::from_secs(600);
/// Reporters whose own words stand in an open row of the desk.
pub const REPORT_WORDS_SHOWN: i64 = 20;
/// How long a reporter's own words are kept after the report was dealt with: as long as that can be undone.
pub const REPORT_WORDS_KEPT: Duration = UNDO_WINDOW;
/// Rows of a moderation queue page (moderation.md 2).
pub const QUEUE_ROWS: i64 = 50;
/// Rows of other lists of the desk.
pub const DESK_ROWS: i64 = 50;
/// Up to where queue totals are counted exactly (decisions 6).
pub const COUNT_EXACT_MAX: i64 = 1_000;
/// How long staff can take a decision back (decisions 17).
pub const UNDO_WINDOW: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a reply mail waits, so that an undone reply is not mailed (decisions 17).
pub const REPLY_MAIL_DELAY: Duration = Duration::from_secs(60);
/// Hour of the day, in the site's zone, at which daily and weekly digests go out: before most people's breakfast.
pub const DIGEST_HOUR: u32 = 7;
/// Comments told of in one digest; what is more is counted.
pub const DIGEST_ITEMS_MAX: usize = 50;
/// Readers of one node who wait for news of a conversation; others see it without. Each is an open connection.
pub const LIVE_READERS_MAX: usize = 2_000;
/// How often something is sent to who waits: less than the minute after which proxies cut a silent connection.
pub const LIVE_HEARTBEAT: Duration = Duration::from_secs(25);
/// How long one such connection lives; the browser opens another.
pub const LIVE_LIFE: Duration = Duration::from_secs(3600);
/// Domains of short-lived addresses on the list, which is looked through line by line at each comment.
pub const THROWAWAY_DOMAINS_MAX: usize = 5_000;
/// Characters of a sentence in the settings.
pub const SETTING_LINE_CHARS_MAX: usize = 300;
/// Subscriptions on the page where they are chosen: more than anybody keeps an eye on; newer ones come first.
pub const FOLLOWS_SHOWN: i64 = 200;
/// Digests put into the outbox by one transaction.
pub const DIGESTS_A_BATCH: i64 = 20;
/// How long nothing at all goes to an address mail came back from; after it one confirmation mail may.
pub const BOUNCE_QUIET: Duration = Duration::from_secs(30 * 24 * 3600);
/// Body of a report about mail events, bytes: providers send up to a few hundred at once.
pub const MAIL_EVENTS_BYTES_MAX: usize = 1024 * 1024;
/// Mail events read from one report.
pub const MAIL_EVENTS_MAX: usize = 1_000;

/// Body of a comment form, bytes (decisions 17).
pub const COMMENT_BODY_BYTES_MAX: usize = 256 * 1024;
/// Body of an article form, bytes (decisions 17).
pub const ARTICLE_BODY_BYTES_MAX: usize = 4 * 1024 * 1024;
/// Body of every other form, bytes.
pub const FORM_BODY_BYTES_MAX: usize = 64 * 1024;
/// Characters of an article's text; the column's check says the same.
pub const ARTICLE_CHARS_MAX: usize = 1_000_000;
/// Characters of a title, a dek and one takeaway; columns and editor.md 3 say the same.
pub const TITLE_CHARS_MAX: usize = 200;
/// Characters of a dek.
pub const DEK_CHARS_MAX: usize = 400;
/// Characters of one key takeaway.
pub const TAKEAWAY_CHARS_MAX: usize = 200;
/// Key takeaways of an article (reader.md 1).
pub const TAKEAWAYS_MAX: usize = 7;
/// Tags of an article: finer subjects, not every word of it; the column's check says the same.
pub const TAGS_MAX: usize = 12;
/// Characters of a tag's name: two or three words.
pub const TAG_CHARS_MAX: usize = 60;
/// Characters of a series' name; the column's check says the same.
pub const SERIES_CHARS_MAX: usize = 120;
/// Parts of a series: all of them are read for the places of one.
pub const SERIES_PARTS_MAX: i32 = 999;
/// Characters of a slug.
pub const SLUG_CHARS_MAX: usize = 120;
/// Characters of a path that is looked at at all; longer ones are not found.
pub const PATH_CHARS_MAX: usize = 2_000;

/// Reading the headers of a request (requirements D4).
pub const HEADERS_TIMEOUT: Duration = Duration::from_secs(5);
/// Reading the body of a request (decisions 17).
pub const BODY_TIMEOUT: Duration = Duration::from_secs(15);
/// An idle connection (requirements D4).
pub const IDLE_TIMEOUT: Duration = Duration::from_secs(15);
/// Open connections, all together: 1,000 slow ones leave room for as many quick ones (requirements S19).
pub const CONNECTIONS_MAX: usize = 4_096;
/// An answer its client does not take (requirements S19: cut by 20 s; the kernel looks every few seconds).
pub const UNREAD_TIMEOUT: Duration = Duration::from_secs(12);
/// Open files of the process: connections, the database's, and room.
pub const OPEN_FILES: u64 = 16_384;
/// How long a stop waits for requests in flight (requirements R3).
pub const STOP_TIMEOUT: Duration = Duration::from_secs(20);

/// Connections a web worker holds at most (stack notes: 6 to 8).
pub const DB_CONNECTIONS_A_WORKER: usize = 8;
/// Waiting for a free connection before a page says it cannot answer (requirements D9).
pub const DB_POOL_WAIT: Duration = Duration::from_secs(2);
/// Transactions a web worker writes readers' comments in at the same time. More would not write faster, but fewer
/// together: while one worker's comments are being made durable, another's are judged.
pub const COMMENT_WRITERS: usize = 1;
/// Comments in one such transaction: beyond this a further one costs as much as it would alone.
pub const COMMENTS_WRITTEN_TOGETHER: usize = 32;
/// How long a comment waits for its turn before its writer is told to try again, text kept: longer than a failing
/// database needs to be noticed, shorter than people wait.
pub const COMMENT_WAIT: Duration = Duration::from_secs(8);
/// Making a connection.
pub const DB_CONNECT_TIMEOUT: Duration = Duration::from_secs(3);
/// One statement (requirements R7).
pub const DB_STATEMENT_TIMEOUT: Duration = Duration::from_secs(10);
/// Waiting for a row somebody else holds.
pub const DB_LOCK_TIMEOUT: Duration = Duration::from_secs(4);
/// A transaction nobody goes on with.
pub const DB_IDLE_IN_TRANSACTION_TIMEOUT: Duration = Duration::from_secs(20);

/// Articles whose place in the conversation is kept in memory: more are commented on in a day by few sites.
pub const PLACES_KEPT: usize = 1_000;

/// Memory of the page store, bytes: the default of P9's 150 MB for the whole process.
pub const PAGE_STORE_BYTES: u64 = 64 * 1024 * 1024;
/// A page larger than this is not stored: it would push out many.
pub const PAGE_BYTES_MAX: usize = 4 * 1024 * 1024;
/// How long a page that holds a comment form lives (decisions 1).
pub const PAGE_WITH_FORM_LIFE: Duration = Duration::from_secs(3600);
/// How long other pages live.
pub const PAGE_LIFE: Duration = Duration::from_secs(24 * 3600);
/// How old a stored page may be when the database cannot be reached (decisions 2).
pub const PAGE_STALE_MAX: Duration = Duration::from_secs(3600);

/// How long the writer's cookie lives (decisions 11).
pub const READER_COOKIE_LIFE: Duration = Duration::from_secs(30 * 24 * 3600);
/// How long a browser remembers name and e-mail (decisions 11).
pub const REMEMBER_COOKIE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// A staff session without a request (requirements S9).
pub const SESSION_IDLE: Duration = Duration::from_secs(14 * 24 * 3600);
/// A staff session at all (requirements S9).
pub const SESSION_LIFE: Duration = Duration::from_secs(60 * 24 * 3600);
/// A confirmation link in a mail.
pub const CONFIRMATION_LIFE: Duration = Duration::from_secs(3 * 24 * 3600);
/// One confirmation mail per address in this time (requirements S11).
pub const CONFIRMATION_EVERY: Duration = Duration::from_secs(3600);
/// A mailed link to what is kept about an address: a day, as people read mail once a day (goal sheet R48).
pub const DATA_LINK_LIFE: Duration = Duration::from_hours(24);
/// A mailed link to the choice of mails: used at once or not at all.
pub const PREFERENCES_LINK_LIFE: Duration = Duration::from_hours(1);
/// How long the page behind such a link stays open once it was pressed: long enough to read and decide.
pub const OPENED_LINK_LIFE: Duration = Duration::from_mins(30);
/// One mail with such a link per address and purpose in this time, as with confirmations.
pub const DOOR_MAIL_EVERY: Duration = Duration::from_hours(1);
/// The same for an address whose owner stopped all mail, or from which mail came back: they can still ask what is kept, others cannot pester them.
pub const DOOR_MAIL_EVERY_STOPPED: Duration = Duration::from_hours(24);
/// Comments on the page of what is kept about an address; older ones are in the file.
pub const DATA_COMMENTS_SHOWN: usize = 200;
/// Decisions on held comments from which on it can be said how long they wait.
pub const WAITS_KNOWN_MIN: i64 = 5;
/// The newest decisions, and comments that wait, which that is computed from: enough for four of five.
pub const WAITS_LOOKED_AT: i64 = 500;
/// A link that sets a new password (editor.md 10).
pub const RESET_LINK_LIFE: Duration = Duration::from_secs(30 * 60);
/// An invitation.
pub const INVITE_LINK_LIFE: Duration = Duration::from_secs(7 * 24 * 3600);
/// Characters of a password, at least (editor.md 9).
pub const PASSWORD_CHARS_MIN: usize = 12;
/// Bytes of a password, at most: argon2 takes more, a form need not.
pub const PASSWORD_BYTES_MAX: usize = 1_024;
/// Failed sign-ins of one account from one network in five minutes (requirements S11).
pub const SIGN_INS_PER_ACCOUNT_AND_NETWORK: i64 = 10;
/// Failed sign-ins an hour, per network and per account (requirements S11).
pub const SIGN_INS_AN_HOUR: i64 = 100;
/// argon2 runs at once; others queue (requirements S10: 19 MiB each).
pub const HASHES_AT_ONCE: usize = 2;
/// Sign-ins that wait for a free place to hash; past it, the answer is to try again: 32 take under a second.
pub const HASHES_WAITING_MAX: usize = 32;
/// The window of [`SIGN_INS_PER_ACCOUNT_AND_NETWORK`] (requirements S11).
pub const SIGN_IN_WINDOW: Duration = Duration::from_secs(5 * 60);
/// The window of [`SIGN_INS_AN_HOUR`].
pub const SIGN_IN_HOUR: Duration = Duration::from_secs(3600);
/// How often a session's last use is written down at most: a write a request would cost more than it tells.
pub const SESSION_SEEN_EVERY: Duration = Duration::from_secs(5 * 60);
/// Open sessions of one person; the least recently used ends when one more is opened.
pub const SESSIONS_PER_PERSON: i64 = 50;
/// Browsers remembered for one person; the least recently used is forgotten.
pub const DEVICES_PER_PERSON: i64 = 20;
/// How long a browser a person signed in from is known (decisions 11).
pub const DEVICE_COOKIE_LIFE: Duration = Duration::from_secs(365 * 24 * 3600);
/// Reset mails of one account in [`RESET_WINDOW`] (requirements S11).
pub const RESET_MAILS: i64 = 3;
/// The window of [`RESET_MAILS`].
pub const RESET_WINDOW: Duration = Duration::from_secs(10 * 60);
/// Setup links that work at once: each start without an owner prints a new one.
pub const SETUP_LINKS_MAX: i64 = 20;
/// Characters of a person's title; the column's check says the same.
pub const STAFF_TITLE_CHARS_MAX: usize = 120;
/// Characters of a person's credentials; the column's check says the same.
pub const CREDENTIALS_CHARS_MAX: usize = 200;
/// Characters of a person's text about themselves.
pub const BIO_CHARS_MAX: usize = 2_000;
/// People on the team that are listed: more than any team we know of.
pub const PEOPLE_LISTED_MAX: i64 = 1_000;
/// Characters of the site's name.
pub const SITE_NAME_CHARS_MAX: usize = 80;
/// Bodies over [`FORM_BODY_BYTES_MAX`] read at once from people without a session: an article typed while the
/// session ended must not be lost, and strangers must not fill the memory (8 × 4 MB).
pub const LARGE_BODIES_OF_NOBODY: usize = 8;

/// Lines of an article's text. The parser looks at every open list once per blank line, so lines times
/// [`NESTING_MAX`] bounds its work (requirements S5).
pub const ARTICLE_LINES_MAX: usize = 100_000;
/// Blocks and marks inside one another, in articles and comments (requirements D1).
pub const NESTING_MAX: usize = 100;
/// List and quote marks that open one line; more are refused before parsing, because each costs time on
/// every later line.
pub const MARKS_A_LINE_MAX: usize = 200;
/// Steps (a line, an inline, a node) the parser may take on an article: the demo's longest article (3,700 words,
/// 53 sources, 4 tables) takes 7,700; a step holds at most 140 bytes.
pub const ARTICLE_STEPS_MAX: u32 = 400_000;
/// Steps the parser may take on a comment: 5,000 characters make about as many inlines at the worst, and each
/// is visited three times.
pub const COMMENT_STEPS_MAX: u32 = 60_000;
/// Bytes of an article's HTML.
pub const ARTICLE_HTML_BYTES_MAX: usize = 8 * 1024 * 1024;
/// Signs to be escaped in one stretch of text times its bytes: what the serialiser looks at, a tenth of a second's
/// worth. 5,000 characters of nothing but "&" are 125 million.
pub const ESCAPE_WORK_MAX: usize = 1_000_000_000;
/// Bytes of a comment's HTML: escaping makes five bytes of one, marks add a few.
pub const COMMENT_HTML_BYTES_MAX: usize = 128 * 1024;
/// Headings of an article; more are a mistake of an import.
pub const HEADINGS_MAX: usize = 1_000;
/// Pairs of old and new headings that are compared for a renaming.
pub const HEADING_PAIRS_MAX: usize = 40_000;
/// Products of an article (reader.md 3).
pub const PRODUCTS_MAX: usize = 6;
/// Columns of a table before the editor suggests splitting it (reader.md 1).
pub const TABLE_COLUMNS_ADVISED: usize = 8;
/// Characters of a table cell before the editor suggests splitting the table (reader.md 1).
pub const TABLE_CELL_CHARS_ADVISED: usize = 200;
/// Columns from which a table is set wider than the text.
pub const TABLE_COLUMNS_WIDE: usize = 4;
/// Bytes of one citation group `[@a; @b]`, brackets included.
pub const CITATION_BYTES_MAX: usize = 2_000;
/// Items of one reference import.
pub const REFERENCE_IMPORT_MAX: usize = 20_000;
/// Bytes of a file of references: 20,000 with abstracts.
pub const REFERENCE_FILE_BYTES_MAX: usize = 32 * 1024 * 1024;
/// Bytes of one entry of such a file: twice what a record may hold, for tags and markup.
pub const REFERENCE_ENTRY_BYTES_MAX: usize = 2 * REFERENCE_BYTES_MAX;
/// Bytes of one record as JSON: abstracts included, real ones stay below 20 KB.
pub const REFERENCE_BYTES_MAX: usize = 64 * 1024;
/// Braces inside one another in BibTeX: LaTeX is read by recursion, and each level reads its text again.
pub const REFERENCE_NESTING_MAX: usize = 40;
/// `@string` lines of a BibTeX file: the longest lists of journals have about a thousand.
pub const REFERENCE_STRINGS_MAX: usize = 5_000;
/// Bytes one `@string` may stand for: each is made of earlier ones, which doubles quickly.
pub const REFERENCE_STRING_BYTES_MAX: usize = 2_000;
/// Folded characters of a title from which on the same title in the same year is the same work: "Editorial" is many.
pub const REFERENCE_TITLE_CHARS_MIN: usize = 16;
/// Refused entries of an import that are listed; the others are counted.
pub const REFERENCES_REFUSED_LISTED: usize = 200;
/// Keys with a letter or a digest that are tried when the one asked for is another work's.
pub const REFERENCE_KEYS_TRIED: usize = 20;
/// Records looked at in one step when a setting judges all of them anew.
pub const REFERENCES_A_STEP: i64 = 500;
/// Lines of one list of trusted sources: a curated list has hundreds.
pub const TRUSTED_LINES_MAX: usize = 2_000;
/// Authors named before "and others" (the mock-up's list; ICMJE says six).
pub const AUTHORS_NAMED_MAX: usize = 6;
/// Characters of a search; longer ones are cut at a word: nobody remembers more of a text.
pub const SEARCH_CHARS_MAX: usize = 120;
/// Matches that are ranked and counted; a word that is in everything matches more (architecture.md, traps).
pub const SEARCH_CANDIDATES: i64 = 1_000;
/// Results on a page: each excerpt is a pass over its text.
pub const SEARCH_HITS: i64 = 10;
/// People found at most; a team is smaller.
pub const SEARCH_PEOPLE: i64 = 50;
/// Words of a search that are looked at for a typing mistake.
pub const SEARCH_WORDS_MENDED: usize = 6;
/// Articles whose titles and headings are looked at for one mistyped word.
pub const SEARCH_NEAR: i32 = 8;
/// Rows of the search put right in one transaction at night.
pub const SEARCH_MENDED_AT_ONCE: i32 = 200;
/// Paragraphs of a version that are compared; more are an import's mistake.
pub const DIFF_BLOCKS_MAX: usize = 5_000;
/// Pairs of words one comparison looks at: a tenth of a second; past them paragraphs are shown whole.
pub const DIFF_WORD_PAIRS_MAX: usize = 20_000_000;
/// New paragraphs that are looked at for one that was changed.
pub const DIFF_LOOK_AHEAD: usize = 8;
/// Ids of articles in one part of the site map: far below the 50,000 addresses a part may have, so that its bytes are too.
pub const MAP_PART_IDS: i64 = 10_000;
/// Links of the menu at the top (reader.md 1).
pub const MENU_LINKS_MAX: usize = 6;
/// Links at the foot: three lines of them on a phone.
pub const FOOTER_LINKS_MAX: usize = 12;
/// Characters of what a link of a menu says.
pub const MENU_LABEL_CHARS_MAX: usize = 40;
/// Connections the job worker holds at most: one for each job under way, one for the queue.
pub const DB_CONNECTIONS_WORKER: usize = JOBS_AT_ONCE + 1;
/// Jobs of one worker under way at once: mail waits for servers, little else does.
pub const JOBS_AT_ONCE: usize = 8;
/// How long a claim lasts. Longer than [`JOB_TIME_MAX`] and the tries to write the end, so that it need not be renewed.
pub const JOB_LEASE: Duration = Duration::from_mins(5);
/// One attempt at a job.
pub const JOB_TIME_MAX: Duration = Duration::from_mins(3);
/// Versions looked up at once to be drawn again after an update; each is drawn by itself.
pub const REVISIONS_REDRAWN_AT_ONCE: i64 = 20;
/// Comments drawn again in one transaction after an update: a second's work.
pub const COMMENTS_REDRAWN_AT_ONCE: i64 = 500;
/// The pauses between tries to write the end of a job or a mail while the database is away: 94 seconds together.
pub const FINISH_PAUSES: [Duration; 7] = [
    Duration::from_millis(200),
    Duration::from_secs(1),
    Duration::from_secs(3),
    Duration::from_secs(10),
    Duration::from_secs(20),
    Duration::from_secs(30),
    Duration::from_secs(30),
];
/// Pause after a job's first failure; doubled each time.
pub const JOB_BACKOFF_FIRST: Duration = Duration::from_secs(10);
/// Pause after a job's failure, at most.
pub const JOB_BACKOFF_MAX: Duration = Duration::from_hours(1);
/// How often the queue is looked at without a bell while there is work: other nodes ring only their own.
pub const JOB_POLL: Duration = Duration::from_secs(5);
/// The same after a look that found nothing.
pub const JOB_POLL_IDLE: Duration = Duration::from_secs(30);
/// The shortest sleep between two looks at the queue.
pub const JOB_PAUSE_MIN: Duration = Duration::from_millis(50);
/// How long a stop waits for jobs under way before it gives them back (half of [`STOP_TIMEOUT`]).
pub const JOB_STOP_TIMEOUT: Duration = Duration::from_secs(10);
/// How long finished jobs are kept, for the desk and for their unique keys.
pub const JOBS_KEPT: Duration = Duration::from_hours(7 * 24);
/// Characters of an error kept with a job or a mail.
pub const ERROR_CHARS_MAX: usize = 300;

/// Mails of one node under way at once: what small mail servers allow one client.
pub const MAILS_AT_ONCE: usize = 4;
/// Reaching a mail server: connection, greeting, TLS and sign-in together.
pub const SMTP_CONNECT_TIMEOUT: Duration = Duration::from_secs(20);
/// Handing over one mail, the server's checks after the last line included. With [`BREAKER_PAUSE`] this keeps
/// a mail that met a silent server within the 120 seconds of requirements R4.
pub const SMTP_SEND_TIMEOUT: Duration = Duration::from_secs(45);
/// How long an unused connection to the mail server is kept; servers cut idle ones after minutes.
pub const SMTP_IDLE_MAX: Duration = Duration::from_secs(30);
/// How long the mail server is left alone after a failed connection (decisions 26).
pub const BREAKER_PAUSE: Duration = Duration::from_secs(30);
/// How long a mail is tried again after answers that may pass (4xx): mailboxes stay full for days.
pub const MAIL_TRIED_FOR: Duration = Duration::from_hours(3 * 24);
/// Recipients of one comment queued in one transaction.
pub const RECIPIENTS_A_BATCH: i64 = 200;
/// How long the texts of finished mails are kept: what a person asks about is mostly of last week.
pub const MAIL_BODY_KEPT: Duration = Duration::from_hours(14 * 24);
/// How long finished mails are listed in the outbox; also how long the same mail is never sent twice.
pub const MAIL_KEPT: Duration = Duration::from_hours(180 * 24);

/// How long a comment's or a session's network is kept (moderation.md: forgotten after 90 days).
pub const NETWORK_KEPT: Duration = Duration::from_hours(90 * 24);
/// How long failed sign-ins are kept: the longest throttle looks back an hour.
pub const FAILURES_KEPT: Duration = Duration::from_hours(24);
/// How long ended sessions, used links and expired confirmations are kept, for the account page.
pub const ENDED_KEPT: Duration = Duration::from_hours(30 * 24);
/// Rows one purging statement deletes at most, so that it holds no lock for long.
pub const PURGE_ROWS: i64 = 1_000;
