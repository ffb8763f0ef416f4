//! What operators do to the batch, and their arguments as a sample needs them.

use super::arrange;
use super::error::{CallError, TorchError};
use super::form::{Form, Place};
use super::ops::{Bound, Operand, Rule};
use super::program::Call;
use super::translate::{Translator, ints, mixes};
use crate::frontend::number::DataType;
use crate::source::Attr;

/// Names that mean the same as another one, once the arguments are complete.
const SYNONYMS: [(&str, &str); 14] = [
    ("_adaptive_avg_pool2d", "adaptive_avg_pool2d"),
    ("_log_softmax", "log_softmax"),
    ("_native_batch_norm_legit_no_training", "batch_norm"),
    ("_softmax", "softmax"),
    ("_to_copy", "to"),
    ("_unsafe_view", "view"),
    ("clamp_max", "clamp"),
    ("clamp_min", "clamp"),
    ("concat", "cat"),
    ("max_pool2d_with_indices", "max_pool2d"),
    ("native_dropout", "dropout"),
    ("native_group_norm", "group_norm"),
    ("native_layer_norm", "layer_norm"),
    ("split_with_sizes", "split"),
];

/// Adds the node of a call and says what is known of its results.
pub(super) fn apply(
    cx: &mut Translator<'_>,
    rule: Rule,
    call: &Call,
    mut bound: Bound,
) -> Result<(), TorchError> {
    if let Some((_, name)) = SYNONYMS.iter().find(|it| it.0 == bound.op) {
        bound.op = (*name).to_owned();
    }
    if let Some(code) = bound.dtype.filter(|_| rule != Rule::Copy) {
        single_or_double(&bound, code)?;
    }
    match rule {
        Rule::Same => same(cx, call, bound),
        Rule::Copy => copy(cx, call, bound),
        Rule::Each => each(cx, call, bound),
        Rule::Slopes => slopes(cx, call, bound),
        Rule::Product => product(cx, call, bound),
        Rule::Shape | Rule::Order | Rule::Expand | Rule::Take | Rule::Split | Rule::Join => {
            arrange::apply(cx, rule, call, bound)
        }
        Rule::Along => along(cx, call, bound),
        Rule::Reduce => reduce(cx, call, bound),
        Rule::Pad => pad(cx, call, bound),
        Rule::Image => image(cx, call, bound),
        Rule::Trailing => trailing(cx, call, bound),
        Rule::Recurrent => recurrent(cx, call, bound),
        Rule::Attention => attention(cx, call, bound),
        Rule::Lookup => lookup(cx, call, bound),
        // A constant that could not be made; its operator is refused by name.
        Rule::Make | Rule::Mask => {
            let inputs = bound.operands().cloned().collect();
            cx.emit(call, &bound.op, inputs, bound.attrs);
            Ok(())
        }
    }
}

/// The error for a result whose shape in the file is none that the operator gives.
pub(super) fn misfit(call: &Call, sizes: &[usize]) -> TorchError {
    CallError::Shape { op: call.target.clone(), shape: format!("{sizes:?}") }.into()
}

/// An element type that a function computes in.
fn single_or_double(bound: &Bound, code: i64) -> Result<(), TorchError> {
    match super::weights::dtype(code) {
        Some(DataType::F32 | DataType::F64) => Ok(()),
        _ => Err(bound.wrong("dtype", &Attr::Int(code), "float32 or float64").into()),
    }
}

/// The form of an operand that must be data.
pub(super) fn data(cx: &Translator<'_>, bound: &Bound, name: &str) -> Result<Form, TorchError> {
    let form = bound.tensor(name).and_then(|it| cx.form(it)).cloned();
    let missing = || CallError::Value {
        op: bound.op.clone(),
        name: name.to_owned(),
        found: "a constant or nothing".to_owned(),
        supported: "data",
    };
    Ok(form.ok_or_else(missing)?)
}

