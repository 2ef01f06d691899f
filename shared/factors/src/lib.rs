//! What people prove with who they are: passwords, codes of an authenticator, recovery codes, passkeys.
//!
//! As in the domain, time and randomness are arguments, and nothing here reads or writes anything. It is a crate of its own because
//! dictionaries, Argon2 and QR codes are of no use to most functions.

mod cbor;
pub mod cose;
pub mod password;
pub mod recovery;
pub mod totp;
pub mod webauthn;
