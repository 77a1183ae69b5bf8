//! Which sources count as trusted (reader.md 2): those with a PubMed id, with a DOI prefix or a journal on the
//! owner's list, or at a host on it.

use url::Url;

use crate::references::csl::Item;
use crate::settings::Sources;

/// Whether an item counts as trusted under the owner's list.
#[must_use]
pub fn is_trusted(item: &Item, sources: &Sources) -> bool {
    if item.pmid().is_some() {
        return true;
    }
    let by_doi = item.doi().is_some_and(|doi| {
        let prefix = doi.split('/').next();
        sources.trusted_doi_prefixes.iter().any(|trusted| Some(trusted.trim().trim_end_matches('/')) == prefix)
    });
    let journal = item.container_title.trim().to_lowercase();
    let by_journal =
        !journal.is_empty() && sources.trusted_journals.iter().any(|trusted| trusted.trim().to_lowercase() == journal);
    by_doi || by_journal || is_trusted_host(&item.url, sources)
}

fn is_trusted_host(address: &str, sources: &Sources) -> bool {
    let Ok(url) = Url::parse(address) else { return false };
    let Some(host) = url.host_str().filter(|_| matches!(url.scheme(), "http" | "https")) else { return false };
    sources.trusted_hosts.iter().map(|trusted| trusted.trim().to_lowercase()).any(|trusted| {
        !trusted.is_empty() && (host == trusted || host.strip_suffix(&trusted).is_some_and(|rest| rest.ends_with('.')))
    })
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn judge(csl: Value) -> bool {
        let sources = Sources {
            trusted_hosts: vec!["who.int".into()],
            trusted_doi_prefixes: vec!["10.1056".into()],
            trusted_journals: vec!["Sample Medicine".into()],
            ..Sources::default()
        };
        is_trusted(&serde_json::from_value(csl).unwrap(), &sources)
    }

    #[test]
    fn identifiers_journals_and_hosts_on_the_list_are_trusted_and_look_alikes_are_not() {
        assert!(judge(json!({ "title": "a", "PMID": "99000037" })));
        assert!(judge(json!({ "title": "a", "DOI": "https://doi.org/10.1056/X" })));
        assert!(judge(json!({ "title": "a", "container-title": "SAMPLE medicine" })));
        assert!(judge(json!({ "title": "a", "URL": "https://apps.who.int/x" })));
        for not in ["https://notwho.int/", "https://who.int.example/", "ftp://who.int/", "who.int", ""] {
            assert!(!judge(json!({ "title": "a", "URL": not })), "{not}");
        }
        assert!(!judge(json!({ "title": "a", "DOI": "10.10566/x" })));
    }
}
