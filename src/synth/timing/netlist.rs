//! A mapped netlist as Yosys writes it (`write_json`): cells, their ports, and bits that are nets.

use std::collections::{BTreeMap, HashMap};

use serde::Deserialize;
use serde_json::Value;

/// A bit of a port: a net, or a constant (`0`, `1`, `x`).
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Bit {
    /// A net, by its number.
    Net(usize),
    /// A constant, for which no time passes.
    #[allow(dead_code, reason = "which constant does not matter")]
    Constant(String),
}

impl Bit {
    /// The net, unless it is a constant.
    pub(super) fn net(&self) -> Option<usize> {
        match self {
            Bit::Net(it) => Some(*it),
            Bit::Constant(_) => None,
        }
    }
}

/// A cell.
#[derive(Debug, Deserialize)]
pub(super) struct Cell {
    /// Its type in the vendor's library.
    #[serde(rename = "type")]
    pub(super) kind: String,
    #[serde(default)]
    parameters: HashMap<String, Value>,
    port_directions: BTreeMap<String, String>,
    /// The bits of each port, the lowest first.
    pub(super) connections: BTreeMap<String, Vec<Bit>>,
}

impl Cell {
    /// Whether a port is an output.
    pub(super) fn is_output(&self, port: &str) -> bool {
        self.port_directions.get(port).is_some_and(|it| it == "output")
    }

    /// Whether a parameter is a number other than zero: bits as text, or a number.
    pub(super) fn has(&self, parameter: &str) -> bool {
        match self.parameters.get(parameter) {
            Some(Value::String(bits)) => bits.contains('1'),
            Some(Value::Number(it)) => it.as_u64() != Some(0),
            _ => false,
        }
    }
}

#[derive(Debug, Deserialize)]
struct Module {
    #[serde(default)]
    cells: BTreeMap<String, Cell>,
}

#[derive(Debug, Deserialize)]
struct File {
    modules: BTreeMap<String, Module>,
}

/// A flat design.
#[derive(Debug)]
pub(super) struct Netlist {
    /// Cells by name.
    pub(super) cells: Vec<(String, Cell)>,
    /// By net: the cell that drives it, the output and the bit of it; none for ports of the design.
    pub(super) drivers: HashMap<usize, (usize, String, usize)>,
    /// By net: pins that read it.
    pub(super) fanout: HashMap<usize, usize>,
}

impl Netlist {
    /// Reads the top module of a file's text; `None` if there is none of that name.
    pub(super) fn read(text: &str, top: &str) -> serde_json::Result<Option<Netlist>> {
        let mut file: File = serde_json::from_str(text)?;
        let Some(module) = file.modules.remove(top) else { return Ok(None) };
        let cells: Vec<(String, Cell)> = module.cells.into_iter().collect();
        let (mut drivers, mut fanout) = (HashMap::new(), HashMap::new());
        for (at, (_, cell)) in cells.iter().enumerate() {
            for (port, bits) in &cell.connections {
                for (bit, net) in bits.iter().enumerate() {
                    let Some(net) = net.net() else { continue };
                    if cell.is_output(port) {
                        drivers.insert(net, (at, port.clone(), bit));
                    } else {
                        *fanout.entry(net).or_insert(0) += 1;
                    }
                }
            }
        }
        Ok(Some(Netlist { cells, drivers, fanout }))
    }
}
