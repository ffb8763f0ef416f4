//! What the primitives of a family count as.

use std::collections::BTreeMap;

use crate::device::{Resources, Tool};

/// Cells by type.
pub type Cells = BTreeMap<String, u64>;

/// What cells take of a device. Shift registers and memories of lookup tables count as the tables that they are
/// made of; a bit of a carry chain counts where its table is part of it.
pub fn resources(cells: &Cells, tool: Tool) -> Resources {
    let count = match tool {
        Tool::Vivado => amd,
        Tool::Quartus => altera,
        Tool::Trellis => ecp5,
        Tool::IceStorm => ice40,
        Tool::Gowin => gowin,
        Tool::Oxide => nexus,
    };
    cells.iter().map(|(cell, number)| count(cell).times(*number)).sum()
}

fn luts(lut: u64) -> Resources {
    Resources { lut, ..Resources::default() }
}

fn ff() -> Resources {
    Resources { ff: 1, ..Resources::default() }
}

fn dsp() -> Resources {
    Resources { dsp: 1, ..Resources::default() }
}

fn bram(bram_kbit: u64) -> Resources {
    Resources { bram_kbit, ..Resources::default() }
}

/// `synth_xilinx`.
fn amd(cell: &str) -> Resources {
    match cell {
        "RAM32M" | "RAM64M" | "RAM128X1D" => luts(4),
        "RAM32M16" | "RAM64M8" | "RAM256X1D" | "RAM512X1S" => luts(8),
        "RAM32X1D" | "RAM64X1D" | "RAM128X1S" => luts(2),
        "RAM256X1S" => luts(4),
        "LUT1" | "LUT2" | "LUT3" | "LUT4" | "LUT5" | "LUT6" | "INV" => luts(1),
        _ if cell.starts_with("SRL") => luts(1),
        _ if cell.starts_with("FD") => ff(),
        _ if cell.starts_with("DSP") => dsp(),
        _ if cell.starts_with("RAMB36") => bram(36),
        _ if cell.starts_with("RAMB18") => bram(18),
        _ => Resources::default(),
    }
}

/// `synth_intel_alm`.
fn altera(cell: &str) -> Resources {
    match cell {
        "MISTRAL_FF" => ff(),
        "MISTRAL_M10K" => bram(10),
        "MISTRAL_MLAB" | "MISTRAL_NOT" => luts(1),
        _ if cell.starts_with("MISTRAL_ALUT") => luts(1),
        _ if cell.starts_with("MISTRAL_MUL") => dsp(),
        _ => Resources::default(),
    }
}

/// `synth_ecp5`: a carry cell is two tables.
fn ecp5(cell: &str) -> Resources {
    match cell {
        "LUT4" => luts(1),
        "CCU2C" => luts(2),
        "TRELLIS_DPR16X4" => luts(4),
        "TRELLIS_FF" => ff(),
        "MULT18X18D" => dsp(),
        "DP16KD" | "PDPW16KD" => bram(18),
        _ => Resources::default(),
    }
}

/// `synth_ice40`.
fn ice40(cell: &str) -> Resources {
    match cell {
        "SB_LUT4" => luts(1),
        "SB_MAC16" => dsp(),
        "SB_RAM40_4K" => bram(4),
        _ if cell.starts_with("SB_DFF") => ff(),
        _ => Resources::default(),
    }
}

/// `synth_gowin`.
fn gowin(cell: &str) -> Resources {
    match cell {
        "LUT1" | "LUT2" | "LUT3" | "LUT4" | "ALU" => luts(1),
        "RAM16SDP4" => luts(4),
        "SP" | "SPX9" | "SDPB" | "SDPX9B" | "DPB" | "DPX9B" | "pROM" | "pROMX9" => bram(18),
        _ if cell.starts_with("DFF") => ff(),
        _ if cell.starts_with("MULT") => dsp(),
        _ => Resources::default(),
    }
}

/// `synth_lattice`: carry cells are two tables, wide ones two and a multiplexer.
fn nexus(cell: &str) -> Resources {
    match cell {
        "LUT4" => luts(1),
        "CCU2" | "WIDEFN9" => luts(2),
        "DPR16X4" => luts(4),
        "DP16K" | "PDP16K" | "PDPSC16K" => bram(18),
        _ if cell.starts_with("FD1P3") => ff(),
        _ if cell.starts_with("MULT") => dsp(),
        _ => Resources::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn primitives_are_counted_as_what_they_take() {
        let cells = |names: &[(&str, u64)]| {
            names.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect::<Cells>()
        };
        let amd = [
            ("LUT6", 3),
            ("RAM32M", 2),
            ("SRL16E", 1),
            ("FDRE", 5),
            ("RAMB36E1", 1),
            ("CARRY4", 9),
        ];
        let found = resources(&cells(&amd), Tool::Vivado);
        assert_eq!((found.lut, found.ff, found.bram_kbit, found.dsp), (12, 5, 36, 0));
        let ecp5 = [("LUT4", 3), ("CCU2C", 2), ("TRELLIS_FF", 7), ("MULT18X18D", 1), ("PFUMX", 4)];
        let found = resources(&cells(&ecp5), Tool::Trellis);
        assert_eq!((found.lut, found.ff, found.bram_kbit, found.dsp), (7, 7, 0, 1));
    }
}
