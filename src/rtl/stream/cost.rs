//! What the processes of a dataflow take of a fabric, besides the datapaths of kernels.
//!
//! White box, as [`crate::rtl::cost`]: each part is counted as its module in `rtl-templates/` is built.
//! `benches/resources.py` puts the counts beside those of Yosys, process by process.

use super::Hard;
use super::array::Styles;
use crate::device::{Device, Resources, Storage, adder_luts, multiplier_luts, table_luts};
use crate::stream::plan::{Plan, whole_room};
use crate::stream::{Array, Dataflow, Kind, Permutation, ProcessId, Reducer, StreamId, Window};
use crate::units::Binary;

/// What a process takes, with the FIFOs in front of it and the fork behind it.
pub fn process(
    flow: &Dataflow,
    plan: &Plan,
    id: ProcessId,
    latency: u32,
    hard: &Hard,
    device: &Device,
) -> Resources {
    let process = &flow.processes[id.0];
    let bits = |it: &StreamId| flow.stream(*it).bits();
    let input = process.inputs.first().map_or(0, bits);
    let output = process.outputs.iter().map(bits).sum();
    let own = match &process.kind {
        Kind::Source(_) | Kind::Sink(_) => {
            let port = process.inputs.iter().chain(&process.outputs);
            counter(port.map(|it| flow.stream(*it).tokens).max().unwrap_or(1))
        }
        Kind::Kernel(_) => {
            let room = plan.rooms.get(&id).copied().unwrap_or(whole_room(latency));
            fifo(room, output, device) + counter(room)
        }
        Kind::Array(it) => array(it, Styles::new(hard, id), device),
        Kind::Window(it) => window(it, input, device),
        Kind::Repack => {
            let (from, to) = (tokens(flow, process.inputs[0]), tokens(flow, process.outputs[0]));
            let ratio = if from > to { from / to } else { to / from };
            // Words that wait for the last one; or a choice of one.
            let store = match from > to {
                true => registers(u64::from(input) * (ratio as u64 - 1)),
                false => Resources::luts(choice(ratio, output, device)),
            };
            store + counter(ratio)
        }
        Kind::Rom(values) => {
            let words = values.len() / flow.stream(process.outputs[0]).ty.elements();
            let address = super::address_bits(words);
            counter(words) + Resources::luts(table_luts(address, output, device.lut_inputs()))
        }
        Kind::Repeat(times) => counter(*times),
        Kind::Permute(it) => permute(it, input, device),
        Kind::Loop(_) => Resources::default(),
        Kind::State(it) => {
            let words = registers(2 * u64::from(output)) + fifo(it.packs - 1, output, device);
            words + Resources::luts(2 * u64::from(output)) + counter(it.steps * it.packs).times(2)
        }
        Kind::Reduce(it) => reduction(it, output, device) + counter(it.steps * it.packs),
        Kind::Last { of, .. } => counter(*of),
    };
    let fifos = plan.fifos.iter().filter(|it| it.0.0 == id);
    let fifos = fifos.map(|((_, port), depth)| fifo(*depth, bits(&process.inputs[*port]), device));
    let readers: usize = process.outputs.iter().map(|it| flow.readers(*it).len()).sum();
    let fork = if readers > 1 { 2 * readers as u64 } else { 0 };
    own + fifos.sum() + Resources { lut: fork, ff: fork / 2, ..Resources::default() }
}

/// DSP blocks of an array's multipliers, two products in one or not, and the lookup tables that they save.
pub fn products(array: &Array, pairs: bool, device: &Device) -> (u64, u64) {
    let count = array.multipliers() as u64;
    let (input, weight) = operands(array);
    let logic = count * multiplier_luts(input, weight, device.lut_inputs());
    if !pairs {
        return (device.dsps(count, input, weight), logic);
    }
    let pairs = array.pairs() as u64;
    let blocks = device.dsps(pairs, input, array.pair_width());
    let single = device.dsps(count - 2 * pairs, input, weight + 1);
    (blocks + single, logic.saturating_sub(beside(array)))
}

/// Lookup tables of what pairs cannot do inside of their blocks: what the lower product borrows from the
/// upper one, and the addition to a sum.
fn beside(array: &Array) -> u64 {
    let (input, weight) = operands(array);
    let within = if array.fan == 1 { array.columns() as u64 } else { 0 };
    array.pairs() as u64 * u64::from(input + weight) + within * u64::from(array.accum().width)
}

