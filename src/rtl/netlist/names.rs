//! Names in the generated text: from the model where it has one, legal and unique.

use std::collections::BTreeSet;

use super::Module;
use crate::rtl::datapath::{Datapath, Port, ValueId};

/// Names of modules, ports and values.
#[derive(Clone, Debug)]
pub struct Names {
    /// The design; modules begin with it.
    pub design: String,
    /// The layers that became modules, without the design's name.
    pub layers: Vec<String>,
    /// Input ports, without prefix and suffix.
    pub inputs: Vec<String>,
    /// Output ports.
    pub outputs: Vec<String>,
    /// Tensors, as in [`Datapath::tensors`].
    tensors: Vec<String>,
    /// Tensor and element that a value is named after.
    element: Vec<Option<(u32, u32)>>,
}

/// What the pins of a handshake are called, and no port of data.
pub(in crate::rtl) const PINS: [&str; 2] = ["valid", "ready"];

impl Names {
    pub(super) fn new(datapath: &Datapath, layers: &[Module], design: &str) -> Names {
        let mut element = vec![None; datapath.len()];
        for (tensor, port) in datapath.tensors.iter().enumerate() {
            for (position, id) in port.elements.iter().enumerate() {
                let Some(id) = id else { continue };
                element[id.index()].get_or_insert((tensor as u32, position as u32));
            }
        }
        let scopes = layers.iter().filter_map(|it| it.scope);
        let layer = scopes.map(|it| datapath.scopes[it.index()].name.as_str());
        let port = |it: &Port| it.name.clone();
        Names {
            design: design_name(design),
            // The core and the wrappers have names of their own.
            layers: unique(layer, &["core", "axis", "tables"]),
            inputs: unique(datapath.inputs.iter().map(port), &PINS),
            outputs: unique(datapath.outputs.iter().map(port), &PINS),
            // An instance is called `i_layer`, which a signal must not be.
            tensors: unique(datapath.tensors.iter().map(|it| tensor(&it.name)), &[]),
            element,
        }
    }

    /// Name of a value: `tensor_element`, or `s` and its number.
    pub fn value(&self, id: ValueId) -> String {
        match self.element[id.index()] {
            Some((tensor, element)) => format!("{}_{element}", self.tensors[tensor as usize]),
            None => format!("s{}", id.index()),
        }
    }

    /// Tensor and element that a value is named after.
    pub fn element(&self, id: ValueId) -> Option<(&str, u32)> {
        self.element[id.index()].map(|(tensor, at)| (self.tensors[tensor as usize].as_str(), at))
    }
}

/// The name of a top module: no keyword, and none that our own modules may have.
pub(in crate::rtl) fn design_name(wish: &str) -> String {
    let name = unique([wish], &RESERVED.split(' ').collect::<Vec<_>>()).remove(0);
    if name.starts_with("nn_") { format!("net_{name}") } else { name }
}

/// Legal names, all different from each other and from `taken`.
pub(in crate::rtl) fn unique(
    names: impl IntoIterator<Item = impl AsRef<str>>,
    taken: &[&str],
) -> Vec<String> {
    let mut taken: BTreeSet<String> = taken.iter().map(|it| (*it).to_owned()).collect();
    let mut fresh = |name: &str| {
        let base = sanitize(name);
        let mut name = base.clone();
        let mut count = 1;
        while !taken.insert(name.clone()) {
            count += 1;
            name = format!("{base}_v{count}");
        }
        name
    };
    names.into_iter().map(|it| fresh(it.as_ref())).collect()
}

fn tensor(name: &str) -> String {
    let name = sanitize(name);
    if name.starts_with("i_") { format!("t{name}") } else { name }
}

/// What a top module cannot be called: keywords of IEEE 1800-2023. Everything
/// else gets a prefix or a suffix, so that it cannot be one of these.
const RESERVED: &str = "\
    accept_on alias always always_comb always_ff always_latch and assert assign assume \
    automatic before begin bind bins binsof bit break buf bufif0 bufif1 byte case casex casez \
    cell chandle checker class clocking cmos config const constraint context continue cover \
    covergroup coverpoint cross deassign default defparam design disable dist do edge else end \
    endcase endchecker endclass endclocking endconfig endfunction endgenerate endgroup \
    endinterface endmodule endpackage endprimitive endprogram endproperty endsequence \
    endspecify endtable endtask enum event eventually expect export extends extern final \
    first_match for force foreach forever fork forkjoin function generate genvar global highz0 \
    highz1 if iff ifnone ignore_bins illegal_bins implements implies import incdir include \
    initial inout input inside instance int integer interconnect interface intersect join \
    join_any join_none large let liblist library local localparam logic longint macromodule \
    matches medium modport module nand negedge nettype new nexttime nmos nor noshowcancelled \
    not notif0 notif1 null or output package packed parameter pmos posedge primitive priority \
    program property protected pull0 pull1 pulldown pullup pulsestyle_ondetect \
    pulsestyle_onevent pure rand randc randcase randsequence rcmos real realtime ref reg \
    reject_on release repeat restrict return rnmos rpmos rtran rtranif0 rtranif1 s_always \
    s_eventually s_nexttime s_until s_until_with scalared sequence shortint shortreal \
    showcancelled signed small soft solve specify specparam static string strong strong0 \
    strong1 struct super supply0 supply1 sync_accept_on sync_reject_on table tagged task this \
    throughout time timeprecision timeunit tran tranif0 tranif1 tri tri0 tri1 triand trior \
    trireg type typedef union unique unique0 unsigned until until_with untyped use uwire var \
    vectored virtual void wait wait_order wand weak weak0 weak1 while wildcard wire with \
    within wor xnor xor";

/// A name in lower_snake_case: letters, digits and single underscores, a letter first.
pub fn sanitize(name: &str) -> String {
    let mut text = String::new();
    for c in name.chars() {
        if c.is_ascii_alphanumeric() {
            text.push(c.to_ascii_lowercase());
        } else if !text.is_empty() && !text.ends_with('_') {
            text.push('_');
        }
    }
    let text = text.trim_end_matches('_');
    match text.chars().next() {
        None => "x".to_owned(),
        Some(c) if c.is_ascii_digit() => format!("n{text}"),
        Some(_) => text.to_owned(),
    }
}
