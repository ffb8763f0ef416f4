//! In which order values are computed: what keeps few of them alive at a time.

use super::ir::{Ir, Node};

/// Live values as they were built, layer after layer.
pub(super) fn as_built(ir: &Ir) -> Vec<u32> {
    let live = ir.live();
    (0..ir.nodes.len() as u32).filter(|it| live[*it as usize]).collect()
}

/// Live values depth first from one output after another: operands right before their first user.
pub(super) fn depth_first(ir: &Ir) -> Vec<u32> {
    let mut order = Vec::new();
    // 0: not seen; 1: waiting for operands; 2: done.
    let mut state = vec![0u8; ir.nodes.len()];
    let mut stack: Vec<u32> = Vec::new();
    // Inputs first and in their order, because samples are read in panels.
    let live = ir.live();
    let inputs = (0..ir.nodes.len() as u32)
        .filter(|it| live[*it as usize] && matches!(ir.nodes[*it as usize], Node::Input(_)));
    for root in inputs.chain(ir.outputs.iter().copied()) {
        stack.push(root);
        while let Some(at) = stack.pop() {
            match state[at as usize] {
                0 => {
                    state[at as usize] = 1;
                    stack.push(at);
                    let waiting = ir.nodes[at as usize].operands().rev();
                    stack.extend(waiting.filter(|it| state[*it as usize] == 0));
                }
                1 => {
                    state[at as usize] = 2;
                    order.push(at);
                }
                _ => {}
            }
        }
    }
    order
}
