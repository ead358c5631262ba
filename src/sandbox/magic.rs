//! Magic recipients: phone numbers that make the sandbox answer in one particular way, as payment sandboxes do with test
//! cards. All are well-formed Egyptian mobiles, in a block that no generated sample counts into.

use std::sync::atomic::{AtomicBool, Ordering};

use super::behaviour::Behaviour;

/// How often a magic recipient misbehaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// The first time; then it is an ordinary recipient.
    Once,
    /// Every time.
    Always,
}

impl Times {
    /// The word for help texts: `once` or `always`.
    pub fn as_str(self) -> &'static str {
        match self {
            Times::Once => "once",
            Times::Always => "always",
        }
    }
}

/// One phone number and what it provokes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MagicRecipient {
    /// The number, E.164.
    pub phone: &'static str,
    /// What the sandbox then does.
    pub behaviour: Behaviour,
    /// How often.
    pub times: Times,
}

const fn once(phone: &'static str, behaviour: Behaviour) -> MagicRecipient {
    let times = Times::Once;
    MagicRecipient {
        phone,
        behaviour,
        times,
    }
}

const fn always(phone: &'static str, behaviour: Behaviour) -> MagicRecipient {
    let times = Times::Always;
    MagicRecipient {
        phone,
        behaviour,
        times,
    }
}

/// Every magic recipient.
pub const MAGIC: &[MagicRecipient] = &[
    always("+201555000400", Behaviour::BadRequest),
    always("+201555000401", Behaviour::Unauthorized),
    always("+201555000403", Behaviour::Forbidden),
    always("+201555000404", Behaviour::NotFound),
    always("+201555000405", Behaviour::MethodNotAllowed),
    always("+201555000408", Behaviour::RequestTimeout),
    always("+201555000409", Behaviour::Conflict),
    once("+201555000411", Behaviour::Unauthorized),
    always("+201555000412", Behaviour::UnauthorizedIn200),
    once("+201555000413", Behaviour::UnauthorizedIn200),
    always("+201555000422", Behaviour::Unprocessable),
    once("+201555000429", Behaviour::Throttled),
    once("+201555000430", Behaviour::ThrottledDate),
    once("+201555000431", Behaviour::ThrottledBare),
    always("+201555000432", Behaviour::Throttled),
    always("+201555000433", Behaviour::ThrottledLong),
    always("+201555000500", Behaviour::ServerError),
    always("+201555000501", Behaviour::ServerErrorAfter),
    always("+201555000502", Behaviour::BadGateway),
    always("+201555000503", Behaviour::Unavailable),
    always("+201555000504", Behaviour::GatewayTimeout),
    once("+201555000513", Behaviour::UnavailableAfter),
    always("+201555000514", Behaviour::UnavailableAfter),
    always("+201555000600", Behaviour::Hang),
    always("+201555000601", Behaviour::ResetAfter),
    always("+201555000602", Behaviour::ResetBefore),
    always("+201555000603", Behaviour::CloseBefore),
    always("+201555000604", Behaviour::HalfHeaders),
    always("+201555000605", Behaviour::Truncated),
    always("+201555000606", Behaviour::Drip),
    always("+201555000607", Behaviour::CloseKeepalive),
    always("+201555000700", Behaviour::ErrorIn200),
    always("+201555000701", Behaviour::Html),
    always("+201555000702", Behaviour::CutJson),
    always("+201555000703", Behaviour::NullData),
    always("+201555000704", Behaviour::EmptyBody),
    always("+201555000705", Behaviour::EmptyToken),
    always("+201555000706", Behaviour::Huge),
    always("+201555000707", Behaviour::FrameworkError),
    always("+201555000302", Behaviour::Redirect),
];

/// What all magic numbers begin with, so that an ordinary one is told apart by one comparison.
const PREFIX: &str = "+201555000";

/// Which of the [`Times::Once`] recipients have had their time.
pub(super) struct Spent(Vec<AtomicBool>);

impl Spent {
    pub(super) fn nothing() -> Self {
        Spent(MAGIC.iter().map(|_| AtomicBool::new(false)).collect())
    }

    /// What a request for this phone provokes now.
    pub(super) fn behaviour(&self, phone: &str) -> Option<Behaviour> {
        if !phone.starts_with(PREFIX) {
            return None;
        }
        let (magic, spent) = MAGIC
            .iter()
            .zip(&self.0)
            .find(|(magic, _)| magic.phone == phone)?;
        let was_spent = spent.swap(true, Ordering::Relaxed);
        (magic.times == Times::Always || !was_spent).then_some(magic.behaviour)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use rlibphonenumber::PHONE_NUMBER_UTIL;

    use super::*;

    #[test]
    fn every_magic_number_is_a_valid_mobile_and_stands_once() {
        let mut seen = HashSet::new();
        for magic in MAGIC {
            let number = PHONE_NUMBER_UTIL.parse(magic.phone, None).unwrap();
            assert!(
                PHONE_NUMBER_UTIL.is_valid_number(&number),
                "{}",
                magic.phone
            );
            assert!(magic.phone.starts_with(PREFIX), "{}", magic.phone);
            assert!(seen.insert(magic.phone), "{} stands twice", magic.phone);
        }
    }

    #[test]
    fn once_is_once_and_always_is_always() {
        let spent = Spent::nothing();
        let answers = |phone| [spent.behaviour(phone), spent.behaviour(phone)];
        assert_eq!(answers("+201555000429"), [Some(Behaviour::Throttled), None]);
        assert_eq!(answers("+201555000500"), [Some(Behaviour::ServerError); 2]);
        assert_eq!(answers("+201555000999"), [None; 2]);
        assert_eq!(answers("+201012345678"), [None; 2]);
    }
}
