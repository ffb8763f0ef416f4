//! Sample data: `.npy`, `.npz`, `.csv` and `.dat` in, `.npy` and `.npz` out.
//!
//! The first axis counts samples; the rest must have as many elements as the model's input. Values
//! become f64, which holds every f32 and every integer up to 2^53 exactly.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use npyz::{DType, NpyFile, Order, WriterBuilder};

use crate::error::{Located, Origin, Result};

/// Largest file that is read, in bytes.
const LIMIT: u64 = 4 << 30;

/// A batch of samples.
#[derive(Clone, Debug, PartialEq)]
pub struct Batch {
    /// Extents; the first counts the samples.
    pub shape: Vec<usize>,
    /// Values in row-major order.
    pub values: Vec<f64>,
}

/// Why data cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum DataError {
    /// The file cannot be read.
    #[error("cannot read the file")]
    Read(#[source] std::io::Error),
    /// The file cannot be written.
    #[error("cannot write the file")]
    Write(#[source] std::io::Error),
    /// The ending says nothing.
    #[error("unknown ending; supported: .npy, .npz, .csv, .dat")]
    Ending,
    /// Outputs are written as arrays only.
    #[error("cannot write such a file; supported: .npy, .npz")]
    Output,
    /// An `.npy` holds one array.
    #[error("{count} outputs do not fit in one .npy; supported: .npz")]
    Several {
        /// How many.
        count: usize,
    },
    /// Elements are not numbers.
    #[error(
        "elements of type {found} are not supported (supported: floats and integers of up to 64 bits)"
    )]
    DataType {
        /// The NumPy type string.
        found: String,
    },
    /// Not a number where one should be.
    #[error("line {line}: {found:?} is not a number")]
    Number {
        /// Line, from 1.
        line: usize,
        /// The text.
        found: String,
    },
    /// Lines of different length.
    #[error("line {line} has {found} values, the first one has {expected}")]
    Ragged {
        /// Line, from 1.
        line: usize,
        /// Values there.
        found: usize,
        /// Values of the first line.
        expected: usize,
    },
    /// The samples do not fit the input.
    #[error("shape {found:?} does not fit: {input} takes {expected:?} for each sample")]
    Shape {
        /// Shape of the file.
        found: Vec<usize>,
        /// The model's input.
        input: String,
        /// Its shape.
        expected: Vec<usize>,
    },
    /// NaN or infinity.
    #[error("{count} values are NaN or infinite")]
    NotFinite {
        /// How many.
        count: usize,
    },
    /// Another number of files than the model has inputs.
    #[error("{found} input files given, the model has {expected} inputs ({names})")]
    Files {
        /// Files given.
        found: usize,
        /// Inputs of the model.
        expected: usize,
        /// Their names.
        names: String,
    },
    /// Files with different numbers of samples.
    #[error("{found} samples, but the first input has {expected}")]
    Samples {
        /// Samples of this file.
        found: usize,
        /// Samples of the first.
        expected: usize,
    },
    /// No sample at all.
    #[error("there are no samples")]
    Empty,
    /// Header and content disagree.
    #[error("the file holds {found} values, its header says {expected}")]
    Truncated {
        /// Values found.
        found: usize,
        /// Values announced.
        expected: usize,
    },
    /// An .npz with several arrays.
    #[error("the archive holds {found}; give a file with one array, or one named {wanted}")]
    Arrays {
        /// Names in the archive.
        found: String,
        /// Name that would be taken.
        wanted: String,
    },
}

/// Reads samples from a file; of an `.npz` the array `x<index>` or the only one.
///
/// # Errors
/// [`DataError`], with the file's name.
pub fn read(path: &Path, index: usize) -> Result<Batch> {
    let at = Origin::new(path.display().to_string(), "");
    let batch = read_any(path, index).locate(&at)?;
    match batch.values.iter().filter(|it| !it.is_finite()).count() {
        0 => Ok(batch),
        count => Err(DataError::NotFinite { count }).locate(&at),
    }
}

