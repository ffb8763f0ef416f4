// Assertions that synthesis never sees.
//
// NN_ASSERT: a property that holds in every cycle out of reset, with `clk_i` and `rst_ni`.
// NN_ASSERT_INIT: a condition on parameters, checked when simulation starts.

`ifndef NN_ASSERT_SVH
`define NN_ASSERT_SVH

`ifdef SYNTHESIS
`define NN_ASSERT(name, property_expr)
`define NN_ASSERT_INIT(name, condition)
`else
`define NN_ASSERT(name, property_expr) \
  name: assert property (@(posedge clk_i) disable iff (!rst_ni) (property_expr)) \
    else $error("%m failed");
`define NN_ASSERT_INIT(name, condition) \
  initial begin \
    name: assert (condition) else $fatal(1, "%m failed"); \
  end
`endif

`endif
