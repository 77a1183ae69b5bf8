//! Passwords: which ones are taken, and argon2id off the threads that answer (requirements S10).

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use argon2::password_hash::phc::PasswordHash;
use argon2::password_hash::{PasswordHasher, PasswordVerifier};
use argon2::{Algorithm, Argon2, Params, Version};
use tokio::sync::Semaphore;
use unicode_normalization::UnicodeNormalization;

use crate::core::limits;

/// 19 MiB, two passes, one lane: OWASP's first choice for argon2id.
const MEMORY_KIB: u32 = 19 * 1024;
const PASSES: u32 = 2;
const LANES: u32 = 1;

/// Compared with when there is no such account, so that the answer takes as long. Made with the parameters above
/// from random bytes nobody kept; a match would be refused all the same.
const NOBODY: &str =
    "$argon2id$v=19$m=19456,t=2,p=1$uxm9qkYjIEoUxUcSdvcgAA$Kc2Pp0P1yTj4O9uPoCrJq3yRmVdXc0qFzSx0Jm3bWnE";

/// A hash as it is stored (PHC string). Made by [`Passwords::hash`] only.
#[derive(Clone, PartialEq, Eq)]
pub struct Hashed(String);

impl Hashed {
    /// The PHC string.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Hashed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hashed(…)")
    }
}

/// A new password that may be used.
#[derive(Clone)]
pub struct NewPassword(String);

impl fmt::Debug for NewPassword {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewPassword(…)")
    }
}

/// Why a new password is not taken; the text is what the person reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Weak {
    /// Nothing was typed.
    #[error("Enter a password")]
    Empty,
    /// Fewer characters than [`limits::PASSWORD_CHARS_MIN`].
    #[error("Password must be at least {min} characters. You have {has}", min = limits::PASSWORD_CHARS_MIN)]
    Short {
        /// How many there are.
        has: usize,
    },
    /// More bytes than [`limits::PASSWORD_BYTES_MAX`].
    #[error("Password must be shorter than {max} characters", max = limits::PASSWORD_BYTES_MAX)]
    Long,
    /// One of the passwords anybody tries first.
    #[error("That password is on the list of common ones. Choose another")]
    Common,
    /// The same few characters again and again.
    #[error("That password repeats itself. Four unrelated words work well")]
    Repeats,
    /// Rows of the keyboard, the alphabet or numbers in order.
    #[error("That password follows the keyboard or the alphabet. Four unrelated words work well")]
    Sequence,
    /// Little more than the site's name or the person's own.
    #[error("That password is made of a name or address of yours. Choose another")]
    AboutYou,
}

impl NewPassword {
    /// Checks a new password. `about`: texts an attacker knows, such as the site's name and the e-mail address.
    ///
    /// **Errors** [`Weak`].
    pub fn check(typed: &str, about: &[&str]) -> Result<Self, Weak> {
        if typed.is_empty() {
            return Err(Weak::Empty);
        }
        if typed.len() > limits::PASSWORD_BYTES_MAX {
            return Err(Weak::Long);
        }
        let plain = normal(typed);
        let chars: Vec<char> = plain.to_lowercase().chars().collect();
        let has = plain.chars().count();
        if has < limits::PASSWORD_CHARS_MIN {
            return Err(Weak::Short { has });
        }
        if repeats(&chars) {
            return Err(Weak::Repeats);
        }
        if is_common(&chars) {
            return Err(Weak::Common);
        }
        if follows(&chars) {
            return Err(Weak::Sequence);
        }
        if about.iter().any(|known| is_made_of(&chars, known)) {
            return Err(Weak::AboutYou);
        }
        Ok(Self(plain))
    }
}

/// The same password typed on another keyboard is the same password (NIST SP 800-63B: normalise first).
fn normal(typed: &str) -> String {
    typed.nfkc().collect()
}

/// Few different characters, or a unit shorter than a password that fills the whole by repetition.
fn repeats(chars: &[char]) -> bool {
    let mut different = chars.to_vec();
    different.sort_unstable();
    different.dedup();
    different.len() < 5
        || (1..limits::PASSWORD_CHARS_MIN).any(|unit| {
            chars.len() >= 2 * unit && chars.iter().skip(unit).zip(chars).all(|(later, earlier)| later == earlier)
        })
}

