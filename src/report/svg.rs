//! A picture of a network as SVG: a box for each layer, top to bottom, with its types.
//!
//! [`network`] is a file of its own (for a README, say), which follows the reader's light or dark
//! mode; inside the page the same picture takes the page's colors.

use serde::Serialize;

use super::compare::LayerRow;
use super::layout::{self, Layout, Size};
use super::number::elide;
use super::templates;

/// Advance of a letter in the monospaced faces that readers have, at 11 px; the widest of them.
const LETTER: f64 = 6.65;
const LINE: f64 = 15.0;
const PAD_X: f64 = 10.0;
const PAD_Y: f64 = 6.0;
const MARGIN: f64 = 8.0;
/// Longest line in a box, letters.
const LONGEST: usize = 40;

#[derive(Serialize)]
struct View {
    standalone: bool,
    label: String,
    description: String,
    wide: i64,
    high: i64,
    edges: Vec<Edge>,
    boxes: Vec<Box>,
}

#[derive(Serialize)]
struct Edge {
    path: String,
    x: i64,
    y: i64,
}

#[derive(Serialize)]
struct Box {
    title: String,
    port: bool,
    x: i64,
    y: i64,
    wide: i64,
    high: i64,
    texts: Vec<Text>,
}

#[derive(Serialize)]
struct Text {
    class: &'static str,
    bold: bool,
    anchor: Option<&'static str>,
    x: i64,
    y: i64,
    text: String,
}

/// A box before it has a place: a layer, or an output of the network.
struct Node {
    name: String,
    lines: Vec<String>,
    port: bool,
    inputs: Vec<usize>,
}

/// The picture as an SVG file. Names in [`LayerRow::inputs`] that no earlier layer has are not drawn.
pub fn network(layers: &[LayerRow]) -> String {
    picture(layers, true)
}

/// The picture for a page that brings the colors.
pub(super) fn inline(layers: &[LayerRow]) -> String {
    picture(layers, false)
}

fn picture(layers: &[LayerRow], standalone: bool) -> String {
    let nodes = nodes(layers);
    let sizes: Vec<Size> = nodes.iter().map(size).collect();
    let inputs: Vec<Vec<usize>> = nodes.iter().map(|it| it.inputs.clone()).collect();
    let layout = layout::place(&sizes, &inputs);
    let boxes = nodes.iter().zip(&sizes).zip(&layout.boxes);
    let view = View {
        standalone,
        label: format!("Network of {} layers", layers.iter().filter(|it| !it.is_input()).count()),
        description: description(&nodes),
        wide: whole(layout.size.wide + 2.0 * MARGIN),
        high: whole(layout.size.high + 2.0 * MARGIN),
        edges: edges(&inputs, &layout),
        boxes: boxes.map(|((node, size), &(x, y))| framed(node, *size, x, y)).collect(),
    };
    templates::render("network.svg", &view)
}

fn nodes(layers: &[LayerRow]) -> Vec<Node> {
    let mut nodes: Vec<Node> = Vec::new();
    let mut at = std::collections::BTreeMap::new();
    for (idx, row) in layers.iter().enumerate() {
        let mut inputs: Vec<usize> =
            row.inputs.iter().filter_map(|it| at.get(it.as_str()).copied()).collect();
        inputs.sort_unstable();
        inputs.dedup();
        at.insert(row.name.as_str(), idx);
        let typed = |role: &str| row.formats.get(role).map(|it| format!("{role:<6} {it}"));
        let kind = [row.kind.as_str(), row.shape.as_str()].join(" ");
        let types = [typed("result"), typed("weight")];
        let lines = [Some(kind)].into_iter().chain(types).flatten().collect();
        nodes.push(Node { name: row.name.clone(), lines, port: row.is_input(), inputs });
    }
    let outputs: Vec<usize> = (0..layers.len()).filter(|&it| layers[it].output).collect();
    for (idx, &source) in outputs.iter().enumerate() {
        let name = match outputs.len() {
            1 => "Output".to_owned(),
            _ => format!("Output {}", idx + 1),
        };
        let lines = vec![layers[source].shape.clone()];
        nodes.push(Node { name, lines, port: true, inputs: vec![source] });
    }
    nodes
}

fn size(node: &Node) -> Size {
    let lines = node.lines.iter().chain([&node.name]);
    let letters = lines.map(|it| it.chars().count()).max().unwrap_or(0).min(LONGEST);
    // Ports are round at the ends, layers are all as wide as a usual type needs.
    let (letters, pad) = if node.port { (letters, 16.0) } else { (letters.max(22), PAD_X) };
    let wide = (letters as f64 * LETTER + 2.0 * pad).ceil();
    Size { wide, high: 2.0 * PAD_Y + LINE * (1 + node.lines.len()) as f64 }
}

