#include "textflag.h"

// one counts up the last octet of a counter.
DATA one<>+0(SB)/8, $0
DATA one<>+8(SB)/8, $0x0100000000000000
GLOBL one<>(SB), RODATA|NOPTR, $16

// What a key of AES-128 is expanded to is computed as FIPS 197 §5.2 says, each round key from that before it.
#define EXPAND(constant, at) \
	AESKEYGENASSIST $constant, X0, X1 \
	PSHUFD $0xff, X1, X1 \
	MOVO X0, X2 \
	PSLLO $4, X2 \
	PXOR X2, X0 \
	PSLLO $4, X2 \
	PXOR X2, X0 \
	PSLLO $4, X2 \
	PXOR X2, X0 \
	PXOR X1, X0 \
	MOVOU X0, at(BX)

// func expand(key *[16]byte, to *roundKeys)
TEXT ·expand(SB), NOSPLIT, $0-16
	MOVQ key+0(FP), AX
	MOVQ to+8(FP), BX
	MOVOU (AX), X0
	MOVOU X0, 0(BX)
	EXPAND(0x01, 16)
	EXPAND(0x02, 32)
	EXPAND(0x04, 48)
	EXPAND(0x08, 64)
	EXPAND(0x10, 80)
	EXPAND(0x20, 96)
	EXPAND(0x40, 112)
	EXPAND(0x80, 128)
	EXPAND(0x1b, 144)
	EXPAND(0x36, 160)
	RET

#define NEXT(x) \
	MOVO X15, x \
	PADDB X14, X15

#define EIGHT(op, at) \
	MOVOU at(AX), X8 \
	op X8, X0 \
	op X8, X1 \
	op X8, X2 \
	op X8, X3 \
	op X8, X4 \
	op X8, X5 \
	op X8, X6 \
	op X8, X7

#define ADD(x, at) \
	MOVOU at(CX), X8 \
	PXOR X8, x \
	MOVOU x, at(CX)

#define ONE(op, at) \
	MOVOU at(AX), X8 \
	op X8, X0

// func addBlocks(keys *roundKeys, counter *[16]byte, to *byte, blocks int)
//
// A block takes forty cycles from its counter to its key stream, and the processor begins two rounds in each: so eight go together.
TEXT ·addBlocks(SB), NOSPLIT, $0-32
	MOVQ keys+0(FP), AX
	MOVQ counter+8(FP), BX
	MOVQ to+16(FP), CX
	MOVQ blocks+24(FP), DX
	MOVOU (BX), X15
	MOVOU one<>(SB), X14
	JMP more

eight:
	NEXT(X0)
	NEXT(X1)
	NEXT(X2)
	NEXT(X3)
	NEXT(X4)
	NEXT(X5)
	NEXT(X6)
	NEXT(X7)
	EIGHT(PXOR, 0)
	EIGHT(AESENC, 16)
	EIGHT(AESENC, 32)
	EIGHT(AESENC, 48)
	EIGHT(AESENC, 64)
	EIGHT(AESENC, 80)
	EIGHT(AESENC, 96)
	EIGHT(AESENC, 112)
	EIGHT(AESENC, 128)
	EIGHT(AESENC, 144)
	EIGHT(AESENCLAST, 160)
	ADD(X0, 0)
	ADD(X1, 16)
	ADD(X2, 32)
	ADD(X3, 48)
	ADD(X4, 64)
	ADD(X5, 80)
	ADD(X6, 96)
	ADD(X7, 112)
	ADDQ $128, CX
	SUBQ $8, DX

more:
	CMPQ DX, $8
	JGE eight
	TESTQ DX, DX
	JZ done

single:
	NEXT(X0)
	ONE(PXOR, 0)
	ONE(AESENC, 16)
	ONE(AESENC, 32)
	ONE(AESENC, 48)
	ONE(AESENC, 64)
	ONE(AESENC, 80)
	ONE(AESENC, 96)
	ONE(AESENC, 112)
	ONE(AESENC, 128)
	ONE(AESENC, 144)
	ONE(AESENCLAST, 160)
	ADD(X0, 0)
	ADDQ $16, CX
	DECQ DX
	JNZ single

done:
	MOVOU X15, (BX)
	RET
