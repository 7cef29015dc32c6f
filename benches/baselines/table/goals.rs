//! Whether a figure comes where it must.

use chinwag::bench::median;
use serde_json::{Value, json};

use super::rows::{Bound, Metric, Row};
use crate::database::Kind;

/// What a case's runs came to: first Chinwag's, then each probe's. A probe that was skipped has none.
pub(super) struct Measured {
    pub(super) case: &'static str,
    pub(super) runs: Vec<Vec<Value>>,
}

impl Measured {
    /// A contender's figure in each of its runs.
    fn values(&self, contender: usize, metric: Metric) -> Vec<f64> {
        self.runs[contender].iter().filter_map(|run| run.pointer(metric.pointer)?.as_f64()).collect()
    }

    fn median(&self, contender: usize, metric: Metric) -> Option<f64> {
        let values = self.values(contender, metric);
        (!values.is_empty()).then(|| median(values))
    }

    /// Chinwag's figure, in terms of a probe's.
    fn ratio(&self, probe: usize, metric: Metric) -> Option<f64> {
        Some(self.median(0, metric)? / self.median(probe + 1, metric)?)
    }
}

/// A goal, and how near Chinwag came.
struct Verdict {
    goal: String,
    /// What is compared with the goal.
    came: Option<f64>,
    limit: f64,
    at_most: bool,
}

impl Verdict {
    fn is_met(&self) -> Option<bool> {
        self.came.map(|came| if self.at_most { came <= self.limit } else { came >= self.limit })
    }

    /// In words: met, or missed by so much.
    fn words(&self) -> String {
        match (self.is_met(), self.came) {
            (Some(true), _) => "met".to_owned(),
            (Some(false), Some(came)) => format!("MISSED by {:.0} %", (came / self.limit - 1.0).abs() * 100.0),
            _ => "not known".to_owned(),
        }
    }
}

/// Prints what a row came to, and tells it to programs.
pub(super) fn tell(row: &Row, store: Kind, measured: &[Measured]) -> Value {
    println!("\n{} ({store:?})", row.name);
    let mut seen: Vec<&str> = Vec::new();
    let mut figures = Vec::new();
    for measured in measured {
        println!("  {}", measured.case);
        seen.clear();
        for (metric, _) in row.goals {
            if !seen.contains(&metric.pointer) {
                seen.push(metric.pointer);
                figures.push(tell_metric(row, *metric, measured));
            }
        }
    }
    let verdicts = row.goals.iter().map(|(metric, bound)| {
        let verdict = judge(row, *metric, *bound, store, measured);
        println!("    goal: {}, {}: {}", metric.name, verdict.goal, verdict.words());
        json!({ "metric": metric.name, "goal": verdict.goal, "came": verdict.came, "limit": verdict.limit, "met": verdict.is_met() })
    });
    let verdicts: Vec<Value> = verdicts.collect();
    json!({ "row": row.name, "store": format!("{store:?}").to_lowercase(), "figures": figures, "goals": verdicts })
}

/// A metric of all contenders: medians, and Chinwag's in terms of each probe's.
fn tell_metric(row: &Row, metric: Metric, measured: &Measured) -> Value {
    let names = std::iter::once("Chinwag").chain(row.probes.iter().map(|probe| probe.name));
    let mut all = Vec::new();
    println!("    {}", metric.name);
    for (contender, name) in names.enumerate() {
        let values = measured.values(contender, metric);
        let median = measured.median(contender, metric);
        let ratio = contender.checked_sub(1).and_then(|probe| measured.ratio(probe, metric));
        let figure = median.map_or("not known".to_owned(), |median| format!("{median:.*}", metric.decimals));
        let times = ratio.map_or(String::new(), |ratio| format!("   Chinwag is {ratio:.2} times that"));
        println!("      {name:<24}{figure:>14}{times}");
        all.push(json!({ "name": name, "median": median, "runs": values, "chinwag_over_it": ratio }));
    }
    json!({ "case": measured.case, "metric": metric.name, "contenders": all })
}

fn judge(row: &Row, metric: Metric, bound: Bound, store: Kind, measured: &[Measured]) -> Verdict {
    let place = usize::from(store == Kind::Postgres);
    let (first, last) = (measured.first(), measured.last());
    let came = first.and_then(|measured| measured.median(0, metric));
    let ratio = |probe| first.and_then(|measured: &Measured| measured.ratio(probe, metric));
    let name = |probe: usize| row.probes[probe].name;
    match bound {
        Bound::AtMostTimes(limit, probe) => {
            let goal = format!("at most {limit} times {}", name(probe));
            Verdict { goal, came: ratio(probe), limit, at_most: true }
        }
        Bound::AtLeastTimes(limits, probe) => {
            let limit = limits[place];
            let goal = format!("at least {limit:.3} times {}", name(probe));
            Verdict { goal, came: ratio(probe), limit, at_most: false }
        }
        Bound::AtMost(limit) => Verdict { goal: format!("at most {limit}"), came, limit, at_most: true },
        Bound::AtLeast(limits) => {
            let limit = limits[place];
            Verdict { goal: format!("at least {limit}"), came, limit, at_most: false }
        }
        Bound::GrowsAtMost(limit, probe) => {
            let last = last.and_then(|measured| measured.ratio(probe, metric));
            let came = ratio(probe).zip(last).map(|(first, last)| last / first);
            let goal = format!("over {} grows at most {limit} times from the first size to the last", name(probe));
            Verdict { goal, came, limit, at_most: true }
        }
    }
}
