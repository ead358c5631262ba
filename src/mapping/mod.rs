//! Turns one row into one invitation by the mapping, or into the full list of its problems.
//!
//! In the order of a row's way: [`Config`] is the TOML as it is meant, [`Mapping::bind`] ties it to a sheet's columns,
//! [`Mapping::apply`] maps one row. Everything here is pure: the TOML comes in as text, forms and keys as values; no file,
//! clock or network, and no difference between CSV and XLSX.

mod apply;
mod aside;
mod bind;
pub mod config;
mod diagnostics;
mod fields;
mod form;
pub mod guess;
mod header;
mod invitation;
pub mod names;
mod portal;
mod reading;
mod template;
pub mod value;

pub use bind::Mapping;
pub use config::Config;
pub(crate) use config::Text;
pub use form::{BindOptions, form_changes, type_of};
pub use invitation::is_invitation;
pub use portal::Portal;
pub(crate) use reading::ACCOUNT;
