//! A local stand-in for the vendor's API, written from the published facts and not from the client in `vlens/`, so that
//! the two check each other. It serves on loopback only, and it is strict where the vendor may be lenient.
//!
//! Its faults are real ones: it has a hand on every connection, so that it can reset, cut, drip and hang.
//! It leaves out what is unknown of the vendor: a repeated invitation is simply accepted again, with another token.
//!
//! # What the sandbox answers
//!
//! | `error_code` | HTTP | when |
//! | --- | --- | --- |
//! | 400 | 400 | the body is not JSON, lacks a member, has an unknown one (casing counts) or one of a wrong type |
//! | 401 | 401 | `ApiKey` or bearer missing, wrong or expired |
//! | 404, 405, 413, 415 | same | unknown address, wrong method, over 1 MiB, not `application/json` |
//! | 429 | 429 | past a rate limit, with `Retry-After` in seconds |
//! | 1001 | 400 | neither `phoneNumber` nor `email` |
//! | 1002 | 400 | `phoneNumber` is not E.164 |
//! | 1003 | 400 | `email` is not an address |
//! | 1004 | 400 | no contract type, or an unknown one (HTTP 200 for `GetBusinessRequestTypeTemplateFields`) |
//! | 1005 | 400 | `RequestFieldsValues` names a type that is not allowed, or a key that is not on its form |
//! | 1007 | 400, 422 | magic recipients only: the value of a field is refused |
//! | 1008 | 200, 409 | magic recipients only: the customer has a pending request |
//! | 2001 | 401 | the login is refused |
//! | 2002 | 401 | `TenancyName` missing or unknown |
//! | 2003 | 401 | the refresh token is unknown, used or expired |
//!
//! # The log
//!
//! One JSON object a line, appended before the answer leaves: `at_ms` (arrival, Unix milliseconds), `path`, `key` (phone, else e-mail, in
//! full), `accepted` (a session was created, whatever the client gets to see), `token` if so, `status` (null when none left), `fault` (its
//! name in `behaviours.toml`), and for sessions `body`.

mod api;
mod faults;
mod http;
mod server;
mod tenant;

pub use faults::{BEHAVIOURS, Behaviour};
pub use server::{Sandbox, SandboxOptions};
pub use tenant::{API_KEY, PASSWORD, TENANCY_NAME, USERNAME};
