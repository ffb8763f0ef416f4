//! Layers inside layers: activations of recurrent layers, what is done at every step of a sequence.

use super::{HardSigmoid, HardTanh, Hardware, Layer, Lower};
use crate::fixed::Format;
use crate::graph::NodeId;
use crate::nn::Shape;
use crate::precision::{LayerFormats, Produced, Resolve, Role, Settings, Span, Typed};

/// What the layer around decides for the one inside.
#[derive(Clone, Debug)]
pub(super) struct Around {
    /// Types of the layer inside that are not its own to choose.
    pub types: Vec<(Role, Typed)>,
    /// Numbers that are not formats.
    pub settings: Settings,
    /// hls4ml's inference.
    pub compat: bool,
}

/// An operand of a layer inside, as far as it is known: all values of a format.
pub(super) fn any(shape: &Shape, format: Format) -> (Shape, Format, Vec<Span>) {
    (shape.clone(), format, vec![Span::of(format); shape.elements()])
}

/// The formats of a layer inside on operands of a shape, format and range; it has hardware.
pub(super) fn decide(
    layer: &Layer,
    operands: &[(Shape, Format, Vec<Span>)],
    around: &Around,
) -> LayerFormats {
    let produced = |(shape, format, spans): &(Shape, Format, Vec<Span>)| {
        (shape.clone(), *format, spans.clone())
    };
    let operands: Vec<_> = operands.iter().map(produced).collect();
    let inputs = operands
        .iter()
        .map(|(shape, format, spans)| Produced { shape, format: *format, spans })
        .collect();
    let mut cx = Resolve {
        inputs,
        types: Default::default(),
        settings: around.settings.clone(),
        compat: around.compat,
        default: Format::signed(16, 6),
        width: around.settings.width,
        feeds_activation: false,
        quantized: false,
        calibrated: None,
        exact: false,
    };
    let hardware = inside(layer);
    for role in hardware.roles() {
        let given = around.types.iter().find(|(it, _)| it == role);
        let typed = given.map_or_else(|| hardware.resolve(*role, &cx), |(_, typed)| typed.clone());
        cx.types.insert(*role, typed);
    }
    let result = cx.format(Role::Result);
    let spans = hardware.spans(&cx).into_iter().map(|it| it.cast(result)).collect();
    LayerFormats { types: cx.types, settings: cx.settings, spans, ..LayerFormats::default() }
}

/// Builds a layer inside; its units are named after `part`.
pub(super) fn lower(
    layer: &Layer,
    formats: &LayerFormats,
    cx: &mut Lower<'_>,
    part: &str,
    operands: &[NodeId],
) -> NodeId {
    let outside = cx.builder.within(part);
    let mut inner = Lower {
        builder: &mut *cx.builder,
        formats,
        operands: cx.operands.clone(),
        compat: cx.compat,
    };
    let made = inside(layer).lower(&mut inner, operands);
    cx.builder.within(outside);
    made
}

/// How the layer is built; who holds one without hardware has none either.
pub(super) fn inside(layer: &Layer) -> &dyn Hardware {
    layer.hardware().expect("a layer around one without hardware has none itself")
}

/// The values of an activation that stays within two constants whatever it is given.
pub(super) fn bounds(layer: &Layer) -> Option<Span> {
    use super::Function::{Sigmoid, Softsign, Tanh};
    match layer {
        Layer::Table(it) if it.function == Sigmoid => Some(Span::new(0.0, 1.0)),
        Layer::Table(it) if matches!(it.function, Tanh | Softsign) => Some(Span::new(-1.0, 1.0)),
        Layer::HardSigmoid(HardSigmoid { .. }) | Layer::Softmax(_) => Some(Span::new(0.0, 1.0)),
        Layer::HardTanh(HardTanh { .. }) => Some(Span::new(-1.0, 1.0)),
        _ => None,
    }
}
