//! Instances of the modules whose parameters take more than a line: states of loops, reductions, windows.

use super::array::word;
use super::body::{Instance, Process, Writer};
use crate::stream::{ProcessId, Reducer, Span, State, Tap, Window, index_bits as address_bits};

impl Writer<'_> {
    pub(super) fn state(&self, id: ProcessId, state: &State, made: &mut Process) {
        let process = &self.grouped.flow.processes[id.0];
        let name = &self.names[id.0];
        let stream = self.grouped.flow.stream(process.outputs[0]);
        let pin = |port: usize, it: &str| format!("{name}_in{port}_{it}");
        let left = process.inputs.len() - 1;
        let first = match &state.first {
            None => ["valid", "ready", "data"].map(|it| pin(0, it)),
            Some(first) => {
                let numbers = first.iter().enumerate();
                let words = numbers.map(|(at, it)| word(&[*it], stream.ty.format(at).width));
                let words = words.rev().collect::<Vec<_>>().join(", ");
                let unused = format!("{name}_unused_ready");
                made.wire(unused.clone());
                ["1'b1".to_owned(), unused, format!("{{{words}}}")]
            }
        };
        let mut instance = Instance::new("nn_state", format!("i_{name}"))
            .parameter("Width", stream.bits())
            .parameter("Steps", state.steps)
            .parameter("Packs", state.packs);
        let pins = ["first_valid_i", "first_ready_o", "first_data_i"].into_iter().zip(first);
        for (port, value) in pins {
            instance = instance.port(port, value);
        }
        let instance = instance
            .port("left_valid_i", pin(left, "valid"))
            .port("left_ready_o", pin(left, "ready"))
            .port("left_data_i", pin(left, "data"))
            .port("out_valid_o", format!("{name}_valid"))
            .port("out_ready_i", format!("{name}_ready"))
            .port("out_data_o", format!("{name}_data"));
        made.instances.push(instance);
    }

    pub(super) fn reduction(&self, id: ProcessId, own: &Reducer) -> Instance {
        self.reduced(
            own,
            self.lanes(id),
            self.one(id, "nn_reduce").parameter("InWidth", own.from.width),
        )
        .parameter("Width", own.to.width)
        .parameter("Packs", own.packs)
    }

    /// The parameters of a reduction that are called alike everywhere.
    pub(super) fn reduced(&self, own: &Reducer, lanes: usize, instance: Instance) -> Instance {
        instance
            .parameter("Shift", own.shift())
            .parameter("IsSigned", if own.from.signed { "1'b1" } else { "1'b0" })
            .parameter("Lanes", lanes)
            .parameter("Steps", own.steps)
            .parameter("Kind", own.kind())
    }

    /// Elements of a result of a process.
    pub(super) fn lanes(&self, id: ProcessId) -> usize {
        let flow = &self.grouped.flow;
        flow.stream(flow.processes[id.0].outputs[0]).ty.elements()
    }

    pub(super) fn window(&self, id: ProcessId, window: &Window) -> Instance {
        let input = self.grouped.flow.stream(self.grouped.flow.processes[id.0].inputs[0]);
        let most = window.extents.iter().max().copied().unwrap_or(1);
        let place_width = address_bits(most);
        let numbers = |it: &mut dyn DoubleEndedIterator<Item = usize>| {
            // The first one has the lowest index, and stands last.
            let all: Vec<String> = it.rev().map(|it| format!("32'd{it}")).collect();
            format!("{{{}}}", all.join(", "))
        };
        let spans = |end: fn(&Span) -> usize| {
            let taps = window.taps.iter().rev();
            let of = |it: &Tap| numbers(&mut it.inside.iter().map(end));
            let all: Vec<String> = taps.map(of).collect();
            format!("{{{}}}", all.join(",\n            "))
        };
        let formats = (0..input.ty.elements()).map(|it| input.ty.format(it).width);
        let pad: Vec<String> = match window.padding {
            0 => Vec::new(),
            mantissa => formats.map(|width| word(&[mantissa], width)).collect(),
        };
        let pad = match pad.is_empty() {
            true => "'0".to_owned(),
            false => format!("{{{}}}", pad.into_iter().rev().collect::<Vec<_>>().join(", ")),
        };
        let steps = window.steps();
        self.one(id, "nn_window")
            .parameter("Width", input.bits())
            .parameter("Tokens", window.tokens)
            .parameter("Axes", window.extents.len())
            .parameter("Taps", window.taps.len())
            .parameter("First", window.first)
            .parameter("Last", window.last())
            .parameter("PlaceWidth", place_width)
            .parameter("Overlap", if window.overlaps() { "1'b1" } else { "1'b0" })
            .parameter("Extent", numbers(&mut window.extents.iter().copied()))
            .parameter("Step", numbers(&mut steps.iter().map(|it| (*it).max(0) as usize)))
            .parameter("Distance", numbers(&mut window.taps.iter().map(|it| it.distance)))
            .parameter("Low", spans(|it| it.first))
            .parameter("High", spans(|it| it.last))
            .parameter("Pad", pad)
    }
}
