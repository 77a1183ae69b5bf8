//! What mail providers and mail servers report after they took a mail: it came back, or somebody complained.
//!
//! Read are bounces as mail servers send them (RFC 3464) with complaints (RFC 5965), our own JSON, and the JSON of
//! Amazon SES (through SNS), Brevo, Mailgun, Postmark and SendGrid, by the names their fields have. Everything else in
//! a report, deliveries and openings among it, is passed over.

use serde_json::Value;

use crate::core::limits;
use crate::core::text::Email;

/// What happened to mail for an address.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    /// The address, canonical.
    pub canonical: String,
    /// What happened.
    pub kind: EventKind,
}

/// Something after which no more mail should go there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum EventKind {
    /// It came back for good, with an enhanced status code (RFC 3463) such as `5.1.1`.
    Bounced(String),
    /// Its owner told their provider that it is unwanted.
    Complained,
}

impl EventKind {
    /// What is noted: the status code, or `complaint`.
    #[must_use]
    pub fn code(&self) -> &str {
        match self {
            Self::Bounced(code) => code,
            Self::Complained => "complaint",
        }
    }
}

/// Why a report cannot be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("neither JSON nor a delivery report")]
pub struct Unreadable;

/// Reads a report of any known kind; at most [`limits::MAIL_EVENTS_MAX`] events. A report of other things is an empty
/// list.
pub fn read(body: &[u8]) -> Result<Vec<Event>, Unreadable> {
    let text = String::from_utf8_lossy(body);
    let mut events = Vec::new();
    match serde_json::from_str::<Value>(&text) {
        Ok(value) => read_json(&value, 0, &mut events),
        Err(_) if text.trim_start().starts_with(['{', '[']) => return Err(Unreadable),
        Err(_) => read_report(&text, &mut events).ok_or(Unreadable)?,
    }
    events.truncate(limits::MAIL_EVENTS_MAX);
    Ok(events)
}

/// Envelopes inside one another that are opened: SNS has one, ours and Mailgun's another.
const ENVELOPES_MAX: usize = 4;

fn read_json(value: &Value, depth: usize, events: &mut Vec<Event>) {
    if depth > ENVELOPES_MAX {
        return;
    }
    if let Some(list) = value.as_array() {
        for item in list {
            read_json(item, depth + 1, events);
        }
        return;
    }
    // SNS carries its message as a text.
    if let Some(inner) = value["Message"].as_str().and_then(|text| serde_json::from_str::<Value>(text).ok()) {
        return read_json(&inner, depth + 1, events);
    }
    for envelope in ["event-data", "events"] {
        if !value[envelope].is_null() {
            return read_json(&value[envelope], depth + 1, events);
        }
    }
    if let Some(kind) = value["notificationType"].as_str().or(value["eventType"].as_str()) {
        return read_ses(kind, value, events);
    }
    read_one(value, events);
}

fn read_ses(kind: &str, value: &Value, events: &mut Vec<Event>) {
    let bounce = &value["bounce"];
    match kind {
        "Bounce" if bounce["bounceType"] == "Permanent" => {
            for recipient in bounce["bouncedRecipients"].as_array().into_iter().flatten() {
                let kind = EventKind::Bounced(status_code(recipient["status"].as_str()));
                push(events, recipient["emailAddress"].as_str(), kind);
            }
        }
        "Complaint" => {
            for recipient in
                value.pointer("/complaint/complainedRecipients").and_then(Value::as_array).into_iter().flatten()
            {
                push(events, recipient["emailAddress"].as_str(), EventKind::Complained);
            }
        }
        _ => {}
    }
}

/// An event that is one flat object.
fn read_one(value: &Value, events: &mut Vec<Event>) {
    let text = |names: &[&str]| names.iter().find_map(|name| value[*name].as_str());
    let Some(what) = text(&["event", "RecordType"]) else { return };
    let address = text(&["recipient", "email", "Email"]);
    let code =
        value.pointer("/delivery-status/enhanced-code").and_then(Value::as_str).or_else(|| text(&["code", "status"]));
    let is_permanent = match what.to_ascii_lowercase().as_str() {
        "complaint" | "complained" | "spamcomplaint" | "spamreport" | "spam" => {
            return push(events, address, EventKind::Complained);
        }
        "bounce" if value["RecordType"].is_string() => text(&["Type"]) == Some("HardBounce"),
        // SendGrid calls a refusal for now "blocked"; ours says it with a field.
        "bounce" => text(&["type"]) != Some("blocked") && value["permanent"].as_bool() != Some(false),
        "failed" => text(&["severity"]) == Some("permanent"),
        "hard_bounce" | "invalid_email" => true,
        _ => false,
    };
    let code = status_code(code);
    if is_permanent && !code.starts_with('4') {
        push(events, address, EventKind::Bounced(code));
    }
}

/// A mail as servers send it back: the fields of its machine-readable parts, wherever they stand in it.
fn read_report(text: &str, events: &mut Vec<Event>) -> Option<()> {
    let (mut address, mut action, mut is_complaint, mut is_report) = (None, None, false, false);
    for line in text.lines().take(20_000) {
        let Some((name, value)) = line.split_once(':') else { continue };
        let value = value.trim();
        // `rfc822; somebody@mail.example`
        let after_type = || value.rsplit(';').next().unwrap_or(value).trim().trim_matches(['<', '>']).to_owned();
        match name.trim().to_ascii_lowercase().as_str() {
            "final-recipient" | "original-rcpt-to" => (address, action, is_report) = (Some(after_type()), None, true),
            "action" => action = Some(value.to_ascii_lowercase()),
            "feedback-type" => (is_complaint, is_report) = (value.eq_ignore_ascii_case("abuse"), true),
            "status" if action.as_deref() == Some("failed") && value.starts_with('5') => {
                push(events, address.as_deref(), EventKind::Bounced(status_code(Some(value))));
            }
            _ => {}
        }
    }
    if is_complaint {
        push(events, address.as_deref(), EventKind::Complained);
    }
    is_report.then_some(())
}

