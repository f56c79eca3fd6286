//! Numbers made of many.

/// The middle, and the middle of each half.
#[derive(Clone, Copy)]
pub(crate) struct Spread {
    pub(crate) lower: f64,
    pub(crate) median: f64,
    pub(crate) upper: f64,
}

impl Spread {
    pub(crate) fn of(measured: &[f64]) -> Self {
        let mut sorted = measured.to_vec();
        sorted.sort_by(f64::total_cmp);
        let at = |quarter: usize| {
            let last = sorted.len() - 1;
            let (low, rest) = (last * quarter / 4, last * quarter % 4);
            let high = if rest == 0 { low } else { low + 1 };
            sorted[low] + (sorted[high] - sorted[low]) * float(rest as u64) / 4.0
        };
        Self {
            lower: at(1),
            median: at(2),
            upper: at(3),
        }
    }
}

/// The power of N with which a cost grows: the slope of the line through the logarithms.
pub(crate) fn exponent(costs: &[(u32, f64)]) -> f64 {
    let points = costs
        .iter()
        .map(|(n, cost)| (f64::from(*n).ln(), cost.ln()));
    let points: Vec<(f64, f64)> = points.collect();
    let count = float(points.len() as u64);
    let mean = |part: fn(&(f64, f64)) -> f64| points.iter().map(part).sum::<f64>() / count;
    let (x, y) = (mean(|point| point.0), mean(|point| point.1));
    let both = points.iter().map(|point| (point.0 - x) * (point.1 - y));
    let square = points.iter().map(|point| (point.0 - x).powi(2));
    both.sum::<f64>() / square.sum::<f64>()
}

/// Between two times in nanoseconds.
pub(crate) fn milliseconds(from: u64, to: u64) -> f64 {
    float(to.saturating_sub(from)) / 1e6
}

/// A count as a number with a fraction: exact to far beyond what is measured here.
#[expect(clippy::cast_precision_loss, reason = "less than 2^52")]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}