/// The first operand, whatever it is called.
fn first(cx: &Translator<'_>, bound: &Bound) -> Result<(Operand, Form), TorchError> {
    let name = bound.tensors.first().map_or("", |it| it.0);
    let form = data(cx, bound, name)?;
    Ok((bound.tensor(name).cloned().unwrap_or(Operand::Number(0.0)), form))
}

/// All operands.
fn inputs(bound: &Bound) -> Vec<Option<Operand>> {
    bound.operands().cloned().collect()
}

fn same(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (_, form) = first(cx, &bound)?;
    cx.place(call, 0, form.place)?;
    cx.emit(call, &bound.op, inputs(&bound), bound.attrs);
    Ok(())
}

/// The identity, but between element types that differ in more than precision.
fn copy(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    cx.place(call, 0, form.place)?;
    let Operand::Tensor(source) = &operand else { return Ok(()) };
    let types = [Some(source), call.outputs.first()].map(|it| cx.dtype(it?));
    let half = |it| matches!(it, Some(DataType::F16 | DataType::Bf16));
    // Whole numbers become floats as they are.
    let float = matches!(types[1], Some(DataType::F32 | DataType::F64));
    if types[0] != types[1] && (!float || half(types[0]) || types[0].is_none()) {
        bound.attrs.insert("dtype".to_owned(), Attr::Str(format!("{:?}", types[1])));
    }
    cx.emit(call, &bound.op, vec![Some(operand)], bound.attrs);
    Ok(())
}

/// Two operands that broadcast; numbers and factors become constants.
fn each(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let missing =
        |name: &str| CallError::Missing { op: call.target.clone(), name: name.to_owned() };
    let mut left = bound.tensor("self").cloned().ok_or_else(|| missing("self"))?;
    let mut right = bound.tensor("other").cloned().ok_or_else(|| missing("other"))?;
    let op = match bound.op.as_str() {
        "rsub" => {
            std::mem::swap(&mut left, &mut right);
            "sub"
        }
        "max" => "maximum",
        "min" => "minimum",
        op => op,
    };
    let alpha = bound.float("alpha", 1.0)?;
    if alpha != 1.0 {
        right = scaled(cx, call, right, alpha);
    }
    let operands = elementwise(cx, call, &bound, &[left, right])?;
    cx.emit(call, op, operands, Default::default());
    Ok(())
}

/// Operands of a result that is made element by element as they broadcast to a sample; notes its form.
pub(super) fn elementwise(
    cx: &mut Translator<'_>,
    call: &Call,
    bound: &Bound,
    operands: &[Operand],
) -> Result<Vec<Option<Operand>>, TorchError> {
    let rank = cx.extents(call, 0)?.sizes.len();
    let mut place: Option<Place> = None;
    let forms: Vec<&Form> = operands.iter().filter_map(|it| cx.form(it)).collect();
    for form in &forms {
        let added = rank.checked_sub(form.rank()).ok_or_else(|| mixes(bound))?;
        let here = form.place.behind(added);
        place = match place {
            Some(place) if here.is_nowhere() => Some(place),
            Some(place) if !place.is_nowhere() && place != here => return Err(mixes(bound)),
            _ => Some(here),
        };
    }
    // A sample without batch must not have an axis where another has the batch.
    let meets = |form: &&Form| {
        form.place.is_nowhere()
            && place.is_some_and(|it| !it.is_nowhere() && form.rank() + it.axis >= rank)
    };
    if forms.iter().copied().any(|it| meets(&it)) {
        return Err(mixes(bound));
    }
    let form = cx.place(call, 0, place.ok_or_else(|| mixes(bound))?)?;
    operands.iter().map(|it| Ok(Some(cx.adapt(call, it, &form)?))).collect()
}

