//! Figures of benchmarks that run beside a rival.

/// Nanoseconds of processor that all threads of this process have used.
pub(crate) fn processor() -> f64 {
    let tasks = std::fs::read_dir("/proc/self/task").unwrap();
    let used = tasks.filter_map(|task| std::fs::read_to_string(task.ok()?.path().join("schedstat")).ok());
    used.map(|text| text.split_whitespace().next().unwrap().parse::<f64>().unwrap()).sum()
}

/// The median of ratios, and between which they lie.
pub(crate) fn interval(mut ratios: Vec<f64>) -> String {
    ratios.sort_by(f64::total_cmp);
    format!("{:.2} [{:.2} to {:.2}]", ratios[ratios.len() / 2], ratios[0], ratios[ratios.len() - 1])
}
