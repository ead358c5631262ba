//! Speaks the vendor's API: tokens, one request for one invitation, one answer read into one [`Outcome`].
//!
//! Left out on purpose: no retry, no sleeping, no second attempt, no ledger. Every call here is one exchange, bounded in
//! time and size, and says exactly whether its request began to leave: the rest is decided where ledger and limits are known.
//!
//! Read first: [`answer`](read_answer), the table that says which answer means what; then `client.rs`.
//!
//! [`Outcome`]: crate::model::Outcome

mod answer;
mod client;
mod connection;
mod forms;
mod notify;
mod transport;
mod vendor_text;

pub use answer::{Body, RawAnswer, read_answer};
pub use client::{AccessToken, AdminToken, Client, ContractTypeEntry};
pub use connection::{BaseUrl, Way};
pub use forms::read_form;
pub use notify::{Notice, Notifier};
pub use transport::Fence;
