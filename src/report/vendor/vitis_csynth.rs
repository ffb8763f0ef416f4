//! `csynth.xml` of Vivado HLS (to 2020.1) and Vitis HLS (since): estimates of the HLS compiler.
//!
//! The same tags in all versions but one: a DSP is `DSP48E` in the old and `DSP` in the new tool.
//! Newer files append a section about every module, which is left out here.

use super::tags::{section, value, without};
use super::text::number;
use super::{ReportError, Reported, Step, Tool};
use crate::device::Resources;

/// kbit of the block that HLS counts in.
const BRAM_KBIT: u64 = 18;

/// Reads the text of a `csynth.xml`.
pub fn parse(text: &str) -> Result<Reported, ReportError> {
    let missing = |missing| ReportError::Missing { report: "HLS synthesis", missing };
    let text = without(text, "ModuleInformation");
    let timing = section(&text, "PerformanceEstimates").ok_or(missing("PerformanceEstimates"))?;
    let area = section(&text, "AreaEstimates").ok_or(missing("AreaEstimates"))?;
    let user = section(&text, "UserAssignments").unwrap_or("");
    let latency = section(timing, "SummaryOfOverallLatency").unwrap_or("");
    Ok(Reported {
        version: section(&text, "ReportVersion")
            .and_then(|it| value(it, "Version"))
            .map(str::to_owned),
        part: value(user, "Part").map(str::to_owned),
        top: value(user, "TopModelName").map(str::to_owned),
        latency_cycles: pair(latency, "Best-caseLatency", "Worst-caseLatency"),
        interval: pair(latency, "Interval-min", "Interval-max"),
        clock_target_ns: value(user, "TargetClockPeriod").and_then(number),
        clock_estimated_ns: value(timing, "EstimatedClockPeriod").and_then(number),
        resources: section(area, "Resources").map(resources),
        available: section(area, "AvailableResources").map(resources),
        ..Reported::new(Tool::VitisHls, Step::Scheduled)
    })
}

/// Both bounds, or the one there is for both.
fn pair(text: &str, least: &str, most: &str) -> Option<(u64, u64)> {
    let least = value(text, least).and_then(number);
    let most = value(text, most).and_then(number);
    Some((least.or(most)?, most.or(least)?))
}

fn resources(text: &str) -> Resources {
    let count = |tag| value(text, tag).and_then(number).unwrap_or(0u64);
    Resources {
        lut: count("LUT"),
        ff: count("FF"),
        dsp: count("DSP").max(count("DSP48E")),
        bram_kbit: count("BRAM_18K").saturating_mul(BRAM_KBIT),
        uram: count("URAM"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn report(dsp: &str, version: &str, rest: &str) -> String {
        format!(
            "<profile>\n<ReportVersion><Version>{version}</Version></ReportVersion>\n\
             <UserAssignments><unit>ns</unit><Part>xcvu13p-flga2577-2-e</Part>\
             <TopModelName>net</TopModelName><TargetClockPeriod>5.00</TargetClockPeriod>\
             <ClockUncertainty>1.35</ClockUncertainty></UserAssignments>\n\
             <PerformanceEstimates><SummaryOfTimingAnalysis>\
             <EstimatedClockPeriod>3.612</EstimatedClockPeriod></SummaryOfTimingAnalysis>\
             <SummaryOfOverallLatency><unit>clock cycles</unit>\
             <Best-caseLatency>9</Best-caseLatency><Average-caseLatency>9</Average-caseLatency>\
             <Worst-caseLatency>11</Worst-caseLatency><Interval-min>1</Interval-min>\
             <Interval-max>2</Interval-max></SummaryOfOverallLatency></PerformanceEstimates>\n\
             <AreaEstimates><Resources><BRAM_18K>4</BRAM_18K><{dsp}>31</{dsp}><FF>700</FF>\
             <LUT>9000</LUT><URAM>0</URAM></Resources><AvailableResources><BRAM_18K>5376</BRAM_18K>\
             <{dsp}>12288</{dsp}><FF>3456000</FF><LUT>1728000</LUT><URAM>1280</URAM>\
             </AvailableResources></AreaEstimates>{rest}</profile>"
        )
    }

    #[test]
    fn both_generations_read_the_same() {
        let old = parse(&report("DSP48E", "2020.1", "")).unwrap();
        let modules = "<ModuleInformation><Module><AreaEstimates><Resources><DSP>1</DSP>\
                       </Resources></AreaEstimates></Module></ModuleInformation>";
        let new = parse(&report("DSP", "2023.2", modules)).unwrap();
        assert_eq!(Reported { version: old.version.clone(), ..new.clone() }, old);
        assert_eq!(new.version.as_deref(), Some("2023.2"));
        assert_eq!((new.latency_cycles, new.interval), (Some((9, 11)), Some((1, 2))));
        assert_eq!((new.clock_target_ns, new.clock_estimated_ns), (Some(5.0), Some(3.612)));
        let used = Resources { lut: 9000, ff: 700, dsp: 31, bram_kbit: 72, uram: 0 };
        assert_eq!(new.resources, Some(used));
        assert_eq!(new.available, Some(crate::device::find("xcvu13p").unwrap().total));
        assert_eq!(
            (new.part.as_deref(), new.top.as_deref()),
            (Some("xcvu13p-flga2577-2-e"), Some("net"))
        );
    }

    #[test]
    fn modules_before_the_summary_do_not_confuse() {
        let modules = "<profile><ModuleInformation><Module><PerformanceEstimates>\
                       <EstimatedClockPeriod>1</EstimatedClockPeriod></PerformanceEstimates>\
                       <AreaEstimates><Resources><LUT>1</LUT></Resources></AreaEstimates></Module>\
                       </ModuleInformation>";
        let text = report("DSP", "2024.1", "").replace("<profile>", modules);
        let read = parse(&text).unwrap();
        assert_eq!(read.clock_estimated_ns, Some(3.612));
        assert_eq!(read.resources.unwrap().lut, 9000);
    }

    #[test]
    fn unknown_latency_is_none() {
        let text = report("DSP", "2022.2", "").replace(">9<", ">undef<").replace(">11<", ">?<");
        assert_eq!(parse(&text).unwrap().latency_cycles, None);
    }

    #[test]
    fn other_files_are_errors() {
        let error = parse("<profile></profile>").unwrap_err();
        assert_eq!(error.to_string(), "no PerformanceEstimates in this HLS synthesis report");
        assert!(parse("").is_err());
        assert!(parse("<PerformanceEstimates></PerformanceEstimates><AreaEst").is_err());
    }
}
