//! The table that is printed, and the ratios with their gates and bars.

use crate::processes::Costed;

/// One thing measured some rounds long.
pub struct Row {
    pub what: String,
    pub how: String,
    pub runs: Vec<Costed>,
    pub bytes: Option<usize>,
    pub memory: Option<(u64, u64)>,
}

impl Row {
    pub fn new(what: &str, how: &str) -> Self {
        Self { what: what.to_owned(), how: how.to_owned(), runs: Vec::new(), bytes: None, memory: None }
    }

    fn middle(&self, of: impl Fn(&Costed) -> f64) -> f64 {
        median(self.runs.iter().map(of).collect())
    }

    /// Requests a second.
    pub fn rate(&self) -> f64 {
        self.middle(|costed| costed.run.requests as f64 / costed.run.seconds)
    }

    /// What one request in a hundred takes longer than.
    pub fn p99_ms(&self) -> f64 {
        self.middle(|costed| costed.run.p99_ms)
    }

    /// CPU of all watched processes, by request.
    pub fn cpu_ms(&self) -> f64 {
        self.middle(|costed| costed.cpu_s * 1_000.0 / costed.run.requests as f64)
    }
}

/// The middle one; of an even number the higher of the two.
pub fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
}

pub fn megabytes(bytes: u64) -> String {
    format!("{:.0} MB", bytes as f64 / 1_000_000.0)
}

/// Everything told at the end.
#[derive(Default)]
pub struct Table {
    pub rows: Vec<Row>,
    verdicts: Vec<String>,
}

impl Table {
    /// A figure that should be high. `gate`: issue 2's; `bar`: where the product must end.
    pub fn ratio(&mut self, what: &str, value: f64, gate: Option<f64>, bar: Option<f64>) {
        let verdict = |limit: f64| format!("{} (≥ {limit})", if value >= limit { "pass" } else { "MISSED" });
        self.verdict(what, value, gate.map(verdict), bar.map(verdict));
    }

    /// A figure that should be low.
    pub fn at_most(&mut self, what: &str, value: f64, gate: Option<f64>, bar: Option<f64>) {
        let verdict = |limit: f64| format!("{} (≤ {limit})", if value <= limit { "pass" } else { "MISSED" });
        self.verdict(what, value, gate.map(verdict), bar.map(verdict));
    }

    fn verdict(&mut self, what: &str, value: f64, gate: Option<String>, bar: Option<String>) {
        let part = |name: &str, verdict: Option<String>| {
            verdict.map_or(String::new(), |verdict| format!("  {name} {verdict}"))
        };
        self.verdicts.push(format!("{what:<62} {value:>8.2}{}{}", part("gate", gate), part("bar", bar)));
    }

    pub fn print(&self) {
        println!(
            "\n{:<30} {:<28} {:>9} {:>8} {:>8} {:>7} {:>9} {:>8} {:>9} {:>7} {:>7}",
            "what", "how", "req/s", "p50 ms", "p99 ms", "errors", "requests", "bytes", "CPU ms", "Stet", "PG"
        );
        for row in &self.rows {
            let total: u64 = row.runs.iter().map(|costed| costed.run.requests).sum();
            let errors: u64 = row.runs.iter().map(|costed| costed.run.errors).sum();
            let memory =
                |of: fn((u64, u64)) -> u64| row.memory.map_or("–".to_owned(), |memory| megabytes(of(memory)));
            println!(
                "{:<30} {:<28} {:>9.0} {:>8.2} {:>8.2} {errors:>7} {total:>9} {:>8} {:>9.3} {:>7} {:>7}",
                row.what,
                row.how,
                row.rate(),
                row.middle(|costed| costed.run.p50_ms),
                row.middle(|costed| costed.run.p99_ms),
                row.bytes.map_or("–".to_owned(), |bytes| bytes.to_string()),
                row.cpu_ms(),
                memory(|both| both.0),
                memory(|both| both.1),
            );
        }
        println!();
        self.verdicts.iter().for_each(|line| println!("{line}"));
        let errors: u64 = self.rows.iter().flat_map(|row| &row.runs).map(|costed| costed.run.errors).sum();
        println!("{:<62} {errors:>8}     must be 0: {}", "errors", if errors == 0 { "pass" } else { "MISSED" });
    }
}
