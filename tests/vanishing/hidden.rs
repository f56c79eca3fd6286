//! Workers that are hard to find.
