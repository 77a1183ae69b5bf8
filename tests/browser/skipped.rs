//! Says how many tests were left out, so that nobody takes their silence for success.

use std::io::Write as _;
use std::process::Command;

use crate::driver;

#[test]
fn it_is_said_how_many_browser_tests_were_skipped() {
    let listed = Command::new(std::env::current_exe().unwrap()).args(["--list", "--format", "terse"]).output().unwrap();
    let names = String::from_utf8(listed.stdout).unwrap();
    let others = names
        .lines()
        .filter(|line| line.ends_with(": test") && !line.starts_with("support::") && !line.starts_with("skipped::"))
        .count();
    assert!(others > 0, "no browser test found in:\n{names}");
    if driver::is_skipped() {
        // Past the capturing of the test runner.
        writeln!(std::io::stderr(), "STET_SKIP_BROWSER=1: {others} browser tests skipped").unwrap();
    }
}
