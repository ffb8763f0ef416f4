//! What Vitis HLS is told, in whose words kernels and templates are written, in those of other compilers.
//!
//! Translated are the pragmas for loops that are unrolled, loops that are pipelined with an interval,
//! arrays of a function that are registers, and tasks (functions with `INLINE off`); and the type of
//! streams. Other pragmas have no counterpart, or one that is said in a script or at the top function: how
//! ports and constants are stored, functions that are pipelined (the kernels are parts of the top function,
//! which says it for all), how deep streams are.

use super::Tool;

/// The words of a compiler.
struct Dialect {
    /// Before a loop to be unrolled.
    unroll: &'static str,
    /// Before and behind the interval of a loop to be pipelined.
    pipeline: [&'static str; 2],
    /// Before the declaration of an array of registers.
    register: &'static str,
    /// Before a function that is a task.
    task: &'static str,
    /// The class of streams.
    stream: &'static str,
}

/// The class of streams that templates know.
const STREAM: &str = "hls::stream<";

impl Dialect {
    fn of(tool: Tool) -> Option<Dialect> {
        match tool {
            Tool::Vitis | Tool::Vivado | Tool::Xls => None,
            Tool::Catapult => Some(Dialect {
                unroll: "#pragma hls_unroll yes",
                pipeline: ["#pragma hls_pipeline_init_interval ", ""],
                register: "",
                task: "#pragma hls_design block",
                stream: "ac_channel<",
            }),
            Tool::Quartus => Some(Dialect {
                unroll: "#pragma unroll",
                pipeline: ["#pragma ii ", ""],
                register: "hls_register ",
                task: "",
                stream: STREAM,
            }),
            Tool::Oneapi => Some(Dialect {
                unroll: "#pragma unroll",
                pipeline: ["[[intel::initiation_interval(", ")]]"],
                register: "[[intel::fpga_register]] ",
                task: "",
                stream: STREAM,
            }),
        }
    }
}

/// A source with the pragmas of a compiler.
pub(super) fn translate(text: String, tool: Tool) -> String {
    let Some(dialect) = Dialect::of(tool) else { return text };
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines() {
        match line.trim_start().strip_prefix("#pragma HLS ") {
            Some(pragma) => dialect.pragma(pragma, &mut lines),
            None => lines.push(dialect.line(line)),
        }
        prune(&mut lines);
    }
    lines.join("\n") + "\n"
}

impl Dialect {
    /// A line that is no pragma. Channels of Algorithmic C have no names.
    fn line(&self, line: &str) -> String {
        let line = line.replace(STREAM, self.stream);
        match line.rsplit_once("(\"") {
            Some((declared, name))
                if self.stream != STREAM
                    && declared.trim_start().starts_with(self.stream)
                    && name.ends_with("\");") =>
            {
                format!("{declared};")
            }
            _ => line,
        }
    }

