//! What the server's processes use, its Postgres included: CPU time by request, and memory.

use std::collections::HashMap;
use std::fs;
use std::process::Command;
use std::sync::LazyLock;

use crate::drive::Run;
use crate::process::Process;

/// A run and the CPU time the watched processes used meanwhile.
#[derive(Debug, Clone)]
pub struct Costed {
    pub run: Run,
    pub cpu_s: f64,
}

static TICKS_A_SECOND: LazyLock<f64> = LazyLock::new(|| {
    let output = Command::new("getconf").arg("CLK_TCK").output().ok();
    output.and_then(|output| String::from_utf8(output.stdout).ok()?.trim().parse().ok()).unwrap_or(100.0)
});

/// Runs a load and counts the CPU time of Stet and its Postgres.
pub fn cost(site: &Process, load: impl FnOnce() -> Run) -> Costed {
    let before = used(site);
    let run = load();
    Costed { run, cpu_s: used(site) - before }
}

/// The same for other processes.
pub fn cost_of(processes: &[u32], load: impl FnOnce() -> Run) -> Costed {
    let seconds = || processes.iter().filter_map(|id| ticks(*id)).map(|ticks| ticks.own).sum::<f64>() / *TICKS_A_SECOND;
    let before = seconds();
    let run = load();
    Costed { run, cpu_s: seconds() - before }
}

struct Ticks {
    own: f64,
    /// Of children that have ended and were waited for.
    ended: f64,
}

// proc(5): after the name in brackets come state and parent; user and system time are fields 14 to 17.
fn ticks(id: u32) -> Option<Ticks> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    let fields: Vec<&str> = text.rsplit_once(')')?.1.split_whitespace().collect();
    let field = |number: usize| fields.get(number - 3).and_then(|text| text.parse::<f64>().ok());
    Some(Ticks { own: field(14)? + field(15)?, ended: field(16)? + field(17)? })
}

/// A Postgres backend that ended is counted by its postmaster, so that nothing is lost when connections close.
fn used(site: &Process) -> f64 {
    let postmaster = site.postgres().unwrap();
    let server = ticks(postmaster).unwrap();
    let backends: f64 = children(postmaster).iter().filter_map(|id| ticks(*id)).map(|ticks| ticks.own).sum();
    (ticks(site.id()).unwrap().own + server.own + server.ended + backends) / *TICKS_A_SECOND
}

pub fn children(parent: u32) -> Vec<u32> {
    let ids = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.ok()?.file_name().to_str()?.parse().ok());
    ids.filter(|id| parent_of(*id) == Some(parent)).collect()
}

fn parent_of(id: u32) -> Option<u32> {
    let text = fs::read_to_string(format!("/proc/{id}/stat")).ok()?;
    text.rsplit_once(')')?.1.split_whitespace().nth(1)?.parse().ok()
}

/// Proportional set size, bytes: of Stet and of its Postgres, whose processes share memory.
pub fn memory(site: &Process) -> (u64, u64) {
    let postmaster = site.postgres().unwrap();
    let backends: u64 = children(postmaster).into_iter().map(pss).sum();
    (pss(site.id()), pss(postmaster) + backends)
}

fn pss(id: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{id}/smaps_rollup")).unwrap_or_default();
    let fields: HashMap<&str, &str> = text.lines().filter_map(|line| line.split_once(':')).collect();
    fields.get("Pss").and_then(|value| value.trim().trim_end_matches(" kB").parse::<u64>().ok()).unwrap_or(0) * 1024
}
