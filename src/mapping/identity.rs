//! Computes what makes two rows the same invitation. Keys are kept in ledgers for years: what is hashed here never changes.

use sha2::{Digest, Sha256};

use super::names::fold_value;
use crate::model::{ContractTypeId, InvitationKey, Recipient};

/// Phone, else e-mail, with the set of contract types. E-mail addresses are compared without regard to case.
pub(crate) fn of_recipient(
    recipient: &Recipient,
    sorted_types: &[ContractTypeId],
) -> InvitationKey {
    let mut hash = Sha256::new();
    match (&recipient.phone, &recipient.email) {
        (Some(phone), _) => hash.update(phone),
        (None, email) => hash.update(email.as_deref().unwrap_or_default().to_lowercase()),
    }
    for id in sorted_types {
        hash.update(b"\0");
        hash.update(id.0.to_be_bytes());
    }
    InvitationKey(hash.finalize().into())
}

/// The values of the columns that `[identity]` names, folded.
pub(crate) fn of_values<'a>(values: impl IntoIterator<Item = &'a str>) -> InvitationKey {
    let mut hash = Sha256::new();
    // Apart from every key of a recipient, whose text is never empty.
    hash.update(b"\0identity");
    for value in values {
        hash.update(b"\0");
        hash.update(fold_value(value));
    }
    InvitationKey(hash.finalize().into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn recipient(phone: &str, email: &str) -> Recipient {
        let given = |text: &str| (!text.is_empty()).then(|| text.to_owned());
        Recipient {
            phone: given(phone),
            email: given(email),
        }
    }

    #[test]
    fn the_phone_else_the_email_and_the_contract_types_tell_invitations_apart() {
        let types = [ContractTypeId(414)];
        let key = of_recipient(&recipient("+201012345678", ""), &types);
        assert_eq!(
            key,
            of_recipient(&recipient("+201012345678", "a@example.com"), &types)
        );
        assert_ne!(key, of_recipient(&recipient("+201012345679", ""), &types));
        assert_ne!(
            key,
            of_recipient(&recipient("+201012345678", ""), &[ContractTypeId(415)])
        );
        assert_ne!(
            key,
            of_recipient(
                &recipient("+201012345678", ""),
                &[ContractTypeId(414), ContractTypeId(415)]
            )
        );
        assert_eq!(
            of_recipient(&recipient("", "Mona@Example.com"), &types),
            of_recipient(&recipient("", "mona@example.com"), &types)
        );
    }

    #[test]
    fn identity_columns_are_compared_folded_and_one_by_one() {
        assert_eq!(of_values(["A-1", "أحمد"]), of_values([" a-1 ", "احمد"]));
        assert_ne!(of_values(["1-11"]), of_values(["11-1"]));
        assert_ne!(of_values(["a", "bc"]), of_values(["ab", "c"]));
    }

    #[test]
    fn keys_stay_as_ledgers_have_them() {
        let key = of_recipient(&recipient("+201012345678", ""), &[ContractTypeId(414)]);
        assert_eq!(format!("{key:?}"), "abc377e6009b…");
        assert_eq!(format!("{:?}", of_values(["A-1"])), "0c5a4f3a262d…");
    }
}
