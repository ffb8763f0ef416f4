//! What the top of a dataflow is made of: wires, assignments and instances, process by process.
//!
//! A process `p` offers its words as `p_valid` and `p_ready`, with `p_data` (of a kernel with several
//! outputs `p_data_0` ...); reader `q` takes them at its input `k` as `q_in{k}_valid`, `_ready` and
//! `_data`, behind a fork if there are several readers and behind a FIFO where the plan has one.

use serde::Serialize;

use super::Built;
use super::grouped::Grouped;
use crate::rtl::emit::{Interface, PortShape};
use crate::stream::plan::Plan;
use crate::stream::{Kind, ProcessId, StreamId};

/// For the template.
#[derive(Debug, Serialize)]
pub(super) struct Body {
    first: u64,
    interval: u64,
    /// Its modules behave as the plan says.
    exact: bool,
    processes: Vec<Process>,
}

#[derive(Debug, Default, Serialize)]
pub(super) struct Process {
    about: String,
    wires: Vec<Wire>,
    assigns: Vec<(String, String)>,
    pub(super) instances: Vec<Instance>,
}

#[derive(Debug, Serialize)]
struct Wire {
    name: String,
    bits: u32,
    msb: u32,
    /// A vector even if it has one bit.
    vector: bool,
}

#[derive(Debug, Serialize)]
pub(super) struct Instance {
    module: String,
    name: String,
    parameters: Vec<(String, String)>,
    ports: Vec<(String, String)>,
}

impl Instance {
    pub(super) fn new(module: &str, name: String) -> Instance {
        Instance { module: module.to_owned(), name, parameters: Vec::new(), ports: Vec::new() }
    }

    pub(super) fn parameter(mut self, name: &str, value: impl ToString) -> Instance {
        self.parameters.push((name.to_owned(), value.to_string()));
        self
    }

    pub(super) fn port(mut self, name: &str, value: impl ToString) -> Instance {
        self.ports.push((name.to_owned(), value.to_string()));
        self
    }
}

impl Process {
    pub(super) fn wire(&mut self, name: String) {
        self.wires.push(Wire { name, bits: 1, msb: 0, vector: false });
    }

    pub(super) fn vector(&mut self, name: String, bits: u32) {
        self.wires.push(Wire { name, bits, msb: bits.saturating_sub(1), vector: true });
    }

    fn assign(&mut self, left: String, right: String) {
        self.assigns.push((left, right));
    }
}

pub(super) struct Writer<'a> {
    pub(super) grouped: &'a Grouped,
    pub(super) plan: &'a Plan,
    /// `None` if somebody else makes all processes.
    pub(super) kernels: Option<&'a [Built]>,
    pub(super) interface: &'a Interface,
    /// By process.
    pub(super) names: Vec<String>,
}

impl Body {
    pub(super) fn new(
        grouped: &Grouped,
        plan: &Plan,
        kernels: Option<&[Built]>,
        interface: &Interface,
    ) -> Body {
        let flow = &grouped.flow;
        let names = super::names(flow);
        let writer = Writer { grouped, plan, kernels, interface, names };
        let own = (0..flow.processes.len()).map(ProcessId);
        let own = own.filter(|it| !writer.grouped.inside.contains(it));
        let mut processes: Vec<Process> = own.map(|it| writer.process(it)).collect();
        processes.extend(writer.around());
        Body { first: plan.first, interval: plan.interval, exact: kernels.is_some(), processes }
    }
}