/// An operand times a number.
fn scaled(cx: &mut Translator<'_>, call: &Call, operand: Operand, factor: f64) -> Operand {
    if let Operand::Number(number) = operand {
        return Operand::Number(number * factor);
    }
    if let Some(value) = cx.value(&operand) {
        return cx.constant(call, value.data.mapv(|it| it * factor));
    }
    // The name is no tensor's: those have no dots.
    let output = format!("{}.scaled", call.node);
    let inputs = vec![Some(operand.clone()), Some(Operand::Number(factor))];
    let name = format!("{}_scale", call.node);
    if let Some(form) = cx.form(&operand).cloned() {
        cx.know(&output, form);
    }
    cx.emit_as(call, &name, "mul", inputs, vec![output.clone()], Default::default());
    Operand::Tensor(output)
}

/// Slopes count the second axis, channels; in the node they broadcast.
fn slopes(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let weight = bound.tensor("weight").cloned();
    let slopes = weight.as_ref().and_then(|it| cx.value(it));
    if form.place != Place::own(0) {
        return Err(mixes(&bound));
    }
    cx.place(call, 0, form.place)?;
    let weight = match slopes {
        Some(slopes) if slopes.data.len() > 1 => {
            let shape =
                [&[slopes.data.len()][..], &vec![1; form.rank().saturating_sub(2)]].concat();
            let values = slopes.data.iter().copied().collect();
            let data = crate::source::Tensor::from_shape_vec(shape, values);
            let data = data.map_err(|_| misfit(call, &form.sizes))?;
            Some(cx.constant(call, data))
        }
        _ => weight,
    };
    cx.emit(call, &bound.op, vec![Some(operand), weight], bound.attrs);
    Ok(())
}

/// Sums over the last axis of one operand, or the matching axes of two.
fn product(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let names = match bound.op.as_str() {
        "linear" => ["input", "weight"],
        "addmm" => ["mat1", "mat2"],
        "matmul" => ["self", "other"],
        _ => ["self", "mat2"],
    };
    let rank = cx.extents(call, 0)?.sizes.len();
    let mut place = None;
    for (side, name) in names.into_iter().enumerate() {
        let Some(form) = bound.tensor(name).and_then(|it| cx.form(it)) else { continue };
        // The axis that is summed over, and for the right operand also the one that stays last.
        let free = if side == 0 { form.rank() - 1 } else { form.rank().saturating_sub(2) };
        let added = rank.checked_sub(form.rank()).ok_or_else(|| mixes(&bound))?;
        let here = form.place.behind(added);
        let inside = !here.is_nowhere() && form.place.axis >= free;
        if inside || place.is_some_and(|it| it != here) {
            return Err(mixes(&bound));
        }
        place = Some(here);
    }
    let form = cx.place(call, 0, place.ok_or_else(|| mixes(&bound))?)?;
    let mut operands = inputs(&bound);
    for operand in operands.iter_mut().flatten() {
        // Matrices that are the same for all samples have no axis for them, or one of extent 1.
        if cx.value(operand).is_some_and(|it| it.data.ndim() > 2) {
            *operand = cx.adapt(call, operand, &form)?;
        }
    }
    cx.emit(call, &bound.op, operands, bound.attrs);
    Ok(())
}

/// The batch is at one place in all results: values, and where they were found.
fn everywhere(cx: &mut Translator<'_>, call: &Call, place: Place) -> Result<(), TorchError> {
    (0..call.outputs.len().max(1)).try_for_each(|it| cx.place(call, it, place).map(drop))
}

/// A function along one axis.
fn along(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (_, form) = first(cx, &bound)?;
    let dim = sample_axis(&bound, &form, "dim", -1)?;
    bound.attrs.insert("dim".to_owned(), Attr::Int(dim as i64));
    everywhere(cx, call, form.place)?;
    cx.emit(call, &bound.op, inputs(&bound), bound.attrs);
    Ok(())
}