fn framed(node: &Node, size: Size, x: f64, y: f64) -> Box {
    let (x, y) = (x + MARGIN, y + MARGIN);
    let left = x - size.wide / 2.0;
    let lines = [&node.name].into_iter().chain(&node.lines);
    let texts = lines.enumerate().map(|(idx, line)| Text {
        class: if idx == 0 { "ink" } else { "dim" },
        bold: idx == 0,
        anchor: node.port.then_some("middle"),
        x: whole(if node.port { x } else { left + PAD_X }),
        y: whole(y + PAD_Y + LINE * idx as f64 + 11.0),
        text: elide(line, LONGEST),
    });
    Box {
        title: format!("{}: {}", node.name, node.lines.join(", ")),
        port: node.port,
        x: whole(left),
        y: whole(y),
        wide: whole(size.wide),
        high: whole(size.high),
        texts: texts.collect(),
    }
}

/// Curves between rows, straight lines through the rows that an edge skips. Edges into one box end
/// side by side, in the order in which they come.
fn edges(inputs: &[Vec<usize>], layout: &Layout) -> Vec<Edge> {
    let mut edges = Vec::new();
    for (target, sources) in inputs.iter().enumerate() {
        let mut routes: Vec<_> =
            sources.iter().filter_map(|&it| layout.routes.get(&(it, target))).cloned().collect();
        let before = |route: &[(f64, f64, f64)]| route[route.len().saturating_sub(2)].0;
        routes.sort_by(|a, b| before(a).total_cmp(&before(b)));
        let apart = 18.0f64.min(120.0 / routes.len().max(1) as f64);
        // An edge from straight above stays straight.
        let end = layout.boxes[target].0;
        let straight = routes.iter().position(|it| (before(it) - end).abs() < 1.0);
        let middle = straight.map_or((routes.len() as f64 - 1.0) / 2.0, |it| it as f64);
        for (idx, mut route) in routes.into_iter().enumerate() {
            let from = before(&route);
            if let Some(end) = route.last_mut() {
                end.0 += apart * (idx as f64 - middle);
                // No kink of a pixel.
                end.0 = if (from - end.0).abs() < 1.5 { from } else { end.0 };
                edges.push(Edge {
                    x: whole(end.0 + MARGIN),
                    y: whole(end.1 + MARGIN),
                    path: path(&route),
                });
            }
        }
    }
    edges
}

fn path(route: &[(f64, f64, f64)]) -> String {
    let point = |x: f64, y: f64| format!("{},{}", whole(x + MARGIN), whole(y + MARGIN));
    let mut path = String::new();
    for (idx, &(x, from, to)) in route.iter().enumerate() {
        match idx.checked_sub(1).map(|it| route[it]) {
            None => path += &format!("M{}", point(x, to)),
            Some((last_x, _, last_y)) => {
                let bend = (last_y + from) / 2.0;
                // The arrow head is drawn over the end.
                let end = if idx + 1 == route.len() { from - 4.0 } else { from };
                let (a, b) = (point(last_x, bend), point(x, bend));
                path += &format!("C{a} {b} {}", point(x, end));
                if to > from {
                    path += &format!("V{}", whole(to + MARGIN));
                }
            }
        }
    }
    path
}

/// The graph in words, for those who cannot see it.
fn description(nodes: &[Node]) -> String {
    let sentence = |node: &Node| {
        let sources: Vec<&str> = node.inputs.iter().map(|&it| nodes[it].name.as_str()).collect();
        let from = match sources.is_empty() {
            true => String::new(),
            false => format!(" from {}", sources.join(" and ")),
        };
        format!("{} ({}){from}.", node.name, node.lines.join(", "))
    };
    nodes.iter().map(sentence).collect::<Vec<_>>().join(" ")
}

fn whole(value: f64) -> i64 {
    value.round() as i64
}

#[cfg(test)]
mod tests {
    use super::super::sample;
    use super::*;
    use expect_test::expect;

