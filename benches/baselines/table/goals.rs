//! Compares the results with the goals, and prints both.

use chinwag::bench::median;
use serde_json::{Value, json};

use super::rows::{Bound, Metric, Row};
use crate::database::StoreKind;

/// The results of a case, for each system: Chinwag first, then the row's baselines. A baseline that was skipped has none.
pub(super) struct CaseRuns {
    pub(super) case: &'static str,
    pub(super) runs: Vec<Vec<Value>>,
}

impl CaseRuns {
    /// Returns the metric of a system in each of its runs.
    fn values(&self, system: usize, metric: Metric) -> Vec<f64> {
        self.runs[system].iter().filter_map(|run| run.pointer(metric.pointer)?.as_f64()).collect()
    }

    fn median(&self, system: usize, metric: Metric) -> Option<f64> {
        let values = self.values(system, metric);
        (!values.is_empty()).then(|| median(values))
    }

    /// Returns Chinwag's median divided by a baseline's.
    fn ratio(&self, baseline: usize, metric: Metric) -> Option<f64> {
        Some(self.median(0, metric)? / self.median(baseline + 1, metric)?)
    }
}

/// A goal, and Chinwag's value.
struct GoalResult {
    goal: String,
    /// The value, or the ratio, that is compared with the limit.
    actual: Option<f64>,
    limit: f64,
    at_most: bool,
}

impl GoalResult {
    fn is_met(&self) -> Option<bool> {
        self.actual.map(|actual| if self.at_most { actual <= self.limit } else { actual >= self.limit })
    }

    /// Returns `met`, or by how much the goal is missed.
    fn describe(&self) -> String {
        match (self.is_met(), self.actual) {
            (Some(true), _) => "met".to_owned(),
            (Some(false), Some(actual)) => format!("MISSED by {:.0} %", (actual / self.limit - 1.0).abs() * 100.0),
            _ => "not known".to_owned(),
        }
    }
}

/// Prints the results of a row. Returns them as JSON.
pub(super) fn report_row(row: &Row, store: StoreKind, cases: &[CaseRuns]) -> Value {
    println!("\n{} ({store:?})", row.name);
    let mut reported: Vec<&str> = Vec::new();
    let mut figures = Vec::new();
    for runs in cases {
        println!("  {}", runs.case);
        reported.clear();
        for (metric, _) in row.goals {
            if !reported.contains(&metric.pointer) {
                reported.push(metric.pointer);
                figures.push(report_metric(row, *metric, runs));
            }
        }
    }
    let results = row.goals.iter().map(|(metric, bound)| {
        let result = evaluate(row, *metric, *bound, store, cases);
        println!("    goal: {}, {}: {}", metric.name, result.goal, result.describe());
        json!({ "metric": metric.name, "goal": result.goal, "came": result.actual, "limit": result.limit, "met": result.is_met() })
    });
    let results: Vec<Value> = results.collect();
    json!({ "row": row.name, "store": format!("{store:?}").to_lowercase(), "figures": figures, "goals": results })
}

/// Prints a metric of all systems: their medians, and Chinwag's as a multiple of each baseline's. Returns them as JSON.
fn report_metric(row: &Row, metric: Metric, runs: &CaseRuns) -> Value {
    let names = std::iter::once("Chinwag").chain(row.baselines.iter().map(|baseline| baseline.name));
    let mut all = Vec::new();
    println!("    {}", metric.name);
    for (system, name) in names.enumerate() {
        let values = runs.values(system, metric);
        let median = runs.median(system, metric);
        let ratio = system.checked_sub(1).and_then(|baseline| runs.ratio(baseline, metric));
        let figure = median.map_or("not known".to_owned(), |median| format!("{median:.*}", metric.decimals));
        let times = ratio.map_or(String::new(), |ratio| format!("   Chinwag is {ratio:.2} times that"));
        println!("      {name:<24}{figure:>14}{times}");
        all.push(json!({ "name": name, "median": median, "runs": values, "chinwag_over_it": ratio }));
    }
    json!({ "case": runs.case, "metric": metric.name, "contenders": all })
}

fn evaluate(row: &Row, metric: Metric, bound: Bound, store: StoreKind, cases: &[CaseRuns]) -> GoalResult {
    let index = usize::from(store == StoreKind::Postgres);
    let (first, last) = (cases.first(), cases.last());
    let actual = first.and_then(|runs| runs.median(0, metric));
    let ratio = |baseline| first.and_then(|runs: &CaseRuns| runs.ratio(baseline, metric));
    let name = |baseline: usize| row.baselines[baseline].name;
    match bound {
        Bound::AtMostTimes(limit, baseline) => {
            let goal = format!("at most {limit} times {}", name(baseline));
            GoalResult { goal, actual: ratio(baseline), limit, at_most: true }
        }
        Bound::AtLeastTimes(limits, baseline) => {
            let limit = limits[index];
            let goal = format!("at least {limit:.3} times {}", name(baseline));
            GoalResult { goal, actual: ratio(baseline), limit, at_most: false }
        }
        Bound::AtMost(limit) => GoalResult { goal: format!("at most {limit}"), actual, limit, at_most: true },
        Bound::AtLeast(limits) => {
            let limit = limits[index];
            GoalResult { goal: format!("at least {limit}"), actual, limit, at_most: false }
        }
        Bound::GrowsAtMost(limit, baseline) => {
            let last = last.and_then(|runs| runs.ratio(baseline, metric));
            let actual = ratio(baseline).zip(last).map(|(first, last)| last / first);
            let goal = format!("over {} grows at most {limit} times from the first size to the last", name(baseline));
            GoalResult { goal, actual, limit, at_most: true }
        }
    }
}
