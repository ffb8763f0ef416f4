//! Instances of the modules around cores, and of the cores.

use super::Built;
use super::body::{Instance, Process, Writer};
use super::grouped::{Engine, Normalize};
use crate::rtl::emit::PortShape;
use crate::stream::plan::whole_room;
use crate::stream::{Kind, ProcessId};

/// The wires between a core and what stands around it.
struct Core {
    /// A word enters.
    takes: String,
    /// A result leaves, and what it is.
    gives: String,
    made: String,
    bits: u32,
    room: usize,
}

/// Signals side by side, the first in the low bits.
fn concatenated(signals: &[String]) -> String {
    match signals {
        [one] => one.clone(),
        _ => format!("{{{}}}", signals.iter().rev().cloned().collect::<Vec<_>>().join(", ")),
    }
}

/// Numbers as a packed array.
fn numbers(values: impl DoubleEndedIterator<Item = usize>) -> String {
    let all: Vec<String> = values.rev().map(|it| format!("32'd{it}")).collect();
    format!("{{{}}}", all.join(", "))
}

impl Writer<'_> {
    pub(super) fn engine(&self, id: ProcessId, engine: &Engine, made: &mut Process) {
        match engine {
            Engine::Eltwise(times) => self.eltwise(id, times, made),
            Engine::Normalize(own) => self.normalize(id, own, made),
        }
    }

    pub(super) fn built(&self, id: ProcessId) -> &Built {
        let built = self.kernels.into_iter().flatten().find(|it| it.process == id);
        built.expect("every kernel is built")
    }

    /// The core of a kernel, which reads this.
    fn core(&self, id: ProcessId, reads: &[String], made: &mut Process) -> Core {
        let name = &self.names[id.0];
        let built = self.built(id);
        let interface = &built.kernel.interface;
        let outputs = || interface.ports.iter().filter(|it| !it.input);
        let core = Core {
            takes: format!("{name}_core_valid"),
            gives: format!("{name}_made_valid"),
            made: format!("{name}_made_data"),
            bits: outputs().map(|it| it.bits).sum(),
            room: self.plan.rooms.get(&id).copied().unwrap_or(whole_room(built.latency())),
        };
        made.wire(core.takes.clone());
        made.wire(core.gives.clone());
        made.vector(core.made.clone(), core.bits);
        let mut instance = Instance::new(&interface.core, format!("i_{name}_core"))
            .port("in_valid_i", &core.takes)
            .port("out_valid_o", &core.gives);
        for (port, data) in interface.ports.iter().filter(|it| it.input).zip(reads) {
            instance = instance.port(&port.name, data);
        }
        let mut low = 0;
        for PortShape { name, bits, .. } in outputs() {
            instance = instance.port(name, format!("{}[{}:{low}]", core.made, low + bits - 1));
            low += bits;
        }
        made.instances.push(instance);
        core
    }

    /// An instance with the outputs of a process and the core of its results.
    fn results(&self, id: ProcessId, instance: Instance, core: &Core) -> Instance {
        let outputs = &self.grouped.flow.processes[id.0].outputs;
        let data: Vec<String> = outputs.iter().map(|it| self.data(*it)).collect();
        let name = &self.names[id.0];
        instance
            .parameter("Depth", core.room)
            .port("core_valid_o", &core.takes)
            .port("core_valid_i", &core.gives)
            .port("core_data_i", &core.made)
            .port("out_valid_o", format!("{name}_valid"))
            .port("out_ready_i", format!("{name}_ready"))
            .port("out_data_o", concatenated(&data))
    }

    /// A pin of every input from one on.
    fn pins(&self, id: ProcessId, first: usize, pin: &str) -> Vec<String> {
        let inputs = self.grouped.flow.processes[id.0].inputs.len();
        (first..inputs).map(|it| format!("{}_in{it}_{pin}", self.names[id.0])).collect()
    }

    fn eltwise(&self, id: ProcessId, times: &[usize], made: &mut Process) {
        let core = self.core(id, &self.pins(id, 0, "data"), made);
        let mut instance = Instance::new("nn_eltwise", format!("i_{}", self.names[id.0]))
            .parameter("Operands", times.len());
        if times.iter().any(|it| *it > 1) {
            instance = instance.parameter("Times", numbers(times.iter().copied()));
        }
        let instance = instance
            .parameter("Width", core.bits)
            .port("in_valid_i", concatenated(&self.pins(id, 0, "valid")))
            .port("in_ready_o", concatenated(&self.pins(id, 0, "ready")));
        made.instances.push(self.results(id, instance, &core));
    }

    fn normalize(&self, id: ProcessId, own: &Normalize, made: &mut Process) {
        let (name, flow) = (&self.names[id.0], &self.grouped.flow);
        let pin = |it: &str| format!("{name}_{it}");
        let inputs = flow.processes[id.0].inputs.len();
        let word = flow.stream(flow.processes[id.0].inputs[0]).bits();
        let of = |it: ProcessId| flow.stream(flow.processes[it.0].outputs[0]);
        let statistic = of(own.after.unwrap_or(own.reduce)).bits();
        made.vector(pin("word"), word);
        made.vector(pin("statistic"), statistic);
        let mut others = self.pins(id, 1, "data").into_iter();
        let operand = |port: usize| match port {
            _ if port == own.statistic => Some(pin("statistic")),
            _ if port == own.word => Some(pin("word")),
            _ => others.next(),
        };
        let reads: Vec<String> = (0..=inputs).filter_map(operand).collect();
        let core = self.core(id, &reads, made);
        let mut instance = self.taking(id, Instance::new("nn_normalize", format!("i_{name}")));
        instance = instance.parameter("Width", word).parameter("StatisticWidth", statistic);
        if let Kind::Reduce(reducer) = &flow.processes[own.reduce.0].kind {
            instance = self
                .reduced(reducer, self.lanes(own.reduce), instance)
                .parameter("TermWidth", reducer.from.width)
                .parameter("SumWidth", reducer.to.width);
        }
        if inputs > 1 {
            let times = std::iter::once(1).chain(own.times.iter().copied());
            instance = instance.parameter("Others", inputs - 1).parameter("Times", numbers(times));
        }
        let part = flow.stream(own.term).bits() / own.parts as u32;
        if (own.parts, part) != (1, word) {
            instance = instance.parameter("Parts", own.parts).parameter("PartWidth", part);
        }
        instance = self.inner(id, "before", own.before, part, instance, made);
        instance = self.inner(id, "after", own.after, of(own.reduce).bits(), instance, made);
        let with_first = |it: Vec<String>, first: String| {
            concatenated(&std::iter::once(first).chain(it).collect::<Vec<_>>())
        };
        made.wire(pin("unused_other"));
        let instance = instance
            .parameter("HeldDepth", own.held)
            .parameter("OutWidth", core.bits)
            .port("other_valid_i", with_first(self.pins(id, 1, "valid"), "1'b0".to_owned()))
            .port("other_ready_o", with_first(self.pins(id, 1, "ready"), pin("unused_other")))
            .port("term_data_i", self.data(own.term))
            .port("core_data_o", pin("word"))
            .port("core_statistic_o", pin("statistic"));
        made.instances.push(self.results(id, instance, &core));
    }

    /// The core in front of a reduction or behind it, if there is one, and so many bits that it reads.
    fn inner(
        &self,
        id: ProcessId,
        part: &str,
        kernel: Option<ProcessId>,
        bits: u32,
        instance: Instance,
        made: &mut Process,
    ) -> Instance {
        let pins = ["data_o", "valid_o", "valid_i", "data_i"].map(|it| format!("{part}_{it}"));
        let unused = format!("{}_unused_{part}", self.names[id.0]);
        let data = match kernel {
            Some(kernel) => format!("{}_core_data", self.names[kernel.0]),
            None => format!("{unused}_data"),
        };
        made.vector(data.clone(), bits);
        let (instance, values) = match kernel {
            None => {
                made.wire(unused.clone());
                (instance, [data, unused, "1'b0".to_owned(), "'0".to_owned()])
            }
            Some(kernel) => {
                let core = self.core(kernel, std::slice::from_ref(&data), made);
                let upper = if part == "before" { "Before" } else { "After" };
                let instance = instance.parameter(upper, "1'b1");
                let instance = instance.parameter(&format!("{upper}Depth"), core.room);
                (instance, [data, core.takes, core.gives, core.made])
            }
        };
        pins.iter().zip(values).fold(instance, |it, (pin, value)| it.port(pin, value))
    }
}
