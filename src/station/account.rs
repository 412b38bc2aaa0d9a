//! The account of the operating system that the program runs under. Until a station has users, that is the person.

/// Name of the account; on Linux from the kernel's view of this process, so that the environment cannot change it.
pub fn account_name() -> String {
    by_process()
        .or_else(|| std::env::var("USER").ok())
        .or_else(|| std::env::var("USERNAME").ok())
        .unwrap_or_else(|| "unknown".to_owned())
}

#[cfg(target_os = "linux")]
fn by_process() -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    let id = std::fs::metadata("/proc/self").ok()?.uid();
    let accounts = std::fs::read_to_string("/etc/passwd").ok()?;
    let line = accounts.lines().find(|line| line.split(':').nth(2).and_then(|field| field.parse().ok()) == Some(id));
    Some(line.and_then(|line| line.split(':').next()).map_or_else(|| format!("uid {id}"), str::to_owned))
}

#[cfg(not(target_os = "linux"))]
fn by_process() -> Option<String> {
    None
}
