//! Why layers are folded as they are, for people.

use crate::device::Device;
use crate::firmware::{Choice, told};
use crate::report::table::Table;

/// What was chosen for a rate or a device.
pub(super) fn text(choice: &Choice, device: &Device) -> String {
    let Choice { least, longest, limit, interval, resources, unrolled, layers } = choice;
    let mut table = Table::new().text("folded layer").number("tokens").number("products");
    table = table.number("reuse").number("multipliers");
    for it in layers {
        let multipliers = match it.multipliers {
            0 => "adder graph".to_owned(),
            count => count.to_string(),
        };
        let [tokens, products, reuse] = [it.tokens, it.products, it.reuse].map(|it| it.to_string());
        table.row([&it.layer, &tokens, &products, &reuse, &multipliers]);
    }
    let share = resources.percent_of(&device.total);
    let pace = match unrolled {
        true => "a sample every cycle: nothing is folded".to_owned(),
        false => format!(
            "a sample every {interval} cycles: a layer may take {limit}; the longest stream, that of {longest}, has {least} tokens"
        ),
    };
    format!(
        "\n{table}{pace}\nestimated {}: {:.0} % LUT, {:.0} % FF, {:.0} % DSP, {:.0} % block RAM of {}\n",
        told(resources),
        share.lut,
        share.ff,
        share.dsp,
        share.bram,
        device.name
    )
}
