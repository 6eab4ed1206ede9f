#include "textflag.h"

// func onStack(fn uintptr, args *[6]uintptr, top uintptr) uintptr
//
// RBX is kept by what is called (System V ABI, AMD64 supplement, 3.2.1), and AL counts the vector registers of a call with variable arguments.
TEXT ·onStack(SB), NOSPLIT, $0-32
	MOVQ fn+0(FP), R11
	MOVQ args+8(FP), R10
	MOVQ top+16(FP), AX
	MOVQ SP, BX
	MOVQ AX, SP
	MOVQ 0(R10), DI
	MOVQ 8(R10), SI
	MOVQ 16(R10), DX
	MOVQ 24(R10), CX
	MOVQ 32(R10), R8
	MOVQ 40(R10), R9
	XORL AX, AX
	CALL R11
	MOVQ BX, SP
	MOVQ AX, ret+24(FP)
	RET
