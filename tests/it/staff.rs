//! People: the first run, signing in and out, throttles, sessions, roles.

mod first_run;
mod people;
mod sessions;
mod sign_in;
