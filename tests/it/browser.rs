//! The pages in a browser: a headless Chromium draws them at the width of a phone and of a desk, light and
//! dark. Nothing may be wider than the window, no chart cut off, and nothing may be loaded.
//!
//! Runs where a Chromium is on PATH (`scripts/setup.sh --browser` installs one); else every test here
//! says that it is skipped.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::support::{own, run, text};

/// Names of what can draw pages; of a window of 360 px only the first two are sure.
const BROWSERS: [&str; 6] = [
    "chromium-headless-shell",
    "chrome-headless-shell",
    "chromium",
    "chromium-browser",
    "google-chrome",
    "chrome",
];

/// Stops every request, and afterwards writes what was measured into the title.
const PROBE: &str = r#"
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'">
<script>
const refused = [];
addEventListener('securitypolicyviolation', it => refused.push(it.blockedURI));
addEventListener('load', () => {
  const root = document.documentElement;
  const shown = it => it.getClientRects().length > 0;
  const name = it => it.tagName + ' ' + it.textContent.slice(0, 40);
  const wide = [...document.body.querySelectorAll('*')].filter(it =>
    !it.closest('.scroll') && shown(it) && it.getBoundingClientRect().right > innerWidth + 1);
  const charts = [...document.querySelectorAll('svg.chart')].filter(shown);
  const cut = charts.flatMap(svg => [...svg.querySelectorAll('text, rect, circle')].filter(it => {
    const [own, all] = [it.getBoundingClientRect(), svg.getBoundingClientRect()];
    return own.left < all.left - 3 || own.right > all.right + 3 || own.bottom > all.bottom + 3;
  }));
  document.title = 'probe ' + JSON.stringify({
    inner: innerWidth, scroll: root.scrollWidth, charts: charts.length,
    wide: wide.map(name), cut: cut.map(name), refused,
    loaded: performance.getEntriesByType('resource').length,
    paper: getComputedStyle(document.body).backgroundColor,
  }) + ' end';
});
</script>
"#;

fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let at = |name: &&str| folders.iter().map(|it| it.join(name)).find(|it| it.is_file());
    let found = BROWSERS.iter().find_map(&at);
    if found.is_none() {
        eprintln!(
            "SKIPPED: no Chromium on PATH ({}); pages are not looked at",
            BROWSERS.join(", ")
        );
    }
    found
}

/// The browser with a window and a color scheme, without a profile of anybody's.
fn window(browser: &Path, scratch: &Path, wide: u32, high: u32, dark: bool) -> Command {
    let mut command = Command::new(browser);
    let profile = scratch.join(format!("profile_{wide}_{dark}"));
    command.args(["--headless", "--no-sandbox", "--disable-gpu", "--hide-scrollbars"]);
    command.arg(format!("--user-data-dir={}", profile.display()));
    command.arg(format!("--window-size={wide},{high}"));
    command.arg(format!("--blink-settings=preferredColorScheme={}", u32::from(!dark)));
    command
}

/// What the probe found in a copy of a page.
fn probe(browser: &Path, page: &Path, wide: u32, dark: bool) -> Value {
    let scratch = page.parent().unwrap();
    let source = std::fs::read_to_string(page).unwrap();
    let copy = scratch.join(format!("probe_{wide}_{dark}.html"));
    std::fs::write(&copy, source.replacen("<head>", &format!("<head>{PROBE}"), 1)).unwrap();
    let mut command = window(browser, scratch, wide, 900, dark);
    command.args(["--dump-dom", "--virtual-time-budget=2000"]);
    let output = command.arg(format!("file://{}", text(&copy))).output().unwrap();
    let dom = String::from_utf8_lossy(&output.stdout).into_owned();
    let said = dom.split_once("<title>probe ").and_then(|it| it.1.split_once(" end</title>"));
    let (said, _) = said.unwrap_or_else(|| {
        panic!(
            "{} measured nothing: {}",
            browser.display(),
            String::from_utf8_lossy(&output.stderr)
        )
    });
    let said = said.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&");
    serde_json::from_str(&said).unwrap_or_else(|it| panic!("{it}: {said}"))
}

/// A page, which shows at least so many charts.
fn check(browser: &Path, page: &Path, charts: u64) {
    for (wide, dark) in [(360, false), (360, true), (1280, false), (1280, true)] {
        let found = probe(browser, page, wide, dark);
        assert_eq!(found["inner"], wide, "the browser has no window of {wide} px: {found}");
        assert!(found["scroll"].as_u64().unwrap() <= u64::from(wide), "{wide} px: {found}");
        for none in ["wide", "cut", "refused"] {
            assert_eq!(found[none], json!([]), "{none} at {wide} px: {found}");
        }
        assert_eq!(found["loaded"], 0, "{found}");
        assert!(found["charts"].as_u64().unwrap() >= charts, "{found}");
        let paper = if dark { "rgb(20, 24, 28)" } else { "rgb(255, 255, 255)" };
        assert_eq!(found["paper"], paper, "{found}");
    }
}

/// A picture of the page is a PNG of the window's size, and not of one color.
fn shoot(browser: &Path, page: &Path, wide: u32) {
    let (scratch, high) = (page.parent().unwrap(), 1600);
    let picture = scratch.join(format!("picture_{wide}.png"));
    let mut command = window(browser, scratch, wide, high, false);
    command.arg(format!("--screenshot={}", text(&picture)));
    let output = command.arg(format!("file://{}", text(page))).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    let bytes = std::fs::read(&picture).unwrap_or_else(|it| panic!("{it}: {said}"));
    let number = |at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    assert_eq!((number(16), number(20)), (wide, high), "{said}");
    assert!(bytes.len() > 20_000, "a picture of {} bytes is empty", bytes.len());
}

#[test]
fn pages_are_readable_on_a_phone_and_a_desk() {
    let Some(browser) = browser() else { return };
    let scratch = tempfile::tempdir().unwrap();
    let at = |name: &str| scratch.path().join(name);
    let model = own("tests/models/k3_mlp.keras");
    // A name that is long where it stands in tables and charts.
    let long = "a_folder_whose_name_says_everything_that_was_chosen_for_it";
    let folded = ["--precision", "fixed<6,3>", "--reuse", "64"];
    let small = ["--precision", "fixed<4,2>", "--target", "xc7a35t", "--clock", "10"];
    for (name, options) in
        [("wide", &["--precision", "fixed<6,3>"][..]), ("folded", &folded), (long, &small)]
    {
        run(0, &[&["build", text(&model), "-o", text(&at(name))], options].concat());
    }
    let pages = scratch.path().join("pages");
    let (one, many) = (pages.join("one.html"), pages.join("many.html"));
    let (wide, folded, small) = (at("wide"), at("folded"), at(long));
    run(0, &["compare", text(&wide), "--html", text(&one)]);
    run(0, &["compare", text(&wide), text(&folded), text(&small), "--html", text(&many)]);
    check(&browser, &one, 4);
    // Two pictures, five charts of totals, three designs by three metrics.
    check(&browser, &many, 16);
    shoot(&browser, &many, 360);
    shoot(&browser, &many, 1280);
}