/// Common words; a password that is one of them, or two, dressed up with digits and signs, is refused.
const COMMON_WORDS: &[&str] = &[
    "password",
    "passwort",
    "passw",
    "motdepasse",
    "contrasena",
    "qwerty",
    "qwertz",
    "azerty",
    "letmein",
    "welcome",
    "iloveyou",
    "admin",
    "administrator",
    "login",
    "master",
    "monkey",
    "dragon",
    "football",
    "baseball",
    "basketball",
    "superman",
    "batman",
    "princess",
    "sunshine",
    "shadow",
    "michael",
    "jennifer",
    "charlie",
    "trustno",
    "changeme",
    "default",
    "secret",
    "mypassword",
    "mypass",
    "pass",
    "word",
    "user",
    "guest",
    "root",
    "test",
    "testing",
    "hello",
    "helloworld",
    "freedom",
    "whatever",
    "starwars",
    "computer",
    "internet",
    "summer",
    "winter",
    "spring",
    "autumn",
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
    "liverpool",
    "chelsea",
    "arsenal",
    "barcelona",
    "pokemon",
    "minecraft",
    "google",
    "facebook",
    "stet",
    "editor",
    "moderator",
    "owner",
    "temporary",
    "temp",
    "qwertyuiop",
    "asdfghjkl",
    "zxcvbnm",
    "asdf",
    "abc",
    "abcd",
    "abcdef",
    "love",
    "god",
    "correcthorsebatterystaple",
    "thequickbrownfox",
    "nopassword",
    "thisismypassword",
    "iloveyousomuch",
    "newpassword",
    "companyname",
    "website",
    "security",
    "access",
    "demo",
    "sample",
];

fn is_common(chars: &[char]) -> bool {
    let letters = |folded: bool| -> String {
        let end = chars.iter().rposition(|c| c.is_alphabetic()).map_or(0, |at| at + 1);
        chars
            .iter()
            .take(end)
            .skip_while(|c| !c.is_alphabetic())
            .map(|c| if folded { unfold(*c) } else { *c })
            .filter(|c| c.is_alphabetic())
            .collect()
    };
    [letters(false), letters(true)].iter().any(|word| COMMON_WORDS.contains(&word.as_str()) || is_two_common(word))
}

fn is_two_common(word: &str) -> bool {
    COMMON_WORDS.iter().any(|first| word.strip_prefix(first).is_some_and(|rest| COMMON_WORDS.contains(&rest)))
}

/// Letters written as signs.
fn unfold(c: char) -> char {
    match c {
        '0' => 'o',
        '1' | '!' => 'i',
        '3' => 'e',
        '4' | '@' => 'a',
        '5' | '$' => 's',
        '7' => 't',
        other => other,
    }
}

/// Rows of keyboards.
const ROWS: &[&str] = &["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm", "qwertzuiop", "yxcvbnm", "azertyuiop"];

/// Fewer than four stretches that do not just go on to the next key, letter or number.
fn follows(chars: &[char]) -> bool {
    let breaks = chars.windows(2).filter(|pair| matches!(pair, [a, b] if !goes_on(*a, *b))).count();
    breaks + 1 < 4
}

fn goes_on(a: char, b: char) -> bool {
    let step = (u32::from(b)).abs_diff(u32::from(a));
    let in_row = |row: &&str| row.find(a).zip(row.find(b)).is_some_and(|(x, y)| x.abs_diff(y) == 1);
    step <= 1 || ROWS.iter().any(in_row)
}

/// Whether fewer than six characters are left once a known text and its words are taken out.
fn is_made_of(chars: &[char], known: &str) -> bool {
    let plain = |text: &str| -> String { text.to_lowercase().chars().filter(|c| c.is_alphanumeric()).collect() };
    let mut rest = plain(&chars.iter().collect::<String>());
    let whole = plain(known);
    let mut parts: Vec<String> = known.split(|c: char| !c.is_alphanumeric()).map(plain).collect();
    parts.push(whole);
    parts.retain(|part| part.chars().count() >= 4);
    parts.sort_unstable_by_key(|part| std::cmp::Reverse(part.len()));
    let before = rest.len();
    for part in &parts {
        rest = rest.replace(part.as_str(), "");
    }
    rest.len() < before && rest.chars().count() < 6
}

