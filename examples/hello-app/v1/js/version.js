// One namespace for the page: classic scripts, because browsers refuse ES modules on file:// pages.
window.rookery = { version: "1.0.0" };
