// SPDX-License-Identifier: Apache-2.0

#include "textflag.h"

// func program() (low, high uintptr)
TEXT ·program(SB), NOSPLIT, $0-16
	MOVD	$runtime·text(SB), R0
	MOVD	R0, low+0(FP)
	MOVD	$runtime·epclntab(SB), R0
	MOVD	R0, high+8(FP)
	RET
