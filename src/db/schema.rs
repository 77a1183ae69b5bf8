// @generated automatically by Diesel CLI.

pub mod sql_types {
    #[derive(diesel::sql_types::SqlType)]
    #[diesel(postgres_type(name = "tsvector", schema = "pg_catalog"))]
    pub struct Tsvector;
}

diesel::table! {
    address_confirmations (id) {
        id -> Int8,
        address_id -> Int8,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// E-mail addresses as readers typed them. Nothing but one confirmation mail goes to an address until confirmed_at is set.
    addresses (id) {
        id -> Int8,
        /// Lower case, NFKC, domain in punycode: the form that is unique and compared.
        canonical -> Text,
        email -> Text,
        created_at -> Timestamptz,
        confirmed_at -> Nullable<Timestamptz>,
        confirmation_sent_at -> Nullable<Timestamptz>,
        /// Every mail to this address was stopped by its owner.
        mail_stopped_at -> Nullable<Timestamptz>,
        /// One mail a comment, or a digest.
        mail_frequency -> Text,
        /// When mail to it came back for good, or its owner complained to their provider: nothing is sent there until it is confirmed anew.
        bounced_at -> Nullable<Timestamptz>,
        /// Why: a status code such as 5.1.1, or complaint; never the server's words.
        bounce_code -> Text,
    }
}

diesel::table! {
    /// The working copy: one a article, overwritten by every save.
    article_drafts (article_id) {
        article_id -> Int8,
        /// Save counter, raised by every save; the form carries the one it was opened with.
        revision -> Int4,
        base_revision_id -> Nullable<Int8>,
        title -> Text,
        slug -> Text,
        dek -> Text,
        takeaways -> Array<Nullable<Text>>,
        body -> Text,
        topic_id -> Nullable<Int8>,
        lead_media_id -> Nullable<Int8>,
        /// List of {"staff_id": 1, "role": "author"} in order.
        credits -> Jsonb,
        language -> Text,
        description -> Text,
        saved_by -> Nullable<Int8>,
        saved_at -> Timestamptz,
        tags -> Array<Nullable<Text>>,
        series -> Text,
        series_part -> Nullable<Int4>,
    }
}

diesel::table! {
    /// Anchors given to headings, kept over edits; a renamed heading keeps its old anchor as an alias.
    article_headings (article_id, anchor) {
        article_id -> Int8,
        anchor -> Text,
        text -> Text,
        alias_of -> Nullable<Text>,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Tsvector;

    /// Published articles and house pages as the search knows them; written by search_put_article alone.
    article_search (article_id) {
        article_id -> Int8,
        /// Text search configuration the row was made with; another one than the site's language asks for is mended at night.
        config -> Text,
        title -> Text,
        /// The text as readers see it, without marks of citations, at most 200,000 characters.
        body -> Text,
        /// Title, address, dek, headings, tags and series: what "Did you mean" looks at.
        near -> Text,
        vector -> Tsvector,
    }
}

diesel::table! {
    articles (id) {
        id -> Int8,
        /// article, or page: house pages such as About, which are in no list or feed.
        kind -> Text,
        state -> Text,
        slug -> Text,
        /// The revision readers see. The working copy is in article_drafts.
        published_revision_id -> Nullable<Int8>,
        first_published_at -> Nullable<Timestamptz>,
        published_at -> Nullable<Timestamptz>,
        /// When readers last saw a change that was more than cosmetic.
        updated_at -> Nullable<Timestamptz>,
        withdrawn_at -> Nullable<Timestamptz>,
        withdrawn_reason -> Text,
        comments_mode -> Text,
        comments_closed_at -> Nullable<Timestamptz>,
        /// Who waits on this article; null: as the site says.
        moderation_mode -> Nullable<Text>,
        /// Comments everyone can see; changed only in transactions that change what the public sees, recounted nightly.
        comment_count -> Int4,
        created_by -> Nullable<Int8>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Who did what to which record: ids and codes only. Never changed, never deleted by the application (requirements S16).
    audit_entries (id) {
        id -> Int8,
        at -> Timestamptz,
        actor -> Text,
        staff_id -> Nullable<Int8>,
        action -> Text,
        subject -> Text,
        subject_id -> Nullable<Int8>,
        detail -> Jsonb,
        /// SHA-256 over the row's own fields, written with it; seals chain these.
        digest -> Bytea,
    }
}

diesel::table! {
    /// Words a decision was based on, apart from the log so that they can be erased.
    audit_evidence (entry_id) {
        entry_id -> Int8,
        evidence -> Nullable<Text>,
        erased_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The hash chain over the log, made in batches by the worker: hash = SHA-256(previous hash, digests of the range in id order).
    audit_seals (id) {
        id -> Int8,
        first_entry_id -> Int8,
        last_entry_id -> Int8,
        entry_count -> Int8,
        previous_hash -> Bytea,
        hash -> Bytea,
        sealed_at -> Timestamptz,
    }
}

diesel::table! {
    /// Every change of status after insert: what undo takes back and what a stale form is shown.
    comment_decisions (id) {
        id -> Int8,
        comment_id -> Int8,
        from_status -> Text,
        from_reason -> Nullable<Text>,
        to_status -> Text,
        reason -> Nullable<Text>,
        /// Version of the comment this decision made.
        version -> Int4,
        /// Null: the writer withdrew it, or the system acted.
        staff_id -> Nullable<Int8>,
        reply_id -> Nullable<Int8>,
        submission_key -> Nullable<Text>,
        bulk_id -> Nullable<Int8>,
        undoes_id -> Nullable<Int8>,
        decided_at -> Timestamptz,
        undone_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Texts a comment had before it was edited, for moderators; staff_id: the moderator who replaced it, null: its writer.
    comment_revisions (id) {
        id -> Int8,
        comment_id -> Int8,
        version -> Int4,
        body -> Text,
        staff_id -> Nullable<Int8>,
        made_at -> Timestamptz,
    }
}

diesel::table! {
    use diesel::sql_types::*;
    use super::sql_types::Tsvector;

    /// Approved comments as the search knows them; written by trigger alone.
    comment_search (comment_id) {
        comment_id -> Int8,
        article_id -> Int8,
        config -> Text,
        body -> Text,
        vector -> Tsvector,
    }
}

diesel::table! {
    /// What readers and staff wrote under articles. moderation/decide.rs is the only writer of status after insert.
    comments (id) {
        id -> Int8,
        article_id -> Int8,
        /// The revision of the article that was public when this was written.
        revision_id -> Int8,
        parent_id -> Nullable<Int8>,
        /// The top comment of the thread, itself included; set by trigger.
        root_id -> Int8,
        depth -> Int4,
        status -> Text,
        /// Code of the rule or the reason a person gave; the whole evidence of the rules is in screening.
        status_reason -> Nullable<Text>,
        /// List of {"rule", "version", "badge", "sentence", "evidence"}: why it was held, in the order of the rules.
        screening -> Jsonb,
        /// Raised by every decision and edit; a decision on an older version is refused (409).
        version -> Int4,
        name -> Text,
        name_skeleton -> Text,
        address_id -> Nullable<Int8>,
        reader_id -> Nullable<Int8>,
        browser_id -> Nullable<Int8>,
        staff_id -> Nullable<Int8>,
        badge -> Nullable<Text>,
        badge_title -> Text,
        body -> Text,
        html -> Text,
        renderer_version -> Int4,
        submission_key -> Nullable<Text>,
        /// Digest of article, parent, canonical address and body: recognises a second post of the same form.
        replay_digest -> Nullable<Bytea>,
        /// Shortened for staff to see (/24 or /48); purged on schedule like network_key, the keyed hash used by limits.
        network -> Nullable<Text>,
        network_key -> Nullable<Bytea>,
        /// On a top comment: approved replies anywhere in its thread. 0 elsewhere.
        public_replies -> Int4,
        created_at -> Timestamptz,
        /// When everyone could first see it. Set and not approved: formerly public, drawn as a tombstone while replies live.
        published_at -> Nullable<Timestamptz>,
        edited_at -> Nullable<Timestamptz>,
        status_changed_at -> Timestamptz,
        /// Digest of the folded text (case, spacing, look-alike letters gone), null for short ones: finds the same text elsewhere.
        text_digest -> Nullable<Bytea>,
        /// Rows of reports about it that nobody has dealt with; changed under the comment's lock.
        open_reports -> Int4,
        /// Confirmed readers it helped; kept by the trigger on helpful_votes.
        helpful -> Int4,
    }
}

diesel::table! {
    corrections (id) {
        id -> Int8,
        article_id -> Int8,
        revision_id -> Int8,
        class -> Text,
        text -> Text,
        made_by -> Nullable<Int8>,
        published_at -> Timestamptz,
    }
}

diesel::table! {
    /// Comments that wait for a digest, or stand in one (mail_id).
    digest_items (id) {
        id -> Int8,
        address_id -> Nullable<Int8>,
        staff_id -> Nullable<Int8>,
        comment_id -> Int8,
        due_at -> Timestamptz,
        mail_id -> Nullable<Int8>,
    }
}

diesel::table! {
    /// Which reader a comment helped. One that was taken back is kept for a day, for readers in the middle of an order.
    helpful_votes (id) {
        id -> Int8,
        comment_id -> Int8,
        article_id -> Int8,
        reader_id -> Int8,
        cast_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Work for later. Claimed with FOR UPDATE SKIP LOCKED and a lease; a lease that ran out is claimed again.
    jobs (id) {
        id -> Int8,
        kind -> Text,
        payload -> Jsonb,
        /// At most one job ever carries a key: a second enqueue of the same thing does nothing.
        unique_key -> Nullable<Text>,
        state -> Text,
        run_at -> Timestamptz,
        attempts -> Int4,
        attempts_max -> Int4,
        leased_until -> Nullable<Timestamptz>,
        leased_by -> Nullable<Text>,
        /// A code and a sentence for staff; never an address, a text or a token.
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// The outbox: each mail as it was or will be sent. Bodies are erased some days after the end.
    mail_messages (id) {
        id -> Int8,
        kind -> Text,
        /// What the mail is about and for whom, such as reply:381:12: the same mail is never queued twice.
        unique_key -> Text,
        /// Derived from unique_key, so that a retry after a lost answer carries the same one.
        message_id -> Text,
        recipient -> Text,
        address_id -> Nullable<Int8>,
        staff_id -> Nullable<Int8>,
        comment_id -> Nullable<Int8>,
        subject -> Text,
        body_text -> Text,
        body_html -> Text,
        headers -> Jsonb,
        state -> Text,
        attempts -> Int4,
        /// The server's answer, shortened, with addresses taken out.
        last_error -> Nullable<Text>,
        created_at -> Timestamptz,
        next_try_at -> Nullable<Timestamptz>,
        finished_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Files of articles, kept once by content; the bytes are in the media store under their hash.
    media (id) {
        id -> Int8,
        hash -> Text,
        name -> Text,
        content_type -> Text,
        width -> Nullable<Int4>,
        height -> Nullable<Int4>,
        size_bytes -> Int8,
        /// Description for people who cannot see it; null with decorative false means: not decided yet.
        alt -> Nullable<Text>,
        decorative -> Bool,
        caption -> Text,
        credit -> Text,
        created_by -> Nullable<Int8>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// The comment of the team that stands above the threads of its article; gone when the comment is not public any more.
    pins (article_id) {
        article_id -> Int8,
        comment_id -> Int8,
        pinned_by -> Int8,
        pinned_at -> Timestamptz,
    }
}

diesel::table! {
    /// Cookie stet_reader: set on posting, hashed at rest, 30 days. Lets a writer see their own held comment.
    reader_browsers (id) {
        id -> Int8,
        token_hash -> Bytea,
        reader_id -> Nullable<Int8>,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        revoked_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Doors to pages about one address: a mailed link works once, and its press opens a short-lived one, behind which the page is.
    reader_links (id) {
        id -> Int8,
        address_id -> Int8,
        purpose -> Text,
        stage -> Text,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Timestamptz,
        /// When a mailed link was pressed, or an opened one was closed.
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// A person who proved an address. Trust, edit rights and subscriptions follow the reader; facts shown to staff follow the address.
    readers (id) {
        id -> Int8,
        address_id -> Int8,
        trust -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// Old whole paths: to an article by id (an address it had before) or to a path of this site; never elsewhere.
    redirects (id) {
        id -> Int8,
        path -> Text,
        article_id -> Nullable<Int8>,
        target -> Nullable<Text>,
        created_by -> Nullable<Int8>,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    /// The library: one record per cited work ("references" is a reserved word of SQL). csl is the CSL-JSON item.
    reference_records (id) {
        id -> Int8,
        key -> Text,
        csl -> Jsonb,
        title -> Text,
        year -> Nullable<Int4>,
        doi -> Nullable<Text>,
        pmid -> Nullable<Text>,
        pmcid -> Nullable<Text>,
        isbn -> Nullable<Text>,
        trusted -> Bool,
        retraction -> Text,
        retraction_year -> Nullable<Int4>,
        retraction_note -> Text,
        version -> Int4,
        created_at -> Timestamptz,
        updated_at -> Timestamptz,
        title_digest -> Nullable<Bytea>,
        edited_fields -> Array<Nullable<Text>>,
        evidence -> Text,
    }
}

diesel::table! {
    /// What readers say is wrong with a comment. The id is the number a reporter is told.
    reports (id) {
        id -> Int8,
        comment_id -> Int8,
        reason -> Text,
        /// The reporter's own words; erased some time after the report was dealt with.
        words -> Text,
        /// Whether it came from a reader who had confirmed an address; stays when the reader is erased.
        is_proved -> Bool,
        reader_id -> Nullable<Int8>,
        /// Keyed hash, for the one report of a network and its pace; purged on schedule.
        network_key -> Nullable<Bytea>,
        created_at -> Timestamptz,
        closed_at -> Nullable<Timestamptz>,
        closed_by -> Nullable<Int8>,
        /// The decision that closed it: undoing that opens it again.
        decision_id -> Nullable<Int8>,
        outcome -> Nullable<Text>,
    }
}

diesel::table! {
    /// Citations in use: the numbered reference list of a revision, with the record as it was cited.
    revision_citations (revision_id, reference_id) {
        revision_id -> Int8,
        reference_id -> Int8,
        number -> Int4,
        /// Ids of the marks in the text, in order: the targets of the back links.
        marks -> Array<Nullable<Text>>,
        csl -> Jsonb,
    }
}

diesel::table! {
    /// Authorship: who is credited on a revision, in order.
    revision_credits (revision_id, staff_id, role) {
        revision_id -> Int8,
        staff_id -> Int8,
        role -> Text,
        position -> Int2,
    }
}

diesel::table! {
    revision_media (revision_id, media_id) {
        revision_id -> Int8,
        media_id -> Int8,
    }
}

diesel::table! {
    /// The sanitised HTML of a revision, apart from it so that a new renderer can write it again.
    revision_renderings (revision_id) {
        revision_id -> Int8,
        renderer_version -> Int4,
        html -> Text,
        outline -> Jsonb,
        products -> Jsonb,
        action -> Nullable<Jsonb>,
        word_count -> Int4,
        rendered_at -> Timestamptz,
    }
}

diesel::table! {
    /// Tags of a revision in order, and the series it is a part of.
    revision_terms (revision_id, term_id) {
        revision_id -> Int8,
        term_id -> Int8,
        kind -> Text,
        /// Of a tag: its place among the tags. Of a series: the number of the part.
        position -> Int4,
    }
}

diesel::table! {
    /// A whole, immutable snapshot of an article: text, fields, credits, cited records.
    revisions (id) {
        id -> Int8,
        article_id -> Int8,
        number -> Int4,
        cause -> Text,
        note -> Text,
        title -> Text,
        slug -> Text,
        dek -> Text,
        takeaways -> Array<Nullable<Text>>,
        body -> Text,
        topic_id -> Nullable<Int8>,
        lead_media_id -> Nullable<Int8>,
        language -> Text,
        description -> Text,
        findings -> Jsonb,
        override_reason -> Text,
        /// Null: made by the system (a cited source changed).
        made_by -> Nullable<Int8>,
        made_at -> Timestamptz,
    }
}

diesel::table! {
    /// What the owner sets in the desk, one row a subject; the shape of each value is in src/settings.rs.
    settings (key) {
        key -> Text,
        value -> Jsonb,
        updated_at -> Timestamptz,
    }
}

diesel::table! {
    /// Throttles of requirements S11. Both keys are keyed hashes; rows older than a day are purged.
    sign_in_failures (id) {
        id -> Int8,
        account_key -> Bytea,
        network_key -> Bytea,
        failed_at -> Timestamptz,
    }
}

diesel::table! {
    /// People on the team: those who sign in, and profiles (state profile) that are only credited on articles.
    staff (id) {
        id -> Int8,
        email -> Nullable<Text>,
        email_canonical -> Nullable<Text>,
        name -> Text,
        /// Unicode confusables skeleton of the name, lower case: guests may not use a name with the same one (requirements D7).
        name_skeleton -> Text,
        slug -> Text,
        title -> Text,
        credentials -> Text,
        bio -> Text,
        role -> Text,
        state -> Text,
        password_hash -> Nullable<Text>,
        password_changed_at -> Nullable<Timestamptz>,
        /// Mail about answers to this person and comments on their articles: none, each, digest.
        comment_mail -> Text,
        created_at -> Timestamptz,
        last_seen_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Browsers a person has signed in from (cookie stet_device): they get past the account ceiling on sign-in attempts.
    staff_devices (id) {
        id -> Int8,
        staff_id -> Int8,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
    }
}

diesel::table! {
    /// One-time links by purpose. A setup link has no person and no end; it works until the site has an owner.
    staff_links (id) {
        id -> Int8,
        staff_id -> Nullable<Int8>,
        purpose -> Text,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        expires_at -> Nullable<Timestamptz>,
        used_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Cookie stet_session: 256 random bits, kept here as SHA-256 only.
    staff_sessions (id) {
        id -> Int8,
        staff_id -> Int8,
        token_hash -> Bytea,
        created_at -> Timestamptz,
        last_seen_at -> Timestamptz,
        expires_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
        /// Shortened for people to see (/24 or /48), purged on schedule.
        network -> Nullable<Text>,
        browser -> Nullable<Text>,
    }
}

diesel::table! {
    /// Who wants mail: about replies to a comment, a thread (its top comment) or an article. No mail before the address is confirmed.
    subscriptions (id) {
        id -> Int8,
        address_id -> Int8,
        scope -> Text,
        article_id -> Int8,
        comment_id -> Nullable<Int8>,
        created_at -> Timestamptz,
        ended_at -> Nullable<Timestamptz>,
    }
}

diesel::table! {
    /// Tags and series by name. Made by the first version that carries one; never by a working copy.
    terms (id) {
        id -> Int8,
        kind -> Text,
        slug -> Text,
        name -> Text,
        /// The name as words in small letters without accents: the same for names a reader takes for one.
        folded -> Text,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    topics (id) {
        id -> Int8,
        parent_id -> Nullable<Int8>,
        slug -> Text,
        name -> Text,
        description -> Text,
        position -> Int4,
        created_at -> Timestamptz,
    }
}

diesel::table! {
    word_lists (id) {
        id -> Int8,
        name -> Text,
        outcome -> Text,
        words -> Array<Nullable<Text>>,
        version -> Int4,
        updated_by -> Nullable<Int8>,
        updated_at -> Timestamptz,
    }
}

diesel::joinable!(address_confirmations -> addresses (address_id));
diesel::joinable!(article_drafts -> articles (article_id));
diesel::joinable!(article_drafts -> media (lead_media_id));
diesel::joinable!(article_drafts -> revisions (base_revision_id));
diesel::joinable!(article_drafts -> staff (saved_by));
diesel::joinable!(article_drafts -> topics (topic_id));
diesel::joinable!(article_headings -> articles (article_id));
diesel::joinable!(article_search -> articles (article_id));
diesel::joinable!(articles -> staff (created_by));
diesel::joinable!(audit_entries -> staff (staff_id));
diesel::joinable!(audit_evidence -> audit_entries (entry_id));
diesel::joinable!(comment_decisions -> staff (staff_id));
diesel::joinable!(comment_revisions -> comments (comment_id));
diesel::joinable!(comment_revisions -> staff (staff_id));
diesel::joinable!(comment_search -> articles (article_id));
diesel::joinable!(comment_search -> comments (comment_id));
diesel::joinable!(comments -> addresses (address_id));
diesel::joinable!(comments -> articles (article_id));
diesel::joinable!(comments -> reader_browsers (browser_id));
diesel::joinable!(comments -> readers (reader_id));
diesel::joinable!(comments -> revisions (revision_id));
diesel::joinable!(comments -> staff (staff_id));
diesel::joinable!(corrections -> articles (article_id));
diesel::joinable!(corrections -> revisions (revision_id));
diesel::joinable!(corrections -> staff (made_by));
diesel::joinable!(digest_items -> addresses (address_id));
diesel::joinable!(digest_items -> comments (comment_id));
diesel::joinable!(digest_items -> mail_messages (mail_id));
diesel::joinable!(digest_items -> staff (staff_id));
diesel::joinable!(helpful_votes -> readers (reader_id));
diesel::joinable!(mail_messages -> addresses (address_id));
diesel::joinable!(mail_messages -> comments (comment_id));
diesel::joinable!(mail_messages -> staff (staff_id));
diesel::joinable!(media -> staff (created_by));
diesel::joinable!(pins -> articles (article_id));
diesel::joinable!(pins -> staff (pinned_by));
diesel::joinable!(reader_browsers -> readers (reader_id));
diesel::joinable!(reader_links -> addresses (address_id));
diesel::joinable!(readers -> addresses (address_id));
diesel::joinable!(redirects -> articles (article_id));
diesel::joinable!(redirects -> staff (created_by));
diesel::joinable!(reports -> comment_decisions (decision_id));
diesel::joinable!(reports -> comments (comment_id));
diesel::joinable!(reports -> readers (reader_id));
diesel::joinable!(reports -> staff (closed_by));
diesel::joinable!(revision_citations -> reference_records (reference_id));
diesel::joinable!(revision_citations -> revisions (revision_id));
diesel::joinable!(revision_credits -> revisions (revision_id));
diesel::joinable!(revision_credits -> staff (staff_id));
diesel::joinable!(revision_media -> media (media_id));
diesel::joinable!(revision_media -> revisions (revision_id));
diesel::joinable!(revision_renderings -> revisions (revision_id));
diesel::joinable!(revision_terms -> revisions (revision_id));
diesel::joinable!(revisions -> media (lead_media_id));
diesel::joinable!(revisions -> staff (made_by));
diesel::joinable!(revisions -> topics (topic_id));
diesel::joinable!(staff_devices -> staff (staff_id));
diesel::joinable!(staff_links -> staff (staff_id));
diesel::joinable!(staff_sessions -> staff (staff_id));
diesel::joinable!(subscriptions -> addresses (address_id));
diesel::joinable!(subscriptions -> articles (article_id));
diesel::joinable!(subscriptions -> comments (comment_id));
diesel::joinable!(word_lists -> staff (updated_by));

diesel::allow_tables_to_appear_in_same_query!(
    address_confirmations,
    addresses,
    article_drafts,
    article_headings,
    article_search,
    articles,
    audit_entries,
    audit_evidence,
    audit_seals,
    comment_decisions,
    comment_revisions,
    comment_search,
    comments,
    corrections,
    digest_items,
    helpful_votes,
    jobs,
    mail_messages,
    media,
    pins,
    reader_browsers,
    reader_links,
    readers,
    redirects,
    reference_records,
    reports,
    revision_citations,
    revision_credits,
    revision_media,
    revision_renderings,
    revision_terms,
    revisions,
    settings,
    sign_in_failures,
    staff,
    staff_devices,
    staff_links,
    staff_sessions,
    subscriptions,
    terms,
    topics,
    word_lists,
);