fn push(events: &mut Vec<Event>, address: Option<&str>, kind: EventKind) {
    if let Some(email) = address.and_then(Email::parse) {
        events.push(Event { canonical: email.canonical, kind });
    }
}

/// The code at the beginning of what a provider says; `5.0.0` (no more is known) where there is none.
fn status_code(said: Option<&str>) -> String {
    let code: String =
        said.unwrap_or_default().trim().chars().take_while(|c| c.is_ascii_digit() || *c == '.').take(9).collect();
    let is_code = code.split('.').count() == 3 && code.split('.').all(|part| !part.is_empty());
    if is_code { code } else { "5.0.0".into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(body: &str) -> Vec<(String, String)> {
        let events = read(body.as_bytes()).unwrap();
        events.into_iter().map(|event| (event.canonical, event.kind.code().to_owned())).collect()
    }

    fn one(address: &str, code: &str) -> Vec<(String, String)> {
        vec![(address.to_owned(), code.to_owned())]
    }

    #[test]
    fn every_shape_tells_the_address_and_why() {
        for (body, code) in [
            (r#"{"events":[{"event":"bounce","recipient":"Ann@Mail.example","code":"5.1.1"}]}"#, "5.1.1"),
            (r#"{"event":"complaint","recipient":"ann@mail.example"}"#, "complaint"),
            (r#"{"RecordType":"Bounce","Type":"HardBounce","Email":"ann@mail.example"}"#, "5.0.0"),
            (r#"{"RecordType":"SpamComplaint","Email":"ann@mail.example"}"#, "complaint"),
            (r#"[{"event":"bounce","type":"bounce","email":"ann@mail.example","status":"5.4.1"}]"#, "5.4.1"),
            (r#"[{"event":"spamreport","email":"ann@mail.example"}]"#, "complaint"),
            (r#"{"event":"hard_bounce","email":"ann@mail.example"}"#, "5.0.0"),
            (
                r#"{"signature":{},"event-data":{"event":"failed","severity":"permanent","recipient":"ann@mail.example","delivery-status":{"enhanced-code":"5.2.1"}}}"#,
                "5.2.1",
            ),
            (
                r#"{"Type":"Notification","Message":"{\"notificationType\":\"Bounce\",\"bounce\":{\"bounceType\":\"Permanent\",\"bouncedRecipients\":[{\"emailAddress\":\"ann@mail.example\",\"status\":\"5.1.1\"}]}}"}"#,
                "5.1.1",
            ),
            (
                "Content-Type: multipart/report\r\n\r\nReporting-MTA: dns; mx.example\r\n\r\nFinal-Recipient: rfc822; ann@mail.example\r\nAction: failed\r\nStatus: 5.1.10\r\nDiagnostic-Code: smtp; 550 no\r\n",
                "5.1.10",
            ),
            ("Feedback-Type: abuse\nVersion: 1\nOriginal-Rcpt-To: <ann@mail.example>\n", "complaint"),
        ] {
            assert_eq!(told(body), one("ann@mail.example", code), "{body}");
        }
    }

    #[test]
    fn what_may_still_arrive_and_what_is_something_else_is_passed_over() {
        for body in [
            r#"{"event":"bounce","recipient":"ann@mail.example","permanent":false}"#,
            r#"{"event":"bounce","recipient":"ann@mail.example","code":"4.2.2"}"#,
            r#"{"RecordType":"Bounce","Type":"SoftBounce","Email":"ann@mail.example"}"#,
            r#"{"event":"delivered","recipient":"ann@mail.example"}"#,
            r#"{"event-data":{"event":"failed","severity":"temporary","recipient":"ann@mail.example"}}"#,
            r#"{"event":"bounce","recipient":"not an address"}"#,
            r#"{"Type":"SubscriptionConfirmation","Message":"You have chosen to subscribe"}"#,
            "Final-Recipient: rfc822; ann@mail.example\nAction: delayed\nStatus: 4.4.1\n",
            "[]",
            "7",
        ] {
            assert_eq!(told(body), [], "{body}");
        }
        assert_eq!(read(b"{\"event\":"), Err(Unreadable));
        assert_eq!(read(b"hello"), Err(Unreadable));
        assert_eq!(read("[".repeat(100_000).as_bytes()), Err(Unreadable));
    }

    #[test]
    fn each_recipient_of_a_report_has_a_result_of_their_own() {
        let body = "Final-Recipient: rfc822; a@mail.example\nAction: failed\nStatus: 5.1.1\n\n\
                    Final-Recipient: rfc822; b@mail.example\nAction: delivered\nStatus: 2.0.0\n\n\
                    Final-Recipient: rfc822; c@mail.example\nAction: failed\nStatus: 5.7.1\n";
        assert_eq!(told(body), [("a@mail.example".into(), "5.1.1".into()), ("c@mail.example".into(), "5.7.1".into())]);
    }
}