impl Writer<'_> {
    fn process(&self, id: ProcessId) -> Process {
        let process = &self.grouped.flow.processes[id.0];
        let name = &self.names[id.0];
        let mut made = Process { about: self.about(id), ..Process::default() };
        for (port, stream) in process.inputs.iter().enumerate() {
            made.wire(format!("{name}_in{port}_valid"));
            made.wire(format!("{name}_in{port}_ready"));
            made.vector(format!("{name}_in{port}_data"), self.grouped.flow.stream(*stream).bits());
        }
        if !process.outputs.is_empty() {
            made.wire(format!("{name}_valid"));
            made.wire(format!("{name}_ready"));
        }
        for stream in &process.outputs {
            made.vector(self.data(*stream), self.grouped.flow.stream(*stream).bits());
        }
        for port in 0..process.ahead().len() {
            self.incoming(id, port, &mut made);
        }
        match &process.kind {
            Kind::Source(first) => {
                made.assign(format!("{name}_valid"), self.control("valid", true, *first));
                made.assign(self.control("ready", true, *first), format!("{name}_ready"));
                for (at, stream) in (*first..).zip(&process.outputs) {
                    made.assign(self.data(*stream), self.entering(at));
                }
            }
            Kind::Sink(first) => {
                let [valid, ready] = self.joined(id, &mut made);
                made.assign(self.control("valid", false, *first), valid);
                made.assign(ready, self.control("ready", false, *first));
                for (port, at) in (0..process.inputs.len()).zip(*first..) {
                    let data = format!("{name}_in{port}_data");
                    made.assign(self.port(false, at).name.clone(), data);
                }
            }
            _ if self.kernels.is_none() => self.foreign(id, &mut made),
            Kind::Kernel(_) => match self.grouped.engines.get(&id) {
                Some(engine) => self.engine(id, engine, &mut made),
                None => self.kernel(id, &mut made),
            },
            Kind::Array(_) | Kind::Permute(_) => {
                let module = super::array::name(&self.interface.top, name);
                made.instances.push(self.loaded(id, self.one(id, &module)));
            }
            Kind::Rom(_) => {
                let module = super::array::name(&self.interface.top, name);
                let instance = Instance::new(&module, format!("i_{name}"));
                made.instances.push(self.giving(id, instance));
            }
            Kind::Window(window) => made.instances.push(self.window(id, window)),
            Kind::Repack => {
                let tokens = |it: StreamId| self.grouped.flow.stream(it).tokens;
                let (from, to) = (tokens(process.inputs[0]), tokens(process.outputs[0]));
                let instance = match from > to {
                    true => self.one(id, "nn_collect").parameter("Ratio", from / to),
                    false => self.one(id, "nn_spread").parameter("Ratio", to / from),
                };
                let shorter = if from > to { process.inputs[0] } else { process.outputs[0] };
                made.instances
                    .push(instance.parameter("Width", self.grouped.flow.stream(shorter).bits()));
            }
            Kind::Repeat(times) => {
                let instance = self.one(id, "nn_spread").parameter("Ratio", times);
                let instance = instance.parameter("Repeat", "1'b1");
                let bits = self.grouped.flow.stream(process.inputs[0]).bits();
                made.instances.push(instance.parameter("Width", bits));
            }
            Kind::Loop(_) => unreachable!("loops go around in hardware of streams"),
            Kind::State(state) => self.state(id, state, &mut made),
            Kind::Reduce(it) => made.instances.push(self.reduction(id, it)),
            Kind::Last { of, keep } => {
                let bits = self.grouped.flow.stream(process.inputs[0]).bits();
                let instance = self.one(id, "nn_last").parameter("Width", bits);
                made.instances.push(instance.parameter("Of", of).parameter("Keep", keep));
            }
        }
        self.fork(id, &mut made);
        made
    }

    fn about(&self, id: ProcessId) -> String {
        let process = &self.grouped.flow.processes[id.0];
        let tensor = |it: &StreamId| {
            let stream = self.grouped.flow.stream(*it);
            format!("{} x {} of {}", stream.tokens, stream.ty.elements(), stream.name)
        };
        let (from, to) = (process.inputs.iter().map(tensor), process.outputs.iter().map(tensor));
        let list = |it: Vec<String>| it.join(", ");
        let (from, to) = (list(from.collect()), list(to.collect()));
        let what = match &process.kind {
            Kind::Source(_) => format!("Input: {to}"),
            Kind::Sink(_) => format!("Output: {from}"),
            Kind::Kernel(_) => format!("{}: {from} to {to}", process.name),
            Kind::Array(it) => {
                let (multipliers, steps) = (it.multipliers(), it.cycles());
                let name = &process.name;
                format!("{name}: {multipliers} multipliers, {steps} cycles: {from} to {to}")
            }
            Kind::Window(it) => format!("Windows of {} pixels: {from} to {to}", it.taps.len()),
            Kind::Repack => format!("Other tokens: {from} to {to}"),
            Kind::Repeat(_) => format!("The same for many tokens: {from} to {to}"),
            Kind::Rom(_) => format!("Constants: {to}"),
            Kind::Permute(_) => format!("Another order: {from} to {to}"),
            Kind::Loop(it) => format!("{} loops of {} steps: {from} to {to}", it.count, it.steps),
            Kind::State(it) => format!("What a loop of {} steps keeps: {to}", it.steps),
            Kind::Reduce(it) => format!("{} tokens become one: {from} to {to}", it.steps),
            Kind::Last { of, keep } => format!("The last {keep} of {of}: {from} to {to}"),
        };
        crate::rtl::emit::text::plain(&format!("{what}."))
    }

    fn port(&self, input: bool, at: usize) -> &PortShape {
        let mut ports = self.interface.ports.iter().filter(|it| it.input == input);
        ports.nth(at).expect("every input and output has a port")
    }

    /// A pin of a port's handshake.
    fn control(&self, pin: &str, input: bool, at: usize) -> String {
        let count = self.interface.ports.iter().filter(|it| it.input == input).count();
        // Whole tensors share one handshake.
        let single = count == 1 || self.grouped.flow.tensors.is_some();
        self.port(input, at).control(pin, single, pin != "ready")
    }

    /// What an input's port carries, as its source gives it.
    fn entering(&self, at: usize) -> String {
        let port = self.port(true, at);
        let order = self.grouped.flow.tensors.as_ref().and_then(|it| it.inputs[at].order.as_ref());
        let Some(order) = order else { return port.name.clone() };
        let element = |it: &u32| {
            let slot = port.slots[*it as usize];
            format!("{}[{}:{}]", port.name, slot.offset + slot.width - 1, slot.offset)
        };
        // The first element has the lowest bits, and stands last.
        format!("{{{}}}", order.iter().rev().map(element).collect::<Vec<_>>().join(",\n      "))
    }

    /// Valid and ready of all inputs of a process that takes a token of each, or none.
    pub(super) fn joined(&self, id: ProcessId, made: &mut Process) -> [String; 2] {
        let name = &self.names[id.0];
        let inputs = self.grouped.flow.processes[id.0].inputs.len();
        if inputs < 2 {
            return ["valid", "ready"].map(|it| format!("{name}_in0_{it}"));
        }
        let all = |pin: &str| {
            let pins = (0..inputs).rev().map(|it| format!("{name}_in{it}_{pin}"));
            format!("{{{}}}", pins.collect::<Vec<_>>().join(", "))
        };
        let [valid, ready] = ["valid", "ready"].map(|it| format!("{name}_all_{it}"));
        made.wire(valid.clone());
        made.wire(ready.clone());
        let join = Instance::new("nn_join", format!("i_{name}_join"))
            .parameter("Sources", inputs)
            .port("in_valid_i", all("valid"))
            .port("in_ready_o", all("ready"))
            .port("out_valid_o", valid.clone())
            .port("out_ready_i", ready.clone());
        made.instances.push(join);
        [valid, ready]
    }

    /// The wire of a stream where it is made.
    pub(super) fn data(&self, id: StreamId) -> String {
        let from = self.grouped.flow.stream(id).from;
        let name = &self.names[from.0];
        let outputs = &self.grouped.flow.processes[from.0].outputs;
        match outputs.iter().position(|it| *it == id) {
            Some(at) if outputs.len() > 1 && !self.grouped.is_read(id) => {
                format!("{name}_unused_{at}")
            }
            Some(at) if outputs.len() > 1 => format!("{name}_data_{at}"),
            _ => format!("{name}_data"),
        }
    }

    /// All readers of a process, with the stream that each reads.
    fn readers(&self, id: ProcessId) -> Vec<(StreamId, ProcessId, usize)> {
        let outputs = self.grouped.flow.processes[id.0].outputs.iter();
        let of = |stream: &StreamId| {
            let stream = *stream;
            self.grouped.flow.readers(stream).into_iter().map(move |(at, port)| (stream, at, port))
        };
        outputs.flat_map(of).collect()
    }

    /// Valid and ready of a process for one of its readers.
    fn offered(&self, from: ProcessId, reader: (ProcessId, usize)) -> [String; 2] {
        let readers = self.readers(from);
        let name = &self.names[from.0];
        let at = readers.iter().position(|it| (it.1, it.2) == reader).unwrap_or(0);
        match readers.len() {
            1 => ["valid", "ready"].map(|it| format!("{name}_{it}")),
            _ => ["valid", "ready"].map(|it| format!("{name}_fork_{it}[{at}]")),
        }
    }

    /// What steps of loops leave, behind the declarations of its wires; `None` without loops.
    fn around(&self) -> Option<Process> {
        let mut made = Process { about: "Around the loops.".to_owned(), ..Process::default() };
        for (at, process) in self.grouped.flow.processes.iter().enumerate() {
            for port in process.ahead().len()..process.inputs.len() {
                self.incoming(ProcessId(at), port, &mut made);
            }
        }
        (!made.assigns.is_empty() || !made.instances.is_empty()).then_some(made)
    }

    /// What comes in at a port, through a FIFO where there is one.
    fn incoming(&self, id: ProcessId, port: usize, made: &mut Process) {
        let name = &self.names[id.0];
        let stream = self.grouped.flow.processes[id.0].inputs[port];
        let [valid, ready] = self.offered(self.grouped.flow.stream(stream).from, (id, port));
        let own = |it: &str| format!("{name}_in{port}_{it}");
        let Some(depth) = self.grouped.fifos.get(&(id, port)) else {
            made.assign(own("valid"), valid);
            made.assign(ready, own("ready"));
            made.assign(own("data"), self.data(stream));
            return;
        };
        let level = own("unused_level");
        made.vector(level.clone(), usize::BITS - depth.leading_zeros());
        let fifo = Instance::new("nn_fifo", format!("i_{}", own("fifo")))
            .parameter("Width", self.grouped.flow.stream(stream).bits())
            .parameter("Depth", depth)
            .port("in_valid_i", valid)
            .port("in_ready_o", ready)
            .port("in_data_i", self.data(stream))
            .port("out_valid_o", own("valid"))
            .port("out_ready_i", own("ready"))
            .port("out_data_o", own("data"))
            .port("level_o", level);
        made.instances.push(fifo);
    }

    /// The fork of a process that several read.
    fn fork(&self, id: ProcessId, made: &mut Process) {
        let name = &self.names[id.0];
        let count = self.readers(id).len() as u32;
        if count < 2 {
            return;
        }
        made.vector(format!("{name}_fork_valid"), count);
        made.vector(format!("{name}_fork_ready"), count);
        let fork = Instance::new("nn_fork", format!("i_{name}_fork"))
            .parameter("Readers", count)
            .port("in_valid_i", format!("{name}_valid"))
            .port("in_ready_o", format!("{name}_ready"))
            .port("out_valid_o", format!("{name}_fork_valid"))
            .port("out_ready_i", format!("{name}_fork_ready"));
        made.instances.push(fork);
    }

    /// A module with one stream in and one out.
    pub(super) fn one(&self, id: ProcessId, module: &str) -> Instance {
        let instance = Instance::new(module, format!("i_{}", self.names[id.0]));
        self.giving(id, self.taking(id, instance))
    }

    /// An instance with its first input.
    pub(super) fn taking(&self, id: ProcessId, instance: Instance) -> Instance {
        let name = &self.names[id.0];
        instance
            .port("in_valid_i", format!("{name}_in0_valid"))
            .port("in_ready_o", format!("{name}_in0_ready"))
            .port("in_data_i", format!("{name}_in0_data"))
    }

    /// An instance with its output.
    fn giving(&self, id: ProcessId, instance: Instance) -> Instance {
        let name = &self.names[id.0];
        instance
            .port("out_valid_o", format!("{name}_valid"))
            .port("out_ready_i", format!("{name}_ready"))
            .port("out_data_o", format!("{name}_data"))
    }

    /// An array with the pins through which it is loaded, if it can be.
    fn loaded(&self, id: ProcessId, instance: Instance) -> Instance {
        let is_loaded = |it: &crate::stream::Process| match &it.kind {
            Kind::Array(array) => !array.loaded().is_nothing(),
            _ => false,
        };
        if !is_loaded(&self.grouped.flow.processes[id.0]) {
            return instance;
        }
        let at = self.grouped.flow.processes[..id.0].iter().filter(|it| is_loaded(it)).count();
        instance
            .port("load_valid_i", "load_write")
            .port("load_address_i", "load_address_i")
            .port("load_data_i", "load_data_i")
            .port("load_known_o", format!("load_known[{at}]"))
            .port("bank_i", "load_bank")
            .port("frame_i", "load_frame_o")
            .port("bank_o", format!("load_banks[{at}]"))
    }

    /// A kernel of one operand, behind a top of its own.
    fn kernel(&self, id: ProcessId, made: &mut Process) {
        let name = &self.names[id.0];
        let interface = &self.built(id).kernel.interface;
        let mut instance = Instance::new(&interface.top, format!("i_{name}"))
            .port("in_valid_i", format!("{name}_in0_valid"))
            .port("in_ready_o", format!("{name}_in0_ready"));
        if let Some(room) = self.plan.rooms.get(&id) {
            instance = instance.parameter("Depth", room);
        }
        for shape in interface.ports.iter().filter(|it| it.input) {
            instance = instance.port(&shape.name, format!("{name}_in0_data"));
        }
        instance = instance
            .port("out_valid_o", format!("{name}_valid"))
            .port("out_ready_i", format!("{name}_ready"));
        let outputs = interface.ports.iter().filter(|it| !it.input);
        for (shape, stream) in outputs.zip(&self.grouped.flow.processes[id.0].outputs) {
            instance = instance.port(&shape.name, self.data(*stream));
        }
        made.instances.push(instance);
    }
}
