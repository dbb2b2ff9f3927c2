//! Sample views.
