//! Runs the instructions on a block of samples.

use super::Program;
use super::code::{Instr, Kind, Width};
use super::frame::{Bank, Frame, Panel};
use super::kernels;
use super::tables::{Table, look_up};
use crate::fixed::{Format, Word, columns};

/// Where a block of samples comes from: one sample after another.
pub(super) enum Source<'s> {
    Floats(&'s [f64], &'s [Format]),
    Mantissas(&'s [Vec<i128>]),
}

/// Where its outputs go, likewise.
pub(super) enum Sink<'s> {
    Floats(&'s mut [f64], &'s [Format]),
    Mantissas(&'s mut [Vec<i128>]),
}

/// A whole block. Not a closure: only an `inline(always)` call is compiled for the vector instructions
/// that were found.
pub(super) struct Block<'s> {
    pub(super) program: &'s Program,
    pub(super) frame: &'s mut Frame,
    pub(super) source: Source<'s>,
    pub(super) sink: Sink<'s>,
}

impl pulp::NullaryFnOnce for Block<'_> {
    type Output = ();

    #[inline(always)]
    fn call(mut self) {
        let program = self.program;
        self.frame.panel.forget();
        for instr in &program.code {
            match instr.kind {
                Kind::Load => self.load(instr),
                Kind::Store => self.store(instr),
                Kind::Table { from } => self.table(instr, from),
                Kind::Convert { from } => self.convert(instr, from),
                _ => {
                    let (frame, constants) = (&mut *self.frame, &program.constants);
                    match instr.width {
                        Width::W16 => kernels::step(instr, &mut frame.w16, constants),
                        Width::W32 => kernels::step(instr, &mut frame.w32, constants),
                        Width::W64 => kernels::step(instr, &mut frame.w64, constants),
                        // Nothing to vectorize: compiled once, not for every machine.
                        Width::W128 => wide(instr, &mut frame.w128, constants),
                    }
                }
            }
        }
    }
}

