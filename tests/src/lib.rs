//! What the tests of this crate share.

pub mod counterpart;
pub mod described;
pub mod directory;
pub mod forms;
pub mod fuzz;
pub mod home;
pub mod house;
pub mod household;
pub mod ids;
pub mod kms;
pub mod line;
pub mod mailbox;
pub mod operated;
pub mod people;
pub mod place;
pub mod policy;
pub mod recorded;
pub mod released_app;
pub mod sample;
pub mod seed;
pub mod stack;
pub mod template;
pub mod unreliable;
pub mod upstream;
pub mod workspaces;
pub mod world;

pub use rookery_authenticator as authenticator;
