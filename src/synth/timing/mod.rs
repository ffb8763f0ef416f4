//! Static timing of a mapped netlist by a fabric's table of delays: an estimate where nobody can place and route.
//!
//! Every path runs from a register to a register; it is the sum of its cells, the nets between them and what the
//! registers take. Nets are as long as their fan-out lets one expect; wires of carry chains and multiplexers
//! beside the tables take no time of their own. Paths from and to ports are left out, as place and route does
//! out of context. The delays are those of [`DelayModel`].

mod cells;
mod netlist;

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use self::cells::{Role, chain_ns, is_clock, role};
use self::netlist::Netlist;
use crate::device::DelayModel;

/// The longest path of a design.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// The shortest clock, ns.
    pub period_ns: f64,
    /// Cells on the way, the register at which it begins first.
    pub path: Vec<Hop>,
}

/// A cell of a path.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Hop {
    /// The cell's name.
    pub cell: String,
    /// Its type.
    pub kind: String,
    /// When its output has settled, ns behind the clock.
    pub at_ns: f64,
}

/// When a net has settled, and the net that made it so late.
#[derive(Clone, Copy, Debug)]
struct Arrival {
    ns: f64,
    from: Option<usize>,
}

/// Finds the longest path of a module in the text of a netlist; `luts` is the design's size, of which nets
/// depend. `None` if there is no such module.
///
/// # Errors
/// Text that is no netlist.
pub fn analyze(
    text: &str,
    top: &str,
    delays: &DelayModel,
    luts: u64,
) -> serde_json::Result<Option<Timing>> {
    let Some(netlist) = Netlist::read(text, top)? else { return Ok(None) };
    let delays = delays.at_size(luts);
    let analysis = Analysis { netlist: &netlist, delays: &delays, arrivals: HashMap::new() };
    Ok(Some(analysis.longest()))
}

struct Analysis<'a> {
    netlist: &'a Netlist,
    delays: &'a DelayModel,
    arrivals: HashMap<usize, Arrival>,
}

/// A pin: cell, port, bit.
type Pin<'a> = (usize, &'a str, usize);

impl<'a> Analysis<'a> {
    /// Over a net to a pin.
    fn net_ns(&self, net: usize) -> f64 {
        let fanout = self.netlist.fanout.get(&net).copied().unwrap_or(1).max(1);
        NET_SHARE * self.delays.net_ns * (1.0 + FANOUT_SHARE * (fanout as f64).log2())
    }

    /// What a pin adds behind the net that drives it, through its cell to an output; `None` if they are not
    /// connected inside.
    fn arc(&self, cell: usize, from: (&str, usize), to: (&str, usize)) -> Option<f64> {
        let (_, it) = &self.netlist.cells[cell];
        match role(it) {
            _ if is_clock(from.0) => None,
            Role::Table => Some(self.delays.lut_ns),
            Role::Mux => Some(self.delays.mux_ns),
            Role::Carry => chain_ns(self.delays, &it.kind, from, to),
            Role::Memory => {
                let address =
                    from.0.starts_with('A') || from.0.contains("AD") || from.0.contains("RA");
                address.then_some(self.delays.lut_ns)
            }
            Role::Product { input: false, output: false } => Some(self.delays.dsp_ns),
            Role::Register | Role::Block | Role::Product { .. } | Role::Nothing => None,
        }
    }

    /// The net in front of a pin: nothing along a carry chain and from tables to the multiplexers beside them.
    fn hop(&self, net: usize, pin: Pin<'_>) -> f64 {
        let (_, cell) = &self.netlist.cells[pin.0];
        let direct = match role(cell) {
            Role::Carry => cells::place(&cell.kind, pin.1, pin.2).1,
            Role::Mux => pin.1.starts_with('I') || matches!(pin.1, "BLUT" | "ALUT" | "D0" | "D1"),
            _ => false,
        };
        if direct { 0.0 } else { self.net_ns(net) }
    }

    /// Nets and pins that an output waits for, with the time from the net's settling on.
    fn fan_in(&self, net: usize) -> Vec<(usize, f64)> {
        let Some((cell, port, bit)) = self.netlist.drivers.get(&net) else { return Vec::new() };
        let (_, it) = &self.netlist.cells[*cell];
        let mut found = Vec::new();
        for (from, bits) in it.connections.iter().filter(|(from, _)| !it.is_output(from)) {
            for (at, own) in bits.iter().enumerate() {
                let Some(own) = own.net() else { continue };
                if let Some(through) = self.arc(*cell, (from, at), (port, *bit)) {
                    found.push((own, self.hop(own, (*cell, from, at)) + through));
                }
            }
        }
        found
    }

