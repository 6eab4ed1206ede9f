#include "textflag.h"

// func prefetch(at unsafe.Pointer, size uintptr)
TEXT ·prefetch(SB), NOSPLIT, $0-16
	MOVQ at+0(FP), AX
	MOVQ size+8(FP), BX
	ADDQ AX, BX
	ANDQ $-64, AX
next:
	PREFETCHT0 (AX)
	ADDQ $64, AX
	CMPQ AX, BX
	JCS  next
	RET
