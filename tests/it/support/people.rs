//! People on the team for tests: made through the real verbs, signed in through the real form.

use stet::core::ids::StaffId;
use stet::core::status::Role;
use stet::core::text::Email;
use stet::settings::People;
use stet::staff::authority::Session;
use stet::staff::model::{self, By, NewPerson, Standing};
use stet::staff::password::NewPassword;
use stet::staff::session;

use super::browser::Browser;
use super::site::Site;

/// The password of everybody in tests.
pub const PASSWORD: &str = "kelp-otter-winch-9";

/// Somebody on the team.
#[derive(Clone, Debug)]
pub struct Member {
    pub id: StaffId,
    pub name: String,
    pub email: String,
}

impl Site {
    /// A new person who can sign in with [`PASSWORD`].
    pub async fn member(&self, name: &str, role: Role) -> Member {
        let local: String = name.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
        let email = Email::parse(&format!("{local}@harbour.example")).unwrap();
        let hashed = self.app.passwords().hash(&NewPassword::check(PASSWORD, &[]).unwrap()).await.unwrap();
        let new =
            NewPerson { title: "Sleep educator", ..NewPerson::new(name, role, Standing::Active(&email, &hashed)) };
        let id = self.app.db.transact(async |tx| model::create(tx, By::Console, &new).await).await.unwrap();
        Member { id, name: name.to_owned(), email: email.typed }
    }

    /// A browser in which this person is signed in.
    pub async fn signed_in(&self, member: &Member) -> Browser {
        let browser = self.browser();
        let form = browser
            .get("/desk/sign-in")
            .await
            .form("main form")
            .fill("email", &member.email)
            .fill("password", PASSWORD);
        let page = browser.submit(&form).await;
        assert_eq!(page.location().as_deref(), Some("/desk"), "{}", page.text);
        browser
    }

    /// The session of a person for verbs called directly.
    pub async fn session(&self, member: &Member) -> Session {
        let mut conn = self.app.db.read().await.unwrap();
        session::act_as(&mut conn, member.id, &People::default()).await.unwrap().unwrap()
    }
}