    /// When a net has settled. A loop of logic, which no design of ours has, counts once around.
    fn arrival(&mut self, net: usize) -> f64 {
        let mut stack = vec![(net, false)];
        while let Some((net, ready)) = stack.pop() {
            if !ready && self.arrivals.contains_key(&net) {
                continue;
            }
            let fan_in = self.fan_in(net);
            if !ready {
                let start = self.start(net);
                self.arrivals.insert(net, Arrival { ns: start, from: None });
                stack.push((net, true));
                let fresh = fan_in.iter().filter(|it| !self.arrivals.contains_key(&it.0));
                stack.extend(fresh.map(|it| (it.0, false)));
                continue;
            }
            let latest = fan_in
                .iter()
                .map(|(from, ns)| Arrival { ns: self.arrivals[from].ns + ns, from: Some(*from) })
                .reduce(|a, b| if b.ns > a.ns { b } else { a });
            if let Some(latest) = latest {
                self.arrivals.insert(net, latest);
            }
        }
        self.arrivals[&net].ns
    }

    /// When a net that waits for nothing settles: what a block RAM or a multiplier with a register takes more
    /// than a register.
    fn start(&self, net: usize) -> f64 {
        let Some((cell, ..)) = self.netlist.drivers.get(&net) else { return f64::NEG_INFINITY };
        match role(&self.netlist.cells[*cell].1) {
            Role::Block => self.delays.bram_ns,
            Role::Register | Role::Memory | Role::Product { output: true, .. } => 0.0,
            Role::Product { input: true, output: false } => self.delays.dsp_ns,
            _ => f64::NEG_INFINITY,
        }
    }

    /// Pins at which paths end, with what comes behind the net.
    fn ends(&self) -> Vec<(usize, f64)> {
        let mut ends = Vec::new();
        for (_, cell) in &self.netlist.cells {
            let inside = match role(cell) {
                Role::Register | Role::Memory | Role::Block => 0.0,
                Role::Product { input: true, .. } => 0.0,
                Role::Product { input: false, output: true } => self.delays.dsp_ns,
                _ => continue,
            };
            for (port, bits) in &cell.connections {
                // The last hop to a register's data is in what registers take.
                let data = matches!(port.as_str(), "D" | "DI" | "M");
                let pins = bits.iter().filter_map(netlist::Bit::net);
                if !cell.is_output(port) && !is_clock(port) {
                    ends.extend(
                        pins.map(|net| (net, inside + if data { 0.0 } else { self.net_ns(net) })),
                    );
                }
            }
        }
        ends
    }

    fn longest(mut self) -> Timing {
        let mut worst: Option<(f64, usize)> = None;
        for (net, behind) in self.ends() {
            let ns = self.arrival(net) + behind;
            if ns.is_finite() && worst.is_none_or(|it| ns > it.0) {
                worst = Some((ns, net));
            }
        }
        let Some((ns, net)) = worst else {
            return Timing { period_ns: self.delays.register_ns, path: Vec::new() };
        };
        let mut path = Vec::new();
        let mut at = Some(net);
        while let Some(net) = at {
            let arrival = self.arrivals[&net];
            if let Some((cell, ..)) = self.netlist.drivers.get(&net) {
                let (name, cell) = &self.netlist.cells[*cell];
                let (cell, kind) = (name.clone(), cell.kind.clone());
                path.push(Hop { cell, kind, at_ns: arrival.ns });
            }
            at = arrival.from;
        }
        path.reverse();
        Timing { period_ns: ns + self.delays.register_ns, path }
    }
}

/// A net of the netlist beside that of the table, which is charged once for an operation on words: for its
/// slowest bit, on all levels of its logic. Set from seven designs on ECP5 (`benches/estimates.py`), where nextpnr
/// placed the longest path at 0.46 to 0.8 of such nets.
const NET_SHARE: f64 = 0.65;

/// What every doubling of a net's readers adds to it, as a share of a net with one.
const FANOUT_SHARE: f64 = 0.1;

#[cfg(test)]
mod tests;
