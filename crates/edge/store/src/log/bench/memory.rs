//! Memory of this process as the kernel counts it.

use super::BenchCase;

/// Resident memory in bytes; none where the kernel does not say.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kilobytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kilobytes.checked_mul(1_024)
}

/// Resident memory now, as a case: `n` is the number of records in the log.
pub(super) fn resident(when: &str, records: u64) -> Option<BenchCase> {
    let mebibytes = resident_bytes()? as f64 / f64::from(1 << 20);
    let name = format!("memory: {when}");
    Some(BenchCase { name, unit: "MiB", p50: mebibytes, p99: mebibytes, rate: 0.0, n: records })
}