/// Reads all arrays of an `.npz`, by name.
///
/// # Errors
/// [`DataError`], with the file's name.
pub fn read_named(path: &Path) -> Result<BTreeMap<String, Batch>> {
    let at = Origin::new(path.display().to_string(), "");
    let arrays = read_archive(path).locate(&at)?;
    let wrong = |it: &Batch| it.values.iter().filter(|it| !it.is_finite()).count();
    match arrays.values().map(wrong).sum() {
        0 => Ok(arrays),
        count => Err(DataError::NotFinite { count }).locate(&at),
    }
}

fn read_archive(path: &Path) -> std::result::Result<BTreeMap<String, Batch>, DataError> {
    let file = std::fs::File::open(path).map_err(DataError::Read)?;
    let mut archive = npyz::npz::NpzArchive::new(file).map_err(DataError::Read)?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let mut arrays = BTreeMap::new();
    for name in names {
        let array = archive.by_name(&name).map_err(DataError::Read)?;
        arrays.insert(name, from_npy(array.expect("the name comes from the archive"))?);
    }
    Ok(arrays)
}

fn read_any(path: &Path, index: usize) -> std::result::Result<Batch, DataError> {
    let mut file = std::fs::File::open(path).map_err(DataError::Read)?;
    let ending = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    match ending.to_ascii_lowercase().as_str() {
        "npy" => read_npy(file),
        "npz" => {
            let mut archive = npyz::npz::NpzArchive::new(file).map_err(DataError::Read)?;
            let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
            let wanted = format!("x{index}");
            let name = match names.as_slice() {
                [only] => only.clone(),
                _ if names.contains(&wanted) => wanted,
                _ => return Err(DataError::Arrays { found: names.join(", "), wanted }),
            };
            let array = archive.by_name(&name).map_err(DataError::Read)?;
            from_npy(array.expect("the name comes from the archive"))
        }
        "csv" | "dat" | "txt" => {
            let mut text = String::new();
            file.by_ref().take(LIMIT).read_to_string(&mut text).map_err(DataError::Read)?;
            read_text(&text)
        }
        _ => Err(DataError::Ending),
    }
}

fn read_npy(file: std::fs::File) -> std::result::Result<Batch, DataError> {
    let reader = std::io::BufReader::new(file);
    from_npy(NpyFile::new(reader).map_err(DataError::Read)?)
}

fn from_npy<R: Read>(npy: NpyFile<R>) -> std::result::Result<Batch, DataError> {
    let shape: Vec<usize> = npy.shape().iter().map(|it| *it as usize).collect();
    let order = npy.order();
    let DType::Plain(kind) = npy.dtype() else {
        return Err(DataError::DataType { found: npy.dtype().descr() });
    };
    let expected = shape
        .iter()
        .try_fold(1usize, |all, it| all.checked_mul(*it))
        .filter(|it| *it as u64 <= LIMIT / 8)
        .ok_or(DataError::Truncated { found: 0, expected: usize::MAX })?;
    macro_rules! read {
        ($kind:ty) => {
            npy.data::<$kind>()
                .map_err(|_| DataError::DataType { found: kind.to_string() })?
                .map(|it| it.map(|v| v as f64))
                .collect::<std::result::Result<Vec<f64>, _>>()
                .map_err(DataError::Read)?
        };
    }
    let values = match kind.to_string().trim_start_matches(['<', '>', '|', '=']) {
        "f4" => read!(f32),
        "f8" => read!(f64),
        "i1" => read!(i8),
        "i2" => read!(i16),
        "i4" => read!(i32),
        "i8" => read!(i64),
        "u1" => read!(u8),
        "u2" => read!(u16),
        "u4" => read!(u32),
        "u8" => read!(u64),
        other => return Err(DataError::DataType { found: other.to_owned() }),
    };
    if values.len() != expected {
        return Err(DataError::Truncated { found: values.len(), expected });
    }
    let values = if order == Order::Fortran { row_major(&shape, &values) } else { values };
    Ok(Batch { shape, values })
}