/// Why no password was hashed or compared.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// As many wait as may; the same request may work in a moment.
    #[error("too many passwords are being checked")]
    Busy,
    /// argon2 refused, or its thread ended.
    #[error("the password could not be hashed")]
    Failed,
}

/// What a comparison found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compared {
    /// The password is right; `outdated`: its hash has other parameters than new ones and is to be made again.
    Right {
        /// Made with other parameters than today's.
        outdated: bool,
    },
    /// It is not, or there is no account.
    Wrong,
}

/// Makes and compares hashes, at most [`limits::HASHES_AT_ONCE`] at a time; others wait, up to a bound.
#[derive(Debug)]
pub struct Passwords {
    places: Arc<Semaphore>,
    waiting: AtomicUsize,
    runs: Arc<AtomicU64>,
}

impl Default for Passwords {
    fn default() -> Self {
        Self {
            places: Arc::new(Semaphore::new(limits::HASHES_AT_ONCE)),
            waiting: AtomicUsize::new(0),
            runs: Arc::default(),
        }
    }
}

impl Passwords {
    /// One for the process.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Hashes a new password.
    ///
    /// **Errors** [`HashError`].
    pub async fn hash(&self, password: &NewPassword) -> Result<Hashed, HashError> {
        let password = password.0.clone();
        self.in_place(move || hash(&password)).await?.map(Hashed)
    }

    /// Compares what was typed with the stored hash, or with nobody's when there is no account: one run of argon2
    /// either way, so that the time tells nothing.
    ///
    /// **Errors** [`HashError`].
    pub async fn compare(&self, typed: &str, stored: Option<&str>) -> Result<Compared, HashError> {
        // Longer ones were never taken, and hashing them costs the same as any other.
        let password: String = if typed.len() > limits::PASSWORD_BYTES_MAX { String::new() } else { normal(typed) };
        let known = stored.is_some();
        let stored = stored.unwrap_or(NOBODY).to_owned();
        let (right, outdated) = self.in_place(move || (is_right(&password, &stored), is_outdated(&stored))).await?;
        Ok(if known && right { Compared::Right { outdated } } else { Compared::Wrong })
    }

    /// Hashes again a password that was just found right.
    ///
    /// **Errors** [`HashError`].
    pub async fn hash_again(&self, typed: &str) -> Result<Hashed, HashError> {
        let password = normal(typed);
        self.in_place(move || hash(&password)).await?.map(Hashed)
    }

    /// How often argon2 has run in this process.
    #[must_use]
    pub fn runs(&self) -> u64 {
        self.runs.load(Ordering::Relaxed)
    }

    async fn in_place<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T, HashError> {
        let waiting = Waiting::enter(&self.waiting).ok_or(HashError::Busy)?;
        let place = Arc::clone(&self.places).acquire_owned().await.map_err(|_| HashError::Failed)?;
        drop(waiting);
        let runs = Arc::clone(&self.runs);
        // The place goes with the work: a request that is given up does not free it early.
        let run = move || {
            let _place = place;
            runs.fetch_add(1, Ordering::Relaxed);
            work()
        };
        tokio::task::spawn_blocking(run).await.map_err(|_| HashError::Failed)
    }
}

struct Waiting<'a>(&'a AtomicUsize);

impl<'a> Waiting<'a> {
    fn enter(count: &'a AtomicUsize) -> Option<Self> {
        let entered = Self(count);
        (count.fetch_add(1, Ordering::SeqCst) < limits::HASHES_WAITING_MAX).then_some(entered)
    }
}

impl Drop for Waiting<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

fn argon2() -> Option<Argon2<'static>> {
    Some(Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(MEMORY_KIB, PASSES, LANES, None).ok()?))
}

fn hash(password: &str) -> Result<String, HashError> {
    let hashed =
        argon2().ok_or(HashError::Failed)?.hash_password(password.as_bytes()).map_err(|_| HashError::Failed)?;
    Ok(hashed.to_string())
}

fn is_right(password: &str, stored: &str) -> bool {
    let Ok(parsed) = PasswordHash::new(stored) else { return false };
    argon2().is_some_and(|argon2| argon2.verify_password(password.as_bytes(), &parsed).is_ok())
}

