//! What one valid row becomes: an invitation, ready to be sent.

use std::fmt;

use super::ContractTypeId;

/// An invitation to be created: its identity, and the exact bytes of the request body.
#[derive(Clone, PartialEq, Eq)]
pub struct Invitation {
    /// What makes two rows the same invitation.
    pub key: InvitationKey,
    /// Who is invited, for masked display.
    pub recipient: Recipient,
    /// The contract types, sorted, without repetition.
    pub contract_types: Vec<ContractTypeId>,
    /// The JSON body of the request, exactly as it is sent.
    pub body: String,
}

/// Holds personal data, so it does not print itself.
impl fmt::Debug for Invitation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Invitation")
            .field("key", &self.key)
            .finish_non_exhaustive()
    }
}

/// Phone (E.164), e-mail, or both.
#[derive(Clone, PartialEq, Eq, Default)]
pub struct Recipient {
    /// E.164, such as `+201012345678`.
    pub phone: Option<String>,
    /// The e-mail address.
    pub email: Option<String>,
}

/// Computed from what makes two rows the same invitation, never from the run or the row number, so that a re-sorted file
/// meets its own history: SHA-256 of the identity's canonical text.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct InvitationKey(pub [u8; 32]);

impl fmt::Debug for InvitationKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for byte in &self.0[..6] {
            write!(f, "{byte:02x}")?;
        }
        f.write_str("…")
    }
}
