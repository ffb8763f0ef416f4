//! The machine integers that mantissas are computed in: `i16`, `i32`, `i64`, `i128`.
//!
//! Kernels are generic over [`Word`]; which word a unit runs in follows from the widest value it
//! can meet, so that a word never loses a bit unless the format says so.

use std::fmt::Debug;

/// A signed machine integer with the few operations that fixed-point kernels need.
///
/// Arithmetic wraps: a caller has proved that no bit is lost, or wants two's complement.
pub trait Word: Copy + Ord + Debug + Default + Send + Sync + 'static {
    /// Bits of the word.
    const BITS: u32;
    /// 0.
    const ZERO: Self;
    /// 1.
    const ONE: Self;

    /// The word of a mantissa that fits.
    fn narrow(v: i128) -> Self;
    /// The word of a mantissa, or the largest word.
    fn narrow_max(v: i128) -> Self;
    /// The mantissa.
    fn widen(self) -> i128;
    /// Sum.
    fn add(self, other: Self) -> Self;
    /// Difference.
    fn sub(self, other: Self) -> Self;
    /// Product.
    fn mul(self, other: Self) -> Self;
    /// Product of operands that both fit 32 bits.
    fn mul_short(self, other: Self) -> Self;
    /// Quotient truncated toward zero; the divisor is not 0.
    fn div(self, other: Self) -> Self;
    /// Shift left, 0 from the word's size on.
    fn shl(self, by: u32) -> Self;
    /// Arithmetic shift right, the sign from the word's size on.
    fn shr(self, by: u32) -> Self;
    /// Arithmetic shift right by less than the word's size.
    fn shr_within(self, by: u32) -> Self;
    /// Shift left by less than the word's size.
    fn shl_within(self, by: u32) -> Self;
    /// Bitwise exclusive or.
    fn xor(self, other: Self) -> Self;
    /// Bitwise and.
    fn and(self, other: Self) -> Self;
    /// Bitwise or.
    fn or(self, other: Self) -> Self;
    /// Bit 0 alone.
    #[inline(always)]
    fn and_one(self) -> Self {
        self.and(Self::ONE)
    }
    /// 1 if negative, else 0.
    #[inline(always)]
    fn is_negative_bit(self) -> Self {
        self.shr(Self::BITS - 1).and_one()
    }
    /// 1 for 0 and 0 for 1.
    #[inline(always)]
    fn not_bit(self) -> Self {
        Self::ONE.sub(self)
    }
    /// 1 if any of the low `n` bits is set.
    #[inline(always)]
    fn low_bits_nonzero(self, n: u32) -> Self {
        if n == 0 {
            return Self::ZERO;
        }
        let low = if n < Self::BITS { self.shl(Self::BITS - n) } else { self };
        if low == Self::ZERO { Self::ZERO } else { Self::ONE }
    }
    /// The low `width` bits, sign extended if `signed`, else zero extended.
    #[inline(always)]
    fn wrap(self, width: u32, signed: bool) -> Self {
        if width >= Self::BITS {
            self
        } else if signed {
            self.shl(Self::BITS - width).shr(Self::BITS - width)
        } else {
            self.and(Self::ONE.shl(width).sub(Self::ONE))
        }
    }
}

macro_rules! word {
    ($int:ident) => {
        impl Word for $int {
            const BITS: u32 = $int::BITS;
            const ZERO: Self = 0;
            const ONE: Self = 1;

            #[inline(always)]
            fn narrow(v: i128) -> Self {
                v as $int
            }
            #[inline(always)]
            fn narrow_max(v: i128) -> Self {
                v.min($int::MAX as i128) as $int
            }
            #[inline(always)]
            fn widen(self) -> i128 {
                self as i128
            }
            #[inline(always)]
            fn add(self, other: Self) -> Self {
                self.wrapping_add(other)
            }
            #[inline(always)]
            fn sub(self, other: Self) -> Self {
                self.wrapping_sub(other)
            }
            #[inline(always)]
            fn mul(self, other: Self) -> Self {
                self.wrapping_mul(other)
            }
            #[inline(always)]
            fn mul_short(self, other: Self) -> Self {
                (self as i32 as $int).wrapping_mul(other as i32 as $int)
            }
            #[inline(always)]
            fn div(self, other: Self) -> Self {
                self.wrapping_div(other)
            }
            #[inline(always)]
            fn shl(self, by: u32) -> Self {
                if by < $int::BITS { self << by } else { 0 }
            }
            #[inline(always)]
            fn shr(self, by: u32) -> Self {
                self >> by.min($int::BITS - 1)
            }
            #[inline(always)]
            fn shr_within(self, by: u32) -> Self {
                self >> (by & ($int::BITS - 1))
            }
            #[inline(always)]
            fn shl_within(self, by: u32) -> Self {
                self << (by & ($int::BITS - 1))
            }
            #[inline(always)]
            fn xor(self, other: Self) -> Self {
                self ^ other
            }
            #[inline(always)]
            fn and(self, other: Self) -> Self {
                self & other
            }
            #[inline(always)]
            fn or(self, other: Self) -> Self {
                self | other
            }
        }
    };
}

word!(i16);
word!(i32);
word!(i64);
word!(i128);
