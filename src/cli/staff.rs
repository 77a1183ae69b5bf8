//! `stet staff`: accounts without a browser.

use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};

use crate::app::App;
use crate::boot;
use crate::cli::{SettingFlags, say};
use crate::core::clock::Clock;
use crate::core::rng::Token;
use crate::core::status::{Role, StaffState};
use crate::core::text::Email;
use crate::staff::model::{self, By, CreateError, NewPerson, Person, Standing};
use crate::staff::password::NewPassword;
use crate::staff::{invite, recover, roles};
use crate::urls;

/// Staff accounts
#[derive(Debug, Args)]
pub struct Staff {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Add a person; prints a link to choose a password, or takes the password from standard input
    Add(Add),
    /// List everybody on the team
    List,
    /// Print a link with which a person chooses a new password (works once, 30 minutes)
    ResetLink {
        /// The person's email
        email: String,
    },
    /// Take the right to sign in from a person; signed out everywhere at once
    Suspend {
        /// The person's email
        email: String,
    },
}

#[derive(Debug, Args)]
struct Add {
    /// Email to sign in with
    #[arg(long)]
    email: String,
    /// Name that readers see
    #[arg(long)]
    name: String,
    /// owner, administrator, editor, author, reviewer or moderator
    #[arg(long)]
    role: String,
    /// Title that readers see beside the name
    #[arg(long, default_value = "")]
    title: String,
    /// Take the password from the first line of standard input
    #[arg(long)]
    password_stdin: bool,
}

/// Runs one of the sub-commands, with the private Postgres started for as long as it takes.
pub async fn run(settings: &SettingFlags, staff: &Staff) -> anyhow::Result<()> {
    let config = settings.config()?;
    let reached = boot::reach_database(&config, false, say).await?;
    let done = async {
        boot::migrate(&config, &reached, say).await?;
        let parts = boot::parts(&config, reached.url.clone(), Clock::system(), config.listen)?;
        let app = App::for_thread(&parts, 2);
        match &staff.verb {
            Verb::Add(add) => add_person(&app, add).await,
            Verb::List => list(&app).await,
            Verb::ResetLink { email } => reset_link(&app, email).await,
            Verb::Suspend { email } => suspend(&app, email).await,
        }
    }
    .await;
    if let Some(private) = reached.private {
        private.stop().await?;
    }
    done
}

async fn add_person(app: &App, add: &Add) -> anyhow::Result<()> {
    let email = Email::parse(&add.email)
        .ok_or_else(|| anyhow!("--email must be an address mail can be sent to, such as name@example.com"))?;
    let role: Role = add.role.parse().map_err(|_| {
        anyhow!("--role must be one of: {}", Role::ALL.iter().map(|role| role.as_str()).collect::<Vec<_>>().join(", "))
    })?;
    let person = |standing| NewPerson { title: &add.title, ..NewPerson::new(&add.name, role, standing) };
    if add.password_stdin {
        let typed = first_line()?;
        let password = NewPassword::check(&typed, &[&add.name, &add.email]).map_err(|weak| anyhow!("{weak}"))?;
        let hashed = app.passwords().hash(&password).await?;
        let new = person(Standing::Active(&email, &hashed));
        app.db.transact(async |tx| model::create(tx, By::Console, &new).await).await.map_err(told)?;
        say(&format!("{} is added as {} and can sign in", add.name, role));
        return Ok(());
    }
    let new = person(Standing::Invited(&email));
    let (_, token) =
        app.db.transact(async |tx| invite::invite(tx, app.rng(), By::Console, &new).await).await.map_err(told)?;
    say(&format!("{} is added as {}. A password is chosen here, once, within seven days:", add.name, role));
    say_link(app, urls::invite, &token).await
}

fn told(error: CreateError) -> anyhow::Error {
    match error {
        CreateError::Db(error) => error.into(),
        CreateError::NoName
        | CreateError::LongName
        | CreateError::NameTaken
        | CreateError::EmailTaken
        | CreateError::LongText
        | CreateError::OwnerExists => anyhow!("{error}. Nothing was added"),
    }
}

fn first_line() -> anyhow::Result<String> {
    let mut line = String::new();
    std::io::stdin().read_line(&mut line)?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

async fn say_link(app: &App, path: impl Fn(&str) -> String, token: &Token) -> anyhow::Result<()> {
    let settings = app.settings(&mut app.db.read().await?).await?;
    say(app.base_url(&settings).join(&path(&token.reveal()))?.as_str());
    Ok(())
}

async fn list(app: &App) -> anyhow::Result<()> {
    let people = model::list(&mut *app.db.read().await?).await?;
    for person in &people {
        say(&line(person));
    }
    if people.is_empty() {
        say("Nobody yet. `stet serve` prints the link that sets the site up");
    }
    Ok(())
}

fn line(person: &Person) -> String {
    let state = match person.state {
        StaffState::Invited => ", invited",
        StaffState::Active => "",
        StaffState::Suspended => ", suspended",
        StaffState::Profile => ", profile only",
    };
    let seen = person
        .last_seen_at
        .map_or_else(|| "never signed in".to_owned(), |at| format!("last here {}", at.format("%Y-%m-%d %H:%M UTC")));
    format!(
        "{}\t{}\t{}{state}\t{seen}",
        person.email.as_deref().unwrap_or("(no email)"),
        person.name,
        roles::label(person.role)
    )
}

async fn by_email(app: &App, email: &str) -> anyhow::Result<Person> {
    let parsed = Email::parse(email).ok_or_else(|| anyhow!("{email} is not an email address"))?;
    let found = model::find_by_email(&mut *app.db.read().await?, &parsed).await?;
    found.ok_or_else(|| anyhow!("nobody on the team has the address {email}. `stet staff list` shows everybody"))
}

async fn reset_link(app: &App, email: &str) -> anyhow::Result<()> {
    let person = by_email(app, email).await?;
    if person.state == StaffState::Suspended {
        bail!("{} is suspended. Open the account again in the desk first", person.name);
    }
    let token = app.db.transact(async |tx| recover::reset_link(tx, app.rng(), By::Console, person.id).await).await?;
    say(&format!("{} chooses a new password here, once, within 30 minutes:", person.name));
    say_link(app, urls::reset, &token).await
}

async fn suspend(app: &App, email: &str) -> anyhow::Result<()> {
    let person = by_email(app, email).await?;
    app.db.transact(async |tx| model::suspend(tx, By::Console, person.id).await).await?;
    say(&format!("{} is suspended and signed out everywhere", person.name));
    Ok(())
}
