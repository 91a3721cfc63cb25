//! Shrinking: a schedule without the steps that its failure does not need.

/// The most runs for one schedule.
const MOST_RUNS: usize = 300;

/// The smallest set of steps, by index, with which a schedule still fails, as far as it is found.
pub(crate) fn shrink(steps: usize, mut fails: impl FnMut(&[usize]) -> bool) -> Vec<usize> {
    let mut kept: Vec<usize> = (0..steps).collect();
    let mut chunk = kept.len().div_ceil(2);
    let mut runs = 0;
    while chunk > 0 {
        let mut at = 0;
        while at < kept.len() && runs < MOST_RUNS {
            let mut fewer = kept.clone();
            fewer.drain(at..(at + chunk).min(kept.len()));
            runs += 1;
            if fails(&fewer) {
                kept = fewer;
            } else {
                at += chunk;
            }
        }
        chunk /= 2;
    }
    kept
}