    /// Says what a pragma behind `lines` says.
    fn pragma(&self, pragma: &str, lines: &mut Vec<String>) {
        let mut words = pragma.split_whitespace();
        let kind = words.next().unwrap_or_default();
        let value = |name: &str| pragma.split_whitespace().find_map(|it| it.strip_prefix(name));
        let Some(last) = lines.len().checked_sub(1) else { return };
        let indent = |line: &str| line.len() - line.trim_start().len();
        let is_loop = lines[last].trim_start().starts_with("for (");
        match kind {
            "UNROLL" if is_loop => before(lines, last, self.unroll),
            "PIPELINE" if is_loop => {
                let [front, back] = self.pipeline;
                if let Some(interval) = value("II=") {
                    before(lines, last, &format!("{front}{interval}{back}"));
                }
            }
            "ARRAY_PARTITION" => {
                let array = value("variable=").map(|it| format!(" {it}["));
                let line = &lines[last];
                if array.is_some_and(|it| line.contains(&it)) && line.ends_with("];") {
                    let at = indent(line);
                    lines[last].insert_str(at, self.register);
                }
            }
            // Processes stay, and what is between them.
            "STREAM" if self.stream != STREAM => {
                let at = indent(&lines[last]);
                lines[last].insert_str(at, "static ");
            }
            "INLINE" if words.next() == Some("off") && !self.task.is_empty() => {
                let ends = |it: &String| it.is_empty() || it.starts_with("//");
                let head = lines.iter().rposition(ends).map_or(0, |it| it + 1);
                before(lines, head, self.task);
            }
            _ => {}
        }
    }
}

/// A line before another, as far to the right.
fn before(lines: &mut Vec<String>, at: usize, text: &str) {
    let line = &lines[at];
    let indent = " ".repeat(line.len() - line.trim_start().len());
    lines.insert(at, format!("{indent}{text}"));
}

/// Takes away conditions at the end under which nothing is left.
fn prune(lines: &mut Vec<String>) {
    let ends_in = |lines: &[String], ends: &[[&str; 2]]| {
        let tail = &lines[lines.len().saturating_sub(ends.len())..];
        let alike = |(line, [start, end]): (&String, &[&str; 2])| {
            line.trim_start().starts_with(start) && line.ends_with(end)
        };
        tail.len() == ends.len() && tail.iter().zip(ends).all(alike)
    };
    let [open, other, close] = [["#if", ""], ["#else", ""], ["#endif", ""]];
    for empty in [&[open, other, close][..], &[open, close], &[["if (", "{"], ["}", "}"]]] {
        if ends_in(lines, empty) {
            lines.truncate(lines.len() - empty.len());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "\
void f() {
#pragma HLS PIPELINE II=1
  accum_t acc[N];
#pragma HLS ARRAY_PARTITION variable=acc complete
  if (N > 1) {
#ifdef __VITIS_HLS__
#pragma HLS BIND_STORAGE variable=w type=ROM_NP impl=BRAM
#else
#pragma HLS RESOURCE variable=w core=ROM_nP_BRAM
#endif
  }
  for (unsigned r = 0; r < N; r++) {
#pragma HLS PIPELINE II=R rewind
    for (unsigned i = 0; i < 4; i++) {
#pragma HLS UNROLL
    }
  }
}
";

    #[test]
    fn tasks_and_streams_of_catapult() {
        let source = "// A task.\ntemplate <class T>\nvoid f(hls::stream<T> &in) {\n#pragma HLS INLINE off\n}\n\n\
                      void g() {\n  hls::stream<x_t > x(\"x\");\n#pragma HLS STREAM variable=x depth=2\n}\n";
        let expected = "// A task.\n#pragma hls_design block\ntemplate <class T>\nvoid f(ac_channel<T> &in) {\n}\n\n\
                        void g() {\n  static ac_channel<x_t > x;\n}\n";
        assert_eq!(translate(source.to_owned(), Tool::Catapult), expected);
    }

    #[test]
    fn loops_and_registers_are_said_in_other_words() {
        let said = |tool, unroll: &str, pipeline: &str, register: &str| {
            let expected = format!(
                "void f() {{\n  {register}accum_t acc[N];\n  {pipeline}\n  for (unsigned r = 0; r < N; r++) \
                 {{\n    {unroll}\n    for (unsigned i = 0; i < 4; i++) {{\n    }}\n  }}\n}}\n"
            );
            assert_eq!(translate(SOURCE.to_owned(), tool), expected);
        };
        assert_eq!(translate(SOURCE.to_owned(), Tool::Vitis), SOURCE);
        let pipeline = "#pragma hls_pipeline_init_interval R";
        said(Tool::Catapult, "#pragma hls_unroll yes", pipeline, "");
        said(Tool::Quartus, "#pragma unroll", "#pragma ii R", "hls_register ");
        let pipeline = "[[intel::initiation_interval(R)]]";
        said(Tool::Oneapi, "#pragma unroll", pipeline, "[[intel::fpga_register]] ");
    }
}
