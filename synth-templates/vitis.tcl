# Every step of build_prj.tcl from the beginning, whatever build_opt.tcl says. Written by nn2rtl synth.
# Arguments cannot be given to every version of the tool; here they are set as if they had been.
set argv [list reset=1 csim=1 synth=1 cosim=1 validation=0 export=1 vsynth=0]
source build_prj.tcl
