//! Reading what was written: all of it verified, some of it proved.

use super::latencies::Latencies;
use super::{BenchCase, BenchProgress, BenchStep, LogError, memory};
use crate::log::keys::read_public;
use crate::log::layout::PUBLIC_KEY_FILE;
use crate::log::{Damage, Reader, VerifyOptions, Wrong};
use holdshort_ledger::TlogProof;
use std::path::Path;
use std::time::Instant;

/// Spreads the records that are proved over the log (a multiplier of Knuth's, odd).
const SPREAD: u64 = 0x9e37_79b9_7f4a_7c15;

pub(super) fn verify(log: &Path, progress: BenchProgress<'_>) -> Result<Vec<BenchCase>, LogError> {
    let begin = Instant::now();
    let verified = super::super::verify(log, &VerifyOptions::default(), &mut |at| {
        progress(BenchStep { case: "verify", done: at.done, total: at.total, unit: "records" });
    })?;
    let (elapsed, n) = (begin.elapsed().as_secs_f64(), verified.checkpoint.size);
    let each = elapsed * 1e6 / (n as f64).max(1.0);
    let rate = n as f64 / elapsed.max(f64::MIN_POSITIVE);
    let case = BenchCase { name: "verify the whole log, a record".into(), unit: "us", p50: each, p99: each, rate, n };
    Ok([case].into_iter().chain(memory::resident("the log is verified", n)).collect())
}

pub(super) fn prove(log: &Path, proofs: u32, progress: BenchProgress<'_>) -> Result<Vec<BenchCase>, LogError> {
    let size = Reader::open(log)?.size();
    let key = read_public(&log.join(PUBLIC_KEY_FILE))?;
    let (mut making, mut checking) = (Latencies::new(), Latencies::new());
    let (begin, mut checked) = (Instant::now(), std::time::Duration::ZERO);
    for number in 0..u64::from(proofs).min(size) {
        let index = number.wrapping_mul(SPREAD) % size.max(1);
        let start = Instant::now();
        let proof = super::super::prove(log, index, true)?.to_string();
        making.add(start.elapsed());
        let start = Instant::now();
        let verify = || {
            let proof = TlogProof::parse(proof.as_bytes())?;
            proof.verify(&proof.disclosure()?.entry().leaf(), &key)
        };
        verify().map_err(|error| Damage::new(PUBLIC_KEY_FILE, 0, Some(index), Wrong::Format(error.to_string())))?;
        checking.add(start.elapsed());
        checked = checked.saturating_add(start.elapsed());
        progress(BenchStep { case: "prove", done: number, total: proofs.into(), unit: "records" });
    }
    let proved = begin.elapsed().saturating_sub(checked);
    Ok(vec![
        BenchCase::new(format!("prove one of {size}, with the record"), &making, proved, 1),
        BenchCase::new("check such a proof", &checking, checked, 1),
    ])
}