/// Whether two of an array's products can come from one DSP block.
pub fn pairs(array: &Array, device: &Device) -> bool {
    let (input, weight) = operands(array);
    let one = device.dsps(1, input, array.pair_width()) == 1;
    // Some blocks have two multipliers.
    let twice = device.dsps(2, input, weight) == 2;
    array.loaded().is_nothing() && array.pairs() > 0 && one && twice
}

/// Operands of a signed product.
fn operands(array: &Array) -> (u32, u32) {
    (array.input.width + u32::from(!array.input.signed), array.weight_width())
}

/// Block RAMs of an array's weights, and the lookup tables that they take instead.
pub fn weights(array: &Array, pairs: bool, device: &Device) -> (u64, u64) {
    let (steps, bits) = (array.cycles(), array.multipliers() as u32 * array.word_width(pairs));
    let tables = table_luts(super::address_bits(steps), bits, device.lut_inputs());
    (device.blocks(steps, bits).bram_kbit.div_ceil(18), tables)
}

fn array(array: &Array, styles: Styles, device: &Device) -> Resources {
    let dsp = styles.dsp;
    let (columns, fan) = (array.columns() as u64, array.fan as u64);
    let (sum, input) = (u64::from(array.accum().width), u64::from(array.input.width));
    let (steps, groups, turns) = (array.cycles(), array.groups(), array.turns());
    let words = array.multipliers() as u32 * array.word_width(styles.pairs);
    let weights = match styles.rom {
        _ if !array.loaded().is_nothing() => banks(array, device),
        Storage::Block => device.blocks(steps, words),
        Storage::Tables => {
            let tables = table_luts(super::address_bits(steps), words, device.lut_inputs());
            Resources { lut: tables, ff: u64::from(words), ..Resources::default() }
        }
    };
    let (x, w) = operands(array);
    let (blocks, logic) = products(array, styles.pairs, device);
    let products = match dsp {
        true if styles.pairs => {
            let (x, w) = operands(array);
            let lut = array.pairs() as u64 * u64::from(x + w);
            Resources { lut, dsp: blocks, ..Resources::default() }
        }
        true => Resources { dsp: blocks, ..Resources::default() },
        false => Resources {
            lut: logic,
            ff: array.multipliers() as u64 * u64::from(x + w),
            ..Resources::default()
        },
    };
    // The pack turns, if it is more than a block; its first block is read.
    let token = (array.blocks() * array.block()) as u64 * input;
    let block = array.block() as u64 * input;
    let lut = if array.blocks() > 1 { token } else { 0 };
    let turn = Resources { lut, ff: token + block, ..Resources::default() };
    let levels = array.fan.next_power_of_two() as u64 - 1;
    let tree = Resources {
        lut: adder_luts(array.accum().width, device.delay().carry_cell_bits),
        ff: sum,
        ..Resources::default()
    };
    let tree = tree.times(columns * levels.min(fan.saturating_sub(1)));
    // A sum with its bias, which is a constant for every group; and what waits for the other groups.
    // A block adds its product to the sum that it has.
    let carries = array.parts() > 1 && groups > 1;
    let within = dsp && !styles.pairs && array.fan == 1;
    let adders = if within { 0 } else { columns * sum };
    let bias = match groups * turns {
        1 => 0,
        _ if within || carries => choice_of_constants(groups * turns, device).max(1),
        _ => choice_of_constants(groups * turns, device),
    };
    let lut = adders + columns * sum * bias;
    let carry = match carries {
        true => delay(groups - 1, columns as u32 * array.accum().width, device),
        false => Resources::default(),
    };
    let sums = Resources { lut, ff: adders, ..Resources::default() };
    let outputs = array.outputs() as u64 * sum;
    let ends = match array.keeps() {
        true => registers(outputs),
        false => {
            let wide = (array.outputs() as u32) * array.accum().width;
            let rest = registers(outputs - columns.min(outputs / sum) * sum);
            fifo(array.credits(), wide, device) + rest
        }
    };
    weights
        + products
        + turn
        + tree
        + sums
        + carry
        + ends
        + counter(steps).times(2)
        + control(array)
}

/// Two banks of weights, a memory for each multiplier, and of biases, with the place of a word that comes.
fn banks(array: &Array, device: &Device) -> Resources {
    let rows = 2 * array.steps().next_power_of_two();
    let width = array.weight_width();
    let memory = device.memory(rows, width) + registers(u64::from(width));
    let biases = array.outputs() as u64 * u64::from(array.accum().width);
    let biases = Resources { lut: biases, ff: 2 * biases, ..Resources::default() };
    memory.times(array.multipliers() as u64) + biases + counter(array.products()).times(8)
}

