// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func program() (low, high uintptr)
TEXT ·program(SB), NOSPLIT, $0-16
	LEAQ	runtime·text(SB), AX
	MOVQ	AX, low+0(FP)
	LEAQ	runtime·epclntab(SB), AX
	MOVQ	AX, high+8(FP)
	RET
