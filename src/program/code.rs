//! The instructions of a compiled scalar program.
//!
//! An instruction reads and writes slots: each holds one value for all samples of a block, in one
//! machine word. All operands of an instruction are in its own word, except where it says otherwise.

/// A machine word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Width {
    W16,
    W32,
    W64,
    W128,
}

impl Width {
    pub(super) const ALL: [Width; 4] = [Width::W16, Width::W32, Width::W64, Width::W128];

    /// The narrowest word with that many bits, the sign included.
    pub(super) fn of(bits: u32) -> Width {
        match bits {
            0..=16 => Width::W16,
            17..=32 => Width::W32,
            33..=64 => Width::W64,
            _ => Width::W128,
        }
    }

    pub(super) fn bits(self) -> u32 {
        16 << self.index()
    }

    pub(super) fn index(self) -> usize {
        self as usize
    }
}

/// What an instruction does with its operands `a`, `b`, `c`, `e`, shifts `s` and constants `k`, `l`.
///
/// Arithmetic is modulo the word: the compiler has seen to it that no bit anybody reads is lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// An element of the inputs, quantized; `a` counts elements over all inputs.
    Load,
    /// An element of the outputs; `d` counts elements over all outputs, `a` is the slot.
    Store,
    /// `k`.
    Fill,
    /// `a << s0`.
    Shl,
    /// `(a << s0) + k`.
    AddConst,
    /// `k - (a << s0)`.
    SubConst,
    /// `a + b`.
    Add,
    /// `(a << s0) + b`.
    AddShl,
    /// `a - b`.
    Sub,
    /// `a - (b << s1)`.
    SubShl,
    /// `(a << s0) - b`.
    ShlSub,
    /// The sum of two to four shifted operands and `k`; the last `negative`
    /// are subtracted.
    Sum { operands: u8, negative: u8 },
    /// `a * b`.
    Mul,
    /// `a >> s0`.
    Shr,
    /// `(a >> s0) & k`.
    Bits,
    /// `(a << s0) >> s1`, a sign extension.
    Extend,
    /// 1 if `a & k` has any bit set.
    Any,
    /// `a != 0 ? b : c`.
    Mux,
    /// `a != 0 ? k : c`.
    MuxConstElse,
    /// `a != 0 ? b : k`.
    MuxElseConst,
    /// `a < 0 ? 0 : b`.
    Gate,
    /// `max(a, k) >> s0`.
    Max,
    /// `min(a, k)`.
    Min,
    /// `min(max(a, k), l)`.
    Clamp,
    /// `a < b`.
    Less,
    /// `a <= b`.
    LessEqual,
    /// `a == b`.
    Equal,
    /// `a < k`.
    LessConst,
    /// `a > k`.
    MoreConst,
    /// `a == k`.
    EqualConst,
    /// Bitwise and.
    And,
    /// Bitwise or.
    Or,
    /// Bitwise exclusive or.
    Xor,
    /// Entry `a` of table `k`; the index is in the word `from`.
    Table { from: Width },
    /// `a`, from the word `from`: sign extended or cut off.
    Convert { from: Width },
}

/// One instruction. Fields that its kind does not name are 0.
#[derive(Clone, Copy, Debug)]
pub(super) struct Instr {
    pub(super) kind: Kind,
    pub(super) width: Width,
    /// Slot written.
    pub(super) d: u32,
    /// Slots read.
    pub(super) operands: [u32; 4],
    pub(super) shifts: [u8; 4],
    /// Positions in the list of constants.
    pub(super) k: u32,
    pub(super) l: u32,
}

impl Instr {
    /// How many slots are read.
    pub(super) fn reads(&self) -> usize {
        match self.kind {
            Kind::Load | Kind::Fill => 0,
            Kind::Add
            | Kind::AddShl
            | Kind::Sub
            | Kind::SubShl
            | Kind::ShlSub
            | Kind::Mul
            | Kind::Gate
            | Kind::MuxConstElse
            | Kind::MuxElseConst
            | Kind::Less
            | Kind::LessEqual
            | Kind::Equal
            | Kind::And
            | Kind::Or
            | Kind::Xor => 2,
            Kind::Mux => 3,
            Kind::Sum { operands, .. } => usize::from(operands),
            _ => 1,
        }
    }

    /// The word of the slots read.
    pub(super) fn read_width(&self) -> Width {
        match self.kind {
            Kind::Table { from } | Kind::Convert { from } => from,
            _ => self.width,
        }
    }
}
