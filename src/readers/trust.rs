//! What is known of a writer when a comment of theirs is screened.

use crate::core::status::Trust;

/// How far back a removal weighs.
pub const REMOVAL_DAYS: i64 = 30;

/// What is known of a writer. What is proved (`trust`, `approved_as_reader`) comes from the reader, the rest
/// from the address, which anybody may have typed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    /// What the reader's word is worth; `New` for anybody who has not confirmed.
    pub trust: Trust,
    /// Approved comments of the confirmed reader, counted up to the limit asked for; 0 for anybody else.
    pub approved_as_reader: i64,
    /// Whether somebody approved a comment from this address.
    pub address_was_approved: bool,
    /// Whether a comment from this address was removed by a person in the last [`REMOVAL_DAYS`].
    pub address_was_removed: bool,
}

impl Standing {
    /// Of somebody who gave no address and is nobody known.
    pub const NOBODY: Self =
        Self { trust: Trust::New, approved_as_reader: 0, address_was_approved: false, address_was_removed: false };
}
