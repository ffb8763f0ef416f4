//! Adder graphs are exact, within their limits, and no worse than the plain one.

use proptest::prelude::*;

use super::*;

fn sources(n: usize, lo: i128, hi: i128) -> Vec<Source> {
    vec![Source { interval: Interval::new(lo, hi), depth: 0 }; n]
}

fn problem<'a>(matrix: &'a [i128], n_out: usize, inputs: &'a [Source]) -> Problem<'a> {
    let n_in = inputs.len();
    Problem { matrix, n_in, n_out, inputs, limit: None, effort: Effort::Normal, lut_inputs: 0 }
}

/// Signed digits of a column, each as deep as its input.
fn least_depth(problem: &Problem<'_>, j: usize) -> u32 {
    let kraft: u128 = (0..problem.n_in)
        .map(|i| (digits::count(problem.matrix[i * problem.n_out + j] as i64) as u128, i))
        .map(|(digits, i)| digits << problem.inputs[i].depth)
        .sum();
    kraft.max(1).next_power_of_two().trailing_zeros()
}

/// Additions above each output, inputs as deep as they are.
fn depths(graph: &AdderGraph, problem: &Problem<'_>) -> Vec<u32> {
    let mut depths: Vec<u32> = problem.inputs.iter().map(|it| it.depth).collect();
    for add in &graph.adds {
        depths.push(depths[add.a].max(depths[add.b]) + 1);
    }
    graph.outputs.iter().map(|it| it.map_or(0, |it| depths[it.value])).collect()
}

fn product(problem: &Problem<'_>, x: &[i128]) -> Vec<i128> {
    let sum = |j| (0..problem.n_in).map(|i| x[i] * problem.matrix[i * problem.n_out + j]).sum();
    (0..problem.n_out).map(sum).collect()
}

proptest! {
    #[test]
    fn words_of_64_bits_give_what_those_of_128_give(
        n_in in 1usize..7,
        n_out in 1usize..7,
        weights in prop::collection::vec(-300i128..300, 36),
        limit in prop::option::of(0u32..3),
    ) {
        let matrix = &weights[..n_in * n_out];
        let inputs = sources(n_in, -130, 125);
        let problem = Problem { limit, ..problem(matrix, n_out, &inputs) };
        let columns: Vec<Vec<i128>> = (0..n_out).map(|j| problem.column(j)).collect();
        let (short, long) = (search::search_in::<i64>, search::search_in::<i128>);
        prop_assert_eq!(short(&problem, &columns), long(&problem, &columns));
    }

    #[test]
    fn wide_sums_are_exact(
        weights in prop::collection::vec(-(1i128 << 52)..1 << 52, 6),
        x in prop::collection::vec(-(1i128 << 40)..1 << 40, 3),
    ) {
        let inputs = sources(3, -(1 << 40), 1 << 40);
        let problem = problem(&weights, 2, &inputs);
        prop_assert_eq!(solve(&problem).apply(&x), product(&problem, &x));
    }

    #[test]
    fn multiplies_exactly_within_its_limit(
        n_in in 1usize..7,
        n_out in 1usize..7,
        weights in prop::collection::vec(
            prop_oneof![-70000i128..70000, -9i128..9, Just(0)], 36),
        x in prop::collection::vec(-130i128..=125, 6),
        late in prop::collection::vec(0u32..4, 6),
        limit in prop::option::of(prop_oneof![0u32..4, Just(60), Just(u32::MAX)]),
        effort in prop_oneof![Just(Effort::Fast), Just(Effort::Normal)],
    ) {
        let matrix = &weights[..n_in * n_out];
        let mut inputs = sources(n_in, -130, 125);
        inputs.iter_mut().zip(late).for_each(|(it, depth)| it.depth = depth);
        let problem = Problem { limit, effort, ..problem(matrix, n_out, &inputs) };
        let graph = solve(&problem);
        prop_assert_eq!(graph.apply(&x[..n_in]), product(&problem, &x));
        for (j, depth) in depths(&graph, &problem).into_iter().enumerate() {
            let most = least_depth(&problem, j).saturating_add(limit.unwrap_or(99));
            prop_assert!(depth <= most, "output {} is {} deep, at most {}", j, depth, most);
        }
    }
}

#[test]
fn shared_digits_are_added_once() {
    // 5x and 10x + y share x + 4x.
    let inputs = sources(2, -8, 7);
    assert_eq!(solve(&problem(&[5, 10, 0, 1], 2, &inputs)).adds.len(), 2);
    assert_eq!(solve(&problem(&[0, 0], 1, &inputs)).outputs, [None]);
}

#[test]
fn similar_columns_are_differences() {
    // The second column is twice the first and one x more.
    let inputs = sources(3, -128, 127);
    let matrix = [0x55, 0xab, 0x33, 0x66, 0x6d, 0xda];
    let graph = solve(&problem(&matrix, 2, &inputs));
    let first = solve(&problem(&[0x55, 0x33, 0x6d], 1, &inputs));
    assert_eq!(graph.adds.len(), first.adds.len() + 1);
}

#[test]
fn operands_that_lie_apart_cost_nothing() {
    let inputs = sources(2, 0, 15);
    let apart = problem(&[1, 16], 1, &inputs);
    assert_eq!(solve(&apart).carry_bits(&apart), 0);
    let touching = problem(&[1, 8], 1, &inputs);
    // x + 8 y is at most 135: eight bits, of which the adder takes the upper five.
    assert_eq!(solve(&touching).carry_bits(&touching), 5);
}