/// An argument that counts an axis, as the axis of a sample.
pub(super) fn sample_axis(
    bound: &Bound,
    form: &Form,
    name: &str,
    default: i64,
) -> Result<usize, TorchError> {
    let axis = whole_axis(bound, form, name, default)?;
    form.in_sample(axis).ok_or_else(|| mixes(bound))
}

/// An argument that counts an axis, from the front.
pub(super) fn whole_axis(
    bound: &Bound,
    form: &Form,
    name: &str,
    default: i64,
) -> Result<usize, TorchError> {
    let dim = bound.int(name, default)?;
    let wrong = || bound.wrong(name, &Attr::Int(dim), "an axis of the tensor");
    Ok(form.axis(dim).ok_or_else(wrong)?)
}

/// Sums, means and extremes over axes; no axes at all are all of them.
fn reduce(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let dims = bound.ints("dim")?.unwrap_or_default();
    let all = dims.is_empty();
    let mut axes = Vec::new();
    for dim in if all { (0..form.rank() as i64).collect() } else { dims } {
        let wrong = || bound.wrong("dim", &Attr::Int(dim), "axes of the tensor");
        axes.push(form.axis(dim).ok_or_else(wrong)?);
    }
    axes.sort_unstable();
    let keepdim = bound.flag("keepdim")?;
    let place = match keepdim {
        true => form.place,
        false => axes.iter().rev().fold(form.place, |place, axis| place.without(*axis)),
    };
    let counted: Option<Vec<usize>> = axes.iter().map(|it| form.in_sample(*it)).collect();
    let counted = counted.ok_or_else(|| mixes(&bound))?;
    everywhere(cx, call, place)?;
    bound.attrs.insert("dim".to_owned(), ints(counted));
    bound.attrs.insert("keepdim".to_owned(), Attr::Bool(keepdim));
    cx.emit(call, &bound.op, vec![Some(operand)], bound.attrs);
    Ok(())
}

/// Pads come in pairs, the last axis first.
fn pad(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (operand, form) = first(cx, &bound)?;
    let pads = bound.ints("pad")?.unwrap_or_default();
    let mut kept = Vec::new();
    for (idx, pair) in pads.chunks(2).enumerate() {
        let axis = form.rank().checked_sub(idx + 1).ok_or_else(|| mixes(&bound))?;
        if axis != form.place.axis {
            kept.extend(pair.iter().map(|it| Attr::Int(*it)));
        } else if pair.iter().any(|it| *it != 0) {
            return Err(mixes(&bound));
        } else if !form.is_own() {
            kept.extend([Attr::Int(0), Attr::Int(0)]);
        }
    }
    bound.attrs.insert("pad".to_owned(), Attr::List(kept));
    cx.place(call, 0, form.place)?;
    cx.emit(call, &bound.op, vec![Some(operand)], bound.attrs);
    Ok(())
}

/// Arguments with an entry per axis of space; one entry stands for all of them.
const SPATIAL: [&str; 6] =
    ["kernel_size", "stride", "padding", "dilation", "output_padding", "output_size"];

/// Convolutions, pools and normalizations per channel: batch, channels, and axes of space.
fn image(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (_, form) = first(cx, &bound)?;
    let weight = bound.tensor("weight").and_then(|it| cx.value(it)).map(|it| it.data.ndim());
    let rank = match bound.op.chars().rev().nth(1).and_then(|it| it.to_digit(10)) {
        Some(space) if bound.op.ends_with('d') => Some(space as usize + 2),
        _ if bound.op == "convolution" => weight,
        _ => None,
    };
    // PyTorch takes images without batch, too, and then counts their channels first.
    if form.place != Place::own(0) || rank.is_some_and(|it| it != form.rank()) {
        return Err(mixes(&bound));
    }
    for name in SPATIAL {
        let Some(Attr::List(entries)) = bound.attrs.get(name) else { continue };
        let entries = match &entries[..] {
            // The stride of a pool is its kernel if it is not given.
            [] if name == "stride" => bound.attrs.get("kernel_size").cloned(),
            [one] => Some(Attr::List(vec![one.clone(); form.rank().saturating_sub(2)])),
            _ => None,
        };
        bound.attrs.extend(entries.map(|it| (name.to_owned(), it)));
    }
    if let Some(groups) = bound.attrs.remove("group") {
        bound.attrs.retain(|name, _| !matches!(name.as_str(), "N" | "C" | "HxW"));
        bound.attrs.insert("num_groups".to_owned(), groups);
    }
    cx.place(call, 0, form.place)?;
    cx.emit(call, &bound.op, inputs(&bound), bound.attrs);
    Ok(())
}

