//! Accuracy of the default softmax, and the quirks of hls4ml's that it does not have.

use super::*;
use crate::layers::testing::{Bench, Noise, check_datapath, run};

/// Logits of the measurements.
const INPUT: Format = Format::signed(16, 6);

fn bench(group: usize, kind: SoftmaxKind) -> Bench {
    let mut bench = Bench::new(Softmax::new(group), INPUT, &[group]);
    bench.settings.softmax = kind;
    bench
}

/// Largest error over random logits within `[-scale, scale]`.
fn error(bench: &Bench, seed: u64, scale: f64) -> f64 {
    let group = bench.shape.elements();
    let count = (4000 / group).max(20);
    bench.error(&Noise::new(seed).samples(count, group, scale, bench.input))
}

#[test]
fn stable_is_right_for_any_number_of_classes_and_any_logits() {
    for group in [1, 2, 3, 5, 8, 10, 16, 40, 100, 1000] {
        let bench = bench(group, SoftmaxKind::Stable);
        for scale in [0.5, 1.0, 2.0, 4.0, 8.0, 31.9] {
            let error = error(&bench, 1, scale);
            assert!(error < 0.005, "{group} classes, logits to {scale}: {error}");
        }
    }
}

#[test]
fn latency_is_right_for_small_logits_and_legacy_for_all() {
    for group in [2, 3, 5, 10, 40] {
        for scale in [0.5, 2.0, 4.0] {
            let error = error(&bench(group, SoftmaxKind::Latency), 2, scale);
            assert!(error < 0.06, "latency, {group} classes, logits to {scale}: {error}");
        }
        for scale in [0.5, 4.0, 31.9] {
            let error = error(&bench(group, SoftmaxKind::Legacy), 3, scale);
            assert!(error < 0.009, "legacy, {group} classes, logits to {scale}: {error}");
        }
    }
}

#[test]
fn larger_tables_are_more_accurate() {
    let mut coarse = bench(5, SoftmaxKind::Stable);
    coarse.settings.table_size = 64;
    let mut fine = bench(5, SoftmaxKind::Stable);
    (fine.settings.exp_table_size, fine.settings.inv_table_size) = (Some(8192), Some(8192));
    let (coarse, fine) = (error(&coarse, 4, 8.0), error(&fine, 4, 8.0));
    assert!(coarse > 0.01 && fine < 0.0015, "{coarse} and {fine}");
}

#[test]
fn a_difference_wraps_in_hls4ml_only() {
    // 33 in ufixed<15,5> is 1: hls4ml gives the second class exp(-1) of the first's weight.
    let logits = vec![vec![16.0, -17.0]];
    let mut bench = bench(2, SoftmaxKind::Stable);
    let right = bench.floats(&logits);
    assert!((right[0][0] - 1.0).abs() < 1e-3 && right[0][1] < 1e-3, "{right:?}");
    bench.compat = true;
    let wrong = bench.floats(&logits);
    assert!((wrong[0][1] - 0.269).abs() < 0.03, "{wrong:?}");
}

#[test]
fn a_sum_saturates_in_hls4ml_only() {
    let logits = vec![vec![1.0; 200]];
    let mut bench = bench(200, SoftmaxKind::Stable);
    let right = bench.floats(&logits)[0][0];
    assert!((right - 1.0 / 200.0).abs() < 1e-4, "{right}");
    bench.compat = true;
    bench.given.insert(Role::Result, Format::unsigned(20, 0));
    let wrong = bench.floats(&logits)[0][0];
    assert!((wrong - 1.0 / 128.0).abs() < 1e-3, "{wrong}");
}

#[test]
fn every_row_is_a_softmax_of_its_own() {
    for kind in [SoftmaxKind::Stable, SoftmaxKind::Legacy, SoftmaxKind::Argmax] {
        let mut rows = Bench::new(Softmax::new(3), INPUT, &[4, 3]);
        rows.settings.softmax = kind;
        let sample = Noise::new(5).samples(1, 12, 3.0, INPUT).remove(0);
        let all = rows.floats(std::slice::from_ref(&sample)).remove(0);
        for (row, y) in sample.chunks(3).zip(all.chunks(3)) {
            assert_eq!(bench(3, kind).floats(&[row.to_vec()])[0], y);
        }
    }
}

#[test]
fn argmax_marks_the_first_maximum() {
    let bench = bench(4, SoftmaxKind::Argmax);
    assert_eq!(bench.formats().format(Role::Result), Format::unsigned(1, 1));
    let found = bench.floats(&[vec![1.0, 2.5, 2.5, -3.0], vec![0.0; 4]]);
    assert_eq!(found, [[0.0, 1.0, 0.0, 0.0], [1.0, 0.0, 0.0, 0.0]]);
}

#[test]
fn skipped_it_passes_its_input_on() {
    let mut bench = bench(3, SoftmaxKind::Stable);
    bench.settings.skip = true;
    let graph = bench.graph(&bench.formats());
    assert_eq!(graph.len(), 1, "nothing but the input");
    assert_eq!(graph.outputs, graph.inputs);
}

#[test]
fn scalar_programs_agree() {
    for kind in [SoftmaxKind::Stable, SoftmaxKind::Latency, SoftmaxKind::Legacy] {
        let bench = bench(5, kind);
        let graph = bench.graph(&bench.formats());
        for sample in Noise::new(6).samples(5, 5, 8.0, INPUT) {
            let sample: Vec<i128> = sample.iter().map(|it| INPUT.quantize(*it)).collect();
            let found = run(&graph, std::slice::from_ref(&sample));
            check_datapath(&graph, &sample, &found[0]);
        }
    }
}

#[test]
fn default_types_are_as_small_as_their_values() {
    let formats = bench(10, SoftmaxKind::Stable).formats();
    let types: Vec<String> =
        formats.types.iter().map(|(role, it)| format!("{role} {}", it.format)).collect();
    assert_eq!(
        types,
        [
            "accum fixed",
            "table ufixed<1,1>",
            "inp_norm ufixed<10,4,RND,SAT>",
            "exp_table ufixed<18,1,RND,SAT>",
            "inv_inp ufixed<11,4,RND,SAT>",
            "inv_table ufixed<18,1,RND,SAT>",
            "result ufixed<16,1,RND,SAT>",
        ]
        .map(|it| it.replace("accum fixed", "accum ufixed<22,5>"))
    );
}

#[test]
fn hidden_elements_get_nothing() {
    let hidden = [false, true, true, false, false, true, true, true, true];
    let softmax = Softmax::masked(3, hidden.into_iter());
    // A group of nothing but hidden elements hides none.
    let kept = softmax.hidden.clone().unwrap();
    assert_eq!(kept[..], [false, true, true, false, false, true, false, false, false]);
    for kind in [SoftmaxKind::Stable, SoftmaxKind::Legacy, SoftmaxKind::Argmax] {
        let mut bench = Bench::new(softmax.clone(), INPUT, &[2, 3, 3]);
        bench.settings.softmax = kind;
        let samples = Noise::new(4).samples(50, 18, 20.0, INPUT);
        assert!(bench.checked_error(&samples) < 0.005, "{kind:?}");
        for found in bench.floats(&samples) {
            assert!(found.iter().enumerate().all(|(at, it)| !kept[at % 9] || *it == 0.0));
        }
    }
}