fn is_outdated(stored: &str) -> bool {
    let today = format!("$argon2id$v=19$m={MEMORY_KIB},t={PASSES},p={LANES}$");
    !stored.starts_with(&today)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(typed: &str) -> Result<(), Weak> {
        NewPassword::check(typed, &["Harbour Health", "ines.calloway@harbour.example", "Ines Calloway"]).map(|_| ())
    }

    #[test]
    fn ordinary_good_passwords_are_taken() {
        for good in [
            "four unrelated lamps sing",
            "kelp-otter-winch-9",
            "Tr9#vKp2!mQx",
            "пароль из слов тут",
            "correct-horse-lamp",
            "mondays are for kelp",
        ] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
    }

    #[test]
    fn what_anybody_tries_first_is_refused() {
        let refused = [
            ("", Weak::Empty),
            ("elevenchars", Weak::Short { has: 11 }),
            ("password1234", Weak::Common),
            ("P@ssw0rd!2024", Weak::Common),
            ("passwordlogin", Weak::Common),
            ("Summer2026!!!!", Weak::Common),
            ("CorrectHorseBatteryStaple", Weak::Common),
            ("passwordpassword", Weak::Repeats),
            ("aaaaaaaaaaaaaaaa", Weak::Repeats),
            ("abc1abc1abc1abc1", Weak::Repeats),
            ("123456789012", Weak::Sequence),
            ("qwertyuiop12asd", Weak::Sequence),
            ("abcdefghijklm", Weak::Sequence),
            ("harbourhealth7", Weak::AboutYou),
            ("Calloway-Ines-1", Weak::AboutYou),
        ];
        for (typed, why) in refused {
            assert_eq!(check(typed), Err(why), "{typed}");
        }
        assert_eq!(check(&"long words here ".repeat(80)), Err(Weak::Long));
    }

    #[tokio::test]
    async fn a_hash_is_argon2id_with_19_mebibytes_and_tells_right_from_wrong() {
        let passwords = Passwords::new();
        let hashed = passwords.hash(&NewPassword::check("kelp-otter-winch-9", &[]).unwrap()).await.unwrap();
        assert!(hashed.as_str().starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{}", hashed.as_str());
        assert_eq!(
            passwords.compare("kelp-otter-winch-9", Some(hashed.as_str())).await.unwrap(),
            Compared::Right { outdated: false }
        );
        assert_eq!(passwords.compare("kelp-otter-winch-8", Some(hashed.as_str())).await.unwrap(), Compared::Wrong);
        assert!(!format!("{hashed:?}").contains("argon2"));
    }

    #[tokio::test]
    async fn an_unknown_account_costs_one_run_like_a_known_one() {
        let passwords = Passwords::new();
        let stored = hash("kelp-otter-winch-9").unwrap();
        for known in [None, Some(stored.as_str())] {
            let before = passwords.runs();
            assert_eq!(passwords.compare("wrong", known).await.unwrap(), Compared::Wrong);
            assert_eq!(passwords.runs() - before, 1);
        }
        let parameters = |phc: &str| phc.split('$').take(4).collect::<Vec<_>>().join("$");
        assert_eq!(parameters(NOBODY), parameters(&stored), "the same work");
        assert!(PasswordHash::new(NOBODY).is_ok_and(|nobody| nobody.hash.is_some() && nobody.salt.is_some()));
    }

    #[tokio::test]
    async fn an_older_hash_is_right_and_outdated() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(8 * 1024, 1, 1, None).unwrap());
        let stored = weak.hash_password(b"kelp-otter-winch-9").unwrap().to_string();
        assert_eq!(
            Passwords::new().compare("kelp-otter-winch-9", Some(&stored)).await.unwrap(),
            Compared::Right { outdated: true }
        );
    }

    #[test]
    fn no_more_wait_than_may() {
        let count = AtomicUsize::new(0);
        let waiting: Vec<_> = (0..limits::HASHES_WAITING_MAX).map(|_| Waiting::enter(&count)).collect();
        assert!(waiting.iter().all(Option::is_some));
        assert!(Waiting::enter(&count).is_none());
        drop(waiting);
        assert!(Waiting::enter(&count).is_some());
        assert_eq!(count.load(Ordering::SeqCst), 0);
    }
}