/// Normalizations over the last axes.
fn trailing(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let (_, form) = first(cx, &bound)?;
    let axes = bound.ints("normalized_shape")?.unwrap_or_default().len();
    if !form.place.is_nowhere() && form.place.axis + axes >= form.rank() {
        return Err(mixes(&bound));
    }
    cx.place(call, 0, form.place)?;
    cx.emit(call, &bound.op, inputs(&bound), bound.attrs);
    Ok(())
}

/// Steps in time: a sample is `[time, features]`, wherever the batch is; zero states are omitted.
fn recurrent(cx: &mut Translator<'_>, call: &Call, mut bound: Bound) -> Result<(), TorchError> {
    let (_, form) = first(cx, &bound)?;
    let axis = usize::from(!bound.flag("batch_first")?);
    if form.rank() != 3 || form.place != Place::own(axis) {
        return Err(mixes(&bound));
    }
    for name in ["batch_first", "dropout"] {
        bound.attrs.remove(name);
    }
    if cx.place(call, 0, form.place)?.rank() != 3 {
        return Err(mixes(&bound));
    }
    // States are [layers and directions, batch, features].
    let state = Form { sizes: vec![1; 3], place: Place::own(1) };
    for output in 1..call.outputs.len() {
        cx.place(call, output, state.place)?;
    }
    let mut operands = Vec::new();
    for (name, group) in &bound.tensors {
        for operand in group {
            let value = operand.as_ref().filter(|_| *name == "hx").and_then(|it| cx.value(it));
            operands.push(match (value, operand) {
                (Some(value), _) if value.data.iter().all(|it| *it == 0.0) => None,
                (Some(_), Some(operand)) => Some(cx.adapt(call, operand, &state)?),
                _ => operand.clone(),
            });
        }
    }
    cx.emit(call, &bound.op, operands, bound.attrs);
    Ok(())
}

/// Queries, keys and values: `[..., time, features]`.
fn attention(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let form = data(cx, &bound, "query")?;
    for name in ["query", "key", "value"] {
        let other = data(cx, &bound, name)?;
        let inside = !form.place.is_nowhere() && form.place.axis + 2 >= other.rank();
        if other.place != form.place || inside {
            return Err(mixes(&bound));
        }
    }
    let form = cx.place(call, 0, form.place)?;
    let mut operands = inputs(&bound);
    for operand in operands.iter_mut().flatten() {
        // A truth value says which scores count, a number is added to them.
        if let Some(mask) = cx.value(operand).filter(|it| it.dtype == DataType::Bool) {
            let hidden = mask.data.mapv(|it| if it == 0.0 { f64::NEG_INFINITY } else { 0.0 });
            *operand = cx.constant(call, hidden);
        }
        *operand = cx.adapt(call, operand, &form)?;
    }
    cx.emit(call, &bound.op, operands, bound.attrs);
    Ok(())
}

/// Rows of a table, by number.
fn lookup(cx: &mut Translator<'_>, call: &Call, bound: Bound) -> Result<(), TorchError> {
    let form = data(cx, &bound, "indices")?;
    cx.place(call, 0, form.place)?;
    cx.emit(call, &bound.op, inputs(&bound), bound.attrs);
    Ok(())
}
