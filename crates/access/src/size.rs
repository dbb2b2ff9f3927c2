//! The size of an access, as it counts: figures that contradict each other count by the larger.
//!
//! Services read different figures: a scheduler enforces GPUs and walltime, an account the
//! GPU-hours. Invariant: no reading of the granted figures gives more than the gate's limits, and
//! no run may last longer than its permit.

use sekisho_ambient::Timestamp;

use crate::holder::{Ends, Holder};
use crate::{Facts, Gate, GpuAccessRequest};

/// Seconds of an hour.
const HOUR: i64 = 3600;

/// The size of a requested access, and the longest run that is allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Size {
    /// The length of one run in hours, at least 1: the one that the request names, else as many
    /// whole hours as its GPU-hours (or the gate's) last for all its GPUs, up to `longest_run`.
    pub(crate) walltime_h: u32,
    /// The GPU-hours: those that the request names, or all GPUs for one whole run if that is more.
    pub(crate) gpu_hours: u64,
    /// The longest run that is allowed, in whole hours. It is 0 in the last hour of a permit.
    pub(crate) longest_run: u32,
}

impl Size {
    /// Returns the size of the request in `facts`. `expires` is the end of its permit.
    pub(crate) fn of(facts: &Facts<'_>, expires: Timestamp) -> Self {
        let longest_run = longest_run(facts.gate, facts.now, expires);
        Self::bounded(facts.request, facts.gate, longest_run)
    }

    fn bounded(request: &GpuAccessRequest, gate: &Gate, longest_run: u32) -> Self {
        let gpus = u64::from(request.gpus).max(1);
        let walltime_h = request.walltime_h.unwrap_or_else(|| {
            let budget = u64::from(request.gpu_hours.unwrap_or(gate.max_gpu_hours));
            let lasting = u32::try_from(budget / gpus).unwrap_or(u32::MAX);
            lasting.min(longest_run).max(1)
        });
        let by_run = gpus * u64::from(walltime_h);
        let gpu_hours = request.gpu_hours.map_or(by_run, |named| by_run.max(named.into()));
        Self { walltime_h, gpu_hours, longest_run }
    }
}

/// Returns the longest run in whole hours: the gate's limit, or else the length of its permits, and
/// never beyond the end of this permit.
fn longest_run(gate: &Gate, now: Timestamp, expires: Timestamp) -> u32 {
    let left = u32::try_from(expires.since(now).max(0) / HOUR).unwrap_or(u32::MAX);
    gate.max_walltime_h.unwrap_or(gate.permit_hours).min(left)
}

/// Returns when the permit ends: at the earliest of the gate's own limit and the ends of the
/// credentials' validity. An end that has passed does not count: a rule of its own refuses it.
pub(crate) fn expires(facts: &Facts<'_>, holder: &Holder) -> Timestamp {
    let limit = facts.gate.latest_end(facts.now);
    let affiliation = holder.affiliation.as_ref().and_then(|shown| match &shown.ends {
        Ends::On(day) => Some(day.end),
        Ends::Unsaid | Ends::Unreadable => None,
    });
    let training = facts.gate.training.as_ref().and(holder.training.as_ref());
    let training = training.and_then(|shown| shown.ends.as_ref()).map(|day| day.end);
    let ends = [affiliation, training].into_iter().flatten().filter(|end| *end >= facts.now);
    ends.fold(limit, Timestamp::min)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::samples::gate;

    fn size(gpus: u32, gpu_hours: Option<u32>, walltime_h: Option<u32>) -> (u32, u64) {
        let smallest = GpuAccessRequest::smallest("hokkai");
        let request = GpuAccessRequest { gpus, gpu_hours, walltime_h, ..smallest };
        let size = Size::bounded(&request, &gate(), 24);
        (size.walltime_h, size.gpu_hours)
    }

    #[test]
    fn the_larger_of_two_figures_counts() {
        for (asked, counted) in [
            ((16, Some(1), Some(8_784)), (8_784, 140_544)),
            ((8, Some(64), Some(8)), (8, 64)),
            ((8, Some(65), Some(8)), (8, 65)),
            ((8, Some(63), Some(8)), (8, 64)),
            ((8, Some(64), None), (8, 64)),
            ((8, Some(71), None), (8, 71)),
            ((8, Some(1), None), (1, 8)),
            ((1, Some(600), None), (24, 600)),
            ((8, None, Some(3)), (3, 24)),
            ((8, None, None), (12, 96)),
            ((1, None, None), (24, 24)),
            ((65_536, None, None), (1, 65_536)),
            ((u32::MAX, Some(u32::MAX), Some(u32::MAX)), (u32::MAX, 18_446_744_065_119_617_025)),
        ] {
            assert_eq!(size(asked.0, asked.1, asked.2), counted, "{asked:?}");
        }
    }

    #[test]
    fn no_run_is_longer_than_its_permit() {
        let now = Timestamp::from_unix(0);
        let mut gate = gate();
        for (limit, permit, left, longest) in [
            (Some(72), 24, 24 * HOUR, 24),
            (Some(12), 24, 24 * HOUR, 12),
            (None, 24, 24 * HOUR, 24),
            (None, 24, 2 * HOUR - 1, 1),
            (None, 24, HOUR - 1, 0),
            (Some(72), 24, -1, 0),
            (None, u32::MAX, i64::MAX, u32::MAX),
        ] {
            gate.max_walltime_h = limit;
            gate.permit_hours = permit;
            let expires = Timestamp::from_unix(left);
            assert_eq!(longest_run(&gate, now, expires), longest, "{limit:?} {permit} {left}");
        }
    }
}
