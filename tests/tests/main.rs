//! The API as its users meet it: over every area's real route table, in this process. Each file is about one part of it. All are
//! one program, because linking the platform into one for each of them takes longer than running most of them.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod catalog;
mod chain;
mod delegation;
mod device;
mod documents;
mod factors;
mod federation;
mod fuzz;
mod grants;
mod groups;
mod identity;
mod identity_providers;
mod isolation;
mod keys;
mod logs;
mod notifications;
mod oauth_clients;
mod openapi;
mod passkeys;
mod passwords;
mod people;
mod platform;
mod policies;
mod projects;
mod provider;
mod quotas;
mod releases;
mod rights;
mod scim;
mod scim_protocol;
mod second_factor_again;
mod sessions;
mod template;
mod tenancy;
mod tenant_sessions;
mod tokens;
mod tree;
mod workloads;
mod workspaces;
