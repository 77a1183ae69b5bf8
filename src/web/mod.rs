//! The edge: routes, handlers, pages. The only module that knows actix; it holds no Diesel.

pub mod appearance;
pub mod articles;
pub mod assets;
pub mod cached_pages;
pub mod compress;
pub mod cookies;
pub mod desk;
pub mod error;
pub mod error_pages;
pub mod extract;
pub mod feeds;
pub mod headers;
pub mod health;
pub mod media;
pub mod metrics;
pub mod page;
pub mod rate_limit;
pub mod routes;
pub mod server;
pub mod shell;
pub mod structured;
pub mod subscriptions;
pub mod views;
