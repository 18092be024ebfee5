//! Which slices share a program.
//!
//! Slices that are likely to be chosen together do: one run of the machine then answers for all of them. Slices that speak
//! of one tool, server or action stay alone, since few of them are ever chosen together and each makes a program longer.

use super::compile::Program;
use super::dimension::Dimension;
use super::index::Slice;
use super::policy::{Loaded, Unit};
use crate::diagnostic::Diagnostic;
use crate::input::Sections;
use std::collections::BTreeSet;
use std::ops::Range;

/// Most slices of one program. Each has an entry point, which takes one of the machine's 255 registers.
const SLICES_MAX: usize = 100;
/// Most policies of one program, with those that they refer to. regorus takes 256 sources.
const POLICIES_MAX: usize = 200;
/// Rules that one entry point collects. A frame of the virtual machine has 255 registers.
const PART_UNITS_MAX: usize = 64;
/// Most entry points of one program.
const PARTS_MAX: usize = 200;

/// Slices that share a program.
#[derive(Clone)]
pub(super) struct Group {
    /// Their indexes.
    pub(super) slices: Vec<usize>,
    /// What each entry point of the program answers for.
    pub(super) parts: Vec<Vec<Unit>>,
    /// What of the input each entry point needs.
    reads: Vec<Sections>,
    /// The entry points of each slice.
    ranges: Vec<Range<usize>>,
}

impl Group {
    fn new(loaded: &Loaded, members: Vec<usize>, slices: &[Slice]) -> Self {
        let mut group = Self { slices: members, parts: Vec::new(), reads: Vec::new(), ranges: Vec::new() };
        for slice in group.slices.iter().filter_map(|index| slices.get(*index)) {
            let begin = group.parts.len();
            group.parts.extend(slice.units.chunks(PART_UNITS_MAX).map(<[Unit]>::to_vec));
            group.ranges.push(begin..group.parts.len());
        }
        let policies = |units: &Vec<Unit>| loaded.closure(units.iter().map(|unit| unit.policy).collect());
        let reads = |index: usize| loaded.policies.get(index).map_or(Sections::ALL, |policy| policy.reads);
        let of = |units| policies(units).into_iter().map(reads).fold(Sections::default(), Sections::with);
        group.reads = group.parts.iter().map(of).collect();
        group
    }

    /// What of the input these entry points need.
    pub(super) fn reads(&self, parts: &[usize]) -> Sections {
        let of = |part: &usize| self.reads.get(*part).copied().unwrap_or(Sections::ALL);
        parts.iter().map(of).fold(Sections::default(), Sections::with)
    }

    /// The entry points of the chosen slices that are in this group. `chosen` is sorted.
    pub(super) fn parts_of(&self, chosen: &[usize]) -> Vec<usize> {
        let mut parts = Vec::new();
        for (slice, range) in self.slices.iter().zip(&self.ranges) {
            if chosen.binary_search(slice).is_ok() {
                parts.extend(range.clone());
            }
        }
        parts
    }
}

/// Puts slices into groups and compiles each. A group that is too long for one program is cut in two.
pub(super) fn grouped(loaded: &Loaded, slices: &[Slice]) -> Result<Vec<(Group, Program)>, Diagnostic> {
    let (alone, together): (Vec<usize>, Vec<usize>) =
        (0..slices.len()).partition(|index| slices.get(*index).is_some_and(is_selective));
    let mut open: Vec<Vec<usize>> = alone.into_iter().map(|index| vec![index]).collect();
    open.extend(packed(loaded, slices, &together));
    let mut done = Vec::new();
    while let Some(members) = open.pop() {
        let group = Group::new(loaded, members, slices);
        match Program::compile(loaded, &group.parts) {
            Ok(program) => done.push((group, program)),
            Err(fault) if group.slices.len() < 2 => return Err(fault),
            Err(_) => {
                let (left, right) = group.slices.split_at(group.slices.len() / 2);
                open.extend([left.to_vec(), right.to_vec()]);
            }
        }
    }
    done.sort_by(|(left, _), (right, _)| left.slices.cmp(&right.slices));
    Ok(done)
}

fn is_selective(slice: &Slice) -> bool {
    use Dimension as D;
    let first = |clauses: &Vec<super::guard::Clause>| clauses.first()?.field().map(|(dimension, _)| dimension);
    let named = [D::ToolName, D::ActionName, D::ToolServer, D::ActionServer];
    slice.guard.alternatives.iter().all(|clauses| first(clauses).is_some_and(|first| named.contains(&first)))
}

// In the order of their guards, so that neighbours are chosen together.
fn packed(loaded: &Loaded, slices: &[Slice], members: &[usize]) -> Vec<Vec<usize>> {
    let mut groups: Vec<Vec<usize>> = Vec::new();
    let (mut policies, mut parts): (BTreeSet<usize>, usize) = (BTreeSet::new(), 0);
    for index in members {
        let Some(slice) = slices.get(*index) else { continue };
        let more = loaded.closure(slice.units.iter().map(|unit| unit.policy).collect());
        let both = policies.union(&more).count();
        let sum = parts.saturating_add(slice.units.len().div_ceil(PART_UNITS_MAX));
        match groups.last_mut() {
            Some(group) if group.len() < SLICES_MAX && both <= POLICIES_MAX && sum <= PARTS_MAX => {
                group.push(*index);
                policies.extend(more);
                parts = sum;
            }
            _ => {
                groups.push(vec![*index]);
                parts = slice.units.len().div_ceil(PART_UNITS_MAX);
                policies = more;
            }
        }
    }
    groups
}
