//! The reference library.

use reqwest::{Method, StatusCode};
use stet::audit::Actor;
use stet::core::status::Role;
use stet::references::formats::read;
use stet::references::import;
use stet::settings::Sources;

use super::{press, published, source, typed};
use crate::support::browser::{Browser, Filled, Page};
use crate::support::site::Site;

#[tokio::test(flavor = "multi_thread")]
async fn a_changed_source_shows_in_every_article_that_cites_it_as_a_version_by_the_system() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shfting", "10.1000/one").await;
    let desk = published(&browser, "Nights", "Less [@okafor2021].\n").await;
    published(&browser, "Days", "Nothing cited.\n").await;
    let reader = site.browser();
    assert!(reader.get("/nights").await.text_at("#r1").contains("Phase shfting"));

    let page = browser.get("/desk/references/1").await;
    assert_eq!(page.texts("section ul a"), ["Nights"], "it says who cites it");
    let form = page.form("main form").fill("title", "Phase shifting");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert!(reader.get("/nights").await.text_at("#r1").contains("Phase shifting"));
    let history = browser.get(&format!("{}/revisions", desk.address.split('?').next().unwrap())).await;
    assert!(history.text_at(".revs li.is-on small").starts_with("Source changed by Stet"));
    assert_eq!(site.one::<i64>("select count(*) from revisions").await, 3);

    let stale = browser.submit(&form.clone().fill("title", "Phase drifting")).await;
    assert_eq!(stale.status, StatusCode::CONFLICT);
    assert_eq!(stale.form("main form").value("title"), Some("Phase drifting"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retracted_source_is_marked_at_once_and_blocks_the_next_publication() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shifting", "10.1000/one").await;
    let desk = published(&browser, "Nights", "Less [@okafor2021].\n").await;
    let form = browser
        .get("/desk/references/1")
        .await
        .form("main form")
        .fill("retraction", "retracted")
        .fill("retraction_year", "2026");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);
    assert_eq!(site.browser().get("/nights").await.text_at("#r1 .badge--danger"), "Retracted, 2026");
    let form = desk.form("form.desk").fill("body", "Much less [@okafor2021].\n").choose("change", "cosmetic");
    let page = press(&browser, form, "publish").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".lint").contains("This source was retracted."));
}

#[tokio::test(flavor = "multi_thread")]
async fn pasted_references_are_merged_by_identifier_and_found_from_the_editor() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    source(&browser, "okafor2021", "Phase shifting", "10.1000/one").await;
    let items = serde_json::json!([
        { "id": "other", "type": "article-journal", "title": "Phase shifting", "DOI": "https://doi.org/10.1000/ONE", "PMID": "99000037" },
        { "id": "siw2022", "type": "report", "title": "Hours awake", "publisher": "Sample Institute", "issued": { "date-parts": [[2022]] } },
    ]);
    let paste = || async {
        browser
            .submit(&browser.get("/desk/references/import").await.form("main form").fill("text", &items.to_string()))
            .await
    };
    let page = paste().await;
    assert_eq!(page.text_at("#report-h"), "CSL-JSON: 1 new, 1 merged, 0 refused");
    assert!(page.text_at("section").contains("other is [@okafor2021]"));
    assert_eq!(paste().await.text_at("#report-h"), "CSL-JSON: 0 new, 2 merged, 0 refused");
    assert_eq!(site.one::<i64>("select count(*) from reference_records").await, 2);
    assert!(
        site.one::<bool>("select trusted from reference_records where key = 'okafor2021'").await,
        "a PubMed number came with the second record"
    );

    let form = typed(&browser, "Hours", "Kept text.\n").await.fill("find", "hours");
    let page = press(&browser, form, "find").await;
    assert_eq!(page.texts(".reflist code"), ["[@siw2022]"]);
    assert_eq!(page.form("form.desk").value("body"), Some("Kept text.\n"));

    let prose = "Okafor R. Phase shifting. 2021.";
    let page =
        browser.submit(&browser.get("/desk/references/import").await.form("main form").fill("text", prose)).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".field__error").contains("none of the formats we read"));
    assert_eq!(page.form("main form").value("text"), Some(prose));
}

