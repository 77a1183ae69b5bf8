//! The only place that draws chance.

use std::fmt;

use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use sha2::{Digest, Sha256};

/// Source of randomness, handed down from `App`.
#[derive(Debug, Clone, Copy, Default)]
pub struct Rng(());

impl Rng {
    /// The operating system's generator.
    #[must_use]
    pub fn system() -> Self {
        Self(())
    }

    /// Fills `bytes` with randomness fit for secrets.
    ///
    /// # Panics
    /// Where the operating system has no generator: `boot` draws once before it serves, so never in a request.
    pub fn fill(self, bytes: &mut [u8]) {
        #[expect(
            clippy::expect_used,
            reason = "getrandom fails only where the kernel has no generator; boot draws once before it serves"
        )]
        getrandom::fill(bytes).expect("the operating system gives random bytes; boot has checked it");
    }

    /// A new opaque token of 256 bits.
    #[must_use]
    pub fn token(self) -> Token {
        let mut bytes = [0; 32];
        self.fill(&mut bytes);
        Token(bytes)
    }

    /// A short random key for forms, 128 bits as 22 characters.
    #[must_use]
    pub fn form_key(self) -> String {
        let mut bytes = [0; 16];
        self.fill(&mut bytes);
        BASE64URL_NOPAD.encode(&bytes)
    }

    /// A whole number below `bound` (0 for a bound of 0), for jitter: not for secrets, slightly uneven.
    #[must_use]
    pub fn below(self, bound: u64) -> u64 {
        let mut bytes = [0; 8];
        self.fill(&mut bytes);
        u64::from_le_bytes(bytes).checked_rem(bound).unwrap_or(0)
    }
}

/// A secret that a browser or a mail carries: 256 bits, written as 43 characters of base64url.
///
/// Only its [`Token::hash`] is ever stored. Printed by [`Token::reveal`] alone, never by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct Token([u8; 32]);

impl Token {
    /// Reads a token from a cookie or an address; `None` when it cannot be one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok()?;
        bytes.try_into().ok().map(Self)
    }

    /// The text that goes into the cookie or the link.
    #[must_use]
    pub fn reveal(&self) -> String {
        BASE64URL_NOPAD.encode(&self.0)
    }

    /// SHA-256 of the token: what the database keeps and is asked for.
    #[must_use]
    pub fn hash(&self) -> Vec<u8> {
        Sha256::digest(self.0).to_vec()
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let hash = self.hash();
        write!(f, "Token(sha256 {}…)", HEXLOWER.encode(hash.get(..4).unwrap_or(&[])))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_survives_its_text_and_nothing_else_is_one() {
        let token = Rng::system().token();
        assert_eq!(Token::parse(&token.reveal()), Some(token.clone()));
        assert_ne!(Rng::system().token(), token);
        for wrong in ["", "short", "!!!!", &"A".repeat(44)] {
            assert_eq!(Token::parse(wrong), None, "{wrong}");
        }
        assert!(!format!("{token:?}").contains(&token.reveal()));
    }
}
