//! A dataflow whose processes somebody else makes: the top that connects them, with modules of one shape.
//!
//! The module of process `p` is called as [`modules`] says. It has `clk_i` and `rst_ni`; for every input `k`
//! `in{k}_valid_i`, `in{k}_ready_o` and `in{k}_data_i`; `out_valid_o`, `out_ready_i` and `out_data_o`. A kernel has one
//! input and one output, in which the first of several words has the high bits.

use super::body::{Body, Instance, Process, Writer};
use super::grouped::Grouped;
use super::{array, interface, names};
use crate::rtl::emit::{File, Interface, templates};
use crate::stream::plan::Plan;
use crate::stream::{Dataflow, Kind, ProcessId};

/// A dataflow from elsewhere, in order of compilation.
#[derive(Debug)]
pub struct Joined {
    /// Its files.
    pub files: Vec<File>,
    /// The design from outside.
    pub interface: Interface,
    /// The layer of every instance below the top.
    pub instances: Vec<(String, String)>,
}

/// Names of the modules of all processes of a design.
pub fn modules(flow: &Dataflow, top: &str) -> Vec<String> {
    names(flow).iter().map(|it| array::name(top, it)).collect()
}

/// Connects modules: `made` are the files that they are in.
pub fn around(flow: &Dataflow, plan: &Plan, top: &str, made: Vec<File>) -> Joined {
    let interface = interface(flow, plan, top);
    let body = Body::new(&Grouped::apart(flow, plan), plan, None, &interface);
    let mut files = templates::library(templates::JOINTS);
    files.extend(made);
    files.push(templates::stream(&interface, "DSLX", &body));
    let instances = names(flow).into_iter().zip(&flow.processes);
    let instances = instances.map(|(name, it)| (format!("i_{name}"), it.layer.clone())).collect();
    Joined { files, interface, instances }
}

impl Writer<'_> {
    /// The instance of a process that is not ours.
    pub(super) fn foreign(&self, id: ProcessId, made: &mut Process) {
        let process = &self.grouped.flow.processes[id.0];
        let name = &self.names[id.0];
        let module = array::name(&self.interface.top, name);
        let mut instance = Instance::new(&module, format!("i_{name}"));
        let inputs = process.inputs.len();
        if let (Kind::Kernel(_), 2..) = (&process.kind, inputs) {
            let [valid, ready] = self.joined(id, made);
            let all = (0..inputs).map(|it| format!("{name}_in{it}_data")).collect::<Vec<_>>();
            instance = instance
                .port("in0_valid_i", valid)
                .port("in0_ready_o", ready)
                .port("in0_data_i", format!("{{{}}}", all.join(", ")));
        } else {
            for port in 0..inputs {
                instance = instance
                    .port(&format!("in{port}_valid_i"), format!("{name}_in{port}_valid"))
                    .port(&format!("in{port}_ready_o"), format!("{name}_in{port}_ready"))
                    .port(&format!("in{port}_data_i"), format!("{name}_in{port}_data"));
            }
        }
        let outputs: Vec<String> = process.outputs.iter().map(|it| self.data(*it)).collect();
        let data = match &outputs[..] {
            [one] => one.clone(),
            several => format!("{{{}}}", several.join(", ")),
        };
        let instance = instance
            .port("out_valid_o", format!("{name}_valid"))
            .port("out_ready_i", format!("{name}_ready"))
            .port("out_data_o", data);
        made.instances.push(instance);
    }
}
