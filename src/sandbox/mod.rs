//! A local stand-in for the vendor's API, written from the published facts.
