//! Speaks the vendor's API: tokens, one request for one invitation, one answer read into one outcome.
