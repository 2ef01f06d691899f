//! The store over a DynamoDB in this process.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod audit;
mod guard;
mod migration;
mod platform;
mod releases;
mod report;
mod usage;