/// Turns column-major values around.
fn row_major(shape: &[usize], values: &[f64]) -> Vec<f64> {
    let reversed: Vec<usize> = shape.iter().rev().copied().collect();
    let array = ndarray::ArrayViewD::from_shape(reversed, values).expect("the count was compared");
    array.t().iter().copied().collect()
}

/// One sample a line, values separated by commas or white space; a header line is skipped.
fn read_text(text: &str) -> std::result::Result<Batch, DataError> {
    let mut values = Vec::new();
    let (mut rows, mut columns) = (0, 0);
    for (idx, line) in text.lines().enumerate() {
        let fields: Vec<&str> =
            line.split([',', ' ', '\t', ';']).filter(|it| !it.is_empty()).collect();
        let parsed: std::result::Result<Vec<f64>, &str> =
            fields.iter().map(|it| it.parse().map_err(|_| *it)).collect();
        match parsed {
            Ok(row) if row.is_empty() => continue,
            Ok(row) => {
                if rows > 0 && row.len() != columns {
                    let (found, expected) = (row.len(), columns);
                    return Err(DataError::Ragged { line: idx + 1, found, expected });
                }
                columns = row.len();
                rows += 1;
                values.extend(row);
            }
            Err(_) if rows == 0 && idx == 0 => continue,
            Err(found) => {
                return Err(DataError::Number { line: idx + 1, found: found.to_owned() });
            }
        }
    }
    Ok(Batch { shape: vec![rows, columns], values })
}

/// Samples one after another, all inputs of a sample together.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Samples {
    /// Values.
    pub values: Vec<f64>,
    /// Values of a sample, at least 1.
    pub width: usize,
}

impl Samples {
    /// The samples.
    pub fn rows(&self) -> std::slice::ChunksExact<'_, f64> {
        self.values.chunks_exact(self.width)
    }
}

/// Reads a file for every input of a model and interleaves them: all inputs of a sample in a row.
///
/// # Errors
/// Files that do not fit the inputs' names and shapes.
pub fn read_inputs(paths: &[PathBuf], inputs: &[(String, Vec<usize>)]) -> Result<Samples> {
    if paths.len() != inputs.len() {
        let names = inputs.iter().map(|it| it.0.as_str()).collect::<Vec<_>>().join(", ");
        let (found, expected) = (paths.len(), inputs.len());
        return Err(DataError::Files { found, expected, names }).anywhere();
    }
    let mut batches: Vec<Batch> = Vec::new();
    for (index, (path, (input, shape))) in paths.iter().zip(inputs).enumerate() {
        let at = Origin::new(path.display().to_string(), "");
        let batch = read(path, index)?;
        let elements: usize = shape.iter().product();
        // Leading axes of extent 1 and flattened samples are fine: only the count can go wrong.
        let per_sample: usize = batch.shape.iter().skip(1).product();
        if per_sample != elements || batch.shape.is_empty() {
            let (input, expected) = (input.clone(), shape.clone());
            return Err(DataError::Shape { found: batch.shape, input, expected }).locate(&at);
        }
        let found = batch.shape[0];
        let expected = batches.first().map_or(found, |it| it.shape[0]);
        match found {
            0 => return Err(DataError::Empty).locate(&at),
            _ if found != expected => {
                return Err(DataError::Samples { found, expected }).locate(&at);
            }
            _ => batches.push(batch),
        }
    }
    Ok(interleave(batches))
}

/// All inputs of a sample in a row; the batches have as many samples each.
fn interleave(mut batches: Vec<Batch>) -> Samples {
    let widths: Vec<usize> = batches.iter().map(|it| it.values.len() / it.shape[0]).collect();
    let width = widths.iter().sum::<usize>().max(1);
    if batches.len() == 1 {
        return Samples { values: std::mem::take(&mut batches[0].values), width };
    }
    let samples = batches.first().map_or(0, |it| it.shape[0]);
    let row = |sample: usize| {
        let parts = batches.iter().zip(&widths);
        parts.flat_map(move |(it, width)| it.values[sample * width..][..*width].iter().copied())
    };
    Samples { values: (0..samples).flat_map(row).collect(), width }
}

