//! What tests share: a cluster, a database and a site for each test, and a browser without script.

pub mod browser;
pub mod cluster;
pub mod site;
