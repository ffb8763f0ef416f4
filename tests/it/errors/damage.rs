//! Files damaged at random, from fixed seeds: refused with a message, or used, never a panic.

use std::panic::{AssertUnwindSafe, catch_unwind};

use nn2rtl::compile;
use nn2rtl::config::Config;

use super::with_project;
use crate::support::{nn2rtl, own, text};

/// A mutated file compiles or is refused; it never panics, and is never a panic's text.
fn mutate(model: &str, seed: u64) {
    let dir = tempfile::tempdir().unwrap();
    let good = std::fs::read(own("tests/models").join(model)).unwrap();
    let path = dir.path().join(model);
    let mut random = nn2rtl::cosim::prng::Prng::new(seed);
    let mut below = |limit: usize| (random.next_u128() % limit as u128) as usize;
    let mut refusals = 0;
    for case in 0..200 {
        let mut bytes = good.clone();
        if case % 4 == 0 {
            bytes.truncate(below(good.len()));
        }
        for _ in 0..if case % 4 == 0 { below(2) } else { 1 + below(8) } {
            if !bytes.is_empty() {
                let at = below(bytes.len());
                bytes[at] ^= 1 << below(8);
            }
        }
        std::fs::write(&path, &bytes).unwrap();
        let compiled = catch_unwind(AssertUnwindSafe(|| {
            let loaded = compile::load(&path, None, &Default::default())?;
            compile::compile(loaded, &Config::default(), &[], Vec::new()).map(drop)
        }));
        match compiled {
            Ok(Ok(())) => {}
            Ok(Err(problems)) => {
                refusals += 1;
                let message = problems.to_string();
                assert!(message.contains(model), "case {case} of seed {seed}: {message}");
            }
            Err(_) => panic!("{model}: case {case} of seed {seed} panics"),
        }
    }
    assert!(refusals >= 50, "only {refusals} of 200 damaged files were refused");
}

#[test]
fn damaged_keras_archives() {
    mutate("k3_mlp.keras", 11);
}

#[test]
fn damaged_hdf5() {
    mutate("k3_mlp.h5", 12);
}

#[test]
fn damaged_onnx() {
    mutate("t_mlp_legacy.onnx", 13);
}

#[test]
fn damaged_pytorch() {
    mutate("t_mlp.pt2", 14);
}

/// Numbers changed at random in a stored design: it is refused, or it computes something.
#[test]
fn changed_designs_do_not_panic() {
    let dir = with_project();
    let path = dir.path().join("p/design.json");
    let good = std::fs::read(&path).unwrap();
    let digits: Vec<usize> = (0..good.len()).filter(|it| good[*it].is_ascii_digit()).collect();
    let mut random = nn2rtl::cosim::prng::Prng::new(5);
    for case in 0..100 {
        let mut bytes = good.clone();
        for _ in 0..=case % 3 {
            let at = digits[(random.next_u128() % digits.len() as u128) as usize];
            bytes[at] = b'0' + (random.next_u128() % 10) as u8;
        }
        std::fs::write(&path, &bytes).unwrap();
        let args =
            ["predict", text(&dir.path().join("p")), "--input", text(&dir.path().join("x.npy"))]
                .map(str::to_owned);
        let output = nn2rtl().args(args).output().unwrap();
        let message = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(matches!(output.status.code(), Some(0 | 2)), "case {case} of seed 5: {message}");
        assert!(!message.contains("panicked"), "case {case} of seed 5: {message}");
    }
}
