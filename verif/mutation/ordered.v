// Techmap of a product: its smaller factor first. Where a mutant swaps the factors, both sides
// multiply the same numbers in the same order then, and no proof has to get through the product.

(* techmap_celltype = "$mul" *)
module ordered (A, B, Y);
    parameter A_SIGNED = 0;
    parameter B_SIGNED = 0;
    parameter A_WIDTH = 1;
    parameter B_WIDTH = 1;
    parameter Y_WIDTH = 1;

    input  [A_WIDTH-1:0] A;
    input  [B_WIDTH-1:0] B;
    output [Y_WIDTH-1:0] Y;

    wire _TECHMAP_FAIL_ = A_WIDTH != B_WIDTH || A_SIGNED != 0 || B_SIGNED != 0;

    wire swap = A > B;
    assign Y = (swap ? B : A) * (swap ? A : B);
endmodule
