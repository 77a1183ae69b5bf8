//! The way out: a mail server over SMTP, or `.eml` files in the data folder.
//!
//! Connections are kept by a small pool of our own rather than lettre's: its futures, when cut short by a time-out,
//! put a connection back in the middle of a message, and it knows no time-out once connected (0.11.23).

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, Utc};
use lettre::Message;
use lettre::transport::smtp::Error as SmtpError;
use lettre::transport::smtp::authentication::{Credentials, Mechanism};
use lettre::transport::smtp::client::{AsyncSmtpConnection, TlsParameters};
use lettre::transport::smtp::extension::ClientId;
use percent_encoding::percent_decode_str;
use tokio::time::timeout;

use crate::core::clock::Clock;
use crate::core::ids::MailId;
use crate::core::{limits, text};

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tls {
    /// TLS from the first byte (`smtps://`).
    Implicit,
    /// STARTTLS, else the mail waits.
    Required,
    /// STARTTLS where the server offers it.
    Opportunistic,
    /// Never: for a server on this machine.
    None,
}

/// Why a mail did not get out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Failure {
    /// The server could not be reached, did not answer, broke off, or is closing (421): not this mail's fault.
    Connection(String),
    /// The server says: later (4xx).
    Passing(String),
    /// The server says: never (5xx), or the message cannot be sent at all.
    Final(String),
}

/// Time-outs of an SMTP server; tests shorten them.
#[derive(Debug, Clone, Copy)]
pub struct Patience {
    /// Connection, greeting, TLS and sign-in together.
    pub connect: Duration,
    /// One mail.
    pub send: Duration,
}

impl Default for Patience {
    fn default() -> Self {
        Self { connect: limits::SMTP_CONNECT_TIMEOUT, send: limits::SMTP_SEND_TIMEOUT }
    }
}

/// Why an address of a mail server (`STET_SMTP_URL`) cannot be used.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum BadUrl {
    /// Not an address at all, or of another protocol.
    #[error(
        "it must look like smtp://user:password@mail.example:587?tls=required or smtps://user:password@mail.example"
    )]
    Form,
    /// An unknown mode or parameter.
    #[error("tls must be required, opportunistic or none, and nothing else may follow the question mark")]
    Parameter,
    /// A password would cross a network in the clear.
    #[error("a user and password with tls=none are only allowed for a server on this machine")]
    ClearPassword,
}

/// A mail server.
pub struct Smtp {
    host: String,
    port: u16,
    tls: Tls,
    credentials: Option<Credentials>,
    hello: ClientId,
    patience: Patience,
    clock: Clock,
    // Invariant: only connections whose last mail was answered; one in use is never in here.
    idle: Mutex<Vec<(AsyncSmtpConnection, DateTime<Utc>)>>,
}

