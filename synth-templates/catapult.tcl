# Every step of build_prj.tcl from the beginning; those of other tools where these are on PATH. Written by
# nn2rtl synth.
set argv [list reset=1 csim=1 synth=1 cosim=[expr {[auto_execok vsim] ne ""}] \
    vsynth=[expr {[auto_execok vivado] ne ""}]]
source build_prj.tcl