/// Sends the import form with a file, as a browser would.
async fn upload(browser: &Browser, file: &[u8], text: &str) -> Page {
    let form = browser.get("/desk/references/import").await.form("main form");
    let token = form.value("csrf_token").unwrap();
    let part = |name: &str, value: &str| {
        format!("--xYz\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let file = String::from_utf8(file.to_vec()).unwrap();
    let file = format!(
        "--xYz\r\nContent-Disposition: form-data; name=\"file\"; filename=\"a.txt\"\r\nContent-Type: application/octet-stream\r\n\r\n{file}\r\n"
    );
    let body = format!("{}{file}{}--xYz--\r\n", part("csrf_token", token), part("text", text));
    let headers = [("content-type", "multipart/form-data; boundary=xYz"), ("sec-fetch-site", "same-origin")];
    browser.send(Method::POST, &form.action, &headers, Some(body)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn good_entries_of_an_uploaded_file_go_in_and_bad_ones_come_back_to_be_mended() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let file = "@article{lindqvist2019, title = {Light at night and the {NREM} sleep}, author = {Lindqvist, Mia and van den Berg, Jo}, year = 2019, journal = {Sample J}}\n@book{broken,\n  title = {Never closed\n@book{cho2001, title = {Night work: a handbook}, editor = {Cho, Hana}, year = 2001}\n";
    let page = upload(&browser, file.as_bytes(), "").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert_eq!(page.text_at("#report-h"), "BibTeX: 2 new, 0 merged, 1 refused");
    assert!(page.text_at("#report-h ~ ul").contains("Line 2, broken: it is not closed: a “}” is missing"));
    let form = page.form("main form");
    assert_eq!(form.value("text"), Some("@book{broken,\n  title = {Never closed"));

    let mended = form.fill("text", "@book{broken,\n  title = {Never closed again}}");
    let page = browser.submit(&mended).await;
    assert_eq!(
        (page.status, page.text_at("#report-h").as_str()),
        (StatusCode::OK, "BibTeX: 1 new, 0 merged, 0 refused")
    );
    let keys: String = site.one("select string_agg(key, ' ' order by key) from reference_records").await;
    assert_eq!(keys, "broken cho2001 lindqvist2019");

    // The same work out of PubMed: merged by title and year, richer afterwards, and labelled by its kind of study.
    let nbib = "PMID- 99000201\nTI  - Light at night and the NREM sleep.\nFAU - Lindqvist, Mia Sofia\nFAU - van den Berg, Jo\nDP  - 2019 Mar\nPT  - Randomized Controlled Trial\nVI  - 3\n";
    assert_eq!(upload(&browser, nbib.as_bytes(), "").await.text_at("#report-h"), "NBIB: 0 new, 1 merged, 0 refused");
    let page = browser.get("/desk/references/1").await;
    let form = page.form("main form");
    assert_eq!(form.value("authors"), Some("Lindqvist, Mia Sofia\nBerg, Jo"));
    assert_eq!((form.value("pmid"), form.value("evidence")), (Some("99000201"), Some("rct")));
    assert_eq!(form.value("container"), Some("Sample J"));

    let page = upload(&browser, &[], "").await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".errsum").contains("Choose a file, or paste references"));
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_person_wrote_is_not_overwritten_by_an_import() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    upload(&browser, b"TY  - JOUR\nTI  - Phase shifting\nPY  - 2021\nDO  - 10.1000/one\nER  - \n", "").await;
    let form = browser.get("/desk/references/1").await.form("main form").fill("title", "Phase shifting, as we call it");
    assert_eq!(browser.submit(&form.fill("evidence", "cohort")).await.status, StatusCode::SEE_OTHER);
    upload(
        &browser,
        b"TY  - JOUR\nTI  - Phase shifting, as we call it, in nurses\nPY  - 2021/05\nVL  - 14\nDO  - 10.1000/one\nER  - \n",
        "",
    )
    .await;
    let form = browser.get("/desk/references/1").await.form("main form");
    assert_eq!(form.value("title"), Some("Phase shifting, as we call it"));
    assert_eq!((form.value("volume"), form.value("evidence")), (Some("14"), Some("cohort")));
}

#[tokio::test(flavor = "multi_thread")]
async fn many_works_of_one_author_and_year_each_have_a_key() {
    let site = Site::start().await;
    let entries = (0..60)
        .map(|n| format!("TY  - JOUR\nTI  - Study number {n} of many nights\nAU  - Ito, Ken\nPY  - 2020\nER  - \n"))
        .collect::<Vec<_>>()
        .concat();
    let reading = read::read(&entries).unwrap();
    let report = import::import(&site.app.db, Actor::Console, reading.clone(), &Sources::default()).await.unwrap();
    assert_eq!((report.added, report.merged), (60, 0));
    let again = import::import(&site.app.db, Actor::Console, reading, &Sources::default()).await.unwrap();
    assert_eq!((again.added, again.merged), (0, 60), "the same file again changes nothing");
    assert_eq!(site.one::<i64>("select sum(version)::bigint from reference_records").await, 60);
    assert!(site.one::<bool>("select bool_and(key like 'ito2020%') from reference_records").await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_articles_references_are_downloaded_and_read_back_as_the_same_records() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let file = "TY  - JOUR\nID  - okafor2021\nAU  - Okafor, Rose M.\nAU  - van den Berg, Jean-Luc\nTI  - Phase shifting: 5% & more_of it\nT2  - Journal of Sample Sleep Medicine\nJ2  - J Sample Sleep Med\nPY  - 2021/05/03\nVL  - 14\nIS  - 2\nSP  - 101\nEP  - 112\nDO  - 10.0000/sample_4\nAN  - 99000101\nDB  - PubMed\nER  - \nTY  - RPRT\nID  - siw2022\nAU  - Sample Institute\nTI  - Hours awake: a data brief\nPY  - 2022\nPB  - Sample Press\nUR  - https://sample.example/brief\nER  - \n";
    upload(&browser, file.as_bytes(), "").await;
    published(&browser, "Nights", "Less [@okafor2021; @siw2022].\n").await;
    published(&browser, "Days", "Nothing cited.\n").await;

    let reader = site.browser();
    let page = reader.get("/nights").await;
    assert_eq!(page.texts("#refs .refs__note a"), ["BibTeX", "RIS", "CSL-JSON"]);
    let records = async |site: &Site| -> String {
        site.one("select string_agg(key || ' ' || csl::text, E'\\n' order by key) from reference_records").await
    };
    let library = records(&site).await;
    for (address, kind) in [
        ("/nights/references.bib", "application/x-bibtex; charset=utf-8"),
        ("/nights/references.ris", "application/x-research-info-systems; charset=utf-8"),
        ("/nights/references.json", "application/vnd.citationstyles.csl+json; charset=utf-8"),
    ] {
        let page = reader.look(address).await;
        assert_eq!((page.status, page.header("content-type")), (StatusCode::OK, Some(kind)));
        let empty = Site::start().await;
        let reading = read::read(&page.text).unwrap();
        let report = import::import(&empty.app.db, Actor::Console, reading, &Sources::default()).await.unwrap();
        assert_eq!((report.added, report.refused.len(), report.renamed.len()), (2, 0, 0), "{address}: {report:?}");
        assert_eq!(records(&empty).await, library, "{address}");
    }
    for nothing in ["/days/references.bib", "/none/references.ris", "/nights/references.txt"] {
        assert_eq!(reader.look(nothing).await.status, StatusCode::NOT_FOUND, "{nothing}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_style_and_the_list_of_trusted_sources_are_settings_and_show_at_once() {
    let site = Site::start().await;
    let editor = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let owner = site.signed_in(&site.member("Ines Calloway", Role::Owner).await).await;
    source(&editor, "okafor2021", "Phase shifting", "10.1000/one").await;
    let form = editor.get("/desk/references/1").await.form("main form").fill("evidence", "rct");
    assert_eq!(editor.submit(&form).await.status, StatusCode::SEE_OTHER);
    published(&editor, "Nights", "Less [@okafor2021].\n").await;
    let reader = site.browser();
    let page = reader.get("/nights").await;
    assert!(
        page.text_at("#r1")
            .starts_with("Okafor R, Sample Institute. Phase shifting. J Sample Sleep Med. 2021;14:101–112.")
    );
    assert_eq!(page.text_at("#r1 .refs__links .badge"), "Randomised trial");
    assert_eq!(page.text_at("#refs > summary small"), "1 randomised trial");
    assert!(!page.has("#r1 .trusted"));

    assert_eq!(editor.look("/desk/settings/sources").await.status, StatusCode::FORBIDDEN);
    let form = owner.get("/desk/settings/sources").await.form("main form");
    assert_eq!(form.value("style"), Some("ama"));
    let wrong =
        Filled { fields: form.fields.iter().filter(|(name, _)| name != "style").cloned().collect(), ..form.clone() };
    let page = owner.submit(&wrong.fill("hosts", "who.int\nnot a host").choose("style", "apa")).await;
    assert_eq!(page.status, StatusCode::UNPROCESSABLE_ENTITY);
    assert!(page.text_at(".errsum").contains("“not a host” must look like who.int"));
    let form = page.form("main form");
    assert_eq!((form.value("style"), form.value("hosts")), (Some("apa"), Some("who.int\nnot a host")));
    let form = form.fill("hosts", "").fill("prefixes", "https://doi.org/10.1000/x").fill("page", "/what-it-means");
    let page = owner.submit_and_follow(&form).await;
    assert!(page.text_at("[data-flash]").contains("Saved"));

    let page = reader.get("/nights").await;
    assert!(
        page.text_at("#r1").starts_with("Okafor, R., & Sample Institute. (2021). Phase shifting."),
        "{}",
        page.text_at("#r1")
    );
    assert!(page.text_at("p .cite, .prose .cite").contains('1'), "numbers stay");
    assert_eq!(page.attribute("#r1 a.trusted", "href").as_deref(), Some("/what-it-means"));
    assert_eq!(page.text_at("#refs > summary span"), "1 source, 1 trusted");
    let saved: i64 = site.one("select count(*) from audit_entries where action = 'setting.save'").await;
    assert_eq!(saved, 1);

    let form = owner.get("/desk/settings/sources").await.form("main form");
    assert_eq!(owner.submit(&form.fill("prefixes", "")).await.status, StatusCode::SEE_OTHER);
    assert!(!reader.get("/nights").await.has("#r1 .trusted"), "every record is judged anew");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_article_with_planted_faults_shows_exactly_these_with_their_places() {
    let site = Site::start().await;
    let browser = site.signed_in(&site.member("Ana Novak", Role::Editor).await).await;
    let work = |id: &str, title: &str, doi: &str| {
        serde_json::json!({ "id": id, "type": "article-journal", "title": title, "DOI": doi, "author": [{ "family": "Ito" }],
                            "container-title": "Sample J", "issued": { "date-parts": [[2021]] } })
    };
    let items = serde_json::json!([
        work("fine", "Phase shifting in night nurses", "10.1000/a"),
        work("twin", "Phase shifting in night nurses", "10.1000/b"),
        work("baddoi", "Light and waking", "10.x/c"),
        { "id": "bare", "type": "report", "title": "Hours awake", "publisher": "P", "issued": { "date-parts": [[2022]] } },
        work("mice", "Sleep of voles in the dark", "10.1000/m"),
    ]);
    let form = browser.get("/desk/references/import").await.form("main form").fill("text", &items.to_string());
    assert_eq!(browser.submit(&form).await.text_at("#report-h"), "CSL-JSON: 5 new, 0 merged, 0 refused");
    let form = browser.get("/desk/references/5").await.form("main form").fill("evidence", "animal");
    assert_eq!(browser.submit(&form).await.status, StatusCode::SEE_OTHER);

    let body =
        "One [@fine].\n\nTwo [@twin] and [@baddoi].\n\nThree [@bare], [@nobody], then [7].\n\nVoles nap [@mice].\n";
    let page = press(&browser, typed(&browser, "Nights", body).await, "preview").await;
    let found: Vec<String> = page.texts(".lint li p");
    assert_eq!(
        found,
        [
            "Warning Line 3 twin Edit the source",
            "Warning Line 3 baddoi Edit the source",
            "Blocks Line 5 nobody",
            "Warning Line 5 bare Edit the source",
            "Warning Line 5 7",
            "Note Line 7 mice",
        ]
    );
    assert_eq!(page.attribute(".lint a[data-place]", "href").as_deref(), Some("#f-body"));
    assert_eq!(page.attribute(".lint a[data-place]", "data-place").as_deref(), Some("18"));
    assert_eq!(page.attribute(".lint a:not([data-place])", "href").as_deref(), Some("/desk/references/2"));

    let good = "One [@fine; @mice].\n";
    let page = press(&browser, typed(&browser, "Nights", good).await, "preview").await;
    assert!(page.text_at("#checks-h ~ p").contains("Nothing to mend"));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_takes_the_good_entries_and_names_the_bad_ones() {
    let site = Site::start().await;
    let file = site.data.path().join("library.txt");
    std::fs::write(
        &file,
        b"@book{cho2001, title = {M\xfcde N\xe4chte im Dienst}, year = 2001}\n\n@book{lost, year = 2002}\n",
    )
    .unwrap();
    let run = || {
        std::process::Command::new(env!("CARGO_BIN_EXE_stet"))
            .args(["import", "references"])
            .arg(&file)
            .current_dir(site.data.path())
            .env("DATABASE_URL", &site.database.url)
            .env("STET_DATABASE_OWNER_URL", &site.database.owner_url)
            .env("STET_SECRET_KEY", "MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE=")
            .env("STET_DATA_DIR", site.data.path())
            .env("STET_ALLOW_UNSAFE_DATABASE", "1")
            .output()
            .unwrap()
    };
    let done = run();
    let (said, wrong) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
    assert!(said.contains("BibTeX: 1 new, 0 merged, 1 refused"), "{said}{wrong}");
    assert!(said.contains("refused: line 3, lost: it has no title"), "{said}");
    assert_eq!(done.status.code(), Some(1), "{wrong}");
    let title: String = site.one("select title from reference_records").await;
    assert_eq!(title, "Müde Nächte im Dienst", "a file in the old encoding");

    std::fs::write(&file, "nothing of the kind").unwrap();
    let done = run();
    assert_eq!(done.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&done.stderr).contains("none of the formats we read"));
}