    #[test]
    fn a_small_graph() {
        expect![[r#"
            <svg xmlns="http://www.w3.org/2000/svg" class="net" role="img" aria-label="Network of 3 layers" width="243" height="364" viewBox="0 0 243 364" font-family="ui-monospace, SFMono-Regular, Menlo, Consolas, 'DejaVu Sans Mono', monospace" font-size="11">
            <title>Network of 3 layers</title>
            <desc>image (Input [8, 8, 1], result ufixed&lt;8,0&gt;). conv1 (Conv2D [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;, weight fixed&lt;8,2&gt;) from image. conv2 (Conv2D [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;, weight fixed&lt;8,2&gt;) from conv1. add (Add [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;) from conv1 and conv2.</desc>
            <style>
            .ink { fill: #1b2027; }
            .dim { fill: #5a6470; }
            .line { stroke: #dde1e6; fill: none; }
            .edge { stroke: #7d8793; stroke-width: 1.25; fill: none; }
            .head { fill: #7d8793; }
            .front { stroke: #7d8793; stroke-width: 1.5; stroke-dasharray: 4 3; fill: none; }
            .box { fill: #f6f7f8; stroke: #8f99a4; }
            .port { fill: #ffffff; stroke: #8f99a4; stroke-dasharray: 3 2; }
            .hls { fill: #b85c00; stroke: #b85c00; }
            .rtl { fill: #2f74c9; stroke: #2f74c9; }
            .est { fill-opacity: 0.35; }
            .chart text { paint-order: stroke; stroke: #ffffff; stroke-width: 3px; stroke-linejoin: round; }
            .paper { fill: #ffffff; }
            @media (prefers-color-scheme: dark) {
              .ink { fill: #e6e9ec; }
              .dim { fill: #9aa5b1; }
              .line { stroke: #2e353c; }
              .edge, .head, .front { stroke: #7f8a96; }
              .head { fill: #7f8a96; stroke: none; }
              .box { fill: #1d2227; stroke: #66727e; }
              .port { fill: #14181c; stroke: #66727e; }
              .hls { fill: #d9822b; stroke: #d9822b; }
              .rtl { fill: #4a90e2; stroke: #4a90e2; }
              .chart text { stroke: #14181c; }
              .paper { fill: #14181c; }
            }
            </style>
            <rect class="paper" width="243" height="364"/>
            <path class="edge" d="M105,65C105,80 105,80 105,91"/>
            <path class="head" d="M105,95l-3.5,-6h7z"/>
            <path class="edge" d="M105,167C105,182 105,182 105,193"/>
            <path class="head" d="M105,197l-3.5,-6h7z"/>
            <path class="edge" d="M105,269C105,284 105,284 105,295"/>
            <path class="head" d="M105,299l-3.5,-6h7z"/>
            <path class="edge" d="M105,167C105,182 231,182 231,197V269C231,284 123,284 123,295"/>
            <path class="head" d="M123,299l-3.5,-6h7z"/>
            <g>
            <title>image: Input [8, 8, 1], result ufixed&lt;8,0&gt;</title>
            <rect class="port" x="29" y="8" width="152" height="57" rx="28.5"/>
            <text class="ink" x="105" y="25" font-weight="600" text-anchor="middle">image</text>
            <text class="dim" x="105" y="40" text-anchor="middle">Input [8, 8, 1]</text>
            <text class="dim" x="105" y="55" text-anchor="middle">result ufixed&lt;8,0&gt;</text>
            </g>
            <g>
            <title>conv1: Conv2D [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;, weight fixed&lt;8,2&gt;</title>
            <rect class="box" x="8" y="95" width="193" height="72" rx="3"/>
            <text class="ink" x="18" y="112" font-weight="600">conv1</text>
            <text class="dim" x="18" y="127">Conv2D [6, 6, 4]</text>
            <text class="dim" x="18" y="142">result fixed&lt;16,6,RND,SAT&gt;</text>
            <text class="dim" x="18" y="157">weight fixed&lt;8,2&gt;</text>
            </g>
            <g>
            <title>conv2: Conv2D [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;, weight fixed&lt;8,2&gt;</title>
            <rect class="box" x="8" y="197" width="193" height="72" rx="3"/>
            <text class="ink" x="18" y="214" font-weight="600">conv2</text>
            <text class="dim" x="18" y="229">Conv2D [6, 6, 4]</text>
            <text class="dim" x="18" y="244">result fixed&lt;16,6,RND,SAT&gt;</text>
            <text class="dim" x="18" y="259">weight fixed&lt;8,2&gt;</text>
            </g>
            <g>
            <title>add: Add [6, 6, 4], result fixed&lt;16,6,RND,SAT&gt;</title>
            <rect class="box" x="8" y="299" width="193" height="57" rx="3"/>
            <text class="ink" x="18" y="316" font-weight="600">add</text>
            <text class="dim" x="18" y="331">Add [6, 6, 4]</text>
            <text class="dim" x="18" y="346">result fixed&lt;16,6,RND,SAT&gt;</text>
            </g>
            </svg>
        "#]].assert_eq(&network(&sample::layers()[..4]));
    }

    #[test]
    fn hostile_names_are_text() {
        let mut rows = sample::layers();
        rows[1].name = "<script>alert(1)</script>".into();
        rows[2].inputs = vec![rows[1].name.clone()];
        let text = network(&rows);
        assert!(!text.contains("<script"), "{text}");
        assert!(text.contains("&lt;script&gt;alert(1)&lt;/script&gt;"), "{text}");
    }

    #[test]
    fn outputs_are_ports() {
        let mut rows = sample::layers();
        assert!(network(&rows).contains(">Output<"));
        rows[3].output = true;
        let text = network(&rows);
        assert!(text.contains(">Output 1<") && text.contains(">Output 2<"));
        assert!(text.contains("from conv1 and conv2."));
        assert_eq!(network(&rows), text);
    }

    #[test]
    fn inputs_nobody_has_seen_are_not_drawn() {
        let mut rows = sample::layers();
        rows[1].inputs = vec!["later".into(), "conv1".into()];
        assert!(!network(&rows[..2]).contains("class=\"edge\""));
        assert!(network(&[]).contains("Network of 0 layers"));
    }
}
