//! Speaks the vendor's API: tokens, one request for one invitation, one answer read into one [`Outcome`].
//!
//! Left out on purpose: no retry, no sleeping, no second attempt, no ledger. Every call here is one exchange, bounded in
//! time and size, and says exactly whether its request began to leave: the rest is decided where ledger and pace are known.
//!
//! Read first: [`answer`](read_answer), the table that says which answer means what; then `client.rs`.
//!
//! [`Outcome`]: crate::model::Outcome

mod answer;
mod base_url;
mod client;
mod connector;
mod data;
mod envelope;
mod exchange;
mod form;
mod gated_body;
mod retry_after;
mod token;
mod vendor_text;

pub use answer::{Body, RawAnswer, read_answer};
pub use base_url::BaseUrl;
pub use client::{Answer, Client, ClientOptions, ContractTypeEntry};
pub use data::ReadError;
pub use form::read_form;
pub use token::{AdminToken, TokenError};