/// What is known of a step, in every rank.
fn control(array: &Array) -> Resources {
    let bits = 3 + super::address_bits(array.groups()) as u64;
    registers(bits * array.behind() as u64)
}

/// Lookup tables of a bit that is a function of a group's number.
fn choice_of_constants(groups: usize, device: &Device) -> u64 {
    let address = super::address_bits(groups);
    let inputs = device.lut_inputs();
    // Three inputs of the sum's table are its own.
    if address + 3 <= inputs { 0 } else { table_luts(address, 2, inputs).div_ceil(2) }
}

fn window(window: &Window, bits: u32, device: &Device) -> Resources {
    let wide = u64::from(bits);
    let mut before = None;
    let mut all = Resources::default();
    for tap in &window.taps {
        let length = match before {
            None => tap.distance + 1,
            Some(newer) => tap.distance - newer,
        };
        before = Some(tap.distance);
        all += delay(length, bits, device);
        let inside = tap.inside.iter().zip(&window.extents);
        let partial = inside.filter(|(span, extent)| span.first > 0 || span.last + 1 < **extent);
        // Outside of the image a tap is padding.
        let partial = partial.count() as u64;
        if partial > 0 {
            all += Resources::luts(wide + 4 * partial);
        }
    }
    if window.overlaps() {
        all += fifo(window.flush(), bits, device);
    }
    let places: Resources = window.extents.iter().map(|it| counter(*it)).sum();
    all + places + counter(window.tokens + window.flush()).times(4)
}

/// `nn_reduce`: a sum whose first element is added to nothing, which tables of six inputs do beside some of the carry
/// chain; or a comparison, whose result is the enable of the registers.
fn reduction(own: &Reducer, bits: u32, device: &Device) -> Resources {
    let wide = u64::from(bits);
    let lut = match own.op {
        Binary::Add if device.lut_inputs() >= 6 => wide * 3 / 2,
        Binary::Add => 2 * wide,
        _ => wide,
    };
    Resources::luts(lut) + delay(own.packs, bits, device)
}

/// `nn_delay`.
fn delay(length: usize, bits: u32, device: &Device) -> Resources {
    let wide = u64::from(bits);
    match length {
        0..=2 => registers(length as u64 * wide),
        3..=32 if device.lut_inputs() >= 6 => Resources::luts(wide),
        3..=32 => registers(length as u64 * wide),
        _ => {
            let line = device.line(length - 1, bits);
            // A block RAM has the register inside.
            let register = if line.bram_kbit > 0 { 0 } else { wide };
            line + registers(register) + counter(length)
        }
    }
}

fn permute(order: &Permutation, bits: u32, device: &Device) -> Resources {
    let reads = order.order.len();
    let entry = 2 * super::address_bits(order.tokens) + super::address_bits(order.capacity);
    let list = match Storage::of(reads, entry) {
        Storage::Block => device.blocks(reads, entry),
        Storage::Tables => {
            let tables = table_luts(super::address_bits(reads), entry, device.lut_inputs());
            Resources { lut: tables, ff: u64::from(entry), ..Resources::default() }
        }
    };
    let ring = device.memory(order.capacity, bits);
    let register = if ring.bram_kbit > 0 { 0 } else { u64::from(bits) };
    list + ring + registers(register) + counter(2 * order.tokens + order.capacity).times(6)
}

/// `nn_fifo`, which a word may pass.
fn fifo(depth: usize, bits: u32, device: &Device) -> Resources {
    let wide = u64::from(bits);
    let bypass = Resources::luts(wide);
    let control = counter(depth + 1).times(2);
    let words = match depth {
        0 => return Resources::default(),
        1 => registers(wide),
        2 => registers(2 * wide) + Resources::luts(wide),
        _ => match Storage::of(depth, bits) {
            Storage::Tables => device.memory(depth, bits),
            Storage::Block => device.blocks(depth, bits) + registers(2 * wide) + bypass.times(2),
        },
    };
    words + bypass + control
}

/// Counts to `n` and turns around.
fn counter(n: usize) -> Resources {
    let bits = u64::from(usize::BITS - n.saturating_sub(1).leading_zeros());
    Resources { lut: 2 * bits, ff: bits, ..Resources::default() }
}

fn registers(bits: u64) -> Resources {
    Resources { ff: bits, ..Resources::default() }
}

/// Lookup tables of a choice of one of so many words.
fn choice(words: usize, bits: u32, device: &Device) -> u64 {
    let inputs = device.lut_inputs();
    crate::device::mux_luts(words.min(u32::MAX as usize) as u32, bits, inputs)
}

fn tokens(flow: &Dataflow, id: StreamId) -> usize {
    flow.stream(id).tokens
}