impl Block<'_> {
    #[inline(always)]
    fn load(&mut self, instr: &Instr) {
        let Frame { w16, w32, w64, w128, panel, column } = &mut *self.frame;
        let element = instr.operands[0] as usize;
        let mut io = (panel, column.as_mut_slice());
        match instr.width {
            Width::W16 => load(&self.source, element, w16.slot_mut(instr.d), &mut io),
            Width::W32 => load(&self.source, element, w32.slot_mut(instr.d), &mut io),
            Width::W64 => load(&self.source, element, w64.slot_mut(instr.d), &mut io),
            Width::W128 => load(&self.source, element, w128.slot_mut(instr.d), &mut io),
        }
    }

    #[inline(always)]
    fn store(&mut self, instr: &Instr) {
        let Frame { w16, w32, w64, w128, column, .. } = &mut *self.frame;
        let (element, slot) = (instr.d as usize, instr.operands[0]);
        match instr.width {
            Width::W16 => store(&mut self.sink, element, w16.slot(slot), column),
            Width::W32 => store(&mut self.sink, element, w32.slot(slot), column),
            Width::W64 => store(&mut self.sink, element, w64.slot(slot), column),
            Width::W128 => store(&mut self.sink, element, w128.slot(slot), column),
        }
    }

    #[inline(always)]
    fn table(&mut self, instr: &Instr, from: Width) {
        let Frame { w16, w32, w64, w128, .. } = &mut *self.frame;
        let (d, index) = (instr.d, instr.operands[0]);
        let wide = from == Width::W32;
        match &self.program.tables[instr.k as usize] {
            Table::W16(table) if wide => look_up(table, w32.slot(index), w16.slot_mut(d)),
            Table::W16(table) => within(w16, d, |d, slots| look_up(table, slots.slot(index), d)),
            Table::W32(table) if wide => {
                within(w32, d, |d, slots| look_up(table, slots.slot(index), d));
            }
            Table::W32(table) => look_up(table, w16.slot(index), w32.slot_mut(d)),
            Table::W64(table) if wide => look_up(table, w32.slot(index), w64.slot_mut(d)),
            Table::W64(table) => look_up(table, w16.slot(index), w64.slot_mut(d)),
            Table::W128(table) if wide => look_up(table, w32.slot(index), w128.slot_mut(d)),
            Table::W128(table) => look_up(table, w16.slot(index), w128.slot_mut(d)),
        }
    }

    #[inline(always)]
    fn convert(&mut self, instr: &Instr, from: Width) {
        let Frame { w16, w32, w64, w128, .. } = &mut *self.frame;
        let (d, a) = (instr.d, instr.operands[0]);
        match (from, instr.width) {
            (Width::W16, Width::W32) => convert(w16.slot(a), w32.slot_mut(d), i32::from),
            (Width::W16, Width::W64) => convert(w16.slot(a), w64.slot_mut(d), i64::from),
            (Width::W16, Width::W128) => convert(w16.slot(a), w128.slot_mut(d), i128::from),
            (Width::W32, Width::W16) => convert(w32.slot(a), w16.slot_mut(d), |it| it as i16),
            (Width::W32, Width::W64) => convert(w32.slot(a), w64.slot_mut(d), i64::from),
            (Width::W32, Width::W128) => convert(w32.slot(a), w128.slot_mut(d), i128::from),
            (Width::W64, Width::W16) => convert(w64.slot(a), w16.slot_mut(d), |it| it as i16),
            (Width::W64, Width::W32) => convert(w64.slot(a), w32.slot_mut(d), |it| it as i32),
            (Width::W64, Width::W128) => convert(w64.slot(a), w128.slot_mut(d), i128::from),
            (Width::W128, Width::W16) => convert(w128.slot(a), w16.slot_mut(d), |it| it as i16),
            (Width::W128, Width::W32) => convert(w128.slot(a), w32.slot_mut(d), |it| it as i32),
            (Width::W128, Width::W64) => convert(w128.slot(a), w64.slot_mut(d), |it| it as i64),
            _ => unreachable!("a conversion changes the word"),
        }
    }
}

#[inline(never)]
fn wide(instr: &Instr, bank: &mut Bank<i128>, constants: &[i128]) {
    kernels::step(instr, bank, constants);
}

#[inline(always)]
fn within<T: Copy + Default>(
    bank: &mut Bank<T>,
    d: u32,
    f: impl FnOnce(&mut [T], super::frame::Others<'_, T>),
) {
    let (d, slots) = bank.split(d);
    f(d, slots);
}

#[inline(always)]
fn convert<A: Copy, B>(from: &[A], to: &mut [B], f: impl Fn(A) -> B) {
    for (to, from) in to.iter_mut().zip(from) {
        *to = f(*from);
    }
}

/// An element of all samples. Lanes beyond the last sample get any value that an input can have.
#[inline(always)]
fn load<T: Word>(
    source: &Source<'_>,
    element: usize,
    slot: &mut [T],
    (panel, scratch): &mut (&mut Panel, &mut [f64]),
) {
    match source {
        Source::Floats(values, formats) => {
            let column = panel.column(values, formats.len(), element);
            columns::quantize(formats[element], column, scratch, slot);
        }
        Source::Mantissas(samples) => {
            for (lane, value) in slot.iter_mut().enumerate() {
                *value = samples.get(lane).map_or(T::ZERO, |it| T::narrow(it[element]));
            }
        }
    }
}

/// An element of all outputs.
#[inline(always)]
fn store<T: Word>(sink: &mut Sink<'_>, element: usize, slot: &[T], column: &mut [f64]) {
    match sink {
        Sink::Floats(values, formats) => {
            columns::values(formats[element], slot, column);
            for (sample, value) in values.chunks_exact_mut(formats.len()).zip(column) {
                sample[element] = *value;
            }
        }
        Sink::Mantissas(samples) => {
            for (sample, value) in samples.iter_mut().zip(slot) {
                sample[element] = value.widen();
            }
        }
    }
}
