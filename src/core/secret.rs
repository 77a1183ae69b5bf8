//! The site's secret key and what is derived from it: signatures and keyed hashes.

use std::fmt;

use data_encoding::BASE64URL_NOPAD;
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use subtle::ConstantTimeEq;

/// The site's key (`STET_SECRET_KEY`, or `secret.key` in the data folder). Every use names its purpose,
/// so that a value made for one is worth nothing for another.
#[derive(Clone)]
pub struct Secret([u8; 32]);

impl Secret {
    /// From the 32 bytes of the key.
    #[must_use]
    pub fn new(key: [u8; 32]) -> Self {
        Self(key)
    }

    /// HMAC-SHA-256 of `message` under the key of `purpose`.
    #[must_use]
    pub fn mac(&self, purpose: &str, message: &[u8]) -> [u8; 32] {
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(&self.0) else {
            return [0; 32]; // cannot happen: HMAC takes keys of any length
        };
        let mut mac = mac;
        mac.update(&(purpose.len() as u64).to_le_bytes());
        mac.update(purpose.as_bytes());
        mac.update(message);
        mac.finalize().into_bytes().into()
    }

    /// A signed text `message.signature` that fits in an address, a cookie or a hidden field.
    /// `message` must be of letters, digits, `-` and `_`.
    #[must_use]
    pub fn sign(&self, purpose: &str, message: &str) -> String {
        let mac = self.mac(purpose, message.as_bytes());
        let short = mac.get(..16).unwrap_or(&mac);
        format!("{message}.{}", BASE64URL_NOPAD.encode(short))
    }

    /// The message of a text that [`Secret::sign`] made for this purpose; `None` for any other text.
    #[must_use]
    pub fn verify<'a>(&self, purpose: &str, signed: &'a str) -> Option<&'a str> {
        let (message, _) = signed.rsplit_once('.')?;
        let expected = self.sign(purpose, message);
        bool::from(expected.as_bytes().ct_eq(signed.as_bytes())).then_some(message)
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_signature_holds_for_its_purpose_only() {
        let secret = Secret::new([7; 32]);
        let signed = secret.sign("unsubscribe", "42");
        assert_eq!(secret.verify("unsubscribe", &signed), Some("42"));
        assert_eq!(secret.verify("confirm", &signed), None);
        assert_eq!(secret.verify("unsubscribe", &signed.replace("42", "43")), None);
        assert_eq!(Secret::new([8; 32]).verify("unsubscribe", &signed), None);
        assert_eq!(secret.verify("unsubscribe", "42"), None);
    }
}