/// Writes outputs as float64: one tensor to an `.npy`, or all (`y0`, `y1` ...) to an `.npz`.
///
/// # Errors
/// The file cannot be written, or an `.npy` is asked to hold several tensors.
pub fn write(path: &Path, tensors: &[Batch]) -> Result<()> {
    let at = Origin::new(path.display().to_string(), "");
    let is = |ending| path.extension().is_some_and(|it| it.eq_ignore_ascii_case(ending));
    match tensors {
        _ if is("npz") => write_npz(path, tensors),
        [one] if is("npy") => write_npy(path, one),
        _ if is("npy") => Err(DataError::Several { count: tensors.len() }),
        _ => Err(DataError::Output),
    }
    .locate(&at)
}

fn write_npy(path: &Path, batch: &Batch) -> std::result::Result<(), DataError> {
    let file = std::fs::File::create(path).map_err(DataError::Write)?;
    put(std::io::BufWriter::new(file), batch).map_err(DataError::Write)
}

fn write_npz(path: &Path, tensors: &[Batch]) -> std::result::Result<(), DataError> {
    let file = std::fs::File::create(path).map_err(DataError::Write)?;
    let mut archive = zip::ZipWriter::new(file);
    let options = zip::write::SimpleFileOptions::default();
    for (idx, batch) in tensors.iter().enumerate() {
        let mut bytes = Vec::new();
        put(&mut bytes, batch).map_err(DataError::Write)?;
        let name = format!("y{idx}.npy");
        archive.start_file(name, options).map_err(|it| DataError::Write(it.into()))?;
        std::io::Write::write_all(&mut archive, &bytes).map_err(DataError::Write)?;
    }
    archive.finish().map_err(|it| DataError::Write(it.into()))?;
    Ok(())
}

fn put(into: impl std::io::Write, batch: &Batch) -> std::io::Result<()> {
    let shape: Vec<u64> = batch.shape.iter().map(|it| *it as u64).collect();
    let mut writer =
        npyz::WriteOptions::new().default_dtype().shape(&shape).writer(into).begin_nd()?;
    writer.extend(batch.values.iter())?;
    writer.finish()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_with_header_and_mixed_separators() {
        let batch = read_text("a,b\n1, 2\n3\t4\n\n").unwrap();
        assert_eq!(batch, Batch { shape: vec![2, 2], values: vec![1.0, 2.0, 3.0, 4.0] });
        assert!(matches!(read_text("1 2\n3\n"), Err(DataError::Ragged { line: 2, .. })));
        assert!(matches!(read_text("1 2\n3 x\n"), Err(DataError::Number { line: 2, .. })));
    }

    #[test]
    fn round_trip() {
        let dir = tempfile::tempdir().unwrap();
        let batch = Batch { shape: vec![2, 3], values: vec![1.5, -2.0, 3.0, 0.0, 1e-9, 7.0] };
        let npy = dir.path().join("a.npy");
        write(&npy, std::slice::from_ref(&batch)).unwrap();
        assert_eq!(read(&npy, 0).unwrap(), batch);
        let npz = dir.path().join("a.npz");
        write(&npz, std::slice::from_ref(&batch)).unwrap();
        assert_eq!(read(&npz, 0).unwrap(), batch);
        let fits = read_inputs(std::slice::from_ref(&npy), &[("x".into(), vec![3])]).unwrap();
        assert_eq!(fits.rows().nth(1).unwrap(), [0.0, 1e-9, 7.0]);
        let error = read_inputs(&[npy], &[("x".into(), vec![4])]).unwrap_err();
        assert!(error.to_string().contains("x takes [4] for each sample"), "{error}");
    }

    #[test]
    fn column_major_is_turned() {
        assert_eq!(row_major(&[2, 3], &[1., 4., 2., 5., 3., 6.]), [1., 2., 3., 4., 5., 6.]);
    }
}
