//! The publish transaction.
