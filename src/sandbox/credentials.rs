//! The sandbox's one account. It is fixed and public, so that a rehearsal's ledger stays bound to the same tenant.

use crate::model::Secret;

pub(super) const API_KEY: &str = "sandbox-api-key";
pub(super) const TENANCY_NAME: &str = "sandbox";
pub(super) const USERNAME: &str = "admin@sandbox.example";
pub(super) const PASSWORD: &str = "sandbox-password";

/// What a client needs to log in to the sandbox.
#[derive(Debug, Clone)]
pub struct Credentials {
    /// For the `ApiKey` header: `sandbox-api-key`.
    pub api_key: Secret,
    /// The tenant: `sandbox`.
    pub tenancy_name: String,
    /// The admin: `admin@sandbox.example`.
    pub username: String,
    /// The admin's password: `sandbox-password`.
    pub password: Secret,
}

impl Credentials {
    /// The account that every sandbox knows.
    pub fn of_the_sandbox() -> Self {
        Credentials {
            api_key: Secret::new(API_KEY),
            tenancy_name: TENANCY_NAME.to_owned(),
            username: USERNAME.to_owned(),
            password: Secret::new(PASSWORD),
        }
    }
}
