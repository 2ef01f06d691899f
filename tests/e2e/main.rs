//! The deployed stack as it is: functions, roles, queues, S3 and KMS. Each file is about one part of it.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod access;
mod catalog;
mod chain;
mod counterparts;
mod eraser;
mod federation;
mod flood;
mod fuzz;
mod identity;
mod invoke;
mod login;
mod meter;
mod operator;
mod passkeys;
mod people;
mod readme;
mod release;
mod scim;
mod stack_chain;