impl Smtp {
    /// From `STET_SMTP_URL`. `hello` is the name this machine gives, the site's host. Nothing is connected yet.
    pub fn from_url(address: &str, hello: &str, patience: Patience, clock: Clock) -> Result<Self, BadUrl> {
        let url = url::Url::parse(address).map_err(|_| BadUrl::Form)?;
        let host =
            url.host_str().filter(|host| !host.is_empty()).ok_or(BadUrl::Form)?.trim_matches(['[', ']']).to_owned();
        if !matches!(url.path(), "" | "/") || url.fragment().is_some() {
            return Err(BadUrl::Form);
        }
        let tls = tls_mode(&url)?;
        let decoded = |part: &str| {
            percent_decode_str(part).decode_utf8().map(std::borrow::Cow::into_owned).map_err(|_| BadUrl::Form)
        };
        let credentials = match (url.username(), url.password()) {
            ("", None) => None,
            (user, password) => Some(Credentials::new(decoded(user)?, decoded(password.unwrap_or(""))?)),
        };
        let is_local =
            host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|address| address.is_loopback());
        if credentials.is_some() && tls == Tls::None && !is_local {
            return Err(BadUrl::ClearPassword);
        }
        let usual_port = if tls == Tls::Implicit { 465 } else { 587 };
        let port = url.port().unwrap_or(usual_port);
        Ok(Self {
            host,
            port,
            tls,
            credentials,
            hello: ClientId::Domain(hello.to_owned()),
            patience,
            clock,
            idle: Mutex::default(),
        })
    }

    async fn send(&self, message: &Message) -> Result<(), Failure> {
        let mut conn = match self.take_idle().await {
            Some(conn) => conn,
            None => timeout(self.patience.connect, self.connect())
                .await
                .map_err(|_| Failure::Connection("the mail server did not answer in time".into()))?
                .map_err(|error| Failure::Connection(describe(&error)))?,
        };
        // The bytes are the builder's own. A connection on which this fails or is cut short is dropped, which closes it.
        let bytes = message.formatted();
        match timeout(self.patience.send, conn.send(message.envelope(), &bytes)).await {
            Err(_) => Err(Failure::Connection("the mail server fell silent in the middle of a mail".into())),
            Ok(Err(error)) => Err(failure(&error)),
            Ok(Ok(_)) => {
                self.lock().push((conn, self.clock.now()));
                Ok(())
            }
        }
    }

    async fn take_idle(&self) -> Option<AsyncSmtpConnection> {
        loop {
            let (mut conn, since) = self.lock().pop()?;
            let fresh = (self.clock.now() - since).to_std().is_ok_and(|idle| idle < limits::SMTP_IDLE_MAX);
            if fresh && timeout(Duration::from_secs(5), conn.test_connected()).await == Ok(true) {
                return Some(conn);
            }
        }
    }

    async fn connect(&self) -> Result<AsyncSmtpConnection, SmtpError> {
        let parameters = || TlsParameters::new(self.host.clone());
        let implicit = (self.tls == Tls::Implicit).then(parameters).transpose()?;
        let server = (self.host.as_str(), self.port);
        let mut conn =
            AsyncSmtpConnection::connect_tokio1(server, Some(self.patience.connect), &self.hello, implicit, None)
                .await?;
        let start_tls = match self.tls {
            Tls::Implicit | Tls::None => false,
            Tls::Required => true,
            Tls::Opportunistic => conn.can_starttls(),
        };
        if start_tls {
            conn.starttls(parameters()?, &self.hello).await?;
        }
        if let Some(credentials) = &self.credentials {
            conn.auth(&[Mechanism::Plain, Mechanism::Login], credentials).await?;
        }
        Ok(conn)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<(AsyncSmtpConnection, DateTime<Utc>)>> {
        self.idle.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for Smtp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Smtp")
            .field("host", &self.host)
            .field("port", &self.port)
            .field("tls", &self.tls)
            .finish_non_exhaustive()
    }
}

fn tls_mode(url: &url::Url) -> Result<Tls, BadUrl> {
    let mut tls = match url.scheme() {
        "smtp" => Tls::Required,
        "smtps" => Tls::Implicit,
        _ => return Err(BadUrl::Form),
    };
    for (key, value) in url.query_pairs() {
        tls = match (&*key, &*value, tls) {
            ("tls", "required", Tls::Implicit) => Tls::Implicit,
            ("tls", "required", _) => Tls::Required,
            ("tls", "opportunistic", Tls::Required) => Tls::Opportunistic,
            ("tls", "none", Tls::Required) => Tls::None,
            _ => return Err(BadUrl::Parameter),
        };
    }
    Ok(tls)
}

// 421 is the server closing down, whatever it was asked.
fn failure(error: &SmtpError) -> Failure {
    let what = describe(error);
    match error.status().map(u16::from) {
        Some(421) => Failure::Connection(what),
        Some(_) if error.is_permanent() => Failure::Final(what),
        Some(_) => Failure::Passing(what),
        None if error.is_client() => Failure::Final(what),
        None => Failure::Connection(what),
    }
}

// An answer in the server's own words; of a failed connection the innermost cause, which is the plain one.
fn describe(error: &SmtpError) -> String {
    if error.status().is_some() {
        return without_addresses(&error.to_string());
    }
    let mut innermost: &dyn std::error::Error = error;
    while let Some(cause) = innermost.source() {
        innermost = cause;
    }
    without_addresses(&innermost.to_string())
}

/// A server's answer fit to be kept: one line, shortened, without what looks like an address.
#[must_use]
pub fn without_addresses(answer: &str) -> String {
    let line: String = answer.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let words: Vec<&str> =
        line.split_whitespace().map(|word| if word.contains('@') { "(address)" } else { word }).collect();
    text::excerpt(&words.join(" "), limits::ERROR_CHARS_MAX)
}

/// Files instead of a server: one `.eml` a mail, named after its id in the outbox.
#[derive(Debug, Clone)]
pub struct Eml(PathBuf);

impl Eml {
    /// Files in this folder, made when first needed.
    #[must_use]
    pub fn new(folder: PathBuf) -> Self {
        Self(folder)
    }

    /// The file of a mail.
    #[must_use]
    pub fn path(&self, mail: MailId) -> PathBuf {
        self.0.join(format!("{mail}.eml"))
    }

    fn unfinished(&self, mail: MailId) -> PathBuf {
        self.0.join(format!("{mail}.eml.part"))
    }

