//! What each role may do: the table of editor.md section 8 as data. Capabilities in [`super::authority`] are made from it.

use crate::core::status::Role;
use crate::settings::People;

/// Something a person on the team does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Act {
    /// Writes articles, adds sources to the library.
    Write,
    /// Edits articles of others.
    EditOthers,
    /// Reads what is not published: drafts, revisions, previews.
    SeeDrafts,
    /// Puts an article before readers, takes it back.
    Publish,
    /// Says that an article was reviewed.
    Review,
    /// Decides on comments and answers them from the queue.
    Decide,
    /// Bans, sets word lists and other rules.
    Rule,
    /// Invites people, gives roles, suspends.
    ManageStaff,
    /// Changes settings.
    ChangeSettings,
    /// Reads the outbox, which holds addresses.
    SeeMail,
    /// Reads the activity log.
    SeeAudit,
    /// Hands the site over, deletes it.
    HandOver,
}

impl Act {
    /// Every act, in the order of the table.
    pub const ALL: [Self; 12] = [
        Self::Write,
        Self::EditOthers,
        Self::SeeDrafts,
        Self::Publish,
        Self::Review,
        Self::Decide,
        Self::Rule,
        Self::ManageStaff,
        Self::ChangeSettings,
        Self::SeeMail,
        Self::SeeAudit,
        Self::HandOver,
    ];
}

/// How far a person's right to an act reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scope {
    /// Every object.
    All,
    /// Articles the person is credited on or began, and the comments under them.
    Own,
}

/// A cell of the table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Grant {
    No,
    Yes,
    Own,
    /// Own articles, if the owner lets authors publish.
    OwnIfAuthorsPublish,
    /// Everything, if the owner lets editors set rules.
    IfEditorsRule,
}

impl Grant {
    fn scope(self, people: &People) -> Option<Scope> {
        match self {
            Self::No => None,
            Self::Yes => Some(Scope::All),
            Self::Own => Some(Scope::Own),
            Self::OwnIfAuthorsPublish => people.authors_publish.then_some(Scope::Own),
            Self::IfEditorsRule => people.editors_rule.then_some(Scope::All),
        }
    }
}

/// The row of an act: owner, administrator, editor, author, reviewer, moderator.
///
/// `SeeDrafts`, `SeeMail` and `SeeAudit` are not in editor.md's table: a reviewer must read what is to be
/// reviewed; outbox and activity hold addresses and everybody's acts, so they go with people and settings.
#[rustfmt::skip]
#[expect(clippy::match_same_arms, reason = "a table: one line an act")]
const fn row(act: Act) -> [Grant; 6] {
    use Grant::{IfEditorsRule, No, Own, OwnIfAuthorsPublish, Yes};
    match act {
        //                      owner  admin  editor         author               reviewer moderator
        Act::Write =>          [Yes,   Yes,   Yes,           Yes,                 No,      No],
        Act::EditOthers =>     [Yes,   Yes,   Yes,           No,                  No,      No],
        Act::SeeDrafts =>      [Yes,   Yes,   Yes,           Own,                 Yes,     No],
        Act::Publish =>        [Yes,   Yes,   Yes,           OwnIfAuthorsPublish, No,      No],
        Act::Review =>         [Yes,   Yes,   No,            No,                  Yes,     No],
        Act::Decide =>         [Yes,   Yes,   Yes,           Own,                 No,      Yes],
        Act::Rule =>           [Yes,   Yes,   IfEditorsRule, No,                  No,      Yes],
        Act::ManageStaff =>    [Yes,   Yes,   No,            No,                  No,      No],
        Act::ChangeSettings => [Yes,   Yes,   No,            No,                  No,      No],
        Act::SeeMail =>        [Yes,   Yes,   No,            No,                  No,      No],
        Act::SeeAudit =>       [Yes,   Yes,   No,            No,                  No,      No],
        Act::HandOver =>       [Yes,   No,    No,            No,                  No,      No],
    }
}

/// How far `role` may go with `act`; `None` is: not at all.
#[must_use]
pub fn scope(role: Role, act: Act, people: &People) -> Option<Scope> {
    let [owner, administrator, editor, author, reviewer, moderator] = row(act);
    let grant = match role {
        Role::Owner => owner,
        Role::Administrator => administrator,
        Role::Editor => editor,
        Role::Author => author,
        Role::Reviewer => reviewer,
        Role::Moderator => moderator,
    };
    grant.scope(people)
}

/// The role as the desk names it.
#[must_use]
pub const fn label(role: Role) -> &'static str {
    match role {
        Role::Owner => "Owner",
        Role::Administrator => "Administrator",
        Role::Editor => "Editor",
        Role::Author => "Author",
        Role::Reviewer => "Reviewer",
        Role::Moderator => "Moderator",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The table of the design read cell by cell, written down a second time as words: `y` all, `o` own, `-` not.
    fn drawn(people: &People) -> Vec<String> {
        Act::ALL
            .iter()
            .map(|act| {
                Role::ALL
                    .iter()
                    .map(|role| match scope(*role, *act, people) {
                        Some(Scope::All) => 'y',
                        Some(Scope::Own) => 'o',
                        None => '-',
                    })
                    .collect()
            })
            .collect()
    }

    #[test]
    fn every_cell_is_as_the_design_draws_it() {
        let plain = [
            "yyyy--", "yyy---", "yyyoy-", "yyy---", "yy--y-", "yyyo-y", "yy---y", "yy----", "yy----", "yy----",
            "yy----", "y-----",
        ];
        assert_eq!(drawn(&People::default()), plain);
    }

    #[test]
    fn the_two_settings_open_one_cell_each() {
        let before = drawn(&People::default());
        let changed = |people: &People| -> Vec<(usize, String)> {
            drawn(people).into_iter().enumerate().filter(|(at, row)| before.get(*at) != Some(row)).collect()
        };
        assert_eq!(changed(&People { authors_publish: true, ..People::default() }), [(3, "yyyo--".to_owned())]);
        assert_eq!(changed(&People { editors_rule: true, ..People::default() }), [(6, "yyy--y".to_owned())]);
    }
}
