//! Random faults for whole runs: each request draws at most one, by its number and the seed alone.

use super::behaviour::Behaviour;
use crate::error::Error;

/// Which requests a fault is drawn for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    /// `CreateInvitation` and `CreateAuthSession`, once they passed validation.
    Invitation,
    /// `Login`, once the credentials were found right.
    Login,
    /// `RefreshToken`, once its body was found right.
    Refresh,
}

/// Rates of faults, and how many logins are granted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Faults {
    invitation: Vec<(Behaviour, f64)>,
    login: Vec<(Behaviour, f64)>,
    refresh: Vec<(Behaviour, f64)>,
    login_refused_after: Option<u64>,
}

impl Faults {
    /// Reads `name=rate,…`, with rates from 0 to 1, such as `500=0.05,reset_after=0.02,refresh_refused=1`.
    ///
    /// A bare name speaks of invitations; `login_` and `refresh_` before it, of those. `login_refused_after=2` refuses
    /// every login but the first two. The names are those of [`Behaviour`].
    pub fn parse(spec: &str) -> Result<Faults, Error> {
        let mut faults = Faults::default();
        for entry in spec
            .split(',')
            .map(str::trim)
            .filter(|entry| !entry.is_empty())
        {
            faults.add(entry)?;
        }
        for rates in [&faults.invitation, &faults.login, &faults.refresh] {
            let sum: f64 = rates.iter().map(|(_, rate)| rate).sum();
            // Decimal rates that make 1 on paper may make a little more in binary.
            if sum > 1.0 + 1e-9 {
                return Err(wrong(format!(
                    "The fault rates in `{spec}` add up to more than 1."
                )));
            }
        }
        Ok(faults)
    }

    /// The fault, if any, that the `nth` request of its kind meets.
    pub(super) fn draw(&self, seed: u64, target: Target, nth: u64) -> Option<Behaviour> {
        let (rates, salt) = match target {
            Target::Invitation => (&self.invitation, 0),
            Target::Login => (&self.login, 1),
            Target::Refresh => (&self.refresh, 2),
        };
        if target == Target::Login
            && self
                .login_refused_after
                .is_some_and(|granted| nth > granted)
        {
            return Some(Behaviour::Refused);
        }
        if rates.is_empty() {
            return None;
        }
        // The odd constant spreads neighbouring numbers over the whole range of seeds.
        let place = nth.wrapping_mul(3).wrapping_add(salt);
        let mixed = seed.wrapping_add(place.wrapping_mul(0x9E37_79B9_7F4A_7C15));
        let mut drawn = fastrand::Rng::with_seed(mixed).f64();
        for &(behaviour, rate) in rates {
            if drawn < rate {
                return Some(behaviour);
            }
            drawn -= rate;
        }
        None
    }

    fn add(&mut self, entry: &str) -> Result<(), Error> {
        let (name, value) = entry
            .split_once('=')
            .map(|(name, value)| (name.trim(), value.trim()))
            .ok_or_else(|| wrong(format!("The fault `{entry}` has no rate.")))?;
        if name == "login_refused_after" {
            let granted = value
                .parse()
                .map_err(|_| wrong(format!("`{value}` is not a number of logins.")))?;
            self.login_refused_after = Some(granted);
            return Ok(());
        }
        let (rates, name) = self.rates_of(name);
        let behaviour =
            Behaviour::parse(name).ok_or_else(|| wrong(format!("There is no fault `{name}`.")))?;
        let rate: f64 = value
            .parse()
            .ok()
            .filter(|rate| (0.0..=1.0).contains(rate))
            .ok_or_else(|| wrong(format!("`{value}` is not a rate from 0 to 1.")))?;
        rates.push((behaviour, rate));
        Ok(())
    }

    fn rates_of<'a>(&mut self, name: &'a str) -> (&mut Vec<(Behaviour, f64)>, &'a str) {
        if let Some(name) = name.strip_prefix("login_") {
            (&mut self.login, name)
        } else if let Some(name) = name.strip_prefix("refresh_") {
            (&mut self.refresh, name)
        } else {
            (&mut self.invitation, name)
        }
    }
}

fn wrong(message: String) -> Error {
    let names: Vec<&str> = Behaviour::ALL
        .iter()
        .map(|behaviour| behaviour.name())
        .collect();
    Error::usage("sandbox_fault", message).hint(format!(
        "Write `name=rate,…` with rates from 0 to 1; put `login_` or `refresh_` before a name to speak of those; \
         `login_refused_after=N` counts logins. The names: {}.",
        names.join(", ")
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn drawn(faults: &Faults, seed: u64) -> Vec<Option<Behaviour>> {
        (1..=10_000)
            .map(|nth| faults.draw(seed, Target::Invitation, nth))
            .collect()
    }

    #[test]
    fn rates_come_out_as_asked() {
        let drawn = drawn(&Faults::parse("500=0.05, reset_after=0.2").unwrap(), 7);
        let count = |wanted| drawn.iter().filter(|&&fault| fault == Some(wanted)).count();
        let (errors, resets) = (count(Behaviour::ServerError), count(Behaviour::ResetAfter));
        assert!((400..600).contains(&errors), "{errors}");
        assert!((1_800..2_200).contains(&resets), "{resets}");
    }

    #[test]
    fn the_seed_decides_everything() {
        let faults = Faults::parse("500=0.5").unwrap();
        assert_eq!(drawn(&faults, 1), drawn(&faults, 1));
        assert_ne!(drawn(&faults, 1), drawn(&faults, 2));
    }

    #[test]
    fn each_target_has_its_own_faults() {
        let faults = Faults::parse("refresh_500=1,login_refused_after=2").unwrap();
        assert_eq!(
            faults.draw(0, Target::Refresh, 1),
            Some(Behaviour::ServerError)
        );
        assert_eq!(faults.draw(0, Target::Invitation, 1), None);
        let logins = [1, 2, 3].map(|nth| faults.draw(0, Target::Login, nth));
        assert_eq!(logins, [None, None, Some(Behaviour::Refused)]);
    }

    #[test]
    fn nonsense_is_refused() {
        for spec in [
            "500",
            "500=2",
            "500=-1",
            "500=NaN",
            "teapot=0.1",
            "500=0.6,hang=0.6",
            "login_refused_after=x",
        ] {
            assert!(Faults::parse(spec).is_err(), "{spec}");
        }
        for spec in ["", " , ", "500=0.1,hang=0.2,html=0.7"] {
            assert!(Faults::parse(spec).is_ok(), "{spec}");
        }
    }
}