    async fn write(&self, mail: MailId, bytes: &[u8]) -> std::io::Result<()> {
        private_folder(&self.0).await?;
        let unfinished = self.unfinished(mail);
        let mut options = tokio::fs::OpenOptions::new();
        options.write(true).create(true).truncate(true).mode(0o600);
        let mut file = options.open(&unfinished).await?;
        tokio::io::AsyncWriteExt::write_all(&mut file, bytes).await?;
        file.sync_all().await?;
        tokio::fs::rename(&unfinished, self.path(mail)).await
    }

    /// The ids of all mails there are files of.
    pub async fn list(&self) -> std::io::Result<Vec<MailId>> {
        let mut found = Vec::new();
        let mut folder = match tokio::fs::read_dir(&self.0).await {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(found),
            folder => folder?,
        };
        while let Some(entry) = folder.next_entry().await? {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            // Also what a killed process left half written.
            let stem = name.strip_suffix(".eml").or_else(|| name.strip_suffix(".eml.part"));
            found.extend(stem.and_then(|stem| stem.parse::<MailId>().ok()));
        }
        Ok(found)
    }

    /// Deletes the file of a mail, if there is one: files fall under erasure like rows (decisions 15).
    pub async fn erase(&self, mail: MailId) -> std::io::Result<()> {
        for path in [self.path(mail), self.unfinished(mail)] {
            match tokio::fs::remove_file(path).await {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
                Ok(()) | Err(_) => {}
            }
        }
        Ok(())
    }
}

async fn private_folder(folder: &Path) -> std::io::Result<()> {
    let mut builder = tokio::fs::DirBuilder::new();
    builder.recursive(true).mode(0o700);
    builder.create(folder).await
}

/// Where mails go.
#[derive(Debug)]
pub enum Transport {
    /// To a mail server.
    Smtp(Box<Smtp>),
    /// Into files, shown in the desk's outbox.
    Eml(Eml),
}

impl Transport {
    /// Hands one message over; when this returns `Ok` the server has taken it.
    pub async fn send(&self, mail: MailId, message: &Message) -> Result<(), Failure> {
        match self {
            Self::Smtp(smtp) => smtp.send(message).await,
            Self::Eml(files) => files
                .write(mail, &message.formatted())
                .await
                .map_err(|error| Failure::Connection(without_addresses(&error.to_string()))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn smtp(address: &str) -> Result<Smtp, BadUrl> {
        Smtp::from_url(address, "site.example", Patience::default(), Clock::system())
    }

    #[test]
    fn addresses_of_mail_servers_say_host_port_and_protection() {
        for (address, host, port, tls, signed_in) in [
            ("smtp://u:p%40ss@mail.example:2525?tls=required", "mail.example", 2525, Tls::Required, true),
            ("smtp://mail.example", "mail.example", 587, Tls::Required, false),
            ("smtp://mail.example:25?tls=opportunistic", "mail.example", 25, Tls::Opportunistic, false),
            ("smtp://u:p@127.0.0.1:1025?tls=none", "127.0.0.1", 1025, Tls::None, true),
            ("smtps://u:p@mail.example", "mail.example", 465, Tls::Implicit, true),
            ("smtp://[::1]:25?tls=none", "::1", 25, Tls::None, false),
        ] {
            let smtp = smtp(address).unwrap();
            assert_eq!(
                (smtp.host.as_str(), smtp.port, smtp.tls, smtp.credentials.is_some()),
                (host, port, tls, signed_in),
                "{address}"
            );
        }
    }

    #[test]
    fn a_password_is_not_sent_in_the_clear_and_modes_are_known() {
        assert_eq!(smtp("smtp://u:p@mail.example?tls=none").unwrap_err(), BadUrl::ClearPassword);
        assert_eq!(smtp("smtps://mail.example?tls=none").unwrap_err(), BadUrl::Parameter);
        assert_eq!(smtp("smtp://mail.example?tls=maybe").unwrap_err(), BadUrl::Parameter);
        assert_eq!(smtp("smtp://mail.example?user=a").unwrap_err(), BadUrl::Parameter);
        for wrong in ["", "mail.example", "http://mail.example", "smtp://", "smtp://mail.example/inbox"] {
            assert_eq!(smtp(wrong).unwrap_err(), BadUrl::Form, "{wrong}");
        }
        assert!(!format!("{:?}", smtp("smtps://u:secret@mail.example").unwrap()).contains("secret"));
    }

    #[test]
    fn kept_answers_hold_no_address() {
        let answer = "550 5.1.1 <ruth@mail.example>: Recipient\r\naddress rejected: ruth@mail.example\0";
        assert_eq!(without_addresses(answer), "550 5.1.1 (address) Recipient address rejected: (address)");
        assert!(without_addresses(&"x ".repeat(1_000)).chars().count() <= limits::ERROR_CHARS_MAX + 1);
    }
}
