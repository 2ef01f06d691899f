//! The platform as a provider of identities, as browsers and clients meet it. The cases of the `OpenID` conformance suite's basic, config,
//! PKCE, refresh, logout and error profiles stand here under the suite's own names.

mod codes;
mod consents;
mod device;
mod factors;
mod gone;
mod house;
mod login;
mod logout;
mod pages;
mod passkeys;
