// AXI4-Lite in front of the port through which weights are loaded: control registers, then their words.
//
// Addresses are of bytes, words have four; the two low bits of an address say nothing. One write and one
// read at a time.
//
//   0x0  ID      read   32'h4e4e_0001
//   0x4  STATUS  read   bit 0: a commit is pending; bit 1: frame error, until reset
//   0x8  COMMIT  write  the weights written are used from the next frame on
//                read   the number of that frame, since reset
//   0xc  FRAME   read   frames that have begun, since reset
//
// Registers without a write, words that are no weights, words and commits while a commit is pending,
// writes with other strobes than all four and reads of weights have no effect and are answered with
// SLVERR.

`include "nn_assert.svh"

module nn_axil #(
  // Of words.
  parameter int unsigned AddressWidth = 16,
  // Words in front of the first weight.
  parameter int unsigned Registers = 1024
) (
  input  logic clk_i,
  input  logic rst_ni,

  input  logic                    awvalid_i,
  output logic                    awready_o,
  input  logic [AddressWidth+1:0] awaddr_i,

  input  logic        wvalid_i,
  output logic        wready_o,
  input  logic [31:0] wdata_i,
  input  logic [3:0]  wstrb_i,

  output logic       bvalid_o,
  input  logic       bready_i,
  output logic [1:0] bresp_o,

  input  logic                    arvalid_i,
  output logic                    arready_o,
  input  logic [AddressWidth+1:0] araddr_i,

  output logic        rvalid_o,
  input  logic        rready_i,
  output logic [31:0] rdata_o,
  output logic [1:0]  rresp_o,

  output logic                    load_valid_o,
  output logic [AddressWidth-1:0] load_address_o,
  output logic [31:0]             load_data_o,
  input  logic                    load_refused_i,
  output logic                    load_commit_o,
  input  logic                    load_pending_i,
  input  logic [31:0]             load_begun_i,
  input  logic [31:0]             load_frame_i,
  input  logic                    frame_error_i
);

  localparam logic [31:0] Id = 32'h4e4e_0001;
  localparam logic [1:0]  Okay = 2'b00;
  localparam logic [1:0]  SlaveError = 2'b10;

  typedef enum logic [1:0] {
    RegId     = 2'd0,
    RegStatus = 2'd1,
    RegCommit = 2'd2,
    RegFrame  = 2'd3
  } reg_e;

  logic [3:0] unused_low;
  assign unused_low = {awaddr_i[1:0], araddr_i[1:0]};

  // Address and data of a write wait for each other.
  logic                    address_full_q;
  logic [AddressWidth-1:0] address_q;
  logic                    data_full_q;
  logic [31:0]             data_q;
  logic                    strobes_q;
  logic                    write;

  assign awready_o = !address_full_q;
  assign wready_o  = !data_full_q;
  assign write     = address_full_q && data_full_q && !bvalid_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      address_full_q <= 1'b0;
      data_full_q    <= 1'b0;
    end else begin
      address_full_q <= address_full_q ? !write : awvalid_i;
      data_full_q    <= data_full_q ? !write : wvalid_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (awready_o) begin
      address_q <= awaddr_i[AddressWidth+1:2];
    end
    if (wready_o) begin
      data_q    <= wdata_i;
      strobes_q <= &wstrb_i;
    end
  end

  // A register, or a weight.
  logic is_register;
  logic is_commit;
  logic refused;

  assign is_register    = address_q < AddressWidth'(Registers);
  assign is_commit      = address_q == AddressWidth'(RegCommit);
  assign load_valid_o   = write && strobes_q && !is_register;
  assign load_address_o = address_q;
  assign load_data_o    = data_q;
  assign load_commit_o  = write && strobes_q && is_commit && !load_pending_i;

  always_comb begin
    refused = load_refused_i;
    if (!strobes_q) begin
      refused = 1'b1;
    end else if (is_register) begin
      refused = !is_commit || load_pending_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      bvalid_o <= 1'b0;
    end else begin
      bvalid_o <= bvalid_o ? !bready_i : write;
    end
  end

  always_ff @(posedge clk_i) begin
    if (write) begin
      bresp_o <= refused ? SlaveError : Okay;
    end
  end

  logic [AddressWidth-1:0] read_address;
  logic                    known;

  assign read_address = araddr_i[AddressWidth+1:2];
  assign known        = read_address[AddressWidth-1:2] == '0;
  assign arready_o    = !rvalid_o;

  always_ff @(posedge clk_i) begin
    if (!rst_ni) begin
      rvalid_o <= 1'b0;
    end else begin
      rvalid_o <= rvalid_o ? !rready_i : arvalid_i;
    end
  end

  always_ff @(posedge clk_i) begin
    if (arvalid_i && arready_o) begin
      rresp_o <= known ? Okay : SlaveError;
      unique case (read_address[1:0])
        RegId:     rdata_o <= Id;
        RegStatus: rdata_o <= {30'd0, frame_error_i, load_pending_i};
        RegCommit: rdata_o <= load_frame_i;
        RegFrame:  rdata_o <= load_begun_i;
        default:   rdata_o <= '0;
      endcase
      if (!known) begin
        rdata_o <= '0;
      end
    end
  end

  `NN_ASSERT_INIT(AddressesFit, Registers < 1 << AddressWidth && Registers > 3)
  `NN_ASSERT(BHolds, bvalid_o && !bready_i |=> bvalid_o && $stable(bresp_o))
  `NN_ASSERT(RHolds, rvalid_o && !rready_i |=> rvalid_o && $stable(rdata_o))

endmodule
