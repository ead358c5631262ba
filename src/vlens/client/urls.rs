//! The addresses of the calls.

use reqwest::Url;

use crate::error::Error;
use crate::vlens::BaseUrl;

/// The addresses of the calls, put together once.
pub(super) struct Urls {
    pub(super) login: Url,
    pub(super) refresh: Url,
    pub(super) create_invitation: Url,
    pub(super) create_auth_session: Url,
    pub(super) contract_types: Url,
    pub(super) template_fields: Url,
}

impl Urls {
    pub(super) fn under(base_url: &BaseUrl) -> Result<Urls, Error> {
        let url = |path: &str| {
            Url::parse(&format!("{base_url}/api/{path}")).map_err(|error| {
                Error::unusable("base_url_invalid", format!("The API's address: {error}."))
            })
        };
        Ok(Urls {
            login: url("credentials/Login")?,
            refresh: url("credentials/RefreshToken")?,
            create_invitation: url("IdentityUserSession/CreateInvitation")?,
            create_auth_session: url("IdentityUserSession/CreateAuthSession")?,
            contract_types: url("BusinessRequest/GetAllRequestTypes")?,
            template_fields: url("BusinessRequest/GetBusinessRequestTypeTemplateFields")?,
        })
    }
}
