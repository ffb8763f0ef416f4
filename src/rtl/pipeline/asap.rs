//! As soon as possible: the fewest stages.
//!
//! Taking the earliest (stage, arrival time) of every value in turn is optimal for fixed delays:
//! both only grow with those of the operands.

use super::Timing;

/// The earliest stage of every value.
pub(super) fn stages(timing: &Timing<'_>) -> Vec<u32> {
    let mut stage = vec![0u32; timing.datapath.len()];
    let mut arrival = vec![0f64; timing.datapath.len()];
    for id in timing.signals() {
        let mut ready = (0, 0.0);
        for operand in timing.operands(id) {
            let this = (stage[operand.index()], arrival[operand.index()]);
            if this.0 > ready.0 || (this.0 == ready.0 && this.1 > ready.1) {
                ready = this;
            }
        }
        let delay = timing.delay[id.index()];
        // Wires follow what they carry, even if that is late already.
        let wiring = timing.datapath.op(id).is_wiring();
        let (at, time) = match wiring || ready.1 == 0.0 || timing.fits(ready.1 + delay) {
            true => (ready.0, ready.1 + delay),
            false => (ready.0 + 1, delay),
        };
        stage[id.index()] = at;
        arrival[id.index()] = time;
    }
    stage
}