#[test]
fn more_effort_is_never_worse() {
    let inputs = sources(10, -128, 127);
    let mut seed = 1u64;
    let mut weight = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        i128::from((seed >> 56) as u8) - 128
    };
    let matrix: Vec<i128> = (0..100).map(|_| weight()).collect();
    let price = |effort| {
        let problem = Problem { effort, limit: Some(1), ..problem(&matrix, 10, &inputs) };
        let graph = solve(&problem);
        tail::price(graph.carry_bits(&problem) as u32, graph.depth(), 10)
    };
    assert!(price(Effort::Normal) <= price(Effort::Fast));
    assert!(price(Effort::Max) < price(Effort::Normal));
}

/// Fewest additions for every odd constant below a bound, by growing all chains breadth first.
fn least_additions(bound: usize, most: u32) -> Vec<Option<u32>> {
    let mut least = vec![None; bound];
    least[1] = Some(0);
    let mut chains: Vec<Vec<i64>> = vec![vec![1]];
    for length in 1..=most {
        let mut longer = std::collections::BTreeSet::new();
        for chain in &chains {
            for (u, v) in chain.iter().flat_map(|u| chain.iter().map(move |v| (*u, *v))) {
                for shift in 0..12 {
                    for sum in [u + (v << shift), (v << shift) - u] {
                        if sum == 0 {
                            continue;
                        }
                        let next = (sum.abs() >> sum.trailing_zeros()) as usize;
                        if let Some(it) = least.get_mut(next) {
                            it.get_or_insert(length);
                        }
                        if next < 4 * bound && !chain.contains(&(next as i64)) {
                            let mut chain = chain.clone();
                            chain.push(next as i64);
                            chain[1..].sort_unstable();
                            longer.insert(chain);
                        }
                    }
                }
            }
        }
        chains = longer.into_iter().collect();
    }
    least
}

#[test]
fn a_single_constant_takes_the_fewest_additions() {
    let least = least_additions(256, 3);
    let inputs = sources(1, -128, 127);
    for constant in (1..256usize).step_by(2) {
        let least = least[constant].expect("three additions make all constants of eight bits");
        for weight in [constant as i128, -(constant as i128), 8 * constant as i128] {
            let matrix = [weight];
            let problem = problem(&matrix, 1, &inputs);
            let graph = constant::chain(&problem).unwrap_or_else(|| solve(&problem));
            assert_eq!(graph.adds.len() as u32, least, "{weight}");
            for x in [-128, -1, 0, 1, 127] {
                assert_eq!(graph.apply(&[x]), [x * weight], "{weight} times {x}");
            }
        }
    }
}

#[test]
fn the_same_graph_every_time() {
    let inputs = sources(12, -128, 127);
    let matrix: Vec<i128> = (0..144).map(|it| (it * it * 37) % 255 - 127).collect();
    let problem = problem(&matrix, 12, &inputs);
    assert_eq!(solve(&problem), solve(&problem));
}

proptest! {
    #[test]
    fn packed_inputs_multiply_exactly(
        n_in in 1usize..12,
        n_out in 1usize..9,
        weights in prop::collection::vec(prop_oneof![-300i128..300, -9i128..9, Just(0)], 99),
        ranges in prop::collection::vec(prop_oneof![
            Just((0i128, 1i128)), Just((-1, 0)), Just((-1, 1)), Just((0, 3)), Just((-4, 3)),
            Just((0, 5)), Just((-3, 1)), Just((-60, 60)), Just((0, 0)),
        ], 12),
        picks in prop::collection::vec(0usize..1000, 12),
        lut_inputs in prop_oneof![Just(4u32), Just(6)],
        limit in prop::option::of(0u32..3),
    ) {
        let matrix = &weights[..n_in * n_out];
        let source = |(lo, hi): &(i128, i128)| Source { interval: Interval::new(*lo, *hi), depth: 0 };
        let inputs: Vec<Source> = ranges[..n_in].iter().map(source).collect();
        let plain = Problem { limit, ..problem(matrix, n_out, &inputs) };
        let packing = Problem { lut_inputs, ..plain.clone() };
        let graph = solve(&packing);
        let ends = |pick: &dyn Fn(usize) -> i128| (0..n_in).map(pick).collect::<Vec<_>>();
        for x in [
            ends(&|i| ranges[i].0),
            ends(&|i| ranges[i].1),
            ends(&|i| ranges[i].0 + picks[i] as i128 % (ranges[i].1 - ranges[i].0 + 1)),
        ] {
            prop_assert_eq!(graph.apply(&x), product(&packing, &x));
        }
        let price = |it: &AdderGraph| {
            let luts = it.carry_bits(&packing) + it.table_luts(lut_inputs);
            tail::price(luts as u32, it.depth(), n_out)
        };
        prop_assert!(price(&graph) <= price(&solve(&plain)));
    }
}

#[test]
fn single_bits_are_packed() {
    // Twelve single bits into eight outputs of seven bits: two tables and an addition for each.
    let matrix: Vec<i128> = (0..12 * 8).map(|it| (it * it * 37 + it * 11) % 51 - 25).collect();
    let inputs = sources(12, 0, 1);
    let problem = Problem { lut_inputs: 6, ..problem(&matrix, 8, &inputs) };
    let graph = solve(&problem);
    assert!(graph.tables.len() > 8, "{} tables", graph.tables.len());
    let luts = graph.carry_bits(&problem) + graph.table_luts(6);
    let plain = solve(&Problem { lut_inputs: 0, ..problem.clone() }).carry_bits(&problem);
    assert!(5 * luts < 4 * plain, "{luts} of {plain}");
}
